//! Playing a scenario against a server, step by step.

mod blanks;
mod by_hand;
mod comings;
mod explain;
mod failure;
mod fence;
mod laws;
mod race;
mod reading;
mod speaking;
mod stage;

use std::path::PathBuf;
use std::time::Duration;

pub use failure::{Failure, Lane, LaneLine};
use stage::Stage;

use crate::scenario::Scenario;
use crate::target::Target;

/// How to play.
#[derive(Debug, Clone)]
pub struct Options {
    /// What every length of time in a scenario is multiplied by.
    pub time_scale: f64,
    /// What everything random is made from.
    pub seed: u64,
    /// The terminal program to run in place of bots.
    pub client_program: Option<PathBuf>,
    /// Whether the server's log has to say what the scenarios say it does.
    pub check_log: bool,
    /// Whether the server may have created groups before.
    pub shared: bool,
}

/// What a played scenario showed.
#[derive(Debug)]
pub struct Played {
    /// Each client's terminal, by the client's key, as far as it came.
    pub transcripts: Vec<(String, String)>,
    /// How many steps were played.
    pub steps: usize,
    /// How many looks into the server's log were left out because it cannot be seen.
    pub log_checks_skipped: usize,
    /// How many clients were the real program.
    pub programs: usize,
    /// How long it took.
    pub took: Duration,
    /// What went wrong, if anything did.
    pub failure: Option<Box<Failure>>,
    /// The id of the first group that was created.
    pub first_group: Option<u32>,
}

/// Plays `scenario` against `target`.
pub async fn play(scenario: &Scenario, target: &mut Target, options: &Options) -> Played {
    Stage::new(scenario, target, options).play().await
}
