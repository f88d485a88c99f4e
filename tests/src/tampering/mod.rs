//! A chat server that is right and fast, and tampers with copies as it is told.
//!
//! What measures and checks a server under load is itself checked by what it finds out about this
//! one: the copies that were held back, by as much as they were, and each fault as often as it was
//! done. Unlike the [`flawed`](crate::flawed) servers, which are wrong all the time, it does
//! one thing at a chosen message, and counts what it did.
//!
//! It speaks the `line` dialect of `docs/protocol.md`. One thread does everything (`connection`
//! reads, `hall` and `group` decide, `post` and `outbox` write), and a second one releases what was
//! held back (`timer`). What it leaves out: it has no log, and does not say goodbye when it ends.

mod brake;
mod connection;
mod fault;
mod group;
mod hall;
mod outbox;
mod plan;
mod post;
mod settings;
mod text;
mod timer;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use connection::Connection;
use hall::Hall;
use post::{Counters, Post};

pub use fault::{Fault, NoSuchFault};
pub use settings::{Delay, Settings, Tampering};

/// How many connections may wait to be accepted: with less, a crowd that connects at once loses
/// SYNs, and each loss costs its client a second.
const LISTEN_BACKLOG: u32 = 4096;

/// A server that runs until it is dropped, or crashes.
pub struct TamperingServer {
    addr: SocketAddr,
    counters: Arc<Counters>,
    /// Dropped to end the server.
    stop: Option<oneshot::Sender<()>>,
    crashed: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a server has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Injected {
    /// How often the fault was done, counted when it is complete: at the later of two messages that
    /// change places, or when a copy comes again.
    pub times: u64,
    /// How many copies or notices came of that: missing ones, ones too many, ones out of place or
    /// spoilt. For a fault that does not concern a copy it is 1 for each time, or 0 where
    /// everything ends.
    pub copies: u64,
    /// How many copies were held back because it was their turn; not those that only followed.
    pub delayed: u64,
}

impl TamperingServer {
    /// Starts a server in a thread of its own.
    ///
    /// # Errors
    ///
    /// When it cannot listen on the address.
    pub fn start(settings: Settings) -> io::Result<TamperingServer> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _within = runtime.enter();
            listen(settings.listen)?
        };
        let addr = listener.local_addr()?;
        let counters = Arc::new(Counters::default());
        let (stop, stopped) = oneshot::channel();
        let (crash, crashed) = oneshot::channel();
        let serving = serve(listener, settings, Arc::clone(&counters));
        let thread = thread::spawn(move || run(&runtime, serving, stopped, crash));
        let (stop, crashed, thread) = (Some(stop), Some(crashed), Some(thread));
        Ok(TamperingServer { addr, counters, stop, crashed, thread })
    }

    /// Where the server listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What the server has done so far.
    #[must_use]
    pub fn injected(&self) -> Injected {
        self.counters.read()
    }

    /// How late the copies that were held back were written, in microseconds after they were due: what
    /// a measurement of the delay may differ by. One value for each write.
    #[must_use]
    pub fn lateness(&self) -> Histogram<u64> {
        self.counters.lateness.read()
    }

    /// Waits until the server crashes, which only [`Fault::Crash`] makes it do.
    ///
    /// # Cancel safety
    ///
    /// It can be called again after it was dropped.
    pub async fn crashed(&mut self) {
        if let Some(crashed) = &mut self.crashed {
            // An error says that the thread is gone, and so is the server.
            let _ = crashed.await;
            self.crashed = None;
        }
    }
}

/// Closes everything at once.
impl Drop for TamperingServer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // It fails if the thread has panicked, and then its message was shown already.
            let _ = thread.join();
        }
    }
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // On Windows this would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(LISTEN_BACKLOG)
}

/// The server's thread.
fn run(
    runtime: &Runtime,
    serving: impl Future<Output = ()>,
    stopped: oneshot::Receiver<()>,
    crash: oneshot::Sender<()>,
) {
    runtime.block_on(async {
        tokio::select! {
            () = serving => drop(crash.send(())),
            // The sender is dropped and never used.
            _ = stopped => {}
        }
    });
}

/// Serves until the server crashes.
async fn serve(listener: TcpListener, settings: Settings, counters: Arc<Counters>) {
    let post = Arc::new(Post::new(settings.delay, counters));
    let hall = Arc::new(Mutex::new(Hall::new(settings.tampering, Arc::clone(&post))));
    let flushing = Arc::clone(&post);
    tokio::spawn(async move { flushing.run(settings.slower).await });
    tokio::select! {
        () = post.crash.notified() => {}
        () = accept(&listener, &hall, &post) => {}
    }
}

/// Hands every connection to a task of its own, for ever.
async fn accept(listener: &TcpListener, hall: &Arc<Mutex<Hall>>, post: &Arc<Post>) {
    for number in 0.. {
        let Ok((socket, _)) = listener.accept().await else {
            // Out of descriptors, most likely: others will close theirs.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let connection = Connection::new(number, socket, Arc::clone(hall), Arc::clone(post));
        tokio::spawn(connection.run());
    }
}

#[cfg(test)]
mod tests;
