//! Two sets of runs compared: faster, slower, no difference, or cannot tell.
//!
//! One way through: `comparable` refuses runs that say nothing about each other; `gather` takes one
//! figure from every window of every run; `series` says where a run lies and how sure that is;
//! `interval` makes the interval of the ratio; `Options::judge` makes a verdict of it.
//! Everything is done with logarithms, so that a ratio and its inverse are equally far from 1.

mod comparable;
mod gather;
mod interleave;
mod interval;
mod metric;
mod series;
mod table;

#[cfg(test)]
mod calibration;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use super::record::{GateRecord, Outcome, RunRecord};
pub use comparable::{ANY_MACHINE, CompareError, UNTRUSTED_TOO};
pub use interleave::{Interleaved, Interleaving, Side, interleave};
pub use metric::{Metric, Stat};

/// How often both sides run, in turns, where nobody says otherwise.
pub const DEFAULT_PAIRS: u32 = 5;

/// How often they run at most, where it [cannot be told](Comparison::more_pairs) before.
pub const MAX_PAIRS: u32 = 11;

/// How many measured windows, of a second each, a run should have.
pub const DEFAULT_WINDOWS: usize = 30;

/// The fewest windows that a comparison is made of.
pub const MIN_WINDOWS: usize = 10;

/// How to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The least difference that matters, as a share: 0.05 is 5 %. A smaller one is none.
    pub least_effect: f64,
    /// How sure the interval is, above 0 and below 1.
    pub confidence: f64,
    /// The greatest difference that may hide in the interval of a "no difference", as a share. Where a
    /// greater one could, the verdict is "cannot tell".
    pub unseen: f64,
    /// By what share runs of one server are taken to differ (one standard deviation), before there
    /// are enough runs to show it.
    pub run_to_run: f64,
    /// Metrics that are shown beside the one that decides.
    pub also: Vec<Metric>,
    /// Whether the server's cost may decide in place of the metric that was asked for, where that shows no
    /// difference and the cost does: latency on a machine that others use varies more than what a server
    /// burns for it.
    pub cost_may_decide: bool,
    /// Whether partial, untrusted and faulty runs are compared all the same ([`UNTRUSTED_TOO`]).
    pub untrusted_too: bool,
    /// Whether runs of different machines are compared all the same ([`ANY_MACHINE`]).
    pub any_machine: bool,
}

impl Default for Options {
    /// 5 % is more than a server changes by being built again; 99 % and 20 % are where a comparison of
    /// five pairs seldom errs and mostly decides; 2 % is by how much runs differ on a quiet machine.
    fn default() -> Self {
        Options {
            least_effect: 0.05,
            confidence: 0.99,
            unseen: 0.20,
            run_to_run: 0.02,
            also: Vec::new(),
            cost_may_decide: false,
            untrusted_too: false,
            any_machine: false,
        }
    }
}

/// What comparing two sets of runs showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The metric that decides.
    pub headline: Finding,
    /// The others, as information.
    pub also: Vec<Finding>,
    /// How many runs there are on the base side.
    pub base_runs: usize,
    /// How many there are on the new side.
    pub new_runs: usize,
    /// Whether the runs were made in turns, so that they were compared in pairs.
    pub paired: bool,
    /// How it was compared.
    pub options: Options,
}

/// What one metric showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The metric.
    pub metric: Metric,
    /// The figure of a typical window of the base side, in microseconds or per second.
    pub base: Option<f64>,
    /// The same of the new side.
    pub new: Option<f64>,
    /// The ratio new to base; `None` when there are too few figures for one.
    pub ratio: Option<Ratio>,
    /// What it comes to.
    pub verdict: Verdict,
}

/// A ratio and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// The ratio itself.
    pub estimate: f64,
    /// The low end of its interval.
    pub low: f64,
    /// The high end.
    pub high: f64,
}

