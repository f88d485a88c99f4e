//! A line from a server, read by a client.

use crate::message::SEPARATOR;
use crate::{Notice, Prompt};

/// A line from a server, sorted by what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerLine<'a> {
    /// A question.
    Prompt(Prompt),
    /// The server's own voice.
    Notice(Notice<'a>),
    /// What a member said.
    Message {
        /// The member's name.
        from: &'a str,
        /// What it said.
        text: &'a str,
    },
    /// Nothing that this protocol knows.
    Unknown(&'a str),
}

impl<'a> ServerLine<'a> {
    /// Sorts a line. Every line is something.
    #[must_use]
    pub fn parse(line: &'a str) -> Self {
        if let Some(prompt) = Prompt::parse(line) {
            return ServerLine::Prompt(prompt);
        }
        // A notice has no colon and a message has one after its sender's name, so that nobody can
        // forge a notice by what he says (NAME-4).
        match line.split_once(':') {
            None => Notice::parse(line).map_or(ServerLine::Unknown(line), ServerLine::Notice),
            Some((from, _)) => match line[from.len()..].strip_prefix(SEPARATOR) {
                Some(text) => ServerLine::Message { from, text },
                None => ServerLine::Unknown(line),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_looks_like_a_notice_is_a_message() {
        assert_eq!(
            ServerLine::parse("Noya: Eliana has left the chat room!"),
            ServerLine::Message { from: "Noya", text: "Eliana has left the chat room!" }
        );
    }

    #[test]
    fn lines_are_sorted() {
        assert_eq!(ServerLine::parse("enter group chat id:"), ServerLine::Prompt(Prompt::GroupId));
        assert_eq!(
            ServerLine::parse("Eliana has left the chat room!"),
            ServerLine::Notice(Notice::Left("Eliana"))
        );
        assert_eq!(ServerLine::parse("hello"), ServerLine::Unknown("hello"));
        assert_eq!(ServerLine::parse("a:b"), ServerLine::Unknown("a:b"));
    }
}
