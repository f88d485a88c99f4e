//! The kinds of values that load files have and scenarios have not, and how errors are gathered.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Rate, Share};
use crate::diagnostics::Diagnostic;
use crate::toml_reader::{Table, Value};

/// The most bots of a run: more have no room in one machine's memory.
pub(super) const MAX_BOTS: u32 = 1_000_000;

/// The highest rate, per second: the schedule is in whole microseconds.
const MAX_RATE: f64 = 1_000_000.0;

pub(super) type Result<T, E = Diagnostic> = std::result::Result<T, E>;

/// Everything that is wrong with a file: reading goes on after an error, to find the others.
#[derive(Default)]
pub(super) struct Errors(Vec<Diagnostic>);

impl Errors {
    pub(super) fn push(&mut self, error: Diagnostic) {
        self.0.push(error);
    }

    /// What was read, or nothing and the error is noted.
    pub(super) fn note<T>(&mut self, read: Result<T>) -> Option<T> {
        read.map_err(|error| self.push(error)).ok()
    }

    /// The value of an optional key, or what it is without one. After an error, reading goes on with
    /// what it is without one, too.
    pub(super) fn optional<'t, T>(
        &mut self,
        value: Option<Value<'t>>,
        without: T,
        read: impl FnOnce(&Value<'t>) -> Result<T>,
    ) -> T {
        value.and_then(|value| self.note(read(&value))).unwrap_or(without)
    }

    /// Notes every key that nobody took.
    pub(super) fn unknown_keys(&mut self, table: &Table<'_>, known: &[&str]) {
        for (key, span) in table.left() {
            let error = Diagnostic::new(span, format!("unknown key `{key}`"), "not known here");
            self.push(error.suggest(key, known.iter().copied()));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, in the order of the file.
    pub(super) fn sorted(mut self) -> Vec<Diagnostic> {
        self.0.sort_by_key(|error| (error.span.start, error.span.end));
        self.0
    }
}

/// One line of text.
pub(super) fn line(value: &Value<'_>) -> Result<String> {
    let text = value.string()?;
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        let message = "a title is one line of text";
        return Err(Diagnostic::new(value.span(), message, "empty, or more than a line"));
    }
    Ok(text.to_owned())
}

/// A rate such as `1000/s` or `60/min`.
pub(super) fn rate(value: &Value<'_>) -> Result<Rate> {
    let text = value.string().map_err(|error| error.help(RATE_HELP))?;
    parse_rate(text).ok_or_else(|| {
        Diagnostic::new(value.span(), format!("`{text}` is no rate"), "not a rate").help(RATE_HELP)
    })
}

const RATE_HELP: &str = "write how many in a second or a minute, such as \"1000/s\" or \"60/min\"; \
                         at most 1000000/s";

fn parse_rate(text: &str) -> Option<Rate> {
    let (number, unit) = text.split_once('/')?;
    let seconds = match unit.trim() {
        "s" | "sec" => 1.0,
        "m" | "min" => 60.0,
        _ => return None,
    };
    let per_second = parse_number(number)? / seconds;
    (0.0..=MAX_RATE).contains(&per_second).then_some(Rate(per_second))
}

/// A number without a sign, an exponent or a word such as `inf`.
fn parse_number(text: &str) -> Option<f64> {
    let digits = text.trim().replace('_', "");
    let plain = digits.chars().all(|c| c.is_ascii_digit() || c == '.');
    plain.then(|| digits.parse().ok()).flatten()
}

/// Rates in a list of so many.
pub(super) fn rates(value: &Value<'_>, count: RangeInclusive<usize>) -> Result<Vec<Rate>> {
    let values = value.array().map_err(|error| error.help(RATE_HELP))?;
    if !count.contains(&values.len()) {
        let wanted = if count.start() == count.end() {
            format!("{} rates", count.start())
        } else {
            format!("{} to {} rates", count.start(), count.end())
        };
        let found = format!("{} here", values.len());
        return Err(Diagnostic::new(value.span(), format!("this takes {wanted}"), found));
    }
    values.iter().map(rate).collect()
}

/// A number of bots, or a percentage of them such as `"20%"`.
pub(super) fn share(value: &Value<'_>) -> Result<Share> {
    const HELP: &str = "write a number of bots, such as 20, or a part of them, such as \"20%\"";
    if value.is_integer() {
        return value.integer(0..=MAX_BOTS).map(Share::Count);
    }
    let Ok(text) = value.string() else {
        return Err(value.wrong_type("a number of bots or a percentage").help(HELP));
    };
    parse_percent(text).map(Share::Percent).ok_or_else(|| {
        let message = format!("`{text}` is no part of the crowd");
        Diagnostic::new(value.span(), message, "not 0% to 100%").help(HELP)
    })
}

/// A percentage such as `"95%"`, 0 to 100.
pub(super) fn percent(value: &Value<'_>) -> Result<f64> {
    const HELP: &str = "write a number and a percent sign, such as \"95%\"";
    let text = value.string().map_err(|error| error.help(HELP))?;
    parse_percent(text).ok_or_else(|| {
        Diagnostic::new(value.span(), format!("`{text}` is no percentage"), "not 0% to 100%")
            .help(HELP)
    })
}

fn parse_percent(text: &str) -> Option<f64> {
    let percent = parse_number(text.trim().strip_suffix('%')?)?;
    (0.0..=100.0).contains(&percent).then_some(percent)
}

/// A length of time within bounds.
pub(super) fn time(value: &Value<'_>, bounds: RangeInclusive<Duration>) -> Result<Duration> {
    let time = value.duration()?;
    if bounds.contains(&time) {
        return Ok(time);
    }
    let [least, most] = [bounds.start(), bounds.end()].map(|bound| words(*bound));
    let message = format!("this time has to be from {least} to {most}");
    Err(Diagnostic::new(value.span(), message, "out of bounds"))
}

/// A length of time as it is written in a file.
pub(super) fn words(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second_or_per_minute() {
        assert_eq!(parse_rate("1000/s"), Some(Rate(1000.0)));
        assert_eq!(parse_rate("90 / min"), Some(Rate(1.5)));
        assert_eq!(parse_rate("0.5/s"), Some(Rate(0.5)));
        assert_eq!(parse_rate("0/s"), Some(Rate(0.0)));
        for bad in ["1000", "/s", "-1/s", "inf/s", "NaN/s", "1e3/s", "1000001/s", "5/h", "1..2/s"] {
            assert_eq!(parse_rate(bad), None, "{bad}");
        }
    }

    #[test]
    fn percentages_end_at_a_hundred() {
        assert_eq!(parse_percent("0.5%"), Some(0.5));
        assert_eq!(parse_percent("100%"), Some(100.0));
        for bad in ["100.1%", "-1%", "20", "%", "NaN%"] {
            assert_eq!(parse_percent(bad), None, "{bad}");
        }
    }

    #[test]
    fn more_than_nothing_is_at_least_one() {
        assert_eq!(Share::Percent(1.0).of(10), 1);
        assert_eq!(Share::Percent(20.0).of(5000), 1000);
        assert_eq!(Share::Percent(0.0).of(10), 0);
        assert_eq!(Share::Percent(100.0).of(0), 0);
        assert_eq!(Share::Count(7).of(10), 7);
    }
}
