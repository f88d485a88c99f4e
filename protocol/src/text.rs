//! What every piece of text on the wire must be: UTF-8 without control characters.

use crate::error::TextError;

/// Reads a line's bytes as text.
///
/// # Errors
///
/// When the bytes are not UTF-8, or hold a control character other than tab (MSG-4).
pub(crate) fn check(bytes: &[u8]) -> Result<&str, TextError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| TextError::NotUtf8 { at: error.valid_up_to() + 1 })?;
    // Most messages are plain ASCII, which is told by its bytes alone.
    if bytes.iter().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(text);
    }
    match text.char_indices().find(|(_, c)| c.is_control() && *c != '\t') {
        None => Ok(text),
        Some((index, c)) => Err(TextError::Control { at: index + 1, code: c.into() }),
    }
}
