//! What the author of a scenario is told about a mistake.

use std::fs;

use chatroom_simulator::diagnostics::Source;
use chatroom_simulator::scenario;
use chatroom_tests::workspace;
use proptest::prelude::*;
use regex::Regex;

use crate::support::{Folder, run, stderr};

/// The start of every bad scenario: title, clients, and the beginning of the one act.
const HEAD: &str = r#"title = "Bad"
covers = ["GRP-3"]
[client]
noya   = { name = "Noya", create = true, password = "123" }
eliana = { name = "Eliana", join = "{noya.group}", password = "123" }
bare   = {}
crowd  = { name = "Racer{n}", join = "{noya.group}", password = "123", count = 3 }
[[act]]
name = "Act"
"#;

/// What `simulator run` says about `bad.toml`, which has to be invalid.
fn complaint(text: &str) -> String {
    let folder = Folder::new();
    folder.write("bad.toml", text);
    let output = run(["bad.toml"])
        .current_dir(folder.path())
        .assert()
        .code(2)
        .stdout("")
        .get_output()
        .clone();
    stderr(&output)
}

/// What it says when these are the steps of the act.
fn about(steps: &str) -> String {
    complaint(&format!("{HEAD}steps = [\n{steps}\n]\n"))
}

#[test]
fn without_a_mistake_the_head_is_right() {
    let folder = Folder::new();
    let steps = "steps = [\n  { noya = \"login\" },\n  { bare = \"connect\" },\n]\n";
    folder.write("good.toml", &format!("{HEAD}{steps}"));
    run(["--list", "good.toml"]).current_dir(folder.path()).assert().code(0);
}

/// Each mistake, the line of the steps it stands on (the first is 1) and what the help has to name.
#[test]
fn mistakes_in_steps_are_shown_where_they_are() {
    let in_steps = [
        ("unknown client", "{ nyoa = \"login\" }", 1, "did you mean `noya`?"),
        ("unknown client in seen_by", "{ noya = \"login\", seen_by = [\"elina\"] }", 1, "seen_by"),
        ("unknown client in a fence", "{ fence = \"noia\" }", 1, "did you mean `noya`?"),
        (
            "unknown client in a race",
            "{ race = { noya = \"login\", elina = \"login\" } }",
            1,
            "`eliana`",
        ),
        (
            "unknown client in a blank",
            "{ noya = \"login\" },\n{ noya = \"> {elina.name}\" }",
            2,
            "`eliana`",
        ),
        ("unknown word", "{ noya = \"log in\" }", 1, "did you mean `login`?"),
        (
            "unknown word beside",
            "{ noya = \"login\", sen_by = \"group\" }",
            1,
            "did you mean `seen_by`?",
        ),
        ("a word in a wrong place", "{ noya = \"login\", times = 3 }", 1, ""),
        (
            "unknown refusal",
            "{ noya = \"login\", refused = \"No such passwort\" }",
            1,
            "`No such password`",
        ),
        ("no subject", "{ within = \"1s\" }", 1, "client"),
        ("two clients", "{ noya = \"login\", eliana = \"login\" }", 1, "two steps"),
        ("nothing done", "{ noya = [] }", 1, ""),
        ("a mixed list", "{ bare = \"connect\" },\n{ bare = [\"> a\", \"< b\"] }", 2, ""),
        ("speaks before login", "{ noya = \"> Hi\" }", 1, "login"),
        ("reads before login", "{ noya = \"< Hi\" }", 1, "login"),
        ("login twice", "{ noya = \"login\" },\n{ noya = \"login\" }", 2, ""),
        (
            "speaks after leaving",
            "{ noya = \"login\" },\n{ noya = \"leave\" },\n{ noya = \"> Hi\" }",
            3,
            "",
        ),
        ("connect for a terminal", "{ noya = \"connect\" }", 1, "login"),
        ("login for a bare connection", "{ bare = \"login\" }", 1, "connect"),
        (
            "a fence by who is not there",
            "{ noya = \"login\" },\n{ fence = \"eliana\" }",
            2,
            "login",
        ),
        ("a fence by several", "{ fence = [\"noya\", \"eliana\"] }", 1, ""),
        ("seen by who is not there", "{ noya = \"login\", seen_by = [\"eliana\"] }", 1, "login"),
        ("a race of one", "{ race = { noya = \"login\" } }", 1, ""),
        ("another move in a race", "{ race = { noya = \"login\", eliana = \"leave\" } }", 1, ""),
        ("bad expression", "{ noya = \"login\" },\n{ noya = \"< /(/\" }", 2, ""),
        ("bad expression for the log", "{ log = \"/[/\" }", 1, ""),
        ("bad blank", "{ noya = \"login\" },\n{ noya = \"> {nobody}\" }", 2, ""),
        ("open brace", "{ noya = \"login\" },\n{ noya = \"> {me\" }", 2, ""),
        (
            "a blank that makes too much",
            "{ noya = \"login\" },\n{ noya = \"> {x*9999999999}\" }",
            2,
            "",
        ),
        ("a count without times", "{ noya = \"login\" },\n{ noya = \"> {n}\" }", 2, "times"),
        ("times of none", "{ noya = \"login\" },\n{ noya = \"> {n}\", times = 0 }", 2, ""),
        ("bad time", "{ noya = \"login\", within = \"soon\" }", 1, "250ms"),
        ("a time that is a number", "{ noya = \"login\", within = 5 }", 1, ""),
        ("bad bytes", "{ bare = \"connect\" },\n{ bare = '>> \\q' }", 2, ""),
        (
            "bad way to write",
            "{ bare = \"connect\" },\n{ bare = \"> a\", write = \"slowly\" }",
            2,
            "1 byte every",
        ),
        ("bad exit status", "{ noya = \"exit 256\" }", 1, ""),
        ("another order", "{ noya = \"login\" },\n{ noya = \"< a\", order = \"random\" }", 2, ""),
        ("a line end in a typed line", "{ noya = \"login\" },\n{ noya = \"> a\\nb\" }", 2, ""),
        ("a step that is a word", "\"login\"", 1, ""),
    ];
    let first = HEAD.lines().count() + 1;
    for (mistake, steps, line, help) in in_steps {
        check(mistake, &about(steps), first + line, help);
    }
}

