//! One thread that polls all sockets, reads what there is, and then flushes once: what the designs
//! without tasks share. They differ in the flush.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::wire::{GREETING, Partial};

const LISTENER: Token = Token(usize::MAX);
const EVENTS: usize = 1024;
const READ_BYTES: usize = 64 * 1024;

/// A client.
pub(crate) struct Member {
    /// Shared, because a kernel that still sends keeps the socket.
    pub(crate) stream: Arc<TcpStream>,
    partial: Partial,
    is_gone: bool,
}

impl Member {
    /// Writes all of it at once, or gives the member up.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        if !self.is_gone() && (&*self.stream).write(bytes).ok() != Some(bytes.len()) {
            self.give_up();
        }
    }

    /// Closes the connection: the benchmark's loads fill no socket, so the driver reports this.
    pub(crate) fn give_up(&mut self) {
        self.is_gone = true;
        // It fails where the connection is closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone
    }
}

/// Serves for ever; `flush` sends a batch to all members.
pub(crate) fn run(
    listener: std::net::TcpListener,
    mut flush: impl FnMut(&mut [Member], &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(EVENTS);
    let mut buffer = vec![0; READ_BYTES];
    let (mut members, mut batch) = (Vec::new(), Vec::new());
    loop {
        match poll.poll(&mut events, None) {
            // What a ring has completed interrupts a poll as a signal does.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        }
        for event in &events {
            match event.token() {
                LISTENER => accept(&listener, &poll, &mut members)?,
                Token(number) => read(&mut members[number], &mut buffer, &mut batch),
            }
        }
        if !batch.is_empty() {
            flush(&mut members, &batch)?;
            batch.clear();
        }
    }
}

fn accept(listener: &TcpListener, poll: &Poll, members: &mut Vec<Member>) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        poll.registry().register(&mut stream, Token(members.len()), Interest::READABLE)?;
        let (stream, partial) = (Arc::new(stream), Partial::default());
        members.push(Member { stream, partial, is_gone: false });
        members.last_mut().into_iter().for_each(|member| member.send(GREETING));
    }
}

/// Reads what there is. A read that is not full has emptied the socket.
fn read(member: &mut Member, buffer: &mut [u8], batch: &mut Vec<u8>) {
    while !member.is_gone {
        match (&*member.stream).read(buffer) {
            Ok(0) => member.give_up(),
            Ok(length) => {
                member.partial.whole_lines(&buffer[..length], batch);
                if length < buffer.len() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => member.give_up(),
        }
    }
}
