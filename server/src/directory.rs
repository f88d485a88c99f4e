//! Which groups there are, what opens them, and which names are in use. No IO.

mod names;

use std::collections::{HashMap, HashSet};

use chatroom_protocol::{Alias, AssignedName, GroupId, Password, Refusal};
use thiserror::Error;

use self::names::Names;

/// The groups of a server and the names of its members. `R` is the way into a group's room.
#[derive(Debug)]
pub(crate) struct Directory<R> {
    groups: HashMap<GroupId, Group<R>>,
    /// The passwords of all groups. Groups are never removed, so neither are these.
    passwords: HashSet<Password>,
    names: Names,
    /// `None` once every id was given.
    next_id: Option<GroupId>,
    max_groups: usize,
}

#[derive(Debug)]
struct Group<R> {
    password: Password,
    room: R,
}

/// A client's way into a group, and the name it has from now on, until it is released.
#[derive(Debug)]
pub(crate) struct Admission<R> {
    pub(crate) group: GroupId,
    pub(crate) name: AssignedName,
    pub(crate) room: R,
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
            names: Names::default(),
            next_id: Some(GroupId::FIRST),
            max_groups,
        }
    }

    /// How many groups were created.
    pub(crate) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Admits a client to a group that is there (AUTH-2), under a name of its own (NAME-2).
    pub(crate) fn join(
        &mut self,
        id: GroupId,
        alias: &Alias,
        password: &Password,
    ) -> Result<Admission<R>, Refusal> {
        let group = self.groups.get(&id);
        let password_known = self.passwords.contains(password);
        Refusal::check(password_known, group.map(|group| &group.password), password)?;
        let room = group.ok_or(Refusal::NoSuchId)?.room.clone();
        Ok(Admission { group: id, name: self.names.claim(alias), room })
    }

    /// Creates a group with the next id (GRP-1), and admits its creator. `open` makes its room.
    pub(crate) fn create(
        &mut self,
        alias: &Alias,
        password: Password,
        open: impl FnOnce(GroupId) -> R,
    ) -> Result<Admission<R>, Full> {
        if self.groups.len() >= self.max_groups {
            return Err(Full);
        }
        let id = self.next_id.ok_or(Full)?;
        self.next_id = id.next();
        let room = open(id);
        self.passwords.insert(password.clone());
        self.groups.insert(id, Group { password, room: room.clone() });
        Ok(Admission { group: id, name: self.names.claim(alias), room })
    }

    /// Makes the name of a member that is gone free again.
    pub(crate) fn release(&mut self, name: &AssignedName) {
        self.names.release(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(name: &str) -> Alias {
        name.parse().unwrap()
    }

    fn password(text: &str) -> Password {
        text.parse().unwrap()
    }

    fn create(directory: &mut Directory<u32>, pass: &str) -> GroupId {
        directory.create(&alias("Noya"), password(pass), GroupId::get).unwrap().group
    }

    #[test]
    fn only_a_created_group_takes_an_id() {
        let mut directory = Directory::new(10);
        assert_eq!(create(&mut directory, "123"), GroupId::FIRST);
        assert!(directory.join(9.into(), &alias("Ariel"), &password("123")).is_err());
        assert_eq!(create(&mut directory, "123"), 3.into());
    }

    #[test]
    fn refusals_are_looked_for_in_order() {
        let mut directory = Directory::new(10);
        create(&mut directory, "123");
        create(&mut directory, "456");
        let mut join = |id: u32, pass| {
            let admission = directory.join(id.into(), &alias("A"), &password(pass));
            admission.map(|admission| admission.room)
        };
        assert_eq!(join(2, "122"), Err(Refusal::NoSuchPassword));
        assert_eq!(join(22, "222"), Err(Refusal::NoSuchPassword));
        assert_eq!(join(22, "123"), Err(Refusal::NoSuchId));
        assert_eq!(join(1, "123"), Err(Refusal::NoSuchId));
        assert_eq!(join(2, "456"), Err(Refusal::UnmatchingPassword));
        assert_eq!(join(3, "456"), Ok(3));
    }

    #[test]
    fn who_is_refused_holds_no_name() {
        let mut directory = Directory::new(1);
        create(&mut directory, "123");
        let ariel = alias("Ariel");
        assert!(directory.join(2.into(), &ariel, &password("122")).is_err());
        assert_eq!(directory.create(&ariel, password("1"), GroupId::get).unwrap_err(), Full);
        let admission = directory.join(2.into(), &ariel, &password("123")).unwrap();
        assert_eq!(admission.name, AssignedName::unchanged(&ariel));
    }

    #[test]
    fn at_the_maximum_no_group_is_created() {
        let mut directory = Directory::new(2);
        create(&mut directory, "1");
        create(&mut directory, "2");
        assert_eq!(directory.create(&alias("A"), password("3"), GroupId::get).unwrap_err(), Full);
        assert_eq!(directory.groups(), 2);
    }
}
