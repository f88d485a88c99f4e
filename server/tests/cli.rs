//! The binary: flags, exit statuses, signals and the log.

#![expect(clippy::unwrap_used, reason = "in a test's helper, as in a test, a panic is a failure")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use assert_cmd::cargo::cargo_bin_cmd;
use predicates::prelude::*;
use predicates::str::contains;

/// On every wait; it only turns a hang into a failure.
const DEADLINE: Duration = Duration::from_secs(30);

#[cfg(unix)]
const WELCOME: &str = "YOU ARE NOW CONNECTED TO THE CHAT";

fn server_command(args: &[&str]) -> assert_cmd::Command {
    let mut command = cargo_bin_cmd!("chatroom-server");
    command.args(args).timeout(DEADLINE).env_remove("RUST_LOG");
    command
}

/// A server in a process of its own, killed when a test fails.
struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chatroom-server"))
            .args(args)
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line.strip_prefix("listening on ").unwrap().trim_end().parse().unwrap();
        Server { child, stdout, address }
    }

    /// A connection that the server has accepted: its first question is there to be read. The
    /// system alone connects earlier, and resets what is not accepted when the server stops.
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(stream.peek(&mut [0]).unwrap(), 1);
        stream
    }

    /// All that a client gets who sends `bytes` at once, until the server closes.
    fn converse(&self, bytes: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut transcript = String::new();
        stream.read_to_string(&mut transcript).unwrap();
        transcript
    }

    /// Sends `bytes` at once, and reads up to `line`.
    #[cfg(unix)]
    fn converse_until(&self, bytes: &str, line: &str) -> BufReader<TcpStream> {
        let mut stream = BufReader::new(self.connect());
        stream.get_mut().write_all(bytes.as_bytes()).unwrap();
        let mut got = String::new();
        while got.trim_end() != line {
            got.clear();
            assert_ne!(stream.read_line(&mut got).unwrap(), 0, "no {line}");
        }
        stream
    }

    /// Sends a signal, which only Unix has.
    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for the end, and returns the exit status, the rest of standard output, and the log.
    #[cfg(unix)]
    fn wait(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut log) = (String::new(), String::new());
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        self.stdout.read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out, log)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn help_documents_every_exit_status() {
    let statuses = contains("0    stopped")
        .and(contains("3    the address is in use"))
        .and(contains("4    the address is not available"))
        .and(contains("127.0.0.2:59000"));
    server_command(&["--help"]).assert().success().stdout(statuses);
}

#[test]
fn the_version_is_the_packages() {
    let version = format!("chatroom-server {}\n", env!("CARGO_PKG_VERSION"));
    server_command(&["--version"]).assert().success().stdout(version);
}

#[test]
fn wrong_usage_is_status_2() {
    for args in [
        &["--listen", "nowhere"][..],
        &["--listen", "127.0.0.1"],
        &["--handshake-timeout", "60"],
        &["--backlog-bound", "-1"],
        &["--log", "chatroom_server=loud"],
    ] {
        server_command(args).assert().code(2).stdout("");
    }
}

#[test]
fn a_port_in_use_is_status_3_and_one_line_of_advice() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let stderr = server_command(&["--listen", &address.to_string()])
        .assert()
        .code(3)
        .stdout("")
        .get_output()
        .stderr
        .clone();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains(&format!("address {address} is in use")), "{stderr}");
    assert!(stderr.contains("--listen 127.0.0.1:0"), "{stderr}");
    if cfg!(target_os = "linux") {
        assert!(stderr.contains(&format!("ss -ltnp 'sport = :{}'", address.port())), "{stderr}");
    }
}

#[test]
fn an_address_of_another_machine_is_status_4() {
    // From the block that is kept for documentation, so no machine has it.
    server_command(&["--listen", "192.0.2.1:59000"])
        .assert()
        .code(4)
        .stdout("")
        .stderr(contains("192.0.2.1 is not assigned").and(contains("--listen 127.0.0.1:59000")));
}

