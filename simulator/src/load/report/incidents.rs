//! A fault or a slow copy in words: what it is about, and what happened when.

use super::numbers::{self, count, time};
use super::visible;
use crate::load::record::Evidence;

/// Which copy it is about, on one line and safe to show: `b0311's message 88 to b1207, group 12, in steady`.
pub(super) fn about(evidence: &Evidence) -> String {
    let mut words = Vec::new();
    match (&evidence.sender, evidence.sequence) {
        (Some(sender), Some(sequence)) => {
            words.push(format!("{sender}'s message {}", count(sequence)));
        }
        (Some(sender), None) => words.push(format!("from {sender}")),
        (None, _) => {}
    }
    if let Some(receiver) = &evidence.receiver {
        words.push(format!("to {receiver}"));
    }
    let mut text = words.join(" ");
    if let Some(group) = evidence.group {
        text += &format!(", group {group}");
    }
    if let Some(phase) = &evidence.phase {
        text += &format!(", in {phase}");
    }
    if let Some(latency) = evidence.latency_us {
        text += &format!(", {}", time(latency));
    }
    visible::line(text.trim_start_matches(", "))
}

/// What happened when, safe to show: the first moment in seconds of the run, the others by how much later
/// they came.
pub(super) fn timeline(evidence: &Evidence) -> Vec<(String, String)> {
    let Some(first) = evidence.timeline.first() else { return Vec::new() };
    let moments = evidence.timeline.iter().enumerate().map(|(place, moment)| {
        let at = match moment.at_us.checked_sub(first.at_us) {
            _ if place == 0 => format!("at {} s", second(moment.at_us)),
            Some(later) => format!("+{}", time(later)),
            None => format!("-{}", time(first.at_us - moment.at_us)),
        };
        (at, visible::line(&moment.what))
    });
    moments.collect()
}

/// A moment of the run in seconds, to the millisecond.
fn second(at_us: u64) -> String {
    format!("{}.{:03}", numbers::count(at_us / 1_000_000), at_us % 1_000_000 / 1000)
}
