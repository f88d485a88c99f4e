//! A connection to a server, for programs: connect, log in, send, read what comes, leave.
//!
//! [`Connection`] and [`Member`] are the whole conversation. Underneath are its two halves, which
//! know lines and nothing of their meaning: [`LineReader`] and [`LineWriter`]. Whoever drives a
//! [`Terminal`](crate::terminal::Terminal), or must misbehave on purpose, uses those.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use chatroom_protocol::error::{MessageError, ServerFault};
use chatroom_protocol::framing::{Decoder, Dialect, Frame};
use chatroom_protocol::handshake::{ClientHandshake, ClientStep, Login, Rejection};
use chatroom_protocol::limits::{MAX_MESSAGE_BYTES, MAX_SERVER_LINE_BYTES};
use chatroom_protocol::{AssignedName, GroupId, Notice, ServerLine, message};
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// How much is asked of the socket at once, in bytes: a few dozen lines of a busy group, and still
/// little for a program that holds ten thousand connections.
const READ_BYTES: usize = 4096;

/// How long [`LineReader::drain`] waits for the server's own close when it is used to leave.
///
/// A server closes at once; the time is for a slow network. Past it nobody is served by waiting.
pub const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Nobody listens there.
    #[error("{addr} refused the connection")]
    Refused {
        /// The address that was tried.
        addr: SocketAddr,
    },
    /// Nobody answered in time.
    #[error("{addr} did not answer within {}", humantime::format_duration(*limit))]
    TimedOut {
        /// The address that was tried.
        addr: SocketAddr,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The network or this machine does not let it through.
    #[error("{addr} cannot be reached, {source}")]
    Unreachable {
        /// The address that was tried.
        addr: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Why no line could be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The server's: it sent a line that is too long or is not text. The line is gone; the next one
    /// is intact and can still be read.
    #[error(transparent)]
    Fault(#[from] ServerFault),
    /// The connection was reset: the server dropped it without a word, or its machine did.
    #[error("the connection was reset")]
    Reset,
    /// The network's or this machine's.
    #[error("failed to read from the server, {0}")]
    Io(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset => ReadError::Reset,
            _ => ReadError::Io(error),
        }
    }
}

/// Why a message was not sent.
#[derive(Debug, Error)]
pub enum SendError {
    /// The caller's: the message breaks a rule, and nothing of it was sent.
    #[error("the message cannot be sent, {0}")]
    Message(#[from] MessageError),
    /// The connection's: it is gone.
    #[error("failed to write to the server, {0}")]
    Io(#[from] io::Error),
}

/// Why a client did not become a member.
#[derive(Debug, Error)]
pub enum LoginError {
    /// The server does not admit it.
    #[error("the server answered `{}`{}", farewell(*rejection), reason(told))]
    Rejected {
        /// What the server said last.
        rejection: Rejection,
        /// What it said before that, if it gave a reason.
        told: Option<String>,
    },
    /// The server does not keep to the protocol.
    #[error(transparent)]
    Fault(#[from] ServerFault),
    /// The server closed the connection instead of an answer.
    #[error("the server closed the connection")]
    Closed,
    /// The connection broke.
    #[error("the connection was lost, {0}")]
    Lost(#[source] io::Error),
}

impl From<ReadError> for LoginError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Fault(fault) => LoginError::Fault(fault),
            ReadError::Reset => LoginError::Lost(io::ErrorKind::ConnectionReset.into()),
            ReadError::Io(error) => LoginError::Lost(error),
        }
    }
}

fn farewell(rejection: Rejection) -> Notice<'static> {
    match rejection {
        Rejection::Disconnect => Notice::Disconnect,
        Rejection::WrongOption => Notice::WrongOption,
        Rejection::DisconnectOption => Notice::DisconnectOption,
    }
}

fn reason(told: &Option<String>) -> String {
    told.as_ref().map(|told| format!(" after `{told}`")).unwrap_or_default()
}

/// Something that a member hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody said something; it may be this member itself.
    Message {
        /// Who.
        from: String,
        /// What.
        text: String,
    },
    /// Somebody joined.
    Arrived(String),
    /// Somebody left.
    Left(String),
    /// What this member sent last breaks a rule, and went nowhere. Says which rule.
    Refused(String),
    /// The server ends.
    Stopping,
    /// A line that means nothing to a member.
    Other(String),
}

impl Event {
    /// What a line from the server means to a member.
    #[must_use]
    pub fn parse(line: &str) -> Self {
        match ServerLine::parse(line) {
            ServerLine::Message { from, text } => {
                Event::Message { from: from.to_owned(), text: text.to_owned() }
            }
            ServerLine::Notice(Notice::Arrived(name)) => Event::Arrived(name.to_owned()),
            ServerLine::Notice(Notice::Left(name)) => Event::Left(name.to_owned()),
            ServerLine::Notice(Notice::MessageRefused(why)) => Event::Refused(why.to_string()),
            ServerLine::Notice(Notice::Stopping) => Event::Stopping,
            _ => Event::Other(line.to_owned()),
        }
    }
}

