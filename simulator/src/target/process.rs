//! A server that this program started, and everything the server started.

use std::ffi::OsStr;
use std::process::Stdio;

use futures_util::future::join_all;
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};

use super::TargetError;
use super::log::Log;

/// How long the output of a process that has ended may take to come through its pipes.
const LAST_WORDS: std::time::Duration = std::time::Duration::from_secs(1);

/// A running process tree, ended when this is dropped.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Box<dyn ChildWrapper>,
    log: Log,
    /// The tasks that read its output.
    collecting: Vec<tokio::task::JoinHandle<()>>,
    /// Held open, never written: a reference server ends when it closes, so that it never outlives
    /// this program, however this program ends.
    _stdin: Option<tokio::process::ChildStdin>,
}

impl ServerProcess {
    /// Starts `command`, the program first, with its output going to a [`Log`].
    pub(super) fn start<S: AsRef<OsStr>>(command: &[S]) -> Result<Self, TargetError> {
        let (program, arguments) = command.split_first().expect("a command has a first word");
        let mut wrap = CommandWrap::with_new(program, |command| {
            command
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                // Python holds back what it prints into a pipe; its log would come too late.
                .env("PYTHONUNBUFFERED", "1");
        });
        wrap.wrap(KillOnDrop);
        #[cfg(unix)]
        wrap.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        wrap.wrap(process_wrap::tokio::JobObject);
        let mut child = wrap.spawn().map_err(|source| {
            let program = program.as_ref().to_string_lossy().into_owned();
            TargetError::NotStarted { program, source }
        })?;
        let log = Log::new();
        let stdout = child.stdout().take().map(|pipe| tokio::spawn(log.clone().collect(pipe)));
        let stderr = child.stderr().take().map(|pipe| tokio::spawn(log.clone().collect(pipe)));
        let collecting = stdout.into_iter().chain(stderr).collect();
        let stdin = child.stdin().take();
        Ok(ServerProcess { child, log, collecting, _stdin: stdin })
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Its process id, while it runs.
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How the process ended, if it has.
    pub(super) fn ended(&mut self) -> Option<String> {
        self.child.try_wait().ok().flatten().map(|status| status.to_string())
    }

    /// # Cancel safety
    ///
    /// Can be dropped and called again.
    pub(super) async fn wait_until_ended(&mut self) {
        // An error means that there is nothing to wait for.
        let _ = self.child.wait().await;
        self.log.until_quiet().await;
    }

    /// Ends the whole tree, waits for it, and for the last of its output.
    pub(super) async fn stop(&mut self) {
        // It may have ended by itself; then there is nothing left to kill.
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
        let rest = join_all(self.collecting.drain(..));
        // What has left the tree can hold the pipes open; it is not waited for.
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // `KillOnDrop` reaches the first process only; this reaches its group or job.
        let _ = self.child.start_kill();
    }
}
