//! What a copy looks like, whole or spoilt.

use chatroom_protocol::message;

/// The line that everybody gets when `name` says `text`, with its line feed.
pub(super) fn said(name: &str, text: &str) -> Vec<u8> {
    let mut line = Vec::with_capacity(name.len() + text.len() + 3);
    message::compose(name, text, &mut line);
    line.push(b'\n');
    line
}

/// `text` with another letter or digit in place of its last one; nothing if it has none.
pub(super) fn altered_at_its_end(text: &str) -> Option<String> {
    let at = text.rfind(|c: char| c.is_ascii_alphanumeric())?;
    let other = if text[at..].starts_with('x') { "y" } else { "x" };
    Some([&text[..at], other, &text[at + 1..]].concat())
}

/// `text` with the digit in the middle of its digits one higher; nothing if it has none.
pub(super) fn altered_in_a_digit(text: &str) -> Option<String> {
    let is_digit = |c: &(usize, char)| c.1.is_ascii_digit();
    let digits = text.char_indices().filter(is_digit).count();
    let (at, digit) = text.char_indices().filter(is_digit).nth(digits / 2)?;
    let other = (digit.to_digit(10)? + 1) % 10;
    Some(format!("{}{other}{}", &text[..at], &text[at + 1..]))
}

/// The first half of `text`, by characters; nothing if it has only one or none.
pub(super) fn first_half(text: &str) -> Option<&str> {
    let chars = text.chars().count();
    let (at, _) = text.char_indices().nth(chars / 2)?;
    (at > 0).then(|| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_changes_and_the_length_stays() {
        assert_eq!(altered_at_its_end("12 abx.").as_deref(), Some("12 aby."));
        assert_eq!(altered_at_its_end("é1é").as_deref(), Some("éxé"));
        assert_eq!(altered_at_its_end("é!"), None);
        assert_eq!(altered_in_a_digit("a1b9c3").as_deref(), Some("a1b0c3"));
        assert_eq!(altered_in_a_digit("é7").as_deref(), Some("é8"));
        assert_eq!(altered_in_a_digit("abc"), None);
    }

    #[test]
    fn half_of_a_text_ends_between_two_characters() {
        assert_eq!(first_half("abcd"), Some("ab"));
        assert_eq!(first_half("éèê"), Some("é"));
        assert_eq!(first_half("a"), None);
        assert_eq!(first_half(""), None);
    }
}
