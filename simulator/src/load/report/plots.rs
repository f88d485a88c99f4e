//! The plots of a page: which figures they show, and the same figures as tables.

mod over_time;

use maud::{Markup, html};

use super::chart::{Axis, Chart, Dot, Line, share};
use super::facts::{Facts, Part, Slice};
use super::numbers::{self, count, number, time};
use super::visible;
use crate::load::figures::Measure;
use crate::load::record::Fairness;

/// So many lines have a colour of their own.
const COLOURS: usize = 6;
/// The percentiles of tables and marks.
const PERCENTILES: [f64; 6] = [50.0, 90.0, 99.0, 99.9, 99.99, 99.999];

/// A rate or a crowd that was tried on the way to a capacity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CapacityPoint {
    /// What was tried: a rate per second, or a number of bots.
    pub tried: f64,
    /// The median of delivery, in microseconds.
    pub p50_us: Option<u64>,
    /// The 99th percentile of delivery, in microseconds.
    pub p99_us: Option<u64>,
    /// Whether every gate held.
    pub held: bool,
}

/// The latency over what was tried, with the limit in microseconds where the gate is a time; the heading
/// and the table stand with it. `unit` is what was raised, such as `sends per second`.
#[must_use]
pub fn capacity(points: &[CapacityPoint], unit: &'static str, limit_us: Option<u64>) -> Markup {
    let mut points = points.to_vec();
    points.sort_by(|one, other| one.tried.total_cmp(&other.tried));
    let of = |get: fn(&CapacityPoint) -> Option<u64>| {
        points.iter().map(|point| (point.tried, get(point).map(|us| us as f64))).collect()
    };
    let lines = vec![
        Line { name: "p50".to_owned(), class: "p50".to_owned(), points: of(|point| point.p50_us) },
        Line { name: "p99".to_owned(), class: "p99".to_owned(), points: of(|point| point.p99_us) },
    ];
    let dots = points.iter().filter_map(|point| {
        let words = if point.held { "held" } else { "did not hold" };
        Some(Dot {
            x: point.tried,
            y: point.p99_us? as f64,
            class: if point.held { "held" } else { "broken" },
            words: format!("{}: {words}, p99 {}", number(point.tried), time(point.p99_us?)),
        })
    });
    let most = points.iter().map(|point| point.tried).fold(0.0, f64::max);
    let limit = limit_us.map(|us| (us as f64, format!("the gate, {}", time(us))));
    let chart = Chart {
        title: "Latency over load",
        about: format!(
            "Delivery of each copy, from the intended time of its send, over the {unit}. A full dot \
             held every gate, an empty one did not."
        ),
        x: Axis::linear(0.0, most, numbers::number_short),
        y: latency_axis(&lines, limit_us),
        x_name: unit,
        bands: Vec::new(),
        dots: dots.collect(),
        lines,
        limit,
    };
    let rows = points.iter().map(|point| {
        let held = if point.held { "yes" } else { "no" };
        vec![number(point.tried), known(point.p50_us), known(point.p99_us), held.to_owned()]
    });
    chart.draw(&table(&[unit, "p50", "p99", "held"], rows))
}

/// All plots of a run.
pub(super) fn all(facts: &Facts<'_>) -> Vec<Markup> {
    let talk: Vec<&Slice> = facts
        .slices
        .iter()
        .filter(|slice| !(slice.phase == 0 && facts.join_phase().is_some()))
        .collect();
    let everything: Vec<&Slice> = facts.slices.iter().collect();
    let mut plots = Vec::new();
    plots.extend(percentiles(facts));
    if !talk.is_empty() {
        plots.push(over_time::latency(facts, &talk));
        plots.push(over_time::sends(facts, &talk));
        plots.push(over_time::copies(facts, &talk));
        plots.push(over_time::lateness(facts, &talk));
    }
    plots.extend(facts.record.head.fairness.as_ref().map(fairness));
    if !everything.is_empty() {
        plots.push(over_time::processor(facts, &everything));
        plots.push(over_time::memory(facts, &everything));
    }
    plots
}

/// The colour of a phase, the same everywhere.
fn colour(place: usize) -> String {
    format!("c{}{}", place % COLOURS, if place < COLOURS { "" } else { " dashed" })
}

