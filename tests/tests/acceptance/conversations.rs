//! The conversations in `docs/protocol.md`, had with the reference server over bare sockets.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use chatroom_tests::programs;

use crate::support::{DEADLINE, text_of};

/// Stands for a space at a line's end, which an editor would take away.
const VISIBLE_SPACE: char = '␠';

#[test]
fn the_documents_conversations_happen_as_written() {
    let document = text_of("docs/protocol.md");
    let conversations = conversations(&document);
    assert!(conversations.len() >= 4, "only {} conversations were found", conversations.len());
    for conversation in &conversations {
        if let Err(error) = have(conversation) {
            panic!("docs/protocol.md:{error}");
        }
    }
}

/// What makes a conversation fail, so that the test above can be believed.
#[test]
fn what_is_not_so_is_found() {
    const CREATE: &str = "\
        a > 1\na > A\na > 123\na > 2\n\
        a < enter group chat id:\na < alias?\na < password?\na < option?\n\
        a < THE NEWLY CREATED CHAT ID IS 2␠\na < A has connected to the chat room\n";
    const WELCOME: &str = "a < YOU ARE NOW CONNECTED TO THE CHAT\n";
    let with = |rest: &str| format!("```conversation\n{CREATE}{rest}```\n");
    let verdict = |rest: &str| have(&conversations(&with(rest))[0]);

    assert_eq!(verdict(WELCOME), Ok(()));
    let too_early = "12: \"YOU ARE NOW CONNECTED TO THE CHAT\" came, and not \"A: Hi\"";
    assert_eq!(verdict("a > Hi\na < A: Hi\n"), Err(too_early.replace("12:", "13:")));
    let unread = "11: a was sent \"YOU ARE NOW CONNECTED TO THE CHAT\", which is not told";
    assert_eq!(verdict(""), Err(unread.to_owned()));
    let closed = format!("{WELCOME}b > x\nb < enter group chat id:\nb =\n");
    assert!(verdict(&closed).unwrap_err().starts_with("15: "));
    let silent = format!("{WELCOME}a end\na > Hi\n");
    assert_eq!(verdict(&silent), Err("14: a has gone".to_owned()));
    let unwritten = format!("{WELCOME}a says Hi\n");
    assert_eq!(verdict(&unwritten), Err("13: \"a says Hi\" is no step".to_owned()));
}

/// One conversation: its steps, each with its line in the document.
type Conversation<'d> = Vec<(usize, &'d str)>;

fn conversations(document: &str) -> Vec<Conversation<'_>> {
    let mut found = Vec::new();
    let mut inside = None;
    for (line, text) in document.lines().enumerate() {
        match (&mut inside, text.trim_end()) {
            (None, "```conversation") => inside = Some(Vec::new()),
            (Some(_), "```") => found.extend(inside.take()),
            (Some(steps), step) if !step.is_empty() => steps.push((line + 1, step)),
            _ => {}
        }
    }
    assert!(inside.is_none(), "the last conversation has no end");
    found
}

/// Has a conversation with a server of its own. An error says where it is written and what is wrong.
fn have(conversation: &Conversation<'_>) -> Result<(), String> {
    let server = Server::start();
    let mut guests: Vec<Guest> = Vec::new();
    let mut steps = conversation.iter().peekable();
    let mut last_line = 0;
    while let Some((line, step)) = steps.next() {
        last_line = *line;
        let at = |error: String| format!("{line}: {error}");
        let (name, rest) = parse(step).map_err(at)?;
        let guest = match guests.iter().position(|guest| guest.name == name) {
            Some(place) => &mut guests[place],
            None => {
                guests.push(Guest::connect(name, server.address));
                guests.last_mut().unwrap()
            }
        };
        match rest {
            Deed::Send(text) => {
                // What one says in consecutive lines goes out in one write.
                let mut bytes = format!("{text}\n");
                while let Some((_, next)) = steps.peek()
                    && let Ok((again, Deed::Send(text))) = parse(next)
                    && again == name
                {
                    bytes += &format!("{text}\n");
                    steps.next();
                }
                guest.send(&bytes).map_err(at)?;
            }
            Deed::Receive(expected) => guest.receive(&expected).map_err(at)?,
            Deed::IsClosed => guest.is_closed().map_err(at)?,
            Deed::End => guest.stream = None,
        }
    }
    // Nobody was sent more than is told, but for who goes now, one after another.
    guests.iter_mut().try_for_each(Guest::leave).map_err(|error| format!("{last_line}: {error}"))
}

