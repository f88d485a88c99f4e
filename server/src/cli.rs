//! Flags, log, exit statuses, and what a person is told when the server cannot start.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use chatroom_server::{BindError, Settings, bind, run};
use thiserror::Error;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::exit;
use crate::stop::Signals;

/// More threads than any machine has cores for; each takes two descriptors, too.
const MAX_WORKERS: i64 = 1024;

const EXIT_STATUSES: &str = "\
The first line on standard output is `listening on ADDRESS`; the log goes to standard error.
Ctrl-C or SIGTERM stops the server; a second Ctrl-C ends it at once.

Exit status:
  0    stopped when asked to
  1    internal failure
  2    wrong usage
  3    the address is in use
  4    the address is not available, or not permitted
  130  ended at once by a second Ctrl-C";

/// The reference server of the group chat.
#[derive(Debug, clap::Parser)]
#[command(name = "chatroom-server", version, after_help = EXIT_STATUSES)]
pub(crate) struct Args {
    /// Address and port to listen on; port 0 takes any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.2:59000")]
    listen: SocketAddr,

    /// Time a client has to answer the four questions, such as `60s` or `1m 30s`
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    handshake_timeout: Duration,

    /// Bytes that may wait for a member that does not read, before it is cut off
    #[arg(long, value_name = "BYTES", default_value_t = Settings::default().backlog_bound)]
    backlog_bound: usize,

    /// Threads that serve the rooms, each group on one of them, 1 to 1024 [default: one for each core]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=MAX_WORKERS))]
    workers: Option<u16>,

    /// What to log, such as `warn` or `chatroom_server=debug` [default: $RUST_LOG, or else info]
    #[arg(long, value_name = "FILTER", value_parser = parse_filter)]
    log: Option<String>,
}

/// A filter is kept as text, because the parsed one cannot be cloned.
fn parse_filter(text: &str) -> Result<String, tracing_subscriber::filter::ParseError> {
    EnvFilter::try_new(text).map(|_| text.to_owned())
}

/// Why the server did not run.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The address cannot be had.
    #[error("{error}; {}", advice(error))]
    Bind {
        /// Why.
        #[from]
        error: BindError,
    },
    /// The system does not grant what a server needs, or takes it back.
    #[error("cannot serve, {0}")]
    System(#[from] io::Error),
}

impl Failure {
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Failure::Bind { error: BindError::InUse { .. } } => exit::ADDRESS_IN_USE,
            Failure::Bind { error: BindError::NotAssigned { .. } | BindError::Denied { .. } } => {
                exit::ADDRESS_NOT_AVAILABLE
            }
            Failure::Bind { error: BindError::Other { .. } } | Failure::System(_) => exit::INTERNAL,
        }
    }
}

/// What can be done about it, on this system.
fn advice(error: &BindError) -> String {
    match error {
        BindError::InUse { address } => {
            let (find, ip) = (command_to_find_holder(address.port()), address.ip());
            let free = SocketAddr::new(ip, 0);
            format!(
                "`{find}` shows which program holds it, and `--listen {free}` takes a free port"
            )
        }
        BindError::NotAssigned { address } => {
            let ip = address.ip();
            let instead = SocketAddr::from(([127, 0, 0, 1], address.port()));
            if cfg!(target_os = "macos") && ip.is_loopback() {
                format!("`sudo ifconfig lo0 alias {ip}` assigns it, or try `--listen {instead}`")
            } else {
                format!("choose one of its own, such as `--listen {instead}`")
            }
        }
        BindError::Denied { address } => {
            let free = SocketAddr::new(address.ip(), 59000);
            format!(
                "ports below 1024 need privileges, so choose a higher one, such as `--listen {free}`"
            )
        }
        BindError::Other { .. } => "try another address with `--listen`".to_owned(),
    }
}

fn command_to_find_holder(port: u16) -> String {
    if cfg!(windows) {
        format!("netstat -ano | findstr :{port}")
    } else if cfg!(target_os = "linux") {
        format!("ss -ltnp 'sport = :{port}'")
    } else {
        format!("lsof -nP -iTCP:{port} -sTCP:LISTEN")
    }
}

/// Logs to standard error, one line an event, in colour only for a person, until what is returned is
/// dropped.
///
/// A thread of its own writes, and where nobody reads the pipe lines are dropped: a log that is not
/// read must not stop the server.
pub(crate) fn start_log(args: &Args) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(io::stderr());
    let filter = match &args.log {
        Some(filter) => EnvFilter::new(filter),
        None => EnvFilter::builder()
            .with_default_directive(tracing::Level::INFO.into())
            .from_env_lossy(),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // A log that nobody reads any more is no reason to write about it to the same place.
        .log_internal_errors(false)
        .init();
    guard
}

/// Every client takes a descriptor, and many systems grant 1024 unless asked for more.
pub(crate) fn raise_descriptor_limit() {
    #[cfg(unix)]
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => tracing::debug!("up to {limit} descriptors"),
        Err(error) => tracing::warn!("cannot raise the limit of descriptors: {error}"),
    }
}

/// Serves until a signal says stop.
pub(crate) fn serve(args: &Args) -> Result<(), Failure> {
    let default = Settings::default();
    let settings = Settings {
        handshake_timeout: args.handshake_timeout,
        backlog_bound: args.backlog_bound,
        workers: args
            .workers
            .and_then(|count| NonZeroUsize::new(count.into()))
            .unwrap_or(default.workers),
        ..default
    };
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = bind(args.listen)?;
        // Before the address is told, so that whoever waits for it may stop the server at once.
        let signals = Signals::catch()?;
        let address = listener.local_addr()?;
        let stop = async {
            tell_address(address);
            signals.stop().await;
        };
        run(listener, settings, stop).await?;
        Ok(())
    })
}

/// For the program that started this one and chose port 0. Nobody may be listening.
fn tell_address(address: SocketAddr) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "listening on {address}").and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_default_deadline_is_the_librarys() {
        let args = <Args as clap::Parser>::parse_from(["chatroom-server"]);
        assert_eq!(args.handshake_timeout, Settings::default().handshake_timeout);
    }
}
