//! One client, from its first prompt to its last line.

use std::fmt::Display;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use chatroom_protocol::error::{
    AnswerError, GroupIdError, MessageError, NameError, PasswordError, TextError,
};
use chatroom_protocol::limits::MAX_MESSAGE_BYTES;
use chatroom_protocol::{Alias, GroupId, MenuOption, Notice, Password, Prompt, Refusal, message};

use super::chat::Seat;
use super::input::{End, Input, Line};
use super::outbox::Outbox;
use super::{Fault, Shared, lock};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(60);

/// How long a client may take to close its side after the server has closed its own.
const LINGER: Duration = Duration::from_secs(5);

/// What a client wants, once it has answered everything.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) group: u32,
    pub(super) name: String,
    pub(super) password: String,
    option: Option<MenuOption>,
}

/// What becomes of a line from a member.
enum Verdict {
    Pass(String),
    Refuse(MessageError),
    Ignore,
    HangUp,
}

/// A client's connection. Dropping it closes it.
pub(super) struct Connection {
    shared: Arc<Shared>,
    number: u64,
    socket: Arc<TcpStream>,
    input: Input,
    /// Not to be closed before the server ends, for one of the faults.
    is_left_open: bool,
}

impl Connection {
    pub(super) fn new(shared: Arc<Shared>, number: u64, socket: Arc<TcpStream>) -> Self {
        let deadline = Instant::now() + HANDSHAKE;
        let input = Input::new(Arc::clone(&socket), shared.fault, deadline);
        Connection { shared, number, socket, input, is_left_open: false }
    }

    fn has(&self, fault: Fault) -> bool {
        self.shared.fault == Some(fault)
    }

    // The handshake: four questions.

    /// Asks everything. `None` when that came to nothing and the client knows it.
    pub(super) fn handshake(&mut self) -> Option<Request> {
        let mut prompts = Prompt::ALL;
        if self.has(Fault::PromptsOutOfOrder) {
            prompts.swap(1, 2);
        }
        let mut request = Request::default();
        for prompt in prompts {
            self.ask(prompt, &mut request)?;
        }
        Some(request)
    }

    /// Asks one question, and writes the answer into `request`. `None` as for the handshake.
    fn ask(&mut self, prompt: Prompt, request: &mut Request) -> Option<()> {
        self.tell(prompt);
        loop {
            let line = match self.input.next() {
                Ok(line) => line,
                Err(end) => return self.end_of_handshake(end),
            };
            match read_answer(prompt, &line, request) {
                Ok(()) => {}
                Err(error) if self.overlooks(&error) => overlook(prompt, &line, request),
                Err(error) => {
                    if !self.has(Fault::BadAnswerNotExplained) {
                        self.tell(format_args!("answer refused, {error}"));
                    }
                    if self.has(Fault::BadAnswerAskedAgain) {
                        self.tell(prompt);
                        continue;
                    }
                    self.tell(match error {
                        _ if self.has(Fault::WrongOptionNotSaid) => Notice::Disconnect,
                        error => error.farewell(),
                    });
                    return self.close_gently();
                }
            }
            if request.option == Some(MenuOption::Disconnect) {
                if self.has(Fault::OptionThreeIgnored) {
                    continue;
                }
                self.tell(Notice::DisconnectOption);
                return self.close_gently();
            }
            return Some(());
        }
    }

    fn end_of_handshake(&mut self, end: End) -> Option<()> {
        // Closing with the prompt unread is a reset.
        let is_gone = end != End::Late;
        if self.has(Fault::ServerDiesOnSilentClose) && is_gone && !self.input.heard {
            self.shared.die();
        }
        self.note_reset(end);
        if end == End::Late {
            self.tell(Notice::Disconnect);
            return self.close_gently();
        }
        None
    }

    /// Whether a bad answer is taken all the same.
    fn overlooks(&self, error: &AnswerError) -> bool {
        match self.shared.fault {
            Some(Fault::WrongOptionAccepted) => matches!(error, AnswerError::Option),
            Some(Fault::BadGroupIdTaken) => matches!(error, AnswerError::GroupId(_)),
            Some(Fault::LongPasswordTaken) => {
                matches!(error, AnswerError::Password(PasswordError::TooLong { .. }))
            }
            Some(Fault::ColonInNameTaken) => matches!(error, AnswerError::Name(NameError::Colon)),
            Some(Fault::LongNameTaken) => {
                matches!(error, AnswerError::Name(NameError::TooLong { .. }))
            }
            Some(Fault::OuterSpaceInNameTaken) => {
                matches!(error, AnswerError::Name(NameError::OuterSpace))
            }
            Some(Fault::InvisibleNameTaken) => {
                matches!(error, AnswerError::Name(NameError::Invisible { .. }))
            }
            _ => false,
        }
    }

    // After the handshake: admission, then messages.

