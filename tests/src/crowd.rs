//! The members of one group in great number, on one thread and without a look at what they hear: for what
//! is measured where a bot that checks every byte would cost more than the server.
//!
//! They only count lines. How many have to come is known to the last one, so whoever counts also knows
//! when everybody has heard everything.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// How many connections are begun before those that are there are attended to.
const CONNECTS_IN_A_ROW: usize = 64;

/// The bytes of one read.
const READ_BYTES: usize = 256 * 1024;

/// How long nothing may come while something has to.
const PATIENCE: Duration = Duration::from_secs(30);

/// The questions of the handshake.
const PROMPTS: u64 = 4;

/// Everybody in the first group of a server.
#[derive(Debug)]
pub struct Crowd {
    poll: Poll,
    events: Events,
    members: Vec<Member>,
    buffer: Vec<u8>,
    /// Lines that came before they were asked for.
    ahead: u64,
}

#[derive(Debug)]
struct Member {
    socket: TcpStream,
    /// Whether the server's questions are answered: all four at once, when the first is asked.
    has_answered: bool,
}

impl Crowd {
    /// Joins the first group of a server that has had no client yet. All handshakes go on side by
    /// side, and it is over when everybody has been told of everybody.
    ///
    /// # Errors
    ///
    /// When a connection fails, or something that has to come does not.
    pub fn join(server: SocketAddr, members: usize) -> io::Result<Crowd> {
        let mut crowd = Crowd {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            members: Vec::with_capacity(members),
            buffer: vec![0; READ_BYTES],
            ahead: 0,
        };
        crowd.connect(server)?;
        // The group's id comes before what every member is told.
        crowd.hear(PROMPTS + 1 + 2)?;
        while crowd.members.len() < members {
            for _ in 0..CONNECTS_IN_A_ROW.min(members - crowd.members.len()) {
                crowd.connect(server)?;
            }
            crowd.ahead += crowd.turn(Duration::ZERO, &mut |_| ())?;
        }
        let joiners = members as u64 - 1;
        // The n-th to come is announced to n members, and welcomed.
        let announced = joiners * (joiners + 3) / 2;
        crowd.hear(announced + joiners * (PROMPTS + 1))?;
        Ok(crowd)
    }

    /// How many they are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.members.len()
    }

    /// The connections, in the order in which they were begun.
    pub fn sockets(&self) -> impl Iterator<Item = &TcpStream> {
        self.members.iter().map(|member| &member.socket)
    }

    /// A member says something: one line or more, each with its line end.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn say(&mut self, member: usize, mut lines: &[u8]) -> io::Result<()> {
        let mut socket = &self.members[member].socket;
        while !lines.is_empty() {
            match socket.write(lines) {
                Ok(taken) => lines = &lines[taken..],
                // The server reads, so this does not take long.
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads until this many lines have come, to all members together, since the last time.
    ///
    /// # Errors
    ///
    /// When a connection is gone, or too little comes.
    pub fn hear(&mut self, lines: u64) -> io::Result<()> {
        self.hear_each(lines, |_| ())
    }

    /// The same, and at the end of each read its lines are told.
    ///
    /// # Errors
    ///
    /// When a connection is gone, or too little comes.
    pub fn hear_each(&mut self, lines: u64, mut told: impl FnMut(u64)) -> io::Result<()> {
        let mut last_heard = Instant::now();
        while self.ahead < lines {
            let came = self.turn(PATIENCE, &mut told)?;
            self.ahead += came;
            if came > 0 {
                last_heard = Instant::now();
            } else if last_heard.elapsed() >= PATIENCE {
                let missing = format!("{} lines did not come", lines - self.ahead);
                return Err(io::Error::new(ErrorKind::TimedOut, missing));
            }
        }
        self.ahead -= lines;
        Ok(())
    }

    /// Reads no more from a member's socket, ever.
    ///
    /// # Errors
    ///
    /// When the system does not let go of it.
    pub fn stall(&mut self, member: usize) -> io::Result<()> {
        self.poll.registry().deregister(&mut self.members[member].socket)
    }

    fn connect(&mut self, server: SocketAddr) -> io::Result<()> {
        let mut socket = TcpStream::connect(server)?;
        let token = Token(self.members.len());
        self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
        self.members.push(Member { socket, has_answered: false });
        Ok(())
    }

    /// Waits until something comes, but no longer than this, and reads all of it: how many lines it was.
    fn turn(&mut self, patience: Duration, told: &mut impl FnMut(u64)) -> io::Result<u64> {
        let Crowd { poll, events, members, buffer, .. } = self;
        match poll.poll(events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(0),
            other => other?,
        }
        let mut lines = 0;
        for event in events.iter() {
            let Token(number) = event.token();
            lines += members[number].read(number, buffer, told)?;
        }
        Ok(lines)
    }
}

impl Member {
    /// Reads what there is, and answers where it is the first question.
    fn read(
        &mut self,
        number: usize,
        buffer: &mut [u8],
        told: &mut impl FnMut(u64),
    ) -> io::Result<u64> {
        let mut lines = 0;
        loop {
            let read = match self.socket.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(lines),
                Err(error) => return Err(error),
            };
            let came = memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64;
            told(came);
            lines += came;
            if !self.has_answered {
                self.has_answered = true;
                self.socket.set_nodelay(true)?;
                self.socket.write_all(answers(number).as_bytes())?;
            }
            if read < buffer.len() {
                return Ok(lines);
            }
        }
    }
}

/// The first member creates the group, and the first group of a server is number 2.
fn answers(number: usize) -> String {
    let option = if number == 0 { 2 } else { 1 };
    format!("2\n{}\npassword\n{option}\n", name(number))
}

/// The name of a member; all are of the same length.
fn name(number: usize) -> String {
    format!("m{number:05}")
}

#[cfg(test)]
mod tests {
    use crate::tampering::{Settings, TamperingServer};

    use super::*;

    #[test]
    fn everybody_hears_everybody() {
        let server = TamperingServer::start(Settings::default()).unwrap();
        let mut crowd = Crowd::join(server.addr(), 20).unwrap();
        crowd.say(3, b"one\ntwo\n").unwrap();
        crowd.say(0, b"three\n").unwrap();
        crowd.hear(3 * 20).unwrap();
        assert_eq!((crowd.size(), crowd.ahead), (20, 0));
    }
}
