//! `simulator compare`: finished runs, or runs made in turns.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::load::{command_line, complain_of, run_once, stem, threads};
use super::series::{Place, keep};
use super::{
    complain, own_executable, parse_limit, parse_share, resolve_address, split_command, stop_signal,
};
use crate::exit::ExitStatus;
use crate::load::compare::{
    self, CompareError, Comparison, DEFAULT_PAIRS, Interleaved, Interleaving, MAX_PAIRS, Metric,
    Options, Side,
};
use crate::load::directory;
use crate::load::run::{RunError, Settings};
use crate::load::spec::LoadSpec;
use crate::target::TargetSpec;

/// The statuses of this command.
pub(super) const TABLE: &str = "\
Exit status:
  0    it could be told; with --max-regression: no regression beyond it
  1    with --max-regression: a regression beyond it
  2    invalid command line or load file, a directory that cannot be read, or runs that say
       nothing about each other: another file, crowd or machine, a fault, an untrusted run
  3    a server could not be started or reached
  4    it cannot be told, or was interrupted";

/// `simulator compare`.
#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The run directory of the server to compare with, or a directory of such
    #[arg(value_name = "BASE", required_unless_present = "load", requires = "new_runs")]
    base_runs: Option<PathBuf>,
    /// The same of the server to judge
    #[arg(value_name = "NEW", required_unless_present = "load")]
    new_runs: Option<PathBuf>,
    /// Make the runs now, of this load file and in turns: base, new, new, base
    #[arg(long, value_name = "FILE", conflicts_with_all = ["base_runs", "new_runs"], requires_all = ["base", "new"])]
    load: Option<PathBuf>,
    /// The server to compare with: reference, connect:HOST:PORT or 'spawn:COMMAND {port}'
    #[arg(long, value_name = "TARGET", requires = "load", value_parser = parse_target)]
    base: Option<TargetSpec>,
    /// The server to judge, written the same way
    #[arg(long, value_name = "TARGET", requires = "load", value_parser = parse_target)]
    new: Option<TargetSpec>,
    /// How many pairs of runs to make; while it cannot be told, more are made, up to 11
    #[arg(long, value_name = "N", requires = "load", default_value_t = DEFAULT_PAIRS, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAIRS)))]
    pairs: u32,
    /// Where the directory with the runs of --load goes
    #[arg(long, value_name = "DIR", requires = "load", default_value = "runs")]
    out: PathBuf,
    /// What everything random is made from in the first pair; it is one higher in each that follows
    #[arg(long, value_name = "N", requires = "load", default_value_t = 1)]
    seed: u64,
    /// How many threads the bots are spread over [default: half of the cores]
    #[arg(long, value_name = "N", requires = "load", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// How long a server may take to start
    #[arg(long, value_name = "TIME", requires = "load", default_value = "10s", value_parser = parse_limit)]
    start_timeout: Duration,
    #[command(flatten)]
    comparing: ComparingArgs,
}

/// How to compare.
#[derive(Debug, Args)]
pub(super) struct ComparingArgs {
    /// What decides: delivery.p50, another percentile or .mean of delivery, first, last, spread or join,
    /// copies.rate or server.cpu_per_delivery [default: delivery.p50, or else the cost where only that differs]
    #[arg(long, value_name = "METRIC")]
    metric: Option<Metric>,
    /// How much worse the new server may be, such as 10%
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    max_regression: Option<f64>,
    /// The least difference that matters [default: 5%]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    least_effect: Option<f64>,
    /// How sure the interval is [default: 99%]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    confidence: Option<f64>,
    /// Compare runs of different machines all the same
    #[arg(long)]
    any_machine: bool,
    /// Compare partial, untrusted and faulty runs all the same
    #[arg(long)]
    untrusted_too: bool,
}

impl ComparingArgs {
    /// The first that was given, by its name.
    pub(super) fn first_given(&self) -> Option<&'static str> {
        let given = [
            (self.metric.is_some(), "--metric"),
            (self.max_regression.is_some(), "--max-regression"),
            (self.least_effect.is_some(), "--least-effect"),
            (self.confidence.is_some(), "--confidence"),
            (self.any_machine, "--any-machine"),
            (self.untrusted_too, "--untrusted-too"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, flag)| flag)
    }

    pub(super) fn resolve(&self) -> Interleaving {
        let defaults = Options::default();
        let metric = self.metric.unwrap_or_default();
        let least_effect = self.least_effect.unwrap_or(defaults.least_effect);
        let options = Options {
            least_effect,
            confidence: self.confidence.unwrap_or(defaults.confidence),
            // What may stay unseen is more than what matters, however much that is.
            unseen: defaults.unseen.max(2.0 * least_effect),
            also: metric.others(),
            cost_may_decide: self.metric.is_none(),
            untrusted_too: self.untrusted_too,
            any_machine: self.any_machine,
            ..defaults
        };
        Interleaving { pairs: DEFAULT_PAIRS, max_regression: self.max_regression, metric, options }
    }
}

