//! A member's incoming side: reads what it says and hands it to its room.

use std::io;
use std::sync::Arc;

use chatroom_protocol::framing::Decoder;
use chatroom_protocol::message::{self, Speaker};
use chatroom_protocol::{Notice, Reason};
use tracing::debug;

use crate::connection::Connection;
use crate::room::{Command, Mailbox, MemberId, Utterance};
use crate::wire;

/// Reads from one member.
///
/// An idle member is little more than this and its socket: it has no buffer of its own.
pub(crate) struct Reader {
    pub(crate) connection: Arc<Connection>,
    pub(crate) room: Mailbox,
    pub(crate) member: MemberId,
    pub(crate) speaker: Speaker,
    pub(crate) decoder: Decoder,
    /// What came together with the last answer of the handshake.
    pub(crate) early: Vec<u8>,
}

/// What there was to read.
enum Heard {
    Nothing,
    Utterances(Vec<Utterance>),
    End,
}

impl Reader {
    /// Reads until the member is gone, and tells the room then.
    ///
    /// By reference, because an async function that takes its `self` keeps two places for it.
    pub(crate) async fn run(&mut self) {
        self.hear_early().await;
        if let Err(error) = self.hear_all().await {
            debug!("{} ends with {error}", self.connection.peer());
        }
        // A closed room has forgotten its members already.
        let _ = self.room.send(Command::Leave(self.member)).await;
    }

    async fn hear_early(&mut self) {
        let early = std::mem::take(&mut self.early);
        let utterances = self.understand(&early);
        if !utterances.is_empty() {
            // If the room has closed, `hear_all` is about to notice.
            let _ = self.room.send(Command::Heard(self.member, utterances)).await;
        }
    }

    async fn hear_all(&mut self) -> io::Result<()> {
        loop {
            self.connection.readable().await?;
            // First a place in the room's mailbox, then the read: a member that talks faster than
            // its room can pass on fills its own socket, not our memory.
            let room = self.room.clone();
            let Ok(place) = room.reserve().await else {
                // The server stops; the room says so and closes once this client has.
                return self.connection.discard().await;
            };
            match self.hear_now()? {
                Heard::Nothing => {}
                Heard::Utterances(utterances) => {
                    place.send(Command::Heard(self.member, utterances));
                }
                Heard::End => return Ok(()),
            }
        }
    }

    fn hear_now(&mut self) -> io::Result<Heard> {
        let connection = Arc::clone(&self.connection);
        let heard = connection.read_now(|bytes| match bytes {
            [] => Heard::End,
            bytes => match self.understand(bytes) {
                utterances if utterances.is_empty() => Heard::Nothing,
                utterances => Heard::Utterances(utterances),
            },
        })?;
        Ok(heard.unwrap_or(Heard::Nothing))
    }

    /// What the room has to say about `bytes`, neighbouring messages in one piece.
    fn understand(&mut self, mut bytes: &[u8]) -> Vec<Utterance> {
        let dialect = self.connection.server().settings.dialect;
        let mut utterances = Vec::new();
        let mut composed = Vec::new();
        while let Some(frame) = self.decoder.decode(&mut bytes) {
            match message::parse(frame) {
                Ok(said) => {
                    composed.clear();
                    let name = self.speaker.name().as_str();
                    message::compose(name, self.speaker.text(said), &mut composed);
                    dialect.encode(&composed, Utterance::to_group(&mut utterances));
                }
                Err(error) => {
                    let notice = Notice::MessageRefused(Reason::Known(error));
                    let out = Utterance::to_speaker(&mut utterances);
                    wire::push_line(dialect, notice, out);
                }
            }
        }
        utterances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The memory of an idle member is this and its socket's; a test that fails here has found
    /// that it grew, and may decide that it is worth it.
    #[test]
    fn an_idle_member_is_small() {
        fn size_of_future<'r, F>(_: impl Fn(&'r mut Reader) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = size_of::<Reader>() + size_of_future(Reader::run);
        assert!(bytes <= 512, "an idle member's reader takes {bytes} bytes");
    }
}
