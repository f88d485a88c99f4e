//! From a text to a [`Gate`].

use std::ops::Range;

use super::metric::{JOIN, Metric, Name, PLAIN, Stat};
use super::units::{SUFFIXES, Unit};
use super::{Bound, Gate, Op};
use crate::diagnostics::Diagnostic;
use crate::load::figures::Measure;
use crate::load::record::FaultKind;

/// The histograms that a gate can ask for.
const MEASURES: [Measure; 8] = [
    Measure::Delivery,
    Measure::Raw,
    Measure::First,
    Measure::Last,
    Measure::Spread,
    Measure::Lateness,
    Measure::Stall,
    Measure::Join,
];

const STATS: [&str; 8] = ["p50", "p90", "p99", "p99.9", "min", "max", "mean", "count"];

type Result<T> = std::result::Result<T, Diagnostic>;

/// Whether a word means something in a gate, so that no phase may be called so.
#[must_use]
pub fn is_word(word: &str) -> bool {
    let plain = PLAIN.iter().flat_map(|(name, _)| name.split('.'));
    let measures = Measure::ALL.iter().map(|measure| measure.as_str());
    let faults = FaultKind::ALL.iter().map(|kind| kind.as_str());
    let percentile = word.strip_prefix('p').is_some_and(|rest| rest.parse::<u32>().is_ok());
    percentile
        || plain.chain(measures).chain(faults).chain(STATS).any(|known| known == word)
        || ["healthy", "all"].contains(&word)
        // What could be read as a value: `5` or `10ms`.
        || word.starts_with(|first: char| first.is_ascii_digit())
}

pub(super) fn gate(text: &str, phases: &[&str]) -> Result<Gate> {
    let (op, at) = operator(text)?;
    let left = Part { text, span: trim(text, 0..at.start) };
    let right = Part { text, span: trim(text, at.end..text.len()) };
    if left.str().is_empty() {
        return Err(left
            .error("there is nothing on the left of the gate", "a figure belongs here")
            .help("such as `delivery.p99 < 20ms`"));
    }
    let left = metric(&left, phases)?;
    let right = bound(&right, &left, phases)?;
    Ok(Gate { text: text.trim().to_owned(), left, op, right })
}

/// A part of the gate's text.
#[derive(Clone)]
struct Part<'t> {
    text: &'t str,
    span: Range<usize>,
}

impl<'t> Part<'t> {
    fn str(&self) -> &'t str {
        &self.text[self.span.clone()]
    }

    fn error(&self, message: impl Into<String>, label: &str) -> Diagnostic {
        Diagnostic::new(self.span.clone(), message, label)
    }

    /// The words between dots.
    fn words(&self) -> Vec<Part<'t>> {
        let mut start = self.span.start;
        let words = self.str().split('.').map(|word| {
            let span = start..start + word.len();
            start = span.end + 1;
            Part { text: self.text, span }
        });
        words.collect()
    }
}

fn trim(text: &str, span: Range<usize>) -> Range<usize> {
    let part = &text[span.clone()];
    let start = span.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

fn operator(text: &str) -> Result<(Op, Range<usize>)> {
    let Some(at) = text.find(['<', '>', '=', '≤', '≥', '!']) else {
        let whole = Part { text, span: trim(text, 0..text.len()) };
        return Err(whole
            .error("a gate compares two sides", "nothing is compared here")
            .help("such as `delivery.p99 < 20ms`"));
    };
    let (op, length) = match &text.as_bytes()[at..] {
        [b'<', b'=', ..] => (Op::AtMost, 2),
        [b'>', b'=', ..] => (Op::AtLeast, 2),
        [b'<', ..] => (Op::Less, 1),
        [b'>', ..] => (Op::More, 1),
        _ => {
            let rest = &text[at..];
            let known = |c: char| ['<', '>', '=', '≤', '≥', '!'].contains(&c);
            let end = at + rest.find(|c| !known(c)).unwrap_or(rest.len());
            let message = format!("`{}` does not compare in a gate", &text[at..end]);
            return Err(Diagnostic::new(at..end, message, "not known here")
                .help("there is `<`, `<=`, `>` and `>=`"));
        }
    };
    Ok((op, at..at + length))
}

fn bound(right: &Part<'_>, left: &Metric, phases: &[&str]) -> Result<Bound> {
    if right.str().is_empty() {
        let message = "there is nothing on the right of the gate";
        return Err(right
            .error(message, "what it is compared with belongs here")
            .help(format!("write {} here", left.unit().example())));
    }
    if let Some(star) = right.str().find('*') {
        let star = right.span.start + star;
        let factor = factor(&Part { span: trim(right.text, right.span.start..star), ..*right })?;
        let of = Part { span: trim(right.text, star + 1..right.span.end), ..*right };
        return of_metric(&of, Some(factor), left, phases);
    }
    // No phase and no figure begins with a digit.
    if right.str().starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first)) {
        return value(right, left).map(Bound::Value);
    }
    of_metric(right, None, left, phases)
}

