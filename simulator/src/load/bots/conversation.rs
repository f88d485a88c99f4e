//! What a bot hears, line by line, and what it answers.

use chatroom_protocol::{Notice, Prompt};

use super::bot::Stage;
use super::comings::is_creator;
use super::thread::Thread;
use crate::load::plan::Role;
use crate::load::record::FaultKind;

/// The password of every group, and one that is no group's.
const PASSWORD: &str = "load";
const WRONG_PASSWORD: &str = "knock knock";

/// What a creator answers when it is asked for an id (it is ignored).
const ANY_GROUP: u32 = chatroom_protocol::limits::CREATOR_GROUP_ID;

/// How many questions a server asks (HS-1).
const QUESTIONS: u8 = 4;

/// What is looked at of a line; more than any line may have.
const MAX_LINE: usize = 2 * chatroom_protocol::limits::MAX_SERVER_LINE_BYTES;

/// A beginning without an end that is longer than this is no line.
const MAX_PARTIAL: usize = 16 * 1024;

impl Thread {
    /// Takes what was read.
    pub(super) fn hear(&mut self, bot: u32, mut bytes: &[u8], now_us: u64) {
        if !self.bots[bot as usize].partial.is_empty() {
            let Some(rest) = self.hear_partial(bot, bytes, now_us) else { return };
            bytes = rest;
        }
        while !bytes.is_empty() {
            if let Some(length) = self.hear_expected(bot, bytes, now_us) {
                bytes = &bytes[length..];
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                return self.keep_partial(bot, bytes, now_us);
            };
            self.hear_line(bot, &bytes[..end], now_us);
            bytes = &bytes[end + 1..];
        }
    }

    /// The line that a member has to get next, if that is what stands here.
    fn hear_expected(&mut self, bot: u32, bytes: &[u8], now_us: u64) -> Option<usize> {
        let stay = &self.bots[bot as usize];
        if stay.stage != Stage::Member {
            return None;
        }
        let slot = stay.slot?;
        let ledger = &mut self.groups[stay.group as usize].ledger;
        ledger.expect(slot, bytes, now_us, &mut self.books)
    }

