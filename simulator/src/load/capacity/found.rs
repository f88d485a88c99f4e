//! What a search found, for a person and for a program: `capacity.json`, the page and the terminal.

use serde::Serialize;

use super::drive::{Course, CutShort};
use super::probe::Figures;
use super::search::{End, ProbeResult, Quantity};
use crate::load::record::{LoadFile, Machine, Outcome};
use crate::load::report::html;
use crate::load::report::numbers::{number, share, time};
use crate::load::report::plots::CapacityPoint;

/// The version of `capacity.json`. Raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// A search that is over: `capacity.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    /// [`SCHEMA_VERSION`].
    pub schema: u32,
    /// The version of the simulator.
    pub simulator: String,
    /// When it began, in UTC.
    pub started: String,
    /// The command line.
    pub command: String,
    /// The load that was scaled.
    pub file: LoadFile,
    /// What everything random was made from.
    pub seed: u64,
    /// The server.
    pub target: String,
    /// The machine of the bots; `None` where no probe could be made.
    pub machine: Option<Machine>,
    /// What was searched: `rate`, in sends per second, or `bots`.
    pub of: &'static str,
    /// What had to hold.
    pub gates: Vec<String>,
    /// How long a probe was measured, in seconds.
    pub probe_seconds: f64,
    /// The highest value that held and was confirmed; of a search cut short, the highest that held.
    pub held: Option<f64>,
    /// The lowest value above it that failed.
    pub failed: Option<f64>,
    /// Whether more than `held` may hold.
    pub at_least: bool,
    /// Why the search ended: `found`, `generator`, `most`, `out-of-probes`, `nothing-held`,
    /// `nothing-measured` or `cut-short`.
    pub end: &'static str,
    /// The answer, as a sentence.
    pub answer: String,
    /// The judgement.
    pub outcome: Outcome,
    /// Every probe, in order.
    pub probes: Vec<ProbeEntry>,
}

/// A probe of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeEntry {
    /// The rate or crowd.
    pub value: f64,
    /// Whether it was to confirm a value that was found.
    pub confirm: bool,
    /// `held`, `failed` or `untrusted`; `None` where it could not be judged.
    pub result: Option<&'static str>,
    /// Why it did not hold.
    pub why: Vec<String>,
    /// What it measured; nothing where nobody could join.
    pub figures: Figures,
    /// The run's directory, beside `capacity.json`.
    pub run: Option<String>,
}

impl ProbeEntry {
    /// The entry of a probe without anything known about it but its result.
    #[must_use]
    pub fn new(value: f64, confirm: bool) -> Self {
        ProbeEntry {
            value,
            confirm,
            result: None,
            why: Vec::new(),
            figures: Figures::default(),
            run: None,
        }
    }

    /// The probe as a line: what, p50, p99, whether it held.
    #[must_use]
    pub fn line(&self, quantity: Quantity) -> String {
        let Figures { p50_us, p99_us, generator_cpu, .. } = self.figures;
        let known = |micros: Option<u64>| micros.map_or("-".to_owned(), time);
        let busy = generator_cpu.map_or("-".to_owned(), share);
        let mut line = format!(
            "{:>14}  p50 {:>8}  p99 {:>8}  generator {busy:>5}  {}",
            words(quantity, self.value),
            known(p50_us),
            known(p99_us),
            self.result.unwrap_or("not judged")
        );
        if self.confirm {
            line += ", to confirm";
        }
        if let Some(why) = self.why.first() {
            line += &format!(": {why}");
        }
        line
    }
}

/// A result in a word.
#[must_use]
pub fn word(result: ProbeResult) -> &'static str {
    match result {
        ProbeResult::Held => "held",
        ProbeResult::Failed => "failed",
        ProbeResult::Untrusted => "untrusted",
    }
}

/// What is searched, as it is written on the command line.
#[must_use]
pub fn name(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Rate => "rate",
        Quantity::Crowd => "bots",
    }
}

fn unit(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::Rate => "sends per second",
        Quantity::Crowd => "bots",
    }
}

/// A value with its unit.
#[must_use]
pub fn words(quantity: Quantity, value: f64) -> String {
    match quantity {
        Quantity::Rate => format!("{value}/s"),
        Quantity::Crowd => format!("{value} {}", if value == 1.0 { "bot" } else { "bots" }),
    }
}

