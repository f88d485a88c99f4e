//! The phases of a load file.

use std::time::Duration;

use super::values::{self, Errors, Result, words};
use super::{Phase, Shape};
use crate::diagnostics::Diagnostic;
use crate::load::gate;
use crate::toml_reader::{MAX_WAIT, Table, Value};

/// The shortest phase: shorter ones have no figures to speak of.
const MIN_PHASE: Duration = Duration::from_millis(100);

/// The longest name of a phase: it has to fit into tables.
const MAX_NAME_CHARS: usize = 32;

/// The most steps of a phase.
const MAX_STEPS: usize = 100;

/// The most messages that a talker may have under way.
const MAX_DEPTH: u32 = 10_000;

const KEYS: [&str; 8] = ["name", "for", "measured", "rate", "ramp", "steps", "spike", "saturate"];
const SHAPES: [&str; 5] = ["rate", "ramp", "steps", "spike", "saturate"];

/// The phases, steps and spikes taken apart; `None` where one could not be read.
pub(super) fn read_phases(top: &mut Table<'_>, errors: &mut Errors) -> Option<Vec<Phase>> {
    let value = errors.note(top.require("phase", "a load has at least one [[phase]]"))?;
    let values = errors.note(value.array().map_err(|error| error.help("write [[phase]]")))?;
    let mut phases = Vec::new();
    let mut whole = true;
    for value in &values {
        match read_phase(value, errors) {
            Some(parts) => add(parts, value, &mut phases, errors),
            None => whole = false,
        }
    }
    if !whole {
        return None;
    }
    errors.note(check_all(&phases, &value))?;
    Some(phases)
}

/// Adds the phases that one entry stands for, whose names have to be new.
fn add(parts: Vec<Phase>, value: &Value<'_>, phases: &mut Vec<Phase>, errors: &mut Errors) {
    let taken = |part: &&Phase| phases.iter().any(|phase| phase.name == part.name);
    if let Some(part) = parts.iter().find(taken) {
        let message = format!("two phases would be called `{}`", part.name);
        errors.push(Diagnostic::new(value.span(), message, "the second one"));
    }
    phases.extend(parts);
}

fn check_all(phases: &[Phase], value: &Value<'_>) -> Result<()> {
    if !phases.iter().any(|phase| phase.measured) {
        let message = "no phase is measured";
        return Err(Diagnostic::new(value.span(), message, "all are `measured = false`"));
    }
    let total: Duration = phases.iter().map(|phase| phase.length).sum();
    if total > MAX_WAIT {
        let message = format!("the phases take {} together", words(total));
        return Err(Diagnostic::new(value.span(), message, "more than an hour"));
    }
    Ok(())
}

/// What one `[[phase]]` stands for.
fn read_phase(value: &Value<'_>, errors: &mut Errors) -> Option<Vec<Phase>> {
    let mut table = errors.note(value.table())?;
    let name = table.require("name", "what it is called in gates and figures, such as \"steady\"");
    let name = errors.note(name.and_then(|name| read_name(&name)));
    let length_at = errors.note(table.require("for", "how long it takes, such as \"10s\""));
    let length = length_at.as_ref().and_then(|value| errors.note(read_length(value)));
    let measured = table.take("measured");
    let measured = errors.optional(measured, true, Value::bool);
    let course = Course::read(&mut table);
    let course = errors.note(course);
    errors.unknown_keys(&table, &KEYS);
    let (name, length, length_at) = (name?, length?, length_at?);
    let parts = course?.parts(&name);
    let lengths = cut(length, parts.len());
    if lengths[0] < MIN_PHASE {
        let message = format!("{} parts of {} are too short", parts.len(), words(length));
        let help = format!("each takes at least {}", words(MIN_PHASE));
        errors.push(Diagnostic::new(length_at.span(), message, "too short").help(help));
        return None;
    }
    let phase = |((name, shape), length)| Phase { name, length, shape, measured };
    Some(parts.into_iter().zip(lengths).map(phase).collect())
}

