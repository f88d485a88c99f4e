//! The floor: a server that only forwards, so that every figure of a real server can be read as a
//! multiple of what this machine can do at all.
//!
//! It can be read as a floor because it does nothing that a chat server could leave out. One thread
//! asks the system which sockets have something, reads them, puts the whole lines of one group together
//! in the order in which they were read, and hands them to the socket of every member in one write:
//! the least number of system calls in which every member gets every copy, in one order, with
//! nothing handed from thread to thread. The bots let a copy count from that same path only, so what
//! is left of a server's figure above this one is the server's own.
//!
//! What it leaves out: lines are not looked at, so nobody is named, checked or refused once inside (the
//! bots put their names in front themselves); names may be in use twice; there is no log, no timer, no
//! deadline for the handshake, no farewell at the end. More than one core could do better where there
//! are many groups; that is no longer only forwarding. What it does keep are bounds: on a line without
//! an end, and on what waits for a member that does not read.

mod connection;
mod crowd;
#[cfg(test)]
mod tests;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use mio::event::Event;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use socket2::{Domain, Protocol, Socket, Type};

use connection::Connection;
use crowd::Crowd;

/// The subcommand that runs it; not for people, so `--help` does not list it.
pub const SUBCOMMAND: &str = "forwarding-server";

/// Tokens that are no connection's.
const LISTENER: Token = Token(usize::MAX);
const STOP: Token = Token(usize::MAX - 1);

/// How many readinesses are taken at a time.
const EVENTS: usize = 1024;

/// The bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// Reads of one connection before others have their turn.
const READS_IN_A_ROW: usize = 4;

/// How many connections may wait to be accepted; with fewer, those who come all at once wait for a
/// second each.
const LISTEN_BACKLOG: i32 = 4096;

/// Listens on a free loopback port, says which, and forwards until standard input ends.
///
/// # Errors
///
/// When it cannot listen, or the system's poll fails.
pub fn serve() -> io::Result<()> {
    super::raise_descriptor_limit();
    let listener = listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let address = listener.local_addr()?;
    let (forwarder, stop) = Forwarder::new(listener)?;
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // However it ends, whoever started this process has gone.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = stop.wake();
    })?;
    writeln!(io::stdout(), "{}{address}", super::GREETING)?;
    forwarder.run()
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// The server's whole state.
struct Forwarder {
    poll: Poll,
    listener: TcpListener,
    /// Whether somebody may wait who could not be accepted for want of descriptors.
    is_full: bool,
    crowd: Crowd,
    /// Held, because one that is dropped takes back what it said to the poll.
    _stop: Arc<Waker>,
}

impl Forwarder {
    /// A server that listens there, and what ends it.
    fn new(mut listener: TcpListener) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let stop = Arc::new(Waker::new(poll.registry(), STOP)?);
        let crowd = Crowd::default();
        let forwarder =
            Forwarder { poll, listener, is_full: false, crowd, _stop: Arc::clone(&stop) };
        Ok((forwarder, stop))
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = vec![0; READ_BYTES];
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                match event.token() {
                    STOP => return Ok(()),
                    LISTENER => self.accept(),
                    Token(id) => self.attend(id, event, &mut buffer),
                }
            }
            self.crowd.flush_all();
            if self.is_full {
                self.accept();
            }
        }
    }

    fn accept(&mut self) {
        self.is_full = false;
        loop {
            match self.listener.accept() {
                Ok((mut stream, _)) => {
                    // Without it, small writes wait for each other; where it cannot be had, they do.
                    let _ = stream.set_nodelay(true);
                    let token = Token(self.crowd.next_id());
                    let interests = Interest::READABLE | Interest::WRITABLE;
                    // A connection that cannot be watched is closed; that is all there is to say.
                    if self.poll.registry().register(&mut stream, token, interests).is_ok() {
                        self.crowd.add(Connection::new(stream));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_about_one_client(&error) => {}
                Err(_) => {
                    // It is tried again when something has happened, such as a close.
                    self.is_full = true;
                    return;
                }
            }
        }
    }

    fn attend(&mut self, id: usize, event: &Event, buffer: &mut [u8]) {
        if event.is_writable() {
            self.crowd.write_on(id);
        }
        let ends = event.is_read_closed() || event.is_error();
        if event.is_readable() || ends {
            self.read(id, ends, buffer);
        }
    }

    /// Reads what there is. A read that is not full has emptied the socket, unless the end is there.
    fn read(&mut self, id: usize, ends: bool, buffer: &mut [u8]) {
        for _ in 0..READS_IN_A_ROW {
            let Some(connection) = self.crowd.get(id) else { return };
            match connection.stream.read(buffer) {
                Ok(0) => return self.crowd.leave(id),
                Ok(length) => {
                    self.crowd.hear(id, &buffer[..length]);
                    if length < buffer.len() && !ends {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.crowd.leave(id),
            }
        }
        self.crowd.flush_all();
        let Some(connection) = self.crowd.get(id) else { return };
        // The poll tells of what is there again once it is asked again.
        let interests = Interest::READABLE | Interest::WRITABLE;
        if self.poll.registry().reregister(&mut connection.stream, Token(id), interests).is_err() {
            self.crowd.cut_off(id);
        }
    }
}

/// Whether accepting failed because a client has gone again.
fn is_about_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
