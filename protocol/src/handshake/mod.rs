//! Both sides of the handshake: four questions, four answers, and a verdict (HS-1).
//!
//! ```text
//!            server                                   client
//!
//!   ExpectGroupId   -- enter group chat id: -->   ExpectPrompt(GroupId)
//!                   <--        2            --
//!   ExpectAlias     --      alias?          -->   ExpectPrompt(Alias)
//!                   <--       Noya          --
//!   ExpectPassword  --     password?        -->   ExpectPrompt(Password)
//!                   <--        123          --
//!   ExpectOption    --      option?         -->   ExpectPrompt(Option)
//!                   <--         1           --
//!     (admitted)    -- Noya has connected.. -->   ExpectVerdict
//!                   -- YOU ARE NOW ..       -->   ExpectWelcome      -> Connected
//!     (refused)     --     disconnect       -->   ExpectVerdict      -> Refused
//! ```
//!
//! Neither side does IO: a server's [`ServerHandshake`] takes frames and returns what to ask next,
//! a client's [`ClientHandshake`] takes lines and returns what to answer. Both consume themselves,
//! so that a finished handshake cannot be used again.

mod client;
mod server;

pub use client::{ClientHandshake, ClientStep, Login, Rejection};
pub use server::{Request, ServerHandshake, ServerStep};
