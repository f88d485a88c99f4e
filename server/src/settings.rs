//! What can be set, with the defaults and their reasons.

use std::num::NonZeroUsize;
use std::time::Duration;

use chatroom_protocol::framing::Dialect;

/// How a server behaves. Build one from the default:
///
/// ```
/// use chatroom_server::Settings;
/// use std::time::Duration;
///
/// let settings = Settings { handshake_timeout: Duration::from_secs(5), ..Settings::default() };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How messages are marked off on the wire. Default: [`Dialect::Line`].
    pub dialect: Dialect,
    /// The time a client has for all four answers together, from its connection on.
    ///
    /// One deadline and not a limit on silence, so that a client that sends a byte now and then
    /// holds its descriptor no longer than others. Default: 60 s, enough for a person who types.
    pub handshake_timeout: Duration,
    /// The most bytes that wait for one member whose socket is full; a member that is further
    /// behind is cut off.
    ///
    /// What the socket itself holds is not counted. Default: 1 MiB, several seconds of the busiest
    /// chat a person can read, and small enough that a thousand stalled members do not exhaust
    /// a machine.
    pub backlog_bound: usize,
    /// The time that members which are behind have to take what waits for them once the server
    /// stops. Default: 5 s, half of what service managers grant before they kill.
    pub drain_timeout: Duration,
    /// The time to wait for a client's close after the server's own last line to it.
    ///
    /// Closing while bytes from the client are unread would reset the connection, and the reset
    /// can overtake that last line. Default: 2 s, several round trips around the world.
    pub linger: Duration,
    /// The most groups. They outlive their members, so only this bounds them (LIM-4).
    /// Default: 100 000, some ten megabytes of ids and passwords.
    pub max_groups: usize,
    /// How many threads serve the rooms. Each group belongs to one of them, by its id; rooms of 2,048
    /// members or more are flushed by as many threads, but no more than there are cores. Handshakes
    /// are the runtime's. Default: one for each core.
    pub workers: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            dialect: Dialect::default(),
            handshake_timeout: Duration::from_secs(60),
            backlog_bound: 1024 * 1024,
            drain_timeout: Duration::from_secs(5),
            linger: Duration::from_secs(2),
            max_groups: 100_000,
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        }
    }
}
