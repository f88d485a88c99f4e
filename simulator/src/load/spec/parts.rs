//! The tables of a load file that say who comes, how they behave and what they say.

use std::ops::Range;
use std::time::Duration;

use super::values::{self, Errors, MAX_BOTS, Result, words};
use super::{
    Crowd, Dribblers, Knockers, Leavers, MIN_MESSAGE_BYTES, Messages, Phase, Rate, Roles, Share,
    Sizes, Spacing, Stalled, Trust,
};
use crate::diagnostics::Diagnostic;
use crate::toml_reader::{MAX_WAIT, Table, Value};
use chatroom_protocol::limits::MAX_MESSAGE_BYTES;

/// How many bots come each second unless the file says otherwise: half of what a server with a
/// listen backlog of 4096 takes without dropping any.
const DEFAULT_ARRIVE: Rate = Rate(2000.0);

/// The slowest arrival, per second.
const MIN_ARRIVE: f64 = 1.0;

/// The shortest time between two deeds of one bot. Below it, one bot would be a load of its own.
const MIN_EVERY: Duration = Duration::from_millis(10);

/// The shortest time between two writes of a dribbler: a tenth of what a timer can keep.
const MIN_PAUSE: Duration = Duration::from_micros(100);

const CROWD_KEYS: [&str; 4] = ["bots", "groups", "sizes", "arrive"];
const ROLES_KEYS: [&str; 5] = ["talkers", "stalled", "dribblers", "leavers", "knockers"];

/// A crowd and where it stands.
pub(super) struct CrowdAt {
    pub(super) crowd: Crowd,
    pub(super) place: Range<usize>,
}

pub(super) fn read_crowd(value: &Value<'_>, errors: &mut Errors) -> Option<CrowdAt> {
    let mut table = errors.note(value.table())?;
    let bots = table.require("bots", "how many bots come, all roles together");
    let bots = errors.note(bots.and_then(|bots| bots.integer(1..=MAX_BOTS)));
    let groups_at = errors.note(table.require("groups", "over how many groups they are spread"));
    let groups = groups_at.as_ref().and_then(|v| errors.note(v.integer(1..=MAX_BOTS)));
    let sizes = table.take("sizes");
    let sizes = errors.optional(sizes, Sizes::Even, |value| {
        one_of(value, [("even", Sizes::Even), ("skewed", Sizes::Skewed)])
    });
    let arrive_at = table.take("arrive");
    let place = arrive_at.as_ref().map_or(table.span(), Value::span);
    let arrive = errors.optional(arrive_at, DEFAULT_ARRIVE, read_arrive);
    errors.unknown_keys(&table, &CROWD_KEYS);
    let (bots, groups) = (bots?, groups?);
    if let Some(at) = groups_at.filter(|_| groups > bots) {
        let message = format!("{groups} groups for {bots} bots");
        errors.push(Diagnostic::new(at.span(), message, "no group may be empty"));
        return None;
    }
    if f64::from(bots) / arrive.0 > MAX_WAIT.as_secs_f64() {
        let message = format!("{bots} bots at {arrive} take more than an hour to arrive");
        errors.push(Diagnostic::new(place, message, "too slow"));
        return None;
    }
    Some(CrowdAt { crowd: Crowd { bots, groups, sizes, arrive }, place: table.span() })
}

fn read_arrive(value: &Value<'_>) -> Result<Rate> {
    let rate = values::rate(value)?;
    if rate.0 >= MIN_ARRIVE {
        return Ok(rate);
    }
    Err(Diagnostic::new(value.span(), "at least one bot arrives each second", "too slow"))
}

/// The value that a word stands for.
fn one_of<T: Copy, const N: usize>(value: &Value<'_>, known: [(&str, T); N]) -> Result<T> {
    let text = value.string()?;
    known.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant).ok_or_else(|| {
        Diagnostic::new(value.span(), format!("unknown word `{text}`"), "not known here")
            .suggest(text, known.iter().map(|(word, _)| *word))
    })
}

pub(super) fn read_messages(value: &Value<'_>, errors: &mut Errors) -> Messages {
    let mut messages = Messages::default();
    let Some(mut table) = errors.note(value.table()) else { return messages };
    let same = (messages.min_bytes, messages.max_bytes);
    let bytes = table.take("bytes");
    (messages.min_bytes, messages.max_bytes) = errors.optional(bytes, same, read_bytes);
    let spacing = table.take("spacing");
    messages.spacing = errors.optional(spacing, messages.spacing, |value| {
        one_of(value, [("even", Spacing::Even), ("random", Spacing::Random)])
    });
    errors.unknown_keys(&table, &["bytes", "spacing"]);
    messages
}

/// One size for all, or the least and the most.
fn read_bytes(value: &Value<'_>) -> Result<(u32, u32)> {
    let bounds = MIN_MESSAGE_BYTES..=MAX_MESSAGE_BYTES as u32;
    if !value.is_array() {
        let bytes = value.integer(bounds).map_err(|error| error.help(BYTES_HELP))?;
        return Ok((bytes, bytes));
    }
    let values = value.array()?;
    let [least, most] = values.as_slice() else {
        let message = "two sizes make a range";
        let error = Diagnostic::new(value.span(), message, format!("{} here", values.len()));
        return Err(error.help(BYTES_HELP));
    };
    let (least, most) = (least.integer(bounds.clone())?, most.integer(bounds)?);
    if least > most {
        return Err(Diagnostic::new(value.span(), "the least is more than the most", "turn round"));
    }
    Ok((least, most))
}

const BYTES_HELP: &str = "write one size for all messages, such as 64, or the least and the most, \
                          such as [64, 256]; what the ledger needs takes 64, and the protocol \
                          allows 1024";

