//! Comings and goings: connecting, being let in, leaving, being cut off.

use std::cmp::Reverse;
use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::bot::Stage;
use super::thread::{Thread, Timer, reset};
use crate::load::message;
use crate::load::plan::Role;
use crate::load::record::FaultKind;

/// How the doubt begins that is noted for a bot that could not join.
pub(crate) const COULD_NOT_JOIN: &str = "a bot could not join: ";

/// How long a bot may take to be let in.
const JOIN_LIMIT_US: u64 = 30_000_000;

/// How long a server may take to end the connection of who has left (LEAVE-2); long, because a busy
/// machine must not look like a broken server.
const GOODBYE_LIMIT_US: u64 = 10_000_000;

/// How long who is to come back waits before it looks again whether it was let go.
const LOOK_AGAIN_US: u64 = 50_000;

impl Thread {
    /// A bot is due. Who is not its group's creator waits for the group.
    pub(super) fn arrive(&mut self, bot: u32, intended_us: u64) {
        let stay = &mut self.bots[bot as usize];
        stay.intended_us = intended_us;
        let group = &mut self.groups[stay.group as usize];
        if group.id.is_some() || is_creator(&self.shared.plan, group.number, stay) {
            self.connect(bot);
        } else if group.is_lost {
            self.fail(bot, "its group could not be created");
        } else {
            group.waiting.push(bot);
            stay.stage = Stage::Waiting;
        }
    }

    /// Opens a connection.
    fn connect(&mut self, bot: u32) {
        let source = self.shared.sources.of(bot);
        let source = source.map(IpAddr::V4);
        let opened = open(self.shared.server, source).and_then(|mut stream| {
            let interests = Interest::READABLE | Interest::WRITABLE;
            self.registry().register(&mut stream, Token(bot as usize), interests)?;
            Ok(stream)
        });
        let slot = self.ask(bot);
        if self.bots[bot as usize].role == Role::Knocker {
            let group = self.bots[bot as usize].group as usize;
            self.groups[group].ledger.knock(slot);
        }
        let stay = &mut self.bots[bot as usize];
        stay.slot = Some(slot);
        stay.stage = Stage::Connecting;
        stay.answered = 0;
        match opened {
            Ok(stream) => {
                stay.stream = Some(stream);
                let limit_us = stay.intended_us.max(self.shared.clock.now_us()) + JOIN_LIMIT_US;
                let timer = Timer::JoinLimit { bot, visit: stay.visit };
                self.timers.push(Reverse((limit_us, timer)));
            }
            Err(error) => self.fail(bot, &could_not_connect(&error)),
        }
    }

    fn ask(&mut self, bot: u32) -> crate::load::ledger::Slot {
        let bot = &self.bots[bot as usize];
        let ledger = &mut self.groups[bot.group as usize].ledger;
        ledger.ask(bot.id, bot.visit, bot.role.is_healthy())
    }

    /// Whether a connection that was being opened is open.
    pub(super) fn opened(&mut self, bot: u32) -> bool {
        let Some(stream) = &self.bots[bot as usize].stream else { return false };
        if let Err(error) | Ok(Some(error)) = stream.take_error() {
            self.fail(bot, &could_not_connect(&error));
            return false;
        }
        match stream.peer_addr() {
            Ok(_) => {
                // Without it, small writes wait for each other; where it cannot be had, they do.
                let _ = stream.set_nodelay(true);
                self.bots[bot as usize].stage = Stage::Answering;
                true
            }
            Err(error) if error.kind() == io::ErrorKind::NotConnected => false,
            Err(error) => {
                self.fail(bot, &could_not_connect(&error));
                false
            }
        }
    }

    /// A bot was welcomed.
    pub(super) fn welcomed(&mut self, bot: u32, now_us: u64) {
        let stay = &mut self.bots[bot as usize];
        let group = &mut self.groups[stay.group as usize];
        let slot = stay.slot.expect("who is welcomed has asked");
        stay.stage = Stage::Member;
        group.ledger.welcome(slot, now_us);
        if stay.visit > 0 {
            return;
        }
        if stay.role.is_healthy() {
            let waited_us = now_us.saturating_sub(stay.intended_us);
            self.books.recorder.join(stay.intended_us, waited_us);
        }
        self.joined += 1;
        self.joined_us = self.joined_us.max(now_us);
        let waiting = std::mem::take(&mut group.waiting);
        if group.id.is_some() {
            waiting.into_iter().for_each(|bot| self.connect(bot));
        } else {
            group.is_lost = true;
            let why = "the server did not tell its group's id (GRP-2)";
            waiting.into_iter().for_each(|bot| self.fail(bot, why));
        }
    }

