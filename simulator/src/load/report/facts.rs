//! The figures that are shown, taken from a record once, for every kind of report.

use hdrhistogram::Histogram;

use crate::load::figures::{Latencies, Measure};
use crate::load::gate::{Metric, Name};
use crate::load::record::{Cost, FaultKind, PhaseRecord, RunRecord, WindowRecord};

/// A percentile needs at least so many samples beyond it.
const SAMPLES_BEYOND: f64 = 10.0;

/// The percentile (0 to 100) of a histogram, in microseconds; `None` where fewer than ten samples lie
/// beyond it, because one more or less would move it.
#[must_use]
pub fn percentile(histogram: &Histogram<u64>, percent: f64) -> Option<u64> {
    let beyond = histogram.len() as f64 * (100.0 - percent) / 100.0;
    // 10,000 samples have ten beyond 99.9 %, whatever the last bit of a fraction says.
    let enough = beyond >= SAMPLES_BEYOND - 1e-6;
    enough.then(|| histogram.value_at_percentile(percent).min(histogram.max()))
}

/// What a record shows.
pub(super) struct Facts<'a> {
    pub(super) record: &'a RunRecord,
    /// The phases of the file, without the joining.
    pub(super) phases: Vec<Part<'a>>,
    /// All measured phases, merged.
    pub(super) measured: Part<'a>,
    pub(super) join: Latencies,
    /// The parts of time, merged where there are too many to draw.
    pub(super) slices: Vec<Slice>,
}

/// A phase, or all that are measured.
pub(super) struct Part<'a> {
    /// `None` for all that are measured.
    pub(super) phase: Option<&'a PhaseRecord>,
    pub(super) seconds: f64,
    pub(super) sends: u64,
    pub(super) copies: u64,
    pub(super) latencies: Latencies,
}

/// A stretch of time within one phase.
pub(super) struct Slice {
    pub(super) phase: usize,
    /// Seconds from the first connection.
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) sends: u64,
    pub(super) copies: u64,
    pub(super) latencies: Latencies,
    pub(super) server: Option<Cost>,
    pub(super) generator: Cost,
}

/// More would be finer than a plot can show.
const MOST_SLICES: usize = 300;

impl<'a> Facts<'a> {
    pub(super) fn of(record: &'a RunRecord) -> Self {
        let head = &record.head;
        let indices = (0..head.phases.len()).filter(|index| !is_join(record, *index));
        let phases = indices.map(|index| part(record, Some(index), |phase| phase == index));
        let measured = part(record, None, |phase| is_measured(record, phase));
        let join = part(record, None, |phase| is_join(record, phase)).latencies;
        Facts { record, phases: phases.collect(), measured, join, slices: slices(record) }
    }

    /// A figure as the gates have it, so that a report and a gate never differ; `None` where there is no
    /// data.
    pub(super) fn figure(&self, name: Name) -> Option<f64> {
        Metric { phase: None, name }.value(self.record).ok()
    }

    /// Every kind of fault that was found, with how often, and whether the file allows it.
    pub(super) fn faults(&self) -> Vec<(FaultKind, u64, bool)> {
        let head = &self.record.head;
        let found = head.ledger.faults.iter().filter(|(_, count)| **count > 0);
        found.map(|(kind, count)| (*kind, *count, head.allow.contains(kind))).collect()
    }

    /// The joining, where it is on record.
    pub(super) fn join_phase(&self) -> Option<&'a PhaseRecord> {
        self.record.head.phases.first().filter(|_| is_join(self.record, 0))
    }
}

impl Part<'_> {
    pub(super) fn name(&self) -> &str {
        self.phase.map_or("measured", |phase| &phase.name)
    }

    /// Whether its figures count in those of the whole run.
    pub(super) fn is_measured(&self) -> bool {
        self.phase.is_none_or(|phase| phase.measured)
    }

    pub(super) fn per_second(&self, count: u64) -> Option<f64> {
        (self.seconds > 0.0).then(|| count as f64 / self.seconds)
    }

    pub(super) fn percentile(&self, measure: Measure, percent: f64) -> Option<u64> {
        percentile(self.latencies.get(measure)?, percent)
    }

    pub(super) fn max(&self, measure: Measure) -> Option<u64> {
        let histogram = self.latencies.get(measure)?;
        (!histogram.is_empty()).then(|| histogram.max())
    }
}

impl Slice {
    pub(super) fn middle(&self) -> f64 {
        (self.from + self.to) / 2.0
    }

    pub(super) fn seconds(&self) -> f64 {
        (self.to - self.from).max(1e-6)
    }
}

