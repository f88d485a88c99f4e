//! What is done with runs of `simulator load` that are finished: judged anew, merged, compared; and the
//! search for a capacity, which makes many. Nothing here depends on how fast the machine is.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use assert_cmd::assert::Assert;
use chatroom_simulator::load::directory;
use chatroom_simulator::load::record::RunRecord;
use chatroom_tests::programs;
use predicates::prelude::PredicateBooleanExt as _;
use predicates::str::contains;

use crate::support::{DEADLINE, Folder, stdout};

/// A second of talk by 20 bots, which a machine of any speed can hold.
const SMALL: &str = r#"
title = "A few talk"
gates = ["delivery.p99 < 60s"]
[crowd]
bots = 20
groups = 4
[trust]
lateness_p99 = "1m"
busy = "100%"
[[phase]]
name = "talk"
for = "1s"
rate = "600/s"
"#;

/// The same in as many windows as a comparison takes.
fn in_windows() -> String {
    let steps = ["\"200/s\""; 12].join(", ");
    SMALL
        .replace("for = \"1s\"", "for = \"6s\"")
        .replace("rate = \"600/s\"", &format!("steps = [{steps}]"))
}

fn simulator(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(programs::simulator());
    command.args(args).timeout(DEADLINE);
    command
}

/// A folder with load files, and the runs that are made of them.
struct Place(Folder);

impl Place {
    fn new() -> Place {
        Place(Folder::new())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        self.0.write(name, text)
    }

    /// Carries a load out; its run directory.
    fn run(&self, text: &str, out: &str, args: &[&str]) -> PathBuf {
        let file = self.file("small.toml", text);
        let out = self.path(out);
        simulator(["load"]).arg(file).arg("--out").arg(&out).args(args).assert().code(0);
        only_entry(&out)
    }

    fn simulator(&self, command: &str, paths: &[&Path], args: &[&str]) -> Assert {
        let out = self.path("out");
        let mut simulator = simulator([command]);
        simulator.args(paths).args(args);
        if command != "report" && command != "compare" {
            simulator.arg("--out").arg(out);
        }
        simulator.assert()
    }
}

/// The one thing in a directory.
fn only_entry(dir: &Path) -> PathBuf {
    let entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.into_iter().next().unwrap()
}

fn copies(record: &RunRecord) -> u64 {
    record.head.windows.iter().map(|window| window.copies).sum()
}

#[test]
fn a_finished_run_is_judged_by_another_gate() {
    let place = Place::new();
    let run = place.run(SMALL, "runs", &[]);
    place.simulator("report", &[&run], &[]).code(0).stdout(contains("delivery.p99 < 60s"));
    let strict = ["--gate", "delivery.p50 < 1us"];
    place
        .simulator("report", &[&run], &strict)
        .code(1)
        .stdout(contains("the gate `delivery.p50 < 1us` does not hold"));
    place
        .simulator("report", &[&run], &["--gate", "talk.nothing < 1us"])
        .code(2)
        .stdout(contains("cannot be asked"));
    // Nothing of that stays.
    place.simulator("report", &[&run], &[]).code(0);
}

#[test]
fn a_finished_run_is_reported_to_programs_too() {
    let place = Place::new();
    let run = place.run(SMALL, "runs", &[]);
    let page = run.join("report.html");
    fs::remove_file(&page).unwrap();
    let (xml, html) = (place.path("gates.xml"), place.path("page.html"));
    let junit = format!("junit={}", xml.display());
    let told =
        place.simulator("report", &[&run], &["--report", "json", "--report", &junit]).code(0);
    let json: serde_json::Value = serde_json::from_str(&stdout(told.get_output())).unwrap();
    assert_eq!(json["verdict"]["outcome"], "pass");
    let report =
        quick_junit::Report::deserialize_from_str(&fs::read_to_string(&xml).unwrap()).unwrap();
    assert_eq!((report.tests, report.failures, report.errors), (3, 0, 0));
    assert!(page.exists(), "the page that was missing is there again");
    let html = html.to_str().unwrap();
    place.simulator("report", &[&run], &["--html", html, "--gate", "delivery.p50 < 1us"]).code(1);
    assert!(fs::read_to_string(html).unwrap().contains("delivery.p50 &lt; 1us"));
    assert!(!fs::read_to_string(page).unwrap().contains("delivery.p50 &lt; 1us"));
}

#[test]
fn a_run_that_is_broken_is_refused_with_its_place() {
    let place = Place::new();
    let run = place.run(SMALL, "runs", &[]);
    fs::write(run.join("latency.hlog"), "nonsense\n").unwrap();
    place.simulator("report", &[&run], &[]).code(2).stderr(contains("latency.hlog:1: "));
    place.simulator("merge", &[&run], &[]).code(2).stderr(contains("latency.hlog:1: "));
    place.simulator("compare", &[&run, &run], &[]).code(2).stderr(contains("latency.hlog:1: "));
    let nothing = place.path("nothing");
    fs::create_dir(&nothing).unwrap();
    place.simulator("report", &[&nothing], &[]).code(2).stderr(contains("it has no run.json"));
}

