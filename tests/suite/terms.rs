//! What `fsync-apply` insists on: the roots that were meant, and a snapshot.

use predicates::prelude::*;

use crate::support::{Sandbox, Told, assert_same, plan_line};

#[test]
fn roots_given_as_arguments_must_be_the_headers() {
    let s = Sandbox::new();
    s.tree("src").file("f", "");
    s.tree("dst");
    s.tree("other");
    let plan = s.run("fsync-diff --json src dst").code(0).bytes();
    for roots in ["src other", "other dst", "src src dst", "dst src"] {
        s.feed(&format!("fsync-apply {roots}"), &plan)
            .code(4)
            .nothing()
            .stderr(predicate::str::contains("fsync-apply: "));
    }
    assert!(!s.path("dst/f").exists() && !s.path("other/f").exists());
    s.feed("fsync-apply src dst", &plan).code(0).nothing();
    assert!(s.path("dst/f").exists());
}

#[test]
fn lines_need_roots() {
    let s = Sandbox::new();
    s.feed("fsync-apply", "A\tf\n")
        .code(5)
        .nothing()
        .one_line("fsync-apply", &["roots"]);
    s.feed("fsync-apply src", "A\tf\n")
        .code(predicate::in_iter([2, 5]))
        .nothing();
}

#[test]
fn require_snapshot_insists() {
    let s = Sandbox::new();
    s.tree("src").file("f", "new");
    let dst = s.tree("dst");
    dst.file("f", "older");
    let plan = s.run("fsync-diff --json src dst").code(0).bytes();
    s.feed("fsync-apply --require-snapshot", &plan)
        .code(4)
        .nothing()
        .one_line("fsync-apply", &["snapshot"]);
    assert_eq!(dst.read("f"), b"older");
    s.sh("fsync-diff --json src dst | fsync-snap --through | fsync-apply --require-snapshot")
        .code(0);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn a_forged_snapshot_record_does_not_satisfy() {
    let s = Sandbox::new();
    s.tree("src").file("f", "new");
    let dst = s.tree("dst");
    dst.file("f", "older");
    let elsewhere = s.snap("src");
    for id in ["0".repeat(40), elsewhere] {
        let mut plan = s.run("fsync-diff --json src dst").code(0).records();
        let forged = serde_json::json!({
            "type": "snapshot", "id": id, "directory": { "path": s.path("dst") }, "new": true,
        });
        plan.insert(1, forged);
        s.feed("fsync-apply --require-snapshot", plan_line(&plan))
            .code(predicate::in_iter([4, 6]))
            .nothing();
        assert_eq!(dst.read("f"), b"older");
    }
}

#[test]
fn snapshots_can_be_sources_and_never_destinations() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.menagerie();
    let id = s.snap("dst");
    s.twin("dst", "before");
    dst.remove("deep").edit("plain", "edited").file("extra", "");
    s.sh(&format!(
        "fsync-diff --json --delete --xattrs {id} dst | fsync-apply"
    ))
    .code(0);
    assert_same(s.path("before"), s.path("dst"));
    s.tree("src").file("f", "");
    let plan = s
        .run(&format!("fsync-diff --json src {id}"))
        .code(0)
        .bytes();
    s.feed("fsync-apply", &plan)
        .code(predicate::in_iter([2, 4]))
        .nothing();
}
