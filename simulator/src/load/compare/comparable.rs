//! Which runs say something about each other.
//!
//! The file, the crowd and the machine have to be the same; what may differ is the server. The seed may
//! differ as well: it moves the same sends about in time, and a difference that a server shows with one
//! seed only is no difference between servers. So runs with several seeds say more, not less.

use std::collections::BTreeSet;

use super::{Metric, Options};
use crate::load::record::{CrowdRecord, Head, Machine, Outcome, RunRecord};

/// The flag that compares runs of different machines all the same.
pub const ANY_MACHINE: &str = "--any-machine";

/// The flag that compares partial, untrusted and faulty runs all the same.
pub const UNTRUSTED_TOO: &str = "--untrusted-too";

/// Two machines have the same memory when it differs by no more than this: a kernel keeps a few
/// megabytes for itself, not always the same.
const SAME_MEMORY: f64 = 0.02;

const ONE_FILE: &str = "make both runs with one file";

/// Why runs cannot be compared, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// There is nothing on one side.
    #[error("there is no run on the {0} side: give at least one run directory")]
    NoRun(&'static str),
    /// A run counts twice.
    #[error("run `{0}` is given twice on one side: give each run once")]
    Twice(String),
    /// The options are no shares.
    #[error("{0}")]
    Options(&'static str),
    /// The load files differ.
    #[error("the runs `{0}` and `{1}` are of different load files: {2}; {ONE_FILE}")]
    File(String, String, String),
    /// The crowds differ.
    #[error("the runs `{0}` and `{1}` had different crowds: {2}")]
    Crowd(String, String, String),
    /// The machines differ.
    #[error(
        "the runs `{0}` and `{1}` were made on different machines: {2}; make both on one machine, or \
         compare them all the same with {ANY_MACHINE}"
    )]
    Machine(String, String, String),
    /// A run cannot be relied on.
    #[error("run `{0}` {1}; make it again, or compare it all the same with {UNTRUSTED_TOO}")]
    Unreliable(String, String),
    /// The cost of the server was not measured.
    #[error(
        "run `{0}` does not know the server's process, so there is no server.cpu_per_delivery: let \
         the simulator start the server, or compare another metric"
    )]
    NoServerCost(String),
}

/// Checks that runs may be compared.
pub(super) fn check(
    base: &[RunRecord],
    new: &[RunRecord],
    metric: Metric,
    options: &Options,
) -> Result<(), CompareError> {
    options.check()?;
    let first = &base.first().ok_or(CompareError::NoRun("base"))?.head;
    if new.is_empty() {
        return Err(CompareError::NoRun("new"));
    }
    for side in [base, new] {
        let mut seen = BTreeSet::new();
        for RunRecord { head, .. } in side {
            if !seen.insert((&head.run, &head.started)) {
                return Err(CompareError::Twice(head.run.clone()));
            }
        }
    }
    for RunRecord { head, .. } in base.iter().chain(new) {
        let named = |what: String| (first.run.clone(), head.run.clone(), what);
        if let Some(what) = files_differ(first, head) {
            let (a, b, what) = named(what);
            return Err(CompareError::File(a, b, what));
        }
        if let Some(what) = crowds_differ(first, head, options.untrusted_too) {
            let (a, b, what) = named(what);
            return Err(CompareError::Crowd(a, b, what));
        }
        if let Some(what) = machines_differ(&first.machine, &head.machine)
            && !options.any_machine
        {
            let (a, b, what) = named(what);
            return Err(CompareError::Machine(a, b, what));
        }
        if let Some(what) = unreliable(head)
            && !options.untrusted_too
        {
            return Err(CompareError::Unreliable(head.run.clone(), what));
        }
        if metric == Metric::CpuPerDelivery && !head.target.process_known {
            return Err(CompareError::NoServerCost(head.run.clone()));
        }
    }
    Ok(())
}

impl Options {
    fn check(&self) -> Result<(), CompareError> {
        if !(self.confidence > 0.0 && self.confidence < 1.0) {
            return Err(CompareError::Options("the confidence has to lie between 0 and 100 %"));
        }
        let shares = [self.least_effect, self.unseen, self.run_to_run];
        if !shares.iter().all(|share| share.is_finite() && *share >= 0.0) {
            return Err(CompareError::Options("a share has to be 0 % or more"));
        }
        if self.unseen <= self.least_effect {
            return Err(CompareError::Options(
                "the difference that may stay unseen has to be greater than the least that matters",
            ));
        }
        Ok(())
    }
}

