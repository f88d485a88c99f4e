//! `simulator gallery`: the scenarios against a gallery of broken servers.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{complain, parse_limit, run, split_command, told_to_stop};
use crate::exit::ExitStatus;
use crate::gallery::{self, Cell, Matrix};
use crate::replay::Options;
use crate::run::Settings;
use crate::scenario::Scenario;
use crate::target::TargetSpec;

/// Scenarios mostly wait here for what a broken server does not say, so many fit beside each other.
const JOBS_PER_CORE: usize = 6;

#[derive(Debug, Args)]
pub(crate) struct GalleryArgs {
    /// Scenario files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Start a server with the fault that `{fault}` stands for, on the port that `{port}` stands for
    #[arg(long, value_name = "COMMAND {fault} {port}")]
    spawn: String,
    /// The faults, by the names that --spawn takes
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        required_unless_present = "faults_from"
    )]
    faults: Vec<String>,
    /// A program that prints the faults, the first word of each line
    #[arg(long, value_name = "COMMAND", conflicts_with = "faults")]
    faults_from: Option<String>,
    /// Start the same server without a fault: every scenario has to pass on it
    #[arg(long, value_name = "COMMAND {port}")]
    sound: Option<String>,
    /// How many scenarios to run side by side, each on its own server [default: six for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Multiply every length of time in the scenarios by this; what does not come is waited for as long
    #[arg(long, value_name = "X", default_value_t = 0.1, value_parser = run::parse_scale)]
    time_scale: f64,
    /// How long a server may take to start
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    start_timeout: Duration,
    /// What everything random is made from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Write every cell, with what was said, to this file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub(super) async fn gallery(args: GalleryArgs) -> ExitStatus {
    let scenarios = match run::read_all(&args.paths) {
        Ok(scenarios) => scenarios,
        Err(status) => return status,
    };
    let servers = match servers(&args) {
        Ok(servers) => servers,
        Err(message) => return complain(&message, ExitStatus::Invalid),
    };
    let filled = fill(&args, &scenarios, servers);
    let matrix = tokio::select! {
        matrix = filled => matrix,
        () = told_to_stop() => return complain("interrupted", ExitStatus::Interrupted),
    };
    print!("{}", gallery::text(&matrix));
    if let Some(file) = &args.csv
        && let Err(error) = std::fs::write(file, gallery::csv(&matrix))
    {
        let message = format!("failed to write {}: {error}", file.display());
        return complain(&message, ExitStatus::Invalid);
    }
    if matrix.holds() { ExitStatus::Pass } else { ExitStatus::Fail }
}

/// The server without a fault, and those with one, by its name.
struct Servers {
    sound: Option<Vec<String>>,
    faulty: Vec<(String, Vec<String>)>,
}

fn servers(args: &GalleryArgs) -> Result<Servers, String> {
    if !args.spawn.contains("{fault}") {
        let spawn = &args.spawn;
        return Err(format!(
            "`{spawn}` does not say where the fault goes: write {{fault}} in its place"
        ));
    }
    let command = split_command(&args.spawn)?;
    let names = match &args.faults_from {
        None => args.faults.clone(),
        Some(program) => names_from(program)?,
    };
    let with = |fault: &String| {
        let words = command.iter().map(|word| word.replace("{fault}", fault));
        (fault.clone(), words.collect())
    };
    Ok(Servers {
        sound: args.sound.as_deref().map(split_command).transpose()?,
        faulty: names.iter().map(with).collect(),
    })
}

/// The first word of each line that a program prints.
fn names_from(program: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(program).filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| format!("`{program}` is no command: is a quote open?"))?;
    let output = std::process::Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("failed to start `{program}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{program}` failed ({}) instead of naming faults", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    if names.is_empty() {
        return Err(format!("`{program}` named no faults; it has to print one on each line"));
    }
    Ok(names)
}

async fn fill(args: &GalleryArgs, scenarios: &[Scenario], servers: Servers) -> Matrix {
    let mut matrix = Matrix {
        scenarios: scenarios.iter().map(|scenario| scenario.name.clone()).collect(),
        ..Matrix::default()
    };
    let bar = bar(servers.faulty.len());
    if let Some(command) = servers.sound {
        matrix.sound = Some(play(args, scenarios, command, 1.0).await);
    }
    for (fault, command) in servers.faulty {
        bar.set_message(fault.clone());
        let cells = play(args, scenarios, command, args.time_scale).await;
        matrix.faults.push((fault, cells));
        bar.inc(1);
    }
    bar.finish_and_clear();
    matrix
}

fn bar(faults: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {pos}/{len} faults [{bar:30}] {msg}");
    let bar = ProgressBar::new(faults as u64);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

/// What all scenarios say about one server.
async fn play(
    args: &GalleryArgs,
    scenarios: &[Scenario],
    command: Vec<String>,
    time_scale: f64,
) -> Vec<Cell> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let settings = Settings {
        target: TargetSpec::Spawn { command },
        jobs: args.jobs.map_or(cores * JOBS_PER_CORE, usize::from),
        // A server needs as long to start, however short the deadlines are.
        start_limit: args.start_timeout.div_f64(time_scale.min(1.0)),
        options: Options {
            time_scale,
            seed: args.seed,
            client_program: None,
            check_log: true,
            shared: false,
        },
        accept: false,
        used: false,
    };
    let summary = crate::run::run(scenarios.to_vec(), &settings, |_| {}).await;
    summary.outcomes.iter().map(Cell::of).collect()
}
