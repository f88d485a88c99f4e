//! One run of the parts that several processes had of it.
//!
//! Counts and histograms are added, exactly, window by window: the first second of a phase of one part to
//! the first second of that phase of the others. A phase begins in the merged run when the last of the
//! parts began it, and the parts' own times stay in the evidence. What cannot be had from parts is left
//! out and not estimated: the median of the receivers' p99s, and the effect of the order of joining.

mod window;

use std::collections::BTreeMap;

use super::record::{
    CrowdRecord, Evidence, Fairness, FaultKind, Head, LedgerRecord, Machine, PhaseRecord,
    RunRecord, TargetRecord, TrustRecord,
};
use super::verdict;

/// Why runs cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// None were given.
    #[error("there is no run to merge")]
    Nothing,
    /// A run that is no part of one.
    #[error(
        "{0} is a whole run, and only the parts of one run can be merged; for runs that were repeated use \
         `simulator compare`"
    )]
    Whole(String),
    /// The same part, from two processes or given twice.
    #[error("part {0} of {1} is there twice; leave one out")]
    Twice(u32, u32),
    /// A part that was not given.
    #[error("part {0} of {1} is missing; only all parts together are the run")]
    Missing(u32, u32),
    /// Parts that are not of one plan.
    #[error(
        "part {part} differs from part {other} in {what}; only the parts of one run can be merged, for \
         other runs use `simulator compare`"
    )]
    Differs {
        /// The part.
        part: u32,
        /// The part it was compared with.
        other: u32,
        /// What differs.
        what: &'static str,
    },
}

/// Merges all parts of a run, given in any order, and judges it anew with its own gates.
///
/// The server is the same for all parts: of its cost, the largest that a part saw is taken. What the
/// simulators used is added. Where a part's simulator was late or busy the merged run has a doubt,
/// since the other parts would hide it.
///
/// # Errors
///
/// When the runs are not the parts of one run, each there once.
pub fn merge(mut parts: Vec<RunRecord>) -> Result<RunRecord, MergeError> {
    parts.sort_by_key(|part| part.head.part);
    check(&parts)?;
    let mut merged = match parts.len() {
        1 => parts.swap_remove(0),
        _ => add(&parts),
    };
    merged.head.verdict = Some(verdict::judge(&merged, &[]));
    Ok(merged)
}

/// Whether the runs, in the order of their parts, are one.
fn check(parts: &[RunRecord]) -> Result<(), MergeError> {
    let first = &parts.first().ok_or(MergeError::Nothing)?.head;
    if parts.len() > 1
        && let Some(whole) = parts.iter().find(|part| part.head.part.1 == 1)
    {
        let (file, started) = (&whole.head.file.path, &whole.head.started);
        let name = if file.is_empty() { "the run" } else { file };
        return Err(MergeError::Whole(format!("{name} of {started}")));
    }
    for part in &parts[1..] {
        same(first, &part.head)?;
    }
    let count = first.part.1;
    let mut expected = 1;
    for part in parts {
        let number = part.head.part.0;
        if number < expected {
            return Err(MergeError::Twice(number, count));
        }
        if number > expected {
            return Err(MergeError::Missing(expected, count));
        }
        expected += 1;
    }
    if expected <= count { Err(MergeError::Missing(expected, count)) } else { Ok(()) }
}

fn same(first: &Head, part: &Head) -> Result<(), MergeError> {
    let what = if part.part.1 != first.part.1 {
        "how many parts there are"
    } else if part.file.text != first.file.text {
        "its load file"
    } else if part.seed != first.seed {
        "its seed"
    } else if part.simulator != first.simulator {
        "the version of the simulator"
    } else if !same_phases(first, part) {
        "its phases"
    } else {
        return Ok(());
    };
    Err(MergeError::Differs { part: part.part.0, other: first.part.0, what })
}

/// Whether the phases were meant to be the same. A run that was cut short has fewer of them.
fn same_phases(one: &Head, other: &Head) -> bool {
    let meant = |phase: &PhaseRecord| {
        (phase.name.clone(), phase.measured, phase.scheduled, phase.shape.clone())
    };
    let whole = one.partial.is_none() && other.partial.is_none();
    (!whole || one.phases.len() == other.phases.len())
        && one.phases.iter().zip(&other.phases).all(|(one, other)| meant(one) == meant(other))
}

