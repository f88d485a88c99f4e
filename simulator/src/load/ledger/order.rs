//! The one order of a group's lines.

use super::books::Books;
use super::{Facts, GroupLedger, NO_WINDOW, Owed, Presence, Slot, Trouble, UnderWay};
use crate::load::message;
use chatroom_protocol::Notice;

/// What a line says, whatever its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Said { bot: u32, sequence: u32 },
    Arrived(Slot),
    Left(Slot),
}

impl Key {
    /// Whether it is a message, and no notice.
    pub(super) fn is_said(self) -> bool {
        matches!(self, Key::Said { .. })
    }
}

/// A line of the order.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Key,
    /// Its bytes, with the line end.
    pub(super) line: Box<[u8]>,
    pub(super) facts: Facts,
    /// Whether a healthy bot said it.
    pub(super) healthy: bool,
    pub(super) healthy_first_us: u64,
    pub(super) healthy_last_us: u64,
    /// How many members have got it.
    pub(super) copies: u32,
}

impl Entry {
    pub(super) fn owed(&self, place: u64) -> Owed {
        Owed { key: self.key, place, line: self.line.clone(), facts: self.facts }
    }
}

impl GroupLedger {
    /// Whether anybody has got this line.
    pub(super) fn is_known(&self, key: Key) -> bool {
        match key {
            Key::Said { bot, sequence } => self.senders.get(&bot).is_some_and(|sender| {
                let mut under_way = sender.under_way.iter();
                sequence < sender.sent && !under_way.any(|sent| sent.message.sequence == sequence)
            }),
            Key::Arrived(slot) => self.stay(slot).joined.is_some(),
            Key::Left(slot) => self.stay(slot).left.is_some(),
        }
    }

    /// Where in the order a line stands, unless everybody has got it and it was let go.
    pub(super) fn place_of(&self, key: Key) -> Option<u64> {
        // What is asked for is mostly new.
        let found = self.entries.iter().rposition(|entry| entry.key == key)?;
        Some(self.base + found as u64)
    }

    /// Writes a line down that nobody has got before, at a place in the order: whoever is past that
    /// place already has missed it.
    pub(super) fn write_down(&mut self, key: Key, place: u64, now_us: u64, books: &Books) {
        let entry = self.new_entry(key, now_us, books);
        if place < self.end() {
            self.make_room(place, &entry);
        }
        let index = usize::try_from(place - self.base).expect("a window of the order");
        self.entries.insert(index, entry);
        match key {
            Key::Said { .. } => {}
            Key::Arrived(slot) => {
                self.placements += 1;
                let stay = self.stay_mut(slot);
                stay.joined = Some(place);
                stay.cursor = place;
                if !stay.waiting.is_empty() {
                    self.placed.push(slot);
                }
            }
            Key::Left(slot) => {
                let stay = self.stay_mut(slot);
                stay.left = Some(place);
            }
        }
    }

    /// A line is put in before the end: who is past its place is owed it, and everything else that
    /// stands there or after it moves on.
    fn make_room(&mut self, place: u64, entry: &Entry) {
        for (stay, slot) in self.stays.iter_mut().zip(0..) {
            let was_there = stay.joined.is_some_and(|joined| joined < place);
            let not_gone = stay.left_for_good().is_none_or(|left| left >= place);
            let reads = stay.presence != Presence::Deaf && entry.key != Key::Left(Slot(slot));
            let is_owed = was_there && not_gone && reads && stay.cursor > place;
            stay.make_room(place);
            if is_owed {
                stay.trouble.get_or_insert_default().owe(entry.owed(place));
            }
        }
        for late in &mut self.lates {
            late.place += u64::from(late.place >= place);
            late.due += u64::from(late.due > place);
        }
    }

    fn new_entry(&mut self, key: Key, now_us: u64, books: &Books) -> Entry {
        let mut line = Vec::new();
        let mut facts = Facts { first_us: now_us, window: NO_WINDOW, ..Facts::default() };
        let mut healthy = false;
        match key {
            Key::Said { bot, sequence } => {
                let sender = self.senders.get_mut(&bot).expect("the caller has looked it up");
                let found =
                    sender.under_way.iter().position(|sent| sent.message.sequence == sequence);
                let sent = found.and_then(|found| sender.under_way.remove(found));
                let UnderWay { message, intended_us, handed_us, window } =
                    sent.expect("the caller has made sure that nobody has got it");
                books.compose(&message, &sender.name, &mut line);
                facts = Facts { intended_us, handed_us, window, ..facts };
                healthy = sender.healthy;
            }
            Key::Arrived(slot) => {
                line = Notice::Arrived(&self.name_of(slot, books)).to_string().into_bytes();
            }
            Key::Left(slot) => {
                line = Notice::Left(&self.name_of(slot, books)).to_string().into_bytes();
            }
        }
        line.push(b'\n');
        Entry {
            key,
            line: line.into_boxed_slice(),
            facts,
            healthy,
            healthy_first_us: u64::MAX,
            healthy_last_us: 0,
            copies: 0,
        }
    }

    /// The name under which the members know a stay.
    pub(super) fn name_of(&self, slot: Slot, books: &Books) -> String {
        let renamed = self.renamed.iter().find(|(_, known)| **known == slot);
        renamed.map_or_else(
            || {
                let stay = self.stay(slot);
                message::name(books.run(), stay.bot, stay.visit)
            },
            |(name, _)| name.to_string(),
        )
    }
}

impl super::Stay {
    /// Whether lines are still expected to reach it.
    pub(super) fn is_reading(&self) -> bool {
        matches!(self.presence, Presence::Present | Presence::Leaving)
    }

    /// A line is put in at `place`: what stands there or after it moves on.
    fn make_room(&mut self, place: u64) {
        if let Some(left) = &mut self.left {
            *left += u64::from(*left >= place);
        }
        if let Some(trouble) = &mut self.trouble {
            trouble.make_room(place);
        }
        let Some(joined) = &mut self.joined else { return };
        // Who is about to read the line at `place` reads the new one first; who waits for his own
        // arrival does not.
        if self.cursor > place || (self.cursor == *joined && *joined == place) {
            self.cursor += 1;
        }
        *joined += u64::from(*joined >= place);
    }
}

impl Trouble {
    /// A line is owed that stands in the order.
    pub(super) fn owe(&mut self, owed: Owed) {
        let at = self.owed.partition_point(|other| other.place < owed.place);
        self.owed.insert(at, owed);
    }

    fn make_room(&mut self, place: u64) {
        let moved = self.owed.iter_mut().rev().take_while(|owed| owed.place >= place);
        moved.for_each(|owed| owed.place += 1);
        let moved = self.strays.iter_mut().rev().take_while(|stray| stray.place > place);
        moved.for_each(|stray| stray.place += 1);
    }
}
