//! Every fault that a server can be told to make is found in a run, as what it is, and a right server has
//! none.

use std::path::{Path, PathBuf};
use std::process::Output;

use chatroom_simulator::load::directory;
use chatroom_simulator::load::figures::Measure;
use chatroom_simulator::load::record::{FaultKind, RunRecord};
use chatroom_tests::programs;
use chatroom_tests::tampering::Fault;

use crate::support::{DEADLINE, Folder, stderr, stdout};

/// Who is in the runs with a fault: all talk but those who leave and come back, or knock.
fn file(roles: &str) -> String {
    format!(
        r#"
title = "A small crowd, for a server that does one thing wrong"

[crowd]
bots = 30
groups = 3

[roles]
{roles}

[[phase]]
name = "talk"
for = "1500ms"
rate = "200/s"

[settle]
"#
    )
    .replace("\n[settle]\n", "")
    .replace("\n[crowd]", "settle = \"1s\"\n\n[crowd]")
}

struct Run {
    output: Output,
    record: RunRecord,
    _folder: Folder,
}

impl Run {
    fn count(&self, kind: FaultKind) -> u64 {
        self.record.head.ledger.faults.get(&kind).copied().unwrap_or(0)
    }

    fn faults(&self) -> Vec<(&'static str, u64)> {
        self.record.head.ledger.faults.iter().map(|(kind, count)| (kind.as_str(), *count)).collect()
    }

    fn told(&self) -> String {
        format!(
            "{:?} {}\n{}\n{}",
            self.output.status,
            stdout(&self.output),
            stderr(&self.output),
            self.record
                .evidence
                .iter()
                .filter(|one| one.fault.is_some())
                .take(5)
                .fold(String::new(), |all, one| format!("{all}{one:#?}\n"))
        )
    }
}

fn load(text: &str, options: &[&str], server: Option<&str>) -> Run {
    let folder = Folder::new();
    let file = folder.write("load.toml", text);
    let mut command = assert_cmd::Command::new(programs::simulator());
    command.arg("load").arg(file).args(options).timeout(DEADLINE);
    command.arg("--out").arg(folder.path().join("runs"));
    if let Some(server) = server {
        let program = programs::tampering_server().to_str().unwrap();
        command.args(["--spawn", &format!("'{program}' --listen 127.0.0.1:{{port}} {server}")]);
    }
    let output = command.output().unwrap();
    let directory = only_directory(&folder.path().join("runs"));
    let Some(directory) = directory else {
        panic!("{:?} {}\n{}", output.status, stdout(&output), stderr(&output))
    };
    let record = directory::read(&directory).unwrap();
    Run { output, record, _folder: folder }
}

fn only_directory(runs: &Path) -> Option<PathBuf> {
    let mut runs = std::fs::read_dir(runs).ok()?;
    Some(runs.next()?.unwrap().path())
}

const TALKERS: &str = r#"talkers = "100%""#;
const LEAVERS: &str = r#"leavers = { share = 6, stay = "300ms", away = "200ms" }"#;
const KNOCKERS: &str = r#"knockers = { share = 3, every = "200ms" }"#;

/// What a run against a server with a fault has to find.
struct Case {
    fault: Fault,
    roles: &'static str,
    /// At which message, arrival or knock it is done.
    nth: u32,
    /// What is found, and nothing else; no count where it depends on the moment.
    found: &'static [(FaultKind, Option<u64>)],
}

