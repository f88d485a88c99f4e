//! The client's side: answers, and ends connected or rejected.

use crate::error::{Expected, ServerFault};
use crate::{Alias, AssignedName, GroupId, MenuOption, Notice, Password, Prompt, ServerLine};

/// What a client wants of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name to ask for.
    pub alias: Alias,
    /// The group's password.
    pub password: Password,
    /// The group to join, or `None` to create one.
    pub group: Option<GroupId>,
}

impl Login {
    /// The answer to a prompt.
    #[must_use]
    pub fn answer(&self, prompt: Prompt) -> String {
        match prompt {
            Prompt::GroupId => self.group.unwrap_or(GroupId::CREATOR).to_string(),
            Prompt::Alias => self.alias.to_string(),
            Prompt::Password => self.password.reveal().to_owned(),
            Prompt::Option => self.option().to_string(),
        }
    }

    fn option(&self) -> MenuOption {
        if self.group.is_some() { MenuOption::Join } else { MenuOption::Create }
    }
}

/// How a server ended a handshake without admitting the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// `disconnect`: one of the three refusals, or an answer that breaks a rule.
    Disconnect,
    /// `wrong option`: the answer to `option?` is no option.
    WrongOption,
    /// `disconnect option`: the client asked for it.
    DisconnectOption,
}

/// What follows a line from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientStep {
    /// Send this answer and wait for the next line.
    Answer {
        /// What was asked.
        prompt: Prompt,
        /// What to answer.
        answer: String,
        /// The handshake from here on.
        next: ClientHandshake,
    },
    /// Wait for the next line; this one is for the person to read.
    Read(ClientHandshake),
    /// This client is a member now.
    Connected {
        /// The name the server gave it.
        name: AssignedName,
        /// The group it is in, unless the server did not say the id of the one it created.
        group: Option<GroupId>,
    },
    /// This client is not admitted, and the server closes the connection.
    Rejected(Rejection),
}

/// A handshake as the client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientHandshake {
    login: Login,
    state: State,
}

/// Named by what it waits for.
///
/// ```text
/// ExpectPrompt(GroupId .. Option) -> ExpectVerdict -> ExpectOwnArrival -> ExpectWelcome -> Connected
///         \_______________________________\____> Rejected
/// ```
/// `ExpectOwnArrival` only for a client that creates a group and was told its id.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "a state is named by what it waits for")]
enum State {
    ExpectPrompt(Prompt),
    ExpectVerdict,
    ExpectOwnArrival { created: GroupId },
    ExpectWelcome { created: Option<GroupId>, name: AssignedName },
}

impl ClientHandshake {
    /// A handshake that waits for the server's first question.
    #[must_use]
    pub fn new(login: Login) -> Self {
        ClientHandshake { login, state: State::ExpectPrompt(Prompt::GroupId) }
    }

    /// What the server has to send now.
    #[must_use]
    pub fn expects(&self) -> Expected {
        match &self.state {
            State::ExpectPrompt(prompt) => Expected::Prompt(*prompt),
            State::ExpectVerdict => Expected::Verdict,
            State::ExpectOwnArrival { .. } => Expected::OwnArrival,
            State::ExpectWelcome { .. } => Expected::Welcome,
        }
    }

    /// Takes a line from the server.
    ///
    /// # Errors
    ///
    /// When the line cannot come here: the server does not keep to the protocol.
    pub fn handle(self, line: &str) -> Result<ClientStep, ServerFault> {
        let parsed = ServerLine::parse(line);
        if let ServerLine::Notice(notice) = parsed {
            if let Some(rejection) = self.rejection(notice) {
                return Ok(ClientStep::Rejected(rejection));
            }
            if matches!(notice, Notice::AnswerRefused(_) | Notice::Stopping | Notice::Full) {
                return Ok(ClientStep::Read(self));
            }
        }
        match (self.state.clone(), parsed) {
            (State::ExpectPrompt(expected), ServerLine::Prompt(prompt)) if prompt == expected => {
                Ok(self.answer(prompt))
            }
            (State::ExpectVerdict, ServerLine::Notice(Notice::Created(id)))
                if self.login.group.is_none() =>
            {
                Ok(self.read_on(State::ExpectOwnArrival { created: id }))
            }
            (State::ExpectVerdict, ServerLine::Notice(Notice::Arrived(name)))
                if self.login.group.is_some() =>
            {
                let created = self.login.group;
                self.arrived(name, created, line)
            }
            (State::ExpectOwnArrival { created }, ServerLine::Notice(Notice::Arrived(name))) => {
                self.arrived(name, Some(created), line)
            }
            (State::ExpectWelcome { created, name }, ServerLine::Notice(Notice::Welcome)) => {
                Ok(ClientStep::Connected { name, group: created })
            }
            _ => Err(self.unexpected(line)),
        }
    }

