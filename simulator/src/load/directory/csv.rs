//! `seconds.csv`: a window a line.

use std::fmt::Write;

use hdrhistogram::Histogram;

use crate::load::figures::{Latencies, Measure};
use crate::load::record::{RunRecord, WindowRecord};

const HEAD: &str = "phase,second,start_s,length_s,sends,copies,delivery_p50_us,delivery_p90_us,\
    delivery_p99_us,delivery_max_us,lateness_p99_us,server_cpu_us,server_rss_bytes,generator_cpu_us,\
    generator_rss_bytes\n";

/// The whole file. A cell is empty where there is no figure.
pub(super) fn render(record: &RunRecord) -> String {
    let mut text = HEAD.to_owned();
    let mut second = 0;
    let mut before = None;
    for (window, latencies) in record.head.windows.iter().zip(&record.latencies) {
        second = if before == Some(window.phase) { second + 1 } else { 0 };
        before = Some(window.phase);
        let phase = quoted(&record.head.phases[window.phase].name);
        line(&mut text, &phase, second, window, latencies);
    }
    text
}

fn line(text: &mut String, phase: &str, second: u64, window: &WindowRecord, latencies: &Latencies) {
    let delivery = |quantile| at(latencies.get(Measure::Delivery), quantile);
    let cells = [
        phase.to_owned(),
        second.to_string(),
        seconds(window.start_us),
        seconds(window.length_us),
        window.sends.to_string(),
        window.copies.to_string(),
        delivery(0.5),
        delivery(0.9),
        delivery(0.99),
        delivery(1.0),
        at(latencies.get(Measure::Lateness), 0.99),
        cell(window.server.map(|cost| cost.cpu_us)),
        cell(window.server.map(|cost| cost.rss_bytes)),
        window.generator.cpu_us.to_string(),
        window.generator.rss_bytes.to_string(),
    ];
    writeln!(text, "{}", cells.join(",")).expect("a string takes everything");
}

fn at(histogram: Option<&Histogram<u64>>, quantile: f64) -> String {
    let histogram = histogram.filter(|histogram| !histogram.is_empty());
    cell(histogram.map(|histogram| histogram.value_at_quantile(quantile)))
}

fn cell(value: Option<u64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// Microseconds as seconds, with nothing lost.
pub(super) fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn quoted(name: &str) -> String {
    if name.contains([',', '"', '\n', '\r']) {
        return format!("\"{}\"", name.replace('"', "\"\""));
    }
    name.to_owned()
}
