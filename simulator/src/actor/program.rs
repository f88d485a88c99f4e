//! A client as the real terminal program, in a process of its own, at the other end of two pipes.

use std::collections::VecDeque;
use std::io::{PipeReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Happening, Moment, Seen};
use crate::fault::Fault;

/// What the program asks.
const QUESTIONS: [&str; 4] = [
    "ENTER YOUR NAME: ",
    "ENTER THE ID OF THE GROUP YOU WANT TO JOIN: ",
    "ENTER THE PASSWORD: ",
    "CHOOSE A PASSWORD FOR THE GROUP: ",
];

#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    output: mpsc::UnboundedReceiver<Output>,
    /// What came after the last line end.
    unfinished: String,
    screen: VecDeque<Seen>,
    ended: bool,
}

/// What a process prints, and when.
#[derive(Debug)]
enum Output {
    Bytes(Instant, Vec<u8>),
    End,
}

impl Program {
    /// Starts the program with both of its outputs in one pipe, in order, as on a terminal.
    pub(super) fn start(program: &Path, addr: SocketAddr) -> Result<Self, Fault> {
        let not_started = |error: std::io::Error| {
            Fault::Program(format!("failed to start `{}`: {error}", program.display()))
        };
        let (reader, writer) = std::io::pipe().map_err(not_started)?;
        // The command holds our copies of the writing end; they go away with it, so that the pipe
        // ends when the process does.
        let mut child = Command::new(program)
            .args(["--connect", &addr.to_string()])
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().map_err(not_started)?)
            .stderr(writer)
            .spawn()
            .map_err(not_started)?;
        let (sender, output) = mpsc::unbounded_channel();
        std::thread::spawn(move || read(reader, &sender));
        Ok(Program {
            stdin: child.stdin.take(),
            child,
            output,
            unfinished: String::new(),
            screen: VecDeque::new(),
            ended: false,
        })
    }

    /// # Errors
    ///
    /// Never: a program that is gone is noticed by what it shows.
    pub(super) fn type_lines(&mut self, lines: &[String]) -> Result<(), Fault> {
        if let Some(stdin) = &mut self.stdin {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let _ = stdin.write_all(text.as_bytes()).and_then(|()| stdin.flush());
        }
        Ok(())
    }

    pub(super) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits for the program to end, whatever it still prints.
    pub(super) async fn wait(&mut self) {
        while let Some(Output::Bytes(..)) = self.output.recv().await {}
        self.exit_status();
        self.ended = true;
    }

    /// # Cancel safety
    ///
    /// Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self, history: &mut Vec<Moment>) -> Result<Seen, Fault> {
        loop {
            if let Some(seen) = self.screen.pop_front() {
                return Ok(seen);
            }
            match self.output.recv().await {
                Some(Output::Bytes(at, bytes)) => self.take(at, &bytes, history),
                Some(Output::End) => {
                    self.ended = true;
                    let status = self.exit_status();
                    self.screen.push_back(Seen::Exited(status));
                }
                None => std::future::pending().await,
            }
        }
    }

    fn take(&mut self, at: Instant, bytes: &[u8], history: &mut Vec<Moment>) {
        self.unfinished.push_str(&String::from_utf8_lossy(bytes));
        while let Some(end) = self.unfinished.find('\n') {
            let rest = self.unfinished.split_off(end + 1);
            let line = std::mem::replace(&mut self.unfinished, rest);
            let line = line.trim_end_matches(['\n', '\r']).to_owned();
            history.push(Moment { at, what: Happening::Came(line.clone()) });
            self.screen.push_back(Seen::Line(line));
        }
        // A question has no line end; what is typed stands behind it.
        if QUESTIONS.contains(&self.unfinished.as_str()) {
            self.screen.push_back(Seen::Prompt(std::mem::take(&mut self.unfinished)));
        }
    }

    /// The pipe has ended, so the process has too, or is about to.
    fn exit_status(&mut self) -> u8 {
        let status = self.child.wait().ok().and_then(|status| status.code());
        status.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
    }

    pub(super) fn unsee(&mut self, seen: Seen) {
        self.screen.push_front(seen);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if !self.ended {
            // It may have ended by itself meanwhile; then there is nothing to kill.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read(mut pipe: PipeReader, output: &mpsc::UnboundedSender<Output>) {
    let mut buffer = [0; 4096];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(bytes) => {
                let bytes = buffer[..bytes].to_vec();
                if output.send(Output::Bytes(Instant::now(), bytes)).is_err() {
                    return;
                }
            }
        }
    }
    // Nobody listens when the scenario has ended already.
    let _ = output.send(Output::End);
}
