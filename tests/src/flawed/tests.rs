//! The server without a fault is right, and every fault shows.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

use super::{Fault, FlawedServer};

/// Somebody does something: `noya` sends a text or does what stands in angle brackets. The next
/// step comes when all is quiet, or at once after a name with a `&` in front.
type Step<'a> = (&'a str, &'a str);

const NOYA_CREATES: Step<'_> = ("noya", "1\nNoya\n123\n2\n");
const ELIANA_JOINS: Step<'_> = ("eliana", "2\nEliana\n123\n1\n");
const SARA_CREATES: Step<'_> = ("sara", "1\nSara\n456\n2\n");

/// When nobody has received anything for so long, all is quiet.
const QUIET: Duration = Duration::from_millis(120);

struct Guest {
    name: String,
    socket: Option<TcpStream>,
    /// Everything it received, and how that ended.
    heard: String,
    is_over: bool,
}

impl Guest {
    fn connect(name: &str, addr: SocketAddr) -> Guest {
        let socket = TcpStream::connect(addr).ok();
        let heard = if socket.is_some() { String::new() } else { "<not connected>".into() };
        let is_over = socket.is_none();
        if let Some(socket) = &socket {
            socket.set_nonblocking(true).unwrap();
        }
        Guest { name: name.into(), socket, heard, is_over }
    }

    fn act(&mut self, action: &str) {
        let Some(mut socket) = self.socket.as_ref() else { return };
        match action {
            "<connect>" => {}
            "<half-close>" => drop(socket.shutdown(Shutdown::Write)),
            "<close>" => self.socket = None,
            "<reset>" => {
                SockRef::from(socket).set_linger(Some(Duration::ZERO)).unwrap();
                self.socket = None;
            }
            "<1024 bytes>" => drop(socket.write_all(&[&[b'x'; 1024][..], b"\n"].concat())),
            "<1025 bytes>" => drop(socket.write_all(&[&[b'x'; 1025][..], b"\n"].concat())),
            "<2000 bytes>" => drop(socket.write_all(&[&[b'x'; 2000][..], b"\n"].concat())),
            "<bad UTF-8>" => drop(socket.write_all(b"ab\xff\n")),
            text => drop(socket.write_all(text.as_bytes())),
        }
    }

