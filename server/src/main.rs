//! The reference chat server's program.

mod cli;
mod exit;
mod stop;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = cli::Args::parse();
    let _log = cli::start_log(&args);
    cli::raise_descriptor_limit();
    match cli::serve(&args) {
        Ok(()) => ExitCode::from(exit::STOPPED),
        Err(error) => {
            // Nobody may be reading; the exit status says it too.
            let _ = writeln!(io::stderr(), "chatroom-server: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}
