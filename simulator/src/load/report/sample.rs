//! Records to look at: a good evening, one with faults, and one that proves nothing.

use std::collections::BTreeMap;

use crate::load::figures::{Latencies, Measure};
use crate::load::record::{
    Cost, CrowdRecord, Evidence, Fairness, FaultKind, GateRecord, Head, LedgerRecord, LoadFile,
    Machine, Moment, Outcome, PhaseRecord, RunRecord, SCHEMA_VERSION, TargetRecord, TrustRecord,
    VerdictRecord, WindowRecord,
};

/// A name and messages as a hostile peer would choose them.
pub(super) const HOSTILE: &str =
    "<script>alert(1)</script><img src=\"http://evil.example/x\">\u{1b}[2J\u{202e}&amp;";

const FILE: &str = r#"title = "A busy evening"

[crowd]
bots   = 5_000
groups = 50
arrive = "700/s"

[[phase]]
name     = "warm-up"
length   = "5s"
rate     = "200/s"
measured = false

[[phase]]
name   = "steady"
length = "25s"
rate   = "500/s"

[[phase]]
name   = "spike"
length = "10s"
ramp   = ["500/s", "2000/s"]

[[phase]]
name   = "recovery"
length = "15s"
rate   = "500/s"

[gates]
all = ["delivery.p99 < 20ms", "spike.delivery.p99 < 5 * steady.delivery.p99"]
"#;

/// Name, seconds, shape, sends a second at its begin and end, the median in microseconds at its begin and end.
type Plan = (&'static str, u64, &'static str, (f64, f64), (f64, f64));

const PLANS: [Plan; 5] = [
    ("join", 8, "700/s", (0.0, 0.0), (0.0, 0.0)),
    ("warm-up", 5, "200/s", (200.0, 200.0), (900.0, 640.0)),
    ("steady", 25, "500/s", (500.0, 500.0), (640.0, 660.0)),
    ("spike", 10, "500/s to 2000/s", (500.0, 2000.0), (700.0, 4100.0)),
    ("recovery", 15, "500/s", (500.0, 500.0), (1500.0, 650.0)),
];

/// A run that passed.
pub(super) fn pass() -> RunRecord {
    let mut dice = fastrand::Rng::with_seed(7);
    let mut record = RunRecord { head: head(), latencies: Vec::new(), evidence: slow(&mut dice) };
    let mut start = 0;
    for (phase, plan) in PLANS.iter().enumerate() {
        record.head.phases.push(PhaseRecord {
            name: plan.0.to_owned(),
            start_us: start,
            length_us: plan.1 * 1_000_000,
            measured: phase > 1,
            scheduled: true,
            shape: plan.2.to_owned(),
        });
        for second in 0..plan.1 {
            let (window, latencies) = window(&mut dice, phase, plan, start, second);
            record.head.windows.push(window);
            record.latencies.push(latencies);
            start += 1_000_000;
        }
    }
    let total = |of: fn(&WindowRecord) -> u64| record.head.windows.iter().map(of).sum();
    let (sends, copies) = (total(|window| window.sends), total(|window| window.copies));
    record.head.ledger = LedgerRecord {
        sends,
        expected: copies,
        verified: copies,
        notices: 252_450,
        ..LedgerRecord::default()
    };
    record.head.verdict = Some(verdict(Outcome::Pass, &[], Outcome::Pass));
    record
}

/// A run with faults, found at a hostile server.
pub(super) fn fail() -> RunRecord {
    let mut record = pass();
    let head = &mut record.head;
    head.ledger.faults = BTreeMap::from([
        (FaultKind::Lost, 3),
        (FaultKind::WrongGroup, 1),
        (FaultKind::Disconnected, 1_204),
    ]);
    head.ledger.verified -= 1_207;
    head.allow = vec![FaultKind::Disconnected];
    head.server_ended = Some(format!("thread 'main' panicked: {HOSTILE}"));
    let reasons = [
        "3 copies were lost, the first to b1207 in group 12 at 31.402 s",
        "1 copy came to a member of another group",
        "spike.delivery.p99 is 3.91 times steady.delivery.p99, and at most 3 times is allowed",
    ];
    head.verdict = Some(verdict(Outcome::Fail, &reasons, Outcome::Fail));
    record.evidence.splice(0..0, [lost(), leaked()]);
    record
}