fn factor(part: &Part<'_>) -> Result<f64> {
    number(part.str()).ok_or_else(|| {
        part.error(format!("`{}` is no factor", part.str()), "a number belongs here")
            .help("write the number first, such as `3 * steady`")
    })
}

/// A number that is finite and not negative.
fn number(text: &str) -> Option<f64> {
    let plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == '_');
    let number = plain.then(|| text.replace('_', "").parse::<f64>().ok())?;
    number.filter(|number| number.is_finite())
}

fn value(part: &Part<'_>, left: &Metric) -> Result<f64> {
    let text = part.str();
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_'));
    let (digits, suffix) = text.split_at(digits.unwrap_or(text.len()));
    let suffix = suffix.trim_start();
    let Some(number) = number(digits) else {
        return Err(part
            .error(format!("`{text}` is no value of a gate"), "not a number")
            .help(format!("{left} is compared with {}", left.unit().example())));
    };
    let wanted = left.unit();
    match SUFFIXES.iter().find(|(known, ..)| *known == suffix) {
        Some((_, unit, scale)) if *unit == wanted => Ok(number * scale),
        None if suffix.is_empty() && matches!(wanted, Unit::Count | Unit::Share) => Ok(number),
        None if suffix.is_empty() && left.name == Name::JoinSeconds => Ok(number * 1e6),
        None if suffix.is_empty() => Err(part
            .error(format!("`{text}` has no unit"), "a unit belongs here")
            .help(format!("{left} is {}: write {}", wanted.name(), wanted.example()))),
        Some((_, unit, _)) => {
            let message = format!("{left} is {}, and `{text}` is {}", wanted.name(), unit.name());
            Err(part
                .error(message, "cannot be compared")
                .help(format!("write {}", wanted.example())))
        }
        None => {
            // `MB` is closest to `B`, which is not what is meant.
            Err(part.error(format!("`{suffix}` is no unit"), "not known here").help(format!(
                "{left} is {}: write {}",
                wanted.name(),
                wanted.example()
            )))
        }
    }
}

fn of_metric(
    part: &Part<'_>,
    factor: Option<f64>,
    left: &Metric,
    phases: &[&str],
) -> Result<Bound> {
    let name = part.str();
    if phases.contains(&name) || name == JOIN {
        if !left.name.by_phase() {
            return Err(of_the_run(part, left));
        }
        let metric = Metric { phase: Some(name.to_owned()), name: left.name };
        return Ok(Bound::Metric { factor, metric });
    }
    // A word alone on the right may be a phase, too.
    let metric = metric(part, phases).map_err(|error| {
        if name.contains('.') { error } else { unknown(part, &first_words(phases)) }
    });
    let metric = metric?;
    if metric.unit() != left.unit() {
        let (ours, theirs) = (left.unit().name(), metric.unit().name());
        return Err(part
            .error(format!("{left} is {ours}, and {metric} is {theirs}"), "cannot be compared")
            .help(format!("{ours} can be compared with {}", left.unit().example())));
    }
    Ok(Bound::Metric { factor, metric })
}

fn metric(part: &Part<'_>, phases: &[&str]) -> Result<Metric> {
    let words = part.words();
    // `join` alone is a measure unless a name that is none of its own follows.
    let own = |word: &str| word == "seconds" || stat(word).is_some() || !is_word(word);
    let joins = words.get(1).is_some_and(|next| !own(next.str()));
    let first = words[0].str();
    let has_phase = if first == JOIN { joins } else { phases.contains(&first) };
    let rest = &words[usize::from(has_phase)..];
    let phase = has_phase.then(|| first.to_owned());
    if rest.is_empty() {
        return Err(part
            .error(format!("`{first}` is a phase, and no figure of it is named"), "not a figure")
            .help(format!("such as `{first}.delivery.p99`")));
    }
    let name = prefixed(rest, phases, has_phase)?;
    let metric = Metric { phase, name };
    if metric.phase.is_some() && !name.by_phase() {
        let whole = Metric { phase: None, name };
        return Err(of_the_run(&words[0], &whole));
    }
    Ok(metric)
}

/// The error where a phase is named for what is counted over the whole run.
fn of_the_run(part: &Part<'_>, metric: &Metric) -> Diagnostic {
    part.error(format!("{metric} is a figure of the whole run, not of a phase"), "no phase here")
        .help(format!("write `{metric}` and compare it with {}", metric.unit().example()))
}

