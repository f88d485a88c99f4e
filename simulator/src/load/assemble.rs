//! From what the threads leave to the record of the run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::bots::{Outcome, Shared};
use super::figures::Latencies;
use super::ledger::Books;
use super::meter::{Reading, machine};
use super::plan::{Plan, Role};
use super::record::{
    CrowdRecord, Evidence, Fairness, Head, LedgerRecord, LoadFile, PhaseRecord, RunRecord,
    SCHEMA_VERSION, TargetRecord, TrustRecord, WindowRecord,
};
use super::run::Settings;
use super::spec::{Rate, Shape};

/// What was seen of a run from the outside.
#[derive(Debug)]
pub(super) struct Course {
    started: SystemTime,
    /// Before the first bot.
    base: Reading,
    /// Second by second while bots join, the last one shorter.
    pub(super) join_costs: Vec<Reading>,
    /// When the first phase began, in microseconds of the run.
    pub(super) phases_start_us: u64,
    /// Window by window of the phases that were carried out.
    pub(super) costs: Vec<Reading>,
    /// When the phases were broken off, in microseconds of the run.
    pub(super) ended_us: Option<u64>,
    pub(super) partial: Option<String>,
    /// What makes the run untrusted, in words.
    pub(super) doubts: Vec<String>,
    /// How many threads the bots had.
    threads: usize,
    pub(super) server_ended: Option<String>,
}

impl Course {
    pub(super) fn new(started: SystemTime, base: Reading, threads: usize) -> Self {
        Course {
            started,
            base,
            join_costs: Vec::new(),
            phases_start_us: 0,
            costs: Vec::new(),
            ended_us: None,
            partial: None,
            doubts: Vec::new(),
            threads,
            server_ended: None,
        }
    }
}

/// A window of the joining, in microseconds.
const SECOND_US: u64 = 1_000_000;

/// Puts the record together.
pub(super) fn record(
    shared: &Shared,
    settings: &Settings,
    course: Course,
    outcomes: Vec<Outcome>,
) -> RunRecord {
    let plan = &shared.plan;
    let totals = Totals::of(outcomes, plan);
    let mut windows = Vec::new();
    let mut latencies = Vec::new();
    join_windows(&course, &totals.books, &mut windows, &mut latencies);
    phase_windows(plan, &course, &totals.books, &mut windows, &mut latencies);
    let spec = &shared.spec;
    let verified = totals.books.verified;
    let faults = totals.books.findings.counts().clone();
    let fairness = fairness(plan, &totals.receivers);
    let doubts = totals.doubts.iter().map(|(why, count)| match count {
        1 => why.clone(),
        count => format!("{why} ({count} times)"),
    });
    let head = Head {
        schema: SCHEMA_VERSION,
        simulator: env!("CARGO_PKG_VERSION").to_owned(),
        started: utc(course.started),
        command: settings.command.clone(),
        file: LoadFile {
            path: spec.source.path().display().to_string(),
            text: spec.source.text().to_owned(),
            title: spec.title.clone(),
        },
        seed: settings.seed,
        part: settings.part,
        run: plan.run.to_string(),
        target: TargetRecord {
            name: settings.target.describe(),
            address: shared.server.to_string(),
            process_known: course.base.server.is_some(),
            base_rss_bytes: course.base.server.map(|cost| cost.rss_bytes),
        },
        machine: machine(),
        crowd: crowd(plan, settings, &totals, course.base.generator.rss_bytes),
        phases: phases(plan, &course),
        windows,
        ledger: LedgerRecord {
            sends: totals.sends,
            expected: verified + totals.books.missing,
            verified,
            notices: totals.books.notices,
            faults,
        },
        fairness,
        partial: course.partial,
        gates: spec.gates.clone(),
        trust: TrustRecord {
            lateness_p99_us: micros(spec.trust.lateness_p99),
            busy: spec.trust.busy,
            threads: u32::try_from(course.threads).unwrap_or(u32::MAX),
        },
        allow: spec.allow.iter().copied().collect(),
        doubts: course.doubts.into_iter().chain(doubts).collect(),
        server_ended: course.server_ended,
        verdict: None,
    };
    let mut evidence: Vec<Evidence> = totals.books.findings.into_evidence().collect();
    // The faults first, in order; of the slow copies, the slowest first.
    evidence.sort_by_key(|one| (one.fault.is_none(), std::cmp::Reverse(one.slowness())));
    RunRecord { head, latencies, evidence }
}

impl Evidence {
    fn slowness(&self) -> u64 {
        if self.fault.is_none() { self.latency_us.unwrap_or_default() } else { 0 }
    }
}

/// What all threads together have.
struct Totals {
    books: Books,
    joined: u32,
    joined_us: u64,
    doubts: BTreeMap<String, u32>,
    sends: u64,
    refused: u64,
    cut_off: u64,
    receivers: Vec<(u32, u64, u64)>,
}

impl Totals {
    fn of(outcomes: Vec<Outcome>, plan: &Arc<Plan>) -> Totals {
        let mut totals = Totals {
            books: Books::new(Arc::clone(plan)),
            joined: 0,
            joined_us: 0,
            doubts: BTreeMap::new(),
            sends: 0,
            refused: 0,
            cut_off: 0,
            receivers: Vec::new(),
        };
        for outcome in outcomes {
            totals.books.add_all(outcome.books);
            totals.joined += outcome.joined;
            totals.joined_us = totals.joined_us.max(outcome.joined_us);
            for (why, count) in outcome.doubts {
                *totals.doubts.entry(why).or_default() += count;
            }
            totals.sends += outcome.sends;
            totals.refused += outcome.refused;
            totals.cut_off += outcome.cut_off;
            totals.receivers.extend(outcome.receivers);
        }
        totals
    }
}

