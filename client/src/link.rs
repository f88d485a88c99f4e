//! The program's connection, from nothing through connecting to there.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use crate::Address;
use crate::connection::{self, ConnectError, Connection, LineReader, LineWriter, ReadError, leave};

/// What happens on it.
pub(crate) enum LinkEvent {
    /// The connection is there, or the line that says why not.
    Connected(Result<Connection, String>),
    /// The server sent a line, closed, or did something that can be neither.
    Read(Result<Option<String>, ReadError>),
    /// Nothing waits to be written any more.
    Flushed,
}

/// The connection, named by how far it is.
pub(crate) enum Link {
    /// Not wanted yet, or over.
    Down,
    /// Wanted. Dropping it gives the attempt up.
    Connecting(Pin<Box<dyn Future<Output = Result<Connection, String>>>>),
    /// There.
    Up { reader: LineReader, writer: LineWriter },
}

impl Link {
    pub(crate) fn connecting(address: Address, limit: Duration) -> Self {
        Link::Connecting(Box::pin(reach(address, limit)))
    }

    pub(crate) fn up(connection: Connection) -> Self {
        let (reader, writer) = connection.into_split();
        Link::Up { reader, writer }
    }

    pub(crate) fn queue_line(&mut self, line: &str) {
        if let Link::Up { writer, .. } = self {
            writer.queue_line(line);
        }
    }

    /// How many bytes wait to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        match self {
            Link::Up { writer, .. } => writer.queued_bytes(),
            _ => 0,
        }
    }

    /// Waits for what happens next; for lines only when `reads`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: everything under way lives on in `self`.
    pub(crate) async fn next(&mut self, reads: bool) -> LinkEvent {
        match self {
            Link::Down => pending().await,
            Link::Connecting(attempt) => LinkEvent::Connected(attempt.await),
            Link::Up { reader, writer } => tokio::select! {
                line = reader.next_line(), if reads => LinkEvent::Read(line),
                // A write that fails says only that the connection is gone; the next read says how.
                _ = writer.flush(), if writer.queued_bytes() > 0 => LinkEvent::Flushed,
                else => pending().await,
            },
        }
    }

    /// Leaves the server in good order.
    pub(crate) async fn leave(&mut self) {
        if let Link::Up { reader, writer } = self {
            leave(reader, writer).await;
        }
    }
}

/// Connects to the first address behind a name that answers. The limit is for all of them.
async fn reach(address: Address, limit: Duration) -> Result<Connection, String> {
    let deadline = Instant::now() + limit;
    let resolved = tokio::time::timeout_at(deadline, address.resolve()).await;
    let found = match resolved {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(format!("failed to look up {address}: {error}")),
        Err(_) => return Err(format!("failed to look up {address} in time")),
    };
    let mut failure = String::new();
    for addr in found {
        match connection::connect(addr, deadline - Instant::now()).await {
            Ok(connection) => return Ok(connection),
            // What is left of the limit is not what the person said.
            Err(ConnectError::TimedOut { addr, .. }) => {
                failure = ConnectError::TimedOut { addr, limit }.to_string();
            }
            Err(error) => failure = error.to_string(),
        }
    }
    Err(format!(
        "failed to connect to {address}: {failure}. Is the server running? \
         Start one with `chatroom-server`, or name another with `--connect`"
    ))
}
