//! From a TOML file to a [`Scenario`].

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use toml::de::DeTable;

use super::words::{self, PLAIN_WORDS, Word, WordError};
use super::{
    Act, Action, Admission, Audience, ClientId, ClientSpec, Need, Part, Pattern, RaceMove,
    Scenario, Step, Template, Writing,
};
use crate::diagnostics::{Diagnostic, Source};
use crate::requirements;
use crate::toml_reader::{Table, Value};
use chatroom_protocol::{Alias, GroupId, Password, Refusal};

/// How long a step waits unless it or its file says otherwise. Long, because it costs nothing where
/// nothing is wrong, and a busy machine must not look like a broken server.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// The most clients that one entry with `count` makes: this is for scenarios, not for load.
const MAX_CROWD: u32 = 500;

/// The most repetitions of a step.
const MAX_TIMES: u32 = 100_000;

/// The most bytes that one step sends: they are made before the first is sent.
const MAX_SENT_BYTES: usize = 64 << 20;

const TOP_KEYS: [&str; 6] = ["title", "covers", "needs", "deadline", "client", "act"];
const CLIENT_KEYS: [&str; 6] = ["name", "create", "join", "password", "option", "count"];
const ACT_KEYS: [&str; 4] = ["name", "covers", "repeat", "steps"];
const STEP_KEYS: [&str; 4] = ["race", "fence", "log", "no_log"];

type Result<T, E = Diagnostic> = std::result::Result<T, E>;

/// Reads the file, without asking whether its steps can be played in this order.
pub(super) fn read(source: &Source, name: String) -> Result<Scenario, Vec<Diagnostic>> {
    let document = DeTable::parse(source.text()).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        vec![Diagnostic::new(span, format!("not TOML: {}", error.message()), "here")]
    })?;
    let mut top = Table::new(document.get_ref(), 0..0);
    let mut errors = Vec::new();
    let head = read_head(&mut top);
    let cast = match top.take("client") {
        Some(clients) => Cast::read(&clients, &mut errors),
        None => Cast::default(),
    };
    let acts = read_acts(&mut top, &cast, &mut errors);
    let head = head.map_err(|error| errors.insert(0, error)).ok();
    if let Err(error) = top.finish(&TOP_KEYS) {
        errors.push(error);
    }
    match head {
        Some((title, covers, needs, deadline)) if errors.is_empty() => Ok(Scenario {
            source: source.clone(),
            name,
            title,
            covers,
            needs,
            deadline,
            clients: with_demands(cast.clients, &acts),
            acts,
        }),
        _ => Err(errors),
    }
}

type Head = (String, Vec<String>, Vec<Need>, Duration);

fn read_head(top: &mut Table<'_>) -> Result<Head> {
    let title = top.require("title", "a sentence that says what the scenario shows")?;
    let covers = top.require("covers", "the requirements it shows, such as [\"ORD-1\"]")?;
    let needs = top.take("needs").map_or(Ok(Vec::new()), |needs| read_needs(&needs))?;
    let deadline = top.take("deadline").map_or(Ok(DEFAULT_DEADLINE), |value| value.duration())?;
    if title.string()?.chars().any(char::is_control) {
        return Err(Diagnostic::new(
            title.span(),
            "a title is one line of text",
            "a control character",
        ));
    }
    Ok((title.string()?.to_owned(), read_covers(&covers)?, needs, deadline))
}

fn read_covers(value: &Value<'_>) -> Result<Vec<String>> {
    let known: Vec<&str> = requirements::all().iter().map(|known| known.id.as_str()).collect();
    let mut covers = Vec::new();
    for id in value.strings()? {
        let text = id.string()?;
        if !known.contains(&text) {
            let message = format!("no requirement is called `{text}`");
            let help = "docs/protocol.md lists them";
            let error = Diagnostic::new(id.span(), message, "not in docs/protocol.md");
            let suggested = error.suggest(text, known.iter().copied());
            let far = suggested.help.as_deref().is_none_or(|help| help.starts_with("there is"));
            return Err(if far { suggested.help(help) } else { suggested });
        }
        covers.push(text.to_owned());
    }
    Ok(covers)
}

