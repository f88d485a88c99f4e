//! The clients of a scenario while it is played.
//!
//! An [`Actor`] is one client, whatever is behind it: a bot that runs the terminal program's own
//! state machine, the real program in a process, or a bare connection. The stage types into it and
//! reads what it shows; what was shown and read goes into its transcript, everything that happened
//! into its history.

mod bot;
mod program;
mod socket;
mod tape;
mod transcript;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chatroom_client::terminal::{
    ASK_GROUP, ASK_NAME, ASK_NEW_PASSWORD, ASK_PASSWORD, MENU, REFUSED,
};
use chatroom_protocol::{MenuOption, Notice, message};
use tokio::time::Instant;

use crate::fault::{Closing, Fault};
use crate::scenario::{ClientSpec, Departure, Writing};
use bot::Bot;
use program::Program;
use socket::Way;
pub(crate) use tape::{Deed, Done, Tape};
pub(crate) use transcript::{GroupIds, REPEATED, Transcript};
use wire::Wire;

/// What a client shows next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A whole line.
    Line(String),
    /// A question, on whose line the answer is typed.
    Prompt(String),
    /// The server has ended the connection.
    Closed(Closing),
    /// The program has ended.
    Exited(u8),
}

/// Something that happened to a client.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    pub(crate) what: Happening,
}

/// What can happen to a client.
#[derive(Debug, Clone)]
pub(crate) enum Happening {
    /// A line came.
    Came(String),
    /// A line came, and no step has read it.
    Unread(String),
    /// It typed or wrote something.
    Typed(String),
    /// The connection ended.
    Ended(Closing),
    /// It went, or began to.
    Went(Departure),
    /// Something else, in words.
    Note(String),
}

impl Happening {
    /// Whether this is a fence's marker, typed or come as it has to.
    pub(crate) fn is_marker(&self) -> bool {
        match self {
            Happening::Typed(text) => text.starts_with(MARKER),
            Happening::Came(line) => {
                line.split_once(": ").is_some_and(|(_, text)| text.starts_with(MARKER))
            }
            Happening::Unread(_)
            | Happening::Ended(_)
            | Happening::Went(_)
            | Happening::Note(_) => false,
        }
    }
}

/// How the text of every fence's marker starts.
pub(crate) const MARKER: &str = "fence ";

/// A client's place in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The name the server gave it.
    pub(crate) name: String,
    /// The name it asked for.
    pub(crate) asked: String,
    /// The group's id on this server.
    pub(crate) group: u32,
}

impl Membership {
    /// The text of a message, without the client's own name in front.
    pub(crate) fn unstamped<'t>(&self, text: &'t str) -> &'t str {
        message::without_name([&self.name, &self.asked], text)
    }
}

/// A line that is typed.
#[derive(Debug, Clone)]
pub(crate) struct Typing {
    /// What goes to the program.
    pub(crate) text: String,
    /// What the transcript shows, if anything.
    pub(crate) shown: Option<String>,
}

/// What a client answers when its program asks.
#[derive(Debug, Clone)]
pub(crate) enum Answers {
    /// Everything, to join or to create.
    Full {
        /// Its name.
        name: String,
        /// The group to join, on this server and in the scenario; `None` to create one.
        group: Option<(u32, String)>,
        /// The password.
        password: String,
    },
    /// Only the menu.
    Menu(String),
}

/// How a login ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LoginEnd {
    /// It is a member. `created` is the id it was told, if it created the group.
    Admitted { created: Option<u32> },
    /// It was refused.
    Refused,
    /// Its program ends.
    Ended,
}

/// What all actors of a scenario share.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    /// The server.
    pub(crate) addr: SocketAddr,
    /// The terminal program to run in place of bots, if any.
    pub(crate) program: Option<PathBuf>,
    /// What every length of time is multiplied by.
    pub(crate) time_scale: f64,
    /// How group ids are shifted.
    pub(crate) ids: Arc<GroupIds>,
    /// What the bots do on the wire.
    pub(crate) tape: Arc<Tape>,
}

/// One client.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) spec: ClientSpec,
    pub(crate) transcript: Transcript,
    pub(crate) history: Vec<Moment>,
    pub(crate) membership: Option<Membership>,
    /// Whether it still reads.
    pub(crate) reads: bool,
    setting: Setting,
    random: fastrand::Rng,
    driver: Driver,
}

