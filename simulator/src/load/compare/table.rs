//! A comparison as a person reads it.

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

use super::{Comparison, Finding, Ratio, Verdict};

impl fmt::Display for Comparison {
    /// A table with a line for each metric, and the verdict below it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interval = format!("{} interval", super::percent(self.options.confidence));
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header(["metric", "base", "new", "ratio", &interval, "verdict"]);
        for finding in std::iter::once(&self.headline).chain(&self.also) {
            table.add_row(finding.row());
        }
        for number in 1..=4 {
            if let Some(column) = table.column_mut(number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in table.lines() {
            writeln!(f, "{}", line.trim())?;
        }
        write!(f, "\n{}, by {}", self.headline.word(), self.headline.metric)?;
        if let Some(ratio) = self.headline.ratio {
            write!(f, ": {}", change(ratio))?;
        }
        writeln!(f, "\n{}", self.how())?;
        for Finding { metric, verdict, .. } in std::iter::once(&self.headline).chain(&self.also) {
            if let Verdict::CannotTell(why) = verdict {
                writeln!(f, "{metric} cannot be told: {why}")?;
            }
        }
        Ok(())
    }
}

impl Finding {
    fn row(&self) -> Vec<String> {
        let show = |figure: Option<f64>| figure.map_or("-".to_owned(), |one| self.metric.show(one));
        let (ratio, interval) = match self.ratio {
            Some(Ratio { estimate, low, high }) => {
                (format!("{estimate:.3}"), format!("{low:.3} to {high:.3}"))
            }
            None => ("-".to_owned(), "-".to_owned()),
        };
        vec![
            self.metric.to_string(),
            show(self.base),
            show(self.new),
            ratio,
            interval,
            self.word().to_owned(),
        ]
    }

    /// The verdict in the words of the metric.
    fn word(&self) -> &'static str {
        let (worse, better) = self.metric.words();
        match self.verdict {
            Verdict::Faster => better,
            Verdict::Slower => worse,
            Verdict::NoDifference => "no difference",
            Verdict::CannotTell(_) => "cannot tell",
        }
    }
}

impl Comparison {
    fn how(&self) -> String {
        let runs = match (self.base_runs, self.new_runs) {
            (1, 1) => {
                // Nobody should take one run for more than it is.
                return format!(
                    "one run of each side; that runs differ by {} is assumed, more runs show it",
                    super::percent(self.options.run_to_run)
                );
            }
            (pairs, _) if self.paired => return format!("{pairs} pairs of runs, made in turns"),
            (base, new) => format!("{base} and {new} runs"),
        };
        format!("{runs}, not made in turns: a drift of the machine would count as a difference")
    }
}

/// A ratio in words, such as `+12.3 % (+8.1 % to +16.7 %)`.
pub(super) fn change(ratio: Ratio) -> String {
    let signed = |ratio: f64| {
        let share = (ratio - 1.0) * 100.0;
        // No `-0.0 %`.
        format!("{:+.1} %", if share.abs() < 0.05 { 0.0 } else { share })
    };
    format!("{} ({} to {})", signed(ratio.estimate), signed(ratio.low), signed(ratio.high))
}
