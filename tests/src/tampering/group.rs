//! One group: who is in it, who gets what, and what becomes of a message that is tampered with.

use std::sync::Arc;
use std::time::Instant;

use chatroom_protocol::message::Speaker;
use chatroom_protocol::{Notice, Password};

use super::outbox::Outbox;
use super::plan::Plan;
use super::post::Post;
use super::{Fault, text};

/// How many messages come between a message and its other copy, for [`Fault::DoubledLater`].
const LATER: u64 = 5;

/// Somebody in a group.
pub(super) struct Member {
    /// Of the connection.
    pub(super) number: u64,
    pub(super) speaker: Speaker,
    pub(super) outbox: Arc<Outbox>,
}

/// A message as it should go out.
pub(super) struct Said<'a> {
    /// The number of the member that said it.
    pub(super) sender: u64,
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    /// The whole line, with its line feed.
    pub(super) line: Vec<u8>,
    /// When it was read.
    pub(super) taken: Instant,
}

/// A message that some members have not got yet.
struct Withheld {
    sender: u64,
    line: Vec<u8>,
    taken: Instant,
    /// The numbers of those members.
    from: Vec<u64>,
}

/// A message that a member gets once more.
struct Again {
    /// After the message with this number.
    after: u64,
    receiver: u64,
    line: Vec<u8>,
}

/// A group. It stays when everybody has left.
pub(super) struct Group {
    pub(super) password: Password,
    /// In the order of joining.
    pub(super) members: Vec<Member>,
    pub(super) plan: Plan,
    /// How many messages there were.
    said: u64,
    last: Option<Vec<u8>>,
    withheld: Option<Withheld>,
    again: Option<Again>,
    /// Has left, and is to get one more message.
    ghost: Option<Arc<Outbox>>,
}

impl Group {
    pub(super) fn new(password: Password, plan: Plan) -> Self {
        Group {
            password,
            members: Vec::new(),
            plan,
            said: 0,
            last: None,
            withheld: None,
            again: None,
            ghost: None,
        }
    }

    /// Adds a newcomer, and announces it.
    pub(super) fn join(&mut self, newcomer: Member, post: &Post) {
        self.release_withheld(post);
        let number = newcomer.number;
        let name = newcomer.speaker.name().clone();
        let outbox = Arc::clone(&newcomer.outbox);
        self.members.push(newcomer);
        let notice = Notice::Arrived(name.as_str());
        let fault = self.plan.joining();
        let spoilt = fault.and_then(|_| self.receiver(number));
        for (index, member) in self.members.iter().enumerate() {
            let notices = match fault {
                Some(Fault::NoticeLost) if spoilt == Some(index) => 0,
                Some(Fault::NoticeDoubled) if spoilt == Some(index) => 2,
                _ => 1,
            };
            for _ in 0..notices {
                post.notice(&member.outbox, &notice);
            }
        }
        if spoilt.is_some() {
            self.done(1, post);
        }
        post.notice(&outbox, &Notice::Welcome);
        if self.plan.is_due(Fault::BeforeJoining)
            && let Some(line) = &self.last
        {
            post.copy(&outbox, line, Instant::now());
            self.done(1, post);
        }
    }

    /// Removes a member, and says so to those who stay.
    pub(super) fn leave(&mut self, number: u64, post: &Post) -> Option<Member> {
        let index = self.index_of(number)?;
        self.release_withheld(post);
        let member = self.members.remove(index);
        for other in &self.members {
            post.notice(&other.outbox, &Notice::Left(member.speaker.name().as_str()));
        }
        if self.plan.awaits(Fault::AfterLeaving) && self.ghost.is_none() {
            self.ghost = Some(Arc::clone(&member.outbox));
        } else {
            post.finish(&member.outbox);
        }
        Some(member)
    }

