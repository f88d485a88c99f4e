use super::*;
use crate::load::record::FaultKind;
use crate::load::sample;

const FILE: &str = r#"
title = "An evening"
gates = ["delivery.p99 < 20ms"]
[crowd]
bots = 100
groups = 10
[roles]
talkers = "50%"
stalled = { share = 3, from = "peak" }
leavers = { share = "2%" }
[[phase]]
name = "calm"
for = "2s"
rate = "100/s"
[[phase]]
name = "peak"
for = "3s"
ramp = ["100/s", "400/s"]
[[phase]]
name = "late"
for = "3s"
rate = "900/s"
measured = false
"#;

fn spec(text: &str) -> LoadSpec {
    spec::load(&Source::new("evening.toml", text)).expect("the load is right")
}

fn template(quantity: Quantity) -> Template {
    Template::new(&spec(FILE), &[], quantity, Duration::from_secs(5)).unwrap()
}

#[test]
fn a_probe_warms_up_and_is_steady_at_its_rate() {
    let template = template(Quantity::Rate);
    assert_eq!(template.start(), 400.0, "the busiest measured phase");
    let probe = template.at(1234.5).unwrap();
    let phases: Vec<_> =
        probe.phases.iter().map(|phase| (phase.name.as_str(), phase.measured)).collect();
    assert_eq!(phases, [("warm-up", false), ("steady", true)]);
    assert!(probe.phases.iter().all(|phase| phase.shape == Shape::Steady(Rate(1234.5))));
    assert_eq!(probe.phases[1].length, Duration::from_secs(5));
    assert_eq!(probe.roles.stalled.as_ref().unwrap().from, 1);
    assert_eq!((probe.crowd.bots, probe.crowd.groups), (100, 10));
    assert_eq!(probe.title, "An evening, at 1234.5/s");
    assert_eq!(probe.gates, ["delivery.p99 < 20ms"]);
}

#[test]
fn what_is_recorded_reads_back_to_what_was_carried_out() {
    for (quantity, value) in [(Quantity::Rate, 77.7), (Quantity::Crowd, 333.0)] {
        let probe = template(quantity).at(value).unwrap();
        let again = spec::load(&probe.source).unwrap();
        assert_eq!(format!("{again:?}"), format!("{probe:?}"));
    }
}

#[test]
fn a_larger_crowd_has_more_groups_and_more_to_say() {
    let template = template(Quantity::Crowd);
    assert_eq!(template.start(), 100.0);
    let probe = template.at(300.0).unwrap();
    assert_eq!((probe.crowd.bots, probe.crowd.groups), (300, 30));
    assert_eq!(probe.roles.stalled.as_ref().unwrap().share, Share::Count(9));
    assert_eq!(probe.roles.talkers, Share::Percent(50.0));
    assert_eq!(probe.phases[1].shape, Shape::Steady(Rate(1200.0)));
    let least = template.at(1.0);
    assert!(least.unwrap_err().contains("there is no such load: "));
}

#[test]
fn a_load_without_a_rate_stays_saturated_while_the_crowd_grows() {
    let text = FILE.replace("rate = \"100/s\"", "saturate = 4");
    let text = text.replace("ramp = [\"100/s\", \"400/s\"]", "saturate = 9");
    let of = |quantity| Template::new(&spec(&text), &[], quantity, Duration::from_secs(5)).unwrap();
    let probe = of(Quantity::Crowd).at(200.0).unwrap();
    assert_eq!(probe.phases[1].shape, Shape::Saturate(4));
    assert_eq!(of(Quantity::Rate).start(), 1000.0);
    assert_eq!(of(Quantity::Rate).at(5.0).unwrap().phases[1].shape, Shape::Steady(Rate(5.0)));
}

#[test]
fn a_gate_that_no_probe_has_is_refused_with_what_to_do() {
    let refused = |text: &str, gates: &[String]| {
        let length = Duration::from_secs(5);
        Template::new(&spec(text), gates, Quantity::Rate, length).unwrap_err().to_string()
    };
    let text = FILE.replace("\"delivery.p99 < 20ms\"", "\"peak.delivery.p99 < 20ms\"");
    let why = refused(&text, &[]);
    assert!(why.contains("`peak.delivery.p99 < 20ms` cannot be asked of a probe"), "{why}");
    assert!(why.ends_with("say what has to hold with --gate"), "{why}");
    let gate = ["delivery.p99 < 1ms".to_owned()];
    let template = Template::new(&spec(&text), &gate, Quantity::Rate, Duration::from_secs(5));
    assert_eq!(template.unwrap().gates(), gate);
    let text = FILE.replace("gates = [\"delivery.p99 < 20ms\"]", "");
    assert!(refused(&text, &[]).starts_with("nothing has to hold: say what does with --gate"));
}

#[track_caller]
fn check(change: impl FnOnce(&mut RunRecord), expected: &Probed) {
    let mut record = sample::record();
    record.head.gates = vec!["steady.delivery.p99 < 20ms".to_owned()];
    change(&mut record);
    assert_eq!(judge(&record), *expected);
}

#[test]
fn a_probe_holds_or_fails_or_is_the_generators_limit() {
    let went = Probed::Went;
    check(|_| {}, &went(ProbeResult::Held));
    let late = |record: &mut RunRecord| sample::generator_cpu(record, "steady", 990_000);
    let slow = |record: &mut RunRecord| {
        record.head.gates = vec!["steady.delivery.p99 < 1us".to_owned()];
    };
    check(slow, &went(ProbeResult::Failed));
    check(late, &went(ProbeResult::Untrusted));
    // What a generator that is out of time measures may be its own fault; a lost copy is not.
    check(
        |record| {
            late(record);
            slow(record);
        },
        &went(ProbeResult::Untrusted),
    );
    check(
        |record| {
            late(record);
            sample::fault(record, FaultKind::Lost);
        },
        &went(ProbeResult::Failed),
    );
    check(|record| record.head.server_ended = Some(String::new()), &went(ProbeResult::Failed));
    let doubt =
        |record: &mut RunRecord| record.head.doubts = vec!["bot 7 got no answer".to_owned()];
    check(doubt, &went(ProbeResult::Failed));
}

#[test]
fn a_probe_that_says_nothing_says_why() {
    let few = "`steady.delivery.p99 < 20ms`: steady.delivery.p99 needs 1,000 samples, and there are 99; \
               run longer, or at a higher rate";
    check(
        |record| sample::only(record, "steady", Measure::Delivery, 1000, 99),
        &Probed::Nothing(few.to_owned()),
    );
    check(|record| record.head.partial = Some("interrupted".to_owned()), &Probed::Stopped);
    let mut record = sample::record();
    record.head.target.process_known = false;
    record.head.gates = vec!["server.rss < 1GiB".to_owned()];
    assert!(matches!(judge(&record), Probed::Invalid(_)));
}
