//! What a failure means: which requirement it breaks, the fault by its name, and where to look.
//!
//! Each function looks at the facts (what was expected, what came, what everybody said and where)
//! and names the most specific fault that fits them. When nothing specific fits, the requirements
//! that the act covers are all there is to say.

mod ending;
mod handshake;
mod lines;

use chatroom_protocol::{Notice, message};

use super::stage::{Aim, Said, Stage, StepError};
use crate::actor::{Actor, Happening};
use crate::fault::{Breach, Fault, quoted};
use crate::scenario::{ClientId, Departure, Step};

/// What a failure means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Explanation {
    /// The requirement it breaks.
    pub(super) requirement: String,
    /// The fault, as a sentence.
    pub(super) fault: String,
    /// Where the author should look, as a sentence; may be empty.
    pub(super) hint: String,
}

fn because(requirement: &str, fault: impl Into<String>, hint: &str) -> Option<Explanation> {
    Some(Explanation {
        requirement: requirement.to_owned(),
        fault: fault.into(),
        hint: hint.to_owned(),
    })
}

const ONE_RECV: &str = "TCP is a stream: one recv() is neither one line nor a whole line. Keep what \
    came after the last line feed and call recv() again until there is one.";
const BACK_TO_BACK: &str = "Two messages that are sent back to back arrive in one recv() and print as one \
    line: end every message with a line feed of its own.";
const TAKE_APART: &str = "What a client sends back to back arrives in one recv(): take it apart at each line \
    feed, and end every message that you send with one.";
const MEMBERS: &str = "Look at the list of members that the broadcast loops over.";
const ONE_PLACE: &str = "Everything that is said in a group must pass through one place (a lock, a \
    queue, a task) that decides the order for everybody, the sender's own copy included.";
const ACCEPT_LOOP: &str =
    "Look for an error in one connection that ends the loop which accepts them.";

/// Explains `error`, which `step` of the scenario on `stage` ended with.
pub(super) fn explain(
    stage: &Stage<'_>,
    step: Option<&Step>,
    error: &StepError,
) -> Option<Explanation> {
    let view = View { stage, step, error, said: everything_said(stage) };
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
        Fault::LogSays(_) => {
            because("LOG-4", "the server writes into its log what it must not", "")
        }
        Fault::LogSilent(_) => because(
            "LOG-3",
            "the server's log does not say what it has to",
            "If the server's log cannot be changed, --no-log leaves these checks out.",
        ),
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
    said: Vec<Said>,
}

/// What everybody said, with what bare connections wrote behind their answers or in raw bytes.
fn everything_said(stage: &Stage<'_>) -> Vec<Said> {
    let mut said = stage.said.clone();
    let wires = stage.actors.iter().enumerate().filter(|(_, actor)| !actor.spec.is_terminal());
    for (by, actor) in wires {
        let Some(member) = &actor.membership else { continue };
        let typed = actor.history.iter().filter_map(|moment| match &moment.what {
            Happening::Typed(text) => crate::scenario::unescape(text).ok(),
            _ => None,
        });
        let typed: Vec<u8> = typed.flat_map(|bytes| [&bytes[..], b"\n"].concat()).collect();
        let typed = String::from_utf8_lossy(&typed);
        let lines = typed.lines().filter(|text| !text.is_empty());
        for text in lines.skip(chatroom_protocol::Prompt::ALL.len()) {
            let text = member.unstamped(text).to_owned();
            let line = message::line(&member.name, &text);
            if said.iter().all(|known| known.line != line || known.group != member.group) {
                said.push(Said { by, group: member.group, text, line, heard_by: Vec::new() });
            }
        }
    }
    said
}

