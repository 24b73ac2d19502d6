//! Cases 68 to 75: renames, and what can be taken back.

use std::collections::BTreeSet;

use crate::support::{
    Oracle, Person, Sandbox, Told, assert_same, change, moves, pairs, put, trees,
};
use crate::table::case;
use crate::way::Way;

#[test]
fn case_68_a_file() {
    let _case = case(68);
    let build = pairs(
        &[("d/new", 'x'), ("d/k", 'k')],
        &[("e/old", 'x'), ("d/k", 'k'), ("e/k", 'l')],
    );
    moves(
        "R\te/old\td/new\nD\te\nD\te/k\n",
        &[("e/old", "d/new"), ("d/k", "d/k")],
        build,
    );
}

#[test]
fn case_68_a_whole_directory() {
    let _case = case(68);
    moves(
        "A\tto\nR\td\tto/e\n",
        &[("d", "to/e"), ("d/x", "to/e/x"), ("d/sub/y", "to/e/sub/y")],
        |src, dst| {
            for (tree, top) in [(src, "to/e"), (dst, "d")] {
                put(tree, &format!("{top}/x"), 'x');
                put(tree, &format!("{top}/sub/y"), 'y');
                tree.link(format!("{top}/l"), "x")
                    .fifo(format!("{top}/p"))
                    .dir(format!("{top}/hollow"));
                tree.settle()
                    .mode(format!("{top}/sub"), 0o555)
                    .mode(top, 0o500);
            }
        },
    );
}

#[test]
fn case_68_two_swapped() {
    let _case = case(68);
    let build = pairs(&[("a", 'y'), ("d/b", 'x')], &[("a", 'x'), ("d/b", 'y')]);
    moves(
        "R\td/b\ta\nR\ta\td/b\n",
        &[("a", "d/b"), ("d/b", "a")],
        build,
    );
}

#[test]
fn case_68_three_in_a_circle() {
    let _case = case(68);
    let build = pairs(
        &[("a", 'z'), ("b", 'x'), ("c/c", 'y')],
        &[("a", 'x'), ("b", 'y'), ("c/c", 'z')],
    );
    moves(
        "R\tc/c\ta\nR\ta\tb\nR\tb\tc/c\n",
        &[("a", "b"), ("b", "c/c"), ("c/c", "a")],
        build,
    );
}

#[test]
fn case_68_a_chain() {
    let _case = case(68);
    let build = pairs(&[("b", 'x'), ("c", 'y')], &[("a", 'x'), ("b", 'y')]);
    moves("R\ta\tb\nR\tb\tc\n", &[("a", "b"), ("b", "c")], build);
}

#[test]
fn case_68_onto_an_existing_name() {
    let _case = case(68);
    let build = pairs(
        &[("b", 'x'), ("k", 'k')],
        &[("a", 'x'), ("b", 'y'), ("k", 'k')],
    );
    moves("R\ta\tb\n", &[("a", "b")], build);
}

#[test]
fn case_68_by_the_command_with_a_whole_directory_and_a_file() {
    let _case = case(68);
    let s = Sandbox::new();
    let (src, dst) = (s.tree("src"), s.tree("dst"));
    for (tree, file, dir) in [(&src, "new", "dir2"), (&dst, "old", "dir1")] {
        tree.file(file, "the same bytes, long enough")
            .file(format!("{dir}/a"), "aa")
            .file(format!("{dir}/b"), "bb")
            .settle();
    }
    let inodes = [dst.inode("old"), dst.inode("dir1/a")];
    s.twin("dst", "before");
    s.run("fsync cp -n --delete --renames src dst")
        .code(0)
        .stdout("R\tdir1\tdir2\nR\told\tnew\n");
    let told = s
        .run("fsync-diff --json --delete --renames src dst")
        .code(0)
        .records();
    assert_eq!(change(&told, "new")["from"], "old");
    assert_eq!(change(&told, "dir2")["from_old"]["kind"], "directory");
    s.run("fsync cp --delete --renames src dst")
        .code(0)
        .stderr(predicates::str::contains("2 renamed"));
    assert_eq!([dst.inode("new"), dst.inode("dir2/a")], inodes);
    assert_same(s.path("src"), s.path("dst"));
    s.run("fsync rv -q -d dst").code(0);
    assert_same(s.path("before"), s.path("dst"));
    // Only --delete allows that a name goes.
    s.run("fsync-diff --renames src dst")
        .code(0)
        .stdout("A\tdir2\nA\tdir2/a\nA\tdir2/b\nA\tnew\n");
}

