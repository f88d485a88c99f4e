//! When a group's next fault is due.

use super::fault::Counted;
use super::{Fault, Tampering};

/// What is to be done in one group, and how far that is.
#[derive(Debug, Default)]
pub(super) struct Plan {
    tampering: Option<Tampering>,
    /// How much there was of what the fault counts.
    counted: u64,
    /// How often it was done.
    done: u64,
    /// Who is to be thrown out.
    victim: Option<u64>,
}

impl Plan {
    pub(super) fn new(tampering: Option<Tampering>) -> Self {
        Plan { tampering, ..Plan::default() }
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.tampering.map(|tampering| tampering.fault)
    }

    /// The wanted place of the member it is done to, from 1.
    pub(super) fn receiver(&self) -> usize {
        self.tampering.map_or(2, |tampering| tampering.receiver)
    }

    /// A message was said; returns what is to be done to it.
    pub(super) fn message(&mut self) -> Option<Fault> {
        // What is done to a newcomer is due at a message all the same.
        self.count(Counted::Messages).filter(|fault| *fault != Fault::BeforeJoining)
    }

    /// Somebody joined; returns what is to be done to its notice.
    pub(super) fn joining(&mut self) -> Option<Fault> {
        self.count(Counted::Joinings)
    }

    /// Somebody gave a wrong password; returns whether it is accepted.
    pub(super) fn wrong_password(&mut self) -> bool {
        self.count(Counted::WrongPasswords).is_some()
    }

    /// Whether this fault is to be done now.
    pub(super) fn is_due(&self, fault: Fault) -> bool {
        self.due() == Some(fault)
    }

    /// Whether this fault is to be done, now or at any later time.
    pub(super) fn awaits(&self, fault: Fault) -> bool {
        self.tampering.is_some_and(|it| it.fault == fault && self.done < it.times)
    }

    /// It was done once.
    pub(super) fn done(&mut self) {
        self.done += 1;
    }

    /// Remembers whom to throw out.
    pub(super) fn throw_out(&mut self, number: u64) {
        self.victim = Some(number);
    }

    /// Whom to throw out.
    pub(super) fn takes_victim(&mut self) -> Option<u64> {
        self.victim.take()
    }

    fn count(&mut self, what: Counted) -> Option<Fault> {
        let tampering = self.tampering.filter(|it| it.fault.counts() == what)?;
        self.counted += 1;
        self.due().filter(|_| tampering.times > 0)
    }

    fn due(&self) -> Option<Fault> {
        let tampering = self.tampering?;
        let next = tampering.nth.get().saturating_mul(self.done + 1);
        (self.done < tampering.times && next <= self.counted).then_some(tampering.fault)
    }
}
