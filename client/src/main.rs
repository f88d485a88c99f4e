//! The terminal program of the group chat.

use std::process::ExitCode;

use chatroom_client::cli::Cli;
use chatroom_client::program;
use chatroom_client::terminal::ExitStatus;
use clap::Parser;

fn main() -> ExitCode {
    match program::run(Cli::parse().into()) {
        Ok(status) => status.into(),
        Err(error) => {
            program::complain(&format!("{error:#}"));
            ExitStatus::Internal.into()
        }
    }
}
