//! What holds for every plan.

use proptest::prelude::*;

use super::*;
use crate::diagnostics::Source;
use crate::load::spec::{self, RoleCounts};

pub(super) fn spec(text: &str) -> LoadSpec {
    let source = Source::new("load.toml", text);
    spec::load(&source).unwrap_or_else(|errors| {
        let errors: Vec<_> = errors.iter().map(|error| error.render(&source, false)).collect();
        panic!("{}", errors.join("\n"))
    })
}

pub(super) const EVERYBODY: &str = r#"
title = "everybody"
[crowd]
bots = 60
groups = 7
sizes = "skewed"
[roles]
talkers = 10
stalled = { share = 5, from = "end" }
dribblers = { share = 4, every = "200ms", pause = "1ms" }
leavers = { share = 6, stay = "300ms", away = "100ms" }
knockers = { share = 8, every = "250ms" }
[messages]
bytes = [64, 300]
[[phase]]
name = "calm"
for = "1500ms"
rate = "100/s"
[[phase]]
name = "up"
for = "2s"
ramp = ["100/s", "400/s"]
[[phase]]
name = "end"
for = "500ms"
saturate = 4
"#;

/// What a crowd of silent listeners adds up to.
pub(super) fn totals_of(bots: u32) -> totals::Totals {
    let text = format!(
        "title = \"x\"\n[crowd]\nbots = {bots}\ngroups = 1\n[[phase]]\nname = \"a\"\n\
         for = \"1s\"\nrate = \"0/s\"\n"
    );
    totals::Totals::new(&Plan::new(&spec(&text), 1))
}

