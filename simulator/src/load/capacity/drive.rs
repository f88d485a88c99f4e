//! The search carried out: probe after probe, until it is over or cannot go on.

use super::probe::Probed;
use super::search::{Answer, End, ProbeResult, Search, Step};

/// What a search came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// What is known; where the search was cut short, as far as it came.
    pub answer: Answer,
    /// Why it was cut short, if it was.
    pub cut_short: Option<CutShort>,
}

/// Why a search did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CutShort {
    /// The user ended it.
    Interrupted,
    /// A probe cannot be judged, and others could not either: why.
    Nothing(String),
    /// A gate cannot be asked: why.
    Invalid(String),
}

/// Searches. `probe` makes one probe: it is told the value and whether it is to confirm it.
///
/// # Errors
///
/// Those of `probe`.
pub async fn drive<E>(
    mut search: Search,
    mut probe: impl AsyncFnMut(f64, bool) -> Result<Probed, E>,
) -> Result<Course, E> {
    loop {
        let (value, confirm) = match search.next() {
            Step::Done(answer) => return Ok(Course { answer, cut_short: None }),
            Step::Probe { value, confirm } => (value, confirm),
        };
        let why = match probe(value, confirm).await? {
            Probed::Went(result) => {
                search.record(result);
                continue;
            }
            Probed::Stopped => CutShort::Interrupted,
            // So little says nothing, but more has failed: there is an answer.
            Probed::Nothing(_) if nothing_held(&search) => {
                let answer = Answer { end: End::NothingHeld, ..so_far(&search) };
                return Ok(Course { answer, cut_short: None });
            }
            Probed::Nothing(why) => CutShort::Nothing(why),
            Probed::Invalid(why) => CutShort::Invalid(why),
        };
        return Ok(Course { answer: so_far(&search), cut_short: Some(why) });
    }
}

/// Whether there were probes that failed, and none that held.
fn nothing_held(search: &Search) -> bool {
    let is = |result| search.probes().iter().any(|probe| probe.result == result);
    is(ProbeResult::Failed) && !is(ProbeResult::Held)
}

/// What held so far, and nothing higher did not; nothing is confirmed.
fn so_far(search: &Search) -> Answer {
    let probes = search.probes().to_vec();
    let last = |value: f64| {
        let mut of_value = probes.iter().rev().filter(|probe| probe.value == value);
        of_value.next().map(|probe| probe.result)
    };
    let of = |result| {
        let values = probes.iter().map(|probe| probe.value);
        values.filter(move |value| last(*value) == Some(result)).collect::<Vec<f64>>()
    };
    let held = of(ProbeResult::Held).into_iter().reduce(f64::max);
    let above =
        of(ProbeResult::Failed).into_iter().filter(|value| held.is_none_or(|held| *value > held));
    let failed = above.reduce(f64::min);
    Answer { held, failed, end: End::OutOfProbes, probes }
}

#[cfg(test)]
mod tests {
    use super::super::search::{Quantity, Settings};
    use super::*;

    /// Searches on a server that holds 3000, and says `cut` at its n-th probe.
    async fn searched(cut: Option<(usize, Probed)>) -> Course {
        searched_from(1000.0, cut).await
    }

    async fn searched_from(start: f64, cut: Option<(usize, Probed)>) -> Course {
        let mut count = 0;
        let search = Search::new(Settings::from(Quantity::Rate, start));
        let course = drive::<()>(search, async |value, _| {
            count += 1;
            Ok(match &cut {
                Some((at, what)) if *at == count => what.clone(),
                _ if value <= 3000.0 => Probed::Went(ProbeResult::Held),
                _ => Probed::Went(ProbeResult::Failed),
            })
        });
        course.await.expect("no probe has an error")
    }

    #[tokio::test]
    async fn it_goes_on_to_the_end() {
        let course = searched(None).await;
        assert_eq!(course.cut_short, None);
        assert_eq!((course.answer.held, course.answer.end), (Some(2953.0), End::Found));
    }

    #[tokio::test]
    async fn what_is_known_survives_the_end() {
        // 1000, 2000 held; 4000 twice did not; 2828 held.
        let course = searched(Some((6, Probed::Stopped))).await;
        assert_eq!(course.cut_short, Some(CutShort::Interrupted));
        assert_eq!(course.answer.probes.len(), 5);
        assert_eq!((course.answer.held, course.answer.failed), (Some(2828.0), Some(4000.0)));
        let none = searched(Some((1, Probed::Nothing("why".to_owned())))).await;
        assert_eq!(none.cut_short, Some(CutShort::Nothing("why".to_owned())));
        assert_eq!((none.answer.held, none.answer.failed), (None, None));
    }

    #[tokio::test]
    async fn where_more_fails_and_less_says_nothing_nothing_holds() {
        let cut = Some((3, Probed::Nothing("too few samples".to_owned())));
        let course = searched_from(4000.0, cut).await;
        assert_eq!(course.cut_short, None);
        assert_eq!((course.answer.held, course.answer.end), (None, End::NothingHeld));
        assert_eq!(course.answer.failed, Some(4000.0));
    }
}
