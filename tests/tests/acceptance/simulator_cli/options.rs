//! What the options do.

use std::fs;
use std::net::TcpListener;

use chatroom_simulator::scenario;
use chatroom_tests::flawed::Fault;
use chatroom_tests::{programs, workspace};
use predicates::prelude::*;
use predicates::str::contains;

use crate::support::{Folder, flawed, run, scenario_file, stdout};

fn listed(args: &[&str]) -> Vec<String> {
    let mut command = run(["--list"]);
    let output =
        command.args(args).arg(workspace::scenarios()).assert().code(0).get_output().clone();
    let text = stdout(&output);
    text.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
}

#[test]
fn list_names_every_scenario_and_plays_none() {
    let files = scenario::files_under(&workspace::scenarios()).unwrap();
    let names: Vec<_> =
        files.iter().map(|file| file.file_stem().unwrap().to_str().unwrap()).collect();
    assert_eq!(listed(&[]), names);
    // Nobody listens there, and nobody is asked.
    assert_eq!(listed(&["--connect", "127.0.0.1:1"]), names);
}

#[test]
fn filter_looks_at_names_titles_and_requirements() {
    assert_eq!(
        listed(&["--filter", "refused-unknown"]),
        ["refused-unknown-id", "refused-unknown-password"]
    );
    assert_eq!(listed(&["--filter", "THE NINE CLIENTS"]), ["nine-clients"]);
    let covering = listed(&["--filter", "hs-5"]);
    assert!(covering.contains(&"silent-handshake".to_owned()), "{covering:?}");
    assert!(!covering.contains(&"join".to_owned()), "{covering:?}");
}

#[test]
fn filter_chooses_what_is_run() {
    let folder = Folder::with_small(&["alpha", "beta", "gamma"]);
    run(["--filter", "beta"])
        .arg(folder.path())
        .assert()
        .code(0)
        .stdout(contains("beta").and(contains("gamma").not()));
}

#[test]
fn jobs_does_not_change_what_is_told() {
    let folder = Folder::with_small(&["a", "b", "c", "d", "e", "f"]);
    let order = |jobs: &str| {
        let output = run(["--jobs", jobs]).arg(folder.path()).assert().code(0).get_output().clone();
        let told = stdout(&output);
        let passed = told.lines().filter_map(|line| line.strip_prefix("pass "));
        passed.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect::<String>()
    };
    assert_eq!(order("1"), "abcdef");
    assert_eq!(order("4"), "abcdef");
}

#[test]
fn a_failure_says_how_to_run_it_again() {
    let (_server, address) = flawed(Some(Fault::Lowercases));
    let file = scenario_file("two-way-chat");
    let args = ["--connect", &address, "--seed", "7", "--time-scale", "2", &file];
    let output = run(args).assert().code(1).get_output().clone();
    let told = stdout(&output);
    let again = told.lines().find(|line| line.contains("simulator run")).expect(&told);
    for part in ["--seed 7", "--time-scale 2", &address, &file] {
        assert!(again.contains(part), "{part} is not in {again}");
    }
    // And that does it again, but for the groups that are there now.
    let words = shlex::split(again.split_once("simulator run").unwrap().1).unwrap();
    run(words).assert().code(1);
}

#[test]
fn time_scale_shortens_a_deadline() {
    // It accepts, by the system's grace, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let folder = Folder::new();
    let file = folder.write(
        "wait.toml",
        r#"
title = "Waits longer than any test may take"
covers = ["HS-1"]
deadline = "5m"
client.bare = {}
[[act]]
name = "Nothing comes"
steps = [{ bare = "connect" }, { bare = "< enter group chat id:" }]
"#,
    );
    // It fails, or this machine is too busy to tell; either way it ends.
    run(["--connect", &address, "--time-scale", "0.01"])
        .arg(file)
        .assert()
        .code(&[1, 4][..])
        .stdout(contains("wait"));
}

#[test]
fn via_client_runs_the_client_beside_the_simulator() {
    assert_eq!(programs::client().parent(), programs::simulator().parent());
    let told = contains("chatroom-client").and(contains("real program"));
    run(["--via-client", &scenario_file("join")]).assert().code(0).stdout(told);
}

#[test]
fn via_client_takes_another_program() {
    let named = format!("--via-client={}", programs::client().display());
    run([&named, &scenario_file("join")]).assert().code(0).stdout(contains("real program"));
    // A program that is no client fails what it is tried on.
    let server = format!("--via-client={}", programs::server().display());
    run([&server, "--time-scale", "0.1", &scenario_file("join")]).assert().code(1);
}

#[test]
fn via_client_says_when_there_is_no_such_program() {
    // A simulator with nothing beside it.
    let folder = Folder::new();
    let alone = folder.path().join(programs::simulator().file_name().unwrap());
    if fs::hard_link(programs::simulator(), &alone).is_err() {
        fs::copy(programs::simulator(), &alone).unwrap();
    }
    assert_cmd::Command::new(alone)
        .args(["run", "--via-client", &scenario_file("join")])
        .assert()
        .code(2)
        .stdout("")
        .stderr(contains("chatroom-client").and(contains("cargo build")));
    let args = ["--via-client=no-such-client", &scenario_file("join")];
    let output = run(args).assert().failure().get_output().clone();
    let told = stdout(&output) + &crate::support::stderr(&output);
    assert!(told.contains("no-such-client"), "{told}");
}