#[test]
fn case_68_with_an_edit_or_two_candidates_it_is_none() {
    let _case = case(68);
    moves(
        "A\tnew\nD\told\n",
        &[],
        pairs(&[("new", 'x')], &[("old", 'y')]),
    );
    moves(
        "D\ta\nD\tb\nA\tc\n",
        &[],
        pairs(&[("c", 'x')], &[("a", 'x'), ("b", 'x')]),
    );
    moves(
        "A\tb\nA\tc\nD\told\n",
        &[],
        pairs(&[("b", 'x'), ("c", 'x')], &[("old", 'x')]),
    );
    // Edited as well, though of the same length.
    moves("A\tnew\nD\told\n", &[], |src, dst| {
        src.file("new", "edited bytes").settle();
        dst.file("old", "edited byteS").settle();
    });
    // A directory in which something was edited moves file by file, as far as files are equal.
    let build = pairs(
        &[("new/a", 'a'), ("new/b", 'z')],
        &[("old/a", 'a'), ("old/b", 'b')],
    );
    moves(
        "A\tnew\nR\told/a\tnew/a\nA\tnew/b\nD\told\nD\told/b\n",
        &[("old/a", "new/a")],
        build,
    );
}

#[test]
fn case_70_overwritten_deleted_and_of_another_kind() {
    let _case = case(70);
    for way in Way::RECORDED {
        for p in Person::everyone() {
            trees(&p, |src, dst| {
                dst.file("over", "old").mode("over", 0o640);
                dst.file("gone/deep/er", "g")
                    .link("gone/l", "deep")
                    .mode("gone/deep", 0o500);
                dst.file("kind", "k").mode("kind", 0o755);
                dst.file("full/a/b", "precious")
                    .link("link", "over")
                    .dir("hollow")
                    .fifo("pipe");
                dst.settle()
                    .mtime("over", 11, 12)
                    .mtime("gone/deep", 13, 14)
                    .mtime("gone", -15, 16)
                    .mtime("link", 17, 18)
                    .mode("gone", 0o711);
                src.file("over", "new one").file("kind/now/a", "directory");
                src.file("full", "a file")
                    .dir("link")
                    .link("hollow", "x")
                    .file("pipe", "p");
                src.settle();
            });
            let before = Oracle::of(p.s.path("dst"));
            p.sh(&way.script("--delete", "--max-delete 100%", "src", "dst"))
                .code(0)
                .stdout("")
                .stderr("");
            p.copied("src").assert_is(p.s.path("dst"));
            p.sh("fsync rv -q -d dst").code(0).stdout("").stderr("");
            before.assert_is(p.s.path("dst"));
            p.sh("fsync rv -q -d dst --redo").code(0);
            p.copied("src").assert_is(p.s.path("dst"));
            // One of them alone.
            p.sh("fsync rv -q -d dst -- gone kind").code(0);
            let dst = p.s.tree("dst");
            assert_eq!(
                (dst.read("gone/deep/er"), dst.read("kind")),
                (b"g".to_vec(), b"k".to_vec())
            );
            assert_eq!(dst.read("over"), b"new one");
        }
    }
}

#[test]
fn case_71_a_sync_is_taken_back_exactly() {
    let _case = case(71);
    for p in Person::everyone() {
        p.build(|s| {
            let src = format!("{}\n", s.path("src").display());
            let dst = s.tree("dst");
            dst.menagerie()
                .file("e1", "1")
                .file("e2", "22")
                .file("d1", "d")
                .mode("d1", 0o400);
            dst.file(".fsync-sync", src).settle();
            s.twin("dst", "src")
                .file("n1", "")
                .file("n2/x", "x")
                .edit("e1", "new")
                .edit("e2", "newer")
                .remove("d1")
                .mode("plain", 0o600);
            s.tree("src").remove(".fsync-sync");
        });
        let before = Oracle::of(p.s.path("dst"));
        let told = p.sh("fsync sync -t before --delete dst").code(0).stdout("");
        let said = told.complaint();
        for words in ["3 added", "2 modified", "1 deleted"] {
            assert!(said.contains(words), "{words}: {said}");
        }
        let after = Oracle::of(p.s.path("dst"));
        assert_eq!(
            p.copied("src")
                .without(".fsync-sync")
                .differences(&after.without(".fsync-sync")),
            ""
        );
        p.sh("fsync sync --delete dst")
            .code(0)
            .stderr("fsync: nothing to do\n");
        p.sh("fsync rv -d dst").code(0);
        before.assert_is(p.s.path("dst"));
        p.sh("fsync rv -d dst --redo").code(0);
        after.assert_is(p.s.path("dst"));
        p.sh("fsync rv -d dst -t before").code(0);
        before.assert_is(p.s.path("dst"));
    }
}

