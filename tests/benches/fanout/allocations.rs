//! What a message allocates once everything is warm.

use chatroom_tests::allocations::per_message;

use crate::table::Row;
use crate::{Measured, Section};

const ROWS: [Row; 2] = [
    Row::at_most("allocations per message, 1 group of 10", 0.1, ""),
    Row::at_most("allocations per message, 1 group of 200", 0.1, ""),
];

/// Of 1,000 messages each.
const SAMPLES: usize = 3;

pub(crate) const SECTION: Section = Section {
    rows: &ROWS,
    measure: |_pairs| {
        let figures = vec![per_message(10, SAMPLES)?, per_message(200, SAMPLES)?];
        Ok(Measured { figures, note: String::new() })
    },
};
