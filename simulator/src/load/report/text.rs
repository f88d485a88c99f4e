//! The summary on a terminal: the verdict first, then the figures behind it, then the evidence.

use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use console::Style;

use super::facts::{Facts, Part};
use super::numbers::{bytes, count, number, seconds, share, time, time_f};
use super::visible;
use crate::load::figures::Measure;
use crate::load::gate::Name;
use crate::load::record::{Evidence, Outcome, RunRecord, VerdictRecord};

/// No line is longer, unless it is a path or a command to copy.
const WIDTH: usize = 100;
/// The column at which values stand beside their labels.
const INDENT: usize = 12;
/// How many faults are told with everything that is known about them; the files have all.
const MOST_FAULTS: usize = 5;
/// Stands where there is no figure.
const UNKNOWN: &str = "-";

/// How to look at a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look<'a> {
    /// Whether a terminal is there that shows colours.
    pub colour: bool,
    /// Where the run's files are, if it left any.
    pub directory: Option<&'a Path>,
}

/// The summary of a run, for a page of 100 columns; ends with a line end.
#[must_use]
pub fn summary(record: &RunRecord, verdict: &VerdictRecord, look: Look<'_>) -> String {
    let facts = Facts::of(record);
    let mut page = Page { text: String::new(), colour: look.colour };
    page.verdict(record, verdict);
    page.tables(&facts);
    page.rest(&facts);
    page.gates(verdict);
    page.faults(record);
    page.files(look.directory);
    page.text
}

struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn verdict(&mut self, record: &RunRecord, verdict: &VerdictRecord) {
        let head = &record.head;
        let title = visible::cut(&visible::line(&head.file.title), WIDTH - INDENT);
        let word = self.paint(style(verdict.outcome).bold(), word(verdict.outcome));
        let space = " ".repeat(INDENT - self::word(verdict.outcome).len());
        self.text += &format!("{word}{space}{title}\n");
        let (part, parts) = head.part;
        let part = if parts > 1 { format!(", part {part} of {parts}") } else { String::new() };
        self.entry(
            "",
            &format!(
                "{} bots in {} groups against {} at {}, seed {}{part}",
                count(head.crowd.bots),
                count(head.crowd.groups),
                head.target.name,
                head.target.address,
                head.seed
            ),
        );
        if let Some(partial) = &head.partial {
            self.entry("partial", partial);
        }
        for (place, reason) in verdict.reasons.iter().enumerate() {
            self.entry(if place == 0 { "because" } else { "" }, reason);
        }
        if let Some(ended) = &head.server_ended {
            self.entry("ended", &format!("the server, by itself: {ended}"));
        }
    }

    fn tables(&mut self, facts: &Facts<'_>) {
        let mut parts: Vec<&Part<'_>> = facts.phases.iter().collect();
        // With one measured phase, the sum is that phase.
        if facts.phases.iter().filter(|part| part.is_measured()).count() > 1 {
            parts.push(&facts.measured);
        }
        self.table(
            &["phase", "asked", "took", "sends", "copies", "copies/s", "late p99", "late max"],
            &parts,
            traffic,
        );
        self.table(
            &["delivery", "p50", "p90", "p99", "p99.9", "max", "raw p99", "last p99"],
            &parts,
            latency,
        );
        if facts.phases.iter().any(|part| !part.is_measured()) {
            self.note("* not measured: its figures count nowhere else");
        }
        if parts.iter().any(|part| latency(part).contains(&UNKNOWN.to_owned())) {
            self.note("- nothing to tell, or fewer than ten samples lie beyond that percentile");
        }
    }

    fn table(&mut self, heads: &[&str], parts: &[&Part<'_>], row: fn(&Part<'_>) -> Vec<String>) {
        let mut table = Table::new();
        *table.style_mut() = presets::NOTHING;
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(heads.iter().copied());
        for part in parts {
            table.add_row(row(part));
        }
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            if place > 0 {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        self.text.push('\n');
        for (place, line) in table.lines().enumerate() {
            let line = line.trim_end();
            let style = if place == 0 { Style::new().dim() } else { Style::new() };
            self.text += &format!("{}\n", self.paint(style, line));
        }
    }

    fn rest(&mut self, facts: &Facts<'_>) {
        self.text.push('\n');
        self.entry("joining", &joining(facts));
        let ledger = &facts.record.head.ledger;
        self.entry(
            "ledger",
            &format!(
                "{} sends, {} copies expected, {} verified, {} notices",
                count(ledger.sends),
                count(ledger.expected),
                count(ledger.verified),
                count(ledger.notices)
            ),
        );
        let faults = faults(facts);
        let style = if faults == "no faults" { Style::new().green() } else { Style::new().red() };
        self.painted_entry("faults", &faults, style);
        self.entry("server", &server(facts));
        self.entry("generator", &generator(facts));
        if let Some(fairness) = fairness(facts) {
            self.entry("fairness", &fairness);
        }
        for (place, doubt) in facts.record.head.doubts.iter().enumerate() {
            self.entry(if place == 0 { "doubts" } else { "" }, doubt);
        }
    }

    fn gates(&mut self, verdict: &VerdictRecord) {
        if verdict.gates.is_empty() {
            return;
        }
        self.text.push('\n');
        for gate in &verdict.gates {
            let word = gate_word(gate.outcome);
            let told = format!("{}: {}", gate.gate, gate.why);
            self.painted_label(word, &told, style(gate.outcome));
        }
    }

    fn faults(&mut self, record: &RunRecord) {
        let faults: Vec<&Evidence> =
            record.evidence.iter().filter(|evidence| evidence.fault.is_some()).collect();
        for fault in faults.iter().take(MOST_FAULTS) {
            self.fault(fault);
        }
        if faults.len() > MOST_FAULTS {
            let more = count((faults.len() - MOST_FAULTS) as u64);
            self.text.push('\n');
            self.note(&format!("{more} more in evidence.ndjson"));
        }
    }

    fn fault(&mut self, evidence: &Evidence) {
        let kind = evidence.fault.map_or("slow", |kind| kind.as_str());
        self.text.push('\n');
        let kind = self.paint(Style::new().red().bold(), kind);
        let about = visible::cut(&super::incidents::about(evidence), WIDTH - INDENT - 16);
        self.text += &format!("{kind}  {about}\n");
        self.entry("", &evidence.what);
        // The words of a peer stand on one line, however many there are.
        for (label, words) in [("expected", &evidence.expected), ("came", &evidence.came)] {
            if let Some(words) = words {
                let words = visible::cut(&visible::line(words), WIDTH - INDENT);
                self.text += &format!("{label:<INDENT$}{words}\n");
            }
        }
        for (at, what) in super::incidents::timeline(evidence) {
            let what = visible::cut(&what, WIDTH - INDENT - 14);
            self.text += &format!("{:INDENT$}{at:>12}  {what}\n", "");
        }
    }

    fn files(&mut self, directory: Option<&Path>) {
        let Some(directory) = directory else { return };
        let directory = directory.display();
        self.text += &format!("\n{:<INDENT$}{directory}\n", "files");
        self.text += &format!("{:<INDENT$}simulator report {directory}\n", "look again");
    }

    /// A label and its words, broken into lines.
    fn entry(&mut self, label: &str, words: &str) {
        self.painted_entry(label, words, Style::new());
    }

    fn painted_entry(&mut self, label: &str, words: &str, style: Style) {
        for (place, line) in visible::wrap(&visible::line(words), WIDTH - INDENT).iter().enumerate()
        {
            let label = if place == 0 { label } else { "" };
            self.text += &format!("{label:<INDENT$}{}\n", self.paint(style.clone(), line));
        }
    }

    fn painted_label(&mut self, label: &str, words: &str, style: Style) {
        for (place, line) in visible::wrap(&visible::line(words), WIDTH - INDENT).iter().enumerate()
        {
            let label = format!("{:<INDENT$}", if place == 0 { label } else { "" });
            self.text += &format!("{}{line}\n", self.paint(style.clone(), &label));
        }
    }

    fn note(&mut self, words: &str) {
        self.text += &format!("{}\n", self.paint(Style::new().dim(), words));
    }

    fn paint(&self, style: Style, words: &str) -> String {
        if words.is_empty() || style == Style::new() {
            return words.to_owned();
        }
        style.force_styling(self.colour).apply_to(words).to_string()
    }
}