#[test]
fn case_72_an_edit_after_a_sync_is_recorded_by_the_revert() {
    let _case = case(72);
    for way in Way::RECORDED {
        let s = Sandbox::new();
        s.tree("src").file("f", "synced").file("g", "synced");
        let dst = s.tree("dst");
        dst.file("f", "original").file("gone", "g");
        let before = Oracle::of(s.path("dst"));
        s.sh(&way.plain("--delete")).code(0);
        // Of the same size and at the same time as what was synced, too: it is the user's work.
        dst.edit("f", "edited by hand")
            .file("added", "new")
            .mode("g", 0o600);
        dst.file("g", "SYNCED").remove("g").link("g", "by hand");
        let worked = Oracle::of(s.path("dst"));
        let count = s.archives().len();
        s.run("fsync rv -q -d dst").code(0);
        before.assert_is(s.path("dst"));
        assert_eq!(
            s.archives().len(),
            count + 1,
            "the edit is in a snapshot of its own"
        );
        s.run("fsync-revert dst dst@{1} --to out").code(0);
        worked.assert_is(s.path("out"));
        s.run("fsync rv -q -d dst --redo").code(0);
        worked.assert_is(s.path("dst"));
    }
}

#[test]
fn case_72_an_edit_that_neither_size_nor_time_betrays() {
    let _case = case(72);
    let s = Sandbox::new();
    s.tree("src").file("f", "synced").settle();
    let dst = s.tree("dst");
    dst.file("f", "original").settle();
    s.run("fsync cp -q src dst").code(0);
    dst.file("f", "EDITED").settle();
    let worked = Oracle::of(s.path("dst"));
    s.run("fsync rv -q -d dst").code(0);
    assert_eq!(dst.read("f"), b"original");
    s.run("fsync rv -q -d dst --redo").code(0);
    worked.assert_is(s.path("dst"));
}

#[test]
fn case_73_the_same_path_deleted_twice() {
    let _case = case(73);
    for way in Way::RECORDED {
        let s = Sandbox::new();
        let dst = s.tree("dst");
        s.tree("src").settle();
        let mut ids = Vec::new();
        let versions = [("first", 0o600), ("second", 0o644)];
        for (version, mode) in versions {
            dst.file("d/f", version)
                .mode("d/f", mode)
                .mtime("d/f", 5, mode.into());
            s.sh(&way.script("--delete", "--allow-empty-source", "src", "dst"))
                .code(0)
                .nothing();
            assert!(!dst.has("d"));
            ids.push(s.head("dst").expect("a head"));
        }
        for (id, (version, mode)) in ids.iter().zip(versions) {
            s.run(&format!("fsync cat {id} d/f"))
                .code(0)
                .stdout(version);
            s.run(&format!("fsync-revert dst {id} -- d/f")).code(0);
            assert_eq!(dst.read("d/f"), version.as_bytes());
            let told = s.sh("stat -c '%a %.9Y' dst/d/f").text();
            assert_eq!(told, format!("{mode:o} 5.{mode:09}"));
        }
        let found = s.run("fsync find d/f dst").code(0).text();
        let events = |word: &str| found.lines().filter(|l| l.contains(word)).count();
        assert!(events("appeared") + events("changed") >= 2, "{found}");
    }
}

/// Lets the time be told by a variable; `None` where there is no C compiler.
fn clock(s: &Sandbox) -> Option<String> {
    let code = r#"
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <stdlib.h>
        #include <time.h>
        int clock_gettime(clockid_t id, struct timespec *t) {
            int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
            const char *now = getenv("NOW");
            if (id != CLOCK_REALTIME || !now) return real(id, t);
            t->tv_sec = atol(now);
            t->tv_nsec = 0;
            return 0;
        }"#;
    s.tree(".").file("clock.c", code);
    let made = s
        .cmd("cc")
        .args(["-shared", "-fPIC", "-o", "clock.so", "clock.c", "-ldl"])
        .assert();
    made.get_output()
        .status
        .success()
        .then(|| s.path("clock.so").display().to_string())
}

