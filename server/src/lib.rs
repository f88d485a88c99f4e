//! The reference chat server.
//!
//! A caller binds with [`bind`], calls [`run`], and decides what "stop" means:
//!
//! ```no_run
//! use chatroom_server::{Settings, bind, run};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = bind("127.0.0.1:0".parse()?)?;
//! println!("listening on {}", listener.local_addr()?);
//! let stop = async { tokio::signal::ctrl_c().await.unwrap_or(()) };
//! run(listener, Settings::default(), stop).await;
//! # Ok(())
//! # }
//! ```
//!
//! A connection's bytes go one way: its session asks the four questions; the directory says which
//! room its answers open; the room is the only one that orders and sends what its members see.
//!
//! ```text
//!   listener --> session --> directory        (who may enter where, under which name)
//!                   |
//!                   v  Join
//!   reader ------> room --> every member's socket
//!           Heard, Leave
//! ```

mod connection;
mod directory;
mod listener;
mod reader;
mod room;
mod server;
mod session;
mod settings;
mod wire;

use std::sync::Arc;

use tokio::net::TcpListener;
use tracing::info;

use crate::server::Server;

pub use listener::{BindError, bind};
pub use settings::Settings;

/// What a server did between its start and its stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// How many connections it accepted.
    pub connections: u64,
    /// How many groups were created.
    pub groups: usize,
}

/// Serves clients until `shutdown` completes, then tells every client, delivers what is still
/// waiting for it, closes, and returns once every task has ended.
///
/// Stopping takes at most [`Settings::drain_timeout`] and [`Settings::linger`] together.
///
/// # Cancel safety
///
/// Dropping the future begins the same stop, but nobody waits for its end.
pub async fn run(
    listener: TcpListener,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> Summary {
    let server = Arc::new(Server::new(settings));
    let stop = server.stop.clone().drop_guard();
    match listener.local_addr() {
        Ok(address) => info!("Server is listening on {address}"),
        Err(error) => info!("Server is listening, its address is unknown: {error}"),
    }
    tokio::select! {
        never = listener::accept_all(&listener, &server) => match never {},
        () = shutdown => {}
    }
    drop(listener);
    info!("Server is stopping");
    drop(stop);
    server.tasks.close();
    server.tasks.wait().await;
    let summary = server.summary();
    info!("Server has stopped: {} connections, {} groups", summary.connections, summary.groups);
    summary
}
