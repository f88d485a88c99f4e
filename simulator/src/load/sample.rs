//! A run made by hand, for tests: everything in it is right, and each test breaks what it is about.

use std::collections::BTreeMap;

use super::figures::{Latencies, Measure};
use super::record::{
    Cost, CrowdRecord, Evidence, Fairness, FaultKind, Head, LedgerRecord, LoadFile, Machine,
    Moment, PhaseRecord, RunRecord, SCHEMA_VERSION, TargetRecord, TrustRecord, WindowRecord,
};

const SECOND: u64 = 1_000_000;
const MIB: u64 = 1 << 20;

/// The phases of [`record`]: name, seconds, measured, scheduled, shape, sends a second.
const PHASES: [(&str, u64, bool, bool, &str, u64); 5] = [
    ("join", 2, false, true, "50/s", 0),
    ("warm-up", 1, false, true, "100/s", 100),
    ("steady", 3, true, true, "100/s", 100),
    ("spike", 2, true, true, "200/s", 200),
    ("full", 2, true, false, "saturate, 1 each", 1_000),
];

/// How many copies each message has.
const COPIES: u64 = 20;

/// 100 bots in 5 groups, with a joining of 2 s, an unmeasured `warm-up`, the measured `steady` (3 s)
/// and `spike` (2 s), and the measured `full` (2 s) without a schedule. Every measure has samples; a
/// delivery takes 1 to 5 ms in `steady` and twice that in `spike`. There is no gate.
pub(crate) fn record() -> RunRecord {
    let mut phases = Vec::new();
    let mut windows = Vec::new();
    let mut latencies = Vec::new();
    let mut start_us = 0;
    for (index, (name, seconds, measured, scheduled, shape, sends)) in PHASES.iter().enumerate() {
        phases.push(PhaseRecord {
            name: (*name).to_owned(),
            start_us,
            length_us: seconds * SECOND,
            measured: *measured,
            scheduled: *scheduled,
            shape: (*shape).to_owned(),
        });
        for _ in 0..*seconds {
            windows.push(window(index, start_us, *sends));
            latencies.push(latencies_of(index, *sends));
            start_us += SECOND;
        }
    }
    let sends = windows.iter().map(|window: &WindowRecord| window.sends).sum();
    let head = head(phases, windows, sends);
    RunRecord { head, latencies, evidence: vec![slow_copy()] }
}

/// A fault as the engine leaves it: counted and with its evidence.
pub(crate) fn fault(record: &mut RunRecord, kind: FaultKind) {
    *record.head.ledger.faults.entry(kind).or_default() += 1;
    let what = "message 17 of bot 3 never came to bot 4".to_owned();
    record.evidence.push(Evidence { fault: Some(kind), what, ..slow_copy() });
}

/// The windows of a phase, by its name.
pub(crate) fn windows_of(record: &RunRecord, phase: &str) -> Vec<usize> {
    let phase = record.head.phases.iter().position(|known| known.name == phase);
    let phase = phase.expect("the phase is one of the sample");
    let windows = record.head.windows.iter().enumerate();
    windows.filter(|(_, window)| window.phase == phase).map(|(index, _)| index).collect()
}

/// Takes everything out of the histograms of a phase, and puts `count` times `micros` into one.
pub(crate) fn only(record: &mut RunRecord, phase: &str, measure: Measure, micros: u64, count: u64) {
    let windows = windows_of(record, phase);
    for index in &windows {
        record.latencies[*index] = Latencies::default();
    }
    let histogram = record.latencies[windows[0]].entry(measure);
    histogram.record_n(micros, count).expect("the histogram grows");
}

/// Sets the processor time of the simulator in each window of a phase.
pub(crate) fn generator_cpu(record: &mut RunRecord, phase: &str, cpu_us: u64) {
    for index in windows_of(record, phase) {
        record.head.windows[index].generator.cpu_us = cpu_us;
    }
}

