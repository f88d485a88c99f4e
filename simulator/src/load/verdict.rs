//! The judgement on a run: passed, failed, invalid, or not to be trusted.
//!
//! When several apply, the first in this order wins: a gate that cannot be asked of the run is invalid;
//! a fault, a gate that does not hold or a server that ended is a failure; figures that do not carry the
//! judgement are untrusted. A run passes only when nothing of this is found, so that one without data
//! never does.

use super::figures::Measure;
use super::gate::{Gate, Metric, Name, Stat, Unit, format_value, whole};
use super::record::{GateRecord, Outcome, PhaseRecord, RunRecord, VerdictRecord};
use crate::exit::ExitStatus;

/// Judges a run by the gates of its file and by more. All reasons are in the verdict, those for its
/// outcome first.
#[must_use]
pub fn judge(record: &RunRecord, more_gates: &[String]) -> VerdictRecord {
    let gates = record.head.gates.iter().chain(more_gates);
    let gates: Vec<GateRecord> = gates.map(|gate| ask(gate, record)).collect();
    let of = |outcome| gates.iter().filter(move |gate| gate.outcome == outcome).map(reason);
    let invalid: Vec<String> = of(Outcome::Invalid).collect();
    let failed: Vec<String> = faults(record).into_iter().chain(of(Outcome::Fail)).collect();
    let untrusted: Vec<String> = doubts(record).into_iter().chain(of(Outcome::Untrusted)).collect();
    let outcome = match (invalid.is_empty(), failed.is_empty(), untrusted.is_empty()) {
        (false, ..) => Outcome::Invalid,
        (true, false, _) => Outcome::Fail,
        (true, true, false) => Outcome::Untrusted,
        (true, true, true) => Outcome::Pass,
    };
    VerdictRecord { outcome, reasons: [invalid, failed, untrusted].concat(), gates }
}

impl From<Outcome> for ExitStatus {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Pass => ExitStatus::Pass,
            Outcome::Fail => ExitStatus::Fail,
            Outcome::Invalid => ExitStatus::Invalid,
            Outcome::Untrusted => ExitStatus::Inconclusive,
        }
    }
}

/// Why the figures of a run do not carry a judgement, whatever the gates.
pub(crate) fn doubts(record: &RunRecord) -> Vec<String> {
    let own = partial(record).into_iter().chain(no_data(record)).chain(trust_reasons(record));
    own.chain(record.head.doubts.iter().cloned()).collect()
}

/// What makes the simulator itself the suspect: it was late, or had no time left.
pub(crate) fn trust_reasons(record: &RunRecord) -> Vec<String> {
    late(record, |_| true).into_iter().chain(busy_reasons(record)).collect()
}

fn ask(text: &str, record: &RunRecord) -> GateRecord {
    let phases: Vec<&str> = record.head.phases.iter().map(|phase| phase.name.as_str()).collect();
    match Gate::parse(text, &phases) {
        Ok(gate) => excuse(&gate, gate.evaluate(record), record),
        Err(error) => {
            GateRecord { gate: text.to_owned(), outcome: Outcome::Invalid, why: error.to_string() }
        }
    }
}

/// A gate that does not hold says nothing about the server where it may be the simulator's fault.
fn excuse(gate: &Gate, asked: GateRecord, record: &RunRecord) -> GateRecord {
    match gate.left().name {
        _ if asked.outcome != Outcome::Fail => asked,
        Name::SendsRate | Name::CopiesRate if gate.asks_for_more() => {
            excuse_rate(gate, asked, record)
        }
        // Latency counts from when a message was to be sent, so the simulator's lateness is in it.
        Name::Times { .. } => {
            let own = gate.left().phase.as_deref();
            let in_phase = late(record, |phase| own == Some(phase.name.as_str()));
            if in_phase.is_none() && trust_reasons(record).is_empty() {
                return asked;
            }
            let why = format!("{}; but the simulator was late or too busy", asked.why);
            GateRecord { outcome: Outcome::Untrusted, why, ..asked }
        }
        _ => asked,
    }
}

