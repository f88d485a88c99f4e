//! Three clients see each fault as what it is, and nothing else.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::{Delay, Fault, Injected, Settings, Tampering, TamperingServer};

/// Longer than anything takes, so that a test that waits in vain fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that shows what it receives.
struct Guest {
    socket: BufReader<TcpStream>,
}

impl Guest {
    /// Answers all prompts at once.
    fn connect(server: &TamperingServer, answers: &str) -> Guest {
        let socket = TcpStream::connect(server.addr()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut guest = Guest { socket: BufReader::new(socket) };
        guest.send(answers);
        for prompt in ["enter group chat id:", "alias?", "password?", "option?"] {
            assert_eq!(guest.line(), prompt);
        }
        guest
    }

    fn create(server: &TamperingServer, name: &str, id: u32) -> Guest {
        let mut guest = Guest::connect(server, &format!("1\n{name}\nhush\n2\n"));
        guest.expect(&[&format!("THE NEWLY CREATED CHAT ID IS {id} "), &arrived(name), WELCOME]);
        guest
    }

    fn join(server: &TamperingServer, name: &str) -> Guest {
        let mut guest = Guest::connect(server, &format!("2\n{name}\nhush\n1\n"));
        guest.expect(&[&arrived(name), WELCOME]);
        guest
    }

    fn send(&mut self, text: &str) {
        self.socket.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.socket.read_line(&mut line).unwrap();
        line.strip_suffix('\n').map_or_else(|| format!("{line}<end>"), str::to_owned)
    }

    fn expect(&mut self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.line(), *line);
        }
    }

    /// The end of the stream, with nothing before it.
    fn expect_end(&mut self) {
        let mut rest = String::new();
        self.socket.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }

    fn half_close(&mut self) {
        self.socket.get_mut().shutdown(Shutdown::Write).unwrap();
    }
}

const WELCOME: &str = "YOU ARE NOW CONNECTED TO THE CHAT";

fn arrived(name: &str) -> String {
    format!("{name} has connected to the chat room")
}

/// A server with Ann, Ben and Cat in its first group, who have heard of each other.
struct Room {
    server: TamperingServer,
    ann: Guest,
    ben: Guest,
    cat: Guest,
}

impl Room {
    fn with(tampering: Tampering) -> Room {
        Room::of(Settings { tampering: Some(tampering), ..Settings::default() })
    }

    fn of(settings: Settings) -> Room {
        let server = TamperingServer::start(settings).unwrap();
        let mut ann = Guest::create(&server, "Ann", 2);
        let mut ben = Guest::join(&server, "Ben");
        let cat = Guest::join(&server, "Cat");
        ann.expect(&[&arrived("Ben"), &arrived("Cat")]);
        ben.expect(&[&arrived("Cat")]);
        Room { server, ann, ben, cat }
    }

    /// Ann says these, in one write.
    fn ann_says(&mut self, texts: &[&str]) {
        self.ann.send(&texts.iter().map(|text| format!("{text}\n")).collect::<String>());
    }

    fn expect(&mut self, ann: &[&str], ben: &[&str], cat: &[&str]) {
        self.ann.expect(ann);
        self.ben.expect(ben);
        self.cat.expect(cat);
    }

    fn expect_injected(&self, times: u64, copies: u64) {
        assert_eq!(self.server.injected(), Injected { times, copies, delayed: 0 });
    }
}

/// What Ben gets when Ann says four lines and the fault is done at the second; the others get all
/// four as they are. The fourth shows that nothing more comes.
fn check_for_ben(fault: Fault, texts: [&str; 4], ben: &[&str]) {
    let mut room = Room::with(Tampering::once(fault, 2));
    room.ann_says(&texts);
    let lines = texts.map(|text| format!("Ann: {text}"));
    let all: Vec<&str> = lines.iter().map(String::as_str).collect();
    room.expect(&all, ben, &all);
    room.expect_injected(1, 1);
}

