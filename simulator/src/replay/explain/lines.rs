//! Faults in what members and clients read.

use chatroom_protocol::limits::MAX_MESSAGE_BYTES;
use chatroom_protocol::{Notice, Prompt, Refusal, ServerLine};

use super::{BACK_TO_BACK, Explanation, MEMBERS, ONE_PLACE, ONE_RECV, TAKE_APART, View, because};
use crate::actor::{Happening, MARKER};
use crate::fault::quoted;
use crate::replay::stage::{Aim, Said};
use crate::scenario::{Action, Departure};

impl View<'_> {
    /// `line` had to come, and nothing came.
    pub(super) fn missing_line(&self, line: &str) -> Option<Explanation> {
        if let Some(said) = self.said(line) {
            return self.missing_message(said);
        }
        if let Some(prompt) = Prompt::parse(line) {
            return self.silence_in_handshake(Some(prompt));
        }
        if let ServerLine::Message { from, .. } = ServerLine::parse(line) {
            return because(
                "MSG-1",
                format!("the message of {from} does not reach {}", self.key()),
                MEMBERS,
            );
        }
        self.missing_notice(Notice::parse(line)?)
    }

    fn missing_message(&self, said: &Said) -> Option<Explanation> {
        let (from, to) = (self.stage.key(said.by), self.key());
        if self.is_about("HS-3") && !self.stage.scenario.clients[said.by].is_terminal() {
            let fault = format!("a message of {from} that came together with its answers is lost");
            return because("HS-3", fault, ONE_RECV);
        }
        if self.is_about("LIM-1") && said.text.len() == MAX_MESSAGE_BYTES {
            let fault = format!("a message of {MAX_MESSAGE_BYTES} bytes does not arrive");
            return because("LIM-1", fault, "The line end does not count.");
        }
        let wire = !self.stage.scenario.clients[said.by].is_terminal();
        let marker = said.text.starts_with(MARKER);
        if wire
            && !marker
            && (self.is_about("FRM-3") || self.is_about("MSG-4") || self.is_about("LIM-2"))
        {
            let fault = format!("{} did not arrive", quoted(&said.line));
            return because(
                "FRM-4",
                format!("{fault}: of several lines in one segment, one is lost"),
                ONE_RECV,
            );
        }
        if Some(said.by) == self.client() {
            return because(
                "MSG-1",
                format!("the echo is missing: {to} does not get its own message"),
                "The sender is a member like any other: send the message to it too.",
            );
        }
        let fault = format!("the message of {from} does not reach {to}");
        if self.after_reset() {
            let fault = format!("{fault} since somebody else's connection was reset");
            let hint = "An error while one member is sent a message must not end the loop over the others: \
                catch it inside the loop, and take that member out.";
            return because("LEAVE-2", fault, hint);
        }
        if self.is_about("FRM-4") {
            because("FRM-4", fault, ONE_RECV)
        } else {
            because("MSG-1", fault, MEMBERS)
        }
    }

    fn missing_notice(&self, notice: Notice<'_>) -> Option<Explanation> {
        match notice {
            Notice::Arrived(name) => because(
                "GRP-3",
                format!("no join notice: {} is not told that {name} has joined", self.key()),
                "The notice goes to the whole group.",
            ),
            Notice::Left(name) => self.missing_leave_notice(name),
            Notice::AnswerRefused(_) => self.missing_match("^answer refused"),
            Notice::MessageRefused(_) => self.missing_match("^message refused"),
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
            Some(Action::Leave { how: Departure::Reset, .. }) => " by a reset",
            Some(Action::Leave { how: Departure::HalfClose, .. }) => " by closing its sending side",
            _ => "",
        };
        because(
            if how.is_empty() { "LEAVE-1" } else { "LEAVE-2" },
            format!("no leave notice: {} is not told that {name} has left{how}", self.key()),
            "recv() returning nothing and recv() failing both mean that the client is gone: take it from \
             the list, then tell those that are left. If the notice is sent for a member already removed \
             from the list, looking it up there raises instead: keep its name before you remove it.",
        )
    }

    /// A line that matches had to come, and nothing came.
    pub(super) fn missing_match(&self, pattern: &str) -> Option<Explanation> {
        if pattern.starts_with("^answer refused") {
            let fault = "a bad answer is not refused, or nobody says why";
            return because(&self.act_or("HS-4"), fault, "");
        }
        if pattern.starts_with("^message refused") {
            let fault = "a message that has to be refused vanishes without a word to its sender";
            return because(self.refusing(), fault, "");
        }
        None
    }

    /// Another line came than the one that had to.
    pub(super) fn wrong_line(&self, got: &str) -> Option<Explanation> {
        let wanted = match &self.error.aim {
            Aim::Line(wanted) => wanted,
            Aim::Match(pattern) => return self.wrong_match(pattern, got),
            _ => return self.unwanted(got),
        };
        let wanted_said = self.said(wanted);
        if let Some(said) = self.said(got) {
            return self.other_message(said, wanted_said);
        }
        if let Some(prompt) = Prompt::parse(wanted) {
            return match Notice::parse(got) {
                Some(Notice::Arrived(_) | Notice::Created(_)) => {
                    because("HS-1", format!("the server did not wait for `{prompt}`"), "")
                }
                _ => self.wrong_prompt_line(prompt, got),
            };
        }
        match Notice::parse(wanted) {
            Some(Notice::MessageRefused(_)) => return self.wrong_match("^message refused", got),
            Some(Notice::Disconnect | Notice::WrongOption) => return self.wrong_farewell(got),
            Some(Notice::DisconnectOption) => return wrong_answer_to_option_3(got),
            Some(Notice::Arrived(_) | Notice::Created(_))
                if Notice::parse(got) == Some(Notice::Disconnect) =>
            {
                return self.refused_in_pieces().or_else(|| self.refused());
            }
            _ => {}
        }
        self.same_text(wanted_said, got)
            .or_else(|| cut_or_glued(wanted, got))
            .or_else(|| self.cut_answer(got))
            .or_else(|| self.notice(got))
            .or_else(|| self.resembles(got))
            .or_else(|| altered(wanted_said?, got))
    }

    fn wrong_prompt_line(&self, prompt: Prompt, got: &str) -> Option<Explanation> {
        let expected = chatroom_protocol::error::Expected::Prompt(prompt);
        let got = got.to_owned();
        self.bad_line(&chatroom_protocol::error::ServerFault::Unexpected { expected, got })
    }

    /// An admission had to come, and an answer was found bad.
    fn cut_answer(&self, got: &str) -> Option<Explanation> {
        match Notice::parse(got)? {
            Notice::AnswerRefused(why) => {
                because("FRM-4", format!("an answer was cut or misread ({why})"), ONE_RECV)
            }
            _ => None,
        }
    }

    /// A refusal had to come.
    fn wrong_match(&self, pattern: &str, got: &str) -> Option<Explanation> {
        if pattern.starts_with("^answer refused") {
            if Prompt::parse(got).is_some()
                || matches!(Notice::parse(got), Some(Notice::Arrived(_) | Notice::Created(_)))
            {
                let fault = format!("a bad answer was taken for a good one: {} came", quoted(got));
                return because(
                    &self.act_or("HS-4"),
                    fault,
                    "Check each answer before the next question.",
                );
            }
            let fault = format!("{} came without an explanation before it", quoted(got));
            return because("HS-4", fault, "A line `answer refused, <why>` comes first.");
        }
        if pattern.starts_with("^message refused") {
            if let Some(Notice::MessageRefused(why)) = Notice::parse(got) {
                let fault = format!("the refusal does not say the length and the limit ({why})");
                return because("LIM-2", fault, "");
            }
            let passed_on = match ServerLine::parse(got) {
                ServerLine::Message { text, .. } => self.typed_last(text),
                _ => false,
            };
            if passed_on {
                let fault =
                    format!("a message that has to be refused was passed on, as {}", quoted(got));
                return because(
                    self.refusing(),
                    fault,
                    "Check a message before it goes to the group.",
                );
            }
            return self.missing_match(pattern);
        }
        self.unwanted(got)
    }

    /// Whether `text` is, or is made of, the bad line that the client wrote last. Of several lines
    /// in one write, the bad one is the one that is too long or is no plain text.
    fn typed_last(&self, text: &str) -> bool {
        let Some(actor) = self.actor() else { return false };
        let mut typed = actor.history.iter().rev().filter_map(|moment| match &moment.what {
            Happening::Typed(typed) => Some(typed.as_str()),
            _ => None,
        });
        let bad = |typed: &&str| typed.len() > MAX_MESSAGE_BYTES || typed.contains('\\');
        let Some(bad) = typed.find(bad) else { return false };
        let start: String = text.chars().take(4).filter(|c| *c != '\u{FFFD}').collect();
        bad.contains(start.trim())
    }

    /// `disconnect` or `wrong option` had to come.
    fn wrong_farewell(&self, got: &str) -> Option<Explanation> {
        if let Some(reason) = Refusal::parse(got) {
            let fault =
                format!("the refusal tells the client its reason, {}", quoted(&reason.to_string()));
            return because("AUTH-3", fault, "Only the server's log says why.");
        }
        if Prompt::parse(got).is_some() {
            let fault = format!("after a bad answer the server asks on: {}", quoted(got));
            return because("HS-4", fault, "A bad answer ends the handshake.");
        }
        match Notice::parse(got) {
            Some(Notice::Arrived(_) | Notice::Created(_)) => because(
                if self.is_about("AUTH-2") { "AUTH-2" } else { "HS-4" },
                "a client was admitted that has to be refused",
                "The id and the password both have to be that group's.",
            ),
            _ => because("HS-4", format!("{} came where another farewell has to", quoted(got)), ""),
        }
    }

    /// A line came where none may.
    pub(super) fn unwanted(&self, got: &str) -> Option<Explanation> {
        if let (Aim::Refusal(_) | Aim::Close, Some(_)) = (&self.error.aim, Refusal::parse(got)) {
            return self.wrong_farewell(got);
        }
        if let Some(said) = self.said(got) {
            return self.other_message(said, None);
        }
        self.notice(got).or_else(|| self.resembles(got))
    }

    /// A message came, but not the one that had to.
    fn other_message(&self, said: &Said, wanted: Option<&Said>) -> Option<Explanation> {
        let Some(group) = self.group() else {
            return because(
                "AUTH-4",
                format!("{} is in no group, and yet gets {}", self.key(), quoted(&said.line)),
                "Put a client into the list of members when it is admitted, not before.",
            );
        };
        if said.group != group {
            let from = self.stage.key(said.by);
            let fault = format!(
                "a message leaks between groups: {} gets what {from} said in another",
                self.key()
            );
            return because(
                "ISO-1",
                fault,
                "Broadcast to the members of the sender's group, not to every client.",
            );
        }
        if said.text.len() > MAX_MESSAGE_BYTES {
            let fault = format!("a message of {} bytes was passed on", said.text.len());
            return because(
                "LIM-2",
                fault,
                "Refuse it to its sender, with its length and the limit.",
            );
        }
        let newcomer = self.client().is_some_and(|client| !said.heard_by.contains(&client));
        if newcomer && !said.heard_by.is_empty() {
            let fault = format!(
                "{} gets {}, which was said before it joined",
                self.key(),
                quoted(&said.line)
            );
            return because("ORD-1", fault, "A member hears what is said after it joined.");
        }
        if self.came(&said.line) > self.times_said(&said.line) {
            return because(
                "MSG-1",
                format!("{} was delivered twice", quoted(&said.line)),
                MEMBERS,
            );
        }
        match wanted {
            Some(wanted) if wanted.by == said.by => {
                let fault =
                    format!("{} was lost, or overtaken by a later one", quoted(&wanted.line));
                because(if self.is_about("ORD-2") { "ORD-2" } else { "MSG-1" }, fault, ONE_RECV)
            }
            Some(_) => because("ORD-1", "two messages came in the wrong order", ONE_PLACE),
            None => because("MSG-1", format!("{} was not due here", quoted(&said.line)), MEMBERS),
        }
    }

    /// The right text came, but changed on the way.
    fn same_text(&self, wanted: Option<&Said>, got: &str) -> Option<Explanation> {
        let wanted = wanted?;
        if got == wanted.text || got.ends_with(&format!(": {}", wanted.text)) {
            return self.misattributed(wanted, got);
        }
        let changed = |change: &dyn Fn(&str) -> String| change(&wanted.line) == change(got);
        let (requirement, how) = if changed(&str::to_lowercase) {
            ("MSG-3", "in upper and lower case")
        } else if changed(&|text| text.replace('\r', "")) {
            ("FRM-2", "by a carriage return")
        } else if changed(&|text| text.split_whitespace().collect()) {
            ("MSG-3", "in its spaces")
        } else {
            return None;
        };
        let fault = format!("the text of a message was changed {how}");
        because(requirement, fault, "Pass it on as it came.")
    }

    /// The text is right, and the name in front is not the sender's.
    fn misattributed(&self, said: &Said, got: &str) -> Option<Explanation> {
        let name = self.stage.member(said.by).map_or("its sender", |member| &member.name);
        let fault = match (got.strip_suffix(&format!(": {}", said.text)), got.split_once(": ")) {
            (Some(other), _) => {
                format!("the message of {name} goes out under the name {}", quoted(other))
            }
            (None, Some((claimed, _))) => {
                format!(
                    "a client can put any name in front of its message: {name}'s goes out under {}",
                    quoted(claimed)
                )
            }
            (None, None) => format!("the message of {name} goes out without a name"),
        };
        because(
            "MSG-2",
            fault,
            "The server knows who sends: it puts that name in front, takes the sender's own name off \
             first, and believes no other.",
        )
    }

    /// A notice came that has no business here.
    fn notice(&self, got: &str) -> Option<Explanation> {
        let key = self.key();
        let (requirement, fault) = match Notice::parse(got)? {
            Notice::Arrived(name) if self.has_arrived(name) && self.came(got) == 1 => {
                let fault = format!("{key} is told that {name} has joined, and no step reads it");
                let hint = "That is right of the server: the scenario needs `seen_by` at the login, or \
                    a step that reads the notice.";
                return because("GRP-3", fault, hint);
            }
            Notice::Arrived(name) if self.is_elsewhere(name) => (
                "ISO-1",
                format!(
                    "a notice leaks between groups: {key} is told that {name} has joined another"
                ),
            ),
            Notice::Arrived(name) => (
                "GRP-3",
                format!("{key} is told that {name} has joined where nobody did, or once too often"),
            ),
            Notice::Left(name) if self.came(got) > 1 => {
                ("LEAVE-1", format!("the leave notice for {name} came more than once"))
            }
            Notice::Left(name) if self.is_about("ISO-1") => (
                "ISO-1",
                format!(
                    "a notice leaks between groups: {key} is told that {name} has left another"
                ),
            ),
            Notice::Left(name) => {
                ("LEAVE-1", format!("{key} is told that {name} has left where that was not due"))
            }
            Notice::Welcome => {
                ("GRP-3", format!("{key} gets a welcome that is meant for a newcomer alone"))
            }
            Notice::MessageRefused(why) => return self.strange_refusal(&why.to_string()),
            Notice::Disconnect | Notice::WrongOption if self.group().is_none() => {
                ("HS-4", format!("{} came where another farewell has to", quoted(got)))
            }
            Notice::Created(_) => ("GRP-2", format!("{} came where it was not due", quoted(got))),
            _ => return None,
        };
        because(requirement, fault, MEMBERS)
    }

    /// Whether somebody of that name is in the failing client's group.
    fn has_arrived(&self, name: &str) -> bool {
        let group = self.group();
        let members = self.stage.actors.iter().filter_map(|actor| actor.membership.as_ref());
        members.into_iter().any(|member| member.name == name && Some(member.group) == group)
    }

    /// Whether somebody of that name is in another group than the failing client.
    fn is_elsewhere(&self, name: &str) -> bool {
        let group = self.group();
        let mut members = self.stage.actors.iter().filter_map(|actor| actor.membership.as_ref());
        members.any(|member| member.name == name && group.is_some_and(|own| own != member.group))
    }

    /// A refusal of a message came to who sent nothing bad.
    fn strange_refusal(&self, why: &str) -> Option<Explanation> {
        let typed_bad = self.actor().is_some_and(|actor| {
            actor.history.iter().any(|moment| {
                matches!(&moment.what, Happening::Typed(text)
                    if text.len() >= MAX_MESSAGE_BYTES - 64 || text.contains('\\'))
            })
        });
        if !typed_bad {
            let fault =
                format!("{} is told that somebody else's message was refused ({why})", self.key());
            return because(self.refusing(), fault, "Only the sender is told.");
        }
        let fault = format!("a message within the limit was refused ({why})");
        because(
            "LIM-1",
            fault,
            "1024 bytes pass; the line end does not count, and one recv() is not one line.",
        )
    }

    /// A line that is like something somebody said or wrote.
    fn resembles(&self, got: &str) -> Option<Explanation> {
        let lower = got.to_lowercase();
        let like = |said: &&Said| {
            !said.text.is_empty() && (got.contains(&said.text) || lower == said.line.to_lowercase())
        };
        if let Some(said) = self.said.iter().filter(like).max_by_key(|said| said.text.len()) {
            let same = self.same_text(Some(said), got).or_else(|| cut_or_glued(&said.line, got));
            if same.is_some() {
                return same;
            }
        }
        self.piece_of_something(got)
    }

    /// A piece of something that was written and never was a message.
    fn piece_of_something(&self, got: &str) -> Option<Explanation> {
        let text = got.split_once(": ").map_or(got, |(_, text)| text);
        let typed = self.stage.actors.iter().flat_map(|actor| &actor.history);
        let mut typed = typed.filter_map(|moment| match &moment.what {
            Happening::Typed(text) => Some(text.as_str()),
            _ => None,
        });
        let whole = typed.find(|typed| text.len() > 2 && typed.contains(text))?;
        if self.is_about("FRM-5") {
            let fault = format!("{} was delivered though its line never ended", quoted(text));
            return because("FRM-5", fault, "Bytes after the last line feed are no message.");
        }
        if whole.len() > MAX_MESSAGE_BYTES {
            let fault = format!("a piece of a message of {} bytes was passed on", whole.len());
            return because("LIM-2", fault, "Nothing of a message that is too long goes out.");
        }
        let fault = format!("a line was cut: {} came out of {}", quoted(got), quoted(whole));
        because("FRM-4", fault, ONE_RECV)
    }
}

