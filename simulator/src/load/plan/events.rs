//! What happens after the joining, in order of time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use super::random::{self, Stream};
use super::schedule::Schedule;
use super::{Action, Event, Plan, PlannedPhase, Role};
use crate::load::spec::{Roles, Spacing};

/// An iterator over what happens, made by [`Plan::events`]. It borrows nothing.
#[derive(Debug, Clone)]
pub struct Events {
    phases: Arc<[PlannedPhase]>,
    says: Says,
    /// The next of the talkers' sends, taken out to be compared.
    next_say: Option<(u64, u32)>,
    stops: VecDeque<Deed>,
    /// The next deed of each bot that misbehaves in time.
    deeds: BinaryHeap<Reverse<Deed>>,
    periods: Periods,
    end_us: u64,
    /// The phase of the last event.
    phase: usize,
}

/// The next deed of a bot, in the order in which deeds come; what happens at the same time comes in the
/// order of [`Action`], and then of the bots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Deed {
    at_us: u64,
    action: Action,
    bot: u32,
}

/// The times between two deeds, in microseconds.
#[derive(Debug, Clone, Copy)]
struct Periods {
    dribble: u64,
    stay: u64,
    away: u64,
    knock: u64,
}

/// How often a bot comes and goes after the joining.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Comings {
    pub(super) leaves: u64,
    pub(super) returns: u64,
    pub(super) knocks: u64,
}

/// How often each bot comes and goes, in the order of the bots.
pub(super) fn comings(plan: &Plan) -> impl Iterator<Item = Comings> {
    let (periods, end_us) = (Periods::new(&plan.roles), plan.end_us());
    let bots = plan.bots.iter().zip(0..);
    bots.map(move |(bot, id)| periods.comings(id, bot.role, plan.seed, end_us))
}

impl Periods {
    fn new(roles: &Roles) -> Self {
        let micros = |time: Option<std::time::Duration>| time.map_or(1, micros).max(1);
        Periods {
            dribble: micros(roles.dribblers.as_ref().map(|role| role.every)),
            stay: micros(roles.leavers.as_ref().map(|role| role.stay)),
            away: micros(roles.leavers.as_ref().map(|role| role.away)),
            knock: micros(roles.knockers.as_ref().map(|role| role.every)),
        }
    }

    /// The first deed of a bot, at a random time of its period.
    fn first(&self, bot: u32, role: Role, seed: u64) -> Option<Deed> {
        let (stream, period, action) = match role {
            Role::Dribbler => (Stream::Dribbles, self.dribble, Action::Say),
            Role::Leaver => (Stream::Leaves, self.stay, Action::Leave),
            Role::Knocker => (Stream::Knocks, self.knock, Action::Knock),
            Role::Talker | Role::Listener | Role::Stalled => return None,
        };
        let at_us = random::mix(seed, stream, bot.into()) % period;
        Some(Deed { at_us, action, bot })
    }

    /// How often a bot leaves, comes back and knocks before `end_us`.
    fn comings(&self, bot: u32, role: Role, seed: u64, end_us: u64) -> Comings {
        let Some(first) = self.first(bot, role, seed) else { return Comings::default() };
        let often = |first: u64, period: u64| end_us.saturating_sub(first).div_ceil(period);
        let cycle = self.stay + self.away;
        match role {
            Role::Leaver => Comings {
                leaves: often(first.at_us, cycle),
                returns: often(first.at_us + self.away, cycle),
                knocks: 0,
            },
            Role::Knocker => {
                Comings { knocks: often(first.at_us, self.knock), ..Comings::default() }
            }
            _ => Comings::default(),
        }
    }

    /// What the bot of a deed does next.
    fn after(&self, deed: Deed) -> Deed {
        let (later, action) = match deed.action {
            Action::Leave => (self.away, Action::Return),
            Action::Return => (self.stay, Action::Leave),
            Action::Knock => (self.knock, Action::Knock),
            Action::Say | Action::StopReading => (self.dribble, deed.action),
        };
        Deed { at_us: deed.at_us + later, action, bot: deed.bot }
    }
}

pub(super) fn micros(time: std::time::Duration) -> u64 {
    time.as_micros() as u64
}