#[test]
fn without_a_fault_everybody_gets_everything() {
    let mut room = Room::of(Settings::default());
    room.ann_says(&["one", "Ann: two", "Ben: three"]);
    let lines = ["Ann: one", "Ann: two", "Ann: Ben: three"];
    room.expect(&lines, &lines, &lines);
    room.ann.send(&format!("{}\nfour\n", "x".repeat(1025)));
    room.ann.expect(&["message refused, it has 1025 bytes and the limit is 1024", "Ann: four"]);
    room.ben.half_close();
    room.ben.expect(&["Ann: four"]);
    room.ben.expect_end();
    room.ann.expect(&["Ben has left the chat room!"]);
    room.cat.expect(&["Ann: four", "Ben has left the chat room!"]);
    let mut dan = Guest::connect(&room.server, "2\nDan\nwrong\n1\n");
    dan.expect(&["disconnect"]);
    dan.expect_end();
    let mut second = Guest::connect(&room.server, "2\nAnn\nhush\n1\n");
    second.expect(&[&arrived("Ann+1-"), WELCOME]);
    room.expect_injected(0, 0);
}

#[test]
fn one_member_gets_something_else() {
    use Fault::*;
    let check = |fault, ben: &[&str]| check_for_ben(fault, ["a1", "b23", "c4", "d5"], ben);
    check(Lost, &["Ann: a1", "Ann: c4", "Ann: d5"]);
    check(Doubled, &["Ann: a1", "Ann: b23", "Ann: b23", "Ann: c4", "Ann: d5"]);
    check(Reordered, &["Ann: a1", "Ann: c4", "Ann: b23", "Ann: d5"]);
    check(Altered, &["Ann: a1", "Ann: b2x", "Ann: c4", "Ann: d5"]);
    check(AlteredHead, &["Ann: a1", "Ann: b24", "Ann: c4", "Ann: d5"]);
    check(Truncated, &["Ann: a1", "Ann: b", "Ann: c4", "Ann: d5"]);
    check(WrongSender, &["Ann: a1", "Cat: b23", "Ann: c4", "Ann: d5"]);
    check(Unknown, &["Ann: a1", "Ann: b23", "a line that nobody said", "Ann: c4", "Ann: d5"]);
    check(Glued, &["Ann: a1", "Ann: b23Ann: c4", "Ann: d5"]);
}

#[test]
fn a_fault_waits_for_a_text_that_it_can_be_done_to() {
    let texts = ["a1", "none", "c9", "d5"];
    check_for_ben(Fault::AlteredHead, texts, &["Ann: a1", "Ann: none", "Ann: c0", "Ann: d5"]);
}

#[test]
fn a_copy_comes_again_after_five_others() {
    let mut room = Room::with(Tampering::once(Fault::DoubledLater, 1));
    room.ann_says(&["1", "2", "3", "4", "5", "6", "7"]);
    let all = ["Ann: 1", "Ann: 2", "Ann: 3", "Ann: 4", "Ann: 5", "Ann: 6", "Ann: 7"];
    let ben = [&all[..6], &["Ann: 1"], &all[6..]].concat();
    room.expect(&all, &ben, &all);
    room.expect_injected(1, 1);
}

#[test]
fn nobody_gets_a_message() {
    let mut room = Room::with(Tampering::once(Fault::LostForAll, 2));
    room.ann_says(&["1", "2", "3"]);
    let lines = ["Ann: 1", "Ann: 3"];
    room.expect(&lines, &lines, &lines);
    room.expect_injected(1, 3);
}

#[test]
fn two_messages_change_places_for_all_but_one() {
    let mut room = Room::with(Tampering::once(Fault::SwappedForAllButOne, 1));
    // Two of one sender are not exchanged: that would be another fault.
    room.ann_says(&["1", "2"]);
    room.ben.expect(&["Ann: 1", "Ann: 2"]);
    room.cat.send("3\n");
    let lines = ["Ann: 1", "Cat: 3", "Ann: 2"];
    room.expect(&lines, &["Cat: 3"], &lines);
    room.expect_injected(1, 2);
}

