//! Cases 23 to 32: what goes, and what never may.

use assert_cmd::assert::Assert;
use predicates::prelude::*;

use crate::support::{
    Oracle, Person, Sandbox, Told, Traces, assert_same, change, outcomes, records,
};
use crate::table::case;
use crate::way::{Way, nothing_left, settled};

/// Ten common files, and `extra` more at the destination.
fn surplus(extra: usize) -> Sandbox {
    let s = Sandbox::new();
    for side in ["src", "dst"] {
        for n in 0..10 {
            s.tree(side).file(format!("common {n}"), "");
        }
    }
    for n in 0..extra {
        s.tree("dst").file(format!("extra {n}"), "precious");
    }
    s.tree("src").settle();
    s.tree("dst").settle();
    s
}

/// Refused with 4 by every way, with these words, in one line; nothing is touched, and nothing recorded.
#[track_caller]
fn refused(s: &Sandbox, guards: &str, words: &[&str]) {
    let (before, held) = (Traces::of(s.path("dst")), Oracle::of(s.path("dst")));
    let archives = s.archives();
    for way in Way::ALL {
        let told = s.sh(&way.guarded("--delete", guards, "src", "dst")).code(4);
        let said = told.complaint();
        assert!(words.iter().all(|w| said.contains(w)), "{way:?}: {said}");
        told.nothing();
        held.assert_is(s.path("dst"));
        before.assert_untouched(s.path("dst"));
        assert_eq!(s.archives(), archives, "{way:?}: nothing is recorded");
    }
}

#[test]
fn case_23_surplus_goes_only_with_delete() {
    let _case = case(23);
    for way in Way::ALL {
        for p in Person::everyone() {
            p.build(|s| {
                s.tree("src").file("f", "f").file("d/f", "f").settle();
                let dst = s.tree("dst");
                dst.file("f", "old").file("d/f", "f").file("w", "");
                dst.file("x/y/z", "")
                    .dir("x/e")
                    .link("x/l", "..")
                    .fifo("d/p");
                dst.mode("x/y", 0o555).settle();
            });
            let kept = Oracle::of(p.s.path("dst"));
            p.sh(&way.plain("")).code(0).stdout("").stderr("");
            let dst = p.s.tree("dst");
            assert_eq!(dst.read("f"), b"f");
            let rest = |o: &Oracle| o.without("f").without(".").len();
            assert_eq!(
                rest(&Oracle::of(dst.root())),
                rest(&kept),
                "all of it is kept"
            );
            assert!(dst.has("w") && dst.has("x/y/z") && dst.has("x/l") && dst.has("d/p"));
            p.sh("fsync-diff --delete src dst")
                .code(0)
                .stdout(predicate::str::contains(
                    "D\tw\nD\tx\nD\tx/e\nD\tx/l\nD\tx/y\nD\tx/y/z\n",
                ));
            p.sh(&way.plain("--delete")).code(0).stdout("").stderr("");
            // What the line form does not name is the time of directories that it changed.
            p.sh("fsync-diff --json src dst | fsync-apply").code(0);
            p.copied("src").assert_is(dst.root());
            settled(&p, "src", "dst");
        }
    }
}

#[test]
fn case_24_more_than_was_said() {
    let _case = case(24);
    for way in Way::ALL {
        let s = surplus(5);
        refused(&s, "--max-delete 2", &["5", "2", "--max-delete"]);
        refused(&s, "--max-delete 0", &["5"]);
        refused(&s, "--max-delete 4", &["5"]);
        refused(&s, "--max-delete 33%", &["5", "33%"]);
        s.sh(&way.script("--delete", "--max-delete 5", "src", "dst"))
            .code(0)
            .nothing();
        s.sh("fsync-diff --json src dst | fsync-apply").code(0);
        assert_same(s.path("src"), s.path("dst"));
    }
}

