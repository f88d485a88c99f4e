//! What is asked, shown and sent through a pipe, as in the document.

use crate::client::{Client, ELIANA, End};
use crate::server::Server;

const MENU: &str = "Choose an option:\n\
    1) Connect to a group chat\n\
    2) Create a new group chat\n\
    3) Disconnect\n";

fn ended(shown: &str) -> End {
    End { shown: shown.to_owned(), complaint: String::new(), status: Some(0) }
}

#[test]
fn option_two_creates_a_group() {
    let server = Server::start();
    let mut noya = Client::start(&server, &[]);
    noya.expect("3) Disconnect\n").type_lines(&["2"]);
    noya.expect("ENTER YOUR NAME: ").type_lines(&["Noya"]);
    noya.expect("CHOOSE A PASSWORD FOR THE GROUP: ").type_lines(&["123"]);
    let mut peer = server.accept();
    assert_eq!(peer.ask(), ["1", "Noya", "123", "2"]);
    peer.send(&[
        "THE NEWLY CREATED CHAT ID IS 2 ",
        "Noya has connected to the chat room",
        "YOU ARE NOW CONNECTED TO THE CHAT",
        "Eliana has connected to the chat room",
        "Eliana: Hello",
    ]);
    noya.expect("Eliana: Hello\n").type_lines(&["Hi"]);
    assert_eq!(peer.receive(), "Noya: Hi");
    peer.send(&["Noya: Hi", "Eliana: Aloha"]);
    noya.expect("Aloha\n").close_stdin();
    peer.assert_fin();
    drop(peer);
    let questions = "ENTER YOUR NAME: CHOOSE A PASSWORD FOR THE GROUP: ";
    let chat = "THE NEWLY CREATED CHAT ID IS 2\n\
        Noya has connected to the chat room\n\
        YOU ARE NOW CONNECTED TO THE CHAT\n\
        Eliana has connected to the chat room\n\
        Eliana: Hello\n\
        Noya: Hi\n\
        Eliana: Aloha\n";
    assert_eq!(noya.end(), ended(&format!("{MENU}{questions}{chat}")));
}

#[test]
fn option_one_joins_a_group() {
    let server = Server::start();
    let mut eliana = Client::start(&server, &[]);
    eliana.type_lines(&["1", "Eliana", "2", "123"]);
    let mut peer = server.accept();
    assert_eq!(peer.ask(), ["2", "Eliana", "123", "1"]);
    peer.send(&["Eliana has connected to the chat room", "YOU ARE NOW CONNECTED TO THE CHAT"]);
    eliana.type_lines(&["Hello"]);
    assert_eq!(peer.receive(), "Eliana: Hello");
    eliana.close_stdin();
    peer.assert_fin();
    drop(peer);
    let rest = "ENTER YOUR NAME: ENTER THE ID OF THE GROUP YOU WANT TO JOIN: ENTER THE PASSWORD: \
        Eliana has connected to the chat room\n\
        YOU ARE NOW CONNECTED TO THE CHAT\n";
    assert_eq!(eliana.end(), ended(&format!("{MENU}{rest}")));
}

#[test]
fn option_three_ends_at_once() {
    let server = Server::start();
    let mut client = Client::start(&server, &[]);
    client.type_lines(&["3"]);
    assert_eq!(client.end(), ended(MENU));
    server.assert_untouched();
}

#[test]
fn what_is_no_option_ends_without_a_connection() {
    let server = Server::start();
    let mut client = Client::start(&server, &[]);
    client.type_lines(&["4"]);
    let farewell = "You entered an invalid option. We are disconnecting you.\n";
    assert_eq!(client.end(), ended(&format!("{MENU}{farewell}")));
    server.assert_untouched();
}

const REFUSED: &str = "Sorry, we are unable to connect you to the group chat\n\
    Disconnecting you from the server . .\n\
    Disconnection completed\n";

