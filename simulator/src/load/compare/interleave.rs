//! Runs of two servers made in turns: base, new, new, base, and so on, so that what the machine does over
//! the hour meets both alike.

use super::{CompareError, Comparison, MAX_PAIRS, Metric, Options, compare};
use crate::load::record::{Outcome, RunRecord};

/// One of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that is compared with.
    Base,
    /// The one that is judged.
    New,
}

impl Side {
    /// Its name in directories and on the display.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Base => "base",
            Side::New => "new",
        }
    }

    /// Both, in the order in which they run in a pair, counted from 0.
    #[must_use]
    pub fn in_turns(pair: u32) -> [Side; 2] {
        if pair.is_multiple_of(2) { [Side::Base, Side::New] } else { [Side::New, Side::Base] }
    }
}

/// How runs are made in turns.
#[derive(Debug, Clone)]
pub struct Interleaving {
    /// How many pairs to make before looking, at least 1.
    pub pairs: u32,
    /// By what share the new side may be worse, where there is a limit.
    pub max_regression: Option<f64>,
    /// The metric that decides.
    pub metric: Metric,
    /// How to compare.
    pub options: Options,
}

/// What runs made in turns came to.
#[derive(Debug)]
pub struct Interleaved {
    /// What the pairs show; `None` where there is no pair.
    pub comparison: Option<Comparison>,
    /// How many pairs were left out because a run of theirs cannot be trusted, and why the last was.
    pub left_out: (u32, Option<String>),
    /// Whether the user ended it.
    pub stopped: bool,
}

/// Makes pairs of runs until they can be told apart or are too many. `run` makes one, of this side for the
/// pair of this number (from 0); its record has a verdict. A pair that cannot be trusted is left out and
/// made again, at most [`MAX_PAIRS`] times in all; one that the user broke off ends it.
///
/// # Errors
///
/// Those of `run`, and when the runs say nothing about each other: a fault in one of them, for example.
pub async fn interleave<E: From<CompareError>>(
    how: &Interleaving,
    mut run: impl AsyncFnMut(Side, u32) -> Result<RunRecord, E>,
) -> Result<Interleaved, E> {
    let (mut base, mut new) = (Vec::new(), Vec::new());
    let mut result = Interleaved { comparison: None, left_out: (0, None), stopped: false };
    let mut wanted = how.pairs.max(1) as usize;
    let mut number = 0;
    loop {
        while base.len() < wanted {
            let mut pair = Vec::new();
            for side in Side::in_turns(number) {
                let record = run(side, number).await?;
                result.stopped |= record.head.partial.is_some();
                pair.push((side, record));
                if result.stopped {
                    return Ok(result);
                }
            }
            number += 1;
            if let Some(why) = untrusted(&pair).filter(|_| !how.options.untrusted_too) {
                result.left_out = (result.left_out.0 + 1, Some(why));
                if result.left_out.0 >= MAX_PAIRS {
                    return Ok(result);
                }
                continue;
            }
            for (side, record) in pair {
                match side {
                    Side::Base => base.push(record),
                    Side::New => new.push(record),
                }
            }
            // What refuses one pair refuses all: nobody waits for the others.
            result.comparison = Some(compare(&base, &new, how.metric, &how.options)?);
        }
        let more = result.comparison.as_ref().map_or(0, |made| made.more_pairs(how.max_regression));
        if more == 0 {
            return Ok(result);
        }
        wanted = base.len() + more as usize;
    }
}

