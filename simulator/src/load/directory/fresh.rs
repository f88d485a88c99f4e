//! A directory for a run, under a name that nobody has.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Result, files};

/// Makes a new directory `<stem>-<time>-<run>` in `base`; `base` is made, too. `stem` is the load
/// file's name without its ending, and empty where flags took the file's place; `started` is a time
/// such as `2026-11-22T17:00:00Z`. Where the name is taken, a number is added.
///
/// # Errors
///
/// When the system refuses.
pub fn fresh(base: &Path, stem: &str, started: &str, run: &str) -> Result<PathBuf> {
    fs::create_dir_all(base).map_err(files::at(base))?;
    let stem = if stem.is_empty() { "flags" } else { stem };
    // Seconds are fine enough, and no system minds these characters.
    let time: String = started.split('.').next().unwrap_or_default().replace(['-', ':', 'Z'], "");
    let name = [stem, time.as_str(), run].map(plain).join("-");
    let mut number = 1u32;
    loop {
        let dir = match number {
            1 => base.join(&name),
            _ => base.join(format!("{name}-{number}")),
        };
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(files::at(&dir)(error)),
        }
    }
}

/// The name without anything that a path or a shell would take for more than a letter.
fn plain(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' };
    name.chars().take(60).map(plain).collect()
}
