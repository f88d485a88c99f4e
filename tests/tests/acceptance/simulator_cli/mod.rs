//! The simulator's command line, as a shell and the person before it meet it.

mod options;
mod processes;
mod reports;
mod statuses;
mod transcripts;
