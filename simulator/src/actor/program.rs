//! A client as the real terminal program, in a process of its own, at the other end of two pipes.

use std::collections::VecDeque;
use std::io::{PipeReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use chatroom_client::terminal::QUESTIONS;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Happening, Moment, Seen};
use crate::fault::Fault;

/// How many pieces of output, of 4 KiB at most, may wait to be read.
const MOST_UNREAD: usize = 4096;

/// A running program; it is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    output: mpsc::Receiver<Output>,
    /// What came after the last line end.
    unfinished: Vec<u8>,
    screen: VecDeque<Seen>,
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
            .kill_on_drop(true)
            .spawn()
            .map_err(not_started)?;
        let (sender, output) = mpsc::channel(MOST_UNREAD);
        // One pipe for two outputs is no tokio pipe; a thread reads it until the process ends.
        std::thread::spawn(move || read(reader, &sender));
        Ok(Program {
            stdin: child.stdin.take(),
            child,
            output,
            unfinished: Vec::new(),
            screen: VecDeque::new(),
        })
    }

    /// Types lines. A program that is gone is noticed by what it shows.
    pub(super) async fn type_lines(&mut self, lines: &[String]) {
        if let Some(stdin) = &mut self.stdin {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let _ = stdin.write_all(text.as_bytes()).await;
            let _ = stdin.flush().await;
        }
    }

    pub(super) fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Waits for the program to end, whatever it still prints.
    pub(super) async fn wait(&mut self) {
        // What it still prints must not keep it from ending.
        while let Some(Output::Bytes(..)) = self.output.recv().await {}
        // An error means that there is nothing to wait for.
        let _ = self.child.wait().await;
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
                // The end of the pipe, or after it: the process ends, or has ended.
                Some(Output::End) | None => {
                    let status = self.child.wait().await.ok().and_then(|status| status.code());
                    let status = status.and_then(|code| u8::try_from(code).ok());
                    return Ok(Seen::Exited(status.unwrap_or(u8::MAX)));
                }
            }
        }
    }

    fn take(&mut self, at: Instant, bytes: &[u8], history: &mut Vec<Moment>) {
        self.unfinished.extend_from_slice(bytes);
        while let Some(end) = self.unfinished.iter().position(|byte| *byte == b'\n') {
            let rest = self.unfinished.split_off(end + 1);
            let line = std::mem::replace(&mut self.unfinished, rest);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']).to_owned();
            history.push(Moment { at, what: Happening::Came(line.clone()) });
            self.screen.push_back(Seen::Line(line));
        }
        // A question has no line end; what is typed stands behind it.
        if let Some(question) = QUESTIONS.iter().find(|text| text.as_bytes() == self.unfinished) {
            self.unfinished.clear();
            self.screen.push_back(Seen::Prompt((*question).to_owned()));
        }
    }

    pub(super) fn unsee(&mut self, seen: Seen) {
        self.screen.push_front(seen);
    }
}

fn read(mut pipe: PipeReader, output: &mpsc::Sender<Output>) {
    let mut buffer = [0; 4096];
    loop {
        match pipe.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(bytes) => {
                let bytes = buffer[..bytes].to_vec();
                if output.blocking_send(Output::Bytes(Instant::now(), bytes)).is_err() {
                    return;
                }
            }
        }
    }
    // Nobody listens when the scenario has ended already.
    let _ = output.blocking_send(Output::End);
}
