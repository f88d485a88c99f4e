//! A client's socket under tokio: what the designs with tasks share.

use std::io;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::wire::Partial;

/// As the reference server had it when a room was a task: some dozens of chat messages.
const READ_BYTES: usize = 4096;

/// A worker for each core.
pub(crate) fn many_workers() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_io().build()
}

/// Everything on one thread.
pub(crate) fn one_worker() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().build()
}

/// Accepts for ever; the runtime has to be entered.
pub(crate) async fn accept(
    listener: std::net::TcpListener,
    mut admit: impl AsyncFnMut(Arc<TcpStream>),
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        admit(Arc::new(stream)).await;
    }
}

/// Waits for whole lines; `None` at the end of the stream.
pub(crate) async fn hear(stream: &TcpStream, partial: &mut Partial) -> Option<Vec<u8>> {
    loop {
        stream.readable().await.ok()?;
        match read_now(stream, partial) {
            Ok(lines) if lines.is_empty() => {}
            Ok(lines) => return Some(lines),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

/// Not async, so that the buffer is no part of a waiting task.
fn read_now(stream: &TcpStream, partial: &mut Partial) -> io::Result<Vec<u8>> {
    let mut buffer = [0; READ_BYTES];
    let length = stream.try_read(&mut buffer)?;
    if length == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut lines = Vec::new();
    partial.whole_lines(&buffer[..length], &mut lines);
    Ok(lines)
}

/// Writes all of it at once; whether the socket took it. The benchmark's loads fill no socket, so the
/// driver reports who is dropped for it.
pub(crate) fn write_now(stream: &TcpStream, bytes: &[u8]) -> bool {
    stream.try_write(bytes).ok() == Some(bytes.len())
}
