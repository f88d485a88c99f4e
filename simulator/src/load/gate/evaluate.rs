//! From a [`Gate`] and a record to a judgement with its figures.

use super::metric::{Metric, Missing};
use super::units::{Unit, format_digits, format_value};
use super::{Bound, Gate};
use crate::load::record::{GateRecord, Outcome, RunRecord};

impl Gate {
    /// Asks the gate of a run.
    #[must_use]
    pub fn evaluate(&self, record: &RunRecord) -> GateRecord {
        let (outcome, why) = match self.compare(record) {
            Ok((true, why)) => (Outcome::Pass, why),
            Ok((false, why)) => (Outcome::Fail, why),
            Err(missing) => (missing.outcome, missing.why),
        };
        GateRecord { gate: self.text.clone(), outcome, why }
    }

    fn compare(&self, record: &RunRecord) -> Result<(bool, String), Missing> {
        let left = value_of(&self.left, record)?;
        let right = match &self.right {
            Bound::Value(value) => Side { value: *value, made_of: None },
            Bound::Metric { factor, metric } => {
                let value = value_of(metric, record)?;
                let made_of = MadeOf { factor: *factor, value, name: metric.to_string() };
                Side { value: factor.unwrap_or(1.0) * value, made_of: Some(made_of) }
            }
        };
        Ok((self.op.holds(left, right.value), self.sentence(left, &right)))
    }

    fn sentence(&self, left: f64, right: &Side) -> String {
        let unit = self.left.unit();
        let relation = match left.total_cmp(&right.value) {
            std::cmp::Ordering::Less => "less than",
            std::cmp::Ordering::Equal => "exactly",
            std::cmp::Ordering::Greater => "more than",
        };
        let digits = digits_apart(unit, left, right.value);
        let shown = |value| format_digits(unit, value, digits);
        let right = match &right.made_of {
            None => shown(right.value),
            Some(MadeOf { factor: None, name, .. }) => {
                format!("{name}, which is {}", shown(right.value))
            }
            Some(MadeOf { factor: Some(factor), value, .. }) => {
                let factor = format_value(Unit::Count, *factor);
                // With a digit more the product is right as a person would check it.
                let value = format_digits(unit, *value, digits + 1);
                format!("{factor} × {value} = {}", shown(right.value))
            }
        };
        format!("{} is {}, {relation} {right}", self.left, shown(left))
    }
}

/// The right side: its value, and the figure that it was made of.
struct Side {
    value: f64,
    made_of: Option<MadeOf>,
}

struct MadeOf {
    factor: Option<f64>,
    value: f64,
    name: String,
}

fn value_of(metric: &Metric, record: &RunRecord) -> Result<f64, Missing> {
    let value = metric.value(record)?;
    if value.is_finite() {
        return Ok(value);
    }
    // Only a record that somebody edited has such a figure.
    Err(Missing { outcome: Outcome::Untrusted, why: format!("{metric} is no number") })
}

/// As few digits as tell the two sides apart: nobody understands `12.3 ms, more than 12.3 ms`.
fn digits_apart(unit: Unit, left: f64, right: f64) -> usize {
    let apart = |digits: &usize| {
        left == right || format_digits(unit, left, *digits) != format_digits(unit, right, *digits)
    };
    (1..9).find(apart).unwrap_or(9)
}

#[cfg(test)]
mod tests;
