//! When all is over: what somebody is still owed was lost.

use super::books::Books;
use super::order::Key;
use super::{Facts, GroupLedger, Owed, Presence, Slot, Stay, Stray, UnderWay};
use crate::load::record::FaultKind;

impl GroupLedger {
    /// Whether everybody who reads has got everything, and nothing is under way.
    pub(crate) fn is_settled(&self) -> bool {
        let present = || self.stays.iter().filter(|stay| stay.presence == Presence::Present);
        let is_level = |stay: &Stay| match stay.joined {
            Some(_) => self.is_level(stay),
            None => stay.waiting.is_empty(),
        };
        self.senders.values().all(|sender| sender.broken || sender.under_way.is_empty())
            && present().all(is_level)
            && !self.stays.iter().any(|stay| self.is_leaving_untold(stay))
    }

    /// Whether members still have to be told that this one has left.
    fn is_leaving_untold(&self, gone: &Stay) -> bool {
        // Only who was welcomed before can be sure to have been there.
        let was_there = |stay: &Stay| {
            stay.presence == Presence::Present
                && stay.joined_us > 0
                && stay.joined_us < gone.ended_us
        };
        let is_untold =
            gone.presence == Presence::Gone && gone.joined.is_some() && gone.left.is_none();
        is_untold && self.stays.iter().any(was_there)
    }

    /// Nothing is waited for any more: counts what is missing.
    pub(crate) fn settle(&mut self, books: &mut Books) {
        self.place_all(books);
        let untold: Vec<bool> =
            self.stays.iter().map(|stay| self.is_leaving_untold(stay)).collect();
        let lost_to_all = self.take_under_way(books);
        self.owe_the_rest();
        self.retire_all(books);
        for (index, is_untold) in untold.into_iter().enumerate() {
            self.settle_stay(Slot(index as u32), &lost_to_all, is_untold, books);
        }
    }

    /// Whoever is present is owed what others have got and it has not.
    fn owe_the_rest(&mut self) {
        let end = self.end();
        for stay in &mut self.stays {
            let Some(joined) = stay.joined.filter(|_| stay.presence == Presence::Present) else {
                continue;
            };
            let from = stay.cursor.max(joined);
            if from == end {
                continue;
            }
            stay.cursor = end;
            let index = usize::try_from(from - self.base).expect("a window of the order");
            let behind = self.entries.range(index..).zip(from..);
            let trouble = stay.trouble.get_or_insert_default();
            behind.for_each(|(entry, place)| trouble.owe(entry.owed(place)));
        }
    }

    /// What nobody ever got, with when it was handed over.
    fn take_under_way(&mut self, books: &Books) -> Vec<Owed> {
        let mut lost = Vec::new();
        let mut senders: Vec<_> = self.senders.iter_mut().collect();
        senders.sort_by_key(|(bot, _)| **bot);
        for (bot, sender) in senders {
            if sender.broken {
                continue;
            }
            for UnderWay { message, intended_us, handed_us, window } in sender.under_way.drain(..) {
                let mut line = Vec::new();
                books.compose(&message, &sender.name, &mut line);
                lost.push(Owed {
                    key: Key::Said { bot: *bot, sequence: message.sequence },
                    place: u64::MAX,
                    line: line.into_boxed_slice(),
                    facts: Facts { intended_us, handed_us, first_us: 0, window },
                });
            }
        }
        lost
    }

