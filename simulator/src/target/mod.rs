//! The server under test: the reference or the floor in a process of its own, any program, or an
//! address.

pub mod forwarder;
mod listening;
mod log;
mod process;
pub mod reference;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use thiserror::Error;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

pub use log::Log;
use process::ServerProcess;

/// Which server to test.
#[derive(Debug, Clone)]
pub enum TargetSpec {
    /// The reference server, started by running `program` with [`reference::SUBCOMMAND`].
    Reference {
        /// An executable of this package.
        program: std::path::PathBuf,
        /// Whether it logs warnings only: under a load, a line for each who comes and goes would be a
        /// part of what is measured.
        quiet: bool,
    },
    /// The floor, started by running `program` with [`forwarder::SUBCOMMAND`].
    Forwarder {
        /// An executable of this package.
        program: std::path::PathBuf,
    },
    /// A server that somebody else started.
    Connect {
        /// Where it listens.
        addr: SocketAddr,
    },
    /// A program to start, `{port}` in its arguments filled in.
    Spawn {
        /// The program and its arguments.
        command: Vec<String>,
    },
}

/// A server that can be connected to. Where this program started it, it ends when this is dropped.
#[derive(Debug)]
pub struct Target {
    addr: SocketAddr,
    process: Option<ServerProcess>,
}

/// Why there is no server to test.
#[derive(Debug, Error)]
pub enum TargetError {
    /// The program could not be started at all.
    #[error("failed to start `{program}`: {source}")]
    NotStarted {
        /// What was to be started.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The program ended before it listened.
    #[error("the server ended before it listened ({status}){output}")]
    Ended {
        /// How it ended.
        status: String,
        /// What it printed.
        output: String,
    },
    /// A server of this package runs, but has not said where it listens.
    #[error("the server did not say where it listens within {waited:?}{output}")]
    Silent {
        /// How long it had.
        waited: Duration,
        /// What it printed.
        output: String,
    },
    /// The program runs, but nothing listens.
    #[error("the server was started, but port {port} did not open within {waited:?}{output}")]
    NotListening {
        /// The port it was told.
        port: u16,
        /// How long it had.
        waited: Duration,
        /// What it printed.
        output: String,
    },
    /// Nothing answers at the address.
    #[error(
        "no server answers at {addr}: {source}; start it, or name another address with --connect"
    )]
    NotReached {
        /// The address.
        addr: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Something about this machine.
    #[error("failed to prepare a server: {0}")]
    Io(#[from] std::io::Error),
}

impl TargetSpec {
    /// Whether several scenarios share the server, so that it may remember earlier ones.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self, TargetSpec::Connect { .. })
    }

    /// What to call it in a report.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            TargetSpec::Reference { .. } => "the reference server".to_owned(),
            TargetSpec::Forwarder { .. } => "the floor, a server that only forwards".to_owned(),
            TargetSpec::Connect { addr } => format!("the server at {addr}"),
            TargetSpec::Spawn { command } => format!("`{}`", command.join(" ")),
        }
    }

    /// Starts the server, or makes sure that it is there.
    ///
    /// # Errors
    ///
    /// When it cannot be started or reached within `limit`.
    pub async fn start(&self, limit: Duration) -> Result<Target, TargetError> {
        match self {
            TargetSpec::Reference { program, quiet } => {
                let arguments = [reference::SUBCOMMAND, reference::QUIET];
                start_own(program, &arguments[..if *quiet { 2 } else { 1 }], limit).await
            }
            TargetSpec::Forwarder { program } => {
                start_own(program, &[forwarder::SUBCOMMAND], limit).await
            }
            TargetSpec::Connect { addr } => reach(*addr, limit).await,
            TargetSpec::Spawn { command } => spawn(command, limit).await,
        }
    }
}

impl Target {
    /// Where the server listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The process id of the server, where this program started it.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        self.process.as_ref()?.id()
    }

    /// The server's log, where it can be seen.
    #[must_use]
    pub fn log(&self) -> Option<&Log> {
        self.process.as_ref().map(ServerProcess::log)
    }

    /// How the server's process ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        self.process.as_mut()?.ended()
    }

    /// Ends the server, where this program started it, with everything it started; its log is whole
    /// then.
    pub async fn stop(&mut self) {
        if let Some(process) = &mut self.process {
            process.stop().await;
        }
    }
}

/// What a server of this package says first, before its address.
const GREETING: &str = "listening on ";

