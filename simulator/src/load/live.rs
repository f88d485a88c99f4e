//! What is seen while a run is under way: bars on a terminal, a line for each finished part elsewhere.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::report::numbers::{count, time};

/// What a phase comes to now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LiveFigures {
    /// Messages sent a second, since the display last changed.
    pub sends_per_s: f64,
    /// Copies that arrived a second, since the display last changed.
    pub copies_per_s: f64,
    /// The median of delivery in the present second, in microseconds, where there is one.
    pub p50_us: Option<u64>,
    /// The 99th percentile of delivery in the present second, in microseconds, where there is one.
    pub p99_us: Option<u64>,
    /// Faults that were found so far, of all kinds; what is lost is known for certain at the end only.
    pub faults: u64,
}

/// The display of one run, on standard error: standard output belongs to the results.
pub struct Live {
    /// What stands before every line, such as `run 3 of 20: `; may be empty.
    prefix: String,
    names: Vec<String>,
    bots: u64,
    joined: u64,
    failed: u64,
    /// The phase under way, and its last figures.
    current: Option<(usize, LiveFigures)>,
    bars: Option<Bars>,
    /// Where plain lines go, where there are no bars.
    lines: Box<dyn Write + Send>,
    is_joining_told: bool,
}

/// The bars on a terminal.
struct Bars {
    all: MultiProgress,
    joining: ProgressBar,
    phases: Vec<ProgressBar>,
    settling: Option<ProgressBar>,
}

impl Live {
    /// Begins: bars where somebody is looking, otherwise lines. `plan` has the name and the length in
    /// seconds of every phase; a `prefix` tells the runs of one command apart, and may be empty.
    #[must_use]
    pub fn start(plan: &[(String, f64)], bots: u64, prefix: &str) -> Self {
        let mut live = Live::plain(plan, bots, prefix, Box::new(std::io::stderr()));
        if std::io::stderr().is_terminal() {
            live.bars = Some(Bars::new(plan, bots, &live.prefix, ProgressDrawTarget::stderr()));
        }
        live
    }

    /// Nothing at all, for runs that nobody watches.
    #[must_use]
    pub fn silent() -> Self {
        Live::plain(&[], 0, "", Box::new(std::io::sink()))
    }

    fn plain(
        plan: &[(String, f64)],
        bots: u64,
        prefix: &str,
        lines: Box<dyn Write + Send>,
    ) -> Self {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}: ") };
        Live {
            prefix,
            names: plan.iter().map(|(name, _)| name.clone()).collect(),
            bots,
            joined: 0,
            failed: 0,
            current: None,
            bars: None,
            lines,
            is_joining_told: false,
        }
    }

    /// So many bots are to join: not all, where some knock, or where others have a part of them.
    pub fn expect(&mut self, bots: u64) {
        self.bots = bots;
        if let Some(bars) = &self.bars {
            bars.joining.set_length(bots);
        }
    }

    /// So many bots have joined, and so many cannot.
    pub fn joining(&mut self, joined: u64, failed: u64) {
        (self.joined, self.failed) = (joined, failed);
        if let Some(bars) = &self.bars {
            bars.joining.set_position(joined);
            bars.joining.set_message(failures(failed));
        }
    }

    /// A phase, by its index in the plan, is under way.
    pub fn phase(&mut self, index: usize, elapsed: Duration, figures: LiveFigures) {
        self.tell_joining();
        if self.current.is_some_and(|(last, _)| last != index) {
            self.tell_phase();
        }
        self.current = Some((index, figures));
        if let Some(bar) = self.bars.as_ref().and_then(|bars| bars.phases.get(index)) {
            bar.set_position(millis(elapsed.as_secs_f64()));
            bar.set_message(words(&figures));
        }
    }

    /// The last phase is over, and late copies are waited for.
    pub fn settling(&mut self) {
        self.tell_joining();
        self.tell_phase();
        if let Some(bars) = &mut self.bars {
            let bar = bars.all.add(ProgressBar::new_spinner());
            bar.set_style(style("{prefix}waiting for the last copies {spinner}"));
            bar.set_prefix(self.prefix.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bars.settling = Some(bar);
        }
    }

    /// The run is over, whatever came of it; the bars go away, since the summary says more.
    pub fn finish(mut self) {
        // Where there was no server, there is nothing to tell.
        if self.joined + self.failed > 0 {
            self.tell_joining();
        }
        self.tell_phase();
        if let Some(bars) = &mut self.bars {
            for bar in bars.phases.iter().chain([&bars.joining]).chain(&bars.settling) {
                bar.finish_and_clear();
            }
            // A terminal that has gone away needs no clearing.
            let _ = bars.all.clear();
        }
    }

    /// Once the joining is over.
    fn tell_joining(&mut self) {
        if std::mem::replace(&mut self.is_joining_told, true) {
            return;
        }
        if let Some(bars) = &self.bars {
            bars.joining.abandon();
        }
        let failed = failures(self.failed);
        let line = format!("{} of {} bots joined{failed}", count(self.joined), count(self.bots));
        self.line(&line);
    }

    /// Once a phase is over.
    fn tell_phase(&mut self) {
        let Some((index, figures)) = self.current.take() else { return };
        if let Some(bar) = self.bars.as_ref().and_then(|bars| bars.phases.get(index)) {
            bar.set_position(bar.length().unwrap_or(0));
            bar.abandon();
        }
        let name = self.names.get(index).map_or("?", String::as_str);
        let line = format!("{name}, at its end: {}", words(&figures));
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        if self.bars.is_none() {
            // A reader that has gone away wanted no more.
            let _ = writeln!(self.lines, "{}{line}", self.prefix);
        }
    }
}

