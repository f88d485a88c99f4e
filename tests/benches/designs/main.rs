//! Ways to hand what one says to everybody, each as a minimal server, beside the cheapest.
//!
//! ```sh
//! cargo bench --bench designs
//! cargo bench --bench designs -- --rounds 9 room-task io-uring
//! cargo bench --bench designs -- --list
//! ```
//!
//! The servers have no protocol: every line that one client sends goes to every client. So what differs
//! between them is who reads, who writes, and what is handed from thread to thread. In each round every
//! design runs under every load, in a fresh process, and is compared with the floor of the same round;
//! the table has the medians. Every byte that a client gets is compared: a design that loses, doubles
//! or reorders something has no figures. What was measured and on what is kept in `docs/performance.md`.

mod child;
mod design;
mod driver;
mod floor;
#[cfg(target_os = "linux")]
mod io_uring;
mod ledger;
mod load;
mod measure;
mod metronome;
mod poll_loop;
mod room_task;
mod shared_flush;
mod softirq;
mod table;
mod talker_flushes;
mod tokio_member;
mod wire;
mod writer_tasks;

use clap::Parser;

use design::Design;
use table::Row;

/// Compares designs of a broadcast with the cheapest one
#[derive(Parser)]
struct Arguments {
    /// The designs to compare with the floor; without any, all
    #[arg(value_name = "DESIGN", value_parser = find)]
    designs: Vec<&'static Design>,
    /// How often everything is measured
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// List the designs
    #[arg(long)]
    list: bool,
    /// What the child process is to be
    #[arg(long, hide = true, value_name = "DESIGN", value_parser = find)]
    serve: Option<&'static Design>,
    /// What cargo says when it is to be a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn find(name: &str) -> Result<&'static Design, String> {
    design::find(name).ok_or_else(|| "no such design; --list has them".to_owned())
}

fn main() {
    let arguments = Arguments::parse();
    raise_descriptor_limit();
    if let Some(design) = arguments.serve {
        if let Err(error) = child::serve(design) {
            eprintln!("{} cannot serve: {error}", design.name);
            std::process::exit(1);
        }
    } else if arguments.list {
        table::list();
    } else if arguments.bench {
        // `cargo test --benches` passes no such argument; it is no place for a benchmark.
        compare(arguments);
    }
}

fn compare(arguments: Arguments) {
    let is_chosen = |design: &Design| {
        let chosen = &arguments.designs;
        chosen.is_empty() || chosen.iter().any(|chosen| chosen.name == design.name)
    };
    // The floor is always the first.
    let mut rows: Vec<Row> = (design::ALL.iter().enumerate())
        .filter(|(number, design)| *number == 0 || is_chosen(design))
        .map(|(_, design)| Row::new(design))
        .collect();
    let mut order: Vec<usize> = (0..rows.len()).collect();
    for row in &mut rows {
        match measure::memory(row.design) {
            Ok(kib) => row.memory_kib = kib,
            Err(fault) => row.fault = Some(fault),
        }
    }
    for round in 1..=arguments.rounds {
        eprintln!("round {round} of {}", arguments.rounds);
        // Who was the first comes last.
        order.rotate_left(1);
        measure_all(&mut rows, &order);
    }
    table::print(&rows);
}

/// One round, with the rows in this order.
fn measure_all(rows: &mut [Row], order: &[usize]) {
    for (number, load) in load::ALL.iter().enumerate() {
        for row in order {
            let row = &mut rows[*row];
            if row.fault.is_some() {
                continue;
            }
            match measure::cost(row.design, load) {
                Ok(cost) => row.costs[number].push(cost),
                Err(fault) => row.fault = Some(format!("{}: {fault}", load.name)),
            }
        }
    }
}

/// Where it cannot be raised it is what it is, and connecting will tell.
fn raise_descriptor_limit() {
    #[cfg(unix)]
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}