fn window(phase: usize, start_us: u64, sends: u64) -> WindowRecord {
    WindowRecord {
        phase,
        start_us,
        length_us: SECOND,
        sends,
        copies: sends * COPIES,
        server: Some(Cost { cpu_us: 100_000 + sends * COPIES * 2, rss_bytes: 20 * MIB }),
        generator: Cost { cpu_us: 200_000, rss_bytes: 30 * MIB },
    }
}

fn latencies_of(phase: usize, sends: u64) -> Latencies {
    let mut latencies = Latencies::default();
    if sends == 0 {
        (0..50).for_each(|bot| latencies.record(Measure::Join, 1_000 + bot * 100));
    }
    let slower = if PHASES[phase].0 == "spike" { 2 } else { 1 };
    for send in 0..sends {
        let first = (1_000 + send * 10) * slower;
        for copy in 0..COPIES {
            latencies.record(Measure::Delivery, first + copy * 100 * slower);
            latencies.record(Measure::Raw, first + copy * 100 * slower - 50);
        }
        latencies.record(Measure::OtherDelivery, first + 20_000);
        latencies.record(Measure::First, first);
        latencies.record(Measure::Last, first + 1_900 * slower);
        latencies.record(Measure::Spread, 1_900 * slower);
        latencies.record(Measure::Lateness, 50 + send % 10);
        latencies.record(Measure::Stall, 3);
    }
    latencies
}

fn head(phases: Vec<PhaseRecord>, windows: Vec<WindowRecord>, sends: u64) -> Head {
    Head {
        schema: SCHEMA_VERSION,
        simulator: "0.1.0".to_owned(),
        started: "2026-11-22T17:00:00Z".to_owned(),
        command: "simulator load scenarios/load/sample.toml".to_owned(),
        file: LoadFile {
            path: "scenarios/load/sample.toml".to_owned(),
            text: "title = \"A sample\"\n".to_owned(),
            title: "A sample".to_owned(),
        },
        seed: 7,
        part: (1, 1),
        run: "k3x9".to_owned(),
        target: TargetRecord {
            name: "the reference server".to_owned(),
            address: "127.0.0.1:40000".to_owned(),
            process_known: true,
            base_rss_bytes: Some(10 * MIB),
        },
        machine: Machine {
            cpu: "A processor".to_owned(),
            cores: 2,
            memory_bytes: 24 << 30,
            os: "Linux 6.1".to_owned(),
        },
        crowd: crowd(),
        phases,
        windows,
        ledger: LedgerRecord {
            sends,
            expected: sends * COPIES,
            verified: sends * COPIES,
            notices: 1_000,
            faults: BTreeMap::new(),
        },
        fairness: Some(Fairness {
            receivers: 100,
            best_p99_us: 3_900,
            median_p99_us: Some(4_100),
            worst_p99_us: 8_200,
            worst: "bot 17 in group 3".to_owned(),
            median_by_join_order_us: vec![2_000; 10],
        }),
        partial: None,
        gates: Vec::new(),
        trust: TrustRecord { lateness_p99_us: 2_000, busy: 0.95, threads: 1 },
        allow: Vec::new(),
        doubts: Vec::new(),
        server_ended: None,
        verdict: None,
    }
}

fn crowd() -> CrowdRecord {
    CrowdRecord {
        bots: 100,
        groups: 5,
        roles: BTreeMap::from([("talkers".to_owned(), 100)]),
        joined: 100,
        join_seconds: 2.0,
        refused: 0,
        cut_off: 0,
        base_rss_bytes: Some(20 * MIB),
    }
}

fn slow_copy() -> Evidence {
    Evidence {
        fault: None,
        what: "the slowest copy: 7.8 ms".to_owned(),
        phase: Some("spike".to_owned()),
        group: Some(3),
        sender: Some("bot 3".to_owned()),
        sequence: Some(17),
        receiver: Some("bot 4".to_owned()),
        latency_us: Some(7_800),
        expected: None,
        came: None,
        timeline: vec![
            Moment { at_us: 6_000_000, what: "intended".to_owned() },
            Moment { at_us: 6_007_800, what: "read by bot 4".to_owned() },
        ],
    }
}
