//! Whole comparisons of made-up runs.

use super::samples::{FILE, run, run_with_copies};
use super::*;
use crate::load::figures::Latencies;
use crate::load::record::{FaultKind, Head};

/// So many runs of each side, made in turns, the new side slower by a factor.
fn sides(pairs: u64, factor: f64) -> (Vec<RunRecord>, Vec<RunRecord>) {
    let base = (0..pairs).map(|n| run(2 * n, 1.0)).collect();
    (base, (0..pairs).map(|n| run(2 * n + 1, factor)).collect())
}

fn compared(pairs: u64, factor: f64) -> Comparison {
    let (base, new) = sides(pairs, factor);
    compare(&base, &new, Metric::default(), &Options::default()).expect("they can be compared")
}

fn metric(text: &str) -> Metric {
    text.parse().expect("a metric")
}

/// Why a changed run is refused beside one that was not.
fn refused(change: impl FnOnce(&mut Head)) -> String {
    let (base, mut new) = sides(1, 1.0);
    change(&mut new[0].head);
    compare(&base, &new, Metric::default(), &Options::default()).expect_err("refused").to_string()
}

#[test]
fn slower_faster_and_no_difference() {
    assert_eq!(compared(5, 1.2).headline.verdict, Verdict::Slower);
    assert_eq!(compared(5, 1.0 / 1.2).headline.verdict, Verdict::Faster);
    assert_eq!(compared(5, 1.0).headline.verdict, Verdict::NoDifference);
    assert_eq!(compared(5, 1.03).headline.verdict, Verdict::NoDifference, "too little to matter");
}

#[test]
fn a_run_compared_with_itself_has_no_difference() {
    let (base, _) = sides(1, 1.0);
    let found = compare(&base, &base, Metric::default(), &Options::default()).expect("a verdict");
    assert_eq!(found.headline.verdict, Verdict::NoDifference);
    assert_eq!(found.headline.ratio.map(|ratio| ratio.estimate), Some(1.0));
}

#[test]
fn only_measured_windows_count() {
    let (mut base, mut new) = sides(5, 1.0);
    for run in base.iter_mut().chain(&mut new) {
        run.head.phases[1].measured = true;
    }
    let all = compare(&base, &new, Metric::default(), &Options::default()).expect("a verdict");
    for run in base.iter_mut().chain(&mut new) {
        run.head.phases[1].measured = false;
        for latencies in &mut run.latencies[1..6] {
            *latencies = Latencies::default();
        }
    }
    let some = compare(&base, &new, Metric::default(), &Options::default()).expect("a verdict");
    assert_ne!(all.headline.ratio, some.headline.ratio, "the warm-up was measured the first time");
    assert!(some.headline.ratio.is_some(), "what is not measured needs no samples");

    for run in base.iter_mut().chain(&mut new) {
        run.head.phases[2].measured = false;
    }
    let none = compare(&base, &new, Metric::default(), &Options::default()).expect("a verdict");
    let Verdict::CannotTell(why) = none.headline.verdict else { panic!("nothing was measured") };
    assert_eq!(why, "no window of run `run0` has it");
}

#[test]
fn more_copies_a_second_are_better() {
    let (base, new) = sides(5, 1.2);
    let found = compare(&base, &new, metric("copies.rate"), &Options::default()).expect("found");
    assert!(found.headline.ratio.is_some_and(|ratio| ratio.high < 1.0), "{found:?}");
    assert_eq!(found.headline.verdict, Verdict::Slower);
    assert_eq!(found.gate(0.1).outcome, Outcome::Fail);
    let found = compare(&new, &base, metric("copies.rate"), &Options::default()).expect("found");
    assert_eq!(found.headline.verdict, Verdict::Faster);
    assert_eq!(found.gate(0.1).outcome, Outcome::Pass);
}

