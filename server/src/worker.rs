//! A worker: a thread with a poll of its own, and the rooms that belong to it.
//!
//! A group belongs to one worker for good, and with it its members' sockets. So everything about a
//! room happens on one thread, one thing after the other: no lock, no queue and no second thread to
//! wake between the read of a message and the writes of its copies. In each round the worker reads
//! every socket that has something, and then flushes every room that has news, so that those who talk
//! at the same time share their writes.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use chatroom_protocol::GroupId;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};
use tracing::error;

use crate::arrivals::{ARRIVALS, Arrivals};
use crate::farewell::Farewell;
use crate::places::{Place, Places};
use crate::room::{Newcomer, Room};
use crate::server::Server;

/// How many sockets are told of at a time; more wait for the next round.
const EVENTS: usize = 1024;

/// The bytes of one read: some dozens of chat messages, and few enough that what they become, each
/// with a long name in front, or refused with a reason, stays below a few hundred kilobytes.
const READ_BYTES: usize = 4096;

/// The reads of one member before the others have their turn.
const READS_IN_A_ROW: usize = 16;

/// For each so many copies that are to be sent, the sockets are looked at once more before the first
/// of them: that is less than a hundredth of what the copies cost.
const COPIES_PER_LOOK: usize = 16;

/// Who speaks again and again may make a flush wait for so many times as long.
const MOST_PATIENCES: usize = 10;

/// One thread's share of the server.
pub(crate) struct Worker {
    server: Arc<Server>,
    poll: Poll,
    arrivals: Arc<Arrivals>,
    rooms: HashMap<GroupId, Room>,
    places: Places,
    /// The groups whose rooms have news.
    to_flush: Vec<GroupId>,
    /// The groups that have filled a batch in this round: the other rooms are to have their turn before
    /// more is read from their members.
    over_share: Vec<GroupId>,
    /// The members whose sockets may have more to read, and will not tell again: first those who had no
    /// turn in this round, and then those who had.
    put_off: [Vec<usize>; 2],
}

/// Buffers that every member is read with: an idle one has none of its own.
struct Desk {
    read: Box<[u8]>,
    line: Vec<u8>,
}

impl Worker {
    pub(crate) fn new(poll: Poll, arrivals: Arc<Arrivals>, server: Arc<Server>) -> Self {
        Worker {
            server,
            poll,
            arrivals,
            rooms: HashMap::new(),
            places: Places::default(),
            to_flush: Vec::new(),
            over_share: Vec::new(),
            put_off: Default::default(),
        }
    }

