//! How each figure is had from a record.

use hdrhistogram::Histogram;

use super::metric::{JOIN, Metric, Missing, Name, Stat};
use super::units::whole;
use crate::load::figures::{self, Measure};
use crate::load::record::{
    Cost, Fairness, FaultKind, LedgerRecord, Outcome, RunRecord, WindowRecord,
};

/// How many samples there have to be beyond a percentile: fewer, and the next run has another one.
const BEYOND: u64 = 10;

impl Metric {
    /// The figure, in the smallest part of its unit.
    ///
    /// # Errors
    ///
    /// When the run has no such figure, or too few samples for it.
    pub fn value(&self, record: &RunRecord) -> Result<f64, Missing> {
        let head = &record.head;
        match self.name {
            Name::Times { measure, all, stat } => self.of_times(record, measure, all, stat),
            Name::Fault(kind) => {
                let found = head.ledger.faults.get(&kind).copied().unwrap_or(0);
                self.found_or_checked(found, kind, record)
            }
            Name::Faults => {
                self.found_or_checked(all_faults(&head.ledger), FaultKind::Lost, record)
            }
            Name::SendsRate => self.rate(record, |window| window.sends, "nothing was sent"),
            Name::CopiesRate => self.rate(record, |window| window.copies, "no copy arrived"),
            Name::ServerRss => {
                let costs = self.server_costs(record)?;
                Ok(costs.iter().map(|(_, cost)| cost.rss_bytes).max().unwrap_or(0) as f64)
            }
            Name::ServerRssPerBot => self.server_rss_per_bot(record),
            Name::ServerCpuPerDelivery => {
                let costs = self.server_costs(record)?;
                let copies = sum(costs.iter().map(|(window, _)| window.copies));
                self.ratio(
                    sum(costs.iter().map(|(_, cost)| cost.cpu_us)),
                    copies,
                    "no copy arrived",
                )
            }
            Name::ServerCpu => {
                let costs = self.server_costs(record)?;
                let time = sum(costs.iter().map(|(window, _)| window.length_us));
                self.ratio(sum(costs.iter().map(|(_, cost)| cost.cpu_us)), time, "it took no time")
            }
            Name::GeneratorCpu => self.generator_cpu(record),
            Name::GeneratorRssPerBot => {
                let last = last_of_join(record).map(|window| window.generator);
                self.rss_per_bot(record, last, head.crowd.base_rss_bytes)
            }
            Name::FairnessWorstP99 => Ok(self.fairness(record)?.worst_p99_us as f64),
            Name::FairnessRatio => {
                let fairness = self.fairness(record)?;
                let median = fairness.median_p99_us.ok_or_else(|| {
                    self.no_data("is not known of a run that was merged of several parts")
                })?;
                self.ratio(fairness.worst_p99_us, median, "the median is no time at all")
            }
            Name::Joined => Ok(head.crowd.joined as f64),
            Name::JoinSeconds if head.crowd.joined == 0 => Err(self.no_data(NOBODY)),
            Name::JoinSeconds => Ok(head.crowd.join_seconds * 1e6),
        }
    }

