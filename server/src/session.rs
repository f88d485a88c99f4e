//! A client before it is admitted: the handshake and the verdict.

use std::io;
use std::sync::Arc;

use chatroom_protocol::error::AnswerError;
use chatroom_protocol::framing::Decoder;
use chatroom_protocol::handshake::{Request, ServerHandshake, ServerStep};
use chatroom_protocol::limits::MAX_MESSAGE_BYTES;
use chatroom_protocol::message::Speaker;
use chatroom_protocol::{Notice, Prompt, Reason};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::connection::Connection;
use crate::directory::Admission;
use crate::room::{self, Command, Mailbox, Newcomer};
use crate::wire;

/// Bytes read at once during a handshake: all four answers at their usual length.
const ANSWER_BYTES: usize = 512;

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
pub(crate) async fn serve(connection: Arc<Connection>) {
    let server = connection.server();
    let answered = tokio::select! {
        result = timeout(server.settings.handshake_timeout, shake_hands(&connection)) => {
            result.unwrap_or(Err(Failure::TooSlow))
        }
        () = server.stop.cancelled() => Err(Failure::Stopping),
    };
    match answered {
        Ok(answered) => decide(connection, answered).await,
        Err(failure) => fail(&connection, failure).await,
    }
}

async fn shake_hands(connection: &Connection) -> Result<Answered, Failure> {
    let mut decoder = connection.server().settings.dialect.decoder(MAX_MESSAGE_BYTES);
    let mut buffer = [0; ANSWER_BYTES];
    let mut state = ServerHandshake::default();
    ask(connection, state.prompt()).await?;
    loop {
        let bytes = connection.read(&mut buffer).await?;
        if bytes == 0 {
            return Err(Failure::Gone(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut input = &buffer[..bytes];
        while let Some(answer) = decoder.decode(&mut input) {
            state = match state.handle(answer).map_err(Failure::BadAnswer)? {
                ServerStep::Ask(next) => next,
                ServerStep::Complete(request) => {
                    return Ok(Answered { request, decoder, early: input.to_vec() });
                }
            };
            ask(connection, state.prompt()).await?;
        }
    }
}

async fn ask(connection: &Connection, prompt: Prompt) -> io::Result<()> {
    connection.write(&wire::line(connection.server().settings.dialect, prompt)).await
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
async fn decide(connection: Arc<Connection>, answered: Answered) {
    let Answered { request, decoder, early } = answered;
    match ask_directory(&connection, request) {
        Ok(Admitted { room, speaker, is_creator }) => {
            let newcomer = Newcomer { connection, speaker, decoder, early, is_creator };
            enter(room, newcomer).await;
        }
        Err(notices) => dismiss(&connection, notices).await,
    }
}

/// A client that has a name, and a room to go to.
struct Admitted {
    room: Mailbox,
    speaker: Speaker,
    is_creator: bool,
}

/// Decides about a request, and logs the reason; the notices are all that the client may know.
fn ask_directory(
    connection: &Connection,
    request: Request,
) -> Result<Admitted, &'static [Notice<'static>]> {
    let (server, peer) = (connection.server(), connection.peer());
    match request {
        Request::Join { group, alias, password } => {
            let Admission { name, room, .. } =
                server.directory().join(group, &alias, &password).map_err(|refusal| {
                    info!("{refusal}: {peer} asked for group {group} as {alias}");
                    &[Notice::Disconnect][..]
                })?;
            Ok(Admitted { room, speaker: Speaker::new(&alias, name), is_creator: false })
        }
        Request::Create { alias, password } => {
            let open = |group| room::open(group, server);
            let Admission { group, name, room } =
                server.directory().create(&alias, password, open).map_err(|full| {
                    warn!("{full}: {peer} asked for a new one as {alias}");
                    &[Notice::Full, Notice::Disconnect][..]
                })?;
            info!("group {group} is created by {name} from {peer}");
            Ok(Admitted { room, speaker: Speaker::new(&alias, name), is_creator: true })
        }
        Request::Disconnect => {
            info!("{peer} chose to disconnect");
            Err(&[Notice::DisconnectOption])
        }
    }
}

/// Hands an admitted client over to its room.
async fn enter(room: Mailbox, newcomer: Newcomer) {
    let Err(refused) = room.send(Command::Join(Box::new(newcomer))).await else { return };
    // Rooms close only when the server stops, so the name need not be given back.
    if let Command::Join(newcomer) = refused.0 {
        dismiss(&newcomer.connection, &[Notice::Stopping]).await;
    }
}
