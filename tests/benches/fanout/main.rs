//! What a broadcast costs the reference server, beside what it is meant to cost.
//!
//! ```sh
//! cargo bench --bench fanout
//! cargo bench --bench fanout -- p99 joining   # rows whose name has one of these words
//! cargo bench --bench fanout -- --list
//! ```
//!
//! Every server is a process of its own, the release build, but for the one whose allocations are
//! counted. Run it while the machine does nothing else. `docs/performance.md` says how each row is
//! measured, and keeps what came of it.

mod allocations;
mod arrival;
mod big_room;
mod cost;
mod floor;
mod joining;
mod server;
mod simulated;
mod stalled;
mod table;
mod talkers;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use chatroom_tests::programs;
use clap::Parser;

use crate::table::Row;

/// It counts only while a row asks it to.
#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// Rows that are measured together.
struct Section {
    rows: &'static [Row],
    /// Makes so many pairs of runs, and has the figures of each row.
    measure: fn(usize) -> Result<Measured>,
}

/// What was measured for the rows of a section, in their order.
struct Measured {
    figures: Vec<Vec<f64>>,
    /// What is worth to be known beside the rows: paragraphs of Markdown.
    note: String,
}

const SECTIONS: [Section; 10] = [
    floor::GROUP_OF_100,
    floor::GROUP_OF_1000,
    floor::GROUPS_OF_10,
    talkers::SECTION,
    big_room::SECTION,
    joining::SECTION,
    stalled::DELAY,
    stalled::MEMORY,
    cost::SECTION,
    allocations::SECTION,
];

#[derive(Parser)]
struct Options {
    /// Only rows whose name has one of these words in it
    words: Vec<String>,
    /// Only say which rows there are
    #[arg(long)]
    list: bool,
    /// How many pairs of runs a median is made of
    #[arg(long, value_name = "N", default_value_t = 7)]
    pairs: usize,
    /// What cargo says to a benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    // `cargo test --benches` passes no such argument; it is no place for a benchmark.
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let options = Options::parse();
    if options.list {
        let rows = SECTIONS.iter().flat_map(|section| section.rows);
        rows.filter(|row| options.wants(row)).for_each(|row| println!("{}", row.what));
        return ExitCode::SUCCESS;
    }
    // All programs are built when one is first asked for.
    let _ = programs::simulator();
    let begun = Instant::now();
    let (mut rows, mut held, mut notes) = (0, 0, Vec::new());
    for section in &SECTIONS {
        let wanted = section.rows.iter().filter(|row| options.wants(row)).count();
        if wanted == 0 {
            continue;
        }
        eprintln!("{:>5.0} s  {}", begun.elapsed().as_secs_f64(), section.rows[0].what);
        let measured = (section.measure)(options.pairs.max(1));
        if rows == 0 {
            table::print_head();
        }
        rows += wanted;
        held += section.print(&measured, &options);
        notes.extend(measured.map(|measured| measured.note));
    }
    notes.iter().filter(|note| !note.is_empty()).for_each(|note| println!("\n{note}"));
    println!("\n{held} of {rows} rows hold ({:.0} s)", begun.elapsed().as_secs_f64());
    if held == rows { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Section {
    /// Prints the rows that are wanted; how many of them hold.
    fn print(&self, measured: &Result<Measured>, options: &Options) -> usize {
        let rows = self.rows.iter().enumerate().filter(|(_, row)| options.wants(row));
        let held = rows.filter(|(place, row)| {
            let figures = match measured {
                Ok(measured) => Ok(measured.figures[*place].clone()),
                Err(error) => Err(format!("{error:#}")),
            };
            table::print(row, &figures)
        });
        held.count()
    }
}

impl Options {
    fn wants(&self, row: &Row) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| row.what.contains(word.as_str()))
    }
}