#[test]
fn case_25_most_of_the_destination() {
    let _case = case(25);
    for (way, raised) in
        Way::ALL
            .into_iter()
            .zip(["--max-delete 60%", "--max-delete 15", "--max-delete 100%"])
    {
        let s = surplus(15);
        refused(&s, "", &["15", "25", "--max-delete"]);
        refused(&s, "--max-delete 14", &["15"]);
        refused(&s, "--max-delete 59%", &["15"]);
        s.sh(&way.script("--delete", raised, "src", "dst"))
            .code(0)
            .nothing();
        s.sh("fsync-diff --json src dst | fsync-apply").code(0);
        assert_same(s.path("src"), s.path("dst"));
    }
    // One file of it replaced by a directory and the like count as well: a subtree that becomes a file goes.
    let s = surplus(0);
    s.sh("rm dst/common*; mkdir dst/d").success();
    for n in 0..30 {
        s.tree("dst").file(format!("d/{n}"), "precious");
    }
    s.tree("src").file("d", "a file").settle();
    refused(&s, "", &["--max-delete"]);
}

#[test]
fn case_26_an_empty_source() {
    let _case = case(26);
    let s = surplus(0);
    s.tree("dst").remove("common 1").settle();
    s.sh("rm -r src; mkdir src").success();
    refused(&s, "", &["--allow-empty-source"]);
    refused(&s, "--max-delete 100%", &["--allow-empty-source"]);
    // What is never part of a tree makes it no fuller, and neither do several empty ones.
    s.tree("src")
        .file(".fsync-sync", "/x\n")
        .file(".fsync-tmp-1", "");
    s.tree("empty");
    refused(&s, "", &["--allow-empty-source"]);
    s.run("fsync cp --delete src empty dst").code(4).nothing();
    s.sh(&Way::Command.script("--delete", "--allow-empty-source", "src", "dst"))
        .code(0)
        .nothing();
    assert_eq!(Oracle::of(s.path("dst")).len(), 0);
    // Without deletions there is nothing to fear.
    s.sh(&Way::Command.plain("")).code(0).nothing();
}

#[test]
fn case_26_a_source_that_is_not_mounted_now() {
    let case = case(26);
    if !case.as_root() {
        return;
    }
    let s = surplus(3);
    s.tree("src").file("a decoy under the mount", "");
    let script = |last: &str| {
        format!(
            "mount -t tmpfs none src && touch src/f src/g && fsync cp --delete -q --max-delete 100% src dst \
             && umount src && ls -AlR --time-style=full-iso dst >before || exit 99
             ( {last} )
             code=$?; ls -AlR --time-style=full-iso dst >after; exit $code"
        )
    };
    let run = |last: &str| {
        let script = script(last);
        s.cmd("unshare").args(["-m", "sh", "-c", &script]).assert()
    };
    for way in Way::ALL {
        let told = run(&way.guarded("--delete", "", "src", "dst"));
        if told.get_output().status.code() == Some(99) {
            return case.cannot("nothing can be mounted here");
        }
        told.code(4)
            .nothing()
            .stderr(predicate::str::contains("--allow-unmounted"));
        s.sh("cmp before after").code(0);
    }
    let free = "--allow-unmounted --max-delete 100%";
    run(&Way::Records.script("--delete", free, "src", "dst")).code(0);
    assert!(s.tree("dst").has("a decoy under the mount"));
}

#[test]
fn case_27_an_unreadable_source_directory() {
    let _case = case(27);
    for way in Way::ALL {
        let n = Person::nobody();
        n.build(|s| {
            s.tree("src")
                .file("closed/a", "new a")
                .file("open", "newer")
                .file("d/closed/x", "")
                .settle();
            s.tree("dst")
                .file("closed/a", "a")
                .file("closed/b/c", "")
                .file("d/closed/y", "")
                .file("d/gone", "")
                .file("gone/x", "")
                .file("open", "old")
                .settle();
        });
        n.s.tree("src").mode("closed", 0).mode("d/closed", 0);
        let told = n.sh("fsync-diff --json --delete src dst").code(3);
        let all = told.records();
        let errors: Vec<_> = all.iter().filter(|r| r["type"] == "error").collect();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert_eq!(
            (&errors[0]["path"], &errors[1]["path"]),
            (&"closed".into(), &"d/closed".into())
        );
        let told = n.sh(&way.plain("--delete"));
        // The first program knows of the trouble; in the line form nobody tells the second one.
        let code = if way == Way::Lines { 0 } else { 3 };
        let told = told.code(code).nothing();
        assert!(
            told.complaint().contains("\"closed\"")
                && told.complaint().contains("Permission denied"),
            "{told}"
        );
        let dst = n.s.tree("dst");
        // They have got the mode of the source's.
        dst.mode("closed", 0o755).mode("d/closed", 0o755);
        assert_eq!(dst.read("closed/a"), b"a");
        assert!(dst.has("closed/b/c") && dst.has("d/closed/y"), "held back");
        assert!(!dst.has("gone") && !dst.has("d/gone"), "others are done");
        assert_eq!(dst.read("open"), b"newer");
        n.s.tree("src")
            .mode("closed", 0o755)
            .mode("d/closed", 0o755);
        // What cannot be opened there either gets its mode first, and the rest when it can be opened.
        n.sh(&Way::Records.plain("--delete"));
        n.sh(&Way::Records.plain("--delete")).code(0);
        n.copied("src").assert_is(dst.root());
    }
}

