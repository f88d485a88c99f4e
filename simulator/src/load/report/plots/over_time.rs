//! The plots over time: one point for each second, or for more where a run is long.

use maud::Markup;

use super::super::chart::{Axis, Band, Chart, Line};
use super::super::facts::{Facts, Slice, percentile};
use super::super::numbers::{self, bytes, count, number, time, time_f};
use super::super::visible;
use super::{known, latency_axis, table};
use crate::load::figures::Measure;

/// So many slices on each side may lend their samples to a p99 that has too few.
const MOST_AROUND: usize = 5;

pub(super) fn latency(facts: &Facts<'_>, slices: &[&Slice]) -> Markup {
    let lines = latency_lines(slices, Measure::Delivery);
    let chart = Chart {
        title: "Latency over time",
        about: format!(
            "Delivery of the copies whose send was meant for {}, from that time to the end of the read.",
            each(slices)
        ),
        y: latency_axis(&lines, None),
        lines,
        ..over_time(facts, slices)
    };
    chart.draw(&latency_table(facts, slices, Measure::Delivery))
}

pub(super) fn lateness(facts: &Facts<'_>, slices: &[&Slice]) -> Markup {
    let lines = latency_lines(slices, Measure::Lateness);
    let limit = facts.record.head.trust.lateness_p99_us;
    let chart = Chart {
        title: "Lateness of the generator",
        about: "From the intended time of a send to its write. It is the simulator's own fault, and part \
                of the latency; past the limit at p99, nothing here is to be trusted. A p99 with too few sends takes in the seconds around it."
            .to_owned(),
        y: latency_axis(&lines, Some(limit + limit / 4)),
        lines,
        limit: Some((limit as f64, format!("limit of trust, {}", time(limit)))),
        ..over_time(facts, slices)
    };
    chart.draw(&latency_table(facts, slices, Measure::Lateness))
}

fn latency_lines(slices: &[&Slice], measure: Measure) -> Vec<Line> {
    let line = |name: &str, figure: &dyn Fn(&Slice) -> Option<u64>| Line {
        name: name.to_owned(),
        class: name.to_owned(),
        points: slices
            .iter()
            .map(|slice| (slice.middle(), figure(slice).map(|us| us.max(1) as f64)))
            .collect(),
    };
    vec![
        line("max", &|slice| Some(slice.latencies.get(measure)?.max())),
        p99_line(slices, measure),
        line("p50", &|slice| percentile(slice.latencies.get(measure)?, 50.0)),
    ]
}

/// The p99 of every slice; where it has too few samples, of it and of the slices around it in its phase.
fn p99_line(slices: &[&Slice], measure: Measure) -> Line {
    let points = (0..slices.len()).map(|place| {
        let p99 = p99_around(slices, place, measure);
        (slices[place].middle(), p99.map(|us| us.max(1) as f64))
    });
    Line { name: "p99".to_owned(), class: "p99".to_owned(), points: points.collect() }
}

fn p99_around(slices: &[&Slice], place: usize, measure: Measure) -> Option<u64> {
    let mut all = slices[place].latencies.get(measure)?.clone();
    let is_near = |other: usize| {
        slices
            .get(other)
            .filter(|other| other.phase == slices[place].phase)
            .map(|near| &near.latencies)
    };
    for distance in 1..=MOST_AROUND {
        if let Some(p99) = percentile(&all, 99.0) {
            return Some(p99);
        }
        for near in [place.checked_sub(distance), place.checked_add(distance)].into_iter().flatten()
        {
            if let Some(more) = is_near(near).and_then(|near| near.get(measure)) {
                all.add(more).ok()?;
            }
        }
    }
    percentile(&all, 99.0)
}

fn latency_table(facts: &Facts<'_>, slices: &[&Slice], measure: Measure) -> Markup {
    let rows = slices.iter().map(|slice| {
        let histogram = slice.latencies.get(measure);
        let at = |percent| known(histogram.and_then(|histogram| percentile(histogram, percent)));
        let mut row = when(facts, slice);
        row.extend([at(50.0), at(99.0), known(histogram.map(|histogram| histogram.max()))]);
        row
    });
    table(&["second", "phase", "p50", "p99", "max"], rows)
}