#[test]
fn mistakes_outside_of_steps_are_shown_where_they_are() {
    let steps = "steps = [{ noya = \"login\" }]\n";
    let good = format!("{HEAD}{steps}");
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        good.replacen(from, to, 1)
    };
    let mistakes = [
        ("missing title", changed("title = \"Bad\"\n", ""), 1, "sentence"),
        ("missing covers", changed("covers = [\"GRP-3\"]\n", ""), 1, "ORD-1"),
        ("unknown key", changed("title", "about = \"x\"\ntitle"), 1, "`title`"),
        (
            "unknown key, nearly right",
            changed("covers", "need = []\ncovers"),
            2,
            "did you mean `needs`?",
        ),
        ("unknown requirement", changed("GRP-3", "GPR-3"), 2, "did you mean `GRP-3`?"),
        ("no requirement at all", changed("GRP-3", "anything"), 2, "docs/protocol.md"),
        ("a title that is no text", changed("\"Bad\"", "1"), 1, ""),
        ("unknown need", changed("covers", "needs = [\"server-logs\"]\ncovers"), 2, "`server-log`"),
        ("bad deadline", changed("covers", "deadline = \"10\"\ncovers"), 2, "10s"),
        (
            "unknown key of a client",
            changed("\"123\" }", "\"123\", pasword = \"1\" }"),
            4,
            "did you mean `password`?",
        ),
        (
            "half of the answers",
            changed(", password = \"123\" }\neliana", " }\neliana"),
            4,
            "password",
        ),
        ("an option and a name", changed("{}", "{ option = \"3\", name = \"X\" }"), 6, ""),
        ("a name that is asked again", changed("\"Noya\"", "\"No:ya\""), 4, "connect"),
        ("a client called as a word", changed("bare", "race"), 6, ""),
        ("a client that is no word", changed("bare  ", "\"b/c\""), 6, "letters"),
        ("a crowd of none", changed("count = 3", "count = 0"), 7, ""),
        ("a group of nobody", changed("{noya.group}", "{nova.group}"), 3, "`noya`"),
        (
            "unknown key of an act",
            changed("name = \"Act\"", "name = \"Act\"\nstep = []"),
            10,
            "`steps`",
        ),
        ("an act without a name", changed("name = \"Act\"\n", ""), 8, ""),
        ("an act without steps", changed(steps, ""), 8, "list"),
        ("no act", good[..good.find("[[act]]").unwrap()].to_owned(), 1, "[[act]]"),
        ("bad TOML", changed("title = ", "title "), 1, ""),
        ("an open string", changed("\"Bad\"", "\"Bad"), 1, ""),
        ("a key twice", changed("covers", "title = \"x\"\ncovers"), 2, ""),
        ("an empty file", String::new(), 1, "sentence"),
    ];
    for (mistake, text, line, help) in mistakes {
        check(mistake, &complaint(&text), line, help);
    }
}

/// The place in a form that terminals make clickable, the line itself, a caret, and the help.
fn check(mistake: &str, complaint: &str, line: usize, help: &str) {
    let place = Regex::new(r"(?m)^ *--> bad\.toml:([0-9]+):([0-9]+)$").unwrap();
    let found = place.captures(complaint);
    let found = found.unwrap_or_else(|| panic!("{mistake}: no place\n{complaint}"));
    assert_eq!(found[1].parse(), Ok(line), "{mistake}: another line\n{complaint}");
    let caret = Regex::new(r"(?m)^ *\| *\^").unwrap();
    let marked = Regex::new(r"(?m)^ *\| +[_|]").unwrap();
    assert!(caret.is_match(complaint) || marked.is_match(complaint), "{mistake}\n{complaint}");
    assert!(complaint.starts_with("error: "), "{mistake}\n{complaint}");
    let told = complaint.split_once("= help: ").map_or("", |(_, told)| told);
    assert!(told.contains(help), "{mistake}: the help does not name {help}\n{complaint}");
}

