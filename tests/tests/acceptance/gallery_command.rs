//! `simulator gallery`: which scenario catches which fault.

use std::fs;

use assert_cmd::Command;
use chatroom_tests::programs;
use predicates::prelude::*;
use predicates::str::contains;

use crate::support::{DEADLINE, Folder, scenario_file};

/// `simulator gallery` over the flawed servers.
fn gallery(scenarios: &[&str]) -> Command {
    let server = programs::flawed_server().to_str().unwrap();
    let server = shlex::try_quote(server).unwrap();
    let mut command = Command::new(programs::simulator());
    command.timeout(DEADLINE).arg("gallery");
    command.args(scenarios.iter().map(|name| scenario_file(name)));
    let spawn = format!("{server} --listen 127.0.0.1:{{port}} --fault {{fault}}");
    command.args(["--spawn", &spawn, "--sound"]);
    command.arg(format!("{server} --listen 127.0.0.1:{{port}}"));
    command
}

#[test]
fn a_gallery_in_which_everything_is_caught_and_useful_passes() {
    let folder = Folder::new();
    let cells = folder.path().join("cells.csv");
    gallery(&["isolation", "group-outlives-members"])
        .args(["--faults", "leaks-between-groups,group-dies-with-last-member"])
        .arg("--csv")
        .arg(&cells)
        .assert()
        .code(0)
        .stdout(contains("2 of 2 faults are caught; 2 of 2 scenarios catch one"));
    let cells = fs::read_to_string(cells).unwrap();
    assert!(cells.contains("(no fault),isolation,passed,"), "{cells}");
    let caught = "group-dies-with-last-member,group-outlives-members,caught,\
                  a group cannot be joined any more after its last member left";
    assert!(cells.contains(caught), "{cells}");
}

#[test]
fn a_fault_that_nothing_catches_and_a_scenario_that_catches_nothing_fail() {
    gallery(&["create", "isolation"])
        .args(["--faults", "leaks-between-groups,long-message-vanishes"])
        .assert()
        .code(1)
        .stdout(contains("no scenario catches long-message-vanishes"))
        .stdout(contains("isolation catches nothing").not());
    gallery(&["wrong-option", "isolation"])
        .args(["--faults", "no-leave-notice"])
        .assert()
        .code(1)
        .stdout(contains("wrong-option catches nothing: what does it show?"));
}

#[test]
fn faults_can_be_named_by_a_program() {
    let echo = "echo no-leave-notice and what it is";
    gallery(&["leave-notice"])
        .args(["--faults-from", echo])
        .assert()
        .code(0)
        .stdout(contains("1 of 1 faults are caught"));
    gallery(&["leave-notice"])
        .args(["--faults-from", "true"])
        .assert()
        .code(2)
        .stderr(contains("named no faults; it has to print one on each line"));
    gallery(&["leave-notice"]).args(["--faults-from", "false"]).assert().code(2);
}

#[test]
fn a_command_without_a_place_for_the_fault_is_an_error() {
    Command::new(programs::simulator())
        .args(["gallery", &scenario_file("join"), "--spawn", "server {port}", "--faults", "a"])
        .assert()
        .code(2)
        .stderr(contains("write {fault} in its place"));
}
