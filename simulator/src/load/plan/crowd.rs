//! Who is in which group, what each does, and when they arrive.

use super::random::{self, Stream};
use super::{PlannedBot, PlannedGroup, Role};
use crate::load::spec::{Crowd, LoadSpec, RoleCounts, Sizes};

/// The bots and the groups.
pub(super) fn gather(spec: &LoadSpec, seed: u64) -> (Vec<PlannedBot>, Vec<PlannedGroup>) {
    let sizes = sizes(&spec.crowd);
    let creators = creators(&sizes, seed);
    let roles = roles(&spec.roles.counts(spec.crowd.bots), &creators, spec.crowd.bots, seed);
    let order = arrivals(&creators, &roles, seed);
    let mut bots = Vec::with_capacity(roles.len());
    for (group, size) in sizes.iter().enumerate() {
        let group = group as u32;
        for _ in 0..*size {
            bots.push(PlannedBot { group, role: roles[bots.len()], arrives_us: 0 });
        }
    }
    let mut groups: Vec<PlannedGroup> = creators
        .iter()
        .zip(&sizes)
        .map(|(creator, size)| PlannedGroup {
            creator: *creator,
            bots: Vec::with_capacity(*size as usize),
            members: 0,
        })
        .collect();
    for (place, bot) in order.into_iter().enumerate() {
        let planned = &mut bots[bot as usize];
        planned.arrives_us = (place as f64 / spec.crowd.arrive.0 * 1e6).round() as u64;
        let group = &mut groups[planned.group as usize];
        group.bots.push(bot);
        group.members += u32::from(planned.role != Role::Knocker);
    }
    (bots, groups)
}

/// How many bots each group has; a group's bots have numbers next to each other.
fn sizes(crowd: &Crowd) -> Vec<u32> {
    match crowd.sizes {
        Sizes::Even => {
            let (size, more) = (crowd.bots / crowd.groups, crowd.bots % crowd.groups);
            (0..crowd.groups).map(|group| size + u32::from(group < more)).collect()
        }
        Sizes::Skewed => skewed(crowd.bots, crowd.groups),
    }
}

/// Sizes in proportion to 1/n; where that is less than one bot, it is one.
fn skewed(bots: u32, groups: u32) -> Vec<u32> {
    let mut harmonic: f64 = (1..=groups).map(|n| 1.0 / f64::from(n)).sum();
    let mut large = groups;
    // The first group's share, once every group after the first `large` ones has its one bot.
    let share = |large: u32, harmonic: f64| f64::from(bots - (groups - large)) / harmonic;
    while large > 1 && share(large, harmonic) / f64::from(large) < 1.0 {
        harmonic -= 1.0 / f64::from(large);
        large -= 1;
    }
    let first = share(large, harmonic);
    let mut sizes: Vec<u32> = (1..=groups)
        .map(|n| if n <= large { ((first / f64::from(n)) as u32).max(1) } else { 1 })
        .collect();
    // Each fraction cut off is less than one bot, so that one more for each is enough; where rounding
    // went the other way, the largest has it to give.
    let total: u64 = sizes.iter().copied().map(u64::from).sum();
    let missing = u64::from(bots).saturating_sub(total) as usize;
    sizes.iter_mut().take(missing).for_each(|size| *size += 1);
    sizes[0] -= total.saturating_sub(u64::from(bots)) as u32;
    sizes
}

/// One bot of each group, at random.
fn creators(sizes: &[u32], seed: u64) -> Vec<u32> {
    let mut rng = random::generator(seed, Stream::Creators, 0);
    let mut first = 0;
    let mut creators = Vec::with_capacity(sizes.len());
    for size in sizes {
        creators.push(first + rng.u32(0..*size));
        first += size;
    }
    creators
}

/// The roles at random, but that creators are last to get one: they are never knockers, and healthy as
/// long as there are others to misbehave.
fn roles(counts: &RoleCounts, creators: &[u32], bots: u32, seed: u64) -> Vec<Role> {
    let mut rng = random::generator(seed, Stream::Roles, 0);
    let (mut creators, mut order) = (creators.to_vec(), others(creators, bots));
    rng.shuffle(&mut order);
    rng.shuffle(&mut creators);
    order.extend(creators);
    let misbehaving = [
        (Role::Knocker, counts.knockers),
        (Role::Stalled, counts.stalled),
        (Role::Dribbler, counts.dribblers),
        (Role::Leaver, counts.leavers),
    ];
    let mut roles = vec![Role::Listener; bots as usize];
    let mut next = order.into_iter();
    for (role, count) in misbehaving {
        for bot in next.by_ref().take(count as usize) {
            roles[bot as usize] = role;
        }
    }
    let mut healthy: Vec<u32> = next.collect();
    random::generator(seed, Stream::Talkers, 0).shuffle(&mut healthy);
    for bot in healthy.into_iter().take(counts.talkers as usize) {
        roles[bot as usize] = Role::Talker;
    }
    roles
}

/// Who arrives after whom: creators, then members, then knockers, each at random.
fn arrivals(creators: &[u32], roles: &[Role], seed: u64) -> Vec<u32> {
    let mut rng = random::generator(seed, Stream::Arrivals, 0);
    let (mut order, mut others) = (creators.to_vec(), others(creators, roles.len() as u32));
    rng.shuffle(&mut order);
    rng.shuffle(&mut others);
    let is_knocker = |bot: &u32| roles[*bot as usize] == Role::Knocker;
    order.extend(others.iter().filter(|bot| !is_knocker(bot)));
    order.extend(others.iter().filter(|bot| is_knocker(bot)));
    order
}

/// All bots but the creators, who are in order of their numbers.
fn others(creators: &[u32], bots: u32) -> Vec<u32> {
    (0..bots).filter(|bot| creators.binary_search(bot).is_err()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::spec::Rate;

    #[test]
    fn groups_have_the_sizes_asked_for() {
        let even = Crowd { bots: 10, groups: 4, sizes: Sizes::Even, arrive: Rate(1.0) };
        assert_eq!(sizes(&even), [3, 3, 2, 2]);
        assert_eq!(skewed(100, 4), [48, 24, 16, 12]);
        assert_eq!(skewed(5, 5), [1, 1, 1, 1, 1]);
        assert_eq!(skewed(12, 8), [4, 2, 1, 1, 1, 1, 1, 1]);
        assert_eq!(skewed(7, 1), [7]);
        for bots in 1..200 {
            for groups in 1..=bots {
                let sizes = skewed(bots, groups);
                assert_eq!(sizes.iter().sum::<u32>(), bots, "{bots} in {groups}: {sizes:?}");
                assert!(sizes.iter().all(|size| *size > 0), "{bots} in {groups}: {sizes:?}");
                assert!(sizes.is_sorted_by(|one, next| one >= next), "{sizes:?}");
            }
        }
    }
}
