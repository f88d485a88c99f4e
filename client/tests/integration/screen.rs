//! What a person sees on a real terminal, read back from the screen that its bytes draw.

use std::num::NonZero;
use std::process::Command;
use std::time::Instant;

use expectrl::process::unix::{PtyStream, UnixProcess};
use expectrl::{Expect, NBytes, Session};

use crate::DEADLINE;
use crate::client::{ELIANA, PROGRAM};
use crate::server::Server;

/// The size of a new terminal here.
const ROWS: NonZero<u16> = NonZero::new(24).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(80).unwrap();

struct Screen {
    session: Session<UnixProcess, PtyStream>,
    drawn: vt100::Parser,
}

impl Screen {
    fn start(command: Command) -> Self {
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(DEADLINE));
        session.get_process_mut().set_window_size(COLUMNS.get(), ROWS.get()).unwrap();
        Screen { session, drawn: vt100::Parser::new(ROWS, COLUMNS, 0) }
    }

    fn eliana(server: &Server) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["--connect", &server.address()]).args(ELIANA).env("TERM", "xterm");
        Screen::start(command)
    }

    fn press(&mut self, keys: &str) -> &mut Self {
        self.session.send(keys).unwrap();
        self
    }

    fn text(&self) -> String {
        self.drawn.screen().contents()
    }

    /// Waits until the screen is as `wanted` says.
    fn wait(&mut self, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !wanted(&self.text()) {
            assert!(Instant::now() < deadline, "the screen stays at:\n{}", self.text());
            match self.session.expect(NBytes(1)) {
                Ok(read) => self.drawn.process(read.as_bytes()),
                Err(error) => panic!("{error}; the screen stays at:\n{}", self.text()),
            }
        }
    }

    /// Waits until the screen shows just these lines, with the cursor at the end of the last.
    fn shows(&mut self, lines: &[&str]) -> &mut Self {
        let expected = lines.join("\n");
        self.wait(|text| text == expected);
        self
    }
}

const ARRIVED: &str = "Eliana has connected to the chat room";
const WELCOME: &str = "YOU ARE NOW CONNECTED TO THE CHAT";

#[test]
fn a_line_that_comes_in_does_not_tear_the_one_being_typed() {
    let server = Server::start();
    let mut screen = Screen::eliana(&server);
    let mut peer = server.accept();
    peer.welcome();
    screen.shows(&[ARRIVED, WELCOME]).press("How are");
    screen.shows(&[ARRIVED, WELCOME, "How are"]);
    peer.send(&["Noya: Hi"]);
    screen.shows(&[ARRIVED, WELCOME, "Noya: Hi", "How are"]).press(" you?\r");
    assert_eq!(peer.receive(), "Eliana: How are you?");
    peer.send(&["Eliana: How are you?"]);
    screen.shows(&[ARRIVED, WELCOME, "Noya: Hi", "How are you?", "Eliana: How are you?"]);
}

#[test]
fn a_line_wider_than_the_terminal_is_shown_once() {
    let server = Server::start();
    let mut screen = Screen::eliana(&server);
    let mut peer = server.accept();
    peer.welcome();
    let wide = "wide ".repeat(40) + "line";
    screen.shows(&[ARRIVED, WELCOME]).press(&wide);
    screen.shows(&[ARRIVED, WELCOME, &wide]).press("\r");
    assert_eq!(peer.receive(), format!("Eliana: {wide}"));
    peer.send(&["Noya: Hi"]);
    screen.shows(&[ARRIVED, WELCOME, &wide, "Noya: Hi"]);
}

#[test]
fn the_questions_look_as_in_the_document() {
    let server = Server::start();
    let mut command = Command::new(PROGRAM);
    command.args(["--connect", &server.address()]).env("TERM", "xterm");
    let mut screen = Screen::start(command);
    let menu = [
        "Choose an option:",
        "1) Connect to a group chat",
        "2) Create a new group chat",
        "3) Disconnect",
    ];
    screen.shows(&menu).press("1\r");
    let mut seen = [&menu[..], &["1", "ENTER YOUR NAME: "]].concat();
    screen.wait(|text| text.trim_end() == seen.join("\n").trim_end());
    screen.press("Ariel\r2\r122\r");
    let mut peer = server.accept();
    assert_eq!(peer.ask(), ["2", "Ariel", "122", "1"]);
    peer.send(&["disconnect"]);
    seen.pop();
    seen.extend([
        "ENTER YOUR NAME: Ariel",
        "ENTER THE ID OF THE GROUP YOU WANT TO JOIN: 2",
        "ENTER THE PASSWORD: 122",
        "Sorry, we are unable to connect you to the group chat",
        "Disconnecting you from the server . .",
        "Disconnection completed",
    ]);
    screen.shows(&seen).press("can anyone hear me?\r");
    seen.push("can anyone hear me?");
    seen.push("Disconnection completed, you can not send messages!");
    screen.shows(&seen);
}

#[test]
fn the_terminal_is_given_back_as_it_was_when_the_server_goes_away() {
    let server = Server::start();
    let mut command = Command::new("sh");
    let script = format!(
        "{PROGRAM} --connect {} {}; echo status $?; stty -a | tr ' ' '\\n' | grep icanon",
        server.address(),
        ELIANA.join(" ")
    );
    command.args(["-c", &script]).env("TERM", "xterm");
    let mut screen = Screen::start(command);
    let mut peer = server.accept();
    peer.welcome();
    screen.shows(&[ARRIVED, WELCOME]).press("half a l");
    screen.shows(&[ARRIVED, WELCOME, "half a l"]);
    drop(peer);
    let complaint = "the server closed the connection";
    screen.shows(&[ARRIVED, WELCOME, complaint, "status 4", "icanon"]);
}

#[test]
fn ctrl_c_leaves_the_chat() {
    let server = Server::start();
    let mut screen = Screen::eliana(&server);
    let mut peer = server.accept();
    peer.welcome();
    screen.shows(&[ARRIVED, WELCOME]).press("\x03");
    peer.assert_fin();
}
