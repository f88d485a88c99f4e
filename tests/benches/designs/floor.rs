//! One thread, one write per member and poll round: the least number of system calls in which every
//! member gets everything, and nothing handed from thread to thread.

use std::io;
use std::net::TcpListener;

use crate::poll_loop;

pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    poll_loop::run(listener, |members, batch| {
        members.iter_mut().for_each(|member| member.send(batch));
        Ok(())
    })
}
