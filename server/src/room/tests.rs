//! A room against a model: whatever its members do, each of them gets exactly the bytes that the
//! model says, from its own join on, in the one order.
//!
//! The sockets are real and as small as the system makes them, so that they fill up all the time.
//! [`lanes`] shares out rooms of any size here.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use chatroom_protocol::framing::Dialect;
use chatroom_protocol::{Alias, AssignedName};
use proptest::prelude::*;
use socket2::{Domain, SockRef, Socket, Type};

use super::*;
use crate::Settings;
use crate::connection::Presence;
use crate::places::Place;

/// On every wait; it only turns a hang into a failure.
const DEADLINE: Duration = Duration::from_secs(30);

/// What happens; a member is chosen by a number, whoever is there then.
#[derive(Debug, Clone)]
enum Event {
    Join,
    /// So many messages of so many bytes in one read.
    Say {
        who: usize,
        count: usize,
        bytes: usize,
    },
    /// A message, then one that is refused, then another message.
    SayBadly {
        who: usize,
    },
    /// The batch goes out.
    Flush,
    /// A client reads what is there, and the room hears that its socket has room.
    Read {
        who: usize,
    },
    /// A client says that it will send nothing more.
    Leave {
        who: usize,
    },
    /// A client resets its connection.
    Break {
        who: usize,
    },
}

fn event() -> impl Strategy<Value = Event> {
    let who = || 0..16_usize;
    prop_oneof![
        3 => Just(Event::Join),
        8 => (who(), 1..20_usize, 1..1000_usize)
            .prop_map(|(who, count, bytes)| Event::Say { who, count, bytes }),
        2 => who().prop_map(|who| Event::SayBadly { who }),
        6 => Just(Event::Flush),
        4 => who().prop_map(|who| Event::Read { who }),
        1 => who().prop_map(|who| Event::Leave { who }),
        1 => who().prop_map(|who| Event::Break { who }),
    ]
}

/// A member's other side, and what the model says it gets.
struct Client {
    name: String,
    /// `None` once it was reset.
    stream: Option<TcpStream>,
    got: Vec<u8>,
    due: Vec<u8>,
}

impl Client {
    /// Reads what is there.
    fn read(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        stream.set_nonblocking(true).unwrap();
        match stream.read_to_end(&mut self.got) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            end => drop(end.unwrap()),
        }
    }

    /// The stream, to be waited for.
    fn waiting(&mut self) -> Option<&mut TcpStream> {
        let stream = self.stream.as_mut()?;
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Some(stream)
    }

    /// Waits for the end, and compares what came with what was due.
    fn end(mut self, is_whole: bool) {
        let mut rest = Vec::new();
        if let Some(stream) = self.waiting() {
            // Who was cut off gets a reset.
            let end = stream.read_to_end(&mut rest);
            assert!(end.is_ok() || !is_whole, "{}: {end:?}", self.name);
        }
        self.got.append(&mut rest);
        let due = if is_whole { self.due.len() } else { self.got.len().min(self.due.len()) };
        same(&self.got, &self.due[..due], &self.name);
    }

    /// Waits until it has all that is due.
    fn read_due(&mut self) {
        let mut rest = vec![0; self.due.len() - self.got.len()];
        self.waiting().unwrap().read_exact(&mut rest).unwrap();
        self.got.append(&mut rest);
    }
}

/// A room, its clients by token, and the model: what is due to each.
struct Play {
    room: Room,
    places: Places,
    clients: BTreeMap<usize, Client>,
    /// Who is no member any more, and may have got less than what was due.
    gone: Vec<Client>,
    listener: TcpListener,
    joined: usize,
}

/// The member that always reads, and never leaves: what it gets tells where a loss was noticed.
const WITNESS: usize = 0;

impl Play {
    fn new(backlog_bound: usize) -> Self {
        let workers = NonZeroUsize::new(3).unwrap();
        let settings = Settings { backlog_bound, workers, ..Settings::default() };
        let server = Arc::new(Server::new(settings));
        let mut play = Play {
            room: Room::new(GroupId::FIRST, server),
            places: Places::default(),
            clients: BTreeMap::new(),
            gone: Vec::new(),
            listener: TcpListener::bind("127.0.0.1:0").unwrap(),
            joined: 0,
        };
        play.join(false);
        play
    }

