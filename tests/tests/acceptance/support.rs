//! Programs to run, and files to run them on.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use chatroom_simulator::diagnostics::{Diagnostic, Source};
use chatroom_simulator::scenario::{self, Scenario};
use chatroom_tests::flawed::{Fault, FlawedServer};
use chatroom_tests::{programs, workspace};

/// On every wait. Far beyond what any of them takes; it only turns a hang into a failure.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// A scenario of two clients that any right server passes.
pub(crate) const SMALL: &str = r#"
title = "Two meet"
covers = ["GRP-3"]

[client]
noya   = { name = "Noya", create = true, password = "123" }
eliana = { name = "Eliana", join = "{noya.group}", password = "123" }

[[act]]
name = "Two come and one talks"
steps = [
  { noya = "login" },
  { eliana = "login", seen_by = "group" },
  { eliana = "> Hi", seen_by = "group" },
]
"#;

/// What the terminals of [`SMALL`] show.
const SMALL_TERMINALS: [(&str, &str); 2] = [
    (
        "noya",
        "\
2
ENTER YOUR NAME: Noya
CHOOSE A PASSWORD FOR THE GROUP: 123
THE NEWLY CREATED CHAT ID IS 2
Noya has connected to the chat room
YOU ARE NOW CONNECTED TO THE CHAT
Eliana has connected to the chat room
Eliana: Hi
",
    ),
    (
        "eliana",
        "\
1
ENTER YOUR NAME: Eliana
ENTER THE ID OF THE GROUP YOU WANT TO JOIN: 2
ENTER THE PASSWORD: 123
Eliana has connected to the chat room
YOU ARE NOW CONNECTED TO THE CHAT
Hi
Eliana: Hi
",
    ),
];

const SNAPSHOT_HEAD: &str = "\
---
source: scenarios/small.toml
---
Choose an option:
1) Connect to a group chat
2) Create a new group chat
3) Disconnect
";

/// A folder of scenarios that goes away when this is dropped.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder { folder: tempfile::tempdir().unwrap() }
    }

    /// A folder with [`SMALL`] and its transcripts, under each of these names.
    pub(crate) fn with_small(names: &[&str]) -> Folder {
        let folder = Folder::new();
        for name in names {
            folder.write(&format!("{name}.toml"), SMALL);
            for (client, shown) in SMALL_TERMINALS {
                let snapshot = format!("{SNAPSHOT_HEAD}{shown}");
                folder.write(&format!("transcripts/{name}/{client}.snap"), &snapshot);
            }
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

/// `simulator run` with these arguments.
pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(
    args: impl IntoIterator<Item = A>,
) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(programs::simulator());
    command.arg("run").args(args).timeout(DEADLINE);
    command
}

/// One of the project's scenarios.
pub(crate) fn scenario_file(name: &str) -> String {
    workspace::scenarios().join(format!("{name}.toml")).to_str().unwrap().to_owned()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A server of the gallery in this process, and its address as an argument.
pub(crate) fn flawed(fault: Option<Fault>) -> (FlawedServer, String) {
    let server = FlawedServer::start(fault);
    let address: SocketAddr = server.addr();
    (server, address.to_string())
}

/// Every scenario of the project, which has to be valid.
pub(crate) fn all_scenarios() -> Vec<Scenario> {
    let files = scenario::files_under(&workspace::scenarios()).unwrap();
    files.into_iter().map(|file| load(&file).unwrap()).collect()
}

fn load(file: &Path) -> Result<Scenario, Vec<Diagnostic>> {
    scenario::load(&Source::new(file, fs::read_to_string(file).unwrap()))
}

/// The text of a file, by its path in the workspace.
pub(crate) fn text_of(path: &str) -> String {
    let path = workspace::root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file under a folder whose name ends so, but for what is built.
pub(crate) fn files_below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.extend((!path.ends_with("target")).then_some(path));
            } else if path.to_str().is_some_and(|path| path.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
