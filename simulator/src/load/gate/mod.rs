//! Gates: what has to hold, such as `spike.delivery.p99 < 3 * steady.delivery.p99`.
//!
//! ```text
//! gate   = metric ("<" | "<=" | ">" | ">=") right
//! right  = number unit | [factor "*"] metric | [factor "*"] phase
//! metric = [phase "."] ["healthy." | "all."] name
//! ```
//!
//! A bare phase on the right means the metric of the left in that phase. [`Metric`] lists the names and
//! what each counts. Whether a gate can be asked at all is checked when it is read: a time is never
//! compared with a size.

mod evaluate;
mod metric;
mod parse;
mod units;
mod value;

use std::fmt;

use crate::diagnostics::{Diagnostic, Source};

pub use metric::{Metric, Missing, Name, Stat};
pub use parse::is_word;
pub use units::{Unit, format_value};

pub(crate) use units::whole;

/// What has to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    text: String,
    left: Metric,
    op: Op,
    right: Bound,
}

impl Gate {
    /// Reads a gate. `phases` are the names that it may use; the joining, `join`, needs no mention.
    ///
    /// # Errors
    ///
    /// When it is no gate, uses a name that is not known, or compares what cannot be compared.
    pub fn parse(text: &str, phases: &[&str]) -> Result<Gate, GateError> {
        parse::gate(text, phases).map_err(GateError)
    }

    /// The gate as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it is about.
    #[must_use]
    pub fn left(&self) -> &Metric {
        &self.left
    }

    /// The limit in microseconds, where the gate is about a time and has one.
    pub(crate) fn limit_us(&self) -> Option<u64> {
        match (self.left.unit(), &self.right) {
            (Unit::Time, Bound::Value(micros)) => Some(*micros as u64),
            _ => None,
        }
    }

    /// Whether more would be better.
    pub(crate) fn asks_for_more(&self) -> bool {
        matches!(self.op, Op::More | Op::AtLeast)
    }
}

/// How the two sides have to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Op {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Op::Less => left < right,
            Op::AtMost => left <= right,
            Op::More => left > right,
            Op::AtLeast => left >= right,
        }
    }
}

/// The right side.
#[derive(Debug, Clone, PartialEq)]
enum Bound {
    Value(f64),
    Metric { factor: Option<f64>, metric: Metric },
}

/// Why a text is no gate. The span of the diagnostic is within the gate's own text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateError(Diagnostic);

impl GateError {
    /// The error as one of a file in which the gate's text begins at byte `start`.
    #[must_use]
    pub fn diagnostic(&self, start: usize) -> Diagnostic {
        let span = start + self.0.span.start..start + self.0.span.end;
        Diagnostic { span, ..self.0.clone() }
    }

    /// The error with a caret below the gate, as a person reads it. `from` says where the gate comes
    /// from, such as `--gate`.
    #[must_use]
    pub fn render(&self, from: &str, text: &str, colours: bool) -> String {
        self.0.render(&Source::new(from, text), colours)
    }
}

impl fmt::Display for GateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for GateError {}
