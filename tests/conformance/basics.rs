//! Cases 1 to 12: whole trees, long names, roots, several sources.

use predicates::prelude::*;
use serde_json::json;

use crate::support::{
    Oracle, Person, Sandbox, T0, Told, Traces, assert_same, change, judge, quick_or_long,
};
use crate::table::case;
use crate::way::{Way, nothing_left, settled};

#[test]
fn case_01_a_mixed_tree_into_an_empty_directory() {
    let _case = case(1);
    for way in Way::ALL {
        for p in Person::everyone() {
            p.build(|s| {
                s.tree("dst");
                s.tree("src").menagerie();
            });
            p.sh("cd src && setfacl -m u:1:rwx plain && setfacl -d -m u:3:rwx hollow && touch -d @1600000000.123456789 hollow")
                .success();
            p.sh(&way.plain("")).code(0).stdout("").stderr("");
            p.copied("src").assert_is(p.s.path("dst"));
            judge(&p);
            settled(&p, "src", "dst");
            nothing_left(&p.s, "dst");
        }
    }
}

/// Three names of 175 bytes, 70 levels, 70 levels of 50 bytes each.
fn long(s: &Sandbox, what: &str) {
    let (src, long) = (s.tree("src"), "x".repeat(175));
    src.file(format!("{long}/{long}/{long}/{long}"), what)
        .file(format!("{}/f", ["d"; 70].join("/")), what)
        .file(format!("{}/f", vec!["e".repeat(50); 70].join("/")), what)
        .dir("links");
    if !src.has("links/l") {
        src.link("links/l", "x".repeat(4000));
    }
    src.settle();
}

#[test]
fn case_03_long_names_and_deep_chains() {
    let _case = case(3);
    for way in Way::ALL {
        let s = Sandbox::new();
        for what in ["new", "edited"] {
            long(&s, what);
            s.sh(&way.plain("-c")).code(0).stdout("").stderr("");
            assert_same(s.path("src"), s.path("dst"));
            nothing_left(&s, "dst");
        }
        if way != Way::Lines {
            s.run("fsync rv -q -d dst").code(0);
            s.run("fsync-diff -c src dst").code(0).stdout(
                predicate::function(|t: &str| t.lines().all(|l| l.starts_with("M\t")))
                    .and(predicate::function(|t: &str| t.lines().count() == 3)),
            );
        }
        s.snap("dst");
        let kept = Oracle::of(s.path("dst"));
        s.sh("rm -r dst/d dst/x* dst/eee*").success();
        s.run("fsync-revert -q dst").code(0);
        kept.assert_is(s.path("dst"));
        s.sh("rm -r src; mkdir src").success();
        let free = "--allow-empty-source --max-delete 100%";
        s.sh(&way.script("--delete", free, "src", "dst")).code(0);
        assert_eq!(Oracle::of(s.path("dst")).len(), 0);
    }
}

#[test]
fn case_04_a_name_of_255_bytes() {
    let _case = case(4);
    let name = "n".repeat(255);
    let odd = [&[0xff; 127][..], "é".repeat(64).as_bytes()].concat();
    for way in Way::ALL {
        let s = Sandbox::new();
        s.tree("src").dir(&name).settle();
        for what in ["new", "the bytes after an edit"] {
            s.tree("src")
                .file(format!("{name}/{name}"), what)
                .file(&odd, what)
                .settle();
            s.sh(&way.plain("")).code(0).stdout("").stderr("");
            assert_same(s.path("src"), s.path("dst"));
        }
        assert_eq!(
            s.tree("dst").read(&odd),
            b"the bytes after an edit",
            "the exact name"
        );
        s.tree("src").remove(&odd).link(&odd, "a link now").settle();
        s.sh(&way.plain("")).code(0);
        assert_same(s.path("src"), s.path("dst"));
        nothing_left(&s, "dst");
    }
}

#[test]
fn case_05_empty_nested_directories() {
    let _case = case(5);
    for way in Way::ALL {
        for p in Person::everyone() {
            p.build(|s| {
                s.tree("dst").file("x", "").settle();
                s.tree("src")
                    .file("x", "")
                    .dir("a/b/c")
                    .dir("a/b/d")
                    .mode("a/b/c", 0o500)
                    .mode("a/b/d", 0o2770)
                    .mode("a/b", 0o1777)
                    .settle()
                    .mtime("a/b/c", 1, 2)
                    .mtime("a/b", -3, 4);
            });
            p.sh(&way.plain("--delete")).code(0).stderr("");
            p.copied("src").assert_is(p.s.path("dst"));
            settled(&p, "src", "dst");
        }
    }
}

