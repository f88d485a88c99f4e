//! Errors in files that people write: file, line, column, a caret, and what to write instead.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A text file as it was read, for pointing into.
#[derive(Debug, Clone)]
pub struct Source {
    path: Arc<Path>,
    text: Arc<str>,
}

impl Source {
    /// A file's text under the path by which the user knows it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Source { path: path.into().into(), text: text.into() }
    }

    /// The path by which the user knows the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line and column, both from 1, at which a byte stands. Columns count characters.
    #[must_use]
    pub fn line_and_column(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }

    /// `path:line:column` of a byte, in the form that editors and terminals make clickable.
    #[must_use]
    pub fn location(&self, at: usize) -> String {
        let (line, column) = self.line_and_column(at);
        format!("{}:{line}:{column}", self.path.display())
    }
}

/// Something wrong at one place of a [`Source`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// What is wrong, as a sentence fragment.
    pub message: String,
    /// Where, in bytes.
    pub span: Range<usize>,
    /// What stands beside the caret.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without advice.
    #[must_use]
    pub fn new(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Self {
        Diagnostic { message: message.into(), span, label: label.into(), help: None }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with `did you mean` when one of `candidates` is close to `written`, and with the
    /// whole list otherwise.
    #[must_use]
    pub fn suggest<'c>(self, written: &str, candidates: impl IntoIterator<Item = &'c str>) -> Self {
        let candidates: Vec<&str> = candidates.into_iter().collect();
        match closest(written, &candidates) {
            Some(best) => self.help(format!("did you mean `{best}`?")),
            None if candidates.is_empty() => self,
            None => self.help(format!("there is {}", listed(&candidates))),
        }
    }

    /// The diagnostic as a person reads it, with colours or without.
    #[must_use]
    pub fn render(&self, source: &Source, colours: bool) -> String {
        // A span past the end (an unfinished file) would otherwise point nowhere.
        let end = source.text().len();
        let span = self.span.start.min(end)..self.span.end.min(end);
        let path = source.path().display().to_string();
        let snippet = Snippet::source(source.text())
            .path(&path)
            .annotation(AnnotationKind::Primary.span(span).label(&self.label));
        let mut group = Level::ERROR.primary_title(&self.message).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

/// The candidate that `written` was probably meant to be.
fn closest<'c>(written: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let distance = |candidate: &str| strsim::damerau_levenshtein(written, candidate);
    let best = candidates.iter().min_by_key(|candidate| distance(candidate))?;
    // A third of the letters may be wrong; of a short word, one.
    (distance(best) <= (written.chars().count() / 3).max(1)).then_some(*best)
}

/// `a`, `b` and `c`, in backticks.
pub(crate) fn listed(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => format!("`{word}`"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|word| format!("`{word}`")).collect();
            format!("{} and `{last}`", most.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_points_at_its_place() {
        let source = Source::new("a.toml", "title = \"x\"\nticle = 2\n");
        let error = Diagnostic::new(12..17, "unknown key `ticle`", "not known here")
            .suggest("ticle", ["title", "about"]);
        insta::assert_snapshot!(error.render(&source, false), @r#"
        error: unknown key `ticle`
         --> a.toml:2:1
          |
        2 | ticle = 2
          | ^^^^^ not known here
          |
          = help: did you mean `title`?
        "#);
        assert_eq!(source.location(12), "a.toml:2:1");
    }

    #[test]
    fn a_place_past_the_end_is_the_end() {
        let source = Source::new("a.toml", "x");
        assert!(Diagnostic::new(7..9, "no", "here").render(&source, false).contains("a.toml:1"));
    }

    #[test]
    fn what_is_far_from_everything_gets_the_list() {
        let error = Diagnostic::new(0..1, "no", "").suggest("zzzzzz", ["title", "about"]);
        assert_eq!(error.help.as_deref(), Some("there is `title` and `about`"));
    }
}
