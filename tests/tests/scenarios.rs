//! Every scenario is a test: played against a reference server of its own, it has to show on every
//! terminal what is on file, with bots and with the real client.
//!
//! The transcripts are insta's snapshots. `simulator run scenarios --accept` writes the same files,
//! byte for byte; a test here sees to that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use chatroom_simulator::diagnostics::Source;
use chatroom_simulator::replay::Options;
use chatroom_simulator::report::Reports;
use chatroom_simulator::run::{self, Outcome, Settings, Verdict};
use chatroom_simulator::scenario::{self, Scenario};
use chatroom_simulator::target::TargetSpec;
use chatroom_simulator::transcripts;
use chatroom_tests::{programs, workspace};
use libtest_mimic::{Arguments, Failed, Trial};

/// Names another folder of scenarios, for the test that compares two ways of writing transcripts.
const FOLDER: &str = "CHATROOM_SCENARIOS";

/// What a person does when the transcripts are to change.
const ADVICE: &str = "if that is what the terminals should show, write it with\n    cargo run \
                      --bin simulator -- run scenarios --accept";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = std::env::var_os(FOLDER).map_or_else(workspace::scenarios, PathBuf::from);
    let mut trials = vec![
        Trial::test("transcripts/none-is-stale", {
            let folder = folder.clone();
            move || none_is_stale(&folder)
        }),
        Trial::test("transcripts/insta-and-the-simulator-write-the-same", {
            let folder = folder.clone();
            move || both_write_the_same(&folder)
        }),
    ];
    for file in scenario::files_under(&folder).unwrap() {
        let name = stem(&file);
        let via_client = format!("via-client/{name}");
        let file_again = file.clone();
        trials.push(Trial::test(name, move || plays_with_bots(&file)));
        trials.push(Trial::test(via_client, move || plays_with_programs(&file_again)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn load(file: &Path) -> Result<Scenario, Failed> {
    let source = Source::new(file, fs::read_to_string(file)?);
    scenario::load(&source).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(|error| error.render(&source, false)).collect();
        errors.join("\n\n").into()
    })
}

/// Plays a scenario; what goes wrong with its steps is told in the simulator's own words.
fn play(scenario: Scenario, client_program: Option<PathBuf>) -> Result<(Outcome, String), Failed> {
    let settings = Settings {
        target: TargetSpec::Reference { program: programs::simulator().to_owned(), quiet: false },
        jobs: 1,
        start_limit: Duration::from_secs(30),
        options: Options {
            time_scale: 1.0,
            seed: 1,
            client_program,
            check_log: true,
            shared: false,
        },
        accept: false,
        used: false,
    };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("report");
    let format = format!("text={}", file.display()).parse()?;
    let again = "cargo run --bin simulator -- run".to_owned();
    let scenarios = vec![scenario];
    let mut reports = Reports::open(vec![format], &settings, again, &scenarios)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let running = run::run(scenarios, &settings, |outcome| reports.outcome(outcome));
    let mut summary = runtime.block_on(running);
    drop(reports);
    let outcome = summary.outcomes.pop().ok_or("the scenario was not played")?;
    Ok((outcome, fs::read_to_string(file)?))
}

fn plays_with_bots(file: &Path) -> Result<(), Failed> {
    let (outcome, report) = play(load(file)?, None)?;
    match &outcome.verdict {
        Verdict::Pass => {}
        // Then every step has passed, and insta says better what is wrong.
        Verdict::Fail(failure) if failure.step.is_none() && failure.lanes.is_empty() => {}
        _ => return Err(format!("\n{report}").into()),
    }
    let mismatches: Vec<&str> = outcome
        .transcripts
        .iter()
        .filter(|(client, shown)| {
            catch_unwind(AssertUnwindSafe(|| snapshot(&outcome.scenario, client, shown))).is_err()
        })
        .map(|(client, _)| client.as_str())
        .collect();
    if mismatches.is_empty() {
        return Ok(());
    }
    Err(format!("other transcripts than on file: {}; {ADVICE}", mismatches.join(", ")).into())
}

/// Asserts a terminal's snapshot.
///
/// insta's macro would name this file as the source of each; a transcript's source is its scenario,
/// beside which it stands, and so this calls what the macro calls.
fn snapshot(scenario: &Scenario, client: &str, shown: &str) {
    let file = transcripts::file(scenario, client);
    if shown.is_empty() {
        assert!(!file.exists(), "{client} shows nothing, but there is {}", file.display());
        return;
    }
    let scenario_file = scenario.source.path();
    let folder = transcripts::folder(scenario);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        insta::_macro_support::assert_snapshot(
            (client.to_owned(), shown).into(),
            scenario_file.parent().and_then(Path::parent).unwrap(),
            "",
            module_path!(),
            scenario_file.to_str().unwrap(),
            1,
            &transcripts::expression(client),
        )
        .unwrap();
    });
}

