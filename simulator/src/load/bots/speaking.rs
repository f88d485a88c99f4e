//! What a bot writes, and what of that is measured.

use std::cmp::Reverse;
use std::io::{self, Write};

use super::bot::Stage;
use super::thread::{Thread, Timer};
use crate::load::figures::Measure;
use crate::load::ledger::NO_WINDOW;
use crate::load::message::Message;
use crate::load::plan::Role;

impl Thread {
    /// A bot says its next message; both times are when it is to, from the start of the first phase and
    /// of the run.
    pub(super) fn say(&mut self, bot: u32, at_us: u64, intended_us: u64) {
        let stay = &self.bots[bot as usize];
        if stay.stage != Stage::Member {
            return self.doubt("a message was not sent: its sender was not a member any more");
        }
        let healthy = stay.role.is_healthy();
        let window = self.window_at(at_us).unwrap_or(NO_WINDOW);
        let mut line = std::mem::take(&mut self.scratch);
        line.clear();
        let tried_us = self.compose(bot, at_us, intended_us, window, &mut line);
        if healthy && window != NO_WINDOW {
            let late_us = tried_us.saturating_sub(intended_us);
            self.books.recorder.record(window, Measure::Lateness, late_us);
        }
        self.write_message(bot, &line, tried_us, healthy.then_some(window));
        self.scratch = line;
    }

    /// Appends a bot's next message, and writes it into the ledger as sent now; when that is.
    pub(super) fn compose(
        &mut self,
        bot: u32,
        at_us: u64,
        intended_us: u64,
        window: u32,
        line: &mut Vec<u8>,
    ) -> u64 {
        let stay = &self.bots[bot as usize];
        let group = &mut self.groups[stay.group as usize];
        let sequence = group.ledger.next_sequence(stay.id);
        let message = Message { group: group.number, bot: stay.id, sequence, at_us };
        let plan = &self.shared.plan;
        let bytes = plan.message_bytes(stay.id, sequence.into());
        message.compose(plan.run, &stay.name, bytes, line);
        line.push(b'\n');
        let now_us = self.shared.clock.now_us();
        let healthy = stay.role.is_healthy();
        group.ledger.sent(message, &stay.name, healthy, intended_us, now_us, window);
        if window != NO_WINDOW {
            self.books.recorder.send(window);
            self.sends += 1;
        }
        now_us
    }

    /// Writes messages, at once if the system takes them.
    pub(super) fn write_message(
        &mut self,
        bot: u32,
        bytes: &[u8],
        tried_us: u64,
        window: Option<u32>,
    ) {
        let window = window.filter(|window| *window != NO_WINDOW);
        let is_dribbler = self.bots[bot as usize].role == Role::Dribbler;
        let taken = if is_dribbler { 0 } else { self.write_now(bot, bytes) };
        if taken == bytes.len() {
            if let Some(window) = window {
                let stalled_us = self.shared.clock.now_us().saturating_sub(tried_us);
                self.books.recorder.record(window, Measure::Stall, stalled_us);
            }
            return;
        }
        let outbox = self.bots[bot as usize].outbox.get_or_insert_default();
        outbox.push_message(&bytes[taken..], tried_us, window);
        if is_dribbler {
            self.dribble_later(bot, tried_us);
        }
    }

    /// Writes something that is no message.
    pub(super) fn write(&mut self, bot: u32, bytes: &[u8]) {
        let is_dribbler = self.bots[bot as usize].role == Role::Dribbler;
        let taken = if is_dribbler { 0 } else { self.write_now(bot, bytes) };
        if taken < bytes.len() {
            self.bots[bot as usize].outbox.get_or_insert_default().push(&bytes[taken..]);
            if is_dribbler {
                self.dribble_later(bot, self.shared.clock.now_us());
            }
        }
    }

    /// How many of the bytes the system takes at once; none while others wait.
    fn write_now(&mut self, bot: u32, bytes: &[u8]) -> usize {
        let stay = &mut self.bots[bot as usize];
        if stay.outbox.as_ref().is_some_and(|outbox| !outbox.is_empty()) {
            return 0;
        }
        let Some(stream) = &mut stay.stream else { return bytes.len() };
        loop {
            match stream.write(bytes) {
                Ok(taken) => return taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return 0,
                // What broke it shows when it is read; nothing more can be written.
                Err(_) => return bytes.len(),
            }
        }
    }

    /// The system takes more again.
    pub(super) fn write_on(&mut self, bot: u32) {
        if self.bots[bot as usize].role != Role::Dribbler {
            while self.write_piece(bot, usize::MAX) {}
        }
    }

    fn dribble_later(&mut self, bot: u32, now_us: u64) {
        let stay = &mut self.bots[bot as usize];
        if !stay.is_dribbling {
            stay.is_dribbling = true;
            self.timers.push(Reverse((now_us, Timer::Dribble { bot })));
        }
    }

    /// A dribbler writes its next few bytes.
    pub(super) fn dribble(&mut self, bot: u32, at_us: u64) {
        let Some(role) = &self.shared.spec.roles.dribblers else { return };
        let (piece, pause) = (role.piece as usize, role.pause);
        self.bots[bot as usize].is_dribbling = false;
        self.write_piece(bot, piece);
        let left = self.bots[bot as usize].outbox.as_ref();
        if left.is_some_and(|outbox| !outbox.is_empty()) {
            let pause_us = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
            self.dribble_later(bot, at_us.saturating_add(pause_us));
        }
    }

    /// Writes some of what waits; whether there may be more to write.
    fn write_piece(&mut self, bot: u32, limit: usize) -> bool {
        let stay = &mut self.bots[bot as usize];
        let (Some(outbox), Some(stream)) = (&mut stay.outbox, &mut stay.stream) else {
            return false;
        };
        let Ok(taken) = outbox.write(stream, limit) else { return false };
        let now_us = self.shared.clock.now_us();
        while let Some(done) = outbox.pop_done() {
            if let Some(window) = done.window {
                let stalled_us = now_us.saturating_sub(done.tried_us);
                self.books.recorder.record(window, Measure::Stall, stalled_us);
            }
        }
        if outbox.is_empty() {
            stay.outbox = None;
            return false;
        }
        taken > 0
    }

    /// Marks the end of every group with one last message, so that what comes before it in the group's
    /// order is known to have come. It is not counted.
    pub(super) fn mark_ends(&mut self) {
        for group in 0..self.groups.len() {
            if self.groups[group].marked {
                continue;
            }
            self.groups[group].marked = true;
            let number = self.groups[group].number;
            let plan = std::sync::Arc::clone(&self.shared.plan);
            let members = plan.groups[number as usize].members().iter();
            let mut members = members.map(|id| self.local_of(*id));
            let speaker = members.find(|bot| {
                let bot = &self.bots[*bot as usize];
                bot.stage == Stage::Member && bot.role.is_healthy()
            });
            if let Some(bot) = speaker {
                let now_us = self.shared.clock.now_us();
                let at_us = now_us.saturating_sub(self.books.phases_start_us());
                let mut line = Vec::new();
                let tried_us = self.compose(bot, at_us, now_us, NO_WINDOW, &mut line);
                self.write_message(bot, &line, tried_us, None);
            }
        }
    }
}