    /// Completes the line that has begun; what is left after it.
    fn hear_partial<'b>(&mut self, bot: u32, bytes: &'b [u8], now_us: u64) -> Option<&'b [u8]> {
        let Some(end) = memchr::memchr(b'\n', bytes) else {
            self.keep_partial(bot, bytes, now_us);
            return None;
        };
        let mut line = std::mem::take(&mut self.bots[bot as usize].partial);
        line.extend_from_slice(&bytes[..=end]);
        if self.hear_expected(bot, &line, now_us).is_none() {
            self.hear_line(bot, &line[..line.len() - 1], now_us);
        }
        Some(&bytes[end + 1..])
    }

    fn keep_partial(&mut self, bot: u32, bytes: &[u8], now_us: u64) {
        let partial = &mut self.bots[bot as usize].partial;
        partial.extend_from_slice(bytes);
        if partial.len() > MAX_PARTIAL {
            let line = std::mem::take(partial);
            self.hear_line(bot, &line, now_us);
        }
    }

    fn hear_line(&mut self, bot: u32, line: &[u8], now_us: u64) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // A longer one is none, whatever comes after this.
        let line = &line[..line.len().min(MAX_LINE)];
        if line.is_empty() {
            return;
        }
        match self.bots[bot as usize].stage {
            Stage::Connecting | Stage::Answering => self.hear_outside(bot, line, now_us),
            Stage::Arriving | Stage::Member | Stage::Leaving => {
                self.hear_inside(bot, line, now_us);
            }
            Stage::Away | Stage::Waiting | Stage::Deaf | Stage::Done => {}
        }
    }

    /// A line before the bot was let in.
    fn hear_outside(&mut self, bot: u32, line: &[u8], now_us: u64) {
        let text = std::str::from_utf8(line).unwrap_or_default();
        if let Some(prompt) = Prompt::parse(text) {
            return self.answer(bot, prompt);
        }
        match Notice::parse(text) {
            Some(Notice::Created(id)) => {
                let stay = &self.bots[bot as usize];
                let group = &mut self.groups[stay.group as usize];
                if is_creator(&self.shared.plan, group.number, stay) {
                    group.id = Some(id.get());
                }
            }
            Some(Notice::Arrived(name)) if self.is_own_name(bot, name) => {
                if self.bots[bot as usize].role == Role::Knocker {
                    return self.was_admitted(bot, now_us);
                }
                self.bots[bot as usize].stage = Stage::Arriving;
                self.enter(bot, line, now_us);
            }
            Some(Notice::Disconnect | Notice::WrongOption | Notice::DisconnectOption)
            | Some(Notice::AnswerRefused(_) | Notice::Full | Notice::Stopping) => {
                let refusal = &mut self.bots[bot as usize].refusal;
                // The first says why, the others only that it is over.
                refusal.get_or_insert_with(|| text.into());
            }
            _ => self.enter(bot, line, now_us),
        }
    }

    /// Whether the server calls the bot so; notes it where the name is not the one asked for.
    fn is_own_name(&mut self, bot: u32, name: &str) -> bool {
        let stay = &mut self.bots[bot as usize];
        if *stay.name == *name {
            return true;
        }
        let counted = name.strip_prefix(&*stay.name).and_then(|rest| rest.strip_prefix('+'));
        let counted = counted.and_then(|rest| rest.strip_suffix('-'));
        if counted.is_none_or(|count| count.parse::<u32>().is_err()) {
            return false;
        }
        let ledger = &mut self.groups[stay.group as usize].ledger;
        if stay.slot.is_some_and(|slot| !ledger.rename(slot, name)) {
            return false;
        }
        stay.name = name.into();
        true
    }

    fn answer(&mut self, bot: u32, prompt: Prompt) {
        self.bots[bot as usize].answered += 1;
        if self.bots[bot as usize].answered > QUESTIONS {
            return self.fail(bot, "the server asked more than the four questions (HS-1)");
        }
        let stay = &self.bots[bot as usize];
        let group = &self.groups[stay.group as usize];
        let creates = is_creator(&self.shared.plan, group.number, stay);
        let answer = match prompt {
            Prompt::GroupId => {
                let id = if creates { ANY_GROUP } else { group.id.unwrap_or(ANY_GROUP) };
                format!("{id}\n")
            }
            Prompt::Alias => format!("{}\n", stay.name),
            Prompt::Password if stay.role == Role::Knocker => format!("{WRONG_PASSWORD}\n"),
            Prompt::Password => format!("{PASSWORD}\n"),
            Prompt::Option if creates => "2\n".to_owned(),
            Prompt::Option => "1\n".to_owned(),
        };
        self.write(bot, answer.as_bytes());
    }

    /// A line to who was let in.
    fn hear_inside(&mut self, bot: u32, line: &[u8], now_us: u64) {
        let text = std::str::from_utf8(line).unwrap_or_default();
        match Notice::parse(text) {
            Some(Notice::Welcome) if self.bots[bot as usize].stage == Stage::Arriving => {
                self.welcomed(bot, now_us);
            }
            Some(Notice::MessageRefused(why)) => {
                let what =
                    format!("the server refused a message that keeps to the protocol: {why}");
                let stay = &self.bots[bot as usize];
                let (group, name) = (self.groups[stay.group as usize].number, stay.name.clone());
                self.books.member_fault(FaultKind::Unknown, what, group, &name, now_us);
            }
            Some(Notice::Stopping) => self.doubt("the server said that it is stopping"),
            _ => self.enter(bot, line, now_us),
        }
    }

    fn enter(&mut self, bot: u32, line: &[u8], now_us: u64) {
        let stay = &self.bots[bot as usize];
        let Some(slot) = stay.slot else { return };
        let ledger = &mut self.groups[stay.group as usize].ledger;
        ledger.irregular(slot, line, now_us, &mut self.books);
    }
}
