//! The same scenarios show the same, however often, by whatever seed and however many at a time.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use chatroom_simulator::replay::Options;
use chatroom_simulator::run::{self, Settings, Verdict};
use chatroom_simulator::target::TargetSpec;
use chatroom_tests::programs;

use crate::support::all_scenarios;

/// What every terminal shows, by scenario and client.
type Shown = BTreeMap<(String, String), String>;

#[test]
fn five_runs_show_the_same() {
    assert!(first().len() > 100, "only {} terminals", first().len());
    // One more with the same seed, the others with their own.
    for seed in [1, 2, 3, 4] {
        assert_same(first(), &play(seed, 1), &format!("seed {seed}"));
    }
}

#[test]
fn four_at_a_time_show_what_one_at_a_time_shows() {
    assert_same(first(), &play(1, 4), "--jobs 4");
}

/// The run that the others are compared with.
fn first() -> &'static Shown {
    static FIRST: OnceLock<Shown> = OnceLock::new();
    FIRST.get_or_init(|| play(1, 1))
}

fn play(seed: u64, jobs: usize) -> Shown {
    let settings = Settings {
        target: TargetSpec::Reference { program: programs::simulator().to_owned(), quiet: false },
        jobs,
        start_limit: Duration::from_secs(30),
        options: Options {
            time_scale: 1.0,
            seed,
            client_program: None,
            check_log: true,
            shared: false,
        },
        accept: false,
        used: false,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let summary = runtime.block_on(run::run(all_scenarios(), &settings, |_| {}));
    let mut shown = Shown::new();
    for outcome in summary.outcomes {
        let name = &outcome.scenario.name;
        assert!(matches!(outcome.verdict, Verdict::Pass), "{name}: {:#?}", outcome.verdict);
        for (client, text) in outcome.transcripts {
            shown.insert((name.clone(), client), text);
        }
    }
    shown
}

fn assert_same(one: &Shown, other: &Shown, what: &str) {
    assert!(one.keys().eq(other.keys()), "{what}: not the same terminals");
    for (terminal, text) in one {
        assert_eq!(text, &other[terminal], "{what}: {terminal:?}");
    }
}
