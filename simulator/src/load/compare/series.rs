//! What a series of windows says: where it lies, and how sure that is.
//!
//! Two things make windows of a run no independent sample. A machine of two cores stalls now and
//! then, and the window in which it does says nothing about the server: so the middle of the windows
//! counts (a mean trimmed by a fifth at either end, after Yuen, *Biometrika* 61, 1974). And a slow
//! second is followed by another slow one: so a series counts as fewer windows than it has, by its
//! integrated autocorrelation time.
//!
//! That time is taken from an AR(1) fit, `(1 + φ) / (1 - φ)`, and not from a sum over the measured
//! autocorrelations (Sokal's window, Geyer's initial sequence) or from batch means: those need
//! hundreds of windows, and a run has 20 to 60. A measured φ is too small in a short series, by about
//! `(1 + 3φ) / n` (Marriott and Pope, *Biometrika* 41, 1954; Kendall, ibid.), which is added back.

/// How much is trimmed at either end.
const TRIM: f64 = 0.2;

/// The greatest φ that is believed. Beyond it, a series of this length is one long drift.
const MAX_PHI: f64 = 0.95;

/// Where a series lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Location {
    /// Its trimmed mean.
    pub(super) mean: f64,
    /// The variance of that mean, autocorrelation taken into account.
    pub(super) variance: f64,
}

/// Where a series lies; it has at least three values.
pub(super) fn location(series: &[f64]) -> Location {
    let count = series.len() as f64;
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    let cut = (TRIM * count) as usize;
    let middle = &sorted[cut..sorted.len() - cut];

    // The variance of a trimmed mean is that of the series in which what was trimmed is pulled in.
    let (low, high) = (middle[0], middle[middle.len() - 1]);
    let pulled: Vec<f64> = series.iter().map(|value| value.clamp(low, high)).collect();
    let centre = mean(&pulled);
    let squares: f64 = pulled.iter().map(|value| (value - centre).powi(2)).sum();
    let time = autocorrelation_time(&pulled, centre, squares);
    // A series that hangs together shows less than its variance: `n - time`, not `n - 1`.
    let variance = squares / (count - time.min(count / 2.0));
    let kept = middle.len() as f64 / count;
    Location { mean: mean(middle), variance: variance * time / (count * kept * kept) }
}

/// How many windows count as one; 1 for independent windows.
fn autocorrelation_time(series: &[f64], centre: f64, squares: f64) -> f64 {
    if squares <= 0.0 {
        return 1.0;
    }
    let products: f64 = series.windows(2).map(|pair| (pair[0] - centre) * (pair[1] - centre)).sum();
    let measured = products / squares;
    let phi = measured + (1.0 + 3.0 * measured) / series.len() as f64;
    // A negative φ would make the interval narrower than independent windows do: that is luck.
    let phi = phi.clamp(0.0, MAX_PHI);
    (1.0 + phi) / (1.0 - phi)
}

/// The mean of at least one value.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::compare::calibration::Noise;

    #[test]
    fn a_stall_in_a_few_windows_does_not_move_a_series() {
        let quiet: Vec<f64> = (0..30).map(|n| f64::from(n % 5)).collect();
        let mut stalled = quiet.clone();
        for at in [3, 11, 27] {
            stalled[at] = 1000.0;
        }
        assert!((location(&quiet).mean - 2.0).abs() < 0.01);
        assert!((location(&stalled).mean - 2.0).abs() < 0.5, "{:?}", location(&stalled));
    }

    #[test]
    fn the_variance_is_what_the_mean_really_varies_by() {
        for (phi, at_least) in [(0.0, 0.9), (0.5, 0.85), (0.8, 0.6)] {
            let mut noise = Noise::new(7, phi, 0.1, 0.0);
            let found: Vec<Location> = (0..2000).map(|_| location(&noise.run(0.0, 40))).collect();
            let means: Vec<f64> = found.iter().map(|location| location.mean).collect();
            let really = mean(&means.iter().map(|mean| mean * mean).collect::<Vec<_>>());
            let said = mean(&found.iter().map(|location| location.variance).collect::<Vec<_>>());
            let ratio = said / really;
            assert!((at_least..2.0).contains(&ratio), "phi {phi}: said/really is {ratio}");
        }
    }

    #[test]
    fn a_series_that_never_changes_has_no_variance() {
        let same = location(&[0.5; 20]);
        assert_eq!(same, Location { mean: 0.5, variance: 0.0 });
    }
}
