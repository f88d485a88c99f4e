//! Text from a peer, made safe to look at: what would hide, move or colour text is spelled out.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One line: control characters, line ends too, and characters that cannot be seen are spelled out,
/// such as `\u{1b}`.
pub(super) fn line(text: &str) -> String {
    spelled(text, |_| false)
}

/// Many lines: as [`line()`], but line ends and tabs stay.
pub(crate) fn lines(text: &str) -> String {
    spelled(&text.replace("\r\n", "\n"), |c| c == '\n' || c == '\t')
}

fn spelled(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if !stays(c) && (c.is_control() || is_invisible(c)) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// Characters that are no control characters and yet hide or turn around what stands beside them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `width` columns; what is cut off is marked.
pub(super) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut room = width.saturating_sub(1);
    let mut kept = String::new();
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if wide > room {
            break;
        }
        room -= wide;
        kept.push(c);
    }
    kept + "…"
}

/// Lines of at most `width` columns, broken between words; a word that is longer is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let word = cut(word, width);
        let last = lines.last_mut().expect("there is a first line");
        if last.is_empty() {
            *last = word;
        } else if last.width() + 1 + word.width() <= width {
            last.push(' ');
            last.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_peer_hides_or_moves_text() {
        assert_eq!(line("a\u{1b}[2Jb\n\u{202e}c\u{9b}"), r"a\u{1b}[2Jb\n\u{202e}c\u{9b}");
        assert_eq!(line("שלום 日本 é"), "שלום 日本 é");
        assert_eq!(lines("a\r\nb\tc\r\u{0}"), "a\nb\tc\\r\\u{0}");
    }

    #[test]
    fn text_fits_its_width() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abcde…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("", 8), [""]);
    }
}
