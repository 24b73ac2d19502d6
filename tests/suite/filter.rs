//! Include and exclude rules: gitignore's semantics, what they keep from deletion, who said so.

use std::collections::BTreeSet;

use predicates::str::contains;
use serde_json::json;

use crate::support::{Sandbox, Told, assert_same};

/// The paths that a plan adds to nothing.
fn added(s: &Sandbox, options: &[&str]) -> BTreeSet<String> {
    let mut diff = s.cmd("fsync-diff");
    let told = diff
        .args(options)
        .args(["src", "dst"])
        .assert()
        .code(0)
        .text();
    told.lines()
        .map(|l| l.trim_start_matches("A\t").to_string())
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| n.to_string()).collect()
}

#[test]
fn conformance_34_a_table_of_matches() {
    let s = Sandbox::new();
    let src = s.tree("src");
    src.file("a.o", "")
        .file("x/a.o", "")
        .file("x/keep.o", "")
        .file("top/f", "")
        .file("x/top", "");
    src.file("build", "")
        .file("x/build/f", "")
        .file("p/q/r/z", "")
        .settle();
    s.tree("dst").settle();
    let all = added(&s, &[]);
    let without = |gone: &[&str]| &all - &set(gone);
    let table: [(&[&str], BTreeSet<String>); 7] = [
        (&["--exclude=*.o"], without(&["a.o", "x/a.o", "x/keep.o"])),
        (&["--exclude=/a.o"], without(&["a.o"])),
        (&["--exclude=/top"], without(&["top", "top/f"])),
        (&["--exclude=build/"], without(&["x/build", "x/build/f"])),
        (&["--exclude=p/**/z"], without(&["p/q/r/z"])),
        (
            &["--exclude=*.o", "--include=keep.o"],
            without(&["a.o", "x/a.o"]),
        ),
        (&["--include=keep.o", "--exclude=x/"], {
            without(&["x", "x/a.o", "x/keep.o", "x/top", "x/build", "x/build/f"])
        }),
    ];
    for (options, expected) in table {
        assert_eq!(added(&s, options), expected, "{options:?}");
    }
}

#[test]
fn conformance_35_as_git_does() {
    let s = Sandbox::new();
    let src = s.tree("src");
    for name in [
        "#hash",
        "trail ",
        "trail",
        "a/foo",
        "foo",
        "a/b/foo",
        "bar/x",
        "a/bar",
        "log.txt",
        "a/log.txt",
        "keep/log.txt",
        "deep/one/two/three",
        "deep/one/x",
        "!bang",
        "q1",
        "q2",
        "[x]",
        "\\back",
    ] {
        src.file(name, "");
    }
    let rules = "# a comment\n\\#hash\ntrail\\ \n/foo\nbar/\nlog.txt\n!keep/log.txt\ndeep/**/three\n\
                 \\!bang\nq?\n!q2\n\\[x\\]\n\n";
    s.tree(".").file("rules", rules);
    s.tree("dst").settle();
    src.settle();
    let mine = added(&s, &["--exclude-from=rules"]);
    s.sh("git init -q src").success();
    let git = s
        .sh("cd src && git -c core.quotePath=false ls-files -z -o --exclude-from=../rules | tr '\\0' '\\n'")
        .success()
        .text();
    let files: BTreeSet<_> = mine
        .into_iter()
        .map(|name| name.replace("\"\\\\back\"", "\\back"))
        .filter(|name| !src.at(name).is_dir())
        .collect();
    assert_eq!(files, git.lines().map(String::from).collect());
}

#[test]
fn conformance_28_excluded_names_survive_delete() {
    let s = Sandbox::new();
    s.tree("src").file("f", "").settle();
    let dst = s.tree("dst");
    dst.file("f", "")
        .file("cache/x", "")
        .file("extra", "")
        .file("gone/cache/y", "")
        .settle();
    s.run("fsync-diff --delete --exclude cache src dst")
        .code(predicates::prelude::predicate::in_iter([0, 3]))
        .stdout("D\textra\n");
    dst.remove("gone").settle();
    s.run("fsync-diff --delete --exclude cache src dst")
        .code(0)
        .stdout("D\textra\n");
    s.run("fsync-diff --delete-excluded --exclude cache src dst")
        .code(0)
        .stdout("D\tcache\nD\tcache/x\nD\textra\n");
}

#[test]
fn conformance_36_a_skip_names_rule_file_and_line() {
    let s = Sandbox::new();
    s.tree("src").file("a.o", "").file("b.tmp", "").settle();
    s.tree("dst").settle();
    s.tree(".").file("rules", "# none\n*.o\n");
    let told = s
        .run("fsync-diff --json --exclude-from rules --exclude *.tmp src dst")
        .code(0)
        .records();
    let rule = |path: &str| {
        let skip = told
            .iter()
            .find(|r| r["type"] == "skip" && r["path"] == path);
        skip.unwrap_or_else(|| panic!("no skip of {path}: {told:#?}"))["rule"].clone()
    };
    assert_eq!(
        rule("a.o"),
        json!({ "pattern": "*.o", "origin": "rules", "line": 2 })
    );
    assert_eq!(
        rule("b.tmp"),
        json!({ "pattern": "*.tmp", "origin": "--exclude", "line": 0 })
    );
    assert_eq!(
        told[0]["options"]["rules"].as_array().map(Vec::len),
        Some(2)
    );
}

#[test]
fn conformance_37_an_alias_does_not_let_an_excluded_file_in() {
    let s = Sandbox::new();
    s.tree("src")
        .file("secret/key", "k")
        .link("alias", "secret")
        .settle();
    s.tree("dst").settle();
    s.run("fsync-diff --exclude secret src dst")
        .code(0)
        .stdout("A\talias\n");
    s.sh("fsync-diff --json --exclude secret src dst | fsync-apply")
        .code(0)
        .nothing();
    assert!(!s.tree("dst").has("secret") && !s.path("dst/alias/key").exists());
}

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
