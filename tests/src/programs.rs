//! The programs of this workspace, built when they are first asked for.
//!
//! Cargo builds no other package's programs for a test, so the tests ask it to themselves: once for
//! each test binary, and where nothing has changed it only looks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use escargot::format::Message;

use crate::workspace;

/// The simulator.
#[must_use]
pub fn simulator() -> &'static Path {
    program("simulator")
}

/// The reference server.
#[must_use]
pub fn server() -> &'static Path {
    program("chatroom-server")
}

/// The terminal program. It stands beside the simulator.
#[must_use]
pub fn client() -> &'static Path {
    program("chatroom-client")
}

/// The gallery's program: a server with a fault, or with none.
#[must_use]
pub fn flawed_server() -> &'static Path {
    program("flawed-server")
}

/// A server that delays chosen copies, or spoils them.
#[must_use]
pub fn tampering_server() -> &'static Path {
    program("tampering-server")
}

fn program(name: &str) -> &'static Path {
    static PROGRAMS: OnceLock<HashMap<String, PathBuf>> = OnceLock::new();
    let programs = PROGRAMS.get_or_init(|| match build(&Place::of_this_test()) {
        Ok(programs) => programs,
        Err(error) => panic!("the workspace's programs cannot be built: {error}"),
    });
    let Some(program) = programs.get(name) else { panic!("the workspace has no program `{name}`") };
    program
}

/// Builds all programs, and says where each is.
fn build(place: &Place) -> escargot::error::CargoResult<HashMap<String, PathBuf>> {
    let cargo = escargot::CargoBuild::new()
        .manifest_path(workspace::root().join("Cargo.toml"))
        // The features that cargo turns on in a dependency depend on what is built with it. With a
        // test in it this is what `cargo test --workspace` has built, and nothing is built twice.
        .args(["--quiet", "--workspace", "--bins", "--test", "acceptance"])
        .target_dir(&place.target_dir)
        .profile(&place.profile);
    let cargo = if place.is_for_a_named_target { cargo.current_target() } else { cargo };
    let mut programs = HashMap::new();
    for message in cargo.exec()? {
        if let Message::CompilerArtifact(artifact) = message?.decode()?
            && artifact.target.kind.iter().any(|kind| kind == "bin")
            && let Some(executable) = artifact.executable
        {
            programs.insert(artifact.target.name.into_owned(), executable.into_owned());
        }
    }
    Ok(programs)
}

/// Where cargo put the test that is running, and so where it has what the test was built from.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    target_dir: PathBuf,
    profile: String,
    /// Whether it was built with `--target`.
    is_for_a_named_target: bool,
}

impl Place {
    fn of_this_test() -> Place {
        let test = std::env::current_exe().expect("the system knows the file of a running program");
        Place::of(&test).unwrap_or_else(|| panic!("cargo does not put tests in {}", test.display()))
    }

    /// The place of a test in `target/debug/deps`, or in `target/TARGET/debug/deps`.
    fn of(test: &Path) -> Option<Place> {
        let profile_dir = test.parent()?.parent()?;
        let above = profile_dir.parent()?;
        let is_for_a_named_target = above.ends_with(escargot::CURRENT_TARGET);
        let target_dir = if is_for_a_named_target { above.parent()? } else { above };
        let profile = match profile_dir.file_name()?.to_str()? {
            // The one profile whose folder has another name.
            "debug" => "dev",
            name => name,
        };
        Some(Place {
            target_dir: target_dir.to_owned(),
            profile: profile.to_owned(),
            is_for_a_named_target,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tests_path_says_how_it_was_built() {
        let place = |profile: &str, is_for_a_named_target| {
            let (target_dir, profile) = (PathBuf::from("target"), profile.to_owned());
            Some(Place { target_dir, profile, is_for_a_named_target })
        };
        assert_eq!(Place::of(Path::new("target/debug/deps/x-1")), place("dev", false));
        assert_eq!(Place::of(Path::new("target/release/deps/x-1")), place("release", false));
        let path = Path::new("target").join(escargot::CURRENT_TARGET).join("bench/deps/x-1");
        assert_eq!(Place::of(&path), place("bench", true));
        assert_eq!(Place::of(Path::new("x-1")), None);
    }
}
