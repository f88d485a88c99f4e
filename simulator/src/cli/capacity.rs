//! `simulator capacity`: the highest rate, or the largest crowd, that holds the gates.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::compare::fresh_out;
use super::load::{HowArgs, WhatArgs, command_line, complain_of, run_once};
use super::{complain, parse_limit, stop_signal};
use crate::exit::ExitStatus;
use crate::load::capacity::drive::{Course, drive};
use crate::load::capacity::found::{self, Found, ProbeEntry, SCHEMA_VERSION};
use crate::load::capacity::probe::{Figures, Probed, Template, judge};
use crate::load::capacity::search::{ProbeResult, Quantity, Search, Settings};
use crate::load::gate::Gate;
use crate::load::record::{LoadFile, Machine, RunRecord};
use crate::load::report::html;
use crate::load::run::{RunError, StopSignal};
use crate::load::spec::LoadSpec;
use crate::load::{directory, verdict};

/// The statuses of this command.
pub(super) const TABLE: &str = "\
Exit status:
  0    something holds: the limit was found, or the generator or --most is the limit
  1    not even the lowest that was tried holds
  2    invalid command line or load file (nothing was run), a gate that cannot be asked, or a
       file that cannot be written
  3    the server could not be started or reached
  4    nothing could be measured, too many probes, or interrupted";

/// Makes of `--for` what it means here: with a file, too, it is how long a probe is measured.
pub(super) fn length_of_a_probe(arg: clap::Arg) -> clap::Arg {
    arg.conflicts_with(clap::builder::Resettable::Reset)
        .default_value("5s")
        .help("How long each probe is measured, after a second of warm-up")
}

/// What `--gate` means here.
pub(super) fn gates_of_a_probe(arg: clap::Arg) -> clap::Arg {
    arg.help("What has to hold, such as 'delivery.p99 < 20ms'; can be repeated, and takes the place of the file's")
}

/// `simulator capacity`.
#[derive(Debug, Args)]
pub(super) struct CapacityArgs {
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    how: HowArgs,
    /// What to raise; a larger crowd has more groups of the same size and sends more
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = Of::Rate)]
    of: Of,
    /// Where to begin: sends per second, or bots [default: what the load has]
    #[arg(long, value_name = "X", value_parser = parse_value)]
    from: Option<f64>,
    /// The most to try
    #[arg(long, value_name = "X", value_parser = parse_value)]
    most: Option<f64>,
    /// Where the directory with the answer and the runs of the probes goes
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Of {
    /// Sends per second
    Rate,
    /// Bots
    Bots,
}

fn parse_value(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).replace('_', "").parse::<f64>();
    let number = number.ok().filter(|number| (0.001..=1e6).contains(number));
    number.ok_or_else(|| "a number of at most 1000000, such as 500".to_owned())
}

fn parse_probe(text: &str) -> Result<Duration, String> {
    let length = parse_limit(text)?;
    let whole = length.subsec_nanos().is_multiple_of(1_000_000);
    let fits = length >= Duration::from_millis(100) && whole;
    if fits { Ok(length) } else { Err("at least 100ms, in whole milliseconds".to_owned()) }
}

pub(super) async fn capacity(args: CapacityArgs) -> ExitStatus {
    match search(args).await {
        Ok(status) | Err(status) => status,
    }
}

async fn search(args: CapacityArgs) -> Result<ExitStatus, ExitStatus> {
    let invalid = |message: String| complain(&message, ExitStatus::Invalid);
    let quantity = match args.of {
        Of::Rate => Quantity::Rate,
        Of::Bots => Quantity::Crowd,
    };
    let spec = args.what.read_file()?;
    let length = parse_probe(&args.what.length).map_err(|why| invalid(format!("--for: {why}")))?;
    if !args.how.is_whole() {
        return Err(invalid(
            "a search is made by one process: leave out --part and --start-at".to_owned(),
        ));
    }
    let template = Template::new(&spec, &args.what.gate, quantity, length);
    let template = template.map_err(|error| invalid(error.to_string()))?;
    let limit = template.most();
    let settings = Settings {
        most: Some(args.most.map_or(limit, |most| most.min(limit))),
        ..Settings::from(quantity, args.from.unwrap_or_else(|| template.start()))
    };
    // The target is looked at before anything is made.
    let resolved = args.how.resolve(&spec, args.what.seed).map_err(invalid)?;
    let started = jiff::Timestamp::now();
    let started = started.round(jiff::Unit::Second).unwrap_or(started).to_string();
    let dir = fresh_out(&args.out, &args.what.stem(), "capacity")?;
    let mut probes = Probes {
        args: &args,
        template: &template,
        quantity,
        dir: &dir,
        stop: stop_signal(),
        entries: Vec::new(),
        machine: None,
        unreachable: None,
    };
    let course =
        drive(Search::new(settings), async |value, confirm| probes.probe(value, confirm).await);
    let course = course.await?;
    let Probes { entries, machine, unreachable, .. } = probes;
    if let (None, Some(error)) = (&machine, unreachable) {
        return Err(complain_of(error));
    }
    let found = Found {
        schema: SCHEMA_VERSION,
        simulator: env!("CARGO_PKG_VERSION").to_owned(),
        started,
        command: command_line(),
        file: LoadFile {
            path: spec.source.path().display().to_string(),
            text: spec.source.text().to_owned(),
            title: spec.title.clone(),
        },
        seed: args.what.seed,
        target: resolved.target.describe(),
        machine,
        of: found::name(quantity),
        gates: template.gates().to_vec(),
        probe_seconds: length.as_secs_f64(),
        held: course.answer.held,
        failed: course.answer.failed,
        at_least: course.cut_short.is_some() || course.answer.end.at_least(),
        end: found::end(&course),
        answer: found::sentence(quantity, &course),
        outcome: found::outcome(&course),
        probes: entries,
    };
    conclude(&found, quantity, &course, &dir).map_err(invalid)
}

