use proptest::prelude::*;

use super::*;
use crate::load::figures::{Latencies, Measure};
use crate::load::record::Outcome;
use crate::load::{directory, sample};

fn part(number: u32, count: u32) -> RunRecord {
    let mut record = sample::record();
    record.head.part = (number, count);
    record
}

fn parts(count: u32) -> Vec<RunRecord> {
    (1..=count).map(|number| part(number, count)).collect()
}

#[test]
fn counts_and_histograms_are_added() {
    let mut merged = merge(parts(3)).unwrap();
    let one = sample::record();
    assert_eq!(merged.head.part, (1, 1));
    assert_eq!(merged.head.crowd.bots, 300);
    assert_eq!(merged.head.crowd.joined, 300);
    assert_eq!(merged.head.ledger.verified, 3 * one.head.ledger.verified);
    assert_eq!(merged.head.windows.len(), one.head.windows.len());
    for (index, latencies) in merged.latencies.iter().enumerate() {
        let mut sum = Latencies::default();
        (0..3).for_each(|_| sum.add(&one.latencies[index]));
        assert_eq!(*latencies, sum);
        assert_eq!(merged.head.windows[index].copies, 3 * one.head.windows[index].copies);
    }
    assert_eq!(merged.head.verdict.take().unwrap().outcome, Outcome::Pass);
    assert_eq!(merged.head.machine, one.head.machine, "one machine is not three");
}

#[test]
fn one_part_alone_stays_as_it_is() {
    let mut merged = merge(vec![sample::record()]).unwrap();
    merged.head.verdict = None;
    assert_eq!(merged, sample::record());
}

#[test]
fn costs_of_the_server_are_seen_twice_and_those_of_the_simulators_are_added() {
    let mut three = parts(3);
    three[0].head.target.process_known = false;
    three[0].head.target.base_rss_bytes = None;
    three[0].head.windows.iter_mut().for_each(|window| window.server = None);
    let less = three[1].head.windows[4].server.as_mut().unwrap();
    (less.cpu_us, less.rss_bytes) = (1_000, 1_000);
    let merged = merge(three).unwrap().head;
    let one = sample::record().head;
    assert!(merged.target.process_known);
    assert_eq!(merged.target.base_rss_bytes, one.target.base_rss_bytes);
    assert_eq!(merged.windows[4].server, one.windows[4].server);
    assert_eq!(merged.windows[4].generator.cpu_us, 3 * one.windows[4].generator.cpu_us);
    assert_eq!(merged.crowd.base_rss_bytes, one.crowd.base_rss_bytes.map(|bytes| 3 * bytes));
    assert_eq!(merged.trust.threads, 3);
}

#[test]
fn phases_meet_where_one_part_joined_faster() {
    let mut two = parts(2);
    // The second part joins within a second.
    two[1].head.windows.remove(1);
    two[1].latencies.remove(1);
    for start in two[1].head.phases.iter_mut().skip(1).map(|phase| &mut phase.start_us) {
        *start -= 1_000_000;
    }
    for window in two[1].head.windows.iter_mut().skip(1) {
        window.start_us -= 1_000_000;
    }
    let merged = merge(two).unwrap();
    let one = sample::record().head;
    let starts =
        |head: &Head| head.windows.iter().map(|window| window.start_us).collect::<Vec<_>>();
    assert_eq!(starts(&merged.head), starts(&one));
    assert_eq!(merged.head.windows[2].sends, 2 * one.windows[2].sends, "the first of warm-up");
    // Its bots are still there in the second that it did not need.
    assert_eq!(merged.head.windows[1].generator.rss_bytes, 2 * one.windows[1].generator.rss_bytes);
    assert_eq!(merged.head.windows[1].generator.cpu_us, one.windows[1].generator.cpu_us);
}

#[test]
fn fairness_is_the_worst_of_all_and_has_no_median() {
    let mut two = parts(2);
    let worst = two[1].head.fairness.as_mut().unwrap();
    (worst.best_p99_us, worst.worst_p99_us, worst.worst) = (3_000, 9_000, "bot 170".to_owned());
    let merged = merge(two).unwrap().head.fairness.unwrap();
    let figures =
        (merged.receivers, merged.best_p99_us, merged.worst_p99_us, merged.worst.as_str());
    assert_eq!(figures, (200, 3_000, 9_000, "bot 170"));
    assert_eq!(merged.median_p99_us, None);
    let mut two = parts(2);
    two[1].head.fairness = None;
    assert_eq!(merge(two).unwrap().head.fairness, sample::record().head.fairness);
}

#[test]
fn a_part_that_was_late_is_not_hidden_by_the_others() {
    let mut three = parts(3);
    sample::only(&mut three[1], "steady", Measure::Lateness, 900_000, 50);
    let windows = sample::windows_of(&three[1], "spike");
    windows.into_iter().for_each(|index| three[1].latencies[index] = Latencies::default());
    three[2].latencies[5].entry(Measure::Lateness).record_n(100, 100_000).unwrap();
    let verdict = merge(three).unwrap().head.verdict.unwrap();
    assert_eq!(verdict.outcome, Outcome::Untrusted);
    let late = "part 2 of 3: the simulator was late: lateness.p80 is";
    assert!(verdict.reasons.len() == 1 && verdict.reasons[0].starts_with(late), "{verdict:?}");
}

