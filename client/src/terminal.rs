//! The terminal program as a state machine: what a person is asked and shown, without IO or clock.
//!
//! Whoever drives it feeds it [`Input`]s and carries out the [`Effect`]s in their order. The program
//! `chatroom-client` drives it with a real terminal and a socket; a bot drives it with a script. So
//! both show the same.

use std::collections::VecDeque;

use chatroom_protocol::error::ServerFault;
use chatroom_protocol::handshake::{ClientHandshake, ClientStep, Login, Rejection};
use chatroom_protocol::{
    Alias, AssignedName, GroupId, MenuOption, Notice, Password, ServerLine, message,
};

pub use crate::exit_status::ExitStatus;

/// The questions of the first screen.
/// The menu, a line each; the option is typed after the last.
pub const MENU: [&str; 4] = [
    "Choose an option:",
    "1) Connect to a group chat",
    "2) Create a new group chat",
    "3) Disconnect",
];
/// Every question; the answer is typed on its line.
pub const QUESTIONS: [&str; 4] = [ASK_NAME, ASK_GROUP, ASK_PASSWORD, ASK_NEW_PASSWORD];
/// Asked of everybody.
pub const ASK_NAME: &str = "ENTER YOUR NAME: ";
/// Asked of who joins a group.
pub const ASK_GROUP: &str = "ENTER THE ID OF THE GROUP YOU WANT TO JOIN: ";
/// Asked of who joins a group.
pub const ASK_PASSWORD: &str = "ENTER THE PASSWORD: ";
/// Asked of who creates a group.
pub const ASK_NEW_PASSWORD: &str = "CHOOSE A PASSWORD FOR THE GROUP: ";

/// What a person reads instead of `disconnect`.
pub const REFUSED: [&str; 3] = [
    "Sorry, we are unable to connect you to the group chat",
    "Disconnecting you from the server . .",
    "Disconnection completed",
];
const CANNOT_SEND: &str = "Disconnection completed, you can not send messages!";
const INVALID_OPTION: &str = "You entered an invalid option. We are disconnecting you.";
const BYE: &str = "Disconnecting . . . Bye!";
const SERVER_CLOSED: &str = "the server closed the connection";

/// Why a person starts the program, known before it asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To create a group.
    Create,
    /// To join this group.
    Join(GroupId),
}

/// Answers that are known before any question: a question with a known answer is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preset {
    /// The answer to the menu, and to the question for the group's id.
    pub purpose: Option<Purpose>,
    /// The answer to the question for the name.
    pub name: Option<Alias>,
    /// The answer to the question for the password.
    pub password: Option<Password>,
}