/// What a comparison comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The new side is better, by at least the least effect; the interval excludes 1.
    Faster,
    /// The new side is worse, by at least the least effect; the interval excludes 1.
    Slower,
    /// Neither, and the interval is narrow enough to have shown what matters.
    NoDifference,
    /// The figures do not carry a verdict. Why, and what to do.
    CannotTell(String),
}

/// Compares runs of two servers, or of two versions of one.
///
/// # Errors
///
/// The runs say nothing about each other, and why.
pub fn compare(
    base: &[RunRecord],
    new: &[RunRecord],
    metric: Metric,
    options: &Options,
) -> Result<Comparison, CompareError> {
    comparable::check(base, new, metric, options)?;
    let (base, new) = (in_order(base), in_order(new));
    let paired = in_turns(&base, &new);
    let find = |metric| options.find(&base, &new, metric, paired);
    let mut comparison = Comparison {
        headline: find(metric),
        also: options.also.iter().copied().map(find).collect(),
        base_runs: base.len(),
        new_runs: new.len(),
        paired,
        options: options.clone(),
    };
    if options.cost_may_decide {
        comparison.let_cost_decide();
    }
    Ok(comparison)
}

fn in_order(runs: &[RunRecord]) -> Vec<&RunRecord> {
    let mut runs: Vec<&RunRecord> = runs.iter().collect();
    // All times are written alike and in UTC, so their order is that of the texts.
    runs.sort_by(|a, b| a.head.started.cmp(&b.head.started));
    runs
}

/// Whether each run of one side was made next to one of the other. One run on each side is a pair
/// whenever it was made: its windows are compared one by one.
fn in_turns(base: &[&RunRecord], new: &[&RunRecord]) -> bool {
    let apart = |pair: (&&RunRecord, &&RunRecord)| {
        let (a, b) = (&pair.0.head.started, &pair.1.head.started);
        (a.min(b).clone(), a.max(b).clone())
    };
    let pairs: Vec<(String, String)> = base.iter().zip(new).map(apart).collect();
    base.len() == new.len() && pairs.windows(2).all(|two| two[0].1 <= two[1].0)
}

impl Options {
    fn find(
        &self,
        base: &[&RunRecord],
        new: &[&RunRecord],
        metric: Metric,
        paired: bool,
    ) -> Finding {
        let series = match gather::gather(base, new, metric) {
            Ok(series) => series,
            Err(why) => {
                let verdict = Verdict::CannotTell(why);
                return Finding { metric, base: None, new: None, ratio: None, verdict };
            }
        };
        let typical = |runs: &[Vec<f64>]| {
            let places: Vec<f64> = runs.iter().map(|run| series::location(run).mean).collect();
            Some(series::mean(&places).exp())
        };
        let interval = if paired { interval::paired } else { interval::pooled };
        let found = interval(&series.base, &series.new, self.confidence, self.run_to_run);
        let ratio = Ratio {
            estimate: found.estimate.exp(),
            low: (found.estimate - found.half).exp(),
            high: (found.estimate + found.half).exp(),
        };
        Finding {
            metric,
            base: typical(&series.base),
            new: typical(&series.new),
            ratio: Some(ratio),
            verdict: self.judge(ratio.worse(metric)),
        }
    }

    /// A verdict on a ratio of which more is worse.
    fn judge(&self, worse: Ratio) -> Verdict {
        let least = 1.0 + self.least_effect;
        if worse.low > 1.0 && worse.estimate > least {
            return Verdict::Slower;
        }
        if worse.high < 1.0 && worse.estimate < 1.0 / least {
            return Verdict::Faster;
        }
        let unseen = 1.0 + self.unseen;
        if worse.high < unseen && worse.low > 1.0 / unseen {
            return Verdict::NoDifference;
        }
        Verdict::CannotTell(format!(
            "a difference of {:.0} % could hide in the interval: make more runs of each side, in \
             turns, or longer ones",
            self.unseen * 100.0
        ))
    }
}

