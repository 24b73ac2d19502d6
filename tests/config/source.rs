//! Filters of single sources: the option of `fsync-diff`, and the lines of the SYNC file.

use std::fs;

use crate::desk::Desk;
use crate::support::{Told, records};

/// Two sources, a directory with things of its own, and a SYNC file; `@` stands for the sandbox.
fn desk(sync: &str) -> Desk {
    let d = Desk::new();
    d.s.tree("low")
        .file("a.o", "low")
        .file("a.c", "low")
        .file("out/x", "low")
        .file("both", "low");
    d.s.tree("high")
        .file("a.o", "high")
        .file("b.o", "high")
        .file("keep.o", "high")
        .file("both", "high");
    d.s.tree("d").file("mine", "d");
    let top = d.s.path("").display().to_string();
    let text = sync.replace('@', top.trim_end_matches('/'));
    d.s.tree("d").file(".fsync-sync", text);
    d
}

fn status(d: &Desk, options: &str) -> String {
    let text = d.run(&format!("status {options} d")).code(0).text();
    let lines = text.lines().filter(|l| !l.starts_with('t'));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_filter_narrows_one_source() {
    let d = desk("@/low\n@/high\n--exclude=*.o\n--include=keep.o\n");
    assert_eq!(
        status(&d, ""),
        "A\ta.c\nA\ta.o\nA\tboth\nA\tkeep.o\nA\tout\nA\tout/x"
    );
    d.run("sync d").code(0);
    let read = |name: &str| String::from_utf8(d.s.tree("d").read(name)).unwrap();
    assert_eq!(
        (read("a.o"), read("both")),
        ("low".into(), "high".into()),
        "the lower source supplies it"
    );
    assert!(!d.s.path("d/b.o").exists());
    assert_eq!(status(&d, "--delete"), "D\tmine");
    // By hand it is the same.
    let by_hand = d
        .sh("fsync-diff low high e --source-exclude '2:*.o' --source-include 2:keep.o")
        .code(0)
        .text();
    let by_cp = d
        .sh("fsync cp -n --source-exclude '2:*.o' --source-include 2:keep.o low high e")
        .code(0)
        .text();
    assert_eq!(by_hand, by_cp);
    assert!(
        by_hand.contains("A\tkeep.o") && !by_hand.contains("b.o"),
        "{by_hand}"
    );
    let trace = d.run("--trace sync -n d").code(0).complaint();
    assert!(
        trace.contains("'--source-exclude=2:*.o' --source-include=2:keep.o "),
        "{trace}"
    );
}

#[test]
fn what_a_filter_matches_is_never_deleted() {
    let d = desk("@/low\n--exclude=/out/\n@/high\n--exclude=*.o\n");
    let tree = d.s.tree("d");
    tree.file("own.o", "1")
        .file("deep/own.o", "1")
        .file("deep/other", "1");
    tree.file("out/y", "1").file("out/sub/z", "1");
    for options in ["--delete", "--delete-excluded"] {
        let plan = status(&d, options);
        let gone: Vec<&str> = plan.lines().filter_map(|l| l.strip_prefix("D\t")).collect();
        assert_eq!(gone, ["deep/other", "mine"], "{plan}");
    }
    d.run("sync --delete d").code(0);
    for name in ["own.o", "deep/own.o", "out/y", "out/sub/z"] {
        assert!(tree.has(name), "{name}");
    }
    assert!(!tree.has("mine") && !tree.has("out/x"));
}

#[test]
fn nothing_is_deleted_that_would_not_have_been() {
    // The upper source has a directory where the lower one has a file.
    let d = desk("@/low\n@/high\n--exclude=both\n--exclude=/dir/\n");
    d.s.tree("high").file("dir/x", "1");
    d.s.tree("low").file("dir", "a file");
    let tree = d.s.tree("d");
    tree.file("dir/x", "1").file("dir/y", "1");
    let told = d.run("sync --delete d").code(3);
    assert!(
        told.complaint()
            .contains("\"dir\": skipped: the directory in its place"),
        "{}",
        told.complaint()
    );
    assert!(tree.has("dir/x") && tree.has("dir/y"));
    fs::remove_dir_all(tree.at("dir")).unwrap();
    tree.dir("dir");
    d.run("sync --delete d").code(3);
    assert!(tree.at("dir").is_dir(), "an empty one neither");
    // A pattern for directories protects a file of that name too.
    fs::remove_dir_all(tree.at("dir")).unwrap();
    fs::remove_file(d.s.path("low/dir")).unwrap();
    tree.file("dir", "mine");
    d.run("sync --delete d").code(0);
    assert_eq!(tree.read("dir"), b"mine");
}

#[test]
fn plans_say_what_was_left_out() {
    let d = desk("@/low\n@/high\n--exclude=*.o\n");
    let trace = d.run("--trace sync -n d").code(0).complaint();
    let command = trace.lines().find(|l| l.starts_with("fsync-diff")).unwrap();
    let plan = d
        .sh(&command.replacen("fsync-diff", "fsync-diff --json", 1))
        .code(0);
    let plan = records(&plan.bytes());
    let rules = &plan[0]["options"]["source_rules"];
    assert_eq!(rules.as_array().unwrap().len(), 1);
    assert_eq!(
        (&rules[0]["source"], &rules[0]["pattern"]),
        (&1.into(), &"*.o".into())
    );
    let skipped: Vec<_> = plan.iter().filter(|r| r["type"] == "skip").collect();
    let out = skipped.iter().find(|r| r["path"] == "b.o").expect("a skip");
    assert_eq!((&out["source"], &out["cause"]), (&1.into(), &false.into()));
    assert_eq!(out["rule"]["pattern"], "*.o");
    // Without filters the header says nothing of them.
    let plain = d.sh("fsync-diff --json low e").code(0);
    assert!(
        records(&plain.bytes())[0]["options"]
            .get("source_rules")
            .is_none()
    );
}

#[test]
fn the_line_form_is_applied_with_the_same_filters() {
    let d = desk("");
    let filter = "--source-exclude '2:*.o'";
    d.sh(&format!(
        "fsync-diff {filter} low high e | fsync-apply {filter} low high e"
    ))
    .code(0);
    assert_eq!(d.s.tree("e").read("a.o"), b"low");
    assert!(!d.s.path("e/b.o").exists());
    d.sh(&format!(
        "fsync-diff --json {filter} low high f | fsync-apply low high f"
    ))
    .code(0);
    assert_eq!(d.s.tree("f").read("a.o"), b"low");
    d.sh("fsync-diff --source-exclude 3:x low high e")
        .code(2)
        .nothing();
    d.sh("fsync-diff --source-exclude x low e")
        .code(2)
        .nothing();
    d.sh("fsync-diff --source-exclude '1:[z-a]' low e")
        .code(2)
        .nothing();
}

#[test]
fn a_source_that_is_named_twice_counts_where_it_supplies_more() {
    let d = desk("");
    let plan = |args: &str| d.sh(&format!("fsync-diff {args} | grep -v t")).text();
    assert_eq!(
        plan("high low high e --source-exclude '3:*.o'"),
        plan("high low e --source-exclude '2:zz'").replace("zz", "")
    );
    assert!(plan("high high e --source-exclude '2:*.o'").contains("b.o"));
    assert!(!plan("high high e --source-exclude '1:*.o' --source-exclude '2:*.o'").contains("b.o"));
}

#[test]
fn a_hostile_sync_file_is_one_line_of_error() {
    let d = desk("");
    let many = format!("/low\n{}", "--exclude=x\n".repeat(1001));
    let long = format!("/low\n--exclude={}\n", "x".repeat(5000));
    for (text, line, why) in [
        (&b"--exclude=x\n/low\n"[..], 1, "no source above it"),
        (b"/low\n--exclude=\n", 2, "the pattern is empty"),
        (b"/low\n--exclude=a\x1b[2Jb\n", 2, "control character"),
        (b"/low\n--exclude=x\r\n", 2, "control character"),
        (b"/low\n--include=\xff\n", 2, "not UTF-8"),
        (b"/low\n--exclude=[z-a]\n", 2, "not a pattern"),
        (b"/low\n--exclude-from=/etc/passwd\n", 2, "neither"),
        (b"/low\n--repo=/tmp/x\n", 2, "neither"),
        (b"/low\n--delete\n", 2, "neither"),
        (b"/low\n--source-exclude=1:x\n", 2, "neither"),
        (b"/low\nhooks.before = \"touch x\"\n", 2, "neither"),
        (many.as_bytes(), 1002, "more than 1000 patterns"),
        (long.as_bytes(), 2, "longer than 4096"),
    ] {
        fs::write(d.s.path("d/.fsync-sync"), text).unwrap();
        for command in ["sync d", "status d"] {
            let line = format!("/.fsync-sync\": line {line}: ");
            d.run(command)
                .code(2)
                .nothing()
                .one_line("fsync", &[&line, why]);
        }
    }
    assert_eq!(fs::read_dir(d.s.path("d")).unwrap().count(), 2);
}

#[test]
fn mksync_writes_filters_and_loses_none_silently() {
    let d = desk("");
    fs::remove_file(d.s.path("d/.fsync-sync")).unwrap();
    let text = || fs::read_to_string(d.s.path("d/.fsync-sync")).unwrap();
    let top = d.s.path("").display().to_string();
    let top = top.trim_end_matches('/');
    d.sh("fsync mksync d low high --source-exclude '1:*.bak' --source-exclude 2:/out/ --source-include '1:a.bak'")
        .code(0)
        .stderr("fsync: \"d\": its SYNC file names 2 sources and 3 filters\n");
    let all = format!("{top}/low\n--exclude=*.bak\n--include=a.bak\n{top}/high\n--exclude=/out/\n");
    assert_eq!(text(), all);
    d.s.tree("more");
    d.sh("fsync -q mksync --force d low more high --source-exclude 1:new")
        .code(0)
        .stderr("");
    let kept = all.replace("*.bak\n", "*.bak\n--exclude=new\n");
    assert_eq!(
        text(),
        kept.replace(&format!("{top}/high"), &format!("{top}/more\n{top}/high"))
    );
    let said = d.sh("fsync mksync --force d low").code(0).complaint();
    assert!(
        said.contains("/high\" is no source any more; its filters go with it"),
        "{said}"
    );
    d.sh("fsync mksync --force --drop-filters d low").code(0);
    assert_eq!(text(), format!("{top}/low\n"));
    d.sh("fsync mksync --force d low --source-exclude 2:x")
        .code(2)
        .nothing();
    d.sh("fsync mksync --force d low --source-exclude '1:[z-a]'")
        .code(2)
        .nothing();
    d.sh("printf 'a\\n' >d/.fsync-sync").code(0);
    let said = d.sh("fsync mksync --force d low").code(0).complaint();
    assert!(
        said.contains("whatever filters it has are not kept"),
        "{said}"
    );
}
