//! Load files: who comes, how they behave, when they talk, and what has to hold.
//!
//! [`load`] reads a file into a [`LoadSpec`] that can be carried out as it stands. The format is
//! described in `docs/load.md`.

mod flags;
mod parts;
mod phases;
mod read;
#[cfg(test)]
mod tests;
mod values;
mod write;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::diagnostics::Source;
use crate::load::record::FaultKind;

pub use flags::{Flags, from_flags};
pub use read::load;
pub use write::to_text;

/// A load file that was read and checked.
#[derive(Debug, Clone)]
pub struct LoadSpec {
    /// The file it comes from; where flags took a file's place, the text that says the same.
    pub source: Source,
    /// What it is for, as a sentence.
    pub title: String,
    /// Who comes.
    pub crowd: Crowd,
    /// How they behave.
    pub roles: Roles,
    /// What they say.
    pub messages: Messages,
    /// When they say it; at least one phase, in this order, after everybody has joined.
    pub phases: Vec<Phase>,
    /// What has to hold, in the words of a gate, each valid for these phases.
    pub gates: Vec<String>,
    /// The faults that do not make the run a failure.
    pub allow: BTreeSet<FaultKind>,
    /// When the run itself cannot be trusted.
    pub trust: Trust,
    /// How long the last copies may take, once the last phase is over.
    pub settle: Duration,
}

/// Who comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Crowd {
    /// How many bots, all roles together.
    pub bots: u32,
    /// How many groups; at most as many as bots.
    pub groups: u32,
    /// How the bots are spread over the groups.
    pub sizes: Sizes,
    /// How many bots connect each second.
    pub arrive: Rate,
}

/// How bots are spread over groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// All groups have the same size, give or take one.
    Even,
    /// Group `n` is in proportion to `1/n` (Zipf): one large, many small. None is empty.
    Skewed,
}

/// How often something happens, per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

/// A part of the crowd.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Share {
    /// So many bots.
    Count(u32),
    /// So many in a hundred bots, 0 to 100.
    Percent(f64),
}

impl Share {
    /// How many of `whole` it is. A percentage is rounded, and what is more than nothing is at least one.
    #[must_use]
    pub fn of(self, whole: u32) -> u32 {
        match self {
            Share::Count(count) => count,
            Share::Percent(percent) if percent > 0.0 && whole > 0 => {
                ((f64::from(whole) * percent / 100.0).round() as u32).clamp(1, whole)
            }
            Share::Percent(_) => 0,
        }
    }
}

/// How the bots behave. Who has none of the other roles and is no talker is a listener: it joins,
/// reads and is silent.
#[derive(Debug, Clone, PartialEq)]
pub struct Roles {
    /// Say what the phases ask for, and read. A share of those who have no other role.
    pub talkers: Share,
    /// Stop reading, from the beginning of a phase to the end of the run.
    pub stalled: Option<Stalled>,
    /// Write a few bytes at a time.
    pub dribblers: Option<Dribblers>,
    /// Leave and come back.
    pub leavers: Option<Leavers>,
    /// Come with a wrong password, are refused, and come again.
    pub knockers: Option<Knockers>,
}

impl Default for Roles {
    /// Everybody talks.
    fn default() -> Self {
        Roles {
            talkers: Share::Percent(100.0),
            stalled: None,
            dribblers: None,
            leavers: None,
            knockers: None,
        }
    }
}

impl Roles {
    /// How many of `bots` have each role, as asked: not yet checked that there are so many.
    #[must_use]
    pub fn counts(&self, bots: u32) -> RoleCounts {
        let of = |share: Option<Share>| share.map_or(0, |share| share.of(bots));
        let mut counts = RoleCounts {
            stalled: of(self.stalled.as_ref().map(|role| role.share)),
            dribblers: of(self.dribblers.as_ref().map(|role| role.share)),
            leavers: of(self.leavers.as_ref().map(|role| role.share)),
            knockers: of(self.knockers.as_ref().map(|role| role.share)),
            ..RoleCounts::default()
        };
        counts.healthy = u64::from(bots).saturating_sub(counts.misbehaving()) as u32;
        counts.talkers = self.talkers.of(counts.healthy);
        counts
    }
}

