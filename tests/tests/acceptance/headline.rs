//! The two commands that the project stands for are in the README, word for word.

use crate::support::text_of;

#[test]
fn the_readme_has_both_commands() {
    let readme = text_of("README.md");
    for command in
        ["cargo run --release --bin simulator -- run scenarios", "cargo test --workspace"]
    {
        let is_a_line = readme.lines().any(|line| line.trim().trim_start_matches("$ ") == command);
        assert!(is_a_line, "README.md has no line `{command}`");
    }
}
