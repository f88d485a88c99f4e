//! The library's connection.

use std::future::Future;
use std::io::ErrorKind;
use std::thread;

use chatroom_client::connection::{self, Connection, Event, LoginError, ReadError, SendError};
use chatroom_protocol::error::{MessageError, ServerFault};
use chatroom_protocol::handshake::{Login, Rejection};
use chatroom_protocol::{AssignedName, GroupId};
use tokio::time::timeout;

use crate::DEADLINE;
use crate::server::{Peer, Server};

/// Runs a client against a server's script, each in a thread of its own; what both came to.
fn run<S, C, F>(script: S, client: C) -> F::Output
where
    S: FnOnce(Peer) + Send + 'static,
    C: FnOnce(Connection) -> F,
    F: Future,
{
    let server = Server::start();
    let address = server.address().parse().unwrap();
    let script = thread::spawn(move || script(server.accept()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let output = runtime.block_on(async {
        let connection = connection::connect(address, DEADLINE).await.unwrap();
        timeout(DEADLINE, client(connection)).await.expect("the client did not come to an end")
    });
    script.join().unwrap();
    output
}

fn eliana() -> Login {
    Login {
        alias: "Eliana".parse().unwrap(),
        password: "123".parse().unwrap(),
        group: Some(GroupId::FIRST),
    }
}

#[test]
fn a_member_hears_speaks_and_leaves() {
    run(
        |mut peer| {
            peer.welcome();
            assert_eq!(peer.receive(), "Hello");
            peer.send(&[
                "Eliana: Hello",
                "Sara has connected to the chat room",
                "Sara has left the chat room!",
                "message refused, it is not nice",
                "what",
                "the server is stopping",
            ]);
            peer.assert_fin();
        },
        async |connection| {
            let mut member = connection.login(eliana()).await.unwrap();
            assert_eq!(member.name().as_str(), "Eliana");
            assert_eq!(member.group(), Some(GroupId::FIRST));
            member.send("Hello").await.unwrap();
            let expected = [
                Event::Message { from: "Eliana".to_owned(), text: "Hello".to_owned() },
                Event::Arrived("Sara".to_owned()),
                Event::Left("Sara".to_owned()),
                Event::Refused("it is not nice".to_owned()),
                Event::Other("what".to_owned()),
                Event::Stopping,
            ];
            for event in expected {
                assert_eq!(member.next().await.unwrap(), Some(event));
            }
            member.leave().await;
        },
    );
}

#[test]
fn a_rejection_says_what_the_server_said() {
    let error = run(
        |mut peer| {
            peer.send(&["enter group chat id:"]);
            assert_eq!(peer.receive(), "2");
            peer.send(&["answer refused, it is bad", "disconnect"]);
        },
        async |connection| connection.login(eliana()).await.unwrap_err(),
    );
    let LoginError::Rejected { rejection: Rejection::Disconnect, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(
        error.to_string(),
        "the server answered `disconnect` after `answer refused, it is bad`"
    );
}

#[test]
fn a_login_fails_by_blame() {
    let closed =
        run(drop, async |connection: Connection| connection.login(eliana()).await.unwrap_err());
    assert!(matches!(closed, LoginError::Closed), "{closed:?}");
    let fault = run(
        |mut peer| {
            peer.send(&["option?"]);
        },
        async |connection| connection.login(eliana()).await.unwrap_err(),
    );
    assert!(matches!(fault, LoginError::Fault(ServerFault::Unexpected { .. })), "{fault:?}");
}

#[test]
fn a_message_that_breaks_a_rule_is_not_sent() {
    run(
        |mut peer| {
            peer.welcome();
            peer.assert_fin();
        },
        async |connection| {
            let mut member = connection.login(eliana()).await.unwrap();
            let long = "x".repeat(1025);
            assert!(matches!(
                member.send(&long).await,
                Err(SendError::Message(MessageError::TooLong { bytes: 1025 }))
            ));
            let two = member.send("one\ntwo").await;
            assert!(matches!(two, Err(SendError::Message(MessageError::Text(_)))), "{two:?}");
            member.leave().await;
        },
    );
}

#[test]
fn after_a_bad_line_the_next_is_intact() {
    run(
        |mut peer| {
            peer.send_bytes(&[b'x'; 5000]).send_bytes(b"\nab\xff\ngood\nunfin");
        },
        async |connection| {
            let (mut reader, _writer) = connection.into_split();
            let long = reader.next_line().await;
            assert!(
                matches!(long, Err(ReadError::Fault(ServerFault::LineTooLong { bytes: 5000 }))),
                "{long:?}"
            );
            let bad = reader.next_line().await;
            assert!(matches!(bad, Err(ReadError::Fault(ServerFault::Text(_)))), "{bad:?}");
            assert_eq!(reader.next_line().await.unwrap().as_deref(), Some("good"));
            assert_eq!(reader.next_line().await.unwrap(), None);
            assert!(reader.is_inside_line());
        },
    );
}

#[test]
fn a_reset_is_told_from_a_close() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let error = run(
        move |mut peer| {
            // A socket that is closed with something unread in it is reset.
            receiver.recv().unwrap();
            peer.wait_for_bytes();
        },
        async move |connection| {
            let (mut reader, mut writer) = connection.into_split();
            writer.send_line("nobody reads this").await.unwrap();
            sender.send(()).unwrap();
            reader.next_line().await
        },
    );
    assert!(matches!(error, Err(ReadError::Reset)), "{error:?}");
}

#[test]
fn reset_resets() {
    run(
        |mut peer| assert_eq!(peer.read_error(), Some(ErrorKind::ConnectionReset)),
        async |connection| {
            let (reader, writer) = connection.into_split();
            connection::reset(reader, writer).unwrap();
        },
    );
}

#[test]
fn a_line_is_never_cut_by_giving_up() {
    let line = "x".repeat(8 * 1024 * 1024);
    let expected = line.clone();
    let (sender, receiver) = std::sync::mpsc::channel();
    run(
        move |mut peer| {
            receiver.recv().unwrap();
            assert!(peer.receive() == expected, "the line was cut");
            assert_eq!(peer.receive(), "next");
        },
        async move |connection| {
            let (_reader, mut writer) = connection.into_split();
            // Nobody reads yet and no socket holds so much: the line is written in part.
            let sending = writer.send_line(&line);
            tokio::select! {
                biased;
                result = sending => panic!("it was sent at once: {result:?}"),
                () = std::future::ready(()) => {}
            }
            assert!(writer.queued_bytes() > 0 && writer.queued_bytes() < line.len());
            sender.send(()).unwrap();
            writer.send_line("next").await.unwrap();
        },
    );
}

#[test]
fn a_renamed_member_knows_its_name() {
    let name = run(
        |mut peer| {
            peer.ask();
            peer.send(&["Eliana+1- has connected to the chat room"]);
            peer.send(&["YOU ARE NOW CONNECTED TO THE CHAT"]);
        },
        async |connection| connection.login(eliana()).await.unwrap().name().clone(),
    );
    assert_eq!(name, AssignedName::counted(&eliana().alias, 1));
}
