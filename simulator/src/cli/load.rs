//! `simulator load`: put bots on a server and judge what came of it.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::compare::ComparingArgs;
use super::report::ReportsArgs;
use super::series::{Baseline, Kept, Place, keep};
use super::{TargetArgs, complain, floor, stop_signal, worst};
use crate::diagnostics::Source;
use crate::exit::ExitStatus;
use crate::load::gate::Gate;
use crate::load::live::Live;
use crate::load::record::RunRecord;
use crate::load::report::outputs::Outputs;
use crate::load::run::{self, RunError, Settings, StopSignal};
use crate::load::spec::{self, Flags, LoadSpec};
use crate::scenario::read_text;
use crate::toml_reader::MAX_WAIT;

/// `simulator load`.
#[derive(Debug, Args)]
pub(super) struct LoadArgs {
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    how: HowArgs,
    /// Where run directories go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    /// Carry it out against a server that only forwards, too, in turns, and print the ratios
    #[arg(long, conflicts_with_all = ["start_at", "runs", "baseline"])]
    with_floor: bool,
    /// How many runs of each there are in turns
    #[arg(long, value_name = "N", default_value_t = 3, requires = "with_floor")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
    pairs: u16,
    #[command(flatten)]
    reports: ReportsArgs,
    /// How often to run it, the seed one higher each time: several runs carry a comparison further
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    runs: u16,
    /// Compare with the run in this directory, or with all the runs in it
    #[arg(long, value_name = "DIR", conflicts_with = "part")]
    baseline: Option<PathBuf>,
    #[command(flatten, next_help_heading = "With --baseline")]
    comparing: ComparingArgs,
}

/// What load: a file, or flags in its place.
#[derive(Debug, Args)]
pub(super) struct WhatArgs {
    /// The load file
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// How many bots, where there is no file
    #[arg(long, value_name = "N", conflicts_with = "file")]
    bots: Option<u32>,
    /// Over how many groups they are spread
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "file")]
    groups: u32,
    /// How often somebody in the whole crowd says something
    #[arg(long, value_name = "N/s", default_value = "100/s", conflicts_with = "file")]
    rate: String,
    /// How long they talk
    #[arg(long = "for", value_name = "TIME", default_value = "10s", conflicts_with = "file")]
    pub(super) length: String,
    /// How many bots arrive each second
    #[arg(long, value_name = "N/s", conflicts_with = "file")]
    arrive: Option<String>,
    /// The bytes of a message, or the least and the most, such as 64..256
    #[arg(long, value_name = "BYTES", conflicts_with = "file")]
    bytes: Option<String>,
    /// How many bots talk: a number, or a part such as 20%
    #[arg(long, value_name = "SHARE", conflicts_with = "file")]
    talkers: Option<String>,
    /// What has to hold, such as 'delivery.p99 < 20ms'; can be repeated, and adds to those of a file
    #[arg(long, value_name = "GATE")]
    pub(super) gate: Vec<String>,
    /// A kind of fault that does not make the run fail; can be repeated
    #[arg(long, value_name = "FAULT", conflicts_with = "file")]
    allow: Vec<String>,
    /// What everything random is made from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,
}

/// How to carry it out.
#[derive(Debug, Args)]
pub(super) struct HowArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// How many threads the bots are spread over [default: half of the cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Carry out only part K of N, the other parts by other processes
    #[arg(long, value_name = "K/N", default_value = "1/1", value_parser = parse_part)]
    part: (u32, u32),
    /// When the first phase is to begin, for several processes that begin together: a UTC time
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    start_at: Option<std::time::SystemTime>,
}

fn parse_part(text: &str) -> Result<(u32, u32), String> {
    let parts =
        text.split_once('/').and_then(|(part, of)| Some((part.parse().ok()?, of.parse().ok()?)));
    match parts {
        Some((part, of)) if 0 < part && part <= of => Ok((part, of)),
        _ => Err("write K/N with 1 <= K <= N, such as 1/3".to_owned()),
    }
}

fn parse_time(text: &str) -> Result<std::time::SystemTime, String> {
    let time: Result<jiff::Timestamp, _> = text.parse();
    time.map(Into::into).map_err(|_| "write a UTC time such as 2026-11-22T17:00:00Z".to_owned())
}

