//! The processes that a run starts: none outlives it, and one that dies is noticed.

use std::path::Path;

use chatroom_tests::flawed::Fault;
use chatroom_tests::programs;
use predicates::prelude::*;
use predicates::str::contains;

use crate::support::{flawed, run, scenario_file, stdout};

fn path(program: &Path) -> &str {
    program.to_str().unwrap()
}

#[test]
fn a_server_that_dies_in_the_middle_fails_the_scenario() {
    let (_server, address) = flawed(Some(Fault::ServerDiesOnSilentClose));
    run(["--connect", &address, &scenario_file("reset-in-mid-message")])
        .assert()
        .code(1)
        .stdout(contains("reset-in-mid-message.toml:").and(contains("panicked").not()));
}

#[test]
fn a_server_process_that_dies_in_the_middle_is_said_to_have_ended() {
    let words = [path(programs::flawed_server()), "--fault", "server-dies-on-silent-close"];
    let command = format!("{} --listen 127.0.0.1:{{port}}", shlex::try_join(words).unwrap());
    let args = ["--spawn", &command, "--report", "json", &scenario_file("silent-handshake")];
    let output = run(args).assert().code(1).get_output().clone();
    let report: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let ended = report["scenarios"][0]["failure"]["server_ended"].as_str();
    assert!(ended.is_some_and(|ended| ended.contains("exit status: 1")), "{report:#}");
}

/// With everything that a run starts in sight.
#[cfg(unix)]
mod unix {
    use std::io::{BufRead, BufReader, ErrorKind, Read};
    use std::net::{SocketAddr, TcpStream};
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Child, Command, ExitStatus, Stdio};
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::support::{DEADLINE, Folder, SMALL};

    /// A simulator whose output ends when it has ended and all that it started: each of them has the
    /// pipe open as descriptor 9.
    struct Watched {
        child: Child,
        lines: mpsc::Receiver<String>,
    }

    impl Watched {
        fn start(args: &[&str]) -> Watched {
            let mut child = Command::new("sh")
                .args(["-c", "exec 9>&1; exec \"$0\" run \"$@\"", path(programs::simulator())])
                .args(args)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let stdout = BufReader::new(child.stdout.take().unwrap());
            let (sender, lines) = mpsc::channel();
            thread::spawn(move || {
                stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
            });
            Watched { child, lines }
        }

        /// What the first line that can be read so says.
        fn find<T>(&self, read: impl Fn(&str) -> Option<T>) -> T {
            loop {
                let line = self.lines.recv_timeout(DEADLINE).expect("it was not said in time");
                if let Some(found) = read(&line) {
                    return found;
                }
            }
        }

        fn signal(&self, name: &str) {
            let id = self.child.id().to_string();
            assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
        }

        /// Waits until everything has ended; what was said, and the simulator's status.
        fn end(mut self) -> (String, ExitStatus) {
            let mut said = String::new();
            loop {
                match self.lines.recv_timeout(DEADLINE) {
                    Ok(line) => said += &format!("{line}\n"),
                    Err(mpsc::RecvTimeoutError::Disconnected) => break,
                    Err(error) => panic!("something goes on: {error}; said was {said}"),
                }
            }
            (said, self.child.wait().unwrap())
        }
    }

    impl Drop for Watched {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// A server that is the child of a shell, which is what many start scripts make of it.
    fn server_behind_a_shell() -> String {
        let server = shlex::try_quote(path(programs::server())).unwrap();
        let script = format!("{server} --listen 127.0.0.1:{{port}} & wait");
        shlex::try_join(["sh", "-c", &script]).unwrap()
    }

    /// A client program that says where its server is, and then sits there. The scenario with it.
    fn waiting_client(folder: &Folder) -> [String; 2] {
        let program = folder.write("client", "#!/bin/sh\necho \"server $2\" >&9\nexec cat\n");
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let scenario = folder.write("wait.toml", &format!("deadline = \"5m\"{SMALL}"));
        [format!("--via-client={}", path(&program)), path(&scenario).to_owned()]
    }

    fn server_in(line: &str) -> Option<SocketAddr> {
        line.strip_prefix("server ")?.parse().ok()
    }

    /// A connection to the run's server, which proves that it is there.
    fn visit(server: SocketAddr) -> BufReader<TcpStream> {
        let stream = TcpStream::connect_timeout(&server, DEADLINE).unwrap();
        // Before the server would close by itself, because the handshake goes no further.
        stream.set_read_timeout(Some(DEADLINE / 2)).unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        assert_eq!(line, "enter group chat id:\n");
        stream
    }

    #[test]
    fn nothing_of_a_spawned_process_tree_is_left() {
        let command = server_behind_a_shell();
        let args = ["--spawn", &command, &scenario_file("join"), &scenario_file("create")];
        let (said, status) = Watched::start(&args).end();
        assert_eq!(status.code(), Some(0), "{said}");
    }

    #[test]
    fn nothing_of_a_spawned_process_tree_is_left_after_a_failure() {
        let words = [path(programs::flawed_server()), "--fault", "rename-format-wrong", "--listen"];
        let server = format!("{} 127.0.0.1:{{port}} & wait", shlex::try_join(words).unwrap());
        let command = shlex::try_join(["sh", "-c", &server]).unwrap();
        let args = ["--spawn", &command, &scenario_file("name-in-use")];
        let (said, status) = Watched::start(&args).end();
        assert_eq!(status.code(), Some(1), "{said}");
    }

    #[test]
    fn an_interrupt_ends_the_run_and_its_servers() {
        let folder = Folder::new();
        let [client, scenario] = waiting_client(&folder);
        let command = server_behind_a_shell();
        let simulator = Watched::start(&["--spawn", &command, &client, &scenario]);
        let _visit = visit(simulator.find(server_in));
        simulator.signal("INT");
        assert_eq!(simulator.end().1.code(), Some(130));
    }

    #[test]
    fn the_reference_server_does_not_outlive_a_killed_simulator() {
        let folder = Folder::new();
        let [client, scenario] = waiting_client(&folder);
        let simulator = Watched::start(&[&client, &scenario]);
        let mut visit = visit(simulator.find(server_in));
        simulator.signal("KILL");
        // It closes what is open, with a word or without, and it ends.
        let mut rest = String::new();
        match visit.read_to_string(&mut rest) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            closed => assert!(closed.is_ok(), "it goes on: {closed:?}"),
        }
        drop(visit);
        assert!(!simulator.end().1.success());
    }
}
