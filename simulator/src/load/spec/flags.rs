//! Flags that take the place of a load file.

use toml::Value;

/// What a command line says in place of a load file. The values are as the user wrote them: the text that
/// [`from_flags`] makes is checked like any other file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// How many bots come.
    pub bots: u32,
    /// Over how many groups they are spread.
    pub groups: u32,
    /// How often somebody in the whole crowd says something, such as `1000/s`.
    pub rate: String,
    /// How long, such as `30s`.
    pub length: String,
    /// How many bots arrive each second, such as `2000/s`.
    pub arrive: Option<String>,
    /// The size of a message: `64`, or the least and the most, `64..256`.
    pub bytes: Option<String>,
    /// How many talk: a number, or a part such as `20%`.
    pub talkers: Option<String>,
    /// What has to hold.
    pub gates: Vec<String>,
    /// The kinds of faults that do not make the run a failure.
    pub allow: Vec<String>,
}

/// The load file that says the same as `flags`.
#[must_use]
pub fn from_flags(flags: &Flags) -> String {
    let Flags { bots, groups, .. } = flags;
    let mut text = format!("title = \"{bots} bots in {groups} groups\"\n");
    push_list(&mut text, "allow", &flags.allow);
    push_list(&mut text, "gates", &flags.gates);
    text.push_str(&format!("\n[crowd]\nbots = {bots}\ngroups = {groups}\n"));
    if let Some(arrive) = &flags.arrive {
        push(&mut text, "arrive", &string(arrive));
    }
    if let Some(talkers) = &flags.talkers {
        text.push_str("\n[roles]\n");
        push(&mut text, "talkers", &number_or_string(talkers));
    }
    if let Some(bytes) = &flags.bytes {
        text.push_str("\n[messages]\n");
        push(&mut text, "bytes", &range(bytes));
    }
    text.push_str("\n[[phase]]\nname = \"steady\"\n");
    push(&mut text, "for", &string(&flags.length));
    push(&mut text, "rate", &string(&flags.rate));
    text
}

fn push(text: &mut String, key: &str, value: &Value) {
    text.push_str(&format!("{key} = {value}\n"));
}

fn push_list(text: &mut String, key: &str, values: &[String]) {
    if !values.is_empty() {
        let values = values.iter().map(|value| string(value)).collect();
        push(text, key, &Value::Array(values));
    }
}

fn string(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn number_or_string(text: &str) -> Value {
    text.trim().parse().map_or_else(|_| string(text), Value::Integer)
}

fn range(text: &str) -> Value {
    match text.split_once("..") {
        None => number_or_string(text),
        Some((least, most)) => Value::Array(vec![number_or_string(least), number_or_string(most)]),
    }
}