impl WhatArgs {
    /// Reads and checks what is to be carried out.
    pub(super) fn read(&self) -> Result<LoadSpec, ExitStatus> {
        let mut spec = self.read_file()?;
        let phases: Vec<&str> = spec.phases.iter().map(|phase| phase.name.as_str()).collect();
        for gate in &self.gate {
            let error = Gate::parse(gate, &phases).err();
            if let Some(error) = error {
                let text = error.render("--gate", gate, std::io::stderr().is_terminal());
                // Where standard error is closed, the exit status has to do.
                let _ = writeln!(std::io::stderr(), "{text}\n");
                return Err(complain("invalid gate; nothing was run", ExitStatus::Invalid));
            }
        }
        spec.gates.extend(self.gate.iter().cloned());
        Ok(spec)
    }

    /// The same without the gates of the command line.
    pub(super) fn read_file(&self) -> Result<LoadSpec, ExitStatus> {
        match &self.file {
            Some(file) => read_load(file),
            None => match self.bots {
                Some(bots) => check(&Source::new("", self.flags_as_text(bots))),
                None => {
                    let message = "no load is named: give a file, such as \
                                   scenarios/load/busy-evening.toml, or say how many --bots";
                    Err(complain(message, ExitStatus::Invalid))
                }
            },
        }
    }

    /// Whether anything was said at all, where it need not be.
    pub(super) fn is_given(&self) -> bool {
        self.file.is_some() || self.bots.is_some()
    }

    /// The gates that were given beside the file.
    pub(super) fn gates(&self) -> &[String] {
        &self.gate
    }

    /// How long they talk, as it was written.
    pub(super) fn length(&self) -> &str {
        &self.length
    }

    fn flags_as_text(&self, bots: u32) -> String {
        spec::from_flags(&Flags {
            bots,
            groups: self.groups,
            rate: self.rate.clone(),
            length: self.length.clone(),
            arrive: self.arrive.clone(),
            bytes: self.bytes.clone(),
            talkers: self.talkers.clone(),
            gates: Vec::new(),
            allow: self.allow.clone(),
        })
    }

    /// The stem of the names of its run directories.
    pub(super) fn stem(&self) -> String {
        stem(self.file.as_deref().unwrap_or(Path::new("")))
    }
}

/// Reads and checks a load file.
pub(super) fn read_load(file: &Path) -> Result<LoadSpec, ExitStatus> {
    let text = read_text(file).map_err(|error| {
        complain(&format!("failed to read {}: {error}", file.display()), ExitStatus::Invalid)
    })?;
    check(&Source::new(file, text))
}

/// Checks a load; says what is wrong with it.
pub(super) fn check(source: &Source) -> Result<LoadSpec, ExitStatus> {
    spec::load(source).map_err(|errors| {
        let colours = std::io::stderr().is_terminal();
        for error in errors {
            // Where standard error is closed, the exit status has to do.
            let _ = writeln!(std::io::stderr(), "{}\n", error.render(source, colours));
        }
        complain("invalid load; nothing was run", ExitStatus::Invalid)
    })
}

/// A file's name without its ending; empty where flags took its place.
pub(super) fn stem(file: &Path) -> String {
    file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// How many threads the bots of a load are spread over: no group is on two.
pub(super) fn threads(asked: Option<u16>, spec: &LoadSpec) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = asked.map_or((cores / 2).max(1), usize::from);
    threads.min(spec.crowd.groups as usize)
}

impl HowArgs {
    /// Whether this process has it all, and begins when it is ready.
    pub(super) fn is_whole(&self) -> bool {
        self.part == (1, 1) && self.start_at.is_none()
    }

    pub(super) fn resolve(&self, spec: &LoadSpec, seed: u64) -> Result<Settings, String> {
        let ((_, of), groups) = (self.part, spec.crowd.groups);
        if of > groups {
            return Err(format!(
                "--part asks for {of} parts, and the crowd has no more groups than {groups}, none of which \
                 is divided; use fewer parts, or more groups"
            ));
        }
        let latest = std::time::SystemTime::now() + MAX_WAIT;
        if self.start_at.is_some_and(|at| at > latest) {
            return Err("--start-at is more than an hour away; choose a time nearer by".to_owned());
        }
        Ok(Settings {
            target: self.target.resolve(true)?,
            start_limit: self.target.start_timeout,
            threads: threads(self.threads, spec),
            seed,
            part: self.part,
            start_at: self.start_at,
            command: command_line(),
        })
    }
}