    /// One of the members, not the witness.
    fn pick(&self, who: usize) -> Option<usize> {
        let others: Vec<usize> = self.clients.keys().copied().filter(|t| *t != WITNESS).collect();
        others.get(who.checked_rem(others.len())?).copied()
    }

    fn due_to_all(&mut self, line: &str) {
        for client in self.clients.values_mut() {
            client.due.extend_from_slice(line.as_bytes());
        }
    }

    fn play(&mut self, event: &Event) {
        if self.room.batch.len() > self.room.batch_limit() / 2 {
            self.flush();
        }
        match *event {
            Event::Join => self.join(true),
            Event::Say { who, count, bytes } => {
                let Some(token) = self.pick(who) else { return };
                let text = "x".repeat(bytes);
                let line = format!("{}: {text}\n", self.clients[&token].name);
                self.due_to_all(&line.repeat(count));
                self.say(token, format!("{text}\n").repeat(count).as_bytes());
            }
            Event::SayBadly { who } => {
                let Some(token) = self.pick(who) else { return };
                let line = format!("{}: good\n", self.clients[&token].name);
                self.due_to_all(&line);
                let due = &mut self.clients.get_mut(&token).unwrap().due;
                due.extend_from_slice(b"message refused, it is not valid UTF-8 from byte 1 on\n");
                self.say(token, b"good\n\xff\n");
            }
            Event::Flush => self.flush(),
            Event::Read { who } => {
                if let Some(token) = self.pick(who) {
                    self.play_read(token);
                }
            }
            Event::Leave { who } => {
                let Some(token) = self.pick(who) else { return };
                self.room.part_with(self.places.get(token).unwrap().index, &mut self.places);
                self.forget(token);
            }
            Event::Break { who } => {
                let Some(token) = self.pick(who) else { return };
                if let Some(stream) = self.clients.get_mut(&token).unwrap().stream.take() {
                    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                }
            }
        }
    }

