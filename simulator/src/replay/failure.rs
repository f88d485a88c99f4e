//! A failure with everything that is needed to understand it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::by_hand;
use super::explain::{self, Explanation};
use super::stage::{Stage, StepError};
use crate::actor::{Actor, Happening};
use crate::fault::Fault;
use crate::requirements::{self, Requirement};
use crate::scenario::{Act, Step};

/// Why a scenario failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The number of the act, from 1, and its name.
    pub act: (usize, String),
    /// The number of the step in its act, from 1; `None` for what is checked at the act's end.
    pub step: Option<usize>,
    /// Where it is written, in bytes of the scenario's source.
    pub span: std::ops::Range<usize>,
    /// The client it happened to.
    pub client: Option<String>,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub came: String,
    /// How long was waited in vain, if the failure is that nothing came.
    pub waited: Option<Duration>,
    /// The requirement that is broken.
    pub requirement: Option<&'static Requirement>,
    /// The fault by its name.
    pub fault: Option<String>,
    /// Where the server's author should look.
    pub hint: Option<String>,
    /// What to type into `nc` to see it, and what should then be seen; may be empty.
    pub by_hand: Vec<String>,
    /// What happened to each client last.
    pub lanes: Vec<Lane>,
    /// How the server's process ended, if it did.
    pub server_ended: Option<String>,
    /// The last lines of the server's log, where it can be seen.
    pub log: Vec<String>,
}

/// What happened to one client.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The client.
    pub client: String,
    /// What happened to it last, in order.
    pub lines: Vec<LaneLine>,
}

/// One thing that happened to a client.
#[derive(Debug, Clone)]
pub struct LaneLine {
    /// When, in seconds since the scenario began.
    pub at: f64,
    /// What: `> ` typed, `< ` came, `! ` came and was not expected, `- ` anything else.
    pub text: String,
}

/// How many lines of each client are kept.
const LANE_LINES: usize = 8;

impl Failure {
    pub(super) fn new(
        stage: &Stage<'_>,
        act: &Act,
        step: Option<&Step>,
        error: Box<StepError>,
        server_ended: Option<String>,
        log: Vec<String>,
    ) -> Self {
        let number = stage.scenario.acts.iter().position(|other| std::ptr::eq(other, act));
        let place = |step: &Step| act.steps.iter().position(|other| std::ptr::eq(other, step));
        let explanation = explain::explain(stage, step, &error);
        let requirement = explanation.as_ref().map(|explanation| explanation.requirement.clone());
        // The act's own, and else the scenario's first, where nothing more is known.
        let covered = || act.covers.iter().chain(&stage.scenario.covers).next().cloned();
        let by_hand = by_hand(stage, step, &error);
        let (fault, hint) = match explanation {
            Some(Explanation { fault, hint, .. }) => (Some(fault), Some(hint)),
            None => (None, None),
        };
        Failure {
            act: (number.unwrap_or_default() + 1, act.name.clone()),
            step: step.and_then(place).map(|place| place + 1),
            span: step.map_or_else(|| act.span.clone(), |step| step.span.clone()),
            client: error.client.map(|client| stage.key(client).to_owned()),
            expected: error.expected,
            came: error.fault.to_string(),
            waited: error.fault.waited(),
            requirement: requirement.or_else(covered).and_then(|id| requirements::find(&id)),
            fault,
            hint: hint.filter(|hint| !hint.is_empty()),
            by_hand,
            lanes: lanes(&stage.actors, error.client, stage.started),
            server_ended,
            log,
        }
    }

    /// A failure of a scenario whose steps all passed: a terminal shows something else than its
    /// transcript.
    #[must_use]
    pub(crate) fn of_transcript(client: &str, expected: String, came: String) -> Self {
        Failure {
            act: (0, "the transcripts on file".to_owned()),
            step: None,
            span: 0..0,
            client: Some(client.to_owned()),
            expected,
            came,
            waited: None,
            requirement: None,
            fault: None,
            hint: None,
            by_hand: Vec::new(),
            lanes: Vec::new(),
            server_ended: None,
            log: Vec::new(),
        }
    }
}

