//! The ledger: every copy is compared with what was said, and with who was a member then.
//!
//! A group has one order of lines, messages and notices alike (ORD-1). The ledger writes that order
//! down as the first member reads it, and holds every other member's bytes against it: a member is a
//! cursor into the order, and as long as its next bytes are the next line, a copy costs one comparison
//! ([`GroupLedger::expect`]). Only what differs is looked at closely (`irregular`). Who joins has a place
//! once a member that was there tells of it (`newcomers`). Where members disagree about the order, most
//! of them are right (`dispute`). What somebody is still owed when all is over was lost (`settle`).
//!
//! Exact: nothing is sampled, and no copy is taken for right whose bytes were not all compared.

mod books;
mod dispute;
mod findings;
mod irregular;
mod newcomers;
mod order;
mod retire;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};

use hdrhistogram::Histogram;

pub(crate) use books::{Books, NO_WINDOW};
use order::{Entry, Key};

use super::figures::MAX_MICROS;
use super::message::Message;

/// The significant digits of a receiver's own histogram: enough to rank receivers by, and small enough
/// to have one for each of thousands.
const RECEIVER_DIGITS: u8 = 2;

/// How many lines the order may grow by before what everybody has read is let go.
const RETIRE_EVERY: usize = 256;

/// How long before its leaving a leaver must have got what others had got, in microseconds. What was under
/// way when it left, a server need not send any more.
const LEAVING_MARGIN_US: u64 = 1_000_000;

/// One bot's stay in a group, from its asking on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Slot(u32);

/// What a group was sent and what each member got of it.
#[derive(Debug)]
pub(crate) struct GroupLedger {
    number: u32,
    /// The order, without what everybody has read.
    entries: VecDeque<Entry>,
    /// The place of the first of `entries` in the whole order.
    base: u64,
    /// The length of `entries` at which it is worth looking for what everybody has read.
    retire_at: usize,
    stays: Vec<Stay>,
    /// The stays by bot and visit.
    visits: HashMap<(u32, u32), Slot>,
    /// The names that the server gave in place of those that were asked for.
    renamed: HashMap<Box<str>, Slot>,
    senders: HashMap<u32, Sender>,
    /// The place that every reader has reached.
    slowest: u64,
    /// Copies that came after a line that stands after them, and that are not judged yet.
    lates: Vec<Late>,
    /// Who has got lines after its leaving, as far as is known.
    overstays: Vec<Slot>,
    /// How many stays were given a place in the order.
    placements: u32,
    /// Whose place has just become known, while lines of theirs wait for it.
    placed: Vec<Slot>,
}

/// One bot's stay in the group.
#[derive(Debug)]
struct Stay {
    bot: u32,
    visit: u32,
    healthy: bool,
    presence: Presence,
    /// The place of its own arrival in the order, once anybody was told.
    joined: Option<u64>,
    /// The place of the line it has to get next. Its own arrival is the first.
    cursor: u64,
    /// The place of its own leaving, once anybody was told.
    left: Option<u64>,
    /// When it was welcomed, and when it was gone; in microseconds of the run.
    joined_us: u64,
    gone_us: u64,
    /// When it said that it leaves, or else when it was gone; in microseconds of the run.
    ended_us: u64,
    /// How many had a place when it asked.
    placements: u32,
    /// Its first lines, while nobody knows where its arrival stands.
    waiting: Vec<Waiting>,
    /// What was not as it should be.
    trouble: Option<Box<Trouble>>,
    /// Its own latencies in the measured phases.
    latencies: Option<Box<Histogram<u32>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// It reads, or is about to.
    Present,
    /// It has said that it leaves, and reads what still comes.
    Leaving,
    /// It knocks with a wrong password, and is never to be let in.
    Outside,
    /// It does not read any more, on purpose: nothing is expected of it.
    Deaf,
    /// Its connection is over.
    Gone,
}

/// What was not as it should be with one member's lines.
#[derive(Debug, Default)]
struct Trouble {
    /// Lines that others got before one that this member has got, in the order of their places.
    owed: Vec<Owed>,
    /// Lines that mean nothing; perhaps what became of an owed one.
    strays: Vec<Stray>,
}

#[derive(Debug)]
struct Owed {
    key: Key,
    /// Where it stands in the order; the highest number for what is in none.
    place: u64,
    line: Box<[u8]>,
    facts: Facts,
}

#[derive(Debug)]
struct Stray {
    text: String,
    /// The place of the line that was due when it came.
    place: u64,
    at_us: u64,
}

/// A line that a newcomer got before anybody knew where its arrival stands.
#[derive(Debug)]
struct Waiting {
    key: Key,
    line: Box<[u8]>,
    at_us: u64,
}