#[test]
fn a_refused_client_waits_to_tell_that_nobody_hears() {
    let server = Server::start();
    let mut ariel = Client::start(&server, &["--name", "Ariel", "--join", "2"]);
    ariel.expect("ENTER THE PASSWORD: ").type_lines(&["122"]);
    let mut peer = server.accept();
    peer.ask();
    peer.send(&["disconnect"]);
    drop(peer);
    ariel.expect("Disconnection completed\n").type_lines(&["can anyone hear me?"]);
    let farewell = "Disconnection completed, you can not send messages!\n";
    assert_eq!(ariel.end(), ended(&format!("ENTER THE PASSWORD: {REFUSED}{farewell}")));
}

#[test]
fn a_refused_client_that_types_nothing_ends_too() {
    let server = Server::start();
    let mut ariel = Client::start(&server, &ELIANA);
    let mut peer = server.accept();
    peer.ask();
    peer.send(&["disconnect"]);
    ariel.expect("Disconnection completed\n").close_stdin();
    assert_eq!(ariel.end(), ended(REFUSED));
}

#[test]
fn the_other_rejections_end_the_program() {
    let check = |line, shown: &str| {
        let server = Server::start();
        let client = Client::start(&server, &ELIANA);
        let mut peer = server.accept();
        peer.ask();
        peer.send(&[line]);
        assert_eq!(client.end(), ended(shown));
    };
    check("wrong option", "You entered an invalid option. We are disconnecting you.\n");
    check("disconnect option", "Disconnecting . . . Bye!\n");
}

#[test]
fn flags_answer_every_question() {
    let check = |flags: &[&str], answers| {
        let server = Server::start();
        let mut client = Client::start(&server, flags);
        let mut peer = server.accept();
        assert_eq!(peer.ask(), answers);
        client.close_stdin();
        drop(peer);
        assert_eq!(client.end().shown, "");
    };
    check(&["--name", "Noya", "--create", "--password", "123"], ["1", "Noya", "123", "2"]);
    check(&ELIANA, ["2", "Eliana", "123", "1"]);
}

#[test]
fn what_is_typed_ahead_is_said_once_the_chat_begins() {
    let server = Server::start();
    let mut client = Client::start(&server, &[]);
    client.type_lines(&["1", "Eliana", "2", "123", "Hello", "", "Aloha"]).close_stdin();
    let mut peer = server.accept();
    peer.welcome();
    assert_eq!(peer.receive(), "Eliana: Hello");
    assert_eq!(peer.receive(), "Eliana: Aloha");
    peer.assert_fin();
}

#[test]
fn bytes_that_are_no_text_are_not_the_end() {
    let server = Server::start();
    let mut client = Client::start(&server, &ELIANA);
    let mut peer = server.accept();
    peer.welcome();
    client.type_bytes(b"caf\xe9\n");
    assert_eq!(peer.receive(), "Eliana: caf\u{FFFD}");
    let long = "x".repeat(3000);
    client.type_lines(&[&long]);
    assert_eq!(peer.receive(), format!("Eliana: {long}"));
    let why = "message refused, it has 3008 bytes and the limit is 1024";
    peer.send(&[why]);
    client.expect(why);
}

/// More than the pipe holds and more than the program keeps: it stops reading from the server until
/// there is room, and then has to go on.
#[test]
fn a_flood_through_a_pipe_is_shown_to_its_last_line() {
    let server = Server::start();
    let mut noya = Client::start(&server, &["--name", "Noya", "--join", "2", "--password", "123"]);
    let mut peer = server.accept();
    peer.ask();
    peer.send(&["Noya has connected to the chat room", "YOU ARE NOW CONNECTED TO THE CHAT"]);
    let line = format!("Eliana: {}\n", "x".repeat(1000));
    peer.send_bytes(line.repeat(1000).as_bytes());
    peer.send(&["Eliana: the last"]);
    noya.expect("Eliana: the last\n").close_stdin();
    peer.assert_fin();
    drop(peer);
    let shown = noya.end().shown;
    assert_eq!(shown.matches(&line).count(), 1000);
}
