//! `fsync-diff`: what counts as a difference, and how it is printed.

use predicates::str::contains;

use crate::support::{Sandbox, T0, Told, change};

/// Two equal trees with one file `f` of eight bytes in each.
fn pair() -> Sandbox {
    let s = Sandbox::new();
    for side in ["src", "dst"] {
        s.tree(side).file("f", "12345678").settle();
    }
    s
}

#[test]
fn equal_trees_print_nothing() {
    let s = Sandbox::new();
    s.tree("src").menagerie();
    s.twin("src", "dst");
    s.run("fsync-diff src dst").code(0).stdout("").stderr("");
    s.run("fsync-diff --delete --xattrs --checksum --owner src dst")
        .code(0)
        .nothing();
}

#[test]
fn the_order_is_by_component() {
    let s = Sandbox::new();
    s.tree("src")
        .file("a/b", "")
        .file("a-b", "")
        .file("b", "")
        .settle();
    s.tree("dst").settle();
    s.run("fsync-diff src dst")
        .code(0)
        .stdout("A\ta\nA\ta/b\nA\ta-b\nA\tb\n");
}

#[test]
fn a_missing_destination_means_that_everything_is_added() {
    let s = Sandbox::new();
    s.tree("src").file("d/f", "").settle();
    s.run("fsync-diff src dst")
        .code(0)
        .stdout("A\t.\nA\td\nA\td/f\n");
    assert!(!s.path("dst").exists(), "looking makes nothing");
}

#[test]
fn same_size_other_bytes_and_time_is_an_m() {
    let s = pair();
    s.tree("src")
        .file("f", "87654321")
        .mtime("f", T0.0 + 60, 0)
        .settle();
    s.run("fsync-diff src dst").code(0).stdout("M\tf\n");
    let told = s.run("fsync-diff --json src dst").code(0).records();
    assert_eq!(
        change(&told, "f")["why"],
        serde_json::json!(["content", "mtime"])
    );
}

#[test]
fn attributes_count_with_xattrs() {
    let s = pair();
    s.tree("src").xattr("f", "user.a", b"1");
    s.run("fsync-diff src dst").code(0).nothing();
    s.run("fsync-diff --xattrs src dst")
        .code(0)
        .stdout("t\tf\n");
    let told = s
        .run("fsync-diff --json --xattrs src dst")
        .code(0)
        .records();
    assert_eq!(change(&told, "f")["why"], serde_json::json!(["xattrs"]));
}

#[test]
fn kinds_replace_each_other() {
    let s = Sandbox::new();
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    src.file("a", "").link("b", "x").dir("c").fifo("d").settle();
    dst.dir("a")
        .file("b", "")
        .link("c", "x")
        .file("d", "")
        .settle();
    s.run("fsync-diff src dst")
        .code(0)
        .stdout("T\ta\nT\tb\nT\tc\nT\td\n");
    let told = s.run("fsync-diff --json src dst").code(0).records();
    let why = &change(&told, "a")["why"];
    assert!(
        why.as_array().is_some_and(|w| w.contains(&"kind".into())),
        "{why}"
    );
}

#[test]
fn stat_counts() {
    let s = pair();
    s.tree("src").file("g", "123").file("h", "4567").settle();
    s.run("fsync-diff --stat src dst")
        .code(0)
        .stdout("A\t2\nbytes\t7\n");
}

#[test]
fn usage_is_exit_2() {
    let s = pair();
    s.run("fsync-diff")
        .code(2)
        .nothing()
        .stderr(contains("<SRC>"));
    s.run("fsync-diff src").code(2).nothing();
    s.run("fsync-diff --nonsense src dst")
        .code(2)
        .nothing()
        .stderr(contains("--nonsense"));
    s.run("fsync-diff --exclude [z-a] src dst")
        .code(2)
        .nothing()
        .stderr(contains("[z-a]"));
    s.run("fsync-diff --help")
        .code(0)
        .stdout(contains("fsync-diff"));
    s.run("fsync-diff --version")
        .code(0)
        .stdout(contains("fsync-diff"));
}

#[test]
fn the_root_counts_too() {
    let s = pair();
    s.tree("src").mode(".", 0o700);
    s.run("fsync-diff src dst").code(0).stdout("t\t.\n");
}
