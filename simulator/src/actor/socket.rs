//! A bot's connection: a task reads lines as they come, so that a bot never holds up the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chatroom_client::connection::{self, Connection, LineReader, LineWriter, ReadError};
use chatroom_protocol::error::ServerFault;
use tokio::net::TcpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::tape::{Done, Tape};
use crate::fault::{Closing, Fault};
use crate::scenario::Writing;

/// Something that came from the server, and when.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) what: Received,
}

/// What can come from a server.
#[derive(Debug)]
pub(crate) enum Received {
    Line(String),
    /// A line that is too long or not text.
    Bad(ServerFault),
    End(Closing),
}

/// How a client gets to its server.
#[derive(Debug, Clone)]
pub(crate) struct Way {
    /// The server.
    pub(crate) addr: SocketAddr,
    /// Whether the socket should hold little, because its client will stop reading.
    pub(crate) small_buffer: bool,
    /// What the scenario calls the client.
    pub(crate) client: String,
    /// Where its deeds are noted.
    pub(crate) tape: Arc<Tape>,
}

/// An open connection, or one that the server has ended.
#[derive(Debug)]
pub(crate) struct Socket {
    arrivals: mpsc::Receiver<Arrival>,
    writer: LineWriter,
    way: Way,
    /// Tells the reading task to hand its reader back.
    stop: Option<oneshot::Sender<()>>,
    reading: JoinHandle<LineReader>,
}

/// How many lines may wait for the steps that read them. A server that sends more than any scenario
/// asks for must not fill this machine's memory; past this, it is no longer read.
const MOST_UNREAD: usize = 16_384;

/// The receive buffer asked for by a client that will stop reading: little, so that the server
/// notices soon.
const SMALL_BUFFER: u32 = 4096;

impl Socket {
    /// Connects, and starts to read.
    pub(crate) async fn open(way: Way, limit: Duration) -> Result<Socket, Fault> {
        let addr = way.addr;
        let not_connected = |error: std::io::Error| Fault::NotConnected(error.to_string());
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = socket.map_err(not_connected)?;
        if way.small_buffer {
            socket.set_recv_buffer_size(SMALL_BUFFER).map_err(not_connected)?;
        }
        let timed_out = |_| Fault::NotConnected(format!("not accepted within {limit:?}"));
        let stream = tokio::time::timeout(limit, socket.connect(addr)).await.map_err(timed_out)?;
        let connection = Connection::new(stream.map_err(not_connected)?).map_err(not_connected)?;
        let (reader, writer) = connection.into_split();
        let (arrived, arrivals) = mpsc::channel(MOST_UNREAD);
        let (stop, stopped) = oneshot::channel();
        let reading = tokio::spawn(read(reader, arrived, stopped));
        way.tape.note(&way.client, Done::Connected);
        Ok(Socket { arrivals, writer, way, stop: Some(stop), reading })
    }

    /// The next arrival.
    ///
    /// `None` when the server has ended the connection, or when reading was stopped.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when this is dropped.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// Stops reading: what comes from now on stays in the kernel's buffers.
    pub(crate) fn stop_reading(&mut self) {
        self.note(Done::StoppedReading);
        self.hand_back_reader();
    }

    fn hand_back_reader(&mut self) {
        // Nobody listens where reading has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
    }

    fn note(&self, what: Done) {
        self.way.tape.note(&self.way.client, what);
    }

    /// Writes messages, whole, in one go.
    pub(crate) async fn send_lines(&mut self, lines: &[String]) -> std::io::Result<()> {
        for line in lines {
            self.way.tape.note_bytes(&self.way.client, format!("{line}\n").as_bytes(), false);
            self.writer.queue_line(line);
        }
        self.writer.flush().await
    }

    /// Writes bytes in the pieces that `writing` says, each a call of its own.
    pub(crate) async fn send_bytes(
        &mut self,
        bytes: &[u8],
        writing: Writing,
        time_scale: f64,
        random: &mut fastrand::Rng,
    ) -> std::io::Result<()> {
        let in_pieces = writing != Writing::AtOnce;
        self.way.tape.note_bytes(&self.way.client, bytes, in_pieces);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (length, pause) = match writing {
                Writing::AtOnce => (rest.len(), Duration::ZERO),
                Writing::Pieces { bytes, every } => (bytes, every.mul_f64(time_scale)),
                Writing::RandomPieces => {
                    (random.usize(1..=16), Duration::from_micros(random.u64(0..1500)))
                }
            };
            let (piece, after) = rest.split_at(length.min(rest.len()));
            self.writer.send_bytes(piece).await?;
            rest = after;
            if !rest.is_empty() && !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        Ok(())
    }

    /// Closes the sending side.
    pub(crate) async fn half_close(&mut self) -> std::io::Result<()> {
        self.note(Done::HalfClosed);
        self.writer.shutdown().await
    }

    /// Closes the connection cleanly: the server reads the end of the stream.
    pub(crate) async fn close(mut self) {
        self.note(Done::Left);
        self.hand_back_reader();
        if let Ok(mut reader) = self.reading.await {
            connection::leave(&mut reader, &mut self.writer).await;
        }
    }

    /// Resets the connection.
    pub(crate) async fn reset(mut self) -> std::io::Result<()> {
        self.note(Done::Reset);
        self.hand_back_reader();
        let reader = self.reading.await.map_err(std::io::Error::other)?;
        connection::reset(reader, self.writer)
    }
}

/// Passes on what comes, until the connection ends or somebody stops it.
async fn read(
    mut reader: LineReader,
    arrived: mpsc::Sender<Arrival>,
    mut stopped: oneshot::Receiver<()>,
) -> LineReader {
    loop {
        let line = tokio::select! {
            biased;
            _ = &mut stopped => return reader,
            line = reader.next_line() => line,
        };
        let what = match line {
            Ok(Some(line)) => Received::Line(line),
            Ok(None) => Received::End(Closing::Clean),
            Err(ReadError::Fault(fault)) => Received::Bad(fault),
            Err(ReadError::Reset) => Received::End(Closing::Reset),
            Err(ReadError::Io(error)) => Received::End(Closing::Broken(error.to_string())),
        };
        let ended = matches!(what, Received::End(_));
        let arrival = Arrival { at: Instant::now(), what };
        let gone = tokio::select! {
            biased;
            _ = &mut stopped => return reader,
            sent = arrived.send(arrival) => sent.is_err(),
        };
        if ended || gone {
            return reader;
        }
    }
}