    /// Passes a message on. `neighbour` is somebody in another group. Returns the number of a member
    /// that is to be thrown out.
    pub(super) fn say(
        &mut self,
        said: &Said<'_>,
        neighbour: Option<&Arc<Outbox>>,
        post: &Post,
    ) -> Option<u64> {
        self.said += 1;
        let due = self.plan.message();
        if !self.exchange(said, post) {
            let is_busy = self.withheld.is_some() || self.again.is_some();
            let due = due.filter(|_| !is_busy);
            if !due.is_some_and(|fault| self.spoil(fault, said, neighbour, post)) {
                self.deliver(said, post);
            }
        }
        self.say_again(said.taken, post);
        self.last = self.plan.awaits(Fault::BeforeJoining).then(|| said.line.clone());
        self.plan.takes_victim()
    }

    /// Does what is due, and passes the message on as far as that goes. False if it cannot be done
    /// with this message; then nobody has got it.
    fn spoil(
        &mut self,
        fault: Fault,
        said: &Said<'_>,
        neighbour: Option<&Arc<Outbox>>,
        post: &Post,
    ) -> bool {
        let copies = match fault {
            Fault::StallAll => {
                post.stall();
                Some(0)
            }
            Fault::Crash => {
                post.stall();
                post.crash.notify_one();
                Some(0)
            }
            Fault::LostForAll => Some(self.members.len()),
            Fault::SenderOrder => {
                let from = self.members.iter().map(|member| member.number).collect();
                return self.withhold(said, from, post);
            }
            Fault::AfterLeaving => self.haunt(said, post),
            Fault::WrongGroup => neighbour.map(|outbox| {
                self.deliver(said, post);
                post.copy(outbox, &said.line, said.taken);
                1
            }),
            _ => match self.receiver(said.sender) {
                Some(index) => return self.spoil_for(index, fault, said, post),
                None => None,
            },
        };
        if let Some(copies) = copies {
            self.done(copies, post);
        }
        copies.is_some()
    }

    /// Like [`Group::spoil`], for what is done to the member at `index`.
    fn spoil_for(&mut self, index: usize, fault: Fault, said: &Said<'_>, post: &Post) -> bool {
        let receiver = self.members[index].number;
        let lines: Option<Vec<Vec<u8>>> = match fault {
            Fault::Lost => Some(vec![]),
            Fault::Doubled => Some(vec![said.line.clone(), said.line.clone()]),
            Fault::Altered => {
                text::altered_at_its_end(said.text).map(|text| vec![said.with(&text)])
            }
            Fault::AlteredHead => {
                text::altered_in_a_digit(said.text).map(|text| vec![said.with(&text)])
            }
            Fault::Truncated => text::first_half(said.text).map(|text| vec![said.with(text)]),
            Fault::WrongSender => Some(vec![text::said(self.name_besides(said, index), said.text)]),
            Fault::Unknown => Some(vec![said.line.clone(), b"a line that nobody said\n".to_vec()]),
            Fault::Glued => Some(vec![said.line[..said.line.len() - 1].to_vec()]),
            Fault::Disconnected => {
                self.plan.throw_out(receiver);
                Some(vec![said.line.clone()])
            }
            Fault::DoubledLater => {
                let after = self.said + LATER;
                self.again = Some(Again { after, receiver, line: said.line.clone() });
                self.deliver(said, post);
                return true;
            }
            Fault::Reordered => return self.withhold(said, vec![receiver], post),
            Fault::SwappedForAllButOne => {
                let others = self.members.iter().map(|member| member.number);
                return self.withhold(
                    said,
                    others.filter(|number| *number != receiver).collect(),
                    post,
                );
            }
            _ => None,
        };
        let Some(lines) = lines else { return false };
        for (at, member) in self.members.iter().enumerate() {
            if at != index {
                post.copy(&member.outbox, &said.line, said.taken);
                continue;
            }
            for line in &lines {
                post.copy(&member.outbox, line, said.taken);
            }
        }
        self.done(1, post);
        true
    }