    /// Does what the client wants until it goes.
    pub(super) fn serve(mut self, request: &Request) {
        self.input.end_of_handshake();
        if self.has(Fault::LogsPasswords) {
            self.shared.log.line(&format!("{} gave {}", request.name, request.password));
        }
        let outbox = Outbox::new(Arc::clone(&self.socket), self.shared.fault, self.shared.log);
        let admitted = match request.option {
            Some(MenuOption::Create) => Ok(lock(&self.shared.chat).create(request, &outbox)),
            _ => lock(&self.shared.chat).join(request, &outbox),
        };
        match admitted {
            Ok(seat) => self.converse(request, &seat, &outbox),
            Err(refusal) => self.refuse(request, refusal, &outbox),
        }
    }

    fn refuse(&mut self, request: &Request, refusal: Refusal, outbox: &Arc<Outbox>) {
        self.shared.log.line(&refusal.to_string());
        if self.has(Fault::RefusalSaysWhy) {
            self.tell(refusal);
        }
        if !self.has(Fault::RefusalWithoutDisconnect) {
            self.tell(Notice::Disconnect);
        }
        let edge = lock(&self.shared.chat).edge_seat(request);
        match (self.shared.fault, edge) {
            (Some(Fault::RefusalLeavesConnectionOpen), _) => while self.input.next().is_ok() {},
            (Some(Fault::RefusedClientStillGetsMessages), Some(seat)) => {
                lock(&self.shared.chat).lurk(&seat, outbox);
                self.start_writer(outbox);
                while self.input.next().is_ok() {}
                outbox.finish();
            }
            (Some(Fault::RefusedClientCanTalk), Some(seat)) => {
                while let Ok(line) = self.input.next() {
                    if let Verdict::Pass(text) = self.judge(&line) {
                        let line = self.stamp(request, &seat, &text);
                        lock(&self.shared.chat).say(&seat, &line);
                    }
                }
            }
            _ => {
                self.close_gently();
            }
        }
    }

    /// A member's life.
    fn converse(&mut self, request: &Request, seat: &Seat, outbox: &Arc<Outbox>) {
        self.start_writer(outbox);
        let end = self.listen(request, seat, outbox);
        let end = if outbox.was_reset() { End::Reset } else { end };
        if self.has(Fault::EndOfStreamIgnored) && end == End::Closed {
            while !outbox.is_broken() && !self.shared.sockets.are_closed() {
                thread::sleep(Duration::from_millis(20));
            }
        }
        self.note_reset(end);
        lock(&self.shared.chat).leave(seat, end);
        outbox.finish();
        self.is_left_open = self.has(Fault::HalfCloseLeftOpen) && end == End::Closed;
    }

    /// Passes on what the member says until it goes or is sent away.
    fn listen(&mut self, request: &Request, seat: &Seat, outbox: &Outbox) -> End {
        loop {
            let line = match self.input.next() {
                Ok(line) => line,
                Err(end) => return end,
            };
            match self.judge(&line) {
                Verdict::Pass(text) => {
                    let line = self.stamp(request, seat, &text);
                    lock(&self.shared.chat).say(seat, &line);
                }
                Verdict::Refuse(error) => {
                    let notice = format!("message refused, {error}");
                    if self.has(Fault::LongMessageRefusedToAll) {
                        lock(&self.shared.chat).notify(seat, &notice);
                    } else {
                        outbox.push(&notice);
                    }
                }
                Verdict::Ignore => {}
                Verdict::HangUp => return End::Closed,
            }
        }
    }

    /// Decides whether a line may be passed on, and what of it.
    fn judge(&self, line: &Line) -> Verdict {
        let limit = match self.shared.fault {
            Some(Fault::Rejects1024) => MAX_MESSAGE_BYTES - 1,
            Some(Fault::Passes1025) => MAX_MESSAGE_BYTES + 1,
            Some(Fault::LongMessagePasses) => usize::MAX,
            _ => MAX_MESSAGE_BYTES,
        };
        let lossy = String::from_utf8_lossy(&line.kept);
        match message::parse(line.frame(limit)) {
            Ok(text) => Verdict::Pass(text.to_owned()),
            Err(error) => match (self.shared.fault, error) {
                (Some(Fault::TruncatesAt1024), MessageError::TooLong { .. }) => {
                    let cut = String::from_utf8_lossy(&line.kept[..MAX_MESSAGE_BYTES]);
                    // Half a character may be left at its end.
                    Verdict::Pass(cut.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned())
                }
                (Some(Fault::LongMessageVanishes), MessageError::TooLong { .. }) => Verdict::Ignore,
                (Some(Fault::DisconnectsOnLongMessage), MessageError::TooLong { .. }) => {
                    Verdict::HangUp
                }
                (Some(Fault::PassesBadUtf8), MessageError::Text(TextError::NotUtf8 { .. }))
                | (
                    Some(Fault::PassesControlCharacters),
                    MessageError::Text(TextError::Control { .. }),
                ) => Verdict::Pass(lossy.into_owned()),
                (
                    Some(Fault::DropsClientOnBadUtf8),
                    MessageError::Text(TextError::NotUtf8 { .. }),
                ) => Verdict::HangUp,
                (_, error) => Verdict::Refuse(error),
            },
        }
    }

