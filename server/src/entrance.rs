//! What it takes to let somebody in: the groups, and the ways to their rooms.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chatroom_protocol::{GroupId, Password, Refusal};

use crate::arrivals::Door;
use crate::directory::{Directory, Full};
use crate::server::Server;
use crate::workers::Workers;

pub(crate) struct Entrance {
    pub(crate) server: Arc<Server>,
    workers: Workers,
    /// A std mutex: it is held for one lookup at a time and never across an await.
    directory: Mutex<Directory<Door>>,
}

impl Entrance {
    /// Starts the workers behind it.
    pub(crate) fn open(server: &Arc<Server>) -> io::Result<Self> {
        Ok(Entrance {
            server: Arc::clone(server),
            workers: Workers::start(server)?,
            directory: Mutex::new(Directory::new(server.settings.max_groups)),
        })
    }

    /// The way into a group that is there.
    pub(crate) fn join(&self, group: GroupId, password: &Password) -> Result<Door, Refusal> {
        self.directory().join(group, password)
    }

    /// Creates a group.
    pub(crate) fn create(&self, password: Password) -> Result<(GroupId, Door), Full> {
        self.directory().create(password, |group| self.workers.door(group))
    }

    /// How many groups were created.
    pub(crate) fn groups(&self) -> usize {
        self.directory().groups()
    }

    /// Every change to it is complete before anything could panic, so a poisoned lock is still good.
    fn directory(&self) -> MutexGuard<'_, Directory<Door>> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