/// How to see it without the simulator: what those did who have to do with it.
fn by_hand(stage: &Stage<'_>, step: Option<&Step>, error: &StepError) -> Vec<String> {
    let parts = involved(stage, step, error).into_iter().map(|client| {
        let client = stage.key(client).to_owned();
        by_hand::Part { deeds: stage.tape.of(&client), client }
    });
    let parts: Vec<by_hand::Part> = parts.filter(|part| !part.deeds.is_empty()).collect();
    let mut lines = by_hand::recipe(&parts, stage.target.addr());
    if let (false, Some(client)) = (lines.is_empty(), error.client) {
        let key = stage.key(client);
        lines.push(format!("then {key} should see {}", error.expected));
        lines.push(format!("{:<width$} and sees {}", "", error.fault, width = 4 + key.len()));
    }
    lines
}

/// Who has to do with a failure: who failed, who said what came there, who did the step, the others of
/// the group, and open bare connections, which may hold somebody up.
fn involved(stage: &Stage<'_>, step: Option<&Step>, error: &StepError) -> BTreeSet<usize> {
    let mut involved: BTreeSet<usize> = error.client.into_iter().collect();
    if let Fault::Unwanted(line) | Fault::WrongLine(line) = &error.fault {
        let said = stage.said.iter().filter(|said| said.line == *line);
        involved.extend(said.map(|said| said.by).next_back());
    }
    involved.extend(step.map(|step| step.action.actors()).unwrap_or_default());
    let groups: Vec<u32> = involved
        .iter()
        .filter_map(|client| stage.member(*client).map(|member| member.group))
        .collect();
    for (client, actor) in stage.actors.iter().enumerate() {
        let shares = actor.membership.as_ref().is_some_and(|member| groups.contains(&member.group));
        let waits = !actor.spec.is_terminal() && actor.is_open();
        if involved.len() < MOST_BY_HAND && (shares || waits) {
            involved.insert(client);
        }
    }
    involved
}

/// So many terminals fit on a screen.
const MOST_BY_HAND: usize = 5;

/// The last moments of those to whom anything happened, the one it failed at first.
fn lanes(actors: &[Actor], failed: Option<usize>, started: Instant) -> Vec<Lane> {
    let mut there: Vec<(usize, &Actor)> =
        actors.iter().enumerate().filter(|(_, actor)| !actor.history.is_empty()).collect();
    there.sort_by_key(|(client, _)| Some(*client) != failed);
    let lane = |(client, actor)| lane(actor, Some(client) == failed, started);
    there.into_iter().map(lane).collect()
}

fn lane(actor: &Actor, with_markers: bool, started: Instant) -> Lane {
    let mut moments = actor.history.clone();
    moments.sort_by_key(|moment| moment.at);
    // Markers that did their duty only take the place of what people said; where it failed, they
    // may be what went wrong.
    let last = moments.len().saturating_sub(1);
    let mut place = 0;
    moments.retain(|moment| {
        let keep = with_markers || place == last || !moment.what.is_marker();
        place += 1;
        keep
    });
    let last = &moments[moments.len().saturating_sub(LANE_LINES)..];
    let lines = last.iter().map(|moment| LaneLine {
        at: moment.at.saturating_duration_since(started).as_secs_f64(),
        text: match &moment.what {
            Happening::Came(line) => format!("< {line}"),
            Happening::Unread(line) => format!("! {line}"),
            Happening::Typed(line) => format!("> {line}"),
            Happening::Ended(how) => format!("- {how}"),
            Happening::Went(how) => format!("- {how}"),
            Happening::Note(note) => format!("- {note}"),
        },
    });
    Lane { client: actor.key().to_owned(), lines: lines.collect() }
}
