//! Ways in which something could be lost, or success be claimed without it: each was one once.

use predicates::prelude::*;
use predicates::str::contains;

use crate::support::{Sandbox, Told};

/// A plan from `src` to `dst`, edited as text.
fn forged(s: &Sandbox, edit: impl Fn(String) -> String) -> String {
    let plan = s.run("fsync-diff --json --delete src dst").code(0).text() + "\n";
    let forged = edit(plan.clone());
    assert_ne!(plan, forged, "the edit must fit");
    forged
}

#[test]
fn a_listed_t_does_not_stamp_other_bytes() {
    let s = Sandbox::new();
    s.tree("src").file("f", "same").settle();
    let dst = s.tree("dst");
    dst.file("f", "same").settle();
    dst.mtime("f", 1_000, 0);
    let plan = s.run("fsync-diff src dst").code(0).text() + "\n";
    assert_eq!(plan, "t\tf\n");
    dst.file("f", "else").mtime("f", 1_000, 0);
    s.feed("fsync-apply src dst", plan)
        .code(3)
        .stderr(contains("\"f\": stale"));
    s.run("fsync-diff --checksum src dst").stdout("M\tf\n");
}

#[test]
fn a_plan_cannot_say_more_of_a_source_than_is_true() {
    let s = Sandbox::new();
    s.tree("src").file("f", "x").link("l", "f");
    s.tree("dst");
    let plan = forged(&s, |p| p.replace("\"mode\":\"0644\"", "\"mode\":\"6777\""));
    s.feed("fsync-apply", plan)
        .code(3)
        .stderr(contains("\"f\": stale"));
    assert!(!s.tree("dst").has("f"));
    s.tree("dst").remove("l");
    let plan = forged(&s, |p| {
        p.replace("\"target\":\"f\"", "\"target\":\"/etc/passwd\"")
    });
    s.feed("fsync-apply", plan)
        .code(3)
        .stderr(contains("\"l\": stale"));
}

#[test]
fn a_plan_does_not_follow_a_root_that_became_a_link() {
    let s = Sandbox::new();
    s.tree("src").file("f", "x");
    s.tree("dst");
    s.tree("elsewhere");
    let plan = s.run("fsync-diff --json src dst").code(0).text() + "\n";
    s.sh("rmdir dst; ln -s elsewhere dst").code(0);
    for line in ["fsync-apply", "fsync-snap --through"] {
        s.feed(line, &plan)
            .code(4)
            .stderr(contains("symbolic link"));
    }
    assert!(!s.tree("elsewhere").has("f"));
}

#[test]
fn a_plan_names_nothing_of_ours() {
    let s = Sandbox::new();
    s.tree("src").file("f", "x");
    s.tree("dst").file("gone", "x");
    for ours in [".fsync-backup", ".fsync-tmp-1", "d/.fsync-tmp-1"] {
        let plan = forged(&s, |p| {
            p.replace("\"path\":\"gone\"", &format!("\"path\":\"{ours}\""))
        });
        s.feed("fsync-apply", plan).code(5);
        s.feed("fsync-apply src dst", format!("D\t{ours}\n"))
            .code(5);
    }
    // Below the root BACKUP is a name like any other.
    s.feed("fsync-apply src dst", "D\td/.fsync-backup\n")
        .code(0);
}

#[test]
fn a_plan_that_is_too_deep_is_refused() {
    let s = Sandbox::new();
    s.tree("src");
    s.tree("dst");
    let deep = vec!["a"; 300_000].join("/");
    s.feed("fsync-apply src dst", format!("A\t{deep}\n"))
        .code(5)
        .stderr(contains("components"));
}

