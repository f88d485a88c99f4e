//! What a plan adds up to, before a single connection.

use super::schedule::{expected, rates};
use super::{Plan, PlannedPhase, Role, events};
use crate::load::spec::{Shape, Spacing};

/// The simulator's memory for each bot, in bytes.
pub const BOT_BYTES: u64 = 6 * 1024;

/// The reference server's memory for each idle member, in bytes, as measured.
pub const MEMBER_BYTES: u64 = 2560;

/// The descriptors that a process needs beside its connections: its standard streams, its log, what it
/// waits with, the files of a report, and some to spare.
pub const OTHER_DESCRIPTORS: u64 = 64;

/// About the bytes of a notice: the longer of the two sentences, and a name.
const NOTICE_BYTES: u64 = 42;

/// How long the system may keep a closed connection's port, in microseconds.
const PORT_KEPT_US: u64 = 60_000_000;

/// What a plan adds up to.
///
/// Deliveries are what is to be expected: which talker says a message is random, and so is the size of its
/// group. Members that are away for a while count as there.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals {
    /// All bots.
    pub bots: u64,
    /// Those that join.
    pub members: u64,
    /// The least and the most members of a group.
    pub group_sizes: (u64, u64),
    /// From the first connection to the last, in microseconds.
    pub joining_us: u64,
    /// The lines by which newcomers and those who are there are told of the joining, each of `n` members
    /// of a group to all that are there by then: `n (n + 1) / 2`.
    pub join_notices: u64,
    /// What each phase adds up to.
    pub phases: Vec<PhaseTotals>,
    /// From the start of the first phase to the end of the last, in microseconds.
    pub phases_us: u64,
    /// How often somebody sends a message in the phases that have a schedule.
    pub sends: u64,
    /// How many copies of them arrive.
    pub deliveries: u64,
    /// The lines by which members are told of those that leave and come back.
    pub later_notices: u64,
    /// The most copies of messages that arrive in a second.
    pub peak_deliveries: u64,
    /// The bytes that the bots receive, line ends counted, notices too.
    pub received_bytes: u64,
    /// Whether there are phases that go as fast as the server takes it, and are not counted here.
    pub saturates: bool,
    /// How many connections are made after the joining.
    pub reconnects: u64,
}

/// What a phase adds up to.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseTotals {
    /// How often somebody sends a message by the schedule.
    pub sends: u64,
    /// How many copies of them arrive.
    pub deliveries: u64,
}

impl Totals {
    /// What a plan adds up to.
    #[must_use]
    pub fn new(plan: &Plan) -> Totals {
        let voices = Voices::new(plan);
        let phases: Vec<PhaseTotals> = plan.phases.iter().map(|phase| voices.of(phase)).collect();
        let sizes = || plan.groups.iter().map(|group| u64::from(group.members));
        let deliveries = phases.iter().map(|phase| phase.deliveries).sum();
        let (later_notices, reconnects) = comings_and_goings(plan);
        let join_notices = sizes().map(|size| size * (size + 1) / 2).sum();
        Totals {
            bots: plan.bots.len() as u64,
            members: sizes().sum(),
            group_sizes: (sizes().min().unwrap_or(0), sizes().max().unwrap_or(0)),
            joining_us: plan.arrived_us,
            join_notices,
            phases_us: plan.end_us(),
            sends: phases.iter().map(|phase| phase.sends).sum(),
            deliveries,
            later_notices,
            peak_deliveries: voices.peak(plan),
            received_bytes: (deliveries as f64 * voices.bytes) as u64
                + (join_notices + later_notices) * NOTICE_BYTES,
            saturates: plan.phases.iter().any(|phase| phase.scheduled().is_none()),
            reconnects,
            phases,
        }
    }

    /// The same with the bots that one process of several has: part `part` of `of`, from 1.
    #[must_use]
    pub fn of_part(mut self, plan: &Plan, (part, of): (u32, u32)) -> Totals {
        let is_own = |bot: &&super::PlannedBot| bot.group % of == part - 1;
        let own = plan.bots.iter().filter(is_own);
        self.bots = own.clone().count() as u64;
        self.members = own.filter(|bot| bot.role != Role::Knocker).count() as u64;
        self.reconnects = self.reconnects.div_ceil(of.into());
        self
    }

    /// The descriptors that the simulator needs; as many as the server.
    #[must_use]
    pub fn descriptors(&self) -> u64 {
        self.bots + OTHER_DESCRIPTORS
    }

    /// The ports that are in use at the same time, counting those that the system keeps for a while after a
    /// connection is closed.
    #[must_use]
    pub fn ports(&self) -> u64 {
        let kept = self.reconnects as f64 * PORT_KEPT_US as f64 / self.phases_us.max(1) as f64;
        self.bots + (kept.ceil() as u64).min(self.reconnects)
    }

    /// About the memory that the simulator needs for the bots, in bytes.
    #[must_use]
    pub fn simulator_bytes(&self) -> u64 {
        self.bots * BOT_BYTES
    }

    /// About the memory that the reference server needs for the members, in bytes.
    #[must_use]
    pub fn server_bytes(&self) -> u64 {
        self.members * MEMBER_BYTES
    }
}

impl PlannedPhase {
    /// Its rates at the beginning and the end; `None` where it goes as fast as the server takes it.
    fn scheduled(&self) -> Option<(f64, f64)> {
        match self.shape {
            Shape::Saturate(_) => None,
            _ => Some(rates(&self.shape).unwrap_or_default()),
        }
    }
}

/// Who speaks, and to how many.
struct Voices {
    /// The mean size of a talker's group.
    audience: f64,
    /// How often dribblers speak, all together, per second.
    dribbles: f64,
    /// The mean size of a dribbler's group.
    dribblers_audience: f64,
    /// The mean size of a message, its line end counted.
    bytes: f64,
    spacing: Spacing,
}