/// A rate that was not reached as fast as the server takes it, where the simulator had no time left.
fn excuse_rate(gate: &Gate, asked: GateRecord, record: &RunRecord) -> GateRecord {
    let phase = gate.left().phase.as_deref();
    let mut asked_of = record.head.phases.iter().filter(|known| {
        !known.scheduled && phase.map_or(known.measured, |phase| known.name == phase)
    });
    match asked_of.find_map(|phase| too_busy(phase, record)) {
        None => asked,
        Some(busy) => {
            let why =
                format!("{}; but {busy}, so that it may not be the server's limit", asked.why);
            GateRecord { outcome: Outcome::Untrusted, why, ..asked }
        }
    }
}

fn reason(gate: &GateRecord) -> String {
    let what = match gate.outcome {
        Outcome::Pass => "holds",
        Outcome::Fail => "does not hold",
        Outcome::Invalid => "cannot be asked",
        Outcome::Untrusted => "cannot be judged",
    };
    format!("the gate `{}` {what}: {}", gate.gate, gate.why)
}

/// What makes a run fail without being asked for.
pub(crate) fn faults(record: &RunRecord) -> Vec<String> {
    let head = &record.head;
    let found =
        head.ledger.faults.iter().filter(|(kind, count)| **count > 0 && !head.allow.contains(kind));
    let found = found.map(|(kind, count)| {
        let times = if *count == 1 { "time" } else { "times" };
        format!("a fault was found: {}, {} {times}", kind.as_str(), whole(*count))
    });
    let ended = head.server_ended.iter().map(|log| match log.trim() {
        "" => "the server ended by itself".to_owned(),
        how => format!("the server ended by itself: {how}"),
    });
    found.chain(ended).collect()
}

fn partial(record: &RunRecord) -> Option<String> {
    let why = record.head.partial.as_ref()?;
    Some(format!("the run is partial: {why}"))
}

fn no_data(record: &RunRecord) -> Option<String> {
    let head = &record.head;
    let mut measured =
        head.windows.iter().zip(&record.latencies).filter(|(window, _)| {
            head.phases.get(window.phase).is_some_and(|phase| phase.measured)
        });
    let empty = measured.all(|(window, at)| {
        window.sends == 0
            && window.copies == 0
            && at.iter().all(|(_, histogram)| histogram.is_empty())
    });
    empty.then(|| "there is no data: nothing was sent in a measured phase".to_owned())
}

/// That the simulator was late in some of the measured phases, taken together.
fn late(record: &RunRecord, is_meant: impl Fn(&PhaseRecord) -> bool) -> Option<String> {
    let mut lateness = super::figures::empty();
    for phase in on_schedule(record).filter(|phase| is_meant(phase)) {
        let stat = Stat::Max;
        let name = Name::Times { measure: Measure::Lateness, all: false, stat };
        let of_phase = Metric { phase: Some(phase.name.clone()), name }.histogram(record);
        lateness.add(&of_phase).expect("the histogram grows up to the maximum");
    }
    let limit = record.head.trust.lateness_p99_us;
    let percent = judged_percentile(lateness.len());
    let late = if lateness.is_empty() { 0 } else { lateness.value_at_quantile(percent / 100.0) };
    // Within the histogram's precision it is the limit.
    if late <= limit || lateness.equivalent(late, limit) {
        return None;
    }
    let shown = |micros: u64| format_value(Unit::Time, micros as f64);
    Some(format!(
        "the simulator was late: lateness.p{percent} is {}, and the limit is {}; use fewer bots, a lower \
         rate or a machine with more cores, or raise `lateness_p99` under [trust]",
        shown(late),
        shown(limit)
    ))
}

/// The 99th percentile, or, of few samples, the highest that has ten of them beyond it, and no less than
/// the median: one late send of thirty is no late simulator.
fn judged_percentile(samples: u64) -> f64 {
    let highest = 100 - 1000_u64.div_ceil(samples.max(1)).min(50);
    highest.min(99) as f64
}