#[derive(Debug)]
enum Driver {
    Absent,
    Bot(Box<Bot>),
    Program(Program),
    Wire(Wire),
}

/// What stands last in the menu; the option is typed after it.
const MENU_END: &str = MENU[MENU.len() - 1];
/// What a refused client is shown last.
const REFUSED_END: &str = REFUSED[REFUSED.len() - 1];

/// How many unread lines of a client are looked at when a scenario has failed.
const MOST_GATHERED: usize = 64;

/// How long a client that goes at the end of a scenario waits to be let go.
const PART_LIMIT: Duration = Duration::from_secs(5);

impl Actor {
    pub(crate) fn new(spec: ClientSpec, setting: &Setting, seed: u64) -> Self {
        Actor {
            spec,
            transcript: Transcript::new(Arc::clone(&setting.ids)),
            history: Vec::new(),
            membership: None,
            reads: true,
            setting: setting.clone(),
            random: fastrand::Rng::with_seed(seed),
            driver: Driver::Absent,
        }
    }

    pub(crate) fn key(&self) -> &str {
        &self.spec.key
    }

    /// Whether it is in `group` and reads.
    pub(crate) fn hears(&self, group: u32) -> bool {
        self.reads && self.membership.as_ref().is_some_and(|member| member.group == group)
    }

    /// How it gets to the server.
    fn way(&self) -> Way {
        Way {
            addr: self.setting.addr,
            small_buffer: self.spec.stops_reading,
            client: self.spec.key.clone(),
            tape: Arc::clone(&self.setting.tape),
        }
    }

    /// Opens a bare connection.
    pub(crate) async fn connect(&mut self, limit: Duration) -> Result<(), Fault> {
        let wire = Wire::connect(self.way(), limit).await?;
        self.driver = Driver::Wire(wire);
        self.membership = None;
        self.reads = true;
        Ok(())
    }

    /// Starts the terminal program and answers what it asks, until it is admitted or not.
    pub(crate) async fn login(
        &mut self,
        answers: &Answers,
        deadline: Instant,
    ) -> Result<LoginEnd, Fault> {
        self.membership = None;
        self.reads = true;
        self.driver = match &self.setting.program {
            Some(program) if !self.spec.needs_socket => {
                Driver::Program(Program::start(program, self.setting.addr)?)
            }
            _ => Driver::Bot(Box::new(Bot::new(self.way()))),
        };
        let mut cues = answers.cues();
        cues.reverse();
        let mut told = Told::default();
        loop {
            match self.next(deadline).await? {
                Seen::Line(line) => {
                    self.show(&line);
                    told.hear(&line);
                    if cues.last().is_some_and(|cue| cue.after == line) {
                        self.answer(&mut cues, deadline).await?;
                    }
                    if let Some(end) = told.end(&line) {
                        self.membership = told.membership(answers);
                        return Ok(end);
                    }
                }
                Seen::Prompt(prompt) => {
                    self.transcript.prompt(&prompt);
                    if cues.last().is_some_and(|cue| cue.after == prompt) {
                        self.answer(&mut cues, deadline).await?;
                    } else {
                        return Err(Fault::WrongLine(prompt));
                    }
                }
                Seen::Closed(how) => return Err(Fault::Closed(how)),
                Seen::Exited(status) => {
                    self.unsee(Seen::Exited(status));
                    return Ok(LoginEnd::Ended);
                }
            }
            if cues.is_empty() && matches!(answers, Answers::Menu(_)) {
                return Ok(LoginEnd::Ended);
            }
        }
    }

    async fn answer(&mut self, cues: &mut Vec<Cue>, deadline: Instant) -> Result<(), Fault> {
        let Some(cue) = cues.pop() else { return Ok(()) };
        let is_secret = [ASK_PASSWORD, ASK_NEW_PASSWORD].contains(&cue.after.as_str());
        let typing = Typing { text: cue.answer, shown: Some(cue.shown) };
        self.type_lines(&[typing], Writing::AtOnce, deadline).await?;
        // A report goes to more people than a scenario does.
        if let (true, Some(moment)) = (is_secret, self.history.last_mut()) {
            moment.what = Happening::Typed("(the password)".to_owned());
        }
        Ok(())
    }

