//! The reference client of the group chat.
//!
//! Programs use [`connection`]: connect, log in, send, read what comes, leave. The terminal program
//! `chatroom-client` and every bot that must show what it shows use [`terminal`], a state machine
//! without IO. The rest is that program: its command line in [`cli`], its event loop in
//! [`program`].

pub mod cli;
pub mod connection;
pub mod program;
pub mod terminal;

mod address;
mod console;
mod exit_status;
mod link;
mod signals;

pub use address::Address;
