//! Names in use, and how a name that is taken becomes a free one.

use std::collections::{BTreeSet, HashMap, HashSet};

use chatroom_protocol::{Alias, AssignedName};

/// The names in use on a server (NAME-2).
///
/// Who asks for a name in use gets the smallest count that makes it free: `Noya+1-` (NAME-3). To
/// try the counts in turn would take a thousand steps for the thousandth `Noya`, so for every name
/// that was ever asked for twice, its [`Series`] remembers which counts may be free.
#[derive(Debug, Default)]
pub(crate) struct Names {
    in_use: HashSet<AssignedName>,
    series: HashMap<String, Series>,
}

/// The counts given to those who asked for one name.
///
/// Every count below `next` that is not in `released` is in use. The others are candidates: a
/// client may have asked for `Noya+1-` itself, so each is looked up before it is given.
#[derive(Debug)]
struct Series {
    next: u32,
    released: BTreeSet<u32>,
}

impl Names {
    /// Takes a free name for a client that asks for `alias`.
    pub(crate) fn claim(&mut self, alias: &Alias) -> AssignedName {
        let unchanged = AssignedName::unchanged(alias);
        if self.in_use.insert(unchanged.clone()) {
            return unchanged;
        }
        let series = self.series.entry(alias.as_str().to_owned()).or_default();
        loop {
            // Ends, because every step takes one candidate and fewer names than counts are in use.
            let name = AssignedName::counted(alias, series.take());
            if self.in_use.insert(name.clone()) {
                return name;
            }
        }
    }

    /// Makes `name` free again.
    pub(crate) fn release(&mut self, name: &AssignedName) {
        self.in_use.remove(name);
        let Some((asked, count)) = split_count(name.as_str()) else { return };
        let Some(series) = self.series.get_mut(asked) else { return };
        series.give_back(count);
        if series.is_unused() {
            self.series.remove(asked);
        }
    }
}

impl Default for Series {
    fn default() -> Self {
        Series { next: 1, released: BTreeSet::new() }
    }
}

impl Series {
    /// The smallest count that may be free.
    fn take(&mut self) -> u32 {
        self.released.pop_first().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        })
    }

    fn give_back(&mut self, count: u32) {
        if count < self.next {
            self.released.insert(count);
        }
        // The released counts at the end need no memory.
        while self.next > 1 && self.released.remove(&(self.next - 1)) {
            self.next -= 1;
        }
    }

    fn is_unused(&self) -> bool {
        self.next == 1
    }
}

/// `Noya+12-` as `Noya` and 12; nothing where the name does not end in a count as the server
/// writes it.
fn split_count(name: &str) -> Option<(&str, u32)> {
    let (asked, digits) = name.strip_suffix('-')?.rsplit_once('+')?;
    let canonical = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if canonical { Some((asked, digits.parse().ok()?)) } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn alias(name: &str) -> Alias {
        name.parse().unwrap()
    }

    fn claim(names: &mut Names, name: &str) -> String {
        names.claim(&alias(name)).as_str().to_owned()
    }

    #[test]
    fn the_smallest_free_count_is_taken() {
        let mut names = Names::default();
        assert_eq!(claim(&mut names, "Noya"), "Noya");
        let first = names.claim(&alias("Noya"));
        assert_eq!(first.as_str(), "Noya+1-");
        assert_eq!(claim(&mut names, "Noya"), "Noya+2-");
        names.release(&first);
        assert_eq!(claim(&mut names, "Noya"), "Noya+1-");
        assert_eq!(claim(&mut names, "Noya"), "Noya+3-");
        names.release(&AssignedName::unchanged(&alias("Noya")));
        assert_eq!(claim(&mut names, "Noya"), "Noya");
    }

    #[test]
    fn a_name_that_looks_counted_can_be_asked_for() {
        let mut names = Names::default();
        assert_eq!(claim(&mut names, "Noya+1-"), "Noya+1-");
        assert_eq!(claim(&mut names, "Noya+1-"), "Noya+1-+1-");
        assert_eq!(claim(&mut names, "Noya"), "Noya");
        assert_eq!(claim(&mut names, "Noya"), "Noya+2-");
        names.release(&AssignedName::unchanged(&alias("Noya+1-")));
        assert_eq!(claim(&mut names, "Noya"), "Noya+1-");
    }

    #[test]
    fn names_that_are_gone_take_no_memory() {
        let mut names = Names::default();
        let claimed: Vec<_> = (0..1000).map(|_| names.claim(&alias("Noya"))).collect();
        for name in &claimed {
            names.release(name);
        }
        assert!(names.in_use.is_empty());
        assert!(names.series.is_empty());
    }

    /// What [`Names`] is to do, said as simply as possible.
    fn smallest_free(in_use: &HashSet<AssignedName>, alias: &Alias) -> AssignedName {
        let counted = (1..).map(|count| AssignedName::counted(alias, count));
        std::iter::once(AssignedName::unchanged(alias))
            .chain(counted)
            .find(|name| !in_use.contains(name))
            .expect("there are more counts than names")
    }

    proptest! {
        #[test]
        fn any_comings_and_goings_give_what_the_model_gives(
            steps in proptest::collection::vec((0_usize..6, any::<bool>(), any::<prop::sample::Index>()), 0..200)
        ) {
            let asked = ["N", "N+1-", "N+2-", "N+1-+1-", "N+01-", "N++1-"].map(alias);
            let mut names = Names::default();
            let mut in_use = HashSet::new();
            let mut present: Vec<AssignedName> = Vec::new();
            for (who, comes, which) in steps {
                if comes || present.is_empty() {
                    let expected = smallest_free(&in_use, &asked[who]);
                    let name = names.claim(&asked[who]);
                    prop_assert_eq!(&name, &expected);
                    in_use.insert(name.clone());
                    present.push(name);
                } else {
                    let name = present.swap_remove(which.index(present.len()));
                    names.release(&name);
                    in_use.remove(&name);
                }
            }
            for name in &present {
                names.release(name);
            }
            prop_assert!(names.in_use.is_empty() && names.series.is_empty());
        }
    }
}
