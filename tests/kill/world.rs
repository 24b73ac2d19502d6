//! A directory with a history, a source that differs from it in every way, and what must hold of both at any time.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::support::{Oracle, Sandbox};

/// A sandbox with `src`, `dst` and two snapshots of `dst`, and a copy of it all to begin from again.
pub struct World {
    pub s: Sandbox,
    /// Snapshots that were announced, and what `dst` was.
    pub known: Vec<(String, Oracle)>,
}

impl World {
    pub fn new() -> World {
        let s = Sandbox::new();
        let (src, dst) = (s.tree("src"), s.tree("dst"));
        dst.file("stays", "the same")
            .file("edit", "old")
            .file("gone/one", "1")
            .file("gone/two", "2")
            .file("kind/in", "x")
            .file("turned", "a file")
            .link("link", "edit")
            .settle();
        let mut known = vec![(s.snap("dst"), Oracle::of(dst.root()))];
        s.run(&format!("fsync-tag create first {} -d dst", known[0].0))
            .code(0);
        dst.edit("edit", "older, and longer").edit("new/er", "e");
        known.push((s.snap("dst"), Oracle::of(dst.root())));
        src.file("stays", "the same")
            .file("edit", "new contents")
            .file("add/ed", "a")
            .file("add/twin", "shared")
            .hard("twin", "add/twin")
            .file("kind", "now a file")
            .file("turned/in", "now a directory")
            .link("link", "stays")
            .mode("stays", 0o600)
            .settle();
        World { s, known }
    }

    /// Everything is from now on what [`Self::reset`] goes back to.
    pub fn keep(&self) {
        self.s
            .sh("rm -rf kept && mkdir kept && cp -a repo dst kept/")
            .success();
    }

    pub fn reset(&self) {
        self.s
            .sh("rm -rf repo dst second && cp -a kept/repo kept/dst .")
            .success();
    }

    pub fn kept(&self) -> PathBuf {
        self.s.path("kept/dst")
    }

    /// Whatever happened: the repository is whole, and what was announced comes back exactly.
    #[track_caller]
    pub fn holds(&self) {
        self.s.run("fsync -q verify --read-data").code(0).stderr("");
        for (id, oracle) in &self.known {
            let back = format!("fsync-revert -q dst {id} --to out");
            self.s.run(&back).code(0).stderr("");
            oracle.assert_is(self.s.path("out"));
            fs::remove_dir_all(self.s.path("out")).expect("gone");
        }
    }

    /// Nothing lies about that was only being made.
    #[track_caller]
    pub fn nothing_left(&self) {
        assert_eq!(leftovers(&self.s.path(".")), Vec::<PathBuf>::new());
    }
}

/// Panics unless two states are the same, but perhaps for the time of the directory itself: writing its BACKUP moves that
/// for a moment, and a kill in this moment leaves it so.
#[track_caller]
pub fn assert_nearly(expected: &Oracle, found: impl AsRef<Path>) {
    let differs = nearly(expected, &Oracle::of(found.as_ref()));
    assert!(
        differs.is_empty(),
        "expected (left) and found (right):\n{differs}"
    );
}

/// What differs, the time of the directory itself and temporaries left out.
pub fn nearly(one: &Oracle, other: &Oracle) -> String {
    let all = one.differences(other);
    let counts = |line: &&str| {
        let only_time =
            line.starts_with("  \".\" (1 bytes): mtime") && line.matches("; ").count() == 1;
        !only_time && !line.starts_with("  \".fsync-tmp-")
    };
    all.lines().filter(counts).collect::<Vec<_>>().join("\n")
}

/// Whether two states are the same, temporaries left out.
pub fn kept(one: &Oracle, other: &Oracle) -> bool {
    let all = one.differences(other);
    all.lines().all(|line| line.starts_with("  \".fsync-tmp-"))
}

/// Files that were only being made, in trees and in repositories.
pub fn leftovers(root: &Path) -> Vec<PathBuf> {
    let ours = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let in_tmp = path
            .parent()
            .is_some_and(|p| p.ends_with("repo/tmp") || p.ends_with("second/tmp"));
        name.starts_with(".fsync-tmp-") || in_tmp
    };
    walkdir::WalkDir::new(root)
        .into_iter()
        .flatten()
        .map(|entry| entry.into_path())
        .filter(|path| ours(path))
        .collect()
}

/// What lies at a path, as far as it must be one thing or another.
#[derive(PartialEq, Eq, Debug)]
enum Thing {
    Nothing,
    Directory,
    File(Vec<u8>),
    Link(PathBuf),
    Other(u32),
}

fn thing(path: &Path) -> Thing {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return Thing::Nothing;
    };
    match meta.file_type() {
        kind if kind.is_dir() => Thing::Directory,
        kind if kind.is_symlink() => Thing::Link(fs::read_link(path).expect("a target")),
        kind if kind.is_file() => Thing::File(fs::read(path).expect("a readable file")),
        _ => Thing::Other(meta.mode() & 0o170_000),
    }
}

/// Every path in `now` holds what it did in `old` or what it is to hold as in `new`, wholly.
#[track_caller]
pub fn assert_old_or_new(now: &Path, old: &Path, new: &Path) {
    let mut names: BTreeSet<PathBuf> = BTreeSet::new();
    for root in [now, old, new] {
        let ours = |e: &walkdir::DirEntry| e.file_name().to_string_lossy().starts_with(".fsync-");
        for entry in walkdir::WalkDir::new(root)
            .into_iter()
            .filter_entry(|e| !ours(e))
        {
            let path = entry.expect("an entry").into_path();
            names.insert(path.strip_prefix(root).expect("below").to_path_buf());
        }
    }
    for name in names {
        let found = thing(&now.join(&name));
        let (was, will) = (thing(&old.join(&name)), thing(&new.join(&name)));
        assert!(
            found == was || found == will,
            "{}: {found:?} is neither {was:?} nor {will:?}",
            name.display()
        );
    }
}
