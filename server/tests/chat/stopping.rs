//! The end of a server, and the start of the next.

use std::time::Duration;

use chatroom_server::{BindError, Settings, bind};

use crate::support::{STOPPING, Server, within};

#[tokio::test]
async fn everybody_is_told_and_the_last_words_arrive() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;
    let mut eliana = server.join(2, "Eliana", "123").await;
    let mut sara = server.create("Sara", "456").await;
    noya.expect("Eliana has connected to the chat room").await;
    let mut silent = server.connect().await;
    silent.expect("enter group chat id:").await;
    eliana.say("Aloha").await;
    eliana.expect("Eliana: Aloha").await;

    let stopped = server.begin_stop();
    assert_eq!(noya.rest().await, format!("Eliana: Aloha\n{STOPPING}\n"));
    for client in [&mut eliana, &mut sara, &mut silent] {
        assert_eq!(client.rest().await, format!("{STOPPING}\n"));
    }
    drop((noya, eliana, sara, silent));
    let summary = within("the stop", stopped).await.unwrap().unwrap();
    assert_eq!((summary.connections, summary.groups), (4, 2));
}

#[tokio::test]
async fn who_is_behind_gets_the_rest_before_the_end() {
    let bound = 64 * 1024 * 1024;
    let drain_timeout = Duration::from_secs(30);
    let server =
        Server::start_with(Settings { backlog_bound: bound, drain_timeout, ..Settings::default() });
    let mut noya = server.create("Noya", "123").await;
    let mut slow = server.connect_with_small_buffer().await;
    slow.answer(["2", "Ariel", "123", "1"]).await;
    slow.expect_welcome("Ariel").await;
    noya.expect("Ariel has connected to the chat room").await;
    let mut expected = String::new();
    let line = format!("Noya: {}", "x".repeat(1000));
    for _ in 0..16_000 {
        noya.say(&line).await;
        noya.expect(&line).await;
        expected += &line;
        expected.push('\n');
    }
    let stopped = server.begin_stop();
    noya.expect(STOPPING).await;
    drop(noya);
    expected += STOPPING;
    expected.push('\n');
    assert!(slow.rest().await == expected, "everything, and then the stop");
    drop(slow);
    within("the stop", stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn clients_that_never_close_do_not_hold_up_a_stop() {
    let short = Duration::from_millis(100);
    let server = Server::start_with(Settings {
        backlog_bound: 64 * 1024 * 1024,
        drain_timeout: short,
        linger: short,
        ..Settings::default()
    });
    let mut noya = server.create("Noya", "123").await;
    let mut stalled = server.connect_with_small_buffer().await;
    stalled.answer(["2", "Ariel", "123", "1"]).await;
    stalled.expect_welcome("Ariel").await;
    noya.expect("Ariel has connected to the chat room").await;
    let _silent = server.connect().await;
    for _ in 0..16_000 {
        let text = "x".repeat(1000);
        noya.say(&text).await;
        noya.expect(format!("Noya: {text}")).await;
    }
    server.stop().await;
    assert!(stalled.until_gone().await.is_err(), "reset with bytes undelivered");
}

#[tokio::test]
async fn the_same_port_can_be_taken_again_at_once() {
    let server = Server::start();
    let address = server.address;
    let mut noya = server.create("Noya", "123").await;
    assert!(matches!(bind(address), Err(BindError::InUse { .. })));
    // The server closes first, so the connection lingers on its side of the port.
    let stopped = server.begin_stop();
    assert_eq!(noya.rest().await, format!("{STOPPING}\n"));
    drop(noya);
    within("the stop", stopped).await.unwrap().unwrap();

    let server = Server::start_on(address, Settings::default());
    let mut noya = server.create("Noya", "123").await;
    noya.say("again").await;
    noya.expect("Noya: again").await;
}

#[tokio::test]
async fn dropping_the_server_stops_it_too() {
    let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let server =
        tokio::spawn(chatroom_server::run(listener, Settings::default(), std::future::pending()));
    let stream = within("a connection", tokio::net::TcpStream::connect(address)).await.unwrap();
    let mut stream = tokio::io::BufReader::new(stream);
    let mut line = String::new();
    use tokio::io::AsyncBufReadExt as _;
    within("the prompt", stream.read_line(&mut line)).await.unwrap();
    server.abort();
    line.clear();
    within("the last line", stream.read_line(&mut line)).await.unwrap();
    assert_eq!(line, format!("{STOPPING}\n"));
}
