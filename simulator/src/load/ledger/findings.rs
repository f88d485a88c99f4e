//! What was found: counts of all faults, the evidence of most, and the slowest copies.

use std::collections::BTreeMap;

use crate::load::record::{Evidence, FaultKind};

/// How many faults are told in full; the rest are counted only.
const MAX_TOLD: usize = 10_000;

/// How many of the slowest copies are told.
const SLOWEST: usize = 20;

/// A fault or a slow copy, as it goes into the evidence.
pub(crate) type Finding = Evidence;

/// Everything that a thread found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    counts: BTreeMap<FaultKind, u64>,
    told: Vec<Finding>,
    /// The slowest copies, the fastest of them first.
    slowest: Vec<Finding>,
    /// What a copy has to take longer than to be among them.
    slow_enough_us: u64,
}

impl Findings {
    /// Faults are counted whether they are told or not.
    pub(super) fn count(&mut self, kind: FaultKind, count: u64) {
        *self.counts.entry(kind).or_default() += count;
    }

    pub(super) fn has_room(&self) -> bool {
        self.told.len() < MAX_TOLD
    }

    pub(super) fn tell(&mut self, mut finding: Finding) {
        if self.has_room() {
            finding.timeline.sort_by_key(|moment| moment.at_us);
            self.told.push(finding);
        }
    }

    pub(super) fn slow_enough_us(&self) -> u64 {
        self.slow_enough_us
    }

    pub(super) fn tell_slow(&mut self, mut finding: Finding) {
        finding.timeline.sort_by_key(|moment| moment.at_us);
        let place = self.slowest.partition_point(|other| other.latency_us <= finding.latency_us);
        self.slowest.insert(place, finding);
        if self.slowest.len() > SLOWEST {
            self.slowest.remove(0);
            self.slow_enough_us = self.slowest[0].latency_us.unwrap_or_default();
        }
    }

    /// Adds what another thread found.
    pub(super) fn add(&mut self, other: Findings) {
        other.counts.into_iter().for_each(|(kind, count)| self.count(kind, count));
        other.told.into_iter().for_each(|finding| self.tell(finding));
        other.slowest.into_iter().for_each(|finding| self.tell_slow(finding));
    }

    pub(crate) fn counts(&self) -> &BTreeMap<FaultKind, u64> {
        &self.counts
    }

    /// The faults in the order in which they were found, then the slowest copies, slowest first.
    pub(crate) fn into_evidence(self) -> impl Iterator<Item = Evidence> {
        self.told.into_iter().chain(self.slowest.into_iter().rev())
    }
}
