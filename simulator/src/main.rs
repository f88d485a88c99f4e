//! The `simulator` program.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    chatroom_simulator::cli::Cli::parse().run().into()
}
