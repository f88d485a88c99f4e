//! How the program ends when something else than the conversation ends it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::client::{Client, ELIANA};
use crate::server::Server;

/// An Eliana who is chatting, and the server's side of it.
fn chatting() -> (Client, crate::server::Peer) {
    let server = Server::start();
    let mut client = Client::start(&server, &ELIANA);
    let mut peer = server.accept();
    peer.welcome();
    client.expect("YOU ARE NOW CONNECTED TO THE CHAT\n");
    (client, peer)
}

#[test]
fn a_server_that_goes_away_ends_the_program_while_input_is_open() {
    let (client, peer) = chatting();
    drop(peer);
    let end = client.end();
    assert_eq!(end.complaint, "the server closed the connection\n");
    assert_eq!(end.status, Some(4));
}

#[test]
fn what_the_server_said_before_it_went_away_is_shown() {
    let (client, mut peer) = chatting();
    peer.send(&["the server is stopping"]);
    drop(peer);
    let end = client.end();
    assert!(end.shown.ends_with("CHAT\nthe server is stopping\n"), "{}", end.shown);
    assert_eq!(end.status, Some(4));
}

#[test]
fn a_server_that_goes_away_in_the_handshake_is_told_apart_from_a_refusal() {
    let server = Server::start();
    let client = Client::start(&server, &ELIANA);
    let mut peer = server.accept();
    peer.ask();
    drop(peer);
    let end = client.end();
    assert_eq!((end.shown.as_str(), end.status), ("", Some(4)));
}

#[test]
fn a_server_that_speaks_otherwise_is_a_fault() {
    let server = Server::start();
    let client = Client::start(&server, &ELIANA);
    server.accept().send(&["220 mail.example.org ESMTP"]);
    let end = client.end();
    assert_eq!(
        end.complaint,
        "the server does not keep to the protocol: expected the prompt `enter group chat id:`, \
         but the server sent `220 mail.example.org ESMTP`\n"
    );
    assert_eq!(end.status, Some(5));
}

#[test]
fn bytes_that_could_take_over_the_terminal_are_not_shown() {
    let (client, mut peer) = chatting();
    peer.send_bytes(b"Noya: \x1b[2J\n");
    let end = client.end();
    assert!(!end.shown.contains('\x1b') && !end.complaint.contains('\x1b'), "{end:?}");
    assert_eq!(end.status, Some(5));
}

#[test]
fn a_server_that_is_not_there_is_named_with_what_to_do() {
    let address = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let end = Client::start_at(&address, &ELIANA).end();
    assert_eq!(
        end.complaint,
        format!(
            "failed to connect to {address}: {address} refused the connection. Is the server \
             running? Start one with `chatroom-server`, or name another with `--connect`\n"
        )
    );
    assert_eq!((end.shown.as_str(), end.status), ("", Some(3)));
}

/// A listener whose queue is full, so that whoever connects gets no answer.
struct BlackHole {
    address: SocketAddr,
    _listener: Socket,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        // The first one without an answer shows that the queue is full.
        let try_one = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let queued = std::iter::from_fn(try_one).collect();
        BlackHole { address, _listener: listener, _queued: queued }
    }
}

#[test]
fn a_server_that_does_not_answer_is_waited_for_as_long_as_was_said() {
    let hole = BlackHole::new();
    let mut flags = ELIANA.to_vec();
    flags.extend(["--connect-timeout", "50ms"]);
    let end = Client::start_at(&hole.address.to_string(), &flags).end();
    let expected = format!("{} did not answer within 50ms", hole.address);
    assert!(end.complaint.contains(&expected), "{}", end.complaint);
    assert_eq!(end.status, Some(3));
}

#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_cancels_a_connect_at_once() {
    let hole = BlackHole::new();
    let mut flags = ELIANA.to_vec();
    flags.extend(["--connect-timeout", "1h"]);
    let mut client = Client::start_at(&hole.address.to_string(), &flags);
    wait_for_syn_sent(hole.address.port());
    client.signal("INT");
    let end = client.end();
    assert_eq!((end.shown.as_str(), end.complaint.as_str(), end.status), ("", "", Some(130)));
}

/// Waits until some socket of this machine has asked for a connection to `port`, without an answer.
#[cfg(target_os = "linux")]
fn wait_for_syn_sent(port: u16) {
    const SYN_SENT: &str = "02";
    let deadline = std::time::Instant::now() + crate::DEADLINE;
    let remote = format!(":{port:04X}");
    let is_asking = |line: &str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next().is_some_and(|field| field.ends_with(&remote))
            && fields.next() == Some(SYN_SENT)
    };
    while !std::fs::read_to_string("/proc/net/tcp").unwrap().lines().any(is_asking) {
        assert!(std::time::Instant::now() < deadline, "it does not connect");
        std::thread::yield_now();
    }
}

#[cfg(unix)]
#[test]
fn signals_leave_the_chat_with_a_fin() {
    for signal in ["INT", "TERM", "HUP"] {
        let (mut client, mut peer) = chatting();
        client.signal(signal);
        peer.assert_fin();
        drop(peer);
        let end = client.end();
        assert_eq!((end.complaint.as_str(), end.status), ("", Some(0)), "SIG{signal}");
    }
}

#[test]
fn the_end_of_input_leaves_with_a_fin_though_the_server_goes_on_talking() {
    let (mut client, mut peer) = chatting();
    client.type_lines(&["Bye"]).close_stdin();
    // Bytes that nobody reads would turn the close into a reset, and lose the last message.
    for _ in 0..2000 {
        peer.send(&["Noya: and another thing"]);
    }
    assert_eq!(peer.receive(), "Eliana: Bye");
    peer.assert_fin();
    drop(peer);
    assert_eq!(client.end().status, Some(0));
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_a_quiet_end() {
    use std::process::{Command, Stdio};

    let server = Server::start();
    let mut child = Command::new(crate::client::PROGRAM)
        .args(["--connect", &server.address()])
        .args(ELIANA)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut peer = server.accept();
    peer.welcome().assert_fin();
    drop(peer);
    let stdin = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.code().is_some(), "{}", output.status);
}