/// The joining stands in front of the phases of the file, under this name.
fn is_join(record: &RunRecord, phase: usize) -> bool {
    phase == 0 && record.head.phases.first().is_some_and(|first| first.name == "join")
}

fn is_measured(record: &RunRecord, phase: usize) -> bool {
    !is_join(record, phase) && record.head.phases.get(phase).is_some_and(|phase| phase.measured)
}

fn part(record: &RunRecord, index: Option<usize>, belongs: impl Fn(usize) -> bool) -> Part<'_> {
    let head = &record.head;
    let mut latencies = Latencies::default();
    let (mut sends, mut copies) = (0u64, 0u64);
    for (place, window) in head.windows.iter().enumerate() {
        if !belongs(window.phase) {
            continue;
        }
        sends = sends.saturating_add(window.sends);
        copies = copies.saturating_add(window.copies);
        if let Some(figures) = record.latencies.get(place) {
            latencies.add(figures);
        }
    }
    let phases = head.phases.iter().enumerate().filter(|(index, _)| belongs(*index));
    let seconds = phases.map(|(_, phase)| phase.length_us as f64 / 1e6).sum();
    let phase = index.and_then(|index| head.phases.get(index));
    Part { phase, seconds, sends, copies, latencies }
}

fn slices(record: &RunRecord) -> Vec<Slice> {
    let windows = &record.head.windows;
    let together = windows.len().div_ceil(MOST_SLICES).max(1);
    let mut slices: Vec<Slice> = Vec::new();
    let mut merged = 0;
    for (place, window) in windows.iter().enumerate() {
        let next = slice(record, place, window);
        match slices.last_mut() {
            Some(last) if last.phase == next.phase && merged < together => last.append(&next),
            _ => {
                slices.push(next);
                merged = 0;
            }
        }
        merged += 1;
    }
    slices
}

fn slice(record: &RunRecord, place: usize, window: &WindowRecord) -> Slice {
    let from = window.start_us as f64 / 1e6;
    Slice {
        phase: window.phase,
        from,
        to: from + window.length_us as f64 / 1e6,
        sends: window.sends,
        copies: window.copies,
        latencies: record.latencies.get(place).cloned().unwrap_or_default(),
        server: window.server,
        generator: window.generator,
    }
}

impl Slice {
    fn append(&mut self, next: &Slice) {
        self.to = next.to;
        self.sends = self.sends.saturating_add(next.sends);
        self.copies = self.copies.saturating_add(next.copies);
        self.latencies.add(&next.latencies);
        self.server = match (self.server, next.server) {
            (Some(one), Some(two)) => Some(both(one, two)),
            _ => None,
        };
        self.generator = both(self.generator, next.generator);
    }
}

/// What a process used in two stretches of time, one after the other.
fn both(one: Cost, two: Cost) -> Cost {
    Cost { cpu_us: one.cpu_us.saturating_add(two.cpu_us), rss_bytes: two.rss_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::figures::empty;
    use crate::load::report::sample;

    #[test]
    fn a_percentile_with_too_few_samples_beyond_it_is_not_shown() {
        let mut histogram = empty();
        for micros in 1..=9_999 {
            histogram.record(micros).unwrap();
        }
        assert_eq!(percentile(&histogram, 99.9), None);
        histogram.record(10_000).unwrap();
        assert!(percentile(&histogram, 99.9).is_some_and(|micros| micros >= 9_990));
        assert_eq!(percentile(&empty(), 50.0), None);
    }

    #[test]
    fn slices_are_few_and_lose_nothing() {
        let mut record = sample::pass();
        let (windows, latencies) = (record.head.windows.clone(), record.latencies.clone());
        for _ in 0..20 {
            record.head.windows.extend(windows.clone());
            record.latencies.extend(latencies.clone());
        }
        let facts = Facts::of(&record);
        assert!(facts.slices.len() < 2 * MOST_SLICES);
        let copies: u64 = facts.slices.iter().map(|slice| slice.copies).sum();
        assert_eq!(copies, record.head.windows.iter().map(|window| window.copies).sum::<u64>());
    }

    #[test]
    fn a_record_that_does_not_fit_together_is_shown_as_far_as_it_goes() {
        let mut record = sample::pass();
        record.latencies.truncate(3);
        record.head.phases.truncate(2);
        record.head.windows[1].start_us = u64::MAX;
        record.head.windows[2].copies = u64::MAX;
        let facts = Facts::of(&record);
        assert_eq!(facts.phases.len(), 1);
    }
}
