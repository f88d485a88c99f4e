//! Letting go of what everybody has got.

use super::books::Books;
use super::order::{Entry, Key};
use super::{GroupLedger, NO_WINDOW, RETIRE_EVERY, Stay};
use crate::load::figures::Measure;
use crate::load::record::FaultKind;

/// How many lines the order may grow by while a line is kept that somebody is owed. If it comes late,
/// whose fault that is can be said as long as it is kept.
const HOLD: u64 = 512;

/// How many messages of a sender that were let go are known by their place, to tell a copy that comes again
/// from one that is older than its receiver's stay.
const REMEMBERED: usize = 256;

/// How many lines a disagreement about their order may take before it is judged as it stands.
const MAX_DISPUTE: u64 = 128;

impl GroupLedger {
    /// Lets go of what everybody has got, when enough has come together.
    pub(crate) fn retire(&mut self, books: &mut Books) {
        if self.entries.len() >= self.retire_at {
            self.retire_now(books);
            // Who is far behind keeps much alive; then looking again is worth it only later.
            self.retire_at = self.entries.len() * 2 + RETIRE_EVERY;
        }
    }

    pub(crate) fn retire_now(&mut self, books: &mut Books) {
        let reading = self.stays.iter().filter(|stay| stay.is_reading() && stay.joined.is_some());
        self.slowest = reading.map(|stay| stay.cursor).min().unwrap_or_else(|| self.end());
        self.retire_until(self.slowest.min(self.first_held()), books);
    }

    /// Lets go of everything: nobody gets anything any more.
    pub(super) fn retire_all(&mut self, books: &mut Books) {
        self.slowest = self.end();
        self.retire_until(self.end(), books);
    }

    fn retire_until(&mut self, until: u64, books: &mut Books) {
        while self.base < until {
            if let Some(end) = self.dispute_at_base() {
                let limit = self.base + MAX_DISPUTE;
                if end > until && end < limit {
                    return;
                }
                self.judge_dispute(end.min(until).min(limit), books);
            }
            let Some(entry) = self.entries.pop_front() else { return };
            self.base += 1;
            self.finish(&entry, books);
        }
    }

    /// The place of the first line that somebody is owed and may still get. Who has asked to be let in
    /// may turn out to have joined before any of them.
    fn first_held(&self) -> u64 {
        let may_be_older =
            |stay: &Stay| stay.joined.is_none() && (stay.is_reading() || !stay.waiting.is_empty());
        if self.stays.iter().any(may_be_older) {
            return self.base;
        }
        let young = self.end().saturating_sub(HOLD);
        let troubles = self.stays.iter().filter(|stay| stay.is_reading());
        let troubles = troubles.filter_map(|stay| stay.trouble.as_deref());
        let first = troubles.filter_map(|trouble| {
            let held = trouble.owed.iter().rev().take_while(|owed| owed.place >= young);
            held.last().map(|owed| owed.place)
        });
        first.min().unwrap_or(u64::MAX)
    }

    /// Everybody has got this line: what can be said of it as a whole?
    fn finish(&mut self, entry: &Entry, books: &mut Books) {
        self.judge_overstays(entry, books);
        let Key::Said { bot, sequence } = entry.key else { return };
        let place = self.base - 1;
        if let Some(sender) = self.senders.get_mut(&bot) {
            if sender.let_go.len() == REMEMBERED {
                sender.let_go.pop_front();
            }
            sender.let_go.push_back((sequence, place));
            if sender.settled.is_some_and(|settled| settled > sequence) {
                let what = "everybody got it after a later message of its sender";
                books.fault(FaultKind::Reordered, entry.copies.into(), what, self.number, entry);
            } else {
                sender.settled = Some(sequence);
            }
        }
        if entry.facts.window != NO_WINDOW && entry.healthy && entry.healthy_last_us > 0 {
            let (first, last) = (entry.healthy_first_us, entry.healthy_last_us);
            let from = entry.facts.intended_us;
            let window = entry.facts.window;
            books.recorder.record(window, Measure::First, first.saturating_sub(from));
            books.recorder.record(window, Measure::Last, last.saturating_sub(from));
            books.recorder.record(window, Measure::Spread, last - first);
        }
    }

    /// Who got a line after its own leaving, which others got after that, too?
    fn judge_overstays(&self, entry: &Entry, books: &mut Books) {
        let place = self.base - 1;
        for slot in &self.overstays {
            let stay = self.stay(*slot);
            let owed = stay.trouble.as_ref().is_some_and(|trouble| {
                trouble.owed.binary_search_by_key(&place, |owed| owed.place).is_ok()
            });
            let is_after =
                stay.left_for_good().is_some_and(|left| left < place) && place < stay.cursor;
            if !is_after || owed || entry.copies < 2 {
                continue;
            }
            let name = self.name_of(*slot, books);
            let what = "it stands behind the member's own leaving in the order of the others";
            let (kind, line, facts) = (FaultKind::AfterLeaving, &entry.line, entry.facts);
            books.copy_fault(kind, what, self.number, entry.key, line, facts, &name, None);
        }
    }
}
