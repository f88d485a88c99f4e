//! Text as it goes over the wire.

use std::fmt::Display;

use chatroom_protocol::framing::Dialect;

/// One message.
pub(crate) fn line(dialect: Dialect, text: impl Display) -> Vec<u8> {
    let mut out = Vec::new();
    push_line(dialect, text, &mut out);
    out
}

/// Appends one message.
pub(crate) fn push_line(dialect: Dialect, text: impl Display, out: &mut Vec<u8>) {
    dialect.encode(text.to_string().as_bytes(), out);
}
