//! What all connections of one server share.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::directory::Directory;
use crate::room::Mailbox;
use crate::{Settings, Summary};

pub(crate) struct Server {
    pub(crate) settings: Settings,
    /// Every task of this server, so that a stop can wait for them all.
    pub(crate) tasks: TaskTracker,
    /// Cancelled once the server stops.
    pub(crate) stop: CancellationToken,
    /// A std mutex: it is held for one lookup at a time and never across an await.
    directory: Mutex<Directory<Mailbox>>,
    accepted: AtomicU64,
    active: AtomicUsize,
}

impl Server {
    pub(crate) fn new(settings: Settings) -> Self {
        Server {
            directory: Mutex::new(Directory::new(settings.max_groups)),
            settings,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            accepted: AtomicU64::new(0),
            active: AtomicUsize::new(0),
        }
    }

    /// Groups, passwords and names. Every change to them is complete before anything could panic,
    /// so a poisoned lock is still good.
    pub(crate) fn directory(&self) -> MutexGuard<'_, Directory<Mailbox>> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a new connection, and returns how many there are with it.
    pub(crate) fn connection_opened(&self) -> usize {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        self.active.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Forgets a connection, and returns how many there are without it.
    pub(crate) fn connection_closed(&self) -> usize {
        self.active.fetch_sub(1, Ordering::Relaxed) - 1
    }

    pub(crate) fn summary(&self) -> Summary {
        Summary {
            connections: self.accepted.load(Ordering::Relaxed),
            groups: self.directory().groups(),
        }
    }
}
