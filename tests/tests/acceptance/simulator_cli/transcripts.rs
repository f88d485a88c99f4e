//! Writing transcripts with `--accept`.

use std::fs;

use predicates::prelude::*;
use predicates::str::contains;

use crate::support::{Folder, SMALL, run};

#[test]
fn accept_writes_what_is_missing_and_then_it_passes() {
    let folder = Folder::new();
    folder.write("small.toml", SMALL);
    run([folder.path()]).assert().code(1);
    run([folder.path()]).arg("--accept").assert().code(0).stdout(contains("noya.snap"));
    run([folder.path()]).assert().code(0);
    // The next one has nothing to write.
    run([folder.path()]).arg("--accept").assert().code(0).stdout(contains(".snap").not());
}

#[test]
fn accept_changes_what_differs_and_nothing_else() {
    let folder = Folder::with_small(&["small"]);
    let file = |client: &str| folder.path().join(format!("transcripts/small/{client}.snap"));
    let eliana = fs::read_to_string(file("eliana")).unwrap();
    let noya = fs::read_to_string(file("noya")).unwrap();
    fs::write(file("noya"), noya.replace("Eliana: Hi", "Eliana: Bye")).unwrap();
    run([folder.path()])
        .arg("--accept")
        .assert()
        .code(0)
        .stdout(contains("noya.snap").and(contains("eliana.snap").not()));
    assert_eq!(fs::read_to_string(file("eliana")).unwrap(), eliana);
    assert!(fs::read_to_string(file("noya")).unwrap().ends_with("\nEliana: Hi\n"));
}

#[test]
fn accept_removes_the_transcripts_of_clients_that_are_gone() {
    let folder = Folder::with_small(&["small"]);
    let stale = folder.write("transcripts/small/sara.snap", "---\n---\nChoose an option:\n");
    run([folder.path()]).arg("--accept").assert().code(0).stdout(contains("sara.snap"));
    assert!(!stale.exists());
}

#[test]
fn accept_writes_nothing_of_a_scenario_that_fails() {
    let folder = Folder::new();
    let failing = SMALL.replace(", seen_by = \"group\" },\n]", " },\n  { noya = \"< Bye\" },\n]");
    folder.write("failing.toml", &failing);
    run([folder.path()]).arg("--accept").assert().code(1);
    assert!(!folder.path().join("transcripts").exists());
}

#[test]
fn a_transcript_that_cannot_be_read_is_told_and_accept_mends_it() {
    let folder = Folder::with_small(&["small"]);
    folder.write("transcripts/small/noya.snap", "");
    let output = run([folder.path()]).assert().failure().get_output().clone();
    let told = crate::support::stdout(&output) + &crate::support::stderr(&output);
    assert!(told.contains("noya.snap"), "{told}");
    run([folder.path()]).arg("--accept").assert().code(0);
    run([folder.path()]).assert().code(0);
}
