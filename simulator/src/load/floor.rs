//! A server's figures as multiples of the floor's: the same load against a server that only forwards.
//!
//! Runs come in pairs, made in turns, so that what else the machine does meets both sides alike. Each
//! pair gives a ratio, and the median of the ratios stands for all, with the least and the greatest
//! beside it. Figures of runs are never averaged.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

use super::figures::Measure;
use super::gate::{Metric, Name, Stat};
use super::record::RunRecord;
use super::report::numbers::{bytes, number, time_f};

/// The figures that have a ratio. Less is better but for the rate of the copies.
const FIGURES: [Name; COUNT] = [
    percentile(Measure::Delivery, 50),
    percentile(Measure::Delivery, 99),
    percentile(Measure::Last, 99),
    Name::CopiesRate,
    Name::ServerCpuPerDelivery,
    Name::ServerRssPerBot,
];

const COUNT: usize = 6;

/// Stands where there is no figure.
const UNKNOWN: &str = "-";

/// What is compared of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures([Option<f64>; COUNT]);

/// Pairs of runs, the server's first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pairs(Vec<(Figures, Figures)>);

/// The middle of several ratios, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The median.
    pub median: f64,
    /// The least.
    pub least: f64,
    /// The greatest.
    pub greatest: f64,
}

impl Figures {
    /// Takes them from a run; a figure that the run does not have, or not enough samples for, is
    /// left out.
    #[must_use]
    pub fn of(record: &RunRecord) -> Figures {
        Figures(FIGURES.map(|name| Metric { phase: None, name }.value(record).ok()))
    }
}

impl Pairs {
    /// Adds a pair.
    pub fn push(&mut self, server: Figures, floor: Figures) {
        self.0.push((server, floor));
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The ratios of the figure at this place; `None` where no pair has it on both sides.
    fn ratio(&self, place: usize) -> Option<Ratio> {
        let ratios = self.0.iter().filter_map(|(server, floor)| {
            let ratio = server.0[place]? / floor.0[place]?;
            // What costs the floor nothing measurable has no multiple.
            ratio.is_finite().then_some(ratio)
        });
        let ratios = sorted(ratios);
        let (least, greatest) = (*ratios.first()?, *ratios.last()?);
        Some(Ratio { median: median(&ratios)?, least, greatest })
    }

    fn row(&self, place: usize) -> [String; 5] {
        let name = FIGURES[place];
        let side = |figures: fn(&(Figures, Figures)) -> Figures| {
            let all = sorted(self.0.iter().filter_map(|pair| figures(pair).0[place]));
            median(&all).map_or(UNKNOWN.to_owned(), |figure| show(name, figure))
        };
        let (ratio, range) = match self.ratio(place) {
            Some(Ratio { median, least, greatest }) => {
                (format!("{median:.2}"), format!("{least:.2} to {greatest:.2}"))
            }
            None => (UNKNOWN.to_owned(), UNKNOWN.to_owned()),
        };
        let metric = Metric { phase: None, name }.to_string();
        [metric, side(|pair| pair.0), side(|pair| pair.1), ratio, range]
    }
}

impl fmt::Display for Pairs {
    /// A table with a line for each figure, and how to read it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = match self.count() {
            0 => return writeln!(f, "no ratio to the floor: no pair of runs is complete"),
            1 => "one pair of runs".to_owned(),
            count => format!("{count} pairs of runs, made in turns"),
        };
        let mut table =
            plain_table(&["server / floor", "server", "floor", "ratio", "least to greatest"]);
        for place in 0..COUNT {
            table.add_row(self.row(place));
        }
        write_table(f, &table)?;
        writeln!(f, "medians of {pairs}; a ratio of 1 is what this machine can do at all")
    }
}

/// What a standard load came to on the floor, for a table with a line for each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standards(Vec<(String, [String; 4])>);

impl Standards {
    /// Adds a load under its name.
    pub fn push(&mut self, name: &str, record: &RunRecord) {
        let Figures([p50, p99, _, rate, cpu, _]) = Figures::of(record);
        let cells = [(3, rate), (4, cpu), (0, p50), (1, p99)];
        let cells = cells.map(|(place, figure)| {
            figure.map_or(UNKNOWN.to_owned(), |figure| show(FIGURES[place], figure))
        });
        self.0.push((name.to_owned(), cells));
    }
}

impl fmt::Display for Standards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["the floor of this machine", "copies", "CPU per copy", "p50", "p99"];
        let mut table = plain_table(&heads);
        for (name, cells) in &self.0 {
            table.add_row(std::iter::once(name).chain(cells));
        }
        write_table(f, &table)
    }
}

const fn percentile(measure: Measure, percent: u32) -> Name {
    Name::Times { measure, all: false, stat: Stat::Percentile(percent * 1000) }
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_unstable_by(f64::total_cmp);
    figures
}

/// The middle of sorted figures, or half way between the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