fn percentiles(facts: &Facts<'_>) -> Option<Markup> {
    let mut lines: Vec<Line> = Vec::new();
    for (place, part) in facts.phases.iter().enumerate() {
        lines.extend(curve(part, Measure::Delivery, part.name().to_owned(), colour(place)));
    }
    let raw = "raw, all that is measured".to_owned();
    lines.extend(curve(&facts.measured, Measure::Raw, raw, "raw".to_owned()));
    let most = lines.iter().filter_map(|line| Some(line.points.last()?.0)).fold(1.0, f64::max);
    if lines.is_empty() {
        return None;
    }
    let names = ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %"];
    let ticks = names.iter().enumerate().map(|(nines, name)| (nines as f64, (*name).to_owned()));
    let chart = Chart {
        title: "Percentiles of delivery",
        about: "How many of the copies arrived within which time, from the intended time of the send. \
                Raw counts from the write instead, and so leaves out what the generator was late. A \
                curve ends where fewer than ten copies lie beyond."
            .to_owned(),
        x: Axis::marked(0.0, most, ticks.filter(|(at, _)| *at <= most).collect()),
        y: latency_axis(&lines, None),
        x_name: "percentile of the copies",
        bands: Vec::new(),
        lines,
        dots: Vec::new(),
        limit: None,
    };
    let mut heads = vec!["phase".to_owned(), "copies".to_owned()];
    heads.extend(PERCENTILES.iter().map(|percent| format!("p{percent}")));
    heads.push("max".to_owned());
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let rows = facts.phases.iter().chain([&facts.measured]).flat_map(|part| {
        [Measure::Delivery, Measure::Raw].map(|measure| {
            let recorded = part.latencies.get(measure).map_or(0, |histogram| histogram.len());
            let mut row = vec![format!("{}, {}", part.name(), measure.as_str()), count(recorded)];
            row.extend(PERCENTILES.map(|percent| known(part.percentile(measure, percent))));
            row.push(known(part.max(measure)));
            row
        })
    });
    Some(chart.draw(&table(&heads, rows)))
}

/// A percentile curve over the number of nines, as far as ten samples lie beyond.
fn curve(part: &Part<'_>, measure: Measure, name: String, class: String) -> Option<Line> {
    let histogram = part.latencies.get(measure)?;
    let most = (histogram.len() as f64 / 10.0).log10().min(6.0);
    if most <= 0.0 {
        return None;
    }
    let steps = (most * 40.0) as usize;
    // The fastest few say more about the clock than about the server.
    let nines = (2..=steps).map(|step| step as f64 / 40.0).chain([most]);
    let points = nines.map(|nines| {
        let quantile = 1.0 - 10f64.powf(-nines);
        (nines, Some(histogram.value_at_quantile(quantile).max(1) as f64))
    });
    Some(Line { name, class, points: points.collect() })
}

fn fairness(fairness: &Fairness) -> Markup {
    let tenths = &fairness.median_by_join_order_us;
    let most = tenths.iter().copied().max().unwrap_or(0).max(1) as f64;
    let about = "The median of what receivers waited for a copy, by the tenth of their group in which they \
                 joined. Bars that grow say that who came first is served first.";
    html! {
        figure {
            figcaption {
                h3 { "Fairness" }
                p { (about) }
            }
            dl.three {
                div { dt { "best receiver's p99" } dd { (time(fairness.best_p99_us)) } }
                div { dt { "median of the p99s" } dd { (fairness.median_p99_us.map_or("not known".to_owned(), time)) } }
                div { dt { "worst receiver's p99" } dd { (time(fairness.worst_p99_us)) } }
            }
            table.bars {
                caption { "Tenth of the group, and the median of its members" }
                @for (place, micros) in tenths.iter().enumerate() {
                    tr {
                        th scope="row" { (ordinal(place + 1)) }
                        td.bar aria-hidden="true" {
                            svg width="100%" height="12" {
                                rect.c0 width=(share(*micros as f64 / most)) height="12" rx="2" {}
                            }
                        }
                        td { (time(*micros)) }
                    }
                }
            }
            p.axis {
                (count(fairness.receivers)) " receivers had enough copies for a p99; the worst is "
                (visible::line(&fairness.worst)) "."
            }
        }
    }
}

fn latency_axis(lines: &[Line], limit: Option<u64>) -> Axis {
    let limit = limit.map(|us| us as f64);
    let values = || lines.iter().flat_map(|line| &line.points).filter_map(|(_, y)| *y).chain(limit);
    let low = values().fold(f64::INFINITY, f64::min);
    let low = if low.is_finite() { low } else { 100.0 };
    Axis::log(low, values().fold(low, f64::max), numbers::time_short)
}

fn known(micros: Option<u64>) -> String {
    micros.map_or("–".to_owned(), time)
}

fn ordinal(place: usize) -> String {
    let ending = match place {
        1 => "st",
        2 => "nd",
        3 => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

/// A table of figures; columns of figures stand to the right.
pub(super) fn table(heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Markup {
    html! {
        table.figures {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody {
                @for row in rows {
                    tr { @for cell in row { td { (visible::line(&cell)) } } }
                }
            }
        }
    }
}
