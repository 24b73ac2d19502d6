//! What takes part: listed paths, sizes, newer files, and file systems that are not entered.

use predicates::str::contains;
use serde_json::Value;

use crate::support::{Sandbox, Told, Tree, assert_same};

/// `path reason` of every skip.
fn skips(records: &[Value]) -> Vec<String> {
    let word = |v: &Value| v.as_str().unwrap_or("?").to_string();
    records
        .iter()
        .filter(|r| r["type"] == "skip")
        .inspect(|r| assert_eq!(r["cause"], false, "{r}"))
        .map(|r| format!("{} {}", word(&r["path"]), word(&r["reason"])))
        .collect()
}

fn errors(records: &[Value]) -> Vec<&str> {
    let all = records.iter().filter(|r| r["type"] == "error");
    all.map(|r| r["path"].as_str().unwrap_or("?")).collect()
}

/// A source and an empty destination, and a list.
fn listed(list: &str) -> (Sandbox, Tree, Tree) {
    let s = Sandbox::new();
    let src = s.tree("src");
    src.file("a/b/c", "c")
        .file("a/b/d", "d")
        .file("a/e", "e")
        .file("f", "f")
        .file("g/h", "h");
    src.mode("a", 0o750).settle();
    let dst = s.tree("dst");
    dst.settle();
    s.tree(".").file("list", list);
    (s, src, dst)
}

#[test]
fn only_what_is_listed_takes_part() {
    let (s, _, dst) = listed("./a/b/c\na/b/c\ng/\n");
    let plan = "A\ta\nA\ta/b\nA\ta/b/c\nA\tg\nA\tg/h\n";
    s.run("fsync-diff --files-from list src dst")
        .code(0)
        .stdout(plan);
    s.sh("tr '\\n' '\\0' <list | fsync-diff --files-from - --from0 src dst")
        .code(0)
        .stdout(plan);
    s.sh("fsync-diff --json --files-from list src dst | fsync-apply")
        .code(0);
    s.run("fsync-diff --files-from list src dst")
        .code(0)
        .stdout("");
    let left = "A\ta/b/d\nA\ta/e\nA\tf\n";
    s.run("fsync-diff src dst").code(0).stdout(left);
    // Parents that are there are left alone.
    dst.mode("a", 0o700)
        .mtime("a/b", 5, 5)
        .edit("a/b/c", "other");
    s.run("fsync-diff --files-from list src dst")
        .code(0)
        .stdout("M\ta/b/c\n");
}

#[test]
fn an_empty_list_is_nothing_and_the_root_is_everything() {
    let (s, src, dst) = listed("");
    s.run("fsync-diff --files-from list src dst")
        .code(0)
        .stdout("");
    s.run("fsync-diff --files-from list src new/")
        .code(0)
        .stdout("");
    s.tree(".").file("list", ".\n");
    s.sh("fsync cp -q --files-from list src dst").code(0);
    assert_same(src.root(), dst.root());
    s.tree(".").file("list", "a/e\n");
    s.run("fsync-diff --files-from list src new/")
        .code(0)
        .stdout("A\t.\nA\ta\nA\ta/e\n");
}

#[test]
fn what_is_listed_and_nowhere_is_an_error() {
    let (s, _, dst) = listed("a/gone\nf\nf/below\nno/where/x\n");
    dst.file("a/gone", "")
        .file("a/other", "")
        .file("no/where/x", "")
        .file("no/y", "")
        .settle();
    let told = s.run("fsync-diff --json --files-from list src dst").code(3);
    assert_eq!(errors(&told.records()), ["a/gone", "no/where/x"]);
    told.stderr(contains("no source has it"));
    s.sh("fsync-diff --json --files-from list src dst | fsync-apply -q")
        .code(3);
    assert!(dst.has("f") && dst.has("a/gone"));
    s.run("fsync-diff --delete --files-from list src dst")
        .code(0)
        .stdout("D\ta/gone\nD\tno/where/x\n");
    s.sh("fsync-diff --json --delete --files-from list src dst | fsync-apply")
        .code(0);
    assert!(!dst.has("a/gone") && !dst.has("no/where/x"));
    assert!(dst.has("a/other") && dst.has("no/where") && dst.has("no/y"));
    let told = s
        .run("fsync-diff --delete --json --files-from list src dst")
        .code(3);
    assert_eq!(errors(&told.records()), ["a/gone", "no/where/x"]);
}

#[test]
fn a_listed_path_below_a_file_is_nowhere() {
    let (s, _, _) = listed("f/below\n");
    let told = s.run("fsync-diff --json --files-from list src dst").code(3);
    assert_eq!(errors(&told.records()), ["f/below"]);
}