fn show(name: Name, figure: f64) -> String {
    match name {
        Name::CopiesRate => format!("{}/s", number(figure)),
        Name::ServerRssPerBot => bytes(figure),
        // Where a server is saturated, a copy costs it little more than the copying of its bytes.
        Name::ServerCpuPerDelivery if figure < 1.0 => format!("{} ns", number(figure * 1e3)),
        _ => time_f(figure),
    }
}

fn plain_table(heads: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(heads);
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if place > 0 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn write_table(f: &mut fmt::Formatter<'_>, table: &Table) -> fmt::Result {
    table.lines().try_for_each(|line| writeln!(f, "{}", line.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::sample;

    fn pair(server: f64, floor: f64) -> (Figures, Figures) {
        (Figures([Some(server); COUNT]), Figures([Some(floor); COUNT]))
    }

    fn pairs(all: &[(Figures, Figures)]) -> Pairs {
        let mut pairs = Pairs::default();
        all.iter().for_each(|(server, floor)| pairs.push(*server, *floor));
        pairs
    }

    #[test]
    fn the_ratio_is_the_median_of_the_pairs_and_not_the_ratio_of_medians() {
        // The machine was three times as slow during the second pair, for both sides.
        let ratio = pairs(&[pair(2.0, 1.0), pair(6.0, 3.0), pair(4.0, 1.0)]).ratio(0);
        assert_eq!(ratio, Some(Ratio { median: 2.0, least: 2.0, greatest: 4.0 }));
        let ratio = pairs(&[pair(2.0, 1.0), pair(3.0, 1.0)]).ratio(0);
        assert_eq!(ratio.map(|ratio| ratio.median), Some(2.5));
    }

    #[test]
    fn what_one_side_does_not_have_has_no_ratio() {
        let mut some = pair(3.0, 1.0);
        some.0.0[1] = None;
        some.1.0[5] = Some(0.0);
        let one = pairs(&[some]);
        assert_eq!((one.ratio(1), one.ratio(5)), (None, None));
        // The other pair has it.
        assert_eq!(pairs(&[some, pair(5.0, 1.0)]).ratio(1).map(|ratio| ratio.median), Some(5.0));
    }

    #[test]
    fn figures_are_those_of_the_measured_phases() {
        let record = sample::record();
        let Figures(figures) = Figures::of(&record);
        for (name, figure) in FIGURES.iter().zip(figures) {
            let asked = Metric { phase: None, name: *name }.value(&record);
            assert_eq!(figure, asked.ok(), "{name:?}");
            assert!(figure.is_some(), "{name:?}");
        }
        let mut unknown = sample::record();
        unknown.head.target.process_known = false;
        let Figures(figures) = Figures::of(&unknown);
        assert_eq!(figures.map(|figure| figure.is_some()), [true, true, true, true, false, false]);
    }

    #[test]
    fn the_table_reads_well() {
        let server = Figures([250.0, 1_400.0, 2_000.0, 99_998.0, 3.9, 5_300.0].map(Some));
        let floor = Figures([200.0, 1_000.0, 1_600.0, 100_000.0, 3.0, 420.0].map(Some));
        let mut slower = server;
        slower.0[0] = Some(300.0);
        slower.0[5] = None;
        insta::assert_snapshot!(pairs(&[(server, floor), (slower, floor), (server, floor)]), @r"
        server / floor             server      floor  ratio  least to greatest
        delivery.p50               250 µs     200 µs   1.25       1.25 to 1.50
        delivery.p99              1.40 ms    1.00 ms   1.40       1.40 to 1.40
        last.p99                  2.00 ms    1.60 ms   1.25       1.25 to 1.25
        copies.rate              99,998/s  100,000/s   1.00       1.00 to 1.00
        server.cpu_per_delivery   3.90 µs    3.00 µs   1.30       1.30 to 1.30
        server.rss_per_bot       5.18 KiB      420 B  12.62     12.62 to 12.62
        medians of 3 pairs of runs, made in turns; a ratio of 1 is what this machine can do at all
        ");
        insta::assert_snapshot!(Pairs::default(), @"no ratio to the floor: no pair of runs is complete");
    }

    #[test]
    fn a_copy_that_costs_next_to_nothing_still_shows_what() {
        assert_eq!(show(Name::ServerCpuPerDelivery, 0.0142), "14.2 ns");
        assert_eq!(show(Name::ServerCpuPerDelivery, 4.04), "4.04 µs");
    }

    #[test]
    fn the_standard_loads_have_a_line_each() {
        let mut standards = Standards::default();
        standards.push("1 group of 100, 1,000 messages/s", &sample::record());
        let mut idle = sample::record();
        idle.latencies.iter_mut().for_each(|at| *at = crate::load::figures::Latencies::default());
        idle.head.target.process_known = false;
        standards.push("another", &idle);
        insta::assert_snapshot!(standards, @r"
        the floor of this machine          copies  CPU per copy      p50      p99
        1 group of 100, 1,000 messages/s  7,714/s       15.0 µs  6.10 ms  12.2 ms
        another                           7,714/s             -        -        -
        ");
    }
}
