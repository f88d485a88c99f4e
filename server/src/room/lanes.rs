//! The members of a big room, shared out among the cores.

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// A room with fewer members is served by its own worker alone: to start a thread takes as long as
/// some ten copies, and what it saves has to be worth a core that others may need.
const SMALLEST_SHARED_OUT: usize = if cfg!(test) { 4 } else { 2048 };

/// How many members a lane takes at a time: few enough that the lanes end together, even where one of
/// them has to share its core.
const MEMBERS_AT_A_TIME: usize = if cfg!(test) { 2 } else { 64 };

/// Does `work` for everyone, in no particular order, on at most `lanes` threads, this one among them;
/// returns what came of it.
pub(super) fn for_each<M: Send, T: Send>(
    members: &mut [M],
    lanes: NonZeroUsize,
    work: impl Fn(&mut M) -> Option<T> + Sync,
) -> Vec<T> {
    if members.len() < SMALLEST_SHARED_OUT || lanes.get() == 1 {
        return members.iter_mut().filter_map(work).collect();
    }
    let pieces = Mutex::new(members.chunks_mut(MEMBERS_AT_A_TIME));
    let next = || pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
    let lane = || -> Vec<T> { std::iter::from_fn(next).flatten().filter_map(&work).collect() };
    thread::scope(|scope| {
        let start = |_| thread::Builder::new().name("lane".to_owned()).spawn_scoped(scope, lane);
        // Where no thread can be had, this one does it all.
        let others: Vec<_> = (1..lanes.get()).map_while(|number| start(number).ok()).collect();
        let mut done = lane();
        for other in others {
            done.extend(other.join().expect("a lane does not panic"));
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// Nobody is done before two are at it, so two threads have half of them each.
    #[test]
    fn what_comes_of_each_lane_is_returned() {
        let together = Barrier::new(2);
        let mut members: Vec<u32> = (0..8).collect();
        let mut done = for_each(&mut members, NonZeroUsize::new(2).unwrap(), |member| {
            together.wait();
            *member += 100;
            Some(*member)
        });
        done.sort_unstable();
        assert_eq!(done, members);
        assert_eq!(members, (100..108).collect::<Vec<_>>());
    }
}