impl Voices {
    fn new(plan: &Plan) -> Self {
        let every = plan.roles.dribblers.as_ref().map(|role| role.every.as_secs_f64());
        let sizes = [plan.messages.min_bytes, plan.messages.max_bytes].map(f64::from);
        Voices {
            audience: audience(plan, Role::Talker),
            dribbles: every.map_or(0.0, |every| f64::from(plan.count(Role::Dribbler)) / every),
            dribblers_audience: audience(plan, Role::Dribbler),
            bytes: f64::midpoint(sizes[0], sizes[1]) + 1.0,
            spacing: plan.messages.spacing,
        }
    }

    fn of(&self, phase: &PlannedPhase) -> PhaseTotals {
        let seconds = phase.length_us as f64 / 1e6;
        let said = phase.scheduled().map_or(0.0, |rates| expected(rates, seconds, seconds));
        let said = match self.spacing {
            // One for each half that is passed, as the schedule has it.
            Spacing::Even => (said + 0.5).ceil() - 1.0,
            Spacing::Random => said.round(),
        };
        let dribbled = (self.dribbles * seconds).round();
        let deliveries = said * self.audience + dribbled * self.dribblers_audience;
        PhaseTotals { sends: (said + dribbled) as u64, deliveries: deliveries.round() as u64 }
    }

    /// The most that arrives in a second, by the windows of the phases.
    fn peak(&self, plan: &Plan) -> u64 {
        let rate = |window: &super::Window| {
            let phase = &plan.phases[window.phase as usize];
            let length = phase.length_us as f64 / 1e6;
            let from = (window.start_us - phase.start_us) as f64 / 1e6;
            let seconds = window.length_us as f64 / 1e6;
            let until = |time| phase.scheduled().map_or(0.0, |rates| expected(rates, length, time));
            let said = (until(from + seconds) - until(from)) / seconds;
            said * self.audience + self.dribbles * self.dribblers_audience
        };
        plan.windows().iter().map(rate).fold(0.0, f64::max).round() as u64
    }
}

/// The mean size of the groups of those with a role.
fn audience(plan: &Plan, role: Role) -> f64 {
    let with_role = || plan.bots.iter().filter(|bot| bot.role == role);
    let sizes = with_role().map(|bot| u64::from(plan.groups[bot.group as usize].members));
    sizes.sum::<u64>() as f64 / (with_role().count().max(1)) as f64
}

/// The notices of those who leave and come back, and the connections made after the joining.
fn comings_and_goings(plan: &Plan) -> (u64, u64) {
    let (mut notices, mut connections) = (0, 0);
    for (bot, comings) in plan.bots.iter().zip(events::comings(plan)) {
        let members = u64::from(plan.groups[bot.group as usize].members);
        notices += comings.leaves * members.saturating_sub(1) + comings.returns * members;
        connections += comings.returns + comings.knocks;
    }
    (notices, connections)
}

#[cfg(test)]
mod tests {
    use crate::load::plan::tests::{EVERYBODY, spec};
    use crate::load::plan::{Action, Plan, Role};

    use super::*;

    #[test]
    fn what_is_added_up_is_what_happens() {
        let plan = Plan::new(&spec(EVERYBODY), 7);
        let totals = Totals::new(&plan);
        let count = |action| plan.events().filter(|event| event.action == action).count() as u64;
        assert_eq!(totals.sends, count(Action::Say));
        assert_eq!(totals.reconnects, count(Action::Return) + count(Action::Knock));
        let members =
            |bot: u32| u64::from(plan.groups[plan.bots[bot as usize].group as usize].members);
        let notices = plan.events().map(|event| match event.action {
            Action::Leave => members(event.bot) - 1,
            Action::Return => members(event.bot),
            _ => 0,
        });
        assert_eq!(totals.later_notices, notices.sum::<u64>());
        let says = plan.events().filter(|event| event.action == Action::Say);
        let copies: u64 = says.map(|say| members(say.bot)).sum();
        // Which talker speaks is random, and groups differ in size.
        let off = totals.deliveries.abs_diff(copies) as f64 / copies as f64;
        assert!(off < 0.1, "{} for {copies}", totals.deliveries);
    }

    #[test]
    fn a_newcomer_is_told_to_itself_and_to_everybody_there() {
        let text = "title = \"x\"\n[crowd]\nbots = 11\ngroups = 2\n[roles]\ntalkers = 1\n\
                    knockers = { share = 1 }\n[[phase]]\nname = \"a\"\nfor = \"2500ms\"\n\
                    ramp = [\"0/s\", \"100/s\"]\n";
        let plan = Plan::new(&spec(text), 1);
        let totals = Totals::new(&plan);
        let sizes: Vec<u64> = plan.groups.iter().map(|group| group.members.into()).collect();
        assert_eq!(sizes.iter().sum::<u64>(), 10);
        let told = |size: u64| (1..=size).sum::<u64>();
        assert_eq!(totals.join_notices, told(sizes[0]) + told(sizes[1]));
        // One talker: every figure is exact. The last half second of the ramp is its fastest.
        let talker = plan.bots.iter().find(|bot| bot.role == Role::Talker).unwrap();
        let audience = sizes[talker.group as usize];
        assert_eq!((totals.sends, totals.deliveries), (125, 125 * audience));
        assert_eq!(totals.peak_deliveries, 90 * audience);
        assert_eq!(totals.received_bytes, 125 * audience * 65 + totals.join_notices * 42);
        assert_eq!(totals.descriptors(), 11 + 64);
        assert_eq!(totals.joining_us, 4500);
        // A knocker needs its port anew each second.
        assert_eq!(totals.ports(), 11 + totals.reconnects);
    }
}
