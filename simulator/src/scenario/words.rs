//! The words of a step: `login`, `> Hello`, `< /Noya: .*/`, `1 byte every 2ms` and the like.

use std::time::Duration;

use regex::Regex;

use super::{Departure, Pattern, RaceMove, Template, Writing};

/// What a client does, as its step says it.
#[derive(Debug, Clone)]
pub(super) enum Word {
    Connect,
    Login,
    Type(Template),
    Raw(Template),
    Receive(Pattern),
    Go(Departure),
    Closed,
    Exit(u8),
    StopReading,
}

/// The words that stand alone, for suggestions.
pub(super) const PLAIN_WORDS: [&str; 8] =
    ["connect", "login", "leave", "reset", "half-close", "closed", "exit 0", "stop reading"];

/// Why a text is no word.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WordError {
    /// It is like none of them.
    Unknown,
    /// It is one of them, but what follows is wrong.
    Bad(String),
}

impl Word {
    pub(super) fn parse(text: &str) -> Result<Word, WordError> {
        if let Some(raw) = text.strip_prefix(">>") {
            return template(after_space(raw)).map(Word::Raw);
        }
        if let Some(typed) = text.strip_prefix('>') {
            let typed = after_space(typed);
            if typed.contains(['\n', '\r']) {
                return Err(WordError::Bad("a typed line has no line end in it".to_owned()));
            }
            return template(typed).map(Word::Type);
        }
        if let Some(line) = text.strip_prefix('<') {
            return pattern(after_space(line)).map(Word::Receive);
        }
        if let Some(status) = text.strip_prefix("exit ") {
            let bad = || WordError::Bad("an exit status is a number from 0 to 255".to_owned());
            return status.parse().map(Word::Exit).map_err(|_| bad());
        }
        match text {
            "connect" => Ok(Word::Connect),
            "login" => Ok(Word::Login),
            "leave" => Ok(Word::Go(Departure::Leave)),
            "reset" => Ok(Word::Go(Departure::Reset)),
            "half-close" => Ok(Word::Go(Departure::HalfClose)),
            "closed" => Ok(Word::Closed),
            "stop reading" => Ok(Word::StopReading),
            _ => Err(WordError::Unknown),
        }
    }
}

/// What a client may do in a race.
pub(super) fn parse_race_move(text: &str) -> Result<RaceMove, WordError> {
    match Word::parse(text)? {
        Word::Login => Ok(RaceMove::Login),
        Word::Type(text) => Ok(RaceMove::Type(text)),
        _ => Err(WordError::Bad("in a race there is only `login` and `> text`".to_owned())),
    }
}

/// A line, or a regular expression between slashes.
pub(super) fn pattern(text: &str) -> Result<Pattern, WordError> {
    match text.strip_prefix('/').and_then(|text| text.strip_suffix('/')) {
        Some(regex) => Regex::new(regex).map(Pattern::Regex).map_err(|error| {
            WordError::Bad(format!("not a regular expression: {}", last_line(&error.to_string())))
        }),
        None => template(text).map(Pattern::Exact),
    }
}

/// How bytes are written: `1 byte every 2ms`, `random pieces`, `at once`.
pub(super) fn parse_writing(text: &str) -> Option<Writing> {
    match text {
        "at once" => return Some(Writing::AtOnce),
        "random pieces" => return Some(Writing::RandomPieces),
        _ => {}
    }
    let (pieces, every) = text.split_once(" every ")?;
    let (bytes, unit) = pieces.split_once(' ')?;
    let bytes = bytes.parse().ok().filter(|bytes| *bytes > 0)?;
    let every = humantime::parse_duration(every).ok()?;
    let is_unit = matches!(unit, "byte" | "bytes");
    (is_unit && every <= Duration::from_secs(10)).then_some(Writing::Pieces { bytes, every })
}

fn template(text: &str) -> Result<Template, WordError> {
    Template::parse(text).map_err(WordError::Bad)
}

/// One space after the arrow belongs to the arrow.
fn after_space(text: &str) -> &str {
    text.strip_prefix(' ').unwrap_or(text)
}

/// The last line of a message of several, which in `regex`'s errors is the one that says why.
fn last_line(message: &str) -> &str {
    message.lines().last().unwrap_or(message).trim_start_matches("error: ")
}

/// The bytes that a `>>` text means: `\n`, `\r`, `\t`, `\0`, `\\` and `\xff` are escapes.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let escape = after.chars().next().ok_or("a `\\` at the end escapes nothing")?;
        let (byte, length) = match escape {
            'n' => (b'\n', 1),
            'r' => (b'\r', 1),
            't' => (b'\t', 1),
            '0' => (0, 1),
            '\\' => (b'\\', 1),
            'x' => {
                let digits = after.get(1..3).ok_or("`\\x` takes two hexadecimal digits")?;
                let byte = u8::from_str_radix(digits, 16);
                (byte.map_err(|_| "`\\x` takes two hexadecimal digits")?, 3)
            }
            other => {
                return Err(format!(
                    "`\\{other}` is no escape; there is \\n \\r \\t \\0 \\\\ \\xff"
                ));
            }
        };
        bytes.push(byte);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_text_is_kept_as_it_is() {
        for (written, text) in
            [("> Hello", "Hello"), (">Hello", "Hello"), (">  a ", " a "), (">", "")]
        {
            let Ok(Word::Type(template)) = Word::parse(written) else { panic!("{written}") };
            assert_eq!(template.as_plain(), Some(text));
        }
    }

    #[test]
    fn writings() {
        let every = Duration::from_millis(2);
        assert_eq!(parse_writing("1 byte every 2ms"), Some(Writing::Pieces { bytes: 1, every }));
        assert_eq!(parse_writing("random pieces"), Some(Writing::RandomPieces));
        for bad in
            ["", "0 bytes every 2ms", "1 byte every", "one byte every 2ms", "1 byte every 1h"]
        {
            assert_eq!(parse_writing(bad), None, "{bad}");
        }
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r"a\n\r\t\0\\\xffb").unwrap(), b"a\n\r\t\0\\\xffb");
        for bad in [r"\", r"\q", r"\x", r"\xf", r"\xgg", r"\xé"] {
            assert!(unescape(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bad_expression_says_why() {
        let Err(WordError::Bad(why)) = pattern("/(/") else { panic!() };
        assert_eq!(why, "not a regular expression: unclosed group");
    }
}
