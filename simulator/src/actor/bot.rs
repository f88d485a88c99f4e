//! A client as a bot: the terminal program's own state machine over a connection of its own.

use std::collections::VecDeque;
use std::time::Duration;

use chatroom_client::terminal::{Effect, ExitStatus, Input, Preset, Terminal};
use chatroom_protocol::handshake::{ClientHandshake, ClientStep, Login};
use chatroom_protocol::{Notice, ServerLine};

use super::socket::{Arrival, Received, Socket, Way};
use super::{Happening, Moment, Seen};
use crate::fault::{Closing, Fault};
use crate::scenario::Writing;

/// How long a connect may take at most; the step's own deadline mostly ends it sooner.
const CONNECT_LIMIT: Duration = crate::toml_reader::MAX_WAIT;

#[derive(Debug)]
pub(super) struct Bot {
    way: Way,
    terminal: Terminal,
    /// The handshake once more, so that what a server does wrong is known as what it is.
    check: Option<ClientHandshake>,
    typed: Vec<String>,
    socket: Option<Socket>,
    /// Shown and not yet seen.
    screen: VecDeque<Seen>,
    /// Whether bytes were written after the last line end.
    inside_line: bool,
    /// Whether the server has asked anything.
    was_asked: bool,
}

impl Bot {
    pub(super) fn new(way: Way) -> Self {
        let (terminal, effects) = Terminal::new(Preset::default());
        let mut bot = Bot {
            way,
            terminal,
            check: None,
            typed: Vec::new(),
            socket: None,
            screen: VecDeque::new(),
            inside_line: false,
            was_asked: false,
        };
        // Before anything is typed, there is only the menu to show.
        bot.screen.extend(effects.into_iter().filter_map(shown));
        bot
    }

    pub(super) async fn type_lines(
        &mut self,
        lines: &[String],
        writing: Writing,
        time_scale: f64,
        random: &mut fastrand::Rng,
    ) -> Result<(), Fault> {
        let mut messages = Vec::new();
        for line in lines {
            self.typed.push(line.clone());
            let effects = self.terminal.handle(Input::Typed(line));
            messages.extend(self.apply(effects).await?);
        }
        let Some(socket) = &mut self.socket else { return Ok(()) };
        // How the connection ended, if it has, is told by the reading side.
        let _ = match writing {
            Writing::AtOnce => socket.send_lines(&messages).await,
            _ => {
                let bytes: String = messages.iter().map(|message| format!("{message}\n")).collect();
                socket.send_bytes(bytes.as_bytes(), writing, time_scale, random).await
            }
        };
        Ok(())
    }

    /// Writes bytes past the terminal.
    pub(super) async fn write(
        &mut self,
        bytes: &[u8],
        writing: Writing,
        time_scale: f64,
        random: &mut fastrand::Rng,
    ) {
        self.inside_line = bytes.last().is_some_and(|byte| *byte != b'\n');
        if let Some(socket) = &mut self.socket {
            // How the connection ended, if it has, is told by the reading side.
            let _ = socket.send_bytes(bytes, writing, time_scale, random).await;
        }
    }

    /// # Cancel safety
    ///
    /// Nothing is lost when this is dropped while it waits for the server.
    pub(super) async fn next(&mut self, history: &mut Vec<Moment>) -> Result<Seen, Fault> {
        loop {
            if let Some(seen) = self.screen.pop_front() {
                return Ok(seen);
            }
            let arrival = match &mut self.socket {
                Some(socket) => socket.next().await,
                None => None,
            };
            match arrival {
                Some(arrival) => self.take(arrival, history).await?,
                // Nothing will come any more.
                None => std::future::pending().await,
            }
        }
    }

    async fn take(&mut self, arrival: Arrival, history: &mut Vec<Moment>) -> Result<(), Fault> {
        let at = arrival.at;
        match arrival.what {
            Received::Line(line) => {
                if matches!(ServerLine::parse(&line), ServerLine::Prompt(_)) {
                    self.was_asked = true;
                } else {
                    history.push(Moment { at, what: Happening::Came(line.clone()) });
                }
                self.take_line(line).await
            }
            Received::Bad(fault) => {
                history.push(Moment { at, what: Happening::Note(fault.to_string()) });
                Err(Fault::BadLine(fault))
            }
            Received::End(how) => {
                history.push(Moment { at, what: Happening::Ended(how.clone()) });
                self.take_end(how).await;
                Ok(())
            }
        }
    }

