//! When bytes reached a socket, however late they are read.

use std::time::Duration;

use anyhow::Result;
use chatroom_tests::crowd::Crowd;

#[cfg(target_os = "linux")]
mod noted {
    use std::io::IoSliceMut;
    use std::os::fd::AsRawFd;
    use std::thread;
    use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

    use anyhow::{Result, ensure};
    use chatroom_tests::crowd::Crowd;
    use mio::net::TcpStream;
    use nix::errno::Errno;
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
    use nix::sys::time::TimeSpec;

    /// How long a line that is late is waited for.
    const PATIENCE: Duration = Duration::from_secs(10);

    pub(super) fn note_times(crowd: &Crowd) -> Result<()> {
        for socket in crowd.sockets() {
            setsockopt(socket, sockopt::ReceiveTimestampns, &true)?;
        }
        Ok(())
    }

    /// The clock of the notes is that of the day.
    pub(super) fn now() -> Result<Duration> {
        Ok(SystemTime::now().duration_since(UNIX_EPOCH)?)
    }

    pub(super) fn of_the_last_line(crowd: &Crowd) -> Result<Duration> {
        let mut latest = Duration::ZERO;
        for socket in crowd.sockets() {
            latest = latest.max(of_a_line(socket)?);
        }
        Ok(latest)
    }

    /// Reads a line; when its last byte was there.
    fn of_a_line(socket: &TcpStream) -> Result<Duration> {
        let begun = Instant::now();
        let (mut line, mut ancillary) = ([0; 1024], nix::cmsg_space!(TimeSpec));
        loop {
            let mut into = [IoSliceMut::new(&mut line)];
            let flags = MsgFlags::empty();
            let read = recvmsg::<()>(socket.as_raw_fd(), &mut into, Some(&mut ancillary), flags);
            let (read, at) = match read {
                Ok(read) => (read.bytes, read.cmsgs()?.find_map(as_time)),
                Err(Errno::EAGAIN) => (0, None),
                Err(error) => return Err(error.into()),
            };
            if let Some(at) = at.filter(|_| line[..read].ends_with(b"\n")) {
                return Ok(at);
            }
            ensure!(begun.elapsed() < PATIENCE, "a copy did not come, or without a time");
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn as_time(message: ControlMessageOwned) -> Option<Duration> {
        match message {
            ControlMessageOwned::ScmTimestampns(at) => Some(at.into()),
            _ => None,
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod noted {
    use super::*;

    pub(super) fn note_times(_: &Crowd) -> Result<()> {
        anyhow::bail!("only Linux notes when a byte reached a socket")
    }

    pub(super) fn now() -> Result<Duration> {
        note_times_not()
    }

    pub(super) fn of_the_last_line(_: &Crowd) -> Result<Duration> {
        note_times_not()
    }

    fn note_times_not() -> Result<Duration> {
        anyhow::bail!("only Linux notes when a byte reached a socket")
    }
}

/// From now on, the system notes when something reaches the sockets of this crowd.
pub(crate) fn note_times(crowd: &Crowd) -> Result<()> {
    noted::note_times(crowd)
}

/// The time by the clock with which it is noted.
pub(crate) fn now() -> Result<Duration> {
    noted::now()
}

/// Reads the one line that comes to each: when the last of them was there.
pub(crate) fn of_the_last_line(crowd: &Crowd) -> Result<Duration> {
    noted::of_the_last_line(crowd)
}
