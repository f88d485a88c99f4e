//! A group's room: the one place that orders what its members see.
//!
//! A room belongs to one worker's thread, and its members' sockets belong to the room. What is said
//! is appended once to one buffer, the batch; once there is nothing more to be heard at the moment,
//! every member's socket is handed the part of the batch that is news to it. Nothing here waits for
//! a socket: what does not fit becomes that member's [`backlog`].

mod backlog;
mod lanes;
mod member;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use chatroom_protocol::framing::Decoder;
use chatroom_protocol::message::{self, Speaker};
use chatroom_protocol::{GroupId, Notice, Reason};
use mio::Registry;
use mio::net::TcpStream;
use tracing::{debug, info, warn};

use self::member::{Loss, Member};
use crate::connection::Presence;
use crate::farewell::Farewell;
use crate::places::Places;
use crate::server::Server;
use crate::wire;

/// A batch that has this many bytes is sent before more is added. The larger it is, the less a copy
/// costs under a flood.
const BATCH_BYTES: usize = 256 * 1024;

/// A batch is at most this part of what may wait for a member, so that several of them cut nobody
/// off who reads.
const BATCHES_PER_BACKLOG: usize = 4;

/// The room in its batch buffer that a room keeps after little was said.
const IDLE_BATCH_BYTES: usize = 4 * 1024;

/// An admitted client.
pub(crate) struct Newcomer {
    pub(crate) stream: TcpStream,
    pub(crate) presence: Presence,
    pub(crate) speaker: Speaker,
    pub(crate) decoder: Decoder,
    /// What it sent together with the last answer of its handshake.
    pub(crate) early: Vec<u8>,
    /// Whether it is to be told the group's id.
    pub(crate) is_creator: bool,
}

/// The members of a group, and what is to be sent to them.
pub(crate) struct Room {
    group: GroupId,
    members: Vec<Member>,
    /// Lines for the group that were not sent yet. Every member knows how far it has heard them.
    batch: Vec<u8>,
    server: Arc<Server>,
}

impl Room {
    pub(crate) fn new(group: GroupId, server: Arc<Server>) -> Self {
        Room { group, members: Vec::new(), batch: Vec::new(), server }
    }

    /// How many members there are.
    pub(crate) fn size(&self) -> usize {
        self.members.len()
    }

    /// Whether something waits to be sent.
    pub(crate) fn has_news(&self) -> bool {
        !self.batch.is_empty()
    }

    /// Whether so much waits that it is to be sent before more is added.
    pub(crate) fn is_full(&self) -> bool {
        self.batch.len() >= self.batch_limit()
    }

    fn batch_limit(&self) -> usize {
        let share = self.server.settings.backlog_bound / BATCHES_PER_BACKLOG;
        // Something has to fit, or nothing is ever sent.
        share.clamp(1, BATCH_BYTES)
    }

    /// Makes `newcomer` the last member. It hears of itself and is welcomed before anything else
    /// (GRP-3).
    pub(crate) fn admit(&mut self, newcomer: Newcomer, token: usize, places: &mut Places) {
        let Newcomer { stream, presence, speaker, decoder, early: _, is_creator } = newcomer;
        let name = speaker.name().clone();
        info!("{name} has connected to the chat room of group {}", self.group);

        self.announce(Notice::Arrived(name.as_str()));
        let mut welcome = Vec::new();
        if is_creator {
            self.push_line(Notice::Created(self.group), &mut welcome);
        }
        self.push_line(Notice::Arrived(name.as_str()), &mut welcome);
        self.push_line(Notice::Welcome, &mut welcome);

        let heard = self.batch.len();
        self.members.push(Member::new(token, stream, speaker, decoder, heard, presence));
        self.tell(self.members.len() - 1, &welcome, places);
    }

    /// Reads what a member has sent.
    pub(crate) fn read(&mut self, index: usize, buffer: &mut [u8]) -> io::Result<usize> {
        self.members[index].read(buffer)
    }

    /// Takes what a member said, until `input` is used up, the batch is full, or the member is lost.
    /// Returns whether some of it was refused. `line` is room for one line.
    pub(crate) fn hear(
        &mut self,
        index: usize,
        input: &mut &[u8],
        line: &mut Vec<u8>,
        places: &mut Places,
    ) -> bool {
        let dialect = self.server.settings.dialect;
        let (mut refusals, mut is_refused) = (Vec::new(), false);
        while !self.is_full() {
            let Member { speaker, decoder, .. } = &mut self.members[index];
            let Some(frame) = decoder.decode(input) else { break };
            match message::parse(frame) {
                Ok(said) => {
                    line.clear();
                    message::compose(speaker.name().as_str(), speaker.text(said), line);
                    // What was refused before is told before.
                    if !refusals.is_empty()
                        && !self.tell(index, &std::mem::take(&mut refusals), places)
                    {
                        return true;
                    }
                    dialect.encode(line, &mut self.batch);
                }
                Err(error) => {
                    is_refused = true;
                    let notice = Notice::MessageRefused(Reason::Known(error));
                    wire::push_line(dialect, notice, &mut refusals);
                }
            }
        }
        if !refusals.is_empty() {
            self.tell(index, &refusals, places);
        }
        is_refused
    }

