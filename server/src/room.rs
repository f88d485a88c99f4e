//! A group's room: the one place that orders what its members see.
//!
//! A room is a task that owns its members. Whoever wants something of it puts a [`Command`] into its
//! mailbox, which is bounded, so that members who talk too fast wait. It takes the commands in
//! batches, appends each line for the group once to one buffer, and then writes to every member's
//! socket the part of the buffer that is news to it. It never waits for a socket: what does not fit
//! becomes that member's backlog (see [`member`]).

mod member;

use std::collections::BTreeMap;
use std::sync::Arc;

use chatroom_protocol::framing::Decoder;
use chatroom_protocol::message::Speaker;
use chatroom_protocol::{GroupId, Notice};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use self::member::{Loss, Member, Post};
use crate::connection::Connection;
use crate::reader::Reader;
use crate::server::Server;
use crate::wire;

/// How many commands wait in a mailbox before those who send them do.
///
/// Enough that a crowd that joins at once is announced in a few large pieces; each command is at
/// most one read's worth of messages.
const MAILBOX_COMMANDS: usize = 256;

/// A batch that has this many bytes is sent before more is added, so that nobody waits long for
/// the first line of it.
const BATCH_BYTES: usize = 64 * 1024;

/// The room in its batch buffer that a room keeps while nobody talks.
const IDLE_BATCH_BYTES: usize = 4 * 1024;

/// Where a room takes commands.
pub(crate) type Mailbox = mpsc::Sender<Command>;

/// What a room is asked to do.
pub(crate) enum Command {
    /// Make this client a member.
    Join(Box<Newcomer>),
    /// Pass on what a member said.
    Heard(MemberId, Vec<Utterance>),
    /// Forget a member: its stream has ended.
    Leave(MemberId),
    /// Go on with a member's backlog: its socket may take more.
    Resume(MemberId),
}

/// An admitted client.
pub(crate) struct Newcomer {
    pub(crate) connection: Arc<Connection>,
    pub(crate) speaker: Speaker,
    pub(crate) decoder: Decoder,
    /// What it sent together with the last answer of its handshake.
    pub(crate) early: Vec<u8>,
    /// Whether it is to be told the group's id.
    pub(crate) is_creator: bool,
}

/// One or more encoded lines that follow from what a member said.
pub(crate) enum Utterance {
    ToGroup(Vec<u8>),
    ToSpeaker(Vec<u8>),
}

impl Utterance {
    /// Where to append a line for the group.
    pub(crate) fn to_group(utterances: &mut Vec<Utterance>) -> &mut Vec<u8> {
        if !matches!(utterances.last(), Some(Utterance::ToGroup(_))) {
            utterances.push(Utterance::ToGroup(Vec::new()));
        }
        Utterance::last_lines(utterances)
    }

    /// Where to append a line for the one who spoke.
    pub(crate) fn to_speaker(utterances: &mut Vec<Utterance>) -> &mut Vec<u8> {
        if !matches!(utterances.last(), Some(Utterance::ToSpeaker(_))) {
            utterances.push(Utterance::ToSpeaker(Vec::new()));
        }
        Utterance::last_lines(utterances)
    }

    fn last_lines(utterances: &mut [Utterance]) -> &mut Vec<u8> {
        match utterances.last_mut().expect("both callers have just made sure of one") {
            Utterance::ToGroup(lines) | Utterance::ToSpeaker(lines) => lines,
        }
    }
}

/// A member, within its room. In the order of joining, never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemberId(u64);

/// Opens the room of a new group.
pub(crate) fn open(group: GroupId, server: &Arc<Server>) -> Mailbox {
    let (mailbox, commands) = mpsc::channel(MAILBOX_COMMANDS);
    let room = Room {
        group,
        members: BTreeMap::new(),
        next_member: MemberId(0),
        batch: Vec::new(),
        post: Post { server: Arc::clone(server), mailbox: mailbox.clone() },
    };
    server.tasks.spawn(room.run(commands));
    mailbox
}

struct Room {
    group: GroupId,
    members: BTreeMap<MemberId, Member>,
    next_member: MemberId,
    /// Lines for the group that were not sent yet. Every member knows how far it has heard them.
    batch: Vec<u8>,
    post: Post,
}

