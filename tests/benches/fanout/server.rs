//! The server's program, for what is measured without the simulator.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use chatroom_tests::programs;

/// A server that runs until it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(flags: &[&str]) -> Result<Server> {
        let mut process = Command::new(programs::server())
            .args(["--listen", "127.0.0.1:0", "--log", "error"])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .context("the server cannot be started")?;
        let mut said = String::new();
        let stdout = process.stdout.take().context("its output was asked for")?;
        BufReader::new(stdout).read_line(&mut said)?;
        let address = said.trim().strip_prefix("listening on ").and_then(|said| said.parse().ok());
        let address = address.context("the server does not say where it listens")?;
        Ok(Server { process, address })
    }

    /// The most resident memory that it has had, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<f64> {
        let file = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(&file).context("memory is read as Linux tells it")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
        Ok(kib.with_context(|| format!("{file} has no VmHWM"))? * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Where it has ended by itself, the row has said so.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
