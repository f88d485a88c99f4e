//! A server that is right, or wrong in one place, and its members, who are read in any order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chatroom_protocol::Notice;
use proptest::prelude::*;

use crate::diagnostics::Source;
use crate::load::ledger::{Books, GroupLedger, Slot};
use crate::load::message::{self, Message};
use crate::load::plan::Plan;
use crate::load::record::{Evidence, FaultKind};
use crate::load::spec;

const FILE: &str = r#"
title = "A small group, and another one beside it"

[crowd]
bots = 24
groups = 2

[messages]
bytes = [64, 96]

[[phase]]
name = "talk"
for = "10s"
rate = "100/s"
"#;

/// What somebody in the group does; the numbers are taken modulo how many can do it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    Join,
    ComeBack(usize),
    Leave(usize),
    GoDeaf(usize),
    Talk(usize),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Join),
        1 => any::<usize>().prop_map(Step::ComeBack),
        1 => any::<usize>().prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::GoDeaf),
        12 => any::<usize>().prop_map(Step::Talk),
    ];
    proptest::collection::vec(step, 1..60)
}

/// The members that are there from the beginning and stay, as most of a group do. Where nobody stays, what
/// is wrong beside a coming or going may be told as two faults.
const STAY: usize = 3;

/// The same where nobody goes or stops reading.
pub(super) fn calm_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Join),
        12 => any::<usize>().prop_map(Step::Talk),
    ];
    proptest::collection::vec(step, 1..60)
}

/// What a line of the order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Said by the member with this number, its so many-th.
    Said(usize, u32),
    Arrived(usize),
    Left(usize),
}

impl What {
    pub(super) fn is_said(self) -> bool {
        matches!(self, What::Said(..))
    }
}

/// A line as one member gets it.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Its place in the order; `None` for what the server should not have sent.
    pub(super) place: Option<usize>,
    /// The step before which it cannot be read.
    pub(super) step: usize,
    pub(super) bytes: Vec<u8>,
}

/// One stay of a bot.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) bot: u32,
    pub(super) visit: u32,
    pub(super) name: String,
    /// The steps at which it comes, and goes or stops reading.
    pub(super) comes: usize,
    pub(super) goes: Option<usize>,
    pub(super) is_deaf: bool,
    pub(super) lines: Vec<Line>,
}

impl Member {
    pub(super) fn stays(&self) -> bool {
        self.goes.is_none()
    }

    pub(super) fn get(&self, place: usize) -> Option<usize> {
        self.lines.iter().position(|line| line.place == Some(place))
    }
}

/// What happens in the group, and what everybody gets of it.
#[derive(Debug, Clone)]
pub(super) struct History {
    pub(super) plan: Arc<Plan>,
    pub(super) order: Vec<What>,
    pub(super) members: Vec<Member>,
    /// For each step, what is done before it.
    doings: Vec<Option<Doing>>,
}

#[derive(Debug, Clone, Copy)]
enum Doing {
    Ask(usize),
    Leave(usize),
    GoDeaf(usize),
    Say(usize, u32),
}

impl History {
    pub(super) fn new(steps: &[Step]) -> History {
        let spec = spec::load(&Source::new(Path::new("small.toml"), FILE.to_owned())).unwrap();
        let plan = Arc::new(Plan::new(&spec, 7));
        let mut history =
            History { plan, order: Vec::new(), members: Vec::new(), doings: Vec::new() };
        (0..STAY).for_each(|_| history.step(Step::Join));
        steps.iter().for_each(|step| history.step(*step));
        history
    }

    fn step(&mut self, step: Step) {
        let doing = self.act(step);
        self.doings.push(doing);
    }

    fn here(&self) -> Vec<usize> {
        (0..self.members.len()).filter(|index| self.members[*index].stays()).collect()
    }

