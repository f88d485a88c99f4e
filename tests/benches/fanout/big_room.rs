//! One group of 4,000: a big room uses every core.
//!
//! The time is that from the write of a message to the arrival of its last copy at a member's socket, as
//! the system notes it when it puts the bytes there. A thread that reads the copies as they come would
//! take a core from the server, and hide what a second one is worth. So nobody reads before all are there.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chatroom_tests::crowd::Crowd;

use crate::arrival;
use crate::server::Server;
use crate::simulated::in_turns;
use crate::table::{Row, Spread};
use crate::{Measured, Section};

const ROWS: [Row; 1] = [Row::at_most(
    "1 group of 4,000: time to the last copy on all cores / with one worker",
    0.65,
    " x",
)];

const MEMBERS: usize = 4000;

/// Messages to each server for a pair.
const MESSAGES: usize = 9;

/// How long nobody reads after a message: several times as long as it takes to reach everybody.
const UNTIL_ALL_IS_THERE: Duration = Duration::from_millis(60);

/// For the server to come to rest after a message that was read all the while.
const REST: Duration = Duration::from_millis(5);

const MESSAGE: &[u8] = b"as long as most of what people write to each other in an evening\n";

pub(crate) const SECTION: Section = Section { rows: &ROWS, measure };

/// A server, and everybody on it.
struct Room {
    crowd: Crowd,
    _server: Server,
}

/// How long messages took, in milliseconds: the median of each pair.
struct Times {
    on_all_cores: Vec<f64>,
    with_one_worker: Vec<f64>,
}

fn measure(pairs: usize) -> Result<Measured> {
    // On all cores, and with one worker.
    let mut rooms = [Room::open(&[])?, Room::open(&["--workers", "1"])?];
    let read = times(&mut rooms, pairs, until_it_is_read)?;
    rooms.iter().try_for_each(|room| arrival::note_times(&room.crowd))?;
    let arrived = times(&mut rooms, pairs, until_it_is_there)?;
    let note = format!(
        "1 group of 4,000, on all cores and with one worker. Until the last copy is there: {}. Until \
         a thread that reads all the while has read it: {}.",
        arrived.in_words()?,
        read.in_words()?
    );
    Ok(Measured { figures: vec![arrived.ratios()], note })
}

/// The times of messages to both servers in turns.
fn times(
    rooms: &mut [Room; 2],
    pairs: usize,
    time: fn(&mut Crowd, usize) -> Result<Duration>,
) -> Result<Times> {
    let mut medians = [Vec::new(), Vec::new()];
    for pair in 0..pairs {
        let mut millis = [Vec::new(), Vec::new()];
        for message in 0..MESSAGES {
            // Another talker each time, anywhere in the room.
            let talker = (pair * MESSAGES + message) * 617 % MEMBERS;
            for side in in_turns(message, 0, 1) {
                let took = time(&mut rooms[side].crowd, talker)?;
                millis[side].push(took.as_secs_f64() * 1000.0);
            }
        }
        for (medians, millis) in medians.iter_mut().zip(&millis) {
            medians.push(median(millis)?);
        }
    }
    let [on_all_cores, with_one_worker] = medians;
    Ok(Times { on_all_cores, with_one_worker })
}

/// Until its last copy is at a member's socket.
fn until_it_is_there(crowd: &mut Crowd, talker: usize) -> Result<Duration> {
    let sent = arrival::now()?;
    crowd.say(talker, MESSAGE)?;
    thread::sleep(UNTIL_ALL_IS_THERE);
    Ok(arrival::of_the_last_line(crowd)?.saturating_sub(sent))
}

/// The same as somebody sees it who reads the copies while they come.
fn until_it_is_read(crowd: &mut Crowd, talker: usize) -> Result<Duration> {
    let begun = Instant::now();
    crowd.say(talker, MESSAGE)?;
    crowd.hear(crowd.size() as u64)?;
    let took = begun.elapsed();
    thread::sleep(REST);
    Ok(took)
}

impl Room {
    fn open(flags: &[&str]) -> Result<Room> {
        let server = Server::start(flags)?;
        let crowd = Crowd::join(server.address, MEMBERS)?;
        Ok(Room { crowd, _server: server })
    }
}

impl Times {
    fn ratios(&self) -> Vec<f64> {
        let both = self.on_all_cores.iter().zip(&self.with_one_worker);
        both.map(|(all, one)| all / one).collect()
    }

    fn in_words(&self) -> Result<String> {
        let Times { on_all_cores, with_one_worker } = self;
        let (all, one) = (median(on_all_cores)?, median(with_one_worker)?);
        Ok(format!("{all:.1} ms and {one:.1} ms, {:.2} x", median(&self.ratios())?))
    }
}

fn median(figures: &[f64]) -> Result<f64> {
    Ok(Spread::of(figures).context("nothing was measured")?.median)
}
