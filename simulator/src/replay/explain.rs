//! What a failure means: which requirement it breaks, the fault by its name, and where to look.
//!
//! Each function here looks at the facts (what was expected, what came, what everybody said and
//! where) and names the most specific fault that fits them. When nothing specific fits, the
//! requirements that the act covers are all there is to say.

use chatroom_protocol::error::{Expected, ServerFault};
use chatroom_protocol::{Notice, Prompt, Refusal, ServerLine};

use super::stage::{Aim, Said, Stage, StepError};
use crate::actor::{Happening, MARKER};
use crate::fault::{Breach, Closing, Fault, quoted};
use crate::scenario::{Action, ClientId, Departure, Step};

/// What a failure means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Explanation {
    /// The requirement it breaks.
    pub(super) requirement: &'static str,
    /// The fault, as a sentence.
    pub(super) fault: String,
    /// Where the author should look, as a sentence; may be empty.
    pub(super) hint: String,
}

fn because(requirement: &'static str, fault: impl Into<String>, hint: &str) -> Option<Explanation> {
    Some(Explanation { requirement, fault: fault.into(), hint: hint.to_owned() })
}

const ONE_RECV: &str = "TCP is a stream: one recv() is neither one line nor a whole line. Keep what \
    came after the last line feed and call recv() again until there is one.";
const SNAPSHOT: &str = "Look at the list of members that the broadcast loops over.";

/// Explains `error`, which `step` of the scenario on `stage` ended with.
pub(super) fn explain(stage: &Stage<'_>, step: Option<&Step>, error: &StepError) -> Option<Explanation> {
    let view = View { stage, step, error };
    match &error.fault {
        Fault::NotConnected(_) => view.not_connected(),
        Fault::Law(breach) => view.breach(breach),
        Fault::BadLine(fault) => view.bad_line(fault),
        Fault::WrongForm { wanted, got } => view.wrong_form(wanted, got),
        Fault::WrongGroup(_) => because(
            "GRP-1",
            "the server gave a new group a wrong id",
            "Ids start at 2 and go up by one for each group that is created, and for nothing else.",
        ),
        Fault::WrongName(name) => view.wrong_name(name),
        Fault::LogSays(_) => because("LOG-4", "the server writes into its log what it must not", ""),
        Fault::LogSilent(_) => view.log_silent(),
        Fault::Admitted => view.admitted(),
        Fault::Refused => view.refused(),
        Fault::StillOpen(_) => view.still_open(),
        Fault::Silence(_) => view.silence(),
        Fault::WrongLine(got) => view.wrong_line(got),
        Fault::Unwanted(got) => view.unwanted(got),
        Fault::Closed(how) => view.closed(how),
        Fault::Exited(_) | Fault::Program(_) => None,
    }
}

/// Everything an explanation is made from.
struct View<'v> {
    stage: &'v Stage<'v>,
    step: Option<&'v Step>,
    error: &'v StepError,
}

