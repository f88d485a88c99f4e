//! The table: medians over rounds, beside the floor of the same round.

use crate::design::{self, Design};
use crate::load;
use crate::measure::Cost;

/// What was measured of one design.
pub(crate) struct Row {
    pub(crate) design: &'static Design,
    /// For each load, the cost in each round.
    pub(crate) costs: Vec<Vec<Cost>>,
    pub(crate) memory_kib: Option<f64>,
    /// What was wrong with it, the first time.
    pub(crate) fault: Option<String>,
}

impl Row {
    pub(crate) fn new(design: &'static Design) -> Self {
        let costs = load::ALL.iter().map(|_| Vec::new()).collect();
        Row { design, costs, memory_kib: None, fault: None }
    }
}

/// Prints all rows; the first is the floor's.
pub(crate) fn print(rows: &[Row]) {
    let names = load::ALL.map(|load| load.name).join(" | ");
    println!("| design | {names} | KiB of an idle member |");
    println!("|---|{}---|", "---|".repeat(load::ALL.len()));
    let Some((floor, others)) = rows.split_first() else { return };
    print_row(floor, |costs, _| floor_cell(costs));
    for row in others {
        let is_measured = row.fault.is_none() && floor.fault.is_none();
        print_row(
            row,
            |costs, load| {
                if is_measured { cell(costs, &floor.costs[load]) } else { "-".to_owned() }
            },
        );
    }
    for Row { design, fault, .. } in rows {
        fault.iter().for_each(|fault| println!("\n{}: {fault}", design.name));
    }
}

fn print_row(row: &Row, cell: impl Fn(&[Cost], usize) -> String) {
    let cells: Vec<String> =
        row.costs.iter().enumerate().map(|(load, costs)| cell(costs, load)).collect();
    let name = match &row.fault {
        Some(_) => format!("{}: no figures, see below", row.design.name),
        None => row.design.name.to_owned(),
    };
    let memory = row.memory_kib.map_or("-".to_owned(), |kib| format!("{kib:.2}"));
    println!("| {name} | {} | {memory} |", cells.join(" | "));
}

/// The floor's own figures.
fn floor_cell(costs: &[Cost]) -> String {
    if costs.is_empty() {
        return "-".to_owned();
    }
    let figure = |get: fn(&Cost) -> f64| median(costs.iter().map(get).collect());
    let (cpu, p50, p99) =
        (figure(|cost| cost.cpu_us), figure(|cost| cost.p50_us), figure(|cost| cost.p99_us));
    format!("{cpu:.2} us; {:.2}, {:.2} ms", p50 / 1_000.0, p99 / 1_000.0)
}

/// A design's figures as multiples of the floor's.
fn cell(costs: &[Cost], floor: &[Cost]) -> String {
    let ratios = |get: fn(&Cost) -> f64| -> Vec<f64> {
        let mut ratios: Vec<f64> =
            costs.iter().zip(floor).map(|(cost, floor)| get(cost) / get(floor)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios
    };
    let cpu = ratios(|cost| cost.cpu_us);
    let Some((least, most)) = cpu.first().zip(cpu.last()) else { return "-".to_owned() };
    let range = format!("{least:.2} to {most:.2}");
    let (p50, p99) = (ratios(|cost| cost.p50_us), ratios(|cost| cost.p99_us));
    format!("**{:.2}** ({range}); {:.2}, {:.2}", median(cpu), median(p50), median(p99))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// Prints what can be chosen.
pub(crate) fn list() {
    for Design { name, about, .. } in design::ALL {
        println!("{name:15} {about}");
    }
}
