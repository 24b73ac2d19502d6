//! `fsync-apply`: a plan is performed exactly, from records and from lines.

use crate::support::{Oracle, Sandbox, T0, Told, Traces, assert_same, outcomes, plan_line};

#[test]
fn conformance_1_a_mixed_tree_into_an_empty_directory() {
    let s = Sandbox::new();
    s.tree("src").menagerie();
    s.tree("dst");
    s.sh("fsync-diff --json src dst | fsync-apply")
        .code(0)
        .nothing();
    assert_same(s.path("src"), s.path("dst"));
    s.run("fsync-diff --delete --xattrs --checksum src dst")
        .code(0)
        .nothing();
}

#[test]
fn a_missing_destination_is_made() {
    let s = Sandbox::new();
    s.tree("src").menagerie().mode(".", 0o750);
    s.sh("fsync-diff --json src dst | fsync-apply")
        .code(0)
        .nothing();
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn lines_do_what_records_do() {
    let s = Sandbox::new();
    s.tree("src").menagerie();
    for (options, dst) in [("", "one"), ("-z", "two")] {
        s.tree(dst)
            .file("gone/x", "")
            .file("plain", "other")
            .dir("broken");
        s.sh(&format!(
            "fsync-diff {options} --delete src {dst} | fsync-apply src {dst}"
        ))
        .code(0)
        .nothing();
        assert_same(s.path("src"), s.path(dst));
    }
}

#[test]
fn conformance_5_empty_directories_keep_mode_and_time() {
    let s = Sandbox::new();
    let src = s.tree("src");
    src.dir("a/b/c")
        .mode("a/b/c", 0o500)
        .mode("a/b", 0o1777)
        .mtime("a/b/c", 1, 2)
        .mtime("a/b", 3, 4);
    s.sh("fsync-diff --json src dst | fsync-apply").code(0);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn conformance_14_touching_keeps_content_and_inode() {
    let s = Sandbox::new();
    s.tree("src")
        .file("f", "bytes")
        .mtime("f", T0.0 + 9, 9)
        .settle();
    let dst = s.tree("dst");
    dst.file("f", "bytes").settle();
    let inode = dst.inode("f");
    s.sh("fsync-diff --json src dst | fsync-apply")
        .code(0)
        .nothing();
    assert_eq!(dst.inode("f"), inode);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn conformance_20_only_the_mode_changes() {
    let s = Sandbox::new();
    s.tree("src")
        .file("f", "bytes")
        .owner("f", 77, 78)
        .mode("f", 0o4755)
        .settle();
    let dst = s.tree("dst");
    dst.file("f", "bytes").settle();
    let inode = dst.inode("f");
    s.sh("fsync-diff --json src dst | fsync-apply")
        .code(0)
        .nothing();
    assert_eq!(dst.inode("f"), inode);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn what_need_not_change_is_not_touched() {
    let s = Sandbox::new();
    s.tree("src").menagerie();
    s.twin("src", "dst");
    let dst = s.tree("dst");
    dst.edit("deep/er/still/file", "changed");
    let kept: Vec<_> = ["plain", "twins/a", "deep/b", "noted", "to file"]
        .map(|n| (n, dst.inode(n)))
        .into();
    s.sh("fsync-diff --json src dst | fsync-apply").code(0);
    assert_same(s.path("src"), s.path("dst"));
    for (name, inode) in kept {
        assert_eq!(dst.inode(name), inode, "{name}");
    }
}

#[test]
fn kinds_replace_each_other() {
    let s = Sandbox::new();
    type Make = fn(&Sandbox, &str, &str);
    let kinds: [(&str, Make); 5] = [
        ("file", |s, side, n| {
            s.tree(side).file(n, n);
        }),
        ("empty", |s, side, n| {
            s.tree(side).dir(n);
        }),
        ("full", |s, side, n| {
            s.tree(side).file(format!("{n}/a/b"), n);
        }),
        ("link", |s, side, n| {
            s.tree(side).link(n, "full-full");
        }),
        ("fifo", |s, side, n| {
            s.tree(side).fifo(n);
        }),
    ];
    for (from, make_old) in kinds {
        for (to, make_new) in kinds {
            let name = format!("{from}-{to}");
            make_old(&s, "dst", &name);
            make_new(&s, "src", &name);
        }
    }
    s.sh("fsync-diff --json --delete src dst | fsync-apply --max-delete 100%")
        .code(0)
        .nothing();
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn conformance_45_holes_stay_holes() {
    use std::os::unix::fs::MetadataExt;
    let s = Sandbox::new();
    let size = 8 << 20;
    s.tree("src")
        .sparse("leading", size, size - 4, b"data")
        .sparse("middle", size, 4 << 20, b"data")
        .sparse("trailing", size, 0, b"data")
        .sparse("all", size, 0, b"");
    s.sh("fsync-diff --json src dst | fsync-apply").code(0);
    assert_same(s.path("src"), s.path("dst"));
    for name in ["leading", "middle", "trailing", "all"] {
        let blocks = |side: &str| {
            std::fs::metadata(s.path(side).join(name))
                .expect("it")
                .blocks()
        };
        assert!(
            blocks("dst") <= blocks("src") + 64,
            "{name}: {} blocks",
            blocks("dst")
        );
    }
}

#[test]
fn a_rename_moves_the_inode() {
    let s = Sandbox::new();
    s.tree("src")
        .file("to", "bytes that moved")
        .file("d2/x", "x")
        .file("d2/y", "y")
        .settle();
    let dst = s.tree("dst");
    dst.file("from", "bytes that moved")
        .file("d1/x", "x")
        .file("d1/y", "y")
        .settle();
    let (file, inside) = (dst.inode("from"), dst.inode("d1/x"));
    s.sh("fsync-diff --json --delete --renames src dst | fsync-apply")
        .code(0)
        .nothing();
    assert_eq!((dst.inode("to"), dst.inode("d2/x")), (file, inside));
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn renames_survive_the_line_form() {
    let s = Sandbox::new();
    for (options, dst) in [("", "one"), ("-z", "two")] {
        s.tree("src").file("to\there", "bytes that moved").settle();
        s.tree(dst).file("from\tthere", "bytes that moved").settle();
        s.sh(&format!(
            "fsync-diff {options} --delete --renames src {dst} | fsync-apply src {dst}"
        ))
        .code(0)
        .nothing();
        assert_same(s.path("src"), s.path(dst));
    }
}

#[test]
fn conformance_81_a_thinned_plan_does_exactly_what_is_left() {
    let s = Sandbox::new();
    s.tree("src")
        .file("a.rs", "a")
        .file("b.c", "b")
        .file("d/e.rs", "e")
        .mode("d", 0o750)
        .settle();
    s.tree("expected")
        .file("a.rs", "a")
        .file("d/e.rs", "e")
        .mode("d", 0o750)
        .settle();
    for (dst, script) in [
        (
            "one",
            r"fsync-diff src one | grep '\.rs$' | fsync-apply src one",
        ),
        (
            "two",
            r#"fsync-diff --json src two | grep -v '"path":"[bd]' | cat - | fsync-apply"#,
        ),
        (
            "three",
            r#"fsync-diff --json src three | jq -c 'select(.type != "change" or (.path | test("rs$")))' | fsync-apply"#,
        ),
    ] {
        s.tree(dst).settle();
        s.sh(script).code(0).nothing();
        let expected = match dst {
            "two" => Oracle::of(s.path("expected")).without("d"),
            _ => Oracle::of(s.path("expected")),
        };
        expected.assert_is(s.path(dst));
    }
}

#[test]
fn conformance_85_a_dry_run_changes_nothing() {
    let s = Sandbox::new();
    s.tree("src").menagerie();
    s.tree("dst").file("x/y", "").file("plain", "other");
    s.snap("dst");
    let (dst, repo) = (Traces::of(s.path("dst")), s.archives());
    let log = std::fs::read(s.path("repo/log.ndjson")).expect("a log");
    s.sh("fsync-diff --json --delete src dst | fsync-apply --dry-run")
        .code(0);
    s.sh("fsync-diff --delete src dst | fsync-apply --dry-run src dst")
        .code(0);
    dst.assert_untouched(s.path("dst"));
    assert_eq!(s.archives(), repo);
    assert_eq!(
        std::fs::read(s.path("repo/log.ndjson")).expect("a log"),
        log
    );
}

#[test]
fn conformance_78_a_dry_run_into_deep_missing_directories() {
    let s = Sandbox::new();
    s.tree("src").file("a/b/c/d/e", "").settle();
    s.sh("fsync-diff --json src no/such/dst | fsync-apply --dry-run --parents")
        .code(0);
    assert!(!s.path("no").exists());
}

#[test]
fn json_prints_one_result_for_each_change() {
    let s = Sandbox::new();
    s.tree("src").file("a", "1").file("b", "2").settle();
    s.tree("dst").file("b", "other").file("c", "").settle();
    let plan = s.run("fsync-diff --json --delete src dst").code(0).bytes();
    let told = s.feed("fsync-apply --json", &plan).code(0).records();
    assert_eq!(outcomes(&told), ["a done", "b done", "c done"]);
    let told = s.feed("fsync-apply --json", &plan).code(0).records();
    assert_eq!(outcomes(&told), ["a already", "b already", "c already"]);
}

#[test]
fn conformance_76_a_dry_run_says_what_the_run_then_reports() {
    let s = Sandbox::new();
    s.tree("src").menagerie();
    s.tree("dst")
        .file("gone", "")
        .file("plain", "other")
        .settle();
    let plan = s
        .run("fsync-diff --json --delete src dst")
        .code(0)
        .records();
    let planned: Vec<_> = plan
        .iter()
        .filter(|r| r["type"] == "change")
        .map(|r| format!("{} done", r["path"].as_str().expect("a path")))
        .collect();
    let told = s
        .feed("fsync-apply --json", plan_line(&plan))
        .code(0)
        .records();
    let mut done = outcomes(&told);
    let mut planned = planned;
    done.sort();
    planned.sort();
    assert_eq!(done, planned);
}

#[test]
fn nothing_to_do_is_done() {
    let s = Sandbox::new();
    s.tree("src").menagerie();
    s.twin("src", "dst");
    let before = Traces::of(s.path("dst"));
    s.sh("fsync-diff --json src dst | fsync-apply")
        .code(0)
        .nothing();
    s.sh("fsync-diff src dst | fsync-apply src dst")
        .code(0)
        .nothing();
    before.assert_untouched(s.path("dst"));
}

#[test]
fn a_dropped_parent_is_as_the_last_source_has_it() {
    let s = Sandbox::new();
    s.tree("one").file("p/x/a", "a").mode("p", 0o700);
    s.tree("two").file("p/y/b", "b").mode("p", 0o755);
    s.tree("dst");
    s.sh(
        "fsync-diff --json one two dst | grep -v '\"path\":\"p\"' | fsync-apply; stat -c %a dst/p",
    )
    .code(0)
    .stdout("755\n");
}
