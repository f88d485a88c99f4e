//! Where the program shows lines and reads what is typed: a terminal or a pipe.

use std::io::{self, IsTerminal};

use self::pipe::Pipe;
use self::screen::Screen;

mod pipe;
mod screen;

/// What happens on it.
pub(crate) enum ConsoleEvent {
    /// A line was typed; its line end is not part of it.
    Typed(String),
    /// Nothing more will be typed.
    EndOfInput,
    /// Ctrl-C, where it is a key and not a signal.
    Interrupt,
    /// There is room again for what is to be shown.
    Room,
    /// Nothing more can be shown: nobody reads (`Ok`), or the system says no.
    Gone(io::Result<()>),
}

/// A terminal with a line editor, or plain text through pipes.
pub(crate) enum Console {
    Pipe(Pipe),
    Screen(Box<Screen>),
}

impl Console {
    /// The console this process was started with.
    pub(crate) fn open() -> io::Result<Self> {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if is_terminal && !is_dumb {
            Ok(Console::Screen(Box::new(Screen::open()?)))
        } else {
            Ok(Console::Pipe(Pipe::open()?))
        }
    }

    /// Waits for what happens next, and shows meanwhile what is to be shown. From a pipe, a line is
    /// taken only when `takes_typing`; a person's keys are taken always.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing that is typed or shown is lost.
    pub(crate) async fn next(&mut self, takes_typing: bool) -> ConsoleEvent {
        match self {
            Console::Pipe(pipe) => pipe.next(takes_typing).await,
            Console::Screen(screen) => screen.next().await,
        }
    }

    /// Whether more can be shown without piling up.
    pub(crate) fn has_room(&self) -> bool {
        match self {
            Console::Pipe(pipe) => pipe.has_room(),
            Console::Screen(_) => true,
        }
    }

    /// Shows a whole line.
    pub(crate) fn print(&mut self, line: &str) -> io::Result<()> {
        match self {
            Console::Pipe(pipe) => {
                pipe.print(line);
                Ok(())
            }
            Console::Screen(screen) => screen.print(line),
        }
    }

    /// Shows a question; what is typed follows on the same line.
    pub(crate) fn prompt(&mut self, question: &str) -> io::Result<()> {
        match self {
            Console::Pipe(pipe) => {
                pipe.prompt(question);
                Ok(())
            }
            Console::Screen(screen) => screen.prompt(question),
        }
    }

    /// Keeps a typed line for the arrow keys.
    pub(crate) fn remember(&mut self, line: &str) {
        if let Console::Screen(screen) = self {
            screen.remember(line);
        }
    }

    /// Shows what is still to be shown, and gives the terminal back as it was.
    pub(crate) async fn finish(self) -> io::Result<()> {
        match self {
            Console::Pipe(pipe) => pipe.finish().await,
            Console::Screen(screen) => screen.finish(),
        }
    }
}