fn add(parts: &[RunRecord]) -> RunRecord {
    let heads: Vec<&Head> = parts.iter().map(|part| &part.head).collect();
    let first = heads[0];
    let phases = phases(&heads);
    let (windows, latencies) = window::add(parts, &phases);
    let head = Head {
        schema: first.schema,
        simulator: first.simulator.clone(),
        started: started(&heads),
        command: distinct(&heads, |head| head.command.clone()).join(" + "),
        file: first.file.clone(),
        seed: first.seed,
        part: (1, 1),
        run: distinct(&heads, |head| head.run.clone()).join("+"),
        target: target(&heads),
        machine: machine(&heads),
        crowd: crowd(&heads),
        phases,
        windows,
        ledger: ledger(&heads),
        fairness: fairness(&heads),
        partial: joined(&of_parts(&heads, |head| head.partial.clone())),
        gates: distinct_of(heads.iter().flat_map(|head| head.gates.clone())),
        trust: trust(&heads),
        allow: allowed(&heads),
        doubts: doubts(parts),
        server_ended: joined(&of_parts(&heads, |head| head.server_ended.clone())),
        verdict: None,
    };
    RunRecord { head, latencies, evidence: evidence(parts) }
}

/// The longest list of phases; each begins with the last of the parts and takes as long as the longest.
fn phases(heads: &[&Head]) -> Vec<PhaseRecord> {
    let mut merged: Vec<PhaseRecord> = Vec::new();
    for head in heads {
        for (index, phase) in head.phases.iter().enumerate() {
            match merged.get_mut(index) {
                None => merged.push(phase.clone()),
                Some(merged) => {
                    merged.start_us = merged.start_us.max(phase.start_us);
                    merged.length_us = merged.length_us.max(phase.length_us);
                }
            }
        }
    }
    merged
}

/// When the first part began.
fn started(heads: &[&Head]) -> String {
    let started = heads.iter().map(|head| &head.started);
    let first = started.min_by_key(|time| (time.parse::<jiff::Timestamp>().ok(), (*time).clone()));
    first.cloned().unwrap_or_default()
}

fn target(heads: &[&Head]) -> TargetRecord {
    TargetRecord {
        name: distinct(heads, |head| head.target.name.clone()).join(" + "),
        address: distinct(heads, |head| head.target.address.clone()).join(" + "),
        process_known: heads.iter().any(|head| head.target.process_known),
        // What was least had the fewest bots of other parts in it.
        base_rss_bytes: heads.iter().filter_map(|head| head.target.base_rss_bytes).min(),
    }
}

/// All machines that differ, as one.
fn machine(heads: &[&Head]) -> Machine {
    let mut machines: Vec<&Machine> = Vec::new();
    for head in heads {
        if !machines.contains(&&head.machine) {
            machines.push(&head.machine);
        }
    }
    Machine {
        cpu: distinct_of(machines.iter().map(|machine| machine.cpu.clone())).join(" + "),
        cores: machines.iter().fold(0, |sum, machine| sum.saturating_add(machine.cores)),
        memory_bytes: sum(machines.iter().map(|machine| machine.memory_bytes)),
        os: distinct_of(machines.iter().map(|machine| machine.os.clone())).join(" + "),
    }
}

fn crowd(heads: &[&Head]) -> CrowdRecord {
    let crowds = || heads.iter().map(|head| &head.crowd);
    let mut roles = BTreeMap::new();
    for (role, count) in crowds().flat_map(|crowd| &crowd.roles) {
        let all: &mut u64 = roles.entry(role.clone()).or_default();
        *all = all.saturating_add(*count);
    }
    let bases: Option<Vec<u64>> = crowds().map(|crowd| crowd.base_rss_bytes).collect();
    CrowdRecord {
        bots: sum(crowds().map(|crowd| crowd.bots)),
        groups: sum(crowds().map(|crowd| crowd.groups)),
        roles,
        joined: sum(crowds().map(|crowd| crowd.joined)),
        join_seconds: crowds().map(|crowd| crowd.join_seconds).fold(0.0, f64::max),
        refused: sum(crowds().map(|crowd| crowd.refused)),
        cut_off: sum(crowds().map(|crowd| crowd.cut_off)),
        base_rss_bytes: bases.map(|bases| sum(bases.into_iter())),
    }
}