#[test]
fn two_messages_of_a_sender_change_places_for_all() {
    let mut room = Room::with(Tampering::once(Fault::SenderOrder, 1));
    // The refusal shows that the server has what came before.
    room.ann_says(&["1", "\u{7}"]);
    room.ann.expect(&["message refused, byte 1 is the control character U+0007"]);
    room.ben.send("2\n");
    room.ben.expect(&["Ben: 2"]);
    room.ann_says(&["3", "4"]);
    let lines = ["Ben: 2", "Ann: 3", "Ann: 1", "Ann: 4"];
    room.expect(&lines, &lines[1..], &lines);
    room.expect_injected(1, 3);
}

#[test]
fn what_is_withheld_comes_before_somebody_goes() {
    let mut room = Room::with(Tampering::once(Fault::SenderOrder, 1));
    room.ann_says(&["1"]);
    room.ann.half_close();
    let lines = ["Ann: 1", "Ann has left the chat room!"];
    room.expect(&["Ann: 1"], &lines, &lines);
    room.expect_injected(0, 0);
}

#[test]
fn somebody_in_the_next_group_gets_a_copy() {
    let mut room = Room::with(Tampering::once(Fault::WrongGroup, 2));
    room.ann_says(&["1"]);
    room.expect(&["Ann: 1"], &["Ann: 1"], &["Ann: 1"]);
    // Before it there is no other group.
    let mut dan = Guest::create(&room.server, "Dan", 3);
    room.ann_says(&["2", "3"]);
    let lines = ["Ann: 2", "Ann: 3"];
    room.expect(&lines, &lines, &lines);
    dan.send("4\n");
    dan.expect(&["Ann: 2", "Dan: 4"]);
    room.expect_injected(1, 1);
}

#[test]
fn somebody_who_has_left_gets_a_copy() {
    let mut room = Room::with(Tampering::once(Fault::AfterLeaving, 2));
    room.ann_says(&["1"]);
    room.ben.half_close();
    room.ben.expect(&["Ann: 1"]);
    room.ann.expect(&["Ann: 1", "Ben has left the chat room!"]);
    room.ann_says(&["2", "3"]);
    room.ann.expect(&["Ann: 2", "Ann: 3"]);
    room.ben.expect(&["Ann: 2"]);
    room.ben.expect_end();
    room.expect_injected(1, 1);
}

#[test]
fn a_newcomer_gets_what_was_said_before() {
    let mut room = Room::with(Tampering::once(Fault::BeforeJoining, 2));
    room.ann_says(&["1", "2"]);
    room.ann.expect(&["Ann: 1", "Ann: 2"]);
    let mut dan = Guest::join(&room.server, "Dan");
    let mut eve = Guest::join(&room.server, "Eve");
    room.ann.expect(&[&arrived("Dan"), &arrived("Eve")]);
    room.ann_says(&["3"]);
    dan.expect(&["Ann: 2", &arrived("Eve"), "Ann: 3"]);
    eve.expect(&["Ann: 3"]);
    room.expect_injected(1, 1);
}

#[test]
fn a_member_is_thrown_out() {
    let mut room = Room::with(Tampering::once(Fault::Disconnected, 2));
    room.ann_says(&["1", "2", "3"]);
    room.ben.expect(&["Ann: 1", "Ann: 2"]);
    room.ben.expect_end();
    let lines = ["Ann: 1", "Ann: 2", "Ben has left the chat room!", "Ann: 3"];
    room.ann.expect(&lines);
    room.cat.expect(&lines);
    room.expect_injected(1, 1);
}

#[test]
fn a_wrong_password_is_accepted() {
    let mut room = Room::with(Tampering::once(Fault::Admitted, 2));
    let mut dan = Guest::connect(&room.server, "2\nDan\nwrong\n1\n");
    dan.expect(&["disconnect"]);
    dan.expect_end();
    let mut eve = Guest::connect(&room.server, "2\nEve\nwrong\n1\n");
    eve.expect(&[&arrived("Eve"), WELCOME]);
    room.ann.expect(&[&arrived("Eve")]);
    room.expect_injected(1, 1);
}

