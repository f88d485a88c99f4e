//! `report.html`: a run on one page that can be kept, sent and printed. It loads nothing and runs nothing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::facts::{Facts, Part};
use super::numbers::{bytes, count, number, seconds, share, time, time_f};
use super::plots::{self, CapacityPoint};
use super::text::{faults, word};
use super::{incidents, visible};
use crate::load::figures::Measure;
use crate::load::gate::Name;
use crate::load::record::{Evidence, Outcome, RunRecord, VerdictRecord};

const STYLE: &str = include_str!("report.css");

/// So many faults, and so many slow copies, stand on the page; the files have all.
const MOST_INCIDENTS: usize = 60;
/// More of a line than a correct server can send.
const MOST_WORDS: usize = 2000;

/// The page of a run.
#[must_use]
pub fn page(record: &RunRecord, verdict: &VerdictRecord) -> String {
    let facts = Facts::of(record);
    let head = &record.head;
    let title = format!("{}: {}", word(verdict.outcome), head.file.title);
    let body = html! {
        (banner(&facts, verdict))
        (key_figures(&facts))
        h2 { "Phases" }
        (phases(&facts))
        h2 { "Figures" }
        div.plots { @for plot in plots::all(&facts) { (plot) } }
        (incidents_of(record, "Faults", |evidence| evidence.fault.is_some()))
        (incidents_of(record, "The slowest copies", |evidence| evidence.fault.is_none()))
        h2 { "The run" }
        (about(&facts))
        h2 { "The load file" }
        div.card { pre { code { (visible::lines(&head.file.text)) } } }
    };
    skeleton(&title, &body)
}

/// What a capacity page shows.
#[derive(Debug, Clone)]
pub struct Capacity<'a> {
    /// What was asked, such as the load file's title.
    pub title: &'a str,
    /// What was found, as a sentence.
    pub found: &'a str,
    /// Whether something was found that holds.
    pub outcome: Outcome,
    /// What was raised, such as `sends per second`.
    pub unit: &'static str,
    /// The gate that had to hold.
    pub gate: &'a str,
    /// Its limit, in microseconds, where it is a time.
    pub limit_us: Option<u64>,
    /// All that was tried.
    pub points: &'a [CapacityPoint],
    /// What else there is to say, each with a label: the machine, the command, the target.
    pub notes: &'a [(&'a str, String)],
}

/// The page of a search for a capacity.
#[must_use]
pub fn capacity_page(capacity: &Capacity<'_>) -> String {
    let body = html! {
        section class={ "verdict " (class(capacity.outcome)) } {
            p.word { (sign(capacity.outcome)) " " (word(capacity.outcome)) }
            h1 { (visible::line(capacity.title)) }
            p.where { (visible::line(capacity.found)) }
            p.where { "Asked for: " code { (visible::line(capacity.gate)) } }
        }
        h2 { "What was tried" }
        (plots::capacity(capacity.points, capacity.unit, capacity.limit_us))
        @if !capacity.notes.is_empty() {
            h2 { "The run" }
            div.card { dl.facts {
                @for (label, words) in capacity.notes {
                    dt { (visible::line(label)) } dd { (visible::line(words)) }
                }
            } }
        }
    };
    skeleton(capacity.title, &body)
}

fn skeleton(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                // What came from a peer is escaped; should some of it slip through, it can load nothing.
                meta http-equiv="Content-Security-Policy"
                    content="default-src 'none'; style-src 'unsafe-inline'";
                title { (visible::line(title)) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (body) } }
        }
    };
    page.into_string()
}

