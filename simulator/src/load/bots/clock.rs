//! The run's clock: microseconds since the first connection was due.

use std::time::{Duration, Instant};

/// One for all threads of a run, so that their times can be compared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    zero: Instant,
}

impl Clock {
    /// A clock that is at zero at `zero`, which may be a little ahead; before it, it stands still.
    pub(crate) fn starting(zero: Instant) -> Self {
        Clock { zero }
    }

    /// Microseconds since zero.
    pub(crate) fn now_us(&self) -> u64 {
        let since = Instant::now().saturating_duration_since(self.zero);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    /// How long it is until then.
    pub(crate) fn until(&self, at_us: u64) -> Duration {
        let at = self.zero + Duration::from_micros(at_us);
        at.saturating_duration_since(Instant::now())
    }
}
