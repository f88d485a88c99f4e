//! No task for the room: who has read something appends it to the room's batch and, unless somebody is
//! at it already, flushes for everybody until nothing is left.

use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpStream;

use crate::tokio_member::{accept, hear, many_workers, write_now};
use crate::wire::{GREETING, Partial};

#[derive(Default)]
struct Room {
    post: Mutex<Post>,
    /// Held while a batch is written.
    members: Mutex<Vec<Arc<TcpStream>>>,
}

#[derive(Default)]
struct Post {
    batch: Vec<u8>,
    /// Somebody will take what is added to the batch.
    is_flushing: bool,
}

pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    let room = Arc::new(Room::default());
    many_workers()?.block_on(accept(listener, async |stream| {
        if room.admit(&stream) {
            tokio::spawn(talk(stream, Arc::clone(&room)));
        }
    }))
}

async fn talk(stream: Arc<TcpStream>, room: Arc<Room>) {
    let mut partial = Partial::default();
    while let Some(lines) = hear(&stream, &mut partial).await {
        if room.append(&lines) {
            room.flush().await;
        }
    }
}

impl Room {
    fn admit(&self, stream: &Arc<TcpStream>) -> bool {
        let mut members = lock(&self.members);
        let is_told = write_now(stream, GREETING);
        members.extend(is_told.then(|| Arc::clone(stream)));
        is_told
    }

    /// Adds to the batch; whether it is for the caller to flush it.
    fn append(&self, lines: &[u8]) -> bool {
        let mut post = lock(&self.post);
        post.batch.extend_from_slice(lines);
        !std::mem::replace(&mut post.is_flushing, true)
    }

    async fn flush(&self) {
        let mut batch = Vec::new();
        while self.take(&mut batch) {
            lock(&self.members).retain(|member| write_now(member, &batch));
            // The others have their turn, so that there is more to take.
            tokio::task::yield_now().await;
        }
    }

    /// Exchanges the batch for an empty one; with nothing to take, the flush is over.
    fn take(&self, batch: &mut Vec<u8>) -> bool {
        batch.clear();
        let mut post = lock(&self.post);
        std::mem::swap(batch, &mut post.batch);
        post.is_flushing = !batch.is_empty();
        post.is_flushing
    }
}

/// Nobody panics with half of something done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
