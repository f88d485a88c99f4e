//! What a server prints, line by line.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;

/// The most lines of a server's output that are kept, the last ones, so that a server that
/// prints without end cannot fill the memory.
const MAX_LINES: usize = 20_000;

/// The most bytes of a line that are kept.
const MAX_LINE_BYTES: usize = 4096;

/// How long a pipe has to be silent to be taken for empty, and how long it is waited for at most.
const QUIET: Duration = Duration::from_millis(100);
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How many lines a report shows.
const EXCERPT_LINES: usize = 12;

/// A server's output, standard output and error together, in the order in which it arrived.
#[derive(Debug, Clone)]
pub struct Log {
    // Written by the tasks that read the process's pipes and read by the replay; the lock is held
    // only to push or copy a line.
    lines: Arc<Mutex<Lines>>,
    /// How many lines there are; changes wake those who wait for one.
    count: Arc<watch::Sender<usize>>,
}

/// The last lines of a log.
#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<String>,
    /// How many earlier ones are gone.
    dropped: usize,
}

impl Log {
    pub(super) fn new() -> Self {
        Log { lines: Arc::default(), count: Arc::new(watch::Sender::new(0)) }
    }

    /// Reads `pipe` into the log until it ends. Of a line that is too long, the rest is dropped.
    pub(super) async fn collect(self, pipe: impl AsyncRead + Unpin) {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        loop {
            let (length, ends) = match pipe.fill_buf().await {
                Ok([]) | Err(_) => break,
                Ok(buffer) => {
                    let end = buffer.iter().position(|byte| *byte == b'\n');
                    let piece = &buffer[..end.unwrap_or(buffer.len())];
                    let room = MAX_LINE_BYTES - line.len();
                    line.extend_from_slice(&piece[..piece.len().min(room)]);
                    (end.map_or(buffer.len(), |end| end + 1), end.is_some())
                }
            };
            pipe.consume(length);
            if ends {
                self.push(&line);
                line.clear();
            }
        }
        if !line.is_empty() {
            self.push(&line);
        }
    }

    fn push(&self, line: &[u8]) {
        // A server's output is shown on people's terminals, which it must not steer.
        let line = String::from_utf8_lossy(line);
        let line = line
            .trim_end()
            .chars()
            .map(|c| if c.is_control() && c != '\t' { '\u{FFFD}' } else { c });
        let line: String = line.collect();
        let count = {
            let mut lines = self.lock();
            lines.kept.push_back(line);
            if lines.kept.len() > MAX_LINES {
                lines.kept.pop_front();
                lines.dropped += 1;
            }
            lines.dropped + lines.kept.len()
        };
        self.count.send_replace(count);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The first line from number `from` (counting from 0) on of which `find` makes something, with
    /// its number; waits for it up to `limit`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when this is dropped.
    pub async fn find<T>(
        &self,
        from: usize,
        limit: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Option<(usize, T)> {
        let mut count = self.count.subscribe();
        let mut next = from;
        let search = async {
            loop {
                count.borrow_and_update();
                let (seen, found) = {
                    let lines = self.lock();
                    let new = lines.kept.iter().skip(next.saturating_sub(lines.dropped));
                    let mut numbered = (next.max(lines.dropped)..).zip(new);
                    let found = numbered.find_map(|(number, line)| Some((number, find(line)?)));
                    (lines.dropped + lines.kept.len(), found)
                };
                if found.is_some() {
                    return found;
                }
                next = next.max(seen);
                // The log itself holds the sender, so this does not end before the log does.
                count.changed().await.ok()?;
            }
        };
        tokio::time::timeout(limit, search).await.ok().flatten()
    }

    /// How many lines there are now.
    #[must_use]
    pub fn len(&self) -> usize {
        let lines = self.lock();
        lines.dropped + lines.kept.len()
    }

    /// Whether nothing was printed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A little time for the last words of a process that has ended to come through its pipes.
    pub(super) async fn until_quiet(&self) {
        let mut count = self.count.subscribe();
        let quiet = async {
            while tokio::time::timeout(QUIET, count.changed())
                .await
                .is_ok_and(|changed| changed.is_ok())
            {}
        };
        // What it started may print on without end.
        let _ = tokio::time::timeout(LAST_WORDS, quiet).await;
    }

    /// The last lines.
    #[must_use]
    pub fn tail(&self) -> Vec<String> {
        let lines = self.lock();
        let before = lines.kept.len().saturating_sub(EXCERPT_LINES);
        lines.kept.iter().skip(before).cloned().collect()
    }

    /// The last lines, as the end of an error's text.
    pub(super) fn excerpt(&self) -> String {
        let tail = self.tail();
        if tail.is_empty() {
            return "; it printed nothing".to_owned();
        }
        let lines: Vec<String> = tail.iter().map(|line| format!("\n  | {line}")).collect();
        format!("; the last it printed:{}", lines.concat())
    }
}
