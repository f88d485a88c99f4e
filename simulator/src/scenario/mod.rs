//! Scenarios: plays for several clients, written in TOML.
//!
//! [`load`] reads a file into a [`Scenario`] that can be played as it stands: every name in it is
//! known, every word is a word, and every step can be (nobody speaks before he is there). The format
//! is described in `docs/scenarios.md`.

mod plot;
mod read;
mod template;
mod words;

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use regex::Regex;

use crate::diagnostics::{Diagnostic, Source};
use chatroom_protocol::Refusal;

pub(crate) use template::Blank;
pub use template::Template;
pub(crate) use words::unescape;

/// A scenario that was read and checked.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// The file it comes from.
    pub source: Source,
    /// The file's name without its ending; its transcripts are kept under it.
    pub name: String,
    /// What it shows, as a sentence.
    pub title: String,
    /// The requirements it shows.
    pub covers: Vec<String>,
    /// What it cannot do without.
    pub needs: Vec<Need>,
    /// How long a step waits unless it says otherwise.
    pub deadline: Duration,
    /// Who takes part, in the order of the file.
    pub clients: Vec<ClientSpec>,
    /// What happens.
    pub acts: Vec<Act>,
}

/// Something that not every server under test offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A server on which no group was created yet.
    FreshServer,
    /// The server's log.
    ServerLog,
}

impl Need {
    const ALL: [Need; 2] = [Need::FreshServer, Need::ServerLog];

    /// The word in a file.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Need::FreshServer => "fresh-server",
            Need::ServerLog => "server-log",
        }
    }
}

/// Somebody who takes part.
#[derive(Debug, Clone)]
pub struct ClientSpec {
    /// What the file calls it.
    pub key: String,
    /// What it answers when its program asks.
    pub part: Part,
    /// Whether it stops reading at some point, so that its socket should hold little.
    pub stops_reading: bool,
    /// Whether a step does with it what the terminal program cannot do.
    pub needs_socket: bool,
}

/// How a client comes to the server.
#[derive(Debug, Clone)]
pub enum Part {
    /// As the terminal program, which joins a group.
    Join {
        /// Its name.
        name: Template,
        /// The group's id.
        group: Template,
        /// The group's password.
        password: Template,
    },
    /// As the terminal program, which creates a group.
    Create {
        /// Its name.
        name: Template,
        /// The group's password.
        password: Template,
    },
    /// As the terminal program, of whose menu this is chosen and nothing more is asked.
    Choose {
        /// What is typed.
        option: String,
    },
    /// As a bare connection, which says just what its steps say.
    Wire,
}

/// A part of a scenario that ends with everything read.
#[derive(Debug, Clone)]
pub struct Act {
    /// What happens in it.
    pub name: String,
    /// The requirements it shows, if it says so itself.
    pub covers: Vec<String>,
    /// Where it starts in the file.
    pub span: Range<usize>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// How often they are played.
    pub repeat: u32,
}

/// One step, by one client or several.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it stands in the file.
    pub span: Range<usize>,
    /// How long it may take, if it says so itself.
    pub within: Option<Duration>,
    /// What is done.
    pub action: Action,
}

/// The place of a client in [`Scenario::clients`].
pub type ClientId = usize;

/// What a step does. Where it names several clients, they do it one after another.
#[derive(Debug, Clone)]
pub enum Action {
    /// Open a bare connection.
    Connect {
        /// Who.
        who: Vec<ClientId>,
    },
    /// Start the terminal program and answer what it asks.
    Login {
        /// Who.
        who: Vec<ClientId>,
        /// How it has to end.
        admission: Admission,
        /// Who has to read the notice next.
        seen_by: Audience,
    },
    /// Type lines, or write bytes.
    Send {
        /// Who.
        who: Vec<ClientId>,
        /// What; several lines go out in one write.
        lines: Vec<Template>,
        /// Whether the lines are bytes as they stand, without a line end of their own.
        raw: bool,
        /// In what pieces.
        writing: Writing,
        /// How often.
        times: u32,
        /// Who has to read the message next.
        seen_by: Audience,
    },
    /// Read the next lines.
    Receive {
        /// Who.
        who: Vec<ClientId>,
        /// What they have to be.
        patterns: Vec<Pattern>,
        /// How often each of them comes; where they come in order, the same for all.
        times: Vec<u32>,
        /// Whether they may come in any order.
        any_order: bool,
        /// A line that may come between them.
        maybe: Option<Pattern>,
    },
    /// Go, in one of several ways.
    Leave {
        /// Who.
        who: Vec<ClientId>,
        /// How.
        how: Departure,
        /// Who has to read the notice next.
        seen_by: Audience,
    },
    /// Wait for the server to close the connection.
    Closed {
        /// Who.
        who: Vec<ClientId>,
    },
    /// Wait for the terminal program to end.
    Exit {
        /// Who.
        who: Vec<ClientId>,
        /// With what status.
        status: u8,
    },
    /// Read nothing from now on.
    StopReading {
        /// Who.
        who: Vec<ClientId>,
    },
    /// Do several things at the same time, and check the laws of order over what everybody saw.
    Race {
        /// Who does what, in its own order.
        parts: Vec<(ClientId, Vec<RaceMove>)>,
    },
    /// Send a marker through a group, and prove that nothing came before it.
    Fence {
        /// Who sends it.
        who: ClientId,
        /// Who, inside the group or outside, must have received nothing.
        nothing_for: Vec<ClientId>,
    },
    /// Look into the server's log.
    Log {
        /// What a line of it has to match.
        pattern: Pattern,
        /// Or what no line of it may match.
        absent: bool,
    },
}

