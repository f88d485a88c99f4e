//! Faults in how connections end.

use chatroom_protocol::{Notice, Prompt};

use super::{ACCEPT_LOOP, Explanation, ONE_RECV, View, because};
use crate::actor::{Actor, Done, Happening};
use crate::fault::Closing;
use crate::replay::stage::Aim;
use crate::scenario::Departure;

const LINGER: &str = "Closing a socket with unread bytes in it makes the kernel send a reset, which \
    can destroy the last line: shut down the sending side first, and read to the end.";
const OUTPUT: &str =
    "Did the thread that serves it end with an error? The server's output may say.";

impl View<'_> {
    /// The connection did not end where it has to.
    pub(super) fn still_open(&self) -> Option<Explanation> {
        if Self::went(self.actor()?, Departure::HalfClose) {
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
                if self.is_about("AUTH-3") { "AUTH-3" } else { "HS-4" },
                "the connection is left open where the server has to close it",
                "Close the socket after the farewell.",
            ),
        }
    }

    /// The connection ended where something had to come.
    pub(super) fn closed(&self, how: &Closing) -> Option<Explanation> {
        if let Some(stalled) = self.stalled() {
            let fault =
                format!("{} was cut off though only {stalled} had stopped reading", self.key());
            return because("SLOW-1", fault, "");
        }
        let hint = if matches!(how, Closing::Reset) { LINGER } else { "Send the farewell first." };
        match &self.error.aim {
            Aim::Refusal(_) => {
                because("AUTH-3", "the connection was closed without `disconnect`", hint)
            }
            Aim::Admission { .. } => self.closed_in_handshake(),
            Aim::Line(wanted) => match Notice::parse(wanted) {
                Some(Notice::Disconnect) => {
                    because("AUTH-3", "the connection was closed without `disconnect`", hint)
                }
                Some(Notice::WrongOption) => {
                    because("HS-4", "the connection was closed without `wrong option`", hint)
                }
                Some(Notice::DisconnectOption) => {
                    because("HS-2", "option 3 is not answered with `disconnect option`", hint)
                }
                _ if Prompt::parse(wanted).is_some() => self.closed_in_handshake(),
                _ => self.closed_session(),
            },
            Aim::Match(pattern) if pattern.starts_with("^answer refused") => because(
                "HS-4",
                "the connection was closed without a word on what is wrong with the answer",
                hint,
            ),
            Aim::Match(_) | Aim::Nothing => self.closed_session(),
            _ => None,
        }
    }

    fn closed_in_handshake(&self) -> Option<Explanation> {
        if self.after_reset() || self.actor().is_some_and(|actor| !actor.was_spoken_to()) {
            return self.not_connected();
        }
        if let Some(gone) = self.gone_in_handshake() {
            let fault =
                format!("since {gone} went in the middle of its handshake, nobody is served");
            return because("HS-5", fault, ACCEPT_LOOP);
        }
        if self.wrote_many_at_once() {
            let fault = "the server closed the connection when several answers came in one write";
            return because("HS-3", fault, ONE_RECV);
        }
        because("HS-1", "the server closed the connection in the middle of the handshake", OUTPUT)
    }

    /// Somebody else who connected and went again, and never was a member.
    fn gone_in_handshake(&self) -> Option<&str> {
        let others = self.stage.actors.iter().enumerate();
        let mut others = others.filter(|(client, _)| Some(*client) != self.client());
        let went = |actor: &Actor| {
            Self::went(actor, Departure::Leave) || Self::went(actor, Departure::Reset)
        };
        let was_member = |actor: &Actor| {
            let welcome = Notice::Welcome.to_string();
            actor
                .history
                .iter()
                .any(|m| matches!(&m.what, Happening::Came(line) if *line == welcome))
        };
        let (_, gone) = others
            .find(|(_, actor)| !actor.spec.is_terminal() && went(actor) && !was_member(actor))?;
        Some(gone.key())
    }

    /// Whether what the failing client wrote last was several lines in one write.
    fn wrote_many_at_once(&self) -> bool {
        let deeds = self.stage.tape.of(self.key());
        let written = deeds.iter().rev().find_map(|deed| match &deed.what {
            Done::Wrote { bytes, .. } => Some(bytes),
            _ => None,
        });
        written.is_some_and(|bytes| bytes.iter().filter(|byte| **byte == b'\n').count() > 1)
    }

    fn closed_session(&self) -> Option<Explanation> {
        if self.is_about("LIM-2") || self.is_about("MSG-4") || self.was_told_of_refusal() {
            return because(
                self.refusing(),
                "the server disconnects a member for a message that it has to refuse; the session \
                 goes on",
                "An error while a message is decoded must not end the thread that serves the client.",
            );
        }
        because("MSG-1", "the server closed the connection of a member", OUTPUT)
    }
}
