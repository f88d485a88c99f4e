//! Ten talkers at once and one alone: they have to batch together, and not fight.

use std::time::{Duration, Instant};

use anyhow::Result;
use chatroom_tests::crowd::Crowd;

use crate::server::Server;
use crate::simulated::in_turns;
use crate::table::Row;
use crate::{Measured, Section};

const ROWS: [Row; 1] =
    [Row::at_least("1 group of 1,000, saturated: deliveries/s of ten talkers / of one", 1.0, " x")];

pub(crate) const SECTION: Section = Section { rows: &ROWS, measure };

const MEMBERS: usize = 1000;

/// Messages under way, whoever says them.
const UNDER_WAY: usize = 1280;

/// They are said in so many rounds, so that the server is never without work.
const ROUNDS_UNDER_WAY: usize = 2;

/// Rounds of either before it is the other's turn, and turns for a figure.
const ROUNDS: usize = 16;
const TURNS: usize = 8;

const MESSAGE: &[u8] = b"as long as most of what people write to each other in an evenin\n";

fn measure(pairs: usize) -> Result<Measured> {
    let server = Server::start(&[])?;
    let mut crowd = Crowd::join(server.address, MEMBERS)?;
    talk(&mut crowd, 10)?;
    let mut ratios = Vec::new();
    for _ in 0..pairs {
        let (mut ten, mut one) = (Duration::ZERO, Duration::ZERO);
        for turn in 0..TURNS {
            for talkers in in_turns(turn, 10, 1) {
                *if talkers == 1 { &mut one } else { &mut ten } += talk(&mut crowd, talkers)?;
            }
        }
        ratios.push(one.as_secs_f64() / ten.as_secs_f64());
    }
    Ok(Measured { figures: vec![ratios], note: String::new() })
}

fn talk(crowd: &mut Crowd, talkers: usize) -> Result<Duration> {
    let lines = MESSAGE.repeat(UNDER_WAY / ROUNDS_UNDER_WAY / talkers);
    let copies = (UNDER_WAY / ROUNDS_UNDER_WAY * MEMBERS) as u64;
    let say = |crowd: &mut Crowd| {
        (0..talkers).try_for_each(|talker| crowd.say(talker * MEMBERS / talkers, &lines))
    };
    let begun = Instant::now();
    for round in 0..ROUNDS {
        say(crowd)?;
        if round + 1 >= ROUNDS_UNDER_WAY {
            crowd.hear(copies)?;
        }
    }
    crowd.hear(copies * (ROUNDS_UNDER_WAY as u64 - 1))?;
    Ok(begun.elapsed())
}