#[test]
fn case_06_roots_that_overlap() {
    let _case = case(6);
    let s = Sandbox::new();
    s.tree("a").file("f", "").file("in/g", "");
    s.tree(".").link("alias", "a").link("deep", "a/in");
    s.tree("a/in/out").link("back", "../..");
    let pairs = [
        ("a", "a"),
        ("a/", "./a/."),
        ("a", "a/in"),
        ("a", "a/new"),
        ("a/in", "a"),
        ("alias", "a"),
        ("a", "alias"),
        ("a", "deep"),
        ("deep", "alias"),
        ("a/in/out/back", "a"),
        ("a/in", "a/in/out/back"),
    ];
    let before = Traces::of(s.path("a"));
    for (src, dst) in pairs {
        for way in Way::ALL {
            s.sh(&way.guarded("--delete", "", src, dst))
                .code(4)
                .nothing();
        }
        s.feed(&format!("fsync-apply {src} {dst}"), "A\tin/x\n")
            .code(4)
            .nothing()
            .one_line("fsync-apply", &["\""]);
        before.assert_untouched(s.path("a"));
        assert!(s.archives().is_empty(), "{src} {dst}: nothing is recorded");
    }
    // Through the SYNC file too, though another source is as it should be.
    s.tree("b").file("h", "");
    let sync = format!(
        "{}\n{}\n",
        s.path("b").display(),
        s.path("alias/in").display()
    );
    s.tree("a").file(".fsync-sync", sync);
    let before = Traces::of(s.path("a"));
    s.run("fsync sync a").code(4).nothing();
    before.assert_untouched(s.path("a"));
    s.run("fsync mksync --force a deep").code(4).nothing();
    before.assert_untouched(s.path("a"));
}

#[test]
fn case_06_through_a_bind_mount() {
    let case = case(6);
    if !case.as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("a").file("f", "").file("in/g", "").file("in/h", "");
    s.tree("b");
    s.tree("empty");
    let script = "mount --bind a b || exit 99; cp -a a before
        for roots in 'a b' 'b/in a' 'a b/in' 'a/in b/in'; do
            set -- $roots
            fsync cp --delete $1 $2; echo $?
            printf 'D\\tf\\n' | fsync-apply $1 $2; echo $?
        done 2>said; ls repo 2>/dev/null; diff -r a before";
    let told = s.cmd("unshare").args(["-m", "sh", "-c", script]).assert();
    if told.get_output().status.code() == Some(99) {
        return case.cannot("nothing can be mounted here");
    }
    told.stdout("4\n".repeat(8));
}

#[test]
fn case_08_missing_parents() {
    let _case = case(8);
    for way in Way::ALL {
        let s = Sandbox::new();
        s.tree("src").file("d/f", "x").settle();
        s.sh(&way.guarded("", "", "src", "no/such/dst"))
            .code(4)
            .nothing()
            .stderr(predicate::str::contains("--parents"));
        assert!(!s.path("no").exists() && s.archives().is_empty());
        let dry = match way {
            Way::Command => "fsync cp -n --parents src no/such/dst",
            Way::Records => {
                "fsync-diff --json src no/such/dst | fsync-apply --dry-run --parents; fsync-diff src no/such/dst"
            }
            Way::Lines => {
                "fsync-diff src no/such/dst | tee /dev/stderr 2>lines | fsync-apply -n --parents src no/such/dst; cat lines"
            }
        };
        s.sh(dry).code(0).stdout("A\t.\nA\td\nA\td/f\n");
        assert!(!s.path("no").exists(), "a dry run makes none");
        s.sh(&way.script("", "--parents", "src", "no/such/dst"))
            .code(0)
            .nothing();
        assert_same(s.path("src"), s.path("no/such/dst"));
        // The last component alone needs no option.
        s.sh(&way.script("", "", "src", "no/such/other"))
            .code(0)
            .nothing();
        assert_same(s.path("src"), s.path("no/such/other"));
    }
}

/// Kinds of sources as rows, kinds of destinations as columns: `.` it is done, a number it is refused with that code.
/// The same words are in fsync-diff(1).
const ROOTS: &str = "
source       none nested dir full dirlink fulllink file filelink dangling fifo
dir          .    4      .   .    .       .        2    2        2        2
dirlink      .    4      .   .    .       .        2    2        2        2
snapshot     .    4      .   .    .       .        2    2        2        2
none         4    4      4   4    4       4        4    4        4        4
file         2    2      2   2    2       2        2    2        2        2
filelink     2    2      2   2    2       2        2    2        2        2
dangling     4    4      4   4    4       4        4    4        4        4
fifo         2    2      2   2    2       2        2    2        2        2
";

