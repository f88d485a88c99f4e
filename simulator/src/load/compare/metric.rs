//! What can be compared: a figure that every window has.

use std::fmt;
use std::str::FromStr;

use crate::load::figures::{Latencies, Measure};
use crate::load::record::{RunRecord, WindowRecord};

/// A figure of each window, such as `delivery.p50`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// A time; less is better.
    Time(Measure, Stat),
    /// `copies.rate`: copies that arrived, per second; more is better.
    CopiesRate,
    /// `server.cpu_per_delivery`: processor time of the server's process for each copy; less is better.
    CpuPerDelivery,
}

/// A figure of a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stat {
    /// A percentile, above 0 and below 100.
    Percentile(f64),
    /// The mean of all values.
    Mean,
}

/// The times that can be compared.
const MEASURES: [Measure; 5] =
    [Measure::Delivery, Measure::First, Measure::Last, Measure::Spread, Measure::Join];

/// A percentile counts when so many values lie beyond it; a mean when there are so many at all.
const MIN_BEYOND: f64 = 10.0;

/// The shortest window that is compared, in microseconds. The rest at the end of a phase says little.
const MIN_WINDOW: u64 = 500_000;

impl Default for Metric {
    /// `delivery.p50`: it moves least from run to run, so it shows the smallest difference.
    fn default() -> Self {
        Metric::Time(Measure::Delivery, Stat::Percentile(50.0))
    }
}

impl Metric {
    /// What to show beside this one.
    #[must_use]
    pub fn others(self) -> Vec<Metric> {
        let p99 = Metric::Time(Measure::Delivery, Stat::Percentile(99.0));
        let all = [Metric::default(), p99, Metric::CopiesRate, Metric::CpuPerDelivery];
        all.into_iter().filter(|other| *other != self).collect()
    }

    /// Whether a greater figure is the better one.
    #[must_use]
    pub fn more_is_better(self) -> bool {
        self == Metric::CopiesRate
    }

    /// Where the windows to compare are: in the phase of joining, or in those that are measured. A
    /// phase in which nobody says anything has none.
    pub(super) fn windows(
        self,
        run: &RunRecord,
    ) -> impl Iterator<Item = (usize, &WindowRecord, &Latencies)> {
        let wanted: Vec<bool> = run
            .head
            .phases
            .iter()
            .enumerate()
            .map(|(number, phase)| match self {
                Metric::Time(Measure::Join, _) => number == 0,
                _ => phase.measured && speaks(run, number),
            })
            .collect();
        run.head
            .windows
            .iter()
            .zip(&run.latencies)
            .filter(move |(window, _)| wanted.get(window.phase).copied().unwrap_or(false))
            .filter(|(window, _)| window.length_us >= MIN_WINDOW)
            .map(|(window, latencies)| (window.phase, window, latencies))
    }

    /// The figure of a window, above 0; `None` where the window does not have enough for it.
    pub(super) fn figure(self, window: &WindowRecord, latencies: &Latencies) -> Option<f64> {
        match self {
            Metric::Time(measure, stat) => {
                let histogram = latencies.get(measure)?;
                if histogram.len() < self.samples() {
                    return None;
                }
                let micros = match stat {
                    Stat::Percentile(percentile) => {
                        histogram.value_at_percentile(percentile) as f64
                    }
                    Stat::Mean => histogram.mean(),
                };
                // A microsecond is the least that the histogram tells apart from nothing.
                Some(micros.max(1.0))
            }
            Metric::CopiesRate => {
                // A window without a copy is as bad as can be, and still has to have a logarithm.
                Some(window.copies.max(1) as f64 * 1e6 / window.length_us as f64)
            }
            Metric::CpuPerDelivery => {
                let cpu = window.server?.cpu_us.max(1) as f64;
                (window.copies > 0).then(|| cpu / window.copies as f64)
            }
        }
    }

    /// How many samples a window must have.
    pub(super) fn samples(self) -> u64 {
        match self {
            Metric::Time(_, Stat::Percentile(percentile)) => {
                // The sum is taken apart so that 99.9 takes 10000 and not one more.
                (MIN_BEYOND * 100.0 / (100.0 - percentile) - 1e-6).ceil() as u64
            }
            Metric::Time(_, Stat::Mean) => MIN_BEYOND as u64,
            Metric::CopiesRate | Metric::CpuPerDelivery => 1,
        }
    }

