//! From a TOML file to a [`LoadSpec`].

use std::collections::BTreeSet;
use std::time::Duration;

use toml::de::DeTable;

use super::parts;
use super::phases::read_phases;
use super::values::{self, Errors, Result};
use super::{Crowd, LoadSpec, Phase, Roles};
use crate::diagnostics::{Diagnostic, Source};
use crate::load::gate::Gate;
use crate::load::record::FaultKind;
use crate::toml_reader::{Table, Value};

/// How long the last copies may take unless the file says otherwise. As long as a step of a scenario
/// waits: a busy machine must not look like a server that loses messages.
const DEFAULT_SETTLE: Duration = Duration::from_secs(10);

/// The bounds of it: no server is faster than the least, and nobody waits longer than the most.
const SETTLE: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(600)];

const TOP_KEYS: [&str; 9] =
    ["title", "settle", "allow", "gates", "crowd", "roles", "messages", "phase", "trust"];

/// Reads and checks the load file in `source`.
///
/// # Errors
///
/// Everything that is wrong with it, in the order of the file.
pub fn load(source: &Source) -> Result<LoadSpec, Vec<Diagnostic>> {
    let document = DeTable::parse(source.text()).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        vec![Diagnostic::new(span, format!("not TOML: {}", error.message()), "here")]
    })?;
    let mut top = Table::new(document.get_ref(), 0..0);
    let mut errors = Errors::default();
    let spec = read_spec(source, &mut top, &mut errors);
    errors.unknown_keys(&top, &TOP_KEYS);
    match spec {
        Some(spec) if errors.is_empty() => Ok(spec),
        _ => Err(errors.sorted()),
    }
}

fn read_spec(source: &Source, top: &mut Table<'_>, errors: &mut Errors) -> Option<LoadSpec> {
    let title = top.require("title", "a sentence that says what the load is for");
    let title = errors.note(title.and_then(|title| values::line(&title)));
    let [least, most] = SETTLE;
    let settle = top.take("settle");
    let settle = errors.optional(settle, DEFAULT_SETTLE, |v| values::time(v, least..=most));
    let allow = top.take("allow").map(|allow| read_allow(&allow, errors)).unwrap_or_default();
    let phases = read_phases(top, errors);
    let gates = top.take("gates").map(|gates| read_gates(&gates, phases.as_deref(), errors));
    let crowd = top.require("crowd", "a table with `bots` and `groups`");
    let crowd = errors.note(crowd).and_then(|crowd| parts::read_crowd(&crowd, errors));
    let messages = top.take("messages").map(|value| parts::read_messages(&value, errors));
    let messages = messages.unwrap_or_default();
    let roles_at = top.take("roles");
    let roles = roles_at.as_ref().map_or_else(
        || Some(Roles::default()),
        |roles| parts::read_roles(roles, phases.as_deref(), &messages, errors),
    );
    let trust = top.take("trust").map(|trust| parts::read_trust(&trust, errors));
    let (title, crowd, roles, phases) = (title?, crowd?, roles?, phases?);
    let place = roles_at.map_or(crowd.place, |roles| roles.span());
    errors.note(
        check_roles(&crowd.crowd, &roles, &phases)
            .map_err(|why| Diagnostic::new(place, why.message, why.label).help(why.help)),
    );
    Some(LoadSpec {
        source: source.clone(),
        title,
        crowd: crowd.crowd,
        roles,
        messages,
        phases,
        gates: gates.unwrap_or_default(),
        allow,
        trust: trust.unwrap_or_default(),
        settle,
    })
}

fn read_allow(value: &Value<'_>, errors: &mut Errors) -> BTreeSet<FaultKind> {
    let kinds = errors.note(value.strings()).unwrap_or_default();
    kinds.iter().filter_map(|kind| errors.note(read_fault_kind(kind))).collect()
}

fn read_fault_kind(value: &Value<'_>) -> Result<FaultKind> {
    let text = value.string()?;
    FaultKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
        Diagnostic::new(value.span(), format!("no fault is called `{text}`"), "not known")
            .suggest(text, FaultKind::ALL.map(FaultKind::as_str))
    })
}

/// The gates, each checked against the phases where those could be read.
fn read_gates(value: &Value<'_>, phases: Option<&[Phase]>, errors: &mut Errors) -> Vec<String> {
    let gates = errors.note(value.strings()).unwrap_or_default();
    let mut read = Vec::new();
    for gate in &gates {
        // Without its phases, a gate cannot be blamed.
        let checked = phases.map_or(Ok(()), |phases| check_gate(gate, phases));
        let text = gate.string().map(str::to_owned);
        read.extend(errors.note(checked.and(text)));
    }
    read
}

/// Whether a gate can be asked of these phases.
fn check_gate(gate: &Value<'_>, phases: &[Phase]) -> Result<()> {
    let names: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
    // The text begins behind its quote.
    let start = gate.span().start + 1;
    match Gate::parse(gate.string()?, &names) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.diagnostic(start)),
    }
}

/// Why roles do not fit a crowd.
struct Misfit {
    message: String,
    label: &'static str,
    help: &'static str,
}

/// Whether there are enough bots for the roles, and roles for the phases.
fn check_roles(crowd: &Crowd, roles: &Roles, phases: &[Phase]) -> Result<(), Misfit> {
    let counts = roles.counts(crowd.bots);
    let misfit = |message: String, label, help| Err(Misfit { message, label, help });
    if counts.misbehaving() > u64::from(crowd.bots) {
        let message =
            format!("these roles take {} bots, and there are {}", counts.misbehaving(), crowd.bots);
        return misfit(message, "too many", "raise `bots`, or lower a share");
    }
    if counts.talkers > counts.healthy {
        let message = format!(
            "{} talkers, but only {} bots have no other role",
            counts.talkers, counts.healthy
        );
        return misfit(message, "too many", "talkers are a share of those without another role");
    }
    if crowd.bots - counts.knockers < crowd.groups {
        let message = format!(
            "{} groups, and the knockers leave {} of {} bots to create them",
            crowd.groups,
            crowd.bots - counts.knockers,
            crowd.bots
        );
        let help = "knockers never join: each group needs another bot to create it";
        return misfit(message, "too many knockers", help);
    }
    if counts.talkers == 0
        && let Some(phase) = phases.iter().find(|phase| phase.shape.has_sends())
    {
        let message = format!("nobody is there to say what the phase `{}` asks for", phase.name);
        return misfit(message, "no talkers", "raise `talkers`, or lower another share");
    }
    Ok(())
}
