//! Fences: proof that nothing came, without waiting for it.
//!
//! A server keeps one order for a group (ORD-1). So when a marker that is sent now is the next thing
//! that a member reads, nothing else was on its way to it.

use std::collections::BTreeSet;

use chatroom_protocol::message;
use tokio::time::Instant;

use super::stage::{Aim, Said, Stage, StepError, StepResult};
use crate::actor::{MARKER, Seen, Typing};
use crate::fault::{Fault, quoted};
use crate::scenario::{ClientId, Writing};

impl Stage<'_> {
    /// Sends a marker through the group of `who`, and makes sure that neither its members nor
    /// `nothing_for` have received anything before.
    pub(super) async fn fence(
        &mut self,
        who: ClientId,
        nothing_for: &[ClientId],
        deadline: Instant,
    ) -> StepResult {
        let mut fenced = BTreeSet::from([self.marker_through(who, deadline).await?]);
        for client in nothing_for {
            match self.member(*client).map(|member| member.group) {
                // In another group, the proof takes a marker through that one.
                Some(group) if self.actors[*client].reads => {
                    if fenced.insert(group) {
                        self.marker_through(*client, deadline).await?;
                    }
                }
                _ => self.shows_nothing(*client).await?,
            }
        }
        Ok(())
    }

    /// At the end of an act everything has to be read: two markers go through every group, so that
    /// a server that doubles lines is found by the first one's second copy.
    pub(super) async fn end_act(&mut self) -> StepResult {
        let deadline = self.deadline(None);
        let groups: BTreeSet<u32> = (0..self.actors.len())
            .filter_map(|client| self.member(client).map(|member| member.group))
            .collect();
        for group in groups {
            let speaks = |client: &ClientId| {
                self.actors[*client].hears(group) && self.actors[*client].can_speak()
            };
            let Some(speaker) = (0..self.actors.len()).find(speaks) else { continue };
            self.marker_through(speaker, deadline).await?;
            self.marker_through(speaker, deadline).await?;
        }
        for client in 0..self.actors.len() {
            let outside = self.member(client).is_none() && self.actors[client].reads;
            if outside && self.actors[client].is_there() {
                self.shows_nothing(client).await?;
            }
        }
        Ok(())
    }

    /// Sends a marker from `who`, which every member of its group has to read next; the group.
    async fn marker_through(&mut self, who: ClientId, deadline: Instant) -> StepResult<u32> {
        let marker = self.send_marker(who, deadline).await?;
        // The sender first: when its own copy is there, the server has passed the marker on.
        let mut members = self.members_of(marker.group);
        members.sort_by_key(|client| *client != who);
        for client in members {
            let aim = || Aim::Line(marker.line.clone());
            let expected = format!("the marker {}, and nothing before it", quoted(&marker.line));
            let line = self.read_line(client, aim, &expected, deadline).await?;
            if line != marker.line {
                return Err(StepError::new(client, Aim::Nothing, expected, Fault::Unwanted(line)));
            }
        }
        Ok(marker.group)
    }

    /// Sends a marker, which no transcript shows.
    pub(super) async fn send_marker(
        &mut self,
        who: ClientId,
        deadline: Instant,
    ) -> StepResult<Marker> {
        let Some(member) = self.member(who).cloned() else {
            let fault = Fault::Refused;
            return Err(StepError::new(who, Aim::Write, "to be in a group, to fence it", fault));
        };
        self.markers += 1;
        let text = format!("{MARKER}{} {:04x}", self.markers, self.options.seed as u16);
        let line = message::line(&member.name, &text);
        let group = member.group;
        let heard_by = self.members_of(group);
        self.said.push(Said { by: who, group, text: text.clone(), line: line.clone(), heard_by });
        let typing = Typing { text, shown: None };
        let typed = self.actors[who].type_lines(&[typing], Writing::AtOnce, deadline).await;
        typed.map_err(|fault| StepError::new(who, Aim::Write, "to send a marker", fault))?;
        Ok(Marker { group, line })
    }

    /// A client outside every group must have nothing to show.
    async fn shows_nothing(&mut self, client: ClientId) -> StepResult {
        let fault = match self.actors[client].next_if_there().await {
            Ok(None) => return Ok(()),
            Ok(Some(Seen::Line(line))) => Fault::Unwanted(line),
            // How a connection or a program ended is for a step to ask.
            Ok(Some(seen)) => {
                self.actors[client].unsee(seen);
                return Ok(());
            }
            Err(fault) => fault,
        };
        Err(StepError::new(client, Aim::Nothing, "nothing", fault))
    }
}

/// A marker on its way.
pub(super) struct Marker {
    /// The group it goes through.
    pub(super) group: u32,
    /// The line that every member gets.
    pub(super) line: String,
}
