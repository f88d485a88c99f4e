//! What holds for the project as a whole, each claim tried on the programs themselves: the document
//! and the scenarios agree, the simulator's command line does what it says, and so do the help texts
//! and the documents. Nothing sleeps to wait for something, and every wait has a deadline.

#![expect(clippy::unwrap_used, reason = "in a test's helper, as in a test, a panic is a failure")]

mod conversations;
mod gallery_command;
mod headline;
mod help_and_docs;
mod load_commands;
mod load_floor;
mod load_ledger;
mod repeatability;
mod requirements;
mod scenario_errors;
mod simulator_cli;
mod support;