#[test]
fn the_gate_fails_a_regression_and_passes_what_is_within_it() {
    assert_eq!(compared(5, 1.2).gate(0.10).outcome, Outcome::Fail);
    assert_eq!(compared(5, 1.2).gate(0.30).outcome, Outcome::Pass);
    assert_eq!(compared(5, 1.0).gate(0.10).outcome, Outcome::Pass);
    assert_eq!(compared(5, 0.5).gate(0.10).outcome, Outcome::Pass);
    insta::assert_snapshot!(format!("{:?}", compared(5, 1.2).gate(0.10)), @r#"GateRecord { gate: "delivery.p50 at most 10 % worse", outcome: Fail, why: "delivery.p50 is +18.6 % (+12.3 % to +25.3 %)" }"#);
}

#[test]
fn the_gate_trusts_no_wide_interval_in_either_direction() {
    let options = Options { run_to_run: 0.2, ..Options::default() };
    for factor in [1.0, 1.2] {
        let (base, new) = sides(1, factor);
        let found = compare(&base, &new, Metric::default(), &options).expect("a verdict");
        assert!(matches!(found.headline.verdict, Verdict::CannotTell(_)), "{found:?}");
        assert_eq!(found.gate(0.10).outcome, Outcome::Untrusted);
        assert_eq!(found.outcome(), Outcome::Untrusted);
        assert_eq!(found.more_pairs(None), 2);
        assert_eq!(found.more_pairs(Some(0.1)), 2);
    }
    assert_eq!(compared(5, 1.2).more_pairs(None), 0);
}

#[test]
fn too_few_samples_or_windows_are_no_verdict() {
    let few = |n| run_with_copies(n, 1.0, 15);
    let found = compare(&[few(0)], &[few(1)], Metric::default(), &Options::default());
    let found = found.expect("they can be compared");
    let Verdict::CannotTell(why) = &found.headline.verdict else { panic!("{found:?}") };
    insta::assert_snapshot!(why, @r#"it takes 20 samples in a window, and 30 of 30 windows of run `run0` have fewer: compare a lower percentile, or send more"#);
    assert_eq!(found.gate(0.1).outcome, Outcome::Untrusted);
    assert_eq!(found.more_pairs(None), 0, "more runs of this kind do not help");

    let (mut base, mut new) = sides(1, 1.0);
    for run in base.iter_mut().chain(&mut new) {
        run.head.windows.truncate(12);
        run.latencies.truncate(12);
    }
    let found = compare(&base, &new, Metric::default(), &Options::default()).expect("a verdict");
    let Verdict::CannotTell(why) = &found.headline.verdict else { panic!("{found:?}") };
    insta::assert_snapshot!(why, @r#"it takes 10 windows, and there are 6: let the measured phases be longer"#);

    let found = compare(&base, &new, metric("first.p50"), &Options::default()).expect("a verdict");
    let Verdict::CannotTell(why) = &found.headline.verdict else { panic!("{found:?}") };
    insta::assert_snapshot!(why, @r#"it takes 20 samples in a window, and 6 of 6 windows of run `run0` have fewer: compare a lower percentile, or send more"#);
}

#[test]
fn a_server_that_stood_still_is_not_made_better_by_leaving_those_windows_out() {
    let (base, mut new) = sides(3, 1.0);
    for run in &mut new {
        for latencies in run.latencies.iter_mut().skip(6).step_by(3) {
            *latencies = Latencies::default();
        }
    }
    let found = compare(&base, &new, Metric::default(), &Options::default()).expect("a verdict");
    assert!(matches!(found.headline.verdict, Verdict::CannotTell(_)), "{found:?}");
}

#[test]
fn pairs_are_those_that_were_made_in_turns() {
    assert!(compared(3, 1.0).paired);
    let base: Vec<RunRecord> = (0..3).map(|n| run(n, 1.0)).collect();
    let new: Vec<RunRecord> = (3..6).map(|n| run(n, 1.2)).collect();
    let found = compare(&base, &new, Metric::default(), &Options::default()).expect("a verdict");
    assert!(!found.paired);
    assert_eq!(found.headline.verdict, Verdict::Slower);
    let found = compare(&base[..1], &new, Metric::default(), &Options::default());
    assert_eq!(found.expect("a verdict").headline.verdict, Verdict::Slower, "one against three");
}

#[test]
fn what_says_nothing_is_refused_with_what_to_do() {
    let none = compare(&[], &sides(1, 1.0).1, Metric::default(), &Options::default());
    let twice = [run(0, 1.0), run(0, 1.0)];
    let twice = compare(&twice, &sides(1, 1.0).1, Metric::default(), &Options::default());
    let unknown = {
        let (base, mut new) = sides(1, 1.0);
        new[0].head.target.process_known = false;
        compare(&base, &new, metric("server.cpu_per_delivery"), &Options::default())
    };
    let all = [
        none.expect_err("refused").to_string(),
        twice.expect_err("refused").to_string(),
        unknown.expect_err("refused").to_string(),
        refused(|head| head.file.text = FILE.replace("40", "50")),
        refused(|head| head.file.text.push_str("groups = 3\n")),
        refused(|head| head.crowd.bots = 41),
        refused(|head| head.crowd.roles.extend([("stalled".to_owned(), 1)])),
        refused(|head| head.crowd.joined = 39),
        refused(|head| head.part = (1, 2)),
        refused(|head| head.machine.cpu = "Another CPU".to_owned()),
        refused(|head| head.machine.memory_bytes = 8 << 30),
        refused(|head| head.partial = Some("ended in phase steady".to_owned())),
        refused(|head| head.doubts.push("bot 7 could not connect".to_owned())),
        refused(|head| head.ledger.faults.extend([(FaultKind::Lost, 3)])),
    ];
    insta::assert_snapshot!(all.join("\n"), @r#"
    there is no run on the base side: give at least one run directory
    run `run0` is given twice on one side: give each run once
    run `run1` does not know the server's process, so there is no server.cpu_per_delivery: let the simulator start the server, or compare another metric
    the runs `run0` and `run1` are of different load files: line 3 is `bots = 40` and `bots = 50`; make both runs with one file
    the runs `run0` and `run1` are of different load files: line 4 is nothing and `groups = 3`; make both runs with one file
    the runs `run0` and `run1` had different crowds: 40 and 41 bots; make both runs with one file
    the runs `run0` and `run1` had different crowds: the role `stalled` had 0 and 1 bots; make both runs with one file
    the runs `run0` and `run1` had different crowds: 40 and 39 bots joined; make them again until everybody joins, or compare them all the same with --untrusted-too
    the runs `run0` and `run1` had different crowds: part 1 of 1 and part 1 of 2; merge the parts of each run first
    the runs `run0` and `run1` were made on different machines: `Some CPU` and `Another CPU`; make both on one machine, or compare them all the same with --any-machine
    the runs `run0` and `run1` were made on different machines: 24.0 and 8.0 GiB of memory; make both on one machine, or compare them all the same with --any-machine
    run `run1` is partial (ended in phase steady); make it again, or compare it all the same with --untrusted-too
    run `run1` is untrusted (bot 7 could not connect); make it again, or compare it all the same with --untrusted-too
    run `run1` has faults (3 lost); make it again, or compare it all the same with --untrusted-too
    "#);
}

#[test]
fn what_changes_no_load_is_not_refused() {
    let (base, mut new) = sides(5, 1.0);
    for RunRecord { head, .. } in &mut new {
        head.seed += 100;
        head.target.name = "another server".to_owned();
        head.machine.memory_bytes += 5 << 20;
        head.file.text = format!("# as before\n{FILE}").replace("An evening", "Another");
        head.file.text.insert_str(0, "gates = [\"delivery.p99 < 5ms\"]\n");
        head.ledger.faults.insert(FaultKind::Lost, 1);
        head.allow.push(FaultKind::Lost);
    }
    compare(&base, &new, Metric::default(), &Options::default()).expect("comparable");
}

#[test]
fn what_is_refused_can_be_told_otherwise() {
    let (base, mut new) = sides(1, 1.0);
    new[0].head.machine.cores = 4;
    new[0].head.partial = Some("ended early".to_owned());
    let mut options = Options { untrusted_too: true, ..Options::default() };
    compare(&base, &new, Metric::default(), &options).expect_err("the machine");
    options = Options { any_machine: true, ..options };
    compare(&base, &new, Metric::default(), &options).expect("comparable");
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let (base, new) = sides(1, 1.0);
    for options in [
        Options { confidence: 1.0, ..Options::default() },
        Options { confidence: f64::NAN, ..Options::default() },
        Options { run_to_run: -0.1, ..Options::default() },
        Options { unseen: 0.05, ..Options::default() },
    ] {
        compare(&base, &new, Metric::default(), &options).expect_err("no sense");
    }
}

#[test]
fn broken_records_are_no_panic() {
    let (base, mut new) = sides(1, 1.0);
    new[0].head.windows[9].phase = 99;
    new[0].head.windows[10].length_us = 0;
    new[0].latencies.truncate(20);
    for text in ["delivery.p50", "copies.rate", "join.mean", "server.cpu_per_delivery"] {
        let found = compare(&base, &new, metric(text), &Options::default());
        found.expect("whatever it is").to_string();
    }
}

#[test]
fn the_table() {
    let (base, new) = sides(5, 1.2);
    let also =
        vec![metric("delivery.p90"), metric("copies.rate"), metric("server.cpu_per_delivery")];
    let also = also.into_iter().chain([metric("last.p99")]).collect();
    let options = Options { also, ..Options::default() };
    let found = compare(&base, &new, Metric::default(), &options).expect("a verdict");
    insta::assert_snapshot!(found, @r#"
    metric                      base      new  ratio   99 % interval  verdict
    delivery.p50             2.01 ms  2.38 ms  1.186  1.123 to 1.253  slower
    delivery.p90                   -        -      -               -  cannot tell
    copies.rate               3969/s   3340/s  0.843  0.798 to 0.890  slower
    server.cpu_per_delivery  2.52 us  2.99 us  1.186  1.123 to 1.253  costs more
    last.p99                       -        -      -               -  cannot tell

    slower, by delivery.p50: +18.6 % (+12.3 % to +25.3 %)
    5 pairs of runs, made in turns
    delivery.p90 cannot be told: it takes 100 samples in a window, and 30 of 30 windows of run `run0` have fewer: compare a lower percentile, or send more
    last.p99 cannot be told: it takes 1000 samples in a window, and 30 of 30 windows of run `run0` have fewer: compare a lower percentile, or send more
    "#);
    let (base, new) = sides(1, 1.0);
    let found = compare(&base, &new, metric("last.p99"), &Options::default()).expect("a verdict");
    insta::assert_snapshot!(found, @r#"
    metric    base  new  ratio  99 % interval  verdict
    last.p99     -    -      -              -  cannot tell

    cannot tell, by last.p99
    one run of each side; that runs differ by 2 % is assumed, more runs show it
    last.p99 cannot be told: it takes 1000 samples in a window, and 30 of 30 windows of run `run0` have fewer: compare a lower percentile, or send more
    "#);
    let found = compare(&base, &new, Metric::default(), &Options::default()).expect("a verdict");
    insta::assert_snapshot!(found, @r#"
    metric           base      new  ratio   99 % interval  verdict
    delivery.p50  2.01 ms  1.97 ms  0.981  0.811 to 1.186  cannot tell

    cannot tell, by delivery.p50: -1.9 % (-18.9 % to +18.6 %)
    one run of each side; that runs differ by 2 % is assumed, more runs show it
    delivery.p50 cannot be told: a difference of 20 % could hide in the interval: make more runs of each side, in turns, or longer ones
    "#);
}

#[test]
fn where_only_the_servers_cost_shows_a_difference_it_decides() {
    let base: Vec<RunRecord> = (0..5).map(|pair| samples::run(4 * pair, 1.0)).collect();
    let mut new: Vec<RunRecord> = (0..5).map(|pair| samples::run(4 * pair + 1, 1.0)).collect();
    for window in new.iter_mut().flat_map(|run| &mut run.head.windows) {
        window.server.as_mut().unwrap().cpu_us *= 13;
        window.server.as_mut().unwrap().cpu_us /= 10;
    }
    let metric = Metric::default();
    let options = Options { also: metric.others(), cost_may_decide: true, ..Options::default() };
    let found = compare(&base, &new, metric, &options).unwrap();
    assert_eq!(
        (found.headline.metric, &found.headline.verdict),
        (Metric::CpuPerDelivery, &Verdict::Slower)
    );
    assert_eq!(found.gate(0.1).outcome, Outcome::Fail);
    let asked =
        compare(&base, &new, metric, &Options { cost_may_decide: false, ..options }).unwrap();
    assert_eq!(asked.headline.metric, metric);
    // And nothing else does where nothing shows.
    let same = compare(&base, &base, metric, &Options { cost_may_decide: true, ..found.options });
    assert_eq!(same.unwrap().headline.verdict, Verdict::NoDifference);
}
