//! Text with blanks that are filled in while a scenario is played: `{noya.group}`, `{x*1024}`.

use std::fmt;

/// A text with blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    written: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Blank(Blank),
}

/// Something to fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Blank {
    /// `{noya.group}`: the id of the group that a client is in.
    GroupOf(String),
    /// `{noya.name}`: the name that the server gave to a client.
    NameOf(String),
    /// `{group 2}`: the id that is 2 on a server that has just started.
    Group(u32),
    /// `{me}`: the name of the client whose step this is.
    Me,
    /// `{n}`: 1, 2, 3 ... in a step with `times`.
    Count,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// A fragment that says what is wrong with a blank.
    pub(crate) fn parse(written: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = written;
        while let Some(brace) = rest.find(['{', '}']) {
            text.push_str(&rest[..brace]);
            let (here, after) = (&rest[brace..], &rest[brace + 1..]);
            if here.starts_with("{{") || here.starts_with("}}") {
                text.push_str(&here[..1]);
                rest = &here[2..];
            } else if here.starts_with('}') {
                return Err("a `}` that closes nothing; write `}}` for the character".to_owned());
            } else {
                let (blank, after) = after.split_once('}').ok_or_else(|| {
                    "a `{` that is not closed; write `{{` for the character".to_owned()
                })?;
                match parse_repeat(blank)? {
                    Some(repeated) => text.push_str(&repeated),
                    None => {
                        parts.push(Part::Text(std::mem::take(&mut text)));
                        parts.push(Part::Blank(parse_blank(blank)?));
                    }
                }
                rest = after;
            }
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Ok(Template { written: written.to_owned(), parts })
    }

    /// The text with its blanks filled in.
    pub(crate) fn fill<E>(&self, fill: impl Fn(&Blank) -> Result<String, E>) -> Result<String, E> {
        self.parts.iter().try_fold(String::new(), |mut text, part| {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Blank(blank) => text.push_str(&fill(blank)?),
            }
            Ok(text)
        })
    }

    /// The text, if it has no blanks.
    pub(crate) fn as_plain(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The clients that are named in blanks.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Blank(Blank::GroupOf(client) | Blank::NameOf(client)) => Some(client.as_str()),
            _ => None,
        })
    }

    /// How many bytes the text has at least, whatever its blanks are filled with.
    pub(crate) fn least_bytes(&self) -> usize {
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.len(),
                Part::Blank(_) => 0,
            })
            .sum()
    }

    /// Whether the text names the client whose step it is in.
    pub(crate) fn names_itself(&self) -> bool {
        self.parts.contains(&Part::Blank(Blank::Me))
    }

    /// Whether the text counts the repetitions of its step.
    pub(crate) fn counts(&self) -> bool {
        self.parts.contains(&Part::Blank(Blank::Count))
    }
}

/// The template as it was written.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// The most that `{x*N}` may make: well past any limit of the protocol, and no threat to memory.
const MAX_REPEATED_BYTES: usize = 1 << 20;

/// `x*1024`, filled in at once because it never changes.
fn parse_repeat(blank: &str) -> Result<Option<String>, String> {
    let Some((text, times)) = blank.rsplit_once('*') else { return Ok(None) };
    let too_much = || format!("`{{{blank}}}` is not a text, `*` and a number of times");
    let times: usize = times.parse().map_err(|_| too_much())?;
    match text.len().checked_mul(times) {
        Some(bytes) if bytes <= MAX_REPEATED_BYTES && !text.is_empty() => {
            Ok(Some(text.repeat(times)))
        }
        _ => Err(format!("`{{{blank}}}` makes nothing, or more than {MAX_REPEATED_BYTES} bytes")),
    }
}

fn parse_blank(blank: &str) -> Result<Blank, String> {
    let unknown = || {
        format!(
            "nothing known by `{{{blank}}}`; there is `{{client.group}}`, `{{client.name}}`, \
             `{{me}}`, `{{n}}`, `{{group 2}}` and `{{x*1024}}`"
        )
    };
    if let Some(number) = blank.strip_prefix("group ") {
        return number.parse().map(Blank::Group).map_err(|_| unknown());
    }
    match blank.split_once('.') {
        Some((client, "group")) => Ok(Blank::GroupOf(client.to_owned())),
        Some((client, "name")) => Ok(Blank::NameOf(client.to_owned())),
        None if blank == "me" => Ok(Blank::Me),
        None if blank == "n" => Ok(Blank::Count),
        _ => Err(unknown()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(written: &str) -> String {
        let name = |blank: &Blank| Ok::<_, ()>(format!("<{blank:?}>"));
        Template::parse(written).unwrap().fill(name).unwrap()
    }

    #[test]
    fn blanks_are_filled() {
        assert_eq!(filled("join {noya.group}!"), "join <GroupOf(\"noya\")>!");
        assert_eq!(filled("{me} {n} {group 2}"), "<Me> <Count> <Group(2)>");
        assert_eq!(filled("{ab*3}|{{me}}"), "ababab|{me}");
        assert_eq!(Template::parse("{x*5}").unwrap().as_plain(), Some("xxxxx"));
    }

    #[test]
    fn what_is_no_blank_says_why() {
        for bad in ["{", "}", "{me", "{nobody}", "{noya.age}", "{x*}", "{x*99999999999}", "{*3}"] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }
}