    /// A bot could not join.
    pub(super) fn fail(&mut self, bot: u32, why: &str) {
        let stay = &self.bots[bot as usize];
        let (role, visit, group) = (stay.role, stay.visit, stay.group);
        let was_creator = is_creator(&self.shared.plan, self.groups[group as usize].number, stay);
        match (role, visit) {
            (Role::Knocker, _) => {
                self.doubt(format!("a knocker was not refused as it should be: {why}"));
                return self.hang_up(bot, Stage::Away);
            }
            (_, 0) => {
                self.doubt(format!("{COULD_NOT_JOIN}{why}"));
                self.failed += 1;
            }
            _ => self.doubt(format!("a bot could not come back: {why}")),
        }
        self.hang_up(bot, Stage::Done);
        if was_creator && visit == 0 {
            let group = &mut self.groups[group as usize];
            group.is_lost = true;
            for other in std::mem::take(&mut group.waiting) {
                self.fail(other, "its group could not be created");
            }
        }
    }

    pub(super) fn give_up_joining(&mut self, bot: u32, visit: u32) {
        let stay = &self.bots[bot as usize];
        if stay.visit != visit {
            return;
        }
        match stay.stage {
            Stage::Connecting => self.fail(bot, "the connection was not accepted within 30 s"),
            Stage::Answering => self.fail(bot, "it was not let in within 30 s of connecting"),
            Stage::Arriving => self.fail(bot, "it was not welcomed within 30 s of connecting"),
            _ => {}
        }
    }

    /// A member leaves as a client should: it ends its side, and reads what still comes.
    pub(super) fn leave(&mut self, bot: u32) {
        let stay = &mut self.bots[bot as usize];
        let (Stage::Member, Some(stream)) = (stay.stage, &stay.stream) else { return };
        // A broken connection shows when it is read.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        stay.stage = Stage::Leaving;
        let now_us = self.shared.clock.now_us();
        stay.intended_us = now_us;
        let slot = stay.slot.expect("a member has a place in the ledger");
        self.groups[stay.group as usize].ledger.leave(slot, now_us);
    }

    /// Who left comes back under a new name.
    pub(super) fn come_back(&mut self, bot: u32, intended_us: u64) {
        let stage = self.bots[bot as usize].stage;
        let is_free = stage == Stage::Away || (stage == Stage::Leaving && self.is_let_go(bot));
        if !is_free {
            return;
        }
        self.next_visit(bot);
        self.arrive(bot, intended_us);
    }

    /// Whether a bot that has left and is to come back has been waited for long enough: the server has
    /// to end its side, too.
    fn is_let_go(&mut self, bot: u32) -> bool {
        let now_us = self.shared.clock.now_us();
        let stay = &self.bots[bot as usize];
        if now_us < stay.intended_us + GOODBYE_LIMIT_US {
            self.timers.push(Reverse((now_us + LOOK_AGAIN_US, Timer::ComeBack { bot })));
            return false;
        }
        let what = "it ended its side, and the server did not end its own within 10 s".to_owned();
        let (group, name) = (self.groups[stay.group as usize].number, stay.name.clone());
        self.books.member_fault(FaultKind::AfterLeaving, what, group, &name, now_us);
        self.hang_up(bot, Stage::Away);
        true
    }

    fn next_visit(&mut self, bot: u32) {
        let run = self.books.run();
        let stay = &mut self.bots[bot as usize];
        stay.visit += 1;
        stay.name = message::name(run, stay.id, stay.visit).into_boxed_str();
    }

    /// Somebody comes with a wrong password.
    pub(super) fn knock(&mut self, bot: u32, intended_us: u64) {
        match self.bots[bot as usize].stage {
            Stage::Away => {}
            Stage::Done => return,
            _ => {
                self.doubt("a knocker was still at the door when it was to knock again");
                self.hang_up(bot, Stage::Away);
            }
        }
        self.next_visit(bot);
        self.bots[bot as usize].intended_us = intended_us;
        if self.groups[self.bots[bot as usize].group as usize].id.is_some() {
            self.connect(bot);
        }
    }