/// One of each, by the names of [`ROOTS`]; names that are not there are not made.
fn roots(s: &Sandbox, side: &str) {
    let t = s.tree(side);
    t.dir("dir")
        .file("full/old", "old")
        .dir("real")
        .file("also/old", "old")
        .file("file", "bytes")
        .fifo("fifo")
        .link("dirlink", "real")
        .link("fulllink", "also")
        .link("filelink", "file")
        .link("dangling", "nowhere");
}

/// Where a column's destination is; a slash at its end is added by the caller.
fn named(column: &str) -> String {
    match column {
        "nested" => "d/no/such".into(),
        column => format!("d/{column}"),
    }
}

#[test]
fn case_09_kinds_of_roots_and_slashes() {
    let _case = case(9);
    let page = include_str!("../../man/fsync-diff.1");
    assert!(page.contains("a slash at the end of either root says nothing"));
    let ends = [("", ""), ("/", "/"), ("", "//"), ("/.", "")];
    let mut rows = ROOTS.trim().lines();
    let columns: Vec<&str> = rows
        .next()
        .expect("a head")
        .split_whitespace()
        .skip(1)
        .collect();
    for row in rows {
        let cells: Vec<&str> = row.split_whitespace().collect();
        for (column, expected) in columns.iter().zip(&cells[1..]) {
            for (slash, end) in ends.into_iter().take(quick_or_long(2, 4)) {
                let s = Sandbox::new();
                roots(&s, "s");
                s.tree("s").file("dir/f", "f").file("real/f", "f").settle();
                let src = match cells[0] {
                    "snapshot" => s.snap("s/dir"),
                    kind => format!("./s/{kind}{slash}"),
                };
                roots(&s, "d");
                let dst = format!("./{}{end}", named(column));
                let what = format!("{src} {dst}");
                let before = Oracle::of(s.path("d"));
                let told = s.sh(&Way::Command.script("", "", &src, &dst));
                let code = told.get_output().status.code().expect("no signal");
                match *expected {
                    "." => {
                        assert_eq!(code, 0, "{what}: {told}");
                        let dst = s.tree("d").at(named(column).trim_start_matches("d/"));
                        assert_eq!(std::fs::read(dst.join("f")).expect(&what), b"f");
                        let kept = column.starts_with("full");
                        assert_eq!(dst.join("old").exists(), kept, "{what}");
                    }
                    number => {
                        assert_eq!(code.to_string(), number, "{what}: {told}");
                        let program = match *column == "nested"
                            && code == 4
                            && told.complaint().contains("--parents")
                        {
                            true => "fsync-snap",
                            false => "fsync-diff",
                        };
                        told.nothing().one_line(program, &["\""]);
                        before.assert_is(s.path("d"));
                    }
                }
            }
        }
    }
}

#[test]
fn case_10_a_source_ten_times() {
    let _case = case(10);
    let s = Sandbox::new();
    s.tree("src").file("f", "f").file("d/g", "g").settle();
    s.tree("other").file("f", "other f").settle();
    let dst = s.tree("dst");
    let src = s.path("src").display().to_string();
    let once = [format!("{src}\n"), format!("{src}/\n")];
    dst.file(".fsync-sync", once.concat().repeat(5)).settle();
    s.run("fsync status dst")
        .code(0)
        .stdout("A\td\nA\td/g\nA\tf\n");
    s.run("fsync sync dst")
        .code(0)
        .stderr(predicate::str::contains("3 added"));
    assert_eq!(s.archives().len(), 1);
    s.run("fsync sync dst")
        .code(0)
        .stderr("fsync: nothing to do\n");
    // It counts where it stands last.
    let ten = ["src"; 10].join(" ");
    s.run(&format!("fsync-diff {ten} other {ten} dst"))
        .code(0)
        .stdout("");
    s.run(&format!("fsync-diff {ten} other dst"))
        .code(0)
        .stdout("M\tf\n");
    s.run(&format!("fsync-diff {ten} new"))
        .code(0)
        .stdout("A\t.\nA\td\nA\td/g\nA\tf\n");
}