    fn act(&mut self, step: Step) -> Option<Doing> {
        let here = self.here();
        let pick = |from: &[usize], number: usize| from.get(number % from.len().max(1)).copied();
        match step {
            Step::Join => {
                let bots = &self.plan.groups[0].bots;
                let known = |bot: &&u32| self.members.iter().any(|member| member.bot == **bot);
                let bot = *bots.iter().find(|bot| !known(bot))?;
                Some(self.come(bot, 0))
            }
            Step::ComeBack(number) => {
                let left = |index: &usize| {
                    let gone = &self.members[*index];
                    let again = |other: &Member| {
                        other.bot == gone.bot && (other.stays() || other.visit > gone.visit)
                    };
                    gone.goes.is_some() && !gone.is_deaf && !self.members.iter().any(again)
                };
                let gone: Vec<usize> = (0..self.members.len()).filter(left).collect();
                let gone = &self.members[pick(&gone, number)?];
                Some(self.come(gone.bot, gone.visit + 1))
            }
            Step::Leave(number) => {
                let index = pick(&here, number).filter(|index| *index >= STAY)?;
                self.members[index].goes = Some(self.doings.len());
                self.say_to_all(What::Left(index));
                Some(Doing::Leave(index))
            }
            Step::GoDeaf(number) => {
                // Somebody has to be left who reads.
                let index = pick(&here, number).filter(|index| *index >= STAY)?;
                let member = &mut self.members[index];
                member.goes = Some(self.doings.len());
                member.is_deaf = true;
                Some(Doing::GoDeaf(index))
            }
            Step::Talk(number) => {
                let first_stays: Vec<usize> =
                    here.into_iter().filter(|index| self.members[*index].visit == 0).collect();
                let index = pick(&first_stays, number)?;
                let said = |what: &&What| matches!(what, What::Said(who, _) if *who == index);
                let sequence = self.order.iter().filter(said).count() as u32;
                self.say_to_all(What::Said(index, sequence));
                Some(Doing::Say(index, sequence))
            }
        }
    }

    fn come(&mut self, bot: u32, visit: u32) -> Doing {
        let index = self.members.len();
        let name = message::name(self.plan.run, bot, visit);
        let comes = self.doings.len();
        let (goes, is_deaf, lines) = (None, false, Vec::new());
        self.members.push(Member { bot, visit, name, comes, goes, is_deaf, lines });
        self.say_to_all(What::Arrived(index));
        Doing::Ask(index)
    }

    fn say_to_all(&mut self, what: What) {
        let (place, step) = (Some(self.order.len()), self.doings.len());
        self.order.push(what);
        let bytes = self.bytes(what, step);
        for member in self.members.iter_mut().filter(|member| member.stays()) {
            member.lines.push(Line { place, step, bytes: bytes.clone() });
        }
    }

    fn bytes(&self, what: What, step: usize) -> Vec<u8> {
        let notice = |notice: Notice<'_>| format!("{notice}\n").into_bytes();
        match what {
            What::Arrived(index) => notice(Notice::Arrived(&self.members[index].name)),
            What::Left(index) => notice(Notice::Left(&self.members[index].name)),
            What::Said(index, sequence) => {
                let member = &self.members[index];
                self.message(0, member.bot, &member.name, sequence, step)
            }
        }
    }

    /// A message of any bot.
    pub(super) fn message(
        &self,
        group: u32,
        bot: u32,
        name: &str,
        sequence: u32,
        step: usize,
    ) -> Vec<u8> {
        let message = Message { group, bot, sequence, at_us: at_us(step) };
        let bytes = self.plan.message_bytes(bot, sequence.into());
        let mut line = Vec::new();
        message.compose(self.plan.run, name, bytes, &mut line);
        line.push(b'\n');
        line
    }

    /// A message of the other group.
    pub(super) fn foreign(&self) -> Vec<u8> {
        let bot = self.plan.groups[1].bots[3];
        self.message(1, bot, &message::name(self.plan.run, bot, 0), 5, 2)
    }

    /// Who gets all of these lines, and is not this one.
    pub(super) fn others(&self, but: usize, places: &[usize]) -> usize {
        let sees = |member: &Member| places.iter().all(|place| member.get(*place).is_some());
        let others = self
            .members
            .iter()
            .enumerate()
            .filter(|(index, member)| *index != but && !member.is_deaf && sees(member));
        others.count()
    }
}

/// When a step happens, in microseconds of the run.
fn at_us(step: usize) -> u64 {
    1_000 * (step as u64 + 1)
}

/// What the ledger found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) faults: BTreeMap<FaultKind, u64>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) verified: u64,
    pub(super) notices: u64,
    /// How many messages and notices were read, right or wrong.
    pub(super) read: (u64, u64),
    /// When each member was welcomed, in steps of the history.
    pub(super) welcomed: Vec<Option<u64>>,
    pub(super) was_settled: bool,
}

/// Plays a history to a ledger, the members being read in an order that follows from the seed.
pub(super) fn play(history: &History, seed: u64) -> Found {
    let player = Player {
        history,
        ledger: GroupLedger::new(0),
        books: Books::new(Arc::clone(&history.plan)),
        slots: vec![None; history.members.len()],
        read: vec![0; history.members.len()],
        welcomed: vec![None; history.members.len()],
        counts: (0, 0),
        now_us: 0,
        random: fastrand::Rng::with_seed(seed),
    };
    player.play()
}

struct Player<'h> {
    history: &'h History,
    ledger: GroupLedger,
    books: Books,
    slots: Vec<Option<Slot>>,
    /// How many lines each member has read.
    read: Vec<usize>,
    welcomed: Vec<Option<u64>>,
    counts: (u64, u64),
    now_us: u64,
    random: fastrand::Rng,
}

