//! The way of admitted clients from their sessions to a worker.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chatroom_protocol::GroupId;
use mio::{Poll, Token, Waker};
use tracing::error;

use crate::room::Newcomer;

/// By which a worker's poll tells that somebody has arrived.
pub(crate) const ARRIVALS: Token = Token(usize::MAX);

/// Those who are on their way to one worker. There are never more than connections.
pub(crate) struct Arrivals {
    waiting: Mutex<Waiting>,
    waker: Waker,
}

#[derive(Default)]
struct Waiting {
    newcomers: Vec<(GroupId, Newcomer)>,
    is_closed: bool,
}

impl Arrivals {
    /// The way to a worker, and the poll at which the worker is to wait.
    pub(crate) fn new() -> io::Result<(Poll, Arc<Self>)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), ARRIVALS)?;
        Ok((poll, Arc::new(Arrivals { waiting: Mutex::default(), waker })))
    }

    /// Nobody comes any more, and the worker is to end.
    pub(crate) fn close(&self) {
        self.waiting().is_closed = true;
        self.wake();
    }

    /// Takes all who wait, and whether they were the last.
    pub(crate) fn take(&self) -> (Vec<(GroupId, Newcomer)>, bool) {
        let mut waiting = self.waiting();
        (std::mem::take(&mut waiting.newcomers), waiting.is_closed)
    }

    fn wake(&self) {
        if let Err(error) = self.waker.wake() {
            error!("a worker cannot be woken: {error}");
        }
    }

    /// Every change is complete before anything could panic, so a poisoned lock is still good.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way into a group's room.
#[derive(Clone)]
pub(crate) struct Door {
    group: GroupId,
    arrivals: Arc<Arrivals>,
}

impl Door {
    pub(crate) fn new(group: GroupId, arrivals: Arc<Arrivals>) -> Self {
        Door { group, arrivals }
    }

    /// Hands an admitted client over to the worker; gives it back when the server stops.
    pub(crate) fn enter(&self, newcomer: Newcomer) -> Result<(), Box<Newcomer>> {
        let mut waiting = self.arrivals.waiting();
        if waiting.is_closed {
            return Err(Box::new(newcomer));
        }
        waiting.newcomers.push((self.group, newcomer));
        let is_first = waiting.newcomers.len() == 1;
        drop(waiting);
        if is_first {
            self.arrivals.wake();
        }
        Ok(())
    }
}
