//! What can go wrong while a scenario is played, as facts; `replay::explain` says what they mean.

use std::time::Duration;

use chatroom_protocol::error::ServerFault;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Closing {
    /// The server closed it.
    Clean,
    /// The server reset it.
    Reset,
    /// It broke in another way.
    Broken(String),
}

impl std::fmt::Display for Closing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Closing::Clean => f.write_str("the server closed the connection"),
            Closing::Reset => f.write_str("the server reset the connection (RST)"),
            Closing::Broken(why) => write!(f, "the connection broke: {why}"),
        }
    }
}

/// What happened in place of what had to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The server did not accept the connection.
    NotConnected(String),
    /// Nothing came before the deadline.
    Silence(Duration),
    /// Another line came.
    WrongLine(String),
    /// A line came where none may.
    Unwanted(String),
    /// The connection ended.
    Closed(Closing),
    /// The connection did not end.
    StillOpen(Duration),
    /// A line came that a server may not send there, or at all.
    BadLine(ServerFault),
    /// The line is right but for what a person does not see.
    WrongForm {
        /// As the protocol has it.
        wanted: String,
        /// As it came.
        got: String,
    },
    /// The client was refused.
    Refused,
    /// The client was admitted.
    Admitted,
    /// The group has another id.
    WrongGroup(u32),
    /// The client was given another name.
    WrongName(String),
    /// The terminal program ended.
    Exited(u8),
    /// The terminal program could not be run.
    Program(String),
    /// The log has no such line.
    LogSilent(Duration),
    /// The log has such a line.
    LogSays(String),
    /// A law over what everybody saw is broken.
    Law(Breach),
}

impl Fault {
    /// How long was waited in vain, where that is what went wrong.
    pub(crate) fn waited(&self) -> Option<Duration> {
        match self {
            Fault::Silence(waited) | Fault::StillOpen(waited) | Fault::LogSilent(waited) => {
                Some(*waited)
            }
            _ => None,
        }
    }
}

/// A law that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Breach {
    /// A client misses lines that others got.
    Lost(Vec<String>),
    /// A client got a line more than once.
    Doubled(String),
    /// A client got a line that nobody said.
    Foreign(String),
    /// Two clients saw two lines in different orders.
    Order {
        /// Who saw them the other way round.
        other: String,
        /// What the client saw first.
        first: String,
        /// What it saw second.
        second: String,
    },
    /// A line came after one that was sent when it was everywhere already.
    Late(String),
    /// The lines of one sender came in another order than they were sent.
    SenderOrder {
        /// What came first.
        first: String,
        /// What came second, and was sent before it.
        second: String,
    },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::NotConnected(why) => write!(f, "no connection: {why}"),
            Fault::Silence(waited) => write!(f, "nothing, for {}", seconds(*waited)),
            Fault::WrongLine(got) | Fault::Unwanted(got) => write!(f, "{}", quoted(got)),
            Fault::Closed(how) => how.fmt(f),
            Fault::StillOpen(waited) => {
                write!(f, "the connection was still open after {}", seconds(*waited))
            }
            Fault::BadLine(fault) => fault.fmt(f),
            Fault::WrongForm { wanted, got } => {
                write!(f, "{} in place of {}", quoted(got), quoted(wanted))
            }
            Fault::Refused => f.write_str("the server refused it"),
            Fault::Admitted => f.write_str("the server admitted it"),
            Fault::WrongGroup(id) => write!(f, "group {id}"),
            Fault::WrongName(name) => write!(f, "the name {}", quoted(name)),
            Fault::Exited(status) => write!(f, "its program ended with exit status {status}"),
            Fault::Program(why) => f.write_str(why),
            Fault::LogSilent(waited) => write!(f, "no such line in {}", seconds(*waited)),
            Fault::LogSays(line) => write!(f, "the log line {}", quoted(line)),
            Fault::Law(breach) => breach.fmt(f),
        }
    }
}

impl std::fmt::Display for Breach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Breach::Lost(lines) => match lines.as_slice() {
                [one] => write!(f, "{} never came", quoted(one)),
                [first, ..] => {
                    write!(f, "{} and {} more never came", quoted(first), lines.len() - 1)
                }
                [] => f.write_str("something never came"),
            },
            Breach::Doubled(line) => write!(f, "{} more than once", quoted(line)),
            Breach::Foreign(line) => write!(f, "{}, which nobody said", quoted(line)),
            Breach::Order { other, first, second } => {
                write!(
                    f,
                    "{} before {}, but {other} the other way round",
                    quoted(first),
                    quoted(second)
                )
            }
            Breach::Late(line) => write!(f, "{} after a marker that was sent later", quoted(line)),
            Breach::SenderOrder { first, second } => {
                write!(
                    f,
                    "{} before {}, but they were sent the other way round",
                    quoted(first),
                    quoted(second)
                )
            }
        }
    }
}

/// A line in quotes, with what cannot be seen made visible, and cut when it is very long.
pub(crate) fn quoted(line: &str) -> String {
    const MOST: usize = 120;
    let mut shown: String = line.chars().take(MOST).flat_map(char::escape_debug).collect();
    // Quotation marks need no escape for a reader.
    shown = shown.replace("\\\"", "\"").replace("\\'", "'");
    let kept = shown.trim_end_matches(' ').len();
    let spaces = shown.len() - kept;
    shown.replace_range(kept.., &"\u{2420}".repeat(spaces));
    match line.chars().count() {
        count if count > MOST => format!("`{shown}...` ({} bytes)", line.len()),
        _ => format!("`{shown}`"),
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_shown() {
        assert_eq!(quoted("ID IS 2 "), "`ID IS 2␠`");
        assert_eq!(quoted("say \"hi\"\r"), "`say \"hi\"\\r`");
        assert_eq!(quoted(&"x".repeat(200)), format!("`{}...` (200 bytes)", "x".repeat(120)));
    }
}
