//! What the tests of the whole project share.

pub mod allocations;
pub mod crowd;
pub mod flawed;
pub mod programs;
pub mod tampering;
pub mod workspace;