impl Events {
    pub(super) fn new(plan: &Plan) -> Self {
        let periods = Periods::new(&plan.roles);
        let end_us = plan.end_us();
        let bots = || plan.bots.iter().zip(0..);
        let first = bots().filter_map(|(bot, id)| periods.first(id, bot.role, plan.seed));
        let mut says = Says::new(plan);
        Events {
            phases: Arc::clone(&plan.phases),
            next_say: says.next(),
            says,
            stops: plan.roles.stalled.as_ref().map_or_else(VecDeque::new, |stalled| {
                let at_us = plan.phases[stalled.from].start_us;
                let stalled = bots().filter(|(bot, _)| bot.role == Role::Stalled);
                stalled.map(|(_, bot)| Deed { at_us, action: Action::StopReading, bot }).collect()
            }),
            deeds: first.filter(|deed| deed.at_us < end_us).map(Reverse).collect(),
            periods,
            end_us,
            phase: 0,
        }
    }

    /// The next deed of those who misbehave, and the one after it put in its place.
    fn next_deed(&mut self) -> Option<Deed> {
        if self.stop_is_next() {
            return self.stops.pop_front();
        }
        let mut top = self.deeds.peek_mut()?;
        let Reverse(deed) = *top;
        let after = self.periods.after(deed);
        if after.at_us < self.end_us {
            *top = Reverse(after);
        } else {
            std::collections::binary_heap::PeekMut::pop(top);
        }
        Some(deed)
    }

    fn stop_is_next(&self) -> bool {
        match (self.stops.front(), self.deeds.peek()) {
            (Some(stop), Some(Reverse(deed))) => stop < deed,
            (stop, None) => stop.is_some(),
            (None, _) => false,
        }
    }

    /// When the next deed of those who misbehave is, and which.
    fn peek_deed(&self) -> Option<Deed> {
        let deed = self.deeds.peek().map(|Reverse(deed)| *deed);
        if self.stop_is_next() { self.stops.front().copied() } else { deed }
    }

    fn event(&mut self, deed: Deed) -> Event {
        let next_starts = |phase: usize| {
            self.phases.get(phase + 1).is_some_and(|next| next.start_us <= deed.at_us)
        };
        while next_starts(self.phase) {
            self.phase += 1;
        }
        Event { at_us: deed.at_us, phase: self.phase as u32, bot: deed.bot, action: deed.action }
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let say = self.next_say.map(|(at_us, bot)| Deed { at_us, action: Action::Say, bot });
        let deed = match (say, self.peek_deed()) {
            (Some(say), deed) if deed.is_none_or(|deed| say < deed) => {
                self.next_say = self.says.next();
                say
            }
            _ => self.next_deed()?,
        };
        Some(self.event(deed))
    }
}

/// What the talkers say, phase by phase: when, and which bot.
#[derive(Debug, Clone)]
struct Says {
    phases: Arc<[PlannedPhase]>,
    talkers: Arc<[u32]>,
    spacing: Spacing,
    seed: u64,
    next_phase: usize,
    start_us: u64,
    schedule: Option<(Schedule, fastrand::Rng)>,
}

impl Says {
    fn new(plan: &Plan) -> Self {
        let talkers = plan.bots.iter().zip(0..).filter(|(bot, _)| bot.role == Role::Talker);
        Says {
            phases: Arc::clone(&plan.phases),
            talkers: talkers.map(|(_, id)| id).collect(),
            spacing: plan.messages.spacing,
            seed: plan.seed,
            next_phase: 0,
            start_us: 0,
            schedule: None,
        }
    }
}

impl Iterator for Says {
    type Item = (u64, u32);

    fn next(&mut self) -> Option<(u64, u32)> {
        if self.talkers.is_empty() {
            return None;
        }
        loop {
            if let Some((schedule, rng)) = &mut self.schedule
                && let Some(at_us) = schedule.next()
            {
                let talker = self.talkers[rng.usize(..self.talkers.len())];
                return Some((self.start_us + at_us, talker));
            }
            let phase = self.phases.get(self.next_phase)?;
            let number = self.next_phase as u64;
            let rng = random::generator(self.seed, Stream::Says, 2 * number + 1);
            self.schedule = Some((Schedule::new(phase, number, self.spacing, self.seed), rng));
            self.start_us = phase.start_us;
            self.next_phase += 1;
        }
    }
}