#[test]
fn a_fault_of_one_part_fails_the_run() {
    let mut two = parts(2);
    sample::fault(&mut two[1], FaultKind::Lost);
    two[0].head.partial = Some("Ctrl-C".to_owned());
    let merged = merge(two).unwrap();
    assert_eq!(merged.head.verdict.unwrap().outcome, Outcome::Fail);
    assert_eq!(merged.head.partial.as_deref(), Some("part 1 of 2: Ctrl-C"));
    assert_eq!(merged.evidence[0].fault, Some(FaultKind::Lost), "faults come first");
    assert_eq!(merged.evidence.len(), 3);
}

#[test]
fn other_machines_are_listed() {
    let mut two = parts(2);
    two[1].head.machine.cpu = "Another processor".to_owned();
    let machine = merge(two).unwrap().head.machine;
    assert_eq!((machine.cpu.as_str(), machine.cores), ("A processor + Another processor", 4));
    assert_eq!(machine.os, "Linux 6.1");
}

#[track_caller]
fn refused(parts: Vec<RunRecord>, why: &str) {
    assert_eq!(merge(parts).unwrap_err().to_string(), why);
}

#[test]
fn only_all_parts_of_one_run_are_merged() {
    refused(Vec::new(), "there is no run to merge");
    refused(
        vec![part(1, 1), part(1, 1)],
        "scenarios/load/sample.toml of 2026-11-22T17:00:00Z is a whole run, and only the parts of one run \
         can be merged; for runs that were repeated use `simulator compare`",
    );
    let twice = "part 1 of 2 is there twice; leave one out";
    refused(vec![part(1, 2), part(2, 2), part(1, 2)], twice);
    let missing =
        |number| format!("part {number} of 3 is missing; only all parts together are the run");
    refused(vec![part(2, 3), part(3, 3)], &missing(1));
    refused(vec![part(3, 3), part(1, 3)], &missing(2));
    refused(vec![part(2, 3), part(1, 3)], &missing(3));
}

#[test]
fn parts_of_other_plans_are_refused() {
    let differs = |change: fn(&mut Head), what: &str| {
        let mut two = parts(2);
        change(&mut two[1].head);
        refused(
            two,
            &format!(
                "part 2 differs from part 1 in {what}; only the parts of one run can be merged, for other \
                 runs use `simulator compare`"
            ),
        );
    };
    differs(|head| head.part = (2, 3), "how many parts there are");
    differs(|head| head.file.text.push('#'), "its load file");
    differs(|head| head.seed = 8, "its seed");
    differs(|head| head.simulator = "0.2.0".to_owned(), "the version of the simulator");
    differs(|head| head.phases[2].name = "calm".to_owned(), "its phases");
    differs(|head| head.phases[2].shape = "200/s".to_owned(), "its phases");
    differs(|head| drop(head.phases.pop()), "its phases");
}

#[test]
fn a_part_that_was_cut_short_has_fewer_phases() {
    let mut two = parts(2);
    two[0].head.partial = Some("Ctrl-C".to_owned());
    two[0].head.phases.truncate(3);
    two[0].head.windows.truncate(5);
    two[0].latencies.truncate(5);
    let merged = merge(two).unwrap();
    assert_eq!(merged.head.phases.len(), 5);
    assert_eq!(merged.head.windows.len(), 10);
    assert_eq!(merged.head.verdict.unwrap().outcome, Outcome::Untrusted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_does_not_matter_and_nothing_is_lost(
        order in Just([0usize, 1, 2]).prop_shuffle(),
        samples in prop::collection::vec((0..3usize, 0..10usize, 0..9usize, 1..3_000_000_000u64), 0..40),
        shift in 0..3_000u64,
    ) {
        let mut three = parts(3);
        three[1].head.machine.os = "Linux 6.2".to_owned();
        three[2].head.started = "2026-11-22T16:59:59.5Z".to_owned();
        for window in &mut three[1].head.windows {
            window.start_us += shift;
        }
        let mut sums: Vec<Latencies> = vec![Latencies::default(); 10];
        for part in &mut three {
            part.latencies.iter_mut().for_each(|at| *at = Latencies::default());
        }
        for (part, window, measure, micros) in samples {
            three[part].latencies[window].record(Measure::ALL[measure], micros);
            sums[window].record(Measure::ALL[measure], micros);
        }
        let merged = merge(three.clone()).unwrap();
        prop_assert_eq!(&merged, &merge(order.map(|at| three[at].clone()).to_vec()).unwrap());
        for (sum, latencies) in sums.iter().zip(&merged.latencies) {
            prop_assert_eq!(sum, latencies);
        }
        prop_assert_eq!(&merged.head.started, "2026-11-22T16:59:59.5Z");
        let dir = tempfile::tempdir().unwrap();
        directory::write(dir.path(), &merged).unwrap();
        prop_assert_eq!(directory::read(dir.path()).unwrap(), merged);
    }
}
