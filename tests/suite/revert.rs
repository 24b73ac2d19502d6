//! `fsync-revert`: exact, only where something differs, and into new places.

use crate::support::{Oracle, Sandbox, Told, Traces, assert_same};

#[test]
fn holds_2_everything_comes_back() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.menagerie();
    s.snap("dst");
    s.twin("dst", "before");
    s.sh("rm -rf dst/deep dst/pipe dst/noted dst/holes 'dst/to dir' dst/twins/a")
        .success();
    dst.edit("plain", "edited")
        .remove("empty")
        .file("empty/now a directory", "")
        .mode("run me", 0o600)
        .file("extra/x", "");
    dst.remove("broken")
        .dir("broken")
        .owner("secret", 9, 9)
        .mtime("old", 3, 3)
        .mode(".", 0o711);
    s.run("fsync-revert dst").code(0);
    assert_same(s.path("before"), s.path("dst"));
}

#[test]
fn only_what_differs_is_written() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.menagerie();
    s.snap("dst");
    let names = [
        "empty",
        "big",
        "twins/a",
        "deep/b",
        "deep/er/still/file",
        "to file",
        "pipe",
        "noted",
    ];
    let kept = names.map(|n| (n, dst.inode(n)));
    dst.edit("plain", "edited").mode("big", 0o600);
    s.run("fsync-revert dst").code(0);
    for (name, inode) in kept {
        assert_eq!(dst.inode(name), inode, "{name}");
    }
    assert_eq!(dst.read("plain"), b"plain\n");
}

#[test]
fn same_size_and_time_is_still_noticed() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("f", "12345678").settle();
    s.snap("dst");
    dst.file("f", "87654321").settle();
    s.run("fsync-revert dst").code(0);
    assert_eq!(dst.read("f"), b"12345678");
    s.run("fsync-revert --redo dst").code(0);
    assert_eq!(
        dst.read("f"),
        b"87654321",
        "it was recorded before the revert"
    );
}

#[test]
fn named_paths_only() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "a")
        .file("d/b", "b")
        .file("d/c", "c")
        .file("gone", "g")
        .settle();
    s.snap("dst");
    dst.edit("a", "edited")
        .edit("d/b", "edited")
        .edit("d/c", "edited")
        .remove("gone")
        .file("d/new", "");
    s.run("fsync-revert dst -- d/b gone").code(0);
    assert_eq!(
        (dst.read("d/b"), dst.read("gone")),
        (b"b".to_vec(), b"g".to_vec())
    );
    assert_eq!(
        (dst.read("a"), dst.read("d/c")),
        (b"edited".to_vec(), b"edited".to_vec())
    );
    assert!(dst.has("d/new"));
    s.run("fsync-revert dst @ -- d").code(0);
    assert_eq!(dst.read("a"), b"edited");
    for bad in ["../a", "/etc/passwd", "d/../a"] {
        let before = Traces::of(s.path("dst"));
        let code = s
            .run(&format!("fsync-revert dst -- {bad}"))
            .nothing()
            .get_output()
            .status
            .code();
        assert!(matches!(code, Some(2 | 5 | 6)), "{bad}: {code:?}");
        before.assert_untouched(s.path("dst"));
    }
}

#[test]
fn paths_to_a_new_directory() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "a").file("d/b", "b").file("d/e/f", "f");
    s.sh("ln dst/a dst/z; ln dst/a dst/zz; ln -s a dst/l; chmod 2750 dst/d; touch -d @1 dst/d/e dst/d dst")
        .code(0);
    s.twin("dst", "wanted");
    s.snap("dst");
    dst.edit("d/b", "edited").remove("a").file("new", "");
    let untouched = Traces::of(s.path("dst"));
    let told = s.run("fsync-revert dst --to out --verify -- d/e z zz");
    told.code(0);
    untouched.assert_untouched(s.path("dst"));
    // What leads there is as it was, too, and names of one file are names of one file.
    s.sh("rm wanted/a wanted/l wanted/d/b; touch -d @1 wanted/d wanted")
        .code(0);
    assert_same(s.path("wanted"), s.path("out"));
    s.run("fsync rv -d dst --to piped -- l").code(0);
    s.sh("test $(ls piped) = l && test $(readlink piped/l) = a")
        .code(0);
    let plan = s.run("fsync-revert dst -n --to none -- d/b").code(0).text();
    assert_eq!(plan.lines().count(), 3, "{plan}");
    for (bad, code) in [("missing", 6), ("new", 6), ("../a", 2)] {
        let told = s.run(&format!("fsync-revert dst --to none -- {bad}"));
        let told = told.code(code).nothing();
        assert!(told.complaint().contains(bad), "{}", told.complaint());
        assert!(!s.path("none").exists());
        if code == 6 {
            s.run(&format!("fsync-revert dst @ -n -- {bad}x")).code(6);
        }
    }
}

