//! What a run tells: to a person, to a program, to a CI job.

mod json;
mod junit;
mod lanes;
mod text;

use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;

use crate::run::{Outcome, Settings, Summary, Verdict};
use crate::scenario::Scenario;
use text::Text;

/// A report, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    kind: Kind,
    /// Standard output, where there is no file.
    file: Option<PathBuf>,
}

/// For whom a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Json,
    Junit,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, file) = match text.split_once('=') {
            Some((_, "")) => return Err("a file's name has to follow `=`".to_owned()),
            Some((kind, file)) => (kind, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let kind = match kind {
            "text" => Kind::Text,
            "json" => Kind::Json,
            "junit" => Kind::Junit,
            _ => return Err("there is text, json and junit, alone or with =FILE".to_owned()),
        };
        Ok(Format { kind, file })
    }
}

/// The reports of one run.
pub struct Reports {
    texts: Vec<Text<Box<dyn Write>>>,
    /// Those that are written when the run is over.
    whole: Vec<Format>,
    rerun: String,
}

impl Reports {
    /// Opens the reports; files are created now, so that a run is not lost to a bad path.
    ///
    /// # Errors
    ///
    /// When two reports want standard output, or a file cannot be written.
    pub fn open(
        formats: Vec<Format>,
        settings: &Settings,
        rerun: String,
        scenarios: &[Scenario],
    ) -> Result<Self, String> {
        Format::check_all(&formats)?;
        let mut texts = Vec::new();
        let mut whole = Vec::new();
        for format in formats {
            let out = format.open()?;
            match format.kind {
                Kind::Text => {
                    let live = format.file.is_none();
                    texts.push(Text::start(out, live, settings, scenarios));
                }
                Kind::Json | Kind::Junit => whole.push(format),
            }
        }
        Ok(Reports { texts, whole, rerun })
    }

    /// Tells of an outcome.
    pub fn outcome(&mut self, outcome: &Outcome) {
        for text in &mut self.texts {
            text.outcome(outcome, &self.rerun);
        }
    }

    /// Tells of the whole.
    ///
    /// # Errors
    ///
    /// When a report cannot be written.
    pub fn finish(mut self, summary: &Summary) -> Result<(), String> {
        for text in &mut self.texts {
            text.finish(summary);
        }
        for format in &self.whole {
            let report = match format.kind {
                Kind::Json => json::render(summary, &self.rerun),
                Kind::Junit => junit::render(summary, &self.rerun),
                Kind::Text => continue,
            };
            let report = report.map_err(|error| format!("failed to make a report: {error}"))?;
            // A reader of standard output that has gone away wanted no more.
            let written = format.open()?.write_all(report.as_bytes());
            if let (Err(error), Some(file)) = (written, &format.file) {
                return Err(format!("failed to write {}: {error}", file.display()));
            }
        }
        Ok(())
    }
}

impl Format {
    /// Makes sure that no two want standard output.
    pub(crate) fn check_all(formats: &[Format]) -> Result<(), String> {
        if formats.iter().filter(|format| format.is_stdout()).count() <= 1 {
            return Ok(());
        }
        Err("only one report goes to standard output; give the others a file, such as \
             --report junit=results.xml"
            .to_owned())
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn is_stdout(&self) -> bool {
        self.file.is_none()
    }

    pub(crate) fn open(&self) -> Result<Box<dyn Write>, String> {
        let Some(file) = &self.file else { return Ok(Box::new(std::io::stdout())) };
        let created = std::fs::File::create(file);
        let created =
            created.map_err(|error| format!("failed to write {}: {error}", file.display()))?;
        Ok(Box::new(created))
    }
}

/// Lists scenarios on standard output.
pub fn list(scenarios: &[Scenario]) {
    let width = scenarios.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    let mut out = std::io::stdout().lock();
    for scenario in scenarios {
        let Scenario { name, title, .. } = scenario;
        let (clients, covers) = (scenario.clients.len(), scenario.covers.join(" "));
        let line = format!("{name:width$}  {}  {title}  [{covers}]", plural(clients, "client"));
        // A reader that has gone away wanted no more.
        if writeln!(out, "{line}").is_err() {
            return;
        }
    }
}

/// `1 client`, `2 clients`.
fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// One word for a verdict.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Accepted(_) => "accepted",
        Verdict::Fail(_) => "fail",
        Verdict::Inconclusive(_) => "inconclusive",
        Verdict::Skip(_) => "skip",
        Verdict::Unreachable(_) => "no server",
        Verdict::Unreadable(_) => "unreadable",
    }
}

/// Why a verdict is no pass, where that is one sentence.
fn reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Inconclusive(why) | Verdict::Skip(why) | Verdict::Unreadable(why) => {
            Some(why.clone())
        }
        Verdict::Unreachable(error) => Some(error.to_string()),
        Verdict::Pass | Verdict::Accepted(_) | Verdict::Fail(_) => None,
    }
}