#[test]
fn deletions_stay_inside_what_is_listed() {
    let (s, _, dst) = listed("a/b\n");
    dst.file("a/b/x", "")
        .file("a/b/y/z", "")
        .file("a/w", "")
        .file("v", "")
        .settle();
    s.run("fsync-diff --delete --files-from list src dst")
        .code(0)
        .stdout("A\ta/b/c\nA\ta/b/d\nD\ta/b/x\nD\ta/b/y\nD\ta/b/y/z\n");
}

#[test]
fn a_parent_that_is_no_directory_is_in_the_way() {
    let (s, _, dst) = listed("a/b/c\nf\n");
    dst.link("a", "elsewhere").settle();
    let told = s
        .run("fsync-diff --files-from list src dst")
        .code(3)
        .stdout("A\tf\n");
    told.stderr(contains("\"a\": skipped"));
}

#[test]
fn a_list_is_not_trusted() {
    let (s, _, _) = listed("");
    for (list, line, word) in [
        ("f\n/etc/passwd\n", "line 2", "absolute"),
        ("a/../../x\n", "line 1", "\"..\""),
        ("..\n", "line 1", "\"..\""),
        ("f\n\ng\n", "line 2", "empty"),
        ("f\0g\0", "line 1", "--from0"),
    ] {
        s.tree(".").file("list", list);
        s.run("fsync-diff --files-from list src dst")
            .code(2)
            .nothing()
            .one_line("fsync-diff", &["list", line, word]);
    }
    s.run("fsync-diff --files-from nosuch src dst")
        .code(2)
        .one_line("fsync-diff", &["nosuch"]);
    s.run("fsync-diff --from0 src dst").code(2);
    s.run("fsync-diff --files-from - --exclude-from - src dst")
        .code(2);
}

#[test]
fn lists_work_with_layers_and_snapshots() {
    let (s, _, _) = listed("a/b\nk\nf\n");
    s.tree("top")
        .file("a/b/c", "on top")
        .file("k", "k")
        .file("n", "n")
        .settle();
    let id = s.snap("top");
    let plan = "A\ta\nA\ta/b\nA\ta/b/c\nA\ta/b/d\nA\tf\nA\tk\n";
    for top in ["top", &id] {
        let told = s
            .run(&format!("fsync-diff --files-from list src {top} dst"))
            .code(0)
            .stdout(plan);
        told.stderr(contains("\"a/b/c\": skipped: shadowed by source 2"));
    }
    s.sh(&format!(
        "fsync-diff --json --files-from list src {id} dst | fsync-apply"
    ))
    .code(0);
    assert_eq!(s.tree("dst").read("a/b/c"), b"on top");
    s.sh(&format!("fsync-diff -q --files-from list src {id} dst"))
        .code(0)
        .stdout("");
    // A snapshot as the destination, of which nothing listed differs.
    s.run(&format!("fsync-diff --files-from list src top {id}"))
        .code(0)
        .stdout("A\ta/b/d\nA\tf\n");
}

#[test]
fn filters_hold_for_what_is_listed() {
    let (s, _, _) = listed("a/b\nf\n");
    let told = s
        .run("fsync-diff --json --exclude /a --exclude f --files-from list src dst")
        .code(0)
        .records();
    assert_eq!(skips(&told), ["a excluded", "f excluded"]);
}

#[test]
fn only_listed_directories_are_opened() {
    let (s, src, _) = listed("a/b/c\n");
    src.mode("g", 0).mode("f", 0);
    let told = s.sh("strace -f -e trace=openat,getdents64,statx -o log fsync-diff --files-from list src dst").code(0).text();
    assert_eq!(told, "A\ta\nA\ta/b\nA\ta/b/c");
    let log = std::fs::read_to_string(s.path("log")).expect("a log");
    assert!(log.contains("\"a\"") && log.contains("\"c\""), "{log}");
    for never in ["\"g\"", "\"f\"", "\"d\"", "\"e\""] {
        assert!(!log.contains(&format!("{never},")), "{never} in {log}");
    }
}

#[test]
fn sizes_choose_files_at_every_depth() {
    let s = Sandbox::new();
    let src = s.tree("src");
    src.file("d/small", "1")
        .file("d/right", "12345")
        .file("large", vec![7; 3000])
        .file("link", "")
        .remove("link")
        .link("link", "x")
        .settle();
    let dst = s.tree("dst");
    dst.file("d/small", "other")
        .file("large/in", "")
        .file("extra", "")
        .settle();
    let told = s
        .run("fsync-diff --json --delete --min-size 2 --max-size 2K src dst")
        .code(0);
    assert_eq!(
        skips(&told.records()),
        [
            "d/small smaller than --min-size",
            "large larger than --max-size"
        ]
    );
    told.stderr("");
    s.run("fsync-diff --delete --min-size 2 --max-size 2K src dst")
        .code(0)
        .stdout("A\td/right\nD\textra\nA\tlink\n");
    s.sh("fsync-diff --json --delete --min-size 2 --max-size 2K src dst | fsync-apply")
        .code(0);
    assert_eq!(dst.read("d/small"), b"other");
    assert!(dst.has("large/in") && !dst.has("extra") && dst.has("d/right"));
    s.run("fsync-diff --max-size 3K src dst")
        .code(3)
        .stderr(contains("not empty"));
    for bad in [
        "--min-size 1X",
        "--min-size 1.5K",
        "--max-size -1",
        "--min-size 3K --max-size 2K",
    ] {
        s.run(&format!("fsync-diff {bad} src dst")).code(2);
    }
}

