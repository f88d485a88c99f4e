//! Whether somebody listens at an address, without connecting: a server that is not ready for a client
//! that goes at once must not meet its first in us.

use std::net::SocketAddr;

/// Whether somebody listens at `addr`, where this machine can tell: its own addresses, on Linux.
#[cfg(target_os = "linux")]
pub(super) fn is_listening(addr: SocketAddr) -> Option<bool> {
    use procfs::net::{TcpNetEntry, TcpState, tcp, tcp6};

    if !addr.ip().is_loopback() {
        return None;
    }
    // A machine without IPv6 has no such table.
    let entries = tcp().ok()?.into_iter().chain(tcp6().unwrap_or_default());
    let takes_it = |entry: &TcpNetEntry| {
        let own = entry.local_address;
        entry.state == TcpState::Listen
            && own.port() == addr.port()
            && (own.ip().to_canonical() == addr.ip() || own.ip().is_unspecified())
    };
    Some(entries.into_iter().any(|entry| takes_it(&entry)))
}

/// Whether somebody listens at `addr`, where this machine can tell.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_listening(_: SocketAddr) -> Option<bool> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_seen_and_not_disturbed() {
        for bound in ["127.0.0.1:0", "127.0.0.2:0", "0.0.0.0:0"] {
            let listener = TcpListener::bind(bound).unwrap();
            listener.set_nonblocking(true).unwrap();
            let mut addr = listener.local_addr().unwrap();
            if addr.ip().is_unspecified() {
                addr.set_ip([127, 0, 0, 9].into());
            }
            assert_eq!(is_listening(addr), Some(true), "{bound}");
            let nobody = listener.accept().unwrap_err();
            assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
            drop(listener);
            assert_eq!(is_listening(addr), Some(false), "{bound}");
        }
    }

    #[test]
    fn of_another_machine_nothing_is_known() {
        assert_eq!(is_listening("192.0.2.1:59000".parse().unwrap()), None);
    }
}
