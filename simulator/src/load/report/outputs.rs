//! Where the reports of finished runs go: to a person, to a program, to a CI job.

use std::io::{IsTerminal, Write};
use std::path::Path;

use super::{junit, text};
use crate::load::directory;
use crate::load::record::{GateRecord, RunRecord, VerdictRecord};
use crate::report::{Format, Kind};

/// The reports that were asked for.
pub(crate) struct Outputs(Vec<Format>);

impl Outputs {
    /// Makes sure that all can be written, so that a run is not lost to a bad path.
    ///
    /// # Errors
    ///
    /// When two want standard output, or a file cannot be written.
    pub(crate) fn open(formats: Vec<Format>) -> Result<Outputs, String> {
        Format::check_all(&formats)?;
        formats.iter().try_for_each(|format| format.open().map(drop))?;
        Ok(Outputs(formats))
    }

    /// Reports a run. A file has the last run that was reported; standard output has all.
    ///
    /// # Errors
    ///
    /// When a report cannot be written.
    pub(crate) fn write(
        &self,
        record: &RunRecord,
        verdict: &VerdictRecord,
        more: &[GateRecord],
        directory: Option<&Path>,
    ) -> Result<(), String> {
        for format in &self.0 {
            let report = match format.kind() {
                Kind::Text => {
                    let colour = format.is_stdout() && std::io::stdout().is_terminal();
                    text::summary(record, verdict, text::Look { colour, directory })
                }
                Kind::Json => directory::document(record),
                Kind::Junit => junit::render(record, verdict, more)
                    .map_err(|error| format!("failed to make a report: {error}"))?,
            };
            let written = format.open()?.write_all(report.as_bytes());
            match written {
                Err(error) if !format.is_stdout() => {
                    return Err(format!("failed to write a report: {error}"));
                }
                // A reader of standard output that has gone away wanted no more.
                _ => {}
            }
        }
        Ok(())
    }
}
