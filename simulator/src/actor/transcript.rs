//! What a client's terminal shows, from start to end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use chatroom_protocol::limits::FIRST_GROUP_ID;
use chatroom_protocol::{GroupId, Notice};

/// Group ids as they are on this server, and as they would be on one that has just started.
///
/// A server that somebody else started may have created groups before; then all ids of a scenario
/// are larger by the same number. Scenarios and transcripts are written for a server that has just
/// started.
#[derive(Debug, Default)]
pub(crate) struct GroupIds {
    /// Whether the server has just started.
    fresh: bool,
    /// The id of the first group that the scenario created.
    first: OnceLock<u32>,
    /// How many it created.
    count: AtomicU32,
}

impl GroupIds {
    /// Ids on a server that has just started.
    pub(crate) fn fresh() -> Self {
        GroupIds { fresh: true, ..GroupIds::default() }
    }

    /// Ids on a server that may have been used before: the first group created says by how much
    /// they are shifted.
    pub(crate) fn shared() -> Self {
        GroupIds::default()
    }

    /// Notes that the server created a group with this id.
    pub(crate) fn created(&self, id: u32) {
        self.first.get_or_init(|| id);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// The id of the first group that was created.
    pub(crate) fn first(&self) -> Option<u32> {
        self.first.get().copied()
    }

    /// How many groups were created.
    pub(crate) fn count(&self) -> u32 {
        self.count.load(Ordering::Relaxed)
    }

    /// What to add to an id of the scenario.
    fn shift(&self) -> u32 {
        match self.first.get() {
            Some(first) if !self.fresh => first.saturating_sub(FIRST_GROUP_ID),
            _ => 0,
        }
    }

    /// The id on this server of what the scenario calls `id`.
    pub(crate) fn actual(&self, id: u32) -> u32 {
        if id < FIRST_GROUP_ID { id } else { id.saturating_add(self.shift()) }
    }

    /// What the scenario calls the group that has `id` on this server.
    pub(crate) fn canonical(&self, id: u32) -> u32 {
        if id < FIRST_GROUP_ID { id } else { id.saturating_sub(self.shift()) }
    }
}

/// What a transcript has in place of what was left out: most of many repetitions, and what differs
/// from run to run.
pub(crate) const REPEATED: &str = "[...]";

/// A terminal's text, with group ids as on a server that has just started.
#[derive(Debug)]
pub(crate) struct Transcript {
    ids: Arc<GroupIds>,
    lines: Vec<String>,
    /// A prompt on whose line nothing was typed yet.
    prompt: Option<String>,
}

impl Transcript {
    pub(crate) fn new(ids: Arc<GroupIds>) -> Self {
        Transcript { ids, lines: Vec::new(), prompt: None }
    }

    /// A whole line appears.
    pub(crate) fn print(&mut self, line: &str) {
        self.finish_prompt();
        match Notice::parse(line) {
            Some(Notice::Created(id)) => {
                let id = GroupId::from(self.ids.canonical(id.get()));
                self.lines.push(Notice::Created(id).to_string().trim_end().to_owned());
            }
            // Each server says in its own words why it refuses.
            Some(Notice::AnswerRefused(_)) => self.lines.push("answer refused, [why]".to_owned()),
            Some(Notice::MessageRefused(_)) => self.lines.push("message refused, [why]".to_owned()),
            _ => self.lines.push(line.to_owned()),
        }
    }

    /// A prompt appears; what is typed next stands on its line.
    pub(crate) fn prompt(&mut self, prompt: &str) {
        self.finish_prompt();
        self.prompt = Some(prompt.to_owned());
    }

    /// Somebody types a line.
    pub(crate) fn typed(&mut self, text: &str) {
        let prompt = self.prompt.take().unwrap_or_default();
        self.lines.push(prompt + text);
    }

    /// The program ends, in the document's words.
    pub(crate) fn exited(&mut self, status: u8) {
        self.finish_prompt();
        self.lines.push(String::new());
        self.lines.push(format!("Process finished with exit code {status}"));
    }

    /// How many lines there are.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Forgets the lines after the first `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.lines.truncate(length);
    }

    /// The text so far.
    pub(crate) fn text(&self) -> String {
        let prompt = self.prompt.iter().cloned();
        self.lines.iter().cloned().chain(prompt).collect::<Vec<_>>().join("\n")
    }

    fn finish_prompt(&mut self) {
        self.lines.extend(self.prompt.take());
    }
}
