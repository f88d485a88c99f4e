//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::{DirectoryError, RUN, Result};

/// Makes the directory, or makes sure that it can have a run in it.
pub(super) fn prepare(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).map_err(at(dir))?;
    let occupied = fs::read_dir(dir).map_err(at(dir))?.next().is_some();
    if occupied && !dir.join(RUN).exists() {
        return Err(DirectoryError::Occupied(dir.to_owned()));
    }
    Ok(())
}

/// Writes a file under a temporary name and then gives it its own.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = Path::new(&temporary);
    let written = write_through(temporary, text).and_then(|()| fs::rename(temporary, path));
    written.map_err(|source| {
        // What is left of it helps nobody; that it cannot be removed is the lesser trouble.
        let _ = fs::remove_file(temporary);
        at(path)(source)
    })
}

fn write_through(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    // Some file systems would otherwise keep the name of a file whose content a power cut took.
    file.sync_all()
}

/// Reads a file of text.
pub(super) fn read(path: &Path) -> Result<String> {
    // A device or a pipe under this name may have no end.
    if !fs::metadata(path).map_err(at(path))?.is_file() {
        return Err(at(path)(io::Error::other("it is no ordinary file")));
    }
    let bytes = fs::read(path).map_err(at(path))?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
        DirectoryError::Corrupt { path: path.to_owned(), line, what: "not UTF-8".to_owned() }
    })
}

/// The error of the system at a path.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> DirectoryError + '_ {
    |source| {
        // The system's own words for it differ.
        let source = match source.kind() {
            ErrorKind::NotFound => io::Error::new(ErrorKind::NotFound, "there is no such file"),
            _ => source,
        };
        DirectoryError::Io { path: path.to_owned(), source }
    }
}
