//! The numbered requirements, read from `docs/protocol.md` itself, so that there is one list.

use std::sync::LazyLock;

/// One requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Its number, such as `ORD-1`.
    pub id: String,
    /// Its sentence.
    pub text: String,
    /// Whether it is a MUST or a MUST NOT.
    pub is_must: bool,
}

static ALL: LazyLock<Vec<Requirement>> =
    LazyLock::new(|| parse(include_str!("../../docs/protocol.md")));

/// Every requirement, in the order of the document.
#[must_use]
pub fn all() -> &'static [Requirement] {
    &ALL
}

/// The requirement with that number.
#[must_use]
pub fn find(id: &str) -> Option<&'static Requirement> {
    all().iter().find(|requirement| requirement.id == id)
}

/// Requirements are list items that start with a bold number: `- **ORD-1** A server MUST ...`.
fn parse(document: &str) -> Vec<Requirement> {
    let items = document.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("** "));
    items
        .filter(|(id, _)| {
            id.split_once('-').is_some_and(|(_, number)| number.parse::<u8>().is_ok())
        })
        .map(|(id, text)| Requirement {
            id: id.to_owned(),
            text: text.trim().to_owned(),
            is_must: text.contains("MUST"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_them() {
        let order = find("ORD-1").unwrap();
        assert!(order.is_must && order.text.starts_with("A server MUST deliver"));
        assert!(all().len() > 40);
        assert!(!find("SLOW-2").unwrap().is_must);
    }

    #[test]
    fn no_number_is_given_twice() {
        let mut ids: Vec<_> = all().iter().map(|requirement| &requirement.id).collect();
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
