//! `fsync-diff`: what counts as a difference, and how it is printed.

use predicates::str::contains;

use crate::support::{Sandbox, T0, Told, as_root, change};

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
fn conformance_13_same_size_and_time_is_found_by_checksum_only() {
    let s = pair();
    s.tree("dst").file("f", "87654321").settle();
    s.run("fsync-diff src dst").code(0).nothing();
    s.run("fsync-diff --checksum src dst")
        .code(0)
        .stdout("M\tf\n");
    s.run("fsync-diff -c src dst").code(0).stdout("M\tf\n");
}

#[test]
fn conformance_14_a_touched_file_is_a_t() {
    let s = pair();
    s.tree("src").mtime("f", T0.0 + 60, 0);
    s.run("fsync-diff src dst").code(0).stdout("t\tf\n");
    let told = s.run("fsync-diff --json src dst").code(0).records();
    assert_eq!(change(&told, "f")["why"], serde_json::json!(["mtime"]));
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
fn conformance_15_size_only() {
    let s = pair();
    s.tree("src")
        .file("f", "87654321")
        .mtime("f", T0.0 + 60, 0)
        .settle();
    s.run("fsync-diff --size-only src dst").code(0).nothing();
    s.tree("src").file("f", "longer than it was").settle();
    s.run("fsync-diff --size-only src dst")
        .code(0)
        .stdout("M\tf\n");
}

#[test]
fn conformance_16_and_17_times_and_the_window() {
    let s = pair();
    s.tree("src").mtime("f", T0.0 + 1, T0.1);
    s.run("fsync-diff src dst").code(0).stdout("t\tf\n");
    s.run("fsync-diff --modify-window 2s src dst")
        .code(0)
        .nothing();
    s.run("fsync-diff --modify-window 1s src dst")
        .code(0)
        .nothing();
    s.run("fsync-diff --modify-window 999ms src dst")
        .code(0)
        .stdout("t\tf\n");
    s.tree("src").mtime("f", T0.0, T0.1 + 100_000_000);
    s.run("fsync-diff src dst").code(0).stdout("t\tf\n");
    s.tree("src").mtime("f", T0.0, T0.1 + 1);
    s.run("fsync-diff src dst").code(0).stdout("t\tf\n");
    s.run("fsync-diff --modify-window 5fortnights src dst")
        .code(2);
}

#[test]
fn conformance_20_modes_and_owners() {
    if !as_root() {
        return;
    }
    let s = pair();
    s.tree("src").mode("f", 0o4711);
    let told = s.run("fsync-diff --json src dst").code(0).records();
    let mode = change(&told, "f");
    assert_eq!(
        (&mode["status"], &mode["why"]),
        (&"t".into(), &serde_json::json!(["mode"]))
    );
    assert_eq!(mode["new"]["mode"], "4711");
    s.tree("src").mode("f", 0o644).owner("f", 7, 8);
    let told = s.run("fsync-diff --json src dst").code(0).records();
    assert_eq!(change(&told, "f")["why"], serde_json::json!(["owner"]));
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
fn conformance_23_deletions_only_with_delete() {
    let s = pair();
    s.tree("dst").file("x/y/z", "").file("w", "").settle();
    s.run("fsync-diff src dst").code(0).nothing();
    let all = "D\tw\nD\tx\nD\tx/y\nD\tx/y/z\n";
    s.run("fsync-diff --delete src dst").code(0).stdout(all);
}

#[test]
fn conformance_32_a_file_for_a_full_directory_needs_delete() {
    let s = pair();
    s.tree("src").file("d", "now a file").settle();
    s.tree("dst").file("d/child", "").settle();
    s.run("fsync-diff --delete src dst")
        .code(0)
        .stdout("T\td\nD\td/child\n");
    let told = s.run("fsync-diff --json src dst").code(3);
    let records = told.records();
    assert!(
        !records.iter().any(|r| r["type"] == "change"),
        "{records:#?}"
    );
    let skip = records
        .iter()
        .find(|r| r["type"] == "skip")
        .expect("a skip");
    assert_eq!((&skip["path"], &skip["cause"]), (&"d".into(), &true.into()));
    assert!(
        told.complaint().contains("\"d\""),
        "named: {}",
        told.complaint()
    );
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
fn conformance_42_a_link_is_compared_by_its_target() {
    let s = Sandbox::new();
    for target in ["file", "dir", "nothing"] {
        for (side, to) in [("src", target), ("dst", "elsewhere")] {
            s.tree(side).file("file", "").dir("dir");
            let _ = std::fs::remove_file(s.path(side).join("l"));
            s.tree(side).link("l", to).settle();
        }
        s.run("fsync-diff src dst").code(0).stdout("M\tl\n");
        let told = s.run("fsync-diff --json src dst").code(0).records();
        assert_eq!(change(&told, "l")["why"], serde_json::json!(["target"]));
    }
}

#[test]
fn conformance_87_exit_codes() {
    let s = pair();
    s.run("fsync-diff --exit-code src dst").code(0).nothing();
    s.tree("src").file("g", "").settle();
    s.run("fsync-diff --exit-code src dst")
        .code(1)
        .stdout("A\tg\n");
    s.run("fsync-diff --exit-code --quiet src dst")
        .code(1)
        .stdout("")
        .stderr("");
    s.run("fsync-diff -q --exit-code src dst").code(1).nothing();
    s.run("fsync-diff --exit-code --json src dst").code(1);
    s.run("fsync-diff --exit-code --size-only -c src dst")
        .code(2)
        .nothing();
    s.run("fsync-diff --exit-code ./nosuch dst")
        .code(4)
        .nothing()
        .one_line("fsync-diff", &["nosuch\""]);
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
        .stderr(contains("Usage"));
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