#[test]
fn no_flag_value_is_a_crash() {
    for time in ["0s", "1ns", "500000000years"] {
        let server = Server::start(&["--listen", "127.0.0.1:0", "--handshake-timeout", time]);
        let mut line = String::new();
        BufReader::new(server.connect()).read_line(&mut line).unwrap();
        assert!(["enter group chat id:\n", "disconnect\n"].contains(&line.as_str()), "{line:?}");
    }
    let server = Server::start(&["--listen", "127.0.0.1:0", "--backlog-bound", "0"]);
    assert!(server.converse("1\nNoya\n123\n3\n").ends_with("disconnect option\n"));
}

#[cfg(unix)]
#[test]
fn sigterm_stops_it_gracefully() {
    let server = Server::start(&["--listen", "127.0.0.1:0"]);
    let mut stream = server.converse_until("1\nNoya\n123\n2\n", WELCOME);
    server.signal("TERM");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "the server is stopping\n");
    drop(stream);
    let (status, out, log) = server.wait();
    assert_eq!((status, out.as_str()), (Some(0), ""));
    assert!(log.contains("Server has stopped: 1 connections, 1 groups"), "{log}");
}

#[cfg(unix)]
#[test]
fn a_second_interrupt_ends_it_at_once() {
    let server = Server::start(&["--listen", "127.0.0.1:0"]);
    let mut stream = server.connect();
    server.signal("INT");
    // Reading to the end shows that the stop has begun; not closing keeps it from ending.
    let mut transcript = String::new();
    stream.read_to_string(&mut transcript).unwrap();
    assert!(transcript.ends_with("the server is stopping\n"), "{transcript}");
    server.signal("INT");
    assert_eq!(server.wait().0, Some(130));
}

#[cfg(unix)]
#[test]
fn a_new_server_can_take_the_port_at_once() {
    let first = Server::start(&["--listen", "127.0.0.1:0"]);
    let address = first.address.to_string();
    let mut stream = first.connect();
    first.signal("TERM");
    let mut transcript = String::new();
    stream.read_to_string(&mut transcript).unwrap();
    drop(stream);
    assert_eq!(first.wait().0, Some(0));
    let second = Server::start(&["--listen", &address]);
    assert_eq!(second.address.to_string(), address);
}

#[cfg(unix)]
#[test]
fn the_log_gives_the_reasons_and_never_a_password() {
    let server = Server::start(&["--listen", "127.0.0.1:0", "--log", "trace"]);
    let noya = server
        .converse_until("1\nNoya\nhush-hush\n2\nsomething private\n", "Noya: something private");
    let sara = server.converse_until("1\nSara\nopen-sesame\n2\n", WELCOME);
    let refused = server.converse("2\nAriel\nwrong-guess\n1\n");
    assert_eq!(server.converse("22\nRinat\nhush-hush\n1\n"), refused);
    assert_eq!(server.converse("2\nYuval\nopen-sesame\n1\n"), refused);
    assert!(
        server.converse(&format!("2\nDan\n{}\n", "long-secret".repeat(20))).contains("refused")
    );
    server.signal("TERM");
    drop((noya, sara));
    let address = server.address;
    let (_, _, log) = server.wait();
    for expected in [
        format!("Server is listening on {address}"),
        "connection is established with 127.0.0.1:".to_owned(),
        "active connections: 1".to_owned(),
        "group 2 is created by Noya".to_owned(),
        "Noya has connected to the chat room of group 2".to_owned(),
        "No such password: 127.0.0.1:".to_owned(),
        "No such id: 127.0.0.1:".to_owned(),
        "unmatching password: 127.0.0.1:".to_owned(),
        "answer refused from 127.0.0.1:".to_owned(),
    ] {
        assert!(log.contains(&expected), "{expected} is not in\n{log}");
    }
    for secret in ["hush", "sesame", "guess", "secret", "private", "\x1b"] {
        assert!(!log.contains(secret), "{secret} is in\n{log}");
    }
}
