//! The pipeline typed by hand and the porcelain are the same thing; a stage that dies fails the whole.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use predicates::prelude::*;
use predicates::str::contains;

use crate::support::{Oracle, Sandbox, Told, Traces, assert_same};

/// A source, and two equal destinations that differ from it.
fn twins() -> Sandbox {
    let s = Sandbox::new();
    s.tree("src").menagerie();
    s.tree("dst")
        .file("plain", "older")
        .file("gone/x", "")
        .dir("empty")
        .settle();
    s.twin("dst", "other");
    s
}

#[test]
fn holds_10_by_hand_and_by_porcelain() {
    let s = twins();
    s.sh("fsync-diff --json --delete src dst | fsync-snap --through | fsync-apply --require-snapshot")
        .code(0)
        .nothing();
    s.run("fsync cp --delete src other").code(0).nothing();
    assert_same(s.path("src"), s.path("dst"));
    assert_same(s.path("src"), s.path("other"));
    s.run("fsync-revert dst").code(0);
    s.run("fsync rv -d other").code(0);
    assert_same(s.path("dst"), s.path("other"));
}

#[test]
fn holds_3_copying_twice() {
    let s = twins();
    s.run("fsync cp src dst").code(0).nothing();
    let (before, archives) = (Traces::of(s.path("dst")), s.archives());
    s.run("fsync cp src dst").code(0).nothing();
    before.assert_untouched(s.path("dst"));
    assert_eq!(s.archives(), archives);
    s.run("fsync-diff src dst").code(0).nothing();
}

#[test]
fn holds_3_sync_with_two_sources_that_share_a_name() {
    let s = Sandbox::new();
    s.tree("one").file("f", "one").file("a", "a").settle();
    s.tree("two")
        .file("f", "the second")
        .file("b", "b")
        .settle();
    s.tree("dst").settle();
    s.run("fsync mksync dst one two").code(0);
    let lines = String::from_utf8(s.tree("dst").read(".fsync-sync")).expect("UTF-8");
    let roots = [s.path("one"), s.path("two")].map(|p| p.display().to_string());
    let listed: Vec<_> = lines.lines().filter(|l| l.starts_with('/')).collect();
    assert_eq!(listed, roots, "one source a line");
    let told = s.run("fsync sync -v dst").code(0).nothing();
    assert!(
        told.complaint().contains("\"f\""),
        "the shadowed one is reported: {}",
        told.complaint()
    );
    let dst = s.tree("dst");
    assert_eq!(dst.read("f"), b"the second");
    assert!(dst.has("a") && dst.has("b"));
    let (before, archives) = (Traces::of(s.path("dst")), s.archives());
    s.run("fsync sync dst").code(0).nothing();
    before.assert_untouched(s.path("dst"));
    assert_eq!(s.archives(), archives);
}

#[test]
fn trace_prints_a_pipeline_that_can_be_typed() {
    let s = twins();
    let told = s
        .run("fsync --trace cp --delete src dst")
        .code(0)
        .complaint();
    let line = told
        .lines()
        .find(|l| l.contains("fsync-diff"))
        .expect("a pipeline");
    assert!(
        line.contains("| fsync-snap") || line.contains("fsync-snap --through"),
        "{line}"
    );
    let typed = line[line.find("fsync-diff").expect("it")..].replace(" dst", " other");
    s.sh(&typed).code(0);
    assert_same(s.path("dst"), s.path("other"));
}

#[test]
fn a_failing_first_stage_changes_nothing() {
    let s = twins();
    let before = Traces::of(s.path("dst"));
    s.sh("fsync-diff --json ./nosuch dst | fsync-snap --through | fsync-apply --require-snapshot")
        .code(5)
        .nothing();
    s.run("fsync cp nosuch dst")
        .code(6)
        .nothing()
        .stderr(contains("nosuch"));
    s.run("fsync cp ./nosuch dst")
        .code(4)
        .nothing()
        .stderr(contains("nosuch"));
    before.assert_untouched(s.path("dst"));
    assert!(s.archives().is_empty());
}

#[test]
fn a_stage_that_dies_fails_the_whole() {
    let s = twins();
    let before = Traces::of(s.path("dst"));
    for stage in ["fsync-diff", "fsync-snap"] {
        let stub = s.tree("stubs");
        let path = stub.at(stage);
        let mut file = std::fs::File::create(&path).expect("a stub");
        file.write_all(b"#!/bin/sh\nhead -c 200 >&2; kill -9 $$\n")
            .expect("its text");
        drop(file);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        let mut cp = s.cmd("fsync");
        cp.env("FSYNC_EXEC_PATH", s.path("stubs"))
            .args(["cp", "src", "dst"])
            .write_stdin("");
        cp.assert()
            .code(predicate::ne(0))
            .nothing()
            .stderr(contains(stage));
        before.assert_untouched(s.path("dst"));
        std::fs::remove_file(path).expect("gone");
    }
}

#[test]
fn a_dead_snap_leaves_apply_with_a_cut_stream() {
    let s = twins();
    let before = Traces::of(s.path("dst"));
    s.sh("fsync-diff --json src dst | FSYNC_REPO=/proc/nowhere fsync-snap --through | fsync-apply --require-snapshot")
        .code(5)
        .nothing()
        .stderr(contains("fsync-snap: "));
    before.assert_untouched(s.path("dst"));
}

#[test]
fn the_earliest_failure_decides() {
    let s = twins();
    s.run("fsync cp --delete --max-delete 0 src dst")
        .code(4)
        .nothing()
        .stderr(contains("--max-delete"));
    s.tree("src")
        .dir("plain dir")
        .remove("plain")
        .file("gone", "a file over a full directory");
    s.run("fsync cp src dst")
        .code(3)
        .nothing()
        .stderr(contains("\"gone\""));
    assert_eq!(s.tree("dst").read("empty"), b"", "the rest is done");
}

#[test]
fn a_dry_run_of_the_porcelain() {
    let s = twins();
    s.snap("dst");
    let (before, archives) = (Traces::of(s.path("dst")), s.archives());
    s.run("fsync cp -n --delete src dst").code(0);
    s.run("fsync cp --dry-run src no/such/place")
        .code(predicate::in_iter([0, 4]));
    before.assert_untouched(s.path("dst"));
    assert_eq!(s.archives(), archives);
    assert!(!s.path("no").exists());
}

#[test]
fn sigpipe_is_a_quiet_end() {
    let s = twins();
    s.sh("fsync-diff --json src dst | head -1 >/dev/null")
        .code(0)
        .stderr("");
}

#[test]
fn options_reach_the_plumbing() {
    let s = Sandbox::new();
    s.tree("src").file("f", "12345678").file("g.o", "").settle();
    s.tree("dst").file("f", "87654321").file("x", "").settle();
    s.run("fsync cp --checksum --exclude *.o --delete src dst")
        .code(0)
        .nothing();
    let left = Oracle::of(s.path("dst"));
    assert_eq!(s.tree("dst").read("f"), b"12345678");
    assert_eq!(left.len(), 1);
}

#[test]
fn a_relative_repository_and_directory() {
    let s = twins();
    s.run("fsync -C src --repo ../elsewhere cp . ../dst")
        .code(0)
        .nothing();
    assert!(s.path("elsewhere/log.ndjson").exists() && !s.path("repo").exists());
    s.run("fsync-diff src dst").code(0).nothing();
}
