//! A group's password.

use std::fmt;
use std::str::FromStr;

use crate::error::PasswordError;
use crate::limits::MAX_PASSWORD_BYTES;
use crate::text;

/// A group's password: 1 to 128 bytes of text (AUTH-1). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Password(Box<str>);

impl Password {
    /// The password in clear, for the wire and for nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Password {
    type Err = PasswordError;

    fn from_str(password: &str) -> Result<Self, PasswordError> {
        text::check(password.as_bytes())?;
        match password.len() {
            0 => Err(PasswordError::Empty),
            bytes if bytes > MAX_PASSWORD_BYTES => Err(PasswordError::TooLong { bytes }),
            _ => Ok(Password(password.into())),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_in_bytes() {
        assert!("é".repeat(64).parse::<Password>().is_ok());
        assert_eq!("é".repeat(65).parse::<Password>(), Err(PasswordError::TooLong { bytes: 130 }));
        assert_eq!("".parse::<Password>(), Err(PasswordError::Empty));
    }

    #[test]
    fn debug_hides_it() {
        let password: Password = "hush".parse().unwrap();
        assert_eq!(format!("{password:?}"), "Password(..)");
    }
}