/// The judgement on a search. Reaching the limit is a success.
#[must_use]
pub fn outcome(course: &Course) -> Outcome {
    match (&course.cut_short, course.answer.end) {
        (Some(CutShort::Invalid(_)), _) => Outcome::Invalid,
        (Some(_), _) => Outcome::Untrusted,
        (None, End::Found | End::Generator | End::Most) => Outcome::Pass,
        (None, End::NothingHeld) => Outcome::Fail,
        (None, End::OutOfProbes | End::NothingMeasured) => Outcome::Untrusted,
    }
}

/// Why a search ended, in a word.
#[must_use]
pub fn end(course: &Course) -> &'static str {
    match (&course.cut_short, course.answer.end) {
        (Some(_), _) => "cut-short",
        (None, End::Found) => "found",
        (None, End::Generator) => "generator",
        (None, End::Most) => "most",
        (None, End::OutOfProbes) => "out-of-probes",
        (None, End::NothingHeld) => "nothing-held",
        (None, End::NothingMeasured) => "nothing-measured",
    }
}

/// The answer, as a sentence.
#[must_use]
pub fn sentence(quantity: Quantity, course: &Course) -> String {
    let answer = &course.answer;
    let held = answer.held.map_or("nothing".to_owned(), |held| words(quantity, held));
    let tried = answer.probes.iter().map(|probe| probe.value).reduce(f64::min);
    let tried = tried.map_or("nothing".to_owned(), |least| words(quantity, least));
    if let Some(why) = &course.cut_short {
        let so_far = match answer.held {
            Some(_) => format!("{held} held so far, not confirmed"),
            None => "nothing held so far".to_owned(),
        };
        return match why {
            CutShort::Interrupted => format!("interrupted: {so_far}"),
            CutShort::Nothing(why) => {
                format!(
                    "a probe cannot be judged: {why}; let --for be longer, or --from higher; {so_far}"
                )
            }
            CutShort::Invalid(why) => format!("a gate cannot be asked of this server: {why}"),
        };
    }
    match answer.end {
        End::Found => {
            let failed =
                answer.failed.map(|failed| format!(", and {} does not", words(quantity, failed)));
            format!("{held} holds{}", failed.unwrap_or_default())
        }
        End::Generator => {
            format!("at least {held}; the generator is the limit here, not the server")
        }
        End::Most => format!("at least {held}; more was not asked for"),
        End::OutOfProbes => {
            "too many probes before a value was confirmed: let each be longer".to_owned()
        }
        End::NothingHeld => format!("nothing holds, not even {tried}"),
        End::NothingMeasured => {
            format!("nothing was measured: not even at {tried} did the generator keep up")
        }
    }
}

/// The curve as a table: what was tried, from the lowest to the highest, with a bar for the p99.
#[must_use]
pub fn curve(quantity: Quantity, probes: &[ProbeEntry]) -> String {
    const BAR: f64 = 32.0;
    let mut probes: Vec<&ProbeEntry> = probes.iter().collect();
    probes.sort_by(|one, other| one.value.total_cmp(&other.value));
    let times =
        || probes.iter().filter_map(|probe| probe.figures.p99_us).map(|us| us.max(1) as f64);
    let (low, high) = (times().fold(f64::INFINITY, f64::min), times().fold(1.0, f64::max));
    let length = |micros: u64| {
        // Half of the fastest is nothing, so that the fastest has a bar as well.
        let part = (micros.max(1) as f64 * 2.0 / low).ln() / (high * 2.0 / low).ln();
        (part * BAR).round() as usize
    };
    let mut text = format!("{:>14}  {:>8}  p99 (logarithmic)\n", unit(quantity), "p99");
    for probe in &probes {
        let p99 = probe.figures.p99_us;
        let bar = p99.map_or(String::new(), |micros| "#".repeat(length(micros)));
        let bar = format!("{bar:<32}  {}", probe.result.unwrap_or("not judged"));
        let p99 = p99.map_or("-".to_owned(), time);
        text += &format!("{:>14}  {p99:>8}  {bar}\n", number(probe.value));
    }
    text
}

