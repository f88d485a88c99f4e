//! What to type into `nc`, in which terminal, to see a failure with one's own eyes. Pure.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use tokio::time::Instant;

use crate::actor::{Deed, Done, MARKER};

/// What one client did.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// What the scenario calls it.
    pub(super) client: String,
    /// Oldest first.
    pub(super) deeds: Vec<Deed>,
}

/// How many lines are told of what was done; more is not done by hand.
const MOST_LINES: usize = 14;

/// A text that is longer is not typed by hand.
const MOST_TYPED: usize = 60;

/// So many equal characters are told as a number.
const RUN: usize = 24;

/// The keystrokes, a line for each turn of a client; nothing where nobody did anything.
pub(super) fn recipe(parts: &[Part], server: SocketAddr) -> Vec<String> {
    let width = parts.iter().map(|part| part.client.len()).max().unwrap_or(0);
    let mut lines: Vec<String> = turns(parts)
        .into_iter()
        .map(|(client, turn)| format!("{client:<width$}  {}", turn.words(server)))
        .collect();
    if lines.len() > MOST_LINES {
        let left_out = lines.len() - MOST_LINES;
        let rest = lines.split_off(MOST_LINES / 2);
        lines.push(format!("... ({left_out} more)"));
        lines.extend(rest.into_iter().skip(left_out));
    }
    lines
}

/// What a client does before somebody else's turn comes.
#[derive(Debug, Default)]
struct Turn {
    connects: bool,
    typed: Vec<String>,
    /// Whether what is typed ends with a line feed.
    as_lines: bool,
    /// A shell's words that write what cannot be typed.
    script: Option<String>,
    after: Vec<&'static str>,
}

/// Everybody's turns in the order of time.
fn turns(parts: &[Part]) -> Vec<(&str, Turn)> {
    let mut deeds: Vec<(Instant, &Part, &Done)> = Vec::new();
    let mut scripted = BTreeMap::new();
    for part in parts {
        if part.deeds.iter().any(|deed| !can_be_typed(&deed.what)) {
            scripted.insert(part.client.as_str(), script(&part.deeds));
        }
        deeds.extend(without_markers(&part.deeds).map(|deed| (deed.at, part, &deed.what)));
    }
    deeds.sort_by_key(|(at, ..)| *at);
    let mut turns: Vec<(&str, Turn)> = Vec::new();
    for (_, part, what) in deeds {
        let client = part.client.as_str();
        let script = scripted.get(client);
        if script.is_some() && matches!(what, Done::Wrote { .. }) {
            continue;
        }
        let goes_on = turns.last().is_some_and(|(last, turn)| *last == client && turn.takes(what));
        if !goes_on {
            turns.push((client, Turn::default()));
        }
        if let Some((_, turn)) = turns.last_mut() {
            turn.add(what, script);
        }
    }
    turns
}

/// A marker that came through is nobody's fault; the last deed may be one that did not.
fn without_markers(deeds: &[Deed]) -> impl Iterator<Item = &Deed> {
    let last = deeds.len().saturating_sub(1);
    deeds
        .iter()
        .enumerate()
        .filter(move |(place, deed)| *place == last || !is_marker(&deed.what))
        .map(|(_, deed)| deed)
}

fn is_marker(what: &Done) -> bool {
    let Done::Wrote { bytes, .. } = what else { return false };
    let text = String::from_utf8_lossy(bytes);
    text.split_once(": ").is_some_and(|(_, text)| text.starts_with(MARKER))
}

/// Whether a person can do it with `nc` in a terminal.
fn can_be_typed(what: &Done) -> bool {
    let Done::Wrote { bytes, in_pieces } = what else { return true };
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let lines = text.strip_suffix('\n').unwrap_or(text);
    !in_pieces
        && lines
            .split('\n')
            .all(|line| line.len() <= MOST_TYPED && !line.chars().any(char::is_control))
}

impl Turn {
    /// Whether one more deed belongs to the same turn.
    fn takes(&self, what: &Done) -> bool {
        let is_quiet = self.after.is_empty();
        match what {
            Done::Connected => false,
            Done::Wrote { bytes, .. } => {
                is_quiet && (self.typed.is_empty() || self.as_lines == bytes.ends_with(b"\n"))
            }
            Done::HalfClosed | Done::Left | Done::Reset | Done::StoppedReading => true,
        }
    }

    fn add(&mut self, what: &Done, script: Option<&String>) {
        match what {
            Done::Connected => {
                self.connects = true;
                self.script = script.cloned();
            }
            Done::Wrote { bytes, .. } => {
                self.as_lines = bytes.ends_with(b"\n");
                let text = String::from_utf8_lossy(bytes);
                let text = text.strip_suffix('\n').unwrap_or(&text);
                self.typed.extend(text.split('\n').map(|line| format!("`{line}`")));
            }
            Done::HalfClosed => self.after.push("press Ctrl-D (nc with -N)"),
            Done::Left => self.after.push("press Ctrl-C"),
            Done::Reset => self.after.push(
                "press Ctrl-Z, let something come, and `kill -9 %1`: that resets the connection",
            ),
            Done::StoppedReading => self.after.push("press Ctrl-Z: it reads no more"),
        }
    }

    fn words(&self, server: SocketAddr) -> String {
        let nc = format!("nc {} {}", server.ip(), server.port());
        let mut words = Vec::new();
        match (&self.script, self.connects) {
            (Some(script), true) => words.push(format!("({script}cat) | {nc}")),
            (_, true) if self.typed.is_empty() && self.after.is_empty() => {
                words.push(format!("{nc}, and type nothing"));
            }
            (_, true) => words.push(nc),
            (_, false) => {}
        }
        if !self.typed.is_empty() {
            let end =
                if self.as_lines { "" } else { ", each ended with Ctrl-D and not with Enter" };
            words.push(format!("type {}{end}", self.typed.join(", ")));
        }
        words.extend(self.after.iter().map(|after| (*after).to_owned()));
        words.join("; ")
    }
}

