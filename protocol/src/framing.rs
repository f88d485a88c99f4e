//! How messages are marked off on the wire.
//!
//! In the `line` dialect, a message ends with `\n`; one `\r` before it is dropped; an empty line
//! between messages means nothing (FRM-1 to FRM-3). This is the only module that knows: everybody
//! else names a [`Dialect`], sees [`Frame`]s and calls [`Dialect::encode`].

/// A way to mark off messages. Whoever opens a connection chooses it; nobody else looks inside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Every message is a line.
    #[default]
    Line,
}

impl Dialect {
    /// A decoder for messages of at most `max` bytes, their marking not counted.
    ///
    /// It allocates nothing until a message arrives in pieces.
    #[must_use]
    pub fn decoder(self, max: usize) -> Decoder {
        match self {
            Dialect::Line => Decoder::new(max),
        }
    }

    /// Appends `message` as it goes over the wire.
    pub fn encode(self, message: &[u8], out: &mut Vec<u8>) {
        match self {
            Dialect::Line => {
                out.extend_from_slice(message);
                out.push(b'\n');
            }
        }
    }
}

/// What the decoder found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A whole message without its line end: 1 byte to the decoder's maximum.
    Line(&'a [u8]),
    /// A message over the maximum. Its bytes were dropped as they came; the next one is intact.
    TooLong {
        /// How many bytes it had, its line end not counted.
        bytes: u64,
    },
}

/// Cuts a stream of bytes into messages, whatever pieces the bytes arrive in.
///
/// It holds at most one unfinished message, never more bytes than its maximum and one, and looks
/// at every byte once. An unfinished message at the end of the stream is no message (FRM-5): the
/// decoder is just dropped.
///
/// ```
/// use chatroom_protocol::framing::{Dialect, Frame};
///
/// let mut decoder = Dialect::Line.decoder(1024);
/// let mut input: &[u8] = b"Hel";
/// assert_eq!(decoder.decode(&mut input), None);
/// let mut input: &[u8] = b"lo\nHi\n";
/// assert_eq!(decoder.decode(&mut input), Some(Frame::Line(b"Hello")));
/// assert_eq!(decoder.decode(&mut input), Some(Frame::Line(b"Hi")));
/// assert_eq!(decoder.decode(&mut input), None);
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    max: usize,
    state: State,
    /// The unfinished message, or the message that was handed out last.
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The buffer holds the beginning of a message.
    Collecting,
    /// The buffer holds a message that was handed out.
    HandedOut,
    /// The message is over the maximum; this many bytes of it were dropped.
    Dropping { bytes: u64, ends_with_cr: bool },
}

impl Decoder {
    fn new(max: usize) -> Self {
        Decoder { max, state: State::Collecting, buffer: Vec::new() }
    }

    /// Takes the next message from `input`, and moves `input` past what was used.
    ///
    /// `None` means that all of `input` was used and more is needed. A message that lies whole in
    /// `input` is borrowed from there and not copied.
    pub fn decode<'d, 'i: 'd>(&'d mut self, input: &mut &'i [u8]) -> Option<Frame<'d>> {
        if self.state == State::HandedOut {
            self.forget_message();
        }
        loop {
            let Some(end) = memchr::memchr(b'\n', input) else {
                self.keep(input);
                *input = &[];
                return None;
            };
            let (piece, rest) = (&input[..end], &input[end + 1..]);
            *input = rest;
            if let State::Dropping { bytes, ends_with_cr } = self.state {
                self.state = State::HandedOut;
                let last_is_cr = piece.last().map_or(ends_with_cr, |byte| *byte == b'\r');
                let bytes = bytes + piece.len() as u64 - u64::from(last_is_cr);
                return Some(Frame::TooLong { bytes });
            }
            if self.buffer.is_empty() {
                match without_cr(piece) {
                    [] => continue,
                    line => return Some(self.within_max(line)),
                }
            }
            if let Some(bytes) = self.too_long_with(piece) {
                self.state = State::HandedOut;
                return Some(Frame::TooLong { bytes });
            }
            self.buffer.extend_from_slice(piece);
            if without_cr(&self.buffer).is_empty() {
                self.forget_message();
                continue;
            }
            self.state = State::HandedOut;
            return Some(Frame::Line(without_cr(&self.buffer)));
        }
    }

