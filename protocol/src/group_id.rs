//! The number that people tell each other to meet in a group.

use std::fmt;
use std::str::FromStr;

use crate::error::GroupIdError;
use crate::limits::{CREATOR_GROUP_ID, FIRST_GROUP_ID, MAX_GROUP_ID_DIGITS};

/// A group's id: decimal on the wire, and never reused (GRP-1, GRP-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(u32);

impl GroupId {
    /// The id of the first group a server ever creates (GRP-1).
    pub const FIRST: GroupId = GroupId(FIRST_GROUP_ID);

    /// What a client that creates a group answers to [`Prompt::GroupId`](crate::Prompt::GroupId).
    pub const CREATOR: GroupId = GroupId(CREATOR_GROUP_ID);

    /// The id of the group created after this one, or `None` when ids are used up.
    #[must_use]
    pub fn next(self) -> Option<GroupId> {
        self.0.checked_add(1).map(GroupId)
    }

    /// The id as a number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl From<u32> for GroupId {
    fn from(number: u32) -> Self {
        GroupId(number)
    }
}

impl FromStr for GroupId {
    type Err = GroupIdError;

    fn from_str(text: &str) -> Result<Self, GroupIdError> {
        // `u32::from_str` would also take a leading `+`.
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(GroupIdError::NotDecimal);
        }
        if text.len() > MAX_GROUP_ID_DIGITS {
            return Err(GroupIdError::TooLarge);
        }
        text.parse().map(GroupId).map_err(|_| GroupIdError::TooLarge)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_decimal_numbers_are_ids() {
        assert_eq!("2".parse(), Ok(GroupId(2)));
        assert_eq!("0000000022".parse(), Ok(GroupId(22)));
        for bad in ["", "+2", "-2", " 2", "2 ", "0x2", "two", "\u{0662}"] {
            assert_eq!(bad.parse::<GroupId>(), Err(GroupIdError::NotDecimal), "{bad:?}");
        }
        for bad in ["4294967296", "00000000002"] {
            assert_eq!(bad.parse::<GroupId>(), Err(GroupIdError::TooLarge), "{bad:?}");
        }
    }
}
