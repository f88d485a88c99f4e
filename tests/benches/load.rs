//! What `simulator load` itself can do on this machine, beside what it is meant to do.
//!
//! ```sh
//! cargo bench --bench load
//! ```
//!
//! Every row is a run of the real program with the reference server beside it, three times where a run
//! is short; the table has the median and the range. Run it while the machine does nothing else. What
//! was measured and on what is kept in `docs/performance.md`.

use std::path::Path;
use std::process::Command;

use chatroom_simulator::load::directory;
use chatroom_simulator::load::figures::{Latencies, Measure};
use chatroom_simulator::load::record::{RunRecord, WindowRecord};
use chatroom_tests::programs;

/// A figure with the bound it is meant to keep.
struct Row {
    what: String,
    unit: &'static str,
    bound: Bound,
    figures: Vec<f64>,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

fn main() {
    // `cargo test --benches` passes no such argument; it is no place for a benchmark.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let mut rows = Vec::new();
    idle(10_000, 100, &mut rows);
    idle(18_000, 180, &mut rows);
    saturated(100, 1, &mut rows);
    saturated(10_000, 100, &mut rows);
    paced(&mut rows);
    for millis in [1, 10, 100] {
        delayed(millis, &mut rows);
    }
    faultless(&mut rows);
    print(&rows);
}

/// One run of a load file with this text, against the reference server or another.
fn run(text: &str, more: &[&str]) -> RunRecord {
    let dir = tempfile::tempdir().expect("a temporary directory can be had");
    let file = dir.path().join("load.toml");
    std::fs::write(&file, text).expect("the temporary directory can be written to");
    let runs = dir.path().join("runs");
    let output = Command::new(programs::simulator())
        .arg("load")
        .args([&file, Path::new("--out"), &runs])
        .args(more)
        .output()
        .expect("the simulator can be started");
    let found = std::fs::read_dir(&runs).ok().and_then(|mut found| found.next());
    let Some(Ok(run)) = found else {
        panic!("no run:\n{}", String::from_utf8_lossy(&output.stderr));
    };
    directory::read(&run.path()).expect("the simulator reads what it wrote")
}

fn crowd(bots: u32, groups: u32, phases: &str) -> String {
    format!("title = \"benchmark\"\n[crowd]\nbots = {bots}\ngroups = {groups}\n{phases}")
}

/// The windows of a phase.
fn windows<'r>(
    record: &'r RunRecord,
    phase: &'r str,
) -> impl Iterator<Item = (&'r WindowRecord, &'r Latencies)> {
    let all = record.head.windows.iter().zip(&record.latencies);
    all.filter(move |(window, _)| record.head.phases[window.phase].name == phase)
}

/// The value at a quantile of a phase, in milliseconds.
fn quantile(record: &RunRecord, phase: &str, measure: Measure, quantile: f64) -> f64 {
    let mut all = Latencies::default();
    windows(record, phase).for_each(|(_, latencies)| all.add(latencies));
    all.get(measure).map_or(f64::NAN, |all| all.value_at_quantile(quantile) as f64 / 1000.0)
}

fn idle(bots: u32, groups: u32, rows: &mut Vec<Row>) {
    let text = crowd(bots, groups, "[[phase]]\nname = \"idle\"\nfor = \"2s\"\nrate = \"10/s\"\n");
    let record = run(&text, &[]);
    let head = &record.head;
    assert_eq!(head.crowd.joined, u64::from(bots), "{:?}", head.doubts);
    let base = head.crowd.base_rss_bytes.unwrap_or_default();
    let idle = windows(&record, "join").last().map_or(0, |(window, _)| window.generator.rss_bytes);
    let memory = idle.saturating_sub(base) as f64 / f64::from(bots) / 1024.0;
    rows.push(Row {
        what: format!("{bots} bots join {groups} groups"),
        unit: "s",
        bound: Bound::AtMost(if bots == 10_000 { 20.0 } else { 60.0 }),
        figures: vec![head.crowd.join_seconds],
    });
    let bound = Bound::AtMost(6.0);
    let what = format!("memory of an idle bot, of {bots}");
    rows.push(Row { what, unit: "KiB", bound, figures: vec![memory] });
}