impl Player<'_> {
    fn play(mut self) -> Found {
        // Some worlds read eagerly, in others the lines pile up.
        let eagerness = self.random.usize(0..4);
        for step in 0..self.history.doings.len() {
            self.now_us = self.now_us.max(at_us(step));
            self.doing(step);
            for _ in 0..self.random.usize(0..=3 * eagerness) {
                self.read_some(step);
            }
        }
        let last = self.history.doings.len();
        while self.read_some(last) {}
        let was_settled = self.ledger.is_settled();
        self.ledger.settle(&mut self.books);
        let faults = self.books.findings.counts().clone();
        let (verified, notices) = (self.books.verified, self.books.notices);
        let evidence = self.books.findings.into_evidence();
        let evidence = evidence.filter(|one| one.fault.is_some()).collect();
        let (read, welcomed) = (self.counts, self.welcomed);
        Found { faults, evidence, verified, notices, read, welcomed, was_settled }
    }

    fn doing(&mut self, step: usize) {
        let Some(doing) = self.history.doings[step] else { return };
        // Only who was welcomed does anything, and nobody comes before there is a group.
        match doing {
            Doing::Ask(0) => {}
            Doing::Ask(_) => self.welcome(0),
            Doing::Leave(index) | Doing::GoDeaf(index) | Doing::Say(index, _) => {
                self.welcome(index);
            }
        }
        match doing {
            Doing::Ask(index) => {
                let member = &self.history.members[index];
                self.slots[index] = Some(self.ledger.ask(member.bot, member.visit, true));
            }
            Doing::Leave(index) => {
                let slot = self.slots[index].unwrap();
                self.ledger.leave(slot, self.now_us);
            }
            Doing::GoDeaf(index) => self.ledger.go_deaf(self.slots[index].unwrap()),
            Doing::Say(index, sequence) => {
                let member = &self.history.members[index];
                let at_us = at_us(step);
                let message = Message { group: 0, bot: member.bot, sequence, at_us };
                self.ledger.sent(message, &member.name, true, at_us, self.now_us, 0);
            }
        }
    }

    /// A member reads its first line, which is its arrival.
    fn welcome(&mut self, index: usize) {
        if self.read[index] == 0 {
            self.hear(index, &self.history.members[index].lines[..1]);
            self.read[index] = 1;
        }
    }

    /// Somebody reads some of what there is for it by this step; false if there is nothing.
    fn read_some(&mut self, step: usize) -> bool {
        let history = self.history;
        let there = |player: &Self, index: usize| {
            let member = &history.members[index];
            let lines = &member.lines[player.read[index]..];
            let deaf = member.is_deaf && member.goes.is_some_and(|goes| goes <= step);
            if deaf { 0 } else { lines.iter().take_while(|line| line.step <= step).count() }
        };
        let ready: Vec<usize> =
            (0..history.members.len()).filter(|index| there(self, *index) > 0).collect();
        if ready.is_empty() {
            return false;
        }
        let index = ready[self.random.usize(0..ready.len())];
        let count = self.random.usize(1..=there(self, index));
        let from = self.read[index];
        self.now_us += 1;
        self.hear(index, &history.members[index].lines[from..from + count]);
        self.read[index] += count;
        let member = &history.members[index];
        let is_over = self.read[index] == member.lines.len() && !member.is_deaf;
        if is_over && member.goes.is_some_and(|goes| goes <= step) {
            self.ledger.gone(self.slots[index].unwrap(), self.now_us);
        }
        match self.random.u8(0..8) {
            0 => self.ledger.retire_now(&mut self.books),
            _ => self.ledger.retire(&mut self.books),
        }
        true
    }

    /// What a bot's thread does with what it reads.
    fn hear(&mut self, index: usize, lines: &[Line]) {
        for line in lines {
            match line.place.map(|place| self.history.order[place]) {
                Some(What::Said(..)) => self.counts.0 += 1,
                Some(_) => self.counts.1 += 1,
                None => {}
            }
        }
        let slot = self.slots[index].unwrap();
        let own = Notice::Arrived(&self.history.members[index].name).to_string();
        let bytes: Vec<u8> = lines.iter().flat_map(|line| line.bytes.clone()).collect();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            if self.welcomed[index].is_some()
                && let Some(length) = self.ledger.expect(slot, rest, self.now_us, &mut self.books)
            {
                rest = &rest[length..];
                continue;
            }
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.ledger.irregular(slot, &rest[..end], self.now_us, &mut self.books);
            if &rest[..end] == own.as_bytes() && self.welcomed[index].is_none() {
                self.ledger.welcome(slot, self.now_us);
                self.welcomed[index] = Some(self.now_us);
            }
            rest = &rest[rest.len().min(end + 1)..];
        }
    }
}
