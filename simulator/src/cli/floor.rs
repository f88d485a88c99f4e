//! `simulator floor`, and what `simulator load --with-floor` does: a load against a server that only
//! forwards, alone or in turns with another server.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;

use clap::{Arg, Args};

use super::load::{HowArgs, WhatArgs, check, complain_of, run_once};
use super::report::ReportsArgs;
use super::series::{Kept, Place, keep};
use super::{complain, own_executable, stop_signal, worst};
use crate::diagnostics::Source;
use crate::exit::ExitStatus;
use crate::load::figures::Measure;
use crate::load::floor::{Figures, Pairs, Standards};
use crate::load::gate::{Metric, Name, Stat};
use crate::load::record::{Outcome, RunRecord};
use crate::load::report::outputs::Outputs;
use crate::load::run::{Settings, StopSignal};
use crate::load::spec::LoadSpec;
use crate::load::verdict;
use crate::target::TargetSpec;

#[derive(Debug, Args)]
#[command(mut_args(as_for_the_floor))]
pub(super) struct FloorArgs {
    #[command(flatten)]
    what: WhatArgs,
    #[command(flatten)]
    how: HowArgs,
    /// Where run directories go; the table of standard loads leaves none
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    #[command(flatten)]
    reports: ReportsArgs,
}

/// The arguments of `load`, as they are here: what load is needed no more, and which server is known.
fn as_for_the_floor(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        // A new one, because a demand cannot be taken back.
        "file" => Arg::new("file")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("The load file; its own gates are about another server, and are not asked"),
        "length" => arg.default_value("5s"),
        "groups" | "rate" | "arrive" | "bytes" | "talkers" | "allow" => arg.requires("bots"),
        "connect" | "spawn" => arg.hide(true),
        _ => arg,
    }
}

/// The standard loads: a name, the groups, the bots, the roles and the shape of the phases.
const STANDARDS: [(&str, u32, u32, &str, &str); 5] = [
    ("1 group of 100, 1,000 messages/s", 1, 100, "", "rate = \"1000/s\""),
    ("1 group of 1,000, 100 messages/s", 1, 1_000, "", "rate = \"100/s\""),
    ("100 groups of 10, 10,000 messages/s", 100, 1_000, "", "rate = \"10000/s\""),
    ("1 group of 100, saturated", 1, 100, "", "saturate = 16"),
    // A tenth of them keeps it as busy, and less is under way.
    ("1 group of 1,000, saturated", 1, 1_000, "[roles]\ntalkers = \"10%\"", "saturate = 16"),
];

/// Does what the command line says.
pub(super) async fn floor(args: FloorArgs) -> ExitStatus {
    let done = if args.what.is_given() { one(&args).await } else { standards(&args).await };
    done.unwrap_or_else(|status| status)
}

/// The load that was given.
async fn one(args: &FloorArgs) -> Result<ExitStatus, ExitStatus> {
    let spec = args.what.read()?;
    let settings = settings(args, &spec)?;
    let outputs = Outputs::open(args.reports.report.clone()).map_err(invalid)?;
    let stop = stop_signal();
    let record = run_once(&spec, &settings, "the floor", &stop).await.map_err(complain_of)?;
    let stem = floor_stem(&args.what.stem());
    let record = as_the_floors(record, args.what.gates());
    let kept = keep(record, Place { out: &args.out, stem: &stem }).map_err(invalid)?;
    kept.report(&outputs, &[]).map_err(invalid)?;
    Ok(kept.verdict().outcome.into())
}

async fn standards(args: &FloorArgs) -> Result<ExitStatus, ExitStatus> {
    let mut table = Standards::default();
    let mut notes = Vec::new();
    let mut status = ExitStatus::Pass;
    let stop = stop_signal();
    for (number, (name, ..)) in STANDARDS.iter().enumerate() {
        let source = Source::new("", standard(number, args.what.length()));
        let spec = check(&source)?;
        let prefix = format!("load {} of {}", number + 1, STANDARDS.len());
        let run = run_once(&spec, &settings(args, &spec)?, &prefix, &stop).await;
        let mut record = run.map_err(complain_of)?;
        record.head.gates = args.what.gates().to_vec();
        let verdict = verdict::judge(&record, &[]);
        notes.extend(verdict.reasons.iter().map(|reason| format!("{name}: {reason}")));
        table.push(name, &record);
        status = worst(status, verdict.outcome.into());
        if record.head.partial.is_some() {
            break;
        }
    }
    print(&table);
    notes.iter().for_each(|note| print(&format!("{note}\n")));
    Ok(status)
}