impl View<'_> {
    fn client(&self) -> Option<ClientId> {
        self.error.client
    }

    fn actor(&self) -> Option<&Actor> {
        self.client().map(|client| &self.stage.actors[client])
    }

    fn key(&self) -> &str {
        self.client().map_or("nobody", |client| self.stage.key(client))
    }

    /// Whether the scenario is about this requirement.
    fn is_about(&self, requirement: &str) -> bool {
        self.stage.scenario.covers.iter().any(|covered| covered == requirement)
    }

    /// The requirement that the act is about, or else this one.
    fn act_or(&self, requirement: &str) -> String {
        let here = self.step.and_then(|step| {
            let holds = |act: &&crate::scenario::Act| {
                act.steps.iter().any(|other| std::ptr::eq(other, step))
            };
            self.stage.scenario.acts.iter().find(holds)?.covers.first().cloned()
        });
        here.unwrap_or_else(|| requirement.to_owned())
    }

    /// The requirement about messages that are refused: the one that the scenario is about.
    fn refusing(&self) -> &'static str {
        if self.is_about("LIM-2") { "LIM-2" } else { "MSG-4" }
    }

    /// The group that the failing client is in.
    fn group(&self) -> Option<u32> {
        self.stage.member(self.client()?).map(|member| member.group)
    }

    /// What was said as this line, in any group; the failing client's own group first.
    fn said(&self, line: &str) -> Option<&Said> {
        let group = self.group();
        let said = || self.said.iter().filter(|said| said.line == line);
        said().find(|said| Some(said.group) == group).or_else(|| said().next())
    }

    /// How often a line came to the failing client.
    fn came(&self, line: &str) -> usize {
        let Some(actor) = self.actor() else { return 0 };
        let is_it = |what: &Happening| matches!(what, Happening::Came(came) | Happening::Unread(came) if came == line);
        actor.history.iter().filter(|moment| is_it(&moment.what)).count()
    }

    /// How often it was said that way in the client's group.
    fn times_said(&self, line: &str) -> usize {
        let group = self.group();
        let in_group = |said: &&Said| said.line == line && Some(said.group) == group;
        self.said.iter().filter(in_group).count()
    }

    /// Whether `actor` has gone, or begun to go, in this way.
    fn went(actor: &Actor, how: Departure) -> bool {
        let is_it = |what: &Happening| matches!(what, Happening::Went(went) if *went == how);
        actor.history.iter().any(|moment| is_it(&moment.what))
    }

    /// Whether the failing client was told that a message of its own was refused.
    fn was_told_of_refusal(&self) -> bool {
        let refusal = |what: &Happening| {
            matches!(what, Happening::Came(line)
                if matches!(Notice::parse(line), Some(Notice::MessageRefused(_))))
        };
        self.actor().is_some_and(|actor| actor.history.iter().any(|moment| refusal(&moment.what)))
    }

    /// Somebody else whose handshake is not over, whoever it may hold up.
    fn handshake_going_on(&self) -> Option<&str> {
        let others = self.stage.actors.iter().enumerate();
        let silent = others.filter(|(client, actor)| {
            Some(*client) != self.client()
                && !actor.spec.is_terminal()
                && actor.is_open()
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
        self.stage.actors.iter().any(|actor| Self::went(actor, Departure::Reset))
    }

    fn breach(&self, breach: &Breach) -> Option<Explanation> {
        match breach {
            Breach::Lost(_) => because("MSG-1", "a message was lost", MEMBERS),
            Breach::Doubled(_) => because("MSG-1", "a message was delivered twice", MEMBERS),
            Breach::Foreign(line) => self
                .unwanted(line)
                .or_else(|| because("MSG-3", format!("{} was said by nobody", quoted(line)), "")),
            Breach::Order { .. } | Breach::Late(_) => because(
                "ORD-1",
                "the members of one group see its messages in different orders",
                ONE_PLACE,
            ),
            Breach::SenderOrder { .. } => because(
                "ORD-2",
                "the messages of one sender came out in another order than they went in",
                "Read and pass on one connection's messages in one place, one after another.",
            ),
        }
    }

    /// Nothing came.
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
            Aim::Line(line) => self.missing_line(line),
            Aim::Match(pattern) => self.missing_match(pattern),
            Aim::Connect => self.not_connected(),
            _ => None,
        }
    }
}
