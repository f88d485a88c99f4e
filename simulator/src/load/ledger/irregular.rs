//! A line that is not the one that was expected next: what is it, and what does that say?

use super::books::Books;
use super::{GroupLedger, Key, Late, Owed, Presence, Slot, Stray, take_copy};
use crate::load::message::{self, Message};
use crate::load::record::FaultKind;
use chatroom_protocol::Notice;

/// The most strays that are kept of one member; more are counted and not kept.
const MAX_STRAYS: usize = 1000;

/// In how many of the last lines that a member is owed one is looked up that was let go.
const LOOKED_UP: usize = 4096;

/// How much of a stray is kept.
const MAX_STRAY_CHARS: usize = 1200;

/// What a line turned out to be.
enum Found {
    /// A line of this group, under the right name or not.
    Ours { key: Key, misnamed: bool },
    /// A line of another group.
    Foreign,
    /// Nothing that anybody sent.
    Nothing,
}

impl GroupLedger {
    /// Takes any line, its end taken off.
    pub(crate) fn irregular(&mut self, slot: Slot, line: &[u8], now_us: u64, books: &mut Books) {
        self.take_line(slot, line, now_us, books);
        self.catch_up(books);
    }

    pub(super) fn take_line(&mut self, slot: Slot, line: &[u8], now_us: u64, books: &mut Books) {
        match self.identify(line, books) {
            Found::Ours { key, misnamed } => self.take(slot, key, misnamed, line, now_us, books),
            Found::Foreign => {
                let what = "it was said in another group";
                self.line_fault(FaultKind::WrongGroup, what, slot, line, now_us, books);
            }
            Found::Nothing => self.keep_stray(slot, line, now_us, books),
        }
    }

    fn identify(&mut self, line: &[u8], books: &Books) -> Found {
        let Ok(text) = std::str::from_utf8(line) else { return Found::Nothing };
        match text.split_once(": ") {
            Some((name, said)) => self.identify_message(name, said, books),
            None => match Notice::parse(text) {
                Some(Notice::Arrived(name)) => self.identify_notice(name, Key::Arrived, books),
                Some(Notice::Left(name)) => self.identify_notice(name, Key::Left, books),
                _ => Found::Nothing,
            },
        }
    }

    fn identify_message(&self, name: &str, said: &str, books: &Books) -> Found {
        let Some(message) = Message::parse(books.run(), said) else { return Found::Nothing };
        if message.group != self.number {
            return self.identify_foreign(name, said, &message, books);
        }
        let Some(sender) = self.senders.get(&message.bot) else { return Found::Nothing };
        if message.sequence >= sender.sent {
            return Found::Nothing;
        }
        let mut right = Vec::new();
        books.compose(&message, &sender.name, &mut right);
        if right.get(sender.name.len() + 2..) != Some(said.as_bytes()) {
            return Found::Nothing;
        }
        // The line before it has lost its end, and is taken for a part of the name.
        if name.len() > sender.name.len() && name.ends_with(&*sender.name) {
            return Found::Nothing;
        }
        let key = Key::Said { bot: message.bot, sequence: message.sequence };
        if !self.is_as_sent(sender, &message, said) {
            return Found::Nothing;
        }
        Found::Ours { key, misnamed: name != &*sender.name }
    }

    /// Whether the numbers, which make the rest, are those that were sent; the time is one of them. Of what
    /// was let go long ago, only the numbers themselves are known.
    fn is_as_sent(&self, sender: &super::Sender, message: &Message, said: &str) -> bool {
        let mut under_way = sender.under_way.iter();
        if let Some(sent) = under_way.find(|sent| sent.message.sequence == message.sequence) {
            return sent.message == *message;
        }
        let key = Key::Said { bot: message.bot, sequence: message.sequence };
        let Some(place) = self.place_of(key) else { return true };
        let line = &self.entries[(place - self.base) as usize].line;
        line.get(sender.name.len() + 2..line.len() - 1) == Some(said.as_bytes())
    }