#[test]
fn a_notice_is_lost_or_doubled() {
    for (fault, notices) in [(Fault::NoticeLost, 0), (Fault::NoticeDoubled, 2)] {
        let mut room = Room::with(Tampering::once(fault, 4));
        let _dan = Guest::join(&room.server, "Dan");
        let _eve = Guest::join(&room.server, "Eve");
        let (dan, eve) = (arrived("Dan"), arrived("Eve"));
        room.ann.expect(&[&dan, &eve]);
        room.ben.expect(&[&vec![dan.as_str(); notices][..], &[&eve]].concat());
        room.cat.expect(&[&dan, &eve]);
        room.expect_injected(1, 1);
    }
}

#[test]
fn nobody_gets_anything_any_more() {
    let mut room = Room::with(Tampering::once(Fault::StallAll, 2));
    room.ann_says(&["1", "2", "3"]);
    room.expect(&["Ann: 1"], &["Ann: 1"], &["Ann: 1"]);
    drop(room.server);
    for mut guest in [room.ann, room.ben, room.cat] {
        let mut rest = Vec::new();
        // The close of a connection with unread bytes is a reset, which is an error here.
        let _ = guest.socket.read_to_end(&mut rest);
        assert_eq!(rest, b"");
    }
}

#[test]
fn the_server_crashes() {
    let mut room = Room::with(Tampering::once(Fault::Crash, 1));
    room.ann_says(&["1"]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(room.server.crashed());
    room.expect_injected(1, 0);
    room.ben.expect_end();
}

#[test]
fn a_fault_is_done_as_often_and_to_whom_it_is_told() {
    let lost = Tampering::once(Fault::Lost, 2);
    let mut room = Room::with(Tampering { times: 2, receiver: 3, every_group: true, ..lost });
    room.ann_says(&["1", "2", "3", "4", "5", "6"]);
    let all = ["Ann: 1", "Ann: 2", "Ann: 3", "Ann: 4", "Ann: 5", "Ann: 6"];
    room.expect(&all, &all, &["Ann: 1", "Ann: 3", "Ann: 5", "Ann: 6"]);
    room.expect_injected(2, 2);
    // Whoever has the place is not the one if it is the sender; here the one before is.
    let mut dan = Guest::create(&room.server, "Dan", 3);
    let mut eve = Guest::connect(&room.server, "3\nEve\nhush\n1\n");
    eve.expect(&[&arrived("Eve"), WELCOME]);
    eve.send("1\n2\n3\n");
    eve.expect(&["Eve: 1", "Eve: 2", "Eve: 3"]);
    dan.expect(&[&arrived("Eve"), "Eve: 1", "Eve: 3"]);
    room.expect_injected(3, 3);
}

#[test]
fn a_held_copy_never_leaves_early_and_the_order_stays() {
    let by = Duration::from_millis(50);
    let delay = Some(Delay { by, every: NonZeroU64::new(3).unwrap() });
    let mut room = Room::of(Settings { delay, ..Settings::default() });
    let start = Instant::now();
    room.ann_says(&["1", "2", "3", "4", "5"]);
    let all = ["Ann: 1", "Ann: 2", "Ann: 3", "Ann: 4", "Ann: 5"];
    room.expect(&all[..3], &all[..3], &all[..3]);
    assert!(start.elapsed() >= by, "{:?}", start.elapsed());
    room.expect(&all[3..], &all[3..], &all[3..]);
    assert_eq!(room.server.injected(), Injected { times: 0, copies: 0, delayed: 3 });
}

#[test]
fn a_slow_server_is_right_all_the_same() {
    let mut room = Room::of(Settings { slower: 0.5, ..Settings::default() });
    let texts: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    room.ann_says(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    for guest in [&mut room.ann, &mut room.ben, &mut room.cat] {
        for text in &texts {
            assert_eq!(guest.line(), format!("Ann: {text}"));
        }
    }
}

#[test]
fn who_does_not_read_delays_nobody_and_is_cut_off() {
    let mut room = Room::of(Settings::default());
    let long = "x".repeat(1000);
    // Far more than the system and the server keep for Ben.
    for _ in 0..20_000 {
        room.ann.send(&format!("{long}\n"));
        for guest in [&mut room.ann, &mut room.cat] {
            let line = guest.line();
            if line == "Ben has left the chat room!" {
                return;
            }
            assert_eq!(line.len(), "Ann: ".len() + long.len());
        }
    }
    panic!("Ben was not cut off");
}
