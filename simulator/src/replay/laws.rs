//! The laws over what the members of a group saw while they raced: every message exactly once
//! (MSG-1), one order for all (ORD-1), each sender's own order (ORD-2). Pure.

use std::collections::HashMap;

use crate::fault::Breach;
use crate::scenario::ClientId;

/// What one member saw.
#[derive(Debug, Clone)]
pub(super) struct Watched {
    pub(super) client: ClientId,
    pub(super) key: String,
    /// Whether it was a member before the race began; otherwise it saw a part only.
    pub(super) from_start: bool,
    pub(super) lines: Vec<String>,
}

/// What was done in the race, and who has to have seen it.
#[derive(Debug, Clone, Default)]
pub(super) struct Deeds {
    /// What each sender said, in its order.
    pub(super) said: Vec<Vec<String>>,
    /// The notices of those who came.
    pub(super) arrived: Vec<String>,
}

/// Checks all laws; the first breach, and at whom.
pub(super) fn check(watched: &[Watched], deeds: &Deeds) -> Result<(), (ClientId, Breach)> {
    for member in watched {
        let at = |breach| (member.client, breach);
        check_once(member, deeds).map_err(at)?;
        check_sender_order(member, deeds).map_err(at)?;
    }
    // Who was there from the start has seen everything, in the group's one order.
    let whole = watched.iter().find(|member| member.from_start);
    let longest = || watched.iter().max_by_key(|member| member.lines.len());
    let Some(reference) = whole.or_else(longest) else { return Ok(()) };
    for member in watched {
        check_same_order(member, reference).map_err(|breach| (member.client, breach))?;
    }
    Ok(())
}

fn counted<'l>(lines: impl IntoIterator<Item = &'l String>) -> HashMap<&'l str, usize> {
    let mut counts = HashMap::new();
    for line in lines {
        *counts.entry(line.as_str()).or_insert(0) += 1;
    }
    counts
}

/// Nothing twice, nothing that nobody said; and for who was there from the start, nothing missing.
fn check_once(member: &Watched, deeds: &Deeds) -> Result<(), Breach> {
    let due = counted(deeds.said.iter().flatten().chain(&deeds.arrived));
    let seen = counted(&member.lines);
    for line in &member.lines {
        match due.get(line.as_str()) {
            None => return Err(Breach::Foreign(line.clone())),
            Some(due) if seen[line.as_str()] > *due => return Err(Breach::Doubled(line.clone())),
            Some(_) => {}
        }
    }
    let all = deeds.said.iter().flatten().chain(&deeds.arrived);
    let missing = all.filter(|line| seen.get(line.as_str()) < due.get(line.as_str()));
    let missing: Vec<String> = missing.cloned().collect();
    if member.from_start && !missing.is_empty() { Err(Breach::Lost(missing)) } else { Ok(()) }
}

/// What a member saw of one sender's lines has to be in the sender's order; who came during the race
/// saw a part only.
fn check_sender_order(member: &Watched, deeds: &Deeds) -> Result<(), Breach> {
    for said in &deeds.said {
        let mut rest = said.iter();
        let mut before: Option<&String> = None;
        for line in member.lines.iter().filter(|line| said.contains(line)) {
            if !rest.any(|own| own == line) {
                let first = before.unwrap_or(line).clone();
                return Err(Breach::SenderOrder { first, second: line.clone() });
            }
            before = Some(line);
        }
    }
    Ok(())
}

/// A member's lines are the end of the group's order, or all of it.
fn check_same_order(member: &Watched, reference: &Watched) -> Result<(), Breach> {
    let missed = reference.lines.len().saturating_sub(member.lines.len());
    let order = &reference.lines[missed..];
    let Some(different) = order.iter().zip(&member.lines).position(|(a, b)| a != b) else {
        return Ok(());
    };
    let (first, second) = (&member.lines[different], &order[different]);
    if !member.lines.contains(second) {
        // It came after the member did, and yet the member has not got it.
        return Err(Breach::Lost(vec![second.clone()]));
    }
    Err(Breach::Order {
        other: reference.key.clone(),
        first: first.clone(),
        second: second.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(client: ClientId, from_start: bool, lines: &[&str]) -> Watched {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Watched { client, key: format!("client{client}"), from_start, lines }
    }

    fn deeds() -> Deeds {
        let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
        Deeds { said: vec![own(&["a1", "a2"]), own(&["b1"])], arrived: Vec::new() }
    }

    fn breach(first: &[&str], second: &[&str]) -> Option<(ClientId, Breach)> {
        check(&[watched(0, true, first), watched(1, true, second)], &deeds()).err()
    }

    #[test]
    fn one_order_for_all_is_right() {
        assert_eq!(breach(&["a1", "b1", "a2"], &["a1", "b1", "a2"]), None);
    }

    #[test]
    fn each_breach_is_found_as_what_it_is() {
        let all = ["a1", "b1", "a2"];
        assert_eq!(breach(&all, &["a1", "a2"]), Some((1, Breach::Lost(vec!["b1".into()]))));
        assert_eq!(
            breach(&all, &["a1", "b1", "b1", "a2"]),
            Some((1, Breach::Doubled("b1".into())))
        );
        assert_eq!(breach(&all, &["a1", "b1", "x", "a2"]), Some((1, Breach::Foreign("x".into()))));
        assert_eq!(
            breach(&all, &["a2", "b1", "a1"]),
            Some((1, Breach::SenderOrder { first: "a2".into(), second: "a1".into() }))
        );
        assert_eq!(
            breach(&all, &["b1", "a1", "a2"]),
            Some((
                1,
                Breach::Order { other: "client0".into(), first: "b1".into(), second: "a1".into() }
            ))
        );
    }

    #[test]
    fn a_newcomer_sees_the_end_of_the_order() {
        let mut deeds = deeds();
        deeds.arrived.push("n".into());
        let reference = watched(0, true, &["a1", "n", "b1", "a2"]);
        let check = |lines: &[&str]| check(&[reference.clone(), watched(1, false, lines)], &deeds);
        assert_eq!(check(&["b1", "a2"]), Ok(()));
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&["a1", "a2"]), Err((1, Breach::Lost(vec!["b1".into()]))));
    }
}
