//! Numbers as people read them.

/// A number with a comma after every three digits.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A size with its largest unit.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    // What would be shown as 1024.0 is one of the next unit.
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{size:.1} {}", UNITS[unit]) }
}

/// A time in seconds, or in milliseconds where it is short.
pub(super) fn seconds(micros: u64) -> String {
    if micros < 1_000_000 {
        return format!("{} ms", (micros as f64 / 1e3).round());
    }
    let seconds = (micros as f64 / 1e5).round() / 10.0;
    format!("{seconds} s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        let sizes = [0, 1023, 1024, 1_048_575, 1536 << 20].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.0 MiB", "1.5 GiB"]);
        assert_eq!([0, 600_000, 59_960_000].map(seconds), ["0 ms", "600 ms", "60 s"]);
    }
}