/// What differs between two load files, leaving out what changes no load.
fn files_differ(a: &Head, b: &Head) -> Option<String> {
    if a.file.text == b.file.text || same_load(&a.file.text, &b.file.text) {
        return None;
    }
    let mut lines = a.file.text.lines();
    let mut others = b.file.text.lines();
    for number in 1_usize.. {
        match (lines.next(), others.next()) {
            (None, None) => break,
            (one, other) if one == other => {}
            (one, other) => {
                let show = |line: Option<&str>| {
                    line.map_or("nothing".to_owned(), |line| format!("`{}`", line.trim()))
                };
                return Some(format!("line {number} is {} and {}", show(one), show(other)));
            }
        }
    }
    Some("their line ends".to_owned())
}

/// Whether two files ask for the same load: comments, the title and the gates put no load on a server.
fn same_load(a: &str, b: &str) -> bool {
    let load = |text: &str| {
        let mut table: toml::Table = text.parse().ok()?;
        for key in ["title", "gates", "allow", "trust"] {
            table.remove(key);
        }
        Some(table)
    };
    matches!((load(a), load(b)), (Some(a), Some(b)) if a == b)
}

fn crowds_differ(a: &Head, b: &Head, untrusted_too: bool) -> Option<String> {
    let CrowdRecord { bots, groups, roles, joined, .. } = &a.crowd;
    let phases = |head: &Head| -> Vec<(String, bool)> {
        head.phases.iter().map(|phase| (phase.name.clone(), phase.measured)).collect()
    };
    if a.part != b.part {
        let ((one, of), (other, all)) = (a.part, b.part);
        Some(format!(
            "part {one} of {of} and part {other} of {all}; merge the parts of each run first"
        ))
    } else if *bots != b.crowd.bots {
        Some(format!("{bots} and {} bots; {ONE_FILE}", b.crowd.bots))
    } else if *groups != b.crowd.groups {
        Some(format!("{groups} and {} groups; {ONE_FILE}", b.crowd.groups))
    } else if let Some(role) = roles
        .keys()
        .chain(b.crowd.roles.keys())
        .find(|role| roles.get(*role).unwrap_or(&0) != b.crowd.roles.get(*role).unwrap_or(&0))
    {
        let count = |crowd: &CrowdRecord| crowd.roles.get(role).copied().unwrap_or(0);
        let (one, other) = (count(&a.crowd), count(&b.crowd));
        Some(format!("the role `{role}` had {one} and {other} bots; {ONE_FILE}"))
    } else if *joined != b.crowd.joined && !untrusted_too {
        let other = b.crowd.joined;
        Some(format!(
            "{joined} and {other} bots joined; make them again until everybody joins, or compare them \
             all the same with {UNTRUSTED_TOO}"
        ))
    } else if phases(a) != phases(b) && a.partial.is_none() && b.partial.is_none() {
        Some(format!("they had different phases; {ONE_FILE}"))
    } else {
        None
    }
}

fn machines_differ(a: &Machine, b: &Machine) -> Option<String> {
    let (memory, other) = (a.memory_bytes as f64, b.memory_bytes as f64);
    if a.cpu != b.cpu {
        Some(format!("`{}` and `{}`", a.cpu, b.cpu))
    } else if a.cores != b.cores {
        Some(format!("{} and {} cores", a.cores, b.cores))
    } else if (memory - other).abs() > SAME_MEMORY * memory.max(other) {
        let gib = |bytes: f64| bytes / f64::from(1 << 30);
        Some(format!("{:.1} and {:.1} GiB of memory", gib(memory), gib(other)))
    } else if a.os != b.os {
        Some(format!("`{}` and `{}`", a.os, b.os))
    } else {
        None
    }
}

/// Why the figures of a run say little about its server.
fn unreliable(head: &Head) -> Option<String> {
    if let Some(why) = &head.partial {
        return Some(format!("is partial ({why})"));
    }
    if let Some(doubt) = head.doubts.first() {
        return Some(format!("is untrusted ({doubt})"));
    }
    let untrusted = head.verdict.as_ref().filter(|verdict| verdict.outcome == Outcome::Untrusted);
    if let Some(verdict) = untrusted {
        let why = verdict.reasons.first().map_or("its verdict says so", String::as_str);
        return Some(format!("is untrusted ({why})"));
    }
    // A server that loses copies has less to do: its figures are no merit.
    let (kind, count) = head
        .ledger
        .faults
        .iter()
        .find(|(kind, count)| **count > 0 && !head.allow.contains(kind))?;
    Some(format!("has faults ({count} {})", kind.as_str()))
}
