//! Makes each delivery dearer by a share of what it costs.

use std::hint;
use std::time::Duration;

/// After so many lines the cost of one is measured anew. It depends on how many go out together.
const WINDOW: u64 = 500;

/// Less than this is not burnt at once but later: to ask for the time takes up to a microsecond, and
/// that must not become much of what is burnt.
const LEAST: Duration = Duration::from_micros(10);

/// How often the clock is asked to know how long that takes.
const ASKED: u32 = 100;

/// Burns processor time before each write: a share of what a line costs the server's thread, as
/// measured, everything counted that the thread does.
pub(super) struct Brake {
    share: f64,
    /// What a line costs, in seconds, without what was burnt; 0 until it was measured.
    cost: f64,
    /// How long it takes to ask for the time.
    asking: Duration,
    /// What is still to be burnt, in seconds; below 0 if it was too much.
    owed: f64,
    /// So many lines since the window began.
    lines: u64,
    /// So much was burnt since the window began.
    burnt: Duration,
    /// The thread's processor time when the window began.
    began: Duration,
}

impl Brake {
    /// A brake for the thread that calls this.
    pub(super) fn new(share: f64) -> Self {
        let start = processor_time();
        let began = (0..ASKED).fold(start, |_, _| processor_time());
        let asking = began.saturating_sub(start) / ASKED;
        Brake { share, cost: 0.0, asking, owed: 0.0, lines: 0, burnt: Duration::ZERO, began }
    }

    /// Burns what these lines are to cost more.
    pub(super) fn before(&mut self, lines: u32) {
        if self.share <= 0.0 {
            return;
        }
        self.lines += u64::from(lines);
        if self.lines >= WINDOW {
            self.measure();
        }
        self.owed += self.share * self.cost * f64::from(lines);
        if self.owed >= LEAST.as_secs_f64() {
            self.burn();
        }
    }

    /// Burns what is owed, by the thread's own time: that of others must not count.
    fn burn(&mut self) {
        let start = processor_time();
        let mut burnt = Duration::ZERO;
        while burnt.as_secs_f64() < self.owed {
            hint::spin_loop();
            // The first half of the first question and the second half of the last are burnt, too.
            burnt = processor_time().saturating_sub(start) + self.asking;
        }
        self.owed -= burnt.as_secs_f64();
        self.burnt += burnt;
    }

    fn measure(&mut self) {
        let now = processor_time();
        let worked = now.saturating_sub(self.began).saturating_sub(self.burnt);
        let cost = worked.as_secs_f64() / self.lines as f64;
        // One window more or less must not make the server's pace jump.
        self.cost = if self.cost > 0.0 { 0.75 * self.cost + 0.25 * cost } else { cost };
        (self.began, self.burnt, self.lines) = (now, Duration::ZERO, 0);
    }
}

/// The processor time that the calling thread has used.
#[cfg(unix)]
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds)
        + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}

/// Without such a clock nothing is measured, and nothing burnt.
#[cfg(not(unix))]
fn processor_time() -> Duration {
    Duration::ZERO
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// By the thread's own processor time, on which the machine's load has little effect.
    #[test]
    fn the_share_is_burnt_on_top_of_the_work() {
        let spend = |time: Duration| {
            let start = processor_time();
            while processor_time() - start < time {}
        };
        let cost = Duration::from_micros(20);
        let mut brake = Brake::new(0.5);
        let begin = processor_time();
        for _ in 0..5000 {
            spend(cost);
            brake.before(1);
        }
        let more = (processor_time() - begin).as_secs_f64() / (5000.0 * cost.as_secs_f64());
        // The first window goes without; asking for the time costs a little.
        assert!((1.3..1.8).contains(&more), "{more}");
    }
}
