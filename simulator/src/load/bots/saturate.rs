//! As fast as the server takes it: a closed loop.

use super::bot::Stage;
use super::thread::{Stand, Thread};
use crate::load::plan::PlannedPhase;
use crate::load::spec::Shape;

/// The most messages that are written in one go.
const BURST: usize = 256;

impl Thread {
    /// In a saturating phase, sees to it that as many messages are under way as the phase asks for. A
    /// message is under way until everybody has it: so the slowest reader sets the pace, and nobody is
    /// cut off for it.
    pub(super) fn saturate(&mut self) {
        let Stand::Phases { start_us } = self.stand else { return };
        let now_us = self.shared.clock.now_us();
        let Some(at_us) = now_us.checked_sub(start_us) else { return };
        let Some(window) = self.window_at(at_us) else { return };
        let phase: &PlannedPhase = &self.shared.plan.phases[self.phase_of(window) as usize];
        let Shape::Saturate(each) = phase.shape else { return };
        for group in 0..self.groups.len() {
            self.top_up(group, each as usize, at_us, window);
        }
    }

    fn top_up(&mut self, group: usize, each: usize, at_us: u64, window: u32) {
        let Some(ledger) = self.groups.get_mut(group).map(|group| &mut group.ledger) else {
            return;
        };
        ledger.retire_now(&mut self.books);
        let under_way = ledger.unread();
        let mut room = (each * self.groups[group].talkers.len()).saturating_sub(under_way);
        // A few at a time would cost a system call each.
        if room < each.min(BURST) {
            return;
        }
        for _ in 0..self.groups[group].talkers.len() {
            if room == 0 {
                return;
            }
            let turn = self.groups[group].next_talker;
            let talkers = &self.groups[group].talkers;
            let bot = talkers[turn % talkers.len()];
            self.groups[group].next_talker = (turn + 1) % self.groups[group].talkers.len();
            if self.bots[bot as usize].stage == Stage::Member {
                let burst = room.min(each).min(BURST);
                room -= burst;
                self.burst(bot, burst, at_us, window);
            }
        }
    }

    /// Several messages of one bot in one write.
    fn burst(&mut self, bot: u32, count: usize, at_us: u64, window: u32) {
        let mut lines = std::mem::take(&mut self.scratch);
        lines.clear();
        let now_us = self.books.phases_start_us() + at_us;
        for _ in 0..count {
            self.compose(bot, at_us, now_us, window, &mut lines);
        }
        let tried_us = self.shared.clock.now_us();
        self.write_message(bot, &lines, tried_us, Some(window));
        self.scratch = lines;
    }
}
