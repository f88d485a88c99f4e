//! From bytes to lines: what a client sent.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use chatroom_protocol::framing::Frame;

use super::Fault;

/// How much of a line is kept; the rest is only counted. Far over the limit for a message, because
/// some faults pass long messages on.
const KEPT_BYTES: usize = 64 * 1024;

/// A line without its line end.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Its bytes, or the first [`KEPT_BYTES`] of them.
    pub(super) kept: Vec<u8>,
    /// How many bytes it had.
    pub(super) bytes: usize,
}

impl Line {
    /// The line as the protocol's parsers want it, when `limit` is the most bytes it may have.
    pub(super) fn frame(&self, limit: usize) -> Frame<'_> {
        if self.bytes > limit {
            Frame::TooLong { bytes: self.bytes as u64 }
        } else {
            Frame::Line(&self.kept)
        }
    }

    fn add(&mut self, byte: u8) {
        self.bytes += 1;
        if self.kept.len() < KEPT_BYTES {
            self.kept.push(byte);
        }
    }

    fn drop_last(&mut self) {
        self.bytes -= 1;
        self.kept.truncate(self.bytes);
    }
}

/// How a client's stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed or half-closed it.
    Closed,
    /// The connection was reset.
    Reset,
    /// The deadline passed; the stream has not ended.
    Late,
}

/// What comes from one client.
pub(super) struct Input {
    fault: Option<Fault>,
    socket: Arc<TcpStream>,
    /// When to stop waiting; none for members.
    deadline: Option<Instant>,
    /// Whole lines that nobody has taken yet.
    ready: VecDeque<Line>,
    /// The line that has begun.
    unfinished: Line,
    last_byte: u8,
    /// Whether the client ever sent anything.
    pub(super) heard: bool,
}

impl Input {
    pub(super) fn new(socket: Arc<TcpStream>, fault: Option<Fault>, deadline: Instant) -> Self {
        Input {
            fault,
            socket,
            deadline: Some(deadline),
            ready: VecDeque::new(),
            unfinished: Line::default(),
            last_byte: 0,
            heard: false,
        }
    }

    /// From now on lines are messages, and may take as long as they like.
    pub(super) fn end_of_handshake(&mut self) {
        self.deadline = None;
        // On failure the member is reported late after all, and cut off.
        let _ = self.socket.set_read_timeout(None);
    }

    fn is_handshake(&self) -> bool {
        self.deadline.is_some()
    }

    /// Waits for the next line.
    pub(super) fn next(&mut self) -> Result<Line, End> {
        let mut buffer = [0; 8 * 1024];
        loop {
            if let Some(line) = self.ready.pop_front() {
                if self.fault == Some(Fault::PipelinedAnswersLost) && self.is_handshake() {
                    self.ready.clear();
                    self.unfinished = Line::default();
                }
                return Ok(line);
            }
            match self.read(&mut buffer) {
                Ok(bytes) => self.take(&buffer[..bytes]),
                Err(end) => return self.last_line(end),
            }
        }
    }

    /// One recv: at least one byte, or the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, End> {
        loop {
            if let Some(deadline) = self.deadline {
                let left = deadline.saturating_duration_since(Instant::now());
                if left.is_zero() || self.socket.set_read_timeout(Some(left)).is_err() {
                    return Err(End::Late);
                }
            }
            match (&*self.socket).read(buffer) {
                Ok(0) => return Err(End::Closed),
                Ok(bytes) => {
                    self.heard = true;
                    return Ok(bytes);
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Err(End::Late),
                    _ => return Err(End::Reset),
                },
            }
        }
    }

    /// Finds the lines in what one recv returned.
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.finish_line();
            } else {
                self.unfinished.add(*byte);
            }
            self.last_byte = *byte;
        }
        if self.fault == Some(Fault::LineCutAtSegmentBorder) && self.unfinished.bytes > 0 {
            self.finish_line();
        }
        if !self.is_handshake() {
            self.spoil_pipelined_messages();
        }
    }

    fn finish_line(&mut self) {
        let mut line = std::mem::take(&mut self.unfinished);
        let ends_with_cr = line.bytes > 0 && self.last_byte == b'\r';
        if ends_with_cr && self.fault != Some(Fault::CrlfKept) {
            line.drop_last();
        }
        if line.bytes > 0 || self.fault == Some(Fault::BlankLineIsMessage) {
            self.ready.push_back(line);
        }
    }

    /// The faults of a server that takes what one recv returned for one thing.
    fn spoil_pipelined_messages(&mut self) {
        match self.fault {
            Some(Fault::GluesPipelined) => {
                let lines = self.ready.drain(..);
                let glued = lines.reduce(|mut first, second| {
                    first.kept.extend(second.kept);
                    first.bytes += second.bytes;
                    first
                });
                self.ready.extend(glued);
            }
            Some(Fault::LosesPipelined) => self.ready.truncate(1),
            Some(Fault::SenderOrderBroken) => {
                for pair in self.ready.make_contiguous().chunks_exact_mut(2) {
                    pair.swap(0, 1);
                }
            }
            _ => {}
        }
    }

    /// An unfinished line at the end of the stream is no line.
    fn last_line(&mut self, end: End) -> Result<Line, End> {
        let is_taken = match self.fault {
            Some(Fault::PartialLineDeliveredOnClose) => end == End::Closed,
            Some(Fault::PartialLineDeliveredOnReset) => end == End::Reset,
            _ => false,
        };
        match std::mem::take(&mut self.unfinished) {
            line if is_taken && line.bytes > 0 => Ok(line),
            _ => Err(end),
        }
    }
}
