//! Running many scenarios: side by side, each on a server of its own where that can be.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::Instant;

use crate::exit::ExitStatus;
use crate::replay::{self, Failure, Options, Played};
use crate::scenario::{Need, Scenario};
use crate::target::{TargetError, TargetSpec};
use crate::transcripts;

/// How to run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which server.
    pub target: TargetSpec,
    /// How many scenarios at a time.
    pub jobs: usize,
    /// How long a server may take to start.
    pub start_limit: Duration,
    /// How to play.
    pub options: Options,
    /// Whether new transcripts are written instead of compared.
    pub accept: bool,
    /// Whether the server is known to have created groups before.
    pub used: bool,
}

impl Settings {
    /// How many scenarios really play at a time: on one server, one after another, because their
    /// group ids follow each other.
    #[must_use]
    pub fn jobs(&self) -> usize {
        if self.target.is_shared() { 1 } else { self.jobs.max(1) }
    }
}

/// What became of a scenario.
#[derive(Debug)]
pub struct Outcome {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// The verdict.
    pub verdict: Verdict,
    /// How long it took, the server's start included.
    pub took: Duration,
    /// How many of its steps were played.
    pub steps: usize,
    /// How many looks into the server's log were left out because it cannot be seen.
    pub log_checks_skipped: usize,
    /// How many clients were the real program.
    pub programs: usize,
    /// Each client's terminal, by the client's key.
    pub transcripts: Vec<(String, String)>,
}

/// What a run says about a scenario.
#[derive(Debug)]
pub enum Verdict {
    /// Everything is as it has to be.
    Pass,
    /// The same, and these transcripts were written.
    Accepted(Vec<PathBuf>),
    /// Something is not.
    Fail(Box<Failure>),
    /// It could not be decided, for this reason.
    Inconclusive(String),
    /// It was not played, for this reason.
    Skip(String),
    /// There was no server.
    Unreachable(TargetError),
    /// A file of it could not be read or written.
    Unreadable(String),
}

/// All outcomes together.
#[derive(Debug)]
pub struct Summary {
    /// In the order of the files.
    pub outcomes: Vec<Outcome>,
    /// How long the whole run took.
    pub took: Duration,
}

impl Summary {
    /// How many outcomes have a verdict of that kind.
    #[must_use]
    pub fn count(&self, is_it: impl Fn(&Verdict) -> bool) -> usize {
        self.outcomes.iter().filter(|outcome| is_it(&outcome.verdict)).count()
    }

    /// What the whole run comes to.
    #[must_use]
    pub fn exit_status(&self) -> ExitStatus {
        let any = |is_it: fn(&Verdict) -> bool| self.count(is_it) > 0;
        if any(|verdict| matches!(verdict, Verdict::Unreadable(_))) {
            ExitStatus::Invalid
        } else if any(|verdict| matches!(verdict, Verdict::Fail(_))) {
            // Also where the server is gone after that: then it did not survive what failed.
            ExitStatus::Fail
        } else if any(|verdict| matches!(verdict, Verdict::Unreachable(_))) {
            ExitStatus::Unreachable
        } else if any(|verdict| matches!(verdict, Verdict::Inconclusive(_)))
            // What was skipped is no pass.
            || !any(|verdict| matches!(verdict, Verdict::Pass | Verdict::Accepted(_)))
        {
            ExitStatus::Inconclusive
        } else {
            ExitStatus::Pass
        }
    }
}

/// Runs `scenarios`, and tells `each` of every outcome in the order of the scenarios.
///
/// # Cancel safety
///
/// When this is dropped, the servers that it started are ended.
pub async fn run(
    scenarios: Vec<Scenario>,
    settings: &Settings,
    mut each: impl FnMut(&Outcome),
) -> Summary {
    let started = Instant::now();
    let first = AtomicBool::new(true);
    let mut outcomes = Vec::new();
    // No task of its own for a scenario: when this is dropped, its server ends at once.
    let mut running = futures_util::stream::iter(scenarios)
        .map(|scenario| run_one(Arc::new(scenario), settings, &first))
        .buffered(settings.jobs());
    while let Some(outcome) = running.next().await {
        each(&outcome);
        outcomes.push(outcome);
    }
    drop(running);
    Summary { outcomes, took: started.elapsed() }
}