    /// Takes what has come, and says whether anything has.
    fn hear(&mut self) -> bool {
        let Some(mut socket) = self.socket.as_ref().filter(|_| !self.is_over) else { return false };
        let mut buffer = [0; 4096];
        match socket.read(&mut buffer) {
            Ok(0) => self.heard += "<closed>",
            Ok(bytes) => {
                self.heard += &String::from_utf8_lossy(&buffer[..bytes]);
                return true;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(_) => self.heard += "<reset>",
        }
        self.is_over = true;
        true
    }
}

fn wait_until_quiet(guests: &mut [Guest]) {
    let mut quiet_since = Instant::now();
    while quiet_since.elapsed() < QUIET {
        // Everybody is asked, not only the first who has heard something.
        if guests.iter_mut().map(Guest::hear).fold(false, |any, one| any | one) {
            quiet_since = Instant::now();
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// Plays the steps against a server with that fault, and returns what each guest received.
fn play(fault: Option<Fault>, steps: &[Step<'_>]) -> String {
    let server = FlawedServer::start(fault);
    let mut guests: Vec<Guest> = Vec::new();
    for (who, action) in steps {
        let name = who.trim_start_matches('&');
        let known = guests.iter().position(|guest| guest.name == name);
        let index = known.unwrap_or_else(|| {
            guests.push(Guest::connect(name, server.addr()));
            guests.len() - 1
        });
        guests[index].act(action);
        if !who.starts_with('&') {
            wait_until_quiet(&mut guests);
        }
    }
    guests.iter().map(|guest| format!("-- {}\n{}\n", guest.name, guest.heard)).collect()
}

/// What shows the fault. Nothing for those that only the log or a flood shows.
fn steps_that_show(fault: Fault) -> Vec<Step<'static>> {
    let two = |more: &[Step<'static>]| [&[NOYA_CREATES, ELIANA_JOINS], more].concat();
    match fault {
        Fault::IdCheckedFirst
        | Fault::LogsPasswords
        | Fault::StalledReaderBlocksGroup
        | Fault::StalledReaderNeverCutOff
        | Fault::StalledReaderLosesMessages => vec![],

        Fault::GluesNotices
        | Fault::LineFeedMissing
        | Fault::JoinerToldTheId
        | Fault::PipelinedAnswersLost
        | Fault::PromptsOutOfOrder
        | Fault::IdsStartAtOne
        | Fault::WrongIdAnnounced
        | Fault::TrailingSpaceMissing
        | Fault::CreatedNoticeLast
        | Fault::NoJoinNotice
        | Fault::NewcomerNotToldOfOwnJoining
        | Fault::WelcomeToEveryone
        | Fault::WelcomeBeforeOwnNotice => two(&[]),

        Fault::CrlfKept => two(&[("noya", "Hi\r\n")]),
        Fault::BlankLineIsMessage => two(&[("noya", "\nHi\n")]),
        Fault::LineCutAtSegmentBorder => two(&[("noya", "Hel"), ("noya", "lo\n")]),
        Fault::GluesPipelined | Fault::LosesPipelined | Fault::SenderOrderBroken => {
            two(&[("noya", "1\n2\n3\n")])
        }
        Fault::PartialLineDeliveredOnClose => two(&[("noya", "Hi"), ("noya", "<half-close>")]),
        Fault::PartialLineDeliveredOnReset => two(&[("noya", "Hi"), ("noya", "<reset>")]),

        Fault::OptionThreeIgnored => vec![("noya", "1\nNoya\n123\n3\n")],
        Fault::WrongOptionAccepted | Fault::WrongOptionNotSaid => {
            vec![NOYA_CREATES, ("eliana", "2\nEliana\n123\n4\n")]
        }
        Fault::BadAnswerNotExplained | Fault::BadAnswerAskedAgain => vec![("noya", "two\n")],
        Fault::BadGroupIdTaken => vec![("noya", "+2\n")],
        Fault::SilentHandshakeBlocksOthers => vec![("noya", "<connect>"), SARA_CREATES],
        Fault::ServerDiesOnSilentClose => {
            vec![("noya", "<connect>"), ("noya", "<close>"), SARA_CREATES]
        }

        Fault::IdSpentOnRefusal => vec![ELIANA_JOINS, NOYA_CREATES],
        Fault::GroupDiesWithLastMember => {
            vec![NOYA_CREATES, ("noya", "<close>"), ELIANA_JOINS]
        }
        Fault::LongPasswordTaken => {
            vec![
                ("noya", "1\nNoya\n"),
                (
                    "noya",
                    concat!(
                        "0123456789012345678901234567890123456789012345678901234567890123",
                        "0123456789012345678901234567890123456789012345678901234567890123x\n"
                    ),
                ),
            ]
        }

        Fault::PasswordUnchecked => vec![NOYA_CREATES, ("ariel", "2\nAriel\n122\n1\n")],
        Fault::IdUnchecked => vec![NOYA_CREATES, ("rinat", "22\nRinat\n123\n1\n")],
        Fault::UnmatchingPasswordAccepted => {
            vec![NOYA_CREATES, SARA_CREATES, ("yuval", "2\nYuval\n456\n1\n")]
        }
        Fault::SamePasswordOldestGroup => {
            vec![NOYA_CREATES, ("sara", "1\nSara\n123\n2\n"), ("eliana", "3\nEliana\n123\n1\n")]
        }
        Fault::PasswordTableOutOfStep => vec![
            NOYA_CREATES,
            ("ariel", "2\nAriel\n122\n1\n"),
            SARA_CREATES,
            ("shlomo", "3\nShlomo\n456\n1\n"),
        ],
        Fault::PasswordPrefixAccepted => vec![NOYA_CREATES, ("ariel", "2\nAriel\n12\n1\n")],
        Fault::PasswordTrimmed => vec![NOYA_CREATES, ("ariel", "2\nAriel\n 123\n1\n")],
        Fault::PasswordCaseIgnored => {
            vec![("noya", "1\nNoya\nabc\n2\n"), ("ariel", "2\nAriel\nABC\n1\n")]
        }
        Fault::RefusalSaysWhy
        | Fault::RefusalWithoutDisconnect
        | Fault::RefusalLeavesConnectionOpen
        | Fault::RefusedClientStillGetsMessages
        | Fault::RefusedClientCanTalk => vec![
            NOYA_CREATES,
            ("ariel", "2\nAriel\n122\n1\n"),
            ("ariel", "can anyone hear me?\n"),
            ("noya", "Aloha\n"),
        ],

        Fault::ColonInNameTaken => vec![("noya", "1\nNo:ya\n")],
        Fault::LongNameTaken => vec![("noya", "1\nNoyaNoyaNoyaNoyaNoyaNoyaNoyaNoyaN\n")],
        Fault::OuterSpaceInNameTaken => vec![("noya", "1\nNoya \n")],
        Fault::InvisibleNameTaken => vec![("noya", "1\nNo\u{200B}ya\n")],
        Fault::NoRename | Fault::RenameFormatWrong => {
            vec![NOYA_CREATES, ("other", "2\nNoya\n123\n1\n")]
        }
        Fault::NamesUniquePerGroupOnly => vec![NOYA_CREATES, ("other", "1\nNoya\n456\n2\n")],
        Fault::RenameCountOnlyGrows => vec![
            NOYA_CREATES,
            ("second", "2\nNoya\n123\n1\n"),
            ("second", "<close>"),
            ("third", "2\nNoya\n123\n1\n"),
        ],
        Fault::AskedNameNotRecognised => {
            vec![NOYA_CREATES, ("other", "2\nNoya\n123\n1\n"), ("other", "Noya: Hi\n")]
        }
        Fault::NameNotFreed => two(&[("eliana", "<close>"), ("other", "2\nEliana\n123\n1\n")]),

        Fault::NoEchoToSender | Fault::DoublesEcho | Fault::DoublesEverything => {
            two(&[("noya", "Hi\n")])
        }
        Fault::LosesEveryTenthMessage => two(&[("noya", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n")]),
        Fault::LosesMessagesAfterTwentieth => {
            let ten = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
            two(&[("noya", ten), ("noya", ten), ("noya", "one more\n")])
        }
        Fault::TrustsSenderName => two(&[("noya", "Eliana: Hi\n")]),
        Fault::StampsNothing => two(&[("noya", "Hi\n")]),
        Fault::DropsNonAscii => two(&[("noya", "Grüße\n")]),
        Fault::StampsTwice => two(&[("noya", "Noya: Hi\n")]),
        Fault::TrimsSpaces => two(&[("noya", "Noya:   Hi  \n")]),
        Fault::Lowercases => two(&[("noya", "Noya: Hi\n")]),
        Fault::PassesBadUtf8 | Fault::DropsClientOnBadUtf8 => two(&[("noya", "<bad UTF-8>")]),
        Fault::PassesControlCharacters => two(&[("noya", "\u{1b}[2J\n")]),
        Fault::OrderDiffersBetweenMembers => two(&[("&noya", "Hello\n"), ("eliana", "Hi\n")]),
        Fault::HistoryReplayed => vec![NOYA_CREATES, ("noya", "Hi\n"), ELIANA_JOINS],
        Fault::LeaksBetweenGroups => vec![NOYA_CREATES, SARA_CREATES, ("noya", "Hi\n")],

        Fault::JoinNoticeToEveryone => vec![NOYA_CREATES, SARA_CREATES],
        Fault::LeaveNoticeToEveryone => vec![NOYA_CREATES, SARA_CREATES, ("sara", "<close>")],
        Fault::DeadMemberEndsBroadcast => {
            two(&[("sara", "2\nSara\n123\n1\n"), ("eliana", "<reset>"), ("noya", "still here?\n")])
        }

        Fault::NoLeaveNotice | Fault::LeaveNoticeTwice => two(&[("eliana", "<close>")]),
        Fault::EndOfStreamIgnored => two(&[("eliana", "<half-close>"), ("noya", "Hi\n")]),
        Fault::HalfCloseLeftOpen => two(&[("eliana", "<half-close>")]),
        Fault::NoLeaveNoticeOnReset => two(&[("eliana", "<reset>")]),
        Fault::StopsAcceptingAfterAReset => two(&[("eliana", "<reset>"), SARA_CREATES]),

        Fault::Rejects1024 => two(&[("noya", "<1024 bytes>")]),
        Fault::Passes1025
        | Fault::TruncatesAt1024
        | Fault::LongMessageVanishes
        | Fault::LongMessageRefusedToAll
        | Fault::DisconnectsOnLongMessage => two(&[("noya", "<1025 bytes>")]),
        Fault::LongMessagePasses => two(&[("noya", "<2000 bytes>")]),
    }
}

#[test]
fn every_fault_shows() {
    let shows = |fault: Fault| {
        let steps = steps_that_show(fault);
        let (right, wrong) = (play(None, &steps), play(Some(fault), &steps));
        assert!(steps.is_empty() || right != wrong, "{fault} does not show:\n{wrong}");
        // `cargo test -p chatroom-tests every_fault -- --nocapture` shows them all.
        println!("==== {fault}\n{wrong}");
    };
    thread::scope(|scope| Fault::ALL.iter().for_each(|fault| drop(scope.spawn(|| shows(*fault)))));
}

#[test]
fn people_meet_talk_and_part() {
    let heard = play(
        None,
        &[
            NOYA_CREATES,
            ELIANA_JOINS,
            ("eliana", "Hello\n"),
            ("noya", "Noya: Hi\r\n\r\n"),
            ("eliana", "<1024 bytes>"),
            ("eliana", "<1025 bytes>"),
            ("eliana", "<bad UTF-8>"),
            ("eliana", "Noya: pst"),
            ("eliana", "<half-close>"),
            ("noya", "Bye\n"),
        ],
    );
    let prompts = "enter group chat id:\nalias?\npassword?\noption?\n";
    let long = "x".repeat(1024);
    assert_eq!(
        heard,
        format!(
            "-- noya\n{prompts}THE NEWLY CREATED CHAT ID IS 2 \n\
             Noya has connected to the chat room\nYOU ARE NOW CONNECTED TO THE CHAT\n\
             Eliana has connected to the chat room\nEliana: Hello\nNoya: Hi\nEliana: {long}\n\
             Eliana has left the chat room!\nNoya: Bye\n\n\
             -- eliana\n{prompts}Eliana has connected to the chat room\n\
             YOU ARE NOW CONNECTED TO THE CHAT\nEliana: Hello\nNoya: Hi\nEliana: {long}\n\
             message refused, it has 1025 bytes and the limit is 1024\n\
             message refused, it is not valid UTF-8 from byte 3 on\n<closed>\n"
        )
    );
}

#[test]
fn whoever_may_not_join_is_told_so_and_nothing_more() {
    let prompts = "enter group chat id:\nalias?\npassword?\noption?\n";
    let heard = play(
        None,
        &[
            NOYA_CREATES,
            SARA_CREATES,
            ("ariel", "2\nAriel\n122\n1\ncan anyone hear me?\n"),
            ("rinat", "22\nRinat\n123\n1\n"),
            ("yuval", "2\nYuval\n456\n1\n"),
            ("wrong", "2\nRoni\n123\n4\n"),
            ("bad", "2\nRo:ni\n"),
            ("gone", "2\nRoni\n123\n3\n"),
            ("other", "3\nNoya\n456\n1\n"),
            ("other", "Noya: Hi\n"),
        ],
    );
    for refused in ["ariel", "rinat", "yuval"] {
        assert!(
            heard.contains(&format!("-- {refused}\n{prompts}disconnect\n<closed>\n")),
            "{heard}"
        );
    }
    for end in [
        "option?\nanswer refused, the options are 1 to join a group, 2 to create one and 3 to \
         disconnect\nwrong option\n<closed>\n",
        "alias?\nanswer refused, a name cannot contain a colon\ndisconnect\n<closed>\n",
        "option?\ndisconnect option\n<closed>\n",
        "\nNoya+1-: Hi\n",
    ] {
        assert!(heard.contains(end), "{end} is not in {heard}");
    }
}

/// What a group sees while one of its members does not read.
#[derive(Debug, PartialEq)]
struct Flood {
    sender_gets_all: bool,
    stalled_is_cut_off: bool,
    stalled_gets_all: bool,
}

/// Noya sends 16 MB, far more than sockets hold, while Eliana does not read; then Eliana reads.
fn flood(fault: Option<Fault>) -> Flood {
    const MESSAGES: usize = 16 * 1024;
    let server = FlawedServer::start(fault);
    let stalled = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    stalled.set_recv_buffer_size(64 * 1024).unwrap();
    let mut noya = TcpStream::connect(server.addr()).unwrap();
    noya.write_all(NOYA_CREATES.1.as_bytes()).unwrap();
    let mut heard = String::new();
    read_until(&mut noya, &mut heard, |heard| heard.contains("YOU ARE NOW CONNECTED"));
    stalled.connect(&server.addr().into()).unwrap();
    let mut stalled = TcpStream::from(stalled);
    stalled.write_all(ELIANA_JOINS.1.as_bytes()).unwrap();
    read_until(&mut noya, &mut heard, |heard| heard.contains("Eliana has connected"));

    let line = format!("{}\n", "x".repeat(1000));
    let mut sender = noya.try_clone().unwrap();
    sender.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let flood = thread::spawn(move || {
        let all = (0..MESSAGES).all(|_| sender.write_all(line.as_bytes()).is_ok());
        all && sender.write_all(b"that is all\n").is_ok()
    });
    let gets_all = |socket: &mut TcpStream, heard: &mut String| {
        read_until(socket, heard, |heard| heard.ends_with("Noya: that is all\n"))
            && heard.matches("Noya: x").count() == MESSAGES
    };
    let sender_gets_all = gets_all(&mut noya, &mut heard);
    flood.join().unwrap();
    let stalled_is_cut_off = heard.contains("Eliana has left the chat room!");
    let stalled_gets_all = gets_all(&mut stalled, &mut String::new());
    Flood { sender_gets_all, stalled_is_cut_off, stalled_gets_all }
}

/// Reads until that is so, or until nothing comes for a second.
fn read_until(socket: &mut TcpStream, heard: &mut String, done: impl Fn(&str) -> bool) -> bool {
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut buffer = vec![0; 1024 * 1024];
    while !done(heard) {
        match socket.read(&mut buffer) {
            Ok(0) | Err(_) => return false,
            Ok(bytes) => *heard += &String::from_utf8_lossy(&buffer[..bytes]),
        }
    }
    true
}

#[test]
fn a_member_that_does_not_read_is_cut_off() {
    let right = Flood { sender_gets_all: true, stalled_is_cut_off: true, stalled_gets_all: false };
    assert_eq!(flood(None), right);
    let blocked = flood(Some(Fault::StalledReaderBlocksGroup));
    assert!(!blocked.sender_gets_all, "{blocked:?}");
    let kept = flood(Some(Fault::StalledReaderNeverCutOff));
    assert_eq!(kept, Flood { stalled_is_cut_off: false, stalled_gets_all: true, ..right });
    let lost = flood(Some(Fault::StalledReaderLosesMessages));
    assert_eq!(
        lost,
        Flood { sender_gets_all: true, stalled_is_cut_off: false, stalled_gets_all: false }
    );
}

#[test]
fn a_dropped_server_ends_at_once() {
    for fault in Fault::ALL.iter().copied().map(Some).chain([None]) {
        let server = FlawedServer::start(fault);
        let addr = server.addr();
        let silent = TcpStream::connect(addr).unwrap();
        let mut member = TcpStream::connect(addr).unwrap();
        member.write_all(NOYA_CREATES.1.as_bytes()).unwrap();
        let start = Instant::now();
        drop(server);
        assert!(start.elapsed() < Duration::from_secs(2), "{fault:?} took {:?}", start.elapsed());
        assert!(TcpStream::connect(addr).is_err(), "{fault:?} still listens");
        drop((silent, member));
    }
}
