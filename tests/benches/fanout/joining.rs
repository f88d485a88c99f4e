//! Thousands who come at once.

use std::time::Instant;

use anyhow::{Context, Result};
use chatroom_simulator::load::gate::Name;
use chatroom_tests::crowd::Crowd;

use crate::server::Server;
use crate::simulated::{self, arriving, figure, phase, run};
use crate::table::Row;
use crate::{Measured, Section};

const ROWS: [Row; 4] = [
    Row::at_most("joining: 4,000 into one group, until everybody is told of everybody", 6.0, " s"),
    Row::at_most("joining: 15,000 into 150 groups", 10.0, " s"),
    Row::at_most("joining: SYNs that were dropped in all of these", 0.0, ""),
    Row::at_most("memory of an idle member, of 15,000", 1.0, " KiB"),
];

/// Each is a load of its own, and none has a floor beside it.
const RUNS: usize = 3;

pub(crate) const SECTION: Section = Section { rows: &ROWS, measure };

fn measure(_pairs: usize) -> Result<Measured> {
    let dropped_before = dropped_syns()?;
    let (mut one_group, mut many_groups, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        one_group.push(into_one_group(4000)?);
        // Everybody comes at once, and nobody says anything.
        let idle = arriving(15_000, 150, 1_000_000, &phase("idle", 100, "rate = \"0/s\""));
        let record = run(&idle, simulated::Server::Reference)?;
        many_groups.push(record.head.crowd.join_seconds);
        memory.push(figure(&record, "", Name::ServerRssPerBot)? / 1024.0);
    }
    let dropped = dropped_syns()? - dropped_before;
    let figures = vec![one_group, many_groups, vec![dropped], memory];
    Ok(Measured { figures, note: String::new() })
}

/// In seconds, from the first connection to the last line of who has come.
fn into_one_group(members: usize) -> Result<f64> {
    let server = Server::start(&[])?;
    let begun = Instant::now();
    let crowd = Crowd::join(server.address, members)?;
    let took = begun.elapsed().as_secs_f64();
    // The server goes first: it would tell everybody of everybody that leaves.
    drop(server);
    drop(crowd);
    Ok(took)
}

/// How many connections found no room in a listener's queue since this machine has been up. Each is tried
/// again by its client, after a second.
fn dropped_syns() -> Result<f64> {
    let file = "/proc/net/netstat";
    let table = std::fs::read_to_string(file).context("drops are counted as Linux tells them")?;
    let mut lines = table.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let mut both = names.split(' ').zip(values.split(' '));
    let found = both.find(|(name, _)| *name == "ListenDrops");
    found
        .and_then(|(_, value)| value.parse().ok())
        .with_context(|| format!("{file} has no ListenDrops"))
}
