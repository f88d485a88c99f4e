//! The loads.

use std::time::Duration;

/// Members that talk, so that what they say at the same time can be sent together.
pub(crate) const TALKERS: usize = 16;

/// Messages that are under way at a time where the load is saturated: two for each talker. A message is
/// under way until its talker has it back. They fit into any socket's buffers many times.
pub(crate) const UNDER_WAY: usize = 2 * TALKERS;

/// Long enough that buffers have grown and caches are warm.
pub(crate) const WARM_UP: Duration = Duration::from_millis(200);

pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) members: usize,
    pub(crate) pace: Pace,
    /// How long it is measured, after the warm-up.
    pub(crate) length: Duration,
}

#[derive(Clone, Copy)]
pub(crate) enum Pace {
    Paced { per_second: u32 },
    Saturated,
}

const PACED: Duration = Duration::from_millis(1200);
const SATURATED: Duration = Duration::from_millis(600);

pub(crate) const ALL: [Load; 4] = [
    Load {
        name: "100 members, 1,000/s",
        members: 100,
        pace: Pace::Paced { per_second: 1_000 },
        length: PACED,
    },
    Load {
        name: "1,000 members, 100/s",
        members: 1_000,
        pace: Pace::Paced { per_second: 100 },
        length: PACED,
    },
    Load { name: "100 members, saturated", members: 100, pace: Pace::Saturated, length: SATURATED },
    Load {
        name: "1,000 members, saturated",
        members: 1_000,
        pace: Pace::Saturated,
        length: SATURATED,
    },
];