#[test]
fn case_28_excluded_names_and_deletions() {
    let _case = case(28);
    for way in Way::ALL {
        let s = Sandbox::new();
        s.tree("src").file("f", "").file("cache/new", "").settle();
        let dst = s.tree("dst");
        dst.file("f", "")
            .file("cache/x", "x")
            .file("deep/cache/y", "y")
            .file("deep/z", "")
            .file("extra", "")
            .settle();
        let held = |s: &Sandbox| {
            s.sh("cat dst/cache/x dst/deep/cache/y")
                .code(0)
                .stdout("xy")
        };
        s.sh(&way.plain("--delete --exclude cache"))
            .code(0)
            .nothing();
        held(&s);
        assert!(!dst.has("extra") && !dst.has("deep/z") && !dst.has("cache/new"));
        s.run("fsync-diff --delete --exclude cache src dst")
            .code(0)
            .stdout(predicate::str::contains("D").not());
        // Without --delete nothing goes, excluded or not.
        s.sh(&way.plain("--exclude cache")).code(0).nothing();
        held(&s);
        s.run("fsync-diff --delete-excluded --exclude cache src dst")
            .code(0)
            .stdout(predicate::str::contains(
                "D\tcache\nD\tcache/x\nD\tdeep\nD\tdeep/cache\nD\tdeep/cache/y\n",
            ));
        if way == Way::Lines {
            // The letters alone do not say that the source's own does not count: refused, and nothing is lost.
            s.sh(&way.plain("--delete-excluded --exclude cache"))
                .code(3)
                .stderr(predicate::str::contains(
                    "\"cache\": stale: the source has it",
                ));
            assert!(dst.has("cache") && !dst.has("deep"));
            continue;
        }
        s.sh(&way.plain("--delete-excluded --exclude cache"))
            .code(0)
            .nothing();
        assert_eq!(Oracle::of(s.path("dst")).len(), 1, "only f");
        s.run("fsync rv -q -d dst").code(0);
        held(&s);
    }
}

#[test]
fn case_30_a_directory_that_gained_a_file() {
    let _case = case(30);
    let plan = |s: &Sandbox| s.run("fsync-diff --json --delete src dst").code(0).bytes();
    for newcomer in ["file", "link", "directory", "deep"] {
        let s = Sandbox::new();
        s.tree("src").file("f", "").settle();
        let dst = s.tree("dst");
        dst.file("f", "")
            .file("d/e/old", "")
            .file("gone", "")
            .settle();
        let plan = plan(&s);
        match newcomer {
            "file" => dst.file("d/new", "precious"),
            "link" => dst.link("d/new", "precious"),
            "directory" => dst.dir("d/new"),
            _ => dst.file("d/e/new", "precious"),
        };
        let name = if newcomer == "deep" {
            "d/e/new"
        } else {
            "d/new"
        };
        let told = s.feed("fsync-apply --json", plan).code(3);
        let words = outcomes(&told.records());
        assert!(dst.has(name), "{words:?}");
        assert!(words.contains(&"d stale".to_string()), "{words:?}");
        assert!(words.contains(&"gone done".to_string()), "{words:?}");
        assert!(told.complaint().contains("\"d\""), "{told}");
        if newcomer == "deep" {
            assert!(words.contains(&"d/e stale".to_string()), "{words:?}");
        } else {
            assert!(!dst.has("d/e"), "what was planned is gone");
        }
    }
}

