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
//! run(listener, Settings::default(), stop).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A connection's bytes go one way: its session asks the four questions; the directory says which
//! room its answers open; from then on its socket belongs to that room, on the one worker that has the
//! room. Sessions are tasks of the runtime, because they wait for slow people and deadlines; workers
//! are threads with polls of their own, because nothing may stand between a message and its copies.
//!
//! ```text
//!   listener --> session --> directory        (who may enter where, under which name)
//!                   |
//!                   v  arrivals
//!                worker --> room --> every member's socket
//! ```

mod arrivals;
mod connection;
mod directory;
mod entrance;
mod farewell;
mod listener;
mod names;
mod places;
mod room;
mod server;
mod session;
mod settings;
mod wire;
mod worker;
mod workers;

use std::io;
use std::sync::Arc;

use tokio::net::TcpListener;
use tracing::info;

use crate::entrance::Entrance;
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
/// `shutdown` is polled for the first time once clients are served.
///
/// Stopping takes at most [`Settings::drain_timeout`] and [`Settings::linger`] together.
///
/// # Errors
///
/// When the system grants no thread or no way to wait for sockets, at the start; and when it takes one
/// back, after the stop that follows from that.
///
/// # Cancel safety
///
/// Dropping the future begins the same stop, but nobody waits for its end.
pub async fn run(
    listener: TcpListener,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> io::Result<Summary> {
    let server = Arc::new(Server::new(settings));
    let stop = server.stop.clone().drop_guard();
    let entrance = Arc::new(Entrance::open(&server)?);
    match listener.local_addr() {
        Ok(address) => info!("Server is listening on {address}"),
        Err(error) => info!("Server is listening, its address is unknown: {error}"),
    }
    tokio::select! {
        never = listener::accept_all(&listener, &entrance) => match never {},
        () = shutdown => {}
        () = server.stop.cancelled() => {}
    }
    drop(listener);
    info!("Server is stopping");
    drop(stop);
    server.tasks.close();
    server.tasks.wait().await;
    let summary = Summary { connections: server.connections(), groups: entrance.groups() };
    info!("Server has stopped: {} connections, {} groups", summary.connections, summary.groups);
    server.failure().map_or(Ok(summary), Err)
}