#[test]
fn what_plan_prints() {
    let spec = spec(EVERYBODY);
    let plan = Plan::new(&spec, 7);
    let mut out = Vec::new();
    show::print(&spec, &plan, &totals::Totals::new(&plan), &mut out).unwrap();
    out.push(b'\n');
    show::print_sends(&plan, 4, &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

fn events(plan: &Plan, action: Action, role: Role) -> Vec<Event> {
    let is_meant =
        |event: &Event| event.action == action && plan.bots[event.bot as usize].role == role;
    plan.events().filter(is_meant).collect()
}

#[test]
fn everybody_does_what_the_file_says() {
    let plan = Plan::new(&spec(EVERYBODY), 7);
    let counts: Vec<_> = Role::ALL.map(|role| (role.as_str(), plan.count(role))).to_vec();
    assert_eq!(
        counts,
        [
            ("talker", 10),
            ("listener", 27),
            ("stalled", 5),
            ("dribbler", 4),
            ("leaver", 6),
            ("knocker", 8)
        ]
    );
    let says = events(&plan, Action::Say, Role::Talker);
    let in_phase = |phase| says.iter().filter(|say| say.phase == phase).count();
    assert_eq!([in_phase(0), in_phase(1), in_phase(2)], [150, 500, 0]);
    let stops = events(&plan, Action::StopReading, Role::Stalled);
    assert_eq!(stops.len(), 5);
    assert!(stops.iter().all(|stop| stop.at_us == 3_500_000 && stop.phase == 2));
    assert_eq!(events(&plan, Action::Say, Role::Dribbler).len(), 4 * 20);
    assert_eq!(events(&plan, Action::Knock, Role::Knocker).len(), 8 * 16);
    assert_eq!(plan.events().last().map(|event| event.phase), Some(2));
}

#[test]
fn an_even_rate_is_even_to_the_microsecond() {
    let plan = Plan::new(&spec(EVERYBODY), 7);
    let says = events(&plan, Action::Say, Role::Talker);
    for (number, say) in says.iter().take(150).enumerate() {
        assert_eq!(say.at_us, number as u64 * 10_000 + 5_000);
    }
}

#[test]
fn leavers_leave_and_come_back_in_turn() {
    let plan = Plan::new(&spec(EVERYBODY), 7);
    for (bot, _) in plan.bots.iter().enumerate().filter(|(_, bot)| bot.role == Role::Leaver) {
        let deeds: Vec<Event> = plan.events().filter(|event| event.bot as usize == bot).collect();
        assert!(deeds[0].at_us < 300_000);
        for (place, pair) in deeds.windows(2).enumerate() {
            let (wanted, time) = match place % 2 {
                0 => ([Action::Leave, Action::Return], 100_000),
                _ => ([Action::Return, Action::Leave], 300_000),
            };
            assert_eq!([pair[0].action, pair[1].action], wanted);
            assert_eq!(pair[1].at_us - pair[0].at_us, time);
        }
    }
}

#[test]
fn a_plan_is_the_same_tomorrow() {
    let plan = Plan::new(&spec(EVERYBODY), 7);
    let first: Vec<String> = plan
        .events()
        .take(12)
        .map(|e| format!("{} {} {} {:?}", e.at_us, e.phase, e.bot, e.action))
        .collect();
    let sizes: Vec<u32> = (0..6).map(|sequence| plan.message_bytes(3, sequence)).collect();
    insta::assert_snapshot!(format!("{}\n{}\n{sizes:?}", plan.run, first.join("\n")), @r"
    los6
    5000 0 33 Say
    10442 0 30 Knock
    14166 0 58 Knock
    15000 0 4 Say
    20800 0 35 Leave
    25000 0 53 Say
    35000 0 33 Say
    45000 0 36 Say
    53001 0 54 Leave
    55000 0 53 Say
    55455 0 25 Say
    57797 0 18 Leave
    [293, 123, 151, 80, 240, 266]
    ");
}

#[test]
fn windows_are_seconds_of_their_phase() {
    let plan = Plan::new(&spec(EVERYBODY), 7);
    let windows: Vec<_> =
        plan.windows().iter().map(|w| (w.phase, w.start_us / 1000, w.length_us / 1000)).collect();
    assert_eq!(
        windows,
        [(0, 0, 1000), (0, 1000, 500), (1, 1500, 1000), (1, 2500, 1000), (2, 3500, 500)]
    );
}

#[test]
fn a_tag_is_of_file_and_seed() {
    let tag = RunTag::new("a", 1);
    assert_eq!(tag.as_str().len(), 4);
    assert_eq!(tag, RunTag::new("a", 1));
    assert_ne!(tag, RunTag::new("a", 2));
    assert_ne!(tag, RunTag::new("b", 1));
}

/// A crowd that is not impossible.
#[derive(Debug, Clone)]
struct Any {
    text: String,
    counts: RoleCounts,
    rates: [u32; 3],
    length_ms: u64,
    random: bool,
}

fn any_load() -> impl Strategy<Value = Any> {
    let crowd = (1_u32..300, any::<u32>(), any::<bool>());
    let roles = [0_u32..40, 0..40, 0..40, 0..40];
    let phases = (1_u32..2000, 1_u32..2000, 0_u32..2000, 100_u64..3000, any::<bool>());
    (crowd, roles, any::<u32>(), phases).prop_map(|(crowd, roles, talkers, phases)| {
        let (healthy, groups, is_skewed) = crowd;
        let [stalled, dribblers, leavers, knockers] = roles;
        let members = healthy + stalled + dribblers + leavers;
        let groups = 1 + groups % members;
        let talkers = 1 + talkers % healthy;
        let bots = members + knockers;
        let (steady, from, to, length_ms, random) = phases;
        let text = format!(
            r#"
title = "any"
[crowd]
bots = {bots}
groups = {groups}
sizes = "{}"
[roles]
talkers = {talkers}
stalled = {{ share = {stalled} }}
dribblers = {{ share = {dribblers}, every = "300ms" }}
leavers = {{ share = {leavers}, stay = "200ms", away = "30ms" }}
knockers = {{ share = {knockers}, every = "70ms" }}
[messages]
bytes = [64, 100]
spacing = "{}"
[[phase]]
name = "steady"
for = "{length_ms}ms"
rate = "{steady}/s"
[[phase]]
name = "ramp"
for = "{length_ms}ms"
ramp = ["{from}/s", "{to}/s"]
"#,
            if is_skewed { "skewed" } else { "even" },
            if random { "random" } else { "even" },
        );
        let counts = RoleCounts { healthy, talkers, stalled, dribblers, leavers, knockers };
        Any { text, counts, rates: [steady, from, to], length_ms, random }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn the_same_file_and_seed_make_the_same_plan(load in any_load(), seed in any::<u64>()) {
        let spec = spec(&load.text);
        let (one, same) = (Plan::new(&spec, seed), Plan::new(&spec, seed));
        prop_assert_eq!(&one.bots, &same.bots);
        prop_assert_eq!(&one.groups, &same.groups);
        prop_assert!(one.events().eq(same.events()));
        prop_assert!(one.events().eq(one.events()));
    }

    #[test]
    fn every_group_is_created_by_somebody_who_joins(load in any_load(), seed in any::<u64>()) {
        let plan = Plan::new(&spec(&load.text), seed);
        let mut seen = vec![false; plan.bots.len()];
        for (group, number) in plan.groups.iter().zip(0..) {
            let role = |bot: &u32| plan.bots[*bot as usize].role;
            prop_assert_eq!(group.bots[0], group.creator);
            prop_assert_ne!(role(&group.creator), Role::Knocker);
            prop_assert!(group.members().iter().all(|bot| role(bot) != Role::Knocker));
            let knockers = &group.bots[group.members as usize..];
            prop_assert!(knockers.iter().all(|bot| role(bot) == Role::Knocker));
            // Healthy creators, unless there are too few healthy ones for all groups.
            let is_healthy = |bot: &u32| role(bot).is_healthy();
            if group.bots.iter().any(is_healthy) {
                prop_assert!(is_healthy(&group.creator));
            }
            prop_assert!(group.bots.is_sorted_by_key(|bot| plan.bots[*bot as usize].arrives_us));
            for bot in &group.bots {
                prop_assert_eq!(plan.bots[*bot as usize].group, number);
                prop_assert!(!std::mem::replace(&mut seen[*bot as usize], true));
            }
        }
        prop_assert!(seen.iter().all(|seen| *seen));
        let last = plan.groups.iter().map(|group| plan.bots[group.creator as usize].arrives_us);
        let groups = plan.groups.len() as u64;
        prop_assert_eq!(last.max(), Some((groups - 1) * 500));
    }

    #[test]
    fn roles_are_as_many_as_asked(load in any_load(), seed in any::<u64>()) {
        let plan = Plan::new(&spec(&load.text), seed);
        let counts = load.counts;
        let wanted = [
            counts.talkers,
            counts.healthy - counts.talkers,
            counts.stalled,
            counts.dribblers,
            counts.leavers,
            counts.knockers,
        ];
        prop_assert_eq!(Role::ALL.map(|role| plan.count(role)), wanted);
    }

    #[test]
    fn events_come_in_order_and_end_with_the_last_phase(load in any_load(), seed in any::<u64>()) {
        let plan = Plan::new(&spec(&load.text), seed);
        let mut last = 0;
        for event in plan.events() {
            prop_assert!(event.at_us >= last);
            last = event.at_us;
            let phase = &plan.phases[event.phase as usize];
            let phase = phase.start_us..phase.start_us + phase.length_us;
            prop_assert!(phase.contains(&event.at_us), "{:?}", event);
        }
        prop_assert!(last < plan.end_us());
    }

    #[test]
    fn as_many_sends_as_rate_and_time_ask_for(load in any_load(), seed in any::<u64>()) {
        let plan = Plan::new(&spec(&load.text), seed);
        let seconds = load.length_ms as f64 / 1000.0;
        let [steady, from, to] = load.rates.map(f64::from);
        let says = events(&plan, Action::Say, Role::Talker);
        for (phase, rate) in [(0, steady), (1, (from + to) / 2.0)] {
            let count = says.iter().filter(|say| say.phase == phase).count() as f64;
            let wanted = rate * seconds;
            // A random spacing is off by a few standard deviations at most.
            let slack = if load.random { 1.0 + 6.0 * (wanted + 1.0).sqrt() } else { 1.0 };
            prop_assert!((count - wanted).abs() <= slack, "{} for {}", count, wanted);
        }
    }

    #[test]
    fn another_seed_makes_another_plan(seed in any::<u64>()) {
        let spec = spec(EVERYBODY);
        let (one, other) = (Plan::new(&spec, seed), Plan::new(&spec, seed.wrapping_add(1)));
        prop_assert!(!one.events().eq(other.events()));
        prop_assert_ne!(&one.bots, &other.bots);
        let sizes = |plan: &Plan| (0..50).map(|n| plan.message_bytes(1, n)).collect::<Vec<_>>();
        prop_assert_ne!(sizes(&one), sizes(&other));
    }

    #[test]
    fn messages_have_sizes_within_bounds(seed in any::<u64>(), bot: u32, sequence: u64) {
        let plan = Plan::new(&spec(EVERYBODY), seed);
        prop_assert!((64..=300).contains(&plan.message_bytes(bot, sequence)));
        prop_assert_eq!(plan.message_bytes(bot, sequence), plan.message_bytes(bot, sequence));
    }
}