fn banner(facts: &Facts<'_>, verdict: &VerdictRecord) -> Markup {
    let head = &facts.record.head;
    let (part, parts) = head.part;
    html! {
        section class={ "verdict " (class(verdict.outcome)) } {
            p.word { (sign(verdict.outcome)) " " (word(verdict.outcome)) }
            h1 { (visible::line(&head.file.title)) }
            p.where {
                (count(head.crowd.bots)) " bots in " (count(head.crowd.groups)) " groups against "
                (visible::line(&head.target.name)) ", " (visible::line(&head.started))
                @if parts > 1 { ", part " (part) " of " (parts) }
            }
            @if !verdict.reasons.is_empty() || head.partial.is_some() || head.server_ended.is_some() {
                ul {
                    @for reason in &verdict.reasons { li { (visible::line(reason)) } }
                    @if let Some(partial) = &head.partial { li { "Partial: " (visible::line(partial)) } }
                    @if let Some(ended) = &head.server_ended {
                        li { "The server ended by itself: " (visible::line(ended)) }
                    }
                }
            }
            @if !verdict.gates.is_empty() {
                ul.gates aria-label="Gates" {
                    @for gate in &verdict.gates {
                        li class=(class(gate.outcome)) {
                            b { (sign(gate.outcome)) " " (gate_word(gate.outcome)) }
                            code { (visible::line(&gate.gate)) }
                            span { (visible::line(&gate.why)) }
                        }
                    }
                }
            }
        }
    }
}

fn key_figures(facts: &Facts<'_>) -> Markup {
    let measured = &facts.measured;
    let ledger = &facts.record.head.ledger;
    let crowd = &facts.record.head.crowd;
    let at = |measure, percent| known(measured.percentile(measure, percent));
    let found: Vec<_> = facts.faults();
    let bad = found.iter().any(|(_, _, allowed)| !allowed);
    let total: u64 = found.iter().map(|(_, times, _)| *times).fold(0, u64::saturating_add);
    let server = facts.figure(Name::ServerCpuPerDelivery).map(time_f);
    let each = facts.figure(Name::ServerRssPerBot).map(bytes);
    html! {
        dl.keys {
            (key("Delivery p50", &at(Measure::Delivery, 50.0), "half of the copies are faster", false))
            (key("Delivery p99", &at(Measure::Delivery, 99.0), &format!("raw {}", at(Measure::Raw, 99.0)), false))
            (key("Delivery max", &known(measured.max(Measure::Delivery)),
                &format!("of {} copies", count(measured.latencies.get(Measure::Delivery).map_or(0, |all| all.len()))), false))
            (key("Last copy p99", &at(Measure::Last, 99.0), "until all of a group have it", false))
            (key("Copies per second", &measured.per_second(measured.copies).map_or("–".to_owned(), number),
                &format!("for {}", seconds(measured.seconds)), false))
            (key("Faults", &count(total), &faults(facts), bad))
            (key("Verified copies", &count(ledger.verified), &format!("of {} expected", count(ledger.expected)), false))
            (key("Joined", &count(crowd.joined), &format!("of {} bots, in {}", count(crowd.to_join()), seconds(crowd.join_seconds)),
                crowd.joined < crowd.to_join()))
            (key("Server CPU for a copy", &server.unwrap_or("not known".to_owned()),
                &facts.figure(Name::ServerCpu).map_or("its process is not ours".to_owned(), |used| format!("{} of a core", share(used))), false))
            (key("Server memory for a bot", &each.unwrap_or("not known".to_owned()),
                &facts.figure(Name::ServerRss).map_or("its process is not ours".to_owned(), |most| format!("{} at most", bytes(most))), false))
            (key("Generator late, p99", &at(Measure::Lateness, 99.0),
                &format!("trusted to {}", time(facts.record.head.trust.lateness_p99_us)), false))
            (key("Generator busy", &facts.figure(Name::GeneratorCpu).map_or("–".to_owned(), share),
                &format!("trusted to {}", share(facts.record.head.trust.busy)), false))
        }
    }
}

fn key(label: &str, value: &str, more: &str, bad: bool) -> Markup {
    html! {
        div { dt { (label) } dd class=[bad.then_some("bad")] { (value) small { (more) } } }
    }
}

