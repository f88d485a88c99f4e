//! Why a client may not join, and the order in which a server looks for the reason.

use std::fmt;

use crate::Password;

/// Why a client may not join (AUTH-2). Only the server's log says which; to the client all three
/// look the same (AUTH-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// No group has that password.
    NoSuchPassword,
    /// Some group has that password, but none has that id.
    NoSuchId,
    /// Both are known, but that group has another password.
    UnmatchingPassword,
}

impl Refusal {
    /// Every refusal, in the order in which a server looks for them.
    pub const ALL: [Refusal; 3] =
        [Refusal::NoSuchPassword, Refusal::NoSuchId, Refusal::UnmatchingPassword];

    /// The refusal that the document's words for it mean.
    #[must_use]
    pub fn parse(words: &str) -> Option<Refusal> {
        Refusal::ALL.into_iter().find(|refusal| refusal.to_string() == words)
    }

    /// Decides whether `given` opens the group that was asked for, in the order of AUTH-2.
    ///
    /// `password_known` says whether any group has the password; `group` is the password of the
    /// group with the id asked for, if there is one.
    ///
    /// # Errors
    ///
    /// The first reason that applies.
    pub fn check(
        password_known: bool,
        group: Option<&Password>,
        given: &Password,
    ) -> Result<(), Refusal> {
        match group {
            _ if !password_known => Err(Refusal::NoSuchPassword),
            None => Err(Refusal::NoSuchId),
            Some(password) if password != given => Err(Refusal::UnmatchingPassword),
            Some(_) => Ok(()),
        }
    }
}

/// The document's words for it, as they stand in the server's log (LOG-3).
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::NoSuchPassword => "No such password",
            Refusal::NoSuchId => "No such id",
            Refusal::UnmatchingPassword => "unmatching password",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_looked_up_before_the_id() {
        let password = |text: &str| text.parse::<Password>().unwrap();
        let (right, wrong) = (password("123"), password("456"));
        let check = Refusal::check;
        assert_eq!(check(true, Some(&right), &right), Ok(()));
        assert_eq!(check(false, Some(&right), &wrong), Err(Refusal::NoSuchPassword));
        assert_eq!(check(false, None, &wrong), Err(Refusal::NoSuchPassword));
        assert_eq!(check(true, None, &right), Err(Refusal::NoSuchId));
        assert_eq!(check(true, Some(&right), &wrong), Err(Refusal::UnmatchingPassword));
    }
}
