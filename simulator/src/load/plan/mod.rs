//! What a load will do, before anything is done: who is there, in which group, and who says what when.
//!
//! A plan is made from a load file and a seed alone, without clock and network: the same two make the same
//! plan, to the microsecond and the byte.

mod crowd;
mod events;
mod limits;
pub mod needs;
mod random;
mod schedule;
pub mod show;
#[cfg(test)]
mod tests;
pub mod totals;
mod words;

use std::sync::Arc;

use crate::load::spec::{LoadSpec, Messages, Roles, Shape};

pub use events::Events;

use random::Stream;

/// What a load will do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The run's name in its messages.
    pub run: RunTag,
    /// What everything random is made from.
    pub seed: u64,
    /// Who comes; a bot's number is its place here. The bots of a group are next to each other.
    pub bots: Vec<PlannedBot>,
    /// The groups; a group's number is its place here.
    pub groups: Vec<PlannedGroup>,
    /// The phases, in order.
    pub phases: Arc<[PlannedPhase]>,
    /// When the last member arrives, in microseconds from the first.
    pub arrived_us: u64,
    roles: Roles,
    messages: Messages,
}

/// Four lower-case letters and digits that tell one load file and seed from another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunTag([u8; 4]);

/// A bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedBot {
    /// The number of its group: the one it joins, or at which it knocks.
    pub group: u32,
    /// What it does.
    pub role: Role,
    /// When it connects, in microseconds from the first connection. Knockers come after everybody
    /// else here, but they do not join: they come when it is time for [`Action::Knock`].
    pub arrives_us: u64,
}

/// What a bot does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Says what the phases ask for, and reads.
    Talker,
    /// Reads and is silent.
    Listener,
    /// Stops reading at the beginning of a phase.
    Stalled,
    /// Writes a few bytes at a time.
    Dribbler,
    /// Leaves and comes back.
    Leaver,
    /// Comes with a wrong password.
    Knocker,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedGroup {
    /// Who creates it: the first to arrive, and never a knocker.
    pub creator: u32,
    /// Its bots in order of arrival, the creator first; those that knock come last.
    pub bots: Vec<u32>,
    /// How many of them join, that is, do not knock.
    pub members: u32,
}

/// A phase.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedPhase {
    /// Its name.
    pub name: String,
    /// When it begins, in microseconds from the start of the first phase.
    pub start_us: u64,
    /// How long it takes, in microseconds.
    pub length_us: u64,
    /// How often somebody speaks.
    pub shape: Shape,
    /// Whether its figures count in those of the whole run.
    pub measured: bool,
}

/// A part of a phase, a second long; the last one of a phase may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The index of its phase.
    pub phase: u32,
    /// When it begins, in microseconds from the start of the first phase.
    pub start_us: u64,
    /// How long it is, in microseconds.
    pub length_us: u64,
}

/// Something that a bot does at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// When, in microseconds from the start of the first phase.
    pub at_us: u64,
    /// The index of the phase in which that is.
    pub phase: u32,
    /// The bot's number.
    pub bot: u32,
    /// What it does.
    pub action: Action,
}

/// What a bot does at a time. What happens at the same time happens in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// A stalled bot stops reading.
    StopReading,
    /// A leaver leaves its group.
    Leave,
    /// It comes back, under a new name.
    Return,
    /// A knocker connects with a wrong password.
    Knock,
    /// A talker or a dribbler sends its next message.
    Say,
}

/// The length of a window.
const WINDOW_US: u64 = 1_000_000;

impl Plan {
    /// What a load file and a seed come to.
    #[must_use]
    pub fn new(spec: &LoadSpec, seed: u64) -> Plan {
        let (bots, groups) = crowd::gather(spec, seed);
        let members = bots.iter().filter(|bot| bot.role != Role::Knocker);
        Plan {
            run: RunTag::new(spec.source.text(), seed),
            seed,
            arrived_us: members.map(|bot| bot.arrives_us).max().unwrap_or(0),
            bots,
            groups,
            phases: phases(spec),
            roles: spec.roles.clone(),
            messages: spec.messages.clone(),
        }
    }

    /// What happens after the joining, in order of time. Made while it is asked for: a long plan takes no
    /// more memory than a short one.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self)
    }

    /// How many bytes a bot's message has as it is sent, its line end not counted. The first message
    /// has sequence 0.
    #[must_use]
    pub fn message_bytes(&self, bot: u32, sequence: u64) -> u32 {
        let Messages { min_bytes, max_bytes, .. } = self.messages;
        let number = random::scramble(bot.into()) ^ sequence;
        let chosen = random::mix(self.seed, Stream::Sizes, number);
        min_bytes + (chosen % u64::from(max_bytes - min_bytes + 1)) as u32
    }

    /// The phases cut in seconds, each from its own start.
    #[must_use]
    pub fn windows(&self) -> Vec<Window> {
        let mut windows = Vec::new();
        for (phase, index) in self.phases.iter().zip(0..) {
            let starts = (0..phase.length_us).step_by(WINDOW_US as usize);
            windows.extend(starts.map(|start| Window {
                phase: index,
                start_us: phase.start_us + start,
                length_us: WINDOW_US.min(phase.length_us - start),
            }));
        }
        windows
    }

    /// When the last phase ends, in microseconds from the start of the first.
    #[must_use]
    pub fn end_us(&self) -> u64 {
        self.phases.last().map_or(0, |phase| phase.start_us + phase.length_us)
    }

    /// How many bots have a role.
    #[must_use]
    pub fn count(&self, role: Role) -> u32 {
        self.bots.iter().filter(|bot| bot.role == role).count() as u32
    }
}

fn phases(spec: &LoadSpec) -> Arc<[PlannedPhase]> {
    let mut start_us = 0;
    let planned = spec.phases.iter().map(|phase| {
        let planned = PlannedPhase {
            name: phase.name.clone(),
            start_us,
            length_us: events::micros(phase.length),
            shape: phase.shape.clone(),
            measured: phase.measured,
        };
        start_us += planned.length_us;
        planned
    });
    planned.collect()
}

impl PlannedGroup {
    /// Those who join, in order of arrival, the creator first.
    #[must_use]
    pub fn members(&self) -> &[u32] {
        &self.bots[..self.members as usize]
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 6] =
        [Role::Talker, Role::Listener, Role::Stalled, Role::Dribbler, Role::Leaver, Role::Knocker];

    /// Its name in files and figures.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Talker => "talker",
            Role::Listener => "listener",
            Role::Stalled => "stalled",
            Role::Dribbler => "dribbler",
            Role::Leaver => "leaver",
            Role::Knocker => "knocker",
        }
    }

    /// Whether it behaves as a client should.
    #[must_use]
    pub fn is_healthy(self) -> bool {
        matches!(self, Role::Talker | Role::Listener)
    }
}

impl RunTag {
    /// The tag of a file's text and a seed.
    #[must_use]
    pub fn new(text: &str, seed: u64) -> RunTag {
        let mut number = random::scramble(random::digest(text) ^ random::scramble(seed));
        RunTag([(); 4].map(|()| {
            let digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize];
            number /= 36;
            digit
        }))
    }

    /// The tag as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("digits and letters are text")
    }
}

impl std::fmt::Display for RunTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Debug for RunTag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
