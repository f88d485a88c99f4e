//! A terminal with a line editor: a line that comes in goes above the line being typed.

use std::io::{self, Write};

use crossterm::cursor::{MoveToColumn, MoveUp};
use crossterm::terminal::{self, Clear, ClearType};
use crossterm::{ExecutableCommand, QueueableCommand};
use rustyline_async::{Readline, ReadlineError, ReadlineEvent, SharedWriter};
use unicode_width::UnicodeWidthStr;

use super::ConsoleEvent;

/// The terminal is in raw mode for as long as this lives.
pub(crate) struct Screen {
    readline: Readline,
    writer: SharedWriter,
    question: String,
}

impl Screen {
    pub(super) fn open() -> io::Result<Self> {
        let (readline, writer) = Readline::new(String::new()).map_err(io_error)?;
        Ok(Screen { readline, writer, question: String::new() })
    }

    pub(super) async fn next(&mut self) -> ConsoleEvent {
        match self.readline.readline().await {
            Ok(ReadlineEvent::Line(line)) => match self.settle(&line) {
                Ok(()) => ConsoleEvent::Typed(line),
                Err(error) => ConsoleEvent::Gone(Err(error)),
            },
            Ok(ReadlineEvent::Eof) => ConsoleEvent::EndOfInput,
            Ok(ReadlineEvent::Interrupted) => ConsoleEvent::Interrupt,
            Err(error) => ConsoleEvent::Gone(Err(io_error(error))),
        }
    }

    /// Cleans up after a line was entered: its question is answered.
    fn settle(&mut self, line: &str) -> io::Result<()> {
        let (columns, _) = terminal::size()?;
        // rustyline-async 0.4.9 draws an entered line a second time and takes back only the last of
        // the rows it wraps to, so the others are taken back here. That holds with the cursor at the
        // end of the line; after Enter in the middle of a wrapped line, its last rows are missing
        // until the server sends the message back.
        let rows = rows_above_the_end(&self.question, line, columns);
        if rows > 0 {
            let mut stdout = io::stdout();
            stdout.queue(MoveUp(rows))?.queue(MoveToColumn(0))?;
            stdout.execute(Clear(ClearType::FromCursorDown))?;
        }
        self.prompt("")
    }

    pub(super) fn print(&mut self, line: &str) -> io::Result<()> {
        let text = format!("{line}\n");
        match self.writer.write_all(text.as_bytes()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.make_room(),
            result => result,
        }
    }

    /// Shows what waits in the writer, which keeps the text it had no room for.
    fn make_room(&mut self) -> io::Result<()> {
        self.readline.flush().map_err(io_error)?;
        // Nothing is added, but the writer tries again; `write_all` would not even ask it to.
        let _ = self.writer.write(b"")?;
        let question = self.question.clone();
        self.prompt(&question)
    }

    pub(super) fn prompt(&mut self, question: &str) -> io::Result<()> {
        question.clone_into(&mut self.question);
        self.readline.update_prompt(question).map_err(io_error)
    }

    pub(super) fn remember(&mut self, line: &str) {
        self.readline.add_history_entry(line.to_owned());
    }

    pub(super) fn finish(mut self) -> io::Result<()> {
        self.readline.flush().map_err(io_error)
    }
}

/// How many rows a question and its answer take, but for the last one.
fn rows_above_the_end(question: &str, answer: &str, columns: u16) -> u16 {
    let width = question.width() + answer.width();
    let rows = width.saturating_sub(1) / usize::from(columns.max(1));
    u16::try_from(rows).unwrap_or(u16::MAX)
}

fn io_error(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::IO(error) => error,
        ReadlineError::Closed => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_just_full_does_not_wrap() {
        assert_eq!(rows_above_the_end("", "", 10), 0);
        assert_eq!(rows_above_the_end("12345", "12345", 10), 0);
        assert_eq!(rows_above_the_end("12345", "123456", 10), 1);
        assert_eq!(rows_above_the_end("", "\u{65E5}\u{672C}\u{8A9E}", 5), 1);
    }
}
