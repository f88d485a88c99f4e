//! The way out to one client: what waits for it, and what is held back on purpose.

use std::collections::VecDeque;
use std::io;
use std::net::Shutdown;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use socket2::SockRef;
use tokio::net::TcpStream;

/// A client is cut off when more bytes than this wait for it, besides those held back on purpose.
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// What has been written gives its memory back if it took more than this: most clients are idle.
const KEPT_BYTES: usize = 16 * 1024;

/// The way out to one client.
pub(super) struct Outbox {
    /// Also read from, by the task of the connection.
    pub(super) socket: TcpStream,
    /// Held for as long as it takes to move bytes, or to hand them to the system.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// To be written as soon as possible.
    ready: Vec<u8>,
    /// How many lines were added to `ready` since it was last written.
    lines: u32,
    /// Follows `ready`, each when it is due; the times never go down.
    held: VecDeque<(Instant, Box<[u8]>)>,
    /// How many copies of messages were put in, to know which is held back.
    copies: u64,
    /// Somebody will flush this.
    is_listed: bool,
    /// A task waits until the client has read something.
    is_stuck: bool,
    /// Nothing is added any more, and the connection is closed after what is there.
    is_finished: bool,
    /// The client cannot be reached any more.
    is_broken: bool,
}

/// What has to be done after a line was put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// Nothing: somebody will come by.
    Nothing,
    /// Flush it soon.
    Flush,
    /// Release what is due at this time.
    ReleaseAt(Instant),
}

/// How a flush ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Everything is written that may be, or can be.
    Done,
    /// The client has to read first, and nobody waits for that yet.
    Stuck,
}

impl Outbox {
    pub(super) fn new(socket: TcpStream) -> Self {
        Outbox { socket, state: Mutex::default() }
    }

    /// Counts a copy, and returns its number, from 1.
    pub(super) fn count_copy(&self) -> u64 {
        let mut state = self.lock();
        state.copies += 1;
        state.copies
    }

    /// Adds a line. Without `due` it goes out as soon as what was added before it is out.
    pub(super) fn put(&self, line: &[u8], due: Option<Instant>) -> Then {
        let mut state = self.lock();
        if state.is_finished || state.is_broken {
            return Then::Nothing;
        }
        let before = state.held.back().map(|held| held.0);
        if let Some(time) = due.max(before) {
            state.held.push_back((time, line.into()));
            return if before < Some(time) { Then::ReleaseAt(time) } else { Then::Nothing };
        }
        if state.ready.len() + line.len() > MAX_WAITING_BYTES {
            self.cut_off(&mut state);
            return Then::Nothing;
        }
        state.ready.extend_from_slice(line);
        state.lines += 1;
        state.listed()
    }

    /// Nothing follows: the connection is closed once everything is written.
    pub(super) fn finish(&self) -> Then {
        let mut state = self.lock();
        state.is_finished = true;
        state.listed()
    }

    /// How many lines the next flush writes.
    pub(super) fn lines(&self) -> u32 {
        self.lock().lines
    }

    /// Writes what may be written, as far as the client lets it. Never waits.
    pub(super) fn flush(&self) -> Flushed {
        let mut state = self.lock();
        state.is_listed = false;
        if state.is_stuck { Flushed::Done } else { self.write(&mut state) }
    }

    /// Writes what is held back and due at `now`.
    pub(super) fn release(&self, now: Instant) -> Flushed {
        let mut state = self.lock();
        while state.held.front().is_some_and(|held| held.0 <= now)
            && let Some((_, line)) = state.held.pop_front()
        {
            state.ready.extend_from_slice(&line);
        }
        if state.is_stuck {
            if state.ready.len() > MAX_WAITING_BYTES {
                self.cut_off(&mut state);
            }
            return Flushed::Done;
        }
        self.write(&mut state)
    }

    /// Writes the rest to a client on which a flush was stuck: returns when it is out.
    pub(super) async fn drain(&self) {
        while self.socket.writable().await.is_ok() {
            let mut state = self.lock();
            state.is_stuck = false;
            if self.write(&mut state) == Flushed::Done {
                return;
            }
        }
    }

    fn write(&self, state: &mut State) -> Flushed {
        state.lines = 0;
        let mut written = 0;
        let flushed = loop {
            if state.is_broken || written == state.ready.len() {
                break Flushed::Done;
            }
            match self.socket.try_write(&state.ready[written..]) {
                Ok(bytes) => written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    state.is_stuck = true;
                    break Flushed::Stuck;
                }
                Err(_) => state.is_broken = true,
            }
        };
        if written < state.ready.len() && !state.is_broken {
            state.ready.drain(..written);
        } else if state.ready.capacity() > KEPT_BYTES {
            state.ready = Vec::new();
        } else {
            state.ready.clear();
        }
        if state.is_finished && state.ready.is_empty() && state.held.is_empty() {
            self.shutdown(Shutdown::Write);
        }
        flushed
    }

    fn cut_off(&self, state: &mut State) {
        state.is_broken = true;
        state.ready = Vec::new();
        state.held.clear();
        // This also wakes the task that reads, and it says goodbye to the group.
        self.shutdown(Shutdown::Both);
    }

    fn shutdown(&self, how: Shutdown) {
        // Fails only where the client has closed the connection already.
        let _ = SockRef::from(&self.socket).shutdown(how);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn listed(&mut self) -> Then {
        let was_listed = std::mem::replace(&mut self.is_listed, true);
        if was_listed { Then::Nothing } else { Then::Flush }
    }
}