fn saturated(bots: u32, groups: u32, rows: &mut Vec<Row>) {
    let each = if groups == 1 { 16 } else { 4 };
    let phases = format!(
        "[[phase]]\nname = \"warm-up\"\nfor = \"1s\"\nsaturate = {each}\nmeasured = false\n\
         [[phase]]\nname = \"saturated\"\nfor = \"5s\"\nsaturate = {each}\n"
    );
    let text = crowd(bots, groups, &phases);
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let record = run(&text, &[]);
        assert!(record.head.ledger.faults.is_empty(), "{:?}", record.head.ledger.faults);
        let sums = windows(&record, "saturated").fold((0, 0, 0), |sums, (window, _)| {
            let WindowRecord { copies, length_us, generator, .. } = window;
            (sums.0 + copies, sums.1 + length_us, sums.2 + generator.cpu_us)
        });
        rates.push(sums.0 as f64 / sums.1 as f64);
        costs.push(sums.2 as f64 / sums.0 as f64);
    }
    rows.push(Row {
        what: format!("verified copies, {groups} groups of 100"),
        unit: "M/s",
        bound: Bound::AtLeast(1.0),
        figures: rates,
    });
    rows.push(Row {
        what: format!("CPU of a copy, {groups} groups of 100"),
        unit: "us",
        bound: Bound::AtMost(0.6),
        figures: costs,
    });
}

fn paced(rows: &mut Vec<Row>) {
    let phases = "[[phase]]\nname = \"warm-up\"\nfor = \"2s\"\nrate = \"1000/s\"\nmeasured = false\n\
                  [[phase]]\nname = \"steady\"\nfor = \"10s\"\nrate = \"1000/s\"\n";
    let text = crowd(5000, 50, phases);
    let late = |record: &RunRecord| quantile(record, "steady", Measure::Lateness, 0.99);
    let figures = (0..3).map(|_| late(&run(&text, &[]))).collect();
    rows.push(Row {
        what: "lateness p99, 5,000 bots, 1,000 sends/s".to_owned(),
        unit: "ms",
        bound: Bound::AtMost(2.0),
        figures,
    });
}

/// Against a server that holds every second copy back: the median of all copies but the undelayed ones,
/// and the largest, against what is known.
fn delayed(millis: u32, rows: &mut Vec<Row>) {
    let phases = "[[phase]]\nname = \"steady\"\nfor = \"5s\"\nrate = \"20/s\"\n";
    let text = crowd(20, 2, phases);
    let server = programs::tampering_server().display().to_string();
    let spawn = format!("{server} --listen 127.0.0.1:{{port}} --delay {millis}ms --delay-every 2");
    let (mut p75, mut p99, mut max) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..3 {
        let record = run(&text, &["--spawn", &spawn]);
        let late = quantile(&record, "steady", Measure::Lateness, 1.0);
        let off = |quantile_| {
            let found = quantile(&record, "steady", Measure::Delivery, quantile_);
            (found - f64::from(millis)).abs() - late
        };
        p75.push(off(0.75));
        p99.push(off(0.99));
        max.push(off(1.0));
    }
    for (which, figures) in [("p75", p75), ("p99", p99), ("max", max)] {
        let what = format!("{millis} ms on half of the copies: {which} off by");
        rows.push(Row { what, unit: "ms", bound: Bound::AtMost(1.0), figures });
    }
}

/// Ten runs of 100,000 deliveries without a fault.
fn faultless(rows: &mut Vec<Row>) {
    let phases = "[[phase]]\nname = \"steady\"\nfor = \"2s\"\nrate = \"500/s\"\n";
    let text = crowd(200, 2, phases);
    let figures = (0..10).map(|_| {
        let record = run(&text, &[]);
        assert!(record.head.ledger.verified >= 100_000, "{:?}", record.head.ledger);
        record.head.ledger.faults.values().sum::<u64>() as f64
    });
    rows.push(Row {
        what: "faults reported, in all of ten runs of 100,000".to_owned(),
        unit: "",
        bound: Bound::AtMost(0.0),
        // One is one too many, whatever the others say.
        figures: vec![figures.sum()],
    });
}

fn print(rows: &[Row]) {
    println!("{:44} {:>10} {:>21}  {:>12}", "what", "median", "range", "meant");
    for Row { what, unit, bound, figures } in rows {
        let mut sorted = figures.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        let range = format!("{:.2} to {:.2}", sorted[0], sorted[sorted.len() - 1]);
        let (sign, limit, holds) = match *bound {
            Bound::AtMost(limit) => ("<=", limit, median <= limit),
            Bound::AtLeast(limit) => (">=", limit, median >= limit),
        };
        let meant = format!("{sign} {limit} {unit}");
        let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
        println!("{what:44} {median:>7.2} {unit:3} {range:>20}  {meant:>12}  {verdict}");
    }
}
