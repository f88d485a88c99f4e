//! What the bots say: every message tells whose it is, and every byte of it can be foretold.
//!
//! ```text
//! k3f9b12: k3f9 4 12 123 1500000 x7Qd...
//! ^name    ^run ^ ^  ^   ^       ^ filler
//!           group bot |   intended time, in microseconds from the start of the first phase
//!                     sequence
//! ```
//!
//! The filler follows from the rest, so whoever knows the numbers knows the whole line: a byte that was
//! altered anywhere shows, and nothing but the numbers has to be kept.

use std::io::Write;

use super::plan::RunTag;

/// Who says what when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    /// The group, by its number in the plan.
    pub(crate) group: u32,
    /// The sender, by its number in the plan.
    pub(crate) bot: u32,
    /// Its how many-th message it is, from 0.
    pub(crate) sequence: u32,
    /// When it was to be sent, in microseconds from the start of the first phase.
    pub(crate) at_us: u64,
}

impl Message {
    /// Appends the message as its sender writes it, `bytes` long, and no shorter than its head; no line
    /// end.
    pub(crate) fn compose(&self, run: RunTag, name: &str, bytes: u32, out: &mut Vec<u8>) {
        let start = out.len();
        let Message { group, bot, sequence, at_us } = *self;
        write!(out, "{name}: {} {group} {bot} {sequence} {at_us} ", run.as_str())
            .expect("a vector takes everything");
        let length = (bytes as usize).saturating_sub(out.len() - start).max(1);
        fill(out, length, self.filler_seed(run));
    }

    /// Reads the numbers out of a message's text, the name in front taken off. Whether the text is the
    /// one that these numbers make is another question.
    pub(crate) fn parse(run: RunTag, text: &str) -> Option<Message> {
        let mut words = text.splitn(6, ' ');
        if words.next()? != run.as_str() {
            return None;
        }
        let group = words.next()?.parse().ok()?;
        let bot = words.next()?.parse().ok()?;
        let sequence = words.next()?.parse().ok()?;
        let at_us = words.next()?.parse().ok()?;
        words.next()?;
        Some(Message { group, bot, sequence, at_us })
    }

    fn filler_seed(&self, run: RunTag) -> u64 {
        let run = run.as_str().bytes().fold(0, |all, byte| all << 8 | u64::from(byte));
        let who = u64::from(self.bot) << 32 | u64::from(self.sequence);
        mix(mix(run ^ u64::from(self.group) << 32) ^ mix(who) ^ self.at_us.rotate_left(17))
    }
}

/// The name of a bot on its `visit`-th stay, from 0: a new one each time, so that who has left is never
/// taken for who came back.
pub(crate) fn name(run: RunTag, bot: u32, visit: u32) -> String {
    match visit {
        0 => format!("{}b{bot}", run.as_str()),
        visit => format!("{}b{bot}v{visit}", run.as_str()),
    }
}

/// The bot and the stay that a name belongs to.
pub(crate) fn parse_name(run: RunTag, name: &str) -> Option<(u32, u32)> {
    let rest = name.strip_prefix(run.as_str())?.strip_prefix('b')?;
    match rest.split_once('v') {
        None => Some((rest.parse().ok()?, 0)),
        Some((bot, visit)) => Some((bot.parse().ok()?, visit.parse().ok()?)),
    }
}

/// The letters of a filler: 64, so that six bits make one.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn fill(out: &mut Vec<u8>, length: usize, seed: u64) {
    let mut state = seed;
    let mut left = length;
    while left > 0 {
        state = mix(state);
        let letters = left.min(10);
        let piece = (0..letters).map(|place| LETTERS[(state >> (6 * place)) as usize & 63]);
        out.extend(piece);
        left -= letters;
    }
}

/// Stirs 64 bits (the finalizer of SplitMix64, Steele, Lea and Flood 2014).
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: Message = Message { group: 4, bot: 12, sequence: 123, at_us: 1_500_000 };

    fn composed(message: Message, bytes: u32) -> String {
        let run = RunTag::new("a load file", 1);
        let mut out = Vec::new();
        message.compose(run, &name(run, message.bot, 0), bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_message_is_as_long_as_asked_and_reads_back() {
        let run = RunTag::new("a load file", 1);
        for bytes in [64, 65, 100, 1024] {
            let line = composed(MESSAGE, bytes);
            assert_eq!(line.len(), bytes as usize, "{line}");
            let text = line.split_once(": ").unwrap().1;
            assert_eq!(Message::parse(run, text), Some(MESSAGE));
        }
    }

    #[test]
    fn every_number_changes_the_filler() {
        let filler = |message| composed(message, 1024)[100..].to_owned();
        let others = [
            Message { group: 5, ..MESSAGE },
            Message { bot: 13, ..MESSAGE },
            Message { sequence: 124, ..MESSAGE },
            Message { at_us: 1_500_001, ..MESSAGE },
        ];
        for other in others {
            assert_ne!(filler(other), filler(MESSAGE), "{other:?}");
        }
    }

    #[test]
    fn a_name_reads_back() {
        let run = RunTag::new("a load file", 1);
        for (bot, visit) in [(0, 0), (17, 0), (99_999, 3)] {
            assert_eq!(parse_name(run, &name(run, bot, visit)), Some((bot, visit)));
        }
        assert_eq!(parse_name(run, "Noya"), None);
    }

    #[test]
    fn another_runs_message_is_not_ours() {
        let line = composed(MESSAGE, 64);
        let (_, text) = line.split_once(": ").unwrap();
        assert_eq!(Message::parse(RunTag::new("a load file", 2), text), None);
    }
}