    /// The rejection that `notice` is, where one may come.
    fn rejection(&self, notice: Notice<'_>) -> Option<Rejection> {
        if !matches!(self.state, State::ExpectPrompt(_) | State::ExpectVerdict) {
            return None;
        }
        match notice {
            Notice::Disconnect => Some(Rejection::Disconnect),
            Notice::WrongOption => Some(Rejection::WrongOption),
            Notice::DisconnectOption => Some(Rejection::DisconnectOption),
            _ => None,
        }
    }

    fn answer(self, prompt: Prompt) -> ClientStep {
        let answer = self.login.answer(prompt);
        let state = match prompt {
            Prompt::GroupId => State::ExpectPrompt(Prompt::Alias),
            Prompt::Alias => State::ExpectPrompt(Prompt::Password),
            Prompt::Password => State::ExpectPrompt(Prompt::Option),
            Prompt::Option => State::ExpectVerdict,
        };
        ClientStep::Answer { prompt, answer, next: ClientHandshake { state, ..self } }
    }

    fn read_on(self, state: State) -> ClientStep {
        ClientStep::Read(ClientHandshake { state, ..self })
    }

    /// Takes the notice of this client's own joining, which says what it is called from now on.
    fn arrived(
        self,
        name: &str,
        created: Option<GroupId>,
        line: &str,
    ) -> Result<ClientStep, ServerFault> {
        match AssignedName::given(&self.login.alias, name) {
            Some(name) => Ok(self.read_on(State::ExpectWelcome { created, name })),
            None => Err(self.unexpected(line)),
        }
    }

    fn unexpected(&self, line: &str) -> ServerFault {
        ServerFault::Unexpected { expected: self.expects(), got: line.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(group: Option<u32>) -> Login {
        Login {
            alias: "Noya".parse().unwrap(),
            password: "123".parse().unwrap(),
            group: group.map(GroupId::from),
        }
    }

    /// Feeds `lines`; what the client answered, and how it ended.
    fn run(login: Login, lines: &[&str]) -> (Vec<String>, Result<ClientStep, ServerFault>) {
        let mut answers = Vec::new();
        let mut state = ClientHandshake::new(login);
        for line in lines {
            match state.handle(line) {
                Ok(ClientStep::Answer { answer, next, .. }) => {
                    answers.push(answer);
                    state = next;
                }
                Ok(ClientStep::Read(next)) => state = next,
                end => return (answers, end),
            }
        }
        panic!("still waiting for {}", state.expects());
    }

    const PROMPTS: [&str; 4] = ["enter group chat id:", "alias?", "password?", "option?"];

    fn after_prompts<'a>(lines: &[&'a str]) -> Vec<&'a str> {
        PROMPTS.iter().copied().chain(lines.iter().copied()).collect()
    }

    #[test]
    fn a_creator_learns_the_id() {
        let (answers, end) = run(
            login(None),
            &after_prompts(&[
                "THE NEWLY CREATED CHAT ID IS 2 ",
                "Noya has connected to the chat room",
                "YOU ARE NOW CONNECTED TO THE CHAT",
            ]),
        );
        assert_eq!(answers, ["1", "Noya", "123", "2"]);
        let Ok(ClientStep::Connected { name, group }) = end else { panic!("{end:?}") };
        assert_eq!((name.as_str(), group), ("Noya", Some(GroupId::FIRST)));
    }

    #[test]
    fn a_joiner_learns_its_name() {
        let (answers, end) = run(
            login(Some(2)),
            &after_prompts(&[
                "Noya+1- has connected to the chat room",
                "YOU ARE NOW CONNECTED TO THE CHAT",
            ]),
        );
        assert_eq!(answers, ["2", "Noya", "123", "1"]);
        let Ok(ClientStep::Connected { name, group }) = end else { panic!("{end:?}") };
        assert_eq!((name.as_str(), group), ("Noya+1-", Some(GroupId::FIRST)));
    }

    #[test]
    fn a_refusal_may_come_at_any_question() {
        let (_, end) = run(login(Some(2)), &after_prompts(&["disconnect"]));
        assert_eq!(end, Ok(ClientStep::Rejected(Rejection::Disconnect)));
        let (_, end) =
            run(login(Some(2)), &[PROMPTS[0], "answer refused, it is bad", "disconnect"]);
        assert_eq!(end, Ok(ClientStep::Rejected(Rejection::Disconnect)));
        let (_, end) = run(login(Some(2)), &after_prompts(&["wrong option"]));
        assert_eq!(end, Ok(ClientStep::Rejected(Rejection::WrongOption)));
    }

    #[test]
    fn a_server_out_of_order_is_told_what_was_expected() {
        let (_, end) = run(login(Some(2)), &[PROMPTS[1]]);
        assert_eq!(
            end.unwrap_err().to_string(),
            "expected the prompt `enter group chat id:`, but the server sent `alias?`"
        );
        let (_, end) =
            run(login(Some(2)), &after_prompts(&["Eliana has connected to the chat room"]));
        assert!(matches!(end, Err(ServerFault::Unexpected { .. })), "{end:?}");
        let (_, end) = run(login(Some(2)), &after_prompts(&["Noya: Hi"]));
        assert!(matches!(end, Err(ServerFault::Unexpected { .. })), "{end:?}");
    }
}
