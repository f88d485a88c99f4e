//! Made-up runs.

use std::collections::BTreeMap;

use super::calibration::Noise;
use crate::load::figures::{Latencies, Measure};
use crate::load::record::{
    Cost, CrowdRecord, Head, LedgerRecord, LoadFile, Machine, PhaseRecord, RunRecord,
    SCHEMA_VERSION, TargetRecord, TrustRecord, WindowRecord,
};

/// The load file of the made-up runs.
pub(super) const FILE: &str = "title = \"An evening\"\n[crowd]\nbots = 40\n";

/// A run that joins for a second, warms up for five and is measured for 30; a copy takes 2 ms, times
/// `factor`, and in the warm-up a hundred times that.
pub(super) fn run(number: u64, factor: f64) -> RunRecord {
    run_with_copies(number, factor, 40)
}

/// The same with so many copies a window.
pub(super) fn run_with_copies(number: u64, factor: f64, copies: u64) -> RunRecord {
    let mut noise = Noise::new(number, 0.3, 0.05, 0.01);
    let mut windows = Vec::new();
    let mut latencies = Vec::new();
    for (second, level) in noise.run(factor.ln(), 36).into_iter().enumerate() {
        let phase = usize::from(second > 0) + usize::from(second > 5);
        let micros = 2000.0 * level.exp() * if phase == 1 { 100.0 } else { 1.0 };
        let mut here = Latencies::default();
        let measure = if phase == 0 { Measure::Join } else { Measure::Delivery };
        for copy in 0..copies {
            here.record(measure, (micros * (0.9 + 0.2 * copy as f64 / copies as f64)) as u64);
        }
        windows.push(WindowRecord {
            phase,
            start_us: second as u64 * 1_000_000,
            length_us: 1_000_000,
            sends: if phase == 0 { 0 } else { copies / 10 },
            copies: if phase == 0 { 0 } else { (copies as f64 / level.exp() * 100.0) as u64 },
            server: Some(Cost { cpu_us: 10_000, rss_bytes: 1 << 20 }),
            generator: Cost::default(),
        });
        latencies.push(here);
    }
    RunRecord { head: head(number, windows), latencies, evidence: Vec::new() }
}

fn head(number: u64, windows: Vec<WindowRecord>) -> Head {
    let phase = |name: &str, start: u64, seconds: u64, measured: bool| PhaseRecord {
        name: name.to_owned(),
        start_us: start * 1_000_000,
        length_us: seconds * 1_000_000,
        measured,
        scheduled: true,
        shape: "4/s".to_owned(),
    };
    Head {
        schema: SCHEMA_VERSION,
        simulator: "0.1.0".to_owned(),
        started: format!("2026-11-22T17:{:02}:{:02}Z", number / 60, number % 60),
        command: "simulator load evening.toml".to_owned(),
        file: LoadFile {
            path: "evening.toml".to_owned(),
            text: FILE.to_owned(),
            title: "An evening".to_owned(),
        },
        seed: number,
        part: (1, 1),
        run: format!("run{number}"),
        target: TargetRecord {
            name: "the reference server".to_owned(),
            address: "127.0.0.1:1".to_owned(),
            process_known: true,
            base_rss_bytes: None,
        },
        machine: Machine {
            cpu: "Some CPU".to_owned(),
            cores: 2,
            memory_bytes: 24 << 30,
            os: "Linux 6".to_owned(),
        },
        crowd: CrowdRecord {
            bots: 40,
            groups: 4,
            roles: BTreeMap::from([("talkers".to_owned(), 40)]),
            joined: 40,
            join_seconds: 0.5,
            refused: 0,
            cut_off: 0,
            base_rss_bytes: None,
        },
        phases: vec![
            phase("join", 0, 1, false),
            phase("warm-up", 1, 5, false),
            phase("steady", 6, 30, true),
        ],
        windows,
        ledger: LedgerRecord::default(),
        fairness: None,
        partial: None,
        gates: Vec::new(),
        trust: TrustRecord { lateness_p99_us: 2000, busy: 0.95, threads: 1 },
        allow: Vec::new(),
        doubts: Vec::new(),
        server_ended: None,
        verdict: None,
    }
}