    /// Puts the sender's name in front of `text`, in place of the one it put there itself.
    fn stamp(&self, request: &Request, seat: &Seat, text: &str) -> String {
        let own_names: &[&str] = match self.shared.fault {
            Some(Fault::TrustsSenderName) if text.contains(": ") => return text.to_owned(),
            Some(Fault::StampsTwice) => &[],
            Some(Fault::AskedNameNotRecognised) => &[&seat.name],
            _ => &[&seat.name, &request.name],
        };
        let without = |name: &&str| text.strip_prefix(name)?.strip_prefix(": ");
        if self.has(Fault::StampsNothing) {
            return text.to_owned();
        }
        let text = own_names.iter().find_map(without).unwrap_or(text);
        match self.shared.fault {
            Some(Fault::DropsNonAscii) => {
                format!(
                    "{}: {}",
                    seat.name,
                    text.chars().filter(char::is_ascii).collect::<String>()
                )
            }
            Some(Fault::TrimsSpaces) => format!("{}: {}", seat.name, text.trim()),
            Some(Fault::Lowercases) => format!("{}: {}", seat.name, text.to_lowercase()),
            _ => format!("{}: {text}", seat.name),
        }
    }

    // The socket.

    /// Sends a line to a client that is not a member, so that nobody else writes to it.
    fn tell(&self, line: impl Display) {
        // If the client is gone, the next read says so.
        let end = if self.has(Fault::LineFeedMissing) { "" } else { "\n" };
        let _ = (&*self.socket).write_all(format!("{line}{end}").as_bytes());
    }

    fn start_writer(&self, outbox: &Arc<Outbox>) {
        let outbox = Arc::clone(outbox);
        // The server is over when nobody holds this any more.
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            outbox.write();
            drop(shared);
        });
    }

    /// Closes this side and reads until the client closes its own: closing with bytes unread would
    /// reset the connection, and the last lines would be lost on their way.
    ///
    /// Always `None`: nothing comes after it.
    fn close_gently(&self) -> Option<()> {
        let deadline = Instant::now() + LINGER;
        let mut buffer = [0; 8 * 1024];
        let _ = self.socket.shutdown(Shutdown::Write);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || self.socket.set_read_timeout(Some(left)).is_err() {
                return None;
            }
            match (&*self.socket).read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    fn note_reset(&self, end: End) {
        if self.has(Fault::StopsAcceptingAfterAReset) && end == End::Reset {
            self.shared.stops_accepting.store(true, Ordering::SeqCst);
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.is_left_open {
            let _ = self.socket.shutdown(Shutdown::Both);
            let active = self.shared.sockets.remove(self.number);
            self.shared.log.line(&format!("a connection is closed, {active} active"));
        }
    }
}

/// Reads the answer to `prompt` into `request`.
fn read_answer(prompt: Prompt, line: &Line, request: &mut Request) -> Result<(), AnswerError> {
    let text = match message::parse(line.frame(MAX_MESSAGE_BYTES)) {
        Ok(text) => text,
        Err(MessageError::TooLong { bytes }) => return Err(AnswerError::TooLong { bytes }),
        Err(MessageError::Text(error)) => {
            return Err(match prompt {
                Prompt::GroupId => GroupIdError::NotDecimal.into(),
                Prompt::Alias => NameError::Text(error).into(),
                Prompt::Password => PasswordError::Text(error).into(),
                Prompt::Option => AnswerError::Option,
            });
        }
    };
    match prompt {
        Prompt::GroupId => request.group = text.parse::<GroupId>()?.get(),
        Prompt::Alias => text.parse::<Alias>()?.as_str().clone_into(&mut request.name),
        Prompt::Password => text.parse::<Password>()?.reveal().clone_into(&mut request.password),
        Prompt::Option => {
            request.option = Some(MenuOption::parse(text).ok_or(AnswerError::Option)?);
        }
    }
    Ok(())
}

/// Takes a bad answer for a good one.
fn overlook(prompt: Prompt, line: &Line, request: &mut Request) {
    let text = String::from_utf8_lossy(&line.kept).into_owned();
    match prompt {
        Prompt::GroupId => {
            request.group = text.trim().trim_start_matches('+').parse().unwrap_or(0);
        }
        Prompt::Alias => request.name = text,
        Prompt::Password => request.password = text,
        Prompt::Option => request.option = Some(MenuOption::Join),
    }
}
