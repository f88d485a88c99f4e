//! Takes lines to clients: at once, or later where that is the order.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use chatroom_protocol::Notice;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::brake::Brake;
use super::outbox::{Flushed, Outbox, Then};
use super::timer::{Lateness, Timer};
use super::{Delay, Injected};

/// What all connections share to reach each other's clients.
pub(super) struct Post {
    delay: Option<(Delay, Timer)>,
    /// Whether nobody gets anything any more.
    stalled: AtomicBool,
    /// Who has to be flushed.
    listed: Mutex<Vec<Arc<Outbox>>>,
    /// Somebody is listed.
    wake: Notify,
    /// The server has to end at once.
    pub(super) crash: Notify,
    pub(super) counters: Arc<Counters>,
}

/// What was done so far. Read from other threads.
#[derive(Debug, Default)]
pub(super) struct Counters {
    times: AtomicU64,
    copies: AtomicU64,
    delayed: AtomicU64,
    pub(super) lateness: Lateness,
}

impl Counters {
    pub(super) fn read(&self) -> Injected {
        Injected {
            times: self.times.load(Ordering::SeqCst),
            copies: self.copies.load(Ordering::SeqCst),
            delayed: self.delayed.load(Ordering::SeqCst),
        }
    }
}

impl Post {
    /// Called within the runtime that will flush.
    pub(super) fn new(delay: Option<Delay>, counters: Arc<Counters>) -> Self {
        let timer = |lateness| Timer::start(Handle::current(), lateness);
        Post {
            delay: delay.map(|delay| (delay, timer(counters.lateness.clone()))),
            stalled: AtomicBool::new(false),
            listed: Mutex::default(),
            wake: Notify::new(),
            crash: Notify::new(),
            counters,
        }
    }

    /// A copy of a message that was read at `taken`.
    pub(super) fn copy(&self, outbox: &Arc<Outbox>, line: &[u8], taken: Instant) {
        let due = self.delay.as_ref().and_then(|(delay, _)| {
            let is_held = outbox.count_copy().is_multiple_of(delay.every.get());
            is_held.then(|| taken + delay.by)
        });
        if due.is_some() {
            self.counters.delayed.fetch_add(1, Ordering::SeqCst);
        }
        self.put(outbox, line, due);
    }

    /// A line in the server's own voice.
    pub(super) fn notice(&self, outbox: &Arc<Outbox>, notice: &Notice<'_>) {
        self.line(outbox, &notice.to_string());
    }

    /// Any other line.
    pub(super) fn line(&self, outbox: &Arc<Outbox>, line: &str) {
        self.put(outbox, format!("{line}\n").as_bytes(), None);
    }

    /// The last line was put in; the close follows.
    pub(super) fn finish(&self, outbox: &Arc<Outbox>) {
        if !self.stalled.load(Ordering::SeqCst) {
            self.then(outbox, outbox.finish());
        }
    }

    /// From now on nobody gets anything.
    pub(super) fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    /// Something was done, once, and so many copies or notices are not as they should be.
    pub(super) fn count(&self, copies: usize) {
        self.counters.times.fetch_add(1, Ordering::SeqCst);
        self.counters.copies.fetch_add(copies as u64, Ordering::SeqCst);
    }

    fn put(&self, outbox: &Arc<Outbox>, line: &[u8], due: Option<Instant>) {
        if !self.stalled.load(Ordering::SeqCst) {
            self.then(outbox, outbox.put(line, due));
        }
    }

    fn then(&self, outbox: &Arc<Outbox>, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Flush => {
                let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
                listed.push(Arc::clone(outbox));
                self.wake.notify_one();
            }
            Then::ReleaseAt(time) => {
                if let Some((_, timer)) = &self.delay {
                    timer.release_at(time, outbox);
                }
            }
        }
    }

    /// Flushes whoever is listed, for ever. It comes after the tasks that are ready already, so what
    /// was said in one moment goes out in one write to each.
    pub(super) async fn run(&self, slower: f64) {
        let mut brake = Brake::new(slower);
        loop {
            self.wake.notified().await;
            let listed = {
                let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *listed)
            };
            for outbox in listed {
                brake.before(outbox.lines());
                if outbox.flush() == Flushed::Stuck {
                    tokio::spawn(async move { outbox.drain().await });
                }
            }
        }
    }
}