    fn play_read(&mut self, token: usize) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        client.read();
        self.lose_some(|room, places| {
            room.resume(places.get(token).expect("a client's member").index, places);
        });
    }

    fn join(&mut self, is_small: bool) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        if is_small {
            socket.set_recv_buffer_size(4096).unwrap();
        }
        socket.connect(&self.listener.local_addr().unwrap().into()).unwrap();
        let stream = TcpStream::from(socket);
        let (accepted, peer) = self.listener.accept().unwrap();
        if is_small {
            SockRef::from(&accepted).set_send_buffer_size(16 * 1024).unwrap();
        }
        accepted.set_nonblocking(true).unwrap();
        let name = format!("Bot{}", self.joined);
        self.joined += 1;
        let alias: Alias = name.parse().unwrap();
        let newcomer = Newcomer {
            stream: mio::net::TcpStream::from_std(accepted),
            presence: Presence::new(peer, Arc::clone(&self.room.server)),
            speaker: Speaker::new(&alias, AssignedName::unchanged(&alias)),
            decoder: Dialect::Line.decoder(1024),
            early: Vec::new(),
            is_creator: false,
        };
        let arrived = format!("{name} has connected to the chat room\n");
        self.due_to_all(&arrived);
        let due = format!("{arrived}YOU ARE NOW CONNECTED TO THE CHAT\n").into_bytes();
        let index = self.room.size();
        let token = self.places.insert(Place { group: GroupId::FIRST, index });
        self.clients.insert(token, Client { name, stream: Some(stream), got: Vec::new(), due });
        self.lose_some(|room, places| room.admit(newcomer, token, places));
    }

    fn say(&mut self, token: usize, mut bytes: &[u8]) {
        assert!(!self.room.is_full(), "the model says a read as one");
        self.lose_some(|room, places| {
            while !bytes.is_empty()
                && let Some(place) = places.get(token)
            {
                room.hear(place.index, &mut bytes, &mut Vec::new(), places);
            }
        });
    }

    fn flush(&mut self) {
        self.lose_some(Room::flush);
        self.clients.get_mut(&WITNESS).unwrap().read_due();
    }

    /// Does something over which members may be lost. In which order the room noticed is only known
    /// from what the witness gets.
    fn lose_some(&mut self, change: impl FnOnce(&mut Room, &mut Places)) {
        change(&mut self.room, &mut self.places);
        let is_gone = |token: &&usize| self.places.get(**token).is_none();
        let mut lost: BTreeSet<usize> = self.clients.keys().filter(is_gone).copied().collect();
        while !lost.is_empty() {
            self.room.flush(&mut self.places);
            let lines = lost.iter().map(|token| left(&self.clients[token].name)).collect();
            let lines = self.next_of_witness(lines);
            for line in lines {
                let by_name = |token: &&usize| left(&self.clients[*token].name) == line;
                let token = *lost.iter().find(by_name).expect("the line of one who is gone");
                lost.remove(&token);
                self.forget_as(token, &line);
            }
            let is_gone = |token: &&usize| self.places.get(**token).is_none();
            lost = self.clients.keys().filter(is_gone).copied().collect();
        }
    }

    /// What the witness gets after what was due: these lines, in the order in which they come.
    fn next_of_witness(&mut self, mut expected: Vec<String>) -> Vec<String> {
        let witness = self.clients.get_mut(&WITNESS).unwrap();
        let bytes: usize = expected.iter().map(String::len).sum();
        let start = witness.due.len();
        let due = std::mem::replace(&mut witness.due, vec![0; start + bytes]);
        witness.read_due();
        witness.due = due;
        let got = String::from_utf8(witness.got[start..].to_vec()).unwrap();
        let mut lines: Vec<String> = got.split_inclusive('\n').map(str::to_owned).collect();
        let in_order = lines.clone();
        lines.sort();
        expected.sort();
        assert_eq!(lines, expected);
        in_order
    }

    fn forget(&mut self, token: usize) {
        let line = left(&self.clients[&token].name);
        self.forget_as(token, &line);
    }

    fn forget_as(&mut self, token: usize, line: &str) {
        self.gone.push(self.clients.remove(&token).unwrap());
        self.due_to_all(line);
    }

    /// Lets everybody catch up, closes the room, and compares.
    fn end(mut self) {
        let is_reset = |(_, client): &(&usize, &Client)| client.stream.is_none();
        let reset: Vec<usize> = self.clients.iter().filter(is_reset).map(|(t, _)| *t).collect();
        for token in reset {
            self.lose_some(|room, places| {
                // It may have been lost with one before it.
                let Some(place) = places.get(token) else { return };
                room.break_with(place.index, ErrorKind::ConnectionReset.into(), places);
            });
        }
        self.flush();
        let begun = Instant::now();
        while self.room.members.iter().any(Member::is_behind) {
            assert!(begun.elapsed() < DEADLINE, "somebody who reads never catches up");
            for token in self.clients.keys().copied().collect::<Vec<_>>() {
                self.play_read(token);
            }
        }
        self.due_to_all("the server is stopping\n");
        let poll = mio::Poll::new().unwrap();
        let farewells = self.room.close(&mut self.places, poll.registry());
        assert_eq!(farewells.len(), self.clients.len());
        let seeing_off = farewells.into_iter().map(|mut farewell| {
            std::thread::spawn(move || {
                farewell.stream.set_nonblocking(false).unwrap();
                let mut all = farewell.backlog.iter();
                all.try_for_each(|bytes| farewell.stream.write_all(bytes)).unwrap();
            })
        });
        let seeing_off: Vec<_> = seeing_off.collect();
        self.clients.into_values().for_each(|client| client.end(true));
        self.gone.into_iter().for_each(|client| client.end(false));
        seeing_off.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

fn left(name: &str) -> String {
    format!("{name} has left the chat room!\n")
}

fn same(got: &[u8], due: &[u8], name: &str) {
    let differs = got.iter().zip(due).position(|(one, other)| one != other);
    let at = differs.unwrap_or(got.len().min(due.len()));
    let near = |bytes: &[u8]| {
        let near = &bytes[at.saturating_sub(40)..bytes.len().min(at + 40)];
        String::from_utf8_lossy(near).into_owned()
    };
    assert!(got == due, "{name}, byte {at}: got {:?}, due {:?}", near(got), near(due));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn every_member_gets_the_bytes_of_the_model(
        events in prop::collection::vec(event(), 1..250),
        bound in prop_oneof![Just(256 * 1024), Just(usize::MAX / 2)],
    ) {
        let mut play = Play::new(bound);
        events.iter().for_each(|event| play.play(event));
        play.end();
    }
}
