//! How often a server allocates for a message, once everything is warm.
//!
//! The server runs in this process, and its one group is a [`Crowd`], which allocates nothing while it
//! talks. So what is counted is the server's own, on whichever of its threads.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use chatroom_server::Settings;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::crowd::Crowd;

/// Members who talk at once, so that messages are batched as on a busy evening.
const TALKERS: usize = 4;

/// How often they do before anything is counted: buffers have grown by then as far as they will.
const WARM_UP: usize = 250;

/// How often they do for a sample: 1,000 messages.
const ROUNDS: usize = 250;

/// Allocations for each message in a group of this size, so many times over.
///
/// # Errors
///
/// When the server or a connection to it fails.
///
/// # Panics
///
/// When the program's allocator is not [`dhat::Alloc`], which alone can count; or when somebody else
/// counts at the same time.
pub fn per_message(members: usize, samples: usize) -> io::Result<Vec<f64>> {
    let runtime = Runtime::new()?;
    let listener = {
        let _context = runtime.enter();
        chatroom_server::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .map_err(io::Error::other)?
    };
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { drop(stopped.await) };
    let server = runtime.spawn(chatroom_server::run(listener, Settings::default(), stopped));
    let counts = count(address, members, samples);
    drop(stop);
    runtime.block_on(server).map_err(io::Error::other)??;
    counts
}

fn count(server: SocketAddr, members: usize, samples: usize) -> io::Result<Vec<f64>> {
    let mut crowd = Crowd::join(server, members)?;
    talk(&mut crowd, WARM_UP)?;
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut counts = Vec::with_capacity(samples);
    for _ in 0..samples {
        let before = allocations();
        talk(&mut crowd, ROUNDS)?;
        counts.push((allocations() - before) as f64 / (ROUNDS * TALKERS) as f64);
    }
    let before = allocations();
    drop(std::hint::black_box(Box::new(0)));
    assert!(allocations() > before, "`dhat::Alloc` has to be the program's allocator");
    Ok(counts)
}

/// Each of the talkers says something, and everybody hears it; so many times.
fn talk(crowd: &mut Crowd, rounds: usize) -> io::Result<()> {
    for _ in 0..rounds {
        for talker in 0..TALKERS {
            crowd.say(talker, b"a message as long as those that people write to each other\n")?;
        }
        crowd.hear((TALKERS * crowd.size()) as u64)?;
    }
    Ok(())
}

fn allocations() -> u64 {
    dhat::HeapStats::get().total_blocks
}