/// The text of a standard load.
fn standard(number: usize, length: &str) -> String {
    let (name, groups, bots, roles, shape) = STANDARDS[number];
    let length = toml::Value::from(length);
    format!(
        "title = \"{name}\"\n\n[crowd]\nbots = {bots}\ngroups = {groups}\n\n{roles}\n\n\
         [[phase]]\nname = \"warm-up\"\nfor = \"1s\"\n{shape}\nmeasured = false\n\n\
         [[phase]]\nname = \"talk\"\nfor = {length}\n{shape}\n"
    )
}

/// The settings of a run, with the floor for a server.
fn settings(args: &FloorArgs, spec: &LoadSpec) -> Result<Settings, ExitStatus> {
    let settings = args.how.resolve(spec, args.what.seed).map_err(invalid)?;
    match settings.target {
        TargetSpec::Reference { .. } => on_the_floor(&settings),
        _ => Err(invalid(
            "the floor has a server of its own; leave --connect and --spawn out, or measure that \
             server beside the floor with `simulator load --with-floor`"
                .to_owned(),
        )),
    }
}

fn on_the_floor(settings: &Settings) -> Result<Settings, ExitStatus> {
    let program = own_executable().map_err(|message| complain(&message, ExitStatus::Fail))?;
    Ok(Settings { target: TargetSpec::Forwarder { program }, ..settings.clone() })
}

fn invalid(message: String) -> ExitStatus {
    complain(&message, ExitStatus::Invalid)
}

/// The record of a run against the floor: what the file asks for is asked of a server, not of this one.
fn as_the_floors(mut record: RunRecord, gates: &[String]) -> RunRecord {
    record.head.gates = gates.to_vec();
    record.head.file.title = format!("The floor: {}", record.head.file.title);
    record
}

fn floor_stem(stem: &str) -> String {
    format!("{}-floor", if stem.is_empty() { "flags" } else { stem })
}

/// Runs a load against the server and against the floor in turns, and shows how they compare. Every
/// run of the server has to hold.
pub(super) async fn in_turns(
    spec: &LoadSpec,
    settings: &Settings,
    pairs: u16,
    place: Place<'_>,
    outputs: &Outputs,
    stop: &StopSignal,
) -> Result<ExitStatus, ExitStatus> {
    let floor = on_the_floor(settings)?;
    let mut turns = Turns {
        spec,
        place,
        outputs,
        stop,
        runs: Vec::new(),
        pairs: Pairs::default(),
        notes: Vec::new(),
    };
    for number in 1..=pairs {
        let prefix = format!("pair {number} of {pairs}");
        if !turns.pair(settings, &floor, number % 2 == 1, &prefix).await? {
            break;
        }
    }
    turns.conclude()
}

/// Runs of a server and of the floor.
struct Turns<'a> {
    spec: &'a LoadSpec,
    place: Place<'a>,
    outputs: &'a Outputs,
    stop: &'a StopSignal,
    /// The server's.
    runs: Vec<Kept>,
    pairs: Pairs,
    /// What is to be said about the floor's.
    notes: Vec<String>,
}