    /// A message with another group's number: said there, or here and altered?
    fn identify_foreign(&self, name: &str, said: &str, message: &Message, books: &Books) -> Found {
        let mut right = Vec::new();
        books.compose(message, name, &mut right);
        let is_right = right.get(name.len() + 2..) == Some(said.as_bytes());
        if is_right && books.group_of(message.bot) == Some(message.group) {
            return Found::Foreign;
        }
        Found::Nothing
    }

    fn identify_notice(&mut self, name: &str, key: impl Fn(Slot) -> Key, books: &Books) -> Found {
        if let Some(slot) = self.renamed.get(name) {
            return Found::Ours { key: key(*slot), misnamed: false };
        }
        let asked = asked_name(name);
        let Some((bot, visit)) = message::parse_name(books.run(), asked) else {
            return Found::Nothing;
        };
        match self.visits.get(&(bot, visit)).copied() {
            Some(slot) if self.name_of(slot, books) == name => {
                Found::Ours { key: key(slot), misnamed: false }
            }
            // Others may be told of a name that was counted up before its bearer is.
            Some(slot)
                if asked != name && self.stay(slot).joined.is_none() && self.rename(slot, name) =>
            {
                Found::Ours { key: key(slot), misnamed: false }
            }
            Some(_) => Found::Nothing,
            None if books.group_of(bot).is_some_and(|group| group != self.number)
                && message::name(books.run(), bot, visit) == asked =>
            {
                Found::Foreign
            }
            None => Found::Nothing,
        }
    }

    fn take(
        &mut self,
        slot: Slot,
        key: Key,
        misnamed: bool,
        line: &[u8],
        now_us: u64,
        books: &mut Books,
    ) {
        if let Key::Arrived(other) | Key::Left(other) = key
            && self.stay(other).presence == Presence::Outside
        {
            let what = "it tells of a client with a wrong password";
            return self.line_fault(FaultKind::Admitted, what, slot, line, now_us, books);
        }
        let own_arrival = key == Key::Arrived(slot);
        let stay = self.stay(slot);
        let Some(joined) = stay.joined else {
            let is_old = stay.waiting.is_empty() && !own_arrival;
            if is_old || (self.is_known(key) && self.place_of(key).is_none()) {
                let what = "it came before the member was told of its own arrival";
                return self.line_fault(FaultKind::BeforeJoining, what, slot, line, now_us, books);
            }
            return self.wait_for_place(slot, key, line, now_us, books);
        };
        let (cursor, stay_left) = (stay.cursor, stay.left_for_good());
        if cursor == joined && !own_arrival && !self.is_known(key) {
            let what = "it came before the member was told of its own arrival";
            return self.line_fault(FaultKind::BeforeJoining, what, slot, line, now_us, books);
        }
        if self.is_known(key)
            && let Some(place) = self.place_of(key).filter(|place| *place < joined)
        {
            return self.take_again(slot, key, Some(place), line, now_us, books);
        }
        if let Some(left) = stay_left.filter(|left| *left <= cursor && !self.is_known(key)) {
            // Nobody else has got it yet: only the others' order tells which of the two came first.
            // Its leaving may have been let go of already, where it was told of it itself.
            let place = left.max(self.base);
            self.write_down(key, place, now_us, books);
            self.overstays.push(slot);
            return self.take_at(slot, place, misnamed, line, now_us, books);
        }
        if self.is_past_its_leaving(slot, key) {
            let what = "the others had been told that this member has left";
            return self.line_fault(FaultKind::AfterLeaving, what, slot, line, now_us, books);
        }
        let is_known = self.is_known(key);
        let place = if is_known { self.place_of(key) } else { None };
        // What nobody has got is owed to nobody.
        if is_known && let Some(owed) = self.stay_mut(slot).take_owed(key, place) {
            return self.take_late(slot, owed, misnamed, line, now_us, books);
        }
        if !is_known {
            let place = self.place_for(key, cursor);
            self.owe_until(slot, place);
            self.write_down(key, place, now_us, books);
            self.note_leaving(key, place);
            return self.take_at(slot, place, misnamed, line, now_us, books);
        }
        match place {
            Some(place) if place >= cursor => {
                self.owe_until(slot, place);
                self.take_at(slot, place, misnamed, line, now_us, books);
            }
            place => self.take_again(slot, key, place, line, now_us, books),
        }
    }

