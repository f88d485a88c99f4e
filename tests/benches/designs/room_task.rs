//! A task for each member reads and sends what it has read to the room's mailbox; the room's task owns
//! all writes. With a worker for each core, or with one worker for everything.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::tokio_member::{accept, hear, many_workers, one_worker, write_now};
use crate::wire::{GREETING, Partial};

/// As the reference server had it when a room was a task.
const MAILBOX_COMMANDS: usize = 256;

enum Command {
    Join(Arc<TcpStream>),
    Heard(Vec<u8>),
}

pub(crate) fn serve_with_many_workers(listener: TcpListener) -> io::Result<()> {
    serve(many_workers()?, listener)
}

pub(crate) fn serve_with_one_worker(listener: TcpListener) -> io::Result<()> {
    serve(one_worker()?, listener)
}

fn serve(runtime: Runtime, listener: TcpListener) -> io::Result<()> {
    let (mailbox, commands) = mpsc::channel(MAILBOX_COMMANDS);
    runtime.spawn(Room::default().run(commands));
    runtime.block_on(accept(listener, async |stream| {
        // It fails only where the room has ended, and then the driver will tell.
        let _ = mailbox.send(Command::Join(Arc::clone(&stream))).await;
        tokio::spawn(read(stream, mailbox.clone()));
    }))
}

async fn read(stream: Arc<TcpStream>, mailbox: mpsc::Sender<Command>) {
    let mut partial = Partial::default();
    while let Some(lines) = hear(&stream, &mut partial).await {
        if mailbox.send(Command::Heard(lines)).await.is_err() {
            return;
        }
    }
}

#[derive(Default)]
struct Room {
    members: Vec<Arc<TcpStream>>,
    batch: Vec<u8>,
}

impl Room {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut taken = Vec::new();
        while commands.recv_many(&mut taken, MAILBOX_COMMANDS).await > 0 {
            taken.drain(..).for_each(|command| self.handle(command));
            self.flush();
            // One busy room must not keep a thread from everybody else.
            tokio::task::yield_now().await;
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Heard(lines) => self.batch.extend_from_slice(&lines),
            Command::Join(stream) => {
                // The newcomer gets nothing from before.
                self.flush();
                if write_now(&stream, GREETING) {
                    self.members.push(stream);
                }
            }
        }
    }

    fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.members.retain(|member| write_now(member, &self.batch));
            self.batch.clear();
        }
    }
}