impl Room {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let stop = self.post.server.stop.clone();
        let mut taken = Vec::new();
        loop {
            tokio::select! {
                _ = commands.recv_many(&mut taken, MAILBOX_COMMANDS) => {}
                () = stop.cancelled() => break,
            }
            self.handle_all(&mut taken).await;
            if commands.is_empty() {
                taken.shrink_to(0);
                self.batch.shrink_to(IDLE_BATCH_BYTES);
            }
        }
        // What was said before the end is still passed on.
        commands.close();
        while commands.recv_many(&mut taken, MAILBOX_COMMANDS).await > 0 {
            self.handle_all(&mut taken).await;
        }
        self.close();
    }

    async fn handle_all(&mut self, commands: &mut Vec<Command>) {
        for command in commands.drain(..) {
            self.handle(command);
            if self.batch.len() >= BATCH_BYTES {
                self.flush();
                tokio::task::yield_now().await;
            }
        }
        self.flush();
        // One busy room must not keep a thread from everybody else.
        tokio::task::yield_now().await;
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Join(newcomer) => self.admit(*newcomer),
            Command::Heard(id, utterances) => self.pass_on(id, utterances),
            Command::Leave(id) => self.part_with(id),
            Command::Resume(id) => self.resume(id),
        }
    }

    /// Makes `newcomer` a member. It hears of itself and is welcomed before anything else (GRP-3).
    fn admit(&mut self, newcomer: Newcomer) {
        let id = self.next_member;
        self.next_member = MemberId(id.0 + 1);
        let Newcomer { connection, speaker, decoder, early, is_creator } = newcomer;
        let name = speaker.name().clone();
        info!("{name} has connected to the chat room of group {}", self.group);

        self.announce(Notice::Arrived(name.as_str()));
        let mut welcome = Vec::new();
        if is_creator {
            self.push_line(Notice::Created(self.group), &mut welcome);
        }
        self.push_line(Notice::Arrived(name.as_str()), &mut welcome);
        self.push_line(Notice::Welcome, &mut welcome);

        let mut reader = Reader {
            connection: Arc::clone(&connection),
            room: self.post.mailbox.clone(),
            member: id,
            speaker,
            decoder,
            early,
        };
        let reader = self.post.spawn(async move { reader.run().await });
        self.members.insert(id, Member::new(id, name, connection, reader, self.batch.len()));
        self.tell(id, &welcome);
    }

    fn pass_on(&mut self, id: MemberId, utterances: Vec<Utterance>) {
        // Who was cut off a moment ago has left for everybody, and says nothing after that.
        if !self.members.contains_key(&id) {
            return;
        }
        for utterance in utterances {
            match utterance {
                Utterance::ToGroup(lines) => self.batch.extend_from_slice(&lines),
                Utterance::ToSpeaker(lines) => self.tell(id, &lines),
            }
        }
    }

    /// Says something to one member alone, after all that was said before.
    fn tell(&mut self, id: MemberId, lines: &[u8]) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let told =
            member.catch_up(&self.batch, &self.post).and_then(|()| member.send(lines, &self.post));
        if let Err(loss) = told {
            self.lose(id, loss);
        }
    }

    /// Forgets a member whose stream has ended.
    fn part_with(&mut self, id: MemberId) {
        let Some(mut member) = self.members.remove(&id) else { return };
        // It may have closed its sending side only: what its socket takes at once, it still gets.
        let _ = member.catch_up(&self.batch, &self.post);
        info!("{} has left the chat room of group {}", member.name(), self.group);
        self.bury(member);
    }

    /// Removes a member that cannot be written to.
    fn lose(&mut self, id: MemberId, loss: Loss) {
        let Some(member) = self.members.remove(&id) else { return };
        let (name, group) = (member.name(), self.group);
        match loss {
            Loss::Broken(error) => {
                debug!("{name} cannot be written to: {error}");
                info!("{name} has left the chat room of group {group}");
            }
            Loss::Overflow { bytes } => {
                let bound = self.post.server.settings.backlog_bound;
                warn!(
                    "{name} is cut off from the chat room of group {group}: it does not read, \
                     {bytes} bytes wait for it and the bound is {bound}"
                );
                member.reset_on_close();
            }
        }
        self.bury(member);
    }

    /// Tells the others, and gives the name back once they are to know.
    fn bury(&mut self, member: Member) {
        self.announce(Notice::Left(member.name().as_str()));
        self.post.server.directory().release(member.name());
    }

    fn resume(&mut self, id: MemberId) {
        let Some(member) = self.members.get_mut(&id) else { return };
        if let Err(loss) = member.resume(&self.post) {
            self.lose(id, loss);
        }
    }

    /// Says something to the whole group.
    fn announce(&mut self, notice: Notice<'_>) {
        wire::push_line(self.post.server.settings.dialect, notice, &mut self.batch);
    }

    fn push_line(&self, notice: Notice<'_>, out: &mut Vec<u8>) {
        wire::push_line(self.post.server.settings.dialect, notice, out);
    }

    /// Sends the batch, and then what follows from members that were lost over it.
    fn flush(&mut self) {
        while !self.batch.is_empty() {
            for (id, loss) in self.send_batch() {
                self.lose(id, loss);
            }
        }
    }

    /// Writes to every member what it has not heard of the batch, and starts the next one.
    fn send_batch(&mut self) -> Vec<(MemberId, Loss)> {
        let mut lost = Vec::new();
        let mut shared = None;
        for (id, member) in &mut self.members {
            if let Err(loss) = member.finish_batch(&self.batch, &mut shared, &self.post) {
                lost.push((*id, loss));
            }
        }
        self.batch.clear();
        lost
    }

    /// Tells everybody that the server stops, and sees them off, all at the same time.
    fn close(mut self) {
        self.announce(Notice::Stopping);
        self.flush();
        for member in std::mem::take(&mut self.members).into_values() {
            self.post.server.tasks.spawn(member.see_off());
        }
    }
}
