//! The client as its users meet it: the program's process, streams and terminal, and the library's
//! connection, all against a server that follows a script.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod command_line;
mod connection;
mod conversation;
mod endings;
#[cfg(unix)]
mod screen;
mod server;

use std::time::Duration;

/// The longest wait for anything, in every test; nothing here takes a tenth of it.
const DEADLINE: Duration = Duration::from_secs(20);