    /// Serves until the arrivals are closed, and returns who is still there then.
    ///
    /// # Errors
    ///
    /// When the system does not tell of events any more.
    pub(crate) fn run(mut self) -> io::Result<Vec<Farewell>> {
        let mut events = Events::with_capacity(EVENTS);
        let mut desk = Desk { read: vec![0; READ_BYTES].into(), line: Vec::new() };
        loop {
            self.wait(&mut events)?;
            self.read_put_off(&mut desk);
            self.attend_all(&events, &mut desk);
            self.look_again(&mut events, &mut desk)?;
            // Only now: a token that was freed in this round may still be among its events.
            let is_over = self.let_in(&mut desk);
            self.flush_all();
            if is_over {
                return Ok(self.close());
            }
        }
    }

    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let is_idle = self.put_off.iter().all(Vec::is_empty);
        self.poll(events, (!is_idle).then_some(Duration::ZERO))
    }

    fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }

    /// Before a flush that takes its time: whoever speaks at the same moment is to be part of it, and not
    /// to wait for its end. Ends once nobody has spoken for a moment that is nothing beside the flush.
    fn look_again(&mut self, events: &mut Events, desk: &mut Desk) -> io::Result<()> {
        let size = |group| self.rooms.get(group).map_or(0, Room::size);
        let patience = self.to_flush.iter().map(size).sum::<usize>() / COPIES_PER_LOOK;
        let mut in_vain = 0;
        for _ in 0..patience * MOST_PATIENCES {
            if in_vain == patience || !self.over_share.is_empty() {
                break;
            }
            self.poll(events, Some(Duration::ZERO))?;
            self.attend_all(events, desk);
            in_vain = if events.is_empty() { in_vain + 1 } else { 0 };
        }
        Ok(())
    }

    fn attend_all(&mut self, events: &Events, desk: &mut Desk) {
        for event in events {
            if event.token() != ARRIVALS {
                self.attend(event.token().0, event, desk);
            }
        }
    }

    /// Lets those in who have arrived, and returns whether they were the last.
    fn let_in(&mut self, desk: &mut Desk) -> bool {
        let (newcomers, is_over) = self.arrivals.take();
        for (group, newcomer) in newcomers {
            self.admit(group, newcomer, desk);
        }
        is_over
    }

    fn admit(&mut self, group: GroupId, mut newcomer: Newcomer, desk: &mut Desk) {
        let server = &self.server;
        let room = self.rooms.entry(group).or_insert_with(|| Room::new(group, Arc::clone(server)));
        let token = self.places.insert(Place { group, index: room.size() });
        // Both for good: on Linux, a socket is only said to have room again where it had none.
        let interests = Interest::READABLE | Interest::WRITABLE;
        let registry = self.poll.registry();
        if let Err(error) = registry.register(&mut newcomer.stream, Token(token), interests) {
            error!("{} cannot be served: {error}", newcomer.presence.peer());
            self.places.remove(token);
            self.server.names().release(newcomer.speaker.name());
            return self.change(group, |_, _| {});
        }
        let early = std::mem::take(&mut newcomer.early);
        self.change(group, |room, places| room.admit(newcomer, token, places));
        self.hear(token, &early, &mut desk.line);
    }

    fn attend(&mut self, token: usize, event: &Event, desk: &mut Desk) {
        if event.is_writable()
            && let Some(place) = self.places.get(token)
        {
            self.change(place.group, |room, places| room.resume(place.index, places));
        }
        let may_end = event.is_read_closed() || event.is_error();
        if (event.is_readable() || may_end) && !self.places.is_put_off(token) {
            self.read(token, may_end, desk);
        }
    }

    /// Reads those who have waited for their turn.
    fn read_put_off(&mut self, desk: &mut Desk) {
        for token in self.put_off.each_mut().map(std::mem::take).into_iter().flatten() {
            self.places.put_off(token, false);
            self.read(token, true, desk);
        }
    }

    /// Reads what a member has sent, up to a fair share; `may_end` is whether its stream may be over.
    fn read(&mut self, token: usize, may_end: bool, desk: &mut Desk) {
        for turn in 0..READS_IN_A_ROW {
            let Some(place) = self.places.get(token) else { return };
            if self.over_share.contains(&place.group) {
                return self.put_off(token, turn > 0);
            }
            let Some(room) = self.rooms.get_mut(&place.group) else { return };
            match room.read(place.index, &mut desk.read) {
                Ok(0) => {
                    return self.change(place.group, |room, at| room.part_with(place.index, at));
                }
                Ok(bytes) => {
                    let is_refused = self.hear(token, &desk.read[..bytes], &mut desk.line);
                    // Where polls tell of every arrival anew, this has emptied the socket.
                    if cfg!(unix) && bytes < READ_BYTES && !may_end {
                        return;
                    }
                    if is_refused {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    return self
                        .change(place.group, |room, at| room.break_with(place.index, error, at));
                }
            }
        }
        self.put_off(token, true);
    }

    /// Has a member wait for the next round, in which those come first who had no turn in this one.
    fn put_off(&mut self, token: usize, had_turn: bool) {
        self.places.put_off(token, true);
        self.put_off[usize::from(had_turn)].push(token);
    }

    /// Takes what a member said, and returns whether some of it was refused. A refusal is longer than
    /// what it refuses, so nobody is told too many at a time.
    fn hear(&mut self, token: usize, mut bytes: &[u8], line: &mut Vec<u8>) -> bool {
        let mut is_refused = false;
        // Who is lost meanwhile has left for everybody, and says nothing after that.
        while !bytes.is_empty()
            && let Some(place) = self.places.get(token)
        {
            self.change(place.group, |room, places| {
                is_refused |= room.hear(place.index, &mut bytes, line, places);
            });
        }
        is_refused
    }

    /// Does something in a room. What follows from it is sent in [`Worker::flush_all`], or at once
    /// where it is too much for one batch.
    fn change(&mut self, group: GroupId, change: impl FnOnce(&mut Room, &mut Places)) {
        let Some(room) = self.rooms.get_mut(&group) else { return };
        let had_news = room.has_news();
        change(room, &mut self.places);
        if !had_news && (room.has_news() || room.size() == 0) {
            self.to_flush.push(group);
        }
        if room.is_full() {
            room.flush(&mut self.places);
            self.over_share.push(group);
        }
    }

    /// Sends what is new, and forgets the rooms that have become empty.
    fn flush_all(&mut self) {
        for group in self.to_flush.drain(..) {
            let Some(room) = self.rooms.get_mut(&group) else { continue };
            room.flush(&mut self.places);
            if !self.over_share.contains(&group) {
                room.give_back_memory();
            }
            if room.size() == 0 {
                self.rooms.remove(&group);
            }
        }
        self.over_share.clear();
    }

    /// Tells everybody that the server stops, and lets go of them.
    fn close(mut self) -> Vec<Farewell> {
        let rooms = std::mem::take(&mut self.rooms).into_values();
        let registry = self.poll.registry();
        rooms.flat_map(|room| room.close(&mut self.places, registry)).collect()
    }
}

impl Drop for Worker {
    /// However it ends, nobody else is sent here, and who was on the way is closed.
    fn drop(&mut self) {
        self.arrivals.close();
        drop(self.arrivals.take());
    }
}
