//! The loop of a thread.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, Read};
use std::iter::Peekable;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use mio::event::Event as Readiness;
use mio::{Events, Poll, Token};

use super::alarm::Alarm;
use super::bot::{Bot, Stage};
use super::{Board, Order, Outcome, Shared};
use crate::load::ledger::{Books, GroupLedger};
use crate::load::message;
use crate::load::plan;

/// Tokens that are no bot's.
const WAKER: Token = Token(usize::MAX);
const ALARM: Token = Token(usize::MAX - 1);

/// How many readinesses are taken at a time.
const EVENTS: usize = 1024;

/// The bytes of one read: one system call for what a server writes at once.
const READ_BYTES: usize = 256 * 1024;

/// How often those who watch are told.
const TELL_EVERY_US: u64 = 100_000;

/// What is done of what is due before there is time for reading, too: a schedule that cannot be kept must
/// not look like a server that sends nothing.
const DEEDS_IN_A_ROW: usize = 64;

/// The most different doubts, and the most characters of one: a peer's words may be in them.
const MAX_DOUBTS: usize = 100;
const MAX_DOUBT_CHARS: usize = 300;

/// After how long nothing more is expected of a window.
const PUT_AWAY_AFTER_US: u64 = 5_000_000;

/// Reads of one bot before others have their turn.
const READS_IN_A_ROW: usize = 4;

/// Wakes a thread, to look for an order.
pub(crate) type Waker = mio::Waker;

/// A group of this thread.
#[derive(Debug)]
pub(super) struct Group {
    /// Its number in the plan.
    pub(super) number: u32,
    /// What the server calls it, once it is there.
    pub(super) id: Option<u32>,
    /// Whether its creator could not create it.
    pub(super) is_lost: bool,
    pub(super) ledger: GroupLedger,
    /// Bots that are due, and wait for the group to be there.
    pub(super) waiting: Vec<u32>,
    /// Its talkers among the thread's bots.
    pub(super) talkers: Vec<u32>,
    /// Whose turn it is when the group is saturated.
    pub(super) next_talker: usize,
    /// Whether its end was marked.
    pub(super) marked: bool,
}

/// What happens at a time that the plan does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A dribbler writes its next bytes.
    Dribble { bot: u32 },
    /// Who has left comes back later than planned: the server has not ended its side yet.
    ComeBack { bot: u32 },
    /// A bot that has not joined by now will not.
    JoinLimit { bot: u32, visit: u32 },
}

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    Joining,
    /// The first phase begins, or began, then.
    Phases {
        start_us: u64,
    },
    /// The last copies are waited for, until then at the latest.
    Settling {
        until_us: u64,
    },
    /// Nothing is waited for any more. Unless everything was waited for, nothing that is missing is
    /// known to be lost.
    Over {
        is_settled: bool,
    },
}

/// A thread's whole state.
pub(crate) struct Thread {
    pub(super) shared: Arc<Shared>,
    poll: Poll,
    alarm: Alarm,
    orders: Receiver<Order>,
    board: Board,
    pub(super) bots: Vec<Bot>,
    pub(super) groups: Vec<Group>,
    /// The place of each bot of the plan among this thread's, or none.
    local: Vec<u32>,
    /// The bots that are to arrive, the last first.
    arrivals: Vec<u32>,
    events: Peekable<plan::Events>,
    pub(super) timers: BinaryHeap<Reverse<(u64, Timer)>>,
    pub(super) books: Books,
    pub(super) stand: Stand,
    windows: Vec<plan::Window>,
    tell_at_us: u64,
    pub(super) scratch: Vec<u8>,
    pub(super) joined: u32,
    pub(super) failed: u32,
    pub(super) expected: u32,
    pub(super) joined_us: u64,
    pub(super) doubts: BTreeMap<String, u32>,
    pub(super) sends: u64,
    pub(super) refused: u64,
    pub(super) cut_off: u64,
    /// Bots whose reading was broken off so that others have their turn.
    again: Vec<u32>,
}

/// No bot of this thread.
const NOWHERE: u32 = u32::MAX;