#[test]
fn newer_files_are_kept() {
    let s = Sandbox::new();
    s.tree("src")
        .file("newer", "s")
        .file("older", "s")
        .file("equal", "s")
        .file("kind", "s")
        .settle();
    let dst = s.tree("dst");
    dst.file("newer", "dst")
        .mtime("newer", 1_700_000_000, 0)
        .file("older", "dst")
        .mtime("older", 1, 0);
    dst.file("equal", "s")
        .link("kind", "x")
        .mtime("kind", 1_700_000_000, 0)
        .settle();
    let told = s.run("fsync-diff --json --newer-only src dst").code(0);
    assert_eq!(skips(&told.records()), ["newer the destination's is newer"]);
    told.stderr("");
    s.run("fsync-diff --newer-only src dst")
        .code(0)
        .stdout("T\tkind\nM\tolder\n");
    s.run("fsync-diff --newer-only --modify-window 9999999999s src dst")
        .code(0)
        .stdout("T\tkind\nM\tnewer\nM\tolder\n");
    s.sh("fsync cp -q --newer-only src dst").code(0);
    assert_eq!(dst.read("newer"), b"dst");
    s.run("fsync cp --newer-only src dst")
        .code(0)
        .stderr("fsync: nothing to do\n");
}

/// Whether mount(2) works in a namespace of our own.
pub fn can_mount(s: &Sandbox) -> bool {
    let works = s
        .sh("unshare -m mount -t tmpfs none home")
        .get_output()
        .status
        .success();
    if !works {
        eprintln!("skipped: nothing can be mounted here");
    }
    works
}

#[test]
fn mount_points_are_not_entered() {
    let s = Sandbox::new();
    if !can_mount(&s) {
        return;
    }
    s.tree("src")
        .dir("m")
        .file("d/own", "")
        .dir("d/bound")
        .file("z", "")
        .file("t", "")
        .settle();
    s.tree("dst")
        .dir("kept")
        .file("d/x", "")
        .dir("t")
        .dir("e/deep")
        .settle();
    s.tree("else").file("b", "");
    let script =
        "mount -t tmpfs none src/m && touch src/m/no && mount --bind else src/d/bound || exit 99
        mount -t tmpfs none dst/kept && touch dst/kept/yes && mount -t tmpfs none dst/t || exit 99
        mount -t tmpfs none dst/e/deep || exit 99
        fsync-diff --one-file-system --delete src dst; echo code $?
        fsync-diff --json --one-file-system --delete src dst >plan; fsync-apply <plan; echo code $?
        fsync-diff --one-file-system --delete src dst; ls dst/m dst/d/bound dst/kept; ls dst
        fsync-diff -q --exit-code src dst; echo code $?";
    let told = s
        .cmd("unshare")
        .args(["-m", "sh", "-c", script])
        .assert()
        .code(0);
    let plan = "A\td/bound\nA\td/own\nD\td/x\nA\tm\nA\tz\n";
    let text = told.text();
    let text = text
        .strip_prefix("t\t.\nt\td\n")
        .or(text.strip_prefix("t\td\n"))
        .unwrap_or(&text);
    assert_eq!(
        text,
        format!(
            "{plan}code 0\ncode 0\ndst/d/bound:\n\ndst/kept:\nyes\n\ndst/m:\nd\ne\nkept\nm\nt\nz\ncode 1"
        ),
        "{}",
        told.complaint()
    );
    let plan = crate::support::records(&std::fs::read(s.path("plan")).expect("a plan"));
    assert_eq!(
        skips(&plan),
        [
            "d/bound something is mounted here; it is not entered",
            "e/deep something is mounted at the destination; it is left alone",
            "kept something is mounted at the destination; it is left alone",
            "m something is mounted here; it is not entered",
            "t something is mounted at the destination; it is left alone",
        ]
    );
}

#[test]
fn what_the_destination_has_below_a_sources_mount_point_stays() {
    let s = Sandbox::new();
    if !can_mount(&s) {
        return;
    }
    s.tree("src").dir("m").settle();
    s.tree("dst").file("m/x", "").settle();
    let script = "mount -t tmpfs none src/m || exit 99
        fsync cp -q --delete --one-file-system src dst; echo code $?; ls dst/m";
    s.cmd("unshare")
        .args(["-m", "sh", "-c", script])
        .assert()
        .code(0)
        .stdout("code 0\nx\n");
}
