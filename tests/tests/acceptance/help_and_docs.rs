//! The help texts, the documents and the code say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use chatroom_client::terminal::ExitStatus as ClientStatus;
use chatroom_simulator::exit::ExitStatus as SimulatorStatus;
use chatroom_tests::{programs, workspace};
use regex::Regex;

use crate::support::{DEADLINE, files_below, stdout, text_of};

/// Options of other programs that the documents name.
const OTHER_PROGRAMS: &[&str] = &[
    // cargo
    "--all-targets",
    "--bench",
    "--bin",
    "--check",
    "--lib",
    "--locked",
    "--no-run",
    "--release",
    "--test",
    "--workspace",
    // cargo's tests
    "--exact",
    "--ignored",
    "--include-ignored",
    "--list",
    "--nocapture",
    "--skip",
    "--test-threads",
    // the benchmark of designs
    "--rounds",
    // flawed-server, which is a tool of the tests
    "--fault",
];

/// Options that every program has, and nobody needs to be told.
const EVERY_PROGRAM: [&str; 2] = ["--help", "--version"];

/// The help text of a program.
fn help(program: &Path, subcommand: &[&str]) -> String {
    let mut command = assert_cmd::Command::new(program);
    let output = command.args(subcommand).arg("--help").timeout(DEADLINE).assert().success();
    stdout(output.get_output())
}

/// Each program's help text, by what one types; of the simulator, each subcommand's too.
fn helps() -> BTreeMap<String, String> {
    let simulator = help(programs::simulator(), &[]);
    let subcommands = subcommands(&simulator);
    assert!(subcommands.contains(&"run".to_owned()), "{simulator}");
    let of_subcommands = subcommands.into_iter().map(|name| {
        let help = help(programs::simulator(), &[&name]);
        (format!("simulator {name}"), help)
    });
    let mut helps = BTreeMap::from_iter(of_subcommands);
    helps.insert("chatroom-server".to_owned(), help(programs::server(), &[]));
    helps.insert("chatroom-client".to_owned(), help(programs::client(), &[]));
    helps.insert("simulator".to_owned(), simulator);
    helps
}

/// The subcommands that a help text lists.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let list = list.take_while(|line| line.starts_with("  "));
    let names = list.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// The options that a help text defines, each at the start of its line.
fn options(help: &str) -> BTreeSet<String> {
    let option = Regex::new(r"(?m)^ +(?:-[a-zA-Z], +)?(--[a-z][a-z0-9-]*)").unwrap();
    option.captures_iter(help).map(|found| found[1].to_owned()).collect()
}

/// The README and what stands in docs/, by name.
fn documents() -> BTreeMap<String, String> {
    let mut documents = BTreeMap::from([("README.md".to_owned(), text_of("README.md"))]);
    for file in files_below(&workspace::root().join("docs"), ".md") {
        let name = format!("docs/{}", file.file_name().unwrap().to_str().unwrap());
        documents.insert(name, fs::read_to_string(file).unwrap());
    }
    documents
}

/// The options named in a document.
fn named(document: &str) -> BTreeSet<String> {
    let option = Regex::new(r"(?:^|[^-\w])(--[a-z][a-z0-9-]*)").unwrap();
    option.captures_iter(document).map(|found| found[1].to_owned()).collect()
}

#[test]
fn every_option_is_documented() {
    let told: BTreeSet<String> = documents().values().flat_map(|text| named(text)).collect();
    let mut missing = BTreeMap::new();
    for (program, help) in helps() {
        let options = options(&help);
        assert!(options.contains("--help"), "{program}: {help}");
        let of_program: Vec<String> = options
            .into_iter()
            .filter(|option| !EVERY_PROGRAM.contains(&option.as_str()) && !told.contains(option))
            .collect();
        if !of_program.is_empty() {
            missing.insert(program, of_program);
        }
    }
    assert!(missing.is_empty(), "neither README.md nor docs/ names {missing:#?}");
}

#[test]
fn every_documented_option_exists() {
    let known: BTreeSet<String> = helps().values().flat_map(|help| options(help)).collect();
    let mut unknown = BTreeMap::new();
    for (document, text) in documents() {
        let of_document: Vec<String> = named(&text)
            .into_iter()
            .filter(|option| !known.contains(option) && !OTHER_PROGRAMS.contains(&option.as_str()))
            .collect();
        if !of_document.is_empty() {
            unknown.insert(document, of_document);
        }
    }
    assert!(unknown.is_empty(), "no program has {unknown:#?}");
}

/// The statuses in the list at the end of a help text.
fn statuses(help: &str) -> BTreeSet<u8> {
    let (_, list) = help.split_once("Exit status:\n").expect(help);
    // What a status means may take more than one line; only the first has its number.
    let number = Regex::new(r"(?m)^ {2,4}([0-9]+) ").unwrap();
    number.captures_iter(list).map(|found| found[1].parse().unwrap()).collect()
}

#[test]
fn the_simulators_help_lists_its_statuses() {
    use SimulatorStatus::{Fail, Inconclusive, Interrupted, Invalid, Pass, Unreachable};
    let all = [Pass, Fail, Invalid, Unreachable, Inconclusive, Interrupted];
    let numbers = all.map(|status| {
        // A new status does not compile here, and so is not forgotten above.
        match status {
            Pass | Fail | Invalid | Unreachable | Inconclusive | Interrupted => status as u8,
        }
    });
    let helps = helps();
    for (program, help) in helps.iter().filter(|(program, _)| program.starts_with("simulator")) {
        let mut numbers = BTreeSet::from(numbers);
        // An end by the user is an answer of these two: it cannot be told.
        if ["simulator compare", "simulator capacity"].contains(&program.as_str()) {
            numbers.remove(&(Interrupted as u8));
        }
        assert_eq!(statuses(help), numbers, "{program}");
    }
}

#[test]
fn the_clients_help_lists_its_statuses() {
    use ClientStatus::{Ended, Internal, Interrupted, NotReached, ServerFault, ServerGone, Usage};
    let all = [Ended, Internal, Usage, NotReached, ServerGone, ServerFault, Interrupted];
    let numbers = all.map(|status| match status {
        Ended | Internal | Usage | NotReached | ServerGone | ServerFault | Interrupted => {
            status.code()
        }
    });
    assert_eq!(statuses(&helps()["chatroom-client"]), BTreeSet::from(numbers));
}

/// The server is a library and a thin program, whose statuses nobody else can name.
#[test]
fn the_servers_help_lists_its_statuses() {
    let source = text_of("server/src/exit.rs");
    let constant = Regex::new(r"const [A-Z_]+: u8 = ([0-9]+);").unwrap();
    let mut numbers: BTreeSet<u8> =
        constant.captures_iter(&source).map(|found| found[1].parse().unwrap()).collect();
    assert!(numbers.len() >= 5, "{numbers:?}");
    // clap's own, for wrong usage.
    numbers.insert(2);
    assert_eq!(statuses(&helps()["chatroom-server"]), numbers);
}