impl Action {
    /// Who does it; nobody where it is about the server.
    #[must_use]
    pub fn actors(&self) -> Vec<ClientId> {
        match self {
            Action::Connect { who }
            | Action::Login { who, .. }
            | Action::Send { who, .. }
            | Action::Receive { who, .. }
            | Action::Leave { who, .. }
            | Action::Closed { who }
            | Action::Exit { who, .. }
            | Action::StopReading { who } => who.clone(),
            Action::Race { parts } => parts.iter().map(|(who, _)| *who).collect(),
            Action::Fence { who, .. } => vec![*who],
            Action::Log { .. } => Vec::new(),
        }
    }
}

/// How a login has to end.
#[derive(Debug, Clone)]
pub enum Admission {
    /// As a member, under that name if the step says one.
    Admitted {
        /// The name the server has to give, if it is not the one asked for.
        name: Option<Template>,
    },
    /// Refused, and this is what the server's log says.
    Refused(Refusal),
}

/// Who has to read the outcome of a step as the next line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audience {
    /// The step does not say.
    Unsaid,
    /// Everybody in the group.
    Group,
    /// These.
    Clients(Vec<ClientId>),
}

/// A way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// End of input at the terminal, and a clean close of the connection.
    Leave,
    /// The connection is reset (RST).
    Reset,
    /// Only the sending side is closed.
    HalfClose,
}

/// In the words of a report.
impl std::fmt::Display for Departure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Departure::Leave => "leaves",
            Departure::Reset => "resets its connection",
            Departure::HalfClose => "closes its sending side",
        })
    }
}

/// In what pieces bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// In one call.
    AtOnce,
    /// A number of bytes, a pause, and so on.
    Pieces {
        /// Bytes in a piece.
        bytes: usize,
        /// The pause between two pieces.
        every: Duration,
    },
    /// Pieces of random length, by the run's seed, each a segment of its own.
    RandomPieces,
}

/// What somebody does in a race.
#[derive(Debug, Clone)]
pub enum RaceMove {
    /// Start the terminal program and be admitted.
    Login,
    /// Type a line.
    Type(Template),
}

/// What a line has to be.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// Just this.
    Exact(Template),
    /// Something that this matches.
    Regex(Regex),
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Pattern::Exact(text) => write!(f, "{text}"),
            Pattern::Regex(regex) => write!(f, "/{regex}/"),
        }
    }
}

impl Scenario {
    /// How many steps it has.
    #[must_use]
    pub fn step_count(&self) -> usize {
        self.acts.iter().map(|act| act.steps.len()).sum()
    }
}

impl ClientSpec {
    /// Whether it is the terminal program, and not a bare connection.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        !matches!(self.part, Part::Wire)
    }
}

/// Reads and checks the scenario in `source`.
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the file.
pub fn load(source: &Source) -> Result<Scenario, Vec<Diagnostic>> {
    let name = source.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let scenario = read::read(source, name)?;
    let errors = plot::check(&scenario);
    if errors.is_empty() { Ok(scenario) } else { Err(errors) }
}

/// The largest scenario file: far more than a person writes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The text of a scenario file.
///
/// # Errors
///
/// When it is no ordinary file, too large, not text, or cannot be read.
pub fn read_text(file: &Path) -> std::io::Result<String> {
    let metadata = std::fs::metadata(file)?;
    if !metadata.is_file() {
        return Err(std::io::Error::other("it is no ordinary file"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        let size = metadata.len();
        let why = format!("it has {size} bytes, and a scenario has at most {MAX_FILE_BYTES}");
        return Err(std::io::Error::other(why));
    }
    std::fs::read_to_string(file)
}

/// The scenario files under `path`: itself, or those directly in the folder that it is, sorted.
///
/// # Errors
///
/// When the path cannot be read.
pub fn files_under(path: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "toml") && file.is_file() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