fn join_windows(
    course: &Course,
    books: &Books,
    windows: &mut Vec<WindowRecord>,
    latencies: &mut Vec<Latencies>,
) {
    let count = course.phases_start_us.div_ceil(SECOND_US).max(1);
    for second in 0..count {
        let start_us = second * SECOND_US;
        // The last reading came with the first phase, whichever second that was.
        let whole = &course.join_costs[..course.join_costs.len().saturating_sub(1)];
        let reading = whole.get(second as usize);
        windows.push(WindowRecord {
            phase: 0,
            start_us,
            length_us: SECOND_US.min(course.phases_start_us.saturating_sub(start_us)),
            sends: 0,
            copies: 0,
            server: reading.and_then(|reading| reading.server),
            generator: reading.map(|reading| reading.generator).unwrap_or_default(),
        });
        let joining = books.recorder.joining().get(second as usize);
        latencies.push(joining.cloned().unwrap_or_default());
    }
    if let (Some(window), Some(last)) = (windows.last_mut(), course.join_costs.last()) {
        window.server = last.server;
        window.generator = last.generator;
    }
}

fn phase_windows(
    plan: &Plan,
    course: &Course,
    books: &Books,
    windows: &mut Vec<WindowRecord>,
    latencies: &mut Vec<Latencies>,
) {
    let carried_out = plan.windows().into_iter().zip(books.recorder.windows());
    for ((window, (sends, copies, measured)), reading) in carried_out.zip(&course.costs) {
        let start_us = course.phases_start_us + window.start_us;
        let end_us = course.ended_us.unwrap_or(u64::MAX).max(start_us);
        windows.push(WindowRecord {
            phase: window.phase as usize + 1,
            start_us,
            length_us: window.length_us.min(end_us - start_us),
            sends,
            copies,
            server: reading.server,
            generator: reading.generator,
        });
        latencies.push(measured);
    }
}

fn crowd(plan: &Plan, settings: &Settings, totals: &Totals, base_rss: u64) -> CrowdRecord {
    let (part, of) = settings.part;
    let bots: Vec<_> = plan.bots.iter().filter(|bot| bot.group % of == part - 1).collect();
    let mut roles = BTreeMap::new();
    for role in Role::ALL {
        let count = bots.iter().filter(|bot| bot.role == role).count() as u64;
        if count > 0 {
            roles.insert(role.as_str().to_owned(), count);
        }
    }
    let groups = (0..plan.groups.len()).filter(|number| *number as u32 % of == part - 1);
    CrowdRecord {
        bots: bots.len() as u64,
        groups: groups.count() as u64,
        roles,
        joined: totals.joined.into(),
        join_seconds: totals.joined_us as f64 / 1e6,
        refused: totals.refused,
        cut_off: totals.cut_off,
        base_rss_bytes: Some(base_rss),
    }
}

fn phases(plan: &Plan, course: &Course) -> Vec<PhaseRecord> {
    let joining = PhaseRecord {
        name: "join".to_owned(),
        start_us: 0,
        length_us: course.phases_start_us,
        measured: false,
        scheduled: true,
        shape: "bots join".to_owned(),
    };
    let rest = plan.phases.iter().map(|phase| {
        let start_us = course.phases_start_us + phase.start_us;
        let end_us = course.ended_us.unwrap_or(u64::MAX).max(start_us);
        PhaseRecord {
            name: phase.name.clone(),
            start_us,
            length_us: phase.length_us.min(end_us - start_us),
            measured: phase.measured,
            scheduled: !matches!(phase.shape, Shape::Saturate(_)),
            shape: shape(&phase.shape),
        }
    });
    std::iter::once(joining).chain(rest).collect()
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Steady(Rate(rate)) => format!("{rate}/s"),
        Shape::Ramp(Rate(from), Rate(to)) => format!("{from}/s to {to}/s"),
        Shape::Saturate(window) => format!("saturated, {window} under way a talker"),
    }
}

/// How evenly the receivers were served.
fn fairness(plan: &Plan, receivers: &[(u32, u64, u64)]) -> Option<Fairness> {
    let mut by_p99: Vec<(u64, u32)> = receivers.iter().map(|(bot, _, p99)| (*p99, *bot)).collect();
    by_p99.sort_unstable();
    let (worst_p99_us, worst) = *by_p99.last()?;
    let group = plan.bots[worst as usize].group;
    Some(Fairness {
        receivers: by_p99.len() as u64,
        best_p99_us: by_p99[0].0,
        median_p99_us: Some(by_p99[by_p99.len() / 2].0),
        worst_p99_us,
        worst: format!("{} in group {group}", super::message::name(plan.run, worst, 0)),
        median_by_join_order_us: by_join_order(plan, receivers),
    })
}

/// The median of the receivers' medians, by the tenth of their group in which they joined.
fn by_join_order(plan: &Plan, receivers: &[(u32, u64, u64)]) -> Vec<u64> {
    let mut ranks = BTreeMap::new();
    for group in &plan.groups {
        let members = group.members();
        for (rank, bot) in members.iter().enumerate() {
            ranks.insert(*bot, rank * TENTHS / members.len());
        }
    }
    let mut tenths = vec![Vec::new(); TENTHS];
    for (bot, p50, _) in receivers {
        if let Some(tenth) = ranks.get(bot) {
            tenths[*tenth].push(*p50);
        }
    }
    if tenths.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    tenths.iter_mut().for_each(|tenth| tenth.sort_unstable());
    tenths.iter().map(|tenth| tenth[tenth.len() / 2]).collect()
}

const TENTHS: usize = 10;

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn utc(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    time.round(jiff::Unit::Second).unwrap_or(time).to_string()
}