    /// Where a line belongs that nobody has got before: where its first reader is, but not before its
    /// sender's arrival or earlier messages that this reader has missed.
    fn place_for(&self, key: Key, cursor: u64) -> u64 {
        let from = usize::try_from(cursor - self.base).expect("a window of the order");
        let missed = self.entries.range(from..).rposition(|entry| self.precedes(entry.key, key));
        missed.map_or(cursor, |missed| cursor + missed as u64 + 1)
    }

    /// Whether a line comes before another on every right server, both being of the same bot.
    fn precedes(&self, first: Key, second: Key) -> bool {
        match (first, second) {
            (Key::Said { bot, sequence }, Key::Said { bot: other, sequence: later }) => {
                bot == other && sequence < later
            }
            // Who comes back does not talk.
            (Key::Arrived(slot), Key::Said { bot, .. })
            | (Key::Said { bot, .. }, Key::Left(slot)) => {
                (self.stay(slot).bot, self.stay(slot).visit) == (bot, 0)
            }
            (Key::Arrived(slot), Key::Left(other)) => slot == other,
            _ => false,
        }
    }

    fn is_past_its_leaving(&self, slot: Slot, key: Key) -> bool {
        let stay = self.stay(slot);
        stay.left_for_good().is_some_and(|left| {
            stay.cursor >= left || self.place_of(key).is_some_and(|place| place >= left)
        })
    }

    /// The place of a leaving is known now. What its member has got after it, it should not have, if
    /// others got that after the leaving, too.
    fn note_leaving(&mut self, key: Key, place: u64) {
        let Key::Left(slot) = key else { return };
        // Its cursor has moved on by the line that was put in.
        if self.stay(slot).cursor > place + 1 {
            self.overstays.push(slot);
        }
    }

    fn take_at(
        &mut self,
        slot: Slot,
        place: u64,
        misnamed: bool,
        line: &[u8],
        now_us: u64,
        books: &mut Books,
    ) {
        if misnamed {
            let what = "the name in front is not its sender's";
            self.line_fault(FaultKind::WrongSender, what, slot, line, now_us, books);
            self.stay_mut(slot).cursor = place + 1;
            return;
        }
        let index = usize::try_from(place - self.base).expect("a window of the order");
        let stay = &mut self.stays[slot.0 as usize];
        stay.cursor = place + 1;
        take_copy(&mut self.entries[index], stay, now_us, books);
    }

    /// Everything from the member's cursor to `place` has come to others before the line at `place`.
    fn owe_until(&mut self, slot: Slot, place: u64) {
        let from = usize::try_from(self.stay(slot).cursor - self.base).expect("a window");
        let to = usize::try_from(place - self.base).expect("a window of the order");
        let skipped = self.entries.range(from..to).zip(self.base + from as u64..);
        let skipped = skipped.filter(|(entry, _)| entry.key != Key::Left(slot));
        let owed: Vec<Owed> = skipped.map(|(entry, place)| entry.owed(place)).collect();
        if owed.is_empty() {
            return;
        }
        let trouble = self.stay_mut(slot).trouble.get_or_insert_default();
        owed.into_iter().for_each(|owed| trouble.owe(owed));
    }

    /// A line that was skipped has come after all.
    fn take_late(
        &mut self,
        slot: Slot,
        owed: Owed,
        misnamed: bool,
        line: &[u8],
        now_us: u64,
        books: &mut Books,
    ) {
        let place = self.place_of(owed.key);
        let due = self.stay(slot).cursor;
        if let Some(place) = place {
            // Whose fault it is shows once everybody has got it.
            self.lates.push(Late { slot, place, due, at_us: now_us });
        }
        if misnamed {
            let what = "the name in front is not its sender's";
            return self.line_fault(FaultKind::WrongSender, what, slot, line, now_us, books);
        }
        if let Some(place) = place {
            let index = usize::try_from(place - self.base).expect("a window of the order");
            let entry = &mut self.entries[index];
            return take_copy(entry, &mut self.stays[slot.0 as usize], now_us, books);
        }
        let name = self.name_of(slot, books);
        let what = "it came long after lines that the others got after it";
        let at = Some(now_us);
        let Owed { key, line, facts, .. } = owed;
        books.late_copy(key);
        books.copy_fault(FaultKind::Reordered, what, self.number, key, &line, facts, &name, at);
    }

