//! Run directories: what a run leaves on the disk, for reports, comparisons and gates later.
//!
//! | File | Has |
//! |---|---|
//! | `run.json` | the [`Head`], and how many entries the other files have |
//! | `latency.hlog` | the histograms of the windows, in the format of HdrHistogram's interval logs |
//! | `evidence.ndjson` | the [`Evidence`], one JSON document a line |
//! | `seconds.csv` | the windows as a table for people and spreadsheets; never read back |
//!
//! Each file appears whole or not at all, and `run.json` last, so that a directory with it is complete.

mod check;
mod csv;
mod files;
mod fresh;
mod hlog;
mod runs;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::record::{Evidence, Head, RunRecord, SCHEMA_VERSION};

pub use fresh::fresh;
pub use runs::read_all;

/// The head of a run, and what the other files must have.
pub const RUN: &str = "run.json";
/// The histograms.
pub const LATENCY: &str = "latency.hlog";
/// The windows as a table.
pub const SECONDS: &str = "seconds.csv";
/// The slowest copies and the faults.
pub const EVIDENCE: &str = "evidence.ndjson";

/// Why a run directory cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The system said no.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is something in the directory that a run must not be mixed with.
    #[error("{} has files in it and is no run directory; name a new directory", .0.display())]
    Occupied(PathBuf),
    /// There is no run in it.
    #[error("{} is no run directory: it has no {RUN}", .0.display())]
    NoRun(PathBuf),
    /// Neither is there one in any directory in it.
    #[error("{} is no run directory, and has none in it: there is no {RUN}", .0.display())]
    NoRuns(PathBuf),
    /// It is of another version.
    #[error(
        "{} was written by simulator {simulator} with schema version {found}, and this one reads version \
         {SCHEMA_VERSION}; use that simulator, or run the load again", path.display()
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// Which simulator wrote it.
        simulator: String,
    },
    /// A file is not as it was written.
    #[error("{}:{line}: {what}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, as a fragment.
        what: String,
    },
    /// A file that can be read says what cannot be.
    #[error("{}: {what}", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What is wrong, as a fragment.
        what: String,
    },
}

type Result<T> = std::result::Result<T, DirectoryError>;

/// How many entries the other files have: a file that was cut at the end of a line would look whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Entries {
    histograms: usize,
    evidence: usize,
}

/// `run.json` as it is written.
#[derive(Serialize)]
struct Document<'r> {
    // Only what is read loses its places in a flattened table.
    #[serde(flatten)]
    head: &'r Head,
    entries: Entries,
}

/// What has to be known before the rest can be read.
#[derive(Deserialize)]
struct Version {
    schema: u32,
    #[serde(default)]
    simulator: String,
}

/// The part of `run.json` that is not the head.
#[derive(Deserialize)]
struct Counts {
    entries: Entries,
}

/// Writes a run into a directory, which is made where there is none; an older run in it is replaced.
///
/// # Errors
///
/// When the system refuses, when the directory has something else in it, or when the record contradicts
/// itself.
pub fn write(dir: &Path, record: &RunRecord) -> Result<()> {
    let contradiction = |what| DirectoryError::Contradiction { path: dir.join(RUN), what };
    check::record(record).map_err(contradiction)?;
    files::prepare(dir)?;
    let (log, histograms) = hlog::render(record);
    let json = document_with(record, histograms);
    files::write(&dir.join(LATENCY), &log)?;
    files::write(&dir.join(SECONDS), &csv::render(record))?;
    files::write(&dir.join(EVIDENCE), &evidence_lines(&record.evidence))?;
    files::write(&dir.join(RUN), &json)
}

/// A run as its [`RUN`] has it.
#[must_use]
pub fn document(record: &RunRecord) -> String {
    document_with(record, hlog::render(record).1)
}

fn document_with(record: &RunRecord, histograms: usize) -> String {
    let entries = Entries { histograms, evidence: record.evidence.len() };
    let document = Document { head: &record.head, entries };
    serde_json::to_string_pretty(&document).expect("a head has no keys but strings") + "\n"
}

/// Reads what [`write()`] wrote, exactly.
///
/// # Errors
///
/// When a file is missing, of another version or not as it was written.
pub fn read(dir: &Path) -> Result<RunRecord> {
    let (head, entries) = read_head(dir)?;
    let path = dir.join(LATENCY);
    let (latencies, histograms) = hlog::parse(&files::read(&path)?, &head.windows)
        .map_err(|(line, what)| DirectoryError::Corrupt { path: path.clone(), line, what })?;
    complete(&path, histograms, entries.histograms)?;
    let path = dir.join(EVIDENCE);
    let evidence = read_evidence(&path)?;
    complete(&path, evidence.len(), entries.evidence)?;
    Ok(RunRecord { head, latencies, evidence })
}

fn read_head(dir: &Path) -> Result<(Head, Entries)> {
    let path = dir.join(RUN);
    if dir.is_dir() && !path.exists() {
        return Err(DirectoryError::NoRun(dir.to_owned()));
    }
    let text = files::read(&path)?;
    // The version comes first: of another one, every other error would mislead.
    let version: Version = json(&path, &text, 1)?;
    if version.schema != SCHEMA_VERSION {
        let Version { schema: found, simulator } = version;
        return Err(DirectoryError::Schema { path, found, simulator });
    }
    let head: Head = json(&path, &text, 1)?;
    let counts: Counts = json(&path, &text, 1)?;
    check::head(&head).map_err(|what| DirectoryError::Contradiction { path, what })?;
    Ok((head, counts.entries))
}

fn read_evidence(path: &Path) -> Result<Vec<Evidence>> {
    let text = files::read(path)?;
    text.lines().enumerate().map(|(index, line)| json(path, line, index + 1)).collect()
}

fn evidence_lines(evidence: &[Evidence]) -> String {
    let lines = evidence
        .iter()
        .map(|one| serde_json::to_string(one).expect("evidence has no keys but strings") + "\n");
    lines.collect()
}

/// Reads a JSON document that begins in line `first`.
fn json<'t, T: Deserialize<'t>>(path: &Path, text: &'t str, first: usize) -> Result<T> {
    serde_json::from_str(text).map_err(|error| DirectoryError::Corrupt {
        path: path.to_owned(),
        line: first + error.line().saturating_sub(1),
        what: error.to_string(),
    })
}

fn complete(path: &Path, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let what = format!(
        "it has {found} entries, and {RUN} says {expected}; something is missing or of another run"
    );
    Err(DirectoryError::Contradiction { path: path.to_owned(), what })
}

#[cfg(test)]
mod tests;
