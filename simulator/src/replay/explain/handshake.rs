//! Faults on the way into a group.

use chatroom_protocol::error::{Expected, ServerFault};
use chatroom_protocol::{Notice, Prompt, Refusal, ServerLine};

use super::{ACCEPT_LOOP, BACK_TO_BACK, Explanation, ONE_RECV, View, because};
use crate::actor::Happening;
use crate::fault::quoted;
use crate::replay::stage::Aim;
use crate::scenario::{ClientId, Part};

const OWN_THREAD: &str = "Where the handshake runs inside the accept loop, one silent client stops \
    everyone else from joining: give each connection its handshake in a task or thread of its own.";
const ARRIVAL: &str = "The whole group, the newcomer included, gets `X has connected to the chat \
    room`; then the newcomer alone gets the welcome.";

impl View<'_> {
    pub(super) fn not_connected(&self) -> Option<Explanation> {
        if self.after_reset() {
            let fault = "after a reset, the server serves nobody any more";
            return because("LEAVE-2", fault, ACCEPT_LOOP);
        }
        match self.handshake_going_on() {
            Some(silent) => because(
                "HS-5",
                format!("the server accepts nobody while the handshake of {silent} is not over"),
                OWN_THREAD,
            ),
            None => because(
                "HS-5",
                "the server serves nobody any more: it refuses connections, or closes them at once",
                ACCEPT_LOOP,
            ),
        }
    }

    pub(super) fn bad_line(&self, fault: &ServerFault) -> Option<Explanation> {
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
        let welcome = Notice::Welcome.to_string();
        if got.len() > welcome.len() && got.contains(&welcome) {
            return because(
                "FRM-1",
                format!("two messages are glued together: {}", quoted(got)),
                BACK_TO_BACK,
            );
        }
        if let Some(Notice::Arrived(name)) = Notice::parse(got)
            && let Some(wrong) = self.misnamed(name)
        {
            return Some(wrong);
        }
        if let ServerLine::Message { .. } = ServerLine::parse(got) {
            let fault = "the server sent a newcomer a message from before its joining";
            return because("ORD-1", fault, "A member hears what is said after it joined.");
        }
        match expected {
            Expected::Prompt(prompt) => self.wrong_prompt(prompt, got),
            Expected::Verdict => self.wrong_verdict(got),
            Expected::OwnArrival | Expected::Welcome => because(
                "GRP-3",
                format!("{expected} has to come here, and {} came", quoted(got)),
                ARRIVAL,
            ),
        }
    }

    /// The client's own arrival names it as nobody asked for.
    fn misnamed(&self, name: &str) -> Option<Explanation> {
        let client = self.client()?;
        let asked = self.stage.asked_name(client)?;
        if name == asked || !name.starts_with(&asked) {
            return None;
        }
        because(
            "NAME-3",
            format!("a client that asked for {} was renamed {}", quoted(&asked), quoted(name)),
            "The second Noya is `Noya+1-`, the third `Noya+2-`.",
        )
    }

    fn wrong_prompt(&self, prompt: Prompt, got: &str) -> Option<Explanation> {
        if let Some(Notice::AnswerRefused(why)) = Notice::parse(got) {
            return self.right_answer_refused(&why.to_string());
        }
        because(
            "HS-1",
            format!("{} came where the prompt `{prompt}` has to", quoted(got)),
            "The four prompts come in one order, each as a line of its own.",
        )
    }

    /// An answer that keeps all rules was refused; what was written tells how it was misread.
    fn right_answer_refused(&self, why: &str) -> Option<Explanation> {
        let typed = self.actor().and_then(|actor| {
            actor.history.iter().rev().find_map(|moment| match &moment.what {
                Happening::Typed(text) => Some(text.clone()),
                _ => None,
            })
        });
        let typed = typed.unwrap_or_default();
        if typed.starts_with("\\n") || typed.starts_with("\\r\\n") || typed.contains("\\n\\n") {
            return because("FRM-3", format!("an empty line was taken for an answer ({why})"), "");
        }
        if typed.contains("\\r\\n") {
            let fault = format!("the carriage return before a line end was not dropped ({why})");
            return because("FRM-2", fault, "Strip one `\\r` before the `\\n`.");
        }
        if self.is_about("FRM-4") {
            return because("FRM-4", format!("an answer was cut ({why})"), ONE_RECV);
        }
        because("HS-1", format!("a right answer was refused ({why})"), ONE_RECV)
    }

    fn wrong_verdict(&self, got: &str) -> Option<Explanation> {
        if let Some(reason) = Refusal::parse(got) {
            let reason = quoted(&reason.to_string());
            let fault = format!("the refusal tells the client its reason, {reason}");
            return because("AUTH-3", fault, "Only the server's log says why.");
        }
        match Notice::parse(got) {
            Some(Notice::Created(_)) => because(
                "GRP-2",
                format!("{} joins a group, and is told an id as if it had created one", self.key()),
                "The id goes to the creator alone.",
            ),
            Some(Notice::Welcome) => {
                because("GRP-3", "the newcomer was not told of its own joining first", ARRIVAL)
            }
            Some(Notice::Arrived(_)) => because(
                "GRP-2",
                "the creator was not told the id of its group first",
                "`THE NEWLY CREATED CHAT ID IS n ` comes before everything else.",
            ),
            _ => because("AUTH-3", format!("{} is neither admission nor refusal", quoted(got)), ""),
        }
    }

    pub(super) fn wrong_form(&self, wanted: &str, got: &str) -> Option<Explanation> {
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

    pub(super) fn wrong_name(&self, name: &str) -> Option<Explanation> {
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
        if self.is_about("SLOW-2") {
            let fault = "a member that does not read is never cut off: its name is still in use";
            return because(
                "SLOW-2",
                fault,
                "Bound what waits for a member, and end it past that.",
            );
        }
        let nobody_here_has_it = !self.is_about("NAME-3") && self.stage.options.shared;
        if self.is_about("LEAVE-3") || nobody_here_has_it {
            return because(
                "LEAVE-3",
                "the name of a client that has gone is not free again",
                "Take the name out of the list when its client goes. (Or somebody else on this \
                 server has the name.)",
            );
        }
        because(
            "NAME-3",
            "a client whose name is in use was renamed wrongly",
            "The count stands between `+` and `-`, and is the smallest that is free.",
        )
    }

    pub(super) fn admitted(&self) -> Option<Explanation> {
        if let Some(likeness) = self.likeness() {
            let fault = format!(
                "a client was admitted with a password that is not the group's: {likeness}"
            );
            return because(
                "AUTH-2",
                fault,
                "Compare the whole password, byte by byte, if it is compared at all.",
            );
        }
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
        because(
            "AUTH-2",
            fault,
            "It is not enough that the password exists: it has to be that group's.",
        )
    }

    pub(super) fn refused(&self) -> Option<Explanation> {
        if matches!(self.error.aim, Aim::Write | Aim::Nothing) {
            return None;
        }
        if self.is_about("GRP-4") {
            return because(
                "GRP-4",
                "a group cannot be joined any more after its last member left",
                "A group outlives its members; keep its id and password.",
            );
        }
        if let Some(why) = self.why_refused_wrongly() {
            return Some(why);
        }
        because(
            "AUTH-2",
            "a client was refused that gave the id that the server announced and the right password",
            "Is the password in the scenario that group's? Is the id that is announced the one that the \
             group has? If refusals came before, look for \
             a table of passwords that they left out of step.",
        )
    }

    /// A client was refused that wrote its answers byte by byte.
    pub(super) fn refused_in_pieces(&self) -> Option<Explanation> {
        if !self.is_about("FRM-4") {
            return None;
        }
        because("FRM-4", "a line that came in pieces was taken for several answers", ONE_RECV)
    }

    /// What may have led a server to refuse who has the right id and password.
    fn why_refused_wrongly(&self) -> Option<Explanation> {
        let client = self.client()?;
        let (own, password) = (self.password_of(client)?, |other| self.password_of(other));
        let others = (0..self.stage.actors.len()).filter(|other| *other != client);
        let has_been = |other: &ClientId| !self.stage.actors[*other].history.is_empty();
        let creators = others.clone().filter(has_been).filter(|other| self.creates(*other));
        if creators.filter(|other| password(*other).as_ref() == Some(&own)).count() > 1 {
            return because(
                "AUTH-2",
                "of two groups that have the same password, one cannot be joined",
                "Look the group up by its id, and then compare its password: several groups may have one.",
            );
        }
        let is_refused = |other: &ClientId| {
            !self.creates(*other) && self.stage.actors[*other].membership.is_none()
        };
        let refused = others.filter(has_been).find(is_refused)?;
        because(
            "AUTH-2",
            format!(
                "a client was refused that gave the right id and password, after {} had been refused",
                self.stage.key(refused)
            ),
            "A refused join leaves the password table one entry out of step: what is kept of a client \
             before it is admitted has to go again. Keep each group's password with its id, in one place.",
        )
    }

    fn creates(&self, client: ClientId) -> bool {
        matches!(self.stage.scenario.clients[client].part, Part::Create { .. })
    }

    fn password_of(&self, client: ClientId) -> Option<String> {
        match &self.stage.scenario.clients[client].part {
            Part::Create { password, .. } | Part::Join { password, .. } => {
                Some(password.to_string())
            }
            Part::Choose { .. } | Part::Wire => None,
        }
    }

    /// In what the password that was given is like one that a group has.
    fn likeness(&self) -> Option<&'static str> {
        let given = self.password_of(self.client()?)?;
        let creators = (0..self.stage.actors.len()).filter(|client| self.creates(*client));
        let passwords: Vec<String> =
            creators.filter_map(|client| self.password_of(client)).collect();
        let any = |like: &dyn Fn(&String) -> bool| {
            passwords.iter().any(|password| *password != given && like(password))
        };
        if passwords.contains(&given) {
            None
        } else if any(&|password| password.trim() == given.trim()) {
            Some("it differs in the blanks around it")
        } else if any(&|password| password.to_lowercase() == given.to_lowercase()) {
            Some("it differs in capital and small letters")
        } else if any(&|password| password.starts_with(&given)) {
            Some("it is only the beginning of it")
        } else if any(&|password| given.starts_with(password)) {
            Some("it begins with it and goes on")
        } else {
            None
        }
    }

    pub(super) fn silence_in_handshake(&self, prompt: Option<Prompt>) -> Option<Explanation> {
        if let Some(silent) = self.handshake_going_on() {
            return because(
                "HS-5",
                format!(
                    "{} gets no answer while the handshake of {silent} is not over",
                    self.key()
                ),
                OWN_THREAD,
            );
        }
        if self.after_reset() {
            let fault = "after a reset, the server serves nobody any more";
            return because("LEAVE-2", fault, ACCEPT_LOOP);
        }
        if self.is_about("HS-3") {
            return because(
                "HS-3",
                "answers that came before they were asked for are lost",
                "What recv() returns beyond the first line is the next answer: keep it.",
            );
        }
        match prompt {
            Some(prompt) => {
                because("HS-1", format!("the prompt `{prompt}` does not come"), ONE_RECV)
            }
            None => because("HS-1", "the handshake stops in the middle", ONE_RECV),
        }
    }
}
