//! What a run shows a person: a summary on the terminal, and a page to keep.
//!
//! Both are made from a [`RunRecord`](super::record::RunRecord) and its
//! [`VerdictRecord`](super::record::VerdictRecord) alone, now or years later, and both take their
//! figures from one place, so that they cannot differ.

pub mod html;
pub mod junit;
pub mod numbers;
pub(crate) mod outputs;
pub mod plots;
pub mod text;

mod chart;
mod facts;
mod incidents;
#[cfg(test)]
mod sample;
pub(crate) mod visible;

pub use facts::percentile;
