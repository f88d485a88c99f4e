//! The report for a CI job: JUnit's XML.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::reason;
use crate::run::{Outcome, Summary, Verdict};

pub(super) fn render(summary: &Summary, rerun: &str) -> anyhow::Result<String> {
    let mut suite = TestSuite::new("scenarios");
    suite.set_time(summary.took);
    for outcome in &summary.outcomes {
        suite.add_test_case(case(outcome, rerun));
    }
    let mut report = Report::new("simulator");
    report.set_time(summary.took).add_test_suite(suite);
    Ok(report.to_string()?)
}

fn case(outcome: &Outcome, rerun: &str) -> TestCase {
    let mut case = TestCase::new(outcome.scenario.name.as_str(), status(outcome, rerun));
    case.set_classname("scenarios").set_time(outcome.took);
    case.set_assertions(outcome.steps);
    case
}

fn status(outcome: &Outcome, rerun: &str) -> TestCaseStatus {
    let reason = reason(&outcome.verdict).unwrap_or_default();
    match &outcome.verdict {
        Verdict::Pass | Verdict::Accepted(_) => TestCaseStatus::success(),
        Verdict::Skip(_) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
        Verdict::Fail(failure) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let what = failure.fault.as_deref().unwrap_or("not as expected");
            status.set_message(what);
            if let Some(requirement) = failure.requirement {
                status.set_type(requirement.id.as_str());
            }
            let source = &outcome.scenario.source;
            status.set_description(format!(
                "{}\nexpected: {}\ncame: {}\nagain: {rerun} {}",
                source.location(failure.span.start),
                failure.expected,
                failure.came,
                source.path().display(),
            ));
            status
        }
        Verdict::Inconclusive(_) | Verdict::Unreachable(_) | Verdict::Unreadable(_) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(reason);
            status
        }
    }
}