fn phases(facts: &Facts<'_>) -> Markup {
    let heads = [
        "phase", "asked", "took", "sends", "copies", "copies/s", "p50", "p90", "p99", "p99.9",
        "max", "raw p99", "last p99", "late p99",
    ];
    let several = facts.phases.iter().filter(|part| part.is_measured()).count() > 1;
    html! {
        div.card {
            div.scroll tabindex="0" {
                table.figures {
                    thead { tr { @for head in heads { th scope="col" { (head) } } } }
                    tbody {
                        @for part in &facts.phases { tr { @for cell in row(part) { td { (cell) } } } }
                        @if several { tr.sum { @for cell in row(&facts.measured) { td { (cell) } } } }
                    }
                }
            }
            p.note {
                "p50 to max: delivery of each healthy copy, from the intended time of its send to the end of \
                 the read. Raw counts from the write. Last: until the last copy of a message. Late: what the \
                 simulator itself was late. " "–: nothing to tell, or fewer than ten samples lie beyond."
                @if facts.phases.iter().any(|part| !part.is_measured()) {
                    " *: not measured, its figures count nowhere else."
                }
            }
            p.note {
                "Joining: " (count(facts.record.head.crowd.joined)) " bots in "
                (seconds(facts.record.head.crowd.join_seconds))
                @if let Some(join) = facts.join.get(Measure::Join) {
                    "; for each, from the intended time of its connection to the welcome: p50 "
                    (known(super::percentile(join, 50.0))) ", p99 " (known(super::percentile(join, 99.0)))
                    ", max " (time(join.max())) "."
                }
            }
        }
    }
}

fn row(part: &Part<'_>) -> Vec<String> {
    let delivery = |percent| known(part.percentile(Measure::Delivery, percent));
    let mark = if part.is_measured() { "" } else { " *" };
    vec![
        format!("{}{mark}", visible::line(part.name())),
        part.phase.map_or(String::new(), |phase| visible::line(&phase.shape)),
        seconds(part.seconds),
        count(part.sends),
        count(part.copies),
        part.per_second(part.copies).map_or("–".to_owned(), number),
        delivery(50.0),
        delivery(90.0),
        delivery(99.0),
        delivery(99.9),
        known(part.max(Measure::Delivery)),
        known(part.percentile(Measure::Raw, 99.0)),
        known(part.percentile(Measure::Last, 99.0)),
        known(part.percentile(Measure::Lateness, 99.0)),
    ]
}

fn incidents_of(record: &RunRecord, title: &str, wanted: fn(&Evidence) -> bool) -> Markup {
    let all: Vec<&Evidence> = record.evidence.iter().filter(|evidence| wanted(evidence)).collect();
    html! {
        @if !all.is_empty() {
            h2 { (title) }
            div.incidents { @for evidence in all.iter().take(MOST_INCIDENTS) { (incident(evidence)) } }
            @if all.len() > MOST_INCIDENTS {
                p.note { (count((all.len() - MOST_INCIDENTS) as u64)) " more in evidence.ndjson." }
            }
        }
    }
}

fn incident(evidence: &Evidence) -> Markup {
    html! {
        article.card.incident {
            h3 {
                @if let Some(fault) = evidence.fault { b { (fault.as_str()) } ": " }
                (visible::line(&evidence.what))
            }
            p.about { (incidents::about(evidence)) }
            @if evidence.expected.is_some() || evidence.came.is_some() {
                dl {
                    @if let Some(expected) = &evidence.expected {
                        dt { "expected" } dd { code { (words(expected)) } }
                    }
                    @if let Some(came) = &evidence.came { dt { "came" } dd { code { (words(came)) } } }
                }
            }
            @if !evidence.timeline.is_empty() {
                table.times {
                    @for (at, what) in incidents::timeline(evidence) { tr { td { (at) } td { (what) } } }
                }
            }
        }
    }
}

/// The words of a peer, safe to show and not without end.
fn words(text: &str) -> String {
    visible::cut(&visible::line(text), MOST_WORDS)
}

