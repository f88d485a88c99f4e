//! What all connections of one server share.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::error;

use crate::names::Names;
use crate::settings::Settings;

pub(crate) struct Server {
    pub(crate) settings: Settings,
    /// Every task of this server, so that a stop can wait for them all.
    pub(crate) tasks: TaskTracker,
    /// Cancelled once the server stops.
    pub(crate) stop: CancellationToken,
    /// How many threads at a time flush a big room.
    pub(crate) lanes: NonZeroUsize,
    /// The names in use, in all groups. A std mutex: it is held for one lookup at a time and never
    /// across an await.
    names: Mutex<Names>,
    failure: Mutex<Option<io::Error>>,
    accepted: AtomicU64,
    active: AtomicUsize,
}

impl Server {
    pub(crate) fn new(settings: Settings) -> Self {
        Server {
            lanes: settings.workers.min(cores()),
            names: Mutex::default(),
            settings,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            failure: Mutex::new(None),
            accepted: AtomicU64::new(0),
            active: AtomicUsize::new(0),
        }
    }

    /// Every change to them is complete before anything could panic, so a poisoned lock is still good.
    pub(crate) fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Stops, because without `error` it cannot go on.
    pub(crate) fn fail(&self, error: io::Error) {
        error!("the server cannot go on: {error}");
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        self.stop.cancel();
    }

    /// Why it could not go on, if that is so.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// More threads than these do not make a flush faster.
fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
