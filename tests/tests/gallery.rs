//! Every flawed server is a test: some scenario has to fail on it, and has to name its fault.
//!
//! For each fault, the scenarios are played, those that show the requirement it breaks before the
//! others and the short before the long, until one fails; what that one says is a snapshot. So a fault that nothing catches fails
//! here, and so does an explanation that gets worse.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Duration;

use chatroom_simulator::diagnostics::Source;
use chatroom_simulator::replay::Options;
use chatroom_simulator::run::{self, Settings, Verdict};
use chatroom_simulator::scenario::{self, Scenario};
use chatroom_simulator::target::TargetSpec;
use chatroom_tests::flawed::{Fault, FlawedServer};
use chatroom_tests::{programs, workspace};
use libtest_mimic::{Arguments, Failed, Trial};

/// A deadline that passes is here the expected outcome and not a false alarm, so it can be short.
const TIME_SCALE: f64 = 0.1;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test("none/passes-everything", the_faultless_one_passes)];
    for fault in Fault::ALL.iter().copied() {
        trials.push(Trial::test(fault.name(), move || is_caught(fault)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// All scenarios, the shortest first.
fn scenarios() -> Vec<Scenario> {
    static SCENARIOS: LazyLock<Vec<Scenario>> = LazyLock::new(read_scenarios);
    SCENARIOS.clone()
}

fn read_scenarios() -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = scenario::files_under(&workspace::scenarios())
        .unwrap()
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            scenario::load(&Source::new(file, text)).unwrap()
        })
        .collect();
    let steps = |scenario: &Scenario| {
        scenario.acts.iter().map(|act| act.steps.len() * act.repeat as usize).sum::<usize>()
    };
    scenarios.sort_by_key(|scenario| (steps(scenario), scenario.name.clone()));
    scenarios
}

/// What became of a scenario on `target`.
fn play(scenario: Scenario, target: TargetSpec, time_scale: f64) -> Verdict {
    let shared = target.is_shared();
    let settings = Settings {
        target,
        jobs: 1,
        start_limit: Duration::from_secs(300),
        options: Options { time_scale, seed: 1, client_program: None, check_log: true, shared },
        accept: false,
        used: false,
    };
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut summary = runtime.block_on(run::run(vec![scenario], &settings, |_| {}));
    summary.outcomes.pop().unwrap().verdict
}

fn the_faultless_one_passes() -> Result<(), Failed> {
    for scenario in scenarios() {
        let name = scenario.name.clone();
        let server = FlawedServer::start(None);
        let target = TargetSpec::Connect { addr: server.addr() };
        match play(scenario, target, 1.0) {
            Verdict::Pass | Verdict::Skip(_) => {}
            verdict => return Err(format!("{name}: {verdict:#?}").into()),
        }
    }
    Ok(())
}

fn is_caught(fault: Fault) -> Result<(), Failed> {
    let requirement = fault.requirement();
    let covers = |scenario: &Scenario| scenario.covers.iter().any(|id| id == requirement);
    let steady = |scenario: &Scenario| !is_a_race_to_it(fault, scenario);
    let scenarios = scenarios().into_iter().filter(steady);
    let (about_it, others): (Vec<_>, Vec<_>) = scenarios.partition(covers);
    for scenario in about_it.into_iter().chain(others) {
        let name = scenario.name.clone();
        let verdict = play_on(fault, scenario);
        if let Verdict::Fail(failure) = verdict {
            let said = format!(
                "fault: {fault}\nscenario: {name}\nbreaks: {}\nsays: {}\nlook at: {}",
                failure.requirement.map_or("nothing", |requirement| requirement.id.as_str()),
                failure.fault.as_deref().unwrap_or("nothing"),
                failure.hint.as_deref().unwrap_or("nothing"),
            );
            let said = anonymous(&said);
            let mut settings = insta::Settings::new();
            settings.set_snapshot_path("snapshots/gallery");
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(fault.name(), said));
            return Ok(());
        }
    }
    Err(format!("no scenario fails: {}", fault.about()).into())
}

/// Whom a race hits differs from run to run.
fn anonymous(said: &str) -> String {
    let racer = regex::Regex::new(r"\b(?i:racer\d+|host)\b").unwrap();
    racer.replace_all(said, "SOMEBODY").into_owned()
}

/// Whether the scenario catches the fault, but as one thing or another, as the race goes.
fn is_a_race_to_it(fault: Fault, scenario: &Scenario) -> bool {
    let shown_in_any_talk = [
        Fault::SenderOrderBroken,
        Fault::LosesEveryTenthMessage,
        Fault::LosesMessagesAfterTwentieth,
    ];
    scenario.name == "racing" && shown_in_any_talk.contains(&fault)
}

/// Plays on a server of its own: in this process where the socket is enough, as a program where the
/// fault shows in the log only.
fn play_on(fault: Fault, scenario: Scenario) -> Verdict {
    if matches!(fault, Fault::LogsPasswords | Fault::IdCheckedFirst) {
        let program = programs::flawed_server().display().to_string();
        let words = [&program, "--listen", "127.0.0.1:{port}", "--fault", fault.name()];
        let command = words.map(str::to_owned).to_vec();
        return play(scenario, TargetSpec::Spawn { command }, TIME_SCALE);
    }
    let server = FlawedServer::start(Some(fault));
    play(scenario, TargetSpec::Connect { addr: server.addr() }, TIME_SCALE)
}
