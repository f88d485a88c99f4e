//! A thread's histograms while the run goes on, made for recording fast.

use std::borrow::Cow;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2Serializer};

use super::figures::{Latencies, MAX_MICROS, Measure, empty};
use super::plan::Plan;

/// A second of the joining.
const SECOND_US: u64 = 1_000_000;

/// What one thread measures, by window.
#[derive(Debug)]
pub(crate) struct Recorder {
    windows: Vec<Window>,
    /// The joining, second by second; nobody knows beforehand how long it takes.
    joining: Vec<Latencies>,
    /// How many windows were put away.
    packed: usize,
}

/// A window of a phase.
#[derive(Debug)]
struct Window {
    phase: u32,
    measured: bool,
    sends: u64,
    copies: u64,
    histograms: Histograms,
}

/// By [`Measure`] as a number.
type All = [Histogram<u64>; Measure::ALL.len()];

/// The histograms of a window.
#[derive(Debug)]
enum Histograms {
    /// Nothing was recorded yet: most windows of a long run are yet to come.
    Empty,
    /// Open for recording.
    Open(Box<All>),
    /// Put away, in hdrhistogram's own format: some kilobytes in place of some hundreds, which an hour of
    /// windows would make gigabytes of.
    Packed(Vec<u8>),
}

impl Recorder {
    pub(crate) fn new(plan: &Plan) -> Self {
        let windows = plan.windows().into_iter().map(|window| Window {
            phase: window.phase,
            measured: plan.phases[window.phase as usize].measured,
            sends: 0,
            copies: 0,
            histograms: Histograms::Empty,
        });
        Recorder { windows: windows.collect(), joining: Vec::new(), packed: 0 }
    }

    /// A copy came. Says whether its phase is measured.
    pub(crate) fn copy(&mut self, window: u32, healthy: bool, latency: u64, raw: u64) -> bool {
        let window = &mut self.windows[window as usize];
        window.copies += 1;
        if healthy {
            window.record(Measure::Delivery, latency);
            window.record(Measure::Raw, raw);
        } else {
            window.record(Measure::OtherDelivery, latency);
        }
        window.measured
    }

    /// A message was sent.
    pub(crate) fn send(&mut self, window: u32) {
        self.windows[window as usize].sends += 1;
    }

    pub(crate) fn record(&mut self, window: u32, measure: Measure, micros: u64) {
        self.windows[window as usize].record(measure, micros);
    }

    /// Puts away what is older than `window`, of which nothing is expected any more; a copy that is
    /// later than that opens its window again. At most one at a time, so that nobody waits long.
    pub(crate) fn pack_before(&mut self, window: u32) {
        if self.packed < window as usize {
            self.windows[self.packed].histograms.pack();
            self.packed += 1;
        }
    }

    /// A bot joined before the phases began; `at_us` is the intended time of its connection.
    pub(crate) fn join(&mut self, at_us: u64, micros: u64) {
        let second = (at_us / SECOND_US) as usize;
        if self.joining.len() <= second {
            self.joining.resize_with(second + 1, Latencies::default);
        }
        self.joining[second].record(Measure::Join, micros);
    }

    /// The name of a window's phase.
    pub(crate) fn phase_name(&self, plan: &Plan, window: u32) -> Option<String> {
        let window = self.windows.get(window as usize)?;
        Some(plan.phases[window.phase as usize].name.clone())
    }

    /// Sends and copies of a phase so far.
    pub(crate) fn phase_so_far(&self, phase: u32) -> (u64, u64) {
        let windows = self.windows.iter().filter(|window| window.phase == phase);
        windows.fold((0, 0), |sum, window| (sum.0 + window.sends, sum.1 + window.copies))
    }

    /// The healthy deliveries of a window.
    pub(crate) fn deliveries(&self, window: u32) -> Option<&Histogram<u64>> {
        match &self.windows.get(window as usize)?.histograms {
            Histograms::Open(all) => Some(&all[Measure::Delivery as usize]),
            Histograms::Empty | Histograms::Packed(_) => None,
        }
    }

