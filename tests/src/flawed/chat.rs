//! Who is in which group, and who gets what. All of it happens under one lock, which is what gives
//! every member the same order.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use chatroom_protocol::limits::FIRST_GROUP_ID;
use chatroom_protocol::{Notice, Refusal};

use super::Fault;
use super::connection::Request;
use super::input::End;
use super::outbox::Outbox;

/// Everything that the connections share.
pub(super) struct Chat {
    fault: Option<Fault>,
    groups: BTreeMap<u32, Group>,
    next_id: u32,
    next_member: u64,
    /// How many clients were renamed, for one of the faults.
    renamed: u32,
    /// Names of clients that are gone, for one of the faults.
    not_freed: Vec<String>,
    /// Passwords that no group was found for, for one of the faults.
    stray: Vec<String>,
    /// The slow way to the members, for one of the faults.
    courier: Option<Courier>,
}

#[derive(Default)]
struct Group {
    password: String,
    members: Vec<Member>,
    /// How many messages were sent.
    sent: u64,
    /// What was said, for one of the faults.
    history: Vec<String>,
    /// The place of a member that was reset, until the next message, for one of the faults.
    dead: Option<usize>,
    /// Refused clients that hear everything, for one of the faults.
    lurkers: Vec<Arc<Outbox>>,
}

struct Member {
    number: u64,
    name: String,
    outbox: Arc<Outbox>,
}

/// A client's place in a group.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    group: u32,
    number: u64,
    /// The name everybody sees.
    pub(super) name: String,
}

impl Chat {
    pub(super) fn new(fault: Option<Fault>) -> Self {
        Chat {
            fault,
            groups: BTreeMap::new(),
            next_id: match fault {
                Some(Fault::IdsStartAtOne) => 1,
                _ => FIRST_GROUP_ID,
            },
            next_member: 0,
            renamed: 0,
            not_freed: Vec::new(),
            stray: Vec::new(),
            courier: (fault == Some(Fault::OrderDiffersBetweenMembers)).then(start_courier),
        }
    }

    /// Creates a group and makes the client its first member.
    pub(super) fn create(&mut self, request: &Request, outbox: &Arc<Outbox>) -> Seat {
        let id = self.next_id;
        self.next_id += 1;
        let mut password = request.password.clone();
        if !self.stray.is_empty() {
            self.stray.push(password);
            password = self.stray.remove(0);
        }
        let group = Group { password, ..Group::default() };
        self.groups.insert(id, group);

        let announced = match self.fault {
            Some(Fault::WrongIdAnnounced) => id + 1,
            _ => id,
        };
        let mut created = Notice::Created(announced.into()).to_string();
        if self.fault == Some(Fault::TrailingSpaceMissing) {
            created.truncate(created.trim_end().len());
        }
        self.seat(id, request, outbox, Some(created))
    }

    /// Makes the client a member of the group that it asks for, if it may join.
    pub(super) fn join(
        &mut self,
        request: &Request,
        outbox: &Arc<Outbox>,
    ) -> Result<Seat, Refusal> {
        let id = self.find(request)?;
        Ok(self.seat(id, request, outbox, None))
    }

    /// Finds the group that the client asks for and has the password of.
    fn find(&mut self, request: &Request) -> Result<u32, Refusal> {
        let fits = |group: &Group| self.is_password(&group.password, &request.password);
        let with_password = self.groups.iter().find(|(_, group)| fits(group));
        let with_password = with_password.map(|(id, _)| *id);
        let asked_for = self.groups.get(&request.group);
        let verdict = match (with_password, asked_for) {
            (None, _) => Err(Refusal::NoSuchPassword),
            (_, None) => Err(Refusal::NoSuchId),
            (_, Some(group)) if !fits(group) => Err(Refusal::UnmatchingPassword),
            _ => Ok(request.group),
        };
        match (self.fault, verdict) {
            (Some(Fault::PasswordUnchecked), Err(_)) if asked_for.is_some() => Ok(request.group),
            (Some(Fault::UnmatchingPasswordAccepted), Err(Refusal::UnmatchingPassword)) => {
                Ok(request.group)
            }
            (Some(Fault::IdUnchecked), Err(Refusal::NoSuchId)) => {
                with_password.ok_or(Refusal::NoSuchId)
            }
            (Some(Fault::IdCheckedFirst), Err(_)) if asked_for.is_none() => Err(Refusal::NoSuchId),
            (Some(Fault::SamePasswordOldestGroup), Ok(_))
                if with_password != Some(request.group) =>
            {
                Err(Refusal::UnmatchingPassword)
            }
            (Some(Fault::PasswordTableOutOfStep), Err(refusal)) => {
                self.stray.push(request.password.clone());
                Err(refusal)
            }
            (Some(Fault::IdSpentOnRefusal), Err(refusal)) => {
                self.next_id += 1;
                Err(refusal)
            }
            _ => verdict,
        }
    }