#[test]
fn to_a_new_directory() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.menagerie();
    s.twin("dst", "before");
    s.snap("dst");
    dst.edit("plain", "edited");
    let untouched = Traces::of(s.path("dst"));
    s.run("fsync-revert dst --to out").code(0);
    assert_same(s.path("before"), s.path("out"));
    untouched.assert_untouched(s.path("dst"));
    assert!(s.head("out").is_none() || s.head("out") != s.head("dst"));
    s.tree("full").file("precious", "");
    let before = Oracle::of(s.path("full"));
    let code = s
        .run("fsync-revert dst --to full")
        .nothing()
        .get_output()
        .status
        .code();
    assert!(
        matches!(code, Some(2 | 4)),
        "a directory that holds something: {code:?}"
    );
    before.assert_is(s.path("full"));
}

#[test]
fn by_tag() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "one").settle();
    s.run("fsync-snap dst -t first").code(0);
    dst.edit("a", "two");
    s.snap("dst");
    dst.edit("a", "three");
    s.run("fsync-revert dst --tag first").code(0);
    assert_eq!(dst.read("a"), b"one");
    s.run("fsync-revert dst --tag nosuch")
        .code(6)
        .nothing()
        .one_line("fsync-revert", &["nosuch"]);
    s.run("fsync-revert --redo dst").code(0);
    assert_eq!(dst.read("a"), b"three");
}

#[test]
fn deletes_more_than_half_without_asking() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "").settle();
    s.snap("dst");
    for n in 0..50 {
        dst.file(format!("{n}"), "");
    }
    s.run("fsync-revert dst").code(0);
    assert_eq!(Oracle::of(s.path("dst")).len(), 1);
    s.run("fsync-revert --redo dst").code(0);
    assert_eq!(Oracle::of(s.path("dst")).len(), 51);
    s.run("fsync-revert dst").code(0);
}

#[test]
fn the_sync_file_comes_back_and_backup_stays_out() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file(".fsync-sync", "/somewhere\n")
        .file("a", "")
        .settle();
    s.snap("dst");
    dst.remove(".fsync-sync");
    s.run("fsync-revert dst").code(0);
    assert_eq!(dst.read(".fsync-sync"), b"/somewhere\n");
}

#[test]
fn a_link_in_the_tree_is_never_followed() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("d/f", "recorded").settle();
    s.snap("dst");
    s.tree("outside").file("f", "precious");
    dst.remove("d").link("d", "../outside");
    let outside = Traces::of(s.path("outside"));
    s.run("fsync-revert dst").code(0);
    assert_eq!(dst.read("d/f"), b"recorded");
    outside.assert_untouched(s.path("outside"));
    s.run("fsync-revert --redo dst").code(0);
    assert!(dst.at("d").is_symlink());
    outside.assert_untouched(s.path("outside"));
}

#[test]
fn without_history_there_is_nothing_to_go_back_to() {
    let s = Sandbox::new();
    s.tree("dst").file("a", "");
    s.run("fsync-revert dst")
        .code(6)
        .nothing()
        .one_line("fsync-revert", &["dst\""]);
    s.run("fsync-revert --redo dst").code(6).nothing();
    s.run("fsync-revert nosuch")
        .code(6)
        .nothing()
        .one_line("fsync-revert", &["nosuch\""]);
    s.run("fsync-revert").code(2).nothing();
    s.tree("dst").file(".fsync-backup", "not an id\n");
    let code = s
        .run("fsync-revert dst")
        .nothing()
        .get_output()
        .status
        .code();
    assert!(
        matches!(code, Some(5 | 6 | 8)),
        "a BACKUP that is none: {code:?}"
    );
}

#[test]
fn a_revert_leaves_the_repository_inside_alone() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("a", "one");
    let run = |line: &[&str]| {
        s.cmd(line[0])
            .env("FSYNC_REPO", s.path("dst/store"))
            .args(&line[1..])
            .assert()
    };
    let id = run(&["fsync-snap", "dst"]).code(0).text();
    dst.edit("a", "two");
    run(&["fsync-revert", "dst"]).code(0);
    assert_eq!(dst.read("a"), b"one");
    assert!(s.path("dst/store").join(format!("{id}.zip")).exists());
    run(&["fsync-revert", "--redo", "dst"]).code(0);
    assert_eq!(dst.read("a"), b"two");
}
