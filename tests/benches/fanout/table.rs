//! What is meant and what was measured, as a Markdown table.

use std::fmt;

/// A figure, and the bound that it is meant to keep.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) meant: Meant,
}

/// A bound on the median, and the unit of the figure.
#[derive(Clone, Copy)]
pub(crate) enum Meant {
    AtMost(f64, &'static str),
    AtLeast(f64, &'static str),
}

/// The middle of some figures, and how far they lie apart.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl Row {
    pub(crate) const fn at_most(what: &'static str, bound: f64, unit: &'static str) -> Row {
        Row { what, meant: Meant::AtMost(bound, unit) }
    }

    pub(crate) const fn at_least(what: &'static str, bound: f64, unit: &'static str) -> Row {
        Row { what, meant: Meant::AtLeast(bound, unit) }
    }
}

impl Meant {
    fn unit(self) -> &'static str {
        match self {
            Meant::AtMost(_, unit) | Meant::AtLeast(_, unit) => unit,
        }
    }

    /// As it is printed: more digits than these say nothing.
    fn holds(self, median: f64) -> bool {
        let shown = (median * 100.0).round() / 100.0;
        match self {
            Meant::AtMost(bound, _) => shown <= bound,
            Meant::AtLeast(bound, _) => shown >= bound,
        }
    }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Meant::AtMost(bound, unit) => write!(f, "<= {bound}{unit}"),
            Meant::AtLeast(bound, unit) => write!(f, ">= {bound}{unit}"),
        }
    }
}

impl Spread {
    /// `None` where there is no figure, or one that is no number.
    pub(crate) fn of(figures: &[f64]) -> Option<Spread> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, greatest) = (*sorted.first()?, *sorted.last()?);
        let middle = &sorted[(sorted.len() - 1) / 2..=sorted.len() / 2];
        let median = middle.iter().sum::<f64>() / middle.len() as f64;
        [least, greatest].iter().all(|figure| figure.is_finite()).then_some(Spread {
            median,
            least,
            greatest,
        })
    }
}

pub(crate) fn print_head() {
    println!("| what | meant | measured (median, least to greatest) | holds |");
    println!("|---|---|---|---|");
}

/// Prints a row with its figures, or why there is none; says whether it holds.
pub(crate) fn print(row: &Row, figures: &Result<Vec<f64>, String>) -> bool {
    let Row { what, meant } = row;
    let unit = meant.unit();
    let (measured, holds) = match figures.as_deref().map(Spread::of) {
        Ok(Some(Spread { median, least, greatest })) if figures_vary(least, greatest) => {
            (format!("{median:.2}{unit} ({least:.2} to {greatest:.2})"), meant.holds(median))
        }
        Ok(Some(Spread { median, .. })) => (format!("{median:.2}{unit}"), meant.holds(median)),
        Ok(None) => ("no figure".to_owned(), false),
        Err(why) => (why.replace('\n', " "), false),
    };
    println!("| {what} | {meant} | {measured} | {} |", if holds { "yes" } else { "NO" });
    holds
}

fn figures_vary(least: f64, greatest: f64) -> bool {
    format!("{least:.2}") != format!("{greatest:.2}")
}
