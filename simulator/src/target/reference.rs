//! The reference server inside this executable, so that a run needs nothing else.
//!
//! This is the one place of the simulator that knows the server's crate. The server runs in a
//! process of its own, `simulator reference-server`, so that what it costs and how it ends are its
//! own; the simulator talks to it through a socket like to any other.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::AsyncReadExt;
use tracing_subscriber::filter::LevelFilter;

/// The subcommand that runs it; not for people, so `--help` does not list it.
pub const SUBCOMMAND: &str = "reference-server";

/// The option of [`SUBCOMMAND`] with which it logs warnings only.
pub const QUIET: &str = "--quiet";

/// Listens on a free loopback port, says which, and serves until standard input ends. Where it is
/// `quiet`, it logs warnings only.
///
/// # Errors
///
/// When it cannot listen.
pub async fn serve(quiet: bool) -> anyhow::Result<()> {
    super::raise_descriptor_limit();
    // Its log goes to standard error, where whoever started this process reads it.
    // When that has gone, the log is not worth a word to the same place.
    tracing_subscriber::fmt()
        .with_max_level(if quiet { LevelFilter::WARN } else { LevelFilter::INFO })
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .init();
    let listener = chatroom_server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    println!("{}{}", super::GREETING, listener.local_addr()?);
    chatroom_server::run(listener, chatroom_server::Settings::default(), stdin_ends()).await?;
    Ok(())
}

/// Completes when whoever started this process has gone.
async fn stdin_ends() {
    let mut ignored = [0; 64];
    let mut stdin = tokio::io::stdin();
    while stdin.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
}
