//! Where clients arrive.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;
use tracing::{debug, warn};

use crate::connection::Connection;
use crate::entrance::Entrance;
use crate::session;

/// How many connections may wait to be accepted. With less, a thousand clients that connect at
/// once lose SYNs, and each loss costs its client a full second.
const LISTEN_BACKLOG: i32 = 4096;

/// The pause after `accept` failed for want of descriptors or memory: long enough not to spin,
/// short enough that nobody notices once some are free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a server cannot listen on an address.
#[derive(Debug, Error)]
pub enum BindError {
    /// Some program listens there.
    #[error("address {address} is in use")]
    InUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// No network interface of this machine has the address.
    #[error("address {} is not assigned to this machine", address.ip())]
    NotAssigned {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system does not let this user have the port.
    #[error("no permission to listen on {address}")]
    Denied {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Anything else.
    #[error("cannot listen on {address}, {source}")]
    Other {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl BindError {
    fn new(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address },
            io::ErrorKind::AddrNotAvailable => BindError::NotAssigned { address },
            io::ErrorKind::PermissionDenied => BindError::Denied { address },
            _ => BindError::Other { address, source },
        }
    }
}

/// Listens on `address`; port 0 takes any free port.
///
/// A port that a stopped server used can be taken again at once.
///
/// # Errors
///
/// When the address cannot be had.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|error| BindError::new(address, error))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Unix it lets a port be taken whose old connections are still winding down. On Windows
    // that needs no option, and this one would let two servers share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Accepts clients for ever, each into a session of its own.
pub(crate) async fn accept_all(listener: &TcpListener, entrance: &Arc<Entrance>) -> Infallible {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                let server = &entrance.server;
                let connection = Connection::new(stream, peer, Arc::clone(server));
                server.tasks.spawn(session::serve(connection, Arc::clone(entrance)));
            }
            Err(error) if concerns_one_client(&error) => debug!("a client did not stay: {error}"),
            Err(error) => {
                warn!("cannot accept clients for the moment: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Whether `accept` failed only because the client at the head of the queue was gone.
fn concerns_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
