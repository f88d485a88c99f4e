use super::*;
use crate::load::figures::Measure;
use crate::load::record::FaultKind;
use crate::load::sample;

const PHASES: [&str; 4] = ["warm-up", "steady", "spike", "full"];

fn judged(gate: &str, record: &RunRecord) -> GateRecord {
    let gate = Gate::parse(gate, &PHASES).unwrap_or_else(|error| panic!("{gate}: {error}"));
    gate.evaluate(record)
}

#[track_caller]
fn check(gate: &str, record: &RunRecord, outcome: Outcome, why: &str) {
    let judged = judged(gate, record);
    assert_eq!((judged.outcome, judged.why.as_str()), (outcome, why));
    assert_eq!(judged.gate, gate);
}

#[test]
fn a_value_on_the_right() {
    let record = sample::record();
    let p99 = "steady.delivery.p99 is 3.7 ms";
    check("steady.delivery.p99 < 20ms", &record, Outcome::Pass, &format!("{p99}, less than 20 ms"));
    check("steady.delivery.p99 <= 1ms", &record, Outcome::Fail, &format!("{p99}, more than 1 ms"));
    check("steady.delivery.p99 > 20ms", &record, Outcome::Fail, &format!("{p99}, less than 20 ms"));
    check(
        "steady.delivery.p99 >= 0.1s",
        &record,
        Outcome::Fail,
        &format!("{p99}, less than 100 ms"),
    );
}

#[test]
fn phases_are_compared_and_both_figures_shown() {
    let record = sample::record();
    let why = "spike.delivery.p99 is 9.3 ms, more than 2 × 3.74 ms = 7.5 ms";
    check("spike.delivery.p99 < 2 * steady.delivery.p99", &record, Outcome::Fail, why);
    check("spike.delivery.p99 < 2 * steady", &record, Outcome::Fail, why);
    let why = "spike.delivery.p99 is 9.3 ms, more than steady.delivery.p99, which is 3.7 ms";
    check("spike.delivery.p99 > steady", &record, Outcome::Pass, why);
}

#[test]
fn figures_that_look_alike_get_more_digits() {
    let mut record = sample::record();
    sample::only(&mut record, "steady", Measure::Delivery, 1_999, 1_000);
    let why = "steady.delivery.max is 1.999 ms, less than 2 ms";
    check("steady.delivery.max < 2ms", &record, Outcome::Pass, why);
    let why = "steady.delivery.max is 2 ms, exactly 2 ms";
    sample::only(&mut record, "steady", Measure::Delivery, 2_000, 1_000);
    check("steady.delivery.max < 2ms", &record, Outcome::Fail, why);
    check("steady.delivery.max <= 2ms", &record, Outcome::Pass, why);
}

#[test]
fn without_a_phase_all_measured_ones_are_merged_and_no_others() {
    let mut record = sample::record();
    sample::only(&mut record, "warm-up", Measure::Delivery, 900_000, 1);
    let count = 20.0 * (300.0 + 400.0 + 2_000.0);
    let metric = |gate: &str| judged(gate, &record).why;
    assert!(
        metric("delivery.max < 1s").starts_with("delivery.max is 12.9 ms"),
        "full ends at 12.9"
    );
    assert_eq!(
        Gate::parse("delivery.count > 0", &PHASES).unwrap().left().value(&record),
        Ok(count)
    );
    assert!(metric("warm-up.delivery.max < 1s").contains("900"));
}

#[test]
fn the_mean_is_of_all_values_and_not_of_means() {
    let mut record = sample::record();
    sample::only(&mut record, "steady", Measure::Delivery, 1_000, 1);
    sample::only(&mut record, "full", Measure::Delivery, 1_000, 0);
    sample::only(&mut record, "spike", Measure::Delivery, 2_000, 3);
    check("delivery.mean < 1s", &record, Outcome::Pass, "delivery.mean is 1.8 ms, less than 1 s");
}

#[test]
fn all_adds_the_copies_of_those_who_misbehave() {
    let mut record = sample::record();
    let windows = sample::windows_of(&record, "steady");
    sample::only(&mut record, "steady", Measure::Delivery, 1_000, 2);
    record.latencies[windows[1]].record(Measure::OtherDelivery, 50_000);
    let why = "steady.delivery.max is 1 ms, less than 2 ms";
    check("steady.healthy.delivery.max < 2ms", &record, Outcome::Pass, why);
    let why = "steady.all.delivery.max is 50 ms, more than 2 ms";
    check("steady.all.delivery.max < 2ms", &record, Outcome::Fail, why);
}

#[test]
fn no_data_is_untrusted_and_never_a_pass() {
    let mut record = sample::record();
    record.latencies.iter_mut().for_each(|at| *at = Default::default());
    record.head.windows.iter_mut().for_each(|window| (window.sends, window.copies) = (0, 0));
    record.head.fairness = None;
    record.head.ledger = Default::default();
    record.head.crowd.joined = 0;
    record.head.crowd.base_rss_bytes = None;
    for gate in [
        "delivery.p99 < 20ms",
        "delivery.max < 20ms",
        "delivery.mean < 1ms",
        "delivery.count < 5",
        "sends.rate < 1/s",
        "copies.rate < 1/s",
        "server.cpu_per_delivery < 1us",
        "faults <= 0",
        "lost <= 0",
        "admitted <= 0",
        "disconnected <= 0",
        "fairness.ratio < 2",
        "join.p50 < 1s",
        "fairness.worst_p99 < 1s",
        "join.seconds < 1s",
        "server.rss_per_bot < 1KiB",
        "generator.rss_per_bot < 1KiB",
    ] {
        let judged = judged(gate, &record);
        assert_eq!(judged.outcome, Outcome::Untrusted, "{gate}: {}", judged.why);
    }
    check("delivery.p99 < 20ms", &record, Outcome::Untrusted, "delivery.p99 has no sample");
}