/// A copy that came after a line that stands after it.
#[derive(Debug, Clone, Copy)]
struct Late {
    slot: Slot,
    /// Where the line stands.
    place: u64,
    /// The place of the line that was due to this member when it came.
    due: u64,
    at_us: u64,
}

/// When a line was to be sent, was sent and was first seen; in microseconds of the run.
#[derive(Debug, Clone, Copy, Default)]
struct Facts {
    intended_us: u64,
    handed_us: u64,
    first_us: u64,
    window: u32,
}

/// A bot that has said something.
#[derive(Debug)]
struct Sender {
    name: Box<str>,
    healthy: bool,
    /// How many messages it has sent, or begun to send.
    sent: u32,
    /// Those that nobody has got yet.
    under_way: VecDeque<UnderWay>,
    /// The highest sequence number that everybody has got.
    settled: Option<u32>,
    /// The sequence numbers and places of the last messages that were let go.
    let_go: VecDeque<(u32, u64)>,
    /// Its connection broke: what was under way may not have been sent.
    broken: bool,
}

#[derive(Debug, Clone, Copy)]
struct UnderWay {
    message: Message,
    intended_us: u64,
    handed_us: u64,
    window: u32,
}

impl GroupLedger {
    pub(crate) fn new(number: u32) -> Self {
        GroupLedger {
            number,
            entries: VecDeque::new(),
            base: 0,
            retire_at: RETIRE_EVERY,
            stays: Vec::new(),
            visits: HashMap::new(),
            renamed: HashMap::new(),
            senders: HashMap::new(),
            slowest: 0,
            lates: Vec::new(),
            overstays: Vec::new(),
            placements: 0,
            placed: Vec::new(),
        }
    }

    /// A bot asks to be let in: from now on its arrival may be told.
    pub(crate) fn ask(&mut self, bot: u32, visit: u32, healthy: bool) -> Slot {
        let slot =
            Slot(u32::try_from(self.stays.len()).expect("fewer stays than bots fit in 32 bits"));
        self.stays.push(Stay {
            bot,
            visit,
            healthy,
            presence: Presence::Present,
            joined: None,
            cursor: 0,
            left: None,
            joined_us: 0,
            gone_us: u64::MAX,
            ended_us: u64::MAX,
            placements: self.placements,
            waiting: Vec::new(),
            trouble: None,
            latencies: None,
        });
        self.visits.insert((bot, visit), slot);
        slot
    }

    /// The server gave the bot this name in place of the one it asked for.
    ///
    /// False if it has been given another one: a client has one name.
    pub(crate) fn rename(&mut self, slot: Slot, name: &str) -> bool {
        if let Some((known, _)) = self.renamed.iter().find(|(_, known)| **known == slot) {
            return **known == *name;
        }
        self.renamed.insert(name.into(), slot);
        true
    }

    /// The bot was welcomed: what is sent from now on is due to it.
    pub(crate) fn welcome(&mut self, slot: Slot, now_us: u64) {
        self.stay_mut(slot).joined_us = now_us;
    }

    /// The bot knocks with a wrong password: nobody is to hear of it.
    pub(crate) fn knock(&mut self, slot: Slot) {
        self.stay_mut(slot).presence = Presence::Outside;
    }

    /// The bot has said that it leaves.
    pub(crate) fn leave(&mut self, slot: Slot, now_us: u64) {
        let stay = self.stay_mut(slot);
        stay.presence = Presence::Leaving;
        stay.ended_us = now_us;
    }

    /// The bot stops reading.
    pub(crate) fn go_deaf(&mut self, slot: Slot) {
        self.stay_mut(slot).presence = Presence::Deaf;
    }

    /// The bot's connection is over. What it was owed then is settled at the end.
    pub(crate) fn gone(&mut self, slot: Slot, now_us: u64) {
        if self.stay(slot).presence == Presence::Leaving {
            self.owe_leaver(slot);
        }
        let stay = self.stay_mut(slot);
        stay.gone_us = now_us;
        stay.ended_us = stay.ended_us.min(now_us);
        stay.presence = Presence::Gone;
        let bot = stay.bot;
        if let Some(sender) = self.senders.get_mut(&bot) {
            sender.broken = true;
        }
    }

    /// How many messages this bot has sent; the number of its next one.
    pub(crate) fn next_sequence(&self, bot: u32) -> u32 {
        self.senders.get(&bot).map_or(0, |sender| sender.sent)
    }

    /// How many lines somebody had not got when it was last looked at, those included that nobody has.
    pub(crate) fn unread(&self) -> usize {
        let under_way: usize = self.senders.values().map(|sender| sender.under_way.len()).sum();
        let unread = usize::try_from(self.end().saturating_sub(self.slowest)).unwrap_or(usize::MAX);
        unread + under_way
    }

