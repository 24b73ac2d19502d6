//! Something installed in a sandbox, from the programs that the tests have built.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_cmd::assert::Assert;

use crate::support::Sandbox;

/// The programs, sorted: those of `src/bin`, and those of `extra/` but for the stores.
pub const PROGRAMS: [&str; 10] = [
    "fsync",
    "fsync-apply",
    "fsync-diff",
    "fsync-graph",
    "fsync-mount",
    "fsync-revert",
    "fsync-review",
    "fsync-snap",
    "fsync-tag",
    "fsync-watch",
];

/// The folder of the sources.
pub fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs make in the folder of the sources, with what the tests have built.
pub fn make(s: &Sandbox, target: &str, destination: &Path, prefix: &str) -> Assert {
    s.cmd("make")
        .arg("-sC")
        .arg(top())
        .arg(target)
        .arg(format!("BUILT={}", Sandbox::programs().display()))
        .arg(format!("DESTDIR={}", destination.display()))
        .arg(format!("PREFIX={prefix}"))
        // Whether they are built here is the matter of one test.
        .arg("STORES=no")
        .assert()
}

/// Installed below `stage/usr`; that path.
pub fn staged(s: &Sandbox) -> PathBuf {
    let stage = s.path("stage");
    make(s, "install-built", &stage, "/usr")
        .success()
        .stdout("")
        .stderr("");
    stage.join("usr")
}

/// The manual pages in the sources: their names, and their sections.
pub fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<_> = fs::read_dir(top().join("man"))
        .unwrap()
        .map(|page| {
            let name = page.unwrap().file_name().into_string().unwrap();
            let (name, section) = name.rsplit_once('.').unwrap();
            (name.to_string(), section.to_string())
        })
        .collect();
    pages.sort();
    assert!(pages.len() > 20);
    pages
}

/// The files and folders below `root` with their permissions.
pub fn listed(root: &Path) -> BTreeMap<String, u32> {
    let entries = walkdir::WalkDir::new(root).min_depth(1).into_iter();
    entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.path().strip_prefix(root).unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            (name.to_str().unwrap().to_string(), mode & 0o7777)
        })
        .collect()
}
