//! As the floor, but a big room's flush is shared among the cores. Each member gets one write per
//! round from one thread, and a round ends before the next begins, so all see one order.

use std::io;
use std::net::TcpListener;

use rayon::prelude::*;

use crate::poll_loop::{self, Member};

/// A room of fewer members is flushed by the polling thread: waking another costs more than it saves.
const BIG_ROOM: usize = 1_000;

/// Members that a thread takes at a time: some 0.3 ms of writes, so that a core that is busy with
/// something else delays no one by more.
const SHARE: usize = 100;

pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    // The polling thread takes its share, and is not merely waiting for others.
    let pool = rayon::ThreadPoolBuilder::new().use_current_thread();
    pool.build_global().map_err(io::Error::other)?;
    poll_loop::run(listener, |members, batch| {
        if members.len() < BIG_ROOM {
            send(members, batch);
        } else {
            members.par_chunks_mut(SHARE).for_each(|share| send(share, batch));
        }
        Ok(())
    })
}

fn send(members: &mut [Member], batch: &[u8]) {
    members.iter_mut().for_each(|member| member.send(batch));
}