/// The command line as it could be typed again.
pub(super) fn command_line() -> String {
    let words = std::env::args().skip(1);
    let words = words.map(|word| shlex::try_quote(&word).map_or(word.clone(), Into::into));
    std::iter::once("simulator".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Does what the command line says.
pub(super) async fn load(args: LoadArgs) -> ExitStatus {
    match carry_out(args).await {
        Ok(status) | Err(status) => status,
    }
}

async fn carry_out(args: LoadArgs) -> Result<ExitStatus, ExitStatus> {
    let invalid = |message: String| complain(&message, ExitStatus::Invalid);
    let spec = args.what.read()?;
    let settings = args.how.resolve(&spec, args.what.seed).map_err(invalid)?;
    // What is wrong with these is said before a run, not after it.
    let baseline = Baseline::read(args.baseline.as_deref(), &args.comparing).map_err(invalid)?;
    let outputs = Outputs::open(args.reports.report).map_err(invalid)?;
    let place = Place { out: &args.out, stem: &args.what.stem() };
    // Nor may a run be lost to a bad directory.
    std::fs::create_dir_all(&args.out)
        .map_err(|error| invalid(format!("failed to write {}: {error}", args.out.display())))?;
    let stop = stop_signal();
    if args.with_floor {
        return floor::in_turns(&spec, &settings, args.pairs, place, &outputs, &stop).await;
    }
    let mut status = ExitStatus::Pass;
    let mut runs = Vec::new();
    for number in 0..args.runs {
        let seed = settings.seed.wrapping_add(number.into());
        let settings = Settings { seed, ..settings.clone() };
        let prefix = match args.runs {
            1 => String::new(),
            count => format!("run {} of {count}", number + 1),
        };
        let record = run_once(&spec, &settings, &prefix, &stop).await.map_err(complain_of)?;
        let kept = keep(record, place).map_err(invalid)?;
        status = worst(status, kept.verdict().outcome.into());
        // The last run's reports wait for the comparison.
        let is_last = number + 1 == args.runs || *stop.borrow() > 0;
        if !is_last {
            kept.report(&outputs, &[]).map_err(invalid)?;
        }
        runs.push(kept);
        if is_last {
            break;
        }
    }
    conclude(&runs, baseline.as_ref(), &outputs, status).map_err(invalid)
}

/// Compares the runs with the baseline, where there is one, and reports the last of them.
fn conclude(
    runs: &[Kept],
    baseline: Option<&Baseline>,
    outputs: &Outputs,
    status: ExitStatus,
) -> Result<ExitStatus, String> {
    let records: Vec<RunRecord> = runs.iter().map(|kept| kept.record.clone()).collect();
    let judged = baseline.map(|baseline| baseline.judge(&records));
    let gate = judged.as_ref().and_then(|judged| judged.gate.clone());
    if let Some(last) = runs.last() {
        last.report(outputs, gate.as_slice())?;
    }
    let Some(judged) = judged else { return Ok(status) };
    // A reader that has gone away wanted no more.
    let _ = writeln!(std::io::stderr(), "\n{}", judged.text);
    Ok(worst(status, judged.status))
}

/// One run, with its display.
pub(super) async fn run_once(
    spec: &LoadSpec,
    settings: &Settings,
    prefix: &str,
    stop: &StopSignal,
) -> Result<RunRecord, RunError> {
    let phases = spec.phases.iter().map(|phase| (phase.name.clone(), phase.length.as_secs_f64()));
    let phases: Vec<_> = phases.collect();
    let mut live = Live::start(&phases, spec.crowd.bots.into(), prefix);
    let record = run::run(spec, settings, &mut live, stop.clone()).await;
    live.finish();
    record
}

/// Says why there was no run.
pub(super) fn complain_of(error: RunError) -> ExitStatus {
    let status = match error {
        RunError::Target(_) | RunError::NobodyJoined { .. } => ExitStatus::Unreachable,
        RunError::Needs(_) => ExitStatus::Invalid,
        RunError::Io(_) => ExitStatus::Invalid,
    };
    complain(&error.to_string(), status)
}
