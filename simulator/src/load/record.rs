//! What a run leaves: all that gates, reports and comparisons need, now or later.
//!
//! A [`RunRecord`] is what stands in a run directory. `run.json` is its [`Head`]; `latency.hlog` has the
//! histograms of its windows; `evidence.ndjson` has its [`Evidence`]. `docs/load.md` describes the files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::figures::Latencies;

/// The version of `run.json`. Raised when a field changes its meaning or goes away.
pub const SCHEMA_VERSION: u32 = 1;

/// A run, from the joining to the last copy.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Everything that is no histogram.
    pub head: Head,
    /// What was measured, a second at a time; as many as [`Head::windows`] and in the same order.
    pub latencies: Vec<Latencies>,
    /// The slowest copies, and the faults: the first 10,000 of each thread.
    pub evidence: Vec<Evidence>,
}

/// Everything about a run that is no histogram.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// [`SCHEMA_VERSION`] when it was written.
    pub schema: u32,
    /// The version of the simulator.
    pub simulator: String,
    /// When the first bot connected, in UTC, such as `2026-11-22T17:00:00Z`.
    pub started: String,
    /// The command line.
    pub command: String,
    /// The load file.
    pub file: LoadFile,
    /// What everything random was made from.
    pub seed: u64,
    /// Which part of the crowd this process had, and of how many; 1 of 1 is the whole.
    pub part: (u32, u32),
    /// The run's name in its messages.
    pub run: String,
    /// The server.
    pub target: TargetRecord,
    /// The machine of the bots.
    pub machine: Machine,
    /// Who was there.
    pub crowd: CrowdRecord,
    /// The joining (`join`), and then the phases of the file.
    pub phases: Vec<PhaseRecord>,
    /// The parts of the phases, a second long each or less, in order.
    pub windows: Vec<WindowRecord>,
    /// What the ledger counted.
    pub ledger: LedgerRecord,
    /// How evenly the receivers were served.
    pub fairness: Option<Fairness>,
    /// What of it was cut short by the user.
    pub partial: Option<String>,
    /// What the file asked for.
    pub gates: Vec<String>,
    /// The limits of trust that the file set.
    pub trust: TrustRecord,
    /// The faults that the file allows.
    pub allow: Vec<FaultKind>,
    /// What else makes the figures untrusted, in words, such as a bot that could not connect.
    pub doubts: Vec<String>,
    /// What the server's log said last, where it ended by itself.
    pub server_ended: Option<String>,
    /// The verdict when the run was over, with the gates of the file.
    pub verdict: Option<VerdictRecord>,
}

/// The load file of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadFile {
    /// Its path, as the user gave it; empty where flags took its place.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its title.
    pub title: String,
}

/// The server of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// What to call it, such as `the reference server`.
    pub name: String,
    /// Where it listened.
    pub address: String,
    /// Whether its process was known, so that its cost could be measured.
    pub process_known: bool,
    /// The resident memory of its process before the first bot connected, in bytes, where it is known.
    #[serde(default)]
    pub base_rss_bytes: Option<u64>,
}

/// The machine of the bots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// How many cores this process may use.
    pub cores: u32,
    /// How much memory there is, in bytes.
    pub memory_bytes: u64,
    /// The operating system and its version.
    pub os: String,
}

/// Who was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrowdRecord {
    /// The bots of this part, all roles together.
    pub bots: u64,
    /// The groups of this part.
    pub groups: u64,
    /// How many have each role.
    pub roles: BTreeMap<String, u64>,
    /// How many were members when the first phase began.
    pub joined: u64,
    /// How long the joining took, in seconds, from the first connection to the last welcome.
    pub join_seconds: f64,
    /// How often a knocker was refused as it should be.
    pub refused: u64,
    /// How many bots the server cut off that do not read.
    pub cut_off: u64,
    /// The resident memory of the simulator before the first bot was made, in bytes.
    #[serde(default)]
    pub base_rss_bytes: Option<u64>,
}

impl CrowdRecord {
    /// How many bots were to join: all but the knockers.
    #[must_use]
    pub fn to_join(&self) -> u64 {
        self.bots - self.roles.get("knocker").copied().unwrap_or_default().min(self.bots)
    }
}

/// A phase as it was carried out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseRecord {
    /// Its name.
    pub name: String,
    /// When it began, in microseconds from the first connection.
    pub start_us: u64,
    /// How long it took, in microseconds.
    pub length_us: u64,
    /// Whether its figures count in those of the whole run.
    pub measured: bool,
    /// Whether it had a schedule, and not as fast as the server takes it.
    pub scheduled: bool,
    /// How it was meant, in words such as `1000/s`.
    pub shape: String,
}

/// A part of a phase, a second long or less. What belongs to it is decided by the intended time of
/// the send, for bots that join by the intended time of the connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowRecord {
    /// The index of its phase.
    pub phase: usize,
    /// When it began, in microseconds from the first connection.
    pub start_us: u64,
    /// How long it is, in microseconds.
    pub length_us: u64,
    /// How many messages were sent.
    pub sends: u64,
    /// How many copies of messages arrived.
    pub copies: u64,
    /// What the server's process used, where it is known.
    pub server: Option<Cost>,
    /// What the simulator used.
    pub generator: Cost,
}

/// What a process used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Processor time within the window, in microseconds.
    pub cpu_us: u64,
    /// Resident memory at the end of the window, in bytes.
    pub rss_bytes: u64,
}

