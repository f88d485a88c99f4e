//! The designs by name.

use std::io;
use std::net::TcpListener;

use crate::{floor, room_task, shared_flush, talker_flushes, writer_tasks};

pub(crate) struct Design {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Serves on this socket until the process ends.
    pub(crate) serve: fn(TcpListener) -> io::Result<()>,
}

/// All of them; the first is what the others are compared with.
pub(crate) const ALL: &[Design] = &[
    Design {
        name: "floor",
        about: "one thread, one write for each member and poll round",
        serve: floor::serve,
    },
    Design {
        name: "room-task",
        about: "tokio, a worker for each core: a reading task for each member, one writing task",
        serve: room_task::serve_with_many_workers,
    },
    Design {
        name: "talker-flushes",
        about: "tokio, a worker for each core: who has read something writes to everybody",
        serve: talker_flushes::serve,
    },
    Design {
        name: "writer-tasks",
        about: "tokio, a worker for each core: a queue and a writing task for each member",
        serve: writer_tasks::serve,
    },
    Design {
        name: "one-worker",
        about: "room-task on a single thread",
        serve: room_task::serve_with_one_worker,
    },
    Design {
        name: "shared-flush",
        about: "the floor, with the writes of 1,000 members and more shared among the cores",
        serve: shared_flush::serve,
    },
    #[cfg(target_os = "linux")]
    Design {
        name: "io-uring",
        about: "the floor, with all sends of a round submitted together through io_uring",
        serve: crate::io_uring::serve,
    },
];

pub(crate) fn find(name: &str) -> Option<&'static Design> {
    ALL.iter().find(|design| design.name == name)
}
