//! Waking a poll at a steady pace. A poll's own timeout is rounded up to whole milliseconds; where the
//! system has a timer that can be polled, that is used.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// It beats until it is dropped.
pub(crate) struct Metronome {
    #[cfg(target_os = "linux")]
    _timer: std::os::fd::OwnedFd,
}

#[cfg(target_os = "linux")]
impl Metronome {
    pub(crate) fn new(registry: &Registry, token: Token, period: Duration) -> io::Result<Self> {
        use std::os::fd::AsRawFd;

        use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags};
        use rustix::time::{Timespec, timerfd_create, timerfd_settime};

        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        let period = Timespec::try_from(period).map_err(io::Error::other)?;
        let time = Itimerspec { it_interval: period, it_value: period };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &time)?;
        let mut source = mio::unix::SourceFd(&timer.as_raw_fd());
        registry.register(&mut source, token, mio::Interest::READABLE)?;
        Ok(Metronome { _timer: timer })
    }
}

#[cfg(not(target_os = "linux"))]
impl Metronome {
    /// Nothing: the poll's own timeout has to do.
    pub(crate) fn new(_: &Registry, _: Token, _: Duration) -> io::Result<Self> {
        Ok(Metronome {})
    }
}
