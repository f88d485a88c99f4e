//! The program, run as a process of its own with pipes.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use crate::DEADLINE;
use crate::server::Server;

/// The program's path.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_chatroom-client");

/// The flags that answer every question.
pub(crate) const ELIANA: [&str; 6] = ["--name", "Eliana", "--join", "2", "--password", "123"];

pub(crate) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: mpsc::Receiver<Vec<u8>>,
    shown: String,
}

/// How a client ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// All that it showed.
    pub(crate) shown: String,
    /// All that it complained about.
    pub(crate) complaint: String,
    /// `None` when a signal ended it.
    pub(crate) status: Option<i32>,
}

impl Client {
    pub(crate) fn start(server: &Server, flags: &[&str]) -> Self {
        Client::start_at(&server.address(), flags)
    }

    pub(crate) fn start_at(address: &str, flags: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["--connect", address])
            .args(flags)
            .env_remove("CHATROOM_PASSWORD")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = read_in_background(child.stdout.take().unwrap());
        Client { child, stdin, stdout, shown: String::new() }
    }

    pub(crate) fn type_lines(&mut self, lines: &[&str]) -> &mut Self {
        for line in lines {
            self.type_bytes(format!("{line}\n").as_bytes());
        }
        self
    }

    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.stdin.as_mut().expect("it is still open").write_all(bytes).unwrap();
        self
    }

    /// Waits until `text` is shown.
    pub(crate) fn expect(&mut self, text: &str) -> &mut Self {
        let deadline = Instant::now() + DEADLINE;
        while !self.shown.contains(text) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stdout.recv_timeout(left) {
                Ok(bytes) => self.shown += &String::from_utf8(bytes).unwrap(),
                Err(error) => panic!("{text:?} was not shown ({error}), but {:?}", self.shown),
            }
        }
        self
    }

    pub(crate) fn close_stdin(&mut self) -> &mut Self {
        self.stdin = None;
        self
    }

    /// Sends a signal by name, such as `INT`.
    #[cfg(unix)]
    pub(crate) fn signal(&mut self, name: &str) -> &mut Self {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
        self
    }

    /// Waits for the end. Standard input stays as it is, open unless it was closed.
    pub(crate) fn end(mut self) -> End {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stdout.recv_timeout(left) {
                Ok(bytes) => self.shown += &String::from_utf8(bytes).unwrap(),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(error) => panic!("it did not end ({error}), and showed {:?}", self.shown),
            }
        }
        let mut complaint = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        let status = self.child.wait().unwrap().code();
        End { shown: std::mem::take(&mut self.shown), complaint, status }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A failed test leaves no process behind; one that ended cannot be killed again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_in_background(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
            if sender.send(buffer[..bytes].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}