    /// A line that this member has got already, or that is older than its stay.
    fn take_again(
        &mut self,
        slot: Slot,
        key: Key,
        place: Option<u64>,
        line: &[u8],
        now_us: u64,
        books: &mut Books,
    ) {
        let stay = self.stay(slot);
        let joined = stay.joined.unwrap_or(u64::MAX);
        let place = place.or_else(|| match key {
            Key::Said { bot, sequence } => {
                let mut let_go = self.senders.get(&bot)?.let_go.iter().rev();
                let_go.find(|(number, _)| *number == sequence).map(|(_, place)| *place)
            }
            Key::Arrived(other) => self.stay(other).joined,
            Key::Left(other) => self.stay(other).left,
        });
        let is_older = match place {
            Some(place) => place < joined,
            // It was let go; then only its own words tell how old it is.
            None => message_time(line, books).is_some_and(|said_us| said_us < stay.joined_us),
        };
        let (kind, what) = if is_older && !matches!(key, Key::Arrived(own) if own == slot) {
            (FaultKind::BeforeJoining, "it was said before this member joined")
        } else {
            (FaultKind::Doubled, "this member had got it already")
        };
        self.line_fault(kind, what, slot, line, now_us, books);
    }

    fn keep_stray(&mut self, slot: Slot, line: &[u8], now_us: u64, books: &mut Books) {
        let text: String = String::from_utf8_lossy(line).chars().take(MAX_STRAY_CHARS).collect();
        let stay = self.stay_mut(slot);
        let place = stay.cursor;
        let strays = &mut stay.trouble.get_or_insert_default().strays;
        if strays.len() < MAX_STRAYS && books.may_keep_stray() {
            strays.push(Stray { text, place, at_us: now_us });
        } else {
            books.add(FaultKind::Unknown, 1);
        }
    }

    /// A fault of a line as it came to one member.
    fn line_fault(
        &mut self,
        kind: FaultKind,
        what: &str,
        slot: Slot,
        line: &[u8],
        now_us: u64,
        books: &mut Books,
    ) {
        let name = self.name_of(slot, books);
        books.line_fault(kind, what, self.number, line, &name, now_us);
    }
}

impl super::Stay {
    /// The place of its leaving, if it has left. Who is there all the same has not: a server that says so
    /// is judged at the end.
    pub(super) fn left_for_good(&self) -> Option<u64> {
        self.left.filter(|_| self.presence != Presence::Present)
    }

    /// Takes a line off what the member is owed, if it is; `place` is where it stands, unless it was let
    /// go.
    fn take_owed(&mut self, key: Key, place: Option<u64>) -> Option<Owed> {
        let owed = &mut self.trouble.as_mut()?.owed;
        let found = match place {
            Some(place) => owed.binary_search_by_key(&place, |owed| owed.place).ok()?,
            // A server that loses much makes a long list of it, and much would be looked up in it.
            None => {
                let mut last = owed.iter().enumerate().rev().take(LOOKED_UP);
                last.find(|(_, owed)| owed.key == key)?.0
            }
        };
        (owed[found].key == key).then(|| owed.remove(found))
    }
}

/// The name that was asked for, where a server has counted it up because it was in use.
fn asked_name(name: &str) -> &str {
    let counted = name.strip_suffix('-').and_then(|rest| rest.rsplit_once('+'));
    match counted {
        Some((asked, count)) if count.parse::<u32>().is_ok() => asked,
        _ => name,
    }
}

/// When a message was to be sent, in microseconds of the run.
fn message_time(line: &[u8], books: &Books) -> Option<u64> {
    let (_, said) = std::str::from_utf8(line).ok()?.split_once(": ")?;
    let message = Message::parse(books.run(), said)?;
    Some(message.at_us.saturating_add(books.phases_start_us()))
}
