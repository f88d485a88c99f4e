//! What was said, and the one order in which everybody has to hear it.

use std::io::Write;

/// Every message has as many bytes, with its newline.
pub(crate) const MESSAGE_BYTES: usize = 64;

/// A message, as it was sent.
pub(crate) struct Sent {
    pub(crate) talker: usize,
    /// When it was due, in microseconds of the driver's clock.
    pub(crate) due_us: u64,
}

/// All messages and their order. Who is first to hear one decides; the others are compared with it.
#[derive(Default)]
pub(crate) struct Ledger {
    sent: Vec<Sent>,
    /// All that somebody has heard.
    heard: Vec<u8>,
    /// The messages in it.
    order: Vec<usize>,
    /// For each talker the message after the last in `order`.
    next: Vec<usize>,
}

impl Ledger {
    /// Notes a message, and says what to send.
    pub(crate) fn send(&mut self, message: Sent) -> [u8; MESSAGE_BYTES] {
        let line = line(self.sent.len());
        self.sent.push(message);
        line
    }

    pub(crate) fn messages(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn get(&self, message: usize) -> &Sent {
        &self.sent[message]
    }

    /// Checks bytes that come after the first `before` of a member's, and returns the messages that
    /// they complete.
    pub(crate) fn hear(&mut self, before: usize, bytes: &[u8]) -> Result<&[usize], String> {
        let known = (self.heard.len() - before).min(bytes.len());
        if self.heard[before..before + known] != bytes[..known] {
            return Err("another order, or other bytes, than others got".to_owned());
        }
        self.heard.extend_from_slice(&bytes[known..]);
        while (self.order.len() + 1) * MESSAGE_BYTES <= self.heard.len() {
            self.note_first()?;
        }
        Ok(&self.order[before / MESSAGE_BYTES..(before + bytes.len()) / MESSAGE_BYTES])
    }

    /// Adds to the order what somebody was the first to hear.
    fn note_first(&mut self) -> Result<(), String> {
        let at = self.order.len() * MESSAGE_BYTES;
        let heard = &self.heard[at..at + MESSAGE_BYTES];
        let number = std::str::from_utf8(heard).ok().and_then(|text| text.trim_end().parse().ok());
        let number = number.filter(|number| *number < self.sent.len() && line(*number) == heard);
        let Some(number) = number else { return Err("bytes that nobody has sent".to_owned()) };
        let talker = self.sent[number].talker;
        self.next.resize(self.next.len().max(talker + 1), 0);
        // It is also how a message that comes twice is found.
        if number < self.next[talker] {
            return Err("a talker's messages doubled or in another order".to_owned());
        }
        self.next[talker] = number + 1;
        self.order.push(number);
        Ok(())
    }
}

fn line(number: usize) -> [u8; MESSAGE_BYTES] {
    let mut line = [b'\n'; MESSAGE_BYTES];
    write!(&mut line[..], "{number:0width$}", width = MESSAGE_BYTES - 1).expect("it fits");
    line
}
