//! The program's event loop: waits for one event at a time, and lets the terminal decide.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::Context;

use crate::Address;
use crate::connection::ReadError;
use crate::console::{Console, ConsoleEvent};
use crate::link::{Link, LinkEvent};
use crate::signals::Signals;
use crate::terminal::{Effect, ExitStatus, Input, Preset, Terminal};

/// How many bytes may wait for a slow server before no more is taken from a pipe.
const MAX_UNSENT_BYTES: usize = 64 * 1024;

/// How long a program that was told to end waits for whoever reads its output.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the program was told when it was started.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the server is.
    pub address: Address,
    /// How long to wait for it to answer.
    pub connect_timeout: Duration,
    /// What is not to be asked.
    pub preset: Preset,
}

/// Runs the program on this process's standard input and output, to its end.
///
/// # Errors
///
/// When something fails that is neither the person's nor the server's doing.
pub fn run(settings: Settings) -> anyhow::Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    let result = runtime.block_on(async { Program::new(settings)?.run().await });
    // A name that is still being looked up must not hold the process.
    runtime.shutdown_background();
    result
}

/// Everything that can happen to the program.
enum Event {
    Console(ConsoleEvent),
    Link(LinkEvent),
    Signal,
}

struct Program {
    settings: Settings,
    terminal: Terminal,
    console: Console,
    link: Link,
    signals: Signals,
    ending: Ending,
}

/// What is known about the end before it comes.
#[derive(Default)]
struct Ending {
    status: Option<ExitStatus>,
    /// Shown last, when the terminal is back as it was.
    complaint: Option<String>,
    leaves: bool,
    interrupted: bool,
}

impl Program {
    fn new(settings: Settings) -> anyhow::Result<Self> {
        let signals = Signals::new().context("failed to listen for signals")?;
        let console = Console::open().context("failed to open the terminal")?;
        let (terminal, effects) = Terminal::new(settings.preset.clone());
        let ending = Ending::default();
        let mut program =
            Program { settings, terminal, console, link: Link::Down, signals, ending };
        program.carry_out(effects)?;
        Ok(program)
    }

    async fn run(mut self) -> anyhow::Result<ExitStatus> {
        loop {
            if let Some(status) = self.ending.status {
                self.end().await?;
                return Ok(status);
            }
            let event = self.next_event().await;
            if let Err(error) = self.handle(event) {
                // The server is left in good order, whatever fails here.
                self.link.leave().await;
                return Err(error);
            }
        }
    }

    async fn next_event(&mut self) -> Event {
        let takes_typing =
            self.terminal.takes_typing() && self.link.queued_bytes() < MAX_UNSENT_BYTES;
        let reads = self.console.has_room();
        tokio::select! {
            event = self.console.next(takes_typing) => Event::Console(event),
            event = self.link.next(reads) => Event::Link(event),
            () = self.signals.recv() => Event::Signal,
        }
    }

    fn handle(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Console(event) => self.console_event(event),
            Event::Link(event) => self.link_event(event),
            Event::Signal => self.interrupt(),
        }
    }

    fn console_event(&mut self, event: ConsoleEvent) -> anyhow::Result<()> {
        match event {
            ConsoleEvent::Typed(line) => {
                if self.terminal.is_chatting() {
                    self.console.remember(&line);
                }
                self.input(Input::Typed(&line))
            }
            ConsoleEvent::EndOfInput => self.input(Input::EndOfInput),
            ConsoleEvent::Room => Ok(()),
            ConsoleEvent::Interrupt => self.interrupt(),
            ConsoleEvent::Gone(Ok(())) => self.interrupt(),
            ConsoleEvent::Gone(Err(error)) => Err(cannot_show(error)),
        }
    }

    fn link_event(&mut self, event: LinkEvent) -> anyhow::Result<()> {
        match event {
            LinkEvent::Connected(Ok(connection)) => {
                self.link = Link::up(connection);
                self.input(Input::Connected)
            }
            LinkEvent::Connected(Err(why)) => {
                self.link = Link::Down;
                self.input(Input::NotReached(&why))
            }
            LinkEvent::Read(Ok(Some(line))) => self.input(Input::Line(&line)),
            LinkEvent::Read(Ok(None)) => {
                self.link = Link::Down;
                self.input(Input::ServerClosed)
            }
            LinkEvent::Read(Err(ReadError::Fault(fault))) => self.input(Input::ServerFault(&fault)),
            LinkEvent::Read(Err(error)) => {
                self.link = Link::Down;
                self.input(Input::ServerLost(&error.to_string()))
            }
            LinkEvent::Flushed => Ok(()),
        }
    }

    fn interrupt(&mut self) -> anyhow::Result<()> {
        self.ending.interrupted = true;
        self.input(Input::Interrupt)
    }

    fn input(&mut self, input: Input<'_>) -> anyhow::Result<()> {
        let effects = self.terminal.handle(input);
        self.carry_out(effects)
    }

    fn carry_out(&mut self, effects: Vec<Effect>) -> anyhow::Result<()> {
        for effect in effects {
            match effect {
                Effect::Print(line) => self.console.print(&line).map_err(cannot_show)?,
                Effect::Prompt(question) => self.console.prompt(question).map_err(cannot_show)?,
                Effect::Complain(line) => self.ending.complaint = Some(line),
                Effect::Connect => {
                    let Settings { address, connect_timeout, .. } = &self.settings;
                    self.link = Link::connecting(address.clone(), *connect_timeout);
                }
                Effect::Send(message) => self.link.queue_line(&message),
                Effect::Close => self.ending.leaves = true,
                Effect::Exit(status) => self.ending.status = Some(status),
            }
        }
        Ok(())
    }

    /// Leaves the server and gives the terminal back, side by side: neither can be sure of an
    /// answer. Another interrupt cuts both short.
    async fn end(self) -> anyhow::Result<()> {
        let Program { console, mut link, mut signals, ending, .. } = self;
        let leave = async {
            if ending.leaves {
                link.leave().await;
            }
        };
        let finish = async {
            if ending.interrupted {
                tokio::time::timeout(PATIENCE, console.finish()).await.unwrap_or(Ok(()))
            } else {
                console.finish().await
            }
        };
        let result = tokio::select! {
            ((), result) = async { tokio::join!(leave, finish) } => result,
            () = signals.recv() => Ok(()),
        };
        if let Some(complaint) = ending.complaint {
            complain(&complaint);
        }
        result.map_err(cannot_show)
    }
}

/// Says on standard error why the program ends. When that is gone too, there is nobody to tell, and
/// no reason to panic as `eprintln!` would.
pub fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

fn cannot_show(error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context("failed to write to the terminal")
}
