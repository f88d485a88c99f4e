//! `simulator merge`: one run of several parts.

use std::path::PathBuf;

use clap::Args;

use super::complain;
use super::load::stem;
use super::report::ReportsArgs;
use super::series::{Place, keep};
use crate::exit::ExitStatus;
use crate::load::report::outputs::Outputs;
use crate::load::{directory, merge};

/// `simulator merge`.
#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The run directories of all parts, in any order
    #[arg(value_name = "RUN", required = true)]
    parts: Vec<PathBuf>,
    /// Where run directories go
    #[arg(long, value_name = "DIR", default_value = "runs")]
    out: PathBuf,
    #[command(flatten)]
    reports: ReportsArgs,
}

pub(super) fn merge(args: MergeArgs) -> ExitStatus {
    match merge_parts(args) {
        Ok(status) => status,
        Err(message) => complain(&message, ExitStatus::Invalid),
    }
}

fn merge_parts(args: MergeArgs) -> Result<ExitStatus, String> {
    let parts: Result<Vec<_>, _> = args.parts.iter().map(|part| directory::read(part)).collect();
    let parts = parts.map_err(|error| format!("failed to read a part: {error}"))?;
    let outputs = Outputs::open(args.reports.report)?;
    let merged = merge::merge(parts).map_err(|error| format!("failed to merge: {error}"))?;
    let name = stem(merged.head.file.path.as_ref());
    let name = if name.is_empty() { "merged".to_owned() } else { format!("{name}-merged") };
    let kept = keep(merged, Place { out: &args.out, stem: &name })?;
    kept.report(&outputs, &[])?;
    Ok(kept.verdict().outcome.into())
}
