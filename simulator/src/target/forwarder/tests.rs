//! What the bots rely on, and that nobody brings it down.

use std::io::{BufRead, BufReader};
use std::net::{Shutdown, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use super::*;

/// On every read. Far beyond what any of them takes; it only turns a hang into a failure.
const DEADLINE: Duration = Duration::from_secs(10);

struct Server {
    address: SocketAddr,
    stop: Option<Arc<Waker>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    fn start() -> Server {
        let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let (forwarder, stop) = Forwarder::new(listener).unwrap();
        let thread = Some(std::thread::spawn(move || forwarder.run()));
        Server { address, stop: Some(stop), thread }
    }

    fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Client { lines: BufReader::new(stream) }
    }

    /// Somebody who has created the first group.
    fn creator(&self, name: &str) -> Client {
        let mut client = self.connect();
        client.log_in(&format!("1\n{name}\nsecret\n2\n"));
        assert_eq!(client.line(), "THE NEWLY CREATED CHAT ID IS 2 ");
        client.is_welcomed(name);
        client
    }

    /// Somebody who has joined the first group.
    fn joiner(&self, name: &str) -> Client {
        let mut client = self.connect();
        client.log_in(&format!("2\n{name}\nsecret\n1\n"));
        client.is_welcomed(name);
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone at once, as with a thread that ends.
        self.stop.take().unwrap().wake().unwrap();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap().unwrap();
        }
    }
}

struct Client {
    lines: BufReader<TcpStream>,
}

impl Client {
    fn write(&mut self, bytes: &str) {
        self.lines.get_mut().write_all(bytes.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map(str::to_owned).unwrap_or(line)
    }

    /// All four answers at once.
    fn log_in(&mut self, answers: &str) {
        self.write(answers);
        for prompt in chatroom_protocol::Prompt::ALL {
            assert_eq!(self.line(), prompt.as_str());
        }
    }

    fn is_welcomed(&mut self, name: &str) {
        assert_eq!(self.line(), format!("{name} has connected to the chat room"));
        assert_eq!(self.line(), "YOU ARE NOW CONNECTED TO THE CHAT");
    }

    fn is_closed(&mut self) {
        let mut rest = Vec::new();
        match self.lines.read_to_end(&mut rest) {
            Ok(_) => assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest)),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn every_member_gets_whole_lines_as_they_are() {
    let server = Server::start();
    let mut noya = server.creator("Noya");
    let mut eliana = server.joiner("Eliana");
    assert_eq!(noya.line(), "Eliana has connected to the chat room");
    noya.write("Noya: one\nNoya: t");
    eliana.write("anything\n");
    // The two may be read in either order, but everybody sees the same.
    let heard = [noya.line(), noya.line()];
    assert_eq!([eliana.line(), eliana.line()], heard);
    noya.write("wo\n");
    assert_eq!((noya.line(), eliana.line()), ("Noya: two".to_owned(), "Noya: two".to_owned()));
    let mut heard = heard;
    heard.sort_unstable();
    assert_eq!(heard, ["Noya: one", "anything"]);
}

#[test]
fn who_leaves_is_announced_after_what_was_said() {
    let server = Server::start();
    let mut noya = server.creator("Noya");
    let mut eliana = server.joiner("Eliana");
    eliana.write("bye\n");
    eliana.lines.get_mut().shutdown(Shutdown::Write).unwrap();
    assert_eq!(eliana.line(), "bye");
    eliana.is_closed();
    assert_eq!(noya.line(), "Eliana has connected to the chat room");
    assert_eq!(noya.line(), "bye");
    assert_eq!(noya.line(), "Eliana has left the chat room!");
}

#[test]
fn groups_are_counted_from_two_and_do_not_hear_each_other() {
    let server = Server::start();
    let mut noya = server.creator("Noya");
    let mut other = server.connect();
    other.log_in("1\nOther\nelse\n2\n");
    assert_eq!(other.line(), "THE NEWLY CREATED CHAT ID IS 3 ");
    other.is_welcomed("Other");
    noya.write("here\n");
    assert_eq!(noya.line(), "here");
    other.write("there\n");
    assert_eq!(other.line(), "there");
}

#[test]
fn who_knocks_in_vain_is_refused_and_closed() {
    let server = Server::start();
    let mut noya = server.creator("Noya");
    for answers in
        ["2\nX\nwrong\n1\n", "9\nX\nsecret\n1\n", "1\nX\nsecret\n1\n", "2\nX\nsecret\n3\n"]
    {
        let mut knocker = server.connect();
        knocker.log_in(answers);
        assert_eq!(knocker.line(), "disconnect");
        knocker.is_closed();
    }
    noya.write("quiet\n");
    assert_eq!(noya.line(), "quiet");
}

#[test]
fn a_line_without_an_end_is_cut_off() {
    let server = Server::start();
    let mut noya = server.creator("Noya");
    let mut flooder = server.joiner("Flooder");
    let mut stranger = server.connect();
    for client in [&mut flooder, &mut stranger] {
        // It is cut off in the midst of it, or once it is written.
        let _ = client.lines.get_mut().write_all(&vec![b'x'; 1 << 20]);
        let ended = client.lines.read_to_end(&mut Vec::new());
        let is_kept = |error: &io::Error| error.kind() != io::ErrorKind::ConnectionReset;
        assert!(!ended.as_ref().is_err_and(is_kept), "{ended:?}");
    }
    assert_eq!(noya.line(), "Flooder has connected to the chat room");
    assert_eq!(noya.line(), "Flooder has left the chat room!");
    noya.write("still here\n");
    assert_eq!(noya.line(), "still here");
}

#[test]
fn who_resets_has_left() {
    let server = Server::start();
    let mut noya = server.creator("Noya");
    for client in [server.joiner("Eliana"), server.connect()] {
        let reset = socket2::SockRef::from(client.lines.get_ref()).set_linger(Some(Duration::ZERO));
        reset.unwrap();
    }
    assert_eq!(noya.line(), "Eliana has connected to the chat room");
    assert_eq!(noya.line(), "Eliana has left the chat room!");
}

#[test]
fn a_member_that_does_not_read_is_cut_off_and_the_others_get_everything() {
    let server = Server::start();
    let mut noya = server.creator("Noya");
    let mut deaf = server.joiner("Deaf");
    assert_eq!(noya.line(), "Deaf has connected to the chat room");
    let line = "x".repeat(60_000);
    // More than the system's buffers on both sides hold, and the backlog.
    for said in 0.. {
        assert!(said < 10_000, "600 MB wait for somebody who does not read");
        noya.write(&format!("{line}\n"));
        match noya.line() {
            heard if heard == line => {}
            other => {
                assert_eq!(other, "Deaf has left the chat room!");
                break;
            }
        }
    }
    assert_eq!(noya.line(), line);
    let mut rest = Vec::new();
    let ended = deaf.lines.read_to_end(&mut rest);
    assert_eq!(ended.map_err(|error| error.kind()), Err(io::ErrorKind::ConnectionReset));
}