    /// Whether the stream stopped inside a message.
    #[must_use]
    pub fn is_inside_message(&self) -> bool {
        match self.state {
            State::Collecting => !self.buffer.is_empty(),
            State::HandedOut => false,
            State::Dropping { .. } => true,
        }
    }

    /// Starts the next message. An idle connection should cost nothing, so the memory goes too.
    fn forget_message(&mut self) {
        self.buffer = Vec::new();
        self.state = State::Collecting;
    }

    fn within_max<'a>(&self, line: &'a [u8]) -> Frame<'a> {
        if line.len() > self.max {
            Frame::TooLong { bytes: line.len() as u64 }
        } else {
            Frame::Line(line)
        }
    }

    /// The length of the message that `piece` completes, if that is over the maximum.
    fn too_long_with(&self, piece: &[u8]) -> Option<u64> {
        let last_is_cr = piece.last().or(self.buffer.last()) == Some(&b'\r');
        let bytes = self.buffer.len() + piece.len() - usize::from(last_is_cr);
        (bytes > self.max).then_some(bytes as u64)
    }

    /// Keeps `piece`, which has no line end, for later, unless the message is too long already.
    fn keep(&mut self, piece: &[u8]) {
        let Some(last) = piece.last() else { return };
        let ends_with_cr = *last == b'\r';
        if let State::Dropping { bytes, .. } = self.state {
            let bytes = bytes + piece.len() as u64;
            self.state = State::Dropping { bytes, ends_with_cr };
        } else if self.buffer.len() + piece.len() > self.max + usize::from(ends_with_cr) {
            let bytes = (self.buffer.len() + piece.len()) as u64;
            self.buffer = Vec::new();
            self.state = State::Dropping { bytes, ends_with_cr };
        } else {
            self.buffer.extend_from_slice(piece);
        }
    }
}

fn without_cr(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a decoder finds in `pieces`, one call's input each; `Err` is the length of a message
    /// that was too long.
    fn decode_all(max: usize, pieces: &[&[u8]]) -> Vec<Result<Vec<u8>, u64>> {
        let mut decoder = Decoder::new(max);
        let mut found = Vec::new();
        for piece in pieces {
            let mut input = *piece;
            while let Some(frame) = decoder.decode(&mut input) {
                found.push(match frame {
                    Frame::Line(line) => Ok(line.to_vec()),
                    Frame::TooLong { bytes } => Err(bytes),
                });
            }
        }
        found
    }

    fn line(text: &str) -> Result<Vec<u8>, u64> {
        Ok(text.as_bytes().to_vec())
    }

    const STREAM: &[u8] = b"one\r\n\n\r\n12345\n12345\r\n123456\nab\rcd\n1234567890\r\n\r\rlast\n";

    fn expected() -> Vec<Result<Vec<u8>, u64>> {
        vec![line("one"), line("12345"), line("12345"), Err(6), line("ab\rcd"), Err(10), Err(6)]
    }

    #[test]
    fn a_stream_split_at_every_byte_gives_the_same_messages() {
        assert_eq!(decode_all(5, &[STREAM]), expected());
        for split in 0..=STREAM.len() {
            let (before, after) = STREAM.split_at(split);
            assert_eq!(decode_all(5, &[before, after]), expected(), "split at {split}");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(decode_all(5, &bytes), expected());
    }

    #[test]
    fn a_message_without_its_line_end_is_no_message() {
        let mut decoder = Decoder::new(5);
        assert!(!decoder.is_inside_message());
        assert_eq!(decoder.decode(&mut &b"abc"[..]), None);
        assert!(decoder.is_inside_message());
    }

    #[test]
    fn an_endless_message_takes_no_memory() {
        let mut decoder = Decoder::new(1024);
        let chunk = [b'x'; 4096];
        for _ in 0..1000 {
            assert_eq!(decoder.decode(&mut &chunk[..]), None);
            assert!(decoder.buffer.capacity() <= 1025);
        }
        assert_eq!(decoder.decode(&mut &b"\n"[..]), Some(Frame::TooLong { bytes: 4_096_000 }));
    }

    #[test]
    fn a_message_is_not_copied_when_it_arrives_whole() {
        let mut decoder = Decoder::new(5);
        let mut input: &[u8] = b"abc\n";
        assert_eq!(decoder.decode(&mut input), Some(Frame::Line(b"abc")));
        assert_eq!(decoder.buffer.capacity(), 0);
    }
}
