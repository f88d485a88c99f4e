//! What members say to each other.

use crate::error::{MessageError, ServerFault};
use crate::framing::Frame;
use crate::{Alias, AssignedName, text};

/// Between a sender's name and its text.
pub(crate) const SEPARATOR: &str = ": ";

/// Reads what a member sent.
///
/// # Errors
///
/// When it is too long (LIM-1) or is not text (MSG-4); the member is told, and stays.
pub fn parse(frame: Frame<'_>) -> Result<&str, MessageError> {
    match frame {
        Frame::Line(bytes) => Ok(text::check(bytes)?),
        Frame::TooLong { bytes } => Err(MessageError::TooLong { bytes }),
    }
}

/// Reads a line from a server as text.
///
/// # Errors
///
/// When the line is too long (LIM-3) or is not text (MSG-4): the server broke the protocol.
pub fn parse_from_server(frame: Frame<'_>) -> Result<&str, ServerFault> {
    match frame {
        Frame::Line(bytes) => Ok(text::check(bytes)?),
        Frame::TooLong { bytes } => Err(ServerFault::LineTooLong { bytes }),
    }
}

/// A connected client as the source of messages: the name it has, and the name it asked for.
#[derive(Debug, Clone)]
pub struct Speaker {
    assigned: AssignedName,
    /// Only where the server renamed it.
    asked: Option<Box<str>>,
}

impl Speaker {
    /// A client that asked for `asked` and was given `assigned`.
    #[must_use]
    pub fn new(asked: &Alias, assigned: AssignedName) -> Self {
        let asked = (asked.as_str() != assigned.as_str()).then(|| asked.as_str().into());
        Speaker { assigned, asked }
    }

    /// The name everybody sees.
    #[must_use]
    pub fn name(&self) -> &AssignedName {
        &self.assigned
    }

    /// What this client says when it sends `message`: without its own name, which it may put in
    /// front, and with any other name, which it may not pretend to have (MSG-2).
    #[must_use]
    pub fn text<'m>(&self, message: &'m str) -> &'m str {
        let own_names = [Some(self.assigned.as_str()), self.asked.as_deref()];
        without_name(own_names.into_iter().flatten(), message)
    }
}

/// `message` without the first of `names` that stands in front of it, if one does.
#[must_use]
pub fn without_name(names: impl IntoIterator<Item = impl AsRef<str>>, message: &str) -> &str {
    let strip = |name: &str| message.strip_prefix(name)?.strip_prefix(SEPARATOR);
    names.into_iter().find_map(|name| strip(name.as_ref())).unwrap_or(message)
}

/// Appends the message that everybody gets when somebody called `name` says `text`, without a line
/// end: `Noya: Hi` (MSG-2).
pub fn compose(name: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(SEPARATOR.as_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// The message that everybody gets when somebody called `name` says `text`, as text.
#[must_use]
pub fn line(name: &str, text: &str) -> String {
    format!("{name}{SEPARATOR}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TextError;

    fn said_by(speaker: &Speaker, message: &str) -> String {
        let mut out = Vec::new();
        compose(speaker.name().as_str(), speaker.text(message), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_server_names_the_sender() {
        let noya: Alias = "Noya".parse().unwrap();
        let speaker = Speaker::new(&noya, AssignedName::unchanged(&noya));
        assert_eq!(said_by(&speaker, "Noya: Hi"), "Noya: Hi");
        assert_eq!(said_by(&speaker, "Hi"), "Noya: Hi");
        assert_eq!(said_by(&speaker, "Eliana: Hi"), "Noya: Eliana: Hi");
        assert_eq!(said_by(&speaker, "Noya: Noya: Hi"), "Noya: Noya: Hi");
        assert_eq!(said_by(&speaker, "Noya:Hi"), "Noya: Noya:Hi");
    }

    #[test]
    fn a_renamed_sender_may_use_either_of_its_names() {
        let noya: Alias = "Noya".parse().unwrap();
        let speaker = Speaker::new(&noya, AssignedName::counted(&noya, 1));
        assert_eq!(said_by(&speaker, "Noya: Hi"), "Noya+1-: Hi");
        assert_eq!(said_by(&speaker, "Noya+1-: Hi"), "Noya+1-: Hi");
        assert_eq!(said_by(&speaker, "Hi"), "Noya+1-: Hi");
    }

    #[test]
    fn only_text_is_a_message() {
        assert_eq!(parse(Frame::Line(b"a\tb")), Ok("a\tb"));
        assert_eq!(
            parse(Frame::Line(b"ab\xff")),
            Err(MessageError::Text(TextError::NotUtf8 { at: 3 }))
        );
        assert_eq!(
            parse(Frame::Line(b"a\x1b[2J")),
            Err(MessageError::Text(TextError::Control { at: 2, code: 0x1b }))
        );
        assert_eq!(
            parse(Frame::TooLong { bytes: 1025 }),
            Err(MessageError::TooLong { bytes: 1025 })
        );
    }
}
