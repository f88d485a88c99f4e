//! The exit statuses, the only words that a script hears.

use std::process::ExitCode;

/// How the program ends, as its parent process sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// 0: the conversation is over, as the person asked or as the document tells it: a refusal
    /// ends with 0 too.
    Ended,
    /// 1: something failed in this program or on this machine.
    Internal,
    /// 2: the command line cannot be understood.
    Usage,
    /// 3: no connection to the server came about.
    NotReached,
    /// 4: the server closed the connection, or the connection was lost.
    ServerGone,
    /// 5: the server does not keep to the protocol.
    ServerFault,
    /// 130: interrupted before the chat, as a shell reports a program that SIGINT ended.
    Interrupted,
}

impl ExitStatus {
    /// The status as a number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            ExitStatus::Ended => 0,
            ExitStatus::Internal => 1,
            ExitStatus::Usage => 2,
            ExitStatus::NotReached => 3,
            ExitStatus::ServerGone => 4,
            ExitStatus::ServerFault => 5,
            ExitStatus::Interrupted => 130,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        ExitCode::from(status.code())
    }
}
