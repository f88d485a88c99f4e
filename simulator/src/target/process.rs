//! A server that this program started, and everything the server started.

use std::ffi::OsStr;
use std::process::Stdio;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};

use super::TargetError;
use super::log::Log;

/// A running process tree, ended when this is dropped.
#[derive(Debug)]
pub(super) struct ServerProcess {
    child: Box<dyn ChildWrapper>,
    log: Log,
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
        if let Some(stdout) = child.stdout().take() {
            tokio::spawn(log.clone().collect(stdout));
        }
        if let Some(stderr) = child.stderr().take() {
            tokio::spawn(log.clone().collect(stderr));
        }
        let stdin = child.stdin().take();
        Ok(ServerProcess { child, log, _stdin: stdin })
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
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

    /// Ends the whole tree and waits for it.
    pub(super) async fn stop(&mut self) {
        // It may have ended by itself; then there is nothing left to kill.
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // `KillOnDrop` reaches the first process only; this reaches its group or job.
        let _ = self.child.start_kill();
    }
}