    /// Says something to one member alone, after all that was said before, and returns whether it is
    /// still a member.
    fn tell(&mut self, index: usize, lines: &[u8], places: &mut Places) -> bool {
        let bound = self.server.settings.backlog_bound;
        let member = &mut self.members[index];
        let told = member.catch_up(&self.batch, bound).and_then(|()| member.send(lines, bound));
        told.map_err(|loss| self.lose(index, loss, places)).is_ok()
    }

    /// Forgets a member whose stream has ended.
    pub(crate) fn part_with(&mut self, index: usize, places: &mut Places) {
        // It may have closed its sending side only: what its socket takes at once, it still gets.
        let _ = self.members[index].catch_up(&self.batch, self.server.settings.backlog_bound);
        let member = self.remove(index, places);
        if member.is_behind() {
            // It does not read, and the system would hold megabytes for it as long as it likes.
            member.reset_on_close();
        }
        info!("{} has left the chat room of group {}", member.name(), self.group);
        self.bury(member);
    }

    /// Removes a member whose connection is broken.
    pub(crate) fn break_with(&mut self, index: usize, error: io::Error, places: &mut Places) {
        self.lose(index, Loss::Broken(error), places);
    }

    /// Removes a member that cannot be written to.
    fn lose(&mut self, index: usize, loss: Loss, places: &mut Places) {
        let member = self.remove(index, places);
        let (name, group) = (member.name(), self.group);
        match loss {
            Loss::Broken(error) => {
                debug!("{name} cannot be reached: {error}");
                info!("{name} has left the chat room of group {group}");
            }
            Loss::Overflow { bytes } => {
                let bound = self.server.settings.backlog_bound;
                warn!(
                    "{name} is cut off from the chat room of group {group}: it does not read, \
                     {bytes} bytes wait for it and the bound is {bound}"
                );
                member.reset_on_close();
            }
        }
        self.bury(member);
    }

    /// The last member takes the place of the one that goes.
    fn remove(&mut self, index: usize, places: &mut Places) -> Member {
        let member = self.members.swap_remove(index);
        places.remove(member.token());
        if let Some(moved) = self.members.get(index) {
            places.set_index(moved.token(), index);
        }
        member
    }

    /// Tells the others, and gives the name back once they are to know.
    fn bury(&mut self, member: Member) {
        self.announce(Notice::Left(member.name().as_str()));
        self.server.names().release(member.name());
    }

    /// Goes on with a member's backlog: its socket may take more.
    pub(crate) fn resume(&mut self, index: usize, places: &mut Places) {
        if let Err(error) = self.members[index].resume() {
            self.lose(index, error.into(), places);
        }
    }

    /// Says something to the whole group.
    fn announce(&mut self, notice: Notice<'_>) {
        wire::push_line(self.server.settings.dialect, notice, &mut self.batch);
    }

    fn push_line(&self, notice: Notice<'_>, out: &mut Vec<u8>) {
        wire::push_line(self.server.settings.dialect, notice, out);
    }

    /// Sends the batch, and then what follows from members that were lost over it.
    pub(crate) fn flush(&mut self, places: &mut Places) {
        while self.has_news() {
            for (token, loss) in self.send_batch() {
                if let Some(place) = places.get(token) {
                    self.lose(place.index, loss, places);
                }
            }
        }
    }

    /// Gives back what a flood took, once it is over.
    pub(crate) fn give_back_memory(&mut self) {
        self.batch.shrink_to(IDLE_BATCH_BYTES);
    }

    /// Hands every member what it has not heard of the batch, and starts the next one.
    fn send_batch(&mut self) -> Vec<(usize, Loss)> {
        let settings = &self.server.settings;
        let (batch, shared) = (self.batch.as_slice(), OnceLock::<Bytes>::new());
        let lost = lanes::for_each(&mut self.members, self.server.lanes, |member| {
            let sent = member.finish_batch(batch, &shared, settings.backlog_bound);
            sent.err().map(|loss| (member.token(), loss))
        });
        self.batch.clear();
        lost
    }

    /// Tells everybody that the server stops, and lets go of who is still there.
    pub(crate) fn close(mut self, places: &mut Places, registry: &Registry) -> Vec<Farewell> {
        self.announce(Notice::Stopping);
        self.flush(places);
        self.members.into_iter().map(|member| member.into_farewell(registry)).collect()
    }
}