fn read_needs(value: &Value<'_>) -> Result<Vec<Need>> {
    let needs = value.strings()?;
    needs
        .iter()
        .map(|need| {
            let text = need.string()?;
            Need::ALL.into_iter().find(|known| known.as_str() == text).ok_or_else(|| {
                Diagnostic::new(need.span(), format!("unknown need `{text}`"), "not known")
                    .suggest(text, Need::ALL.map(Need::as_str))
            })
        })
        .collect()
}

/// Who takes part, and which of them a key of the file means.
#[derive(Default)]
struct Cast {
    clients: Vec<ClientSpec>,
    keys: Vec<(String, Range<ClientId>)>,
}

impl Cast {
    fn read(value: &Value<'_>, errors: &mut Vec<Diagnostic>) -> Cast {
        let mut cast = Cast::default();
        let mut table = match value.table() {
            Ok(table) => table,
            Err(error) => {
                errors.push(error);
                return cast;
            }
        };
        for (key, key_span, value) in table.take_rest() {
            match read_client(key, key_span, &value) {
                Ok(members) => {
                    if let Err(error) = cast.add(key, members, value.span()) {
                        errors.push(error);
                    }
                }
                Err(error) => {
                    errors.push(error);
                    // Its steps are not to be blamed for it.
                    cast.keys.push((key.to_owned(), 0..0));
                }
            }
        }
        for client in &cast.clients {
            if let Some(error) = cast.unknown_client_in(client, value) {
                errors.push(error);
                break;
            }
        }
        cast
    }

    /// Adds the clients that a key stands for. Each of a crowd can be named, too.
    fn add(&mut self, key: &str, members: Vec<ClientSpec>, span: Range<usize>) -> Result<()> {
        let own: Vec<&str> = members.iter().map(|member| member.key.as_str()).collect();
        if let Some(taken) = own.into_iter().chain([key]).find(|key| self.members(key).is_some()) {
            let message = format!("two clients would be called `{taken}`");
            return Err(Diagnostic::new(span, message, "the second one").help("rename one of them"));
        }
        let first = self.clients.len();
        for (place, member) in members.iter().enumerate() {
            if member.key != key {
                self.keys.push((member.key.clone(), first + place..first + place + 1));
            }
        }
        self.keys.push((key.to_owned(), first..first + members.len()));
        self.clients.extend(members);
        Ok(())
    }

    /// An error when a client's definition names one that is not there.
    fn unknown_client_in(&self, client: &ClientSpec, value: &Value<'_>) -> Option<Diagnostic> {
        let templates: Vec<&Template> = match &client.part {
            Part::Join { name, group, password } => vec![name, group, password],
            Part::Create { name, password } => vec![name, password],
            Part::Choose { .. } | Part::Wire => Vec::new(),
        };
        let unknown = templates.iter().flat_map(|template| template.clients()).find(|name| {
            self.keys.iter().all(|(key, members)| key != name || members.len() != 1)
        })?;
        let message = format!("`{}` names the client `{unknown}`, which is not there", client.key);
        Some(
            Diagnostic::new(value.span(), message, "in these clients")
                .suggest(unknown, self.keys()),
        )
    }

    fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(key, _)| key.as_str())
    }

    fn members(&self, key: &str) -> Option<Vec<ClientId>> {
        self.keys
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, members)| members.clone().collect())
    }

    /// The clients that `value` names.
    fn find(&self, value: &Value<'_>) -> Result<Vec<ClientId>> {
        let mut found = Vec::new();
        for name in value.strings()? {
            let key = name.string()?;
            found.extend(self.members(key).ok_or_else(|| self.unknown(key, name.span()))?);
        }
        let mut seen = BTreeSet::new();
        found.retain(|client| seen.insert(*client));
        Ok(found)
    }

    fn find_one(&self, value: &Value<'_>) -> Result<ClientId> {
        match self.find(value)?.as_slice() {
            [one] => Ok(*one),
            _ => Err(Diagnostic::new(value.span(), "this takes one client", "not one client")),
        }
    }

    fn unknown(&self, key: &str, span: Range<usize>) -> Diagnostic {
        Diagnostic::new(span, format!("no client is called `{key}`"), "not in [client]")
            .suggest(key, self.keys())
    }
}

