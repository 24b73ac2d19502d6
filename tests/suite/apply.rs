//! `fsync-apply`: a plan is performed exactly, from records and from lines.

use crate::support::{Sandbox, Told, Traces, assert_same, outcomes};

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
