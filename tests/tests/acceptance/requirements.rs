//! The document's requirements, the scenarios that show them and the code that names them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use chatroom_simulator::diagnostics::Source;
use chatroom_simulator::{requirements, scenario};
use chatroom_tests::workspace;
use regex::Regex;

use crate::support::{SMALL, all_scenarios, files_below, text_of};

/// What looks like a requirement's number and is none.
const OTHER_NUMBERS: [&str; 1] = ["UTF-8"];

#[test]
fn every_must_is_shown_by_a_scenario() {
    let scenarios = all_scenarios();
    let shown: BTreeSet<&String> = scenarios.iter().flat_map(|scenario| &scenario.covers).collect();
    let missing: Vec<&str> = requirements::all()
        .iter()
        .filter(|requirement| requirement.is_must && !shown.contains(&requirement.id))
        .map(|requirement| requirement.id.as_str())
        .collect();
    assert!(missing.is_empty(), "no scenario covers {}", missing.join(", "));
}

#[test]
fn every_scenario_says_what_it_shows() {
    for scenario in all_scenarios() {
        assert!(!scenario.covers.is_empty(), "{} covers nothing", scenario.name);
        assert!(!scenario.title.trim().is_empty(), "{} has no title", scenario.name);
        assert!(scenario.step_count() > 0, "nothing happens in {}", scenario.name);
    }
}

#[test]
fn what_an_act_shows_its_scenario_shows() {
    for scenario in all_scenarios() {
        for id in scenario.acts.iter().flat_map(|act| &act.covers) {
            assert!(scenario.covers.contains(id), "{}: only an act covers {id}", scenario.name);
        }
    }
}

#[test]
fn a_requirement_that_does_not_exist_cannot_be_covered() {
    let refused = [
        SMALL.replace("GRP-3", "GRP-99"),
        SMALL.replace("[[act]]\n", "[[act]]\ncovers = [\"GRP-99\"]\n"),
    ];
    for text in refused {
        let errors = scenario::load(&Source::new("bad.toml", text.as_str())).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{errors:?}") };
        assert_eq!(&text[error.span.clone()], "\"GRP-99\"");
    }
}

/// The simulator reads the document line by line; nothing that looks like a requirement may escape
/// it, for then nobody would miss its scenario.
#[test]
fn no_requirement_of_the_document_is_overlooked() {
    let document = text_of("docs/protocol.md");
    let bold = Regex::new(r"\*\*([A-Z]+-[0-9]+)\*\*").unwrap();
    let numbers: Vec<&str> =
        bold.captures_iter(&document).map(|found| found.extract::<1>().1[0]).collect();
    let read: Vec<&str> = requirements::all().iter().map(|known| known.id.as_str()).collect();
    assert_eq!(numbers, read);
    for requirement in requirements::all() {
        let (id, text) = (&requirement.id, &requirement.text);
        assert!(text.contains("MUST") || text.contains("SHOULD"), "{id} is no requirement: {text}");
        assert_eq!(requirement.is_must, text.contains("MUST"), "{id}");
    }
}

#[test]
fn numbers_in_the_code_and_the_documents_exist() {
    let number = Regex::new(r"\b[A-Z]{2,}-[0-9]+\b").unwrap();
    let root = workspace::root();
    let code = ["protocol", "server", "client", "simulator"];
    let mut files: Vec<_> =
        code.iter().flat_map(|package| files_below(&root.join(package), ".rs")).collect();
    files.extend(files_below(&root.join("docs"), ".md"));
    files.extend(files_below(&root.join("scenarios"), ".toml"));
    let mut unknown = BTreeMap::new();
    let mut known = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (line, text) in text.lines().enumerate() {
            for id in number.find_iter(text).map(|id| id.as_str()) {
                if requirements::find(id).is_some() {
                    known += 1;
                } else if !OTHER_NUMBERS.contains(&id) {
                    unknown.insert(format!("{}:{}", file.display(), line + 1), id.to_owned());
                }
            }
        }
    }
    assert!(unknown.is_empty(), "not in docs/protocol.md: {unknown:#?}");
    // The expression still finds what it is to find.
    assert!(known > 100, "only {known} numbers were found");
}
