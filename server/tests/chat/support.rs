//! A server to talk to, and clients that talk.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use chatroom_server::{Settings, Summary, bind, run};
use socket2::SockRef;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// On every wait. Far beyond what any of them takes; it only turns a hang into a failure.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) const WELCOME: &str = "YOU ARE NOW CONNECTED TO THE CHAT";
pub(crate) const STOPPING: &str = "the server is stopping";

/// Waits for `what`, and fails after [`DEADLINE`].
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// A server in this process, on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<Summary>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_with(Settings::default())
    }

    pub(crate) fn start_with(settings: Settings) -> Self {
        Self::start_on("127.0.0.1:0".parse().unwrap(), settings)
    }

    pub(crate) fn start_on(address: SocketAddr, settings: Settings) -> Self {
        let listener = bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { stopped.await.unwrap_or(()) };
        let task = tokio::spawn(run(listener, settings, shutdown));
        Server { address, stop, task }
    }

    /// Asks the server to stop, and returns what can be waited for.
    pub(crate) fn begin_stop(self) -> JoinHandle<io::Result<Summary>> {
        self.stop.send(()).unwrap();
        self.task
    }

    pub(crate) async fn stop(self) -> Summary {
        within("the stop", self.begin_stop()).await.unwrap().unwrap()
    }

    pub(crate) async fn connect(&self) -> Client {
        Client { stream: BufReader::new(TcpStream::connect(self.address).await.unwrap()) }
    }

    /// A client whose socket holds as little as the system allows.
    pub(crate) async fn connect_with_small_buffer(&self) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Client { stream: BufReader::new(socket.connect(self.address).await.unwrap()) }
    }

    /// A client that created a group and has read its welcome.
    pub(crate) async fn create(&self, name: &str, password: &str) -> Client {
        let mut client = self.connect().await;
        client.answer(["1", name, password, "2"]).await;
        let created = client.line().await;
        assert!(created.starts_with("THE NEWLY CREATED CHAT ID IS "), "{created}");
        client.expect_welcome(name).await;
        client
    }

    /// A client that joined a group and has read its welcome.
    pub(crate) async fn join(&self, id: u32, name: &str, password: &str) -> Client {
        let mut client = self.connect().await;
        client.answer([&id.to_string(), name, password, "1"]).await;
        client.expect_welcome(name).await;
        client
    }
}

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Both directions, for a client that talks without end.
    pub(crate) fn into_halves(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.stream.into_inner().into_split()
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        within("a write", self.stream.write_all(bytes.as_ref())).await.unwrap();
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.write(format!("{text}\n")).await;
    }

    /// The next line, which must be whole.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        within("a line", self.stream.read_line(&mut line)).await.unwrap();
        line.strip_suffix('\n').unwrap_or_else(|| panic!("{line:?} is not a line")).to_owned()
    }

    pub(crate) async fn expect(&mut self, expected: impl AsRef<str>) {
        assert_eq!(self.line().await, expected.as_ref());
    }

    pub(crate) async fn expect_all(&mut self, expected: &[&str]) {
        for line in expected {
            self.expect(line).await;
        }
    }

    /// Answers the prompts one by one.
    pub(crate) async fn answer(&mut self, answers: [&str; 4]) {
        let prompts = ["enter group chat id:", "alias?", "password?", "option?"];
        for (prompt, answer) in prompts.into_iter().zip(answers) {
            self.expect(prompt).await;
            self.say(answer).await;
        }
    }

    pub(crate) async fn expect_welcome(&mut self, name: &str) {
        self.expect(format!("{name} has connected to the chat room")).await;
        self.expect(WELCOME).await;
    }

    /// Everything until the server closes, which it must do without a reset.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = String::new();
        within("the close", self.stream.read_to_string(&mut rest)).await.unwrap();
        rest
    }

    /// Reads until the server closes or resets; returns how it ended, and drops what came.
    pub(crate) async fn until_gone(&mut self) -> io::Result<usize> {
        within("the end", self.stream.read_to_end(&mut Vec::new())).await
    }

    /// Says that nothing more will come, and goes on reading.
    pub(crate) async fn half_close(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Makes the close a reset.
    pub(crate) fn reset(self) {
        SockRef::from(self.stream.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    }
}
