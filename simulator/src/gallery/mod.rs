//! Judging the scenarios themselves: each is played on every server of a gallery of broken ones.
//!
//! A fault that no scenario catches is a hole in the scenarios, and a scenario that catches no fault shows
//! nothing. [`Matrix`] is pure; the command plays.

mod show;

use std::collections::BTreeMap;

use crate::run::{Outcome, Verdict};

pub use show::{csv, text};

/// What one scenario said about one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// It failed, which is right: this is what it called the fault.
    Caught(String),
    /// It passed.
    Passed,
    /// It was not played, or nothing could be decided.
    Silent,
}

impl Cell {
    /// What an outcome says.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        match &outcome.verdict {
            Verdict::Fail(failure) => Cell::Caught(
                failure.fault.clone().unwrap_or_else(|| format!("{} came", failure.came)),
            ),
            Verdict::Pass | Verdict::Accepted(_) => Cell::Passed,
            _ => Cell::Silent,
        }
    }
}

/// Which scenario catches which fault.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matrix {
    /// The scenarios' names, in their order.
    pub scenarios: Vec<String>,
    /// For each fault by its name, in its order: a cell for each scenario.
    pub faults: Vec<(String, Vec<Cell>)>,
    /// What the scenarios said about the server without a fault, if there was one.
    pub sound: Option<Vec<Cell>>,
}

impl Matrix {
    /// The faults that nothing caught.
    #[must_use]
    pub fn uncaught(&self) -> Vec<&str> {
        let none = |cells: &[Cell]| !cells.iter().any(|cell| matches!(cell, Cell::Caught(_)));
        self.faults
            .iter()
            .filter(|(_, cells)| none(cells))
            .map(|(fault, _)| fault.as_str())
            .collect()
    }

    /// The scenarios that caught nothing.
    #[must_use]
    pub fn useless(&self) -> Vec<&str> {
        let catches = self.catches();
        let of =
            |scenario: &&String| catches.get(scenario.as_str()).is_none_or(|count| *count == 0);
        self.scenarios.iter().filter(of).map(String::as_str).collect()
    }

    /// How many faults each scenario catches.
    #[must_use]
    pub fn catches(&self) -> BTreeMap<&str, usize> {
        let mut catches = BTreeMap::new();
        for (_, cells) in &self.faults {
            for (scenario, cell) in self.scenarios.iter().zip(cells) {
                *catches.entry(scenario.as_str()).or_insert(0) +=
                    usize::from(matches!(cell, Cell::Caught(_)));
            }
        }
        catches
    }

    /// What was said against the server without a fault: the scenario, and its words.
    #[must_use]
    pub fn false_alarms(&self) -> Vec<(&str, &str)> {
        let cells = self.sound.iter().flatten();
        let alarms = self.scenarios.iter().zip(cells).filter_map(|(scenario, cell)| match cell {
            Cell::Caught(words) => Some((scenario.as_str(), words.as_str())),
            Cell::Passed | Cell::Silent => None,
        });
        alarms.collect()
    }

    /// Whether every fault is caught, every scenario catches one, and nobody is accused wrongly.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.uncaught().is_empty() && self.useless().is_empty() && self.false_alarms().is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn matrix() -> Matrix {
        let caught = |words: &str| Cell::Caught(words.to_owned());
        Matrix {
            scenarios: ["create", "join", "isolation"].map(str::to_owned).to_vec(),
            faults: vec![
                (
                    "no-echo".to_owned(),
                    vec![Cell::Passed, caught("the echo is missing"), Cell::Silent],
                ),
                ("leaks".to_owned(), vec![Cell::Passed, Cell::Passed, caught("a leak, \"seen\"")]),
                ("late".to_owned(), vec![Cell::Passed, Cell::Passed, Cell::Silent]),
            ],
            sound: Some(vec![Cell::Passed, Cell::Passed, caught("who knows")]),
        }
    }

    #[test]
    fn holes_are_found_on_both_sides() {
        let matrix = matrix();
        assert_eq!(matrix.uncaught(), ["late"]);
        assert_eq!(matrix.useless(), ["create"]);
        assert_eq!(matrix.false_alarms(), [("isolation", "who knows")]);
        assert!(!matrix.holds());
    }

    #[test]
    fn a_gallery_without_holes_holds() {
        let caught = Cell::Caught("x".to_owned());
        let matrix = Matrix {
            scenarios: vec!["a".to_owned()],
            faults: vec![("f".to_owned(), vec![caught])],
            sound: Some(vec![Cell::Passed]),
        };
        assert!(matrix.holds());
    }
}