async fn run_one(scenario: Arc<Scenario>, settings: &Settings, first: &AtomicBool) -> Outcome {
    let started = Instant::now();
    let mut outcome = Outcome {
        scenario: Arc::clone(&scenario),
        verdict: Verdict::Pass,
        took: Duration::ZERO,
        steps: 0,
        log_checks_skipped: 0,
        programs: 0,
        transcripts: Vec::new(),
    };
    if let Some(reason) = reason_to_skip(&scenario, settings) {
        outcome.verdict = Verdict::Skip(reason);
        return outcome;
    }
    let start = settings.target.start(settings.start_limit.mul_f64(settings.options.time_scale));
    match start.await {
        Err(error) => outcome.verdict = Verdict::Unreachable(error),
        Ok(mut target) => {
            let lateness = Lateness::watch();
            let played = replay::play(&scenario, &mut target, &settings.options).await;
            target.stop().await;
            outcome.steps = played.steps;
            outcome.log_checks_skipped = played.log_checks_skipped;
            outcome.programs = played.programs;
            outcome.verdict = judge(&scenario, &played, settings, first, lateness.worst());
            outcome.transcripts = played.transcripts;
        }
    }
    outcome.took = started.elapsed();
    outcome
}

fn reason_to_skip(scenario: &Scenario, settings: &Settings) -> Option<String> {
    scenario.needs.iter().find_map(|need| {
        match need {
        Need::FreshServer if settings.target.is_shared() => Some(
            "needs a server on which no group was created yet; --spawn starts one for each scenario"
                .to_owned(),
        ),
        Need::ServerLog if settings.target.is_shared() => {
            Some("needs the server's log, which cannot be seen over --connect".to_owned())
        }
        Need::ServerLog if !settings.options.check_log => {
            Some("needs the server's log, which --no-log leaves out".to_owned())
        }
        Need::FreshServer | Need::ServerLog => None,
    }
    })
}

fn judge(
    scenario: &Scenario,
    played: &Played,
    settings: &Settings,
    first: &AtomicBool,
    lateness: Duration,
) -> Verdict {
    let is_first = played.first_group.is_some() && first.swap(false, Ordering::Relaxed);
    if let Some(failure) = &played.failure {
        if failure.waited.is_some_and(|waited| lateness > waited / 4) {
            return Verdict::Inconclusive(format!(
                "{} waited in vain, but this machine was too busy to tell: a timer came {:.1} s \
                 late; try --jobs 1 or --time-scale 4",
                failure.client.as_deref().unwrap_or("a step"),
                lateness.as_secs_f64()
            ));
        }
        return Verdict::Fail(failure.clone());
    }
    if settings.accept {
        return match transcripts::accept(scenario, &played.transcripts) {
            Ok(changed) => Verdict::Accepted(changed),
            Err(error) => Verdict::Unreadable(error.to_string()),
        };
    }
    match transcripts::compare(scenario, &played.transcripts) {
        Err(error) => Verdict::Unreadable(error.to_string()),
        Ok(mismatches) => match mismatches.first() {
            Some(mismatch) => Verdict::Fail(Box::new(transcript_failure(mismatch))),
            None if is_first => judge_first_group(played, settings),
            None => Verdict::Pass,
        },
    }
}

fn transcript_failure(mismatch: &transcripts::Mismatch) -> Failure {
    let path = mismatch.path.display();
    match &mismatch.wanted {
        Some(wanted) => {
            let diff = transcripts::diff(wanted, &mismatch.got);
            let came = format!("(- on file, + shown)\n{diff}");
            Failure::of_transcript(&mismatch.client, format!("the terminal in {path}"), came)
        }
        None => {
            let expected = format!("a transcript in {path}");
            let came = "there is none; --accept writes it, for you to read".to_owned();
            Failure::of_transcript(&mismatch.client, expected, came)
        }
    }
}

/// On a server that somebody else started, nothing says whether the first group of this run is the
/// first ever; only then has it to have the id 2.
fn judge_first_group(played: &Played, settings: &Settings) -> Verdict {
    let Some(id) = played.first_group else { return Verdict::Pass };
    if settings.target.is_shared() && !settings.used && id != 2 {
        return Verdict::Inconclusive(format!(
            "the first group of this run got the id {id}: either the server had groups before, or \
             it breaks GRP-1 (the first id is 2); start it anew, or say --used if it had groups"
        ));
    }
    Verdict::Pass
}

/// How late timers come on this machine: a deadline that passes on a machine that cannot keep time
/// says nothing about a server.
struct Lateness {
    worst: Arc<AtomicU64>,
    watching: tokio::task::JoinHandle<()>,
}

/// How often the watch looks.
const WATCH_EVERY: Duration = Duration::from_millis(20);

impl Lateness {
    fn watch() -> Self {
        let worst = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&worst);
        let watching = tokio::spawn(async move {
            loop {
                let due = Instant::now() + WATCH_EVERY;
                tokio::time::sleep_until(due).await;
                let late = u64::try_from(due.elapsed().as_millis()).unwrap_or(u64::MAX);
                seen.fetch_max(late, Ordering::Relaxed);
            }
        });
        Lateness { worst, watching }
    }

    fn worst(&self) -> Duration {
        Duration::from_millis(self.worst.load(Ordering::Relaxed))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.watching.abort();
    }
}
