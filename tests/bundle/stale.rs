//! What the far directory may differ in, and what is done about it: one entry is refused, the others go on.

use std::fs;

use crate::land::land;
use crate::support::{Sandbox, Told, outcomes};

fn three(s: &Sandbox) {
    s.tree("copy")
        .file("a", "1")
        .file("b", "22")
        .file("c", "333")
        .settle();
    s.twin("copy", "src");
    s.tree("src")
        .edit("a", "new a")
        .edit("b", "new b")
        .remove("c")
        .file("d", "new d")
        .settle();
}

#[test]
fn what_changed_far_away_is_refused_alone() {
    let l = land("--delete", three);
    l.s.tree("far")
        .edit("b", "edited there")
        .file("d", "something else");
    let done = l.s.run("fsync-apply --bundle F.zip far").code(3);
    let said = done.complaint();
    assert_eq!(said.lines().count(), 2, "{said}");
    assert!(
        said.contains("\"b\": stale: it changed since the plan was made")
            || said.contains("b: stale: it changed"),
        "{said}"
    );
    assert!(
        said.contains("\"d\": stale: something is there already"),
        "{said}"
    );
    let far = l.s.tree("far");
    assert_eq!(
        (far.read("a"), far.read("b")),
        (b"new a".to_vec(), b"edited there".to_vec())
    );
    assert_eq!(far.read("d"), b"something else");
    assert!(!far.has("c"));
}

/// The plan would be stale on the very machine that made it; a bundle is for another, where that means nothing.
#[test]
fn inodes_and_change_times_are_another_machines() {
    let s = Sandbox::new();
    s.tree("src").file("a", "new").settle();
    s.tree("dst").file("a", "old!").mode("a", 0o644).settle();
    let plan = s.run("fsync-diff --json src dst").code(0).bytes();
    s.run("fsync bundle -o F.zip src dst").code(0);
    s.tree("dst").mode("a", 0o600).mode("a", 0o644);
    let refused = s.feed("fsync-apply --dry-run", &plan).code(3);
    assert!(
        refused.complaint().contains("stale"),
        "{}",
        refused.complaint()
    );
    s.run("fsync-apply --bundle F.zip dst").code(0);
    assert_eq!(s.tree("dst").read("a"), b"new");
}

#[test]
fn size_time_and_mode_tell() {
    for (what, how) in [
        ("size", "printf more >>far/a; touch -r far/b far/a"),
        ("time", "touch -d 2001-01-01 far/a"),
        ("mode", "chmod 0640 far/a"),
        ("kind", "rm far/a; mkdir far/a"),
        ("gone", "rm far/a"),
    ] {
        let l = land("--delete", |s| {
            three(s);
            s.sh("touch -r copy/b copy/a").code(0);
        });
        l.s.sh(how).code(0);
        let done = l.s.run("fsync-apply --json --bundle F.zip far").code(3);
        let all = outcomes(&done.records());
        assert!(all.contains(&"a stale".to_string()), "{what}: {all:?}");
        assert!(all.contains(&"b done".to_string()), "{what}: {all:?}");
    }
}

#[test]
fn an_interrupted_run_is_simply_run_again() {
    let l = land("--delete --renames", |s| {
        s.tree("copy")
            .file("t", "touched")
            .mode("t", 0o644)
            .file("dir/x", "x")
            .file("from", "moved")
            .mode("from", 0o644)
            .file("m", "1")
            .file("goes", "g")
            .settle();
        s.twin("copy", "src");
        let src = s.tree("src");
        fs::rename(src.at("from"), src.at("to")).unwrap();
        fs::rename(src.at("dir"), src.at("dir2")).unwrap();
        src.mode("t", 0o600)
            .mtime("t", 1_600_000_000, 5)
            .mode("to", 0o600)
            .mtime("to", 1_600_000_001, 5)
            .edit("m", "more")
            .remove("goes")
            .file("new/deep/file", "n")
            .mtime("dir2", 1_600_000_002, 0)
            .settle();
    });
    // As if killed: between two calls of a change of metadata, between a rename and its metadata, and before its time.
    l.s.sh("cd far && chmod 600 t && mv from to && chmod 600 to && mv dir dir2 && rm goes && mkdir -p new/deep && touch -r '../left behind copy' .")
        .code(0);
    let done = l.s.run("fsync-apply --json --bundle F.zip far").code(0);
    let all = outcomes(&done.records());
    assert!(all.contains(&"goes already".to_string()), "{all:?}");
    l.wanted.assert_is(l.s.path("far"));
}

#[test]
fn metadata_alone_proves_nothing_of_other_contents() {
    let l = land("", |s| {
        s.tree("copy").file("t", "abc").mode("t", 0o644).settle();
        s.twin("copy", "src");
        s.tree("src").mode("t", 0o600).mtime("t", 1_600_000_000, 5);
    });
    // It looks as if a run had been cut short, but holds something else.
    l.s.sh("printf xyz >far/t && chmod 600 far/t && touch -d 2022-02-02 far/t")
        .code(0);
    l.s.run("fsync-apply --bundle F.zip far").code(3);
    assert_eq!(l.s.tree("far").read("t"), b"xyz");
}

#[test]
fn links_that_were_parted_and_joined() {
    let l = land("--delete", |s| {
        s.tree("copy")
            .file("a", "same")
            .hard("b", "a")
            .file("c", "more")
            .file("d", "more")
            .settle();
        s.sh("touch -r copy/c copy/d").code(0);
        s.twin("copy", "src");
        s.sh("cd src && cp -p b b2 && mv b2 b && ln -f c d").code(0);
        s.tree("src").settle();
    });
    l.s.run("fsync-apply --bundle F.zip far").code(0);
    l.wanted.assert_is(l.s.path("far"));
    let again = l.s.run("fsync-apply --json --bundle F.zip far").code(0);
    let all = outcomes(&again.records());
    assert!(all.iter().all(|o| o.ends_with(" already")), "{all:?}");
    l.wanted.assert_is(l.s.path("far"));
}
