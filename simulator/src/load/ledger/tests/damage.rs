//! What may happen to one member's lines.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::world::{History, Line, Member, What};
use crate::load::record::FaultKind;

/// One thing that is done to one member's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    Drop,
    Double,
    DoubleLater,
    Swap,
    MoveLater,
    AlterFiller,
    AlterNumber,
    AlterGroup,
    AlterName,
    Truncate,
    WrongSender,
    Foreign,
    Unknown,
    AfterLeaving,
    BeforeJoining,
    DropNotice,
    DoubleNotice,
    AlterNotice,
    Glue,
}

impl Damage {
    pub(super) const ALL: [Damage; 19] = [
        Damage::Drop,
        Damage::Double,
        Damage::DoubleLater,
        Damage::Swap,
        Damage::MoveLater,
        Damage::AlterFiller,
        Damage::AlterNumber,
        Damage::AlterGroup,
        Damage::AlterName,
        Damage::Truncate,
        Damage::WrongSender,
        Damage::Foreign,
        Damage::Unknown,
        Damage::AfterLeaving,
        Damage::BeforeJoining,
        Damage::DropNotice,
        Damage::DoubleNotice,
        Damage::AlterNotice,
        Damage::Glue,
    ];

    /// Whether it has nothing to do with what happens to others.
    pub(super) fn is_local(self) -> bool {
        !matches!(
            self,
            Damage::Swap | Damage::MoveLater | Damage::AfterLeaving | Damage::BeforeJoining
        )
    }
}

impl Arbitrary for Damage {
    type Parameters = ();
    type Strategy = proptest::sample::Select<Damage>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        proptest::sample::select(&Damage::ALL[..])
    }
}

/// What has to be found.
#[derive(Debug)]
pub(super) struct Expected {
    pub(super) kind: FaultKind,
    pub(super) count: u64,
    pub(super) blamed: String,
    /// Messages and notices that are not right.
    pub(super) wrong: (u64, u64),
}

impl Expected {
    pub(super) fn faults(&self) -> BTreeMap<FaultKind, u64> {
        BTreeMap::from([(self.kind, self.count)])
    }

    pub(super) fn verified(&self, (messages, notices): (u64, u64)) -> (u64, u64) {
        (messages - self.wrong.0, notices - self.wrong.1)
    }
}

/// Exchanges a line with the next; what can be read when stays as it is.
pub(super) fn swap(lines: &mut [Line], at: usize) {
    move_later(lines, at, 1);
}

fn move_later(lines: &mut [Line], at: usize, by: usize) {
    let steps: Vec<usize> = lines[at..=at + by].iter().map(|line| line.step).collect();
    lines[at..=at + by].rotate_left(1);
    let latest = steps.into_iter().max().unwrap_or_default();
    lines[at + by].step = latest;
}

impl Damage {
    /// Does it to one member at one place, both modulo what there is. `None` where it cannot be done, or
    /// not so that it must be found.
    pub(super) fn apply(self, history: &mut History, member: usize, at: usize) -> Option<Expected> {
        let index = member % history.members.len();
        if history.members[index].is_deaf {
            return None;
        }
        let (kind, count, wrong) = self.spoil(history, index, at)?;
        let blamed = history.members[index].name.clone();
        Some(Expected { kind, count, blamed, wrong })
    }

