//! Crashes of what changes directories: snap, cp, rv, sync, mksync.

use crate::case::{Case, Recorded};
use crate::check::every_crash;
use crate::support::{Oracle, Sandbox, strace};

/// A destination with one of most kinds of entries.
pub fn destination(s: &Sandbox) {
    s.tree("dst")
        .file("same", "the same")
        .file("edited", "old")
        .file("touched", "touched")
        .file("mode", "m")
        .file("d/gone", "gone")
        .file("d/kept", "kept")
        .file("kind", "a file")
        .file("other/in", "in")
        .link("link", "same")
        .fifo("pipe")
        .xattr("same", "user.colour", b"red\0")
        .file("one", "linked")
        .hard("two", "one")
        .file("large", vec![7; 20_000])
        .settle();
}

/// A source that differs from it in most ways.
pub fn source(s: &Sandbox) {
    s.tree("src")
        .file("same", "the same")
        .file("edited", "new")
        .file("touched", "touched")
        .mtime("touched", 1_700_000_000, 5)
        .file("mode", "m")
        .mode("mode", 0o600)
        .file("d/kept", "kept")
        .file("kind/in", "a directory")
        .file("other", "a file")
        .link("link", "edited")
        .link("new link", "nowhere")
        .file("new/deep/file", "new")
        .file("new/deep/second", "second")
        .mode("new/deep", 0o500)
        .file("one", "linked otherwise")
        .hard("two", "one")
        .file("large", vec![8; 30_000])
        .xattr("large", "user.size", b"l")
        .settle();
}

const COPY: &str = "fsync cp --delete --max-delete 100% src dst";

#[test]
fn a_first_snapshot() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    destination(&s);
    let mut case = Case::new(&s, "fsync-snap -t first dst");
    case.records = Some(("dst", Oracle::of(s.path("dst"))));
    case.changes = vec!["dst"];
    case.tells = vec!["fsync-tag dst | cut -f 2"];
    case.still = true;
    every_crash(&case);
}

/// A thin or full snapshot of a directory that has one.
fn a_later_snapshot(line: &str) {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    destination(&s);
    let first = Recorded::now(&s, "dst");
    s.tree("dst").edit("edited", "newer").edit("d/more", "more");
    let mut case = Case::new(&s, line);
    case.there = vec![first];
    case.records = Some(("dst", Oracle::of(s.path("dst"))));
    case.changes = vec!["dst"];
    case.tells = vec!["fsync-tag dst | cut -f 2"];
    case.still = true;
    every_crash(&case);
}

#[test]
fn a_thin_snapshot() {
    a_later_snapshot("fsync-snap dst");
}

#[test]
fn a_full_snapshot() {
    a_later_snapshot("fsync-snap --full -t whole dst");
}

#[test]
fn a_first_copy() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    source(&s);
    destination(&s);
    let mut case = Case::new(&s, COPY);
    case.records = Some(("dst", Oracle::of(s.path("dst"))));
    case.changes = vec!["dst"];
    every_crash(&case);
}

#[test]
fn a_copy_into_nothing() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    source(&s);
    let mut case = Case::new(&s, "fsync cp src dst");
    case.records = None;
    case.changes = vec![];
    case.tells = vec!["diff -r --no-dereference -x .fsync-backup src dst"];
    every_crash(&case);
}

#[test]
fn a_later_copy_with_a_tag() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    source(&s);
    destination(&s);
    let first = Recorded::now(&s, "dst");
    s.tree("dst").edit("edited", "newer").edit("d/more", "more");
    let line = format!("{COPY} -t before");
    let mut case = Case::new(&s, &line);
    case.there = vec![first];
    case.records = Some(("dst", Oracle::of(s.path("dst"))));
    case.changes = vec!["dst"];
    case.tells = vec!["fsync-tag dst | cut -f 2"];
    every_crash(&case);
}

/// A directory that was copied over; the snapshot of the state before.
fn copied(s: &Sandbox) -> Recorded {
    source(s);
    destination(s);
    let state = Oracle::of(s.path("dst"));
    s.sh(COPY).code(0);
    Recorded {
        directory: "dst".into(),
        id: s.head("dst").expect("a head"),
        states: vec![state],
        may_go: false,
    }
}

#[test]
fn a_revert() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let first = copied(&s);
    let again = format!("fsync-revert dst {}", first.id);
    let mut case = Case::new(&s, "fsync rv -d dst");
    case.again = &again;
    case.there = vec![first];
    case.records = Some(("dst", Oracle::of(s.path("dst"))));
    case.changes = vec!["dst"];
    every_crash(&case);
}

#[test]
fn a_redo() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    let first = copied(&s);
    let later = Recorded::now(&s, "dst");
    s.sh("fsync rv -d dst").code(0);
    s.sh("fsync rv -d dst").code(0);
    let again = format!("fsync-revert dst {}", later.id);
    let mut case = Case::new(&s, "fsync rv -d dst --redo");
    case.again = &again;
    case.there = vec![first, later];
    case.records = Some(("dst", Oracle::of(s.path("dst"))));
    case.changes = vec!["dst"];
    every_crash(&case);
}

#[test]
fn a_sync() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    source(&s);
    destination(&s);
    s.tree("more").file("edited", "of the second").settle();
    s.sh("fsync mksync dst src more").code(0);
    let mut case = Case::new(&s, "fsync sync --delete --max-delete 100% dst");
    case.records = Some(("dst", Oracle::of(s.path("dst"))));
    case.changes = vec!["dst"];
    every_crash(&case);
}

#[test]
fn a_sync_file() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    source(&s);
    destination(&s);
    let mut case = Case::new(&s, "fsync mksync dst src");
    case.again = "fsync mksync --force dst src";
    case.changes = vec!["dst"];
    case.timed = true;
    case.tells = vec!["cat dst/.fsync-sync"];
    every_crash(&case);
}

#[test]
fn another_sync_file() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    source(&s);
    destination(&s);
    s.sh("fsync mksync dst src").code(0);
    let mut case = Case::new(&s, "fsync mksync --force dst src src/d");
    case.records = Some(("dst", Oracle::of(s.path("dst"))));
    case.changes = vec!["dst"];
    case.tells = vec!["cat dst/.fsync-sync"];
    case.timed = true;
    every_crash(&case);
}