impl Bars {
    fn new(plan: &[(String, f64)], bots: u64, prefix: &str, target: ProgressDrawTarget) -> Self {
        let all = MultiProgress::with_draw_target(target);
        let width = plan.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max(7);
        let joining = all.add(ProgressBar::new(bots));
        joining
            .set_style(style("{prefix} {bar:20.green/dim} {human_pos} of {human_len} bots{msg}"));
        joining.set_prefix(format!("{prefix}{:width$}", "joining"));
        let phases = plan.iter().map(|(name, seconds)| {
            let bar = all.add(ProgressBar::new(millis(*seconds)));
            bar.set_style(style("{prefix} {bar:20.cyan/dim} {msg}"));
            bar.set_prefix(format!("{prefix}{name:width$}"));
            bar.tick();
            bar
        });
        let phases = phases.collect();
        Bars { all, joining, phases, settling: None }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸─")
}

fn words(figures: &LiveFigures) -> String {
    let known = |micros: Option<u64>| micros.map_or("-".to_owned(), time);
    let faults = match figures.faults {
        0 => String::new(),
        faults => format!("  {} faults", count(faults)),
    };
    format!(
        "{} sends/s  {} copies/s  p50 {}  p99 {}{faults}",
        rate(figures.sends_per_s),
        rate(figures.copies_per_s),
        known(figures.p50_us),
        known(figures.p99_us)
    )
}

/// A rate that jumps every second is read in whole numbers.
fn rate(per_second: f64) -> String {
    count(per_second.round().max(0.0) as u64)
}

fn failures(failed: u64) -> String {
    if failed == 0 { String::new() } else { format!(", {} could not", count(failed)) }
}

fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use indicatif::{InMemoryTerm, TermLike};

    use super::*;

    /// A pipe whose other end can be looked at.
    #[derive(Clone, Default)]
    struct Pipe(Arc<Mutex<Vec<u8>>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn plan() -> Vec<(String, f64)> {
        vec![("steady".to_owned(), 20.0), ("spike".to_owned(), 5.0)]
    }

    fn figures(sends_per_s: f64, faults: u64) -> LiveFigures {
        LiveFigures {
            sends_per_s,
            copies_per_s: sends_per_s * 100.0,
            p50_us: Some(640),
            p99_us: Some(2_230),
            faults,
        }
    }

    fn play(mut live: Live) {
        live.joining(10, 0);
        live.joining(4_998, 2);
        live.phase(0, Duration::from_secs(1), figures(499.6, 0));
        live.phase(0, Duration::from_secs(20), figures(500.0, 0));
        live.phase(1, Duration::from_secs(5), figures(1999.8, 1_204));
        live.settling();
        live.finish();
    }

    #[test]
    fn a_pipe_gets_one_line_for_each_finished_part() {
        let pipe = Pipe::default();
        play(Live::plain(&plan(), 5_000, "", Box::new(pipe.clone())));
        let text = String::from_utf8(pipe.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(text, @r"
        4,998 of 5,000 bots joined, 2 could not
        steady, at its end: 500 sends/s  50,000 copies/s  p50 640 µs  p99 2.23 ms
        spike, at its end: 2,000 sends/s  199,980 copies/s  p50 640 µs  p99 2.23 ms  1,204 faults
        ");
    }

    #[test]
    fn the_runs_of_one_command_are_told_apart() {
        let pipe = Pipe::default();
        let mut live = Live::plain(&plan(), 1, "floor 2 of 3", Box::new(pipe.clone()));
        live.joining(1, 0);
        live.phase(0, Duration::ZERO, LiveFigures::default());
        live.finish();
        let text = String::from_utf8(pipe.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(text, @r"
        floor 2 of 3: 1 of 1 bots joined
        floor 2 of 3: steady, at its end: 0 sends/s  0 copies/s  p50 -  p99 -
        ");
    }

    #[test]
    fn a_run_that_ends_while_joining_says_how_far_it_came() {
        let pipe = Pipe::default();
        let mut live = Live::plain(&plan(), 5_000, "", Box::new(pipe.clone()));
        live.joining(17, 0);
        live.finish();
        assert_eq!(*pipe.0.lock().unwrap(), b"17 of 5,000 bots joined\n");
    }

    #[test]
    fn a_terminal_shows_a_bar_for_each_part_and_is_left_clean() {
        let term = InMemoryTerm::new(12, 100);
        let target = || ProgressDrawTarget::term_like(Box::new(term.clone()));
        let mut live = Live::silent();
        live.bars = Some(Bars::new(&plan(), 5_000, "", target()));
        live.joining(4_998, 2);
        live.phase(0, Duration::from_secs(20), figures(500.0, 0));
        live.phase(1, Duration::from_secs(3), figures(1999.8, 1_204));
        if let Some(bars) = &live.bars {
            bars.phases.iter().for_each(ProgressBar::tick);
        }
        insta::assert_snapshot!(term.contents(), @r"
        joining ━━━━━━━━━━━━━━━━━━━╸ 4,998 of 5,000 bots, 2 could not
        steady  ━━━━━━━━━━━━━━━━━━━━ 500 sends/s  50,000 copies/s  p50 640 µs  p99 2.23 ms
        spike   ━━━━━━━━━━━━╸─────── 2,000 sends/s  199,980 copies/s  p50 640 µs  p99 2.23 ms  1,204 faults
        ");
        live.finish();
        assert_eq!(term.contents(), "");
        assert!(term.width() > 0);
    }
}
