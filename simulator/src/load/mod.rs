//! Load: thousands of bots, an honest clock, a ledger, and a verdict.
//!
//! One way through: a [`spec`] is read and checked; a [`plan`] says who is there and
//! who says what when; bots carry it out; the ledger compares every copy with what was sent and who
//! was a member; what was measured is a [`record`], and everything that judges or shows a run (gates,
//! reports, comparisons) works from the record alone, now or later.

mod assemble;
mod bots;
pub mod capacity;
pub mod compare;
pub mod directory;
pub mod figures;
pub mod floor;
pub mod gate;
mod ledger;
pub mod live;
pub mod merge;
mod message;
mod meter;
pub mod plan;
pub mod record;
mod recorder;
pub mod report;
pub(crate) mod run;
pub mod spec;
pub mod verdict;

#[cfg(test)]
pub(crate) mod sample;
