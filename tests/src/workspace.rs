//! Where things are in this workspace.

use std::path::{Path, PathBuf};

/// The workspace's own folder.
///
/// # Panics
///
/// When this package does not stand in a workspace.
#[must_use]
pub fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package's folder stands in the workspace's")
}

/// The folder of the scenarios.
#[must_use]
pub fn scenarios() -> PathBuf {
    root().join("scenarios")
}
