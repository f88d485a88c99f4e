//! What a delivery costs in groups of every size, and in any number of them.

use std::fmt::Write;

use anyhow::{Context, Result};
use chatroom_simulator::load::gate::Name;

use crate::simulated::{Server, figure, load, phase, run};
use crate::table::{Row, Spread};
use crate::{Measured, Section};

const ROWS: [Row; 3] = [
    Row::at_most("CPU per delivery, 100 to 10,000 members: greatest / least", 1.3, " x"),
    Row::at_most("CPU per delivery, 100 to 1,000 groups of 10: greatest / least", 1.3, " x"),
    Row::at_most("CPU per delivery / the floor's, all of these: greatest / least", 1.3, " x"),
];

/// Groups, and the members of each.
const SIZES: [(u32, u32); 7] =
    [(1, 10), (1, 100), (1, 1000), (1, 10_000), (10, 10), (100, 10), (1000, 10)];

/// The places of those that are meant to cost the same.
const BY_MEMBERS: [usize; 3] = [1, 2, 3];
const BY_GROUPS: [usize; 2] = [5, 6];
const ALL: [usize; 5] = [1, 2, 3, 5, 6];

/// The same everywhere, in copies a second.
const DELIVERIES: u32 = 100_000;

/// All sizes one after another, so many times.
const ROUNDS: usize = 3;

pub(crate) const SECTION: Section = Section { rows: &ROWS, measure };

fn measure(_pairs: usize) -> Result<Measured> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let costs = SIZES.iter().map(|size| cost(*size, Server::Reference));
        rounds.push(costs.collect::<Result<Vec<f64>>>()?);
    }
    let floor: Vec<f64> =
        SIZES.iter().map(|size| cost(*size, Server::Floor)).collect::<Result<_>>()?;
    let ratios: Vec<Vec<f64>> = rounds.iter().map(|costs| beside(costs, &floor)).collect();
    let figures =
        vec![spans(&rounds, &BY_MEMBERS), spans(&rounds, &BY_GROUPS), spans(&ratios, &ALL)];
    Ok(Measured { figures, note: in_a_table(&rounds, &floor)? })
}

/// In microseconds for each copy.
fn cost((groups, members): (u32, u32), server: Server) -> Result<f64> {
    let shape = format!("rate = \"{}/s\"", DELIVERIES / members);
    let phases = [phase("before-paced", 300, &shape), phase("paced", 1000, &shape)].concat();
    let record = run(&load(groups * members, groups, &phases), server)?;
    figure(&record, "paced", Name::ServerCpuPerDelivery)
}

/// In each round, the greatest figure as a multiple of the least.
fn spans(rounds: &[Vec<f64>], places: &[usize]) -> Vec<f64> {
    let span = |costs: &Vec<f64>| {
        let costs = places.iter().map(|place| costs[*place]);
        let (least, greatest) = costs.fold((f64::INFINITY, 0.0_f64), |(least, greatest), cost| {
            (least.min(cost), greatest.max(cost))
        });
        greatest / least
    };
    rounds.iter().map(span).collect()
}

fn beside(costs: &[f64], floor: &[f64]) -> Vec<f64> {
    costs.iter().zip(floor).map(|(cost, floor)| cost / floor).collect()
}

fn in_a_table(rounds: &[Vec<f64>], floor: &[f64]) -> Result<String> {
    let mut table = format!(
        "CPU per delivery at {DELIVERIES} deliveries/s, in microseconds:\n\n\
         | groups | members of each | server (median, least to greatest) | floor |\n|---|---|---|---|"
    );
    for (place, (groups, members)) in SIZES.iter().enumerate() {
        let costs: Vec<f64> = rounds.iter().map(|costs| costs[place]).collect();
        let Spread { median, least, greatest } = Spread::of(&costs).context("no cost")?;
        let floor = floor[place];
        write!(
            table,
            "\n| {groups} | {members} | {median:.2} ({least:.2} to {greatest:.2}) | {floor:.2} |"
        )?;
    }
    Ok(table)
}
