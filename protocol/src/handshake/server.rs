//! The server's side: asks, checks, and ends with a request or a refusal.

use crate::error::AnswerError;
use crate::framing::Frame;
use crate::{Alias, GroupId, MenuOption, Password, Prompt, text};

/// What a client wants, once it has answered everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Join a group.
    Join {
        /// Which.
        group: GroupId,
        /// Under which name.
        alias: Alias,
        /// With which password.
        password: Password,
    },
    /// Create a group.
    Create {
        /// Under which name.
        alias: Alias,
        /// The new group's password.
        password: Password,
    },
    /// Leave at once.
    Disconnect,
}

/// What follows an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerStep {
    /// Ask [`ServerHandshake::prompt`] and wait for the answer.
    Ask(ServerHandshake),
    /// The handshake is complete; whether the client is admitted is the directory's to say.
    Complete(Request),
}

/// A handshake as the server sees it, named by what it waits for.
///
/// ```text
/// ExpectGroupId -> ExpectAlias -> ExpectPassword -> ExpectOption -> Request
///        \_____________\_______________\________________\____> AnswerError
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ServerHandshake {
    /// Waits for the answer to [`Prompt::GroupId`].
    #[default]
    ExpectGroupId,
    /// Waits for the answer to [`Prompt::Alias`].
    ExpectAlias {
        /// Answered so far.
        group: GroupId,
    },
    /// Waits for the answer to [`Prompt::Password`].
    ExpectPassword {
        /// Answered so far.
        group: GroupId,
        /// Answered so far.
        alias: Alias,
    },
    /// Waits for the answer to [`Prompt::Option`].
    ExpectOption {
        /// Answered so far.
        group: GroupId,
        /// Answered so far.
        alias: Alias,
        /// Answered so far.
        password: Password,
    },
}

impl ServerHandshake {
    /// The question that this state waits for the answer to.
    #[must_use]
    pub fn prompt(&self) -> Prompt {
        match self {
            ServerHandshake::ExpectGroupId => Prompt::GroupId,
            ServerHandshake::ExpectAlias { .. } => Prompt::Alias,
            ServerHandshake::ExpectPassword { .. } => Prompt::Password,
            ServerHandshake::ExpectOption { .. } => Prompt::Option,
        }
    }

    /// Takes the answer.
    ///
    /// # Errors
    ///
    /// When the answer breaks a rule (HS-4). The client is told why with
    /// [`Notice::AnswerRefused`](crate::Notice::AnswerRefused), then gets
    /// [`AnswerError::farewell`], then the close.
    pub fn handle(self, answer: Frame<'_>) -> Result<ServerStep, AnswerError> {
        let bytes = match answer {
            Frame::Line(bytes) => bytes,
            Frame::TooLong { bytes } => return Err(AnswerError::TooLong { bytes }),
        };
        Ok(match self {
            ServerHandshake::ExpectGroupId => {
                // What is not text is not a number either.
                let group = std::str::from_utf8(bytes).unwrap_or_default().parse()?;
                ServerStep::Ask(ServerHandshake::ExpectAlias { group })
            }
            ServerHandshake::ExpectAlias { group } => {
                let alias = parse_alias(bytes)?;
                ServerStep::Ask(ServerHandshake::ExpectPassword { group, alias })
            }
            ServerHandshake::ExpectPassword { group, alias } => {
                let password = parse_password(bytes)?;
                ServerStep::Ask(ServerHandshake::ExpectOption { group, alias, password })
            }
            ServerHandshake::ExpectOption { group, alias, password } => {
                let option = std::str::from_utf8(bytes).ok().and_then(MenuOption::parse);
                ServerStep::Complete(match option.ok_or(AnswerError::Option)? {
                    MenuOption::Join => Request::Join { group, alias, password },
                    MenuOption::Create => Request::Create { alias, password },
                    MenuOption::Disconnect => Request::Disconnect,
                })
            }
        })
    }
}

fn parse_alias(bytes: &[u8]) -> Result<Alias, AnswerError> {
    let name = text::check(bytes).map_err(crate::error::NameError::Text)?;
    Ok(name.parse::<Alias>()?)
}

fn parse_password(bytes: &[u8]) -> Result<Password, AnswerError> {
    let password = text::check(bytes).map_err(crate::error::PasswordError::Text)?;
    Ok(password.parse::<Password>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{GroupIdError, NameError, PasswordError};

    /// Feeds `answers` until the handshake ends.
    fn run(answers: &[&str]) -> Result<Request, (Prompt, AnswerError)> {
        let mut state = ServerHandshake::default();
        for answer in answers {
            let prompt = state.prompt();
            match state.handle(Frame::Line(answer.as_bytes())).map_err(|error| (prompt, error))? {
                ServerStep::Ask(next) => state = next,
                ServerStep::Complete(request) => return Ok(request),
            }
        }
        panic!("still expecting an answer to {}", state.prompt());
    }

    #[test]
    fn four_answers_make_a_request() {
        let alias = || "Noya".parse().unwrap();
        let password = || "123".parse().unwrap();
        assert_eq!(
            run(&["2", "Noya", "123", "1"]),
            Ok(Request::Join { group: 2.into(), alias: alias(), password: password() })
        );
        assert_eq!(
            run(&["1", "Noya", "123", "2"]),
            Ok(Request::Create { alias: alias(), password: password() })
        );
        assert_eq!(run(&["1", "Noya", "123", "3"]), Ok(Request::Disconnect));
    }

    #[test]
    fn a_bad_answer_ends_it_at_once() {
        assert_eq!(run(&["two"]), Err((Prompt::GroupId, GroupIdError::NotDecimal.into())));
        assert_eq!(run(&["2", "a:b"]), Err((Prompt::Alias, NameError::Colon.into())));
        let long = "x".repeat(129);
        assert_eq!(
            run(&["2", "Noya", &long]),
            Err((Prompt::Password, PasswordError::TooLong { bytes: 129 }.into()))
        );
        assert_eq!(run(&["2", "Noya", "123", "4"]), Err((Prompt::Option, AnswerError::Option)));
        assert_eq!(run(&["2", "Noya", "123", "01"]), Err((Prompt::Option, AnswerError::Option)));
    }

    #[test]
    fn a_bad_answer_is_never_a_crash() {
        for bytes in [&b"\xff\xfe"[..], b"\0", b"\x1b[2J", &[0x80; 1024]] {
            for answers in 0..4 {
                let mut state = ServerHandshake::default();
                for answer in &["2", "Noya", "123"][..answers] {
                    match state.handle(Frame::Line(answer.as_bytes())).unwrap() {
                        ServerStep::Ask(next) => state = next,
                        ServerStep::Complete(_) => unreachable!("three answers are not enough"),
                    }
                }
                assert!(state.handle(Frame::Line(bytes)).is_err());
            }
        }
        let too_long = ServerHandshake::default().handle(Frame::TooLong { bytes: 2000 });
        assert_eq!(too_long, Err(AnswerError::TooLong { bytes: 2000 }));
    }
}
