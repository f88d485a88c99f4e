//! Waking a poll in time.
//!
//! A poll's own timeout is rounded up to whole milliseconds. Where the system has a timer that can be
//! polled, that is used, and the schedule is kept to some 50 microseconds; elsewhere a send can be late
//! by a millisecond, and the lateness says so.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// A timer for one poll.
#[derive(Debug)]
pub(crate) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Alarm {
    /// A timer whose end `registry`'s poll reports under `token`.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;

        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let mut source = mio::unix::SourceFd(&timer.as_raw_fd());
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(Alarm { timer })
    }

    /// Sees to it that the poll ends after `wait`; says what timeout to give it.
    pub(crate) fn set(&mut self, wait: Option<Duration>) -> Option<Duration> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};

        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let wait = match wait {
            None => return None,
            Some(Duration::ZERO) => return Some(Duration::ZERO),
            Some(wait) => wait,
        };
        let it_value = Timespec::try_from(wait).unwrap_or(zero);
        let time = Itimerspec { it_interval: zero, it_value };
        match timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &time) {
            Ok(_) => None,
            // Then the poll's own timeout has to do.
            Err(_) => Some(wait),
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    /// Nothing: the poll's own timeout has to do.
    pub(crate) fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Alarm {})
    }

    /// What timeout to give the poll.
    pub(crate) fn set(&mut self, wait: Option<Duration>) -> Option<Duration> {
        wait
    }
}
