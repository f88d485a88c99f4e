//! What a writer of load files is told.

use std::time::Duration;

use super::*;

fn read(text: &str) -> Result<LoadSpec, String> {
    let source = Source::new("load.toml", text);
    load(&source).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(|error| error.render(&source, false)).collect();
        errors.join("\n\n")
    })
}

const WHOLE: &str = r#"
title = "A busy evening"
settle = "5s"
allow = ["disconnected"]
gates = ["delivery.p99 < 50ms"]
[crowd]
bots = 1000
groups = 50
sizes = "skewed"
arrive = "6000/min"
[roles]
talkers = "20%"
stalled = { share = "1%", from = "peak" }
dribblers = { share = "1%", every = "2s", piece = 4, pause = "6ms" }
leavers = { share = 20, stay = "4s", away = "2s" }
knockers = { share = "0.5%", every = "3s" }
[messages]
bytes = [64, 256]
spacing = "random"
[[phase]]
name = "warm-up"
for = "5s"
rate = "500/s"
measured = false
[[phase]]
name = "stairs"
for = "3s"
steps = ["100/s", "500/s"]
[[phase]]
name = "peak"
for = "10s"
spike = ["500/s", "5000/s"]
[[phase]]
name = "rise"
for = "1s"
ramp = ["0/s", "90/min"]
[[phase]]
name = "full"
for = "1s"
saturate = 16
[trust]
lateness_p99 = "3ms"
busy = "90%"
"#;

#[test]
fn a_file_that_says_everything() {
    let spec = read(WHOLE).unwrap();
    assert_eq!(spec.title, "A busy evening");
    assert_eq!(spec.settle, Duration::from_secs(5));
    assert_eq!(spec.allow, BTreeSet::from([FaultKind::Disconnected]));
    assert_eq!(spec.gates, ["delivery.p99 < 50ms"]);
    let crowd = Crowd { bots: 1000, groups: 50, sizes: Sizes::Skewed, arrive: Rate(100.0) };
    assert_eq!(spec.crowd, crowd);
    assert_eq!(spec.messages, Messages { min_bytes: 64, max_bytes: 256, spacing: Spacing::Random });
    let roles = Roles {
        talkers: Share::Percent(20.0),
        stalled: Some(Stalled { share: Share::Percent(1.0), from: 4 }),
        dribblers: Some(Dribblers {
            share: Share::Percent(1.0),
            every: Duration::from_secs(2),
            piece: 4,
            pause: Duration::from_millis(6),
        }),
        leavers: Some(Leavers {
            share: Share::Count(20),
            stay: Duration::from_secs(4),
            away: Duration::from_secs(2),
        }),
        knockers: Some(Knockers { share: Share::Percent(0.5), every: Duration::from_secs(3) }),
    };
    assert_eq!(spec.roles, roles);
    assert_eq!(spec.trust, Trust { lateness_p99: Duration::from_millis(3), busy: 0.9 });
    let phases: Vec<String> = spec
        .phases
        .iter()
        .map(|p| format!("{} {:?} {} {}", p.name, p.length, p.shape, p.measured))
        .collect();
    insta::assert_snapshot!(phases.join("\n"), @r"
    warm-up 5s 500/s false
    stairs-1 1.5s 100/s true
    stairs-2 1.5s 500/s true
    peak-before 3.333s 500/s true
    peak 3.333s 5000/s true
    peak-after 3.334s 500/s true
    rise 1s 0/s to 1.5/s true
    full 1s saturated, 16 under way for each talker true
    ");
}

#[test]
fn a_file_that_says_little() {
    let spec = read(SMALL).unwrap();
    assert_eq!(spec.settle, Duration::from_secs(10));
    assert_eq!(spec.crowd.arrive, Rate(2000.0));
    assert_eq!(spec.crowd.sizes, Sizes::Even);
    assert_eq!(spec.roles, Roles::default());
    assert_eq!(spec.messages, Messages::default());
    assert_eq!(spec.trust, Trust::default());
    assert!(spec.gates.is_empty() && spec.allow.is_empty());
    assert!(spec.phases[0].measured);
}

const SMALL: &str = r#"title = "small"
[crowd]
bots = 20
groups = 2
[[phase]]
name = "calm"
for = "1s"
rate = "10/s"
"#;

/// What is said of [`SMALL`] with `from` replaced.
fn small_with(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from));
    read(&SMALL.replace(from, to)).map(|_| ()).unwrap_err()
}

#[test]
fn every_error_of_a_file_at_once() {
    let text = r#"
title = 5
settle = "1ms"
allow = ["lots", "altred"]
gates = ["", 3]
colour = "red"
[crowd]
bots = 0
sizes = "skewd"
arrive = "0.5/s"
[roles]
talkers = "120%"
stalled = { from = "calm" }
dribblers = { share = true, peace = 3 }
[messages]
bytes = [256, 64]
spacing = 4
[[phase]]
name = "lost"
for = "1s"
rate = "10"
[[phase]]
name = "calm"
for = "1500us"
[[phase]]
name = "two words"
for = "1s"
rate = "10/s"
saturate = 4
[trust]
lateness_p99 = "soon"
busy = 95
"#;
    insta::assert_snapshot!(read(text).unwrap_err());
}

