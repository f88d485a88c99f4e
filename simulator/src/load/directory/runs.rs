//! The runs of one side of a comparison.

use std::path::{Path, PathBuf};

use super::{DirectoryError, RUN, Result, files, read};
use crate::load::record::RunRecord;

/// Reads a run directory, or all that are in a directory, in the order of their names. What else is in
/// it does not count.
///
/// # Errors
///
/// As [`read`], and when there is none.
pub fn read_all(dir: &Path) -> Result<Vec<RunRecord>> {
    if dir.join(RUN).exists() {
        return Ok(vec![read(dir)?]);
    }
    let mut runs: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(files::at(dir))? {
        let path = entry.map_err(files::at(dir))?.path();
        runs.extend(path.join(RUN).exists().then_some(path));
    }
    if runs.is_empty() {
        return Err(DirectoryError::NoRuns(dir.to_owned()));
    }
    runs.sort();
    runs.iter().map(|run| read(run)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::write;
    use super::*;
    use crate::load::sample;

    #[test]
    fn a_side_is_a_run_or_a_directory_of_runs() {
        let folder = tempfile::tempdir().unwrap();
        let side = folder.path();
        let error = read_all(side).unwrap_err().to_string();
        assert!(error.ends_with("has none in it: there is no run.json"), "{error}");
        let error = read_all(&side.join("x")).unwrap_err().to_string();
        assert!(error.ends_with("there is no such file"), "{error}");
        let mut record = sample::record();
        for seed in [7, 3, 5] {
            record.head.seed = seed;
            write(&side.join(format!("run-{seed}")), &record).unwrap();
        }
        std::fs::create_dir(side.join("notes")).unwrap();
        std::fs::write(side.join("notes.txt"), "no run").unwrap();
        let seeds = |dir: &Path| -> Vec<u64> {
            read_all(dir).unwrap().iter().map(|run| run.head.seed).collect()
        };
        assert_eq!(seeds(side), [3, 5, 7]);
        assert_eq!(seeds(&side.join("run-5")), [5]);
    }

    #[test]
    fn a_broken_run_among_others_is_not_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a"), &sample::record()).unwrap();
        write(&folder.path().join("b"), &sample::record()).unwrap();
        std::fs::write(folder.path().join("b").join(super::super::LATENCY), "").unwrap();
        let error = read_all(folder.path()).unwrap_err().to_string();
        assert!(error.contains("latency.hlog"), "{error}");
    }
}