/// Starts a server of this package.
async fn start_own(
    program: &Path,
    arguments: &[&str],
    limit: Duration,
) -> Result<Target, TargetError> {
    let mut command = vec![program.as_os_str()];
    command.extend(arguments.iter().map(OsStr::new));
    let mut process = ServerProcess::start(&command)?;
    // It chooses its port itself and says it on its first line: nobody can take it in between.
    let said = process.log().clone();
    let found = said.find(0, limit, |line| line.strip_prefix(GREETING)?.parse().ok());
    let addr = tokio::select! {
        found = found => found.map(|(_, addr)| addr),
        () = process.wait_until_ended() => None,
    };
    match addr {
        Some(addr) => Ok(Target { addr, process: Some(process) }),
        None => {
            let output = process.log().excerpt();
            Err(match process.ended() {
                Some(status) => TargetError::Ended { status, output },
                None => TargetError::Silent { waited: limit, output },
            })
        }
    }
}

/// Lets this process have as many connections as the system allows it.
fn raise_descriptor_limit() {
    // Where it cannot be raised it is what it is, and accepting will tell.
    #[cfg(unix)]
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

async fn reach(addr: SocketAddr, limit: Duration) -> Result<Target, TargetError> {
    if listening::is_listening(addr) == Some(true) {
        return Ok(Target { addr, process: None });
    }
    let timeout = || std::io::Error::from(std::io::ErrorKind::TimedOut);
    let connected = tokio::time::timeout(limit, TcpStream::connect(addr)).await;
    match connected.unwrap_or_else(|_| Err(timeout())) {
        Ok(probe) => {
            take_leave(probe).await;
            Ok(Target { addr, process: None })
        }
        Err(source) => Err(TargetError::NotReached { addr, source }),
    }
}

/// How often a server that is starting is asked whether it listens.
const READY_EVERY: Duration = Duration::from_millis(20);

async fn spawn(command: &[String], limit: Duration) -> Result<Target, TargetError> {
    let addr = free_address().await?;
    let port = addr.port().to_string();
    let command: Vec<String> = command.iter().map(|word| word.replace("{port}", &port)).collect();
    let mut process = ServerProcess::start(&command)?;
    let deadline = Instant::now() + limit;
    loop {
        let seen = listening::is_listening(addr);
        if seen == Some(true) && process.ended().is_none() {
            return Ok(Target { addr, process: Some(process) });
        }
        // Where it can be seen that nobody listens, nobody is asked.
        if seen.is_none()
            && let Ok(probe) = TcpStream::connect(addr).await
        {
            // Somebody else's server may have the port; then ours has ended, or is about to. Asked before
            // the leave: a server that this one ends did listen, and the first scenario says so.
            if let Some(status) = process.ended() {
                process.log().until_quiet().await;
                return Err(TargetError::Ended { status, output: process.log().excerpt() });
            }
            take_leave(probe).await;
            return Ok(Target { addr, process: Some(process) });
        }
        if let Some(status) = process.ended() {
            process.log().until_quiet().await;
            return Err(TargetError::Ended { status, output: process.log().excerpt() });
        }
        if Instant::now() > deadline {
            let output = process.log().excerpt();
            return Err(TargetError::NotListening { port: addr.port(), waited: limit, output });
        }
        tokio::time::sleep(READY_EVERY).await;
    }
}

/// How long the server has to let a probe go.
const LEAVE_LIMIT: Duration = Duration::from_millis(200);

/// Closes a connection that only asked whether anybody listens, and not with a reset, which an
/// unread prompt would make of it: asking must not be what breaks a server.
async fn take_leave(mut probe: TcpStream) {
    let leave = async {
        probe.shutdown().await?;
        tokio::io::copy(&mut probe, &mut tokio::io::sink()).await
    };
    // However it ends, the probe has done its work.
    let _ = tokio::time::timeout(LEAVE_LIMIT, leave).await;
}

/// An address on which nobody listens now, and that was not handed out before: of two servers that
/// start at the same time, neither may find the other on its port. Another program can take it before
/// ours does; ours then fails to start, and says so.
async fn free_address() -> std::io::Result<SocketAddr> {
    static HANDED_OUT: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut held = Vec::new();
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let mut ports = HANDED_OUT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if ports.len() >= MOST_PORTS {
            ports.clear();
        }
        if ports.insert(addr.port()) {
            return Ok(addr);
        }
        // Held until another one is found, so that the system offers another.
        held.push(listener);
    }
}

/// How many ports are remembered; far fewer than there are, and far more than are in use at a time.
const MOST_PORTS: usize = 10_000;