enum Deed {
    Send(String),
    Receive(String),
    IsClosed,
    End,
}

fn parse(step: &str) -> Result<(&str, Deed), String> {
    let unknown = || format!("{step:?} is no step");
    let (name, rest) = step.split_once(char::is_whitespace).ok_or_else(unknown)?;
    let rest = rest.trim_start();
    let text = |text: &str| text.replace(VISIBLE_SPACE, " ");
    let deed = match (rest.strip_prefix("> "), rest.strip_prefix("< ")) {
        (Some(sent), _) => Deed::Send(text(sent)),
        (_, Some(received)) => Deed::Receive(text(received)),
        _ if rest == "=" => Deed::IsClosed,
        _ if rest == "end" => Deed::End,
        _ => return Err(unknown()),
    };
    Ok((name, deed))
}

/// Somebody with a connection.
struct Guest {
    name: String,
    /// `None` once it is closed, by whomever.
    stream: Option<BufReader<TcpStream>>,
}

impl Guest {
    fn connect(name: &str, address: SocketAddr) -> Guest {
        let stream = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Guest { name: name.to_owned(), stream: Some(BufReader::new(stream)) }
    }

    fn stream(&mut self) -> Result<&mut BufReader<TcpStream>, String> {
        self.stream.as_mut().ok_or_else(|| format!("{} has gone", self.name))
    }

    fn send(&mut self, bytes: &str) -> Result<(), String> {
        let sent = self.stream()?.get_mut().write_all(bytes.as_bytes());
        sent.map_err(|error| format!("{bytes:?} was not sent: {error}"))
    }

    /// The next line, `None` when the server has closed.
    fn line(&mut self) -> Result<Option<String>, String> {
        let mut line = String::new();
        match self.stream()?.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => match line.strip_suffix('\n') {
                Some(line) => Ok(Some(line.to_owned())),
                None => Err(format!("{line:?} came, without an end")),
            },
            Err(error) if error.kind() == ErrorKind::WouldBlock => Err("nothing came".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn receive(&mut self, expected: &str) -> Result<(), String> {
        match self.line()? {
            Some(line) if line == expected => Ok(()),
            Some(line) => Err(format!("{line:?} came, and not {expected:?}")),
            None => Err(format!("the server closed, and {expected:?} did not come")),
        }
    }

    fn is_closed(&mut self) -> Result<(), String> {
        match self.line()? {
            None => {
                self.stream = None;
                Ok(())
            }
            Some(line) => Err(format!("{line:?} came, and not the close")),
        }
    }

    /// Goes, and makes sure that nothing came before but the notices of those who went.
    fn leave(&mut self) -> Result<(), String> {
        let Some(stream) = &self.stream else { return Ok(()) };
        stream.get_ref().shutdown(Shutdown::Write).map_err(|error| error.to_string())?;
        while let Some(line) = self.line()? {
            if !line.ends_with(" has left the chat room!") {
                return Err(format!("{} was sent {line:?}, which is not told", self.name));
            }
        }
        self.stream = None;
        Ok(())
    }
}

/// The reference server in a process of its own.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Server {
        let mut child = Command::new(programs::server())
            .args(["--listen", "127.0.0.1:0", "--log", "off"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut greeting = String::new();
        // It says this at once, or ends.
        BufReader::new(child.stdout.take().unwrap().take(100)).read_line(&mut greeting).unwrap();
        let address = greeting.strip_prefix("listening on ").unwrap().trim_end().parse().unwrap();
        Server { child, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
