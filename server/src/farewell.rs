//! How a server that stops parts with its members.

use std::collections::VecDeque;
use std::io;
use std::pin::pin;

use bytes::Bytes;
use chatroom_protocol::AssignedName;
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::connection::{Connection, Presence};

/// What is left of a member when the server stops.
pub(crate) struct Farewell {
    pub(crate) name: AssignedName,
    pub(crate) stream: std::net::TcpStream,
    /// What it has still to be sent, oldest first.
    pub(crate) backlog: VecDeque<Bytes>,
    pub(crate) presence: Presence,
}

/// Delivers what waits, closes, and waits for the client to close; each for a limited time.
pub(crate) async fn see_off(farewell: Farewell) {
    let Farewell { name, stream, backlog, presence } = farewell;
    let Ok(connection) = Connection::from_parts(stream, presence) else {
        return debug!("{name} is closed without a farewell: the runtime has ended");
    };
    let settings = &connection.server().settings;
    let drained = timeout(settings.drain_timeout, deliver(&connection, backlog)).await;
    if !matches!(drained, Ok(Ok(()))) {
        warn!("{name} did not take all that was waiting for it");
        return connection.reset_on_close();
    }
    connection.finish_writing();
    if timeout(settings.linger, connection.discard()).await.is_err() {
        debug!("{name} does not close; closing");
    }
}

/// Writes all of it. What the client sends meanwhile is read, because it may read only after its own
/// writes.
async fn deliver(connection: &Connection, backlog: VecDeque<Bytes>) -> io::Result<()> {
    let mut writing = pin!(write_all(connection, backlog));
    tokio::select! {
        result = &mut writing => result,
        _ = connection.discard() => writing.await,
    }
}

async fn write_all(connection: &Connection, backlog: VecDeque<Bytes>) -> io::Result<()> {
    for bytes in backlog {
        connection.write(&bytes).await?;
    }
    Ok(())
}