    fn spoil(
        self,
        history: &mut History,
        index: usize,
        at: usize,
    ) -> Option<(FaultKind, u64, (u64, u64))> {
        use FaultKind as Kind;
        let once = |kind| Some((kind, 1, (0, 0)));
        match self {
            Damage::Drop => {
                let at = pick_said(history, index, at)?;
                history.members[index].lines.remove(at);
                once(Kind::Lost)
            }
            Damage::DropNotice => {
                let at = pick(history, index, at, |what| matches!(what, What::Left(_)))?;
                history.members[index].lines.remove(at);
                once(Kind::Lost)
            }
            Damage::Double => {
                let at = pick_said(history, index, at)?;
                insert_copy(&mut history.members[index], at, 0);
                once(Kind::Doubled)
            }
            Damage::DoubleLater => {
                let from = pick_said(history, index, at)?;
                insert_copy(&mut history.members[index], from, at / 7 % 6);
                once(Kind::Doubled)
            }
            Damage::DoubleNotice => {
                let at = pick(history, index, at, |what| !what.is_said())?;
                insert_copy(&mut history.members[index], at, 0);
                once(Kind::Doubled)
            }
            Damage::Swap | Damage::MoveLater => {
                let by = if self == Damage::Swap { 1 } else { 2 + at / 7 % 4 };
                let at = pick(history, index, at, |_| true)?;
                let moved = history.members[index].lines.get(at..=at + by)?;
                let places: Vec<usize> = moved.iter().filter_map(|line| line.place).collect();
                // Who is the first to tell who comes or goes, and tells it wrongly, misleads about those,
                // too.
                let said = |place: &usize| history.order[*place].is_said();
                let enough = history.others(index, &places) >= 2 && places.iter().all(said);
                move_later(&mut history.members[index].lines, at, by);
                enough.then_some((Kind::Reordered, 1, (0, 0)))
            }
            Damage::AlterFiller => alter(history, index, at, |line| line.len() - 2, Kind::Altered),
            Damage::AlterNumber => {
                // The sequence number; `name: run group bot sequence`.
                alter(history, index, at, |line| after_spaces(line, 4), Kind::Altered)
            }
            Damage::AlterGroup => {
                alter(history, index, at, |line| after_spaces(line, 2), Kind::Altered)
            }
            Damage::AlterName => alter(history, index, at, |_| 2, Kind::WrongSender),
            Damage::AlterNotice => {
                let at = pick(history, index, at, |what| matches!(what, What::Left(_)))?;
                let line = &mut history.members[index].lines[at].bytes;
                let end = line.len() - 3;
                line[end] = b'#';
                Some((Kind::Altered, 1, (0, 1)))
            }
            Damage::Truncate => {
                let at = pick_said(history, index, at)?;
                let line = &mut history.members[index].lines[at].bytes;
                line.truncate(line.len() / 2 + 4);
                line.push(b'\n');
                Some((Kind::Altered, 1, (1, 0)))
            }
            Damage::WrongSender => {
                let at = pick_said(history, index, at)?;
                let other = history.plan.groups[0].bots[11];
                let other = crate::load::message::name(history.plan.run, other, 9);
                let line = &mut history.members[index].lines[at].bytes;
                let colon = line.iter().position(|byte| *byte == b':')?;
                line.splice(..colon, other.into_bytes());
                Some((Kind::WrongSender, 1, (1, 0)))
            }
            Damage::Foreign => {
                let bytes = history.foreign();
                insert(&mut history.members[index], at, bytes);
                once(Kind::WrongGroup)
            }
            Damage::Unknown => {
                insert(&mut history.members[index], at, b"nobody said this\n".to_vec());
                once(Kind::Unknown)
            }
            Damage::AfterLeaving => after_leaving(history, index, at),
            Damage::BeforeJoining => before_joining(history, index, at),
            Damage::Glue => {
                let at = pick_said(history, index, at)?;
                let lines = &mut history.members[index].lines;
                let next = lines.get(at + 1)?.clone();
                next.place.filter(|place| history.order[*place].is_said())?;
                lines[at].bytes.pop();
                lines[at].bytes.extend(next.bytes);
                // They come at once, and are counted as one.
                lines[at].step = next.step;
                lines.remove(at + 1);
                let first = lines[at].place.is_some_and(|place| history.order[place].is_said());
                Some((Kind::Altered, 2, (first.into(), (!first).into())))
            }
        }
    }
}

/// A line after its own arrival that is so, and that at least two others get as well.
fn pick(history: &History, index: usize, at: usize, is_so: impl Fn(What) -> bool) -> Option<usize> {
    let member = &history.members[index];
    let fit = member.lines.iter().enumerate().filter(|(_, line)| {
        line.place.is_some_and(|place| {
            let what = history.order[place];
            is_so(what) && what != What::Arrived(index) && history.others(index, &[place]) >= 2
        })
    });
    let fit: Vec<usize> = fit.map(|(at, _)| at).collect();
    let at = *fit.get(at % fit.len().max(1))?;
    // Who leaves need not get all that is said until then, and nobody knows what that was.
    member.stays().then_some(at)
}

fn pick_said(history: &History, index: usize, at: usize) -> Option<usize> {
    pick(history, index, at, What::is_said)
}

fn insert_copy(member: &mut Member, from: usize, later: usize) {
    let mut line = member.lines[from].clone();
    line.place = None;
    let to = (from + 1 + later).min(member.lines.len());
    line.step = member.lines[to - 1].step;
    member.lines.insert(to, line);
}

