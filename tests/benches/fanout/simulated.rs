//! Runs of the real `simulator`, with a server beside it, and the figures in what they leave.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use chatroom_simulator::load::directory;
use chatroom_simulator::load::figures::Measure;
use chatroom_simulator::load::gate::{Metric, Name, Stat};
use chatroom_simulator::load::record::RunRecord;
use chatroom_tests::programs;

/// The 99th percentile of the time from when a message was due to each of its copies, in microseconds.
pub(crate) const DELIVERY_P99: Name =
    Name::Times { measure: Measure::Delivery, all: false, stat: Stat::Percentile(99_000) };

/// The server of a run.
#[derive(Clone, Copy)]
pub(crate) enum Server {
    /// The reference server, as it is without flags.
    Reference,
    /// The server that only forwards.
    Floor,
}

/// A load file whose crowd arrives within a fifth of a second; `more` are its roles and phases.
pub(crate) fn load(bots: u32, groups: u32, more: &str) -> String {
    arriving(bots, groups, 5 * bots, more)
}

/// The same with so many who arrive each second.
pub(crate) fn arriving(bots: u32, groups: u32, arrive: u32, more: &str) -> String {
    format!(
        "title = \"Fan-out\"\n\
         [crowd]\nbots = {bots}\ngroups = {groups}\narrive = \"{arrive}/s\"\n{more}"
    )
}

/// A phase of a load file; `shape` is `rate` or `saturate`.
pub(crate) fn phase(name: &str, millis: u32, shape: &str) -> String {
    // What comes before something is measured only gets it going.
    let measured = !name.starts_with("before");
    format!("[[phase]]\nname = \"{name}\"\nfor = \"{millis}ms\"\n{shape}\nmeasured = {measured}\n")
}

/// Carries out a load. A run in which not everybody joined, or a copy was wrong, says nothing about cost.
pub(crate) fn run(load: &str, server: Server) -> Result<RunRecord> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("load.toml");
    std::fs::write(&file, load)?;
    let runs = dir.path().join("runs");
    let mut command = Command::new(programs::simulator());
    command.arg(if matches!(server, Server::Floor) { "floor" } else { "load" });
    command.args([&file, Path::new("--out"), &runs]);
    let output = command.output().context("the simulator cannot be started")?;
    let found = std::fs::read_dir(&runs).ok().and_then(|mut found| found.next());
    let Some(Ok(run)) = found else {
        return Err(anyhow!("no run: {}", String::from_utf8_lossy(&output.stderr).trim()));
    };
    let record = directory::read(&run.path())?;
    let head = &record.head;
    ensure!(head.ledger.faults.is_empty(), "faults: {:?}", head.ledger.faults);
    ensure!(head.crowd.joined == head.crowd.to_join(), "not all joined: {:?}", head.doubts);
    Ok(record)
}

/// A figure of a phase, or with an empty name of the whole run.
pub(crate) fn figure(record: &RunRecord, phase: &str, name: Name) -> Result<f64> {
    let phase = (!phase.is_empty()).then(|| phase.to_owned());
    let metric = Metric { phase, name };
    metric.value(record).map_err(|missing| anyhow!("{metric} {}", missing.why))
}

/// Which of two comes first in a pair: they take turns, so that what else the machine does meets both.
pub(crate) fn in_turns<T: Copy>(pair: usize, one: T, other: T) -> [T; 2] {
    if pair.is_multiple_of(2) { [one, other] } else { [other, one] }
}
