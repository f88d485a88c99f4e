//! The clients: one thread, one connection for each member, every byte compared.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::ledger::{Ledger, MESSAGE_BYTES, Sent};
use crate::load::{Load, Pace, TALKERS, UNDER_WAY};
use crate::metronome::Metronome;
use crate::wire::GREETING;

const BEAT: Token = Token(usize::MAX);
const EVENTS: usize = 1024;
const READ_BYTES: usize = 64 * 1024;

/// How long a greeting or a missing copy is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest latency that is told from longer ones.
const LONGEST_US: u64 = 10_000_000;

/// How often a poll without events looks at the clock; also the pace of systems without a timer.
const LOOK: Duration = Duration::from_millis(1);

/// What one phase of a load came to.
pub(crate) struct Figures {
    pub(crate) deliveries: usize,
    /// From when a message was due to each of its copies, in microseconds.
    pub(crate) latencies: Histogram<u32>,
}

pub(crate) struct Driver {
    poll: Poll,
    buffer: Vec<u8>,
    members: Vec<Member>,
    ledger: Ledger,
    epoch: Instant,
    /// Copies that were heard, of all members.
    copies: usize,
    /// Until when a talker whose message came back sends another.
    saturate_until: Option<Instant>,
    latencies: Histogram<u32>,
}

struct Member {
    stream: TcpStream,
    bytes: usize,
}

impl Driver {
    /// Nobody yet.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Driver {
            poll: Poll::new()?,
            buffer: vec![0; READ_BYTES],
            members: Vec::new(),
            ledger: Ledger::default(),
            epoch: Instant::now(),
            copies: 0,
            saturate_until: None,
            latencies: Histogram::new_with_max(LONGEST_US, 3).map_err(io::Error::other)?,
        })
    }

    /// Connects as many more, and waits until the server has greeted each.
    pub(crate) fn connect(&mut self, server: SocketAddr, members: usize) -> io::Result<()> {
        let streams: io::Result<Vec<_>> =
            (0..members).map(|_| std::net::TcpStream::connect(server)).collect();
        for mut stream in streams? {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            let mut greeting = [0; GREETING.len()];
            stream.read_exact(&mut greeting)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let token = Token(self.members.len());
            self.poll.registry().register(&mut stream, token, Interest::READABLE)?;
            self.members.push(Member { stream, bytes: 0 });
        }
        Ok(())
    }

    /// Puts the load on the server for so long, and waits until everybody has heard everything.
    pub(crate) fn run(&mut self, load: &Load, length: Duration) -> Result<Figures, String> {
        let before = self.copies;
        self.latencies.reset();
        match load.pace {
            Pace::Paced { per_second } => self.paced(per_second, length),
            Pace::Saturated => self.saturated(length),
        }?;
        Ok(Figures { deliveries: self.copies - before, latencies: self.latencies.clone() })
    }

    fn paced(&mut self, per_second: u32, length: Duration) -> Result<(), String> {
        let period = Duration::from_secs(1) / per_second;
        let start = Instant::now();
        let _metronome = Metronome::new(self.poll.registry(), BEAT, period).map_err(broken)?;
        let mut dues = (1..).map(|beat| start + period * beat).peekable();
        while start.elapsed() < length {
            while let Some(due) = dues.next_if(|due| *due <= Instant::now()) {
                self.send(self.ledger.messages() % TALKERS, due)?;
            }
            self.turn()?;
        }
        self.hear_the_rest()
    }

    fn saturated(&mut self, length: Duration) -> Result<(), String> {
        let start = Instant::now();
        self.saturate_until = Some(start + length);
        for message in 0..UNDER_WAY {
            self.send(message % TALKERS, start)?;
        }
        while start.elapsed() < length {
            self.turn()?;
        }
        self.saturate_until = None;
        self.hear_the_rest()
    }

    fn hear_the_rest(&mut self) -> Result<(), String> {
        let since = Instant::now();
        let expected = self.ledger.messages() * self.members.len();
        while self.copies < expected {
            if since.elapsed() > PATIENCE {
                return Err(format!("{} copies are missing", expected - self.copies));
            }
            self.turn()?;
        }
        Ok(())
    }

    fn send(&mut self, talker: usize, due: Instant) -> Result<(), String> {
        let due_us = micros(due - self.epoch);
        let line = self.ledger.send(Sent { talker, due_us });
        // They are spread over the members, because a server may go from the first to the last.
        let member = talker * self.members.len() / TALKERS;
        match self.members[member].stream.write(&line) {
            Ok(MESSAGE_BYTES) => Ok(()),
            Ok(_) => Err("a message did not fit into a socket".to_owned()),
            Err(error) => Err(broken(error)),
        }
    }

    /// Waits a moment for something to read, and reads it.
    fn turn(&mut self) -> Result<(), String> {
        let mut events = Events::with_capacity(EVENTS);
        match self.poll.poll(&mut events, Some(LOOK)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => result.map_err(broken)?,
        }
        for event in events.iter().filter(|event| event.token() != BEAT) {
            self.read(event.token().0)?;
        }
        Ok(())
    }

    /// Reads what there is. A read that is not full has emptied the socket.
    fn read(&mut self, number: usize) -> Result<(), String> {
        loop {
            let member = &mut self.members[number];
            let length = match member.stream.read(&mut self.buffer) {
                Ok(0) => return Err("a member was dropped".to_owned()),
                Ok(length) => length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(broken(error)),
            };
            let own = self.hear(number, length)?;
            if self.saturate_until.is_some_and(|end| Instant::now() < end) {
                for talker in own {
                    self.send(talker, Instant::now())?;
                }
            }
            if length < self.buffer.len() {
                return Ok(());
            }
        }
    }

    /// Checks and counts what a member has read; returns a talker for each message of its own.
    fn hear(&mut self, number: usize, length: usize) -> Result<Vec<usize>, String> {
        let member = &mut self.members[number];
        let messages = self.ledger.hear(member.bytes, &self.buffer[..length])?.to_vec();
        member.bytes += length;
        self.copies += messages.len();
        let now_us = micros(self.epoch.elapsed());
        let mut own = Vec::new();
        for message in messages {
            let Sent { talker, due_us } = *self.ledger.get(message);
            self.latencies.saturating_record(now_us.saturating_sub(due_us));
            own.extend((talker * self.members.len() / TALKERS == number).then_some(talker));
        }
        Ok(own)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn broken(error: io::Error) -> String {
    format!("a connection is broken: {error}")
}
