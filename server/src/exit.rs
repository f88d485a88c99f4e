//! What the process ends with.

/// It was asked to stop, and did.
pub(crate) const STOPPED: u8 = 0;
/// Something failed that is not the user's doing.
pub(crate) const INTERNAL: u8 = 1;
// 2, a usage error, is clap's.
/// Some program listens on the address already.
pub(crate) const ADDRESS_IN_USE: u8 = 3;
/// The address is not this machine's, or the user may not have the port.
pub(crate) const ADDRESS_NOT_AVAILABLE: u8 = 4;
/// A second Ctrl-C cut the stop short, as a shell would say it.
pub(crate) const INTERRUPTED: u8 = 130;