impl Thread {
    /// A thread for these groups of the plan, and what wakes it.
    ///
    /// # Errors
    ///
    /// When the system has no poll or timer left.
    pub(crate) fn new(
        shared: Arc<Shared>,
        numbers: &[u32],
        orders: Receiver<Order>,
        board: Board,
    ) -> io::Result<(Self, Arc<Waker>)> {
        let poll = Poll::new()?;
        let alarm = Alarm::new(poll.registry(), ALARM)?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let plan = Arc::clone(&shared.plan);
        let mut thread = Thread {
            poll,
            alarm,
            orders,
            board,
            bots: Vec::new(),
            groups: Vec::new(),
            local: vec![NOWHERE; plan.bots.len()],
            arrivals: Vec::new(),
            events: plan.events().peekable(),
            timers: BinaryHeap::new(),
            books: Books::new(Arc::clone(&plan)),
            stand: Stand::Joining,
            windows: plan.windows(),
            tell_at_us: 0,
            scratch: Vec::new(),
            joined: 0,
            failed: 0,
            expected: 0,
            joined_us: 0,
            doubts: BTreeMap::new(),
            sends: 0,
            refused: 0,
            cut_off: 0,
            again: Vec::new(),
            shared,
        };
        for number in numbers {
            thread.cast(&plan, *number);
        }
        thread.arrivals.sort_by_key(|bot| {
            let bot = &plan.bots[thread.bots[*bot as usize].id as usize];
            Reverse(bot.arrives_us)
        });
        thread.expected = thread.arrivals.len() as u32;
        Ok((thread, waker))
    }

    /// Takes a group and its bots.
    fn cast(&mut self, plan: &plan::Plan, number: u32) {
        let group = self.groups.len() as u32;
        let planned = &plan.groups[number as usize];
        let mut talkers = Vec::new();
        for id in &planned.bots {
            let bot = self.bots.len() as u32;
            let role = plan.bots[*id as usize].role;
            self.bots.push(Bot::new(*id, group, role, message::name(plan.run, *id, 0)));
            self.local[*id as usize] = bot;
            match role {
                plan::Role::Knocker => continue,
                plan::Role::Talker => talkers.push(bot),
                _ => {}
            }
            self.arrivals.push(bot);
        }
        self.groups.push(Group {
            number,
            id: None,
            is_lost: false,
            ledger: GroupLedger::new(number),
            waiting: Vec::new(),
            talkers,
            next_talker: 0,
            marked: false,
        });
    }