impl Turns<'_> {
    /// One run of each; whether it goes on.
    async fn pair(
        &mut self,
        server: &Settings,
        floor: &Settings,
        server_first: bool,
        prefix: &str,
    ) -> Result<bool, ExitStatus> {
        let (mut of_server, mut of_floor) = (None, None);
        for is_server in [server_first, !server_first] {
            let is_over = if is_server {
                let run = self.run(server, &format!("{prefix}, the server"), None).await?;
                of_server = Some(Figures::of(&run.record));
                let is_over = run.record.head.partial.is_some();
                self.runs.push(run);
                is_over
            } else {
                let stem = floor_stem(self.place.stem);
                let run = self.run(floor, &format!("{prefix}, the floor"), Some(&stem)).await?;
                of_floor = Some(Figures::of(&run.record));
                self.note(&run);
                run.record.head.partial.is_some()
            };
            if is_over {
                return Ok(false);
            }
        }
        if let (Some(server), Some(floor)) = (of_server, of_floor) {
            self.pairs.push(server, floor);
        }
        Ok(true)
    }

    /// A run of the server, or, with a stem of its own, of the floor; written down.
    async fn run(
        &self,
        settings: &Settings,
        prefix: &str,
        floor: Option<&str>,
    ) -> Result<Kept, ExitStatus> {
        let run = run_once(self.spec, settings, prefix, self.stop).await;
        let mut record = run.map_err(complain_of)?;
        if floor.is_some() {
            record = as_the_floors(record, &[]);
        }
        keep(record, Place { stem: floor.unwrap_or(self.place.stem), ..self.place })
            .map_err(invalid)
    }

    fn note(&mut self, run: &Kept) {
        if run.verdict().outcome != Outcome::Pass {
            // What to do about it is the same as for the server's runs, where it is said.
            let reasons = run.verdict().reasons.iter();
            let whys = reasons.filter_map(|why| why.split("; ").next()).collect::<Vec<_>>();
            let (dir, why) = (run.directory.display(), whys.join("; "));
            self.notes.push(format!("in doubt is the floor's run {dir}: {why}"));
        }
    }

    fn conclude(&self) -> Result<ExitStatus, ExitStatus> {
        let Some(shown) = self.to_show() else {
            let message = "interrupted before the server had a run; there is no verdict";
            return Err(complain(message, ExitStatus::Interrupted));
        };
        shown.report(self.outputs, &[]).map_err(invalid)?;
        let passed = |run: &&Kept| run.verdict().outcome == Outcome::Pass;
        let held = self.runs.iter().filter(passed).count();
        let shown_is = if held == self.runs.len() {
            "the one in the middle by delivery.p99"
        } else {
            "the first of those that ended worst"
        };
        let all = self.runs.len();
        print(&format!(
            "\n{held} of {all} runs of the server passed; above is {shown_is}\n\n{}",
            self.pairs
        ));
        self.notes.iter().for_each(|note| print(&format!("{note}\n")));
        Ok(shown.verdict().outcome.into())
    }

    /// The run that stands for all: the worst, or that in the middle.
    fn to_show(&self) -> Option<&Kept> {
        let outcomes = self.runs.iter().map(|run| run.verdict().outcome);
        let worst = outcomes.fold(Outcome::Pass, worse);
        let mut runs: Vec<&Kept> =
            self.runs.iter().filter(|run| run.verdict().outcome == worst).collect();
        if worst == Outcome::Pass {
            runs.sort_by_key(|run| delivery_p99(&run.record));
            return runs.get(runs.len().saturating_sub(1) / 2).copied();
        }
        runs.first().copied()
    }
}

fn delivery_p99(record: &RunRecord) -> u64 {
    let stat = Stat::Percentile(99_000);
    let name = Name::Times { measure: Measure::Delivery, all: false, stat };
    Metric { phase: None, name }.histogram(record).value_at_quantile(0.99)
}

/// The one that counts where both apply.
fn worse(one: Outcome, other: Outcome) -> Outcome {
    let order = [Outcome::Invalid, Outcome::Fail, Outcome::Untrusted];
    order.into_iter().find(|outcome| [one, other].contains(outcome)).unwrap_or(Outcome::Pass)
}

fn print(text: &impl Display) {
    // A reader that has gone away wanted no more.
    let _ = write!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::spec;

    #[test]
    fn the_standard_loads_are_valid_and_say_what_their_names_say() {
        for (number, (name, groups, bots, ..)) in STANDARDS.iter().enumerate() {
            let spec = spec::load(&Source::new("", standard(number, "2s"))).unwrap();
            assert_eq!(
                (spec.title.as_str(), spec.crowd.groups, spec.crowd.bots),
                (*name, *groups, *bots)
            );
            let lengths: Vec<u64> =
                spec.phases.iter().map(|phase| phase.length.as_secs()).collect();
            assert_eq!(lengths, [1, 2], "{name}");
        }
    }

    #[test]
    fn the_worst_of_two_verdicts_counts() {
        use Outcome::{Fail, Invalid, Pass, Untrusted};
        for (one, other, counts) in [
            (Pass, Pass, Pass),
            (Pass, Untrusted, Untrusted),
            (Fail, Untrusted, Fail),
            (Fail, Invalid, Invalid),
        ] {
            assert_eq!((worse(one, other), worse(other, one)), (counts, counts));
        }
    }
}