/// The probes of a search, one after another.
struct Probes<'a> {
    args: &'a CapacityArgs,
    template: &'a Template,
    quantity: Quantity,
    dir: &'a Path,
    stop: StopSignal,
    entries: Vec<ProbeEntry>,
    /// That of the first run.
    machine: Option<Machine>,
    /// Why nobody could join, at last.
    unreachable: Option<RunError>,
}

impl Probes<'_> {
    async fn probe(&mut self, value: f64, confirm: bool) -> Result<Probed, ExitStatus> {
        let spec = match self.template.at(value) {
            Ok(spec) => spec,
            Err(why) => return Ok(Probed::Nothing(why)),
        };
        let mut entry = ProbeEntry::new(value, confirm);
        let probed = self.carry_out(&spec, &mut entry).await?;
        if let Probed::Went(result) = &probed {
            entry.result = Some(found::word(*result));
        }
        let line = entry.line(self.quantity);
        // A reader that has gone away wanted no more.
        let _ = writeln!(std::io::stdout(), "{line}");
        self.entries.push(entry);
        Ok(probed)
    }

    async fn carry_out(
        &mut self,
        spec: &LoadSpec,
        entry: &mut ProbeEntry,
    ) -> Result<Probed, ExitStatus> {
        let invalid = |message: String| complain(&message, ExitStatus::Invalid);
        let settings = self.args.how.resolve(spec, self.args.what.seed).map_err(invalid)?;
        let number = self.entries.len() + 1;
        let prefix = format!("probe {number}, {}", found::words(self.quantity, entry.value));
        let record = match run_once(spec, &settings, &prefix, &self.stop).await {
            Ok(record) => record,
            // More bots than a server takes may look like no server at all.
            Err(error @ RunError::NobodyJoined { .. }) => {
                entry.why.push(error.to_string());
                self.unreachable = Some(error);
                return Ok(Probed::Went(ProbeResult::Failed));
            }
            // This machine does not have what it takes to ask for more.
            Err(RunError::Needs(why)) => {
                entry.why.push(why);
                return Ok(Probed::Went(ProbeResult::Untrusted));
            }
            Err(error) => return Err(complain_of(error)),
        };
        self.machine.get_or_insert_with(|| record.head.machine.clone());
        entry.figures = Figures::of(&record);
        let probed = judge(&record);
        entry.run = Some(self.keep(record, number, entry).map_err(invalid)?);
        Ok(probed)
    }

    /// Writes the run of a probe down, and says where.
    fn keep(
        &self,
        mut record: RunRecord,
        number: usize,
        entry: &mut ProbeEntry,
    ) -> Result<String, String> {
        let failed = |error: &dyn std::fmt::Display| format!("failed to write a probe: {error}");
        let verdict = verdict::judge(&record, &[]);
        entry.why.clone_from(&verdict.reasons);
        record.head.verdict = Some(verdict.clone());
        let name = format!("probe-{number:02}");
        let dir = self.dir.join(&name);
        directory::write(&dir, &record).map_err(|error| failed(&error))?;
        std::fs::write(dir.join("report.html"), html::page(&record, &verdict))
            .map_err(|error| failed(&error))?;
        Ok(name)
    }
}

/// Shows and writes the answer.
fn conclude(
    found: &Found,
    quantity: Quantity,
    course: &Course,
    dir: &Path,
) -> Result<ExitStatus, String> {
    let gates = found.gates.iter().filter_map(|gate| Gate::parse(gate, &[]).ok());
    let limit_us = gates.filter_map(|gate| gate.limit_us()).next();
    let write = |name: &str, text: String| {
        std::fs::write(dir.join(name), text)
            .map_err(|error| format!("failed to write {}: {error}", dir.join(name).display()))
    };
    write("capacity.json", found.json())?;
    write("capacity.html", found.page(quantity, limit_us))?;
    let curve = found::curve(quantity, &found.probes);
    let text = format!("\n{curve}\n{}\nfiles: {}\n", found.answer, dir.display());
    // A reader that has gone away wanted no more.
    let _ = std::io::stdout().write_all(text.as_bytes());
    Ok(found::outcome(course).into())
}
