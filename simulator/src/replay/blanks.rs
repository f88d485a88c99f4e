//! Filling in the blanks of a text: for the server, and for the transcript.

use super::stage::{Aim, Stage, StepError, StepResult};
use crate::fault::{Fault, quoted};
use crate::scenario::{Blank, ClientId, Part, Pattern, Template};

impl Stage<'_> {
    pub(super) fn wanted(
        &self,
        pattern: &Pattern,
        client: ClientId,
        count: u32,
    ) -> StepResult<Wanted> {
        Ok(match pattern {
            Pattern::Exact(text) => Wanted::Exact(self.fill(text, client, count)?.actual),
            Pattern::Regex(regex) => Wanted::Regex(regex.clone()),
        })
    }

    /// A text with its blanks filled in, for this server and for the transcript.
    pub(super) fn fill(
        &self,
        template: &Template,
        client: ClientId,
        count: u32,
    ) -> StepResult<Filled> {
        let fill =
            |shown: bool| template.fill(|blank| self.fill_blank(blank, client, count, shown));
        Ok(Filled { actual: fill(false)?, shown: fill(true)? })
    }

    /// The same for bytes with escapes: what fills a blank has none.
    pub(super) fn fill_raw(
        &self,
        template: &Template,
        client: ClientId,
        count: u32,
    ) -> StepResult<Filled> {
        let escape = |text: String| text.replace('\\', "\\\\");
        let fill = |shown: bool| {
            template.fill(|blank| self.fill_blank(blank, client, count, shown).map(escape))
        };
        Ok(Filled { actual: fill(false)?, shown: fill(true)? })
    }

    pub(super) fn fill_blank(
        &self,
        blank: &Blank,
        client: ClientId,
        count: u32,
        shown: bool,
    ) -> StepResult<String> {
        let member = |key: &str| {
            let found = self.actors.iter().find(|actor| actor.key() == key);
            found.and_then(|actor| actor.membership.as_ref()).ok_or_else(|| {
                let expected = format!("`{key}` to be in a group, for {{{key}...}}");
                StepError::new(client, Aim::Write, expected, Fault::Refused)
            })
        };
        Ok(match blank {
            Blank::GroupOf(key) => {
                let id = member(key)?.group;
                if shown { self.ids.canonical(id) } else { id }.to_string()
            }
            Blank::NameOf(key) => member(key)?.name.clone(),
            Blank::Group(id) => if shown { *id } else { self.ids.actual(*id) }.to_string(),
            Blank::Me => self.name_of(client),
            Blank::Count => count.to_string(),
        })
    }

    /// The name that a client asks for, if it has answers.
    pub(super) fn asked_name(&self, client: ClientId) -> Option<String> {
        match &self.scenario.clients[client].part {
            Part::Create { name, .. } | Part::Join { name, .. } => {
                name.as_plain().map(str::to_owned)
            }
            Part::Choose { .. } | Part::Wire => None,
        }
    }

    /// What a client is called: by the server, or in its own answers.
    pub(super) fn name_of(&self, client: ClientId) -> String {
        if let Some(member) = self.member(client) {
            return member.name.clone();
        }
        match &self.scenario.clients[client].part {
            Part::Create { name, .. } | Part::Join { name, .. } => name.to_string(),
            Part::Choose { .. } | Part::Wire => self.key(client).to_owned(),
        }
    }
}

/// A text for the server, and the same for the transcript.
pub(super) struct Filled {
    pub(super) actual: String,
    pub(super) shown: String,
}

/// A pattern with its blanks filled in.
pub(super) enum Wanted {
    Exact(String),
    Regex(regex::Regex),
}

impl Wanted {
    pub(super) fn matches(&self, line: &str) -> bool {
        match self {
            Wanted::Exact(text) => text == line,
            Wanted::Regex(regex) => regex.is_match(line),
        }
    }

    /// Whether it is somewhere in the line.
    pub(super) fn is_in(&self, line: &str) -> bool {
        match self {
            Wanted::Exact(text) => line.contains(text),
            Wanted::Regex(regex) => regex.is_match(line),
        }
    }

    pub(super) fn aim(&self) -> Aim {
        match self {
            Wanted::Exact(text) => Aim::Line(text.clone()),
            Wanted::Regex(regex) => Aim::Match(regex.as_str().to_owned()),
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wanted::Exact(text) => f.write_str(&quoted(text)),
            Wanted::Regex(regex) => write!(f, "a line that matches /{regex}/"),
        }
    }
}