    /// The name of a member that is neither the sender nor, if there is a third, the receiver.
    fn name_besides(&self, said: &Said<'_>, receiver: usize) -> &str {
        let receiver = &self.members[receiver];
        let is_neither =
            |member: &&Member| member.number != said.sender && member.number != receiver.number;
        self.members.iter().find(is_neither).unwrap_or(receiver).speaker.name().as_str()
    }

    /// To everybody, and to the ghost, which then is closed.
    fn haunt(&mut self, said: &Said<'_>, post: &Post) -> Option<usize> {
        let ghost = self.ghost.take()?;
        self.deliver(said, post);
        post.copy(&ghost, &said.line, said.taken);
        post.finish(&ghost);
        Some(1)
    }

    /// Passes a message on to all but those, who get it later.
    fn withhold(&mut self, said: &Said<'_>, from: Vec<u64>, post: &Post) -> bool {
        for member in self.members.iter().filter(|member| !from.contains(&member.number)) {
            post.copy(&member.outbox, &said.line, said.taken);
        }
        let (sender, line, taken) = (said.sender, said.line.clone(), said.taken);
        self.withheld = Some(Withheld { sender, line, taken, from });
        true
    }

    /// Passes a message on, and after it the one that is withheld. False if there is none, or if
    /// this is not the message to exchange it with; then nobody has got this one.
    fn exchange(&mut self, said: &Said<'_>, post: &Post) -> bool {
        let Some(withheld) = &self.withheld else { return false };
        let is_of_same_sender = withheld.sender == said.sender;
        match self.plan.fault() {
            Some(Fault::SwappedForAllButOne) if is_of_same_sender => {
                self.release_withheld(post);
                false
            }
            Some(Fault::SenderOrder) if !is_of_same_sender => {
                self.deliver(said, post);
                true
            }
            _ => {
                self.deliver(said, post);
                let copies = self.release_withheld(post);
                self.done(copies, post);
                true
            }
        }
    }

    /// Gives a withheld message to those who have not got it. Also done before somebody comes or
    /// goes, so that nobody is told of a message from a time when he was not there.
    fn release_withheld(&mut self, post: &Post) -> usize {
        let Some(withheld) = self.withheld.take() else { return 0 };
        let lacks_it = |member: &&Member| withheld.from.contains(&member.number);
        for member in self.members.iter().filter(lacks_it) {
            post.copy(&member.outbox, &withheld.line, withheld.taken);
        }
        withheld.from.len()
    }

    fn say_again(&mut self, taken: Instant, post: &Post) {
        let Some(again) = self.again.take_if(|again| again.after <= self.said) else { return };
        if let Some(index) = self.index_of(again.receiver) {
            post.copy(&self.members[index].outbox, &again.line, taken);
            self.done(1, post);
        }
    }

    fn deliver(&self, said: &Said<'_>, post: &Post) {
        for member in &self.members {
            post.copy(&member.outbox, &said.line, said.taken);
        }
    }

    fn done(&mut self, copies: usize, post: &Post) {
        self.plan.done();
        post.count(copies);
    }

    /// Where the member is that something is done to, which is not the one with the number.
    fn receiver(&self, but_not: u64) -> Option<usize> {
        let wanted = self.plan.receiver().checked_sub(1)?.min(self.members.len().checked_sub(1)?);
        let order = (wanted..self.members.len()).chain((0..wanted).rev());
        order.into_iter().find(|index| self.members[*index].number != but_not)
    }

    /// Somebody who is here, for a copy from another group.
    pub(super) fn anybody(&self) -> Option<&Arc<Outbox>> {
        self.receiver(u64::MAX).map(|index| &self.members[index].outbox)
    }

    fn index_of(&self, number: u64) -> Option<usize> {
        self.members.iter().position(|member| member.number == number)
    }

    /// The member with the number.
    pub(super) fn member(&self, number: u64) -> Option<&Member> {
        self.members.iter().find(|member| member.number == number)
    }
}

impl Said<'_> {
    /// The line with another text.
    fn with(&self, text: &str) -> Vec<u8> {
        text::said(self.name, text)
    }
}