fn read_client(key: &str, key_span: Range<usize>, value: &Value<'_>) -> Result<Vec<ClientSpec>> {
    check_client_key(key, key_span)?;
    let mut table = value.table()?;
    let count = table.take("count").map(|count| count.integer(1..=MAX_CROWD)).transpose()?;
    if let Some((key, span)) = table.left().find(|(key, _)| !CLIENT_KEYS.contains(key)) {
        return Err(Diagnostic::new(span, format!("unknown key `{key}`"), "not a client's")
            .suggest(key, CLIENT_KEYS));
    }
    let part = read_part(&mut table)?;
    let spec = |key: String, part: Part| ClientSpec {
        key,
        part,
        stops_reading: false,
        needs_socket: false,
    };
    match count {
        None => Ok(vec![spec(key.to_owned(), part)]),
        Some(count) => Ok((1..=count)
            .map(|number| spec(format!("{key}{number}"), numbered(&part, number)))
            .collect()),
    }
}

fn check_client_key(key: &str, span: Range<usize>) -> Result<()> {
    if STEP_KEYS.contains(&key) || MODIFIERS.contains(&key) {
        return Err(Diagnostic::new(
            span,
            format!("`{key}` is a word of steps"),
            "not a client's name",
        ));
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.is_empty()
        || !key.chars().all(fits)
        || !key.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        return Err(Diagnostic::new(span, "a client's key is a word", "not letters and digits")
            .help("it also names the file of its transcript: letters, digits, `-` and `_`"));
    }
    Ok(())
}

fn read_part(table: &mut Table<'_>) -> Result<Part> {
    let option = table.take("option");
    let name = table.take("name");
    let create = table.take("create").map(|create| create.bool()).transpose()?;
    let join = table.take("join");
    let password = table.take("password");
    if let Some(option) = option {
        let others = [&name, &join, &password];
        if create.is_some() || others.iter().any(|other| other.is_some()) {
            let message = "a client that only chooses an `option` is asked nothing else";
            return Err(Diagnostic::new(option.span(), message, "beside other answers"));
        }
        return Ok(Part::Choose { option: option.string()?.to_owned() });
    }
    match (name, create.unwrap_or(false), join, password) {
        (None, false, None, None) => Ok(Part::Wire),
        (Some(name), true, None, Some(password)) => {
            Ok(Part::Create { name: name_of(&name)?, password: password_of(&password)? })
        }
        (Some(name), false, Some(group), Some(password)) => Ok(Part::Join {
            name: name_of(&name)?,
            group: group_of(&group)?,
            password: password_of(&password)?,
        }),
        _ => {
            let message = "this is no whole set of answers";
            Err(Diagnostic::new(table.span(), message, "a client's answers").help(
                "a client has `name`, `password` and either `create = true` or `join = ID`; or only \
                 `option`; or nothing, and then speaks for itself with `connect`",
            ))
        }
    }
}

fn template_of(value: &Value<'_>) -> Result<Template> {
    Template::parse(value.string()?)
        .map_err(|why| Diagnostic::new(value.span(), why, "in this text"))
}

fn name_of(value: &Value<'_>) -> Result<Template> {
    checked(value, |name| name.parse::<Alias>().err().map(|error| error.to_string()))
}

fn password_of(value: &Value<'_>) -> Result<Template> {
    checked(value, |password| password.parse::<Password>().err().map(|error| error.to_string()))
}

fn group_of(value: &Value<'_>) -> Result<Template> {
    if value.is_integer() {
        let id = value.integer(0..=u32::MAX)?.to_string();
        return Ok(Template::parse(&id).expect("digits have no braces"));
    }
    checked(value, |id| id.parse::<GroupId>().err().map(|error| error.to_string()))
}

/// A template whose text, where it has no blanks, keeps the protocol's rule: the terminal program
/// would ask again otherwise.
fn checked(value: &Value<'_>, rule: impl Fn(&str) -> Option<String>) -> Result<Template> {
    let template = template_of(value)?;
    match template.as_plain().and_then(rule) {
        None => Ok(template),
        Some(why) => Err(Diagnostic::new(value.span(), why, "the program would ask again")
            .help("to send it all the same, use a client without answers and `connect`")),
    }
}