/// A shell's words that write what a client wrote, with a pause between two writes.
fn script(deeds: &[Deed]) -> String {
    let mut script = String::new();
    for deed in without_markers(deeds) {
        let Done::Wrote { bytes, in_pieces } = &deed.what else { continue };
        if !script.is_empty() {
            script.push_str("sleep 1; ");
        }
        // Two cuts show what many do.
        let cut = if *in_pieces { bytes.len().div_ceil(3).max(1) } else { bytes.len().max(1) };
        let pieces: Vec<String> = bytes.chunks(cut).map(printf).collect();
        script.push_str(&pieces.join("sleep 1; "));
    }
    script
}

/// A shell's words that write just these bytes.
fn printf(bytes: &[u8]) -> String {
    let mut words = String::new();
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        let run = rest.iter().take_while(|byte| *byte == first).count();
        if run >= RUN && first.is_ascii_alphanumeric() {
            let c = char::from(*first);
            words.push_str(&format!("head -c {run} /dev/zero | tr '\\0' {c}; "));
            rest = &rest[run..];
            continue;
        }
        let end = (1..rest.len()).find(|at| starts_run(&rest[*at..])).unwrap_or(rest.len());
        let text: String = rest[..end].iter().copied().map(escaped).collect();
        words.push_str(&format!("printf '{text}'; "));
        rest = &rest[end..];
    }
    words
}

fn starts_run(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| {
        first.is_ascii_alphanumeric()
            && bytes.iter().take(RUN).filter(|b| *b == first).count() == RUN
    })
}

/// A byte in a single-quoted word of `printf`.
fn escaped(byte: u8) -> String {
    match byte {
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\t' => "\\t".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b'%' => "%%".to_owned(),
        b'\'' => "\\047".to_owned(),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn server() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 2], 59000))
    }

    /// A part whose deeds are at these milliseconds.
    fn part(start: Instant, client: &str, deeds: &[(u64, Done)]) -> Part {
        let at = |ms: &u64| start + Duration::from_millis(*ms);
        let deeds = deeds.iter().map(|(ms, what)| Deed { at: at(ms), what: what.clone() });
        Part { client: client.to_owned(), deeds: deeds.collect() }
    }

    fn wrote(text: &str) -> Done {
        Done::Wrote { bytes: text.as_bytes().to_vec(), in_pieces: false }
    }

    #[test]
    fn turns_are_told_in_the_order_of_time_and_markers_left_out() {
        let start = Instant::now();
        let noya = part(
            start,
            "noya",
            &[
                (0, Done::Connected),
                (1, wrote("1\n")),
                (2, wrote("Noya\n")),
                (3, wrote("123\n2\n")),
                (4, wrote("Noya: fence 1 0001\n")),
                (20, Done::Left),
            ],
        );
        let eliana = part(
            start,
            "eliana",
            &[(10, Done::Connected), (11, wrote("2\n")), (30, wrote("Eliana: Hello\n"))],
        );
        insta::assert_snapshot!(recipe(&[noya, eliana], server()).join("\n"), @r"
        noya    nc 127.0.0.2 59000; type `1`, `Noya`, `123`, `2`
        eliana  nc 127.0.0.2 59000; type `2`
        noya    press Ctrl-C
        eliana  type `Eliana: Hello`
        ");
    }

    #[test]
    fn what_cannot_be_typed_is_a_shells_words() {
        let raw = Done::Wrote { bytes: b"caf\xe9 100%\n".to_vec(), in_pieces: false };
        let pieces = Done::Wrote { bytes: b"abcdef".to_vec(), in_pieces: true };
        let long = wrote(&format!("{}\n", "x".repeat(1024)));
        let deeds = [(0, Done::Connected), (1, raw), (2, pieces), (3, long), (4, Done::Reset)];
        let bare = part(Instant::now(), "bare", &deeds);
        insta::assert_snapshot!(recipe(&[bare], server()).join("\n"), @r"bare  (printf 'caf\351 100%%\n'; sleep 1; printf 'ab'; sleep 1; printf 'cd'; sleep 1; printf 'ef'; sleep 1; head -c 1024 /dev/zero | tr '\0' x; printf '\n'; cat) | nc 127.0.0.2 59000; press Ctrl-Z, let something come, and `kill -9 %1`: that resets the connection");
    }

    #[test]
    fn who_says_nothing_and_who_ends_no_line() {
        let start = Instant::now();
        let silent = part(start, "silent", &[(0, Done::Connected)]);
        let classic =
            part(start, "noya", &[(1, Done::Connected), (2, wrote("1")), (3, wrote("Noya"))]);
        insta::assert_snapshot!(recipe(&[silent, classic], server()).join("\n"), @r"
        silent  nc 127.0.0.2 59000, and type nothing
        noya    nc 127.0.0.2 59000; type `1`, `Noya`, each ended with Ctrl-D and not with Enter
        ");
    }

    #[test]
    fn a_long_story_is_shortened() {
        let start = Instant::now();
        let says = |offset: u64| -> Vec<(u64, Done)> {
            (0..20).map(|n| (2 * n + offset, wrote(&format!("{n}\n")))).collect()
        };
        let parts = [part(start, "a", &says(0)), part(start, "b", &says(1))];
        let lines = recipe(&parts, server());
        assert_eq!(lines.len(), MOST_LINES + 1);
        assert_eq!(lines[MOST_LINES / 2], format!("... ({} more)", 40 - MOST_LINES));
        assert_eq!(lines.last().map(String::as_str), Some("b  type `19`"));
    }
}