pub(super) fn read_trust(value: &Value<'_>, errors: &mut Errors) -> Trust {
    let mut trust = Trust::default();
    let Some(mut table) = errors.note(value.table()) else { return trust };
    let lateness = table.take("lateness_p99");
    trust.lateness_p99 = errors.optional(lateness, trust.lateness_p99, |value| {
        values::time(value, Duration::from_micros(1)..=MAX_WAIT)
    });
    let busy = table.take("busy");
    trust.busy = errors.optional(busy, trust.busy, |value| Ok(values::percent(value)? / 100.0));
    errors.unknown_keys(&table, &["lateness_p99", "busy"]);
    trust
}

/// The roles; `None` where one could not be read.
pub(super) fn read_roles(
    value: &Value<'_>,
    phases: Option<&[Phase]>,
    messages: &Messages,
    errors: &mut Errors,
) -> Option<Roles> {
    let mut table = errors.note(value.table())?;
    let mut roles = Roles::default();
    let talkers = table.take("talkers");
    roles.talkers = errors.optional(talkers, roles.talkers, values::share);
    let mut whole = true;
    let whole = &mut whole;
    roles.stalled =
        RoleTable::read(table.take("stalled"), errors, whole).and_then(|role| role.stalled(phases));
    roles.dribblers = RoleTable::read(table.take("dribblers"), errors, whole)
        .and_then(|role| role.dribblers(messages));
    roles.leavers =
        RoleTable::read(table.take("leavers"), errors, whole).and_then(RoleTable::leavers);
    roles.knockers =
        RoleTable::read(table.take("knockers"), errors, whole).and_then(RoleTable::knockers);
    errors.unknown_keys(&table, &ROLES_KEYS);
    whole.then_some(roles)
}

/// A role that is a table, with its share read.
struct RoleTable<'t, 'e> {
    share: Share,
    table: Table<'t>,
    errors: &'e mut Errors,
}

impl<'t, 'e> RoleTable<'t, 'e> {
    fn read(value: Option<Value<'t>>, errors: &'e mut Errors, whole: &mut bool) -> Option<Self> {
        const HELP: &str = "how many: a number of bots, or a part as in { share = \"1%\" }";
        let table = value?.table().map_err(|error| error.help(HELP));
        let table = errors.note(table);
        *whole &= table.is_some();
        let mut table = table?;
        let share = table.require("share", HELP).and_then(|share| values::share(&share));
        let share = errors.note(share);
        *whole &= share.is_some();
        // Without its share it is not used, but the rest of it may be wrong, too.
        Some(RoleTable { share: share.unwrap_or(Share::Count(0)), table, errors })
    }

    fn stalled(mut self, phases: Option<&[Phase]>) -> Option<Stalled> {
        let from = self.table.take("from");
        self.finish(&["share", "from"]);
        // Without phases there are other errors, and the index means nothing.
        let phases = phases?;
        let first = phases.iter().position(|phase| phase.measured).unwrap_or(0);
        let from = self.errors.optional(from, first, |from| find_phase(from, phases));
        Some(Stalled { share: self.share, from })
    }

    fn dribblers(mut self, messages: &Messages) -> Option<Dribblers> {
        let every_at = self.table.take("every");
        let place = every_at.as_ref().map_or(self.table.span(), Value::span);
        let every = self.time(every_at, Duration::from_secs(1), MIN_EVERY);
        let piece = self.table.take("piece");
        let piece = self.errors.optional(piece, 3, |v| v.integer(1..=MAX_MESSAGE_BYTES as u32));
        let pause = self.table.take("pause");
        let pause = self.time(pause, Duration::from_millis(5), MIN_PAUSE);
        self.finish(&["share", "every", "piece", "pause"]);
        let writes = messages.max_bytes.div_ceil(piece);
        let longest = pause.saturating_mul(writes);
        if longest > every {
            let message = format!("a message is not written after `every` = {}", words(every));
            let help = format!(
                "{} bytes in pieces of {piece} with `pause` = {} take {}",
                messages.max_bytes,
                words(pause),
                words(longest)
            );
            self.errors.push(Diagnostic::new(place, message, "too short").help(help));
        }
        Some(Dribblers { share: self.share, every, piece, pause })
    }

    fn leavers(mut self) -> Option<Leavers> {
        let stay = self.table.take("stay");
        let stay = self.time(stay, Duration::from_secs(5), MIN_EVERY);
        let away = self.table.take("away");
        let away = self.time(away, Duration::from_secs(1), MIN_EVERY);
        self.finish(&["share", "stay", "away"]);
        Some(Leavers { share: self.share, stay, away })
    }

    fn knockers(mut self) -> Option<Knockers> {
        let every = self.table.take("every");
        let every = self.time(every, Duration::from_secs(1), MIN_EVERY);
        self.finish(&["share", "every"]);
        Some(Knockers { share: self.share, every })
    }

    fn time(&mut self, value: Option<Value<'t>>, without: Duration, least: Duration) -> Duration {
        self.errors.optional(value, without, |value| values::time(value, least..=MAX_WAIT))
    }

    fn finish(&mut self, known: &[&str]) {
        self.errors.unknown_keys(&self.table, known);
    }
}

fn find_phase(value: &Value<'_>, phases: &[Phase]) -> Result<usize> {
    let name = value.string()?;
    phases.iter().position(|phase| phase.name == name).ok_or_else(|| {
        Diagnostic::new(value.span(), format!("no phase is called `{name}`"), "not a phase")
            .suggest(name, phases.iter().map(|phase| phase.name.as_str()))
    })
}
