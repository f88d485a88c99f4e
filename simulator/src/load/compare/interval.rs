//! The interval of the ratio between two sides, from the logarithms of their windows.
//!
//! Runs of one server differ from each other by more than their windows do: memory lies elsewhere, a
//! neighbour wakes up. So the sample is the runs, not the windows (Kalibera and Jones, "Rigorous
//! benchmarking in reasonable time", ISMM 2013): each pair of interleaved runs gives one log ratio,
//! and Student's t makes the interval from those. Runs that are not interleaved are two independent
//! samples with a common variance.
//!
//! Three or five runs say little about how much runs vary, so the measured variance is mixed with an
//! expected one, which counts as [`EXPECTED_WEIGHT`] runs: a moderated t (Smyth, *Statistical
//! Applications in Genetics and Molecular Biology* 3, 2004). What is expected is the variance that the
//! windows themselves show, and on top of it the share by which runs are taken to differ
//! ([`Options::run_to_run`](super::Options::run_to_run)). The more runs there are, the less that counts;
//! with one run on each side there is nothing else.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::series::{Location, location, mean};

/// How many runs the expected variance counts for: with it the rates in
/// `calibration` hold even where runs differ by much more than expected.
const EXPECTED_WEIGHT: f64 = 4.0;

/// An interval of a log ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    /// The middle.
    pub(super) estimate: f64,
    /// Half its width.
    pub(super) half: f64,
}

/// The interval from runs that were made in turns: the n-th of one side with the n-th of the other.
/// All series have the same windows; those of a pair are compared one by one, so that phases and ramps
/// cancel out.
pub(super) fn paired(
    base: &[Vec<f64>],
    new: &[Vec<f64>],
    confidence: f64,
    run_to_run: f64,
) -> Interval {
    let pairs: Vec<Location> =
        base.iter().zip(new).map(|(base, new)| location(&differences(base, new))).collect();
    let ratios: Vec<f64> = pairs.iter().map(|pair| pair.mean).collect();
    let expected = within(&pairs) + 2.0 * run_to_run.ln_1p().powi(2);
    let variance = Moderated::new(squares(&ratios), ratios.len() - 1, expected);
    let error = (variance.value / ratios.len() as f64).sqrt();
    Interval { estimate: mean(&ratios), half: variance.quantile(confidence) * error }
}

/// The interval from runs that were made at any time, at least three on both sides together.
pub(super) fn pooled(
    base: &[Vec<f64>],
    new: &[Vec<f64>],
    confidence: f64,
    run_to_run: f64,
) -> Interval {
    // What all runs have in common, such as a ramp, is no noise.
    let common = common(base.iter().chain(new));
    let locate = |runs: &[Vec<f64>]| -> Vec<Location> {
        runs.iter().map(|run| location(&differences(&common, run))).collect()
    };
    let (base, new) = (locate(base), locate(new));
    let means = |runs: &[Location]| runs.iter().map(|run| run.mean).collect::<Vec<f64>>();
    let (base_means, new_means) = (means(&base), means(&new));

    let all: Vec<Location> = base.into_iter().chain(new).collect();
    let expected = within(&all) + run_to_run.ln_1p().powi(2);
    let variance =
        Moderated::new(squares(&base_means) + squares(&new_means), all.len() - 2, expected);
    let share = 1.0 / base_means.len() as f64 + 1.0 / new_means.len() as f64;
    Interval {
        estimate: mean(&new_means) - mean(&base_means),
        half: variance.quantile(confidence) * (variance.value * share).sqrt(),
    }
}

/// A measured variance, mixed with the one that was expected.
struct Moderated {
    value: f64,
    freedom: f64,
}

impl Moderated {
    fn new(squares: f64, freedom: usize, expected: f64) -> Self {
        let freedom = EXPECTED_WEIGHT + freedom as f64;
        Moderated { value: (squares + EXPECTED_WEIGHT * expected) / freedom, freedom }
    }

    /// How many standard errors an interval reaches to either side.
    fn quantile(&self, confidence: f64) -> f64 {
        StudentsT::new(0.0, 1.0, self.freedom)
            .expect("there are at least four degrees of freedom")
            .inverse_cdf(0.5 + confidence / 2.0)
    }
}

/// The variance that the windows themselves show.
fn within(runs: &[Location]) -> f64 {
    mean(&runs.iter().map(|run| run.variance).collect::<Vec<f64>>())
}

/// The sum of the squared distances from the mean.
fn squares(values: &[f64]) -> f64 {
    let centre = mean(values);
    values.iter().map(|value| (value - centre).powi(2)).sum()
}

fn differences(base: &[f64], new: &[f64]) -> Vec<f64> {
    base.iter().zip(new).map(|(base, new)| new - base).collect()
}

/// The mean of all runs, window by window.
fn common<'a>(runs: impl Iterator<Item = &'a Vec<f64>>) -> Vec<f64> {
    let runs: Vec<&Vec<f64>> = runs.collect();
    let windows = runs.iter().map(|run| run.len()).min().unwrap_or(0);
    (0..windows).map(|at| mean(&runs.iter().map(|run| run[at]).collect::<Vec<f64>>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::compare::calibration::Noise;

    #[test]
    fn a_ramp_that_both_sides_have_is_no_noise() {
        let mut noise = Noise::new(3, 0.0, 0.02, 0.0);
        let mut ramp = |shift: f64| -> Vec<f64> {
            noise.run(shift, 40).iter().enumerate().map(|(n, v)| v + n as f64 * 0.1).collect()
        };
        let base: Vec<Vec<f64>> = (0..3).map(|_| ramp(0.0)).collect();
        let new: Vec<Vec<f64>> = (0..4).map(|_| ramp(0.2)).collect();
        for found in [pooled(&base, &new, 0.99, 0.02), paired(&base, &new[..3], 0.99, 0.02)] {
            assert!((found.estimate - 0.2).abs() < 0.02, "{found:?}");
            assert!(found.half < 0.08, "{found:?}");
        }
    }

    #[test]
    fn drift_of_the_machine_cancels_out_in_pairs_only() {
        let mut noise = Noise::new(4, 0.0, 0.02, 0.0);
        let mut runs = |shift: f64| -> Vec<Vec<f64>> {
            (0..5).map(|n| noise.run(shift + f64::from(n) * 0.1, 40)).collect()
        };
        let (base, new) = (runs(0.0), runs(0.1));
        assert!(paired(&base, &new, 0.99, 0.02).half < 0.1);
        assert!(pooled(&base, &new, 0.99, 0.02).half > 0.2);
    }
}