#[test]
fn case_30_between_the_stages_of_a_command() {
    let _case = case(30);
    let s = Sandbox::new();
    s.tree("src").file("f", "").settle();
    let dst = s.tree("dst");
    dst.file("f", "").file("d/old", "old").settle();
    let told = s
        .sh(
            "fsync-diff --json --delete src dst | fsync-snap --through --guard >plan
             echo precious >dst/d/new; fsync-apply --json --require-snapshot <plan",
        )
        .code(3);
    assert_eq!(outcomes(&told.records()), ["d stale", "d/old done"]);
    assert_eq!(dst.read("d/new"), b"precious\n");
    // The lines are looked up again: they never named it.
    dst.file("e/old", "").settle();
    s.sh("fsync-diff --delete src dst | grep e >lines; echo precious >dst/e/new; fsync-apply src dst <lines")
        .code(3)
        .stderr(predicate::str::contains("\"e\""));
    assert_eq!(dst.read("e/new"), b"precious\n");
}

#[test]
fn case_32_a_file_for_a_directory_that_is_not_empty() {
    let _case = case(32);
    for way in Way::ALL {
        for kind in ["file", "link", "fifo"] {
            let s = Sandbox::new();
            let (src, dst) = (s.tree("src"), s.tree("dst"));
            match kind {
                "file" => src.file("d", "now a file"),
                "link" => src.link("d", "z"),
                _ => src.fifo("d"),
            };
            src.file("z", "newer").settle();
            dst.file("d/a/b", "precious")
                .file("d/c", "c")
                .mode("d/a", 0o711);
            dst.file("z", "old").settle();
            s.twin("dst", "before");
            let before = Oracle::of(s.path("dst"));
            // Without: a skip for cause, and everything else is done.
            let told = s.run("fsync-diff --json src dst").code(3);
            let all = told.records();
            let skip = all.iter().find(|r| r["type"] == "skip").expect("a skip");
            assert_eq!((&skip["path"], &skip["cause"]), (&"d".into(), &true.into()));
            assert!(told.complaint().contains("\"d\": skipped: "), "{told}");
            assert_eq!(change(&all, "z")["status"], "M");
            let code = if way == Way::Lines { 0 } else { 3 };
            s.sh(&way.plain("")).code(code).nothing();
            assert_eq!(dst.read("z"), b"newer");
            assert_eq!(
                Oracle::of(s.path("dst")).without("z").without("."),
                before.without("z").without("."),
                "{way:?}"
            );
            s.sh("rm -rf dst; cp -a before dst").success();
            // With: the T, and a D for each child.
            s.run("fsync-diff --delete src dst")
                .code(0)
                .stdout("T\td\nD\td/a\nD\td/a/b\nD\td/c\nM\tz\n");
            s.sh(&way.plain("--delete")).code(0).nothing();
            assert_same(s.path("src"), s.path("dst"));
            nothing_left(&s, "dst");
            if way != Way::Lines {
                let head = s.head("dst").expect("a head");
                s.run(&format!("fsync-revert dst {head} --to out")).code(0);
                before.assert_is(s.path("out"));
                s.run("fsync rv -q -d dst").code(0);
                before.assert_is(s.path("dst"));
            }
        }
    }
}

/// A thinned plan that lost a child's deletion keeps the directory.
#[test]
fn case_32_a_child_that_the_plan_does_not_name() {
    let _case = case(32);
    let s = Sandbox::new();
    s.tree("src").file("d", "now a file").settle();
    let dst = s.tree("dst");
    dst.file("d/a", "precious").file("d/b", "b").settle();
    let told: Assert =
        s.sh("fsync-diff --json --delete src dst | jq -c 'select(.path != \"d/a\")' | fsync-apply --json");
    let told = told.code(3);
    let words = outcomes(&records(&told.bytes()));
    assert!(words.contains(&"d stale".to_string()), "{words:?}");
    assert_eq!(dst.read("d/a"), b"precious");
    nothing_left(&s, "dst");
}