/// The word for an outcome.
#[must_use]
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "PASS",
        Outcome::Fail => "FAIL",
        Outcome::Untrusted => "UNTRUSTED",
        Outcome::Invalid => "INVALID",
    }
}

fn gate_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "ok",
        Outcome::Fail => "FAILED",
        Outcome::Untrusted => "untrusted",
        Outcome::Invalid => "invalid",
    }
}

fn style(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Pass => Style::new().green(),
        Outcome::Fail => Style::new().red(),
        Outcome::Untrusted => Style::new().yellow(),
        Outcome::Invalid => Style::new().magenta(),
    }
}

fn traffic(part: &Part<'_>) -> Vec<String> {
    vec![
        name(part),
        part.phase.map_or(String::new(), |phase| visible::cut(&visible::line(&phase.shape), 22)),
        seconds(part.seconds),
        count(part.sends),
        count(part.copies),
        part.per_second(part.copies).map_or(UNKNOWN.to_owned(), number),
        known(part.percentile(Measure::Lateness, 99.0)),
        known(part.max(Measure::Lateness)),
    ]
}

fn latency(part: &Part<'_>) -> Vec<String> {
    let delivery = |percent| known(part.percentile(Measure::Delivery, percent));
    vec![
        name(part),
        delivery(50.0),
        delivery(90.0),
        delivery(99.0),
        delivery(99.9),
        known(part.max(Measure::Delivery)),
        known(part.percentile(Measure::Raw, 99.0)),
        known(part.percentile(Measure::Last, 99.0)),
    ]
}

fn name(part: &Part<'_>) -> String {
    let mark = if part.is_measured() { "" } else { " *" };
    format!("{}{mark}", visible::cut(&visible::line(part.name()), 18))
}