/// All of them at once, so that one run is enough.
#[test]
fn every_mistake_of_every_file_is_told() {
    let folder = Folder::new();
    let steps = "steps = [\n  { nyoa = \"login\" },\n  { noya = \"logn\" },\n]\n";
    folder.write("a.toml", &format!("{HEAD}{steps}"));
    folder.write("b.toml", &format!("{HEAD}steps = [{{ noya = \"> Hi\" }}]\n"));
    let output = run([folder.path()]).assert().code(2).stdout("").get_output().clone();
    let told = stderr(&output);
    for place in ["a.toml:11:", "a.toml:12:", "b.toml:10:"] {
        assert!(told.contains(place), "{place} is not in\n{told}");
    }
}

#[test]
fn what_the_most_common_mistakes_look_like() {
    let nobody_known = about("  { nyoa = \"login\" },");
    insta::assert_snapshot!(nobody_known, @r#"
    error: `nyoa` is no client and no word of a step
      --> bad.toml:11:5
       |
    11 |   { nyoa = "login" },
       |     ^^^^ unknown
       |
       = help: did you mean `noya`?

    error: invalid scenarios; nothing was run
    "#);
    let no_requirement = complaint("title = \"x\"\ncovers = [\"GPR-3\"]\nact = []\n");
    insta::assert_snapshot!(no_requirement, @r#"
    error: no requirement is called `GPR-3`
     --> bad.toml:2:11
      |
    2 | covers = ["GPR-3"]
      |           ^^^^^^^ not in docs/protocol.md
      |
      = help: did you mean `GRP-3`?

    error: invalid scenarios; nothing was run
    "#);
    let no_toml = complaint("title = \"no end\n");
    insta::assert_snapshot!(no_toml, @r#"
    error: not TOML: invalid basic string, expected `"`
     --> bad.toml:1:16
      |
    1 | title = "no end
      |                ^ here

    error: invalid scenarios; nothing was run
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever is done to a scenario, it is read or refused with a place that can be shown.
    #[test]
    fn no_change_to_a_scenario_is_a_panic(
        choice: prop::sample::Index,
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let files = scenario::files_under(&workspace::scenarios()).unwrap();
        let file = choice.get(&files);
        let mut bytes = fs::read(file).unwrap();
        changes.iter().for_each(|change| change.make(&mut bytes));
        // A file that is not UTF-8 is refused before.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let source = Source::new("changed.toml", text.as_str());
        if let Err(errors) = scenario::load(&source) {
            prop_assert!(!errors.is_empty());
            for error in errors {
                prop_assert!(error.render(&source, false).contains("changed.toml:"));
                prop_assert!(source.location(error.span.start).starts_with("changed.toml:"));
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Change {
    Delete {
        at: prop::sample::Index,
        bytes: usize,
    },
    Double {
        at: prop::sample::Index,
        bytes: usize,
    },
    Swap {
        one: prop::sample::Index,
        other: prop::sample::Index,
    },
    Set {
        at: prop::sample::Index,
        byte: u8,
    },
    /// A word of the format where it may not belong.
    Insert {
        at: prop::sample::Index,
        word: &'static str,
    },
}

const WORDS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "\\",
    "=",
    ",",
    "\n",
    "é",
    "日本",
    "/",
    ">> ",
    "< /",
    "{n}",
    "{me}",
    "{x*2}",
    "race = ",
    "fence = ",
    "times = 99999999999",
    "within = \"0s\"",
    "-1",
    "[[act]]\n",
];

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 1..40usize).prop_map(|(at, bytes)| Change::Delete { at, bytes }),
        (at(), 1..40usize).prop_map(|(at, bytes)| Change::Double { at, bytes }),
        (at(), at()).prop_map(|(one, other)| Change::Swap { one, other }),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set { at, byte }),
        (at(), prop::sample::select(&WORDS[..])).prop_map(|(at, word)| Change::Insert { at, word }),
    ]
}

impl Change {
    fn make(&self, text: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        let length = text.len();
        let range = |at: &prop::sample::Index, bytes: usize| {
            let start = at.index(length);
            start..(start + bytes).min(length)
        };
        match self {
            Change::Delete { at, bytes } => drop(text.drain(range(at, *bytes))),
            Change::Double { at, bytes } => {
                let range = range(at, *bytes);
                let again = text[range.clone()].to_vec();
                text.splice(range.start..range.start, again);
            }
            Change::Swap { one, other } => text.swap(one.index(length), other.index(length)),
            Change::Set { at, byte } => text[at.index(length)] = *byte,
            Change::Insert { at, word } => {
                let at = at.index(length);
                text.splice(at..at, word.bytes());
            }
        }
    }
}
