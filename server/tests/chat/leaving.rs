//! How members go, and what the others notice.

use chatroom_server::Settings;

use crate::support::{Client, Server};

/// Noya in group 2, and Eliana whom she has seen coming.
async fn a_pair(server: &Server) -> (Client, Client) {
    let mut noya = server.create("Noya", "123").await;
    let eliana = server.join(2, "Eliana", "123").await;
    noya.expect("Eliana has connected to the chat room").await;
    (noya, eliana)
}

#[tokio::test]
async fn a_close_is_announced_once() {
    let server = Server::start();
    let (mut noya, eliana) = a_pair(&server).await;
    drop(eliana);
    noya.expect("Eliana has left the chat room!").await;
    noya.say("fence").await;
    noya.expect("Noya: fence").await;
}

#[tokio::test]
async fn a_reset_is_announced() {
    let server = Server::start();
    let (mut noya, eliana) = a_pair(&server).await;
    eliana.reset();
    noya.expect("Eliana has left the chat room!").await;
}

#[tokio::test]
async fn who_half_closes_hears_what_was_said_until_then() {
    let server = Server::start();
    let (mut noya, mut eliana) = a_pair(&server).await;
    eliana.write("goodbye\nand a line without an end").await;
    eliana.half_close().await;
    noya.expect_all(&["Eliana: goodbye", "Eliana has left the chat room!"]).await;
    assert_eq!(eliana.rest().await, "Eliana: goodbye\n");
}

#[tokio::test]
async fn who_half_closes_at_once_is_served_all_the_same() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;
    let mut eliana = server.connect().await;
    eliana.write("2\nEliana\n123\n1\nHello\n").await;
    eliana.half_close().await;
    assert_eq!(
        eliana.rest().await,
        "enter group chat id:\nalias?\npassword?\noption?\n\
         Eliana has connected to the chat room\nYOU ARE NOW CONNECTED TO THE CHAT\nEliana: Hello\n"
    );
    noya.expect_all(&[
        "Eliana has connected to the chat room",
        "Eliana: Hello",
        "Eliana has left the chat room!",
    ])
    .await;
}

#[tokio::test]
async fn a_member_that_does_not_read_is_cut_off_and_delays_nobody() {
    let server = Server::start_with(Settings { backlog_bound: 64 * 1024, ..Settings::default() });
    let (mut noya, mut eliana) = a_pair(&server).await;
    let mut stalled = server.connect_with_small_buffer().await;
    stalled.answer(["2", "Ariel", "123", "1"]).await;
    stalled.expect_welcome("Ariel").await;
    noya.expect("Ariel has connected to the chat room").await;
    eliana.expect("Ariel has connected to the chat room").await;

    // More than the system keeps for one socket, however generous it is.
    let mut left_after = None;
    for round in 0..100_000 {
        let text = format!("{round:05} {}", "x".repeat(1000));
        noya.say(&text).await;
        let mut line = eliana.line().await;
        if line == "Ariel has left the chat room!" {
            noya.expect(&line).await;
            left_after = Some(round);
            line = eliana.line().await;
        }
        assert_eq!(line, format!("Noya: {text}"));
        noya.expect(&line).await;
        if left_after.is_some() {
            break;
        }
    }
    assert!(left_after.is_some_and(|round| round >= 64), "cut off after {left_after:?}");
    assert!(stalled.until_gone().await.is_err(), "cut off with a reset");

    // Its name is free.
    let mut ariel = server.join(2, "Ariel", "123").await;
    ariel.say("back").await;
    ariel.expect("Ariel: back").await;
}

#[tokio::test]
async fn a_member_that_was_behind_gets_everything() {
    let bound = 64 * 1024 * 1024;
    let server = Server::start_with(Settings { backlog_bound: bound, ..Settings::default() });
    let (mut noya, mut eliana) = a_pair(&server).await;
    let mut slow = server.connect_with_small_buffer().await;
    slow.answer(["2", "Ariel", "123", "1"]).await;
    slow.expect_welcome("Ariel").await;
    noya.expect("Ariel has connected to the chat room").await;
    eliana.expect("Ariel has connected to the chat room").await;

    // Sixteen megabytes, so that a backlog is certain; a few lines are for Ariel alone. She begins
    // to read while others still talk, so that old and new lines compete for her socket.
    let filler = "x".repeat(1000);
    let rounds = 16_000;
    let mut heard = Heard::default();
    for round in 0..rounds {
        noya.say(&format!("{round} {filler}")).await;
        noya.expect(format!("Noya: {round} {filler}")).await;
        if round % 4000 == 0 {
            slow.write(b"\xff\n").await;
        }
        if round > rounds / 2 {
            heard.take(&slow.line().await, &filler);
        }
    }
    while heard.messages < rounds || heard.refusals < 4 {
        heard.take(&slow.line().await, &filler);
    }
    // It is served like everybody else from here on.
    slow.say("caught up").await;
    slow.expect("Ariel: caught up").await;
}

/// What a member has heard of Noya's numbered messages and of its own bad ones.
#[derive(Default)]
struct Heard {
    messages: u32,
    refusals: u32,
}

impl Heard {
    fn take(&mut self, line: &str, filler: &str) {
        if line == "message refused, it is not valid UTF-8 from byte 1 on" {
            self.refusals += 1;
        } else {
            assert_eq!(line, format!("Noya: {} {filler}", self.messages));
            self.messages += 1;
        }
    }
}