fn case(fault: Fault) -> Case {
    use FaultKind as Kind;
    const ONCE: Option<u64> = Some(1);
    let (roles, nth) = match fault {
        Fault::AfterLeaving | Fault::BeforeJoining => (LEAVERS, 20),
        Fault::Admitted => (KNOCKERS, 2),
        Fault::NoticeLost | Fault::NoticeDoubled => (TALKERS, 6),
        _ => (TALKERS, 20),
    };
    let found: &'static [(Kind, Option<u64>)] = match fault {
        Fault::Lost | Fault::NoticeLost => &[(Kind::Lost, ONCE)],
        // A group has ten members.
        Fault::LostForAll => &[(Kind::Lost, Some(10))],
        Fault::Doubled | Fault::DoubledLater | Fault::NoticeDoubled => &[(Kind::Doubled, ONCE)],
        Fault::Reordered | Fault::SwappedForAllButOne => &[(Kind::Reordered, ONCE)],
        Fault::SenderOrder => &[(Kind::Reordered, None)],
        Fault::Altered | Fault::AlteredHead | Fault::Truncated => &[(Kind::Altered, ONCE)],
        // Both lines that stand in one.
        Fault::Glued => &[(Kind::Altered, Some(2))],
        Fault::WrongSender => &[(Kind::WrongSender, ONCE)],
        Fault::WrongGroup => &[(Kind::WrongGroup, ONCE)],
        Fault::AfterLeaving => &[(Kind::AfterLeaving, ONCE)],
        Fault::BeforeJoining => &[(Kind::BeforeJoining, ONCE)],
        Fault::Unknown => &[(Kind::Unknown, ONCE)],
        Fault::Disconnected => &[(Kind::Disconnected, ONCE)],
        // Itself, and each of the others that is told of its coming or going.
        Fault::Admitted => &[(Kind::Admitted, None)],
        Fault::StallAll => &[(Kind::Lost, None)],
        Fault::Crash => &[(Kind::Disconnected, Some(30))],
    };
    Case { fault, roles, nth, found }
}

