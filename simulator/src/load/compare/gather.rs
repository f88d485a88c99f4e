//! One figure from every window of every run.

use std::collections::BTreeMap;

use super::{MIN_WINDOWS, Metric};
use crate::load::record::RunRecord;

/// The most of a run's windows that may lack samples. A window lacks them when little was said in it,
/// but also when the server stood still: leaving out more than a few would hide that.
const MOST_LACKING: f64 = 0.2;

/// The logarithms of the figures, the same windows for every run.
pub(super) struct Series {
    pub(super) base: Vec<Vec<f64>>,
    pub(super) new: Vec<Vec<f64>>,
}

/// A window's place: its phase, and the how-manieth it is there.
type Place = (usize, usize);

/// Takes the figures of the windows that all runs have.
///
/// # Errors
///
/// There are too few, in words.
pub(super) fn gather(
    base: &[&RunRecord],
    new: &[&RunRecord],
    metric: Metric,
) -> Result<Series, String> {
    let base = base.iter().map(|run| figures(run, metric)).collect::<Result<Vec<_>, _>>()?;
    let new = new.iter().map(|run| figures(run, metric)).collect::<Result<Vec<_>, _>>()?;
    let all = || base.iter().chain(&new);
    let Some(first) = all().next() else { return Err("there is no run".to_owned()) };
    let places: Vec<Place> =
        first.keys().filter(|place| all().all(|run| run.contains_key(place))).copied().collect();
    if places.len() < MIN_WINDOWS {
        return Err(format!(
            "it takes {MIN_WINDOWS} windows, and there are {}: let the measured phases be longer",
            places.len()
        ));
    }
    let pick = |runs: &[BTreeMap<Place, f64>]| {
        runs.iter().map(|run| places.iter().map(|place| run[place]).collect()).collect()
    };
    Ok(Series { base: pick(&base), new: pick(&new) })
}

fn figures(run: &RunRecord, metric: Metric) -> Result<BTreeMap<Place, f64>, String> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    let mut figures = BTreeMap::new();
    for (phase, window, latencies) in metric.windows(run) {
        let count = counts.entry(phase).or_default();
        if let Some(figure) = metric.figure(window, latencies) {
            figures.insert((phase, *count), figure.ln());
        }
        *count += 1;
    }
    let windows: usize = counts.values().sum();
    let lacking = windows - figures.len();
    let name = &run.head.run;
    if windows == 0 {
        return Err(format!("no window of run `{name}` has it"));
    }
    if lacking as f64 > MOST_LACKING * windows as f64 {
        return Err(lack(metric, name, lacking, windows));
    }
    Ok(figures)
}

fn lack(metric: Metric, run: &str, lacking: usize, windows: usize) -> String {
    match metric {
        Metric::Time(..) => format!(
            "it takes {} samples in a window, and {lacking} of {windows} windows of run `{run}` have \
             fewer: compare a lower percentile, or send more",
            metric.samples()
        ),
        Metric::CopiesRate | Metric::CpuPerDelivery => {
            format!("{lacking} of {windows} windows of run `{run}` do not have it")
        }
    }
}
