//! `simulator plan`: what a load will do and need, before a single connection.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use clap::Args;

use super::complain;
use super::load::WhatArgs;
use crate::exit::ExitStatus;
use crate::load::plan::Plan;
use crate::load::plan::needs::{self, Limits};
use crate::load::plan::show;
use crate::load::plan::totals::Totals;

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    what: WhatArgs,
    /// Print the sends instead, all or the first N: microseconds from the first phase, bot, sequence, bytes
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    sends: Option<Option<u64>>,
}

/// Does what the command line says.
pub(super) fn plan(args: &PlanArgs) -> ExitStatus {
    let spec = match args.what.read() {
        Ok(spec) => spec,
        Err(status) => return status,
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    let plan = Plan::new(&spec, args.what.seed);
    if let Some(first) = args.sends {
        let printed = show::print_sends(&plan, first.unwrap_or(u64::MAX), &mut out);
        return written(printed.and_then(|()| out.flush()));
    }
    let totals = Totals::new(&plan);
    let sources = needs::check(&totals, &Limits::raised(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let printed = show::print(&spec, &plan, &totals, &mut out).and_then(|()| {
        if let Ok(sources) = &sources {
            writeln!(out, "{:<13}{}", "ports", show::ports(&totals, sources))?;
        }
        out.flush()
    });
    match (written(printed), sources) {
        (ExitStatus::Pass, Err(why)) => complain(&why, ExitStatus::Invalid),
        (status, _) => status,
    }
}

/// What came of writing to standard output.
fn written(printed: io::Result<()>) -> ExitStatus {
    match printed {
        // Whoever closes the pipe has seen enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let message = format!("failed to write to standard output: {error}");
            complain(&message, ExitStatus::Invalid)
        }
        _ => ExitStatus::Pass,
    }
}