#[test]
fn every_fault_of_the_tampering_server_is_found_as_what_it_is() {
    let mut failures = Vec::new();
    let mut words = String::new();
    // Several at a time: most of a run is waiting.
    let runs: Vec<(Case, Run)> = Fault::ALL
        .chunks(8)
        .flat_map(|faults| {
            std::thread::scope(|scope| {
                let runs: Vec<_> =
                    faults.iter().map(|fault| scope.spawn(|| tamper(*fault))).collect();
                runs.into_iter().map(|run| run.join().unwrap()).collect::<Vec<_>>()
            })
        })
        .collect();
    for (case, run) in &runs {
        if let Err(why) = check(case, run) {
            failures.push(format!("{}: {why}: {:?}\n{}", case.fault, run.faults(), run.told()));
        }
        words.push_str(&words_of(case, run));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n----\n"));
    insta::assert_snapshot!(words);
}

fn tamper(fault: Fault) -> (Case, Run) {
    let case = case(fault);
    let server = format!("--fault {fault} --nth {} --receiver 3", case.nth);
    let run = load(&file(case.roles), &[], Some(&server));
    (case, run)
}

fn check(case: &Case, run: &Run) -> Result<(), String> {
    if run.output.status.code() != Some(1) {
        return Err("the exit status is not 1".to_owned());
    }
    let summary = stdout(&run.output);
    for (kind, count) in case.found {
        if count.is_some_and(|count| count != run.count(*kind)) || run.count(*kind) == 0 {
            return Err(format!("{} was to be found {count:?} times", kind.as_str()));
        }
        if !summary.contains(kind.as_str()) {
            return Err(format!("the summary does not name {}", kind.as_str()));
        }
        let evidence = run.record.evidence.iter().find(|one| one.fault == Some(*kind));
        if evidence.is_none_or(|one| one.timeline.is_empty()) {
            return Err(format!("there is no evidence of {} with a timeline", kind.as_str()));
        }
    }
    if run.record.head.ledger.faults.len() != case.found.len() {
        return Err("something else was found as well".to_owned());
    }
    let has_ended = run.record.head.server_ended.is_some();
    if has_ended != (case.fault == Fault::Crash) {
        return Err(format!("the server's end is told wrong: {has_ended}"));
    }
    Ok(())
}

/// The words of one evidence of each kind, without what differs from run to run.
fn words_of(case: &Case, run: &Run) -> String {
    let name = regex::Regex::new(r"\b[a-z0-9]{4}b\d+(v\d+)?\b").unwrap();
    let mut words = format!("{}:\n", case.fault);
    for (kind, _) in case.found {
        // Which is found first may differ from run to run.
        let of_kind = run.record.evidence.iter().filter(|one| one.fault == Some(*kind));
        let Some(one) = of_kind.min_by_key(|one| &one.what) else { continue };
        words.push_str(&format!("  {}: {}\n", kind.as_str(), one.what));
        for moment in &one.timeline {
            words.push_str(&format!("    {}\n", name.replace_all(&moment.what, "[bot]")));
        }
    }
    words
}

#[test]
fn a_right_server_has_no_fault_in_a_million_deliveries() {
    // 100 bots in 2 groups: 50 copies of each message, 100,000 in a run.
    let quiet = r#"
title = "Ten times 100,000 deliveries"
settle = "5s"

[crowd]
bots = 100
groups = 2

[[phase]]
name = "talk"
for = "1s"
rate = "2000/s"
"#;
    for run in 0..10 {
        let server = (run % 2 == 0).then_some("");
        let seed = run.to_string();
        none_found(&load(quiet, &["--seed", &seed], server), 95_000);
    }
}

#[test]
fn a_right_server_has_no_fault_with_all_roles_at_once() {
    let unruly = r#"
title = "Everything that clients do wrong, at once"
settle = "5s"

[crowd]
bots = 100
groups = 4

[roles]
talkers = "50%"
stalled = { share = 4, from = "talk" }
dribblers = { share = 8, every = "300ms", piece = 9, pause = "5ms" }
leavers = { share = 20, stay = "200ms", away = "100ms" }
knockers = { share = 8, every = "200ms" }

[[phase]]
name = "talk"
for = "2s"
rate = "300/s"
"#;
    for seed in ["1", "2"] {
        none_found(&load(unruly, &["--seed", seed], None), 5_000);
        none_found(&load(unruly, &["--seed", seed], Some("")), 5_000);
    }
}

fn none_found(run: &Run, at_least: u64) {
    let ledger = &run.record.head.ledger;
    assert!(ledger.faults.is_empty(), "{}", run.told());
    assert_eq!(ledger.verified, ledger.expected);
    assert!(ledger.verified >= at_least, "{} {}", ledger.verified, run.told());
}

/// A load in which every second copy is delayed, and nothing else differs.
const STEADY: &str = r#"
title = "A small crowd, for a server that delays what it is told to"

[crowd]
bots = 20
groups = 2

[[phase]]
name = "talk"
for = "2s"
rate = "100/s"
"#;

#[test]
fn a_delayed_copy_is_never_reported_faster_than_its_delay() {
    for (delay, every) in [(1_000, 1), (10_000, 1), (100_000, 1), (10_000, 2), (100_000, 4)] {
        let server = format!("--delay {}ms --delay-every {every}", delay / 1_000);
        let run = load(STEADY, &[], Some(&server));
        assert!(run.record.head.ledger.faults.is_empty(), "{}", run.told());
        let (mut copies, mut slow) = (0, 0);
        for window in &run.record.latencies {
            let Some(all) = window.get(Measure::Raw) else { continue };
            copies += all.len();
            // The histogram has three digits; a value stands for those that round to it.
            slow += all
                .iter_recorded()
                .filter(|at| at.value_iterated_to() >= delay)
                .fold(0, |sum, at| sum + at.count_at_value());
        }
        assert!(copies >= 1_000, "{}", run.told());
        if every == 1 {
            assert_eq!(slow, copies, "by {delay}: {}", run.told());
        }
        // The last of each member may be the marker at the end, which is not counted.
        assert!(slow + 20 >= copies / every, "{slow} of {copies} by {delay}: {}", run.told());
    }
}