/// Three sources: all have `f`, the first two a directory and a file `d`, the last two a file and a directory `e`.
fn layers(s: &Sandbox) {
    s.tree("one")
        .file("f", "one")
        .file("only 1", "1")
        .file("d/in", "one")
        .file("e", "one")
        .settle();
    s.tree("two")
        .file("f", "two")
        .file("only 2", "2")
        .file("d", "two, a file")
        .file("e", "two, a file")
        .settle();
    s.tree("three")
        .file("f", "three")
        .file("only 3", "3")
        .file("e/in", "three")
        .settle();
    s.tree("wanted")
        .file("f", "three")
        .file("only 1", "1")
        .file("only 2", "2")
        .file("only 3", "3")
        .file("d", "two, a file")
        .file("e/in", "three")
        .settle();
}

#[test]
fn case_11_the_last_source_wins() {
    let _case = case(11);
    let s = Sandbox::new();
    layers(&s);
    s.tree("dst").settle();
    let told = s
        .run("fsync-diff --json one two three dst")
        .code(0)
        .records();
    for (path, source, kind) in [
        ("f", 2, "file"),
        ("only 1", 0, "file"),
        ("d", 1, "file"),
        ("e", 2, "directory"),
        ("e/in", 2, "file"),
    ] {
        let change = change(&told, path);
        assert_eq!(
            (&change["source"], &change["kind"]),
            (&json!(source), &json!(kind)),
            "{path}"
        );
    }
    assert!(
        !told
            .iter()
            .any(|r| r["type"] == "change" && r["path"] == "d/in")
    );
    let mut losers: Vec<_> = told.iter().filter(|r| r["type"] == "skip").collect();
    losers.retain(|r| {
        r["reason"]
            .as_str()
            .is_some_and(|t| t.contains("shadowed by source"))
    });
    let losers: Vec<_> = losers
        .iter()
        .map(|r| {
            format!(
                "{} {}",
                r["source"],
                r["path"].as_str().expect("a plain path")
            )
        })
        .collect();
    let mut sorted = losers.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        ["0 d", "0 e", "0 f", "1 e", "1 f"],
        "each loser once: {losers:?}"
    );
    for _ in 0..5 {
        let again = s.run("fsync-diff --json one two three dst").code(0);
        assert_eq!(again.records(), told, "the same every time");
    }
    for (way, dst) in Way::ALL.iter().zip(["command", "records", "lines"]) {
        s.sh(&way.script("", "", "one two three", dst))
            .code(0)
            .nothing();
        assert_same(s.path("wanted"), s.path(dst));
    }
    let lines: String = ["one", "two", "three"]
        .map(|n| format!("{}\n", s.path(n).display()))
        .concat();
    s.tree("dst").file(".fsync-sync", &lines);
    s.tree("wanted").file(".fsync-sync", lines).settle();
    let told = s.run("fsync sync dst").code(0).complaint();
    assert!(
        told.contains("\"f\": skipped: shadowed by source 3"),
        "{told}"
    );
    s.tree("dst").settle();
    assert_same(s.path("wanted"), s.path("dst"));
}

#[test]
fn case_12_a_list_of_paths() {
    let _case = case(12);
    for way in Way::RECORDED {
        let s = Sandbox::new();
        s.tree("src")
            .file("a/b/c", "c")
            .file("a/b/new\nline", "n")
            .file("a/b/d", "d")
            .file("a/e", "e")
            .file("f", "f")
            .mode("a", 0o750)
            .settle();
        s.tree("dst").file("stays", "").file("f", "other").settle();
        s.tree("wanted")
            .file("a/b/c", "c")
            .file("a/b/new\nline", "n")
            .mode("a", 0o750)
            .file("stays", "")
            .file("f", "other")
            .settle();
        s.tree(".")
            .file("list", "a/b/new\nline\0a/b/c\0no/where\0a/b/c\0");
        s.run("fsync-diff --files-from list --from0 src dst")
            .code(3)
            .stdout("A\ta\nA\ta/b\nA\ta/b/c\nA\t\"a/b/new\\nline\"\n");
        let told = s
            .run("fsync-diff --json --files-from list --from0 src dst")
            .code(3)
            .records();
        let errors: Vec<_> = told.iter().filter(|r| r["type"] == "error").collect();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0]["path"], "no/where");
        let told = s
            .sh(&way.plain("--files-from list --from0"))
            .code(3)
            .nothing();
        assert!(told.complaint().contains("\"no/where\""), "{told}");
        s.tree("dst").mtime(".", T0.0, T0.1);
        assert_same(s.path("wanted"), s.path("dst"));
        s.sh("printf 'a/b/c\\0' >list").success();
        s.sh(&way.plain("--files-from list --from0"))
            .code(0)
            .nothing();
    }
}