/// Year and month of a day since 1970, by the plain rule of leap years.
fn month(mut day: i64) -> (i64, usize) {
    let mut year = 1970;
    loop {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let months = [
            31,
            if leap { 29 } else { 28 },
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ];
        for (at, days) in months.iter().enumerate() {
            if day < *days {
                return (year, at);
            }
            day -= days;
        }
        year += 1;
    }
}

/// The newest of each of the `n` latest spans that have one, of times in ascending order.
fn rung<K: PartialEq>(times: &[i64], n: usize, span: impl Fn(i64) -> K) -> BTreeSet<usize> {
    let (mut kept, mut last) = (BTreeSet::new(), None);
    for (at, time) in times.iter().enumerate().rev() {
        let here = Some(span(*time));
        if here != last && kept.len() < n {
            kept.insert(at);
        }
        last = here;
    }
    kept
}

#[test]
fn case_75_prune_keeps_its_ladder() {
    let case = case(75);
    let s = Sandbox::new();
    let Some(clock) = clock(&s) else {
        return case.cannot("there is no C compiler");
    };
    let dst = s.tree("dst");
    let day = 86_400;
    // Three years, ever denser: as backups are.
    let start = 1_700_000_000 - 1000 * day;
    let mut times: Vec<i64> = (0..14).map(|n| start + n * 61 * day).collect();
    times.extend((0..12).map(|n| start + (870 + n * 9) * day + n * 3600));
    times.extend((0..14).map(|n| start + (978 + n / 2) * day + (n % 2) * 30_000));
    times.sort_unstable();
    times.dedup();
    let (mut ids, mut states) = (Vec::new(), Vec::new());
    for (n, time) in times.iter().enumerate() {
        dst.file("counter", format!("state {n}"))
            .file(format!("only {}", n % 5), vec![b'x'; n]);
        dst.settle();
        let mut snap = s.cmd("fsync-snap");
        let told = snap
            .env("LD_PRELOAD", &clock)
            .env("NOW", time.to_string())
            .arg("dst")
            .assert();
        ids.push(told.code(0).text());
        states.push(Oracle::of(s.path("dst")));
    }
    let log = s.run("fsync log --json dst").code(0).records();
    let recorded: Vec<i64> = log
        .iter()
        .filter_map(|r| r["time"]["secs"].as_i64())
        .collect();
    if !recorded.is_empty() {
        let mut wanted = times.clone();
        wanted.reverse();
        assert_eq!(recorded, wanted, "the clock was believed");
    }
    // A tag holds one in the middle of nowhere, and one that lost its first place.
    s.run(&format!("fsync-tag create early {} -d dst", ids[3]))
        .code(0);
    s.run(&format!("fsync-tag create twice {} -d dst", ids[5]))
        .code(0);
    s.run(&format!("fsync-tag move twice {} -d dst", ids[16]))
        .code(0);
    let mut kept: BTreeSet<usize> = [3, 16, ids.len() - 1].into();
    kept.extend(rung(&times, 5, |t| t.div_euclid(day)));
    kept.extend(rung(&times, 4, |t| (t.div_euclid(day) + 3).div_euclid(7)));
    kept.extend(rung(&times, 6, |t| month(t.div_euclid(day))));
    kept.extend(rung(&times, 3, |t| month(t.div_euclid(day)).0));
    kept.extend([ids.len() - 2, ids.len() - 1]);
    let policy = "--keep-last 2 --keep-daily 5 --keep-weekly 4 --keep-monthly 6 --keep-yearly 3";
    let gone = s
        .run(&format!("fsync prune -d dst {policy}"))
        .code(0)
        .text();
    let gone: BTreeSet<&str> = gone.lines().filter_map(|l| l.split('\t').nth(1)).collect();
    let expected: BTreeSet<&str> = (0..ids.len())
        .filter(|at| !kept.contains(at))
        .map(|at| ids[at].as_str())
        .collect();
    assert!(
        expected.len() > 10 && kept.len() > 8,
        "something goes, something stays"
    );
    assert_eq!(gone, expected);
    // Again: nothing more goes. And all that stays comes back.
    s.run(&format!("fsync prune -d dst {policy}"))
        .code(0)
        .stdout("");
    s.run("fsync verify -q").code(0);
    for at in &kept {
        s.run(&format!("fsync-revert dst {} --to out", ids[*at]))
            .code(0);
        states[*at].assert_is(s.path("out"));
        s.sh("rm -r out").success();
    }
    let one = expected.first().expect("one that went");
    s.run(&format!("fsync-revert dst {one} --to out")).code(6);
    s.run("fsync rv -q -d dst -t early").code(0);
    states[3].assert_is(s.path("dst"));
}
