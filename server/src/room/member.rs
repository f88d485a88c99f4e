//! A member: its socket, what it has said so far, and what waits while the socket is full.

use std::io::{self, Read as _, Write as _};
use std::sync::OnceLock;

use bytes::Bytes;
use chatroom_protocol::AssignedName;
use chatroom_protocol::framing::Decoder;
use chatroom_protocol::message::Speaker;
use mio::Registry;
use mio::net::TcpStream;

use super::backlog::{Backlog, retry};
use crate::connection::{Presence, reset_on_close};
use crate::farewell::Farewell;

/// Why a member is lost to its room.
#[derive(Debug)]
pub(super) enum Loss {
    /// Its connection is broken.
    Broken(io::Error),
    /// More than the bound would wait for it.
    Overflow {
        /// How many bytes that would be.
        bytes: usize,
    },
}

impl From<io::Error> for Loss {
    fn from(error: io::Error) -> Self {
        Loss::Broken(error)
    }
}

/// A member as its room knows it. Dropping it closes its connection.
pub(super) struct Member {
    /// By which the worker knows its socket's events.
    token: usize,
    stream: TcpStream,
    pub(super) speaker: Speaker,
    pub(super) decoder: Decoder,
    /// How many bytes of the room's batch it has heard, or had before it came.
    heard: usize,
    /// Only while its socket is full: most members never have one.
    backlog: Option<Box<Backlog>>,
    presence: Presence,
}

impl Member {
    pub(super) fn new(
        token: usize,
        stream: TcpStream,
        speaker: Speaker,
        decoder: Decoder,
        heard: usize,
        presence: Presence,
    ) -> Self {
        Member { token, stream, speaker, decoder, heard, backlog: None, presence }
    }

    pub(super) fn token(&self) -> usize {
        self.token
    }

    pub(super) fn name(&self) -> &AssignedName {
        self.speaker.name()
    }

    pub(super) fn reset_on_close(&self) {
        reset_on_close(&self.stream);
    }

    /// Reads what is there, without waiting. No bytes mean the end of the stream.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        retry(|| self.stream.read(buffer))
    }

    /// Sends `lines` to this member alone.
    pub(super) fn send(&mut self, lines: &[u8], bound: usize) -> Result<(), Loss> {
        self.send_shared(lines, 0, &OnceLock::new(), bound)
    }

    /// Sends what it has not heard of a batch that is still growing.
    pub(super) fn catch_up(&mut self, batch: &[u8], bound: usize) -> Result<(), Loss> {
        let start = std::mem::replace(&mut self.heard, batch.len());
        self.send(&batch[start..], bound)
    }

    /// Sends what it has not heard of a batch that is complete. The first member whose socket is
    /// full has the batch copied to `shared`, for all such members.
    pub(super) fn finish_batch(
        &mut self,
        batch: &[u8],
        shared: &OnceLock<Bytes>,
        bound: usize,
    ) -> Result<(), Loss> {
        let start = std::mem::take(&mut self.heard);
        self.send_shared(batch, start, shared, bound)
    }

    /// Sends `batch` from `start` on, after what waits already.
    fn send_shared(
        &mut self,
        batch: &[u8],
        start: usize,
        shared: &OnceLock<Bytes>,
        bound: usize,
    ) -> Result<(), Loss> {
        let written = if self.backlog.is_some() { 0 } else { self.write(&batch[start..])? };
        let rest = start + written;
        if rest == batch.len() {
            return Ok(());
        }
        let waiting = self.backlog.as_ref().map_or(0, |backlog| backlog.bytes());
        let bytes = waiting + batch.len() - rest;
        if bytes > bound {
            return Err(Loss::Overflow { bytes });
        }
        self.backlog.get_or_insert_default().push(batch, rest, shared);
        Ok(())
    }

    /// Writes until the socket is full, and returns how many bytes it took.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match retry(|| self.stream.write(&bytes[written..])) {
                Ok(taken) => written += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Goes on with what waits, after the socket has become writable.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        let Some(backlog) = &mut self.backlog else { return Ok(()) };
        if backlog.write_to(&mut self.stream)? {
            self.backlog = None;
        }
        Ok(())
    }

    /// Lets go of a member that is to be told the last words.
    pub(super) fn into_farewell(mut self, registry: &Registry) -> Farewell {
        // Where it fails, the poll is about to end anyway.
        let _ = registry.deregister(&mut self.stream);
        let backlog = self.backlog.map(|backlog| backlog.into_slices()).unwrap_or_default();
        let name = self.speaker.name().clone();
        Farewell { name, stream: self.stream.into(), backlog, presence: self.presence }
    }

    /// Whether something waits for it.
    pub(super) fn is_behind(&self) -> bool {
        self.backlog.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beside its name and its socket, this is all that an idle member takes; a test that fails here
    /// has found that it grew, and may decide that it is worth it.
    #[test]
    fn an_idle_member_is_small() {
        let bytes = size_of::<Member>();
        assert!(bytes <= 192, "a member takes {bytes} bytes");
    }
}