/// How many bots have each role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoleCounts {
    /// Those that have none of the other roles: talkers and listeners.
    pub healthy: u32,
    /// Those of the healthy that talk.
    pub talkers: u32,
    /// Those that stop reading.
    pub stalled: u32,
    /// Those that write a few bytes at a time.
    pub dribblers: u32,
    /// Those that leave and come back.
    pub leavers: u32,
    /// Those with a wrong password.
    pub knockers: u32,
}

impl RoleCounts {
    /// All that are neither talkers nor listeners.
    #[must_use]
    pub fn misbehaving(&self) -> u64 {
        [self.stalled, self.dribblers, self.leavers, self.knockers].map(u64::from).iter().sum()
    }
}

/// Members that stop reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Stalled {
    /// How many.
    pub share: Share,
    /// The index in [`LoadSpec::phases`] at whose beginning they stop.
    pub from: usize,
}

/// Members that write their answers and messages a few bytes at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Dribblers {
    /// How many.
    pub share: Share,
    /// How long each is silent between two messages.
    pub every: Duration,
    /// How many bytes each write has.
    pub piece: u32,
    /// How long each waits between two writes.
    pub pause: Duration,
}

/// Members that leave and come back under a new name.
#[derive(Debug, Clone, PartialEq)]
pub struct Leavers {
    /// How many.
    pub share: Share,
    /// How long they stay.
    pub stay: Duration,
    /// How long they are away.
    pub away: Duration,
}

/// Clients with a wrong password.
#[derive(Debug, Clone, PartialEq)]
pub struct Knockers {
    /// How many.
    pub share: Share,
    /// How long each waits between two tries.
    pub every: Duration,
}

/// What is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Messages {
    /// The least bytes of a message as a client sends it, its name in front counted, its line end
    /// not: at least [`MIN_MESSAGE_BYTES`].
    pub min_bytes: u32,
    /// The most; at most 1024 (LIM-1).
    pub max_bytes: u32,
    /// How the sends are spaced in time.
    pub spacing: Spacing,
}

impl Default for Messages {
    /// All of the smallest size, evenly spaced.
    fn default() -> Self {
        Messages {
            min_bytes: MIN_MESSAGE_BYTES,
            max_bytes: MIN_MESSAGE_BYTES,
            spacing: Spacing::Even,
        }
    }
}

/// The smallest message: who says it, to whom, when, and a few bytes that show whether it was altered.
pub const MIN_MESSAGE_BYTES: u32 = 64;

/// How sends are spaced in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// The same time between any two.
    Even,
    /// At random, as independent people do (a Poisson process).
    Random,
}

/// A part of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Its name in gates and figures: letters, digits, `-` and `_`, and no word of the gates.
    pub name: String,
    /// How long it takes, a whole number of milliseconds.
    pub length: Duration,
    /// How often somebody in the whole crowd says something.
    pub shape: Shape,
    /// Whether its figures count in those of the whole run. Not so for a warm-up.
    pub measured: bool,
}

/// How the rate of sends goes over a phase. Steps are phases of their own: the reader makes them.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The same all the time; 0 is silence.
    Steady(Rate),
    /// From one to another, in a straight line.
    Ramp(Rate, Rate),
    /// As fast as the server takes it: a closed loop, in which every talker has this many messages
    /// under way. Latency counts from the send itself.
    Saturate(u32),
}

impl Shape {
    /// Whether it has anybody say anything.
    #[must_use]
    pub fn has_sends(&self) -> bool {
        match self {
            Shape::Steady(rate) => rate.0 > 0.0,
            Shape::Ramp(from, to) => from.0 > 0.0 || to.0 > 0.0,
            Shape::Saturate(_) => true,
        }
    }
}

/// As it is written in a load file, such as `1000/s`.
impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// In words, such as `1000/s` or `100/s to 1000/s`.
impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shape::Steady(rate) => rate.fmt(f),
            Shape::Ramp(from, to) => write!(f, "{from} to {to}"),
            Shape::Saturate(depth) => write!(f, "saturated, {depth} under way for each talker"),
        }
    }
}

/// When the run itself cannot be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Trust {
    /// The most that the generator may be late at the 99th percentile of the measured sends.
    pub lateness_p99: Duration,
    /// The most of its time that a thread of the generator may be busy in a measured phase with a
    /// schedule, 0 to 1.
    pub busy: f64,
}

impl Default for Trust {
    /// 2 ms is what a timer on a busy machine of two cores can keep; 95 % busy is saturated.
    fn default() -> Self {
        Trust { lateness_p99: Duration::from_millis(2), busy: 0.95 }
    }
}
