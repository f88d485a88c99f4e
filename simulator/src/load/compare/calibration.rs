//! How often a comparison errs, by trying: runs are made up, of which it is known whether they differ.

use super::interval::{Interval, paired, pooled};
use super::{DEFAULT_PAIRS, DEFAULT_WINDOWS, MAX_PAIRS, Options, Ratio, Verdict};

/// Made-up windows: the logarithm of a figure, with noise that hangs together, shifts from run to run,
/// and a stall in one window of twenty.
pub(super) struct Noise {
    random: fastrand::Rng,
    phi: f64,
    window: f64,
    run: f64,
}

impl Noise {
    pub(super) fn new(seed: u64, phi: f64, window: f64, run: f64) -> Self {
        Noise { random: fastrand::Rng::with_seed(seed), phi, window, run }
    }

    pub(super) fn run(&mut self, shift: f64, windows: usize) -> Vec<f64> {
        let shift = shift + self.run * self.normal();
        let fresh = (1.0 - self.phi * self.phi).sqrt();
        let mut state = self.normal();
        let mut one = || {
            state = self.phi * state + fresh * self.normal();
            let stall = if self.random.f64() < 0.05 { 1.0 } else { 0.0 };
            shift + self.window * state + stall
        };
        (0..windows).map(|_| one()).collect()
    }

    /// Normal, by Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random.f64()).cos()
    }
}

/// What came of many tries, as shares of them.
#[derive(Debug, Default)]
struct Rates {
    /// Two equal servers were told apart.
    false_alarm: f64,
    /// Two equal servers were called so.
    equal: f64,
    /// A server that is 20 % slower was found.
    found: f64,
    /// The interval had the true ratio in it.
    covered: f64,
}

#[derive(Debug, Clone, Copy)]
struct Setting {
    phi: f64,
    run: f64,
    windows: usize,
    pairs: usize,
    in_turns: bool,
}

impl Setting {
    /// Tries it often. Up to `most` pairs, they are added by twos while it cannot be told.
    fn rates(self, most: usize, tries: usize) -> Rates {
        let options = Options::default();
        let mut noise = Noise::new(2026, self.phi, 0.10, self.run);
        let mut rates = Rates::default();
        let one = 1.0 / tries as f64;
        for _ in 0..tries {
            let mut side =
                || -> Vec<Vec<f64>> { (0..most).map(|_| noise.run(0.0, self.windows)).collect() };
            let (base, new) = (side(), side());
            let interval = if self.in_turns { paired } else { pooled };
            let looks: Vec<Interval> = (self.pairs..=most)
                .step_by(2)
                .map(|n| interval(&base[..n], &new[..n], options.confidence, options.run_to_run))
                .collect();
            // The same noise around another ratio: all that is done is done to differences.
            let judge = |shift: f64| {
                let judged = looks.iter().map(|found| {
                    options.judge(Ratio {
                        estimate: (found.estimate + shift).exp(),
                        low: (found.estimate + shift - found.half).exp(),
                        high: (found.estimate + shift + found.half).exp(),
                    })
                });
                let mut judged: Vec<Verdict> = judged.collect();
                let told = judged.iter().position(|one| !matches!(one, Verdict::CannotTell(_)));
                judged.swap_remove(told.unwrap_or(judged.len() - 1))
            };
            match judge(0.0) {
                Verdict::Faster | Verdict::Slower => rates.false_alarm += one,
                Verdict::NoDifference => rates.equal += one,
                Verdict::CannotTell(_) => {}
            }
            if judge(1.2_f64.ln()) == Verdict::Slower {
                rates.found += one;
            }
            if looks[0].estimate.abs() <= looks[0].half {
                rates.covered += one;
            }
        }
        rates
    }
}

const RUN_TO_RUN: [f64; 3] = [0.0, 0.02, 0.05];
const PHI: [f64; 3] = [0.0, 0.5, 0.8];

fn print(setting: Setting, most: usize, rates: &Rates) {
    let Setting { phi, run, windows, pairs, .. } = setting;
    let pairs = if most > pairs { format!("{pairs}-{most}") } else { pairs.to_string() };
    let Rates { false_alarm, equal, found, covered } = rates;
    println!(
        "{phi:>5} {:>10}% {windows:>8} {pairs:>6} | {:>10.1}% {:>13.1}% {:>11.1}% {:>8.1}%",
        run * 100.0,
        false_alarm * 100.0,
        equal * 100.0,
        found * 100.0,
        covered * 100.0
    );
}

/// Prints the whole table: `cargo test -p chatroom-simulator --lib calibration -- --nocapture
/// --test-threads 1`. Whatever the noise and however few the runs, it seldom errs.
#[test]
fn equal_servers_are_seldom_told_apart_however_few_the_runs() {
    println!("  phi  run-to-run  windows  pairs | false alarm no difference +20 % found  covered");
    for phi in PHI {
        for run in RUN_TO_RUN {
            for windows in [20, 30, 60] {
                for pairs in [1, 3, 5, 7] {
                    let setting = Setting { phi, run, windows, pairs, in_turns: true };
                    let rates = setting.rates(pairs, 200);
                    print(setting, pairs, &rates);
                    assert!(rates.false_alarm <= 0.05, "{setting:?}: {rates:?}");
                }
            }
        }
    }
}

/// What is recommended keeps what is promised, with room to spare, in the worst noise of the table and
/// in worse.
#[test]
fn the_default_number_of_pairs_and_windows_keeps_its_promise() {
    let (pairs, most) = (DEFAULT_PAIRS as usize, MAX_PAIRS as usize);
    for phi in PHI {
        for run in RUN_TO_RUN.into_iter().chain([0.08]) {
            let setting = Setting { phi, run, windows: DEFAULT_WINDOWS, pairs, in_turns: true };
            let rates = setting.rates(most, 400);
            print(setting, most, &rates);
            assert!(rates.false_alarm <= 0.06, "{setting:?}: {rates:?}");
            if run < 0.08 {
                assert!(rates.false_alarm <= 0.04, "{setting:?}: {rates:?}");
                assert!(rates.found >= 0.97, "{setting:?}: {rates:?}");
                assert!(rates.equal >= 0.96, "{setting:?}: {rates:?}");
            }
            // Not made in turns, but on a machine that does not drift.
            let rates = Setting { in_turns: false, ..setting }.rates(pairs, 200);
            assert!(rates.false_alarm <= 0.05, "not in turns, {setting:?}: {rates:?}");
        }
    }
}
