//! The command line: one module for each subcommand, and what they share.

mod capacity;
mod compare;
mod floor;
mod gallery;
mod load;
mod merge;
mod plan;
mod report;
mod run;
mod series;

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use tokio::sync::watch;

use crate::exit::{self, ExitStatus};
use crate::load::report::visible;
use crate::load::run::StopSignal;
use crate::target::{TargetSpec, forwarder, reference};
use crate::toml_reader::MAX_WAIT;

/// Proves that a chat server keeps to the protocol.
#[derive(Debug, Parser)]
#[command(name = "simulator", version, after_help = exit::TABLE)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay scenarios against a server and check what every terminal shows
    ///
    /// Without --connect or --spawn, each scenario gets a reference server of its own.
    #[command(after_help = exit::TABLE)]
    Run(Box<run::RunArgs>),
    /// Judge the scenarios themselves: play them on every server of a gallery of broken ones
    ///
    /// Prints which scenario catches which fault, and fails where a fault is caught by none or a scenario
    /// catches none.
    #[command(after_help = exit::TABLE)]
    Gallery(Box<gallery::GalleryArgs>),
    /// Put bots on a server and say what it holds
    ///
    /// Without --connect or --spawn, the reference server is started in a process of its own.
    #[command(after_help = exit::TABLE)]
    Load(Box<load::LoadArgs>),
    /// Judge a finished run anew, and show it
    ///
    /// It takes the run directory alone: neither the load file nor the server.
    #[command(after_help = exit::TABLE)]
    Report(Box<report::ReportArgs>),
    /// Make one run of the parts that several processes had of it
    ///
    /// Each part was made with `load --part K/N`, all with the same file and seed. Counts and histograms
    /// are added exactly, and the sum is judged.
    #[command(after_help = exit::TABLE)]
    Merge(Box<merge::MergeArgs>),
    /// Say whether a server is faster, slower or no different
    ///
    /// Either from finished runs, BASE and NEW, or with --load from runs that it makes in turns.
    #[command(after_help = compare::TABLE)]
    Compare(Box<compare::CompareArgs>),
    /// Find the highest rate, or the largest crowd, at which the gates hold
    ///
    /// Each probe is a run on a fresh server, unless --connect names one, with a second of warm-up and a
    /// steady phase in place of the file's phases. Reaching a limit is a success.
    #[command(
        after_help = capacity::TABLE,
        mut_arg("length", capacity::length_of_a_probe),
        mut_arg("gate", capacity::gates_of_a_probe),
        mut_arg("part", |arg| arg.hide(true)),
        mut_arg("start_at", |arg| arg.hide(true)),
        mut_arg("out", |arg| arg.help("Where the directory with the answer and the runs of the probes goes"))
    )]
    Capacity(Box<capacity::CapacityArgs>),
    /// Say what a load will do and need, before a single connection
    #[command(after_help = exit::TABLE)]
    Plan(Box<plan::PlanArgs>),
    /// Say what this machine can do at all, with a server that only forwards
    ///
    /// Without a file and without --bots, a table of standard loads.
    #[command(after_help = exit::TABLE)]
    Floor(Box<floor::FloorArgs>),
    /// Serve as the reference server for another simulator
    #[command(name = reference::SUBCOMMAND, hide = true)]
    ReferenceServer {
        /// Log warnings only
        #[arg(long)]
        quiet: bool,
    },
    /// Serve as the floor for another simulator
    #[command(name = forwarder::SUBCOMMAND, hide = true)]
    ForwardingServer,
}

/// Which server.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// Test the server that listens at this address
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "spawn")]
    connect: Option<String>,
    /// Start this program, `{port}` filled in, and test it
    #[arg(long, value_name = "COMMAND {port}")]
    spawn: Option<String>,
    /// How long a server may take to start
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_limit)]
    start_timeout: Duration,
}

impl TargetArgs {
    /// Which server is meant; `quiet` is for a reference server.
    fn resolve(&self, quiet: bool) -> Result<TargetSpec, String> {
        match (&self.connect, &self.spawn) {
            (Some(address), _) => Ok(TargetSpec::Connect { addr: resolve_address(address)? }),
            (None, Some(command)) => Ok(TargetSpec::Spawn { command: split_command(command)? }),
            (None, None) => Ok(TargetSpec::Reference { program: own_executable()?, quiet }),
        }
    }

