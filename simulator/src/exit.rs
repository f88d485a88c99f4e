//! What the process's exit status says.

/// How a run ended, as the shell sees it.
///
/// When several apply, the first in this order wins: invalid, failed, unreachable, inconclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Every scenario that ran passed, and at least one ran.
    Pass = 0,
    /// At least one scenario failed.
    Fail = 1,
    /// The command line, a scenario file or a transcript is invalid, or a report cannot be written.
    Invalid = 2,
    /// The server could not be started or reached.
    Unreachable = 3,
    /// Nothing failed, but something could not be decided, nothing was checked at all, or the figures
    /// of a load cannot be trusted.
    Inconclusive = 4,
    /// Ctrl-C.
    Interrupted = 130,
}

/// The statuses as `--help` and the docs list them.
pub const TABLE: &str = "\
Exit status:
  0    passed
  1    failed
  2    invalid command line, scenario, load or gate, or a file that cannot be read or written
  3    the server could not be started or reached
  4    inconclusive: nothing failed, but something could not be decided, or the figures of a load
       cannot be trusted
  130  interrupted";

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        (status as u8).into()
    }
}
