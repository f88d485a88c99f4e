//! A member's outgoing side: its socket, and what waits while the socket is full.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use chatroom_protocol::AssignedName;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::{Command, Mailbox, MemberId};
use crate::connection::Connection;
use crate::server::Server;

/// The most slices of a backlog in one write: half a megabyte of full packets, and far below what
/// any system takes.
const SLICES_PER_WRITE: usize = 64;

/// Why a member is lost to its room.
#[derive(Debug)]
pub(super) enum Loss {
    /// Its connection is broken.
    Broken(io::Error),
    /// More than the bound would wait for it.
    Overflow {
        /// How many bytes that would be.
        bytes: usize,
    },
}

impl From<io::Error> for Loss {
    fn from(error: io::Error) -> Self {
        Loss::Broken(error)
    }
}

/// What it takes to send something: the server, and the mailbox to be woken through.
pub(super) struct Post {
    pub(super) server: Arc<Server>,
    pub(super) mailbox: Mailbox,
}

impl Post {
    pub(super) fn spawn(
        &self,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(self.server.tasks.spawn(task))
    }

    /// Wakes the room once `connection` may take bytes again.
    fn watch(&self, id: MemberId, connection: &Arc<Connection>) -> AbortOnDropHandle<()> {
        let (connection, mailbox) = (Arc::clone(connection), self.mailbox.clone());
        self.spawn(async move {
            // An error is for the room to meet when it writes.
            let _ = connection.writable().await;
            let _ = mailbox.send(Command::Resume(id)).await;
        })
    }
}

/// A member as its room knows it. Dropping it ends its reader.
pub(super) struct Member {
    id: MemberId,
    name: AssignedName,
    connection: Arc<Connection>,
    /// How many bytes of the room's batch it has heard, or had before it came.
    heard: usize,
    /// Only while its socket is full: most members never have one.
    backlog: Option<Box<Backlog>>,
    reader: AbortOnDropHandle<()>,
}

/// What waits for a member whose socket is full. The bytes are shared with other such members.
struct Backlog {
    slices: VecDeque<Bytes>,
    bytes: usize,
    /// Wakes the room; ends with the backlog.
    _watch: AbortOnDropHandle<()>,
}

impl Member {
    pub(super) fn new(
        id: MemberId,
        name: AssignedName,
        connection: Arc<Connection>,
        reader: AbortOnDropHandle<()>,
        heard: usize,
    ) -> Self {
        Member { id, name, connection, heard, backlog: None, reader }
    }

    pub(super) fn name(&self) -> &AssignedName {
        &self.name
    }

    pub(super) fn reset_on_close(&self) {
        self.connection.reset_on_close();
    }

    /// Sends `lines` to this member alone.
    pub(super) fn send(&mut self, lines: &[u8], post: &Post) -> Result<(), Loss> {
        let written = self.write(lines)?;
        self.queue(lines.len() - written, || Bytes::copy_from_slice(&lines[written..]), post)
    }

    /// Sends what it has not heard of a batch that is still growing.
    pub(super) fn catch_up(&mut self, batch: &[u8], post: &Post) -> Result<(), Loss> {
        let news = &batch[self.heard..];
        self.heard = batch.len();
        self.send(news, post)
    }

    /// Sends what it has not heard of a batch that is complete. The first member whose socket is
    /// full has the batch copied to `shared`; all such members hold slices of that.
    pub(super) fn finish_batch(
        &mut self,
        batch: &[u8],
        shared: &mut Option<Bytes>,
        post: &Post,
    ) -> Result<(), Loss> {
        let start = std::mem::take(&mut self.heard);
        let end = start + self.write(&batch[start..])?;
        let rest = || shared.get_or_insert_with(|| Bytes::copy_from_slice(batch)).slice(end..);
        self.queue(batch.len() - end, rest, post)
    }

