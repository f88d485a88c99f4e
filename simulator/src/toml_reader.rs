//! TOML with every place kept, so that an error can point at it.
//!
//! Derived deserialization loses places where it flattens and tags; here each value carries its own
//! and a table knows which of its keys nobody asked for.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::diagnostics::Diagnostic;

/// The longest that anything may be told to wait. Nobody waits longer on purpose, and far longer
/// times cannot be added to the clock.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(3600);

/// A value and where it stands.
#[derive(Clone)]
pub(crate) struct Value<'t> {
    inner: &'t Spanned<DeValue<'t>>,
    /// The key it was found under, for messages.
    key: String,
}

/// A table, some of whose keys have been taken.
pub(crate) struct Table<'t> {
    span: Range<usize>,
    entries: Vec<Entry<'t>>,
}

struct Entry<'t> {
    key: &'t Spanned<DeString<'t>>,
    value: &'t Spanned<DeValue<'t>>,
    taken: bool,
}

impl<'t> Table<'t> {
    pub(crate) fn new(table: &'t DeTable<'t>, span: Range<usize>) -> Self {
        let entries = table.iter().map(|(key, value)| Entry { key, value, taken: false }).collect();
        Table { span, entries }
    }

    /// Where the table stands.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The value of `key`, once.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value<'t>> {
        let entry = self.entries.iter_mut().find(|entry| entry.key.get_ref().as_ref() == key)?;
        entry.taken = true;
        Some(Value { inner: entry.value, key: key.to_owned() })
    }

    /// The value of `key`, which has to be there.
    pub(crate) fn require(&mut self, key: &str, what_for: &str) -> Result<Value<'t>, Diagnostic> {
        self.take(key).ok_or_else(|| {
            Diagnostic::new(self.span(), format!("`{key}` is missing"), format!("no `{key}` here"))
                .help(what_for.to_owned())
        })
    }

    /// Takes everything that is left, in the order of the file.
    pub(crate) fn take_rest(&mut self) -> Vec<(&'t str, Range<usize>, Value<'t>)> {
        let left = self.entries.iter_mut().filter(|entry| !entry.taken);
        left.map(|entry| {
            entry.taken = true;
            let key: &str = entry.key.get_ref().as_ref();
            (key, entry.key.span(), Value { inner: entry.value, key: key.to_owned() })
        })
        .collect()
    }

    /// The keys nobody has taken.
    pub(crate) fn left(&self) -> impl Iterator<Item = (&'t str, Range<usize>)> + '_ {
        let left = self.entries.iter().filter(|entry| !entry.taken);
        left.map(|entry| (entry.key.get_ref().as_ref(), entry.key.span()))
    }

    /// An error for the first key that nobody took.
    pub(crate) fn finish(&self, known: &[&str]) -> Result<(), Diagnostic> {
        match self.left().next() {
            None => Ok(()),
            Some((key, span)) => {
                Err(Diagnostic::new(span, format!("unknown key `{key}`"), "not known here")
                    .suggest(key, known.iter().copied()))
            }
        }
    }
}

impl<'t> Value<'t> {
    pub(crate) fn span(&self) -> Range<usize> {
        self.inner.span()
    }

    pub(crate) fn is_array(&self) -> bool {
        self.inner.get_ref().is_array()
    }

    pub(crate) fn is_integer(&self) -> bool {
        self.inner.get_ref().is_integer()
    }

    pub(crate) fn string(&self) -> Result<&'t str, Diagnostic> {
        let value: &'t DeValue<'t> = self.inner.get_ref();
        value.as_str().ok_or_else(|| self.wrong_type("a string"))
    }

    pub(crate) fn bool(&self) -> Result<bool, Diagnostic> {
        self.inner.get_ref().as_bool().ok_or_else(|| self.wrong_type("true or false"))
    }

    /// An integer within `range`.
    pub(crate) fn integer(&self, range: RangeInclusive<u32>) -> Result<u32, Diagnostic> {
        let wrong =
            || self.wrong_type(&format!("a number from {} to {}", range.start(), range.end()));
        let integer = self.inner.get_ref().as_integer().ok_or_else(wrong)?;
        let digits = integer.as_str().replace('_', "");
        let number = u32::from_str_radix(&digits, integer.radix()).map_err(|_| wrong())?;
        range.contains(&number).then_some(number).ok_or_else(wrong)
    }

    pub(crate) fn array(&self) -> Result<Vec<Value<'t>>, Diagnostic> {
        let value: &'t DeValue<'t> = self.inner.get_ref();
        let array = value.as_array().ok_or_else(|| self.wrong_type("a list"))?;
        Ok(array.iter().map(|inner| Value { inner, key: self.key.clone() }).collect())
    }

    pub(crate) fn table(&self) -> Result<Table<'t>, Diagnostic> {
        let value: &'t DeValue<'t> = self.inner.get_ref();
        let table = value.as_table().ok_or_else(|| self.wrong_type("a table"))?;
        Ok(Table::new(table, self.span()))
    }

    /// One string, or a list of them.
    pub(crate) fn strings(&self) -> Result<Vec<Value<'t>>, Diagnostic> {
        if !self.is_array() {
            self.string()?;
            return Ok(vec![self.clone()]);
        }
        let values = self.array()?;
        values.iter().try_for_each(|value| value.string().map(drop))?;
        Ok(values)
    }

    /// A length of time such as `10s` or `250ms`.
    pub(crate) fn duration(&self) -> Result<Duration, Diagnostic> {
        let text = self.string()?;
        let time = humantime::parse_duration(text).ok().filter(|time| *time <= MAX_WAIT);
        time.ok_or_else(|| {
            Diagnostic::new(self.span(), format!("`{text}` is no length of time"), "not a time")
                .help("write a number and a unit, such as `250ms`, `10s` or `2m`; at most `1h`")
        })
    }

    /// An error that says what it has to be.
    pub(crate) fn wrong_type(&self, wanted: &str) -> Diagnostic {
        let found = self.inner.get_ref().type_str();
        let message = format!("`{}` has to be {wanted}", self.key);
        Diagnostic::new(self.span(), message, format!("this is of type {found}"))
    }
}