    /// A message is handed to the system now.
    pub(crate) fn sent(
        &mut self,
        message: Message,
        name: &str,
        healthy: bool,
        intended_us: u64,
        handed_us: u64,
        window: u32,
    ) {
        let sender = self.senders.entry(message.bot).or_insert_with(|| Sender {
            name: name.into(),
            healthy,
            sent: 0,
            under_way: VecDeque::new(),
            settled: None,
            let_go: VecDeque::new(),
            broken: false,
        });
        sender.sent = message.sequence + 1;
        sender.under_way.push_back(UnderWay { message, intended_us, handed_us, window });
    }

    /// Takes the line at the beginning of `rest` if it is the very one that this member has to get
    /// next, and says how long it is with its line end. This is the way of nearly every copy.
    pub(crate) fn expect(
        &mut self,
        slot: Slot,
        rest: &[u8],
        now_us: u64,
        books: &mut Books,
    ) -> Option<usize> {
        let stay = &mut self.stays[slot.0 as usize];
        stay.joined?;
        let place = usize::try_from(stay.cursor - self.base).expect("a window of the order");
        let entry = self.entries.get_mut(place)?;
        if !rest.starts_with(&entry.line) || stay.presence == Presence::Leaving {
            return None;
        }
        stay.cursor += 1;
        let length = entry.line.len();
        take_copy(entry, stay, now_us, books);
        Some(length)
    }

    /// A leaver has read to the end of its stream: what others had got long before it left, it should
    /// have.
    fn owe_leaver(&mut self, slot: Slot) {
        let stay = self.stay(slot);
        let Some(joined) = stay.joined else { return };
        let from = stay.cursor.max(joined).max(self.base);
        let to = stay.left.unwrap_or_else(|| self.end()).max(from);
        let sure_us = stay.ended_us.saturating_sub(LEAVING_MARGIN_US);
        let places = (from - self.base) as usize..(to - self.base) as usize;
        let missed = self.entries.range(places).zip(from..);
        let missed = missed.filter(|(entry, _)| entry.facts.first_us < sure_us);
        let missed: Vec<Owed> = missed.map(|(entry, place)| entry.owed(place)).collect();
        if !missed.is_empty() {
            let trouble = self.stay_mut(slot).trouble.get_or_insert_default();
            missed.into_iter().for_each(|owed| trouble.owe(owed));
        }
    }

    /// Whether this member has got everything that anybody got.
    fn is_level(&self, stay: &Stay) -> bool {
        stay.cursor == self.end()
    }

    fn end(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    fn stay(&self, slot: Slot) -> &Stay {
        &self.stays[slot.0 as usize]
    }

    fn stay_mut(&mut self, slot: Slot) -> &mut Stay {
        &mut self.stays[slot.0 as usize]
    }

    /// The p50 and p99 of each healthy receiver that has so many copies, with its bot.
    pub(crate) fn receivers(&self, at_least: u64) -> impl Iterator<Item = (u32, u64, u64)> + '_ {
        self.stays.iter().filter(|stay| stay.healthy).filter_map(move |stay| {
            let latencies = stay.latencies.as_ref().filter(|all| all.len() >= at_least)?;
            Some((stay.bot, latencies.value_at_quantile(0.5), latencies.value_at_quantile(0.99)))
        })
    }
}

/// Counts a copy that is right and in its place.
fn take_copy(entry: &mut Entry, stay: &mut Stay, now_us: u64, books: &mut Books) {
    entry.copies += 1;
    let Key::Said { .. } = entry.key else {
        books.notices += 1;
        return;
    };
    // The markers at the end are the simulator's own affair.
    if entry.facts.window == NO_WINDOW {
        return;
    }
    books.verified += 1;
    let latency = now_us.saturating_sub(entry.facts.intended_us);
    let healthy = entry.healthy && stay.healthy;
    let raw = now_us.saturating_sub(entry.facts.handed_us);
    let measured = books.recorder.copy(entry.facts.window, healthy, latency, raw);
    if !healthy {
        return;
    }
    entry.healthy_first_us = entry.healthy_first_us.min(now_us);
    entry.healthy_last_us = entry.healthy_last_us.max(now_us);
    if measured {
        let own = stay.latencies.get_or_insert_with(|| {
            Box::new(Histogram::new(RECEIVER_DIGITS).expect("two digits can be had"))
        });
        own.record(latency.min(MAX_MICROS)).expect("the histogram grows up to the maximum");
        if latency > books.findings.slow_enough_us() {
            books.slow_copy(entry, stay, now_us, latency);
        }
    }
}