/// What the ledger counted, over the whole run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRecord {
    /// Messages that the bots said.
    pub sends: u64,
    /// Copies that had to arrive.
    pub expected: u64,
    /// Copies that arrived, were due, and were right in every byte.
    pub verified: u64,
    /// Notices (who comes, who goes) that arrived and were right.
    pub notices: u64,
    /// How often each fault was found, a copy counted once.
    pub faults: BTreeMap<FaultKind, u64>,
}

/// What can be wrong with a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// It never came to somebody who was a member when it was sent.
    Lost,
    /// It came again.
    Doubled,
    /// It came at another place than with the other members, or a sender's messages changed order.
    Reordered,
    /// It came to somebody after his own leaving; or who left was not let go by the server.
    AfterLeaving,
    /// It came to somebody who joined after it.
    BeforeJoining,
    /// It came to a member of another group.
    WrongGroup,
    /// Its bytes changed.
    Altered,
    /// It came under a name that is not its sender's.
    WrongSender,
    /// A line that nobody sent and no server has to say, such as the refusal of a right message.
    Unknown,
    /// A member's connection was ended, and nobody had asked for it.
    Disconnected,
    /// A client with a wrong password was not refused.
    Admitted,
}

impl FaultKind {
    /// All of them.
    pub const ALL: [FaultKind; 11] = [
        FaultKind::Lost,
        FaultKind::Doubled,
        FaultKind::Reordered,
        FaultKind::AfterLeaving,
        FaultKind::BeforeJoining,
        FaultKind::WrongGroup,
        FaultKind::Altered,
        FaultKind::WrongSender,
        FaultKind::Unknown,
        FaultKind::Disconnected,
        FaultKind::Admitted,
    ];

    /// Its name in files, gates and reports; the same as in `run.json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            FaultKind::Lost => "lost",
            FaultKind::Doubled => "doubled",
            FaultKind::Reordered => "reordered",
            FaultKind::AfterLeaving => "after-leaving",
            FaultKind::BeforeJoining => "before-joining",
            FaultKind::WrongGroup => "wrong-group",
            FaultKind::Altered => "altered",
            FaultKind::WrongSender => "wrong-sender",
            FaultKind::Unknown => "unknown",
            FaultKind::Disconnected => "disconnected",
            FaultKind::Admitted => "admitted",
        }
    }
}

/// How evenly the healthy receivers were served in the measured phases. Times in microseconds, with two
/// significant digits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fairness {
    /// How many receivers had enough copies for a 99th percentile.
    pub receivers: u64,
    /// The p99 of the receiver that was served best.
    pub best_p99_us: u64,
    /// The median of the receivers' p99s. `None` in a run merged of several parts: a median cannot be
    /// had from medians.
    pub median_p99_us: Option<u64>,
    /// The p99 of the receiver that was served worst.
    pub worst_p99_us: u64,
    /// Which bot that was, and its group.
    pub worst: String,
    /// The median of the receivers' own medians, by the tenth of their group in which they joined: the
    /// first entry is the first tenth to join. Shows whether who came first is served first. Empty in
    /// a run merged of several parts.
    pub median_by_join_order_us: Vec<u64>,
}

/// When a run cannot be trusted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustRecord {
    /// The most that the generator may be late at the 99th percentile, in microseconds.
    pub lateness_p99_us: u64,
    /// The most of its time that the generator's threads may be busy, 0 to 1.
    pub busy: f64,
    /// How many threads the generator has.
    pub threads: u32,
}

/// A copy that was wrong or slow, with what happened to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The fault; `None` for a slow copy.
    pub fault: Option<FaultKind>,
    /// What happened, in a sentence.
    pub what: String,
    /// The phase.
    pub phase: Option<String>,
    /// The group, by its number in the plan.
    pub group: Option<u32>,
    /// Who said it.
    pub sender: Option<String>,
    /// The number of the message among the sender's.
    pub sequence: Option<u64>,
    /// Who got it, or should have.
    pub receiver: Option<String>,
    /// From the intended time of the send to the end of the read, in microseconds.
    pub latency_us: Option<u64>,
    /// What was expected, where something else came.
    pub expected: Option<String>,
    /// What came.
    pub came: Option<String>,
    /// What happened when, in order of time.
    pub timeline: Vec<Moment>,
}

/// A moment of a timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// In microseconds from the first connection.
    pub at_us: u64,
    /// What happened.
    pub what: String,
}

/// The judgement on a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictRecord {
    /// The judgement.
    pub outcome: Outcome,
    /// Why, each a sentence; empty for a pass.
    pub reasons: Vec<String>,
    /// What became of each gate.
    pub gates: Vec<GateRecord>,
}

/// The four judgements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything that was asked for holds.
    Pass,
    /// A fault, or a gate that does not hold.
    Fail,
    /// A gate that cannot be asked of this run.
    Invalid,
    /// Nothing failed, but the figures do not carry the judgement.
    Untrusted,
}

/// What became of a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRecord {
    /// The gate as it was written.
    pub gate: String,
    /// The judgement on it.
    pub outcome: Outcome,
    /// The figures behind it, such as `delivery.p99 is 3.2 ms`.
    pub why: String,
}

impl GateRecord {
    /// The judgement on it as a line.
    pub(crate) fn in_words(&self) -> String {
        let word = match self.outcome {
            Outcome::Pass => "holds",
            Outcome::Fail => "does not hold",
            Outcome::Invalid => "cannot be asked",
            Outcome::Untrusted => "cannot be judged",
        };
        format!("gate: {} {word}: {}\n", self.gate, self.why)
    }
}
