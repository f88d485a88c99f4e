//! What waits to be written to one member, so that a member that does not read delays nobody.

use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::{Fault, Log, lock};

/// A member is cut off when more bytes than this wait for it.
const MAX_WAITING_BYTES: usize = 1024 * 1024;

/// The most bytes that are written at once.
const MAX_BATCH_BYTES: usize = 64 * 1024;

/// How long a client that has left may take to read what still waits for it.
const FAREWELL: Duration = Duration::from_secs(5);

/// The way out to one client. Anybody may push; a thread of its own writes.
pub(super) struct Outbox {
    fault: Option<Fault>,
    log: Log,
    socket: Arc<TcpStream>,
    /// Held only to move bytes in and out, never while writing.
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<u8>,
    /// How many bytes the writer is writing.
    being_written: usize,
    /// Nothing will be pushed any more.
    finished: bool,
    /// The client cannot be reached any more: it was cut off, or its connection was reset.
    broken: bool,
    /// The connection was reset.
    reset: bool,
}

impl Queue {
    fn is_drained(&self) -> bool {
        self.broken || (self.waiting.is_empty() && self.being_written == 0)
    }

    fn note(&mut self, written: &io::Result<()>) {
        // Writing to somebody who was cut off fails too, and means nothing.
        if written.is_err() && !self.broken {
            self.broken = true;
            self.reset = true;
        }
    }
}

impl Outbox {
    pub(super) fn new(socket: Arc<TcpStream>, fault: Option<Fault>, log: Log) -> Arc<Self> {
        let queue = Mutex::new(Queue::default());
        Arc::new(Outbox { fault, log, socket, queue, changed: Condvar::new() })
    }

    /// Adds a line. Never waits, whatever the client does, unless that is the fault.
    pub(super) fn push(&self, line: &str) {
        let end = if self.fault == Some(Fault::LineFeedMissing) { "" } else { "\n" };
        let line = format!("{line}{end}");
        if self.fault == Some(Fault::StalledReaderBlocksGroup) {
            let written = (&*self.socket).write_all(line.as_bytes());
            lock(&self.queue).note(&written);
            return;
        }
        let mut queue = lock(&self.queue);
        if queue.broken || queue.finished {
            return;
        }
        let waiting = queue.waiting.len() + queue.being_written + line.len();
        if waiting > MAX_WAITING_BYTES {
            match self.fault {
                Some(Fault::StalledReaderNeverCutOff) => {}
                Some(Fault::StalledReaderLosesMessages) => return,
                _ => {
                    self.log.line(&format!("cut off, {waiting} bytes wait for a member"));
                    queue.broken = true;
                    queue.waiting = Vec::new();
                    // This also ends the thread that reads from the client, and it says goodbye.
                    let _ = self.socket.shutdown(Shutdown::Both);
                }
            }
        }
        if !queue.broken {
            queue.waiting.extend_from_slice(line.as_bytes());
        }
        self.changed.notify_all();
    }

    /// Writes what is pushed until the outbox is finished or broken: the writer thread's work.
    pub(super) fn write(&self) {
        let mut batch = Vec::new();
        loop {
            let queue = lock(&self.queue);
            let idle =
                |queue: &mut Queue| queue.waiting.is_empty() && !queue.finished && !queue.broken;
            let waited = self.changed.wait_while(queue, idle);
            let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
            if queue.broken || queue.waiting.is_empty() {
                return;
            }
            let bytes = queue.waiting.len().min(MAX_BATCH_BYTES);
            batch.extend(queue.waiting.drain(..bytes));
            queue.being_written = bytes;
            drop(queue);

            let written = (&*self.socket).write_all(&batch);
            batch.clear();
            let mut queue = lock(&self.queue);
            queue.being_written = 0;
            queue.note(&written);
            self.changed.notify_all();
        }
    }

    /// Nothing follows: waits, within reason, until everything is written.
    pub(super) fn finish(&self) {
        let mut queue = lock(&self.queue);
        queue.finished = true;
        self.changed.notify_all();
        // Either way the connection is closed next, which also wakes a writer that is stuck.
        let _ = self.changed.wait_timeout_while(queue, FAREWELL, |queue| !queue.is_drained());
    }

    /// Whether the writer has seen that the connection was reset. The reader may not see it then.
    pub(super) fn was_reset(&self) -> bool {
        lock(&self.queue).reset
    }

    /// Whether the client cannot be reached any more.
    pub(super) fn is_broken(&self) -> bool {
        lock(&self.queue).broken
    }
}