    /// Adds what another thread has measured.
    pub(crate) fn add(&mut self, other: &Recorder) {
        for (own, other) in self.windows.iter_mut().zip(&other.windows) {
            own.sends += other.sends;
            own.copies += other.copies;
            if let Histograms::Empty = other.histograms {
                continue;
            }
            for (own, other) in own.histograms.open().iter_mut().zip(other.histograms.all().iter())
            {
                own.add(other).expect("the histogram grows up to the maximum");
            }
        }
        let longest = self.joining.len().max(other.joining.len());
        self.joining.resize_with(longest, Latencies::default);
        for (own, other) in self.joining.iter_mut().zip(&other.joining) {
            own.add(other);
        }
    }

    /// The joining, second by second.
    pub(crate) fn joining(&self) -> &[Latencies] {
        &self.joining
    }

    /// Sends, copies and latencies of each window.
    pub(crate) fn windows(&self) -> impl Iterator<Item = (u64, u64, Latencies)> + '_ {
        self.windows.iter().map(|window| {
            let mut latencies = Latencies::default();
            for (measure, histogram) in Measure::ALL.into_iter().zip(window.histograms.all().iter())
            {
                if !histogram.is_empty() {
                    *latencies.entry(measure) = histogram.clone();
                }
            }
            (window.sends, window.copies, latencies)
        })
    }
}

impl Window {
    fn record(&mut self, measure: Measure, micros: u64) {
        self.histograms.open()[measure as usize]
            .record(micros.min(MAX_MICROS))
            .expect("the histogram grows up to the maximum");
    }
}

impl Histograms {
    /// The histograms, to record into.
    fn open(&mut self) -> &mut All {
        match self {
            Histograms::Empty => *self = Histograms::Open(Box::new(nothing())),
            Histograms::Packed(bytes) => *self = Histograms::Open(Box::new(unpacked(bytes))),
            Histograms::Open(_) => {}
        }
        match self {
            Histograms::Open(all) => all,
            _ => unreachable!("it was opened above"),
        }
    }

    /// The histograms, to look at.
    fn all(&self) -> Cow<'_, All> {
        match self {
            Histograms::Open(all) => Cow::Borrowed(all),
            Histograms::Empty => Cow::Owned(nothing()),
            Histograms::Packed(bytes) => Cow::Owned(unpacked(bytes)),
        }
    }

    fn pack(&mut self) {
        let Histograms::Open(all) = self else { return };
        let mut bytes = Vec::new();
        let mut serializer = V2Serializer::new();
        for histogram in all.iter() {
            serializer.serialize(histogram, &mut bytes).expect("a vector takes everything");
        }
        bytes.shrink_to_fit();
        *self = Histograms::Packed(bytes);
    }
}

fn nothing() -> All {
    std::array::from_fn(|_| empty())
}

fn unpacked(mut bytes: &[u8]) -> All {
    let mut deserializer = Deserializer::new();
    std::array::from_fn(|_| {
        let mut histogram =
            deserializer.deserialize(&mut bytes).expect("it is as this very thread wrote it");
        // It comes back with the size that it had, and has to be able to grow again.
        Histogram::auto(&mut histogram, true);
        histogram
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_away_comes_back_and_takes_more() {
        let mut histograms = Histograms::Empty;
        for micros in [0, 7, 1_000, 123_456] {
            histograms.open()[Measure::Raw as usize].record(micros).unwrap();
        }
        let before = histograms.all().into_owned();
        histograms.pack();
        assert!(matches!(histograms, Histograms::Packed(ref bytes) if bytes.len() < 4096));
        assert_eq!(*histograms.all(), before);
        // Longer than anything before: it has to grow.
        histograms.open()[Measure::Raw as usize].record(MAX_MICROS).unwrap();
        assert_eq!(histograms.open()[Measure::Raw as usize].len(), 5);
    }
}
