//! The names of the faults: what each does to a group.

use std::fmt;
use std::str::FromStr;

/// Makes the enum and its tables from one list, so that a fault is described in one place.
macro_rules! faults {
    ($($(#[doc = $about:literal])+ $fault:ident = $name:literal,)+) => {
        /// One thing that is done to a message, a notice or a member.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($(#[doc = $about])+ $fault,)+
        }

        impl Fault {
            /// Every fault.
            pub const ALL: &[Fault] = &[$(Fault::$fault,)+];

            /// The fault's name, in kebab-case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Fault::$fault => $name,)+
                }
            }

            /// What a server with this fault does, in a sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Fault::$fault => concat!($($about),+).trim_ascii_start(),)+
                }
            }
        }
    };
}

faults! {
    /// The receiver misses the message.
    Lost = "lost",
    /// Nobody gets the message, not even its sender.
    LostForAll = "lost-for-all",
    /// The receiver gets the message twice in a row.
    Doubled = "doubled",
    /// The receiver gets the message again, right after the fifth that follows it.
    DoubledLater = "doubled-later",
    /// The receiver gets the message after the next one.
    Reordered = "reordered",
    /// Everybody but the receiver gets the message after the next one, which is somebody else's.
    SwappedForAllButOne = "swapped-for-all-but-one",
    /// Everybody gets the message after the next one of its sender.
    SenderOrder = "sender-order",
    /// In the receiver's copy, the last letter or digit of the text is another one.
    Altered = "altered",
    /// In the receiver's copy, the digit in the middle of the text's digits is another one.
    AlteredHead = "altered-head",
    /// The receiver's copy has only the first half of the text.
    Truncated = "truncated",
    /// The receiver's copy has another member's name in front.
    WrongSender = "wrong-sender",
    /// A member of the next group that has any gets the message too.
    WrongGroup = "wrong-group",
    /// A member that has left, and whose connection is kept open for it, gets the message too.
    AfterLeaving = "after-leaving",
    /// The next newcomer gets, right after its welcome, what was said last before it came.
    BeforeJoining = "before-joining",
    /// After the message, the receiver gets a line that nobody said.
    Unknown = "unknown",
    /// After the message, the receiver's connection is closed, and the others hear that it left.
    Disconnected = "disconnected",
    /// A wrong password is accepted; the wrong passwords for a group are counted, not its messages.
    Admitted = "admitted",
    /// The receiver misses a newcomer's notice; the joinings are counted, not the messages.
    NoticeLost = "notice-lost",
    /// The receiver gets a newcomer's notice twice; the joinings are counted, not the messages.
    NoticeDoubled = "notice-doubled",
    /// The receiver's copy has no line feed, so the next line stands in the same one.
    Glued = "glued",
    /// From this message on, nobody gets anything any more, in no group.
    StallAll = "stall-all",
    /// The server ends at this message, at once; as a program it has the exit status 1.
    Crash = "crash",
}

impl Fault {
    /// What the number of the fault counts in its group.
    pub(super) fn counts(self) -> Counted {
        match self {
            Fault::Admitted => Counted::WrongPasswords,
            Fault::NoticeLost | Fault::NoticeDoubled => Counted::Joinings,
            _ => Counted::Messages,
        }
    }
}

/// What is counted to know when a fault is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// What members said; what was refused does not count.
    Messages,
    /// Who joined, the creator included.
    Joinings,
    /// Who came with the group's id and another password.
    WrongPasswords,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no fault has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoSuchFault(String);

impl fmt::Display for NoSuchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no fault is called `{}`; --list shows them", self.0)
    }
}

impl std::error::Error for NoSuchFault {}

impl FromStr for Fault {
    type Err = NoSuchFault;

    fn from_str(name: &str) -> Result<Self, NoSuchFault> {
        let fault = Fault::ALL.iter().copied().find(|fault| fault.name() == name);
        fault.ok_or_else(|| NoSuchFault(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_parses_back_and_is_explained() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(*fault));
            assert!(fault.about().ends_with('.'), "{fault} is not described by a sentence");
        }
        assert_eq!("none".parse::<Fault>(), Err(NoSuchFault("none".into())));
        let names: HashSet<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), Fault::ALL.len());
    }
}