pub(super) fn sends(facts: &Facts<'_>, slices: &[&Slice]) -> Markup {
    let rate = |slice: &Slice| slice.sends as f64 / slice.seconds();
    let made = slices.iter().map(|slice| (slice.middle(), Some(rate(slice)))).collect();
    let asked = asked(facts);
    let mut lines = vec![Line { name: "sent".to_owned(), class: "c0".to_owned(), points: made }];
    if !asked.is_empty() {
        lines.push(Line { name: "asked".to_owned(), class: "asked".to_owned(), points: asked });
    }
    let chart = Chart {
        title: "Sends",
        about: "Messages handed to the system in a second, by their intended time, and what the load file \
                asks for."
            .to_owned(),
        y: Axis::linear(0.0, highest(&lines), numbers::number_short),
        lines,
        ..over_time(facts, slices)
    };
    let rows = slices.iter().map(|slice| {
        let mut row = when(facts, slice);
        row.extend([count(slice.sends), number(rate(slice))]);
        row
    });
    chart.draw(&table(&["second", "phase", "sends", "per second"], rows))
}

pub(super) fn copies(facts: &Facts<'_>, slices: &[&Slice]) -> Markup {
    let rate = |slice: &Slice| slice.copies as f64 / slice.seconds();
    let points = slices.iter().map(|slice| (slice.middle(), Some(rate(slice)))).collect();
    let lines = vec![Line { name: "copies".to_owned(), class: "c2".to_owned(), points }];
    let chart = Chart {
        title: "Copies",
        about: "Copies of messages that arrived, in a second, counted where their send was meant; every \
                member of a group gets one, the sender too."
            .to_owned(),
        y: Axis::linear(0.0, highest(&lines), numbers::number_short),
        lines,
        ..over_time(facts, slices)
    };
    let rows = slices.iter().map(|slice| {
        let mut row = when(facts, slice);
        row.extend([count(slice.copies), number(rate(slice))]);
        row
    });
    chart.draw(&table(&["second", "phase", "copies", "per second"], rows))
}

/// What the phases ask for, as far as their words say a rate: `500/s`, or `500/s to 2000/s`.
fn asked(facts: &Facts<'_>) -> Vec<(f64, Option<f64>)> {
    let mut points = Vec::new();
    for phase in facts.phases.iter().filter_map(|part| part.phase) {
        let words = phase.shape.split_whitespace().filter_map(|word| word.split_once("/s"));
        let rates: Vec<f64> = words
            .filter_map(|(rate, _)| rate.replace([',', '_'], "").parse().ok())
            .filter(|rate: &f64| rate.is_finite())
            .collect();
        let from = phase.start_us as f64 / 1e6;
        let to = from + phase.length_us as f64 / 1e6;
        match rates[..] {
            [rate] => points.extend([(from, Some(rate)), (to, Some(rate))]),
            [first, last] => points.extend([(from, Some(first)), (to, Some(last))]),
            _ => points.push((from, None)),
        }
    }
    points.retain({
        let is_known = points.iter().any(|(_, rate)| rate.is_some());
        move |_| is_known
    });
    points
}

pub(super) fn processor(facts: &Facts<'_>, slices: &[&Slice]) -> Markup {
    let threads = f64::from(facts.record.head.trust.threads.max(1));
    let server = |slice: &Slice| Some(slice.server?.cpu_us as f64 / 1e4 / slice.seconds());
    let generator = |slice: &Slice| slice.generator.cpu_us as f64 / 1e4 / slice.seconds() / threads;
    let lines = vec![
        over("server", "c0", slices, &server),
        over("simulator", "c1", slices, &|slice| Some(generator(slice))),
    ];
    let limit = facts.record.head.trust.busy * 100.0;
    let percent = |value: f64| format!("{value:.0} %");
    let chart = Chart {
        title: "Processor",
        about: "Processor time: the server's as a share of one core, the simulator's as a share of all its \
                threads."
            .to_owned(),
        y: Axis::linear(0.0, highest(&lines).max(limit), percent),
        lines: without_empty(lines),
        limit: Some((limit, format!("limit of trust in the simulator, {}", percent(limit)))),
        ..over_time(facts, slices)
    };
    let rows = slices.iter().map(|slice| {
        let mut row = when(facts, slice);
        let each = slice.server.filter(|_| slice.copies > 0);
        row.push(server(slice).map_or("–".to_owned(), |share| format!("{share:.1} %")));
        row.push(
            each.map_or("–".to_owned(), |cost| time_f(cost.cpu_us as f64 / slice.copies as f64)),
        );
        row.push(format!("{:.1} %", generator(slice)));
        row
    });
    chart.draw(&table(&["second", "phase", "server", "for each copy", "simulator"], rows))
}