    pub(super) fn stop_reading(&mut self, bot: u32) {
        let stay = &mut self.bots[bot as usize];
        if stay.stage == Stage::Member {
            stay.stage = Stage::Deaf;
            let slot = stay.slot.expect("a member has a place in the ledger");
            self.groups[stay.group as usize].ledger.go_deaf(slot);
        }
    }

    /// The server has ended the connection.
    pub(super) fn ended(&mut self, bot: u32) {
        let now_us = self.shared.clock.now_us();
        let stay = &mut self.bots[bot as usize];
        let refusal = stay.refusal.take();
        match (stay.stage, stay.role) {
            (Stage::Connecting | Stage::Answering, Role::Knocker) if refusal.is_some() => {
                self.was_refused(bot, &refusal.unwrap_or_default(), now_us);
            }
            (Stage::Connecting | Stage::Answering | Stage::Arriving, _) => {
                let said = refusal.map(|said| format!("the server said `{said}`"));
                let why = said.unwrap_or_else(|| "the server ended the connection".to_owned());
                self.fail(bot, &why);
            }
            (Stage::Leaving, _) => self.hang_up(bot, Stage::Away),
            (Stage::Deaf, _) => {
                self.cut_off += 1;
                self.hang_up(bot, Stage::Done);
            }
            (Stage::Member, _) => {
                let what = "the server ended a member's connection".to_owned();
                let (group, name) = (self.groups[stay.group as usize].number, stay.name.clone());
                let kind = FaultKind::Disconnected;
                self.books.member_fault(kind, what, group, &name, now_us);
                self.hang_up(bot, Stage::Done);
            }
            (Stage::Away | Stage::Waiting | Stage::Done, _) => {}
        }
    }

    /// A knocker was sent away: with `disconnect` alone, as all are (AUTH-3), and without hearing more
    /// (AUTH-4).
    fn was_refused(&mut self, bot: u32, refusal: &str, now_us: u64) {
        let stay = &self.bots[bot as usize];
        let what = match refusal {
            "disconnect" if stay.partial.is_empty() => None,
            "disconnect" => Some("a refused client was sent more than its refusal".to_owned()),
            other => Some(format!("a wrong password was refused with `{other}` (AUTH-3)")),
        };
        if let Some(what) = what {
            let (group, name) = (self.groups[stay.group as usize].number, stay.name.clone());
            self.books.member_fault(FaultKind::Unknown, what, group, &name, now_us);
        }
        self.refused += 1;
        self.hang_up(bot, Stage::Away);
    }

    /// A client with a wrong password was let in.
    pub(super) fn was_admitted(&mut self, bot: u32, now_us: u64) {
        let stay = &self.bots[bot as usize];
        let what = "a client with a wrong password was let in".to_owned();
        let (group, name) = (self.groups[stay.group as usize].number, stay.name.clone());
        self.books.member_fault(FaultKind::Admitted, what, group, &name, now_us);
        self.hang_up(bot, Stage::Away);
    }

    /// Ends a bot's connection, if it has one.
    pub(super) fn hang_up(&mut self, bot: u32, then: Stage) {
        let now_us = self.shared.clock.now_us();
        let stay = &mut self.bots[bot as usize];
        stay.stage = then;
        stay.partial = Vec::new();
        stay.outbox = None;
        stay.refusal = None;
        if let Some(stream) = stay.stream.take() {
            reset(&stream);
        }
        if let Some(slot) = stay.slot.take() {
            self.groups[stay.group as usize].ledger.gone(slot, now_us);
        }
    }
}

/// Whether a bot is to create its group.
pub(super) fn is_creator(
    plan: &crate::load::plan::Plan,
    group: u32,
    bot: &super::bot::Bot,
) -> bool {
    plan.groups[group as usize].creator == bot.id && bot.visit == 0
}

fn open(server: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    match socket.connect(&server.into()) {
        Ok(()) => {}
        Err(error) if is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}

fn is_under_way(error: &io::Error) -> bool {
    #[cfg(unix)]
    if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) {
        return true;
    }
    error.kind() == io::ErrorKind::WouldBlock
}

fn could_not_connect(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "the server refused the connection".to_owned(),
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => {
            format!("no port is free for its connection ({error}); `simulator plan` counts them")
        }
        _ => format!("it could not connect: {error}"),
    }
}