#[test]
fn a_repository_inside_the_tree_does_not_move_with_it() {
    let s = Sandbox::new();
    s.tree("dst").file("old/f", "the very same content");
    s.sh("FSYNC_REPO=$PWD/dst/old/repo fsync-snap dst").code(0);
    s.tree("src")
        .file("new/f", "the very same content")
        .settle();
    s.tree("dst").settle();
    s.sh("FSYNC_REPO=$PWD/dst/old/repo fsync cp --delete --renames --max-delete 100% src dst")
        .code(0);
    assert!(s.path("dst/old/repo/log.ndjson").exists() && s.path("dst/new/f").exists());
    s.sh("FSYNC_REPO=$PWD/dst/old/repo fsync cp --delete src dst")
        .code(0)
        .stderr(contains("nothing to do"));
    s.sh("FSYNC_REPO=$PWD/dst/old/repo fsync verify").code(0);
}

#[test]
fn an_old_snapshot_is_not_the_state_before() {
    let s = Sandbox::new();
    s.tree("src").file("f", "new");
    s.tree("dst").file("f", "old!");
    s.sh("fsync-diff --json src dst | fsync-snap --through >plan")
        .code(0);
    s.tree("dst").file("g", "more");
    s.snap("dst");
    s.sh("fsync-apply --require-snapshot <plan")
        .code(4)
        .stderr(contains("head"));
    assert_eq!(s.tree("dst").read("f"), b"old!");
}

#[test]
fn reverts_walk_back_over_excluded_files() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("f", "v1");
    s.run("fsync-snap --exclude *.o d").code(0);
    d.file("f", "v22").file("new/n", "n");
    s.run("fsync-snap --exclude *.o d").code(0);
    d.file("f", "v333").file("new/x.o", "obj");
    s.run("fsync-revert d").code(0);
    assert_eq!(d.read("f"), b"v22");
    s.run("fsync-revert d").code(0);
    assert_eq!(d.read("f"), b"v1");
    assert!(!d.has("new/n") && d.has("new/x.o"));
}

#[test]
fn single_paths_come_from_one_snapshot() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("f", "one").file("g", "one");
    s.snap("d");
    d.file("f", "two22").file("g", "two22");
    s.run("fsync-revert d -- f").code(0);
    s.run("fsync-revert d -- g").code(0);
    assert_eq!(
        (d.read("f"), d.read("g")),
        (b"one".to_vec(), b"one".to_vec())
    );
    s.run("fsync-revert d -- typo")
        .code(6)
        .stderr(contains("typo"));
}

#[test]
fn a_snapshot_of_another_directory_leaves_the_chain_alone() {
    let s = Sandbox::new();
    let (a, b) = (s.tree("a"), s.tree("b"));
    a.file("f", "a1");
    s.snap("a");
    a.file("f", "a22");
    let other = s.snap("a");
    b.file("f", "b1");
    s.run(&format!("fsync-revert b {other}")).code(0);
    assert_eq!(b.read("f"), b"a22");
    s.run("fsync-revert b").code(0);
    assert_eq!(b.read("f"), b"b1");
}

#[test]
fn mksync_records_what_it_replaces() {
    let s = Sandbox::new();
    s.tree("src").file("f", "x");
    let d = s.tree("d");
    s.run("fsync mksync d src").code(0);
    d.edit(".fsync-sync", "/elsewhere\n# my list\n");
    s.run("fsync mksync --force d src").code(0).stdout("");
    s.run("fsync rv -d d").code(0);
    assert_eq!(d.read(".fsync-sync"), b"/elsewhere\n# my list\n");
}

#[test]
fn a_source_of_nothing_but_its_sync_file_is_empty() {
    let s = Sandbox::new();
    s.tree("src").file(".fsync-sync", "/x\n");
    s.tree("dst").file("f", "x");
    s.run("fsync cp --delete src dst")
        .code(4)
        .stderr(contains("--allow-empty-source"));
    assert!(s.tree("dst").has("f"));
}