/// Connects to the server at `addr`, and gives up after `limit`.
///
/// # Errors
///
/// When no connection comes about.
///
/// # Cancel safety
///
/// Dropping the future gives the attempt up at once; nothing is left of it.
pub async fn connect(addr: SocketAddr, limit: Duration) -> Result<Connection, ConnectError> {
    let stream = match tokio::time::timeout(limit, TcpStream::connect(addr)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(why_not_connected(addr, error)),
        Err(_) => return Err(ConnectError::TimedOut { addr, limit }),
    };
    Connection::new(stream).map_err(|source| ConnectError::Unreachable { addr, source })
}

fn why_not_connected(addr: SocketAddr, source: io::Error) -> ConnectError {
    match source.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused { addr },
        _ => ConnectError::Unreachable { addr, source },
    }
}

/// A connection on which nothing has been said yet.
#[derive(Debug)]
pub struct Connection {
    reader: LineReader,
    writer: LineWriter,
}

impl Connection {
    /// A connection over `stream`.
    ///
    /// # Errors
    ///
    /// When the system does not let it send short messages at once (`TCP_NODELAY`).
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        // A chat message is short and its answer is awaited: Nagle's algorithm would hold it back.
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        Ok(Connection { reader: LineReader::new(reader), writer: LineWriter::new(writer) })
    }

    /// The two halves, to use them side by side.
    #[must_use]
    pub fn into_split(self) -> (LineReader, LineWriter) {
        (self.reader, self.writer)
    }

    /// Answers the server's questions until it admits this client or does not.
    ///
    /// # Errors
    ///
    /// When the client is not admitted; the connection is closed then.
    ///
    /// # Cancel safety
    ///
    /// None: a login that is dropped half-way closes the connection. There is no time limit either;
    /// wrap it in `tokio::time::timeout`.
    pub async fn login(mut self, login: Login) -> Result<Member, LoginError> {
        let mut handshake = ClientHandshake::new(login);
        let mut told = None;
        loop {
            let line = self.reader.next_line().await?.ok_or(LoginError::Closed)?;
            handshake = match handshake.handle(&line)? {
                ClientStep::Answer { answer, next, .. } => {
                    // If the answer cannot be sent, what the server said last says why.
                    let _ = self.writer.send_line(&answer).await;
                    next
                }
                ClientStep::Read(next) => {
                    told = Some(line);
                    next
                }
                ClientStep::Connected { name, group } => {
                    return Ok(Member { name, group, connection: self });
                }
                ClientStep::Rejected(rejection) => {
                    return Err(LoginError::Rejected { rejection, told });
                }
            };
        }
    }
}

/// A client that is a member of a group.
#[derive(Debug)]
pub struct Member {
    name: AssignedName,
    group: Option<GroupId>,
    connection: Connection,
}

impl Member {
    /// The name the server gave it.
    #[must_use]
    pub fn name(&self) -> &AssignedName {
        &self.name
    }

    /// The group it is in, if the server said which.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        self.group
    }

    /// Says `text` to the group; this member hears it too.
    ///
    /// # Errors
    ///
    /// When `text` breaks a rule (LIM-1, MSG-4), or the connection is gone.
    ///
    /// # Cancel safety
    ///
    /// The message is never cut: if the future is dropped, what was not sent goes out with the next
    /// message.
    pub async fn send(&mut self, text: &str) -> Result<(), SendError> {
        message::parse(frame(text.as_bytes()))?;
        Ok(self.connection.writer.send_line(text).await?)
    }

    /// What this member hears next; `None` when the server has closed the connection.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or the server sends what is not a line.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing that arrived is lost.
    pub async fn next(&mut self) -> Result<Option<Event>, ReadError> {
        Ok(self.connection.reader.next_line().await?.map(|line| Event::parse(&line)))
    }

    /// Leaves: everything sent before still reaches the server.
    ///
    /// Waits at most [`LEAVE_TIMEOUT`] for the server to close too.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection, and may reset it.
    pub async fn leave(mut self) {
        self.connection.leave().await;
    }

    /// The two halves, to use them side by side.
    #[must_use]
    pub fn into_split(self) -> (LineReader, LineWriter) {
        self.connection.into_split()
    }
}

impl Connection {
    async fn leave(&mut self) {
        leave(&mut self.reader, &mut self.writer).await;
    }
}

/// Leaves a server in good order: sends what is queued, says that nothing more will come, and reads
/// until the server closes too. All of it takes at most [`LEAVE_TIMEOUT`].
///
/// # Cancel safety
///
/// Dropping the future stops wherever it is; the halves can be used on.
pub async fn leave(reader: &mut LineReader, writer: &mut LineWriter) {
    let farewell = async {
        // Both fail only when the connection is gone, and then there is nothing to leave.
        if writer.shutdown().await.is_ok() {
            let _ = reader.drain().await;
        }
    };
    let _ = tokio::time::timeout(LEAVE_TIMEOUT, farewell).await;
}