/// A name, with `healthy` or `all` before it or not.
fn prefixed(words: &[Part<'_>], phases: &[&str], has_phase: bool) -> Result<Name> {
    let prefix = words[0].str();
    if prefix != "healthy" && prefix != "all" {
        return name(words, phases, has_phase);
    }
    let rest = &words[1..];
    let found = match rest {
        [] => None,
        _ => Some(name(rest, phases, true)?),
    };
    match (prefix, found) {
        ("all", Some(Name::Times { measure: Measure::Delivery, stat, .. })) => {
            Ok(Name::Times { measure: Measure::Delivery, all: true, stat })
        }
        ("healthy", Some(found @ Name::Times { .. })) => Ok(found),
        ("all", _) => Err(words[0]
            .error(
                "only `delivery` is kept for the copies of all bots",
                "goes with `delivery` only",
            )
            .help("such as `all.delivery.p99`")),
        _ => Err(words[0]
            .error("only times are kept for the healthy bots", "goes with times only")
            .help("such as `healthy.delivery.p99`")),
    }
}

fn name(words: &[Part<'_>], phases: &[&str], has_phase: bool) -> Result<Name> {
    let (first, last) = (&words[0], &words[words.len() - 1]);
    let whole = Part { text: first.text, span: first.span.start..last.span.end };
    if let Some((_, name)) = PLAIN.iter().find(|(known, _)| *known == whole.str()) {
        return Ok(*name);
    }
    if let Some(kind) = FaultKind::ALL.iter().find(|kind| kind.as_str() == whole.str()) {
        return Ok(Name::Fault(*kind));
    }
    if let Some(measure) = MEASURES.iter().find(|measure| measure.as_str() == first.str()) {
        return times(*measure, &whole, words);
    }
    // `server.ram`: what of the server there is.
    let family = format!("{}.", first.str());
    let of_family: Vec<&str> =
        PLAIN.iter().map(|(name, _)| *name).filter(|name| name.starts_with(&family)).collect();
    if !of_family.is_empty() {
        let message = format!("no figure is called `{}`", whole.str());
        return Err(whole.error(message, "not known here").suggest(whole.str(), of_family));
    }
    // Who writes `stedy.delivery.p99` means a phase; who writes `delivry.p99` a figure.
    let phases = if has_phase { &[] } else { phases };
    Err(unknown(if words.len() == 1 { &whole } else { first }, &first_words(phases)))
}

fn unknown(part: &Part<'_>, known: &[&str]) -> Diagnostic {
    let message = match part.str() {
        "" => "a name is missing".to_owned(),
        name => format!("no figure and no phase is called `{name}`"),
    };
    part.error(message, "not known here").suggest(part.str(), known.iter().copied())
}

/// What a figure may begin with.
fn first_words<'p>(phases: &[&'p str]) -> Vec<&'p str> {
    let measures = MEASURES.iter().map(|measure| measure.as_str());
    let faults = FaultKind::ALL.iter().map(|kind| kind.as_str());
    let mut words: Vec<&str> = phases.iter().copied().chain(measures).collect();
    words.extend(["sends", "copies", "server", "generator", "fairness", "joined", "faults"]);
    words.extend(faults);
    words
}

fn times(measure: Measure, whole: &Part<'_>, words: &[Part<'_>]) -> Result<Name> {
    let name = measure.as_str();
    let Some(second) = words.get(1) else {
        return Err(whole
            .error(format!("`{name}` alone is no figure"), "a statistic belongs behind it")
            .help(format!(
                "such as `{name}.p99`; there is also `min`, `max`, `mean` and `count`"
            )));
    };
    let last = &words[words.len() - 1];
    let part = Part { text: whole.text, span: second.span.start..last.span.end };
    match stat(part.str()) {
        Some(Ok(stat)) => Ok(Name::Times { measure, all: false, stat }),
        Some(Err(help)) => {
            let message = format!("`{}` is no percentile that can be asked for", part.str());
            Err(part.error(message, "not this one").help(help))
        }
        None => Err(part
            .error(format!("`{name}` has no `{}`", part.str()), "not known here")
            .suggest(part.str(), STATS)),
    }
}

