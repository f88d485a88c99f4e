//! One bot: what it is and where it stands. What it does is the thread's business.

use mio::net::TcpStream;

use super::outbox::Outbox;
use crate::load::ledger::Slot;
use crate::load::plan::Role;

/// A bot. There are thousands, so what most do not need at a time is behind a pointer.
#[derive(Debug)]
pub(super) struct Bot {
    /// Its number in the plan.
    pub(super) id: u32,
    /// The place of its group among the thread's.
    pub(super) group: u32,
    pub(super) role: Role,
    /// Its how many-th stay this is, from 0.
    pub(super) visit: u32,
    pub(super) stage: Stage,
    pub(super) stream: Option<TcpStream>,
    pub(super) slot: Option<Slot>,
    /// The name that it has, or asks for.
    pub(super) name: Box<str>,
    /// When its connection was to be opened, or, when it leaves, when it left; in microseconds of the run.
    pub(super) intended_us: u64,
    /// The beginning of a line whose end has not come.
    pub(super) partial: Vec<u8>,
    pub(super) outbox: Option<Box<Outbox>>,
    /// Whether a timer is set for its next few bytes.
    pub(super) is_dribbling: bool,
    /// How many questions it has answered.
    pub(super) answered: u8,
    /// What it was told at the end of a handshake that failed.
    pub(super) refusal: Option<Box<str>>,
}

/// Where a bot stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has not connected yet, or is between two stays.
    Away,
    /// It is due, but its group is not there yet.
    Waiting,
    /// The connection is being opened.
    Connecting,
    /// It answers what it is asked.
    Answering,
    /// It was let in, and is not welcomed yet.
    Arriving,
    /// It is a member.
    Member,
    /// It is a member and does not read any more.
    Deaf,
    /// It has said that it leaves.
    Leaving,
    /// It is over for this bot.
    Done,
}

impl Bot {
    pub(super) fn new(id: u32, group: u32, role: Role, name: String) -> Self {
        Bot {
            id,
            group,
            role,
            visit: 0,
            stage: Stage::Away,
            stream: None,
            slot: None,
            name: name.into_boxed_str(),
            intended_us: 0,
            partial: Vec::new(),
            outbox: None,
            is_dribbling: false,
            answered: 0,
            refusal: None,
        }
    }
}