fn about(facts: &Facts<'_>) -> Markup {
    let head = &facts.record.head;
    let roles: Vec<String> =
        head.crowd.roles.iter().map(|(role, bots)| format!("{} {role}", count(*bots))).collect();
    let machine = format!(
        "{}, {} cores, {}, {}",
        head.machine.cpu,
        head.machine.cores,
        bytes(head.machine.memory_bytes as f64),
        head.machine.os
    );
    let allowed: Vec<&str> = head.allow.iter().map(|kind| kind.as_str()).collect();
    let rows = [
        ("command", head.command.clone()),
        ("file", head.file.path.clone()),
        ("seed", head.seed.to_string()),
        ("server", format!("{} at {}", head.target.name, head.target.address)),
        ("crowd", roles.join(", ")),
        ("machine", machine),
        ("versions", format!("simulator {}, schema {}", head.simulator, head.schema)),
        ("run", format!("{}, begun {}", head.run, head.started)),
        ("allowed faults", allowed.join(", ")),
        ("doubts", head.doubts.join("; ")),
    ];
    html! {
        div.card {
            dl.facts {
                @for (label, words) in rows.iter().filter(|(_, words)| !words.is_empty()) {
                    dt { (label) } dd { (visible::line(words)) }
                }
            }
        }
    }
}

fn known(micros: Option<u64>) -> String {
    micros.map_or("–".to_owned(), time)
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Untrusted => "untrusted",
        Outcome::Invalid => "invalid",
    }
}

/// Tells outcomes apart without colour.
fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "✓",
        Outcome::Fail => "✗",
        Outcome::Untrusted => "?",
        Outcome::Invalid => "!",
    }
}

