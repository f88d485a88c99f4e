//! What a server is told to do.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use super::Fault;

/// What a [`TamperingServer`](super::TamperingServer) is told to do. The default does nothing wrong,
/// on a free port of 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Which copies are held back.
    pub delay: Option<Delay>,
    /// How much more processor time than needed a delivery takes: 0.2 is a fifth more.
    pub slower: f64,
    /// What is done wrong.
    pub tampering: Option<Tampering>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            delay: None,
            slower: 0.0,
            tampering: None,
        }
    }
}

/// Which copies of messages are held back, and for how long.
///
/// So that a member's lines keep their order, what follows a held copy to the same member waits
/// with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// From when the message was read from its sender's socket to when the copy is written.
    pub by: Duration,
    /// Each so many copies to a member one is held back: 1 holds back all. Notices do not count.
    pub every: NonZeroU64,
}

/// A fault, and when and to whom it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tampering {
    /// What is done.
    pub fault: Fault,
    /// At which message of a group it is done, counted from 1; for some faults what is counted is
    /// something else, see [`Fault`]. Where it cannot be done then, because nobody else is there or
    /// the text has no digit, it is done at the next that it can be done to.
    pub nth: NonZeroU64,
    /// How often it is done in a group: at the N-th, at the 2N-th and so on.
    pub times: u64,
    /// The place of the member it is done to, in the order of joining and counted from 1. If that is
    /// the sender, or the newcomer, the next one takes its place; the last one if there are fewer.
    pub receiver: usize,
    /// In every group, and not only in the one that was created first.
    pub every_group: bool,
}

impl Tampering {
    /// The fault once, at the N-th message of the first group, to the second member.
    ///
    /// # Panics
    ///
    /// If `nth` is 0: messages are counted from 1.
    #[must_use]
    pub fn once(fault: Fault, nth: u64) -> Self {
        let nth = NonZeroU64::new(nth).expect("messages are counted from 1");
        Tampering { fault, nth, times: 1, receiver: 2, every_group: false }
    }
}
