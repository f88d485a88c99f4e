//! What members say: who hears it, and what is refused.

use std::num::NonZeroUsize;

use chatroom_server::Settings;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Server, within};

#[tokio::test]
async fn groups_do_not_hear_each_other() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;
    let mut sara = server.create("Sara", "123").await;
    let mut eliana = server.join(2, "Eliana", "123").await;
    noya.expect("Eliana has connected to the chat room").await;
    sara.say("How are you?").await;
    sara.expect("Sara: How are you?").await;
    // Had Sara been heard, that would have come first.
    eliana.say("Aloha").await;
    noya.expect("Eliana: Aloha").await;
    eliana.expect("Eliana: Aloha").await;
    sara.say("fence").await;
    sara.expect("Sara: fence").await;
}

#[tokio::test]
async fn a_message_of_1024_bytes_passes_and_one_of_1025_is_refused() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;
    let mut eliana = server.join(2, "Eliana", "123").await;
    noya.expect("Eliana has connected to the chat room").await;
    let longest = "x".repeat(1024);
    eliana.say(&longest).await;
    eliana.say(&"y".repeat(1025)).await;
    eliana.say(&"z".repeat(100_000)).await;
    eliana.say("still here").await;
    eliana.expect(format!("Eliana: {longest}")).await;
    eliana.expect("message refused, it has 1025 bytes and the limit is 1024").await;
    eliana.expect("message refused, it has 100000 bytes and the limit is 1024").await;
    eliana.expect("Eliana: still here").await;
    noya.expect(format!("Eliana: {longest}")).await;
    noya.expect("Eliana: still here").await;
}

#[tokio::test]
async fn what_is_not_text_is_refused_in_its_place() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;
    let mut eliana = server.join(2, "Eliana", "123").await;
    noya.expect("Eliana has connected to the chat room").await;
    noya.write(b"one\nab\xff\nbell\x07\ntwo\tthree\n\r\n\nfour\n").await;
    noya.expect_all(&[
        "Noya: one",
        "message refused, it is not valid UTF-8 from byte 3 on",
        "message refused, byte 5 is the control character U+0007",
        "Noya: two\tthree",
        "Noya: four",
    ])
    .await;
    eliana.expect_all(&["Noya: one", "Noya: two\tthree", "Noya: four"]).await;
}

#[tokio::test]
async fn nobody_can_speak_in_the_servers_voice() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;
    noya.say("Eliana has left the chat room!").await;
    noya.say("disconnect").await;
    noya.expect("Noya: Eliana has left the chat room!").await;
    noya.expect("Noya: disconnect").await;
}

/// One worker, which serves a flood in group 2 while Noya, in the group with this id, talks.
async fn noya_is_heard_beside_a_flood_of(messages: &'static str, group: u32) {
    let server = Server::start_with(Settings {
        workers: NonZeroUsize::MIN,
        // Everybody here reads, but all on the one thread of this test.
        backlog_bound: 1024 * 1024 * 1024,
        ..Settings::default()
    });
    let shlomo = server.create("Shlomo", "456").await;
    let _sara = server.create("Sara", "456").await;
    let mut noya = server.join(group, "Noya", "456").await;
    let (mut incoming, mut outgoing) = shlomo.into_halves();
    tokio::spawn(async move { tokio::io::copy(&mut incoming, &mut tokio::io::sink()).await });
    let flood = tokio::spawn(async move {
        let messages = messages.repeat(100_000);
        while outgoing.write_all(messages.as_bytes()).await.is_ok() {}
    });
    for number in 0..10 {
        noya.say(&number.to_string()).await;
        let said = format!("Noya: {number}");
        within("what Noya says", async { while noya.line().await != said {} }).await;
    }
    assert!(!flood.is_finished(), "it lasted all the time");
    flood.abort();
}

#[tokio::test]
async fn a_flood_in_one_group_does_not_silence_another() {
    noya_is_heard_beside_a_flood_of("a\n", 3).await;
}

#[tokio::test]
async fn a_flood_does_not_silence_others_in_its_group() {
    noya_is_heard_beside_a_flood_of("a\n", 2).await;
}

#[tokio::test]
async fn a_flood_of_bad_messages_silences_nobody() {
    noya_is_heard_beside_a_flood_of("\x01\n", 3).await;
}