    async fn take_line(&mut self, line: String) -> Result<(), Fault> {
        if self.terminal.is_rejected() || self.terminal.is_ended() {
            // The program would show nothing; a judge wants to know.
            self.screen.push_back(Seen::Line(line));
            return Ok(());
        }
        check_form(&line)?;
        self.check_handshake(&line)?;
        let effects = self.terminal.handle(Input::Line(&line));
        let answers = self.apply(effects).await?;
        if let (Some(socket), false) = (&mut self.socket, answers.is_empty()) {
            // How the connection ended, if it has, is told by the reading side.
            let _ = socket.send_lines(&answers).await;
        }
        Ok(())
    }

    /// Follows the handshake beside the terminal, which would only show what is wrong.
    fn check_handshake(&mut self, line: &str) -> Result<(), Fault> {
        let Some(check) = self.check.take() else { return Ok(()) };
        match check.handle(line).map_err(Fault::BadLine)? {
            ClientStep::Answer { next, .. } | ClientStep::Read(next) => self.check = Some(next),
            ClientStep::Connected { .. } | ClientStep::Rejected(_) => {}
        }
        Ok(())
    }

    async fn take_end(&mut self, how: Closing) {
        let ended_program = self.terminal.is_ended();
        self.screen.push_back(Seen::Closed(how));
        if !ended_program {
            let effects = self.terminal.handle(Input::ServerClosed);
            self.screen.extend(effects.into_iter().filter_map(shown));
        }
    }

    /// Does what the terminal wants done, and returns what it wants sent.
    async fn apply(&mut self, effects: Vec<Effect>) -> Result<Vec<String>, Fault> {
        let mut messages = Vec::new();
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Send(message) => messages.push(message),
                Effect::Connect => {
                    let socket = Socket::open(self.way.clone(), CONNECT_LIMIT).await?;
                    self.socket = Some(socket);
                    self.check = self.login().map(ClientHandshake::new);
                    effects.extend(self.terminal.handle(Input::Connected));
                }
                Effect::Close => {
                    if let Some(socket) = self.socket.take() {
                        socket.close().await;
                    }
                }
                effect => self.screen.extend(shown(effect)),
            }
        }
        Ok(messages)
    }

    /// What was typed, as the login that the terminal makes of it.
    fn login(&self) -> Option<Login> {
        let (group, name, password) = match self.typed.as_slice() {
            [_, name, password] => (None, name, password),
            [_, name, group, password] => (Some(group.parse().ok()?), name, password),
            _ => return None,
        };
        Some(Login { alias: name.parse().ok()?, password: password.parse().ok()?, group })
    }

    pub(super) fn unsee(&mut self, seen: Seen) {
        self.screen.push_front(seen);
    }

    /// Ends the input; the exit status of the program.
    pub(super) async fn leave(mut self) -> u8 {
        let effects = self.terminal.handle(Input::EndOfInput);
        // Leaving connects to nothing, so it cannot fail.
        let _ = self.apply(effects).await;
        self.terminal.exit_status().unwrap_or(ExitStatus::Ended).code()
    }

    pub(super) fn into_socket(self) -> Option<Socket> {
        self.socket
    }

    pub(super) async fn half_close(&mut self) {
        if let Some(socket) = &mut self.socket {
            // A connection that is gone has nothing left to close.
            let _ = socket.half_close().await;
        }
    }

    pub(super) fn stop_reading(&mut self) {
        if let Some(socket) = &mut self.socket {
            socket.stop_reading();
        }
    }

    pub(super) fn was_asked(&self) -> bool {
        self.was_asked
    }

    pub(super) fn is_inside_line(&self) -> bool {
        self.inside_line
    }
}

/// What an effect puts on the screen.
fn shown(effect: Effect) -> Option<Seen> {
    match effect {
        Effect::Print(line) | Effect::Complain(line) => Some(Seen::Line(line)),
        Effect::Prompt(prompt) => Some(Seen::Prompt(prompt.to_owned())),
        Effect::Exit(status) => Some(Seen::Exited(status.code())),
        Effect::Connect | Effect::Send(_) | Effect::Close => None,
    }
}

/// A notice that a person would read as right has to be right to the byte.
fn check_form(line: &str) -> Result<(), Fault> {
    match ServerLine::parse(line) {
        ServerLine::Notice(notice) if !is_in_form(notice, line) => {
            Err(Fault::WrongForm { wanted: notice.to_string(), got: line.to_owned() })
        }
        _ => Ok(()),
    }
}

fn is_in_form(notice: Notice<'_>, line: &str) -> bool {
    notice.to_string() == line
}