    /// Writes as much as the socket takes, unless something else comes first.
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.backlog.is_some() { Ok(0) } else { self.connection.write_now(bytes) }
    }

    /// Keeps the `bytes` bytes of `rest` until the socket takes them.
    fn queue(
        &mut self,
        bytes: usize,
        rest: impl FnOnce() -> Bytes,
        post: &Post,
    ) -> Result<(), Loss> {
        if bytes == 0 {
            return Ok(());
        }
        let total = bytes + self.backlog.as_ref().map_or(0, |backlog| backlog.bytes);
        if total > post.server.settings.backlog_bound {
            return Err(Loss::Overflow { bytes: total });
        }
        let backlog = self.backlog.get_or_insert_with(|| {
            let watch = post.watch(self.id, &self.connection);
            Box::new(Backlog { slices: VecDeque::new(), bytes: 0, _watch: watch })
        });
        backlog.slices.push_back(rest());
        backlog.bytes = total;
        Ok(())
    }

    /// Goes on with the backlog after the socket has become writable.
    pub(super) fn resume(&mut self, post: &Post) -> Result<(), Loss> {
        let Some(backlog) = &mut self.backlog else { return Ok(()) };
        if backlog.write_to(&self.connection)? {
            self.backlog = None;
        } else {
            backlog._watch = post.watch(self.id, &self.connection);
        }
        Ok(())
    }

    /// Delivers what waits, closes, and waits for the client to close; each for a limited time.
    pub(super) async fn see_off(mut self) {
        let settings = self.connection.server().settings.clone();
        if let Some(backlog) = self.backlog.take() {
            let drained = timeout(settings.drain_timeout, backlog.drain(&self.connection)).await;
            if !matches!(drained, Ok(Ok(()))) {
                warn!("{} did not take all that was waiting for it", self.name);
                self.connection.reset_on_close();
                return;
            }
        }
        self.connection.finish_writing();
        if timeout(settings.linger, self.reader).await.is_err() {
            debug!("{} does not close; closing", self.name);
        }
    }
}

impl Backlog {
    /// Writes until the socket is full or nothing is left, and says whether nothing is left.
    fn write_to(&mut self, connection: &Connection) -> io::Result<bool> {
        while self.bytes > 0 {
            let mut slices = [IoSlice::new(&[]); SLICES_PER_WRITE];
            let filled = slices.iter_mut().zip(&self.slices);
            let count = filled.map(|(slot, bytes)| *slot = IoSlice::new(bytes)).count();
            match connection.write_slices_now(&slices[..count])? {
                Some(written) => self.advance(written),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(first) = self.slices.front_mut() {
            if written < first.len() {
                first.advance(written);
                return;
            }
            written -= first.len();
            self.slices.pop_front();
        }
    }

    async fn drain(mut self: Box<Self>, connection: &Connection) -> io::Result<()> {
        while !self.write_to(connection)? {
            connection.writable().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::sync::mpsc;

    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn what_waits_goes_before_what_is_new() {
        let settings = Settings { backlog_bound: usize::MAX, ..Settings::default() };
        let server = Arc::new(Server::new(settings));
        let (mailbox, _commands) = mpsc::channel(16);
        let post = Post { server: Arc::clone(&server), mailbox };

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let connection = Arc::new(Connection::new(stream, peer, server));
        connection.writable().await.unwrap();
        let name = AssignedName::unchanged(&"Noya".parse().unwrap());
        let reader = post.spawn(std::future::pending());
        let mut member = Member::new(MemberId(0), name, Arc::clone(&connection), reader, 0);

        let old = vec![b'a'; 32 * 1024 * 1024];
        member.send(&old, &post).unwrap();
        assert!(member.backlog.is_some());
        // The socket has room again, and the room has not heard of it yet.
        let mut got = vec![0; 16 * 1024 * 1024];
        let (received, writable) = tokio::join!(client.read_exact(&mut got), async {
            member.resume(&post).unwrap();
            while member.backlog.as_ref().is_some_and(|backlog| backlog.bytes > old.len() / 2) {
                connection.writable().await.unwrap();
                member.resume(&post).unwrap();
            }
            connection.writable().await
        });
        received.unwrap();
        writable.unwrap();
        member.finish_batch(b"b", &mut None, &post).unwrap();

        let (received, ()) = tokio::join!(client.read_to_end(&mut got), async {
            while member.backlog.is_some() {
                connection.writable().await.unwrap();
                member.resume(&post).unwrap();
            }
            connection.finish_writing();
        });
        received.unwrap();
        assert_eq!(got.len(), old.len() + 1);
        assert_eq!(got.iter().position(|byte| *byte == b'b'), Some(old.len()));
    }
}