impl View<'_> {
    fn client(&self) -> Option<ClientId> {
        self.error.client
    }

    fn key(&self) -> &str {
        self.client().map_or("nobody", |client| self.stage.key(client))
    }

    /// Whether the scenario is about this requirement.
    fn is_about(&self, requirement: &str) -> bool {
        self.stage.scenario.covers.iter().any(|covered| covered == requirement)
    }

    /// The group that the failing client is in.
    fn group(&self) -> Option<u32> {
        self.stage.member(self.client()?).map(|member| member.group)
    }

    /// What was said as this line, in any group; the failing client's own group first.
    fn said(&self, line: &str) -> Option<&Said> {
        let group = self.group();
        let said = || self.stage.said.iter().filter(|said| said.line == line);
        said().find(|said| Some(said.group) == group).or_else(|| said().next())
    }

    /// How often a line came to the failing client.
    fn came(&self, line: &str) -> usize {
        let Some(client) = self.client() else { return 0 };
        let history = &self.stage.actors[client].history;
        let is_it = |what: &Happening| {
            matches!(what, Happening::Came(came) | Happening::Unread(came) if came == line)
        };
        history.iter().filter(|moment| is_it(&moment.what)).count()
    }

    /// How often it was said that way in the client's group.
    fn times_said(&self, line: &str) -> usize {
        let group = self.group();
        let in_group = |said: &&Said| said.line == line && Some(said.group) == group;
        self.stage.said.iter().filter(in_group).count()
    }

    /// Somebody else whose handshake is not over, whoever it may hold up.
    fn handshake_going_on(&self) -> Option<&str> {
        let others = self.stage.actors.iter().enumerate();
        let silent = others.filter(|(client, actor)| {
            Some(*client) != self.client()
                && !actor.spec.is_terminal()
                && actor.is_there()
                && actor.membership.is_none()
        });
        silent.map(|(_, actor)| actor.key()).next()
    }

    /// Somebody who has stopped reading.
    fn stalled(&self) -> Option<&str> {
        self.stage.actors.iter().find(|actor| !actor.reads).map(|actor| actor.key())
    }

    /// Whether a connection was reset before.
    fn after_reset(&self) -> bool {
        let resets = |actor: &crate::actor::Actor| {
            actor.history.iter().any(|moment| {
                matches!(&moment.what, Happening::Note(note) if note.starts_with("resets"))
            })
        };
        self.stage.actors.iter().any(resets)
    }

    fn not_connected(&self) -> Option<Explanation> {
        if let Some(silent) = self.handshake_going_on() {
            return because(
                "HS-5",
                format!("the server accepts nobody while the handshake of {silent} is not over"),
                "Give each connection its handshake in a task or thread of its own.",
            );
        }
        let hint = "Look for an error in one connection that ends the loop which accepts them.";
        because("HS-5", "the server has stopped accepting connections", hint)
    }

    fn breach(&self, breach: &Breach) -> Option<Explanation> {
        match breach {
            Breach::Lost(_) => because("MSG-1", "a message was lost", SNAPSHOT),
            Breach::Doubled(_) => because("MSG-1", "a message was delivered twice", SNAPSHOT),
            Breach::Foreign(line) => self.foreign(line),
            Breach::Order { .. } => because(
                "ORD-1",
                "the members of one group see its messages in different orders",
                "Two senders at the same time must pass through one place (a lock, a queue, a task) \
                 that decides the order for everybody, the sender's own copy included.",
            ),
            Breach::SenderOrder { .. } => because(
                "ORD-2",
                "the messages of one sender came out in another order than they went in",
                "Read and pass on one connection's messages in one place, one after another.",
            ),
        }
    }

    /// A line that nobody said as it is.
    fn foreign(&self, line: &str) -> Option<Explanation> {
        if line.contains(MARKER) {
            return because("MSG-1", "a message was delivered twice", SNAPSHOT);
        }
        self.resembles(line).or_else(|| self.notice(line)).or_else(|| {
            because("MSG-3", format!("{} was said by nobody", quoted(line)), "")
        })
    }

    fn bad_line(&self, fault: &ServerFault) -> Option<Explanation> {
        match fault {
            ServerFault::LineTooLong { .. } => {
                because("LIM-3", "the server sent a line longer than any may be", "")
            }
            ServerFault::Text(_) => because(
                "MSG-4",
                "the server passed on what is not text",
                "Check that a message is UTF-8 without control characters before it goes out.",
            ),
            ServerFault::Unexpected { expected, got } => self.bad_handshake(*expected, got),
        }
    }

    fn bad_handshake(&self, expected: Expected, got: &str) -> Option<Explanation> {
        if let ServerLine::Message { .. } = ServerLine::parse(got) {
            let fault = "the server sent a newcomer a message from before its joining";
            return because("ORD-1", fault, "A member hears what is said after it joined.");
        }
        match expected {
            Expected::Prompt(prompt) => because(
                "HS-1",
                format!("the prompt `{prompt}` has to come here, and {} came", quoted(got)),
                "The four prompts come in one order, each as a line of its own.",
            ),
            Expected::Verdict if Notice::parse(got) == Some(Notice::Welcome) => because(
                "GRP-3",
                "the newcomer was not told of its own joining first",
                "The whole group, the newcomer included, gets `X has connected to the chat room`; \
                 then the newcomer alone gets the welcome.",
            ),
            Expected::Verdict if matches!(Notice::parse(got), Some(Notice::Arrived(_))) => because(
                "GRP-2",
                "the creator was not told the id of its group first",
                "`THE NEWLY CREATED CHAT ID IS n ` comes before everything else.",
            ),
            Expected::Verdict if matches!(Refusal::parse(got), Some(_)) => because(
                "AUTH-3",
                "the refusal tells the client its reason",
                "Only the server's log says why; the client gets `disconnect`.",
            ),
            Expected::Verdict => {
                because("AUTH-3", format!("{} is neither admission nor refusal", quoted(got)), "")
            }
            Expected::OwnArrival | Expected::Welcome => because(
                "GRP-3",
                format!("{expected} has to come here, and {} came", quoted(got)),
                "The newcomer gets the notice of its own joining and then the welcome, and nothing \
                 in between.",
            ),
        }
    }

    fn wrong_form(&self, wanted: &str, got: &str) -> Option<Explanation> {
        let requirement = match Notice::parse(wanted) {
            Some(Notice::Created(_)) => "GRP-2",
            Some(Notice::Disconnect) => "AUTH-3",
            _ => "GRP-3",
        };
        let fault = if wanted.trim_end() == got.trim_end() {
            "the line is right but for the spaces at its end"
        } else {
            "the line is not quite what it has to be"
        };
        because(requirement, fault, "")
    }

    fn wrong_name(&self, name: &str) -> Option<Explanation> {
        let taken = self.stage.actors.iter().enumerate().any(|(client, actor)| {
            Some(client) != self.client()
                && actor.membership.as_ref().is_some_and(|member| member.name == name)
        });
        if taken {
            return because(
                "NAME-2",
                format!("two connected clients are called {}", quoted(name)),
                "Names are unique over the whole server, not only in a group.",
            );
        }
        if self.is_about("LEAVE-3") {
            let hint = "Take the name out of the list when its client goes.";
            return because("LEAVE-3", "the name of a client that has gone is not free again", hint);
        }
        because(
            "NAME-3",
            "a client whose name is in use was renamed wrongly",
            "The count stands between `+` and `-`, and is the smallest that is free.",
        )
    }

    fn log_silent(&self) -> Option<Explanation> {
        match self.error.aim {
            Aim::Log => because(
                "LOG-3",
                "the server's log does not say what it has to",
                "If the server's log cannot be changed, --no-log leaves these checks out.",
            ),
            _ => None,
        }
    }

    fn admitted(&self) -> Option<Explanation> {
        let fault = match self.error.aim {
            Aim::Refusal(Refusal::NoSuchPassword) => {
                "a client was admitted with a password that no group has: the password is not checked"
            }
            Aim::Refusal(Refusal::NoSuchId) => {
                "a client was admitted to a group that does not exist: the id is not checked"
            }
            Aim::Refusal(Refusal::UnmatchingPassword) => {
                "a client was admitted with another group's password"
            }
            _ => "a client was admitted that should not be",
        };
        let hint = "It is not enough that the password exists: it has to be that group's.";
        because("AUTH-2", fault, hint)
    }

    fn refused(&self) -> Option<Explanation> {
        if matches!(self.error.aim, Aim::Write | Aim::Marker) {
            return None;
        }
        if self.is_about("GRP-4") {
            return because(
                "GRP-4",
                "a group cannot be joined any more after its last member left",
                "A group outlives its members; keep its id and password.",
            );
        }
        because(
            "AUTH-2",
            "a client was refused that gave the right id and the right password",
            "If refusals came before, look for a table of passwords that they left out of step.",
        )
    }

    fn still_open(&self) -> Option<Explanation> {
        let client = self.client()?;
        let half_closed = self.stage.actors[client].history.iter().any(|moment| {
            matches!(&moment.what, Happening::Note(note) if note.contains("sending side"))
        });
        if half_closed {
            let hint = "When recv() returns nothing, the client has left: close the socket.";
            return because("LEAVE-2", "the server does not close after the client's end", hint);
        }
        match self.error.aim {
            Aim::Refusal(_) => because(
                "AUTH-3",
                "the connection of a refused client is left open",
                "Close the socket after `disconnect`.",
            ),
            _ => because(
                "HS-4",
                "the connection is left open where the server has to close it",
                "Close the socket after the farewell.",
            ),
        }
    }

    fn silence(&self) -> Option<Explanation> {
        if let Some(stalled) = self.stalled() {
            return because(
                "SLOW-1",
                format!("{} gets nothing since {stalled} stopped reading", self.key()),
                "A send() to a member whose socket is full must not be waited for: queue it, bounded.",
            );
        }
        match &self.error.aim {
            Aim::Admission { .. } | Aim::Refusal(_) => self.silence_in_handshake(None),
            Aim::Marker => self.silence_after_marker(),
            Aim::Line(line) => self.missing_line(line),
            Aim::Connect => self.not_connected(),
            _ => None,
        }
    }

    fn silence_in_handshake(&self, prompt: Option<Prompt>) -> Option<Explanation> {
        if let Some(silent) = self.handshake_going_on().filter(|_| self.is_about("HS-5")) {
            return because(
                "HS-5",
                format!("{} gets no prompt while the handshake of {silent} is not over", self.key()),
                "Give each connection its handshake in a task or thread of its own; the loop that \
                 accepts must not wait for a client.",
            );
        }
        if self.after_reset() {
            let hint = "Look for an error in one connection that ends the loop which accepts them.";
            return because("LEAVE-2", "after a reset, the server serves nobody any more", hint);
        }
        if self.is_about("HS-3") {
            return because(
                "HS-3",
                "answers that came before they were asked for are lost",
                "What recv() returns beyond the first line is the next answer: keep it.",
            );
        }
        match prompt {
            Some(prompt) => because("HS-1", format!("the prompt `{prompt}` does not come"), ONE_RECV),
            None => because("HS-1", "the handshake stops in the middle", ONE_RECV),
        }
    }

    fn silence_after_marker(&self) -> Option<Explanation> {
        let fault = "a message that was sent into the group never came back to all its members";
        if self.is_about("MSG-4") || self.is_about("LIM-2") {
            let fault = "after a message that was refused, the sender's session does not go on";
            return because(if self.is_about("LIM-2") { "LIM-2" } else { "MSG-4" }, fault, "");
        }
        because("MSG-1", fault, SNAPSHOT)
    }

    /// `line` had to come, and nothing came.
    fn missing_line(&self, line: &str) -> Option<Explanation> {
        if let Some(said) = self.said(line) {
            if Some(said.by) == self.client() {
                return because(
                    "MSG-1",
                    format!("the echo is missing: {} does not get its own message", self.key()),
                    "The sender is a member like any other: send the message to it too.",
                );
            }
            let from = self.stage.key(said.by);
            let fault = format!("the message of {from} does not reach {}", self.key());
            let unfinished = self.is_about("FRM-4");
            let requirement = if unfinished { "FRM-4" } else { "MSG-1" };
            return because(requirement, fault, if unfinished { ONE_RECV } else { SNAPSHOT });
        }
        if let Some(prompt) = Prompt::parse(line) {
            return self.silence_in_handshake(Some(prompt));
        }
        match Notice::parse(line)? {
            Notice::Arrived(name) => because(
                "GRP-3",
                format!("{} is not told that {name} has joined", self.key()),
                "The notice goes to the whole group.",
            ),
            Notice::Left(name) => self.missing_leave_notice(name),
            Notice::AnswerRefused(_) => {
                because("HS-4", "a bad answer is not refused, or nobody says why", "")
            }
            Notice::MessageRefused(_) => because(
                if self.is_about("LIM-2") { "LIM-2" } else { "MSG-4" },
                "a message that has to be refused vanishes without a word to its sender",
                "",
            ),
            Notice::Disconnect => because("AUTH-3", "a refusal without `disconnect`", ""),
            Notice::WrongOption => because("HS-4", "a bad option is not answered", ""),
            Notice::DisconnectOption => because("HS-2", "option 3 is not answered", ""),
            Notice::Welcome => because("GRP-3", "the newcomer gets no welcome", ""),
            Notice::Created(_) => because("GRP-2", "the creator is not told the id", ""),
            Notice::Stopping | Notice::Full => None,
        }
    }

    fn missing_leave_notice(&self, name: &str) -> Option<Explanation> {
        let how = match self.step.map(|step| &step.action) {
            Some(Action::Leave { how: Departure::Reset, .. }) => "by a reset",
            Some(Action::Leave { how: Departure::HalfClose, .. }) => "by closing its sending side",
            _ => "",
        };
        let fault = format!("no leave notice: {} is not told that {name} has left {how}", self.key());
        let requirement = if how.is_empty() { "LEAVE-1" } else { "LEAVE-2" };
        because(
            requirement,
            fault.trim_end(),
            "recv() returning nothing and recv() failing both mean that the client is gone. Take it \
             from the list first, then tell those that are left.",
        )
    }

    /// Another line came than the one that had to.
    fn wrong_line(&self, got: &str) -> Option<Explanation> {
        if got.contains(MARKER) {
            return because("MSG-1", "a message was delivered twice", SNAPSHOT);
        }
        let Aim::Line(wanted) = &self.error.aim else { return self.resembles(got).or_else(|| self.notice(got)) };
        let wanted_said = self.said(wanted);
        if let Some(said) = self.said(got) {
            return self.other_message(said, wanted_said);
        }
        if Prompt::parse(wanted).is_some() {
            let fault = format!("{} came where {} has to", quoted(got), quoted(wanted));
            return match Notice::parse(got) {
                Some(Notice::AnswerRefused(_)) => because("HS-1", format!("a right answer was refused ({got})"), ONE_RECV),
                _ => because("HS-1", fault, "The four prompts come in one order, each as a line of its own."),
            };
        }
        if matches!(Notice::parse(wanted), Some(Notice::MessageRefused(_))) {
            let requirement = if self.is_about("LIM-2") { "LIM-2" } else { "MSG-4" };
            let fault = format!("a message that has to be refused was passed on, as {}", quoted(got));
            return because(requirement, fault, "Check a message before it goes to the group.");
        }
        if matches!(Notice::parse(wanted), Some(Notice::Disconnect)) {
            return because("AUTH-3", "the refusal says more than `disconnect`", "Only the log says why.");
        }
        self.same_text(wanted_said, got)
            .or_else(|| cut_or_glued(wanted, got))
            .or_else(|| self.notice(got))
            .or_else(|| self.resembles(got))
    }

    /// A message came, but not the one that had to.
    fn other_message(&self, said: &Said, wanted: Option<&Said>) -> Option<Explanation> {
        if Some(said.group) != self.group() && self.group().is_some() {
            return self.leak(said);
        }
        if self.came(&said.line) > self.times_said(&said.line) {
            return because("MSG-1", format!("{} was delivered twice", quoted(&said.line)), SNAPSHOT);
        }
        match wanted {
            Some(wanted) if wanted.by == said.by => {
                let fault = format!("{} was lost, or overtaken by a later one", quoted(&wanted.line));
                because(if self.is_about("ORD-2") { "ORD-2" } else { "MSG-1" }, fault, ONE_RECV)
            }
            Some(_) => because("ORD-1", "two messages came in the wrong order", ""),
            None => because("MSG-1", format!("{} was not due here", quoted(&said.line)), SNAPSHOT),
        }
    }

    fn leak(&self, said: &Said) -> Option<Explanation> {
        let from = self.stage.key(said.by);
        because(
            "ISO-1",
            format!("a message leaks between groups: {} gets what {from} said in another", self.key()),
            "Broadcast to the members of the sender's group, not to every client.",
        )
    }

    /// The right text came, but changed on the way.
    fn same_text(&self, wanted: Option<&Said>, got: &str) -> Option<Explanation> {
        let wanted = wanted?;
        if got == wanted.text || got.ends_with(&format!(": {}", wanted.text)) {
            let name = self.stage.member(wanted.by).map_or("its sender", |member| &member.name);
            let fault = match got.strip_suffix(&format!(": {}", wanted.text)) {
                Some(other) => format!("the message of {name} goes out under {}", quoted(other)),
                None => format!("the message of {name} goes out without a name"),
            };
            return because(
                "MSG-2",
                format!("{fault}: the server does not name the sender as it must"),
                "The server knows who sends: it puts that name in front, takes the sender's own name \
                 off first, and believes no other.",
            );
        }
        let changed = |change: &dyn Fn(&str) -> String| change(&wanted.line) == change(got);
        let how = if changed(&str::to_lowercase) {
            "in upper and lower case"
        } else if changed(&|text| text.split_whitespace().collect()) {
            "in its spaces"
        } else if changed(&|text| text.replace('\r', "")) {
            "by a carriage return"
        } else {
            return None;
        };
        let requirement = if how.contains("carriage") { "FRM-2" } else { "MSG-3" };
        because(requirement, format!("the text of a message was changed {how}"), "Pass it on as it came.")
    }

    /// A notice came that has no business here.
    fn notice(&self, got: &str) -> Option<Explanation> {
        match Notice::parse(got)? {
            Notice::Arrived(name) => because(
                "GRP-3",
                format!("{} is told that {name} has joined where nobody did, or once too often", self.key()),
                "The notice goes once, and to the newcomer's group only.",
            ),
            Notice::Left(name) if self.came(got) > 1 => {
                because("LEAVE-1", format!("the leave notice for {name} came more than once"), SNAPSHOT)
            }
            Notice::Left(name) => because(
                "LEAVE-1",
                format!("{} is told that {name} has left where that was not due", self.key()),
                "",
            ),
            Notice::Welcome => because(
                "GRP-3",
                format!("{} gets a welcome that is meant for a newcomer alone", self.key()),
                "",
            ),
            Notice::MessageRefused(why) if self.is_about("LIM-1") => because(
                "LIM-1",
                format!("a message within the limit was refused ({why})"),
                "1024 bytes pass; the line end does not count.",
            ),
            Notice::MessageRefused(why) => {
                let requirement = if self.is_about("LIM-2") { "LIM-2" } else { "MSG-4" };
                because(requirement, format!("{} is told of a refusal ({why})", self.key()), "")
            }
            Notice::Disconnect | Notice::WrongOption if self.group().is_none() => because(
                "HS-4",
                format!("{} came where another farewell has to, or an explanation first", quoted(got)),
                "",
            ),
            _ => None,
        }
    }

    /// A line that is like something somebody said.
    fn resembles(&self, got: &str) -> Option<Explanation> {
        if let Some(said) = self.said(got) {
            return self.other_message(said, None);
        }
        let like = |said: &&Said| {
            !said.text.is_empty() && (got.contains(&said.text) || got.to_lowercase() == said.line.to_lowercase())
        };
        if let Some(said) = self.stage.said.iter().rev().find(like) {
            return self
                .same_text(Some(said), got)
                .or_else(|| cut_or_glued(&said.line, got));
        }
        let typed = self.stage.actors.iter().flat_map(|actor| &actor.history);
        let mut typed = typed.filter_map(|moment| match &moment.what {
            Happening::Typed(text) => Some(text.as_str()),
            _ => None,
        });
        let text = got.split_once(": ").map_or(got, |(_, text)| text);
        let partial = typed.find(|typed| text.len() > 2 && typed.contains(text))?;
        if self.is_about("FRM-5") {
            let fault = format!("{} was delivered though its line never ended", quoted(text));
            return because("FRM-5", fault, "Bytes after the last line feed are no message.");
        }
        let fault = format!("{} came out of {}", quoted(got), quoted(partial));
        because(if self.is_about("LIM-2") { "LIM-2" } else { "FRM-4" }, fault, ONE_RECV)
    }

    /// A line came where none may.
    fn unwanted(&self, got: &str) -> Option<Explanation> {
        if got.contains(MARKER) {
            let leaked = self.group().is_none();
            return if leaked {
                self.refused_client_hears(got)
            } else {
                because("MSG-1", "a message was delivered twice", SNAPSHOT)
            };
        }
        if let Aim::Refusal(_) | Aim::Close = self.error.aim {
            if let Some(reason) = Refusal::parse(got) {
                let fault = format!("the refusal tells the client its reason, {}", quoted(&reason.to_string()));
                return because("AUTH-3", fault, "Only the server's log says why.");
            }
        }
        if let Some(said) = self.said(got) {
            if self.group().is_none() {
                return self.refused_client_hears(got);
            }
            return self.other_message(said, None);
        }
        self.notice(got).or_else(|| self.resembles(got))
    }

    fn refused_client_hears(&self, got: &str) -> Option<Explanation> {
        because(
            "AUTH-4",
            format!("{} is in no group, and yet gets {}", self.key(), quoted(got)),
            "Put a client into the list of members when it is admitted, not before.",
        )
    }

    /// The connection ended where something had to come.
    fn closed(&self, how: &Closing) -> Option<Explanation> {
        let reset = matches!(how, Closing::Reset);
        if let Some(stalled) = self.stalled() {
            let fault = format!("{} was cut off though only {stalled} had stopped reading", self.key());
            return because("SLOW-1", fault, "");
        }
        match &self.error.aim {
            Aim::Refusal(_) => because(
                "AUTH-3",
                "the connection was closed without `disconnect`",
                if reset { LINGER } else { "Send `disconnect` first." },
            ),
            Aim::Admission { .. } if self.after_reset() => {
                because("LEAVE-2", "after a reset, the server serves nobody any more", "")
            }
            Aim::Admission { .. } => because(
                "HS-1",
                "the server closed the connection in the middle of the handshake",
                "Did the thread that serves it end with an error? Its output may say.",
            ),
            Aim::Line(wanted) => self.closed_before(wanted, reset),
            Aim::Marker | Aim::Match => self.closed_session(),
            _ => None,
        }
    }

    fn closed_before(&self, wanted: &str, reset: bool) -> Option<Explanation> {
        match Notice::parse(wanted) {
            Some(Notice::AnswerRefused(_)) => because(
                "HS-4",
                "the connection was closed without a word on what is wrong with the answer",
                if reset { LINGER } else { "" },
            ),
            Some(Notice::Disconnect) => because("AUTH-3", "the connection was closed without `disconnect`", if reset { LINGER } else { "" }),
            Some(Notice::WrongOption) => because("HS-4", "the connection was closed without `wrong option`", ""),
            Some(Notice::DisconnectOption) => because("HS-2", "option 3 is not answered with `disconnect option`", ""),
            _ if Prompt::parse(wanted).is_some() => {
                because("HS-1", "the server closed the connection in the middle of the handshake", "")
            }
            _ => self.closed_session(),
        }
    }

    fn closed_session(&self) -> Option<Explanation> {
        let requirement = if self.is_about("LIM-2") {
            "LIM-2"
        } else if self.is_about("MSG-4") {
            "MSG-4"
        } else {
            return because("MSG-1", "the server closed the connection of a member", "Its output may say why.");
        };
        because(
            requirement,
            "the server disconnects a member for a message that it has to refuse; the session goes on",
            "An error while a message is decoded must not end the thread that serves the client.",
        )
    }
}

