//! The report for a person: a line for each scenario, everything about each failure, a summary.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{lanes, plural, reason, word};
use crate::replay::Failure;
use crate::run::{Outcome, Settings, Summary, Verdict};
use crate::scenario::Scenario;

/// The width of a page that is no terminal.
const PAGE: usize = 120;

pub(super) struct Text<W> {
    out: W,
    progress: ProgressBar,
    width: usize,
    name_width: usize,
}

impl<W: Write> Text<W> {
    /// Begins; shows progress if `live` and if somebody is looking.
    pub(super) fn start(
        mut out: W,
        live: bool,
        settings: &Settings,
        scenarios: &[Scenario],
    ) -> Self {
        let jobs = settings.jobs();
        let who = match &settings.options.client_program {
            Some(program) => format!(", with {} in place of bots", program.display()),
            None => String::new(),
        };
        // A reader that has gone away wanted no more, here and below; the exit status still tells.
        let _ = writeln!(
            out,
            "{} against {}, {jobs} at a time, seed {}{who}",
            plural(scenarios.len(), "scenario"),
            settings.target.describe(),
            settings.options.seed
        );
        let progress = progress(live && std::io::stdout().is_terminal(), scenarios.len());
        let name_width = scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
        Text { out, progress, width: page_width(), name_width }
    }

    pub(super) fn outcome(&mut self, outcome: &Outcome, rerun: &str) {
        let mut text = self.line(outcome);
        match &outcome.verdict {
            Verdict::Fail(failure) => {
                text += &explain(outcome, failure, rerun, self.width);
            }
            Verdict::Accepted(changed) => {
                for path in changed {
                    text += &format!("              wrote {}\n", path.display());
                }
            }
            verdict => {
                if let Some(reason) = reason(verdict) {
                    text +=
                        &format!("              {}\n", reason.replace('\n', "\n              "));
                }
            }
        }
        let out = &mut self.out;
        let _ = self.progress.suspend(|| out.write_all(text.as_bytes()));
        self.progress.inc(1);
    }

    fn line(&self, outcome: &Outcome) -> String {
        let scenario = &outcome.scenario;
        let word = match &outcome.verdict {
            Verdict::Fail(_) => "FAIL",
            verdict => word(verdict),
        };
        let line = format!(
            "{word:12}  {:width$}  {:>3} clients  {:>4} steps  {:>6.2} s  {}",
            scenario.name,
            scenario.clients.len(),
            outcome.steps,
            outcome.took.as_secs_f64(),
            scenario.title,
            width = self.name_width,
        );
        // On a terminal, a line for each scenario is a line.
        match console::Term::stdout().size_checked() {
            Some(_) => lanes::cut(&line, self.width) + "\n",
            None => line + "\n",
        }
    }

    pub(super) fn finish(&mut self, summary: &Summary) {
        self.progress.finish_and_clear();
        let _ = self.out.write_all(summarize(summary).as_bytes());
        let _ = self.out.flush();
    }
}

/// The bar, for whom it may concern.
fn progress(shown: bool, scenarios: usize) -> ProgressBar {
    if !shown {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let progress = ProgressBar::new(scenarios as u64);
    let style =
        ProgressStyle::with_template("{spinner} {pos}/{len} scenarios [{bar:30}] {elapsed}");
    progress.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    progress.enable_steady_tick(std::time::Duration::from_millis(100));
    progress
}

fn page_width() -> usize {
    let terminal = console::Term::stdout().size_checked();
    terminal.map_or(PAGE, |(_, columns)| usize::from(columns).max(60))
}

/// Everything about a failure.
fn explain(outcome: &Outcome, failure: &Failure, rerun: &str, width: usize) -> String {
    let source = &outcome.scenario.source;
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        let value = value.replace('\n', "\n              ");
        text.push_str(&format!("  {label:<10}  {value}\n"));
    };
    if let Some(fault) = &failure.fault {
        line("fault", fault);
    }
    let (number, name) = &failure.act;
    if *number > 0 {
        let step = failure.step.map_or("its end".to_owned(), |step| format!("step {step}"));
        line("act", &format!("{number}, {name}, {step}"));
        line("at", &source.location(failure.span.start));
        if failure.step.is_some() {
            let written = source.text().get(failure.span.clone()).unwrap_or_default();
            line("", &first_line(written));
        }
    }
    if let Some(client) = &failure.client {
        line("client", client);
    }
    line("expected", &failure.expected);
    line("came", &failure.came);
    if let Some(requirement) = failure.requirement {
        line("breaks", &format!("{}: {}", requirement.id, requirement.text));
    }
    if let Some(hint) = &failure.hint {
        line("look at", hint);
    }
    if !failure.by_hand.is_empty() {
        line("by hand", &failure.by_hand.join("\n"));
    }
    if let Some(ended) = &failure.server_ended {
        line("server", &format!("its process has ended ({ended})"));
    }
    for row in lanes::draw(&failure.lanes, width.saturating_sub(4)) {
        text.push_str(&format!("    {row}\n"));
    }
    if !failure.log.is_empty() {
        text.push_str("  the server's log, its last lines\n");
        for line in &failure.log {
            text.push_str(&format!("    | {line}\n"));
        }
    }
    text.push_str(&format!("  again       {rerun} {}\n\n", source.path().display()));
    text
}

fn first_line(text: &str) -> String {
    match text.split_once('\n') {
        Some((first, _)) => format!("{first} ..."),
        None => text.to_owned(),
    }
}

fn summarize(summary: &Summary) -> String {
    let count = |is_it: fn(&Verdict) -> bool, words: &str| match summary.count(is_it) {
        0 => None,
        count => Some(format!("{count} {words}")),
    };
    let counts = [
        count(|verdict| matches!(verdict, Verdict::Pass), "passed"),
        count(|verdict| matches!(verdict, Verdict::Accepted(_)), "accepted"),
        count(|verdict| matches!(verdict, Verdict::Fail(_)), "failed"),
        count(|verdict| matches!(verdict, Verdict::Inconclusive(_)), "inconclusive"),
        count(|verdict| matches!(verdict, Verdict::Skip(_)), "skipped"),
        count(|verdict| matches!(verdict, Verdict::Unreachable(_)), "without a server"),
        count(|verdict| matches!(verdict, Verdict::Unreadable(_)), "unreadable"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let total = |of: fn(&Outcome) -> usize| summary.outcomes.iter().map(of).sum::<usize>();
    let mut text = format!(
        "\n{}: {}; {}, {}, {:.2} s\n",
        plural(summary.outcomes.len(), "scenario"),
        counts.join(", "),
        plural(total(|outcome| outcome.scenario.clients.len()), "client"),
        plural(total(|outcome| outcome.steps), "step"),
        summary.took.as_secs_f64(),
    );
    let programs = total(|outcome| outcome.programs);
    if programs > 0 {
        text += &format!(
            "{} of the clients were the real program; what only a bare socket can do stayed with bots\n",
            programs
        );
    }
    let unseen = total(|outcome| outcome.log_checks_skipped);
    if unseen > 0 {
        text += &format!(
            "{} of the server's log not made: it cannot be seen, or --no-log was given\n",
            plural(unseen, "check")
        );
    }
    text
}
