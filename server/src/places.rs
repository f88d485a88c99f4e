//! Where in which room the member of an event's token is.

use chatroom_protocol::GroupId;
use slab::Slab;

/// A member's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) group: GroupId,
    /// Among its room's members.
    pub(crate) index: usize,
}

/// The places of all members of one worker, by token.
#[derive(Debug, Default)]
pub(crate) struct Places {
    seats: Slab<Seat>,
}

#[derive(Debug)]
struct Seat {
    place: Place,
    is_put_off: bool,
}

impl Places {
    /// Gives a place a token.
    pub(crate) fn insert(&mut self, place: Place) -> usize {
        self.seats.insert(Seat { place, is_put_off: false })
    }

    /// Where the member with this token is, if it is anywhere.
    pub(crate) fn get(&self, token: usize) -> Option<Place> {
        self.seats.get(token).map(|seat| seat.place)
    }

    /// A member has moved within its room.
    pub(crate) fn set_index(&mut self, token: usize, index: usize) {
        self.seats[token].place.index = index;
    }

    /// Frees a token.
    pub(crate) fn remove(&mut self, token: usize) {
        self.seats.try_remove(token);
    }

    /// Whether the member waits for its turn to be read.
    pub(crate) fn is_put_off(&self, token: usize) -> bool {
        self.seats.get(token).is_some_and(|seat| seat.is_put_off)
    }

    /// Notes whether the member waits for its turn to be read.
    pub(crate) fn put_off(&mut self, token: usize, is_put_off: bool) {
        if let Some(seat) = self.seats.get_mut(token) {
            seat.is_put_off = is_put_off;
        }
    }
}