impl Ratio {
    /// The ratio turned so that more is worse.
    fn worse(self, metric: Metric) -> Ratio {
        if metric.more_is_better() {
            Ratio { estimate: 1.0 / self.estimate, low: 1.0 / self.high, high: 1.0 / self.low }
        } else {
            self
        }
    }
}

impl Comparison {
    fn let_cost_decide(&mut self) {
        let decides = |verdict: &Verdict| matches!(verdict, Verdict::Faster | Verdict::Slower);
        let cost = self.also.iter_mut().find(|other| other.metric == Metric::CpuPerDelivery);
        if let Some(cost) = cost
            && decides(&cost.verdict)
            && !decides(&self.headline.verdict)
        {
            std::mem::swap(cost, &mut self.headline);
        }
    }

    /// How many pairs of runs to make on top of these before judging again: two while it cannot be told
    /// and there are fewer than [`MAX_PAIRS`], else none. `max_regression` is that of the gate, if there
    /// is one. Looking again and again finds more differences where there are none; the rates in the
    /// calibration have that in them.
    #[must_use]
    pub fn more_pairs(&self, max_regression: Option<f64>) -> u32 {
        let outcome =
            max_regression.map_or_else(|| self.outcome(), |share| self.gate(share).outcome);
        // Where there is no ratio, every run lacks samples, and more of the same would too.
        let helps = outcome == Outcome::Untrusted && self.headline.ratio.is_some();
        let made = u32::try_from(self.base_runs.min(self.new_runs)).unwrap_or(MAX_PAIRS);
        if helps { MAX_PAIRS.saturating_sub(made).min(2) } else { 0 }
    }

    /// Leaves out what is only there to be read and cannot be had from these runs.
    pub fn leave_out_unknown(&mut self) {
        self.also.retain(|finding| finding.ratio.is_some());
    }

    /// The judgement where nothing is forbidden: untrusted when it cannot be told, else passed.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.headline.verdict {
            Verdict::CannotTell(_) => Outcome::Untrusted,
            _ => Outcome::Pass,
        }
    }

    /// The judgement where the new side may be worse by a share, such as 0.1, and no more. Let `worse`
    /// be the ratio in which more is worse: new to base for times, base to new for rates.
    ///
    /// - **fail**: `worse` is more than `1 + max_regression`, and its interval lies above 1;
    /// - **pass**: `worse` is at most that, and its interval ends below `1 + unseen`, or below
    ///   `1 + 2 * max_regression` where that is more ([`Options::unseen`]);
    /// - **untrusted**: anything else. The interval is too wide, or there is none.
    #[must_use]
    pub fn gate(&self, max_regression: f64) -> GateRecord {
        let Finding { metric, ratio, verdict, .. } = &self.headline;
        let gate = format!("{metric} at most {} worse", percent(max_regression));
        let Some(worse) = ratio.map(|ratio| ratio.worse(*metric)) else {
            let why = match verdict {
                Verdict::CannotTell(why) => why.clone(),
                _ => "there is nothing to compare".to_owned(),
            };
            return GateRecord { gate, outcome: Outcome::Untrusted, why };
        };
        let allowed = 1.0 + max_regression;
        let end = 1.0 + self.options.unseen.max(2.0 * max_regression);
        let outcome = if worse.estimate > allowed && worse.low > 1.0 {
            Outcome::Fail
        } else if worse.estimate <= allowed && worse.high < end {
            Outcome::Pass
        } else {
            Outcome::Untrusted
        };
        let mut why = format!("{metric} is {}", ratio.map(table::change).unwrap_or_default());
        if outcome == Outcome::Untrusted {
            why +=
                "; that is too wide to tell: make more runs of each side, in turns, or longer ones";
        }
        GateRecord { gate, outcome, why }
    }
}

/// A share in percent, with a digit behind the point where it takes one.
fn percent(share: f64) -> String {
    format!("{} %", (share * 1000.0).round() / 10.0)
}