#[test]
fn errors_that_need_the_rest_of_the_file() {
    let roles = |roles: &str| small_with("[[phase]]", &format!("[roles]\n{roles}\n[[phase]]"));
    let all = [
        small_with("groups = 2", "groups = 21"),
        small_with("bots = 20", "bots = 4000\narrive = \"60/min\""),
        roles("talkers = 0"),
        roles("talkers = 30"),
        roles("stalled = { share = \"60%\" }\nleavers = { share = 9 }"),
        roles("stalled = { share = 20 }"),
        roles("knockers = { share = 19 }"),
        roles("stalled = { share = 1, from = \"clam\" }"),
        roles("dribblers = { share = 1, every = \"100ms\" }"),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn errors_of_phases() {
    let second = |phase: &str| small_with("[[phase]]", &format!("[[phase]]\n{phase}\n[[phase]]"));
    let all = [
        small_with("rate = \"10/s\"", ""),
        small_with("rate = \"10/s\"", "rate = \"10/s\"\nmeasured = false"),
        small_with("rate = \"10/s\"", "ramp = [\"10/s\"]"),
        small_with("rate = \"10/s\"", "steps = [\"10/s\"]"),
        small_with("rate = \"10/s\"", "saturate = 0"),
        small_with("for = \"1s\"", "for = \"2h\""),
        small_with("for = \"1s\"\nrate", "for = \"200ms\"\nspike = [\"1/s\", \"2/s\"]\nrat"),
        small_with("rate = \"10/s\"", "spike = [\"10/s\", 20]"),
        second("name = \"calm\"\nfor = \"1s\"\nrate = \"1/s\""),
        second("name = \"long\"\nfor = \"1h\"\nrate = \"1/s\""),
        small_with("name = \"calm\"\n", "name = \"healthy\"\n"),
        read("title = \"none\"\n[crowd]\nbots = 1\ngroups = 1\n").unwrap_err(),
        read("title = \"none\"\nphase = 3\n[crowd]\nbots = 1\ngroups = 1\n").unwrap_err(),
        read("title = ").unwrap_err(),
        read("").unwrap_err(),
    ];
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn flags_read_back_as_what_they_say() {
    let flags = Flags {
        bots: 2000,
        groups: 20,
        rate: "1000/s".to_owned(),
        length: "30s".to_owned(),
        arrive: Some("500/s".to_owned()),
        bytes: Some("64..256".to_owned()),
        talkers: Some("20%".to_owned()),
        gates: vec!["delivery.p99 < 20ms".to_owned(), "lost <= 0".to_owned()],
        allow: vec!["disconnected".to_owned()],
    };
    let spec = read(&from_flags(&flags)).unwrap();
    assert_eq!((spec.crowd.bots, spec.crowd.groups, spec.crowd.arrive), (2000, 20, Rate(500.0)));
    assert_eq!((spec.messages.min_bytes, spec.messages.max_bytes), (64, 256));
    assert_eq!(spec.roles.talkers, Share::Percent(20.0));
    assert_eq!(spec.gates, flags.gates);
    assert_eq!(spec.allow, BTreeSet::from([FaultKind::Disconnected]));
    assert_eq!(
        spec.phases,
        [Phase {
            name: "steady".to_owned(),
            length: Duration::from_secs(30),
            shape: Shape::Steady(Rate(1000.0)),
            measured: true,
        }]
    );
}

proptest::proptest! {
    /// A flag's value is never taken for more than a value, whatever is in it.
    #[test]
    fn flags_make_toml_whatever_they_say(value in ".*", number: u32) {
        let flags = Flags {
            bots: number,
            groups: number,
            rate: value.clone(),
            length: value.clone(),
            arrive: Some(value.clone()),
            bytes: Some(value.clone()),
            talkers: Some(value.clone()),
            gates: vec![value.clone(), value.clone()],
            allow: vec![value],
        };
        let text = from_flags(&flags);
        let table: toml::Table = text.parse().unwrap();
        let [phase] = table["phase"].as_array().unwrap().as_slice() else { panic!("{text}") };
        assert_eq!(phase["rate"].as_str(), Some(flags.rate.as_str()));
        assert_eq!(phase["for"].as_str(), Some(flags.length.as_str()));
        assert_eq!(table["gates"].as_array().unwrap().len(), 2);
    }

    /// What is broken gets an error, and no panic.
    #[test]
    fn a_broken_file_is_an_error(from in 0..WHOLE.len(), length in 0_usize..40, put in "[a-z0-9=\"\\[\\]{}.%/-]{0,6}") {
        let end = (from + length).min(WHOLE.len());
        let text = format!("{}{put}{}", &WHOLE[..from], &WHOLE[end..]);
        if let Err(errors) = read(&text) {
            assert!(errors.contains("error"), "{errors}");
        }
    }
}

#[test]
fn the_shipped_files_load() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/load");
    let files = crate::scenario::files_under(&folder).unwrap();
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        let text = crate::scenario::read_text(&file).unwrap();
        assert!(text.starts_with("# "), "{} does not say what it is for", file.display());
        let spec = read(&text).unwrap_or_else(|errors| panic!("{}: {errors}", file.display()));
        assert!(!spec.gates.is_empty(), "{} asks for nothing", file.display());
        let phases: Duration = spec.phases.iter().map(|phase| phase.length).sum();
        let joining = f64::from(spec.crowd.bots) / spec.crowd.arrive.0;
        assert!(phases.as_secs_f64() + joining < 40.0, "{} takes too long", file.display());
    }
}
