//! Members that do not read, among others.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use chatroom_tests::crowd::Crowd;
use hdrhistogram::Histogram;

use crate::server::Server;
use crate::simulated::in_turns;
use crate::table::Row;
use crate::{Measured, Section};

const DELAY_ROWS: [Row; 1] =
    [Row::at_most("a stalled reader among 1,000: p99 of the others / without it", 1.10, " x")];

const MEMORY_ROWS: [Row; 1] = [Row::at_most(
    "memory of 20 stalled readers / their bounds, 32 MiB for each gone by",
    1.0,
    " x",
)];

pub(crate) const DELAY: Section = Section { rows: &DELAY_ROWS, measure: delay };

pub(crate) const MEMORY: Section = Section {
    rows: &MEMORY_ROWS,
    measure: |_pairs| Ok(Measured { figures: vec![vec![memory()?]], note: String::new() }),
};

/// The bytes of a message as it comes, with the sender's name and the line's end.
const MESSAGE_BYTES: usize = 1024;

/// Messages at once, where it has to go fast.
const BURST: usize = 64;

/// Of the group in which one stalls.
const MEMBERS: usize = 1000;

/// More than Linux holds for a connection unless it is told otherwise: 4 MiB that are on their way out,
/// and what fits into the reader's window.
const MORE_THAN_SOCKETS_HOLD: usize = 6 * 1024 * 1024;

/// Messages to each for a percentile, and how often there is one to either.
const MESSAGES: usize = 100;
const PERIOD: Duration = Duration::from_millis(10);

fn delay(pairs: usize) -> Result<Measured> {
    // A bound that is never reached: the stalled reader stays, and so does what waits for it.
    let flags = ["--backlog-bound", "1000000000"];
    let servers = [Server::start(&flags)?, Server::start(&flags)?];
    // Without a stalled reader, and with one.
    let mut crowds = Vec::new();
    for (server, stalled) in servers.iter().zip([0, 1]) {
        let mut crowd = Crowd::join(server.address, MEMBERS)?;
        (MEMBERS - stalled..MEMBERS).try_for_each(|member| crowd.stall(member))?;
        say_much(&mut crowd, MEMBERS - stalled, MORE_THAN_SOCKETS_HOLD)?;
        crowds.push((crowd, MEMBERS - stalled));
    }
    let mut ratios = Vec::new();
    for _ in 0..pairs {
        let [without, with] = p99s(&mut crowds)?;
        ratios.push(with / without);
    }
    Ok(Measured { figures: vec![ratios], note: String::new() })
}

/// The 99th percentile of the time from when a message was due to each of its copies, in both crowds; with
/// each, how many read. The messages take turns: what holds the machine up for a moment meets both.
fn p99s(crowds: &mut [(Crowd, usize)]) -> Result<[f64; 2]> {
    let mut times: [Histogram<u64>; 2] = [Histogram::new(3)?, Histogram::new(3)?];
    let begun = Instant::now();
    for pair in 0..MESSAGES {
        for (place, side) in in_turns(pair, 0, 1).into_iter().enumerate() {
            let (crowd, readers) = &mut crowds[side];
            let due = begun + PERIOD * (2 * pair + place) as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            crowd.say(0, b"as long as most of what people write to each other in an evening\n")?;
            crowd.hear_each(*readers as u64, |copies| {
                let micros = due.elapsed().as_micros() as u64;
                times[side].record_n(micros, copies).expect("the histogram grows");
            })?;
        }
    }
    Ok(times.map(|times| times.value_at_quantile(0.99) as f64))
}

/// Many, so that what else a server needs for the traffic does not count for much.
const STALLED: usize = 20;

/// Who says everything, and one who reads it.
const READERS: usize = 2;

const BOUND: usize = 1024 * 1024;

/// By how much the server's memory grew, as a part of what is allowed to wait for all of them.
fn memory() -> Result<f64> {
    let server = Server::start(&["--backlog-bound", &BOUND.to_string()])?;
    let mut crowd = Crowd::join(server.address, READERS + STALLED)?;
    (READERS..crowd.size()).try_for_each(|member| crowd.stall(member))?;
    let before = server.peak_memory()?;
    say_much(&mut crowd, READERS, 32 * 1024 * 1024)?;
    // They were cut off, and those who read were told.
    crowd.hear((STALLED * READERS) as u64)?;
    Ok((server.peak_memory()? - before) / (STALLED * BOUND) as f64)
}

/// So many bytes to each member, as fast as the readers take them.
fn say_much(crowd: &mut Crowd, readers: usize, bytes: usize) -> Result<()> {
    let text = "x".repeat(MESSAGE_BYTES - "m00000: \n".len());
    let burst = format!("{text}\n").repeat(BURST);
    for _ in 0..bytes / (BURST * MESSAGE_BYTES) {
        crowd.say(0, burst.as_bytes())?;
        crowd.hear((BURST * readers) as u64)?;
    }
    Ok(())
}
