//! `simulator run`: as written, then resolved into [`Settings`].

use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use super::{TargetArgs, complain, own_executable, told_to_stop};
use crate::diagnostics::Source;
use crate::exit::ExitStatus;
use crate::replay::Options;
use crate::report::{self, Format, Reports};
use crate::run::{self, Settings};
use crate::scenario::{self, Scenario};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Scenario files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run only scenarios whose file name, title or requirements contain TEXT
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// List the scenarios instead of running them
    #[arg(long)]
    list: bool,
    /// How many scenarios to run side by side, each on its own server [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    #[command(flatten)]
    target: TargetArgs,
    /// The server at --connect has created groups before
    #[arg(long, requires = "connect")]
    used: bool,
    /// Run the real chatroom-client in place of bots, by default the one beside this program
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1, require_equals = true)]
    via_client: Option<Option<PathBuf>>,
    /// Do not check what the server's log says
    #[arg(long)]
    no_log: bool,
    /// What everything random is made from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Multiply every length of time in the scenarios by this
    #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = parse_scale)]
    time_scale: f64,
    /// What to report, and where: text, json or junit, alone or with =FILE; can be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", default_value = "text")]
    report: Vec<Format>,
    /// Write what the terminals show as the new transcripts
    #[arg(long)]
    accept: bool,
}

pub(super) fn parse_scale(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(scale) if scale.is_finite() && (0.01..=1000.0).contains(&scale) => Ok(scale),
        _ => Err("a number from 0.01 to 1000, such as 2".to_owned()),
    }
}

pub(super) async fn run_scenarios(args: RunArgs) -> ExitStatus {
    let scenarios = match read_scenarios(&args) {
        Ok(scenarios) => scenarios,
        Err(status) => return status,
    };
    if args.list {
        report::list(&scenarios);
        return ExitStatus::Pass;
    }
    let settings = match resolve(&args) {
        Ok(settings) => settings,
        Err(message) => return complain(&message, ExitStatus::Invalid),
    };
    let rerun = rerun_command(&args);
    let mut reports = match Reports::open(args.report, &settings, rerun, &scenarios) {
        Ok(reports) => reports,
        Err(message) => return complain(&message, ExitStatus::Invalid),
    };
    let summary = tokio::select! {
        summary = run::run(scenarios, &settings, |outcome| reports.outcome(outcome)) => summary,
        // Dropping the run ends the servers that it started.
        () = told_to_stop() => return complain("interrupted", ExitStatus::Interrupted),
    };
    match reports.finish(&summary) {
        Ok(()) => summary.exit_status(),
        Err(message) => complain(&message, ExitStatus::Invalid),
    }
}

/// Reads and checks everything before anything is run.
pub(super) fn read_all(paths: &[PathBuf]) -> Result<Vec<Scenario>, ExitStatus> {
    let mut scenarios = Vec::new();
    let mut invalid = false;
    for path in paths {
        let files = scenario::files_under(path).map_err(|error| {
            complain(&format!("failed to read {}: {error}", path.display()), ExitStatus::Invalid)
        })?;
        for file in files {
            match read_scenario(&file) {
                Ok(scenario) => scenarios.push(scenario),
                Err(()) => invalid = true,
            }
        }
    }
    if invalid {
        return Err(complain("invalid scenarios; nothing was run", ExitStatus::Invalid));
    }
    if scenarios.is_empty() {
        let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        let message = format!("no scenario files (*.toml) in {}", paths.join(", "));
        return Err(complain(&message, ExitStatus::Invalid));
    }
    Ok(scenarios)
}

/// All scenarios that were asked for.
fn read_scenarios(args: &RunArgs) -> Result<Vec<Scenario>, ExitStatus> {
    let mut scenarios = read_all(&args.paths)?;
    if let Some(filter) = &args.filter {
        scenarios.retain(|scenario| matches_filter(scenario, filter));
    }
    if let (true, Some(filter)) = (scenarios.is_empty(), &args.filter) {
        let message = format!("no scenario matches `{filter}`; --list shows what there is");
        return Err(complain(&message, ExitStatus::Invalid));
    }
    Ok(scenarios)
}

fn read_scenario(file: &std::path::Path) -> Result<Scenario, ()> {
    let text = scenario::read_text(file).map_err(|error| {
        complain(&format!("failed to read {}: {error}", file.display()), ExitStatus::Invalid);
    })?;
    let source = Source::new(file, text);
    scenario::load(&source).map_err(|errors| {
        let colours = std::io::stderr().is_terminal();
        for error in errors {
            // Where standard error is closed, the exit status has to do.
            let _ = writeln!(std::io::stderr(), "{}\n", error.render(&source, colours));
        }
    })
}

fn matches_filter(scenario: &Scenario, filter: &str) -> bool {
    let filter = filter.to_lowercase();
    let mut texts = [&scenario.name, &scenario.title].into_iter().chain(&scenario.covers);
    texts.any(|text| text.to_lowercase().contains(&filter))
}

fn resolve(args: &RunArgs) -> Result<Settings, String> {
    let target = args.target.resolve(false)?;
    let client_program = match &args.via_client {
        None => None,
        Some(Some(program)) if program.is_file() => Some(program.clone()),
        Some(Some(program)) => return Err(format!("there is no program {}", program.display())),
        Some(None) => Some(client_beside()?),
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if target.is_shared() && args.jobs.is_some_and(|jobs| jobs > 1) {
        return Err("--jobs takes a server for each scenario, and --connect names one; leave \
                    --jobs out, or use --spawn"
            .to_owned());
    }
    Ok(Settings {
        jobs: args.jobs.map_or(cores, usize::from),
        start_limit: args.target.start_timeout,
        options: Options {
            time_scale: args.time_scale,
            seed: args.seed,
            client_program,
            check_log: !args.no_log,
            shared: target.is_shared(),
        },
        accept: args.accept,
        used: args.used,
        target,
    })
}

fn client_beside() -> Result<PathBuf, String> {
    let name = format!("chatroom-client{}", std::env::consts::EXE_SUFFIX);
    let program = own_executable()?.with_file_name(name);
    if program.is_file() {
        return Ok(program);
    }
    Err(format!(
        "there is no {}; build it with `cargo build --release --bin chatroom-client`, or name it \
         with --via-client=PROGRAM",
        program.display()
    ))
}

/// The command that runs one scenario again, without the scenario.
fn rerun_command(args: &RunArgs) -> String {
    let mut words = vec!["simulator".to_owned(), "run".to_owned()];
    let mut option = |name: &str, value: &str| {
        let quoted =
            shlex::try_quote(value).map_or_else(|_| value.to_owned(), |value| value.into());
        words.push(format!("{name} {quoted}"));
    };
    for (name, value) in args.target.as_written() {
        option(name, value);
    }
    option("--seed", &args.seed.to_string());
    if args.time_scale != 1.0 {
        option("--time-scale", &args.time_scale.to_string());
    }
    match &args.via_client {
        None => {}
        Some(None) => words.push("--via-client".to_owned()),
        Some(Some(program)) => words.push(format!("--via-client={}", program.display())),
    }
    if args.no_log {
        words.push("--no-log".to_owned());
    }
    words.join(" ")
}
