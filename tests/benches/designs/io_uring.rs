//! As the floor, but all sends of a round are handed to the kernel in one system call, through
//! io_uring. Readiness and reads stay as they are, so the difference to the floor is that of the sends.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use compio::BufResult;
use compio::bytes::Bytes;
use compio::driver::op::{Send, SendFlags};
use compio::driver::{DriverType, Key, Proactor, PushEntry};
use mio::net::TcpStream;

use crate::poll_loop;

/// Sends that fit into the ring at once: more than the benchmark has members under load.
const ENTRIES: u32 = 2048;

type SendToMember = Send<Bytes, Arc<TcpStream>>;
type Pushed = PushEntry<Key<SendToMember>, BufResult<usize, SendToMember>>;

pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    let mut ring = Proactor::builder()
        .capacity(ENTRIES)
        .driver_type(DriverType::IoUring)
        .single_issuer(true)
        .coop_taskrun(true)
        .build()?;
    let mut sends = Vec::new();
    poll_loop::run(listener, |members, batch| {
        let batch = Bytes::copy_from_slice(batch);
        for (number, member) in members.iter().enumerate().filter(|(_, member)| !member.is_gone()) {
            // A full socket is no reason to wait, here as with the floor.
            let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
            let send = Send::new(Arc::clone(&member.stream), batch.clone(), flags);
            sends.push((number, ring.push(send)));
        }
        for (number, send) in sends.drain(..) {
            if finish(&mut ring, send)? != Some(batch.len()) {
                members[number].give_up();
            }
        }
        Ok(())
    })
}

/// How many bytes the socket took. The first send that is asked for submits all of them, and they
/// have completed by then.
fn finish(ring: &mut Proactor, mut send: Pushed) -> io::Result<Option<usize>> {
    loop {
        let key = match send {
            PushEntry::Ready(BufResult(sent, _)) => return Ok(sent.ok()),
            PushEntry::Pending(key) => key,
        };
        send = ring.pop(key);
        if !send.is_ready() {
            submit(ring)?;
        }
    }
}

fn submit(ring: &mut Proactor) -> io::Result<()> {
    use io::ErrorKind::{Interrupted, TimedOut};

    match ring.poll(Some(Duration::ZERO)) {
        // Nothing has completed yet.
        Err(error) if matches!(error.kind(), Interrupted | TimedOut) => Ok(()),
        other => other,
    }
}
