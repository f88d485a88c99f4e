//! The bots: threads that carry out a plan, each with the bots of whole groups.
//!
//! A thread is one loop over one poll. It owns its bots, its groups' ledgers and its figures alone, so
//! nothing here is locked or shared but a few counts for the display. A bot is not a task: thousands of
//! tasks would each be woken for each message, and time is what is measured here.

mod alarm;
mod bot;
mod clock;
mod comings;
mod conversation;
mod outbox;
mod saturate;
mod speaking;
mod thread;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hdrhistogram::Histogram;

pub(crate) use clock::Clock;
pub(crate) use comings::COULD_NOT_JOIN;
pub(crate) use thread::{Thread, Waker};

use super::ledger::Books;
use super::plan::Plan;
use super::plan::needs::Sources;
use super::spec::LoadSpec;

/// What all threads of a run know.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spec: LoadSpec,
    pub(crate) plan: Arc<Plan>,
    pub(crate) clock: Clock,
    /// Where the server listens.
    pub(crate) server: SocketAddr,
    /// From which addresses the bots connect.
    pub(crate) sources: Sources,
}

/// What a thread is told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    /// Everybody is there: the first phase begins at this time of the run.
    Begin {
        /// In microseconds.
        start_us: u64,
    },
    /// End now, with what there is.
    Stop,
}

/// How far a thread is, for those who watch.
#[derive(Debug, Default, Clone)]
pub(crate) struct Progress {
    /// When this was true, in microseconds of the run.
    pub(crate) at_us: u64,
    /// Bots that have become members, and those that could not.
    pub(crate) joined: u32,
    pub(crate) failed: u32,
    /// Whether everybody who is to join has joined or failed.
    pub(crate) all_there: bool,
    /// Messages and copies of the present phase.
    pub(crate) sends: u64,
    pub(crate) copies: u64,
    /// The latencies of the present window.
    pub(crate) deliveries: Option<Histogram<u64>>,
    /// Faults found so far.
    pub(crate) faults: u64,
    /// Whether the phases are over and the last copies are waited for.
    pub(crate) settling: bool,
}

/// Where a thread tells how far it is.
pub(crate) type Board = Arc<Mutex<Progress>>;

/// What the board says now.
pub(crate) fn read_board(board: &Board) -> Progress {
    board.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// What a thread leaves when it is over.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) books: Books,
    /// Bots that have become members before the first phase.
    pub(crate) joined: u32,
    /// The last welcome before the first phase, in microseconds of the run.
    pub(crate) joined_us: u64,
    /// Why bots could not join, or could not do what the plan says; each with a count.
    pub(crate) doubts: std::collections::BTreeMap<String, u32>,
    /// Messages handed to the system.
    pub(crate) sends: u64,
    pub(crate) refused: u64,
    pub(crate) cut_off: u64,
    /// Healthy receivers: the bot, its median and its p99, in microseconds.
    pub(crate) receivers: Vec<(u32, u64, u64)>,
}
