//! The simulator: replays documented scenarios as concurrent bots against any chat server, and
//! judges what every client's terminal shows.
//!
//! One way through: a [`scenario`] is read and checked; a [`target`] is started or reached; the
//! scenario is [`replay`]ed on it; the [`transcripts`] are compared; [`run`] does that for many
//! scenarios and [`report`]s what came of it.

pub mod cli;
pub mod diagnostics;
pub mod exit;
pub mod gallery;
pub mod load;
pub mod replay;
pub mod report;
pub mod requirements;
pub mod run;
pub mod scenario;
pub mod target;
pub mod transcripts;

mod actor;
mod fault;
mod toml_reader;
