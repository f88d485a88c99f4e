//! The matrix for a person, and for a program.

use super::{Cell, Matrix};
use crate::load::report::visible;

/// The matrix, a row for each fault and a column for each scenario, and what is wrong with it.
#[must_use]
pub fn text(matrix: &Matrix) -> String {
    let mut text = String::new();
    for (place, scenario) in matrix.scenarios.iter().enumerate() {
        text += &format!("{:>4}  {scenario}\n", place + 1);
    }
    let names = matrix.faults.iter().map(|(fault, _)| fault.as_str());
    let names = names.chain(matrix.sound.is_some().then_some(NONE));
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    text += &format!("\n{:width$} {}\n", "", heads(matrix.scenarios.len()));
    for (fault, cells) in matrix.sound.iter().map(|cells| (NONE, cells)) {
        text += &row(fault, cells, width);
    }
    for (fault, cells) in &matrix.faults {
        text += &row(fault, cells, width);
    }
    text + "\nX caught, . passed, - not played or not decided\n\n" + &summary(matrix)
}

/// What the row of the server without a fault is called.
const NONE: &str = "(no fault)";

fn heads(scenarios: usize) -> String {
    (1..=scenarios).map(|number| format!("{number:>3}")).collect()
}

fn row(fault: &str, cells: &[Cell], width: usize) -> String {
    let marks: String = cells
        .iter()
        .map(|cell| match cell {
            Cell::Caught(_) => "  X",
            Cell::Passed => "  .",
            Cell::Silent => "  -",
        })
        .collect();
    let count = cells.iter().filter(|cell| matches!(cell, Cell::Caught(_))).count();
    format!("{fault:width$} {marks}  {count}\n")
}

fn summary(matrix: &Matrix) -> String {
    let (uncaught, useless) = (matrix.uncaught(), matrix.useless());
    let mut text = format!(
        "{} of {} faults are caught; {} of {} scenarios catch one\n",
        matrix.faults.len() - uncaught.len(),
        matrix.faults.len(),
        matrix.scenarios.len() - useless.len(),
        matrix.scenarios.len(),
    );
    for fault in uncaught {
        text += &format!("no scenario catches {fault}: write one that does\n");
    }
    for scenario in useless {
        text += &format!("{scenario} catches nothing: what does it show?\n");
    }
    for (scenario, words) in matrix.false_alarms() {
        let words = visible::lines(words);
        text += &format!("false alarm: {scenario} fails on the server without a fault: {words}\n");
    }
    text
}

/// A line for each fault and scenario: what became of it, and what was said.
#[must_use]
pub fn csv(matrix: &Matrix) -> String {
    let mut lines = vec!["fault,scenario,result,said".to_owned()];
    let sound = matrix.sound.iter().map(|cells| (NONE, cells));
    let faults = matrix.faults.iter().map(|(fault, cells)| (fault.as_str(), cells));
    for (fault, cells) in sound.chain(faults) {
        for (scenario, cell) in matrix.scenarios.iter().zip(cells) {
            let (result, said) = match cell {
                Cell::Caught(said) => ("caught", said.as_str()),
                Cell::Passed => ("passed", ""),
                Cell::Silent => ("silent", ""),
            };
            lines.push([fault, scenario, result, said].map(field).join(","));
        }
    }
    lines.join("\n") + "\n"
}

/// A field as RFC 4180 has it.
fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::matrix;
    use super::*;

    #[test]
    fn a_person_sees_the_holes() {
        insta::assert_snapshot!(text(&matrix()), @r"
           1  create
           2  join
           3  isolation

                     1  2  3
        (no fault)   .  .  X  1
        no-echo      .  X  -  1
        leaks        .  .  X  1
        late         .  .  -  0

        X caught, . passed, - not played or not decided

        2 of 3 faults are caught; 2 of 3 scenarios catch one
        no scenario catches late: write one that does
        create catches nothing: what does it show?
        false alarm: isolation fails on the server without a fault: who knows
        ");
    }

    #[test]
    fn a_program_gets_every_cell() {
        insta::assert_snapshot!(csv(&matrix()), @r#"
        fault,scenario,result,said
        (no fault),create,passed,
        (no fault),join,passed,
        (no fault),isolation,caught,who knows
        no-echo,create,passed,
        no-echo,join,caught,the echo is missing
        no-echo,isolation,silent,
        leaks,create,passed,
        leaks,join,passed,
        leaks,isolation,caught,"a leak, ""seen"""
        late,create,passed,
        late,join,passed,
        late,isolation,silent,
        "#);
    }
}
