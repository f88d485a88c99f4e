//! Plain text through standard input and output.
//!
//! Each has a thread of its own, because reading or writing there can block for as long as whoever
//! is at the other end likes. Nobody waits for the thread that reads: the process may end while
//! standard input is still open.

use std::future::pending;
use std::io::{self, BufRead, Read, Write};
use std::mem;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::ConsoleEvent;

/// The longest line taken from standard input, in bytes; the rest of a longer one is dropped. It is
/// far over what a server takes, so the line is refused either way. The limit keeps an endless line
/// from taking all memory.
const MAX_TYPED_BYTES: u64 = 64 * 1024;

/// How many lines are read ahead of their use.
const TYPED_AHEAD_LINES: usize = 16;

/// How many bytes may wait for a slow reader of standard output before no more is read from the
/// server, which then notices and does what it does with slow members.
const MAX_UNSHOWN_BYTES: usize = 64 * 1024;

pub(crate) struct Pipe {
    typed: mpsc::Receiver<String>,
    input_ended: bool,
    /// To the thread that writes; it holds one piece of text at a time.
    out: mpsc::Sender<String>,
    /// What waits for that thread.
    unshown: String,
    /// How the thread ended: nobody reads any more, or the system says no. `None` once it is known.
    gone: Option<oneshot::Receiver<io::Result<()>>>,
}

impl Pipe {
    pub(super) fn open() -> io::Result<Self> {
        let (typed_sender, typed) = mpsc::channel(TYPED_AHEAD_LINES);
        let (out, out_receiver) = mpsc::channel(1);
        let (gone_sender, gone) = oneshot::channel();
        spawn("input", move || read_lines(io::stdin().lock(), &typed_sender))?;
        spawn("output", move || {
            // Nobody listens only when the program is over.
            let _ = gone_sender.send(write_all(io::stdout().lock(), out_receiver));
        })?;
        Ok(Pipe { typed, input_ended: false, out, unshown: String::new(), gone: Some(gone) })
    }

    pub(super) async fn next(&mut self, takes_typing: bool) -> ConsoleEvent {
        loop {
            tokio::select! {
                result = ended(&mut self.gone) => return ConsoleEvent::Gone(result),
                permit = self.out.reserve(), if !self.unshown.is_empty() => {
                    let had_room = self.has_room();
                    match permit {
                        Ok(permit) => permit.send(mem::take(&mut self.unshown)),
                        // The thread has ended, and is about to say how.
                        Err(_) => self.unshown.clear(),
                    }
                    // Whoever waits for the server meanwhile does not read from it; it has to look
                    // again.
                    if !had_room {
                        return ConsoleEvent::Room;
                    }
                }
                typed = self.typed.recv(), if takes_typing && !self.input_ended => match typed {
                    Some(line) => return ConsoleEvent::Typed(line),
                    None => {
                        self.input_ended = true;
                        return ConsoleEvent::EndOfInput;
                    }
                },
            }
        }
    }

    pub(super) fn has_room(&self) -> bool {
        self.unshown.len() < MAX_UNSHOWN_BYTES
    }

    pub(super) fn print(&mut self, line: &str) {
        self.unshown.push_str(line);
        self.unshown.push('\n');
    }

    pub(super) fn prompt(&mut self, question: &str) {
        self.unshown.push_str(question);
    }

    pub(super) async fn finish(self) -> io::Result<()> {
        let Pipe { out, unshown, mut gone, .. } = self;
        if gone.is_none() {
            return Ok(());
        }
        // Fails only when the thread has ended, and then it says how.
        let _ = out.send(unshown).await;
        drop(out);
        ended(&mut gone).await
    }
}

/// Waits for the end of the thread that writes; for ever, if its end was told before.
async fn ended(gone: &mut Option<oneshot::Receiver<io::Result<()>>>) -> io::Result<()> {
    let Some(receiver) = gone else { return pending().await };
    let result = receiver.await.unwrap_or(Ok(()));
    *gone = None;
    result
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map(drop)
}

/// Reads lines until the end of input, or until nobody wants them.
fn read_lines(mut input: impl BufRead, typed: &mpsc::Sender<String>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        // An input that cannot be read has ended.
        match input.by_ref().take(MAX_TYPED_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if !line.ends_with(b"\n") && skip_line(&mut input).is_err() {
            return;
        }
        let text = without_line_end(&line);
        if typed.blocking_send(String::from_utf8_lossy(text).into_owned()).is_err() {
            return;
        }
    }
}

/// Drops what is left of a line, which may be nothing.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (length, found) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(length);
        if found {
            return Ok(());
        }
    }
}

fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Writes and flushes each piece of text at once, until there is no more.
fn write_all(mut output: impl Write, mut texts: mpsc::Receiver<String>) -> io::Result<()> {
    while let Some(text) = texts.blocking_recv() {
        match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
            // Nobody reads: there is nobody to tell either.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(input: &[u8]) -> Vec<String> {
        let (sender, mut receiver) = mpsc::channel(100);
        read_lines(input, &sender);
        drop(sender);
        std::iter::from_fn(|| receiver.blocking_recv()).collect()
    }

    #[test]
    fn input_is_read_line_by_line_whatever_it_is() {
        assert_eq!(lines_of(b"one\ntwo\r\n\nlast"), ["one", "two", "", "last"]);
        assert_eq!(lines_of(b"a\xffb\n"), ["a\u{FFFD}b"]);
        assert_eq!(lines_of(b""), [""; 0]);
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_one_is_whole() {
        let input = [&[b'x'; 100_000][..], b"\nnext\n"].concat();
        let lengths: Vec<_> = lines_of(&input).iter().map(String::len).collect();
        assert_eq!(lengths, [65536, 4]);
        assert_eq!(lines_of(&[b'x'; 100_000]).len(), 1);
    }

    #[test]
    fn a_broken_pipe_is_a_quiet_end() {
        struct Broken(io::ErrorKind);
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let write_to = |kind| {
            let (sender, receiver) = mpsc::channel(1);
            sender.blocking_send("text".to_owned()).unwrap();
            write_all(Broken(kind), receiver).map_err(|error| error.kind())
        };
        assert_eq!(write_to(io::ErrorKind::BrokenPipe), Ok(()));
        assert_eq!(write_to(io::ErrorKind::StorageFull), Err(io::ErrorKind::StorageFull));
    }
}