    /// Carries the plan out.
    ///
    /// # Errors
    ///
    /// When the poll itself fails.
    pub(crate) fn run(mut self) -> io::Result<Outcome> {
        let mut events = Events::with_capacity(EVENTS);
        let mut buffer = vec![0; READ_BYTES];
        while !matches!(self.stand, Stand::Over { .. }) {
            self.obey();
            let next_us = self.do_what_is_due();
            let wait = self.wait_until(next_us);
            let timeout = self.alarm.set(wait);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            }
            for event in &events {
                if event.token().0 < self.bots.len() {
                    self.attend(event, &mut buffer);
                }
            }
            self.read_again(&mut buffer);
            self.keep_house();
        }
        Ok(self.close())
    }

    fn wait_until(&self, next_us: u64) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        (next_us < u64::MAX).then(|| self.shared.clock.until(next_us))
    }

    fn obey(&mut self) {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Begin { start_us }) => {
                    self.books.begin_phases(start_us);
                    self.stand = Stand::Phases { start_us };
                }
                Ok(Order::Stop) => self.stop(),
                Err(TryRecvError::Empty) => return,
                // Nobody waits for this thread any more.
                Err(TryRecvError::Disconnected) => {
                    self.stand = Stand::Over { is_settled: false };
                    return;
                }
            }
        }
    }

    /// Does what is due, but not so much that nothing is read meanwhile; says when something is due next.
    fn do_what_is_due(&mut self) -> u64 {
        for _ in 0..DEEDS_IN_A_ROW {
            let now_us = self.shared.clock.now_us();
            let next_us = self.next_due();
            if next_us > now_us {
                return next_us.min(self.tell_at_us);
            }
            self.do_next(now_us);
        }
        self.next_due()
    }

    fn next_due(&mut self) -> u64 {
        let arrival = self.arrivals.last().map_or(u64::MAX, |bot| self.arrives_us(*bot));
        let timer = self.timers.peek().map_or(u64::MAX, |Reverse((at_us, _))| *at_us);
        let event = self.next_event();
        let end = match self.stand {
            Stand::Settling { until_us } => until_us,
            _ => u64::MAX,
        };
        arrival.min(timer).min(event).min(end)
    }

    fn arrives_us(&self, bot: u32) -> u64 {
        self.shared.plan.bots[self.bots[bot as usize].id as usize].arrives_us
    }

    /// When the plan's next event of this thread is due; the end of the plan is one.
    fn next_event(&mut self) -> u64 {
        let Stand::Phases { start_us } = self.stand else { return u64::MAX };
        let local = &self.local;
        let is_foreign = |event: &plan::Event| local[event.bot as usize] == NOWHERE;
        while self.events.next_if(is_foreign).is_some() {}
        let end_us = self.shared.plan.end_us();
        start_us + self.events.peek().map_or(end_us, |event| event.at_us).min(end_us)
    }

    fn do_next(&mut self, now_us: u64) {
        if let Some(bot) = self.arrivals.last().copied()
            && self.arrives_us(bot) <= now_us
        {
            self.arrivals.pop();
            let intended_us = self.arrives_us(bot);
            return self.arrive(bot, intended_us);
        }
        if let Some(Reverse((at_us, timer))) = self.timers.peek().copied()
            && at_us <= now_us
        {
            self.timers.pop();
            return self.on_timer(timer, at_us);
        }
        match self.stand {
            Stand::Settling { until_us } if until_us <= now_us => {
                self.stand = Stand::Over { is_settled: true };
            }
            Stand::Phases { start_us } => self.next_in_plan(start_us),
            _ => {}
        }
    }

    fn next_in_plan(&mut self, start_us: u64) {
        let Some(event) = self.events.next() else { return self.settle() };
        let bot = self.local[event.bot as usize];
        let intended_us = start_us + event.at_us;
        match event.action {
            plan::Action::Say => self.say(bot, event.at_us, intended_us),
            plan::Action::Leave => self.leave(bot),
            plan::Action::Return => self.come_back(bot, intended_us),
            plan::Action::Knock => self.knock(bot, intended_us),
            plan::Action::StopReading => self.stop_reading(bot),
        }
    }

    fn on_timer(&mut self, timer: Timer, at_us: u64) {
        match timer {
            Timer::Dribble { bot } => self.dribble(bot, at_us),
            Timer::ComeBack { bot } => self.come_back(bot, at_us),
            Timer::JoinLimit { bot, visit } => self.give_up_joining(bot, visit),
        }
    }

    /// The phases are over: the last copies are waited for.
    fn settle(&mut self) {
        let now_us = self.shared.clock.now_us();
        let limit_us = u64::try_from(self.shared.spec.settle.as_micros()).unwrap_or(u64::MAX);
        self.stand = Stand::Settling { until_us: now_us.saturating_add(limit_us) };
    }

    fn stop(&mut self) {
        match self.stand {
            Stand::Joining | Stand::Phases { .. } => {
                self.arrivals.clear();
                self.settle();
            }
            // Asked for the second time, there is no waiting.
            Stand::Settling { .. } => self.stand = Stand::Over { is_settled: false },
            Stand::Over { .. } => {}
        }
    }

    fn attend(&mut self, event: &Readiness, buffer: &mut [u8]) {
        let bot = event.token().0 as u32;
        if self.bots[bot as usize].stage == Stage::Connecting && !self.opened(bot) {
            return;
        }
        if event.is_writable() {
            self.write_on(bot);
        }
        let ends = event.is_read_closed() || event.is_error();
        if self.bots[bot as usize].stage == Stage::Deaf {
            if ends {
                self.ended(bot);
            }
        } else if event.is_readable() || ends {
            self.read(bot, ends, buffer);
        }
        if self.next_due() <= self.shared.clock.now_us() {
            self.do_what_is_due();
        }
    }

    /// Reads what there is. A read that is not full has emptied the socket, unless the end is there.
    fn read(&mut self, bot: u32, ends: bool, buffer: &mut [u8]) {
        for _ in 0..READS_IN_A_ROW {
            let Some(stream) = &mut self.bots[bot as usize].stream else { return };
            match stream.read(buffer) {
                Ok(0) => return self.ended(bot),
                Ok(length) => {
                    let now_us = self.shared.clock.now_us();
                    self.hear(bot, &buffer[..length], now_us);
                    if length < buffer.len() && !ends {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.ended(bot),
            }
        }
        self.again.push(bot);
    }

    fn read_again(&mut self, buffer: &mut [u8]) {
        for bot in std::mem::take(&mut self.again) {
            if self.bots[bot as usize].stage != Stage::Deaf {
                self.read(bot, true, buffer);
            }
        }
    }

    /// What is done between two polls.
    fn keep_house(&mut self) {
        self.saturate();
        for group in &mut self.groups {
            group.ledger.retire(&mut self.books);
        }
        let now_us = self.shared.clock.now_us();
        if let Stand::Settling { .. } = self.stand {
            self.mark_ends();
            let mut groups = self.groups.iter();
            if groups.all(|group| group.marked && group.ledger.is_settled()) {
                self.stand = Stand::Over { is_settled: true };
            }
        }
        if now_us >= self.tell_at_us {
            self.put_away(now_us);
            self.tell_at_us = now_us + TELL_EVERY_US;
            self.tell(now_us);
        }
    }

    /// Puts away the figures of windows that are long over.
    fn put_away(&mut self, now_us: u64) {
        let Stand::Phases { start_us } = self.stand else { return };
        let long_ago = now_us.checked_sub(start_us + PUT_AWAY_AFTER_US);
        if let Some(window) = long_ago.and_then(|at_us| self.window_at(at_us)) {
            self.books.recorder.pack_before(window);
        }
    }

    fn tell(&self, now_us: u64) {
        let present = match self.stand {
            Stand::Phases { start_us } => now_us.checked_sub(start_us),
            _ => None,
        };
        let window = present.and_then(|at_us| self.window_at(at_us));
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.at_us = now_us;
        board.joined = self.joined;
        board.failed = self.failed;
        board.all_there = self.joined + self.failed >= self.expected;
        board.faults = self.books.findings.counts().values().sum();
        board.settling = matches!(self.stand, Stand::Settling { .. } | Stand::Over { .. });
        if let Some(window) = window {
            let phase = self.windows[window as usize].phase;
            (board.sends, board.copies) = self.books.recorder.phase_so_far(phase);
            board.deliveries = self.books.recorder.deliveries(window).cloned();
        }
    }

    /// The window of a time, in microseconds from the start of the first phase.
    pub(super) fn window_at(&self, at_us: u64) -> Option<u32> {
        let after = self.windows.partition_point(|window| window.start_us <= at_us);
        let window = self.windows.get(after.checked_sub(1)?)?;
        (at_us < window.start_us + window.length_us).then_some(after as u32 - 1)
    }

    pub(super) fn phase_of(&self, window: u32) -> u32 {
        self.windows[window as usize].phase
    }

    /// The place of a bot of the plan among this thread's.
    pub(super) fn local_of(&self, id: u32) -> u32 {
        self.local[id as usize]
    }

    pub(super) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    pub(super) fn doubt(&mut self, why: impl Into<String>) {
        let mut why: String = why.into().chars().take(MAX_DOUBT_CHARS).collect();
        if self.doubts.len() >= MAX_DOUBTS && !self.doubts.contains_key(&why) {
            why = "there are other doubts like these".to_owned();
        }
        *self.doubts.entry(why).or_default() += 1;
    }

    fn close(mut self) -> Outcome {
        let now_us = self.shared.clock.now_us();
        let mut receivers = Vec::new();
        for group in &mut self.groups {
            if self.stand == (Stand::Over { is_settled: true }) {
                group.ledger.settle(&mut self.books);
            }
            receivers.extend(group.ledger.receivers(MIN_COPIES));
        }
        for bot in &mut self.bots {
            if let Some(stream) = bot.stream.take() {
                reset(&stream);
            }
        }
        self.tell(now_us);
        Outcome {
            books: self.books,
            joined: self.joined,
            joined_us: self.joined_us,
            doubts: self.doubts,
            sends: self.sends,
            refused: self.refused,
            cut_off: self.cut_off,
            receivers,
        }
    }
}

/// The copies a receiver needs for a 99th percentile of its own.
const MIN_COPIES: u64 = 1000;

/// Makes the close a reset: thousands of farewells, each told to everybody, would be a load of their
/// own, and the ports would be held for a minute.
pub(super) fn reset(stream: &mio::net::TcpStream) {
    // It is only about how it is closed; closed it is.
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
