//! The decoder against a plain model of the `line` dialect, for any stream cut in any way.

use chatroom_protocol::framing::{Dialect, Frame};
use proptest::prelude::*;

/// The dialect, said as simply as possible: split, drop one `\r`, skip what is empty.
fn model(max: usize, stream: &[u8]) -> Vec<Result<Vec<u8>, u64>> {
    let mut lines: Vec<&[u8]> = stream.split(|byte| *byte == b'\n').collect();
    lines.pop();
    lines
        .into_iter()
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(|line| if line.len() > max { Err(line.len() as u64) } else { Ok(line.to_vec()) })
        .collect()
}

fn decode(max: usize, pieces: &[Vec<u8>]) -> Vec<Result<Vec<u8>, u64>> {
    let mut decoder = Dialect::Line.decoder(max);
    let mut found = Vec::new();
    for piece in pieces {
        let mut input = piece.as_slice();
        while let Some(frame) = decoder.decode(&mut input) {
            found.push(match frame {
                Frame::Line(line) => Ok(line.to_vec()),
                Frame::TooLong { bytes } => Err(bytes),
            });
        }
    }
    found
}

/// Pieces of a stream made mostly of the bytes that matter.
fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let byte = prop_oneof![3 => Just(b'\n'), 3 => Just(b'\r'), 6 => Just(b'a'), 1 => any::<u8>()];
    proptest::collection::vec(proptest::collection::vec(byte, 0..12), 0..20)
}

proptest! {
    #[test]
    fn any_stream_in_any_pieces_gives_what_the_model_gives(pieces in pieces(), max in 1_usize..8) {
        prop_assert_eq!(decode(max, &pieces), model(max, &pieces.concat()));
    }

    #[test]
    fn what_was_encoded_is_decoded(messages in proptest::collection::vec("[^\r\n]{1,40}", 0..8)) {
        let mut wire = Vec::new();
        for message in &messages {
            Dialect::Line.encode(message.as_bytes(), &mut wire);
        }
        let expected: Vec<_> = messages.into_iter().map(|message| Ok(message.into_bytes())).collect();
        prop_assert_eq!(decode(1024, &[wire]), expected);
    }
}