#[test]
fn a_phase_that_never_began_has_no_data() {
    let mut record = sample::record();
    record.head.phases.truncate(3);
    record.head.windows.truncate(6);
    record.latencies.truncate(6);
    for gate in ["spike.server.cpu < 50%", "spike.server.rss < 1GiB", "spike.generator.cpu < 50%"] {
        let judged = judged(gate, &record);
        assert_eq!(judged.outcome, Outcome::Untrusted, "{gate}: {}", judged.why);
    }
}

#[test]
fn a_percentile_needs_ten_samples_beyond_it() {
    let mut record = sample::record();
    for (stat, needed) in
        [("p50", 20), ("p90", 100), ("p99", 1_000), ("p99.9", 10_000), ("p99.99", 100_000)]
    {
        let gate = format!("steady.delivery.{stat} < 20ms");
        sample::only(&mut record, "steady", Measure::Delivery, 1_000, needed);
        assert_eq!(judged(&gate, &record).outcome, Outcome::Pass, "{gate}");
        sample::only(&mut record, "steady", Measure::Delivery, 1_000, needed - 1);
        assert_eq!(judged(&gate, &record).outcome, Outcome::Untrusted, "{gate}");
    }
    sample::only(&mut record, "steady", Measure::Delivery, 1_000, 312);
    let why = "steady.delivery.p99 needs 1,000 samples, and there are 312; run longer, or at a higher rate";
    check("steady.delivery.p99 < 20ms", &record, Outcome::Untrusted, why);
    check("spike.delivery.p99 < 3 * steady", &record, Outcome::Untrusted, why);
}

#[test]
fn the_server_without_a_known_process_cannot_be_asked() {
    let mut record = sample::record();
    record.head.target.process_known = false;
    for gate in [
        "server.rss < 1GiB",
        "server.cpu < 50%",
        "server.rss_per_bot < 1MiB",
        "server.cpu_per_delivery < 1s",
    ] {
        let judged = judged(gate, &record);
        assert_eq!(judged.outcome, Outcome::Invalid, "{gate}");
        assert!(judged.why.contains("the server's process is not known with --connect"));
    }
    assert_eq!(judged("generator.cpu < 50%", &record).outcome, Outcome::Pass);
}

#[test]
fn costs() {
    let record = sample::record();
    // 20 MiB at the end of the joining, 10 MiB before it, 100 bots.
    let why = "server.rss_per_bot is 102.4 KiB, more than 100 KiB";
    check("server.rss_per_bot < 100KiB", &record, Outcome::Fail, why);
    let why = "generator.rss_per_bot is 102.4 KiB, more than 6 KiB";
    check("generator.rss_per_bot < 6KiB", &record, Outcome::Fail, why);
    // 100 sends a second, 20 copies each: 104 ms of the server's time each second.
    let why = "steady.server.cpu_per_delivery is 52 µs, less than 60 µs";
    check("steady.server.cpu_per_delivery < 60us", &record, Outcome::Pass, why);
    let why = "steady.server.cpu is 10.4%, less than 50%";
    check("steady.server.cpu < 0.5", &record, Outcome::Pass, why);
    let why = "steady.generator.cpu is 20%, less than 50%";
    check("steady.generator.cpu < 50%", &record, Outcome::Pass, why);
    let mut two = record.clone();
    two.head.trust.threads = 2;
    let why = "steady.generator.cpu is 10%, less than 50%";
    check("steady.generator.cpu < 50%", &two, Outcome::Pass, why);
    let why = "server.rss is 20 MiB, less than 1 GiB";
    check("server.rss < 1GiB", &record, Outcome::Pass, why);
}

#[test]
fn rates_are_per_second_of_the_phase() {
    let record = sample::record();
    let why = "spike.sends.rate is 200/s, more than 150/s";
    check("spike.sends.rate >= 150/s", &record, Outcome::Pass, why);
    let why = "full.copies.rate is 20,000/s, less than 1,000,000/s";
    check("full.copies.rate >= 1_000_000/s", &record, Outcome::Fail, why);
    let why = "sends.rate is 386/s, less than 400/s";
    check("sends.rate < 400/s", &record, Outcome::Pass, why);
}

#[test]
fn counts_fairness_and_the_joining() {
    let mut record = sample::record();
    check("lost <= 0", &record, Outcome::Pass, "lost is 0, exactly 0");
    sample::fault(&mut record, FaultKind::Lost);
    check("lost <= 0", &record, Outcome::Fail, "lost is 1, more than 0");
    check("faults < 1", &record, Outcome::Fail, "faults is 1, exactly 1");
    check("altered < 1", &record, Outcome::Pass, "altered is 0, less than 1");
    let why = "fairness.ratio is 2, less than 3";
    check("fairness.ratio < 3", &record, Outcome::Pass, why);
    let why = "fairness.worst_p99 is 8.2 ms, less than 1 s";
    check("fairness.worst_p99 < 1s", &record, Outcome::Pass, why);
    check("joined >= 100", &record, Outcome::Pass, "joined is 100, exactly 100");
    check("join.seconds < 20s", &record, Outcome::Pass, "join.seconds is 2 s, less than 20 s");
    check("join.seconds < 20", &record, Outcome::Pass, "join.seconds is 2 s, less than 20 s");
    check("join.max < 20ms", &record, Outcome::Pass, "join.max is 5.9 ms, less than 20 ms");
    record.head.fairness.as_mut().unwrap().median_p99_us = None;
    let why = "fairness.ratio is not known of a run that was merged of several parts";
    check("fairness.ratio < 3", &record, Outcome::Untrusted, why);
}