/// The part of the `number`th of a crowd, whose name holds `{n}`.
fn numbered(part: &Part, number: u32) -> Part {
    let fill = |template: &Template| {
        let text = template.to_string().replace("{n}", &number.to_string());
        Template::parse(&text).unwrap_or_else(|_| template.clone())
    };
    match part {
        Part::Join { name, group, password } => {
            Part::Join { name: fill(name), group: group.clone(), password: password.clone() }
        }
        Part::Create { name, password } => {
            Part::Create { name: fill(name), password: fill(password) }
        }
        other => other.clone(),
    }
}

fn read_acts(top: &mut Table<'_>, cast: &Cast, errors: &mut Vec<Diagnostic>) -> Vec<Act> {
    let acts = top.require("act", "a scenario has at least one [[act]]").and_then(|v| v.array());
    let acts = acts.map_err(|error| errors.push(error)).unwrap_or_default();
    let mut read = Vec::new();
    for act in &acts {
        match read_act(act, cast, errors) {
            Ok(act) => read.push(act),
            Err(error) => errors.push(error),
        }
    }
    read
}

fn read_act(value: &Value<'_>, cast: &Cast, errors: &mut Vec<Diagnostic>) -> Result<Act> {
    let mut table = value.table()?;
    let name = table.require("name", "a few words on what happens")?.string()?.to_owned();
    let covers = table.take("covers").map_or(Ok(Vec::new()), |covers| read_covers(&covers))?;
    let steps = table.require("steps", "a list of what the clients do")?.array()?;
    let repeat = table.take("repeat").map_or(Ok(1), |repeat| repeat.integer(1..=MAX_TIMES))?;
    let known = ACT_KEYS;
    if let Some((key, span)) = table.left().next() {
        let error = Diagnostic::new(span, format!("unknown key `{key}`"), "not known in an act");
        return Err(error.suggest(key, known));
    }
    if steps.is_empty() {
        return Err(Diagnostic::new(
            table.span(),
            "an act without steps shows nothing",
            "no steps",
        ));
    }
    let mut read = Vec::new();
    for step in &steps {
        match read_step(step, cast) {
            Ok(step) => read.push(step),
            Err(error) => errors.push(error),
        }
    }
    Ok(Act { name, covers, span: value.span(), steps: read, repeat })
}

/// Everything a step can say beside what it does.
const MODIFIERS: [&str; 9] =
    ["refused", "as", "seen_by", "write", "times", "order", "maybe", "nothing_for", "within"];

/// What a step says beside what it does, by modifier.
struct Modifiers<'t> {
    table: Table<'t>,
    /// What they may be here.
    allowed: Vec<&'static str>,
}

