//! A server that follows a script.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use crate::DEADLINE;

pub(crate) struct Server {
    address: SocketAddr,
    accepted: mpsc::Receiver<TcpStream>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, accepted) = mpsc::channel();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if sender.send(stream).is_err() {
                    return;
                }
            }
        });
        Server { address, accepted }
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// The next client's connection.
    pub(crate) fn accept(&self) -> Peer {
        Peer::new(self.accepted.recv_timeout(DEADLINE).expect("nobody connected in time"))
    }

    /// Asserts that nobody has connected. A connection of its own marks the end of the queue.
    pub(crate) fn assert_untouched(&self) {
        let marker = TcpStream::connect(self.address).unwrap();
        let first = self.accepted.recv_timeout(DEADLINE).unwrap();
        assert_eq!(first.peer_addr().unwrap(), marker.local_addr().unwrap(), "a client connected");
    }
}

/// A client, as the server sees it.
pub(crate) struct Peer {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
}

impl Peer {
    fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Peer { reader: BufReader::new(stream.try_clone().unwrap()), writer: stream }
    }

    pub(crate) fn send(&mut self, lines: &[&str]) -> &mut Self {
        for line in lines {
            self.send_bytes(format!("{line}\n").as_bytes());
        }
        self
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.writer.write_all(bytes).unwrap();
        self
    }

    pub(crate) fn receive(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("nothing came in time");
        line.trim_end_matches('\n').to_owned()
    }

    /// Asks the four questions; the answers.
    pub(crate) fn ask(&mut self) -> [String; 4] {
        ["enter group chat id:", "alias?", "password?", "option?"].map(|prompt| {
            self.send(&[prompt]);
            self.receive()
        })
    }

    /// Asks, and welcomes whoever answers to group 2.
    pub(crate) fn welcome(&mut self) -> &mut Self {
        let [_, name, _, option] = self.ask();
        if option == "2" {
            self.send(&["THE NEWLY CREATED CHAT ID IS 2 "]);
        }
        self.send(&[
            &format!("{name} has connected to the chat room"),
            "YOU ARE NOW CONNECTED TO THE CHAT",
        ])
    }

    /// Waits until something is there to read, and leaves it there.
    pub(crate) fn wait_for_bytes(&mut self) {
        let bytes = self.writer.peek(&mut [0]).expect("nothing came in time");
        assert_eq!(bytes, 1, "the client closed");
    }

    /// What goes wrong with reading, if anything does before the client closes.
    pub(crate) fn read_error(&mut self) -> Option<ErrorKind> {
        self.reader.read_to_end(&mut Vec::new()).err().map(|error| error.kind())
    }

    /// Asserts that the client says nothing more and closes with a FIN, not with a reset.
    pub(crate) fn assert_fin(&mut self) {
        let mut rest = String::new();
        match self.reader.read_to_string(&mut rest) {
            Ok(_) => assert_eq!(rest, ""),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => panic!("it was reset"),
            Err(error) => panic!("it did not close in time: {error}"),
        }
    }
}