impl Found {
    /// Its `capacity.json`.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("there are no keys but strings") + "\n"
    }

    /// Its page.
    #[must_use]
    pub fn page(&self, quantity: Quantity, limit_us: Option<u64>) -> String {
        let points: Vec<CapacityPoint> = self
            .probes
            .iter()
            .map(|probe| CapacityPoint {
                tried: probe.value,
                p50_us: probe.figures.p50_us,
                p99_us: probe.figures.p99_us,
                held: probe.result == Some(word(ProbeResult::Held)),
            })
            .collect();
        let machine = self
            .machine
            .as_ref()
            .map(|machine| format!("{}, {} cores, {}", machine.cpu, machine.cores, machine.os));
        let notes = [
            ("server", self.target.clone()),
            ("machine", machine.unwrap_or_default()),
            ("started", self.started.clone()),
            ("seed", self.seed.to_string()),
            ("command", self.command.clone()),
        ];
        html::capacity_page(&html::Capacity {
            title: &self.file.title,
            found: &self.answer,
            outcome: self.outcome,
            unit: unit(quantity),
            gate: &self.gates.join(", "),
            limit_us,
            points: &points,
            notes: &notes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::search::{Answer, Probe};
    use super::*;

    fn course(
        end: End,
        held: Option<f64>,
        failed: Option<f64>,
        cut_short: Option<CutShort>,
    ) -> Course {
        let probe = Probe { value: 100.0, confirm: false, result: ProbeResult::Failed };
        Course { answer: Answer { held, failed, probes: vec![probe], end }, cut_short }
    }

    #[track_caller]
    fn check(course: &Course, outcome: Outcome, end: &str, sentence: &str) {
        assert_eq!(super::outcome(course), outcome);
        assert_eq!(super::end(course), end);
        assert_eq!(super::sentence(Quantity::Rate, course), sentence);
    }

    #[test]
    fn every_end_has_its_judgement_and_its_words() {
        use End::{Found, Generator, Most, NothingHeld, NothingMeasured, OutOfProbes};
        use Outcome::{Fail, Invalid, Pass, Untrusted};
        let of = |end| course(end, Some(2953.0), Some(3084.0), None);
        check(&of(Found), Pass, "found", "2953/s holds, and 3084/s does not");
        let words = "at least 2953/s; the generator is the limit here, not the server";
        check(&of(Generator), Pass, "generator", words);
        check(&of(Most), Pass, "most", "at least 2953/s; more was not asked for");
        let none = |end| course(end, None, None, None);
        check(&none(NothingHeld), Fail, "nothing-held", "nothing holds, not even 100/s");
        let words = "nothing was measured: not even at 100/s did the generator keep up";
        check(&none(NothingMeasured), Untrusted, "nothing-measured", words);
        let words = "too many probes before a value was confirmed: let each be longer";
        check(&none(OutOfProbes), Untrusted, "out-of-probes", words);
        let cut = |held, why| course(OutOfProbes, held, None, Some(why));
        let words = "interrupted: 70/s held so far, not confirmed";
        check(&cut(Some(70.0), CutShort::Interrupted), Untrusted, "cut-short", words);
        let words = "a gate cannot be asked of this server: why";
        check(&cut(None, CutShort::Invalid("why".to_owned())), Invalid, "cut-short", words);
    }

    #[test]
    fn the_curve_goes_up_and_its_bars_are_as_long_as_the_latency() {
        let entry = |value, p99_us, result| ProbeEntry {
            figures: Figures { p99_us, ..Figures::default() },
            result: Some(word(result)),
            ..ProbeEntry::new(value, false)
        };
        let probes = [
            entry(2000.0, Some(100_000), ProbeResult::Failed),
            entry(500.0, Some(1_000), ProbeResult::Held),
            entry(1000.0, Some(10_000), ProbeResult::Held),
            entry(4000.0, None, ProbeResult::Untrusted),
        ];
        insta::assert_snapshot!(curve(Quantity::Rate, &probes));
    }

    #[test]
    fn a_curve_without_a_figure_has_no_bar() {
        assert!(!curve(Quantity::Crowd, &[ProbeEntry::new(7.0, false)]).contains('#'));
        assert!(curve(Quantity::Crowd, &[]).starts_with("          bots"));
    }
}
