//! A client's socket, from its acceptance to its close.

use std::cell::RefCell;
use std::io::{self, IoSlice};
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

/// Bytes in a thread's scratch buffer: some dozens of chat messages, and few enough that what one
/// read becomes, each message with a long name in front, stays below a few hundred kilobytes.
const SCRATCH_BYTES: usize = 4096;

/// The most bytes read and thrown away while a connection closes. A client that has sent more
/// than this without looking for an answer may as well be reset.
const MAX_DISCARDED_BYTES: usize = 1024 * 1024;

thread_local! {
    /// One read buffer for all connections that are read on this thread: an idle client has none.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH_BYTES]);
}

/// A client's socket. Its reader and its room share it, and the last of them closes it.
pub(crate) struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    server: Arc<Server>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, server: Arc<Server>) -> Self {
        if let Err(error) = prepare(&stream) {
            debug!("socket options are not set for {peer}: {error}");
        }
        let active = server.connection_opened();
        info!("connection is established with {peer}");
        info!("active connections: {active}");
        Connection { stream, peer, server }
    }

    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    /// Waits until there may be something to read, or nothing ever again.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await
    }

    /// Waits until the socket may take bytes again.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.stream.writable().await
    }

    /// Reads what is there, without waiting, and hands it to `take`. No bytes mean the end of the
    /// stream; `None` that there is nothing yet.
    pub(crate) fn read_now<T>(&self, take: impl FnOnce(&[u8]) -> T) -> io::Result<Option<T>> {
        SCRATCH.with_borrow_mut(|scratch| match self.stream.try_read(scratch) {
            Ok(bytes) => Ok(Some(take(&scratch[..bytes]))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        })
    }

    /// Reads into `buffer`; 0 bytes mean the end of the stream.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Readiness costs no budget; without this, a client that never stops sending would keep
            // its worker from everybody else, and from its own deadline.
            tokio::task::consume_budget().await;
            self.stream.readable().await?;
            match self.stream.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    /// Writes until the socket is full, without waiting, and returns how many bytes it took.
    pub(crate) fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
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

    /// Writes once, without waiting, and returns how many bytes the socket took; `None` when full.
    pub(crate) fn write_slices_now(&self, slices: &[IoSlice<'_>]) -> io::Result<Option<usize>> {
        match self.stream.try_write_vectored(slices) {
            Ok(taken) => Ok(Some(taken)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
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
        match timeout(self.server.settings.linger, parting).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!("{} went before its last line: {error}", self.peer),
            Err(_) => debug!("{} does not close; closing", self.peer),
        }
    }

    /// Tells the client that nothing more will come.
    pub(crate) fn finish_writing(&self) {
        // It fails where the client is gone already, and then there is nobody to tell.
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
    }

    /// Reads and forgets until the client closes, or until it has sent more than is reasonable.
    pub(crate) async fn discard(&self) -> io::Result<()> {
        let mut discarded = 0;
        while discarded <= MAX_DISCARDED_BYTES {
            tokio::task::consume_budget().await;
            self.stream.readable().await?;
            match self.read_now(<[u8]>::len)? {
                Some(0) => return Ok(()),
                Some(bytes) => discarded += bytes,
                None => {}
            }
        }
        Ok(())
    }

    /// Makes the close a reset, which frees what the system still holds for a client that does
    /// not read. Otherwise the client could keep it there for as long as it likes.
    pub(crate) fn reset_on_close(&self) {
        // Where it fails, the close is an ordinary one.
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let active = self.server.connection_closed();
        info!("connection is closed with {}", self.peer);
        info!("active connections: {active}");
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    // Messages are short and each is worth reading at once.
    stream.set_nodelay(true)?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))
}
