//! The windows of several parts, added.

use crate::load::figures::Latencies;
use crate::load::record::{Cost, PhaseRecord, RunRecord, WindowRecord};

/// The windows of the merged run and what was measured in them.
pub(super) fn add(
    parts: &[RunRecord],
    phases: &[PhaseRecord],
) -> (Vec<WindowRecord>, Vec<Latencies>) {
    let (mut windows, mut latencies) = (Vec::new(), Vec::new());
    // Where the parts' clocks differ by a little, no window begins within the one before it.
    let mut end = 0;
    for (phase, of_phase) in phases.iter().enumerate() {
        let parts: Vec<Part<'_>> = parts.iter().map(|part| Part::new(part, phase)).collect();
        let count = parts.iter().map(|part| part.windows.len()).max().unwrap_or(0);
        for at in 0..count {
            let mut window = add_windows(&parts, at, phase);
            window.start_us = window.start_us.saturating_add(of_phase.start_us).max(end);
            end = window.start_us.saturating_add(window.length_us);
            windows.push(window);
            let mut sum = Latencies::default();
            for (_, latencies) in parts.iter().filter_map(|part| part.windows.get(at)) {
                sum.add(latencies);
            }
            latencies.push(sum);
        }
    }
    (windows, latencies)
}

/// What a part has of a phase.
struct Part<'r> {
    start_us: u64,
    windows: Vec<(&'r WindowRecord, &'r Latencies)>,
}

impl<'r> Part<'r> {
    fn new(record: &'r RunRecord, phase: usize) -> Self {
        let all = record.head.windows.iter().zip(&record.latencies);
        Part {
            start_us: record.head.phases.get(phase).map_or(0, |phase| phase.start_us),
            windows: all.filter(|(window, _)| window.phase == phase).collect(),
        }
    }

    /// What the simulator used. One that was done earlier still has its bots.
    fn generator(&self, at: usize) -> Cost {
        match (self.windows.get(at), self.windows.last()) {
            (Some((window, _)), _) => window.generator,
            (None, Some((last, _))) => Cost { cpu_us: 0, ..last.generator },
            (None, None) => Cost::default(),
        }
    }
}

/// The windows with one number of all parts; its start is from the beginning of the phase.
fn add_windows(parts: &[Part<'_>], at: usize, phase: usize) -> WindowRecord {
    let empty = Cost::default();
    let mut sum = WindowRecord {
        phase,
        start_us: 0,
        length_us: 0,
        sends: 0,
        copies: 0,
        server: None,
        generator: empty,
    };
    for part in parts {
        let generator = part.generator(at);
        sum.generator.cpu_us = sum.generator.cpu_us.saturating_add(generator.cpu_us);
        sum.generator.rss_bytes = sum.generator.rss_bytes.saturating_add(generator.rss_bytes);
        let Some((window, _)) = part.windows.get(at) else { continue };
        sum.start_us = sum.start_us.max(window.start_us.saturating_sub(part.start_us));
        sum.length_us = sum.length_us.max(window.length_us);
        sum.sends = sum.sends.saturating_add(window.sends);
        sum.copies = sum.copies.saturating_add(window.copies);
        sum.server = match (sum.server, window.server) {
            (Some(one), Some(other)) => Some(Cost {
                cpu_us: one.cpu_us.max(other.cpu_us),
                rss_bytes: one.rss_bytes.max(other.rss_bytes),
            }),
            (one, other) => one.or(other),
        };
    }
    sum
}
