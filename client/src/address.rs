//! Where a server is, as a person writes it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;

use thiserror::Error;
use tokio::net::lookup_host;

/// A host, by name or by number, and a port: `127.0.0.2:59000`, `localhost:59000`, `[::1]:59000`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(String);

/// Something that is no [`Address`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an address is a host and a port, such as 127.0.0.2:59000")]
pub struct AddressError;

impl Address {
    /// The numeric addresses behind it, at least one.
    pub(crate) async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = lookup_host(&self.0).await?.collect();
        if found.is_empty() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(found)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError)?;
        let is_host = !host.is_empty() && (!host.contains(':') || host.starts_with('['));
        let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
        if is_host && is_port { Ok(Address(text.to_owned())) } else { Err(AddressError) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        for good in ["127.0.0.2:59000", "localhost:1", "[::1]:59000"] {
            assert_eq!(good.parse::<Address>().unwrap().to_string(), good);
        }
        for bad in ["", "59000", ":59000", "localhost", "localhost:", "host:65536", "h:0", "::1:5"]
        {
            assert_eq!(bad.parse::<Address>(), Err(AddressError), "{bad}");
        }
    }
}
