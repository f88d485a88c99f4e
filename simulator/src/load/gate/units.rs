//! Units of figures: how they are written and read.

/// What a figure counts. The unit decides what it may be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Microseconds.
    Time,
    /// Bytes.
    Bytes,
    /// So many a second.
    PerSecond,
    /// 1 is all of it; written as `50%` or `0.5`.
    Share,
    /// A number without a unit.
    Count,
}

impl Unit {
    /// What it is called in errors.
    pub(super) fn name(self) -> &'static str {
        match self {
            Unit::Time => "a time",
            Unit::Bytes => "a size",
            Unit::PerSecond => "a rate",
            Unit::Share => "a share",
            Unit::Count => "a bare number",
        }
    }

    /// An example of how it is written.
    pub(super) fn example(self) -> &'static str {
        match self {
            Unit::Time => "`20ms`, with `us`, `ms` or `s`",
            Unit::Bytes => "`6KiB`, with `B`, `KiB`, `MiB` or `GiB`",
            Unit::PerSecond => "`1000/s`",
            Unit::Share => "`50%` or `0.5`",
            Unit::Count => "`10`, without a unit",
        }
    }
}

/// The suffixes of values: their unit, and how much one is in its smallest part.
pub(super) const SUFFIXES: [(&str, Unit, f64); 10] = [
    ("us", Unit::Time, 1.0),
    ("µs", Unit::Time, 1.0),
    ("ms", Unit::Time, 1e3),
    ("s", Unit::Time, 1e6),
    ("B", Unit::Bytes, 1.0),
    ("KiB", Unit::Bytes, 1024.0),
    ("MiB", Unit::Bytes, 1024.0 * 1024.0),
    ("GiB", Unit::Bytes, 1024.0 * 1024.0 * 1024.0),
    ("/s", Unit::PerSecond, 1.0),
    ("%", Unit::Share, 0.01),
];

/// A figure as a person reads it, with two or three digits that count: `3.2 ms`, `412 µs`,
/// `1.4 MiB`, `1,000/s`.
#[must_use]
pub fn format_value(unit: Unit, value: f64) -> String {
    format_digits(unit, value, 1)
}

/// The same with so many digits after the point.
pub(super) fn format_digits(unit: Unit, value: f64, digits: usize) -> String {
    match unit {
        // What would be shown as 1000 of the smaller unit belongs to the larger one.
        Unit::Time if value < 999.95 => format!("{} µs", number(value, digits)),
        Unit::Time if value < 999_950.0 => format!("{} ms", number(value / 1e3, digits)),
        Unit::Time => format!("{} s", number(value / 1e6, digits)),
        Unit::Bytes => bytes(value, digits),
        Unit::PerSecond => {
            format!("{}/s", number(value, if value < 100.0 { digits } else { digits - 1 }))
        }
        Unit::Share => format!("{}%", number(value * 100.0, digits)),
        Unit::Count => number(value, digits + 1),
    }
}

fn bytes(value: f64, digits: usize) -> String {
    const NAMES: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut value = value;
    let mut name = 0;
    while value.abs() >= 1023.95 && name + 1 < NAMES.len() {
        value /= 1024.0;
        name += 1;
    }
    format!("{} {}", number(value, digits), NAMES[name])
}

/// At most so many digits after the point and no zeros at its end; a comma between thousands.
fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let part = part.trim_end_matches('0');
    if part.is_empty() { grouped } else { format!("{grouped}.{part}") }
}

/// A whole number with a comma between thousands.
pub(crate) fn whole(value: u64) -> String {
    // Every number that is counted here is exact in a float.
    number(value as f64, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let shown = |unit, value| format_value(unit, value);
        assert_eq!(shown(Unit::Time, 3_200.0), "3.2 ms");
        assert_eq!(shown(Unit::Time, 412.0), "412 µs");
        assert_eq!(shown(Unit::Time, 0.62), "0.6 µs");
        assert_eq!(shown(Unit::Time, 999.99), "1 ms");
        assert_eq!(shown(Unit::Time, 600_000.0), "600 ms");
        assert_eq!(shown(Unit::Time, 999_999.0), "1 s");
        assert_eq!(shown(Unit::Time, 1_534_000.0), "1.5 s");
        assert_eq!(shown(Unit::Bytes, 1_468_006.0), "1.4 MiB");
        assert_eq!(shown(Unit::Bytes, 1023.99), "1 KiB");
        assert_eq!(shown(Unit::PerSecond, 1_000.0), "1,000/s");
        assert_eq!(shown(Unit::PerSecond, 1_234_567.8), "1,234,568/s");
        assert_eq!(shown(Unit::PerSecond, 0.5), "0.5/s");
        assert_eq!(shown(Unit::Share, 0.953), "95.3%");
        assert_eq!(shown(Unit::Count, 12.0), "12");
        assert_eq!(shown(Unit::Count, 1.25), "1.25");
        assert_eq!(shown(Unit::Count, 123_456.0), "123,456");
    }
}