/// A statistic; `Some(Err)` where it looks like a percentile and is none.
fn stat(word: &str) -> Option<std::result::Result<Stat, &'static str>> {
    let digits = match word {
        "min" => return Some(Ok(Stat::Min)),
        "max" => return Some(Ok(Stat::Max)),
        "mean" => return Some(Ok(Stat::Mean)),
        "count" => return Some(Ok(Stat::Count)),
        _ => word.strip_prefix('p')?,
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(part) {
        return None;
    }
    if part.len() > 3 {
        return Some(Err("at most three digits behind the point"));
    }
    let Ok(thousandths) = format!("{whole}{part:0<3}").parse::<u32>() else {
        return Some(Err("from p0.001 to p99.999"));
    };
    Some(match thousandths {
        0 => Err("write `min` for the smallest"),
        1..100_000 => Ok(Stat::Percentile(thousandths)),
        100_000 => Err("write `max` for the largest"),
        _ => Err("from p0.001 to p99.999"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::load::gate::GateError;

    const PHASES: [&str; 2] = ["steady", "spike"];

    #[test]
    fn every_name_is_read_and_says_itself() {
        let measures = MEASURES
            .iter()
            .flat_map(|measure| STATS.map(|stat| format!("{}.{stat}", measure.as_str())));
        let plain = PLAIN.iter().map(|(name, _)| (*name).to_owned());
        let faults = FaultKind::ALL.iter().map(|kind| kind.as_str().to_owned());
        for name in measures.chain(plain).chain(faults) {
            let gate = Gate::parse(&format!("{name} < 3 * {name}"), &PHASES);
            let gate = gate.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(gate.left().to_string(), name);
            if gate.left().name.by_phase() {
                for name in [format!("spike.{name}"), format!("join.{name}")] {
                    let gate = Gate::parse(&format!("{name} < 3*steady"), &PHASES);
                    let gate = gate.unwrap_or_else(|error| panic!("{name}: {error}"));
                    assert_eq!(gate.left().to_string(), name);
                }
            }
        }
    }

    #[test]
    fn the_words_of_a_gate_are_no_names_for_phases() {
        for word in ["join", "delivery", "p99", "rate", "cpu", "healthy", "lost", "5", "10ms"] {
            assert!(is_word(word), "{word}");
        }
        for word in ["steady", "spike", "warm-up", "baseline", "peak", "phase1"] {
            assert!(!is_word(word), "{word}");
        }
    }

    #[test]
    fn space_does_not_matter() {
        let plain = gate("spike.delivery.p99<1.5*steady", &PHASES).unwrap();
        let spaced = gate("  spike.delivery.p99  <  1.5  *  steady  ", &PHASES).unwrap();
        assert_eq!((plain.left, plain.right), (spaced.left, spaced.right));
        assert_eq!(gate("delivery.p99 < 20 ms", &PHASES).unwrap().right, Bound::Value(20_000.0));
    }

    fn shown(texts: &[&str]) -> String {
        let all = texts.iter().map(|text| match Gate::parse(text, &PHASES) {
            Ok(gate) => format!("{text}: is a gate: {gate:?}\n"),
            Err(error) => error.render("--gate", text, false) + "\n\n",
        });
        all.collect()
    }

    #[test]
    fn what_is_no_gate_says_why() {
        insta::assert_snapshot!(shown(&[
            "",
            "delivery.p99",
            "delivery.p99 <",
            "< 20ms",
            "delivery.p99 == 20ms",
            "delivery.p99 ≤ 20ms",
            "delivery.p99 < 20ms < 3",
            "delivery < 20ms",
            "steady < 20ms",
        ]));
    }

    #[test]
    fn names_that_are_not_known_get_a_suggestion() {
        insta::assert_snapshot!(shown(&[
            "delivry.p99 < 20ms",
            "stedy.delivery.p99 < 20ms",
            "steady.delivry.p99 < 20ms",
            "delivery.p99 < 3 * stedy",
            "delivery.p99 < 3 * stedy.delivery.p99",
            "delivery.p9x < 1ms",
            "delivery.p100 < 1ms",
            "delivery.p0 < 1ms",
            "delivery.p99.99999 < 1ms",
            "server.ram < 1MiB",
            "steady..p99 < 1ms",
            "lots < 1",
            "all.first.p99 < 1ms",
            "healthy.lost < 1",
            "healthy < 1",
            "spike.lost < 1",
            "lost < steady",
            "spike.join.seconds < 3s",
        ]));
    }

    #[test]
    fn what_cannot_be_compared_says_so() {
        insta::assert_snapshot!(shown(&[
            "delivery.p99 < 20MiB",
            "delivery.p99 < 20",
            "server.rss < 3",
            "server.rss < 3MB",
            "delivery.p99 < server.rss",
            "delivery.p99 < 2 * sends.rate",
            "sends.rate > 1000",
            "lost < 5%",
            "server.cpu < 3ms",
            "delivery.p99 < 1.2.3ms",
            "delivery.p99 < -5ms",
            "delivery.p99 < x * steady",
            "delivery.p99 < 1e3 * steady",
            "delivery.p99 < steady * 3",
        ]));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_error_is_within_the_text(
            text in r"[a-z0-9.<>=*/%µ≤ _-]{0,40}|(delivery|steady|all|join|p99|lost|server|\.|<|=| |\*|5|ms|é){0,12}"
        ) {
            if let Err(GateError(error)) = Gate::parse(&text, &PHASES) {
                prop_assert!(error.span.start <= error.span.end && error.span.end <= text.len());
                prop_assert!(text.get(error.span.clone()).is_some());
                let _ = error.render(&crate::diagnostics::Source::new("--gate", text), false);
            }
        }
    }
}