fn parse_target(text: &str) -> Result<TargetSpec, String> {
    if text == "reference" {
        return Ok(TargetSpec::Reference { program: own_executable()?, quiet: true });
    }
    match text.split_once(':') {
        Some(("connect", address)) => Ok(TargetSpec::Connect { addr: resolve_address(address)? }),
        Some(("spawn", command)) => Ok(TargetSpec::Spawn { command: split_command(command)? }),
        _ => Err("write reference, connect:HOST:PORT or 'spawn:COMMAND {port}'".to_owned()),
    }
}

pub(super) async fn compare(args: CompareArgs) -> ExitStatus {
    let compared = match (&args.base_runs, &args.new_runs) {
        (Some(base), Some(new)) => args.finished(base, new),
        _ => args.in_turns().await,
    };
    match compared {
        Ok(status) | Err(status) => status,
    }
}

impl CompareArgs {
    fn finished(&self, base: &PathBuf, new: &PathBuf) -> Result<ExitStatus, ExitStatus> {
        let read = |dir: &PathBuf| {
            directory::read_all(dir).map_err(|error| {
                complain(&format!("failed to read the runs: {error}"), ExitStatus::Invalid)
            })
        };
        let how = self.comparing.resolve();
        let comparison = compare::compare(&read(base)?, &read(new)?, how.metric, &how.options);
        let comparison = comparison.map_err(refused)?;
        Ok(conclude(comparison, &how))
    }

    async fn in_turns(&self) -> Result<ExitStatus, ExitStatus> {
        let (Some(file), Some(base), Some(new)) = (&self.load, &self.base, &self.new) else {
            return Err(complain("--load, --base and --new belong together", ExitStatus::Invalid));
        };
        let spec = super::load::read_load(file)?;
        let how = Interleaving { pairs: self.pairs, ..self.comparing.resolve() };
        let out = fresh_out(&self.out, &stem(file), "compare")?;
        let stop = stop_signal();
        let made = compare::interleave(&how, async |side, pair| {
            let target = if side == Side::Base { base } else { new };
            let settings = self.settings(target, &spec, pair);
            let prefix = format!("pair {}, {}", pair + 1, side.as_str());
            let record = run_once(&spec, &settings, &prefix, &stop).await.map_err(Trouble::Run)?;
            let place = Place { out: &out.join(side.as_str()), stem: &stem(file) };
            let kept = keep(record, place).map_err(Trouble::Keep)?;
            Ok(kept.record)
        });
        let made = made.await.map_err(|trouble| match trouble {
            Trouble::Refused(error) => refused(error),
            Trouble::Run(error) => complain_of(error),
            Trouble::Keep(message) => complain(&message, ExitStatus::Invalid),
        })?;
        let status = tell(made, &how);
        let _ = writeln!(std::io::stdout(), "runs: {}", out.display());
        Ok(status)
    }

    fn settings(&self, target: &TargetSpec, spec: &LoadSpec, pair: u32) -> Settings {
        Settings {
            target: target.clone(),
            start_limit: self.start_timeout,
            threads: threads(self.threads, spec),
            seed: self.seed.wrapping_add(pair.into()),
            part: (1, 1),
            start_at: None,
            command: command_line(),
        }
    }
}

/// Why runs in turns ended.
enum Trouble {
    Refused(CompareError),
    Run(RunError),
    Keep(String),
}

impl From<CompareError> for Trouble {
    fn from(error: CompareError) -> Self {
        Trouble::Refused(error)
    }
}

fn refused(error: CompareError) -> ExitStatus {
    complain(&format!("failed to compare: {error}"), ExitStatus::Invalid)
}

/// Makes a new directory for what a command leaves, named after it and the time.
pub(super) fn fresh_out(
    out: &std::path::Path,
    stem: &str,
    what: &str,
) -> Result<PathBuf, ExitStatus> {
    let now = jiff::Timestamp::now();
    let started = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
    directory::fresh(out, stem, &started, what)
        .map_err(|error| complain(&format!("failed to write: {error}"), ExitStatus::Invalid))
}

/// Shows what runs in turns came to.
fn tell(made: Interleaved, how: &Interleaving) -> ExitStatus {
    let mut status = match made.comparison {
        Some(comparison) => conclude(comparison, how),
        None => complain("there is no pair of runs to compare", ExitStatus::Inconclusive),
    };
    if let (count @ 1.., Some(why)) = made.left_out {
        let pairs = if count == 1 { "pair was" } else { "pairs were" };
        // Where standard error is closed, the exit status has to do.
        let _ = writeln!(
            std::io::stderr(),
            "{count} {pairs} left out, since a run cannot be trusted; the last, {why}"
        );
        if count >= MAX_PAIRS {
            status = complain("too many pairs cannot be trusted", ExitStatus::Inconclusive);
        }
    }
    if made.stopped {
        status = complain("interrupted: fewer pairs than asked for", ExitStatus::Inconclusive);
    }
    status
}

/// Shows a comparison; its judgement.
fn conclude(mut comparison: Comparison, how: &Interleaving) -> ExitStatus {
    comparison.leave_out_unknown();
    let mut text = comparison.to_string();
    let status = match how.max_regression.map(|share| comparison.gate(share)) {
        None => comparison.outcome().into(),
        Some(gate) => {
            text += &gate.in_words();
            gate.outcome.into()
        }
    };
    // A reader that has gone away wanted no more.
    let _ = std::io::stdout().write_all(text.as_bytes());
    status
}
