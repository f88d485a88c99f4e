//! When the talkers speak in one phase.

use super::PlannedPhase;
use super::random::{self, Stream};
use crate::load::spec::{Shape, Spacing};

/// The times at which somebody speaks in a phase, in order, from its own start, in microseconds.
///
/// Each is computed from its number and never from the one before, so that no error adds up.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// The rates per second at the beginning and the end; `None` where there is no schedule.
    rates: Option<(f64, f64)>,
    length_us: u64,
    spacing: Spacing,
    /// How many have been made.
    made: u64,
    /// For random spacing: how far the process is, in expected sends.
    passed: f64,
    rng: fastrand::Rng,
}

impl Schedule {
    pub(super) fn new(phase: &PlannedPhase, number: u64, spacing: Spacing, seed: u64) -> Self {
        Schedule {
            rates: rates(&phase.shape),
            length_us: phase.length_us,
            spacing,
            made: 0,
            passed: 0.0,
            rng: random::generator(seed, Stream::Says, 2 * number),
        }
    }

    /// How many sends there are, up to the next one.
    fn advance(&mut self) -> f64 {
        match self.spacing {
            Spacing::Even => {
                self.made += 1;
                self.made as f64 - 0.5
            }
            Spacing::Random => {
                self.passed += random::exponential(&mut self.rng);
                self.passed
            }
        }
    }
}

impl Iterator for Schedule {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let rates = self.rates?;
        let count = self.advance();
        let seconds = self.length_us as f64 / 1e6;
        if count >= expected(rates, seconds, seconds) {
            // Nothing comes after it, however often it is asked.
            self.rates = None;
            return None;
        }
        let at_us = (time_of(rates, seconds, count) * 1e6).round() as u64;
        // What is rounded up to the end belongs to this phase all the same.
        Some(at_us.min(self.length_us - 1))
    }
}

/// The rates at the beginning and the end of a phase that has a schedule with anything in it.
pub(super) fn rates(shape: &Shape) -> Option<(f64, f64)> {
    let rates = match shape {
        Shape::Steady(rate) => (rate.0, rate.0),
        Shape::Ramp(from, to) => (from.0, to.0),
        Shape::Saturate(_) => return None,
    };
    (rates.0 > 0.0 || rates.1 > 0.0).then_some(rates)
}

/// How many sends are expected in the first `time` seconds of a phase of `length` seconds.
pub(super) fn expected((from, to): (f64, f64), length: f64, time: f64) -> f64 {
    from * time + (to - from) / length * time * time / 2.0
}

/// The inverse of [`expected`], in the form that loses no digits where the ramp is flat.
fn time_of((from, to): (f64, f64), length: f64, count: f64) -> f64 {
    let root = (from * from + 2.0 * (to - from) / length * count).max(0.0).sqrt();
    2.0 * count / (from + root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_when_so_many_are_expected() {
        for rates in [(100.0, 100.0), (0.0, 100.0), (100.0, 0.0), (10.0, 1000.0)] {
            for count in [0.5, 7.0, 99.5, 249.0] {
                let time = time_of(rates, 5.0, count);
                assert!((0.0..=5.0).contains(&time), "{time}");
                assert!((expected(rates, 5.0, time) - count).abs() < 1e-9, "{rates:?} {count}");
            }
        }
    }
}
