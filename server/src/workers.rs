//! All workers of a server: their start, who gets which group, and their end.

use std::io;
use std::sync::Arc;
use std::thread;

use chatroom_protocol::GroupId;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::arrivals::{Arrivals, Door};
use crate::farewell::see_off;
use crate::server::Server;
use crate::worker::Worker;

/// The ways to all workers.
pub(crate) struct Workers {
    arrivals: Vec<Arc<Arrivals>>,
}

impl Workers {
    /// Starts as many as the settings ask for. They end when the server's `stop` is cancelled, or with
    /// this runtime.
    pub(crate) fn start(server: &Arc<Server>) -> io::Result<Self> {
        let mut closing = Closing(Vec::new());
        for number in 0..server.settings.workers.get() {
            let (poll, arrivals) = Arrivals::new()?;
            closing.0.push(Arc::clone(&arrivals));
            start_one(number, Worker::new(poll, arrivals, Arc::clone(server)), server)?;
        }
        let workers = Workers { arrivals: closing.0.clone() };
        let stop = server.stop.clone();
        server.tasks.spawn(async move {
            stop.cancelled().await;
            drop(closing);
        });
        Ok(workers)
    }

    /// The way into a group's room. Groups are dealt out in turn.
    pub(crate) fn door(&self, group: GroupId) -> Door {
        let turn = group.get() as usize % self.arrivals.len();
        Door::new(group, Arc::clone(&self.arrivals[turn]))
    }
}

/// Closes the ways to all workers, however it goes out of scope, and so ends them.
struct Closing(Vec<Arc<Arrivals>>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.iter().for_each(|arrivals| arrivals.close());
    }
}

fn start_one(number: usize, worker: Worker, server: &Arc<Server>) -> io::Result<()> {
    let (ending, ended) = oneshot::channel();
    let runtime = Handle::current();
    let shared = Arc::clone(server);
    thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
        let result = worker.run().map(|left| {
            for farewell in left {
                shared.tasks.spawn_on(see_off(farewell), &runtime);
            }
        });
        // Nobody waits for it any more where the runtime has ended.
        let _ = ending.send(result);
    })?;
    let shared = Arc::clone(server);
    server.tasks.spawn(async move {
        let result = ended.await.unwrap_or_else(|_| Err(io::Error::other("a worker panicked")));
        if let Err(error) = result {
            shared.fail(error);
        }
    });
    Ok(())
}
