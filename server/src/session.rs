//! A client before it is admitted: the handshake and the verdict.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use chatroom_protocol::error::AnswerError;
use chatroom_protocol::framing::{Decoder, Dialect};
use chatroom_protocol::handshake::{Request, ServerHandshake, ServerStep};
use chatroom_protocol::limits::MAX_MESSAGE_BYTES;
use chatroom_protocol::message::Speaker;
use chatroom_protocol::{Alias, Notice, Reason};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::arrivals::Door;
use crate::connection::Connection;
use crate::entrance::Entrance;
use crate::room::Newcomer;
use crate::wire;

/// A handshake that ended with four good answers.
struct Answered {
    request: Request,
    decoder: Decoder,
    /// What came in the same read as the last answer: the client's first messages.
    early: Vec<u8>,
}

/// A handshake that ended otherwise.
enum Failure {
    BadAnswer(AnswerError),
    Gone(io::Error),
    TooSlow,
    Stopping,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Gone(error)
    }
}

/// Serves a client until it is in a room or gone.
pub(crate) async fn serve(connection: Connection, entrance: Arc<Entrance>) {
    let server = connection.server();
    let answered = tokio::select! {
        result = timeout(server.settings.handshake_timeout, shake_hands(&connection)) => {
            result.unwrap_or(Err(Failure::TooSlow))
        }
        () = server.stop.cancelled() => Err(Failure::Stopping),
    };
    match answered {
        Ok(answered) => decide(connection, answered, &entrance).await,
        Err(failure) => fail(&connection, failure).await,
    }
}

async fn shake_hands(connection: &Connection) -> Result<Answered, Failure> {
    let mut asking = Asking::new(connection.server().settings.dialect);
    loop {
        // What is asked after one read goes out in one write.
        connection.write(&std::mem::take(&mut asking.to_say)).await?;
        connection.readable().await?;
        let Some(answers) = connection.read_now(|bytes| asking.take(bytes))? else { continue };
        if let Some(result) = answers {
            connection.write(&asking.to_say).await?;
            return result;
        }
    }
}

/// A handshake under way.
struct Asking {
    dialect: Dialect,
    decoder: Decoder,
    state: ServerHandshake,
    /// What the client is to be asked.
    to_say: Vec<u8>,
}

impl Asking {
    fn new(dialect: Dialect) -> Self {
        let state = ServerHandshake::default();
        let to_say = wire::line(dialect, state.prompt());
        Asking { dialect, decoder: dialect.decoder(MAX_MESSAGE_BYTES), state, to_say }
    }

    /// Takes what was read, and says how the handshake ended, if it did.
    fn take(&mut self, mut bytes: &[u8]) -> Option<Result<Answered, Failure>> {
        if bytes.is_empty() {
            return Some(Err(Failure::Gone(io::ErrorKind::UnexpectedEof.into())));
        }
        while let Some(answer) = self.decoder.decode(&mut bytes) {
            match std::mem::take(&mut self.state).handle(answer) {
                Ok(ServerStep::Ask(next)) => {
                    wire::push_line(self.dialect, next.prompt(), &mut self.to_say);
                    self.state = next;
                }
                Ok(ServerStep::Complete(request)) => {
                    let fresh = self.dialect.decoder(MAX_MESSAGE_BYTES);
                    let decoder = std::mem::replace(&mut self.decoder, fresh);
                    return Some(Ok(Answered { request, decoder, early: bytes.to_vec() }));
                }
                Err(error) => return Some(Err(Failure::BadAnswer(error))),
            }
        }
        None
    }
}

/// Says why there will be no admission, as far as the client may know, and closes.
async fn fail(connection: &Connection, failure: Failure) {
    let peer = connection.peer();
    match failure {
        Failure::BadAnswer(error) => {
            info!("answer refused from {peer}: {error}");
            let why = Notice::AnswerRefused(Reason::Known(error));
            dismiss(connection, &[why, error.farewell()]).await;
        }
        Failure::Gone(error) => debug!("{peer} went during its handshake: {error}"),
        Failure::TooSlow => {
            let limit = connection.server().settings.handshake_timeout;
            info!("handshake deadline passed: {peer} has not answered in {limit:?}");
            dismiss(connection, &[Notice::Disconnect]).await;
        }
        Failure::Stopping => dismiss(connection, &[Notice::Stopping]).await,
    }
}

/// Every client that is not admitted parts this way, so that nothing but the words can differ.
async fn dismiss(connection: &Connection, notices: &[Notice<'_>]) {
    let mut last = Vec::new();
    for notice in notices {
        wire::push_line(connection.server().settings.dialect, notice, &mut last);
    }
    connection.part_with(&last).await;
}

/// Acts on what the directory says to four good answers.
async fn decide(connection: Connection, answered: Answered, entrance: &Entrance) {
    let Answered { request, decoder, early } = answered;
    match ask_for_entrance(connection.peer(), request, entrance) {
        Ok(admitted) => enter(connection, admitted, decoder, early).await,
        Err(notices) => dismiss(&connection, notices).await,
    }
}

/// A client that has a name, and a room to go to.
struct Admitted {
    door: Door,
    speaker: Speaker,
    is_creator: bool,
}

/// Decides about a request, and logs the reason; the notices are all that the client may know. Only who
/// is admitted gets a name.
fn ask_for_entrance(
    peer: SocketAddr,
    request: Request,
    entrance: &Entrance,
) -> Result<Admitted, &'static [Notice<'static>]> {
    let speaker = |alias: &Alias| Speaker::new(alias, entrance.server.names().claim(alias));
    match request {
        Request::Join { group, alias, password } => {
            let door = entrance.join(group, &password).map_err(|refusal| {
                info!("{refusal}: {peer} asked for group {group} as {alias}");
                &[Notice::Disconnect][..]
            })?;
            Ok(Admitted { door, speaker: speaker(&alias), is_creator: false })
        }
        Request::Create { alias, password } => {
            let (group, door) = entrance.create(password).map_err(|full| {
                warn!("{full}: {peer} asked for a new one as {alias}");
                &[Notice::Full, Notice::Disconnect][..]
            })?;
            let speaker = speaker(&alias);
            info!("group {group} is created by {} from {peer}", speaker.name());
            Ok(Admitted { door, speaker, is_creator: true })
        }
        Request::Disconnect => {
            info!("{peer} chose to disconnect");
            Err(&[Notice::DisconnectOption])
        }
    }
}

/// Hands an admitted client over to the worker that has its room.
async fn enter(connection: Connection, admitted: Admitted, decoder: Decoder, early: Vec<u8>) {
    let Admitted { door, speaker, is_creator } = admitted;
    let server = Arc::clone(connection.server());
    let name = speaker.name().clone();
    let (stream, presence) = match connection.into_parts() {
        Ok(parts) => parts,
        Err(error) => {
            warn!("{name} cannot be let in: {error}");
            return server.names().release(&name);
        }
    };
    let newcomer = Newcomer { stream, presence, speaker, decoder, early, is_creator };
    let Err(refused) = door.enter(newcomer) else { return };
    // Doors close only when the server stops, so the name need not be given back.
    if let Ok(connection) = Connection::from_parts(refused.stream, refused.presence) {
        dismiss(&connection, &[Notice::Stopping]).await;
    }
}
