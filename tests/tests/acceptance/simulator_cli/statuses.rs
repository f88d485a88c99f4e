//! What each exit status means.

use std::net::SocketAddr;

use chatroom_tests::flawed::Fault;
use chatroom_tests::programs;
use predicates::prelude::*;
use predicates::str::contains;
use socket2::{Domain, Socket, Type};

use crate::support::{Folder, SMALL, flawed, run, scenario_file};

/// What was waited for in vain is a failure, unless this machine is too busy to tell.
const FAILED: &[i32] = &[1, 4];

/// An address of this machine at which nobody listens, and the socket that keeps it so.
fn nobody() -> (Socket, String) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address.to_string())
}

/// A program of this workspace, as the start of a `--spawn` command.
fn spawn(program: &std::path::Path, arguments: &str) -> [String; 2] {
    let program = shlex::try_quote(program.to_str().unwrap()).unwrap();
    ["--spawn".to_owned(), format!("{program} {arguments}")]
}

fn spawn_server(arguments: &str) -> [String; 2] {
    spawn(programs::server(), &format!("--listen 127.0.0.1:{{port}} {arguments}"))
}

#[test]
fn status_0_everything_passed() {
    run([scenario_file("join")]).assert().code(0);
    let (_server, address) = flawed(None);
    run(["--connect", &address, &scenario_file("join")]).assert().code(0);
    run(spawn_server("")).arg(scenario_file("join")).assert().code(0);
    // The reasons of refusals stand in the log, and the log can be seen.
    run(spawn_server("")).arg(scenario_file("refused-unknown-id")).assert().code(0);
}

#[test]
fn status_1_a_scenario_failed() {
    let (_server, address) = flawed(Some(Fault::RenameFormatWrong));
    run(["--connect", &address, &scenario_file("name-in-use")])
        .assert()
        .code(1)
        .stdout(contains("NAME-3").and(contains("Noya1")).and(contains("name-in-use.toml:")));
}

#[test]
fn status_1_one_failure_is_not_hidden_by_what_passes() {
    let (_server, address) = flawed(Some(Fault::Lowercases));
    let files =
        [scenario_file("option-3"), scenario_file("two-way-chat"), scenario_file("wrong-option")];
    run(["--connect", &address]).args(files).assert().code(1);
}

#[test]
fn status_1_another_transcript_than_on_file() {
    let folder = Folder::with_small(&["small"]);
    let path = folder.path().join("transcripts/small/noya.snap");
    let on_file = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, on_file.replace("Eliana: Hi", "Eliana: Bye")).unwrap();
    run([folder.path()])
        .assert()
        .code(1)
        .stdout(contains("- Eliana: Bye").and(contains("+ Eliana: Hi")).and(contains("noya.snap")));
}

#[test]
fn status_1_a_transcript_that_is_not_there() {
    let folder = Folder::new();
    run([folder.write("small.toml", SMALL)]).assert().code(1).stdout(contains("--accept"));
}

