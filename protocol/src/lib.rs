//! The chatroom protocol, and nothing else: no sockets, no clock, no runtime.
//!
//! Bytes come in through [`framing`], which cuts them into lines. During the handshake the lines go
//! to one of the two state machines in [`handshake`]; afterwards a server reads them as
//! [`message`]s and a client as [`ServerLine`]s. Every value that has rules is a type that cannot
//! hold a bad one: [`Alias`], [`AssignedName`], [`Password`], [`GroupId`].
//!
//! The rules are numbered in `docs/protocol.md`; the numbers stand beside the code that keeps them.

pub mod error;
pub mod framing;
pub mod handshake;
pub mod limits;
pub mod message;

mod group_id;
mod name;
mod notice;
mod password;
mod prompt;
mod refusal;
mod server_line;
mod text;

pub use group_id::GroupId;
pub use name::{Alias, AssignedName};
pub use notice::{Notice, Reason};
pub use password::Password;
pub use prompt::{MenuOption, Prompt};
pub use refusal::Refusal;
pub use server_line::ServerLine;
