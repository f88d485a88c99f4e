//! The server beside a server that only forwards.

use anyhow::Result;
use chatroom_simulator::load::gate::Name;

use crate::simulated::{DELIVERY_P99, Server, figure, in_turns, load, phase, run};
use crate::table::Row;
use crate::{Measured, Section};

const GROUP_OF_100_ROWS: [Row; 3] = [
    Row::at_most("1 group of 100, 1,000 messages/s: CPU per delivery / the floor's", 1.10, " x"),
    Row::at_most("1 group of 100, 1,000 messages/s: p99 of delivery / the floor's", 1.20, " x"),
    Row::at_most("1 group of 100, saturated: CPU per delivery / the floor's", 1.30, " x"),
];

const GROUP_OF_1000_ROWS: [Row; 3] = [
    Row::at_most("1 group of 1,000, 100 messages/s: CPU per delivery / the floor's", 1.10, " x"),
    Row::at_most("1 group of 1,000, 100 messages/s: p99 of delivery / the floor's", 1.20, " x"),
    Row::at_most("1 group of 1,000, saturated: CPU per delivery / the floor's", 1.15, " x"),
];

const GROUPS_OF_10_ROWS: [Row; 2] = [
    Row::at_most("100 groups of 10, 10,000 messages/s: CPU per delivery / the floor's", 1.15, " x"),
    Row::at_most("100 groups of 10, 10,000 messages/s: p99 of delivery / the floor's", 1.20, " x"),
];

/// What the rows of a load are about, in their order.
const FIGURES: [(&str, Name); 3] = [
    ("paced", Name::ServerCpuPerDelivery),
    ("paced", DELIVERY_P99),
    ("saturated", Name::ServerCpuPerDelivery),
];

pub(crate) const GROUP_OF_100: Section = Section {
    rows: &GROUP_OF_100_ROWS,
    measure: |pairs| {
        let phases = [paced(1000, 1300), saturated()].concat();
        beside_the_floor(&load(100, 1, &phases), pairs, &FIGURES)
    },
};

pub(crate) const GROUP_OF_1000: Section = Section {
    rows: &GROUP_OF_1000_ROWS,
    measure: |pairs| {
        // A tenth of them keeps the server as busy, and less is under way: as `simulator floor` has it.
        let phases = ["[roles]\ntalkers = \"10%\"\n", &paced(100, 3000), &saturated()].concat();
        beside_the_floor(&load(1000, 1, &phases), pairs, &FIGURES)
    },
};

pub(crate) const GROUPS_OF_10: Section = Section {
    rows: &GROUPS_OF_10_ROWS,
    measure: |pairs| beside_the_floor(&load(1000, 100, &paced(10_000, 3000)), pairs, &FIGURES[..2]),
};

/// Longer where a percentile has few messages, or is of threads that share the cores.
fn paced(rate: u32, millis: u32) -> String {
    let shape = format!("rate = \"{rate}/s\"");
    [phase("before-paced", 300, &shape), phase("paced", millis, &shape)].concat()
}

fn saturated() -> String {
    let shape = "saturate = 16";
    [phase("before-saturated", 100, shape), phase("saturated", 800, shape)].concat()
}

fn beside_the_floor(load: &str, pairs: usize, figures: &[(&str, Name)]) -> Result<Measured> {
    let mut ratios = vec![Vec::new(); figures.len()];
    for pair in 0..pairs {
        let (mut server, mut floor) = (Vec::new(), Vec::new());
        for is_server in in_turns(pair, true, false) {
            let side = if is_server { Server::Reference } else { Server::Floor };
            let record = run(load, side)?;
            let of_run = figures.iter().map(|(phase, name)| figure(&record, phase, *name));
            *if is_server { &mut server } else { &mut floor } = of_run.collect::<Result<_>>()?;
        }
        let both = server.iter().zip(&floor);
        ratios
            .iter_mut()
            .zip(both)
            .for_each(|(ratios, (server, floor))| ratios.push(server / floor));
    }
    Ok(Measured { figures: ratios, note: String::new() })
}
