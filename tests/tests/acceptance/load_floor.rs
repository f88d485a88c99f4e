//! The floor: a load against a server that only forwards.

use std::fs;

use chatroom_tests::programs;
use predicates::prelude::*;
use predicates::str::contains;

use crate::support::{DEADLINE, Folder, stderr, stdout};

fn simulator(subcommand: &str) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(programs::simulator());
    command.arg(subcommand).timeout(DEADLINE);
    command
}

#[test]
fn a_load_is_read_as_a_multiple_of_the_floor() {
    let folder = Folder::new();
    let output = simulator("load")
        .args(["--bots", "20", "--groups", "2", "--rate", "50/s", "--for", "1s"])
        .args(["--with-floor", "--pairs", "1", "--out"])
        .arg(folder.path())
        .output()
        .unwrap();
    let told = stdout(&output);
    // A busy machine may make the figures untrusted, but nothing is lost on either side.
    assert!(matches!(output.status.code(), Some(0 | 4)), "{told}{}", stderr(&output));
    assert!(told.contains("the reference server") && told.contains("server / floor"), "{told}");
    assert!(told.contains("copies.rate") && told.contains("of the server passed"), "{told}");
    assert!(!told.contains("fault was found"), "{told}");
    let names = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("flags-floor-")), "{names:?}");
    for name in names {
        let run = fs::read_to_string(folder.path().join(&name).join("run.json")).unwrap();
        let run: serde_json::Value = serde_json::from_str(&run).unwrap();
        let server = run["target"]["name"].as_str().unwrap();
        assert_eq!(server.contains("only forwards"), name.starts_with("flags-floor-"), "{server}");
        assert!(run["ledger"]["verified"].as_u64().is_some_and(|copies| copies > 0), "{run}");
        assert_eq!(run["ledger"]["faults"], serde_json::json!({}), "{name}");
    }
}

#[test]
fn the_floor_alone_holds_the_smoke_load() {
    let folder = Folder::new();
    let file = chatroom_tests::workspace::root().join("scenarios/load/smoke.toml");
    let output = simulator("floor").arg(file).arg("--out").arg(folder.path()).output().unwrap();
    let told = stdout(&output);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{told}{}", stderr(&output));
    assert!(told.contains("The floor: Smoke"), "{told}");
    assert!(!told.contains("fault was found"), "{told}");
}

#[test]
fn what_the_floor_does_not_take_is_said() {
    let elsewhere = ["--connect", "127.0.0.1:1", "--bots", "2"];
    simulator("floor").args(elsewhere).assert().code(2).stderr(contains("--with-floor"));
    simulator("floor").args(["--rate", "5/s"]).assert().code(2).stderr(contains("--bots"));
    let no_file = simulator("load").assert().code(2);
    no_file.stderr(contains("FILE").or(contains("--bots")));
    simulator("load").args(["--bots", "2", "--pairs", "2"]).assert().code(2);
}

#[test]
fn the_floor_ends_with_whoever_started_it() {
    let told = contains("listening on 127.0.0.1:");
    simulator("forwarding-server").write_stdin("").assert().code(0).stdout(told);
}