    fn settle_stay(
        &mut self,
        slot: Slot,
        lost_to_all: &[Owed],
        is_untold: bool,
        books: &mut Books,
    ) {
        let stay = &mut self.stays[slot.0 as usize];
        let mut trouble = stay.trouble.take().unwrap_or_default();
        // Nothing is due to a member that comes after its own leaving.
        let left = stay.left_for_good();
        trouble.owed.retain(|owed| left.is_none_or(|left| owed.place < left));
        let is_told_gone = stay.presence == Presence::Present && stay.left.is_some();
        if stay.presence == Presence::Present && stay.joined.is_some() && stay.joined_us > 0 {
            let due = lost_to_all.iter().filter(|owed| owed.facts.handed_us > stay.joined_us);
            trouble.owed.extend(due.map(|owed| Owed { line: owed.line.clone(), ..*owed }));
        }
        if is_told_gone {
            let what = "the others were told that it has left, and it is still there".to_owned();
            let (name, at_us) = (self.name_of(slot, books), self.stay(slot).joined_us);
            books.member_fault(FaultKind::Unknown, what, self.number, &name, at_us);
        }
        let stay = self.stay(slot);
        if is_untold {
            let (what, at_us) = ("it has left, and nobody was told".to_owned(), stay.gone_us);
            let name = self.name_of(slot, books);
            books.member_fault(FaultKind::Lost, what, self.number, &name, at_us);
        }
        self.report(slot, trouble.owed, trouble.strays, books);
    }

    /// A stray that looks like something owed is what became of it.
    fn report(&mut self, slot: Slot, mut owed: Vec<Owed>, strays: Vec<Stray>, books: &mut Books) {
        let name = self.name_of(slot, books);
        for stray in strays {
            let bytes = stray.text.as_bytes();
            let Some(best) = most_alike(&owed, &stray) else {
                let what = "nobody sent it, and no server has to say it";
                let kind = FaultKind::Unknown;
                books.line_fault(kind, what, self.number, bytes, &name, stray.at_us);
                continue;
            };
            let became = owed.remove(best);
            // Lines without their ends run together: then the next one was in it as well.
            let glued = owed.get(best).is_some_and(|next| {
                let both = [became.words(), next.words()];
                both.concat() == bytes
            });
            let glued = glued.then(|| owed.remove(best));
            for Owed { key, line, facts, .. } in [Some(became), glued].into_iter().flatten() {
                let what = (key, &*line, facts);
                books.altered(self.number, what, &stray.text, &name, stray.at_us);
            }
        }
        for Owed { key, line, facts, .. } in owed {
            let what = match key {
                Key::Said { .. } => "a member never got it",
                Key::Arrived(_) | Key::Left(_) => "a member was never told",
            };
            let kind = FaultKind::Lost;
            books.copy_fault(kind, what, self.number, key, &line, facts, &name, None);
        }
    }
}

impl Owed {
    /// The line without its end.
    fn words(&self) -> &[u8] {
        self.line.strip_suffix(b"\n").unwrap_or(&self.line)
    }
}

/// How many owed lines a stray is compared with: those that were due about then, and those that nobody
/// got.
const COMPARED: usize = 256;

/// The owed line that a stray is most like, if it is like it by half at least.
fn most_alike(owed: &[Owed], stray: &Stray) -> Option<usize> {
    let due = owed.partition_point(|owed| owed.place < stray.place);
    let nowhere = owed.partition_point(|owed| owed.place < u64::MAX);
    let near = due.saturating_sub(COMPARED / 8)..nowhere.min(due + COMPARED);
    let candidates = near.chain(nowhere..owed.len().min(nowhere + COMPARED));
    let bytes = stray.text.as_bytes();
    let alike = candidates.map(|index| {
        let words = owed[index].words();
        // Of what was run together, the first is looked for first.
        (bytes.starts_with(words), resemblance(words, bytes), index)
    });
    let (_, alike, best) = alike.max()?;
    (2 * alike >= owed[best].words().len()).then_some(best)
}

/// How many bytes at the beginning and at the end are the same.
fn resemblance(line: &[u8], stray: &[u8]) -> usize {
    let same = |pair: &(&u8, &u8)| pair.0 == pair.1;
    let front = line.iter().zip(stray).take_while(same).count();
    let rest = line.len().min(stray.len()) - front;
    front + line.iter().rev().zip(stray.iter().rev()).take(rest).take_while(same).count()
}
