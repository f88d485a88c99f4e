//! The names people ask for and the names they get.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::NameError;
use crate::limits::MAX_NAME_CHARS;
use crate::text;

/// The name a client asks for: 1 to 32 characters that can all be seen, and no colon (NAME-1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Alias(String);

impl Alias {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Alias {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        text::check(name.as_bytes())?;
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        let chars = name.chars().count();
        if chars > MAX_NAME_CHARS {
            return Err(NameError::TooLong { chars });
        }
        if name.contains(':') {
            return Err(NameError::Colon);
        }
        if name.trim() != name {
            return Err(NameError::OuterSpace);
        }
        if let Some(c) = name.chars().find(|c| is_invisible(*c)) {
            return Err(NameError::Invisible { code: c.into() });
        }
        Ok(Alias(name.to_owned()))
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Characters that are not control characters and yet hide, reverse or break what is shown: with
/// one of them a name could be made to look like another's.
fn is_invisible(c: char) -> bool {
    // Unicode's Default_Ignorable_Code_Points, line and paragraph separators, interlinear marks, the
    // blank Braille pattern. A tab is fine in a message; in a name it would look like spaces.
    matches!(c,
        '\t' | '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{2800}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{115F}'..='\u{1160}'
        | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}')
}

/// The name a server gave to a connected client: unique among all that are connected (NAME-2).
///
/// Cheap to clone, and as small as a pointer can be: a server holds one for every member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AssignedName(Arc<str>);

impl AssignedName {
    /// The name just as it was asked for.
    #[must_use]
    pub fn unchanged(alias: &Alias) -> Self {
        AssignedName(alias.as_str().into())
    }

    /// The name with the count that tells it from `count` earlier ones: `Noya+1-` (NAME-3).
    #[must_use]
    pub fn counted(alias: &Alias, count: u32) -> Self {
        AssignedName(format!("{alias}+{count}-").into())
    }

    /// The name that a server gave to a client that asked for `alias`, if `name` can be that.
    #[must_use]
    pub fn given(alias: &Alias, name: &str) -> Option<Self> {
        let rest = name.strip_prefix(alias.as_str())?;
        let count = rest.strip_prefix('+').and_then(|rest| rest.strip_suffix('-'));
        let is_count = |count: &str| count.parse::<u32>().is_ok_and(|count| count > 0);
        (rest.is_empty() || count.is_some_and(is_count)).then(|| AssignedName(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AssignedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for AssignedName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::TextError;

    fn error(name: &str) -> NameError {
        name.parse::<Alias>().expect_err(name)
    }

    #[test]
    fn names_of_one_to_thirty_two_characters_are_taken() {
        for name in ["N", "Noya", "Noya Cohen", "נועה", "Noya+1-", &"é".repeat(32)] {
            assert_eq!(name.parse::<Alias>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn names_that_could_deceive_are_not() {
        assert_eq!(error(""), NameError::Empty);
        assert_eq!(error(&"é".repeat(33)), NameError::TooLong { chars: 33 });
        assert_eq!(error("No:ya"), NameError::Colon);
        assert_eq!(error("Noya "), NameError::OuterSpace);
        assert_eq!(error("\u{3000}Noya"), NameError::OuterSpace);
        assert_eq!(error("No\u{202E}ya"), NameError::Invisible { code: 0x202E });
        assert_eq!(error("No\u{200B}ya"), NameError::Invisible { code: 0x200B });
        assert_eq!(error("Noya\u{FE0F}"), NameError::Invisible { code: 0xFE0F });
        assert_eq!(error("\u{3164}"), NameError::Invisible { code: 0x3164 });
        assert_eq!(error("No\tya"), NameError::Invisible { code: 9 });
        assert_eq!(error("No\u{7}ya"), NameError::Text(TextError::Control { at: 3, code: 7 }));
        assert_eq!(error("No\u{85}ya"), NameError::Text(TextError::Control { at: 3, code: 0x85 }));
    }
}
