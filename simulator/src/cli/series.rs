//! Runs that are kept, and compared with others that were.

use std::path::{Path, PathBuf};

use super::compare::ComparingArgs;
use crate::exit::ExitStatus;
use crate::load::compare::{Interleaving, compare};
use crate::load::record::{GateRecord, RunRecord, VerdictRecord};
use crate::load::report::html;
use crate::load::report::outputs::Outputs;
use crate::load::{directory, verdict};

/// Where a run is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// The directory of the run directories.
    pub(super) out: &'a Path,
    /// What the names of the run directories begin with.
    pub(super) stem: &'a str,
}

/// A run that is on the disk.
pub(super) struct Kept {
    /// With its verdict.
    pub(super) record: RunRecord,
    pub(super) directory: PathBuf,
}

/// Judges a run by its own gates and writes it down.
pub(super) fn keep(mut record: RunRecord, place: Place<'_>) -> Result<Kept, String> {
    let failed = |error: &dyn std::fmt::Display| format!("failed to write the run: {error}");
    let verdict = verdict::judge(&record, &[]);
    record.head.verdict = Some(verdict.clone());
    let head = &record.head;
    let directory = directory::fresh(place.out, place.stem, &head.started, &head.run)
        .map_err(|error| failed(&error))?;
    directory::write(&directory, &record).map_err(|error| failed(&error))?;
    let page = directory.join("report.html");
    std::fs::write(&page, html::page(&record, &verdict)).map_err(|error| failed(&error))?;
    Ok(Kept { record, directory })
}

impl Kept {
    pub(super) fn verdict(&self) -> &VerdictRecord {
        self.record.head.verdict.as_ref().expect("what is kept was judged")
    }

    pub(super) fn report(&self, outputs: &Outputs, more: &[GateRecord]) -> Result<(), String> {
        outputs.write(&self.record, self.verdict(), more, Some(&self.directory))
    }
}

/// Runs that were kept, to compare with.
pub(super) struct Baseline {
    runs: Vec<RunRecord>,
    how: Interleaving,
}

/// A comparison with a baseline.
pub(super) struct Judged {
    pub(super) text: String,
    pub(super) gate: Option<GateRecord>,
    pub(super) status: ExitStatus,
}

impl Baseline {
    pub(super) fn read(
        dir: Option<&Path>,
        comparing: &ComparingArgs,
    ) -> Result<Option<Baseline>, String> {
        let Some(dir) = dir else {
            return match comparing.first_given() {
                Some(flag) => Err(format!("{flag} is about a comparison: it needs --baseline")),
                None => Ok(None),
            };
        };
        let runs = directory::read_all(dir)
            .map_err(|error| format!("failed to read the baseline: {error}"))?;
        let how = comparing.resolve();
        Ok(Some(Baseline { runs, how }))
    }

    pub(super) fn judge(&self, runs: &[RunRecord]) -> Judged {
        let Interleaving { metric, options, max_regression, .. } = &self.how;
        let compared = compare(&self.runs, runs, *metric, options);
        let mut comparison = match compared {
            Ok(comparison) => comparison,
            Err(error) => {
                let text = format!("error: failed to compare with the baseline: {error}");
                // Where the new run itself is at fault, its own verdict says more than a refusal.
                let own = runs.iter().any(|run| {
                    run.head.verdict.as_ref().is_some_and(|own| !own.reasons.is_empty())
                });
                let status = if own { ExitStatus::Inconclusive } else { ExitStatus::Invalid };
                return Judged { text, gate: None, status };
            }
        };
        comparison.leave_out_unknown();
        let gate = max_regression.map(|share| comparison.gate(share));
        let status = gate.as_ref().map_or(ExitStatus::Pass, |gate| gate.outcome.into());
        let mut text = comparison.to_string();
        if let Some(gate) = &gate {
            text += &gate.in_words();
        }
        Judged { text, gate, status }
    }
}
