//! The lines a server says in its own voice.

use std::fmt;

use crate::GroupId;
use crate::error::{AnswerError, MessageError};

/// A line in the server's own voice: everything but prompts and members' messages.
///
/// None of them contains a colon, and every message does, after its sender's name; so no member can
/// forge one (NAME-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<'a> {
    /// To the creator of a group, before anything else: its id (GRP-2).
    Created(GroupId),
    /// To a whole group: somebody joined (GRP-3).
    Arrived(&'a str),
    /// To a newcomer alone, after the notice of its own joining (GRP-3).
    Welcome,
    /// To the members that stay: somebody left (LEAVE-1).
    Left(&'a str),
    /// The handshake ends without admission, and the connection with it (AUTH-3).
    Disconnect,
    /// The answer to `option?` is no option (HS-4).
    WrongOption,
    /// The answer to `option?` was to disconnect (HS-2).
    DisconnectOption,
    /// An answer breaks a rule; a farewell and the close follow (HS-4). Says which rule.
    AnswerRefused(Reason<'a, AnswerError>),
    /// A message breaks a rule and goes nowhere; the session goes on (LIM-2). Says which rule.
    MessageRefused(Reason<'a, MessageError>),
    /// The server ends, and every connection with it (SRV-3).
    Stopping,
    /// No group can be created any more; `disconnect` follows (LIM-4).
    Full,
}

/// Why something was refused: as the server knows it, or as the client reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason<'a, E> {
    /// The error itself.
    Known(E),
    /// Its text, from the wire.
    Told(&'a str),
}

impl<E: fmt::Display> fmt::Display for Reason<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Known(error) => error.fmt(f),
            Reason::Told(text) => f.write_str(text),
        }
    }
}

// One space ends it, as in the original programs.
const CREATED: &str = "THE NEWLY CREATED CHAT ID IS ";
const ARRIVED: &str = " has connected to the chat room";
const WELCOME: &str = "YOU ARE NOW CONNECTED TO THE CHAT";
const LEFT: &str = " has left the chat room!";
const DISCONNECT: &str = "disconnect";
const WRONG_OPTION: &str = "wrong option";
const DISCONNECT_OPTION: &str = "disconnect option";
const ANSWER_REFUSED: &str = "answer refused, ";
const MESSAGE_REFUSED: &str = "message refused, ";
const STOPPING: &str = "the server is stopping";
const FULL: &str = "no more groups can be created";

impl<'a> Notice<'a> {
    /// The notice that a line is, if it is one.
    ///
    /// White space at the end of a line that names nobody is ignored here: a person cannot see it. A
    /// tool that must judge a server compares the line with the notice's own text.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Notice<'a>> {
        // Names come first: they hold what people chose, and only their end marks them.
        if let Some(name) = line.strip_suffix(ARRIVED) {
            return Some(Notice::Arrived(name));
        }
        if let Some(name) = line.strip_suffix(LEFT) {
            return Some(Notice::Left(name));
        }
        let line = line.trim_end();
        if let Some(id) = line.strip_prefix(CREATED) {
            return id.parse().ok().map(Notice::Created);
        }
        if let Some(why) = line.strip_prefix(ANSWER_REFUSED) {
            return Some(Notice::AnswerRefused(Reason::Told(why)));
        }
        if let Some(why) = line.strip_prefix(MESSAGE_REFUSED) {
            return Some(Notice::MessageRefused(Reason::Told(why)));
        }
        let fixed = [
            Notice::Welcome,
            Notice::Disconnect,
            Notice::WrongOption,
            Notice::DisconnectOption,
            Notice::Stopping,
            Notice::Full,
        ];
        fixed.into_iter().find(|notice| notice.fixed_text() == Some(line))
    }

    /// The text of a notice that is always the same.
    fn fixed_text(&self) -> Option<&'static str> {
        match self {
            Notice::Welcome => Some(WELCOME),
            Notice::Disconnect => Some(DISCONNECT),
            Notice::WrongOption => Some(WRONG_OPTION),
            Notice::DisconnectOption => Some(DISCONNECT_OPTION),
            Notice::Stopping => Some(STOPPING),
            Notice::Full => Some(FULL),
            Notice::Created(_)
            | Notice::Arrived(_)
            | Notice::Left(_)
            | Notice::AnswerRefused(_)
            | Notice::MessageRefused(_) => None,
        }
    }
}

/// The notice's text on the wire.
impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Created(id) => write!(f, "{CREATED}{id} "),
            Notice::Arrived(name) => write!(f, "{name}{ARRIVED}"),
            Notice::Left(name) => write!(f, "{name}{LEFT}"),
            Notice::AnswerRefused(why) => write!(f, "{ANSWER_REFUSED}{why}"),
            Notice::MessageRefused(why) => write!(f, "{MESSAGE_REFUSED}{why}"),
            Notice::Welcome
            | Notice::Disconnect
            | Notice::WrongOption
            | Notice::DisconnectOption
            | Notice::Stopping
            | Notice::Full => f.write_str(self.fixed_text().unwrap_or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let notices = [
            Notice::Created(GroupId::FIRST),
            Notice::Arrived("Noya"),
            Notice::Left("Noya"),
            Notice::Welcome,
            Notice::Disconnect,
            Notice::WrongOption,
            Notice::DisconnectOption,
            Notice::Stopping,
            Notice::Full,
            Notice::AnswerRefused(Reason::Told("a name cannot contain a colon")),
            Notice::MessageRefused(Reason::Told("it has 1025 bytes and the limit is 1024")),
        ];
        for notice in notices {
            let line = notice.to_string();
            assert_eq!(Notice::parse(&line), Some(notice), "{line}");
            assert!(!line.contains(':'), "a notice could be taken for a message, {line}");
        }
    }

    #[test]
    fn the_id_of_a_new_group_is_followed_by_one_space() {
        assert_eq!(Notice::Created(2.into()).to_string(), "THE NEWLY CREATED CHAT ID IS 2 ");
    }

    #[test]
    fn a_name_made_of_a_notice_is_still_a_name() {
        let line = Notice::Arrived("message refused, Noya").to_string();
        assert_eq!(Notice::parse(&line), Some(Notice::Arrived("message refused, Noya")));
    }

    #[test]
    fn every_reason_sent_to_a_client_is_free_of_colons() {
        use crate::error::{GroupIdError, NameError, PasswordError, TextError};
        let answers = [
            AnswerError::Option,
            AnswerError::TooLong { bytes: 2000 },
            GroupIdError::NotDecimal.into(),
            GroupIdError::TooLarge.into(),
            NameError::Empty.into(),
            NameError::TooLong { chars: 33 }.into(),
            NameError::Colon.into(),
            NameError::OuterSpace.into(),
            NameError::Invisible { code: 0x202E }.into(),
            NameError::Text(TextError::NotUtf8 { at: 1 }).into(),
            PasswordError::Empty.into(),
            PasswordError::TooLong { bytes: 129 }.into(),
        ];
        for error in answers {
            assert!(!error.to_string().contains(':'), "{error}");
        }
        for error in [
            MessageError::TooLong { bytes: 1025 },
            TextError::NotUtf8 { at: 1 }.into(),
            TextError::Control { at: 1, code: 7 }.into(),
        ] {
            assert!(!error.to_string().contains(':'), "{error}");
        }
    }
}