fn plays_with_programs(file: &Path) -> Result<(), Failed> {
    let scenario = load(file)?;
    let has_terminal =
        scenario.clients.iter().any(|client| client.is_terminal() && !client.needs_socket);
    let (outcome, report) = play(scenario, Some(programs::client().to_owned()))?;
    if !matches!(outcome.verdict, Verdict::Pass) {
        return Err(format!("\n{report}").into());
    }
    if has_terminal && outcome.programs == 0 {
        return Err("no client was the real program".into());
    }
    Ok(())
}

/// A snapshot that nothing asserts would stay for ever, and be believed.
fn none_is_stale(folder: &Path) -> Result<(), Failed> {
    let files = scenario::files_under(folder)?;
    let names: BTreeSet<String> = files.iter().map(|file| stem(file)).collect();
    let mut stale = Vec::new();
    for entry in fs::read_dir(folder.join("transcripts"))? {
        let path = entry?.path();
        if !path.is_dir() || !names.contains(&stem(&path)) {
            stale.push(path);
        }
    }
    for file in &files {
        stale.extend(transcripts::stale(&load(file)?)?);
    }
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!("transcripts of nothing, to be deleted: {stale:#?}").into())
}

/// Writes all transcripts anew, once with the simulator and once with insta, each into an empty
/// folder, and compares them with what is on file.
fn both_write_the_same(folder: &Path) -> Result<(), Failed> {
    let on_file = snapshots(folder)?;
    let by_simulator = copy_without_transcripts(folder)?;
    let run = Command::new(programs::simulator())
        .args(["run", "--accept"])
        .arg(by_simulator.path().join("scenarios"))
        .output()?;
    if !run.status.success() {
        return Err(String::from_utf8_lossy(&run.stdout).into_owned().into());
    }
    compare(&on_file, &snapshots(&by_simulator.path().join("scenarios"))?, "the simulator")?;

    let by_insta = copy_without_transcripts(folder)?;
    let run = Command::new(std::env::current_exe()?)
        .args(["--skip", "via-client/", "--skip", "transcripts/"])
        .env(FOLDER, by_insta.path().join("scenarios"))
        .env("INSTA_UPDATE", "always")
        .env("INSTA_FORCE_PASS", "1")
        .output()?;
    if !run.status.success() {
        return Err(String::from_utf8_lossy(&run.stderr).into_owned().into());
    }
    compare(&on_file, &snapshots(&by_insta.path().join("scenarios"))?, "insta")
}

fn copy_without_transcripts(folder: &Path) -> io::Result<tempfile::TempDir> {
    let copy = tempfile::tempdir()?;
    let scenarios = copy.path().join("scenarios");
    fs::create_dir(&scenarios)?;
    for file in scenario::files_under(folder)? {
        fs::copy(&file, scenarios.join(file.file_name().unwrap_or_default()))?;
    }
    Ok(copy)
}

/// Every snapshot under a folder of scenarios, by its place there.
fn snapshots(folder: &Path) -> io::Result<BTreeMap<PathBuf, String>> {
    let mut found = BTreeMap::new();
    for scenario in fs::read_dir(folder.join("transcripts"))? {
        for entry in fs::read_dir(scenario?.path())? {
            let path = entry?.path();
            if path.extension() == Some(OsStr::new("snap")) {
                let place = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                found.insert(place, fs::read_to_string(&path)?);
            }
        }
    }
    Ok(found)
}

fn compare(
    on_file: &BTreeMap<PathBuf, String>,
    written: &BTreeMap<PathBuf, String>,
    by: &str,
) -> Result<(), Failed> {
    let paths: BTreeSet<&PathBuf> = on_file.keys().chain(written.keys()).collect();
    let different: Vec<&&PathBuf> =
        paths.iter().filter(|path| on_file.get(**path) != written.get(**path)).collect();
    match different.first() {
        None => Ok(()),
        Some(first) => Err(format!(
            "what {by} writes is not what is on file: {different:#?}\non file: {:#?}\nwritten: {:#?}",
            on_file.get(**first),
            written.get(**first)
        )
        .into()),
    }
}
