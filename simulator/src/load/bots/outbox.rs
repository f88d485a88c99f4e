//! What a bot has still to write.

use std::collections::VecDeque;
use std::io::{self, Write};

/// Bytes that the system did not take at once, or that are written a few at a time on purpose.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: VecDeque<u8>,
    /// How many bytes were taken over the whole life of this outbox.
    taken: u64,
    /// The messages among the bytes, by where they end.
    marks: VecDeque<Mark>,
}

/// A message that waits to be taken whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    end: u64,
    /// When the first byte of it was tried.
    pub(super) tried_us: u64,
    /// Where its stall is recorded, if it is.
    pub(super) window: Option<u32>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Adds bytes that are no message.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// Adds a message, or what is left of one.
    pub(super) fn push_message(&mut self, bytes: &[u8], tried_us: u64, window: Option<u32>) {
        self.bytes.extend(bytes);
        let end = self.taken + self.bytes.len() as u64;
        self.marks.push_back(Mark { end, tried_us, window });
    }

    /// Writes at most `limit` bytes; says what the system says, and forgets what was taken.
    pub(super) fn write(&mut self, to: &mut impl Write, limit: usize) -> io::Result<usize> {
        let (front, _) = self.bytes.as_slices();
        let taken = to.write(&front[..front.len().min(limit)])?;
        self.bytes.drain(..taken);
        self.taken += taken as u64;
        Ok(taken)
    }

    /// A message that was taken whole since.
    pub(super) fn pop_done(&mut self) -> Option<Mark> {
        let is_done = self.marks.front().is_some_and(|mark| mark.end <= self.taken);
        if is_done { self.marks.pop_front() } else { None }
    }
}
