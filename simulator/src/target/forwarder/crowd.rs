//! Who is there: the connections, and the groups with what goes out to each.

use chatroom_protocol::{Notice, Prompt, limits};

use super::connection::{Connection, Stage, Step};

/// What waits for a group goes out when there is so much, even if more could be read.
const MAX_PENDING: usize = 256 * 1024;

/// All connections and groups.
#[derive(Default)]
pub(super) struct Crowd {
    connections: Vec<Option<Connection>>,
    /// The places in `connections` that are free.
    free: Vec<usize>,
    groups: Vec<Group>,
    /// The groups that something waits for.
    waiting: Vec<usize>,
}

struct Group {
    password: String,
    members: Vec<Member>,
    /// What goes out to everybody with the next write.
    pending: Vec<u8>,
}

struct Member {
    connection: usize,
    /// Where in `pending` its share begins: who has just come gets nothing from before.
    from: usize,
}

impl Crowd {
    /// The place that the next connection gets.
    pub(super) fn next_id(&self) -> usize {
        self.free.last().copied().unwrap_or(self.connections.len())
    }

    /// Takes a new connection, and asks it the first question.
    pub(super) fn add(&mut self, mut connection: Connection) {
        if connection.ask(Prompt::GroupId).is_err() {
            return;
        }
        match self.free.pop() {
            Some(id) => self.connections[id] = Some(connection),
            None => self.connections.push(Some(connection)),
        }
    }

    pub(super) fn get(&mut self, id: usize) -> Option<&mut Connection> {
        self.connections.get_mut(id)?.as_mut()
    }

    /// A connection's socket takes more.
    pub(super) fn write_on(&mut self, id: usize) {
        if self.get(id).is_some_and(|connection| connection.write_on().is_err()) {
            self.cut_off(id);
        }
    }

    /// Takes what was read.
    pub(super) fn hear(&mut self, id: usize, bytes: &[u8]) {
        let Some(connection) = self.get(id) else { return };
        if let Stage::Member { group, .. } = &connection.stage {
            let group = *group;
            return self.forward(id, group, bytes);
        }
        match connection.answer(bytes) {
            Step::Wait => {}
            Step::CutOff => self.cut_off(id),
            Step::Answered(answers, length) => {
                if let Some(group) = self.let_in(id, answers) {
                    self.forward(id, group, &bytes[length..]);
                }
            }
        }
    }

    fn forward(&mut self, id: usize, number: usize, bytes: &[u8]) {
        let Some(Some(connection)) = self.connections.get_mut(id) else { return };
        let group = &mut self.groups[number];
        let had = group.pending.len();
        let kept = connection.whole_lines(bytes, &mut group.pending);
        let has = group.pending.len();
        if had == 0 && has > 0 {
            self.waiting.push(number);
        }
        if has > MAX_PENDING {
            self.flush(number);
        }
        if kept.is_err() {
            self.cut_off(id);
        }
    }

    /// Lets somebody in who has answered; the group, if that can be.
    fn let_in(&mut self, id: usize, [asked, name, password, option]: [String; 4]) -> Option<usize> {
        let mut hello = String::new();
        let group = match option.as_str() {
            "2" => {
                let new = limits::FIRST_GROUP_ID + u32::try_from(self.groups.len()).ok()?;
                hello = format!("{}\n", Notice::Created(new.into()));
                self.groups.push(Group { password, members: Vec::new(), pending: Vec::new() });
                self.groups.len() - 1
            }
            "1" => match self.find(&asked, &password) {
                Some(group) => group,
                None => return self.refuse(id),
            },
            _ => return self.refuse(id),
        };
        let arrived = format!("{}\n", Notice::Arrived(&name));
        hello.push_str(&format!("{arrived}{}\n", Notice::Welcome));
        self.announce(group, &arrived);
        let from = self.groups[group].pending.len();
        let connection = self.get(id)?;
        connection.stage = Stage::Member { group, name };
        let sent = connection.send(hello.as_bytes());
        self.groups[group].members.push(Member { connection: id, from });
        if sent.is_err() {
            self.cut_off(id);
        }
        Some(group)
    }

    fn find(&self, asked: &str, password: &str) -> Option<usize> {
        let number = asked.parse::<u32>().ok()?.checked_sub(limits::FIRST_GROUP_ID)? as usize;
        self.groups.get(number).filter(|group| group.password == password).map(|_| number)
    }

    fn refuse(&mut self, id: usize) -> Option<usize> {
        // It goes either way.
        let _ = self.get(id)?.send(format!("{}\n", Notice::Disconnect).as_bytes());
        self.leave(id);
        None
    }

    /// Adds to what goes out to a group.
    fn announce(&mut self, number: usize, text: &str) {
        let pending = &mut self.groups[number].pending;
        if pending.is_empty() {
            self.waiting.push(number);
        }
        pending.extend_from_slice(text.as_bytes());
    }

    /// A connection has ended. Its group, itself included, gets what was said before, and hears of it.
    pub(super) fn leave(&mut self, id: usize) {
        if let Some(Connection { stage: Stage::Member { group, .. }, .. }) = self.get(id) {
            let group = *group;
            self.flush(group);
        }
        self.remove(id);
    }

    /// Ends a connection that cannot go on, and gives up what waits for it.
    pub(super) fn cut_off(&mut self, id: usize) {
        if let Some(connection) = self.get(id) {
            // It is only about how it is closed; closed it is.
            let _ = connection.reset();
        }
        self.remove(id);
    }

    fn remove(&mut self, id: usize) {
        let Some(connection) = self.connections.get_mut(id).and_then(Option::take) else { return };
        self.free.push(id);
        if let Stage::Member { group, name } = connection.stage {
            self.groups[group].members.retain(|member| member.connection != id);
            self.announce(group, &format!("{}\n", Notice::Left(&name)));
        }
    }

    /// Writes everything that waits.
    pub(super) fn flush_all(&mut self) {
        while !self.waiting.is_empty() {
            for group in std::mem::take(&mut self.waiting) {
                self.flush(group);
            }
        }
    }

    /// Writes to every member of a group what waits for it, in one go.
    fn flush(&mut self, number: usize) {
        let group = &mut self.groups[number];
        let mut bytes = std::mem::take(&mut group.pending);
        if bytes.is_empty() {
            return;
        }
        let mut gone = Vec::new();
        for member in &mut group.members {
            let Some(Some(connection)) = self.connections.get_mut(member.connection) else {
                continue;
            };
            if connection.send(&bytes[std::mem::take(&mut member.from)..]).is_err() {
                gone.push(member.connection);
            }
        }
        bytes.clear();
        // Kept for the next time, unless that would be a lot for a group that is quiet.
        if bytes.capacity() <= MAX_PENDING {
            group.pending = bytes;
        }
        for id in gone {
            self.cut_off(id);
        }
    }
}
