//! Which groups there are, and what opens them. No IO.

use std::collections::{HashMap, HashSet};

use chatroom_protocol::{GroupId, Password, Refusal};
use thiserror::Error;

/// The groups of a server. `R` is the way into a group's room.
#[derive(Debug)]
pub(crate) struct Directory<R> {
    groups: HashMap<GroupId, Group<R>>,
    /// The passwords of all groups. Groups are never removed, so neither are these.
    passwords: HashSet<Password>,
    /// `None` once every id was given.
    next_id: Option<GroupId>,
    max_groups: usize,
}

#[derive(Debug)]
struct Group<R> {
    password: Password,
    room: R,
}

/// No group can be created any more (LIM-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("no more groups can be created")]
pub(crate) struct Full;

impl<R: Clone> Directory<R> {
    pub(crate) fn new(max_groups: usize) -> Self {
        Directory {
            groups: HashMap::new(),
            passwords: HashSet::new(),
            next_id: Some(GroupId::FIRST),
            max_groups,
        }
    }

    /// How many groups were created.
    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// The way into a group that is there (AUTH-2).
    pub(crate) fn join(&self, id: GroupId, password: &Password) -> Result<R, Refusal> {
        let group = self.groups.get(&id);
        let password_known = self.passwords.contains(password);
        Refusal::check(password_known, group.map(|group| &group.password), password)?;
        Ok(group.ok_or(Refusal::NoSuchId)?.room.clone())
    }

    /// Creates a group with the next id (GRP-1). `open` makes its room.
    pub(crate) fn create(
        &mut self,
        password: Password,
        open: impl FnOnce(GroupId) -> R,
    ) -> Result<(GroupId, R), Full> {
        if self.groups.len() >= self.max_groups {
            return Err(Full);
        }
        let id = self.next_id.ok_or(Full)?;
        self.next_id = id.next();
        let room = open(id);
        self.passwords.insert(password.clone());
        self.groups.insert(id, Group { password, room: room.clone() });
        Ok((id, room))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        text.parse().unwrap()
    }

    fn create(directory: &mut Directory<u32>, pass: &str) -> GroupId {
        directory.create(password(pass), GroupId::get).unwrap().0
    }

    #[test]
    fn only_a_created_group_takes_an_id() {
        let mut directory = Directory::new(10);
        assert_eq!(create(&mut directory, "123"), GroupId::FIRST);
        assert!(directory.join(9.into(), &password("123")).is_err());
        assert_eq!(create(&mut directory, "123"), 3.into());
    }

    #[test]
    fn refusals_are_looked_for_in_order() {
        let mut directory = Directory::new(10);
        create(&mut directory, "123");
        create(&mut directory, "456");
        let join = |id: u32, pass| directory.join(id.into(), &password(pass));
        assert_eq!(join(2, "122"), Err(Refusal::NoSuchPassword));
        assert_eq!(join(22, "222"), Err(Refusal::NoSuchPassword));
        assert_eq!(join(22, "123"), Err(Refusal::NoSuchId));
        assert_eq!(join(1, "123"), Err(Refusal::NoSuchId));
        assert_eq!(join(2, "456"), Err(Refusal::UnmatchingPassword));
        assert_eq!(join(3, "456"), Ok(3));
    }

    #[test]
    fn at_the_maximum_no_group_is_created() {
        let mut directory = Directory::new(2);
        create(&mut directory, "1");
        create(&mut directory, "2");
        assert_eq!(directory.create(password("3"), GroupId::get).unwrap_err(), Full);
        assert_eq!(directory.groups(), 2);
    }
}