fn frame(bytes: &[u8]) -> Frame<'_> {
    if bytes.len() > MAX_MESSAGE_BYTES {
        Frame::TooLong { bytes: bytes.len() as u64 }
    } else {
        Frame::Line(bytes)
    }
}

/// The half that reads.
#[derive(Debug)]
pub struct LineReader {
    socket: OwnedReadHalf,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// How much of the buffer the decoder has seen.
    used: usize,
}

impl LineReader {
    fn new(socket: OwnedReadHalf) -> Self {
        let decoder = Dialect::Line.decoder(MAX_SERVER_LINE_BYTES);
        LineReader { socket, decoder, buffer: Vec::new(), used: 0 }
    }

    /// The next line, without its line end; `None` when the server has closed the connection.
    ///
    /// # Errors
    ///
    /// When the line breaks a rule, after which the next can still be read; or when the connection
    /// breaks.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing that arrived is lost.
    pub async fn next_line(&mut self) -> Result<Option<String>, ReadError> {
        loop {
            if let Some(line) = self.buffered_line() {
                return Ok(Some(line?));
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The next line, if it has arrived already and was read together with an earlier one.
    ///
    /// # Errors
    ///
    /// When the line breaks a rule; the next can still be read.
    pub fn buffered_line(&mut self) -> Option<Result<String, ServerFault>> {
        let mut input = &self.buffer[self.used..];
        let frame = self.decoder.decode(&mut input);
        let line = frame.map(|frame| message::parse_from_server(frame).map(str::to_owned));
        self.used = self.buffer.len() - input.len();
        line
    }

    /// Whether what was read so far ends inside a line: after the end of the stream, the server
    /// stopped in the middle of one.
    #[must_use]
    pub fn is_inside_line(&self) -> bool {
        self.decoder.is_inside_message()
    }

    /// Reads and drops everything until the server closes the connection.
    ///
    /// A socket that is closed with unread bytes in it is reset, and the reset can overtake what
    /// was sent before. So whoever leaves reads on to the end.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe in that it can be called again.
    pub async fn drain(&mut self) -> Result<(), ReadError> {
        loop {
            self.used = self.buffer.len();
            if self.fill().await? == 0 {
                return Ok(());
            }
        }
    }

    /// Reads what has arrived, once all that was read before is used; 0 at the end of the stream.
    async fn fill(&mut self) -> io::Result<usize> {
        debug_assert_eq!(self.used, self.buffer.len(), "what was read must be used first");
        self.buffer.clear();
        self.used = 0;
        self.buffer.reserve(READ_BYTES);
        self.socket.read_buf(&mut self.buffer).await
    }
}

/// The half that writes.
///
/// A line is first queued, whole, and then written as far as the server takes it. So no line is ever
/// cut by dropping a future.
#[derive(Debug)]
pub struct LineWriter {
    socket: OwnedWriteHalf,
    queue: Vec<u8>,
    /// How much of the queue is written.
    written: usize,
}

impl LineWriter {
    fn new(socket: OwnedWriteHalf) -> Self {
        LineWriter { socket, queue: Vec::new(), written: 0 }
    }

    /// Queues a line; its line end is added here. Nothing is sent until [`LineWriter::flush`].
    pub fn queue_line(&mut self, line: &str) {
        Dialect::Line.encode(line.as_bytes(), &mut self.queue);
    }

    /// How many bytes are queued and not yet written.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.len() - self.written
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    ///
    /// When the connection is gone; what was queued is dropped then.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not yet written stays queued.
    pub async fn flush(&mut self) -> io::Result<()> {
        let mut result = Ok(());
        while self.queued_bytes() > 0 && result.is_ok() {
            let unwritten = &self.queue[self.written..];
            result = self.socket.write(unwritten).await.map(|bytes| self.written += bytes);
        }
        // An idle connection should cost nothing, so the memory goes too.
        self.queue = Vec::new();
        self.written = 0;
        result
    }

    /// Sends a line; its line end is added here.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    ///
    /// # Cancel safety
    ///
    /// The line is never cut or lost: what is not yet written stays queued. It must not be sent
    /// again.
    pub async fn send_line(&mut self, line: &str) -> io::Result<()> {
        self.queue_line(line);
        self.flush().await
    }

    /// Sends bytes as they are, for whoever tests what a server does with them.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    ///
    /// # Cancel safety
    ///
    /// As [`LineWriter::send_line`].
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.queue.extend_from_slice(bytes);
        self.flush().await
    }

    /// Sends what is queued, then tells the server that nothing more will come (FIN). The other
    /// direction stays open.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it can be called again.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.flush().await?;
        self.socket.shutdown().await
    }
}

/// Drops the connection without a word (RST), as a machine does that loses power, for whoever tests
/// what a server does then.
///
/// # Errors
///
/// When the system does not do it. Both halves must come from the same connection.
pub fn reset(reader: LineReader, writer: LineWriter) -> io::Result<()> {
    let stream = reader.socket.reunite(writer.socket).map_err(io::Error::other)?;
    stream.set_zero_linger()
}