/// A run that was cut short, by a generator that was late.
pub(super) fn untrusted() -> RunRecord {
    let mut record = pass();
    record.head.partial =
        Some("the user ended it in the phase steady, after 4.0 s of 25 s".to_owned());
    record.head.phases.truncate(3);
    record.head.phases[2].length_us = 4_000_000;
    record.head.windows.truncate(17);
    record.latencies.truncate(17);
    record.head.doubts = vec!["12 of 5,000 bots could not connect: connection refused".to_owned()];
    record.head.target.process_known = false;
    record.head.windows.iter_mut().for_each(|window| window.server = None);
    record.head.fairness = None;
    record.evidence.clear();
    let reasons = [
        "the run is partial: the user ended it in the phase steady, after 4.0 s of 25 s",
        "12 of 5,000 bots could not connect: connection refused",
        "the generator was late: lateness p99 is 3.1 ms, and at most 2 ms can be trusted",
    ];
    record.head.verdict = Some(verdict(Outcome::Untrusted, &reasons, Outcome::Untrusted));
    record
}

fn head() -> Head {
    Head {
        schema: SCHEMA_VERSION,
        simulator: "0.1.0".to_owned(),
        started: "2026-11-22T17:00:00Z".to_owned(),
        command: "simulator load scenarios/load/busy-evening.toml --seed 7".to_owned(),
        file: LoadFile {
            path: "scenarios/load/busy-evening.toml".to_owned(),
            text: FILE.to_owned(),
            title: "A busy evening: 50 groups talk, and then everybody does".to_owned(),
        },
        seed: 7,
        part: (1, 1),
        run: "k3f9".to_owned(),
        target: TargetRecord {
            name: "the reference server".to_owned(),
            address: "127.0.0.1:40613".to_owned(),
            process_known: true,
            base_rss_bytes: Some(6 << 20),
        },
        machine: Machine {
            cpu: "AMD EPYC 7763 64-Core Processor".to_owned(),
            cores: 2,
            memory_bytes: 24 << 30,
            os: "Linux 6.1".to_owned(),
        },
        crowd: CrowdRecord {
            bots: 5_000,
            groups: 50,
            roles: BTreeMap::from([
                ("talkers".to_owned(), 1_000),
                ("listeners".to_owned(), 3_950),
                ("stalled".to_owned(), 50),
            ]),
            joined: 5_000,
            join_seconds: 7.4,
            refused: 0,
            cut_off: 50,
            base_rss_bytes: Some(6 << 20),
        },
        phases: Vec::new(),
        windows: Vec::new(),
        ledger: LedgerRecord::default(),
        fairness: Some(Fairness {
            receivers: 4_950,
            best_p99_us: 5_200,
            median_p99_us: Some(8_400),
            worst_p99_us: 17_000,
            worst: "b0417 in group 17".to_owned(),
            median_by_join_order_us: vec![610, 620, 640, 650, 670, 680, 700, 720, 730, 760],
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

fn window(
    dice: &mut fastrand::Rng,
    phase: usize,
    plan: &Plan,
    start_us: u64,
    second: u64,
) -> (WindowRecord, Latencies) {
    let at = second as f64 / plan.1 as f64;
    let sends = (plan.3.0 + (plan.3.1 - plan.3.0) * at) as u64;
    // Some groups are at one point of the machine when a spike is over.
    let median = plan.4.0 + (plan.4.1 - plan.4.0) * if phase == 3 { at * at } else { at };
    let mut figures = Latencies::default();
    if phase == 0 {
        (0..625).for_each(|_| {
            figures.record(Measure::Join, spread(dice, 2_300.0 + 400.0 * second as f64, 0.6))
        });
    }
    for _ in 0..sends {
        let first = spread(dice, median * 0.4, 0.4);
        let lateness = spread(dice, 70.0, 0.7);
        let mut last = first;
        for _ in 0..4 {
            let copy = first + spread(dice, median * 0.6, 0.7);
            last = last.max(copy);
            figures.entry(Measure::Delivery).record_n(copy, 25).unwrap();
            figures.entry(Measure::Raw).record_n(copy.saturating_sub(lateness).max(1), 25).unwrap();
        }
        figures.record(Measure::First, first);
        figures.record(Measure::Last, last);
        figures.record(Measure::Spread, last - first);
        figures.record(Measure::Lateness, lateness);
    }
    let copies = sends * 100;
    let busy = if phase == 0 { 400_000 } else { 30_000 + copies * 3 };
    let members = if phase == 0 { 625 * (second + 1) } else { 5_000 };
    let window = WindowRecord {
        phase,
        start_us,
        length_us: 1_000_000,
        sends,
        copies,
        server: Some(Cost {
            cpu_us: busy,
            rss_bytes: (9 << 20) + members * 5_600 + second * 30_000,
        }),
        generator: Cost { cpu_us: busy * 8 / 10, rss_bytes: (30 << 20) + members * 4_000 },
    };
    (window, figures)
}

/// A time around a median, with a long tail.
fn spread(dice: &mut fastrand::Rng, median: f64, width: f64) -> u64 {
    let normal: f64 = (0..12).map(|_| dice.f64()).sum::<f64>() - 6.0;
    (median * (normal * width).exp()).max(1.0) as u64
}

fn slow(dice: &mut fastrand::Rng) -> Vec<Evidence> {
    let mut evidence = Vec::new();
    for place in 0..8_u64 {
        let latency = 92_400 - place * 4_100 - dice.u64(0..900);
        let sent = 46_120_000 + place * 71_003;
        evidence.push(Evidence {
            fault: None,
            what: "a slow copy".to_owned(),
            phase: Some("spike".to_owned()),
            group: Some(17),
            sender: Some(format!("b{:04}", 310 + place)),
            sequence: Some(40 + place),
            receiver: Some(format!("b{:04}", 417 + 50 * place)),
            latency_us: Some(latency),
            expected: None,
            came: None,
            timeline: moments(&[
                (sent, "meant to be sent"),
                (sent + 90, "written"),
                (sent + 2_100, "its first copy, to b0017"),
                (sent + latency, "this copy, the 100th of 100"),
            ]),
        });
    }
    evidence
}

fn lost() -> Evidence {
    Evidence {
        fault: Some(FaultKind::Lost),
        what: "it never came, though 99 other members have it".to_owned(),
        phase: Some("steady".to_owned()),
        group: Some(12),
        sender: Some("b0311".to_owned()),
        sequence: Some(88),
        receiver: Some("b1207".to_owned()),
        latency_us: None,
        expected: Some("b0311: k3f9 12 311 88 31402117 x7Gq".to_owned()),
        came: None,
        timeline: moments(&[
            (31_402_117, "meant to be sent"),
            (31_402_190, "written"),
            (31_403_004, "its first copy, to b0007"),
            (31_409_870, "b1207 reads the message after it, b0412's number 90"),
            (73_000_000, "the run is over"),
        ]),
    }
}

fn leaked() -> Evidence {
    Evidence {
        fault: Some(FaultKind::WrongGroup),
        what: format!("it came to a member of group 3, from {HOSTILE}"),
        phase: Some("spike".to_owned()),
        group: Some(12),
        sender: Some(HOSTILE.to_owned()),
        sequence: Some(3),
        receiver: Some("b0003".to_owned()),
        latency_us: Some(4_210),
        expected: Some("nothing".to_owned()),
        came: Some(format!("{HOSTILE}{}", "x".repeat(400))),
        timeline: moments(&[(40_100_000, "written"), (40_104_210, HOSTILE)]),
    }
}

fn moments(moments: &[(u64, &str)]) -> Vec<Moment> {
    moments.iter().map(|(at_us, what)| Moment { at_us: *at_us, what: (*what).to_owned() }).collect()
}

fn verdict(outcome: Outcome, reasons: &[&str], last: Outcome) -> VerdictRecord {
    let gate = |gate: &str, outcome, why: &str| GateRecord {
        gate: gate.to_owned(),
        outcome,
        why: why.to_owned(),
    };
    let untrusted = last == Outcome::Untrusted;
    let most = if last == Outcome::Fail { 3 } else { 5 };
    let why = match last {
        Outcome::Untrusted => "there is no sample: the phase spike was not reached",
        _ => "spike.delivery.p99 is 8.72 ms, steady.delivery.p99 is 2.23 ms",
    };
    VerdictRecord {
        outcome,
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
        gates: vec![
            gate(
                "delivery.p99 < 20ms",
                if untrusted { last } else { Outcome::Pass },
                "delivery.p99 is 6.90 ms",
            ),
            gate(&format!("spike.delivery.p99 < {most} * steady.delivery.p99"), last, why),
        ],
    }
}
