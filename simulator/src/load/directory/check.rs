//! What has to be true of a record, so that nobody who works with it has to ask again.

use std::collections::BTreeSet;

use super::hlog;
use crate::load::record::{Head, RunRecord};

/// The latest that anything in a run can be, in microseconds: ten years.
const MAX_TIME: u64 = 10 * 366 * 24 * 3600 * 1_000_000;

/// Checks a head.
pub(super) fn head(head: &Head) -> Result<(), String> {
    let (part, parts) = head.part;
    if part == 0 || part > parts {
        return Err(format!("there is no part {part} of {parts}"));
    }
    for phase in &head.phases {
        ends(phase.start_us, phase.length_us)
            .ok_or_else(|| format!("the phase {} ends beyond all times", phase.name))?;
    }
    let mut before = 0;
    for (index, window) in head.windows.iter().enumerate() {
        if window.phase >= head.phases.len() {
            return Err(format!(
                "windows[{index}] is of phase {}, which is not there",
                window.phase
            ));
        }
        ends(window.start_us, window.length_us)
            .ok_or_else(|| format!("windows[{index}] ends beyond all times"))?;
        if window.start_us < before {
            return Err(format!("windows[{index}] begins before the one ahead of it"));
        }
        before = window.start_us;
    }
    let finite = head.crowd.join_seconds.is_finite() && head.trust.busy.is_finite();
    finite.then_some(()).ok_or_else(|| "a number is not finite".to_owned())
}

/// Checks a record as it is before it is written.
pub(super) fn record(record: &RunRecord) -> Result<(), String> {
    head(&record.head)?;
    let (windows, latencies) = (&record.head.windows, &record.latencies);
    if windows.len() != latencies.len() {
        return Err(format!(
            "{} windows have {} sets of histograms",
            windows.len(),
            latencies.len()
        ));
    }
    let mut times = BTreeSet::new();
    for (index, (window, latencies)) in windows.iter().zip(latencies).enumerate() {
        let mut filled = latencies.iter().filter(|(_, histogram)| !histogram.is_empty()).peekable();
        // The log tells windows apart by their times.
        if filled.peek().is_some() && !times.insert((window.start_us, window.length_us)) {
            return Err(format!("windows[{index}] has the times of the one ahead of it"));
        }
        if let Some((measure, _)) = filled.find(|(_, histogram)| !hlog::can_be_kept(histogram)) {
            return Err(format!(
                "windows[{index}] has a histogram `{}` that is none of a run",
                measure.as_str()
            ));
        }
    }
    Ok(())
}

fn ends(start: u64, length: u64) -> Option<u64> {
    start.checked_add(length).filter(|end| *end <= MAX_TIME)
}
