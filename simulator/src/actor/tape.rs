//! What the bots of a scenario did on the wire, so that a person can do the same by hand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

/// How many deeds of a client are kept: its first, with which it came, and its last.
const FIRST: usize = 8;
const LAST: usize = 16;

/// The bytes of one write that are kept.
const MOST_BYTES: usize = 4096;

/// Something that a client did to its connection.
#[derive(Debug, Clone)]
pub(crate) struct Deed {
    pub(crate) at: Instant,
    pub(crate) what: Done,
}

/// What can be done to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// It was opened.
    Connected,
    /// These bytes were written, in one piece or in several.
    Wrote { bytes: Vec<u8>, in_pieces: bool },
    /// The sending side was closed.
    HalfClosed,
    /// It was closed.
    Left,
    /// It was reset.
    Reset,
    /// Nothing was read from then on.
    StoppedReading,
}

/// What everybody did, each client by its key.
///
/// Written by the clients' sockets and read once something has failed; the lock is held only to push or
/// copy.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    clients: Mutex<BTreeMap<String, Deeds>>,
}

#[derive(Debug, Default)]
struct Deeds {
    first: Vec<Deed>,
    last: VecDeque<Deed>,
}

impl Tape {
    /// Notes that `client` did something now.
    pub(crate) fn note(&self, client: &str, what: Done) {
        let deed = Deed { at: Instant::now(), what };
        let mut clients = self.clients();
        if !clients.contains_key(client) {
            clients.insert(client.to_owned(), Deeds::default());
        }
        if let Some(deeds) = clients.get_mut(client) {
            deeds.push(deed);
        }
    }

    /// The same for bytes that were written.
    pub(crate) fn note_bytes(&self, client: &str, bytes: &[u8], in_pieces: bool) {
        let bytes = bytes[..bytes.len().min(MOST_BYTES)].to_vec();
        self.note(client, Done::Wrote { bytes, in_pieces });
    }

    /// What `client` did, oldest first.
    pub(crate) fn of(&self, client: &str) -> Vec<Deed> {
        self.clients().get(client).map(Deeds::all).unwrap_or_default()
    }

    /// Every change is complete before anything could panic, so a poisoned lock is still good.
    fn clients(&self) -> MutexGuard<'_, BTreeMap<String, Deeds>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deeds {
    fn push(&mut self, deed: Deed) {
        if self.first.len() < FIRST {
            return self.first.push(deed);
        }
        self.last.push_back(deed);
        if self.last.len() > LAST {
            self.last.pop_front();
        }
    }

    fn all(&self) -> Vec<Deed> {
        self.first.iter().chain(&self.last).cloned().collect()
    }
}
