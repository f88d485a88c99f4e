//! What can go wrong, sorted by whose fault it is.
//!
//! - The **caller's**: a value that breaks a rule was built in this program: [`NameError`],
//!   [`PasswordError`], [`GroupIdError`], [`TextError`].
//! - The **client's**, seen by a server: [`AnswerError`], [`MessageError`]. What the client is told
//!   is their text, in a [`Notice`].
//! - The **server's**, seen by a client: [`ServerFault`].
//!
//! No text here contains a colon, because many of them are sent to a client, and a line with a
//! colon is somebody's message (NAME-4). None repeats a peer's bytes, for the same reason.

use thiserror::Error;

use crate::limits::{
    MAX_GROUP_ID_DIGITS, MAX_MESSAGE_BYTES, MAX_NAME_CHARS, MAX_PASSWORD_BYTES,
    MAX_SERVER_LINE_BYTES,
};
use crate::{Notice, Prompt};

/// Bytes that are not the protocol's text. Positions are in bytes and count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum TextError {
    /// Not UTF-8 from this byte on.
    #[error("it is not valid UTF-8 from byte {at} on")]
    NotUtf8 {
        /// The first bad byte.
        at: usize,
    },
    /// A control character other than tab.
    #[error("byte {at} is the control character U+{code:04X}")]
    Control {
        /// Where the character starts.
        at: usize,
        /// Its Unicode scalar value.
        code: u32,
    },
}

/// A name that nobody can have (NAME-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// No character at all.
    #[error("a name has 1 to {MAX_NAME_CHARS} characters, and this one has none")]
    Empty,
    /// More characters than allowed.
    #[error("a name has 1 to {MAX_NAME_CHARS} characters, and this one has {chars}")]
    TooLong {
        /// How many it has.
        chars: usize,
    },
    /// The colon ends the name in every message, so a name cannot hold one.
    #[error("a name cannot contain a colon")]
    Colon,
    /// White space at an end cannot be seen, so two names could look the same.
    #[error("a name cannot begin or end with a space")]
    OuterSpace,
    /// A character that is not shown, or that changes how what follows is shown.
    #[error("a name cannot contain the invisible character U+{code:04X}")]
    Invisible {
        /// Its Unicode scalar value.
        code: u32,
    },
    /// Not text at all.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// A password that no group can have (AUTH-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// No byte at all.
    #[error("a password has 1 to {MAX_PASSWORD_BYTES} bytes, and this one has none")]
    Empty,
    /// More bytes than allowed.
    #[error("a password has 1 to {MAX_PASSWORD_BYTES} bytes, and this one has {bytes}")]
    TooLong {
        /// How many it has.
        bytes: usize,
    },
    /// Not text at all.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// Something that is not a group id (GRP-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GroupIdError {
    /// Anything other than decimal digits.
    #[error("a group id is a decimal number such as 2")]
    NotDecimal,
    /// Digits, but too many or too large.
    #[error("a group id has at most {MAX_GROUP_ID_DIGITS} digits and is at most {max}", max = u32::MAX)]
    TooLarge,
}

/// A client's answer to a prompt that ends its handshake (HS-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AnswerError {
    /// To `enter group chat id:`.
    #[error(transparent)]
    GroupId(#[from] GroupIdError),
    /// To `alias?`.
    #[error(transparent)]
    Name(#[from] NameError),
    /// To `password?`.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// To `option?`.
    #[error("the options are 1 to join a group, 2 to create one and 3 to disconnect")]
    Option,
    /// To any prompt: longer than any line may be.
    #[error("it has {bytes} bytes and the limit is {MAX_MESSAGE_BYTES}")]
    TooLong {
        /// How many it has, its line end not counted.
        bytes: u64,
    },
}

impl AnswerError {
    /// The line that follows the explanation, just before the connection is closed.
    #[must_use]
    pub fn farewell(&self) -> Notice<'static> {
        match self {
            AnswerError::Option => Notice::WrongOption,
            _ => Notice::Disconnect,
        }
    }
}

/// A message that is not passed on (LIM-2, MSG-4). Its sender is told why and stays in the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MessageError {
    /// Longer than allowed.
    #[error("it has {bytes} bytes and the limit is {MAX_MESSAGE_BYTES}")]
    TooLong {
        /// How many it has, its line end not counted.
        bytes: u64,
    },
    /// Not text.
    #[error(transparent)]
    Text(#[from] TextError),
}

/// What a server did that the protocol does not allow, as seen by a client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServerFault {
    /// A line that cannot come at this point of the handshake.
    #[error("expected {expected}, but the server sent `{got}`")]
    Unexpected {
        /// What may come here.
        expected: Expected,
        /// What came.
        got: String,
    },
    /// A line longer than any that a server may send (LIM-3).
    #[error("the server sent a line of {bytes} bytes, and the limit is {MAX_SERVER_LINE_BYTES}")]
    LineTooLong {
        /// How many bytes it has, its line end not counted.
        bytes: u64,
    },
    /// A line that is not the protocol's text.
    #[error("the server sent a line that is not text, {0}")]
    Text(#[from] TextError),
}

/// What a client in its handshake waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// The next question.
    Prompt(Prompt),
    /// Admission or refusal.
    Verdict,
    /// `... has connected to the chat room`, naming this client.
    OwnArrival,
    /// `YOU ARE NOW CONNECTED TO THE CHAT`.
    Welcome,
}

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expected::Prompt(prompt) => write!(f, "the prompt `{prompt}`"),
            Expected::Verdict => f.write_str("to be admitted or refused"),
            Expected::OwnArrival => f.write_str("the notice of one's own joining"),
            Expected::Welcome => write!(f, "`{}`", Notice::Welcome),
        }
    }
}