#[test]
fn names_that_only_look_like_ours_are_left_alone() {
    let s = Sandbox::new();
    s.tree("src").file("f", "x");
    s.tree("dst")
        .file(".fsync-tmp-mine", "keep")
        .file(".fsync-tmp-0123456789abcdef", "keep");
    s.run("fsync cp src dst").code(0);
    assert!(
        s.tree("dst").has(".fsync-tmp-mine") && s.tree("dst").has(".fsync-tmp-0123456789abcdef")
    );
}

#[test]
fn verify_misses_a_lost_archive() {
    let s = Sandbox::new();
    s.tree("d").file("f", "one");
    s.snap("d");
    s.tree("d").file("f", "two22");
    let last = s.snap("d");
    std::fs::remove_file(s.archive(&last)).expect("it");
    s.run("fsync verify")
        .code(8)
        .stderr(contains(&last[..]).and(contains("gone")));
}

#[test]
fn a_touched_directory_keeps_attributes_that_were_not_compared() {
    let s = Sandbox::new();
    s.tree("src").dir("d").mode("d", 0o700).settle();
    s.tree("dst")
        .dir("d")
        .xattr("d", "user.note", b"mine")
        .settle();
    s.run("fsync cp src dst").code(0);
    s.sh("getfattr -n user.note dst/d")
        .code(0)
        .stdout(contains("mine"));
}

#[test]
fn messages_are_one_line_whatever_they_quote() {
    let s = Sandbox::new();
    s.tree("src");
    s.tree("dst");
    let told = s
        .feed("fsync-apply", "{\"type\":\"a\\u001b[31m\\nb\"}\n")
        .code(5)
        .complaint();
    assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    assert!(!told.contains('\u{1b}'), "{told:?}");
}

#[test]
fn lines_link_to_names_that_are_not_listed() {
    let s = Sandbox::new();
    s.tree("src").file("b/c", "12345").hard("d", "b/c").settle();
    s.tree("dst").file("b/c", "12345").settle();
    s.sh("fsync-diff --delete src dst | fsync-apply src dst")
        .code(0);
    assert_eq!(s.tree("dst").inode("d"), s.tree("dst").inode("b/c"));
    s.run("fsync-diff --delete --checksum src dst")
        .code(0)
        .nothing();
}

#[test]
fn a_directory_that_was_exchanged_when_a_run_was_cut_short_is_not_emptied() {
    let s = Sandbox::new();
    s.tree("src").file("f", "x");
    // No process has this number: pid_max is at most 2^22.
    let (theirs, ours) = (".fsync-tmp-4194999-0-0", ".fsync-tmp-4194999-0-1-filled");
    s.tree("dst")
        .file(format!("{theirs}/precious"), "keep")
        .file(format!("{ours}/file"), "");
    s.run("fsync cp src dst").code(0);
    assert!(s.tree("dst").has(format!("{theirs}/precious")));
    assert!(!s.tree("dst").has(ours));
}

#[test]
fn nobody_reads_a_file_on_its_way_who_may_not_read_it_at_the_end() {
    for open in [
        "setfacl -d -m u:65534:r,m::r dst",
        "chgrp 65534 dst && chmod 2775 dst",
    ] {
        let s = Sandbox::new();
        s.tree("src").file("f", "secret").mode("f", 0o640);
        s.tree("dst").file("g", "");
        if !s.sh(open).get_output().status.success() {
            eprintln!("skipped: it needs root and access lists");
            continue;
        }
        s.sh("fsync-diff --json src dst > plan && strace -f -e trace=openat -o log fsync-apply < plan")
            .code(0);
        s.sh("grep -c 'fsync-tmp.*O_CREAT.*0600' log").stdout("1\n");
    }
}

#[test]
fn a_plan_may_say_any_size() {
    let s = Sandbox::new();
    s.tree("src").file("d/a", "1\n").file("d/b", "2\n");
    s.tree("dst").file("g", "");
    let plan = forged(&s, |plan| {
        plan.replace("\"size_bytes\":2", "\"size_bytes\":9223372036854775808")
    });
    s.feed("fsync-apply", plan.as_bytes()).code(3);
}
