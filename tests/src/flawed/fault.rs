//! The names of the faults: what each does to the server, and which requirement that breaks.

use std::fmt;
use std::str::FromStr;

/// Makes the enum and its tables from one list, so that a fault is described in one place.
macro_rules! faults {
    ($($(#[doc = $about:literal])+ $fault:ident = $name:literal breaks $requirement:literal,)+) => {
        /// One thing that a server does wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Fault {
            $($(#[doc = $about])+ $fault,)+
        }

        impl Fault {
            /// Every fault, sorted by the part of the protocol that it breaks.
            pub const ALL: &[Fault] = &[$(Fault::$fault,)+];

            /// The fault's name, in kebab-case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Fault::$fault => $name,)+
                }
            }

            /// The number, in `docs/protocol.md`, of the requirement that it breaks first of all.
            #[must_use]
            pub fn requirement(self) -> &'static str {
                match self {
                    $(Fault::$fault => $requirement,)+
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
    // How lines are found in the bytes.

    /// Two notices of one moment go out with no line feed between them.
    GluesNotices = "glues-notices" breaks "FRM-1",
    /// Nothing that the server sends ends with a line feed.
    LineFeedMissing = "line-feed-missing" breaks "FRM-1",
    /// The carriage return before a line feed is taken for part of the line.
    CrlfKept = "crlf-kept" breaks "FRM-2",
    /// An empty line is an answer or a message like any other.
    BlankLineIsMessage = "blank-line-is-message" breaks "FRM-3",
    /// Every recv ends a line: a line that comes in pieces becomes several.
    LineCutAtSegmentBorder = "line-cut-at-segment-border" breaks "FRM-4",
    /// Lines that a member sends in one write become one message.
    GluesPipelined = "glues-pipelined" breaks "FRM-4",
    /// Of the lines that a member sends in one write, only the first is a message.
    LosesPipelined = "loses-pipelined" breaks "FRM-4",
    /// What came before the stream's orderly end without a line feed is a message.
    PartialLineDeliveredOnClose = "partial-line-delivered-on-close" breaks "FRM-5",
    /// What came before a reset without a line feed is a message.
    PartialLineDeliveredOnReset = "partial-line-delivered-on-reset" breaks "FRM-5",

    // The handshake.

    /// The password is asked for before the name.
    PromptsOutOfOrder = "prompts-out-of-order" breaks "HS-1",
    /// Option 3 is ignored: the server waits for another answer.
    OptionThreeIgnored = "option-3-ignored" breaks "HS-2",
    /// After an answer, what came with it in the same recv is dropped.
    PipelinedAnswersLost = "pipelined-answers-lost" breaks "HS-3",
    /// An option that does not exist is taken for 1.
    WrongOptionAccepted = "wrong-option-accepted" breaks "HS-4",
    /// A bad option gets `disconnect` where `wrong option` is due.
    WrongOptionNotSaid = "wrong-option-not-said" breaks "HS-4",
    /// A bad answer gets its farewell, but nothing says what was wrong.
    BadAnswerNotExplained = "bad-answer-not-explained" breaks "HS-4",
    /// A bad answer is explained, and then the question is asked again.
    BadAnswerAskedAgain = "bad-answer-asked-again" breaks "HS-4",
    /// The handshake runs in the accept loop: a silent client stops everybody else.
    SilentHandshakeBlocksOthers = "silent-handshake-blocks-others" breaks "HS-5",
    /// A client that connects and closes without a word ends the server.
    ServerDiesOnSilentClose = "server-dies-on-silent-close" breaks "HS-5",

    // Groups.

    /// The first group has the id 1.
    IdsStartAtOne = "ids-start-at-one" breaks "GRP-1",
    /// A refused client uses an id up.
    IdSpentOnRefusal = "id-spent-on-refusal" breaks "GRP-1",
    /// The creator is told the id after its group's.
    WrongIdAnnounced = "wrong-id-announced" breaks "GRP-2",
    /// The space at the end of the line with the new id is missing.
    TrailingSpaceMissing = "trailing-space-missing" breaks "GRP-2",
    /// The creator is told the id after the welcome.
    CreatedNoticeLast = "created-notice-last" breaks "GRP-2",
    /// Who joins is told the id as if it had created the group.
    JoinerToldTheId = "joiner-told-the-id" breaks "GRP-2",
    /// The members are not told that somebody joined; the newcomer is.
    NoJoinNotice = "no-join-notice" breaks "GRP-3",
    /// The newcomer is not told of its own joining; the members are.
    NewcomerNotToldOfOwnJoining = "newcomer-not-told-of-own-joining" breaks "GRP-3",
    /// The newcomer's welcome goes to the whole group.
    WelcomeToEveryone = "welcome-to-everyone" breaks "GRP-3",
    /// The newcomer is welcomed before it is told of its own joining.
    WelcomeBeforeOwnNotice = "welcome-before-own-notice" breaks "GRP-3",
    /// A group is forgotten when its last member goes.
    GroupDiesWithLastMember = "group-dies-with-last-member" breaks "GRP-4",
    /// An id that is no number is looked for like any other: `+2` is 2, and `two` is not there.
    BadGroupIdTaken = "bad-group-id-taken" breaks "GRP-5",

    // Passwords and refusals.

    /// A password of more than 128 bytes is taken.
    LongPasswordTaken = "long-password-taken" breaks "AUTH-1",
    /// Any password opens a group.
    PasswordUnchecked = "password-unchecked" breaks "AUTH-2",
    /// With an id that no group has, a client lands in a group that has its password.
    IdUnchecked = "id-unchecked" breaks "AUTH-2",
    /// Another group's password opens a group.
    UnmatchingPasswordAccepted = "unmatching-password-accepted" breaks "AUTH-2",
    /// Of two groups with one password, only the older can be joined: the password is looked up first, and
    /// its group compared with the id.
    SamePasswordOldestGroup = "same-password-oldest-group" breaks "AUTH-2",
    /// A refused join leaves its password in the table, so that later groups get the one before theirs.
    PasswordTableOutOfStep = "password-table-out-of-step" breaks "AUTH-2",
    /// The beginning of a password is enough.
    PasswordPrefixAccepted = "password-prefix-accepted" breaks "AUTH-2",
    /// Capital and small letters in a password are the same.
    PasswordCaseIgnored = "password-case-ignored" breaks "AUTH-2",
    /// Blanks around a password do not count.
    PasswordTrimmed = "password-trimmed" breaks "AUTH-2",
    /// The id is looked up before the password; only the log shows it.
    IdCheckedFirst = "id-checked-first" breaks "AUTH-2",
    /// The reason of a refusal is sent before `disconnect`.
    RefusalSaysWhy = "refusal-says-why" breaks "AUTH-3",
    /// A refused client is not told `disconnect`; its connection just closes.
    RefusalWithoutDisconnect = "refusal-without-disconnect" breaks "AUTH-3",
    /// A refused client is told `disconnect`, and its connection stays open.
    RefusalLeavesConnectionOpen = "refusal-leaves-connection-open" breaks "AUTH-3",
    /// A refused client is told `disconnect`, and then gets what the group says.
    RefusedClientStillGetsMessages = "refused-client-still-gets-messages" breaks "AUTH-4",
    /// A refused client is told `disconnect`, and the group gets what it says.
    RefusedClientCanTalk = "refused-client-can-talk" breaks "AUTH-4",

    // Names.

    /// A name may hold a colon.
    ColonInNameTaken = "colon-in-name-taken" breaks "NAME-1",
    /// A name may have more than 32 characters.
    LongNameTaken = "long-name-taken" breaks "NAME-1",
    /// A name may begin or end with a space.
    OuterSpaceInNameTaken = "outer-space-in-name-taken" breaks "NAME-1",
    /// A name may hold invisible characters.
    InvisibleNameTaken = "invisible-name-taken" breaks "NAME-1",
    /// Two clients can have one name.
    NoRename = "no-rename" breaks "NAME-2",
    /// Two clients can have one name if they are in different groups.
    NamesUniquePerGroupOnly = "names-unique-per-group-only" breaks "NAME-2",
    /// The second `Noya` is `Noya1`.
    RenameFormatWrong = "rename-format-wrong" breaks "NAME-3",
    /// The count in a new name goes on where the last one stopped, though smaller ones are free.
    RenameCountOnlyGrows = "rename-count-only-grows" breaks "NAME-3",

    // Messages.

    /// A sender does not get its own message.
    NoEchoToSender = "no-echo-to-sender" breaks "MSG-1",
    /// A sender gets its own message twice.
    DoublesEcho = "doubles-echo" breaks "MSG-1",
    /// Everybody gets every message twice.
    DoublesEverything = "doubles-everything" breaks "MSG-1",
    /// Every tenth message of a group is lost.
    LosesEveryTenthMessage = "loses-every-tenth-message" breaks "MSG-1",
    /// All messages of a group after its twentieth are lost.
    LosesMessagesAfterTwentieth = "loses-messages-after-twentieth" breaks "MSG-1",
    /// A message with anybody's name in front is passed on as it is.
    TrustsSenderName = "trusts-sender-name" breaks "MSG-2",
    /// A sender that puts its own name in front is named twice.
    StampsTwice = "stamps-twice" breaks "MSG-2",
    /// A message goes out as it came, without its sender's name where the sender put none in front.
    StampsNothing = "stamps-nothing" breaks "MSG-2",
    /// A renamed sender that puts the name it asked for in front is named twice.
    AskedNameNotRecognised = "asked-name-not-recognised" breaks "MSG-2",
    /// Spaces at a message's ends are dropped.
    TrimsSpaces = "trims-spaces" breaks "MSG-3",
    /// Messages are turned into small letters.
    Lowercases = "lowercases" breaks "MSG-3",
    /// Letters beyond ASCII are dropped.
    DropsNonAscii = "drops-non-ascii" breaks "MSG-3",
    /// Bytes that are not UTF-8 are replaced, and the message passed on.
    PassesBadUtf8 = "passes-bad-utf8" breaks "MSG-4",
    /// The sender of bytes that are not UTF-8 is disconnected.
    DropsClientOnBadUtf8 = "drops-client-on-bad-utf8" breaks "MSG-4",
    /// Messages with control characters are passed on.
    PassesControlCharacters = "passes-control-characters" breaks "MSG-4",

    // Order and isolation.

    /// A sender gets its own message at once; to the others it may come after later ones.
    OrderDiffersBetweenMembers = "order-differs-between-members" breaks "ORD-1",
    /// A newcomer gets what was said before it joined.
    HistoryReplayed = "history-replayed" breaks "ORD-1",
    /// Of messages that came in one recv, the first and the second change places, and so on.
    SenderOrderBroken = "sender-order-broken" breaks "ORD-2",
    /// Messages go to the members of every group.
    LeaksBetweenGroups = "leaks-between-groups" breaks "ISO-1",
    /// Every group hears who joins any group.
    JoinNoticeToEveryone = "join-notice-to-everyone" breaks "ISO-1",
    /// Every group hears who leaves any group.
    LeaveNoticeToEveryone = "leave-notice-to-everyone" breaks "ISO-1",

    // Leaving.

    /// Nobody is told that a member left.
    NoLeaveNotice = "no-leave-notice" breaks "LEAVE-1",
    /// The others are told twice that a member left.
    LeaveNoticeTwice = "leave-notice-twice" breaks "LEAVE-1",
    /// Nobody is told that a member left when its connection was reset.
    NoLeaveNoticeOnReset = "no-leave-notice-on-reset" breaks "LEAVE-2",
    /// The first message after a reset ends at the place of who was reset: the members behind it miss it.
    DeadMemberEndsBroadcast = "dead-member-ends-broadcast" breaks "LEAVE-2",
    /// A member that ends its stream stays a member until writing to it fails.
    EndOfStreamIgnored = "end-of-stream-ignored" breaks "LEAVE-2",
    /// A member that half-closes has left, but the server does not close its side.
    HalfCloseLeftOpen = "half-close-left-open" breaks "LEAVE-2",
    /// After one reset, the server accepts nobody any more.
    StopsAcceptingAfterAReset = "stops-accepting-after-a-reset" breaks "LEAVE-2",
    /// A name stays in use when the client that had it is gone.
    NameNotFreed = "name-not-freed" breaks "LEAVE-3",

    // Slow members.

    /// Messages are written to each member in turn: one that does not read stops all groups.
    StalledReaderBlocksGroup = "stalled-reader-blocks-group" breaks "SLOW-1",
    /// A member that does not read is never cut off; what waits for it grows without end.
    StalledReaderNeverCutOff = "stalled-reader-never-cut-off" breaks "SLOW-2",
    /// A member that does not read is not cut off; what is too much for its queue is lost.
    StalledReaderLosesMessages = "stalled-reader-loses-messages" breaks "MSG-1",

    // Limits and the log.

    /// A message of exactly 1024 bytes is refused.
    Rejects1024 = "rejects-1024" breaks "LIM-1",
    /// A message of 1025 bytes is passed on; a longer one is refused.
    Passes1025 = "passes-1025" breaks "LIM-2",
    /// Messages of any length are passed on.
    LongMessagePasses = "long-message-passes" breaks "LIM-2",
    /// Of a message that is too long, the first 1024 bytes are passed on.
    TruncatesAt1024 = "truncates-at-1024" breaks "LIM-2",
    /// A message that is too long is dropped, and its sender not told.
    LongMessageVanishes = "long-message-vanishes" breaks "LIM-2",
    /// A message that is too long is refused, and the whole group told.
    LongMessageRefusedToAll = "long-message-refused-to-all" breaks "LIM-2",
    /// The sender of a message that is too long is disconnected.
    DisconnectsOnLongMessage = "disconnects-on-long-message" breaks "LIM-2",
    /// The log shows passwords; nothing else does.
    LogsPasswords = "logs-passwords" breaks "LOG-4",
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
        write!(f, "no fault is called `{}`", self.0)
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
    fn every_name_parses_back() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(*fault));
            assert!(fault.about().ends_with('.'), "{fault} is not described by a sentence");
        }
        assert_eq!("none".parse::<Fault>(), Err(NoSuchFault("none".into())));
    }

    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let names: HashSet<_> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(names.len(), Fault::ALL.len());
        for name in names {
            assert!(name.bytes().all(|b| b"abcdefghijklmnopqrstuvwxyz0123456789-".contains(&b)));
        }
    }

    #[test]
    fn every_fault_breaks_a_requirement_that_exists() {
        let protocol = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");
        let protocol = std::fs::read_to_string(protocol).unwrap();
        for fault in Fault::ALL {
            let requirement = format!("- **{}** ", fault.requirement());
            assert!(protocol.contains(&requirement), "{fault} breaks {}", fault.requirement());
        }
    }
}
