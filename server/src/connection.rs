//! A client's connection: that it is there, and its socket while a task of the runtime has it.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::{debug, info};

use crate::server::Server;

/// After this much silence the system asks whether the peer is still there, so that a client
/// whose machine vanished does not stay a member for ever.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The most bytes read and thrown away while a connection closes. A client that has sent more
/// than this without looking for an answer may as well be reset.
const MAX_DISCARDED_BYTES: usize = 1024 * 1024;

/// Bytes read at once: all four answers at their usual length, or a little of what nobody needs.
/// On the stack, so that a client that is silent in its handshake has no buffer.
const READ_BYTES: usize = 1024;

/// That a client is connected, and whose it is: counted and logged from its making to its drop.
pub(crate) struct Presence {
    peer: SocketAddr,
    server: Arc<Server>,
}

impl Presence {
    pub(crate) fn new(peer: SocketAddr, server: Arc<Server>) -> Self {
        let active = server.connection_opened();
        info!("connection is established with {peer}");
        info!("active connections: {active}");
        Presence { peer, server }
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let active = self.server.connection_closed();
        info!("connection is closed with {}", self.peer());
        info!("active connections: {active}");
    }
}

/// A client's socket while a task has it: before the client is admitted, and when the server stops.
pub(crate) struct Connection {
    // Before the presence, so that it is closed before it is said to be.
    stream: TcpStream,
    presence: Presence,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, server: Arc<Server>) -> Self {
        if let Err(error) = prepare(&stream) {
            debug!("socket options are not set for {peer}: {error}");
        }
        Connection { stream, presence: Presence::new(peer, server) }
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.presence.peer
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.presence.server
    }

    /// The socket for a worker, which waits for it in another way.
    ///
    /// # Errors
    ///
    /// When this runtime cannot let go of it.
    pub(crate) fn into_parts(self) -> io::Result<(mio::net::TcpStream, Presence)> {
        Ok((mio::net::TcpStream::from_std(self.stream.into_std()?), self.presence))
    }

    /// A socket that a worker has, or was to have.
    ///
    /// # Errors
    ///
    /// When this runtime cannot wait for it; it is closed then.
    pub(crate) fn from_parts(
        stream: impl Into<std::net::TcpStream>,
        presence: Presence,
    ) -> io::Result<Self> {
        Ok(Connection { stream: TcpStream::from_std(stream.into())?, presence })
    }

    /// Waits until there may be something to read, or nothing ever again.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        // Readiness costs no budget; without this, a client that never stops sending would keep
        // its thread from everybody else, and from its own deadline.
        tokio::task::consume_budget().await;
        self.stream.readable().await
    }

    /// Reads what is there, without waiting, and hands it to `take`. No bytes mean the end of the
    /// stream; `None` that there is nothing yet.
    pub(crate) fn read_now<T>(&self, take: impl FnOnce(&[u8]) -> T) -> io::Result<Option<T>> {
        let mut buffer = [0; READ_BYTES];
        match self.stream.try_read(&mut buffer) {
            Ok(bytes) => Ok(Some(take(&buffer[..bytes]))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes until the socket is full, without waiting, and returns how many bytes it took.
    fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.try_write(&bytes[written..]) {
                Ok(taken) => written += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(written)
    }

    /// Writes all of `bytes`.
    pub(crate) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            let written = self.write_now(bytes)?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Says `last`, and closes so that it arrives: the client's close is waited for, and what it
    /// still sends is read, because unread bytes would turn the close into a reset.
    pub(crate) async fn part_with(&self, last: &[u8]) {
        let parting = async {
            self.write(last).await?;
            self.finish_writing();
            self.discard().await
        };
        match timeout(self.server().settings.linger, parting).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!("{} went before its last line: {error}", self.peer()),
            Err(_) => debug!("{} does not close; closing", self.peer()),
        }
    }

    /// Tells the client that nothing more will come.
    pub(crate) fn finish_writing(&self) {
        // It fails where the client is gone already, and then there is nobody to tell.
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
    }

    pub(crate) fn reset_on_close(&self) {
        reset_on_close(&self.stream);
    }

    /// Reads and forgets until the client closes, or until it has sent more than is reasonable.
    pub(crate) async fn discard(&self) -> io::Result<()> {
        let mut discarded = 0;
        while discarded <= MAX_DISCARDED_BYTES {
            self.readable().await?;
            match self.read_now(<[u8]>::len)? {
                Some(0) => return Ok(()),
                Some(bytes) => discarded += bytes,
                None => {}
            }
        }
        Ok(())
    }
}

/// Makes the close a reset, which frees what the system still holds for a client that does not
/// read. Otherwise the client could keep it there for as long as it likes.
pub(crate) fn reset_on_close<'s>(stream: impl Into<SockRef<'s>>) {
    // Where it fails, the close is an ordinary one.
    let _ = stream.into().set_linger(Some(Duration::ZERO));
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Messages are short and each is worth reading at once.
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))
}
