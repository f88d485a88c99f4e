//! What clients type and write.

use chatroom_protocol::message;
use tokio::time::Instant;

use super::reading::MOST_REPEATED_SHOWN;
use super::stage::{Aim, Said, Stage, StepError, StepResult};
use crate::actor::{REPEATED, Typing};
use crate::fault::Fault;
use crate::scenario::{Action, Audience, ClientId, Writing, unescape};

impl Stage<'_> {
    pub(super) async fn send(
        &mut self,
        client: ClientId,
        action: &Action,
        deadline: Instant,
    ) -> StepResult {
        let Action::Send { lines, raw, writing, times, seen_by, .. } = action else {
            return Ok(());
        };
        let mut sent = Vec::new();
        let mut typed = Vec::new();
        for count in 1..=*times {
            for line in lines {
                let filled = if *raw {
                    self.fill_raw(line, client, count)?
                } else {
                    self.fill(line, client, count)?
                };
                if let Some(said) = self.said_by(client, &filled.actual, *raw) {
                    sent.push(said.line.clone());
                    self.said.push(said);
                }
                typed.push(Typing { text: filled.actual, shown: Some(filled.shown) });
            }
        }
        // Repetitions go out as fast as they can; a list of lines in one write.
        let batch = lines.len();
        for (index, lines) in typed.chunks(batch).enumerate() {
            let shown = shorten(lines, index, *times);
            self.write(client, &shown, *raw, *writing, deadline).await?;
        }
        if let (Some(member), false) = (self.member(client).cloned(), *seen_by == Audience::Unsaid)
        {
            let audience = self.audience(seen_by, client, member.group, true);
            for (index, line) in sent.iter().enumerate() {
                let hide = *times > MOST_REPEATED_SHOWN && index > 0 && index + 1 < sent.len();
                self.all_read_as(&audience, line, hide.then_some(index), deadline).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn write(
        &mut self,
        client: ClientId,
        lines: &[Typing],
        raw: bool,
        writing: Writing,
        deadline: Instant,
    ) -> StepResult {
        let written = if raw {
            let text: String = lines.iter().map(|line| line.text.as_str()).collect();
            let shown: String = lines.iter().filter_map(|line| line.shown.as_deref()).collect();
            let bytes = unescape(&text).unwrap_or_default();
            self.actors[client].write_raw(&bytes, &shown, writing, deadline).await
        } else {
            self.actors[client].type_lines(lines, writing, deadline).await
        };
        written.map_err(|fault| {
            let aim =
                if matches!(fault, Fault::NotConnected(_)) { Aim::Connect } else { Aim::Write };
            StepError::new(client, aim, "the server to take what is written", fault)
        })
    }

    /// What the group hears when a client sends `text`.
    pub(super) fn said_by(&self, client: ClientId, text: &str, raw: bool) -> Option<Said> {
        let member = self.member(client)?;
        // The terminal program sends nothing for a blank line; a server ignores an empty one.
        let is_terminal = self.scenario.clients[client].is_terminal();
        let is_blank = if is_terminal { text.trim().is_empty() } else { text.is_empty() };
        if raw || is_blank {
            return None;
        }
        // The terminal program puts its name in front; a bare connection may have done so itself.
        let unstamped = if is_terminal { text } else { member.unstamped(text) };
        Some(Said {
            by: client,
            group: member.group,
            text: unstamped.to_owned(),
            line: message::line(&member.name, unstamped),
            heard_by: self.members_of(member.group),
        })
    }
}

/// Of many repetitions, the transcript shows the first and the last.
fn shorten(lines: &[Typing], index: usize, times: u32) -> Vec<Typing> {
    let last = times as usize - 1;
    let hide = times > MOST_REPEATED_SHOWN && index > 0 && index < last;
    let shown = |shown: &Option<String>| match (hide, index) {
        (false, _) => shown.clone(),
        (true, 1) => Some(REPEATED.to_owned()),
        (true, _) => None,
    };
    let shorten = |line: &Typing| Typing { text: line.text.clone(), shown: shown(&line.shown) };
    lines.iter().map(shorten).collect()
}