    /// Types lines.
    pub(crate) async fn type_lines(
        &mut self,
        lines: &[Typing],
        writing: Writing,
        deadline: Instant,
    ) -> Result<(), Fault> {
        for line in lines {
            self.note(Happening::Typed(line.text.clone()));
            if let Some(shown) = &line.shown {
                self.transcript.typed(shown);
            }
        }
        let texts: Vec<String> = lines.iter().map(|line| line.text.clone()).collect();
        let time_scale = self.setting.time_scale;
        let random = &mut self.random;
        let typing = async {
            match &mut self.driver {
                Driver::Absent => Ok(()),
                Driver::Bot(bot) => bot.type_lines(&texts, writing, time_scale, random).await,
                Driver::Program(program) => {
                    program.type_lines(&texts).await;
                    Ok(())
                }
                Driver::Wire(wire) => {
                    let bytes = texts.iter().map(|text| format!("{text}\n")).collect::<String>();
                    wire.write(bytes.as_bytes(), writing, time_scale, random).await;
                    Ok(())
                }
            }
        };
        let waited = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout_at(deadline, typing).await {
            Ok(typed) => typed,
            Err(_) => Err(Fault::Silence(waited)),
        }
    }

    /// Writes bytes as they stand.
    pub(crate) async fn write_raw(
        &mut self,
        bytes: &[u8],
        shown: &str,
        writing: Writing,
        deadline: Instant,
    ) -> Result<(), Fault> {
        self.note(Happening::Typed(shown.to_owned()));
        self.transcript.typed(shown);
        let (time_scale, random) = (self.setting.time_scale, &mut self.random);
        let write = async {
            match &mut self.driver {
                Driver::Bot(bot) => bot.write(bytes, writing, time_scale, random).await,
                Driver::Wire(wire) => wire.write(bytes, writing, time_scale, random).await,
                Driver::Absent | Driver::Program(_) => {}
            }
        };
        let waited = deadline.saturating_duration_since(Instant::now());
        let written = tokio::time::timeout_at(deadline, write).await;
        written.map_err(|_| Fault::Silence(waited))
    }

    /// What the client shows next.
    pub(crate) async fn next(&mut self, deadline: Instant) -> Result<Seen, Fault> {
        let waited = deadline.saturating_duration_since(Instant::now());
        let history = &mut self.history;
        let next = async {
            match &mut self.driver {
                Driver::Absent => std::future::pending().await,
                Driver::Bot(bot) => bot.next(history).await,
                Driver::Program(program) => program.next(history).await,
                Driver::Wire(wire) => wire.next(history).await,
            }
        };
        let seen = match tokio::time::timeout_at(deadline, next).await {
            Ok(seen) => seen?,
            Err(_) => return Err(Fault::Silence(waited)),
        };
        if let (Driver::Wire(wire), Seen::Line(_)) = (&self.driver, &seen) {
            self.membership = wire.membership();
        }
        if matches!(seen, Seen::Closed(_) | Seen::Exited(_)) {
            self.membership = None;
        }
        Ok(seen)
    }

