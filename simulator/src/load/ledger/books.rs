//! What all groups of a thread write into: figures, counts and findings.

use std::sync::Arc;

use super::findings::{Finding, Findings};
use super::order::{Entry, Key};
use super::{Facts, Stay};
use crate::load::message::{self, Message};
use crate::load::plan::{Plan, RunTag};
use crate::load::record::{FaultKind, Moment};
use crate::load::recorder::Recorder;

/// The window of what is not measured: lines that are no messages, and the markers at the end.
pub(crate) const NO_WINDOW: u32 = u32::MAX;

/// The most stray lines that are kept at a time, of all members together: some tens of megabytes.
const MAX_STRAYS: usize = 20_000;

/// Figures, counts and findings of a thread.
#[derive(Debug)]
pub(crate) struct Books {
    plan: Arc<Plan>,
    pub(crate) recorder: Recorder,
    pub(crate) findings: Findings,
    /// Copies of messages that were due, in their place and right in every byte.
    pub(crate) verified: u64,
    /// Notices that were.
    pub(crate) notices: u64,
    /// Copies of messages that did not come, or not right in every byte or under the right name.
    pub(crate) missing: u64,
    /// How many stray lines were kept.
    strays: usize,
    /// When the first phase began, in microseconds of the run, once it has.
    phases_start_us: Option<u64>,
}