fn gate_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "ok",
        Outcome::Fail => "failed",
        Outcome::Untrusted => "untrusted",
        Outcome::Invalid => "invalid",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::report::sample;

    fn shown(record: &RunRecord) -> String {
        page(record, &record.head.verdict.clone().unwrap())
    }

    fn tried() -> Vec<CapacityPoint> {
        let points = [
            (500.0, 700, 2_200, true),
            (1000.0, 900, 3_900, true),
            (4000.0, 9_000, 61_000, false),
            (2000.0, 1_500, 8_800, true),
            (3000.0, 4_000, 27_000, false),
            (2500.0, 2_100, 14_000, true),
        ];
        let point = |(tried, p50, p99, held)| CapacityPoint {
            tried,
            p50_us: Some(p50),
            p99_us: Some(p99),
            held,
        };
        points.map(point).to_vec()
    }

    fn capacity_sample(points: &[CapacityPoint]) -> String {
        capacity_page(&Capacity {
            title: sample::HOSTILE,
            found: "2,500 sends per second hold the gate, 3,000 do not.",
            outcome: Outcome::Pass,
            unit: "sends per second",
            gate: "delivery.p99 < 20ms",
            limit_us: Some(20_000),
            points,
            notes: &[("machine", "2 cores".to_owned())],
        })
    }

    /// Where the words of a hostile peer may have got to.
    fn assert_harmless(page: &str) {
        let page = page.to_lowercase();
        assert!(!page.contains("<script") && !page.contains("<img"));
        assert!(
            !page.contains(|c: char| (c.is_control() && c != '\n' && c != '\t') || c == '\u{202e}')
        );
        for loads in ["<link", "<iframe", "@import", "url(", " src=", " href=", "<object", "<base"]
        {
            assert!(!page.replace("&lt;img src=", "").contains(loads), "{loads} loads something");
        }
        assert_eq!(
            page.matches("http").count(),
            page.matches("http-equiv").count() + page.matches("src=&quot;http://evil").count()
        );
    }

    #[test]
    fn what_a_hostile_peer_says_is_shown_and_does_nothing() {
        let mut record = sample::fail();
        let hostile = sample::HOSTILE.to_owned();
        let head = &mut record.head;
        head.file.title = hostile.clone();
        head.file.path = hostile.clone();
        head.file.text = hostile.clone();
        head.target.name = hostile.clone();
        head.phases[2].name = hostile.clone();
        head.phases[2].shape = hostile.clone();
        head.doubts = vec![hostile.clone()];
        head.partial = Some(hostile.clone());
        head.command = hostile.clone();
        head.crowd.roles.insert(hostile.clone(), 1);
        let verdict = head.verdict.as_mut().unwrap();
        verdict.reasons.push(hostile.clone());
        verdict.gates[0].gate = hostile.clone();
        verdict.gates[0].why = hostile.clone();
        let page = shown(&record);
        assert_harmless(&page);
        assert!(page.contains(r"&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(page.contains(r"\u{1b}[2J\u{202e}&amp;amp;"), "nothing is left out in silence");
    }

    #[test]
    fn a_capacity_page_does_nothing_either() {
        let page = capacity_sample(&tried());
        assert_harmless(&page);
        assert!(
            page.contains("2,500: held, p99 14.0 ms")
                && page.contains("4,000: did not hold, p99 61.0 ms")
        );
        assert_harmless(&capacity_sample(&[]));
    }

    #[test]
    fn the_figures_are_those_of_the_record() {
        let record = sample::fail();
        let page = shown(&record);
        let mut all = crate::load::figures::Latencies::default();
        for (window, figures) in record.head.windows.iter().zip(&record.latencies) {
            if record.head.phases[window.phase].measured {
                all.add(figures);
            }
        }
        let delivery = all.get(Measure::Delivery).unwrap();
        let p99 = time(delivery.value_at_percentile(99.0));
        assert!(page.contains(&format!("<dt>Delivery p99</dt><dd>{p99}<small>")));
        assert!(
            page.contains(&format!("<dt>Delivery max</dt><dd>{}<small>", time(delivery.max())))
        );
        assert!(page.contains(&format!("of {} copies", count(delivery.len()))));
        assert!(page.contains("3 lost, 1 wrong-group, 1,204 disconnected (allowed)"));
        assert!(page.contains("<dd class=\"bad\">1,208<small>"));
        assert!(page.contains("✗ FAIL"));
    }

    #[test]
    fn the_terminal_and_the_page_show_the_same_latencies() {
        let record = sample::pass();
        let verdict = record.head.verdict.clone().unwrap();
        let terminal = crate::load::report::text::summary(&record, &verdict, Default::default());
        let page = page(&record, &verdict);
        let delivery = terminal.split("\ndelivery").nth(1).unwrap().lines().skip(1).take(5);
        for row in delivery {
            let figures = row.split("  ").map(str::trim).filter(|cell| cell.contains('s')).skip(1);
            for cell in figures {
                assert!(page.contains(&format!("<td>{cell}</td>")), "{cell} of {row}");
            }
        }
    }

    #[test]
    fn a_record_with_next_to_nothing_in_it_has_a_page() {
        let mut record = sample::untrusted();
        record.head.phases.clear();
        assert_harmless(&shown(&record));
        record.head.windows.clear();
        record.latencies.clear();
        assert_harmless(&shown(&record));
    }

    #[test]
    fn every_plot_says_what_it_shows() {
        let page = shown(&sample::pass());
        let plots = page.matches("<svg class=\"plot\" role=\"img\"").count();
        assert_eq!(plots, 7);
        assert_eq!(page.matches("<desc>").count(), plots);
        assert_eq!(page.matches("The same in figures").count(), plots);
    }

    #[test]
    #[ignore = "writes pages to look at into the directory for temporary files"]
    fn pages_to_look_at() {
        let directory = std::env::temp_dir().join("chatroom-report");
        std::fs::create_dir_all(&directory).unwrap();
        for (name, record) in
            [("pass", sample::pass()), ("fail", sample::fail()), ("untrusted", sample::untrusted())]
        {
            std::fs::write(directory.join(format!("{name}.html")), shown(&record)).unwrap();
        }
        std::fs::write(directory.join("capacity.html"), capacity_sample(&tried())).unwrap();
    }
}