fn ledger(heads: &[&Head]) -> LedgerRecord {
    let ledgers = || heads.iter().map(|head| &head.ledger);
    let mut faults: BTreeMap<FaultKind, u64> = BTreeMap::new();
    for (kind, count) in ledgers().flat_map(|ledger| &ledger.faults) {
        let all = faults.entry(*kind).or_default();
        *all = all.saturating_add(*count);
    }
    LedgerRecord {
        sends: sum(ledgers().map(|ledger| ledger.sends)),
        expected: sum(ledgers().map(|ledger| ledger.expected)),
        verified: sum(ledgers().map(|ledger| ledger.verified)),
        notices: sum(ledgers().map(|ledger| ledger.notices)),
        faults,
    }
}

/// The best and the worst of all parts. Where only one part has receivers with enough copies, its
/// figures are those of the whole.
fn fairness(heads: &[&Head]) -> Option<Fairness> {
    let all: Vec<&Fairness> = heads.iter().filter_map(|head| head.fairness.as_ref()).collect();
    if let [only] = all[..] {
        return Some(only.clone());
    }
    // Of equals the first, so that the order in which parts are given does not matter.
    let worst = all.iter().rev().max_by_key(|fairness| fairness.worst_p99_us)?;
    Some(Fairness {
        receivers: sum(all.iter().map(|fairness| fairness.receivers)),
        best_p99_us: all.iter().map(|fairness| fairness.best_p99_us).min()?,
        median_p99_us: None,
        worst_p99_us: worst.worst_p99_us,
        worst: worst.worst.clone(),
        median_by_join_order_us: Vec::new(),
    })
}

/// The strictest limits, and all threads.
fn trust(heads: &[&Head]) -> TrustRecord {
    let limits = || heads.iter().map(|head| &head.trust);
    TrustRecord {
        lateness_p99_us: limits().map(|trust| trust.lateness_p99_us).min().unwrap_or(0),
        busy: limits().map(|trust| trust.busy).fold(f64::INFINITY, f64::min),
        threads: limits().fold(0, |sum, trust| sum.saturating_add(trust.threads)),
    }
}

/// What every part allows.
fn allowed(heads: &[&Head]) -> Vec<FaultKind> {
    let everywhere = |kind: &FaultKind| heads.iter().all(|head| head.allow.contains(kind));
    heads[0].allow.iter().copied().filter(everywhere).collect()
}

fn doubts(parts: &[RunRecord]) -> Vec<String> {
    let of_part = |part: &RunRecord| {
        let (number, count) = part.head.part;
        let all = part.head.doubts.iter().cloned().chain(verdict::trust_reasons(part));
        all.map(|doubt| format!("part {number} of {count}: {doubt}")).collect::<Vec<_>>()
    };
    parts.iter().flat_map(of_part).collect()
}

/// Every fault, part after part, and then the slow copies, the slowest first.
fn evidence(parts: &[RunRecord]) -> Vec<Evidence> {
    let mut all: Vec<Evidence> = parts.iter().flat_map(|part| part.evidence.clone()).collect();
    all.sort_by_key(|one| match one.fault {
        Some(_) => (false, 0),
        None => (true, u64::MAX - one.latency_us.unwrap_or(0)),
    });
    all
}

/// What some parts have to say, with the parts' numbers.
fn of_parts(heads: &[&Head], what: impl Fn(&Head) -> Option<String>) -> Vec<String> {
    let said = heads.iter().filter_map(|head| {
        let (number, count) = head.part;
        what(head).map(|text| format!("part {number} of {count}: {text}"))
    });
    said.collect()
}

fn joined(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn distinct(heads: &[&Head], what: impl Fn(&Head) -> String) -> Vec<String> {
    distinct_of(heads.iter().map(|head| what(head)))
}

/// Each text once, in the order of the first.
fn distinct_of(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct
}

fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests;
