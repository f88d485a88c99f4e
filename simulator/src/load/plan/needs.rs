//! Whether a machine has what a plan needs, and what to do where it has not.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use super::totals::{OTHER_DESCRIPTORS, Totals};
use super::words::count;

/// What a machine lets a process have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most descriptors of this process, its limit raised as far as it goes.
    pub descriptors: u64,
    /// The ports from which the system chooses for those who connect.
    pub ports: RangeInclusive<u16>,
    /// Whether every address of 127.0.0.0/8 is this machine without being set up.
    pub all_loopback: bool,
}

/// The addresses from which bots connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources(Vec<Source>);

/// An address from which bots connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The address; `None` lets the system choose.
    pub address: Option<Ipv4Addr>,
    /// How many bots connect from it.
    pub bots: u32,
}

/// The ports of an address that are left to other programs.
const SPARE_PORTS: u64 = 1000;

/// The last address of 127.0.0.0/24, whose addresses are used in turn.
const MAX_ADDRESSES: u64 = 254;

impl Sources {
    /// Each of the addresses.
    #[must_use]
    pub fn as_slice(&self) -> &[Source] {
        &self.0
    }

    /// The address from which a bot connects, by its place among the bots of this process; `None` lets
    /// the system choose.
    #[must_use]
    pub fn of(&self, place: u32) -> Option<Ipv4Addr> {
        // In turn, so that those who come and go do not all use the same one.
        let sources = self.0.len().max(1);
        self.0.get(place as usize % sources).and_then(|source| source.address)
    }
}

/// From where the bots connect to a server at `target`.
///
/// # Errors
///
/// What is short, and the ways out, as a sentence.
pub fn check(totals: &Totals, limits: &Limits, target: IpAddr) -> Result<Sources, String> {
    check_descriptors(totals, limits)?;
    let per_address = u64::from(limits.ports.end().saturating_sub(*limits.ports.start())) + 1;
    let usable = per_address.saturating_sub(SPARE_PORTS);
    let spreads = limits.all_loopback && target.is_loopback() && target.is_ipv4();
    let most = if spreads { MAX_ADDRESSES } else { 1 };
    let needed = totals.ports();
    if usable == 0 || needed > usable * most {
        return Err(too_few_ports(totals, limits, usable * most));
    }
    let addresses = needed.div_ceil(usable).max(1);
    if addresses == 1 {
        return Ok(Sources(vec![Source { address: None, bots: totals.bots as u32 }]));
    }
    let source = |number: u64| Source {
        address: Some(Ipv4Addr::new(127, 0, 0, number as u8 + 1)),
        // What does not divide goes to the first ones, as `Sources::of` has it.
        bots: (totals.bots / addresses + u64::from(number < totals.bots % addresses)) as u32,
    };
    Ok(Sources((0..addresses).map(source).collect()))
}

fn check_descriptors(totals: &Totals, limits: &Limits) -> Result<(), String> {
    let needed = totals.descriptors();
    if needed <= limits.descriptors {
        return Ok(());
    }
    let possible = limits.descriptors.saturating_sub(OTHER_DESCRIPTORS);
    let fewer = fewer_bots(totals.bots, possible, "processes");
    Err(format!(
        "{} {} descriptors and this process may have {}; `ulimit -n {needed}` (or `sudo prlimit \
         --pid $$ --nofile={needed}`) raises it{fewer}",
        bots_need(totals.bots),
        count(needed),
        count(limits.descriptors),
    ))
}

fn too_few_ports(totals: &Totals, limits: &Limits, usable: u64) -> String {
    // All processes of a machine share its ports.
    let possible = totals.bots * usable / totals.ports().max(1);
    let fewer = fewer_bots(totals.bots, possible, "machines");
    let (first, last) = (limits.ports.start(), limits.ports.end());
    format!(
        "{} {} ports and this machine has {} for one server (from {first} to {last}, {} left to \
         others); `sudo sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"` gives more on Linux{fewer}",
        bots_need(totals.bots),
        count(totals.ports()),
        count(usable),
        count(SPARE_PORTS),
    )
}

/// The ways out that need nothing from the system, where there are any.
fn fewer_bots(bots: u64, possible: u64, what: &str) -> String {
    if possible == 0 {
        return String::new();
    }
    let parts = bots.div_ceil(possible);
    format!(", or use --bots {possible}, or {parts} {what} with --part 1/{parts} and so on")
}

fn bots_need(number: u64) -> String {
    if number == 1 { "1 bot needs".to_owned() } else { format!("{} bots need", count(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::plan::tests::totals_of;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const REMOTE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn limits(descriptors: u64) -> Limits {
        Limits { descriptors, ports: 32768..=60999, all_loopback: true }
    }

    #[test]
    fn what_fits_uses_the_address_that_the_system_chooses() {
        let totals = totals_of(10_000);
        for target in [LOCAL, REMOTE] {
            let sources = check(&totals, &limits(10_064), target).unwrap();
            assert_eq!(sources.as_slice(), [Source { address: None, bots: 10_000 }]);
            assert_eq!(sources.of(9999), None);
        }
    }

    #[test]
    fn many_bots_spread_over_addresses() {
        let sources = check(&totals_of(60_001), &limits(1 << 20), LOCAL).unwrap();
        let bots: Vec<u32> = sources.as_slice().iter().map(|source| source.bots).collect();
        assert_eq!(bots, [20_001, 20_000, 20_000]);
        for (number, source) in sources.as_slice().iter().enumerate() {
            let address = Ipv4Addr::new(127, 0, 0, number as u8 + 1);
            assert_eq!(source.address, Some(address));
            let there = (0..60_001).filter(|bot| sources.of(*bot) == Some(address));
            assert_eq!(there.count(), source.bots as usize);
        }
    }

    #[test]
    fn what_is_short_is_said_with_a_way_out() {
        let no_spread = Limits { all_loopback: false, ..limits(1 << 20) };
        let none = Limits { ports: 50_000..=50_100, ..limits(1 << 20) };
        let said = [
            check(&totals_of(10_000), &limits(1024), LOCAL),
            check(&totals_of(10_000), &limits(64), LOCAL),
            check(&totals_of(60_000), &limits(1 << 20), REMOTE),
            check(&totals_of(60_000), &no_spread, LOCAL),
            check(&totals_of(1), &none, LOCAL),
        ];
        let said: Vec<String> = said.into_iter().map(|result| result.unwrap_err()).collect();
        insta::assert_snapshot!(said.join("\n\n"));
    }
}
