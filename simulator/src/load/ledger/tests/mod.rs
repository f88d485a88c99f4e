//! The ledger against a group whose history is known.

mod damage;
mod world;

use proptest::prelude::*;

use crate::load::record::FaultKind;
use damage::{Damage, Expected};
use world::{History, What, calm_steps, play, steps};

proptest! {
    #[test]
    fn a_right_server_has_no_fault_whoever_is_read_first(steps in steps(), seed: u64) {
        let history = History::new(&steps);
        let found = play(&history, seed);
        prop_assert!(found.faults.is_empty(), "{:#?}", found.evidence);
        prop_assert_eq!((found.verified, found.notices), found.read);
        // Who does not read any more may have said something that nobody else was to get.
        let all_read = !history.members.iter().any(|member| member.is_deaf);
        prop_assert!(found.was_settled || !all_read);
    }

    #[test]
    fn one_damage_is_found_as_what_it_is(
        steps in calm_steps(),
        damage: Damage,
        (member, at) in any::<(usize, usize)>(),
        seed: u64,
    ) {
        let mut history = History::new(&steps);
        let Some(expected) = damage.apply(&mut history, member, at) else { return Ok(()) };
        let found = play(&history, seed);
        if damage == Damage::BeforeJoining {
            // It misleads about when the newcomer came, and may be told of more lines than one.
            let one = found.faults.get(&expected.kind).copied().unwrap_or_default();
            prop_assert!(one >= 1 && found.faults.len() == 1, "{:#?}", found.evidence);
            return Ok(());
        }
        prop_assert_eq!(&found.faults, &expected.faults(), "{:?} {:#?}", damage, found.evidence);
        for one in &found.evidence {
            prop_assert!(one.timeline.is_sorted_by_key(|moment| moment.at_us));
            prop_assert_eq!(one.receiver.as_ref(), Some(&expected.blamed), "{:#?}", one);
        }
        let (messages, notices) = expected.verified(found.read);
        prop_assert_eq!((found.verified, found.notices), (messages, notices));
    }

    /// Beside somebody's leaving or return one fault may be told as two, or as its neighbour; but it is
    /// found.
    #[test]
    fn one_damage_is_found_where_people_come_and_go(
        steps in steps(),
        damage: Damage,
        (member, at) in any::<(usize, usize)>(),
        seed: u64,
    ) {
        let mut history = History::new(&steps);
        let Some(_) = damage.apply(&mut history, member, at) else { return Ok(()) };
        // Where a member's line stands is known only from others that stay.
        if !damage.is_local() {
            return Ok(());
        }
        prop_assert!(!play(&history, seed).faults.is_empty(), "{:?}", damage);
    }

    #[test]
    fn two_damages_are_both_found(
        steps in calm_steps(),
        damages in any::<[(Damage, usize, usize); 2]>(),
        seed: u64,
    ) {
        let mut history = History::new(&steps);
        let [(first, member, at), (second, other, there)] = damages;
        if !(first.is_local() && second.is_local()) {
            return Ok(());
        }
        let (member, other) = (member % history.members.len(), other % history.members.len());
        // What nobody who stays has got right cannot be told from what nobody said.
        let stay = [member, other].iter().all(|index| history.members[*index].stays());
        if member == other || !stay {
            return Ok(());
        }
        let Some(one) = first.apply(&mut history, member, at) else { return Ok(()) };
        let Some(two) = second.apply(&mut history, other, there) else { return Ok(()) };
        let found = play(&history, seed);
        let mut expected = one.faults();
        two.faults().into_iter().for_each(|(kind, count)| *expected.entry(kind).or_default() += count);
        prop_assert_eq!(&found.faults, &expected, "{:?} {:#?}", damages, found.evidence);
    }

    #[test]
    fn what_nobody_gets_is_lost_for_everybody_who_was_there(
        steps in steps(),
        at: usize,
        seed: u64,
    ) {
        let mut history = History::new(&steps);
        let said: Vec<usize> =
            (0..history.order.len()).filter(|place| history.order[*place].is_said()).collect();
        let Some(place) = said.get(at % said.len().max(1)).copied() else { return Ok(()) };
        let What::Said(sender, _) = history.order[place] else { unreachable!("only these") };
        let mut due = Vec::new();
        for (index, member) in history.members.iter_mut().enumerate() {
            let Some(line) = member.get(place) else { continue };
            let step = member.lines.remove(line).step as u64;
            due.extend(member.stays().then_some((index, step)));
        }
        let found = play(&history, seed);
        // Whose connection is over may have been late with its message.
        let knows = history.members[sender].goes.is_none() || history.members[sender].is_deaf;
        let was_told = |index: usize| found.welcomed[index].is_some();
        let lost = found.faults.get(&FaultKind::Lost).copied().unwrap_or(0);
        let most = due.iter().filter(|(index, _)| was_told(*index)).count() as u64;
        // Who was not welcomed yet when it was handed over cannot be sure to have been a member.
        let sure = due.iter().filter(|(index, step)| {
            found.welcomed[*index].is_some_and(|welcomed_us| welcomed_us < 1_000 * (step + 1))
        });
        let least = if knows { sure.count() as u64 } else { 0 };
        prop_assert!((least..=most).contains(&lost), "{lost} {least} {most} {:#?}", found.evidence);
        prop_assert!(found.faults.keys().all(|kind| *kind == FaultKind::Lost), "{:#?}", found.evidence);
    }

    #[test]
    fn a_senders_order_that_is_exchanged_for_all_counts_for_all(
        steps in steps(),
        at: usize,
        seed: u64,
    ) {
        let mut history = History::new(&steps);
        let pairs = (1..history.order.len()).filter(|second| {
            match (history.order[second - 1], history.order[*second]) {
                (What::Said(one, _), What::Said(two, _)) => one == two,
                _ => false,
            }
        });
        let pairs: Vec<usize> = pairs.collect();
        let Some(second) = pairs.get(at % pairs.len().max(1)).copied() else { return Ok(()) };
        if history.members.iter().any(|member| member.is_deaf) {
            return Ok(());
        }
        let mut copies = 0;
        for member in &mut history.members {
            let Some(line) = member.get(second) else { continue };
            damage::swap(&mut member.lines, line - 1);
            copies += 1;
        }
        let found = play(&history, seed);
        prop_assert_eq!(found.faults, [(FaultKind::Reordered, copies)].into(), "{:#?}", found.evidence);
        prop_assert_eq!((found.verified, found.notices), found.read);
    }

    #[test]
    fn no_line_makes_it_panic(steps in steps(), lines in damage::garbage(), seed: u64) {
        let mut history = History::new(&steps);
        damage::strew(&mut history, &lines);
        play(&history, seed);
    }
}

#[test]
fn the_damages_are_tried() {
    // Each kind finds its place in most histories; otherwise the test above tries nothing.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for damage in Damage::ALL {
        let mut applied = 0;
        for _ in 0..200 {
            let tree = (steps(), any::<(usize, usize)>()).new_tree(&mut runner).unwrap();
            let (steps, (member, at)) = proptest::strategy::ValueTree::current(&tree);
            let mut history = History::new(&steps);
            let expected: Option<Expected> = damage.apply(&mut history, member, at);
            applied += u32::from(expected.is_some());
        }
        assert!(applied >= 5, "{damage:?} was done {applied} times in 200");
    }
}
