//! The handshake: who gets in, and how the others are turned away.

use std::time::Duration;

use chatroom_server::Settings;

use crate::support::{Server, WELCOME};

const PROMPTS: &str = "enter group chat id:\nalias?\npassword?\noption?\n";

/// Everything that a client gets who sends `answers` at once, up to an orderly close.
async fn transcript(server: &Server, answers: &str) -> String {
    let mut client = server.connect().await;
    client.write(answers).await;
    client.rest().await
}

#[tokio::test]
async fn the_first_group_is_2_and_the_next_is_3() {
    let server = Server::start();
    let mut noya = server.connect().await;
    noya.answer(["1", "Noya", "123", "2"]).await;
    noya.expect_all(&[
        "THE NEWLY CREATED CHAT ID IS 2 ",
        "Noya has connected to the chat room",
        WELCOME,
    ])
    .await;
    let mut eliana = server.join(2, "Eliana", "123").await;
    noya.expect("Eliana has connected to the chat room").await;
    assert!(transcript(&server, "9\nAriel\n123\n1\n").await.ends_with("disconnect\n"));
    let mut sara = server.connect().await;
    sara.answer(["1", "Sara", "456", "2"]).await;
    sara.expect("THE NEWLY CREATED CHAT ID IS 3 ").await;
    eliana.say("Hello").await;
    eliana.expect("Eliana: Hello").await;
    noya.expect("Eliana: Hello").await;
    let summary = server.stop().await;
    assert_eq!((summary.connections, summary.groups), (4, 2));
}

#[tokio::test]
async fn all_three_refusals_are_the_same_to_the_client() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;
    let _sara = server.create("Sara", "456").await;
    let refused = format!("{PROMPTS}disconnect\n");
    for answers in [
        "2\nAriel\n122\n1\n",  // no such password
        "22\nRinat\n123\n1\n", // no such id
        "22\nRoni\n222\n1\n",  // neither
        "2\nYuval\n456\n1\n",  // another group's password
    ] {
        assert_eq!(transcript(&server, answers).await, refused, "{answers:?}");
    }
    noya.say("who was that?").await;
    noya.expect("Noya: who was that?").await;
}