/// `disconnect option` had to come.
fn wrong_answer_to_option_3(got: &str) -> Option<Explanation> {
    let fault = match Notice::parse(got) {
        Some(Notice::Arrived(_) | Notice::Created(_)) => {
            "option 3 is not known: the client was let in".to_owned()
        }
        _ => format!("option 3 is answered with {}", quoted(got)),
    };
    because(
        "HS-2",
        fault,
        "The answer `3` to `option?` is answered with `disconnect option` and the close.",
    )
}

/// A message of the right sender came, but with another text than anybody's.
fn altered(wanted: &Said, got: &str) -> Option<Explanation> {
    let (name, _) = wanted.line.split_once(": ")?;
    let text = got.strip_prefix(name)?.strip_prefix(": ")?;
    let (how, hint) = if text == ascii_of(&wanted.text) {
        ("letters beyond ASCII are dropped from a message", "Decode and encode with UTF-8.")
    } else if text.contains('\u{c3}') && !wanted.text.contains('\u{c3}') {
        ("a message in UTF-8 is read in another encoding", "Decode and encode with UTF-8.")
    } else {
        ("the text of a message was changed", "Pass it on as it came.")
    };
    let fault = format!("{how}: {} came in place of {}", quoted(got), quoted(&wanted.line));
    because("MSG-3", fault, hint)
}

fn ascii_of(text: &str) -> String {
    text.chars().filter(char::is_ascii).collect()
}

/// The line came in pieces, or more came in one.
fn cut_or_glued(wanted: &str, got: &str) -> Option<Explanation> {
    let text =
        |line: &str| line.split_once(": ").map(|(_, text)| text.to_owned()).unwrap_or_default();
    let (wanted_text, got_text) = (text(wanted), text(got));
    let is_piece = got.len() > 2 && (wanted.starts_with(got) || wanted.ends_with(got));
    let is_start = !got_text.is_empty() && wanted_text.starts_with(&got_text);
    if wanted.len() > got.len() && (is_piece || is_start) {
        let fault = format!("a line was cut: {} came in place of {}", quoted(got), quoted(wanted));
        return because("FRM-4", fault, ONE_RECV);
    }
    if got.len() > wanted.len() && got.contains(wanted) {
        let is_message = matches!(ServerLine::parse(wanted), ServerLine::Message { .. });
        return because(
            "FRM-1",
            format!("two messages are glued together: {}", quoted(got)),
            if is_message { TAKE_APART } else { BACK_TO_BACK },
        );
    }
    None
}