    /// A figure as a person reads it.
    pub(super) fn show(self, figure: f64) -> String {
        match self {
            Metric::CopiesRate => format!("{}/s", digits(figure)),
            Metric::Time(..) | Metric::CpuPerDelivery => match figure {
                _ if figure < 1e3 => format!("{} us", digits(figure)),
                _ if figure < 1e6 => format!("{} ms", digits(figure / 1e3)),
                _ => format!("{} s", digits(figure / 1e6)),
            },
        }
    }

    /// The words for worse and better.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Metric::CpuPerDelivery => ("costs more", "costs less"),
            Metric::Time(..) | Metric::CopiesRate => ("slower", "faster"),
        }
    }
}

/// Whether anything was sent in a phase.
fn speaks(run: &RunRecord, phase: usize) -> bool {
    run.head.windows.iter().any(|window| window.phase == phase && window.sends > 0)
}

/// Three digits that count.
fn digits(figure: f64) -> String {
    match figure {
        _ if figure < 10.0 => format!("{figure:.2}"),
        _ if figure < 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Metric::Time(measure, Stat::Percentile(percentile)) => {
                write!(f, "{}.p{percentile}", measure.as_str())
            }
            Metric::Time(measure, Stat::Mean) => write!(f, "{}.mean", measure.as_str()),
            Metric::CopiesRate => f.write_str("copies.rate"),
            Metric::CpuPerDelivery => f.write_str("server.cpu_per_delivery"),
        }
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "copies.rate" => return Ok(Metric::CopiesRate),
            "server.cpu_per_delivery" => return Ok(Metric::CpuPerDelivery),
            _ => {}
        }
        let unknown = || {
            format!(
                "`{text}` cannot be compared; there is delivery, first, last, spread and join with \
                 .p50 (or any percentile) or .mean, copies.rate, and server.cpu_per_delivery"
            )
        };
        let (measure, stat) = text.split_once('.').ok_or_else(unknown)?;
        let measure = MEASURES.into_iter().find(|known| known.as_str() == measure);
        let measure = measure.ok_or_else(unknown)?;
        if stat == "mean" {
            return Ok(Metric::Time(measure, Stat::Mean));
        }
        let number = stat.strip_prefix('p').ok_or_else(unknown)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Err(unknown());
        }
        let percentile: f64 = number.parse().map_err(|_| unknown())?;
        if !(percentile > 0.0 && percentile < 100.0) {
            return Err(format!("the percentile of `{text}` has to lie between 0 and 100"));
        }
        Ok(Metric::Time(measure, Stat::Percentile(percentile)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_written_as_it_is_read() {
        for text in [
            "delivery.p50",
            "delivery.p99.9",
            "first.mean",
            "join.p90",
            "copies.rate",
            "server.cpu_per_delivery",
        ] {
            assert_eq!(text.parse::<Metric>().expect(text).to_string(), text);
        }
        assert_eq!(Metric::default().to_string(), "delivery.p50");
    }

    #[test]
    fn what_cannot_be_compared_is_said_with_what_can() {
        for text in ["", "p50", "delivery", "delivery.p", "delivery.pinf", "delivery.max", "lost"] {
            let error = text.parse::<Metric>().expect_err(text);
            assert!(error.contains("there is delivery, first"), "{error}");
        }
        for text in ["delivery.p0", "delivery.p100", "delivery.p1000"] {
            let error = text.parse::<Metric>().expect_err(text);
            assert!(error.contains("between 0 and 100"), "{error}");
        }
    }

    #[test]
    fn a_percentile_needs_ten_samples_beyond_it() {
        let samples = |text: &str| text.parse::<Metric>().expect("a metric").samples();
        assert_eq!(samples("delivery.p50"), 20);
        assert_eq!(samples("delivery.p99"), 1000);
        assert_eq!(samples("delivery.p99.9"), 10_000);
    }
}
