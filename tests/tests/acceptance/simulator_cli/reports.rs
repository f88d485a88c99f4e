//! What a run tells, to a person and to programs.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use chatroom_tests::flawed::Fault;
use chatroom_tests::programs;
use predicates::str::contains;
use quick_junit::{Report, TestCaseStatus};
use serde_json::Value;

use crate::support::{Folder, flawed, run, scenario_file, stderr, stdout};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The names and verdicts in a JSON report.
fn verdicts(report: &Value) -> Vec<(&str, &str)> {
    let scenarios = report["scenarios"].as_array().unwrap();
    let text = |entry: &'_ Value, key: &str| entry[key].as_str().map(str::to_owned);
    assert!(scenarios.iter().all(|entry| text(entry, "title").is_some()));
    let pair = |entry| {
        let entry: &Value = entry;
        (entry["name"].as_str().unwrap(), entry["verdict"].as_str().unwrap())
    };
    scenarios.iter().map(pair).collect()
}

#[test]
fn json_on_standard_output_is_one_document_and_nothing_else() {
    let args = ["--report", "json", &scenario_file("join"), &scenario_file("create")];
    let output = run(args).assert().code(0).stderr("").get_output().clone();
    let report = json(&stdout(&output));
    assert_eq!(report["exit_status"], 0);
    assert!(report["version"].is_u64());
    assert_eq!(verdicts(&report), [("join", "pass"), ("create", "pass")]);
    assert_eq!(report["scenarios"][0]["clients"], 3);
    assert!(report["scenarios"][0]["covers"].as_array().unwrap().contains(&Value::from("HS-1")));
}

