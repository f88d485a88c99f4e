//! What is measured: histograms that merge, and never an average of percentiles.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

/// The longest time that is told apart from longer ones, in microseconds: an hour.
pub const MAX_MICROS: u64 = 3_600_000_000;

/// The significant decimal digits of every histogram that goes into a record.
pub const DIGITS: u8 = 3;

/// What a histogram counts. All times are in microseconds.
///
/// A bot is *healthy* when it is a talker or a listener; a copy is healthy when both its sender and its
/// receiver are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Measure {
    /// One for each healthy copy: from the intended time of the send to the end of the read that
    /// brought the copy. This is the corrected latency.
    Delivery,
    /// The same for the copies in which a bot that misbehaves takes part.
    OtherDelivery,
    /// One for each healthy copy: from the write to the read. What a generator that forgives
    /// itself its own lateness would show.
    Raw,
    /// One for each message of a healthy sender: from its intended time to its first healthy copy.
    First,
    /// The same to its last healthy copy.
    Last,
    /// From its first healthy copy to its last.
    Spread,
    /// One for each send of a healthy sender: from the intended time to the write. How late the
    /// generator is.
    Lateness,
    /// One for each write of a healthy sender, which is a message, or several where a phase saturates: how
    /// long until the system had taken all of it.
    Stall,
    /// One for each healthy bot that joined: from the intended time of its connection to the
    /// server's welcome.
    Join,
}

impl Measure {
    /// All of them.
    pub const ALL: [Measure; 9] = [
        Measure::Delivery,
        Measure::OtherDelivery,
        Measure::Raw,
        Measure::First,
        Measure::Last,
        Measure::Spread,
        Measure::Lateness,
        Measure::Stall,
        Measure::Join,
    ];

    /// Its name in gates, tables and files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Measure::Delivery => "delivery",
            Measure::OtherDelivery => "other-delivery",
            Measure::Raw => "raw",
            Measure::First => "first",
            Measure::Last => "last",
            Measure::Spread => "spread",
            Measure::Lateness => "lateness",
            Measure::Stall => "stall",
            Measure::Join => "join",
        }
    }
}

/// One histogram for each [`Measure`] that has anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latencies {
    histograms: BTreeMap<Measure, Histogram<u64>>,
}

impl Latencies {
    /// The histogram of a measure; `None` when nothing was recorded.
    #[must_use]
    pub fn get(&self, measure: Measure) -> Option<&Histogram<u64>> {
        self.histograms.get(&measure)
    }

    /// The histogram of a measure, to record into or add to.
    pub fn entry(&mut self, measure: Measure) -> &mut Histogram<u64> {
        self.histograms.entry(measure).or_insert_with(empty)
    }

    /// Records one time; more than [`MAX_MICROS`] counts as that.
    pub fn record(&mut self, measure: Measure, micros: u64) {
        self.entry(measure)
            .record(micros.min(MAX_MICROS))
            .expect("the histogram grows up to the maximum");
    }

    /// Adds everything of `other`, exactly.
    pub fn add(&mut self, other: &Latencies) {
        for (measure, histogram) in &other.histograms {
            self.entry(*measure).add(histogram).expect("the histogram grows up to the maximum");
        }
    }

    /// All histograms that have anything.
    pub fn iter(&self) -> impl Iterator<Item = (Measure, &Histogram<u64>)> {
        self.histograms.iter().map(|(measure, histogram)| (*measure, histogram))
    }
}

/// A histogram without anything in it.
#[must_use]
pub fn empty() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("one to five digits can be had")
}
