//! `fsync-diff`: the stream, several sources, snapshots, renames, and what is never part of a tree.

use predicates::str::contains;
use serde_json::json;

use crate::support::{Sandbox, T0, Told, as_root, change};

#[test]
fn a_stream_begins_with_a_header_and_ends_with_counts() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1234").file("b", "new").settle();
    s.tree("dst").file("b", "older").file("c", "").settle();
    let told = s
        .run("fsync-diff --json --delete src dst")
        .code(0)
        .records();
    let head = &told[0];
    assert_eq!(head["type"], "header");
    assert_eq!(head["protocol"], 1);
    assert!(
        head["tool"]
            .as_str()
            .is_some_and(|t| t.starts_with("fsync-diff ")),
        "{head}"
    );
    assert_eq!(head["sources"], json!([{ "path": s.path("src") }]));
    assert_eq!(head["destination"], json!({ "path": s.path("dst") }));
    assert_eq!(head["options"]["delete"], true);
    let end = &told[told.len() - 1];
    assert_eq!(end["type"], "end");
    let counts = &end["counts"];
    assert_eq!(
        (&counts["added"], &counts["modified"], &counts["deleted"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert_eq!(
        (&end["content_bytes"], &end["errors"]),
        (&json!(7), &json!(0))
    );
    assert_eq!(told.len(), 5);
}

#[test]
fn a_change_carries_both_states() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src").file("f", "123").mode("f", 0o640).settle();
    let dst = s.tree("dst");
    dst.file("f", "12345").settle();
    let told = s.run("fsync-diff --json src dst").code(0).records();
    let f = change(&told, "f");
    assert_eq!((&f["kind"], &f["source"]), (&json!("file"), &json!(0)));
    assert_eq!(f["why"], json!(["size", "mode"]));
    let (old, new) = (&f["old"], &f["new"]);
    assert_eq!(
        (&old["size_bytes"], &new["size_bytes"]),
        (&json!(5), &json!(3))
    );
    assert_eq!(
        (&old["mode"], &new["mode"]),
        (&json!("0644"), &json!("0640"))
    );
    assert_eq!(old["mtime"], json!({ "secs": T0.0, "nanos": T0.1 }));
    assert_eq!(old["ino"], json!(dst.inode("f").to_string()));
    assert!(
        old["ctime"]["secs"].is_i64() && old["dev"].is_string(),
        "{old}"
    );
    assert_eq!(old["owner"], json!({ "uid": 0, "gid": 0 }));
}

#[test]
fn added_and_deleted_have_one_state() {
    let s = Sandbox::new();
    s.tree("src").link("l", b"\xff target").settle();
    s.tree("dst").file("gone", "").settle();
    let told = s
        .run("fsync-diff --json --delete src dst")
        .code(0)
        .records();
    let (added, gone) = (change(&told, "l"), change(&told, "gone"));
    assert!(added["old"].is_null() && gone["new"].is_null());
    assert_eq!(added["new"]["target_hex"], json!("ff20746172676574"));
    assert!(added["new"]["target"].is_null(), "never both");
}

#[test]
fn sources_are_laid_over_each_other_inside_directories() {
    let s = Sandbox::new();
    s.tree("one").file("d/a", "1").settle();
    s.tree("two").file("d/b", "2").settle();
    s.tree("dst").dir("d").settle();
    s.run("fsync-diff one two dst")
        .code(0)
        .stdout("A\td/a\nA\td/b\n");
}

#[test]
fn snapshots_are_trees() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("f", "one").file("g", "same").settle();
    let first = s.run("fsync-snap dst -t first").code(0).text();
    dst.file("f", "second").settle();
    let second = s.snap("dst");
    dst.file("h", "later").settle();
    let lines = |spec: &str| s.run(&format!("fsync-diff {spec} dst")).code(0).text();
    assert_eq!(lines(&first), "M\tf");
    assert_eq!(lines(&first[..12]), "M\tf", "a unique prefix");
    assert_eq!(lines("first"), "M\tf", "a tag");
    assert_eq!(lines("snap:first"), "M\tf");
    assert_eq!(lines(&second), "");
    s.run(&format!("fsync-diff --delete {second} dst"))
        .code(0)
        .stdout("D\th\n");
    s.run(&format!("fsync-diff dst {second}"))
        .code(0)
        .stdout("A\th\n");
    s.run(&format!("fsync-diff {first} {second}"))
        .code(0)
        .stdout("M\tf\n");
    s.run(&format!("fsync-diff {first} {first}"))
        .code(0)
        .nothing();
}

#[test]
fn an_existing_directory_comes_before_a_tag() {
    let s = Sandbox::new();
    s.tree("dst").file("f", "").settle();
    s.run("fsync-snap dst -t name").code(0);
    s.tree("name").file("f", "").file("g", "").settle();
    s.run("fsync-diff name dst").code(0).stdout("A\tg\n");
    s.run("fsync-diff snap:name dst").code(0).nothing();
}

#[test]
fn no_such_snapshot_is_exit_6() {
    let s = Sandbox::new();
    s.tree("dst").file("f", "");
    s.snap("dst");
    for spec in [
        "nosuchtag",
        "snap:nosuch",
        "0000000000000000000000000000000000000000",
    ] {
        s.run(&format!("fsync-diff {spec} dst"))
            .code(6)
            .nothing()
            .one_line("fsync-diff", &[spec.trim_start_matches("snap:")]);
    }
}

#[test]
fn what_is_ours_is_never_part_of_a_tree() {
    let s = Sandbox::new();
    let src = s.tree("src");
    src.file(".fsync-backup", "x")
        .file(".fsync-tmp-abc", "")
        .file(".fsync-sync", "/x\n");
    src.file("deep/.fsync-tmp-abc", "")
        .file("deep/.fsync-backup", "kept")
        .file("deep/.fsync-sync", "kept");
    src.settle();
    s.tree("dst").dir("deep").settle();
    let both = "A\tdeep/.fsync-backup\nA\tdeep/.fsync-sync\n";
    s.run("fsync-diff src dst").code(0).stdout(both);
    s.tree("dst")
        .file(".fsync-sync", "other")
        .file(".fsync-backup", "x")
        .settle();
    s.run("fsync-diff --delete src dst").code(0).stdout(both);
}

#[test]
fn a_repository_inside_is_no_part_of_the_tree() {
    let s = Sandbox::new();
    s.tree("src").file("f", "").settle();
    let dst = s.tree("dst");
    dst.file("f", "").settle();
    let inside = s.path("dst/store");
    let mut snap = s.cmd("fsync-snap");
    snap.env("FSYNC_REPO", &inside).arg("dst").assert().code(0);
    dst.settle();
    let mut diff = s.cmd("fsync-diff");
    diff.env("FSYNC_REPO", &inside)
        .args(["--delete", "src", "dst"])
        .assert()
        .code(0)
        .stdout("");
}

#[test]
fn a_full_disk_behind_stdout_is_an_error_and_a_closed_pipe_is_not() {
    let s = Sandbox::new();
    let src = s.tree("src");
    for n in 0..3000 {
        src.file(
            format!("a rather long name, so that pipes fill up: {n}"),
            "",
        );
    }
    s.tree("dst");
    s.sh("fsync-diff --json src dst > /dev/full")
        .code(9)
        .stderr(contains("fsync-diff: "));
    s.sh("{ fsync-diff src dst; echo $? >&2; } | head -1")
        .code(0)
        .stderr("0\n");
}