fn known(micros: Option<u64>) -> String {
    micros.map_or(UNKNOWN.to_owned(), time)
}

fn joining(facts: &Facts<'_>) -> String {
    let crowd = &facts.record.head.crowd;
    let mut words = format!(
        "{} of {} bots in {}",
        count(crowd.joined),
        count(crowd.to_join()),
        seconds(crowd.join_seconds)
    );
    if let Some(histogram) = facts.join.get(Measure::Join) {
        let at = |percent| known(super::percentile(histogram, percent));
        words += &format!("; p50 {}, p99 {}, max {}", at(50.0), at(99.0), time(histogram.max()));
    }
    words
}

/// The faults in words, the allowed ones marked.
pub(super) fn faults(facts: &Facts<'_>) -> String {
    let faults = facts.faults();
    let words: Vec<String> = faults
        .into_iter()
        .map(|(kind, times, allowed)| {
            let allowed = if allowed { " (allowed)" } else { "" };
            format!("{} {}{allowed}", count(times), kind.as_str())
        })
        .collect();
    if words.is_empty() { "no faults".to_owned() } else { words.join(", ") }
}

fn server(facts: &Facts<'_>) -> String {
    let head = &facts.record.head;
    let mut words = Vec::new();
    if let Some(micros) = facts.figure(Name::ServerCpuPerDelivery) {
        words.push(format!("{} of CPU for each copy", time_f(micros)));
    }
    if let Some(used) = facts.figure(Name::ServerCpu) {
        words.push(format!("{} of a core", share(used)));
    }
    if let Some(each) = facts.figure(Name::ServerRssPerBot) {
        words.push(format!("{} for each bot after the joining", bytes(each)));
    }
    if let Some(most) = facts.figure(Name::ServerRss) {
        words.push(format!("{} at most", bytes(most)));
    }
    if head.crowd.cut_off > 0 {
        words.push(format!("cut off {} that do not read", count(head.crowd.cut_off)));
    }
    if head.crowd.refused > 0 {
        words.push(format!("refused {} wrong passwords", count(head.crowd.refused)));
    }
    if !head.target.process_known {
        words.insert(0, "its cost is not known: its process is not ours".to_owned());
    }
    if words.is_empty() { "nothing was measured".to_owned() } else { words.join(", ") }
}

fn generator(facts: &Facts<'_>) -> String {
    let trust = &facts.record.head.trust;
    let busy = facts
        .figure(Name::GeneratorCpu)
        .map_or("busy time not known".to_owned(), |busy| format!("{} busy", share(busy)));
    let late = facts.measured.percentile(Measure::Lateness, 99.0);
    let late = late.map_or("lateness p99 not known".to_owned(), |late| {
        format!("late by {} at p99", time(late))
    });
    format!(
        "{busy} (trusted to {}), {late} (trusted to {})",
        share(trust.busy),
        time(trust.lateness_p99_us)
    )
}

/// The spread over the receivers, in words.
fn fairness(facts: &Facts<'_>) -> Option<String> {
    let fairness = facts.record.head.fairness.as_ref()?;
    Some(format!(
        "p99 of the best of {} receivers {}, of the median {}, of the worst {} ({})",
        count(fairness.receivers),
        time(fairness.best_p99_us),
        fairness.median_p99_us.map_or("not known".to_owned(), time),
        time(fairness.worst_p99_us),
        fairness.worst
    ))
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::load::report::sample;

    fn shown(record: &RunRecord) -> String {
        let verdict = record.head.verdict.clone().unwrap();
        let directory = Path::new("target/load/busy-evening-1");
        let text = summary(record, &verdict, Look { colour: false, directory: Some(directory) });
        assert!(text.lines().all(|line| line.width() <= WIDTH), "too wide:\n{text}");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "not safe: {text:?}");
        text
    }

    #[test]
    fn a_pass() {
        insta::assert_snapshot!(shown(&sample::pass()));
    }

    #[test]
    fn a_failure_with_its_evidence() {
        insta::assert_snapshot!(shown(&sample::fail()));
    }

    #[test]
    fn a_run_that_proves_nothing() {
        insta::assert_snapshot!(shown(&sample::untrusted()));
    }

    #[test]
    fn only_a_terminal_gets_colours() {
        let record = sample::fail();
        let verdict = record.head.verdict.clone().unwrap();
        let coloured = summary(&record, &verdict, Look { colour: true, directory: None });
        assert!(coloured.starts_with("\u{1b}["));
        let plain = summary(&record, &verdict, Look::default());
        assert_eq!(console::strip_ansi_codes(&coloured), plain);
    }

    #[test]
    fn many_faults_are_not_all_told() {
        let mut record = sample::fail();
        let fault = record.evidence[0].clone();
        record.evidence = vec![fault; 12];
        let text = shown(&record);
        assert_eq!(text.matches("meant to be sent").count(), MOST_FAULTS);
        assert!(text.contains("7 more in evidence.ndjson"));
    }
}