/// Puts a line in after the member's own arrival.
fn insert(member: &mut Member, at: usize, bytes: Vec<u8>) {
    let at = 1 + at % member.lines.len();
    let step = member.lines[at - 1].step;
    member.lines.insert(at, Line { place: None, step, bytes });
}

/// Where the word after so many spaces begins.
fn after_spaces(line: &[u8], spaces: usize) -> usize {
    let found = line.iter().enumerate().filter(|(_, byte)| **byte == b' ').nth(spaces - 1);
    found.map_or(0, |(at, _)| at + 1)
}

fn alter(
    history: &mut History,
    index: usize,
    at: usize,
    byte: impl Fn(&[u8]) -> usize,
    kind: FaultKind,
) -> Option<(FaultKind, u64, (u64, u64))> {
    let at = pick_said(history, index, at)?;
    let line = &mut history.members[index].lines[at].bytes;
    let byte = byte(line);
    line[byte] = if line[byte] == b'1' { b'0' } else { b'1' };
    Some((kind, 1, (1, 0)))
}

/// Somebody who has left gets what was said after that.
fn after_leaving(
    history: &mut History,
    index: usize,
    at: usize,
) -> Option<(FaultKind, u64, (u64, u64))> {
    let left = history.order.iter().position(|what| *what == What::Left(index))?;
    let later = (left + 1..history.order.len()).filter(|place| history.order[*place].is_said());
    let later: Vec<usize> = later.collect();
    let place = *later.get(at % later.len().max(1))?;
    if history.others(index, &[left, place]) < 1 {
        return None;
    }
    let others = history.members.iter().filter(|member| !member.is_deaf);
    let line = others.into_iter().find_map(|member| Some(&member.lines[member.get(place)?]))?;
    let (step, bytes) = (line.step, line.bytes.clone());
    history.members[index].goes = Some(step);
    history.members[index].lines.push(Line { place: None, step, bytes });
    Some((FaultKind::AfterLeaving, 1, (0, 0)))
}

/// A newcomer gets what was said before it came.
fn before_joining(
    history: &mut History,
    index: usize,
    at: usize,
) -> Option<(FaultKind, u64, (u64, u64))> {
    let arrived = history.order.iter().position(|what| *what == What::Arrived(index))?;
    let earlier: Vec<usize> =
        (0..arrived).filter(|place| history.order[*place].is_said()).collect();
    let place = *earlier.get(at % earlier.len().max(1))?;
    if history.others(index, &[place, arrived]) < 1 {
        return None;
    }
    let line = history.members.iter().find_map(|member| Some(&member.lines[member.get(place)?]))?;
    let bytes = line.bytes.clone();
    insert(&mut history.members[index], at / 7, bytes);
    Some((FaultKind::BeforeJoining, 1, (0, 0)))
}

/// Lines of every kind that a server may send: random bytes, and real lines cut, joined or repeated.
pub(super) fn garbage() -> impl Strategy<Value = Vec<(usize, usize, Vec<u8>, usize)>> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "[a-z0-9]{4}b[0-9]{1,3}(v[0-9])? has (connected to|left) the chat room( *)"
            .prop_map(String::into_bytes),
        "[a-z0-9+: -]{0,40}: [a-z0-9]{4}( [0-9]{1,20}){3,5} .*".prop_map(String::into_bytes),
    ];
    let line = (any::<usize>(), any::<usize>(), bytes, any::<usize>());
    proptest::collection::vec(line, 0..40)
}

/// Puts garbage among everybody's lines: the bytes themselves, or a line of somebody else's.
pub(super) fn strew(history: &mut History, garbage: &[(usize, usize, Vec<u8>, usize)]) {
    for (member, at, bytes, source) in garbage {
        let from = &history.members[source % history.members.len()];
        let bytes = match from.lines.get(at / 3 % from.lines.len().max(1)) {
            Some(line) if source % 3 > 0 => line.bytes.clone(),
            _ => [bytes, &b"\n"[..]].concat(),
        };
        let member = member % history.members.len();
        let lines = &mut history.members[member].lines;
        let at = at % (lines.len() + 1);
        let step = lines.get(at.saturating_sub(1)).map_or(0, |line| line.step);
        let step = step.max(history.members[member].comes);
        history.members[member].lines.insert(at, Line { place: None, step, bytes });
    }
}
