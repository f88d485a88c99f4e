//! A plan as a person reads it.

use std::io::{self, Write};

use super::needs::Sources;
use super::totals::Totals;
use super::words::{count, seconds, size};
use super::{Action, Plan, Role};
use crate::load::spec::{LoadSpec, Shape};

/// Prints what a plan adds up to.
///
/// # Errors
///
/// When `out` cannot be written to.
pub fn print(spec: &LoadSpec, plan: &Plan, totals: &Totals, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{} (seed {}, run {})\n", spec.title, plan.seed, plan.run)?;
    let mut row = |name: &str, what: String| writeln!(out, "{name:<13}{what}");
    row("crowd", crowd(plan, totals))?;
    row("roles", roles(plan))?;
    let joining = format!("{}, at {}", seconds(totals.joining_us), spec.crowd.arrive);
    row("joining", format!("{joining}; {} notices", count(totals.join_notices)))?;
    let width = plan.phases.iter().map(|phase| phase.name.len()).max().unwrap_or(0).max(9);
    for (phase, sums) in plan.phases.iter().zip(&totals.phases) {
        let length = seconds(phase.length_us);
        let unmeasured = if phase.measured { "" } else { "; not measured" };
        let sums = match phase.shape {
            Shape::Saturate(_) if sums.sends == 0 => "as many as the server takes".to_owned(),
            _ => format!("{} sends, {} deliveries", count(sums.sends), count(sums.deliveries)),
        };
        let what = format!("{length}, {}; {sums}{unmeasured}", phase.shape);
        row(&format!("  {:<width$}  ", phase.name), what)?;
    }
    row("sends", count(totals.sends))?;
    row("deliveries", format!("about {}", count(totals.deliveries)))?;
    row("peak", format!("about {} deliveries/s", count(totals.peak_deliveries)))?;
    if totals.saturates {
        row("", "and what the saturated phases get through".to_owned())?;
    }
    let notices = totals.join_notices + totals.later_notices;
    row("notices", format!("about {} of who comes and goes", count(notices)))?;
    row("bytes", format!("about {} to the bots", size(totals.received_bytes)))?;
    row("time", format!("{} and the last copies", seconds(totals.joining_us + totals.phases_us)))?;
    let descriptors = count(totals.descriptors());
    row("descriptors", format!("{descriptors} for the simulator, {descriptors} for the server"))?;
    let (simulator, server) = (size(totals.simulator_bytes()), size(totals.server_bytes()));
    row("memory", format!("about {simulator} for the bots, {server} for the reference server"))
}

fn crowd(plan: &Plan, totals: &Totals) -> String {
    let sizes = match totals.group_sizes {
        (least, most) if least == most => format!("{} members", count(least)),
        (least, most) => format!("{} to {} members", count(least), count(most)),
    };
    let groups = plan.groups.len() as u64;
    format!("{} bots, {} groups of {sizes}", count(totals.bots), count(groups))
}

fn roles(plan: &Plan) -> String {
    let there = Role::ALL.into_iter().map(|role| (role, plan.count(role)));
    let there = there.filter(|(_, number)| *number > 0);
    let words = there.map(|(role, number)| {
        // `stalled` is no noun.
        let many = if number == 1 || role == Role::Stalled { "" } else { "s" };
        format!("{} {}{many}", count(number.into()), role.as_str())
    });
    words.collect::<Vec<_>>().join(", ")
}

/// From where the bots connect, in words.
#[must_use]
pub fn ports(totals: &Totals, sources: &Sources) -> String {
    let addresses = match sources.as_slice() {
        [first, .., last] => match (first.address, last.address) {
            (Some(first), Some(last)) => {
                format!("{} addresses, {first} to {last}", sources.as_slice().len())
            }
            _ => "several addresses".to_owned(),
        },
        _ => "one address".to_owned(),
    };
    format!("{} of {addresses}", count(totals.ports()))
}

/// Prints the first sends: when, which bot, its how manyth, and how many bytes.
///
/// # Errors
///
/// When `out` cannot be written to.
pub fn print_sends(plan: &Plan, first: u64, out: &mut dyn Write) -> io::Result<()> {
    let mut sequences = vec![0_u64; plan.bots.len()];
    let says = plan.events().filter(|event| event.action == Action::Say);
    for event in says.take(usize::try_from(first).unwrap_or(usize::MAX)) {
        let sequence = &mut sequences[event.bot as usize];
        let bytes = plan.message_bytes(event.bot, *sequence);
        writeln!(out, "{} {} {sequence} {bytes}", event.at_us, event.bot)?;
        *sequence += 1;
    }
    out.flush()
}
