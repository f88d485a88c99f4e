//! The groups and the names in use.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use chatroom_protocol::handshake::Request;
use chatroom_protocol::message::Speaker;
use chatroom_protocol::{Alias, AssignedName, GroupId, Notice, Password};

use super::group::{Group, Member, Said};
use super::outbox::Outbox;
use super::plan::Plan;
use super::post::Post;
use super::{Fault, Tampering, text};

/// Everything that is decided, under one lock.
pub(super) struct Hall {
    tampering: Option<Tampering>,
    post: Arc<Post>,
    /// The first has the id 2.
    groups: Vec<Group>,
    names: HashSet<AssignedName>,
}

/// Where a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The index of its group.
    group: usize,
    /// The number of its connection.
    number: u64,
}

impl Hall {
    pub(super) fn new(tampering: Option<Tampering>, post: Arc<Post>) -> Self {
        Hall { tampering, post, groups: Vec::new(), names: HashSet::new() }
    }

    /// Admits a client, or returns nothing.
    pub(super) fn enter(
        &mut self,
        number: u64,
        request: &Request,
        outbox: &Arc<Outbox>,
    ) -> Option<Place> {
        let (group, alias) = match request {
            Request::Join { group, alias, password } => (self.admitted(*group, password)?, alias),
            Request::Create { alias, password } => (self.create(password, outbox)?, alias),
            Request::Disconnect => return None,
        };
        let speaker = Speaker::new(alias, self.claim(alias));
        let newcomer = Member { number, speaker, outbox: Arc::clone(outbox) };
        self.groups[group].join(newcomer, &self.post);
        Some(Place { group, number })
    }

    fn admitted(&mut self, id: GroupId, password: &Password) -> Option<usize> {
        let index = usize::try_from(id.get().checked_sub(GroupId::FIRST.get())?).ok()?;
        let group = self.groups.get_mut(index)?;
        if group.password != *password {
            if !group.plan.wrong_password() {
                return None;
            }
            group.plan.done();
            self.post.count(1);
        }
        Some(index)
    }

    fn create(&mut self, password: &Password, outbox: &Arc<Outbox>) -> Option<usize> {
        let index = self.groups.len();
        let id = GroupId::from(GroupId::FIRST.get().checked_add(u32::try_from(index).ok()?)?);
        let tampering = self.tampering.filter(|tampering| index == 0 || tampering.every_group);
        self.groups.push(Group::new(password.clone(), Plan::new(tampering)));
        self.post.notice(outbox, &Notice::Created(id));
        Some(index)
    }

    /// A name that nobody has.
    fn claim(&mut self, alias: &Alias) -> AssignedName {
        let counted = (1..).map(|count| AssignedName::counted(alias, count));
        let names = std::iter::once(AssignedName::unchanged(alias)).chain(counted);
        let free = names.into_iter().find(|name| !self.names.contains(name));
        let name = free.expect("there are more counts than clients");
        self.names.insert(name.clone());
        name
    }

    /// Passes on what a member said, which was read at `taken`.
    pub(super) fn say(&mut self, place: Place, message: &str, taken: Instant) {
        let Some(sender) = self.groups[place.group].member(place.number) else { return };
        let speaker = sender.speaker.clone();
        let (name, text) = (speaker.name().as_str(), speaker.text(message));
        let line = text::said(name, text);
        let said = Said { sender: place.number, name, text, line, taken };
        let neighbour = self.neighbour(place.group);
        let thrown_out = self.groups[place.group].say(&said, neighbour.as_ref(), &self.post);
        if let Some(number) = thrown_out {
            self.leave(Place { group: place.group, number });
        }
    }

    /// Somebody in the next group that is not empty.
    fn neighbour(&self, group: usize) -> Option<Arc<Outbox>> {
        self.tampering.filter(|tampering| tampering.fault == Fault::WrongGroup)?;
        let others = self.groups[group + 1..].iter().chain(&self.groups[..group]);
        others.into_iter().find_map(Group::anybody).map(Arc::clone)
    }

    /// Removes a member, if it was not thrown out already.
    pub(super) fn leave(&mut self, place: Place) {
        if let Some(member) = self.groups[place.group].leave(place.number, &self.post) {
            self.names.remove(member.speaker.name());
        }
    }
}