#[test]
fn json_says_everything_about_a_failure() {
    let (_server, address) = flawed(Some(Fault::RenameFormatWrong));
    let files = [scenario_file("name-in-use"), scenario_file("no-password-in-the-log")];
    let output = run(["--connect", &address, "--report", "json"])
        .args(files)
        .assert()
        .code(1)
        .get_output()
        .clone();
    let report = json(&stdout(&output));
    assert_eq!(report["exit_status"], 1);
    assert_eq!(verdicts(&report), [("name-in-use", "fail"), ("no-password-in-the-log", "skip")]);
    let failure = &report["scenarios"][0]["failure"];
    assert_eq!(failure["requirement"], "NAME-3");
    assert_eq!(failure["client"], "second");
    let at = failure["at"].as_str().unwrap();
    let place = at.rsplit_once("name-in-use.toml:").unwrap().1;
    assert!(place.split(':').all(|number| number.parse::<u32>().is_ok()), "{at}");
    for key in ["fault", "expected", "came", "sentence", "again"] {
        assert!(failure[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {failure}");
    }
    let lanes = failure["lanes"].as_array().unwrap();
    assert!(lanes.iter().any(|lane| lane["client"] == "second" && lane["lines"].is_array()));
    assert!(report["scenarios"][1]["reason"].as_str().unwrap().contains("log"));
    assert!(report["scenarios"][1].get("failure").is_none());
}

#[test]
fn junit_is_well_formed_and_has_one_case_for_each_scenario() {
    let folder = Folder::new();
    let file = folder.path().join("results.xml");
    let (_server, address) = flawed(Some(Fault::Lowercases));
    let names = ["option-3", "two-way-chat", "no-password-in-the-log"];
    run(["--connect", &address, "--report", &format!("junit={}", file.display())])
        .args(names.map(scenario_file))
        .assert()
        .code(1)
        .stdout("");
    let report = Report::deserialize_from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let [suite] = report.test_suites.as_slice() else { panic!("{report:?}") };
    let cases: Vec<&str> = suite.test_cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(cases, names);
    let [passed, failed, skipped] = suite.test_cases.as_slice() else { panic!("{suite:?}") };
    assert!(matches!(passed.status, TestCaseStatus::Success { .. }));
    assert!(matches!(skipped.status, TestCaseStatus::Skipped { .. }));
    let TestCaseStatus::NonSuccess { description: Some(description), .. } = &failed.status else {
        panic!("{failed:?}")
    };
    assert!(description.as_str().contains("two-way-chat.toml:"), "{description:?}");
    assert_eq!((report.tests, report.failures), (3, 1));
}

#[test]
fn junit_can_hold_whatever_a_server_sends() {
    // Control characters are not allowed in XML, not even escaped.
    let folder = Folder::new();
    let file = folder.path().join("results.xml");
    let (_server, address) = flawed(Some(Fault::PassesControlCharacters));
    run(["--connect", &address, "--report", &format!("junit={}", file.display())])
        .arg(scenario_file("not-text"))
        .assert()
        .code(1);
    let report = Report::deserialize_from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(report.failures, 1);
    let text = fs::read_to_string(file).unwrap();
    let allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    assert!(text.chars().all(allowed), "{text:?}");
}

#[test]
fn several_reports_go_to_several_places() {
    let folder = Folder::with_small(&["small"]);
    let [json_file, junit] = ["out.json", "out.xml"].map(|name| folder.path().join(name));
    run([folder.path()])
        .args(["--report", "text"])
        .args(["--report", &format!("json={}", json_file.display())])
        .args(["--report", &format!("junit={}", junit.display())])
        .assert()
        .code(0)
        .stdout(contains("1 passed"));
    let report = json(&fs::read_to_string(json_file).unwrap());
    assert_eq!(verdicts(&report), [("small", "pass")]);
    let report = Report::deserialize_from_str(&fs::read_to_string(junit).unwrap()).unwrap();
    assert_eq!(report.tests, 1);
}

#[test]
fn a_text_report_goes_to_a_file_as_well() {
    let folder = Folder::with_small(&["small"]);
    let file = folder.path().join("out.txt");
    let to_file = format!("text={}", file.display());
    let output =
        run([folder.path()]).args(["--report", &to_file, "--report", "json"]).assert().code(0);
    assert_eq!(json(&stdout(output.get_output()))["exit_status"], 0);
    assert!(fs::read_to_string(file).unwrap().contains("1 passed"));
}

#[test]
fn two_reports_on_standard_output_are_an_error() {
    let file = scenario_file("join");
    for two in [["json", "junit"], ["text", "json"], ["json", "json"]] {
        let [one, other] = two;
        run(["--report", one, "--report", other, &file]).assert().code(2).stdout("");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_said_before_anything_is_run() {
    let folder = Folder::new();
    let nowhere = format!("json={}", folder.path().join("no/such/folder/out.json").display());
    run(["--report", &nowhere, &scenario_file("join")])
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("out.json"));
}

/// Progress and colours are for a person at a terminal.
#[test]
fn a_pipe_gets_no_progress_and_no_colours() {
    let (_server, address) = flawed(Some(Fault::Lowercases));
    let bad = Folder::new();
    let bad = bad.write("bad.toml", "title = 1");
    let runs = [
        run([scenario_file("join")]).output().unwrap(),
        run(["--connect", &address, &scenario_file("two-way-chat")]).output().unwrap(),
        run(["--list", &scenario_file("join")]).output().unwrap(),
        run([bad]).output().unwrap(),
        run(["--no-such-flag"]).output().unwrap(),
        run(["--help"]).output().unwrap(),
    ];
    for output in runs {
        let told = stdout(&output) + &stderr(&output);
        assert!(!told.is_empty());
        assert!(!told.contains(['\x1b', '\r', '\x08']), "{told:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_reason_to_panic() {
    let folder = Folder::with_small(&["a", "b", "c", "d"]);
    for options in
        [&["--jobs", "1"][..], &["--list"], &["--report", "json"], &["--report", "junit"]]
    {
        let mut child = Command::new(programs::simulator())
            .arg("run")
            .args(options)
            .arg(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // As `head -1` does. The pipe breaks while the run is still going on, or at its end.
        let mut lines = BufReader::with_capacity(1, child.stdout.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        drop(lines);
        let mut complaint = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        assert_eq!(complaint, "", "{options:?}");
        assert_eq!(child.wait().unwrap().code(), Some(0), "{options:?}");
        assert!(!line.is_empty(), "{options:?}");
    }
}
