//! Releases what was held back, at the time, as exactly as a thread can.
//!
//! A runtime's timer counts in milliseconds, and is late by more than one on a busy machine. Here a
//! thread of its own sleeps until shortly before, and looks at the clock for the rest.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::runtime::Handle;

use super::outbox::{Flushed, Outbox};

/// How long before the time the thread stops to sleep: the system wakes it that late at most, on an
/// idle machine.
const AWAKE: Duration = Duration::from_micros(200);

/// Three digits are more than the clock is worth.
const DIGITS: u8 = 3;

type Appointment = (Instant, Arc<Outbox>);

/// How late copies were released, in microseconds: from when they were due to when they were written.
/// Read from other threads.
#[derive(Debug, Clone)]
pub(super) struct Lateness(Arc<Mutex<Histogram<u64>>>);

impl Default for Lateness {
    fn default() -> Self {
        let histogram = Histogram::new(DIGITS).expect("a histogram may have one to five digits");
        Lateness(Arc::new(Mutex::new(histogram)))
    }
}

impl Lateness {
    pub(super) fn read(&self) -> Histogram<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn record(&self, late: Duration) {
        let micros = u64::try_from(late.as_micros()).unwrap_or(u64::MAX);
        // It grows as it has to.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
    }
}

/// The way to the thread, which ends when the last of these is dropped.
#[derive(Clone)]
pub(super) struct Timer {
    appointments: Sender<Appointment>,
}

impl Timer {
    /// Starts the thread. What a client does not take at once, a task of `runtime` writes later.
    pub(super) fn start(runtime: Handle, lateness: Lateness) -> Timer {
        let (appointments, incoming) = mpsc::channel();
        let waiting = Waiting { incoming, heap: BinaryHeap::new(), added: 0, lateness };
        thread::spawn(move || waiting.run(&runtime));
        Timer { appointments }
    }

    /// Has what is due at `time` released then.
    pub(super) fn release_at(&self, time: Instant, outbox: &Arc<Outbox>) {
        // The thread ends only after this.
        let _ = self.appointments.send((time, Arc::clone(outbox)));
    }
}

struct Waiting {
    incoming: Receiver<Appointment>,
    /// What comes first is on top; of two at one time, what was asked for first.
    heap: BinaryHeap<Reverse<Entry>>,
    /// How many were ever added.
    added: u64,
    lateness: Lateness,
}

struct Entry {
    time: Instant,
    number: u64,
    outbox: Arc<Outbox>,
}

impl Waiting {
    fn run(mut self, runtime: &Handle) {
        while self.wait() {
            let Some(Reverse(entry)) = self.heap.pop() else { continue };
            let flushed = entry.outbox.release(Instant::now());
            self.lateness.record(entry.time.elapsed());
            if flushed == Flushed::Stuck {
                runtime.spawn(async move { entry.outbox.drain().await });
            }
        }
    }

    /// Waits until the first appointment, and says whether there is any more to wait for.
    fn wait(&mut self) -> bool {
        loop {
            while let Ok(appointment) = self.incoming.try_recv() {
                self.add(appointment);
            }
            let Some(Reverse(first)) = self.heap.peek() else {
                let Ok(appointment) = self.incoming.recv() else { return false };
                self.add(appointment);
                continue;
            };
            let left = first.time.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            if left <= AWAKE {
                hint::spin_loop();
                continue;
            }
            match self.incoming.recv_timeout(left - AWAKE) {
                Ok(appointment) => self.add(appointment),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    fn add(&mut self, (time, outbox): Appointment) {
        self.added += 1;
        self.heap.push(Reverse(Entry { time, number: self.added, outbox }));
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.time, self.number).cmp(&(other.time, other.number))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
