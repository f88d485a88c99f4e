//! Where a newcomer's arrival stands in the order.
//!
//! A newcomer may be read before all others. If nobody else was given a place since it asked to be let
//! in, whatever is known already stands before its arrival. Otherwise that is not known: who asked later
//! may have joined earlier, and have told much already. Then its lines wait, until a member that was
//! there gets to its arrival, or until the newcomer gets a line of which the place is known, so that its
//! arrival must stand before that.

use super::books::Books;
use super::order::Key;
use super::{GroupLedger, Slot, Waiting};

/// The most lines that wait for a place.
const MAX_WAITING: usize = 1000;

impl GroupLedger {
    /// A line came to a newcomer whose arrival has no place yet; the first of them is its arrival.
    pub(super) fn wait_for_place(
        &mut self,
        slot: Slot,
        key: Key,
        line: &[u8],
        now_us: u64,
        books: &Books,
    ) {
        let line = line.into();
        self.stay_mut(slot).waiting.push(Waiting { key, line, at_us: now_us });
        let stay = self.stay(slot);
        let (waiting, is_next) = (&stay.waiting, stay.placements == self.placements);
        let known = waiting.iter().find_map(|line| self.place_of(line.key));
        if known.is_some() || is_next || waiting.len() > MAX_WAITING {
            let at_us = waiting[0].at_us;
            // Who was there before it would have told of it, so all that is known was told by others.
            let guess = if is_next { self.end() } else { self.base };
            let place = known.unwrap_or(guess);
            self.write_down(Key::Arrived(slot), place, at_us, books);
        }
    }

    /// Takes the lines that have waited for a place, now that there is one.
    pub(super) fn catch_up(&mut self, books: &mut Books) {
        while let Some(slot) = self.placed.pop() {
            for Waiting { line, at_us, .. } in std::mem::take(&mut self.stay_mut(slot).waiting) {
                self.take_line(slot, &line, at_us, books);
            }
        }
    }

    /// Nobody will tell any more: who waits for a place gets one, first of all before a line of its own
    /// that is known, or else before everything: those that were there before it have told nothing.
    pub(super) fn place_all(&mut self, books: &mut Books) {
        while let Some((slot, known)) = self.next_to_place() {
            let at_us = self.stay(slot).waiting[0].at_us;
            self.write_down(Key::Arrived(slot), known.unwrap_or(self.base), at_us, books);
            self.catch_up(books);
            if known.is_none() {
                // What others got stands before its arrival, or after it: it cannot be said to be owed.
                let end = self.end();
                self.stay_mut(slot).cursor = end;
            }
        }
    }

    fn next_to_place(&self) -> Option<(Slot, Option<u64>)> {
        let slots = (0..self.stays.len()).map(|index| Slot(index as u32));
        let waits = |slot: &Slot| !self.stay(*slot).waiting.is_empty();
        let mut slots: Vec<Slot> = slots.filter(waits).collect();
        slots.sort_by_key(|slot| self.stay(*slot).waiting[0].at_us);
        let known = |slot: &Slot| {
            let mut lines = self.stay(*slot).waiting.iter();
            Some((*slot, Some(lines.find_map(|line| self.place_of(line.key))?)))
        };
        slots.iter().find_map(known).or_else(|| Some((*slots.first()?, None)))
    }
}
