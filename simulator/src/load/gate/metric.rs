//! The figures that gates are about, and their names.

use std::fmt;

use super::units::Unit;
use crate::load::figures::Measure;
use crate::load::record::{FaultKind, Outcome};

/// The phase in which everybody joins; it is there in every run.
pub(crate) const JOIN: &str = "join";

/// A figure of a run, such as `spike.delivery.p99`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// The phase; without one, all measured phases together.
    pub phase: Option<String>,
    /// What of it.
    pub name: Name,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    /// A statistic of a histogram. `all` adds the copies in which a bot takes part that misbehaves.
    /// [`Measure::Join`] is about the joining unless a phase is named.
    Times {
        /// The histogram.
        measure: Measure,
        /// Whether the copies of all bots count, and not the healthy ones only.
        all: bool,
        /// What of it.
        stat: Stat,
    },
    /// How often a fault was found, over the whole run.
    Fault(FaultKind),
    /// How many faults of all kinds were found, over the whole run.
    Faults,
    /// Messages sent, per second of the phases.
    SendsRate,
    /// Copies that arrived, per second of the phases.
    CopiesRate,
    /// The most resident memory that the server's process had at the end of a second.
    ServerRss,
    /// What a member costs the server: its resident memory at the end of the last second of the
    /// joining, less what it had before the first bot connected, for each bot that joined. The memory
    /// of messages under way is not in it, since nobody says anything yet; the notices of the last
    /// ones who joined may be.
    ServerRssPerBot,
    /// The server's processor time for each copy that arrived, in microseconds, with everything else
    /// that it did meanwhile.
    ServerCpuPerDelivery,
    /// How busy the server was; 1 is one core.
    ServerCpu,
    /// How busy the simulator was; 1 is all of its threads.
    GeneratorCpu,
    /// What a bot costs the simulator: as [`Name::ServerRssPerBot`], with the simulator's memory.
    GeneratorRssPerBot,
    /// The p99 of the healthy receiver that was served worst.
    FairnessWorstP99,
    /// That p99, divided by the median of all receivers' p99s.
    FairnessRatio,
    /// How many bots were members when the first phase began.
    Joined,
    /// How long the joining took, from the first connection to the last welcome.
    JoinSeconds,
}

/// A statistic of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stat {
    /// A percentile, in thousandths of a percent: p99.9 is 99 900.
    Percentile(u32),
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The mean of all values.
    Mean,
    /// How many there are.
    Count,
}

/// Why a figure cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// [`Outcome::Untrusted`] where there is no data or too little, [`Outcome::Invalid`] where there
    /// cannot be any.
    pub outcome: Outcome,
    /// Why, as a sentence.
    pub why: String,
}

/// The names that are no statistic of a histogram and no fault.
pub(super) const PLAIN: [(&str, Name); 13] = [
    ("faults", Name::Faults),
    ("sends.rate", Name::SendsRate),
    ("copies.rate", Name::CopiesRate),
    ("server.rss", Name::ServerRss),
    ("server.rss_per_bot", Name::ServerRssPerBot),
    ("server.cpu_per_delivery", Name::ServerCpuPerDelivery),
    ("server.cpu", Name::ServerCpu),
    ("generator.cpu", Name::GeneratorCpu),
    ("generator.rss_per_bot", Name::GeneratorRssPerBot),
    ("fairness.worst_p99", Name::FairnessWorstP99),
    ("fairness.ratio", Name::FairnessRatio),
    ("joined", Name::Joined),
    ("join.seconds", Name::JoinSeconds),
];

impl Name {
    /// The unit of the figure.
    #[must_use]
    pub fn unit(self) -> Unit {
        match self {
            Name::Times { stat: Stat::Count, .. } => Unit::Count,
            Name::Times { .. }
            | Name::ServerCpuPerDelivery
            | Name::FairnessWorstP99
            | Name::JoinSeconds => Unit::Time,
            Name::Fault(_) | Name::Faults | Name::FairnessRatio | Name::Joined => Unit::Count,
            Name::SendsRate | Name::CopiesRate => Unit::PerSecond,
            Name::ServerRss | Name::ServerRssPerBot | Name::GeneratorRssPerBot => Unit::Bytes,
            Name::ServerCpu | Name::GeneratorCpu => Unit::Share,
        }
    }

    /// Whether there is one of each phase, and not one of the run only.
    #[must_use]
    pub fn by_phase(self) -> bool {
        matches!(
            self,
            Name::Times { .. }
                | Name::SendsRate
                | Name::CopiesRate
                | Name::ServerRss
                | Name::ServerCpu
                | Name::ServerCpuPerDelivery
                | Name::GeneratorCpu
        )
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(phase) = &self.phase {
            write!(f, "{phase}.")?;
        }
        match self.name {
            Name::Times { measure, all, stat } => {
                write!(f, "{}{}.{stat}", if all { "all." } else { "" }, measure.as_str())
            }
            Name::Fault(kind) => f.write_str(kind.as_str()),
            other => {
                let known = PLAIN.iter().find(|(_, name)| *name == other);
                f.write_str(known.expect("every other name is in the table").0)
            }
        }
    }
}

impl fmt::Display for Stat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stat::Percentile(thousandths) => write!(f, "p{}", f64::from(*thousandths) / 1000.0),
            Stat::Min => f.write_str("min"),
            Stat::Max => f.write_str("max"),
            Stat::Mean => f.write_str("mean"),
            Stat::Count => f.write_str("count"),
        }
    }
}

impl Metric {
    /// The figure's unit.
    #[must_use]
    pub fn unit(&self) -> Unit {
        self.name.unit()
    }
}