/// Why one of two runs cannot be trusted.
fn untrusted(pair: &[(Side, RunRecord)]) -> Option<String> {
    let verdicts =
        pair.iter().filter_map(|(side, record)| Some((side, record.head.verdict.as_ref()?)));
    let mut untrusted = verdicts.filter(|(_, verdict)| verdict.outcome == Outcome::Untrusted);
    untrusted.next().map(|(side, verdict)| {
        let why = verdict.reasons.first().map_or("", String::as_str);
        format!("{}: {why}", side.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::super::samples;
    use super::*;
    use crate::load::record::{FaultKind, VerdictRecord};

    /// Runs of which the new ones are slower by a factor, changed by `change`, and what was asked for.
    async fn made(
        pairs: u32,
        factor: f64,
        mut change: impl FnMut(u64, &mut RunRecord),
    ) -> (Result<Interleaved, CompareError>, String) {
        let how = Interleaving {
            pairs,
            max_regression: None,
            metric: Metric::default(),
            options: Options::default(),
        };
        let mut asked = String::new();
        let mut number = 0;
        let made = interleave(&how, async |side, _| {
            number += 1;
            asked += &side.as_str()[..1];
            let factor = if side == Side::New { factor } else { 1.0 };
            let mut record = samples::run(number, factor);
            change(number, &mut record);
            Ok(record)
        });
        let made = made.await;
        (made, asked)
    }

    fn untrusted(record: &mut RunRecord) {
        let reasons = vec!["late".to_owned()];
        let outcome = Outcome::Untrusted;
        record.head.verdict = Some(VerdictRecord { outcome, reasons, gates: Vec::new() });
    }

    #[tokio::test]
    async fn the_sides_take_turns() {
        let (made, asked) = made(5, 1.5, |_, _| {}).await;
        let comparison = made.unwrap().comparison.unwrap();
        assert_eq!(asked, "bnnbbnnbbn");
        assert_eq!((comparison.base_runs, comparison.new_runs, comparison.paired), (5, 5, true));
        assert_eq!(comparison.headline.verdict, Verdict::Slower);
    }

    #[tokio::test]
    async fn it_goes_on_while_it_cannot_be_told_and_no_longer() {
        // Every other pair says the contrary.
        let (made, asked) = made(3, 1.0, |number, record| {
            let slow = samples::run(number, if number % 8 < 4 { 3.0 } else { 0.33 });
            if number % 4 > 1 {
                record.latencies = slow.latencies;
            }
        })
        .await;
        let made = made.unwrap();
        assert_eq!(asked.len(), 22);
        assert!(matches!(made.comparison.unwrap().headline.verdict, Verdict::CannotTell(_)));
    }

    #[tokio::test]
    async fn a_pair_that_cannot_be_trusted_is_made_again() {
        let (made, asked) = made(2, 1.0, |number, record| {
            if number == 2 {
                untrusted(record);
            }
        })
        .await;
        let made = made.unwrap();
        assert!(asked.starts_with("bnnbbn"), "{asked}");
        assert_eq!(made.left_out, (1, Some("new: late".to_owned())));
        assert!(made.comparison.unwrap().base_runs >= 2);
    }

    #[tokio::test]
    async fn where_no_pair_can_be_trusted_it_ends() {
        let (made, asked) = made(2, 1.0, |_, record| untrusted(record)).await;
        let made = made.unwrap();
        assert_eq!(made.left_out.0, MAX_PAIRS);
        assert!(made.comparison.is_none());
        assert_eq!(asked.len(), 22);
    }

    #[tokio::test]
    async fn what_was_broken_off_does_not_count() {
        let (made, asked) = made(5, 1.0, |number, record| {
            record.head.partial = (number == 4).then(|| "interrupted".to_owned());
        })
        .await;
        let made = made.unwrap();
        assert_eq!(asked, "bnnb");
        assert!(made.stopped);
        assert_eq!(made.comparison.unwrap().base_runs, 1);
    }

    #[tokio::test]
    async fn a_fault_ends_it_at_once() {
        let (made, asked) = made(5, 1.0, |number, record| {
            if number == 2 {
                record.head.ledger.faults.insert(FaultKind::Lost, 1);
            }
        })
        .await;
        assert!(matches!(made.unwrap_err(), CompareError::Unreliable(..)));
        assert_eq!(asked, "bn");
    }
}