pub(super) fn memory(facts: &Facts<'_>, slices: &[&Slice]) -> Markup {
    let mebibytes = |bytes: u64| bytes as f64 / 1_048_576.0;
    let server = |slice: &Slice| Some(mebibytes(slice.server?.rss_bytes));
    let lines = vec![
        over("server", "c0", slices, &server),
        over("simulator", "c1", slices, &|slice| Some(mebibytes(slice.generator.rss_bytes))),
    ];
    let chart = Chart {
        title: "Memory",
        about: "Resident memory of the server and of the simulator, at the end of each second."
            .to_owned(),
        y: Axis::linear(0.0, highest(&lines), |value| {
            format!("{} MiB", numbers::number_short(value))
        }),
        lines: without_empty(lines),
        ..over_time(facts, slices)
    };
    let rows = slices.iter().map(|slice| {
        let mut row = when(facts, slice);
        let server = slice.server.map(|cost| bytes(cost.rss_bytes as f64));
        row.extend([server.unwrap_or("–".to_owned()), bytes(slice.generator.rss_bytes as f64)]);
        row
    });
    chart.draw(&table(&["second", "phase", "server", "simulator"], rows))
}

fn over(
    name: &str,
    class: &str,
    slices: &[&Slice],
    figure: &dyn Fn(&Slice) -> Option<f64>,
) -> Line {
    let points = slices.iter().map(|slice| (slice.middle(), figure(slice))).collect();
    Line { name: name.to_owned(), class: class.to_owned(), points }
}

fn without_empty(mut lines: Vec<Line>) -> Vec<Line> {
    lines.retain(|line| line.points.iter().any(|(_, value)| value.is_some()));
    lines
}

/// A plot over the time of these slices, still without lines.
fn over_time(facts: &Facts<'_>, slices: &[&Slice]) -> Chart {
    let from = slices.first().map_or(0.0, |slice| slice.from);
    let to = slices.last().map_or(1.0, |slice| slice.to);
    let phases =
        facts.join_phase().into_iter().chain(facts.phases.iter().filter_map(|part| part.phase));
    let bands = phases.map(|phase| {
        let start = phase.start_us as f64 / 1e6;
        Band { name: phase.name.clone(), from: start, to: start + phase.length_us as f64 / 1e6 }
    });
    Chart {
        title: "",
        about: String::new(),
        x: Axis::exact(from, to, |at| number(at).replace(".00", "").replace(".0", "")),
        y: Axis::linear(0.0, 1.0, number),
        x_name: "seconds from the first connection",
        bands: bands.filter(|band| band.to > from && band.from < to).collect(),
        lines: Vec::new(),
        dots: Vec::new(),
        limit: None,
    }
}

fn highest(lines: &[Line]) -> f64 {
    lines.iter().flat_map(|line| &line.points).filter_map(|(_, y)| *y).fold(0.0, f64::max)
}

/// `each second`, or what stands for a point where a run is long.
fn each(slices: &[&Slice]) -> String {
    let longest = slices.iter().map(|slice| slice.seconds()).fold(0.0, f64::max);
    if longest > 1.5 { format!("each {longest:.0} seconds") } else { "each second".to_owned() }
}

/// The first cells of a row: the time and the phase.
fn when(facts: &Facts<'_>, slice: &Slice) -> Vec<String> {
    let phase = facts.record.head.phases.get(slice.phase);
    let phase = phase.map_or("?", |phase| &phase.name);
    vec![format!("{:.0}", slice.from), visible::line(phase)]
}
