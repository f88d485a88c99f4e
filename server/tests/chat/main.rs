//! What a user of the server notices, over real sockets. Nothing sleeps to wait for something, and
//! every wait has a deadline.

#![expect(clippy::unwrap_used, reason = "in a test's helper, as in a test, a panic is a failure")]

mod admission;
mod leaving;
mod messages;
mod order;
mod stopping;
mod support;