impl Books {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        let recorder = Recorder::new(&plan);
        let findings = Findings::default();
        Books {
            plan,
            recorder,
            findings,
            verified: 0,
            notices: 0,
            missing: 0,
            strays: 0,
            phases_start_us: None,
        }
    }

    /// Adds what another thread has.
    pub(crate) fn add_all(&mut self, other: Books) {
        self.recorder.add(&other.recorder);
        self.findings.add(other.findings);
        self.verified += other.verified;
        self.notices += other.notices;
        self.missing += other.missing;
    }

    pub(crate) fn begin_phases(&mut self, start_us: u64) {
        self.phases_start_us = Some(start_us);
    }

    /// When the first phase began, in microseconds of the run; 0 before it does.
    pub(crate) fn phases_start_us(&self) -> u64 {
        self.phases_start_us.unwrap_or(0)
    }

    pub(crate) fn run(&self) -> RunTag {
        self.plan.run
    }

    /// The group of a bot, if there is such a bot.
    pub(super) fn group_of(&self, bot: u32) -> Option<u32> {
        self.plan.bots.get(bot as usize).map(|bot| bot.group)
    }

    /// Appends a message as everybody has to get it, without its line end.
    pub(super) fn compose(&self, message: &Message, name: &str, out: &mut Vec<u8>) {
        let bytes = self.plan.message_bytes(message.bot, message.sequence.into());
        message.compose(self.plan.run, name, bytes, out);
    }

    /// Whether there is room for one more stray line, over all members.
    pub(super) fn may_keep_stray(&mut self) -> bool {
        self.strays += 1;
        self.strays <= MAX_STRAYS
    }

    /// Counts faults of which one is told elsewhere.
    pub(super) fn add(&mut self, kind: FaultKind, count: u64) {
        self.findings.count(kind, count);
    }

    /// A fault of every copy of a line.
    pub(super) fn fault(
        &mut self,
        kind: FaultKind,
        count: u64,
        what: &str,
        group: u32,
        entry: &Entry,
    ) {
        self.findings.count(kind, count);
        let finding = self.finding(kind, what, group, entry.key, &entry.line, entry.facts);
        self.findings.tell(finding);
    }

    /// A fault of the copy that one member got, or did not get.
    #[expect(clippy::too_many_arguments, reason = "each is a column of the evidence")]
    pub(super) fn copy_fault(
        &mut self,
        kind: FaultKind,
        what: &str,
        group: u32,
        key: Key,
        line: &[u8],
        facts: Facts,
        receiver: &str,
        at_us: Option<u64>,
    ) {
        if kind == FaultKind::Lost {
            self.missing += u64::from(key.is_said());
        }
        self.findings.count(kind, 1);
        if !self.findings.has_room() {
            return;
        }
        let mut finding = self.finding(kind, what, group, key, line, facts);
        finding.receiver = Some(receiver.to_owned());
        if let Some(at_us) = at_us {
            finding.latency_us = Some(at_us.saturating_sub(facts.intended_us));
            finding.timeline.push(moment(at_us, format!("{receiver} gets it")));
        }
        self.findings.tell(finding);
    }

    /// A fault of a line for which there is no entry.
    pub(super) fn line_fault(
        &mut self,
        kind: FaultKind,
        what: &str,
        group: u32,
        line: &[u8],
        receiver: &str,
        at_us: u64,
    ) {
        if kind == FaultKind::WrongSender {
            self.missing += 1;
        }
        self.findings.count(kind, 1);
        if !self.findings.has_room() {
            return;
        }
        let text = String::from_utf8_lossy(line).into_owned();
        let said = text.split_once(": ").and_then(|(_, said)| Message::parse(self.run(), said));
        let mut finding = Finding {
            fault: Some(kind),
            what: what.to_owned(),
            phase: self.phase_at(at_us),
            group: Some(group),
            receiver: Some(receiver.to_owned()),
            came: Some(text),
            ..Finding::default()
        };
        if let Some(message) = said {
            finding.sender = Some(message::name(self.run(), message.bot, 0));
            finding.sequence = Some(message.sequence.into());
            let intended_us = message.at_us.saturating_add(self.phases_start_us());
            finding.latency_us = Some(at_us.saturating_sub(intended_us));
            finding.timeline.push(moment(intended_us, "it was to be sent".to_owned()));
        }
        finding.timeline.push(moment(at_us, format!("{receiver} gets it")));
        self.findings.tell(finding);
    }

    /// A fault of a line in place of which another was due.
    pub(super) fn altered(
        &mut self,
        group: u32,
        owed: (Key, &[u8], Facts),
        came: &str,
        receiver: &str,
        at_us: u64,
    ) {
        self.findings.count(FaultKind::Altered, 1);
        let (key, line, facts) = owed;
        self.missing += u64::from(key.is_said());
        let mut finding =
            self.finding(FaultKind::Altered, "its bytes changed", group, key, line, facts);
        finding.receiver = Some(receiver.to_owned());
        finding.came = Some(came.to_owned());
        finding.latency_us = Some(at_us.saturating_sub(facts.intended_us));
        finding.timeline.push(moment(at_us, format!("{receiver} gets something else")));
        self.findings.tell(finding);
    }

    /// A fault that is no copy's.
    pub(crate) fn member_fault(
        &mut self,
        kind: FaultKind,
        what: String,
        group: u32,
        member: &str,
        at_us: u64,
    ) {
        self.findings.count(kind, 1);
        self.findings.tell(Finding {
            fault: Some(kind),
            timeline: vec![moment(at_us, what.clone())],
            what,
            phase: self.phase_at(at_us),
            group: Some(group),
            receiver: Some(member.to_owned()),
            ..Finding::default()
        });
    }

    /// A copy that came, but so late that its line was let go: it counts as one that came.
    pub(super) fn late_copy(&mut self, key: Key) {
        if let Key::Said { .. } = key {
            self.verified += 1;
        } else {
            self.notices += 1;
        }
    }

    /// One of the slowest copies so far.
    pub(super) fn slow_copy(&mut self, entry: &Entry, stay: &Stay, now_us: u64, latency: u64) {
        let receiver = message::name(self.run(), stay.bot, stay.visit);
        let group = self.group_of(stay.bot).unwrap_or_default();
        let mut finding = self.slow_finding(group, entry);
        finding.latency_us = Some(latency);
        finding.timeline.push(moment(now_us, format!("{receiver} gets it")));
        finding.receiver = Some(receiver);
        self.findings.tell_slow(finding);
    }

    fn slow_finding(&self, group: u32, entry: &Entry) -> Finding {
        let mut finding =
            self.finding(FaultKind::Lost, "a slow copy", group, entry.key, b"", entry.facts);
        finding.fault = None;
        finding.expected = None;
        finding
    }

    fn finding(
        &self,
        kind: FaultKind,
        what: &str,
        group: u32,
        key: Key,
        line: &[u8],
        facts: Facts,
    ) -> Finding {
        let expected = String::from_utf8_lossy(line).trim_end().to_owned();
        let mut finding = Finding {
            fault: Some(kind),
            what: what.to_owned(),
            group: Some(group),
            expected: Some(expected),
            ..Finding::default()
        };
        if let Key::Said { bot, sequence } = key {
            finding.phase = self.recorder.phase_name(&self.plan, facts.window);
            finding.sender = Some(message::name(self.run(), bot, 0));
            finding.sequence = Some(sequence.into());
            finding.timeline.push(moment(facts.intended_us, "it was to be sent".to_owned()));
            let handed = "it was handed to the system".to_owned();
            finding.timeline.push(moment(facts.handed_us, handed));
        }
        if facts.first_us > 0 {
            let first = "the first member read it".to_owned();
            finding.timeline.push(moment(facts.first_us, first));
        }
        finding
    }

    fn phase_at(&self, at_us: u64) -> Option<String> {
        let since = self.phases_start_us.and_then(|start_us| at_us.checked_sub(start_us));
        let Some(since) = since else { return Some("join".to_owned()) };
        let mut phases = self.plan.phases.iter();
        let found = phases
            .find(|phase| (phase.start_us..phase.start_us + phase.length_us).contains(&since));
        found.map(|phase| phase.name.clone())
    }
}

fn moment(at_us: u64, what: String) -> Moment {
    Moment { at_us, what }
}