impl<'t> Modifiers<'t> {
    fn take(&mut self, key: &'static str) -> Option<Value<'t>> {
        self.allowed.push(key);
        self.table.take(key)
    }

    fn within(&mut self) -> Result<Option<Duration>> {
        self.take("within").map(|value| value.duration()).transpose()
    }

    fn times(&mut self) -> Result<u32> {
        self.take("times").map_or(Ok(1), |times| times.integer(1..=MAX_TIMES))
    }

    fn seen_by(&mut self, cast: &Cast) -> Result<Audience> {
        match self.take("seen_by") {
            None => Ok(Audience::Unsaid),
            Some(value) if !value.is_array() && value.string()? == "group" => Ok(Audience::Group),
            Some(value) => cast.find(&value).map(Audience::Clients).map_err(|error| {
                error.help("name clients, or write seen_by = \"group\" for all in the group")
            }),
        }
    }

    /// An error for what is left.
    fn finish(self) -> Result<()> {
        let Some((key, span)) = self.table.left().next() else { return Ok(()) };
        let message = if MODIFIERS.contains(&key) {
            format!("`{key}` means nothing in this step")
        } else {
            format!("unknown word `{key}`")
        };
        Err(Diagnostic::new(span, message, "not here").suggest(key, self.allowed))
    }
}

fn read_step(value: &Value<'_>, cast: &Cast) -> Result<Step> {
    let mut table = value.table()?;
    let subject = table
        .left()
        .map(|(key, _)| key)
        .find(|key| STEP_KEYS.contains(key) || cast.members(key).is_some());
    let Some(subject) = subject else { return Err(no_subject(&table, cast)) };
    let what = table.take(subject).expect("the key was just seen in the table");
    if let Some((second, span)) = table.left().find(|(key, _)| cast.members(key).is_some()) {
        let message = format!("one step, one client: `{subject}` and `{second}`");
        return Err(Diagnostic::new(span, message, "a second one").help("write two steps"));
    }
    let mut modifiers = Modifiers { table, allowed: Vec::new() };
    let within = modifiers.within()?;
    let action = match subject {
        "race" => read_race(&what, cast)?,
        "fence" => read_fence(&what, &mut modifiers, cast)?,
        "log" => Action::Log { pattern: log_pattern(&what, cast)?, absent: false },
        "no_log" => Action::Log { pattern: log_pattern(&what, cast)?, absent: true },
        client => {
            let who = cast.members(client).expect("the key was found among the clients");
            read_deed(who, &what, &mut modifiers, cast)?
        }
    };
    modifiers.finish()?;
    Ok(Step { span: value.span(), within, action })
}

fn no_subject(table: &Table<'_>, cast: &Cast) -> Diagnostic {
    match table.left().find(|(key, _)| !MODIFIERS.contains(key)) {
        Some((key, span)) => {
            Diagnostic::new(span, format!("`{key}` is no client and no word of a step"), "unknown")
                .suggest(key, cast.keys().chain(STEP_KEYS))
        }
        None => Diagnostic::new(table.span(), "a step without a subject", "nobody does anything")
            .help("a step starts with a client, or with race, fence, log or no_log"),
    }
}

/// What one client, or each of a crowd, does.
fn read_deed(
    who: Vec<ClientId>,
    what: &Value<'_>,
    modifiers: &mut Modifiers<'_>,
    cast: &Cast,
) -> Result<Action> {
    let mut words = Vec::new();
    for value in what.strings()? {
        words.push((read_word(&value, Word::parse)?, value));
    }
    match words.as_slice() {
        [] => Err(Diagnostic::new(what.span(), "nothing is done", "an empty list")),
        [(Word::Type(_), _), ..] => read_send(who, words, false, modifiers, cast),
        [(Word::Raw(_), _), ..] => read_send(who, words, true, modifiers, cast),
        [(Word::Receive(_), _), ..] => read_receive(who, words, modifiers, cast),
        [(word, _)] => read_single(who, word, modifiers, cast),
        [_, (_, second), ..] => {
            Err(Diagnostic::new(second.span(), "only `>` and `<` come in lists", "a second word")
                .help("write a step for each"))
        }
    }
}

fn read_word<T>(value: &Value<'_>, parse: impl Fn(&str) -> Result<T, WordError>) -> Result<T> {
    let text = value.string()?;
    parse(text).map_err(|error| match error {
        WordError::Bad(why) => Diagnostic::new(value.span(), why, "here"),
        WordError::Unknown => {
            let first = text.split(' ').next().unwrap_or(text);
            Diagnostic::new(value.span(), format!("unknown word `{first}`"), "not a word of steps")
                .suggest(text, PLAIN_WORDS.into_iter().chain(["> text", ">> bytes", "< line"]))
        }
    })
}

fn read_single(
    who: Vec<ClientId>,
    word: &Word,
    modifiers: &mut Modifiers<'_>,
    cast: &Cast,
) -> Result<Action> {
    Ok(match word {
        Word::Connect => Action::Connect { who },
        Word::Login => Action::Login {
            who,
            admission: read_admission(modifiers, cast)?,
            seen_by: modifiers.seen_by(cast)?,
        },
        Word::Go(how) => Action::Leave { who, how: *how, seen_by: modifiers.seen_by(cast)? },
        Word::Closed => Action::Closed { who },
        Word::Exit(status) => Action::Exit { who, status: *status },
        Word::StopReading => Action::StopReading { who },
        Word::Type(_) | Word::Raw(_) | Word::Receive(_) => {
            unreachable!("words with an arrow are read before")
        }
    })
}

fn read_admission(modifiers: &mut Modifiers<'_>, cast: &Cast) -> Result<Admission> {
    let name = modifiers.take("as").map(|name| {
        let template = template_of(&name)?;
        check_blanks(&template, 1, cast, &name)?;
        Ok(template)
    });
    let name = name.transpose()?;
    let Some(refused) = modifiers.take("refused") else {
        return Ok(Admission::Admitted { name });
    };
    let text = refused.string()?;
    Refusal::parse(text).map(Admission::Refused).ok_or_else(|| {
        let words = Refusal::ALL.map(|reason| reason.to_string());
        Diagnostic::new(refused.span(), format!("no refusal is called `{text}`"), "not a reason")
            .suggest(text, words.iter().map(String::as_str))
    })
}

fn read_send(
    who: Vec<ClientId>,
    words: Vec<(Word, Value<'_>)>,
    raw: bool,
    modifiers: &mut Modifiers<'_>,
    cast: &Cast,
) -> Result<Action> {
    let times = modifiers.times()?;
    let mut lines = Vec::new();
    for (word, value) in words {
        let line = match (word, raw) {
            (Word::Type(line), false) | (Word::Raw(line), true) => line,
            _ => {
                let message = "a list is all `>`, all `>>` or all `<`";
                return Err(Diagnostic::new(value.span(), message, "of another kind"));
            }
        };
        check_line(&line, raw, times, cast, &value)?;
        lines.push(line);
    }
    let bytes: usize = lines.iter().map(Template::least_bytes).sum();
    if bytes.saturating_mul(times as usize) > MAX_SENT_BYTES {
        let message = format!("this step sends more than {MAX_SENT_BYTES} bytes");
        let span = modifiers.table.span();
        return Err(Diagnostic::new(span, message, "too much at once")
            .help("send less, and let somebody read it, in an act with `repeat`"));
    }
    let writing = modifiers.take("write").map_or(Ok(Writing::AtOnce), |value| {
        let text = value.string()?;
        words::parse_writing(text).ok_or_else(|| {
            Diagnostic::new(value.span(), format!("`{text}` is no way to write"), "not known")
                .help("there is \"1 byte every 2ms\", \"random pieces\" and \"at once\"")
        })
    })?;
    let seen_by = modifiers.seen_by(cast)?;
    Ok(Action::Send { who, lines, raw, writing, times, seen_by })
}

fn check_line(
    line: &Template,
    raw: bool,
    times: u32,
    cast: &Cast,
    value: &Value<'_>,
) -> Result<()> {
    check_blanks(line, times, cast, value)?;
    if raw {
        words::unescape(&line.to_string())
            .map_err(|why| Diagnostic::new(value.span(), why, "in these bytes"))?;
    }
    Ok(())
}

fn check_blanks(text: &Template, times: u32, cast: &Cast, value: &Value<'_>) -> Result<()> {
    let is_one = |client: &str| cast.members(client).is_some_and(|members| members.len() == 1);
    if let Some(unknown) = text.clients().find(|client| !is_one(client)) {
        return Err(cast.unknown(unknown, value.span()));
    }
    if text.counts() && times == 1 {
        let message = "`{n}` counts, but this step happens once";
        return Err(Diagnostic::new(value.span(), message, "here").help("add `times = 20`"));
    }
    Ok(())
}

fn read_receive(
    who: Vec<ClientId>,
    words: Vec<(Word, Value<'_>)>,
    modifiers: &mut Modifiers<'_>,
    cast: &Cast,
) -> Result<Action> {
    let times = modifiers.take("times");
    let mut patterns = Vec::new();
    for (word, value) in words {
        let Word::Receive(pattern) = word else {
            let message = "a list is all `>`, all `>>` or all `<`";
            return Err(Diagnostic::new(value.span(), message, "of another kind"));
        };
        if let Pattern::Exact(text) = &pattern {
            check_blanks(text, if times.is_some() { 2 } else { 1 }, cast, &value)?;
        }
        patterns.push(pattern);
    }
    let any_order = match modifiers.take("order") {
        None => false,
        Some(order) if order.string()? == "any" => true,
        Some(order) => {
            return Err(Diagnostic::new(
                order.span(),
                "the only other order is \"any\"",
                "not known",
            ));
        }
    };
    let times = read_each_times(times, patterns.len(), any_order)?;
    let maybe = modifiers.take("maybe").map(|maybe| read_line(&maybe, cast)).transpose()?;
    Ok(Action::Receive { who, patterns, times, any_order, maybe })
}

/// A `<` word and nothing else.
fn read_line(value: &Value<'_>, cast: &Cast) -> Result<Pattern> {
    match read_word(value, Word::parse)? {
        Word::Receive(pattern) => {
            if let Pattern::Exact(text) = &pattern {
                check_blanks(text, 1, cast, value)?;
            }
            Ok(pattern)
        }
        _ => Err(Diagnostic::new(value.span(), "only a line can come", "not a `<` line")),
    }
}

/// How often each line comes: one number for all, or a list with one for each.
fn read_each_times(value: Option<Value<'_>>, lines: usize, any_order: bool) -> Result<Vec<u32>> {
    let Some(value) = value else { return Ok(vec![1; lines]) };
    if !value.is_array() {
        return Ok(vec![value.integer(1..=MAX_TIMES)?; lines]);
    }
    let times: Vec<u32> =
        value.array()?.iter().map(|times| times.integer(1..=MAX_TIMES)).collect::<Result<_>>()?;
    if times.len() != lines || !any_order {
        let message = "a list of times has one number for each line, and goes with order = \"any\"";
        return Err(Diagnostic::new(value.span(), message, format!("{lines} lines here")));
    }
    Ok(times)
}

fn read_race(value: &Value<'_>, cast: &Cast) -> Result<Action> {
    let mut table = value.table()?;
    let mut parts: Vec<(ClientId, Vec<RaceMove>)> = Vec::new();
    for (key, span, moves) in table.take_rest() {
        let who = cast.members(key).ok_or_else(|| cast.unknown(key, span.clone()))?;
        if let Some((again, _)) = parts.iter().find(|(racer, _)| who.contains(racer)) {
            let racer = &cast.clients[*again].key;
            let message = format!("`{racer}` is in this race twice");
            return Err(Diagnostic::new(span, message, "the second time")
                .help("write all its moves in one list"));
        }
        let mut read = Vec::new();
        let mut said = BTreeSet::new();
        for word in moves.strings()? {
            let step = read_word(&word, words::parse_race_move)?;
            if let RaceMove::Type(text) = &step {
                check_blanks(text, 1, cast, &word)?;
                if !said.insert(text.to_string()) {
                    let message = "in a race, nobody says the same thing twice";
                    let error = Diagnostic::new(word.span(), message, "said before");
                    return Err(
                        error.help("two equal lines could not be told apart in what comes back")
                    );
                }
            }
            read.push(step);
        }
        parts.extend(who.into_iter().map(|who| (who, read.clone())));
    }
    if parts.len() < 2 {
        return Err(Diagnostic::new(value.span(), "a race takes at least two", "not a race"));
    }
    Ok(Action::Race { parts })
}

fn read_fence(value: &Value<'_>, modifiers: &mut Modifiers<'_>, cast: &Cast) -> Result<Action> {
    let who = cast.find_one(value)?;
    let nothing_for = modifiers.take("nothing_for");
    let nothing_for = nothing_for.map_or(Ok(Vec::new()), |value| cast.find(&value))?;
    Ok(Action::Fence { who, nothing_for })
}

fn log_pattern(value: &Value<'_>, cast: &Cast) -> Result<Pattern> {
    let pattern = read_word(value, words::pattern)?;
    if let Pattern::Exact(text) = &pattern {
        check_blanks(text, 1, cast, value)?;
        if text.names_itself() {
            let message = "`{me}` is whose step this is, and this is nobody's";
            return Err(Diagnostic::new(value.span(), message, "here")
                .help("name the client, as in `{noya.name}`"));
        }
    }
    Ok(pattern)
}

/// Notes in each client what its steps demand of it.
fn with_demands(mut clients: Vec<ClientSpec>, acts: &[Act]) -> Vec<ClientSpec> {
    for step in acts.iter().flat_map(|act| &act.steps) {
        match &step.action {
            Action::StopReading { who } => {
                for who in who {
                    clients[*who].stops_reading = true;
                    clients[*who].needs_socket = true;
                }
            }
            Action::Connect { who }
            | Action::Closed { who }
            | Action::Leave {
                who,
                how: super::Departure::Reset | super::Departure::HalfClose,
                ..
            }
            | Action::Send { who, raw: true, .. }
            | Action::Send {
                who, writing: Writing::Pieces { .. } | Writing::RandomPieces, ..
            } => {
                who.iter().for_each(|who| clients[*who].needs_socket = true);
            }
            Action::Send { who, lines, .. } if lines.len() > 1 => {
                who.iter().for_each(|who| clients[*who].needs_socket = true);
            }
            _ => {}
        }
    }
    clients
}
