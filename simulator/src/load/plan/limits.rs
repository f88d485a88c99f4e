//! What this machine lets this process have.

use std::ops::RangeInclusive;

use super::needs::Limits;

/// The ports that systems take unless told otherwise (RFC 6335).
const DYNAMIC_PORTS: RangeInclusive<u16> = 49152..=65535;

impl Limits {
    /// The limits of this process, the one on descriptors raised as far as it may raise it. The servers
    /// that it starts have the same.
    #[must_use]
    pub fn raised() -> Limits {
        Limits {
            descriptors: raised_descriptors(),
            ports: ports(),
            // Others have 127.0.0.1 alone until somebody sets up more.
            all_loopback: cfg!(any(target_os = "linux", windows)),
        }
    }
}

#[cfg(unix)]
fn raised_descriptors() -> u64 {
    let raised = rlimit::increase_nofile_limit(u64::MAX);
    // Where it cannot be raised it is what it is, and where it cannot be read, connecting will tell.
    raised.or_else(|_| rlimit::Resource::NOFILE.get_soft()).unwrap_or(u64::MAX)
}

/// Sockets are not counted there.
#[cfg(not(unix))]
fn raised_descriptors() -> u64 {
    u64::MAX
}

fn ports() -> RangeInclusive<u16> {
    if !cfg!(target_os = "linux") {
        return DYNAMIC_PORTS;
    }
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    range.ok().and_then(|text| parse_ports(&text)).unwrap_or(DYNAMIC_PORTS)
}

fn parse_ports(text: &str) -> Option<RangeInclusive<u16>> {
    let mut numbers = text.split_whitespace().map(str::parse);
    let range = numbers.next()?.ok()?..=numbers.next()?.ok()?;
    (!range.is_empty()).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_ports_is_read_as_linux_writes_it() {
        assert_eq!(parse_ports("32768\t60999\n"), Some(32768..=60999));
        for bad in ["", "32768", "a b", "60999 32768", "0 65536"] {
            assert_eq!(parse_ports(bad), None, "{bad}");
        }
    }
}