fn read_name(value: &Value<'_>) -> Result<String> {
    let name = value.string()?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic());
    if !starts || !name.chars().all(fits) || name.len() > MAX_NAME_CHARS {
        let message = format!("`{name}` is no name of a phase");
        return Err(Diagnostic::new(value.span(), message, "not a word").help(
            "a letter, then letters, digits, `-` and `_`, 32 in all: gates are written with it",
        ));
    }
    if gate::is_word(name) {
        let message = format!("`{name}` means something else in gates");
        return Err(Diagnostic::new(value.span(), message, "a word of the gates")
            .help("give the phase another name"));
    }
    Ok(name.to_owned())
}

fn read_length(value: &Value<'_>) -> Result<Duration> {
    let length = values::time(value, MIN_PHASE..=MAX_WAIT)?;
    if length.subsec_nanos() % 1_000_000 == 0 {
        return Ok(length);
    }
    Err(Diagnostic::new(value.span(), "a phase takes whole milliseconds", "not whole"))
}

/// How the rate goes over a phase, as it is written.
enum Course {
    One(Shape),
    Steps(Vec<Shape>),
    Spike { base: Shape, peak: Shape },
}

impl Course {
    fn read(table: &mut Table<'_>) -> Result<Course> {
        let mut given: Vec<(&str, Value<'_>)> = SHAPES
            .into_iter()
            .filter_map(|key| table.take(key).map(|value| (key, value)))
            .collect();
        // In the order of the file, so that the second is to blame.
        given.sort_by_key(|(_, value)| value.span().start);
        match given.as_slice() {
            [(key, value)] => Course::of(key, value),
            [] => {
                let message = "a phase that does not say how often somebody speaks";
                Err(Diagnostic::new(table.span(), message, "no rate").help(
                    "give it one of `rate`, `ramp`, `steps`, `spike` and `saturate`; silence is \
                     rate = \"0/s\"",
                ))
            }
            [(first, _), (second, value), ..] => {
                let message = format!("a phase has one course: `{first}` or `{second}`");
                Err(Diagnostic::new(value.span(), message, "a second one"))
            }
        }
    }

    fn of(key: &str, value: &Value<'_>) -> Result<Course> {
        Ok(match key {
            "rate" => Course::One(Shape::Steady(values::rate(value)?)),
            "ramp" => {
                let rates = values::rates(value, 2..=2)?;
                Course::One(Shape::Ramp(rates[0], rates[1]))
            }
            "steps" => {
                let rates = values::rates(value, 2..=MAX_STEPS)?;
                Course::Steps(rates.into_iter().map(Shape::Steady).collect())
            }
            "spike" => {
                let rates = values::rates(value, 2..=2)?;
                Course::Spike { base: Shape::Steady(rates[0]), peak: Shape::Steady(rates[1]) }
            }
            _ => Course::One(Shape::Saturate(value.integer(1..=MAX_DEPTH)?)),
        })
    }

    /// The phases that it becomes, by name.
    fn parts(self, name: &str) -> Vec<(String, Shape)> {
        match self {
            Course::One(shape) => vec![(name.to_owned(), shape)],
            Course::Steps(shapes) => {
                let numbered = shapes.into_iter().zip(1..);
                numbered.map(|(shape, number)| (format!("{name}-{number}"), shape)).collect()
            }
            Course::Spike { base, peak } => vec![
                (format!("{name}-before"), base.clone()),
                (name.to_owned(), peak),
                (format!("{name}-after"), base),
            ],
        }
    }
}

/// A time in equal parts of whole milliseconds, give or take one, that add up to it. The first is no
/// longer than any other.
fn cut(length: Duration, parts: usize) -> Vec<Duration> {
    let whole = length.as_millis() as u64;
    let parts = parts as u64;
    let end = |part: u64| whole * part / parts;
    (0..parts).map(|part| Duration::from_millis(end(part + 1) - end(part))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_phase_add_up() {
        for (length, parts) in [(1000, 3), (100, 1), (59_999, 7)] {
            let length = Duration::from_millis(length);
            let cut = cut(length, parts);
            assert_eq!(cut.iter().sum::<Duration>(), length);
            assert!(cut.iter().all(|part| *part - cut[0] <= Duration::from_millis(1)));
        }
    }
}
