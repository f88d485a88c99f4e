//! The transcripts on file: one insta snapshot for each client of each scenario.
//!
//! They stand beside their scenario, in `transcripts/<scenario>/<client>.snap`. This program reads
//! them by itself; the workspace's tests assert the same files with insta.

use std::path::{Path, PathBuf};

use similar::{ChangeTag, TextDiff};

use crate::scenario::Scenario;

/// A terminal that does not show what is on file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Whose terminal.
    pub client: String,
    /// The file.
    pub path: PathBuf,
    /// What is on file; `None` when there is no file.
    pub wanted: Option<String>,
    /// What the terminal showed.
    pub got: String,
}

/// The folder of a scenario's transcripts.
#[must_use]
pub fn folder(scenario: &Scenario) -> PathBuf {
    let beside = scenario.source.path().parent().unwrap_or(Path::new("."));
    beside.join("transcripts").join(&scenario.name)
}

/// The file of a client's transcript.
#[must_use]
pub fn file(scenario: &Scenario, client: &str) -> PathBuf {
    folder(scenario).join(format!("{client}.snap"))
}

/// Compares what the terminals showed with what is on file.
///
/// # Errors
///
/// When a file is there and cannot be read as a snapshot.
pub fn compare(
    scenario: &Scenario,
    transcripts: &[(String, String)],
) -> std::io::Result<Vec<Mismatch>> {
    let mut mismatches = Vec::new();
    for (client, got) in transcripts {
        let path = file(scenario, client);
        let wanted = read(&path)?;
        let same = match &wanted {
            Some(wanted) => wanted.trim_end() == got.trim_end(),
            // A client that never appeared has no transcript.
            None => got.is_empty(),
        };
        if !same {
            mismatches.push(Mismatch { client: client.clone(), path, wanted, got: got.clone() });
        }
    }
    Ok(mismatches)
}

fn read(path: &Path) -> std::io::Result<Option<String>> {
    if !path.exists() {
        return Ok(None);
    }
    let bad = |why: String| std::io::Error::other(format!("{}: {why}", path.display()));
    let snapshot = insta::Snapshot::from_file(path).map_err(|error| bad(error.to_string()))?;
    let text = snapshot.as_text().ok_or_else(|| bad("not a text snapshot".to_owned()))?;
    Ok(Some(text.to_string()))
}

/// Writes what the terminals showed as the transcripts on file, and removes those of clients that
/// the scenario no longer has. The paths that changed.
///
/// # Errors
///
/// When a file cannot be written.
pub fn accept(
    scenario: &Scenario,
    transcripts: &[(String, String)],
) -> std::io::Result<Vec<PathBuf>> {
    let mut changed = Vec::new();
    let folder = folder(scenario);
    for mismatch in compare(scenario, transcripts).unwrap_or_else(|_| all(scenario, transcripts)) {
        std::fs::create_dir_all(&folder)?;
        std::fs::write(&mismatch.path, snapshot(scenario, &mismatch.client, &mismatch.got))?;
        changed.push(mismatch.path);
    }
    for path in stale(scenario)? {
        std::fs::remove_file(&path)?;
        changed.push(path);
    }
    Ok(changed)
}

/// Where what is on file cannot even be read, everything is to be written anew.
fn all(scenario: &Scenario, transcripts: &[(String, String)]) -> Vec<Mismatch> {
    let mismatch = |(client, got): &(String, String)| Mismatch {
        client: client.clone(),
        path: file(scenario, client),
        wanted: None,
        got: got.clone(),
    };
    transcripts.iter().map(mismatch).collect()
}

/// Transcripts of clients that the scenario does not have.
///
/// # Errors
///
/// When the folder cannot be read.
pub fn stale(scenario: &Scenario) -> std::io::Result<Vec<PathBuf>> {
    let folder = folder(scenario);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut stale = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let snap = path.extension().is_some_and(|extension| extension == "snap");
        let client = path.file_stem().unwrap_or_default().to_string_lossy();
        if snap && scenario.clients.iter().all(|known| known.key != client) {
            stale.push(path);
        }
    }
    Ok(stale)
}

/// What a snapshot is said to be of, in its header.
#[must_use]
pub fn expression(client: &str) -> String {
    format!("terminal of {client}")
}

/// A snapshot file as insta writes it.
fn snapshot(scenario: &Scenario, client: &str, text: &str) -> String {
    let source = format!("scenarios/{}.toml", scenario.name);
    format!("---\nsource: {source}\nexpression: {}\n---\n{}\n", expression(client), text.trim_end())
}

/// The lines that differ, with `-` before what is on file and `+` before what came.
#[must_use]
pub fn diff(wanted: &str, got: &str) -> String {
    let diff = TextDiff::from_lines(wanted.trim_end(), got.trim_end());
    let mut lines = Vec::new();
    for change in diff.iter_all_changes() {
        let sign = match change.tag() {
            ChangeTag::Delete => '-',
            ChangeTag::Insert => '+',
            ChangeTag::Equal => ' ',
        };
        lines.push(format!("{sign} {}", change.value().trim_end_matches('\n')));
    }
    lines.join("\n")
}