const LINGER: &str = "Closing a socket with unread bytes in it makes the kernel send a reset, which \
    can destroy the last line: shut down the sending side first, and read to the end.";

/// The line came in pieces, or more came in one.
fn cut_or_glued(wanted: &str, got: &str) -> Option<Explanation> {
    if got.len() > 2 && wanted.len() > got.len() && (wanted.starts_with(got) || wanted.ends_with(got)) {
        let fault = format!("a line was cut: {} came in place of {}", quoted(got), quoted(wanted));
        return because("FRM-4", fault, ONE_RECV);
    }
    // A short piece of a message behind its sender's name.
    let text = |line: &str| line.split_once(": ").map(|(_, text)| text.to_owned());
    if let (Some(wanted_text), Some(got_text)) = (text(wanted), text(got)) {
        if !got_text.is_empty() && wanted_text.len() > got_text.len() && wanted_text.starts_with(&got_text) {
            let fault = format!("a line was cut: {} came in place of {}", quoted(got), quoted(wanted));
            return because("FRM-4", fault, ONE_RECV);
        }
    }
    if got.len() > wanted.len() && got.contains(wanted) {
        return because(
            "FRM-1",
            format!("two messages are glued together: {}", quoted(got)),
            "Every message ends with a line feed of its own; one recv() may hold several.",
        );
    }
    None
}
