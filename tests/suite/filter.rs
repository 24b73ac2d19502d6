//! Include and exclude rules: gitignore's semantics, what they keep from deletion, who said so.

use predicates::str::contains;

use crate::support::{Sandbox, Told, assert_same};

#[test]
fn a_missing_file_of_rules_is_usage() {
    let s = Sandbox::new();
    s.tree("src");
    s.tree("dst");
    s.run("fsync-diff --exclude-from nosuch src dst")
        .code(2)
        .nothing()
        .one_line("fsync-diff", &["\"nosuch\""]);
    s.tree(".").file("rules", "fine\n[z-a]\n");
    s.run("fsync-diff --exclude-from rules src dst")
        .code(2)
        .stderr(contains("rules, line 2"));
}

#[test]
fn what_a_snapshot_excludes_its_revert_leaves_alone() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("f", "one").file("cache/x", "kept").settle();
    s.run("fsync-snap dst --exclude cache").code(0);
    dst.file("f", "two").file("cache/y", "later");
    s.run("fsync-revert dst").code(0);
    assert_eq!(dst.read("f"), b"one");
    assert_eq!(
        (dst.read("cache/x"), dst.read("cache/y")),
        (b"kept".to_vec(), b"later".to_vec())
    );
}

#[test]
fn a_plan_may_not_change_what_its_snapshot_does_not_cover() {
    let s = Sandbox::new();
    s.tree("src")
        .file("cache/x", "new bytes")
        .file("f", "new")
        .settle();
    s.tree("dst")
        .file("cache/x", "old")
        .file("f", "old")
        .settle();
    s.twin("dst", "before");
    let snapshot = s
        .run("fsync-snap dst --exclude cache --json")
        .code(0)
        .records();
    let record = snapshot
        .iter()
        .find(|r| r["type"] == "snapshot")
        .expect("a snapshot record");
    let plan = s.run("fsync-diff --json src dst").code(0).text();
    let (header, rest) = plan.split_once('\n').expect("a header");
    s.feed(
        "fsync-apply --require-snapshot",
        format!("{header}\n{record}\n{rest}\n"),
    )
    .code(4)
    .nothing()
    .stderr(contains("cache"));
    assert_same(s.path("before"), s.path("dst"));
}