/// What happens to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// A person typed a line; its line end is not part of it.
    Typed(&'a str),
    /// Nothing more will be typed.
    EndOfInput,
    /// Ctrl-C, or the signal that asks a program to end.
    Interrupt,
    /// The connection that [`Effect::Connect`] asked for is there.
    Connected,
    /// It is not; the text says why and what to do.
    NotReached(&'a str),
    /// A line from the server, without its line end.
    Line(&'a str),
    /// The server closed the connection.
    ServerClosed,
    /// The connection broke; the text says how.
    ServerLost(&'a str),
    /// The server sent something that is not a line of the protocol.
    ServerFault(&'a ServerFault),
}

/// What the program has to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Show a whole line of the conversation.
    Print(String),
    /// Show a whole line about something that failed; a program has a stream of its own for these.
    Complain(String),
    /// Show a question, without a line end: what is typed follows on the same line.
    Prompt(&'static str),
    /// Connect to the server; [`Input::Connected`] or [`Input::NotReached`] follows.
    Connect,
    /// Send one message; its line end is not part of it.
    Send(String),
    /// Leave the server in good order: everything sent before still reaches it.
    Close,
    /// End the program. Always the last effect.
    Exit(ExitStatus),
}

/// The program, named by what it waits for.
///
/// ```text
/// ExpectOption -> ExpectName -> [ExpectGroup] -> ExpectPassword -> Connecting
///      |                                                               |
///      |   3, or no option at all                                      v
///      +--------------------------> Ended <------------------- Handshaking -> Chatting -> Ended
///                                     ^                             |
///                                     +-------- Rejected <----------+
/// ```
/// A question whose answer was preset is skipped; `ExpectGroup` is only for those who join. From
/// every state an interrupt leads to `Ended`.
#[derive(Debug, Clone)]
enum State {
    ExpectOption,
    ExpectName,
    ExpectGroup,
    ExpectPassword,
    Connecting(Login),
    Handshaking { asked: Alias, handshake: ClientHandshake },
    Chatting { asked: Alias, name: AssignedName, group: Option<GroupId> },
    Rejected,
    Ended(ExitStatus),
}

/// What a person has answered so far.
#[derive(Debug, Clone, Default)]
struct Answers {
    option: Option<MenuOption>,
    name: Option<Alias>,
    group: Option<GroupId>,
    password: Option<Password>,
}

impl From<Preset> for Answers {
    fn from(preset: Preset) -> Self {
        let (option, group) = match preset.purpose {
            None => (None, None),
            Some(Purpose::Create) => (Some(MenuOption::Create), None),
            Some(Purpose::Join(group)) => (Some(MenuOption::Join), Some(group)),
        };
        Answers { option, name: preset.name, group, password: preset.password }
    }
}

/// The terminal program.
///
/// What is typed while it connects and shakes hands is kept and used afterwards, as a terminal
/// keeps what is typed ahead.
///
/// ```
/// use chatroom_client::terminal::{Effect, ExitStatus, Input, Preset, Terminal};
///
/// let (mut terminal, first) = Terminal::new(Preset::default());
/// assert_eq!(first[0], Effect::Print("Choose an option:".to_owned()));
/// assert_eq!(terminal.handle(Input::Typed("3")), [Effect::Exit(ExitStatus::Ended)]);
/// assert!(terminal.is_ended());
/// ```
#[derive(Debug, Clone)]
pub struct Terminal {
    state: State,
    answers: Answers,
    typed_ahead: VecDeque<String>,
    input_ended: bool,
}

impl Terminal {
    /// The program at its start, and what it does first.
    #[must_use]
    pub fn new(preset: Preset) -> (Self, Vec<Effect>) {
        let mut terminal = Terminal {
            state: State::ExpectOption,
            answers: preset.into(),
            typed_ahead: VecDeque::new(),
            input_ended: false,
        };
        let effects = terminal.ask_next();
        (terminal, effects)
    }

    /// Takes what happened; what to do about it.
    pub fn handle(&mut self, input: Input<'_>) -> Vec<Effect> {
        let mut effects = self.react(input);
        while self.takes_typing()
            && let Some(typed) = self.typed_ahead.pop_front()
        {
            effects.extend(self.typed(&typed));
        }
        if self.takes_typing() && self.input_ended {
            effects.extend(self.leave(ExitStatus::Ended));
        }
        effects
    }

    /// Whether a typed line is used at once, and not kept for later.
    ///
    /// A driver that reads faster than a person types reads nothing while this is false: so what is
    /// kept stays small.
    #[must_use]
    pub fn takes_typing(&self) -> bool {
        !matches!(self.state, State::Connecting(_) | State::Handshaking { .. } | State::Ended(_))
    }

    /// The name the server gave, once this client is a member.
    #[must_use]
    pub fn name(&self) -> Option<&AssignedName> {
        match &self.state {
            State::Chatting { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The group this client is a member of, if the server said which.
    #[must_use]
    pub fn group(&self) -> Option<GroupId> {
        match &self.state {
            State::Chatting { group, .. } => *group,
            _ => None,
        }
    }

    /// Whether this client is a member of a group.
    #[must_use]
    pub fn is_chatting(&self) -> bool {
        matches!(self.state, State::Chatting { .. })
    }

    /// Whether the server said `disconnect`, and the program waits to say so to what is typed.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        matches!(self.state, State::Rejected)
    }

    /// Whether the program is over.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.exit_status().is_some()
    }

    /// How the program ended, once it did.
    #[must_use]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        match self.state {
            State::Ended(status) => Some(status),
            _ => None,
        }
    }

    fn react(&mut self, input: Input<'_>) -> Vec<Effect> {
        match input {
            Input::Typed(line) => self.typed(line),
            Input::EndOfInput => {
                self.input_ended = true;
                Vec::new()
            }
            Input::Interrupt => self.interrupted(),
            Input::Connected => self.connected(),
            Input::NotReached(why) => self.fail(why.to_owned(), ExitStatus::NotReached),
            Input::Line(line) => self.line(line),
            Input::ServerClosed => self.lost(SERVER_CLOSED.to_owned()),
            Input::ServerLost(how) => {
                self.lost(format!("the connection to the server was lost: {how}"))
            }
            Input::ServerFault(fault) => self.broken(fault),
        }
    }

    /// Asks the first question without an answer, or connects if there is none.
    fn ask_next(&mut self) -> Vec<Effect> {
        let Some(option) = self.answers.option else {
            return self.ask(State::ExpectOption);
        };
        let Some(alias) = self.answers.name.clone() else {
            return self.ask(State::ExpectName);
        };
        if option == MenuOption::Join && self.answers.group.is_none() {
            return self.ask(State::ExpectGroup);
        }
        let Some(password) = self.answers.password.clone() else {
            return self.ask(State::ExpectPassword);
        };
        self.state = State::Connecting(Login { alias, password, group: self.answers.group });
        vec![Effect::Connect]
    }

    fn ask(&mut self, question: State) -> Vec<Effect> {
        let creates = self.answers.option == Some(MenuOption::Create);
        let effects = match &question {
            State::ExpectName => vec![Effect::Prompt(ASK_NAME)],
            State::ExpectGroup => vec![Effect::Prompt(ASK_GROUP)],
            State::ExpectPassword if creates => vec![Effect::Prompt(ASK_NEW_PASSWORD)],
            State::ExpectPassword => vec![Effect::Prompt(ASK_PASSWORD)],
            _ => print_all(&MENU),
        };
        self.state = question;
        effects
    }

    fn typed(&mut self, line: &str) -> Vec<Effect> {
        match &self.state {
            State::ExpectOption => self.option_typed(line),
            State::ExpectName => self.answered(line.parse(), |answers| &mut answers.name),
            State::ExpectGroup => self.answered(line.parse(), |answers| &mut answers.group),
            State::ExpectPassword => self.answered(line.parse(), |answers| &mut answers.password),
            State::Connecting(_) | State::Handshaking { .. } => {
                self.typed_ahead.push_back(line.to_owned());
                Vec::new()
            }
            State::Chatting { asked, .. } => say(asked, line),
            State::Rejected => self.end_with(CANNOT_SEND),
            State::Ended(_) => Vec::new(),
        }
    }

    fn option_typed(&mut self, line: &str) -> Vec<Effect> {
        match MenuOption::parse(line) {
            None => self.end_with(INVALID_OPTION),
            Some(MenuOption::Disconnect) => self.exit(ExitStatus::Ended),
            option => {
                self.answers.option = option;
                self.ask_next()
            }
        }
    }

    /// Keeps an answer and goes on, or says what is wrong with it and asks again.
    fn answered<T, E: std::fmt::Display>(
        &mut self,
        answer: Result<T, E>,
        place: impl FnOnce(&mut Answers) -> &mut Option<T>,
    ) -> Vec<Effect> {
        match answer {
            Ok(value) => {
                *place(&mut self.answers) = Some(value);
                self.ask_next()
            }
            Err(why) => {
                let mut effects = vec![Effect::Print(why.to_string())];
                effects.extend(self.ask_next());
                effects
            }
        }
    }

    fn interrupted(&mut self) -> Vec<Effect> {
        match self.state {
            State::Chatting { .. } | State::Rejected => self.leave(ExitStatus::Ended),
            State::Ended(_) => Vec::new(),
            _ => self.leave(ExitStatus::Interrupted),
        }
    }

    fn connected(&mut self) -> Vec<Effect> {
        if let State::Connecting(login) = &self.state {
            let asked = login.alias.clone();
            let handshake = ClientHandshake::new(login.clone());
            self.state = State::Handshaking { asked, handshake };
        }
        Vec::new()
    }

    fn line(&mut self, line: &str) -> Vec<Effect> {
        match &self.state {
            State::Handshaking { asked, handshake } => {
                let (asked, handshake) = (asked.clone(), handshake.clone());
                self.handshake_line(asked, handshake, line)
            }
            State::Chatting { .. } => vec![shown(line)],
            _ => Vec::new(),
        }
    }

    fn handshake_line(
        &mut self,
        asked: Alias,
        handshake: ClientHandshake,
        line: &str,
    ) -> Vec<Effect> {
        match handshake.handle(line) {
            Ok(ClientStep::Answer { answer, next, .. }) => {
                self.state = State::Handshaking { asked, handshake: next };
                vec![Effect::Send(answer)]
            }
            Ok(ClientStep::Read(next)) => {
                self.state = State::Handshaking { asked, handshake: next };
                vec![shown(line)]
            }
            Ok(ClientStep::Connected { name, group }) => {
                self.state = State::Chatting { asked, name, group };
                vec![shown(line)]
            }
            Ok(ClientStep::Rejected(rejection)) => self.rejected(rejection),
            Err(fault) => self.broken(&fault),
        }
    }

    fn rejected(&mut self, rejection: Rejection) -> Vec<Effect> {
        match rejection {
            Rejection::Disconnect => {
                self.state = State::Rejected;
                print_all(&REFUSED)
            }
            Rejection::WrongOption => self.end_with(INVALID_OPTION),
            Rejection::DisconnectOption => self.end_with(BYE),
        }
    }

    fn lost(&mut self, how: String) -> Vec<Effect> {
        // After a rejection the server closes: nothing is amiss.
        if matches!(self.state, State::Rejected) {
            return Vec::new();
        }
        self.fail(how, ExitStatus::ServerGone)
    }

    fn broken(&mut self, fault: &ServerFault) -> Vec<Effect> {
        if matches!(self.state, State::Rejected) {
            return Vec::new();
        }
        let complaint = format!("the server does not keep to the protocol: {fault}");
        self.fail(complaint, ExitStatus::ServerFault)
    }

    /// Leaves the server, if there is one, and ends the program.
    fn leave(&mut self, status: ExitStatus) -> Vec<Effect> {
        let has_server = matches!(self.state, State::Handshaking { .. } | State::Chatting { .. });
        let mut effects = self.exit(status);
        if has_server {
            effects.insert(0, Effect::Close);
        }
        effects
    }

    fn fail(&mut self, why: String, status: ExitStatus) -> Vec<Effect> {
        if self.is_ended() {
            return Vec::new();
        }
        let mut effects = vec![Effect::Complain(why)];
        effects.extend(self.exit(status));
        effects
    }

    fn end_with(&mut self, line: &str) -> Vec<Effect> {
        let mut effects = vec![Effect::Print(line.to_owned())];
        effects.extend(self.exit(ExitStatus::Ended));
        effects
    }

    fn exit(&mut self, status: ExitStatus) -> Vec<Effect> {
        self.state = State::Ended(status);
        vec![Effect::Exit(status)]
    }
}

fn print_all(lines: &[&str]) -> Vec<Effect> {
    lines.iter().map(|line| Effect::Print((*line).to_owned())).collect()
}

/// A line from the server as a person sees it.
fn shown(line: &str) -> Effect {
    // The space that ends this notice on the wire means nothing to a person.
    let is_created = matches!(ServerLine::parse(line), ServerLine::Notice(Notice::Created(_)));
    let line = if is_created { line.trim_end() } else { line };
    Effect::Print(line.to_owned())
}

/// What a typed line becomes: a message with the name in front that this client asked for, as the
/// original programs send it.
fn say(asked: &Alias, line: &str) -> Vec<Effect> {
    if line.trim().is_empty() {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    message::compose(asked.as_str(), line, &mut bytes);
    let message = String::from_utf8(bytes).expect("a name and a text are both UTF-8");
    // A line end would make two messages of one.
    vec![Effect::Send(message.replace('\n', " "))]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal, and all that can be seen on it: what is shown and what is typed.
    struct Screen {
        terminal: Terminal,
        seen: String,
        sent: Vec<String>,
        other: Vec<Effect>,
    }

    impl Screen {
        fn new(preset: Preset) -> Self {
            let (terminal, effects) = Terminal::new(preset);
            let mut screen =
                Screen { terminal, seen: String::new(), sent: Vec::new(), other: Vec::new() };
            screen.carry_out(effects);
            screen
        }

        fn carry_out(&mut self, effects: Vec<Effect>) {
            for effect in effects {
                match effect {
                    Effect::Print(line) | Effect::Complain(line) => self.seen += &(line + "\n"),
                    Effect::Prompt(question) => self.seen += question,
                    Effect::Send(message) => self.sent.push(message),
                    other => self.other.push(other),
                }
            }
        }

        fn input(&mut self, input: Input<'_>) -> &mut Self {
            let effects = self.terminal.handle(input);
            self.carry_out(effects);
            self
        }

        fn type_all(&mut self, lines: &[&str]) -> &mut Self {
            for line in lines {
                self.seen += &format!("{line}\n");
                self.input(Input::Typed(line));
            }
            self
        }

        fn receive(&mut self, lines: &[&str]) -> &mut Self {
            for line in lines {
                self.input(Input::Line(line));
            }
            self
        }

        fn handshake(&mut self, verdict: &[&str]) -> &mut Self {
            self.input(Input::Connected).receive(&PROMPTS).receive(verdict)
        }
    }

    const PROMPTS: [&str; 4] = ["enter group chat id:", "alias?", "password?", "option?"];
    const WELCOME: &str = "YOU ARE NOW CONNECTED TO THE CHAT";

    fn joining(name: &str, group: u32, password: &str) -> Preset {
        Preset {
            purpose: Some(Purpose::Join(group.into())),
            name: Some(name.parse().unwrap()),
            password: Some(password.parse().unwrap()),
        }
    }

    fn eliana_chatting() -> Screen {
        let mut screen = Screen::new(joining("Eliana", 2, "123"));
        screen.handshake(&["Eliana has connected to the chat room", WELCOME]);
        screen.seen.clear();
        screen.sent.clear();
        screen.other.clear();
        screen
    }

    #[test]
    fn noya_creates_a_group_as_in_the_document() {
        let mut screen = Screen::new(Preset::default());
        screen.type_all(&["2", "Noya", "123"]);
        assert_eq!(screen.other, [Effect::Connect]);
        screen
            .handshake(&[
                "THE NEWLY CREATED CHAT ID IS 2 ",
                "Noya has connected to the chat room",
                WELCOME,
            ])
            .receive(&["Eliana has connected to the chat room", "Eliana: Hello"])
            .type_all(&["Hi"])
            .receive(&["Noya: Hi", "Eliana: Aloha"]);
        assert_eq!(
            screen.seen,
            "Choose an option:\n\
             1) Connect to a group chat\n\
             2) Create a new group chat\n\
             3) Disconnect\n\
             2\n\
             ENTER YOUR NAME: Noya\n\
             CHOOSE A PASSWORD FOR THE GROUP: 123\n\
             THE NEWLY CREATED CHAT ID IS 2\n\
             Noya has connected to the chat room\n\
             YOU ARE NOW CONNECTED TO THE CHAT\n\
             Eliana has connected to the chat room\n\
             Eliana: Hello\n\
             Hi\n\
             Noya: Hi\n\
             Eliana: Aloha\n"
        );
        assert_eq!(screen.sent, ["1", "Noya", "123", "2", "Noya: Hi"]);
        assert_eq!(screen.terminal.name().map(AssignedName::as_str), Some("Noya"));
        assert_eq!(screen.terminal.group(), Some(GroupId::FIRST));
    }

    #[test]
    fn eliana_joins_as_in_the_document() {
        let mut screen = Screen::new(Preset::default());
        screen
            .type_all(&["1", "Eliana", "2", "123"])
            .handshake(&["Eliana has connected to the chat room", WELCOME])
            .type_all(&["Hello"])
            .receive(&["Eliana: Hello", "Noya: Hi"])
            .type_all(&["Aloha"])
            .receive(&["Eliana: Aloha"]);
        assert_eq!(
            screen.seen,
            "Choose an option:\n\
             1) Connect to a group chat\n\
             2) Create a new group chat\n\
             3) Disconnect\n\
             1\n\
             ENTER YOUR NAME: Eliana\n\
             ENTER THE ID OF THE GROUP YOU WANT TO JOIN: 2\n\
             ENTER THE PASSWORD: 123\n\
             Eliana has connected to the chat room\n\
             YOU ARE NOW CONNECTED TO THE CHAT\n\
             Hello\n\
             Eliana: Hello\n\
             Noya: Hi\n\
             Aloha\n\
             Eliana: Aloha\n"
        );
        assert_eq!(screen.sent, ["2", "Eliana", "123", "1", "Eliana: Hello", "Eliana: Aloha"]);
    }

    #[test]
    fn ariel_is_refused_as_in_the_document() {
        let mut screen = Screen::new(Preset::default());
        screen.type_all(&["1", "Ariel", "2", "122"]).handshake(&["disconnect"]);
        assert!(screen.terminal.is_rejected());
        screen.input(Input::ServerClosed);
        assert!(screen.terminal.is_rejected(), "it waits for what is typed");
        screen.type_all(&["can anyone hear me?"]);
        assert_eq!(
            screen.seen,
            "Choose an option:\n\
             1) Connect to a group chat\n\
             2) Create a new group chat\n\
             3) Disconnect\n\
             1\n\
             ENTER YOUR NAME: Ariel\n\
             ENTER THE ID OF THE GROUP YOU WANT TO JOIN: 2\n\
             ENTER THE PASSWORD: 122\n\
             Sorry, we are unable to connect you to the group chat\n\
             Disconnecting you from the server . .\n\
             Disconnection completed\n\
             can anyone hear me?\n\
             Disconnection completed, you can not send messages!\n"
        );
        assert_eq!(screen.terminal.exit_status(), Some(ExitStatus::Ended));
        assert_eq!(screen.sent, ["2", "Ariel", "122", "1"]);
    }

    #[test]
    fn option_three_ends_without_a_word_and_without_a_connection() {
        let (mut terminal, _) = Terminal::new(Preset::default());
        assert_eq!(terminal.handle(Input::Typed("3")), [Effect::Exit(ExitStatus::Ended)]);
        assert_eq!(terminal.handle(Input::Typed("2")), []);
    }

    #[test]
    fn what_is_no_option_ends_without_a_connection() {
        for typed in ["4", "", "1 ", "01", "join"] {
            let (mut terminal, _) = Terminal::new(Preset::default());
            assert_eq!(
                terminal.handle(Input::Typed(typed)),
                [Effect::Print(INVALID_OPTION.to_owned()), Effect::Exit(ExitStatus::Ended)],
                "{typed:?}"
            );
        }
    }

    #[test]
    fn a_bad_answer_is_explained_and_asked_for_again() {
        let mut screen = Screen::new(Preset::default());
        screen.type_all(&["1"]);
        screen.seen.clear();
        screen.type_all(&["No:ya", "Noya", "two", "2", "", "123"]);
        assert_eq!(
            screen.seen,
            "No:ya\n\
             a name cannot contain a colon\n\
             ENTER YOUR NAME: Noya\n\
             ENTER THE ID OF THE GROUP YOU WANT TO JOIN: two\n\
             a group id is a decimal number such as 2\n\
             ENTER THE ID OF THE GROUP YOU WANT TO JOIN: 2\n\
             ENTER THE PASSWORD: \n\
             a password has 1 to 128 bytes, and this one has none\n\
             ENTER THE PASSWORD: 123\n"
        );
        assert_eq!(screen.other, [Effect::Connect]);
    }

    #[test]
    fn what_is_preset_is_not_asked() {
        let (_, effects) = Terminal::new(joining("Noya", 2, "123"));
        assert_eq!(effects, [Effect::Connect]);
        let noya = Some("Noya".parse().unwrap());
        let create = Preset { purpose: Some(Purpose::Create), name: noya.clone(), password: None };
        let (_, effects) = Terminal::new(create);
        assert_eq!(effects, [Effect::Prompt(ASK_NEW_PASSWORD)]);
        let mut screen = Screen::new(Preset { name: noya, ..Preset::default() });
        screen.seen.clear();
        screen.type_all(&["1", "2"]);
        assert_eq!(screen.seen, format!("1\n{ASK_GROUP}2\n{ASK_PASSWORD}"));
    }

    #[test]
    fn the_other_ways_a_server_rejects() {
        for (line, shown) in [("wrong option", INVALID_OPTION), ("disconnect option", BYE)] {
            let mut screen = Screen::new(joining("Noya", 2, "123"));
            screen.handshake(&[line]);
            assert_eq!(screen.seen, format!("{shown}\n"));
            assert_eq!(screen.terminal.exit_status(), Some(ExitStatus::Ended), "{line}");
        }
    }

    #[test]
    fn why_an_answer_was_refused_is_shown() {
        let mut screen = Screen::new(joining("Noya", 2, "123"));
        screen.handshake(&["answer refused, it is bad", "disconnect"]);
        assert_eq!(screen.seen, format!("answer refused, it is bad\n{}\n", REFUSED.join("\n")));
    }

    #[test]
    fn a_chat_shows_every_line_as_it_came() {
        let mut screen = eliana_chatting();
        let lines = [
            "message refused, it has 1025 bytes and the limit is 1024",
            "alias?",
            "disconnect",
            "what is this",
            "Noya:  two spaces ",
            "Noya has left the chat room!",
        ];
        screen.receive(&lines);
        assert_eq!(screen.seen, lines.join("\n") + "\n");
        assert!(screen.terminal.is_chatting());
    }

    #[test]
    fn a_renamed_client_goes_on_saying_the_name_it_asked_for() {
        let mut screen = Screen::new(joining("Noya", 2, "123"));
        screen.handshake(&["Noya+1- has connected to the chat room", WELCOME]);
        screen.sent.clear();
        screen.type_all(&["Hi"]);
        assert_eq!(screen.sent, ["Noya: Hi"]);
        assert_eq!(screen.terminal.name().map(AssignedName::as_str), Some("Noya+1-"));
    }

    #[test]
    fn a_typed_line_is_sent_as_it_is_but_never_as_two() {
        let mut screen = eliana_chatting();
        screen.type_all(&["", "  ", "\t"]);
        assert_eq!(screen.sent, [""; 0]);
        screen.type_all(&[" a\tb\x07 ", "one\ntwo"]);
        assert_eq!(screen.sent, ["Eliana:  a\tb\x07 ", "Eliana: one two"]);
    }

    #[test]
    fn what_is_typed_ahead_is_used_once_the_server_has_spoken() {
        let mut screen = Screen::new(joining("Eliana", 2, "123"));
        screen.type_all(&["Hello"]).input(Input::EndOfInput);
        screen.input(Input::Connected).receive(&PROMPTS);
        assert_eq!(screen.sent, ["2", "Eliana", "123", "1"]);
        screen.receive(&["Eliana has connected to the chat room", WELCOME]);
        assert_eq!(screen.sent[4..], ["Eliana: Hello"]);
        let end = [Effect::Connect, Effect::Close, Effect::Exit(ExitStatus::Ended)];
        assert_eq!(screen.other, end);

        let mut screen = Screen::new(joining("Ariel", 2, "122"));
        screen.type_all(&["can anyone hear me?"]).handshake(&["disconnect"]);
        assert!(screen.seen.ends_with(&format!("{CANNOT_SEND}\n")), "{}", screen.seen);
    }

    #[test]
    fn leaving_a_chat_closes_the_connection_in_good_order() {
        for input in [Input::EndOfInput, Input::Interrupt] {
            let mut screen = eliana_chatting();
            screen.input(input);
            assert_eq!(screen.other, [Effect::Close, Effect::Exit(ExitStatus::Ended)]);
        }
    }

    #[test]
    fn an_interrupt_before_the_chat_cancels() {
        let interrupted = || Effect::Exit(ExitStatus::Interrupted);
        let (mut terminal, _) = Terminal::new(Preset::default());
        assert_eq!(terminal.handle(Input::Interrupt), [interrupted()]);
        let (mut terminal, _) = Terminal::new(joining("Noya", 2, "123"));
        assert_eq!(terminal.handle(Input::Interrupt), [interrupted()]);
        let (mut terminal, _) = Terminal::new(joining("Noya", 2, "123"));
        terminal.handle(Input::Connected);
        assert_eq!(terminal.handle(Input::Interrupt), [Effect::Close, interrupted()]);
    }

    #[test]
    fn the_end_of_input_ends_what_waits_for_it() {
        let ended = [Effect::Exit(ExitStatus::Ended)];
        let (mut terminal, _) = Terminal::new(Preset::default());
        assert_eq!(terminal.handle(Input::EndOfInput), ended);
        let mut screen = Screen::new(joining("Ariel", 2, "122"));
        screen.handshake(&["disconnect"]);
        assert_eq!(screen.terminal.handle(Input::EndOfInput), ended);
    }

    #[test]
    fn failures_are_one_line_and_a_status_of_their_own() {
        let check = |input, complaint: &str, status| {
            let mut screen = eliana_chatting();
            assert_eq!(
                screen.terminal.handle(input),
                [Effect::Complain(complaint.to_owned()), Effect::Exit(status)]
            );
            assert_eq!(screen.terminal.handle(input), [], "it has ended");
        };
        check(Input::ServerClosed, "the server closed the connection", ExitStatus::ServerGone);
        check(
            Input::ServerLost("reset"),
            "the connection to the server was lost: reset",
            ExitStatus::ServerGone,
        );
        check(
            Input::ServerFault(&ServerFault::LineTooLong { bytes: 5000 }),
            "the server does not keep to the protocol: the server sent a line of 5000 bytes, \
             and the limit is 1166",
            ExitStatus::ServerFault,
        );
        check(Input::NotReached("no"), "no", ExitStatus::NotReached);
    }

    #[test]
    fn a_server_out_of_order_is_a_fault() {
        let mut screen = Screen::new(joining("Noya", 2, "123"));
        screen.input(Input::Connected).receive(&["option?"]);
        assert_eq!(
            screen.seen,
            "the server does not keep to the protocol: expected the prompt \
             `enter group chat id:`, but the server sent `option?`\n"
        );
        assert_eq!(screen.terminal.exit_status(), Some(ExitStatus::ServerFault));
    }
}
