//! One client: its handshake, and what it says.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chatroom_protocol::framing::{Decoder, Dialect, Frame};
use chatroom_protocol::handshake::{Request, ServerHandshake, ServerStep};
use chatroom_protocol::limits::MAX_MESSAGE_BYTES;
use chatroom_protocol::{Notice, Reason, message};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::hall::{Hall, Place};
use super::outbox::Outbox;
use super::post::Post;

/// How much is read at once.
const READ_BYTES: usize = 8 * 1024;

/// How long a handshake may take (HS-6).
const HANDSHAKE: Duration = Duration::from_secs(60);

/// How long a client that was refused may take to close its side. What it sends until then is read
/// and dropped: a connection closed with unread bytes is reset, and the farewell lost.
const FAREWELL: Duration = Duration::from_secs(5);

/// One client, as the task that reads from it sees it.
pub(super) struct Connection {
    number: u64,
    outbox: Arc<Outbox>,
    hall: Arc<Mutex<Hall>>,
    post: Arc<Post>,
    decoder: Decoder,
    state: State,
}

enum State {
    /// Waits for an answer.
    Answering(ServerHandshake),
    /// Is in a group.
    Member(Place),
    /// Has been told to go.
    Refused,
}

impl Connection {
    pub(super) fn new(
        number: u64,
        socket: TcpStream,
        hall: Arc<Mutex<Hall>>,
        post: Arc<Post>,
    ) -> Self {
        // Messages are small, and somebody waits for each.
        let _ = socket.set_nodelay(true);
        Connection {
            number,
            outbox: Arc::new(Outbox::new(socket)),
            hall,
            post,
            decoder: Dialect::Line.decoder(MAX_MESSAGE_BYTES),
            state: State::Answering(ServerHandshake::default()),
        }
    }

    /// Serves the client until it goes.
    pub(super) async fn run(mut self) {
        let is_answering = |connection: &Self| matches!(connection.state, State::Answering(_));
        self.ask(ServerHandshake::default());
        let handshake = timeout(HANDSHAKE, self.read_while(is_answering)).await;
        if handshake.is_err() {
            self.refuse(&Notice::Disconnect);
        }
        self.read_while(|connection| matches!(connection.state, State::Member(_))).await;
        match self.state {
            State::Member(place) => self.hall().leave(place),
            State::Answering(_) => self.post.finish(&self.outbox),
            State::Refused => {
                // Either way the connection is closed now.
                let _ = timeout(FAREWELL, self.read_while(|_| true)).await;
            }
        }
    }

    /// Reads until the client goes, or until this no longer holds.
    async fn read_while(&mut self, holds: impl Fn(&Self) -> bool) {
        while holds(self) {
            if self.outbox.socket.readable().await.is_err() || self.read() == Stream::Ended {
                return;
            }
            // A client that never stops must not keep the others waiting.
            yield_now().await;
        }
    }

    /// Reads once, and does what the lines say.
    fn read(&mut self) -> Stream {
        let mut buffer = [0; READ_BYTES];
        let bytes = match self.outbox.socket.try_read(&mut buffer) {
            Ok(0) => return Stream::Ended,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Stream::Open,
            Err(_) => return Stream::Ended,
        };
        let taken = Instant::now();
        let mut input = &buffer[..bytes];
        // Moved out so that a line may borrow it while the rest of the connection changes.
        let mut decoder = std::mem::replace(&mut self.decoder, Dialect::Line.decoder(0));
        while let Some(frame) = decoder.decode(&mut input) {
            self.take(frame, taken);
        }
        self.decoder = decoder;
        Stream::Open
    }

    fn take(&mut self, frame: Frame<'_>, taken: Instant) {
        match std::mem::replace(&mut self.state, State::Refused) {
            State::Answering(handshake) => self.answer(handshake, frame),
            State::Member(place) => {
                self.state = State::Member(place);
                match message::parse(frame) {
                    Ok(text) => self.hall().say(place, text, taken),
                    Err(error) => {
                        let why = Reason::Known(error);
                        self.post.notice(&self.outbox, &Notice::MessageRefused(why));
                    }
                }
            }
            State::Refused => {}
        }
    }

    fn answer(&mut self, handshake: ServerHandshake, answer: Frame<'_>) {
        match handshake.handle(answer) {
            Ok(ServerStep::Ask(next)) => self.ask(next),
            Ok(ServerStep::Complete(Request::Disconnect)) => self.refuse(&Notice::DisconnectOption),
            Ok(ServerStep::Complete(request)) => {
                let place = self.hall().enter(self.number, &request, &self.outbox);
                match place {
                    Some(place) => self.state = State::Member(place),
                    None => self.refuse(&Notice::Disconnect),
                }
            }
            Err(error) => {
                let farewell = error.farewell();
                self.post.notice(&self.outbox, &Notice::AnswerRefused(Reason::Known(error)));
                self.refuse(&farewell);
            }
        }
    }

    fn ask(&mut self, handshake: ServerHandshake) {
        self.post.line(&self.outbox, &handshake.prompt().to_string());
        self.state = State::Answering(handshake);
    }

    fn refuse(&mut self, farewell: &Notice<'_>) {
        self.post.notice(&self.outbox, farewell);
        self.post.finish(&self.outbox);
        self.state = State::Refused;
    }

    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the client can still say something.
#[derive(Debug, PartialEq, Eq)]
enum Stream {
    Open,
    Ended,
}
