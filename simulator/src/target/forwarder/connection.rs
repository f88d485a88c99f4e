//! One client: the four questions, and what waits to be written to it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::time::Duration;

use chatroom_protocol::Prompt;
use mio::net::TcpStream;

/// The longest beginning of a line that is kept, in bytes: far more than any bot writes.
const MAX_PARTIAL: usize = 64 * 1024;

/// The most bytes that wait for a member that does not read.
const MAX_BACKLOG: usize = 1024 * 1024;

/// A client, in the handshake or inside.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) stage: Stage,
    /// A line that has begun.
    partial: Vec<u8>,
    /// What the socket did not take.
    backlog: VecDeque<u8>,
}

/// How far a client is.
pub(super) enum Stage {
    /// It has given these answers.
    Answering(Vec<String>),
    /// It is in this group, under this name.
    Member { group: usize, name: String },
}

/// What comes of a client's bytes.
pub(super) enum Step {
    /// Nothing yet.
    Wait,
    /// All four questions are answered; the bytes from here on are messages.
    Answered([String; 4], usize),
    /// A line without an end, or a broken connection.
    CutOff,
}

/// Why a connection cannot go on: it is broken, or its client does not read.
pub(super) struct Gone;

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Connection {
            stream,
            stage: Stage::Answering(Vec::new()),
            partial: Vec::new(),
            backlog: VecDeque::new(),
        }
    }

    /// Takes the answers in these bytes, and asks the next question after each.
    pub(super) fn answer(&mut self, bytes: &[u8]) -> Step {
        let mut from = 0;
        while let Some(length) = memchr::memchr(b'\n', &bytes[from..]) {
            let mut line = std::mem::take(&mut self.partial);
            line.extend_from_slice(&bytes[from..from + length]);
            from += length + 1;
            let Stage::Answering(answers) = &mut self.stage else { return Step::CutOff };
            answers.push(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            let next = Prompt::ALL.get(answers.len());
            if let Ok(all) = <[String; 4]>::try_from(answers.as_slice().to_vec()) {
                return Step::Answered(all, from);
            }
            if next.is_some_and(|prompt| self.ask(*prompt).is_err()) {
                return Step::CutOff;
            }
        }
        if self.keep(&bytes[from..]).is_ok() { Step::Wait } else { Step::CutOff }
    }

    /// Asks a question of the handshake.
    pub(super) fn ask(&mut self, prompt: Prompt) -> Result<(), Gone> {
        self.send(format!("{prompt}\n").as_bytes())
    }

    /// Appends the whole lines to what goes out, and keeps the rest.
    pub(super) fn whole_lines(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Gone> {
        let Some(end) = memchr::memrchr(b'\n', bytes) else { return self.keep(bytes) };
        out.append(&mut std::mem::take(&mut self.partial));
        out.extend_from_slice(&bytes[..=end]);
        self.keep(&bytes[end + 1..])
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.partial.extend_from_slice(bytes);
        if self.partial.len() <= MAX_PARTIAL { Ok(()) } else { Err(Gone) }
    }

    /// Writes, and keeps what the socket does not take.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let mut taken = 0;
        while self.backlog.is_empty() && taken < bytes.len() {
            match self.stream.write(&bytes[taken..]) {
                Ok(length) => taken += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        let rest = &bytes[taken..];
        if self.backlog.len() + rest.len() > MAX_BACKLOG {
            return Err(Gone);
        }
        self.backlog.extend(rest);
        Ok(())
    }

    /// Writes what the socket did not take before.
    pub(super) fn write_on(&mut self) -> Result<(), Gone> {
        while !self.backlog.is_empty() {
            match self.stream.write(self.backlog.as_slices().0) {
                Ok(length) => drop(self.backlog.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(Gone),
            }
        }
        // Few ever have one, and an idle member is to cost little.
        self.backlog = VecDeque::new();
        Ok(())
    }

    /// Makes the close a reset: what waits is given up.
    pub(super) fn reset(&self) -> io::Result<()> {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))
    }
}
