//! Capacity: the highest rate, or the largest crowd, that holds a gate.
//!
//! [`search`] says what to try next; [`probe`] makes a load of it and judges the run; `drive` brings the
//! two together; [`found`] tells what came of it.

pub mod drive;
pub mod found;
pub mod probe;
pub mod search;

#[cfg(test)]
mod tests;