    /// What the client shows already, without waiting.
    pub(crate) async fn next_if_there(&mut self) -> Result<Option<Seen>, Fault> {
        // A channel that has something completes at once; a deadline that has passed lets it.
        match self.next(Instant::now()).await {
            Ok(seen) => Ok(Some(seen)),
            Err(Fault::Silence(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Puts back what was seen, so that it is seen next.
    pub(crate) fn unsee(&mut self, seen: Seen) {
        match &mut self.driver {
            Driver::Absent => {}
            Driver::Bot(bot) => bot.unsee(seen),
            Driver::Program(program) => program.unsee(seen),
            Driver::Wire(wire) => wire.unsee(seen),
        }
    }

    /// Writes a line that was read into the transcript.
    pub(crate) fn show(&mut self, line: &str) {
        if let Some(Notice::Created(id)) = Notice::parse(line) {
            self.setting.ids.created(id.get());
        }
        self.transcript.print(line);
    }

    pub(crate) fn note(&mut self, what: Happening) {
        self.history.push(Moment { at: Instant::now(), what });
    }

    /// Leaves as a person does, and waits for the program to end.
    pub(crate) async fn leave(&mut self, deadline: Instant) -> Result<(), Fault> {
        self.note(Happening::Went(Departure::Leave));
        self.membership = None;
        match std::mem::replace(&mut self.driver, Driver::Absent) {
            Driver::Absent => Ok(()),
            Driver::Wire(wire) => {
                wire.close().await;
                Ok(())
            }
            Driver::Bot(bot) => {
                let status = bot.leave().await;
                self.transcript.exited(status);
                Ok(())
            }
            Driver::Program(mut program) => {
                program.end_input();
                self.driver = Driver::Program(program);
                self.wait_for_exit(deadline).await.map(drop)
            }
        }
    }

    /// Goes, whatever its standing, without a word to the transcript.
    pub(crate) async fn part(&mut self) {
        // Whoever is not let go in time is cut off by what is dropped here.
        let _ = tokio::time::timeout(PART_LIMIT, self.part_in_peace()).await;
    }

    async fn part_in_peace(&mut self) {
        match std::mem::replace(&mut self.driver, Driver::Absent) {
            Driver::Absent => {}
            Driver::Wire(wire) => wire.close().await,
            Driver::Bot(bot) => {
                if let Some(socket) = bot.into_socket() {
                    socket.close().await;
                }
            }
            Driver::Program(mut program) => {
                program.end_input();
                program.wait().await;
            }
        }
    }

    /// Waits for the program to end, reading nothing but its end.
    pub(crate) async fn wait_for_exit(&mut self, deadline: Instant) -> Result<u8, Fault> {
        match self.next(deadline).await? {
            Seen::Exited(status) => {
                self.transcript.exited(status);
                self.driver = Driver::Absent;
                Ok(status)
            }
            Seen::Line(line) | Seen::Prompt(line) => Err(Fault::Unwanted(line)),
            Seen::Closed(how) => Err(Fault::Closed(how)),
        }
    }

    /// Resets the connection.
    pub(crate) async fn reset(&mut self) -> Result<(), Fault> {
        self.note(Happening::Went(Departure::Reset));
        self.membership = None;
        let socket = match std::mem::replace(&mut self.driver, Driver::Absent) {
            Driver::Bot(bot) => bot.into_socket(),
            Driver::Wire(wire) => Some(wire.into_socket()),
            Driver::Absent | Driver::Program(_) => None,
        };
        match socket {
            None => Ok(()),
            Some(socket) => socket
                .reset()
                .await
                .map_err(|error| Fault::Closed(Closing::Broken(error.to_string()))),
        }
    }

    /// Closes the sending side.
    pub(crate) async fn half_close(&mut self) {
        self.note(Happening::Went(Departure::HalfClose));
        self.membership = None;
        match &mut self.driver {
            Driver::Bot(bot) => bot.half_close().await,
            Driver::Wire(wire) => wire.half_close().await,
            Driver::Absent | Driver::Program(_) => {}
        }
    }

    /// Waits for the server to end the connection, with nothing unread before.
    pub(crate) async fn wait_for_close(&mut self, deadline: Instant) -> Result<(), Fault> {
        let waited = deadline.saturating_duration_since(Instant::now());
        match self.next(deadline).await {
            Ok(Seen::Closed(_)) => {
                self.show_last_words().await;
                Ok(())
            }
            Ok(Seen::Line(line) | Seen::Prompt(line)) => Err(Fault::Unwanted(line)),
            Ok(Seen::Exited(status)) => Err(Fault::Exited(status)),
            Err(Fault::Silence(_)) => Err(Fault::StillOpen(waited)),
            Err(fault) => Err(fault),
        }
    }

    /// What the terminal program says, and how it ends, when the server is gone.
    async fn show_last_words(&mut self) {
        for _ in 0..MOST_GATHERED {
            let Ok(Some(seen)) = self.next_if_there().await else { return };
            match seen {
                Seen::Line(line) | Seen::Prompt(line) => self.show(&line),
                Seen::Closed(_) => {}
                Seen::Exited(status) => {
                    self.transcript.exited(status);
                    self.driver = Driver::Absent;
                }
            }
        }
    }

    pub(crate) fn stop_reading(&mut self) {
        self.note(Happening::Note("stops reading".to_owned()));
        self.reads = false;
        match &mut self.driver {
            Driver::Bot(bot) => bot.stop_reading(),
            Driver::Wire(wire) => wire.stop_reading(),
            Driver::Absent | Driver::Program(_) => {}
        }
    }

    /// Whether a line of its own would reach the server as a line: not in the middle of another.
    pub(crate) fn can_speak(&self) -> bool {
        match &self.driver {
            Driver::Absent => false,
            Driver::Bot(bot) => !bot.is_inside_line(),
            Driver::Program(_) => true,
            Driver::Wire(wire) => !wire.is_inside_line(),
        }
    }

    /// Whether there is anything behind it that could still show something.
    pub(crate) fn is_there(&self) -> bool {
        !matches!(self.driver, Driver::Absent)
    }

    /// Whether its connection is open, as far as it has seen.
    pub(crate) fn is_open(&self) -> bool {
        let mut latest = self.history.iter().rev().map(|moment| &moment.what);
        let end = latest.find(|what| !matches!(what, Happening::Note(_)));
        self.is_there() && !matches!(end, Some(Happening::Ended(_)))
    }

    /// Whether the server has said anything to it.
    pub(crate) fn was_spoken_to(&self) -> bool {
        let came =
            |moment: &Moment| matches!(moment.what, Happening::Came(_) | Happening::Unread(_));
        match &self.driver {
            Driver::Bot(bot) => bot.was_asked(),
            Driver::Absent | Driver::Program(_) | Driver::Wire(_) => self.history.iter().any(came),
        }
    }

    /// Whether it is the real program.
    pub(crate) fn is_program(&self) -> bool {
        matches!(self.driver, Driver::Program(_))
    }

    /// Whether the real program would be run for it.
    pub(crate) fn would_be_program(&self) -> bool {
        self.setting.program.is_some() && self.spec.is_terminal() && !self.spec.needs_socket
    }

    /// Moves what has come, and what nobody has read, into the history: the first of it, because a
    /// server may send without end.
    pub(crate) async fn gather_unread(&mut self) {
        for _ in 0..MOST_GATHERED {
            let Ok(Some(seen)) = self.next_if_there().await else { return };
            let words = match seen {
                Seen::Line(line) | Seen::Prompt(line) => {
                    let came = |moment: &Moment| matches!(&moment.what, Happening::Came(came) if *came == line);
                    if let Some(last) = self.history.iter().rposition(came) {
                        self.history.remove(last);
                    }
                    Happening::Unread(line)
                }
                Seen::Closed(how) => Happening::Ended(how),
                Seen::Exited(status) => Happening::Note(format!("ended with status {status}")),
            };
            self.note(words);
        }
    }
}

/// An answer, and what has to be shown before it is typed.
#[derive(Debug, Clone)]
struct Cue {
    after: String,
    answer: String,
    shown: String,
}

impl Answers {
    /// The answers in the order in which the program asks.
    fn cues(&self) -> Vec<Cue> {
        let cue = |after: &str, answer: &str, shown: &str| Cue {
            after: after.to_owned(),
            answer: answer.to_owned(),
            shown: shown.to_owned(),
        };
        match self {
            Answers::Menu(option) => vec![cue(MENU_END, option, option)],
            Answers::Full { name, group: None, password } => {
                let option = MenuOption::Create.as_str();
                vec![
                    cue(MENU_END, option, option),
                    cue(ASK_NAME, name, name),
                    cue(ASK_NEW_PASSWORD, password, password),
                ]
            }
            Answers::Full { name, group: Some((id, shown)), password } => {
                let option = MenuOption::Join.as_str();
                vec![
                    cue(MENU_END, option, option),
                    cue(ASK_NAME, name, name),
                    cue(ASK_GROUP, &id.to_string(), shown),
                    cue(ASK_PASSWORD, password, password),
                ]
            }
        }
    }
}

/// What a client was told while it logged in.
#[derive(Debug, Default)]
struct Told {
    created: Option<u32>,
    name: Option<String>,
}

impl Told {
    fn hear(&mut self, line: &str) {
        match Notice::parse(line) {
            Some(Notice::Created(id)) => self.created = Some(id.get()),
            Some(Notice::Arrived(name)) => self.name = Some(name.to_owned()),
            _ => {}
        }
    }

    /// Whether `line` is the last of a login.
    fn end(&self, line: &str) -> Option<LoginEnd> {
        match Notice::parse(line) {
            Some(Notice::Welcome) => Some(LoginEnd::Admitted { created: self.created }),
            _ if line == REFUSED_END => Some(LoginEnd::Refused),
            _ => None,
        }
    }

    fn membership(&self, answers: &Answers) -> Option<Membership> {
        let Answers::Full { name: asked, group, .. } = answers else { return None };
        let group = group.as_ref().map(|(id, _)| *id).or(self.created)?;
        Some(Membership { name: self.name.clone()?, asked: asked.clone(), group })
    }
}
