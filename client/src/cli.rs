//! The command line, as written.

use std::time::Duration;

use chatroom_protocol::{Alias, GroupId, Password};
use clap::Parser;

use crate::Address;
use crate::program::Settings;
use crate::terminal::{Preset, Purpose};

const EXIT_STATUS: &str = "\
Exit status:
    0  the conversation is over, a refusal included
    1  something failed in this program or on this machine
    2  the command line cannot be understood
    3  the server was not reached
    4  the server closed the connection, or it was lost
    5  the server does not keep to the protocol
  130  interrupted before the chat

What is not given here is asked for. Ctrl-C or the end of input leaves the chat.";

/// Chat in groups from a terminal, or through a pipe.
#[derive(Debug, Parser)]
#[command(version, after_help = EXIT_STATUS)]
pub struct Cli {
    /// Where the server is: a host and a port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.2:59000")]
    connect: Address,

    /// How long to wait for the server to answer.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    connect_timeout: Duration,

    /// The name to chat under.
    #[arg(long)]
    name: Option<Alias>,

    /// Create a new group.
    #[arg(long, conflicts_with = "join")]
    create: bool,

    /// Join the group with this id.
    #[arg(long, value_name = "ID")]
    join: Option<GroupId>,

    /// The group's password. Other users of this machine can see a command line; the environment
    /// variable they cannot.
    #[arg(long, env = "CHATROOM_PASSWORD", hide_env_values = true)]
    password: Option<Password>,
}

impl From<Cli> for Settings {
    fn from(cli: Cli) -> Self {
        let create = cli.create.then_some(Purpose::Create);
        Settings {
            address: cli.connect,
            connect_timeout: cli.connect_timeout,
            preset: Preset {
                purpose: cli.join.map(Purpose::Join).or(create),
                name: cli.name,
                password: cli.password,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::terminal::ExitStatus;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_exit_status_is_documented() {
        let all = [
            ExitStatus::Ended,
            ExitStatus::Internal,
            ExitStatus::Usage,
            ExitStatus::NotReached,
            ExitStatus::ServerGone,
            ExitStatus::ServerFault,
            ExitStatus::Interrupted,
        ];
        for status in all {
            let entry = format!("\n{:>5}  ", status.code());
            assert!(EXIT_STATUS.contains(&entry), "{status:?}");
        }
    }
}