/// A reference server, which ends with this.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start() -> Server {
        let mut command = std::process::Command::new(programs::server());
        command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        Server { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn two_processes_are_one_run_when_merged() {
    let place = Place::new();
    let server = Server::start();
    let parts = std::thread::scope(|scope| {
        let part = |number: u32| {
            let (place, server) = (&place, &server);
            let (part, out) = (format!("{number}/2"), format!("part-{number}"));
            scope.spawn(move || {
                place.run(SMALL, &out, &["--connect", &server.address, "--part", &part])
            })
        };
        [part(1), part(2)].map(|part| part.join().unwrap())
    });
    let [one, two] = parts.each_ref().map(|part| directory::read(part).unwrap());
    place
        .simulator("merge", &[&parts[1], &parts[0]], &[])
        .code(0)
        .stdout(contains("20 bots in 4 groups"));
    let merged = directory::read(&only_entry(&place.path("out"))).unwrap();
    assert_eq!(merged.head.ledger.sends, one.head.ledger.sends + two.head.ledger.sends);
    assert_eq!(copies(&merged), copies(&one) + copies(&two));
    // One process alone plans the same.
    assert_eq!(merged.head.ledger.sends, 600);
    assert_eq!(merged.head.ledger.verified, 600 * 5);
    place.simulator("merge", &[&parts[0]], &[]).code(2).stderr(contains("part 2 of 2 is missing"));
    place
        .simulator("merge", &[&parts[0], &parts[0]], &[])
        .code(2)
        .stderr(contains("is there twice"));
}

#[test]
fn a_run_compared_with_itself_shows_no_difference() {
    let place = Place::new();
    let run = place.run(&in_windows(), "runs", &[]);
    let runs = place.path("runs");
    // A machine that stands still now and then makes the interval wide; the share leaves it room.
    let args = ["--least-effect", "300%", "--max-regression", "500%"];
    place
        .simulator("compare", &[&run, &runs], &args)
        .code(0)
        .stdout(contains("no difference, by delivery.p50: +0.0 %").and(contains("holds")));
}

#[test]
fn runs_that_say_nothing_about_each_other_are_refused_by_name() {
    let place = Place::new();
    let base = place.run(SMALL, "base", &[]);
    let other = place.run(&SMALL.replace("600/s", "300/s"), "new", &[]);
    place.simulator("compare", &[&base, &other], &[]).code(2).stderr(contains(
        "are of different load files: line 13 is `rate = \"600/s\"` and `rate = \"300/s\"`",
    ));
    let nothing = place.path("nothing");
    fs::create_dir(&nothing).unwrap();
    place
        .simulator("compare", &[&base, &nothing], &[])
        .code(2)
        .stderr(contains("is no run directory, and has none in it"));
    place.simulator("compare", &[&base], &[]).code(2);
    let twice = place.simulator("compare", &[&base, &base], &["--pairs", "3"]);
    twice.code(2).stderr(contains("--load"));
}

#[test]
fn a_load_is_judged_against_runs_that_were_kept() {
    let place = Place::new();
    let text = in_windows();
    place.run(&text, "kept", &[]);
    let kept = place.path("kept");
    let file = place.file("small.toml", &text);
    let baseline = ["--baseline", kept.to_str().unwrap(), "--max-regression", "1000%"];
    place
        .simulator("load", &[&file], &baseline)
        .code(0)
        .stderr(contains("delivery.p50 at most 1000 % worse holds"));
    let other = place.file("other.toml", SMALL);
    place
        .simulator("load", &[&other], &baseline)
        .code(2)
        .stderr(contains("are of different load files"));
    place
        .simulator("load", &[&other], &["--max-regression", "10%"])
        .code(2)
        .stderr(contains("--max-regression is about a comparison: it needs --baseline"));
}

#[test]
fn servers_are_compared_in_turns() {
    let place = Place::new();
    let file = place.file("small.toml", SMALL);
    let server = Server::start();
    let new = format!("connect:{}", server.address);
    let out = place.path("turns");
    let mut command = simulator(["compare", "--base", "reference", "--pairs", "1", "--load"]);
    command.arg(file).args(["--new", &new, "--out"]).arg(&out);
    // One window is no comparison, and more pairs of the same would be none.
    command.assert().code(4).stdout(contains("it takes 10 windows"));
    let made = only_entry(&out);
    for side in ["base", "new"] {
        let runs = directory::read_all(&made.join(side)).unwrap();
        assert_eq!(runs.len(), 1, "{side}");
    }
    let runs = directory::read_all(&made.join("new")).unwrap();
    assert_eq!(runs[0].head.target.address, server.address);
}

#[test]
fn a_search_for_a_capacity_ends_with_an_answer() {
    let place = Place::new();
    let file = place.file("small.toml", SMALL);
    let args = ["--for", "1s", "--from", "200", "--most", "400"];
    place.simulator("capacity", &[&file], &args).code(0).stdout(contains("at least 400/s"));
    let made = only_entry(&place.path("out"));
    let json = fs::read_to_string(made.join("capacity.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["end"], &json["held"]), (&"most".into(), &400.0.into()));
    assert!(fs::read_to_string(made.join("capacity.html")).unwrap().contains("at least 400/s"));
    // Each probe is a run like any other.
    for probe in json["probes"].as_array().unwrap() {
        let run = made.join(probe["run"].as_str().unwrap());
        place.simulator("report", &[&run], &[]).code(0);
    }
}

#[test]
fn a_search_where_nothing_holds_fails() {
    let place = Place::new();
    let file = place.file("small.toml", SMALL);
    let args = ["--for", "500ms", "--of", "bots", "--from", "8", "--gate", "delivery.p50 < 1us"];
    place
        .simulator("capacity", &[&file], &args)
        .code(1)
        .stdout(contains("nothing holds, not even 2 bots"));
}

#[test]
fn a_search_without_a_gate_or_a_server_does_not_begin() {
    let place = Place::new();
    let file = place.file("small.toml", &SMALL.replace("gates = [\"delivery.p99 < 60s\"]", ""));
    place.simulator("capacity", &[&file], &[]).code(2).stderr(contains("nothing has to hold"));
    let gate =
        ["--gate", "delivery.p99 < 60s", "--connect", "127.0.0.1:1", "--start-timeout", "100ms"];
    place.simulator("capacity", &[&file], &gate).code(3);
}
