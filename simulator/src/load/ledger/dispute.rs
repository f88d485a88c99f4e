//! Members disagree about the order of some lines: what most of them saw is the order, whoever was read
//! first.

use std::collections::HashMap;

use super::books::Books;
use super::order::Key;
use super::{GroupLedger, Late, Slot};
use crate::load::record::FaultKind;

/// The weight of a member's word; who has been there longest has the casting vote.
const VOTE: i64 = 2;
const CASTING_VOTE: i64 = 3;

/// How one member saw the lines in question, each by its index among them.
type View = Vec<usize>;

impl GroupLedger {
    /// Where the disagreement ends that begins with the first line of the order, if one does.
    pub(super) fn dispute_at_base(&self) -> Option<u64> {
        let begins = self.lates.iter().any(|late| late.place == self.base);
        let mut end = if begins { self.base } else { return None };
        loop {
            let touching = self.lates.iter().filter(|late| late.place <= end);
            let further = touching.map(|late| late.due).max().unwrap_or(end);
            if further <= end {
                return Some(end);
            }
            end = further;
        }
    }

    /// Brings the lines up to `end` into the order in which most members got them, and blames who got
    /// them in another.
    pub(super) fn judge_dispute(&mut self, end: u64, books: &mut Books) {
        let base = self.base;
        let (lates, later): (Vec<Late>, Vec<Late>) =
            self.lates.iter().copied().partition(|late| late.place < end);
        self.lates = later;
        let views = self.views(end, &lates);
        let count = usize::try_from(end - base).expect("a window of the order");
        let ranks = ranks(count, &self.weigh(&views));
        for (slot, view) in &views {
            self.blame(*slot, view, &ranks, &lates, books);
        }
        self.rearrange(&ranks);
    }

    /// How each member saw the lines from the first to `end`.
    fn views(&self, end: u64, lates: &[Late]) -> Vec<(Slot, View)> {
        let slots = (0..self.stays.len()).map(|index| Slot(index as u32));
        let views = slots.map(|slot| (slot, self.view(slot, end, lates)));
        views.filter(|(_, view)| view.len() > 1).collect()
    }

    fn view(&self, slot: Slot, end: u64, lates: &[Late]) -> View {
        let stay = self.stay(slot);
        let Some(joined) = stay.joined else { return View::new() };
        let own: Vec<&Late> = lates.iter().filter(|late| late.slot == slot).collect();
        let owed = stay.trouble.as_ref().map_or(&[][..], |trouble| &trouble.owed);
        let from = joined.max(self.base);
        let in_place = (from..stay.cursor.min(end)).filter(|place| {
            let key = self.entries[(place - self.base) as usize].key;
            let is_owed = owed.binary_search_by_key(place, |owed| owed.place).is_ok();
            let is_late = own.iter().any(|late| late.place == *place);
            !is_owed && !is_late && key != Key::Left(slot)
        });
        // A late line came just before the one that was due then.
        let in_place = in_place.map(|place| (place, u64::MAX, place));
        let late = own.iter().zip(0..).map(|(late, number)| (late.due, number, late.place));
        let mut seen: Vec<(u64, u64, u64)> = in_place.chain(late).collect();
        seen.sort_unstable();
        seen.into_iter().map(|(.., place)| (place - self.base) as usize).collect()
    }