    /// Whether what was given is the group's password.
    fn is_password(&self, password: &str, given: &str) -> bool {
        match self.fault {
            Some(Fault::PasswordPrefixAccepted) => password.starts_with(given),
            Some(Fault::PasswordCaseIgnored) => password.eq_ignore_ascii_case(given),
            Some(Fault::PasswordTrimmed) => password.trim() == given.trim(),
            _ => password == given,
        }
    }

    /// Gives the client a name and a place, and tells everybody.
    fn seat(
        &mut self,
        id: u32,
        request: &Request,
        outbox: &Arc<Outbox>,
        created: Option<String>,
    ) -> Seat {
        let name = self.free_name(&request.name, id);
        let number = self.next_member;
        self.next_member += 1;
        let arrived = Notice::Arrived(&name).to_string();
        let welcome = Notice::Welcome.to_string();

        if self.fault == Some(Fault::JoinNoticeToEveryone) {
            let others = self.groups.iter().filter(|(other, _)| **other != id);
            others.for_each(|(_, group)| group.tell_all(&arrived, self.courier.as_ref()));
        }
        let group = self.groups.get_mut(&id).expect("the caller has just found or made it");
        let created = match self.fault {
            Some(Fault::JoinerToldTheId) => Some(Notice::Created(id.into()).to_string()),
            _ => created,
        };
        let mut to_newcomer: Vec<_> =
            created.into_iter().chain([arrived.clone(), welcome.clone()]).collect();
        let last = to_newcomer.len() - 1;
        match self.fault {
            Some(Fault::CreatedNoticeLast) if last == 2 => to_newcomer.rotate_left(1),
            Some(Fault::NewcomerNotToldOfOwnJoining) => drop(to_newcomer.remove(last - 1)),
            Some(Fault::WelcomeBeforeOwnNotice) => to_newcomer.swap(last - 1, last),
            Some(Fault::GluesNotices) => {
                to_newcomer.truncate(last - 1);
                to_newcomer.push(arrived.clone() + &welcome);
            }
            Some(Fault::HistoryReplayed) => to_newcomer.extend(group.history.iter().cloned()),
            _ => {}
        }
        to_newcomer.iter().for_each(|line| outbox.push(line));

        let to_members: &[String] = match self.fault {
            Some(Fault::NoJoinNotice) => &[],
            Some(Fault::WelcomeToEveryone) => &[arrived, welcome],
            _ => &[arrived],
        };
        for line in to_members {
            group.tell_all(line, self.courier.as_ref());
        }
        group.members.push(Member { number, name: name.clone(), outbox: Arc::clone(outbox) });
        Seat { group: id, number, name }
    }

    /// The name asked for, or that name with the smallest count that makes it unique.
    fn free_name(&mut self, asked: &str, id: u32) -> String {
        let taken = |name: &str| {
            let groups = self.groups.iter().filter(|(other, _)| match self.fault {
                Some(Fault::NoRename) => false,
                Some(Fault::NamesUniquePerGroupOnly) => **other == id,
                _ => true,
            });
            groups.flat_map(|(_, group)| &group.members).any(|member| member.name == name)
                || self.not_freed.iter().any(|gone| gone == name)
        };
        if !taken(asked) {
            return asked.to_owned();
        }
        let counted = |count: u32| match self.fault {
            Some(Fault::RenameFormatWrong) => format!("{asked}{count}"),
            _ => format!("{asked}+{count}-"),
        };
        let first = match self.fault {
            Some(Fault::RenameCountOnlyGrows) => self.renamed + 1,
            _ => 1,
        };
        let name = (first..).map(counted).find(|name| !taken(name));
        self.renamed += 1;
        name.unwrap_or_default()
    }

