//! How numbers are written for a person: three digits, a fitting unit, thousands apart.

/// A time in whole microseconds: `412 µs`, `3.21 ms`, `1.40 s`.
#[must_use]
pub fn time(micros: u64) -> String {
    if micros < 1000 { format!("{micros} µs") } else { time_f(micros as f64) }
}

/// A time in microseconds that need not be whole, such as `0.31 µs` for each copy.
#[must_use]
pub fn time_f(micros: f64) -> String {
    // A value that rounds up to the next unit is written in that unit.
    if micros < 999.5 {
        format!("{} µs", digits(micros))
    } else if micros < 999_500.0 {
        format!("{} ms", digits(micros / 1e3))
    } else {
        format!("{} s", digits(micros / 1e6))
    }
}

/// A time in seconds: `14.2 s`, `350 ms`.
#[must_use]
pub fn seconds(seconds: f64) -> String {
    time_f(seconds * 1e6)
}

/// A count: `1,234,567`.
#[must_use]
pub fn count(count: u64) -> String {
    separated(&count.to_string())
}

/// A rate or another number without a unit: `98,765`, `3.25`.
#[must_use]
pub fn number(value: f64) -> String {
    digits(value)
}

/// A size: `512 B`, `5.70 KiB`, `1.20 GiB`.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1023.5 {
        return format!("{bytes:.0} B");
    }
    let mut value = bytes / 1024.0;
    let mut unit = 0;
    while value >= 1023.5 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", digits(value), units[unit])
}

/// A share of one: `61 %`, `0.4 %`.
#[must_use]
pub fn share(share: f64) -> String {
    let percent = share * 100.0;
    if percent < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}

/// A round time, for the mark of an axis: `1 ms`, `500 µs`.
pub(super) fn time_short(micros: f64) -> String {
    match micros {
        _ if micros < 999.0 => format!("{} µs", trimmed(micros)),
        _ if micros < 999_000.0 => format!("{} ms", trimmed(micros / 1e3)),
        _ => format!("{} s", trimmed(micros / 1e6)),
    }
}

/// A round number, for the mark of an axis: `250`, `100 k`, `1.5 M`.
pub(super) fn number_short(value: f64) -> String {
    match value.abs() {
        size if size < 9_999.0 => separated_or_trimmed(value),
        size if size < 999_000.0 => format!("{} k", trimmed(value / 1e3)),
        _ => format!("{} M", trimmed(value / 1e6)),
    }
}

fn separated_or_trimmed(value: f64) -> String {
    if value.abs() < 1000.0 { trimmed(value) } else { separated(&format!("{value:.0}")) }
}

/// Up to three decimals, without noughts at their end.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number in three significant digits, or all digits of a large one.
fn digits(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    match value.abs() {
        small if small < 9.995 => format!("{value:.2}"),
        middle if middle < 99.95 => format!("{value:.1}"),
        _ => separated(&format!("{value:.0}")),
    }
}

/// The thousands of a whole number set apart.
fn separated(whole: &str) -> String {
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut text = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_unit_that_fits() {
        let written =
            [0, 412, 999, 1000, 3_214, 9_996, 32_150, 600_000, 999_400, 999_600, 1_400_000]
                .map(time);
        assert_eq!(
            written,
            [
                "0 µs", "412 µs", "999 µs", "1.00 ms", "3.21 ms", "10.0 ms", "32.1 ms", "600 ms",
                "999 ms", "1.00 s", "1.40 s"
            ]
        );
        assert_eq!(time(3_600_000_000), "3,600 s");
        assert_eq!([0.31, 12.34, 999.7].map(time_f), ["0.31 µs", "12.3 µs", "1.00 ms"]);
    }

    #[test]
    fn counts_and_sizes_can_be_read() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0.0, 512.0, 1024.0, 5837.0, 1023.9 * 1024.0, 25.7e9].map(bytes);
        assert_eq!(sizes, ["0 B", "512 B", "1.00 KiB", "5.70 KiB", "1.00 MiB", "23.9 GiB"]);
        assert_eq!([0.004, 0.0996, 0.61].map(share), ["0.4 %", "10 %", "61 %"]);
        assert_eq!([98_765.4, 3.25, -1234.0].map(number), ["98,765", "3.25", "-1,234"]);
        assert_eq!(number(f64::NAN), "?");
    }
}
