//! A client as a bare connection, like `nc`: it shows every line and says what it is told to say.

use std::collections::VecDeque;
use std::time::Duration;

use chatroom_protocol::Notice;

use super::socket::{Received, Socket, Way};
use super::{Happening, Membership, Moment, Seen};
use crate::fault::Fault;
use crate::scenario::Writing;

#[derive(Debug)]
pub(super) struct Wire {
    socket: Socket,
    screen: VecDeque<Seen>,
    /// Everything written so far, up to the four answers of a handshake.
    answers: Vec<u8>,
    inside_line: bool,
    created: Option<u32>,
    name: Option<String>,
    welcome: bool,
    has_left: bool,
}

/// The most bytes that four answers can have.
const MOST_ANSWERS: usize = 4 * 1024;

impl Wire {
    pub(super) async fn connect(way: Way, limit: Duration) -> Result<Self, Fault> {
        Ok(Wire {
            socket: Socket::open(way, limit).await?,
            screen: VecDeque::new(),
            answers: Vec::new(),
            inside_line: false,
            created: None,
            name: None,
            welcome: false,
            has_left: false,
        })
    }

    pub(super) async fn write(
        &mut self,
        bytes: &[u8],
        writing: Writing,
        time_scale: f64,
        random: &mut fastrand::Rng,
    ) {
        self.inside_line = bytes.last().is_some_and(|byte| *byte != b'\n');
        if self.answers.len() < MOST_ANSWERS {
            self.answers.extend_from_slice(bytes);
        }
        // How the connection ended, if it has, is told by the reading side.
        let _ = self.socket.send_bytes(bytes, writing, time_scale, random).await;
    }

    /// # Cancel safety
    ///
    /// Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self, history: &mut Vec<Moment>) -> Result<Seen, Fault> {
        if let Some(seen) = self.screen.pop_front() {
            return Ok(seen);
        }
        let Some(arrival) = self.socket.next().await else { return std::future::pending().await };
        let at = arrival.at;
        match arrival.what {
            Received::Line(line) => {
                history.push(Moment { at, what: Happening::Came(line.clone()) });
                self.hear(&line);
                Ok(Seen::Line(line))
            }
            Received::Bad(fault) => {
                history.push(Moment { at, what: Happening::Note(fault.to_string()) });
                Err(Fault::BadLine(fault))
            }
            Received::End(how) => {
                history.push(Moment { at, what: Happening::Ended(how.clone()) });
                Ok(Seen::Closed(how))
            }
        }
    }

    fn hear(&mut self, line: &str) {
        match Notice::parse(line) {
            Some(Notice::Created(id)) => self.created = Some(id.get()),
            Some(Notice::Arrived(name)) if !self.welcome => self.name = Some(name.to_owned()),
            Some(Notice::Welcome) => self.welcome = true,
            _ => {}
        }
    }

    /// Its place in a group, as far as what it wrote and read tells.
    pub(super) fn membership(&self) -> Option<Membership> {
        if self.has_left {
            return None;
        }
        let answers = String::from_utf8_lossy(&self.answers);
        let mut answers = answers.lines().map(str::trim_end).filter(|line| !line.is_empty());
        let group = answers.next()?.parse().ok();
        let asked = answers.next()?.to_owned();
        let name = self.welcome.then(|| self.name.clone())??;
        Some(Membership { name, asked, group: self.created.or(group)? })
    }

    pub(super) fn unsee(&mut self, seen: Seen) {
        self.screen.push_front(seen);
    }

    pub(super) fn is_inside_line(&self) -> bool {
        self.inside_line
    }

    pub(super) async fn half_close(&mut self) {
        self.has_left = true;
        // A connection that is gone has nothing left to close.
        let _ = self.socket.half_close().await;
    }

    pub(super) fn stop_reading(&mut self) {
        self.socket.stop_reading();
    }

    pub(super) async fn close(self) {
        self.socket.close().await;
    }

    pub(super) fn into_socket(self) -> Socket {
        self.socket
    }
}
