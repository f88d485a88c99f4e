//! `simulator report`: a finished run judged anew.

use std::path::{Path, PathBuf};

use clap::Args;

use super::complain;
use crate::exit::ExitStatus;
use crate::load::record::{FaultKind, RunRecord, VerdictRecord};
use crate::load::report::html;
use crate::load::report::outputs::Outputs;
use crate::load::{directory, verdict};
use crate::report::Format;

/// `simulator report`.
#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The run directory
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// What has to hold beside the run's own gates; can be repeated
    #[arg(long, value_name = "GATE")]
    gate: Vec<String>,
    /// A kind of fault that does not make the run fail, beside those of its file; can be repeated
    #[arg(long, value_name = "FAULT", value_parser = parse_fault)]
    allow: Vec<FaultKind>,
    /// Write the page to this file [default: RUN/report.html, where it is missing]
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    reports: ReportsArgs,
}

/// What a finished run is reported as.
#[derive(Debug, Args)]
pub(super) struct ReportsArgs {
    /// What to report, and where: text, json (its run.json) or junit, alone or with =FILE; can be repeated
    #[arg(long, value_name = "FORMAT[=FILE]", default_value = "text")]
    pub(super) report: Vec<Format>,
}

/// Reads a kind of fault by its name.
pub(super) fn parse_fault(text: &str) -> Result<FaultKind, String> {
    let known = FaultKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| format!("there is {}", FaultKind::ALL.map(FaultKind::as_str).join(", ")))
}

pub(super) fn report(args: ReportArgs) -> ExitStatus {
    match judge_anew(args) {
        Ok(status) => status,
        Err(message) => complain(&message, ExitStatus::Invalid),
    }
}

fn judge_anew(args: ReportArgs) -> Result<ExitStatus, String> {
    let mut record =
        directory::read(&args.run).map_err(|error| format!("failed to read the run: {error}"))?;
    let outputs = Outputs::open(args.reports.report)?;
    // The page beside the run is the run's own, without what is asked of it today.
    let own = args.run.join("report.html");
    if args.html.is_none() && !own.exists() {
        write_page(&own, &record, &verdict::judge(&record, &[]))?;
    }
    record.head.gates.extend(args.gate);
    record.head.allow.extend(args.allow);
    let verdict = verdict::judge(&record, &[]);
    record.head.verdict = Some(verdict.clone());
    if let Some(file) = &args.html {
        write_page(file, &record, &verdict)?;
    }
    outputs.write(&record, &verdict, &[], Some(&args.run))?;
    Ok(verdict.outcome.into())
}

fn write_page(file: &Path, record: &RunRecord, verdict: &VerdictRecord) -> Result<(), String> {
    std::fs::write(file, html::page(record, verdict))
        .map_err(|error| format!("failed to write {}: {error}", file.display()))
}