    /// How often each view was had. The members are few that differ, so the views are, too.
    fn weigh<'v>(&self, views: &'v [(Slot, View)]) -> HashMap<&'v View, i64> {
        let longest =
            views.iter().map(|(slot, _)| *slot).min_by_key(|slot| self.stay(*slot).joined);
        let mut weights = HashMap::new();
        for (slot, view) in views {
            let vote = if Some(*slot) == longest { CASTING_VOTE } else { VOTE };
            *weights.entry(view).or_default() += vote;
        }
        weights
    }

    fn blame(&self, slot: Slot, view: &View, ranks: &[usize], lates: &[Late], books: &mut Books) {
        let arrival = view.iter().find(|index| self.entries[**index].key == Key::Arrived(slot));
        let arrival = arrival.map(|index| ranks[*index]);
        // What stands before its own arrival was said before it joined.
        let (older, seen): (View, View) =
            view.iter().partition(|index| arrival.is_some_and(|arrival| ranks[**index] < arrival));
        let by_rank: Vec<usize> = seen.iter().map(|index| ranks[*index]).collect();
        let kept = longest_rise(&by_rank);
        let moved = seen.iter().enumerate().filter(|(at, _)| !kept.contains(at));
        let before = "it was said before this member joined";
        let moved_what = "it came at another place than with most others";
        let older = older.iter().map(|index| (FaultKind::BeforeJoining, before, *index));
        let moved = moved.map(|(_, index)| (FaultKind::Reordered, moved_what, *index));
        let name = self.name_of(slot, books);
        for (kind, what, index) in older.chain(moved) {
            let entry = &self.entries[index];
            let place = self.base + index as u64;
            let late = lates.iter().find(|late| late.slot == slot && late.place == place);
            let at_us = late.map(|late| late.at_us);
            let facts = entry.facts;
            books.copy_fault(kind, what, self.number, entry.key, &entry.line, facts, &name, at_us);
        }
    }

    /// Puts the first lines of the order where they belong.
    fn rearrange(&mut self, ranks: &[usize]) {
        let (base, count) = (self.base, ranks.len());
        let mut lines: Vec<_> = self.entries.drain(..count).zip(ranks.iter().copied()).collect();
        lines.sort_by_key(|(_, rank)| *rank);
        for (entry, rank) in lines.into_iter().rev() {
            let place = base + rank as u64;
            match entry.key {
                Key::Arrived(slot) => self.stay_mut(slot).joined = Some(place),
                Key::Left(slot) => self.stay_mut(slot).left = Some(place),
                Key::Said { .. } => {}
            }
            self.entries.push_front(entry);
        }
        for stay in &mut self.stays {
            let (Some(joined), Some(trouble)) = (stay.joined, stay.trouble.as_deref_mut()) else {
                continue;
            };
            for owed in &mut trouble.owed {
                let rank = owed.place.checked_sub(base).and_then(|index| ranks.get(index as usize));
                if let Some(rank) = rank {
                    owed.place = base + *rank as u64;
                }
            }
            // What turns out to be older than its stay was never due.
            trouble.owed.retain(|owed| owed.place >= joined);
            trouble.owed.sort_by_key(|owed| owed.place);
        }
    }
}

/// The place of each line, from 0, in the order of most: what comes before another with most members does
/// so here.
fn ranks(count: usize, views: &HashMap<&View, i64>) -> Vec<usize> {
    let mut votes = vec![0; count * count];
    for (view, weight) in views {
        for (at, first) in view.iter().enumerate() {
            for second in &view[at + 1..] {
                votes[first * count + second] += weight;
                votes[second * count + first] -= weight;
            }
        }
    }
    let mut left: Vec<usize> = (0..count).collect();
    let mut ranks = vec![0; count];
    for rank in 0..count {
        let before =
            |line: usize| left.iter().filter(|other| votes[**other * count + line] > 0).count();
        // With one that nothing comes before; where all go in a circle, with one that least does.
        let next = left.iter().enumerate().min_by_key(|(_, line)| (before(**line), **line));
        let (at, line) = next.map_or((0, 0), |(at, line)| (at, *line));
        ranks[line] = rank;
        left.remove(at);
    }
    ranks
}

/// The indices of the longest part of the numbers that rises: the fewest are left out.
fn longest_rise(numbers: &[usize]) -> Vec<usize> {
    // The index at which the best rise of each length ends, and what stands before each index in it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut rise: Vec<usize> =
        std::iter::successors(ends.last().copied(), |index| before[*index]).collect();
    rise.reverse();
    rise
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rise_leaves_out_the_fewest() {
        for (numbers, left_out) in [
            (&[0, 1, 2, 3][..], 0),
            (&[1, 0, 2, 3], 1),
            (&[1, 2, 3, 0], 1),
            (&[3, 0, 1, 2], 1),
            (&[1, 0, 3, 2], 2),
            (&[3, 2, 1, 0], 3),
            (&[], 0),
        ] {
            let rise = longest_rise(numbers);
            assert!(rise.is_sorted_by_key(|index| numbers[*index]), "{numbers:?}: {rise:?}");
            assert_eq!(numbers.len() - rise.len(), left_out, "{numbers:?}: {rise:?}");
        }
    }

    #[test]
    fn the_order_is_that_of_most() {
        let (most, one, newcomer) = (vec![1, 2, 0], vec![0, 1, 2], vec![2, 0]);
        let views = HashMap::from([(&most, 4), (&one, 3), (&newcomer, 2)]);
        assert_eq!(ranks(3, &views), [2, 0, 1]);
    }
}
