//! A queue and a writer task for each member, beside the task that reads. The order is that in which
//! readers get hold of the queues.

use std::io;
use std::net::{Shutdown, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::tokio_member::{accept, hear, many_workers};
use crate::wire::{GREETING, Partial};

/// Pieces that wait for a member; a member for whom more would wait is dropped.
const QUEUED_PIECES: usize = 4096;

type Piece = Arc<[u8]>;

#[derive(Default)]
struct Room {
    queues: Mutex<Vec<mpsc::Sender<Piece>>>,
}

pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    let room = Arc::new(Room::default());
    many_workers()?.block_on(accept(listener, async |stream| {
        let (queue, pieces) = mpsc::channel(QUEUED_PIECES);
        tokio::spawn(write(Arc::clone(&stream), pieces));
        tokio::spawn(read(stream, Arc::clone(&room)));
        room.admit(queue);
    }))
}

async fn read(stream: Arc<TcpStream>, room: Arc<Room>) {
    let mut partial = Partial::default();
    while let Some(lines) = hear(&stream, &mut partial).await {
        room.pass_on(lines.into());
    }
}

impl Room {
    fn admit(&self, queue: mpsc::Sender<Piece>) {
        let mut queues = self.queues();
        if queue.try_send(GREETING.into()).is_ok() {
            queues.push(queue);
        }
    }

    fn pass_on(&self, piece: Piece) {
        self.queues().retain(|queue| queue.try_send(Arc::clone(&piece)).is_ok());
    }

    /// Nobody panics with half of something done.
    fn queues(&self) -> MutexGuard<'_, Vec<mpsc::Sender<Piece>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what is there in one go, for as long as the member is in the room.
async fn write(stream: Arc<TcpStream>, mut pieces: mpsc::Receiver<Piece>) {
    let mut taken = Vec::new();
    while pieces.recv_many(&mut taken, QUEUED_PIECES).await > 0 {
        if write_all(&stream, &taken.concat()).await.is_err() {
            break;
        }
        taken.clear();
    }
    // It fails where the connection is closed already.
    let _ = SockRef::from(&*stream).shutdown(Shutdown::Both);
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
