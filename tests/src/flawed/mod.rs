//! A small chat server that is right, or wrong in exactly one way.
//!
//! A tool that judges servers is itself judged by what it says about these: nothing about the one
//! without a fault, and about each of the others the fault's own name.
//!
//! The server speaks the `line` dialect of `docs/protocol.md`. It is written to be read in one
//! sitting: a thread reads from each client (`connection`), another writes to it (`outbox`), and
//! who gets what is decided under one lock (`chat`). A fault is a comparison with its name, and
//! stands where a programmer would have made the mistake; search for the variant to find it.

mod chat;
mod connection;
mod fault;
mod input;
mod outbox;

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use chat::Chat;
use connection::Connection;

pub use fault::{Fault, NoSuchFault};

/// How long dropping a server waits for its threads. They end in milliseconds.
const LAST_THREAD: Duration = Duration::from_secs(10);

/// A server that runs until it is dropped.
pub struct FlawedServer {
    addr: SocketAddr,
    sockets: Arc<Sockets>,
    /// Disconnected once the last of the server's threads has ended.
    ended: Receiver<()>,
}

impl FlawedServer {
    /// Starts a server on a free port of 127.0.0.1, with one fault or none.
    ///
    /// # Panics
    ///
    /// When no port can be bound.
    #[must_use]
    pub fn start(fault: Option<Fault>) -> FlawedServer {
        let server = FlawedServer::listen(SocketAddr::from(([127, 0, 0, 1], 0)), fault, Log::Off);
        server.expect("a free port of 127.0.0.1 can be bound")
    }

    /// Starts a server on `addr`, with one fault or none, and a log or none.
    ///
    /// # Errors
    ///
    /// When `addr` cannot be bound.
    pub fn listen(addr: SocketAddr, fault: Option<Fault>, log: Log) -> io::Result<FlawedServer> {
        let listener = TcpListener::bind(addr)?;
        let addr = listener.local_addr()?;
        log.line(&format!("Server is listening on {addr}"));
        let sockets = Arc::new(Sockets { open: Mutex::new(Some(HashMap::new())) });
        let (alive, ended) = mpsc::channel();
        let shared = Arc::new(Shared {
            fault,
            log,
            addr,
            chat: Mutex::new(Chat::new(fault)),
            sockets: Arc::clone(&sockets),
            stops_accepting: AtomicBool::new(false),
            _alive: alive,
        });
        thread::spawn(move || accept(&listener, &shared));
        Ok(FlawedServer { addr, sockets, ended })
    }

    /// Where the server listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Waits until the server ends by itself, which only some faults make it do.
    pub fn wait(self) {
        // Nothing is ever sent; what is waited for is the end of all senders.
        let _ = self.ended.recv();
    }
}

/// Closes the listener and all connections, and waits for the threads to end.
impl Drop for FlawedServer {
    fn drop(&mut self) {
        self.sockets.close();
        wake_accept_loop(self.addr);
        let _ = self.ended.recv_timeout(LAST_THREAD);
    }
}

/// Where a server's log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// Nowhere.
    Off,
    /// To standard error, a line for each event.
    Stderr,
}

impl Log {
    fn line(self, line: &str) {
        if self == Log::Stderr {
            eprintln!("{line}");
        }
    }
}

/// What all of a server's threads share.
struct Shared {
    fault: Option<Fault>,
    log: Log,
    addr: SocketAddr,
    /// The one lock under which everything is ordered. Nothing waits for a client while it is
    /// held, unless that is the fault.
    chat: Mutex<Chat>,
    sockets: Arc<Sockets>,
    /// Set by [`Fault::StopsAcceptingAfterAReset`].
    stops_accepting: AtomicBool,
    /// Dropped with the last thread.
    _alive: Sender<()>,
}

impl Shared {
    /// Ends the whole server, for [`Fault::ServerDiesOnSilentClose`].
    fn die(&self) {
        self.sockets.close();
        wake_accept_loop(self.addr);
    }
}

/// The accept loop. It does nothing but hand connections to threads of their own.
fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for number in 0.. {
        let Ok((socket, peer)) = listener.accept() else {
            // Out of descriptors, most likely: others will close theirs.
            thread::sleep(Duration::from_millis(10));
            continue;
        };
        if shared.stops_accepting.load(Ordering::SeqCst) {
            return;
        }
        let socket = Arc::new(socket);
        let Some(active) = shared.sockets.add(number, &socket) else { return };
        shared.log.line(&format!("accepted {peer}, {active} active"));
        // Messages are small, and somebody waits for each.
        let _ = socket.set_nodelay(true);
        let mut connection = Connection::new(Arc::clone(shared), number, socket);
        if shared.fault == Some(Fault::SilentHandshakeBlocksOthers) {
            if let Some(request) = connection.handshake() {
                thread::spawn(move || connection.serve(&request));
            }
            continue;
        }
        // If there can be no more threads, the connection is dropped, and so closed.
        let _ = thread::Builder::new().spawn(move || {
            if let Some(request) = connection.handshake() {
                connection.serve(&request);
            }
        });
    }
}

/// `accept` cannot be interrupted; a connection makes it return and look around.
fn wake_accept_loop(addr: SocketAddr) {
    let _ = TcpStream::connect_timeout(&addr, Duration::from_secs(1));
}

/// Every open connection, so that all can be closed at once.
struct Sockets {
    /// `None` once they have been closed; there are no new ones then.
    open: Mutex<Option<HashMap<u64, Arc<TcpStream>>>>,
}

impl Sockets {
    /// Adds a connection and returns how many there are, or `None` if the server has ended.
    fn add(&self, number: u64, socket: &Arc<TcpStream>) -> Option<usize> {
        let mut open = lock(&self.open);
        let open = open.as_mut()?;
        open.insert(number, Arc::clone(socket));
        Some(open.len())
    }

    /// Removes a connection and returns how many are left.
    fn remove(&self, number: u64) -> usize {
        let mut open = lock(&self.open);
        let Some(open) = open.as_mut() else { return 0 };
        open.remove(&number);
        open.len()
    }

    fn are_closed(&self) -> bool {
        lock(&self.open).is_none()
    }

    fn close(&self) {
        let open = lock(&self.open).take();
        for socket in open.unwrap_or_default().values() {
            // Whatever thread reads from it or writes to it wakes up and ends.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Locks, even after a panic elsewhere: one fault at a time is enough.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