#[tokio::test]
async fn what_a_refused_client_goes_on_sending_does_not_destroy_the_refusal() {
    let server = Server::start();
    for _ in 0..50 {
        let chatter = "can anyone hear me?\n".repeat(2000);
        let mut ariel = server.connect().await;
        ariel.write(format!("2\nAriel\n122\n1\n{chatter}")).await;
        assert_eq!(ariel.rest().await, format!("{PROMPTS}disconnect\n"));
        // He may type on, as in the document, and his socket takes it until he closes himself.
        for _ in 0..10 {
            ariel.say("can anyone hear me?").await;
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_bad_answer_is_explained_before_the_close() {
    let server = Server::start();
    let cases = [
        (
            "two\n",
            "enter group chat id:\nanswer refused, a group id is a decimal number such as 2\ndisconnect\n",
        ),
        (
            "2\na:b\n",
            "enter group chat id:\nalias?\nanswer refused, a name cannot contain a colon\ndisconnect\n",
        ),
        (
            "2\nN\n1\n4\n",
            "enter group chat id:\nalias?\npassword?\noption?\n\
             answer refused, the options are 1 to join a group, 2 to create one and 3 to disconnect\n\
             wrong option\n",
        ),
        ("2\nN\n1\n3\n", "enter group chat id:\nalias?\npassword?\noption?\ndisconnect option\n"),
    ];
    for (answers, expected) in cases {
        assert_eq!(transcript(&server, answers).await, expected, "{answers:?}");
    }
    let long = transcript(&server, &format!("2\nNoya\n{}\n", "x".repeat(5000))).await;
    assert!(long.contains("answer refused, it has 5000 bytes and the limit is 1024\n"), "{long}");
}

#[tokio::test]
async fn messages_may_come_together_with_the_answers() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;
    let mut eliana = server.connect().await;
    eliana.write("2\nEliana\n123\n1\nHello\nAl").await;
    for prompt in PROMPTS.lines() {
        eliana.expect(prompt).await;
    }
    eliana.expect_welcome("Eliana").await;
    eliana.expect("Eliana: Hello").await;
    eliana.write("oha\n").await;
    eliana.expect("Eliana: Aloha").await;
    noya.expect("Eliana has connected to the chat room").await;
    noya.expect_all(&["Eliana: Hello", "Eliana: Aloha"]).await;
}

#[tokio::test]
async fn answers_may_come_byte_by_byte() {
    let server = Server::start();
    let mut noya = server.connect().await;
    for byte in b"1\r\nNoya\r\n123\r\n2\r\nHi\r\n" {
        noya.write([*byte]).await;
    }
    for prompt in PROMPTS.lines() {
        noya.expect(prompt).await;
    }
    noya.expect("THE NEWLY CREATED CHAT ID IS 2 ").await;
    noya.expect_welcome("Noya").await;
    noya.expect("Noya: Hi").await;
}

#[tokio::test]
async fn silent_clients_delay_nobody() {
    let server = Server::start();
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(server.connect().await);
    }
    let mut noya = server.create("Noya", "123").await;
    noya.say("Hi").await;
    noya.expect("Noya: Hi").await;
}

#[tokio::test]
async fn a_handshake_has_one_deadline() {
    let handshake_timeout = Duration::from_millis(200);
    let server = Server::start_with(Settings { handshake_timeout, ..Settings::default() });
    let mut member = server.create("Noya", "123").await;

    let mut silent = server.connect().await;
    assert_eq!(silent.rest().await, "enter group chat id:\ndisconnect\n");

    // A byte now and then does not move it.
    let mut slow = server.connect().await;
    let trickle = async {
        loop {
            slow.write("2").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let longer_than_the_deadline = Duration::from_millis(600);
    let _ = tokio::time::timeout(longer_than_the_deadline, trickle).await;
    assert_eq!(slow.rest().await, "enter group chat id:\ndisconnect\n");

    // It is over for a member.
    member.say("Hi").await;
    member.expect("Noya: Hi").await;
}

#[tokio::test]
async fn a_name_in_use_anywhere_is_counted() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;

    let mut second = server.connect().await;
    second.answer(["1", "Noya", "456", "2"]).await;
    second.expect("THE NEWLY CREATED CHAT ID IS 3 ").await;
    second.expect_welcome("Noya+1-").await;
    // Under either name it is the same client, and it cannot be another.
    second.say("Noya: Hi").await;
    second.expect("Noya+1-: Hi").await;
    second.say("Eliana: Hi").await;
    second.expect("Noya+1-: Eliana: Hi").await;

    let mut third = server.connect().await;
    third.answer(["2", "Noya", "123", "1"]).await;
    third.expect_welcome("Noya+2-").await;
    noya.expect("Noya+2- has connected to the chat room").await;

    // The smallest count that is free again, once everybody could know.
    third.half_close().await;
    noya.expect("Noya+2- has left the chat room!").await;
    let mut fourth = server.connect().await;
    fourth.answer(["2", "Noya", "123", "1"]).await;
    fourth.expect_welcome("Noya+2-").await;
}

#[tokio::test]
async fn who_is_not_admitted_holds_no_name() {
    let server = Server::start();
    let mut noya = server.create("Noya", "123").await;
    let mut undecided = server.connect().await;
    undecided.write("2\nAriel\n123\n").await;
    for prompt in PROMPTS.lines() {
        undecided.expect(prompt).await;
    }
    transcript(&server, "2\nAriel\n122\n1\n").await;
    let _ariel = server.join(2, "Ariel", "123").await;
    noya.expect("Ariel has connected to the chat room").await;
    // The name is claimed at the moment of admission.
    undecided.say("1").await;
    undecided.expect_welcome("Ariel+1-").await;
}

#[tokio::test]
async fn groups_are_not_created_without_end() {
    let server = Server::start_with(Settings { max_groups: 1, ..Settings::default() });
    let _noya = server.create("Noya", "123").await;
    let expected = format!("{PROMPTS}no more groups can be created\ndisconnect\n");
    assert_eq!(transcript(&server, "1\nSara\n456\n2\n").await, expected);
    server.join(2, "Eliana", "123").await;
}

#[tokio::test]
async fn a_group_outlives_its_members() {
    let server = Server::start();
    server.create("Noya", "123").await.half_close().await;
    let mut eliana = server.join(2, "Eliana", "123").await;
    eliana.say("anybody?").await;
    // Noya may have been seen to leave before or after Eliana came.
    let mut line = eliana.line().await;
    if line == "Noya has left the chat room!" {
        line = eliana.line().await;
    }
    assert_eq!(line, "Eliana: anybody?");
}

/// More clients than the server has workers send without end in their handshakes; each must let the
/// others have its worker.
#[test]
fn clients_that_flood_their_handshakes_delay_nobody() {
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpStream};

    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = {
        let _context = runtime.enter();
        Server::start()
    };
    let flooders: Vec<TcpStream> =
        (0..4).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    let floods: Vec<_> = flooders
        .iter()
        .map(|flooder| {
            let mut flooder = flooder.try_clone().unwrap();
            std::thread::spawn(move || while flooder.write_all(&[b'\n'; 65536]).is_ok() {})
        })
        .collect();

    // Not on the runtime: if the flood holds its workers, no timer of its own fires either.
    let mut noya = TcpStream::connect(server.address).unwrap();
    noya.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    noya.write_all(b"1\nNoya\n123\n2\nHi\n").unwrap();
    let mut heard = String::new();
    let mut buffer = [0; 1024];
    while !heard.ends_with("Noya: Hi\n") {
        let bytes = noya.read(&mut buffer).expect("an answer in time");
        heard.push_str(std::str::from_utf8(&buffer[..bytes]).unwrap());
    }

    for flooder in flooders {
        flooder.shutdown(Shutdown::Both).unwrap();
    }
    floods.into_iter().for_each(|flood| flood.join().unwrap());
    runtime.shutdown_background();
}