    /// The options that were given, to be given again.
    fn as_written(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let options = [("--connect", &self.connect), ("--spawn", &self.spawn)];
        options.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

impl Cli {
    /// Does what the command line says.
    #[must_use]
    pub fn run(self) -> ExitStatus {
        if matches!(self.command, Command::ForwardingServer) {
            // It has one thread to forward, and nothing of a runtime beside it.
            return ended(forwarder::serve());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return complain(&format!("failed to start: {error}"), ExitStatus::Fail),
        };
        let status = match self.command {
            Command::Run(args) => runtime.block_on(run::run_scenarios(*args)),
            Command::Gallery(args) => runtime.block_on(gallery::gallery(*args)),
            Command::Load(args) => runtime.block_on(load::load(*args)),
            Command::Floor(args) => runtime.block_on(floor::floor(*args)),
            Command::Report(args) => report::report(*args),
            Command::Merge(args) => merge::merge(*args),
            Command::Compare(args) => runtime.block_on(compare::compare(*args)),
            Command::Capacity(args) => runtime.block_on(capacity::capacity(*args)),
            Command::Plan(args) => plan::plan(&args),
            Command::ReferenceServer { quiet } => ended(runtime.block_on(reference::serve(quiet))),
            Command::ForwardingServer => ended(forwarder::serve()),
        };
        // A read of standard input may still be waiting, and would be waited for.
        runtime.shutdown_background();
        status
    }
}

/// How a server of this program ended.
fn ended<E: Into<anyhow::Error>>(served: Result<(), E>) -> ExitStatus {
    match served.map_err(Into::into) {
        Ok(()) => ExitStatus::Pass,
        Err(error) => complain(&format!("{error:#}"), ExitStatus::Fail),
    }
}

/// Says on standard error what is wrong.
fn complain(message: &str, status: ExitStatus) -> ExitStatus {
    // A peer's words may be in it, which must not steer a terminal.
    let plain = visible::lines(message);
    // Where even that is closed, the exit status has to do.
    let _ = writeln!(std::io::stderr(), "error: {plain}");
    status
}

/// How often the user has asked for an end; listens from now until the program ends.
fn stop_signal() -> StopSignal {
    let (tell, stop) = watch::channel(0);
    tokio::spawn(async move {
        loop {
            told_to_stop().await;
            tell.send_modify(|asked| *asked += 1);
        }
    });
    stop
}

/// The worst of two statuses, in the order in which [`ExitStatus`] has them win.
fn worst(one: ExitStatus, other: ExitStatus) -> ExitStatus {
    let order = [
        ExitStatus::Interrupted,
        ExitStatus::Invalid,
        ExitStatus::Fail,
        ExitStatus::Unreachable,
        ExitStatus::Inconclusive,
    ];
    order.into_iter().find(|status| [one, other].contains(status)).unwrap_or(ExitStatus::Pass)
}

/// Reads a percentage such as `10%` as 0.1.
fn parse_share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    let share = number.filter(|percent| (0.0..=1000.0).contains(percent));
    share.map(|percent| percent / 100.0).ok_or_else(|| "write a percentage such as 10%".to_owned())
}

fn parse_limit(text: &str) -> Result<Duration, String> {
    let limit = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if limit <= MAX_WAIT { Ok(limit) } else { Err("at most 1h".to_owned()) }
}

/// Waits for Ctrl-C or for what else asks a program to end.
async fn told_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = (signal(SignalKind::terminate()), signal(SignalKind::hangup()));
        if let (Ok(mut terminate), Ok(mut hangup)) = signals {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    // Where signals cannot be caught, they end the program by themselves.
    let _ = tokio::signal::ctrl_c().await;
}

fn resolve_address(address: &str) -> Result<SocketAddr, String> {
    let bad = |why: String| {
        format!("`{address}` is no address: {why}; write HOST:PORT, such as 127.0.0.2:59000")
    };
    let mut found = address.to_socket_addrs().map_err(|error| bad(error.to_string()))?;
    found.next().ok_or_else(|| bad("nothing is known by that name".to_owned()))
}

fn split_command(command: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(command);
    let words = words.ok_or_else(|| format!("`{command}` is no command: is a quote open?"))?;
    if words.iter().any(|word| word.contains("{port}")) {
        return Ok(words);
    }
    Err(format!("`{command}` does not say where the port goes: write {{port}} in its place"))
}

fn own_executable() -> Result<PathBuf, String> {
    std::env::current_exe()
        .map_err(|error| format!("failed to find this program's own file: {error}"))
}