    /// Passes on what a member says; `line` has its name in front.
    pub(super) fn say(&mut self, seat: &Seat, line: &str) {
        let Some(group) = self.groups.get_mut(&seat.group) else { return };
        group.sent += 1;
        match self.fault {
            Some(Fault::LosesEveryTenthMessage) if group.sent.is_multiple_of(10) => return,
            Some(Fault::LosesMessagesAfterTwentieth) if group.sent > 20 => return,
            Some(Fault::HistoryReplayed) => group.history.push(line.to_owned()),
            _ => {}
        }
        for (id, group) in &mut self.groups {
            if *id != seat.group && self.fault != Some(Fault::LeaksBetweenGroups) {
                continue;
            }
            let reached = group.dead.take().unwrap_or(group.members.len());
            for member in group.members.iter().take(reached) {
                let is_sender = member.number == seat.number;
                let copies = match self.fault {
                    Some(Fault::NoEchoToSender) if is_sender => 0,
                    Some(Fault::DoublesEcho) if is_sender => 2,
                    Some(Fault::DoublesEverything) => 2,
                    _ => 1,
                };
                let courier = self.courier.as_ref().filter(|_| !is_sender);
                for _ in 0..copies {
                    send(&member.outbox, line, courier);
                }
            }
            group.lurkers.iter().for_each(|lurker| lurker.push(line));
        }
    }

    /// Sends a notice to the members of a group, whoever caused it.
    pub(super) fn notify(&self, seat: &Seat, notice: &str) {
        if let Some(group) = self.groups.get(&seat.group) {
            group.tell_all(notice, self.courier.as_ref());
        }
    }

    /// Takes a member out of its group and tells those that stay.
    pub(super) fn leave(&mut self, seat: &Seat, end: End) {
        let Some(group) = self.groups.get_mut(&seat.group) else { return };
        if self.fault == Some(Fault::DeadMemberEndsBroadcast) && end == End::Reset {
            group.dead = group.members.iter().position(|member| member.number == seat.number);
        }
        group.members.retain(|member| member.number != seat.number);
        let times = match self.fault {
            Some(Fault::NoLeaveNotice) => 0,
            Some(Fault::NoLeaveNoticeOnReset) if end == End::Reset => 0,
            Some(Fault::LeaveNoticeTwice) => 2,
            _ => 1,
        };
        for _ in 0..times {
            group.tell_all(&Notice::Left(&seat.name).to_string(), self.courier.as_ref());
        }
        let is_empty = group.members.is_empty();
        if self.fault == Some(Fault::LeaveNoticeToEveryone) {
            let left = Notice::Left(&seat.name).to_string();
            let others = self.groups.iter().filter(|(id, _)| **id != seat.group);
            others.for_each(|(_, group)| group.tell_all(&left, self.courier.as_ref()));
        }
        if self.fault == Some(Fault::GroupDiesWithLastMember) && is_empty {
            self.groups.remove(&seat.group);
        }
        if self.fault == Some(Fault::NameNotFreed) {
            self.not_freed.push(seat.name.clone());
        }
    }

    /// A place at the edge of a group for a client that was refused, for two of the faults: of the
    /// group it asked for, or else of any.
    pub(super) fn edge_seat(&self, request: &Request) -> Option<Seat> {
        let asked_for = self.groups.get_key_value(&request.group);
        let (id, _) = asked_for.or_else(|| self.groups.first_key_value())?;
        Some(Seat { group: *id, number: u64::MAX, name: request.name.clone() })
    }

    /// Lets a refused client hear what a group says, for one of the faults.
    pub(super) fn lurk(&mut self, seat: &Seat, outbox: &Arc<Outbox>) {
        if let Some(group) = self.groups.get_mut(&seat.group) {
            group.lurkers.push(Arc::clone(outbox));
        }
    }
}

impl Group {
    fn tell_all(&self, line: &str, courier: Option<&Courier>) {
        self.members.iter().for_each(|member| send(&member.outbox, line, courier));
        self.lurkers.iter().for_each(|lurker| lurker.push(line));
    }
}

/// Where lines wait before they go to a member, under [`Fault::OrderDiffersBetweenMembers`].
type Courier = mpsc::Sender<(Instant, Arc<Outbox>, String)>;

/// How much later than the sender the others get a line.
const COURIER_DELAY: Duration = Duration::from_millis(30);

fn send(outbox: &Arc<Outbox>, line: &str, courier: Option<&Courier>) {
    match courier {
        None => outbox.push(line),
        Some(courier) => {
            let due = Instant::now() + COURIER_DELAY;
            // It fails only when the courier's thread is gone, and that waits for this sender.
            let _ = courier.send((due, Arc::clone(outbox), line.to_owned()));
        }
    }
}

/// Starts a thread that passes lines on in their order, but late: what a sender gets at once
/// overtakes what is still under way to it.
fn start_courier() -> Courier {
    let (courier, lines) = mpsc::channel::<(Instant, Arc<Outbox>, String)>();
    thread::spawn(move || {
        for (due, outbox, line) in lines {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            outbox.push(&line);
        }
    });
    courier
}