fn busy_reasons(record: &RunRecord) -> impl Iterator<Item = String> + '_ {
    on_schedule(record).filter_map(|phase| too_busy(phase, record)).map(|busy| {
        format!(
            "{busy}; use fewer bots, a lower rate or a machine with more cores, or raise `busy` under [trust]"
        )
    })
}

fn on_schedule(record: &RunRecord) -> impl Iterator<Item = &PhaseRecord> {
    record.head.phases.iter().filter(|phase| phase.measured && phase.scheduled)
}

/// That the simulator's threads had no time left in a phase, in words.
fn too_busy(phase: &PhaseRecord, record: &RunRecord) -> Option<String> {
    let cpu = Metric { phase: Some(phase.name.clone()), name: Name::GeneratorCpu };
    let busy = cpu.value(record).ok()?;
    let limit = record.head.trust.busy;
    (busy > limit).then(|| {
        let shown = |share| format_value(Unit::Share, share);
        let (name, busy, limit) = (&phase.name, shown(busy), shown(limit));
        format!("the simulator's threads were busy {busy} of the time in {name}, and the limit is {limit}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::figures::Latencies;
    use crate::load::record::FaultKind;
    use crate::load::sample;

    #[track_caller]
    fn check(record: &RunRecord, gates: &[&str], outcome: Outcome, reasons: &[&str]) {
        let gates: Vec<String> = gates.iter().map(|gate| (*gate).to_owned()).collect();
        let verdict = judge(record, &gates);
        assert_eq!(
            (verdict.outcome, verdict.reasons.as_slice()),
            (outcome, &reasons.iter().map(|reason| (*reason).to_owned()).collect::<Vec<_>>()[..])
        );
    }

    const LATE: &str = "the simulator was late: lateness.p99 is 3 ms, and the limit is 2 ms; use fewer bots, \
        a lower rate or a machine with more cores, or raise `lateness_p99` under [trust]";
    const BUSY: &str = "the simulator's threads were busy 97.5% of the time in steady, and the limit is 95%; \
        use fewer bots, a lower rate or a machine with more cores, or raise `busy` under [trust]";

    #[test]
    fn a_run_without_fault_passes_and_its_gates_are_listed() {
        let mut record = sample::record();
        check(&record, &[], Outcome::Pass, &[]);
        record.head.gates = vec!["steady.delivery.p99 < 20ms".to_owned()];
        let verdict = judge(&record, &["lost <= 0".to_owned()]);
        assert_eq!(verdict.outcome, Outcome::Pass);
        let gates: Vec<&str> = verdict.gates.iter().map(|gate| gate.gate.as_str()).collect();
        assert_eq!(gates, ["steady.delivery.p99 < 20ms", "lost <= 0"]);
    }

    #[test]
    fn a_fault_fails_without_being_asked_for_unless_it_is_allowed() {
        let mut record = sample::record();
        sample::fault(&mut record, FaultKind::Lost);
        sample::fault(&mut record, FaultKind::WrongGroup);
        sample::fault(&mut record, FaultKind::WrongGroup);
        let (lost, wrong) =
            ("a fault was found: lost, 1 time", "a fault was found: wrong-group, 2 times");
        check(&record, &[], Outcome::Fail, &[lost, wrong]);
        record.head.allow = vec![FaultKind::Lost];
        check(&record, &[], Outcome::Fail, &[wrong]);
        record.head.allow.push(FaultKind::WrongGroup);
        check(&record, &[], Outcome::Pass, &[]);
        let why = "the gate `lost <= 0` does not hold: lost is 1, more than 0";
        check(&record, &["lost <= 0"], Outcome::Fail, &[why]);
    }

    #[test]
    fn a_gate_that_does_not_hold_fails() {
        let why = "the gate `steady.delivery.p99 < 1ms` does not hold: \
            steady.delivery.p99 is 3.7 ms, more than 1 ms";
        check(&sample::record(), &["steady.delivery.p99 < 1ms"], Outcome::Fail, &[why]);
    }

    #[test]
    fn a_server_that_ended_fails() {
        let mut record = sample::record();
        record.head.server_ended = Some("out of memory\n".to_owned());
        let why = "the server ended by itself: out of memory";
        check(&record, &[], Outcome::Fail, &[why]);
    }

    #[test]
    fn a_gate_that_cannot_be_asked_is_invalid() {
        let mut record = sample::record();
        record.head.target.process_known = false;
        let verdict = judge(&record, &["server.rss < 1GiB".to_owned()]);
        assert_eq!(verdict.outcome, Outcome::Invalid);
        check(
            &sample::record(),
            &["stedy.delivery.p99 < 1ms"],
            Outcome::Invalid,
            &[
                "the gate `stedy.delivery.p99 < 1ms` cannot be asked: no figure and no phase is called \
               `stedy` (did you mean `steady`?)",
            ],
        );
    }

    #[test]
    fn without_data_nothing_passes() {
        let mut record = sample::record();
        for window in &mut record.head.windows {
            (window.sends, window.copies) = (0, 0);
        }
        record.latencies.iter_mut().for_each(|at| *at = Latencies::default());
        let why = "there is no data: nothing was sent in a measured phase";
        check(&record, &[], Outcome::Untrusted, &[why]);
        record.head.windows.clear();
        record.latencies.clear();
        record.head.phases.clear();
        check(&record, &[], Outcome::Untrusted, &[why]);
    }

    #[test]
    fn too_few_samples_are_untrusted() {
        let mut record = sample::record();
        sample::only(&mut record, "steady", Measure::Delivery, 1_000, 999);
        let why = "the gate `steady.delivery.p99 < 1ms` cannot be judged: steady.delivery.p99 needs 1,000 \
            samples, and there are 999; run longer, or at a higher rate";
        check(&record, &["steady.delivery.p99 < 1ms"], Outcome::Untrusted, &[why]);
    }

    #[test]
    fn a_late_simulator_is_untrusted_where_it_had_a_schedule() {
        let mut record = sample::record();
        sample::only(&mut record, "full", Measure::Lateness, 90_000, 100_000);
        sample::only(&mut record, "warm-up", Measure::Lateness, 90_000, 100_000);
        check(&record, &[], Outcome::Pass, &[]);
        sample::only(&mut record, "steady", Measure::Lateness, 2_000, 1_000);
        check(&record, &[], Outcome::Pass, &[]);
        sample::only(&mut record, "steady", Measure::Lateness, 3_000, 1_000);
        check(&record, &[], Outcome::Untrusted, &[LATE]);
        record.head.trust.lateness_p99_us = 3_000;
        check(&record, &[], Outcome::Pass, &[]);
    }

    #[test]
    fn one_late_send_of_thirty_is_no_late_simulator() {
        let mut record = sample::record();
        for phase in ["steady", "spike"] {
            sample::only(&mut record, phase, Measure::Lateness, 100, 29);
        }
        let window = sample::windows_of(&record, "steady")[0];
        record.latencies[window].record(Measure::Lateness, 50_000);
        assert_eq!(late(&record, |_| true), None);
    }

    #[test]
    fn a_gate_on_latency_that_a_late_simulator_breaks_is_untrusted() {
        let mut record = sample::record();
        sample::only(&mut record, "steady", Measure::Lateness, 50_000, 2_000);
        let verdict = judge(&record, &["delivery.p50 < 1us".to_owned()]);
        assert_eq!(verdict.outcome, Outcome::Untrusted, "{verdict:?}");
        assert_eq!(verdict.gates.last().unwrap().outcome, Outcome::Untrusted);
    }

    #[test]
    fn a_gate_on_a_phase_in_which_the_simulator_was_late_is_untrusted() {
        let mut record = sample::record();
        for (phase, micros, count) in [("steady", 100, 200_000), ("spike", 50_000, 200)] {
            let window = sample::windows_of(&record, phase)[0];
            let lateness = record.latencies[window].entry(Measure::Lateness);
            lateness.record_n(micros, count).unwrap();
        }
        let verdict = judge(&record, &["spike.delivery.p50 < 1us".to_owned()]);
        assert_eq!(verdict.gates.last().unwrap().outcome, Outcome::Untrusted);
        let verdict = judge(&record, &["steady.delivery.p50 < 1us".to_owned()]);
        assert_eq!(verdict.gates.last().unwrap().outcome, Outcome::Fail);
    }

    #[test]
    fn a_busy_simulator_is_untrusted_where_it_had_a_schedule() {
        let mut record = sample::record();
        sample::generator_cpu(&mut record, "full", 1_000_000);
        sample::generator_cpu(&mut record, "warm-up", 1_000_000);
        check(&record, &[], Outcome::Pass, &[]);
        sample::generator_cpu(&mut record, "steady", 975_000);
        check(&record, &[], Outcome::Untrusted, &[BUSY]);
        record.head.trust.threads = 2;
        check(&record, &[], Outcome::Pass, &[]);
    }

    #[test]
    fn a_rate_that_a_busy_simulator_did_not_reach_is_untrusted() {
        let gates = ["full.copies.rate > 1_000_000/s"];
        let mut record = sample::record();
        let why = "the gate `full.copies.rate > 1_000_000/s` does not hold: \
            full.copies.rate is 20,000/s, less than 1,000,000/s";
        check(&record, &gates, Outcome::Fail, &[why]);
        sample::generator_cpu(&mut record, "full", 980_000);
        let why = "the gate `full.copies.rate > 1_000_000/s` cannot be judged: full.copies.rate is \
            20,000/s, less than 1,000,000/s; but the simulator's threads were busy 98% of the time in full, \
            and the limit is 95%, so that it may not be the server's limit";
        check(&record, &gates, Outcome::Untrusted, &[why]);
        let more = judge(&record, &["full.copies.rate < 1/s".to_owned()]);
        assert_eq!(more.outcome, Outcome::Fail, "more than asked for is no fault of the simulator");
        let other = judge(&record, &["steady.copies.rate > 1_000_000/s".to_owned()]);
        assert_eq!(other.outcome, Outcome::Fail, "steady was not busy");
    }

    #[test]
    fn doubts_are_untrusted() {
        let mut record = sample::record();
        record.head.doubts = vec!["bot 7 could not connect: refused".to_owned()];
        check(&record, &[], Outcome::Untrusted, &["bot 7 could not connect: refused"]);
    }

    #[test]
    fn a_partial_run_never_passes_but_can_fail() {
        let mut record = sample::record();
        record.head.partial = Some("Ctrl-C in spike".to_owned());
        let partial = "the run is partial: Ctrl-C in spike";
        check(&record, &[], Outcome::Untrusted, &[partial]);
        sample::fault(&mut record, FaultKind::Altered);
        check(&record, &[], Outcome::Fail, &["a fault was found: altered, 1 time", partial]);
    }

    #[test]
    fn the_worst_wins_and_nothing_is_hidden() {
        let mut record = sample::record();
        record.head.doubts = vec!["a doubt".to_owned()];
        sample::fault(&mut record, FaultKind::Altered);
        let fault = "a fault was found: altered, 1 time";
        check(&record, &[], Outcome::Fail, &[fault, "a doubt"]);
        let verdict = judge(&record, &["nonsense".to_owned()]);
        assert_eq!(verdict.outcome, Outcome::Invalid);
        assert!(verdict.reasons[0].starts_with("the gate `nonsense` cannot be asked"));
        assert_eq!(verdict.reasons[1..], [fault, "a doubt"]);
    }

    #[test]
    fn outcomes_have_the_exit_statuses_of_run() {
        let status = |outcome| ExitStatus::from(outcome) as u8;
        let all = [Outcome::Pass, Outcome::Fail, Outcome::Invalid, Outcome::Untrusted];
        assert_eq!(all.map(status), [0, 1, 2, 4]);
    }
}