#[test]
fn status_2_wrong_usage() {
    let file = scenario_file("join");
    let wrong: [&[&str]; 15] = [
        &[],
        &[&file, "--no-such-flag"],
        &[&file, "--jobs", "0"],
        &[&file, "--jobs", "many"],
        &[&file, "--seed", "-1"],
        &[&file, "--time-scale", "0"],
        &[&file, "--time-scale", "NaN"],
        &[&file, "--start-timeout", "10"],
        &[&file, "--report", "html"],
        &[&file, "--report", "json="],
        &[&file, "--used"],
        &[&file, "--connect", "nowhere"],
        &[&file, "--connect", "127.0.0.1:1", "--spawn", "server {port}"],
        &[&file, "--spawn", "server"],
        &[&file, "--spawn", "server '{port}"],
    ];
    for args in wrong {
        let output = run(args).assert().code(2).stdout("").get_output().clone();
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
}

#[test]
fn status_2_more_jobs_than_servers() {
    let (_server, address) = flawed(None);
    let args = ["--connect", &address, "--jobs", "2", &scenario_file("join")];
    run(args).assert().code(2).stderr(contains("--jobs"));
}

#[test]
fn status_2_an_invalid_scenario_and_nothing_was_run() {
    let folder = Folder::with_small(&["good"]);
    folder.write("bad.toml", &SMALL.replace("login", "log in"));
    run([folder.path()]).assert().code(2).stdout("").stderr(contains("bad.toml:"));
}

#[test]
fn status_2_no_such_file_and_an_empty_folder() {
    run(["no-such-file.toml"]).assert().code(2).stdout("").stderr(contains("no-such-file.toml"));
    run([Folder::new().path()]).assert().code(2).stdout("").stderr(contains("*.toml"));
}

#[test]
fn status_2_not_text() {
    let folder = Folder::new();
    let path = folder.path().join("latin.toml");
    std::fs::write(&path, b"title = \"Ren\xe9e\"").unwrap();
    run([path]).assert().code(2).stdout("").stderr(contains("latin.toml"));
}

#[test]
fn status_2_nothing_matches_the_filter() {
    let args = ["--filter", "no such scenario", &scenario_file("join")];
    run(args).assert().code(2).stdout("").stderr(contains("no such scenario"));
}

#[test]
fn status_3_nobody_listens() {
    let (_socket, address) = nobody();
    run(["--connect", &address, &scenario_file("join")]).assert().code(3).stdout(contains(address));
}

#[test]
fn status_3_no_such_program() {
    let args = ["--spawn", "no-such-program {port}", &scenario_file("join")];
    run(args).assert().code(3).stdout(contains("no-such-program"));
}

#[test]
fn status_3_a_program_that_ends_at_once() {
    // What it prints is what its author needs to see.
    let ends = spawn(programs::server(), "--listen nowhere:{port}");
    run(ends).arg(scenario_file("join")).assert().code(3).stdout(contains("nowhere"));
}

#[test]
fn status_3_a_program_that_never_opens_the_port() {
    let elsewhere = spawn(programs::server(), "--listen 127.0.0.1:0 --backlog-bound {port}");
    run(elsewhere)
        .args(["--start-timeout", "300ms", &scenario_file("join")])
        .assert()
        .code(3)
        // It does run, and says so.
        .stdout(contains("listening on"));
}

#[test]
fn status_4_a_server_that_had_groups_before() {
    let (_server, address) = flawed(None);
    let file = scenario_file("two-way-chat");
    run(["--connect", &address, &file]).assert().code(0);
    run(["--connect", &address, &file]).assert().code(4).stdout(contains("--used"));
    run(["--connect", &address, "--used", &file]).assert().code(0);
}

#[test]
fn status_4_everything_is_skipped() {
    let (_server, address) = flawed(None);
    let file = scenario_file("no-password-in-the-log");
    run(["--connect", &address, &file]).assert().code(4).stdout(contains("log"));
    run(["--no-log", &file]).assert().code(4).stdout(contains("--no-log"));
    // What is skipped beside something that passes is no reason to doubt.
    run(["--no-log", &file, &scenario_file("join")]).assert().code(0);
}

#[test]
fn no_log_leaves_the_log_out() {
    let file = scenario_file("refused-unknown-id");
    run(spawn_server("--log off")).args(["--time-scale", "0.2", &file]).assert().code(FAILED);
    run(spawn_server("--log off")).args(["--no-log", &file]).assert().code(0);
}

#[test]
fn status_1_a_failure_counts_more_than_a_server_that_is_gone() {
    // It fails the first scenario by ending; then there is nobody to play the second with.
    let (_server, address) = flawed(Some(Fault::ServerDiesOnSilentClose));
    let first = scenario_file("reset-in-mid-message");
    run(["--connect", &address, &first, &scenario_file("join")])
        .assert()
        .code(1)
        .stdout(contains("no server answers"));
}
