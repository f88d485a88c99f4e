//! A run for a CI job: JUnit's XML, with a test case for each gate, one for the faults and one for the
//! figures themselves.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::load::record::{GateRecord, Outcome, RunRecord, VerdictRecord};
use crate::load::verdict;

/// The report on a run. `more` are judgements beyond the run's own, such as that of a comparison.
///
/// # Errors
///
/// When the report cannot be written as XML.
pub fn render(
    record: &RunRecord,
    verdict: &VerdictRecord,
    more: &[GateRecord],
) -> anyhow::Result<String> {
    let head = &record.head;
    let mut suite = TestSuite::new(head.file.title.as_str());
    let trusted = verdict::doubts(record);
    suite.add_test_case(case("no faults", NonSuccessKind::Failure, &verdict::faults(record)));
    suite.add_test_case(case("figures can be trusted", NonSuccessKind::Error, &trusted));
    for gate in verdict.gates.iter().chain(more) {
        suite.add_test_case(gate_case(gate));
    }
    let took = head.phases.iter().map(|phase| phase.start_us + phase.length_us).max();
    let took = std::time::Duration::from_micros(took.unwrap_or(0));
    suite.set_time(took);
    let mut report = Report::new("simulator load");
    report.set_time(took).add_test_suite(suite);
    Ok(report.to_string()?)
}

fn case(name: &str, kind: NonSuccessKind, reasons: &[String]) -> TestCase {
    let status = match reasons {
        [] => TestCaseStatus::success(),
        [first, ..] => bad(kind, first, &reasons.join("\n")),
    };
    named(name, status)
}

fn gate_case(gate: &GateRecord) -> TestCase {
    let status = match gate.outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Fail => bad(NonSuccessKind::Failure, &gate.why, &gate.why),
        Outcome::Invalid | Outcome::Untrusted => bad(NonSuccessKind::Error, &gate.why, &gate.why),
    };
    named(&gate.gate, status)
}

fn named(name: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname("load");
    case
}

fn bad(kind: NonSuccessKind, message: &str, all: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message).set_description(all);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::record::FaultKind;
    use crate::load::sample;

    fn shown(record: &RunRecord, gates: &[&str]) -> String {
        let gates: Vec<String> = gates.iter().map(|gate| (*gate).to_owned()).collect();
        let verdict = verdict::judge(record, &gates);
        render(record, &verdict, &[]).expect("the sample can be written")
    }

    /// The test cases by name: nothing, `failure` or `error`, and the message.
    fn cases(xml: &str) -> Vec<(String, String, String)> {
        let report = Report::deserialize_from_str(xml).expect("what is written can be read");
        let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
        let told = cases.map(|case| match &case.status {
            TestCaseStatus::NonSuccess { kind, message, .. } => {
                let kind = match kind {
                    NonSuccessKind::Failure => "failure",
                    NonSuccessKind::Error => "error",
                };
                let message = message.as_ref().map(|text| text.as_str().to_owned());
                let message = message.unwrap_or_default();
                (case.name.as_str().to_owned(), kind.to_owned(), message)
            }
            _ => (case.name.as_str().to_owned(), String::new(), String::new()),
        });
        told.collect()
    }

    #[track_caller]
    fn check(record: &RunRecord, gates: &[&str], expected: &[(&str, &str, &str)]) {
        let cases = cases(&shown(record, gates));
        let cases: Vec<(&str, &str, &str)> =
            cases.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
        assert_eq!(cases, expected);
    }

    #[test]
    fn each_gate_is_a_case_beside_the_faults_and_the_figures() {
        let mut record = sample::record();
        check(
            &record,
            &["lost <= 0", "steady.delivery.p99 < 1ms"],
            &[
                ("no faults", "", ""),
                ("figures can be trusted", "", ""),
                ("lost <= 0", "", ""),
                (
                    "steady.delivery.p99 < 1ms",
                    "failure",
                    "steady.delivery.p99 is 3.7 ms, more than 1 ms",
                ),
            ],
        );
        sample::fault(&mut record, FaultKind::Doubled);
        record.head.doubts = vec!["bot 7 could not connect".to_owned()];
        record.head.target.process_known = false;
        let cases = cases(&shown(&record, &["server.rss < 1GiB"]));
        let kinds: Vec<&str> = cases.iter().map(|(_, kind, _)| kind.as_str()).collect();
        assert_eq!(kinds, ["failure", "error", "error"]);
        assert_eq!(cases[0].2, "a fault was found: doubled, 1 time");
        assert_eq!(cases[1].2, "bot 7 could not connect");
    }

    #[test]
    fn what_xml_cannot_have_does_no_harm() {
        let mut record = sample::record();
        record.head.file.title = "a <title> & \u{1} \"more\"".to_owned();
        record.head.server_ended = Some("\u{1b}[31m<dead>&".to_owned());
        let cases = cases(&shown(&record, &["no <gate> & \u{2}"]));
        assert_eq!(cases.len(), 3);
    }
}