    /// The windows that the figure is about, and their histograms' indices.
    fn windows<'r>(
        &self,
        record: &'r RunRecord,
    ) -> impl Iterator<Item = (usize, &'r WindowRecord)> {
        let joins = matches!(self.name, Name::Times { measure: Measure::Join, .. });
        let phase = self.phase.clone().or_else(|| joins.then(|| JOIN.to_owned()));
        let head = &record.head;
        head.windows.iter().enumerate().filter(move |(_, window)| {
            let of = head.phases.get(window.phase);
            of.is_some_and(|of| phase.as_ref().map_or(of.measured, |phase| of.name == *phase))
        })
    }

    /// Everything that the histograms of the figure's windows have, added.
    pub(crate) fn histogram(&self, record: &RunRecord) -> Histogram<u64> {
        let mut merged = figures::empty();
        let Name::Times { measure, all, .. } = self.name else { return merged };
        let measures = [Some(measure), all.then_some(Measure::OtherDelivery)];
        for (index, _) in self.windows(record) {
            for measure in measures.into_iter().flatten() {
                if let Some(histogram) = record.latencies.get(index).and_then(|at| at.get(measure))
                {
                    merged.add(histogram).expect("the histogram grows up to the maximum");
                }
            }
        }
        merged
    }

    fn of_times(
        &self,
        record: &RunRecord,
        measure: Measure,
        all: bool,
        stat: Stat,
    ) -> Result<f64, Missing> {
        debug_assert!(self.name == Name::Times { measure, all, stat });
        let histogram = self.histogram(record);
        if histogram.is_empty() {
            return Err(self.no_data("has no sample"));
        }
        Ok(match stat {
            Stat::Percentile(thousandths) => {
                self.enough(histogram.len(), thousandths)?;
                histogram.value_at_quantile(f64::from(thousandths) / 100_000.0) as f64
            }
            Stat::Min => histogram.min() as f64,
            Stat::Max => histogram.max() as f64,
            Stat::Mean => histogram.mean(),
            Stat::Count => histogram.len() as f64,
        })
    }

    fn enough(&self, samples: u64, thousandths: u32) -> Result<(), Missing> {
        let needed = samples_needed(thousandths);
        if samples >= needed {
            return Ok(());
        }
        let (have, need) = (whole(samples), whole(needed));
        Err(self.no_data(&format!(
            "needs {need} samples, and there are {have}; run longer, or at a higher rate"
        )))
    }

    /// How many faults were found. None is a figure only where something was looked at in which the
    /// fault could have been found.
    fn found_or_checked(
        &self,
        found: u64,
        kind: FaultKind,
        record: &RunRecord,
    ) -> Result<f64, Missing> {
        let head = &record.head;
        match kind {
            _ if found > 0 => Ok(found as f64),
            FaultKind::Disconnected if head.crowd.joined == 0 => Err(self.no_data(NOBODY)),
            FaultKind::Admitted if head.crowd.refused == 0 => {
                Err(self.no_data("has no data: nobody came with a wrong password"))
            }
            FaultKind::Disconnected | FaultKind::Admitted => Ok(0.0),
            _ if head.ledger.expected == 0 => {
                Err(self.no_data("has no data: no copy had to arrive"))
            }
            _ => Ok(0.0),
        }
    }

    fn rate(
        &self,
        record: &RunRecord,
        count: impl Fn(&WindowRecord) -> u64,
        nothing: &str,
    ) -> Result<f64, Missing> {
        let (events, time) =
            self.windows(record).fold((0u64, 0u64), |(events, time), (_, window)| {
                (events.saturating_add(count(window)), time.saturating_add(window.length_us))
            });
        if events == 0 || time == 0 {
            return Err(self.no_data(&format!("has no data: {nothing}")));
        }
        Ok(events as f64 * 1e6 / time as f64)
    }

    fn generator_cpu(&self, record: &RunRecord) -> Result<f64, Missing> {
        let cpu = sum(self.windows(record).map(|(_, window)| window.generator.cpu_us));
        let time = sum(self.windows(record).map(|(_, window)| window.length_us));
        let threads = u64::from(record.head.trust.threads.max(1));
        self.ratio(cpu, time.saturating_mul(threads), "it took no time")
    }

    fn server_costs<'r>(
        &self,
        record: &'r RunRecord,
    ) -> Result<Vec<(&'r WindowRecord, Cost)>, Missing> {
        self.server_known(record)?;
        let windows = self.windows(record);
        let costs: Vec<_> =
            windows.filter_map(|(_, window)| window.server.map(|cost| (window, cost))).collect();
        if costs.is_empty() {
            return Err(self.no_data("has no data: the server's process was never looked at"));
        }
        Ok(costs)
    }

    fn server_known(&self, record: &RunRecord) -> Result<(), Missing> {
        if record.head.target.process_known {
            return Ok(());
        }
        let why = format!(
            "{self} cannot be asked of this run: the server's process is not known with --connect; \
             let the simulator start the server, or leave the gate out"
        );
        Err(Missing { outcome: Outcome::Invalid, why })
    }

    fn server_rss_per_bot(&self, record: &RunRecord) -> Result<f64, Missing> {
        self.server_known(record)?;
        let last = last_of_join(record).and_then(|window| window.server);
        self.rss_per_bot(record, last, record.head.target.base_rss_bytes)
    }

    fn rss_per_bot(
        &self,
        record: &RunRecord,
        last: Option<Cost>,
        base: Option<u64>,
    ) -> Result<f64, Missing> {
        let (Some(last), Some(base)) = (last, base) else {
            return Err(self
                .no_data("has no data: the memory before and after the joining was not measured"));
        };
        self.ratio(last.rss_bytes.saturating_sub(base), record.head.crowd.joined, "no bot joined")
    }

    fn fairness<'r>(&self, record: &'r RunRecord) -> Result<&'r Fairness, Missing> {
        record.head.fairness.as_ref().ok_or_else(|| {
            self.no_data("has no data: no receiver had enough copies for a 99th percentile")
        })
    }

    fn ratio(&self, above: u64, below: u64, nothing: &str) -> Result<f64, Missing> {
        if below == 0 {
            return Err(self.no_data(&format!("has no data: {nothing}")));
        }
        Ok(above as f64 / below as f64)
    }

    fn no_data(&self, why: &str) -> Missing {
        Missing { outcome: Outcome::Untrusted, why: format!("{self} {why}") }
    }
}

const NOBODY: &str = "has no data: no bot joined";

/// How many samples there have to be for a percentile, in thousandths of a percent.
pub(crate) fn samples_needed(thousandths: u32) -> u64 {
    (BEYOND * 100_000).div_ceil(u64::from(100_000 - thousandths.min(99_999)))
}

fn all_faults(ledger: &LedgerRecord) -> u64 {
    sum(ledger.faults.values().copied())
}

fn last_of_join(record: &RunRecord) -> Option<&WindowRecord> {
    let head = &record.head;
    let is_join = |window: &&WindowRecord| {
        head.phases.get(window.phase).is_some_and(|phase| phase.name == JOIN)
    };
    head.windows.iter().rfind(is_join)
}

/// The sum of counts, which a corrupt record cannot make overflow.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}
