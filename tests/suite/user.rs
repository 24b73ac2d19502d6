//! As an ordinary user: what root never sees. Some of it needs root to build what an ordinary user cannot.

use predicates::prelude::*;

use crate::support::{Oracle, Person, Told, as_root, outcomes};

#[test]
fn an_unreadable_file_is_one_entrys_trouble() {
    if !as_root() {
        return;
    }
    let n = Person::nobody();
    n.s.tree("src")
        .file("a", "a")
        .file("secret", "s")
        .file("z", "z");
    n.own();
    n.s.tree("src").owner("secret", 0, 0).mode("secret", 0o600);
    let told = n
        .sh("fsync-diff --json src dst | fsync-apply --json")
        .code(3);
    let words = outcomes(&told.records());
    assert!(
        words.contains(&"secret failed".to_string()) && words.contains(&"z done".to_string()),
        "{words:?}"
    );
    assert!(
        told.complaint().contains("\"secret\"") && told.complaint().contains("Permission denied"),
        "{told}"
    );
    let dst = n.s.tree("dst");
    assert!(dst.has("a") && dst.has("z") && !dst.has("secret"));
}

#[test]
fn what_a_snapshot_could_not_read_its_revert_leaves_alone() {
    if !as_root() {
        return;
    }
    let n = Person::nobody();
    n.s.tree("dst")
        .file("secret", "kept")
        .file("f", "one")
        .file("closed/in", "kept");
    n.own();
    n.s.tree("dst")
        .owner("secret", 0, 0)
        .mode("secret", 0o600)
        .owner("closed", 0, 0)
        .mode("closed", 0o700);
    let told = n.sh("fsync-snap dst").code(predicate::in_iter([0, 3]));
    assert!(
        told.complaint().contains("secret"),
        "it is said: {}",
        told.complaint()
    );
    n.s.tree("dst").edit("f", "two");
    n.sh("fsync-revert dst").code(predicate::in_iter([0, 3]));
    let dst = n.s.tree("dst");
    assert_eq!(dst.read("f"), b"one");
    assert_eq!(
        (dst.read("secret"), dst.read("closed/in")),
        (b"kept".to_vec(), b"kept".to_vec())
    );
}

#[test]
fn a_directory_without_write_permission_is_filled_and_emptied() {
    let n = Person::nobody();
    n.s.tree("src")
        .file("locked/new", "n")
        .file("locked/sub/x", "x")
        .mode("locked/sub", 0o500)
        .mode("locked", 0o500);
    n.s.tree("dst")
        .file("locked/old", "o")
        .mode("locked", 0o500);
    n.own();
    let script = "fsync-diff --json --delete src dst | fsync-snap --through | fsync-apply --require-snapshot";
    n.sh(script).code(0).nothing();
    Oracle::of(n.s.path("src")).assert_is(n.s.path("dst"));
    n.sh("fsync-revert dst").code(0);
    assert_eq!(n.s.tree("dst").read("locked/old"), b"o");
    assert!(!n.s.tree("dst").has("locked/new"));
}

#[test]
fn a_destination_that_is_not_writable() {
    if !as_root() {
        return;
    }
    let n = Person::nobody();
    n.s.tree("src").file("f", "new").file("d/x", "");
    n.s.tree("dst").file("f", "old one").dir("d");
    n.own();
    n.s.sh("chown -R 0:0 dst; chmod -R go=rX dst").success();
    let before = Oracle::of(n.s.path("dst"));
    let told = n
        .sh("fsync-diff --json src dst | fsync-apply")
        .code(3)
        .nothing();
    assert!(told.complaint().contains("Permission denied"), "{told}");
    assert!(
        told.complaint().lines().all(|l| l.starts_with("fsync-")),
        "{told}"
    );
    before.assert_is(n.s.path("dst"));
}

#[test]
fn a_repository_that_is_not_writable() {
    if !as_root() {
        return;
    }
    let n = Person::nobody();
    n.s.tree("dst").file("f", "");
    n.own();
    n.s.tree("repo").owner(".", 0, 0);
    n.sh("fsync-snap dst")
        .code(9)
        .nothing()
        .one_line("fsync-snap", &["repo", "Permission denied"]);
    assert!(n.s.head("dst").is_none());
}

#[test]
fn what_no_snapshot_could_read_is_neither_deleted_nor_replaced() {
    if !as_root() {
        return;
    }
    let n = Person::nobody();
    n.s.tree("src").file("f", "longer than before");
    n.s.tree("dst")
        .file("d/p", "secret")
        .file("f", "before")
        .mode("d/p", 0);
    n.own();
    let cp = "fsync-diff --json --delete src dst | fsync-snap --through | fsync-apply --require-snapshot";
    n.sh(cp)
        .code(3)
        .stderr(predicate::str::contains("\"d/p\": held"));
    assert_eq!(n.s.tree("dst").read("d/p"), b"secret");
    assert_eq!(n.s.tree("dst").read("f"), b"longer than before");
}

#[test]
fn a_directory_that_could_not_be_searched_is_not_emptied_by_a_revert() {
    let n = Person::nobody();
    let t = n.s.tree("t");
    t.file("k/z", "precious").file("g", "1").mode("k", 0o600);
    n.own();
    n.sh("fsync-snap t").code(3);
    t.mode("k", 0o755);
    n.sh("fsync-revert t").code(3);
    t.mode("k", 0o755);
    assert_eq!(t.read("k/z"), b"precious");
}

#[test]
fn directories_get_their_metadata_whatever_their_own_mode() {
    let n = Person::nobody();
    n.s.tree("u").dir("zz").settle();
    n.s.tree("u").mode("zz", 0).mtime("zz", 978_307_200, 5);
    n.s.tree("v");
    n.own();
    n.sh("fsync-diff --json u v | fsync-apply; stat -c '%a %Y' v/zz")
        .code(0)
        .stdout("0 978307200\n");
}

#[test]
fn a_destination_that_cannot_be_opened_is_no_success() {
    let n = Person::nobody();
    n.s.tree("s").file("x", "x");
    n.s.tree("d").mode(".", 0o311);
    n.own();
    n.sh("printf 'A\\tx\\n' | fsync-apply s d").code(9);
}
