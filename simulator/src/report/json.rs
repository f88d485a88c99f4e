//! The report for a program: one JSON document, described in `docs/scenarios.md`.

use serde::Serialize;

use super::{reason, word};
use crate::replay::Failure;
use crate::run::{Outcome, Summary, Verdict};

/// Raised when a field changes its meaning or goes away.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Report<'r> {
    version: u32,
    exit_status: u8,
    seconds: f64,
    scenarios: Vec<Entry<'r>>,
}

#[derive(Serialize)]
struct Entry<'r> {
    name: &'r str,
    title: &'r str,
    file: String,
    covers: &'r [String],
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    clients: usize,
    steps: usize,
    log_checks_skipped: usize,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failed<'r>>,
}

#[derive(Serialize)]
struct Failed<'r> {
    at: String,
    act: &'r str,
    step: Option<usize>,
    client: Option<&'r str>,
    fault: Option<&'r str>,
    expected: &'r str,
    came: &'r str,
    requirement: Option<&'r str>,
    sentence: Option<&'r str>,
    look_at: Option<&'r str>,
    by_hand: &'r [String],
    server_ended: Option<&'r str>,
    lanes: Vec<LaneEntry<'r>>,
    log: &'r [String],
    again: String,
}

#[derive(Serialize)]
struct LaneEntry<'r> {
    client: &'r str,
    lines: Vec<LineEntry<'r>>,
}

#[derive(Serialize)]
struct LineEntry<'r> {
    seconds: f64,
    text: &'r str,
}

pub(super) fn render(summary: &Summary, rerun: &str) -> anyhow::Result<String> {
    let report = Report {
        version: VERSION,
        exit_status: summary.exit_status() as u8,
        seconds: summary.took.as_secs_f64(),
        scenarios: summary.outcomes.iter().map(|outcome| entry(outcome, rerun)).collect(),
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

fn entry<'r>(outcome: &'r Outcome, rerun: &str) -> Entry<'r> {
    let scenario = &outcome.scenario;
    let failure = match &outcome.verdict {
        Verdict::Fail(failure) => Some(failed(outcome, failure, rerun)),
        _ => None,
    };
    Entry {
        name: &scenario.name,
        title: &scenario.title,
        file: scenario.source.path().display().to_string(),
        covers: &scenario.covers,
        verdict: word(&outcome.verdict),
        reason: reason(&outcome.verdict),
        clients: scenario.clients.len(),
        steps: outcome.steps,
        log_checks_skipped: outcome.log_checks_skipped,
        seconds: outcome.took.as_secs_f64(),
        failure,
    }
}

fn failed<'r>(outcome: &'r Outcome, failure: &'r Failure, rerun: &str) -> Failed<'r> {
    let source = &outcome.scenario.source;
    let lanes = failure.lanes.iter().map(|lane| LaneEntry {
        client: &lane.client,
        lines: lane
            .lines
            .iter()
            .map(|line| LineEntry { seconds: line.at, text: &line.text })
            .collect(),
    });
    Failed {
        at: source.location(failure.span.start),
        act: &failure.act.1,
        step: failure.step,
        client: failure.client.as_deref(),
        fault: failure.fault.as_deref(),
        expected: &failure.expected,
        came: &failure.came,
        requirement: failure.requirement.map(|requirement| requirement.id.as_str()),
        sentence: failure.requirement.map(|requirement| requirement.text.as_str()),
        look_at: failure.hint.as_deref(),
        by_hand: &failure.by_hand,
        server_ended: failure.server_ended.as_deref(),
        lanes: lanes.collect(),
        log: &failure.log,
        again: format!("{rerun} {}", source.path().display()),
    }
}
