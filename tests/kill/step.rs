//! A kill at every system call that changes something: nothing announced is lost, nothing is half, the next run completes.

use std::cell::Cell;
use std::fs;

use crate::support::{Oracle, Sandbox, Stepped, Told, assert_same};
use crate::world::{World, assert_nearly, assert_old_or_new, kept, nearly};

const QUICK: usize = 22;

/// Every other time.
fn flip(odd: &Cell<bool>) -> bool {
    odd.set(!odd.get());
    odd.get()
}

#[test]
fn a_snapshot_killed_at_every_call() {
    let w = World::new();
    let dst = w.s.tree("dst");
    dst.edit("edit", "the third state")
        .remove("gone/one")
        .edit("more/of it", "m");
    let now = Oracle::of(dst.root());
    w.keep();
    for full in ["", "--full "] {
        let stepped = Stepped {
            s: &w.s,
            line: format!("exec fsync-snap {full}-t third dst"),
            reset: &|| w.reset(),
            quick: QUICK,
        };
        let steps = stepped.each(|_| {
            assert_nearly(&now, w.s.path("dst"));
            w.holds();
            let kept = kept(&Oracle::of(w.s.path("dst")), &now);
            let id = w.s.run(&format!("fsync-snap {full}-t third dst"));
            let id = id.code(0).stderr("").text();
            assert_eq!(w.s.head("dst").as_ref(), Some(&id));
            assert_eq!(
                w.s.archives().len(),
                if kept { 3 } else { 4 },
                "one snapshot, once"
            );
            w.nothing_left();
            w.s.run("fsync-revert -q dst -t third --to out").code(0);
            assert_nearly(&now, w.s.path("out"));
            fs::remove_dir_all(w.s.path("out")).expect("gone");
            w.s.run("fsync -q verify --read-data").code(0);
        });
        assert!(steps.is_none_or(|n| n > 20), "only {steps:?}");
    }
}

#[test]
fn the_first_snapshot_of_all_killed_at_every_call() {
    let s = Sandbox::new();
    s.tree("dst").file("a", "1").file("b/c", "2").settle();
    let now = Oracle::of(s.path("dst"));
    let stepped = Stepped {
        s: &s,
        line: "exec fsync-snap dst".into(),
        reset: &|| {
            s.sh("rm -rf repo dst/.fsync-*").success();
            s.tree("dst").settle();
        },
        quick: QUICK,
    };
    stepped.each(|_| {
        let kept = kept(&Oracle::of(s.path("dst")), &now);
        let id = s.run("fsync-snap dst").code(0).text();
        assert_eq!(
            s.archives().len(),
            if kept { 1 } else { 2 },
            "one snapshot, once"
        );
        s.run("fsync -q verify --read-data").code(0).stderr("");
        s.run(&format!("fsync-revert -q dst {id} --to out")).code(0);
        assert_nearly(&now, s.path("out"));
        s.sh("rm -rf out").success();
        assert_eq!(crate::world::leftovers(&s.path(".")).len(), 0);
    });
}

#[test]
fn a_plan_killed_at_every_call() {
    let w = World::new();
    w.s.sh("fsync-diff --json --delete src dst | fsync-snap --through > plan")
        .code(0);
    let (before, odd) = (Oracle::of(w.s.path("dst")), Cell::new(false));
    w.keep();
    let stepped = Stepped {
        s: &w.s,
        line: "exec fsync-apply --require-snapshot --max-delete 100% < plan".into(),
        reset: &|| w.reset(),
        quick: QUICK,
    };
    let steps = stepped.each(|_| {
        assert_old_or_new(&w.s.path("dst"), &w.kept(), &w.s.path("src"));
        w.holds();
        if flip(&odd) {
            let again =
                w.s.sh("fsync-apply --require-snapshot --max-delete 100% < plan");
            again.code(0).stderr("");
            w.nothing_left();
            // The times of directories that the plan did not need to name.
            w.s.sh("fsync-diff --json src dst | fsync-apply").code(0);
            assert_same(w.s.path("src"), w.s.path("dst"));
        }
        w.s.run("fsync-revert -q dst").code(0).stderr("");
        assert_nearly(&before, w.s.path("dst"));
        w.nothing_left();
        w.s.run("fsync -q verify --read-data").code(0);
    });
    assert!(steps.is_none_or(|n| n > 40), "only {steps:?}");
}

#[test]
fn a_revert_killed_at_every_call() {
    let w = World::new();
    let (first, was) = w.known[0].clone();
    w.s.run(&format!("fsync-revert dst {first} --to target"))
        .code(0);
    w.s.mirror("src", "dst").code(0);
    let (before, odd) = (Oracle::of(w.s.path("dst")), Cell::new(false));
    w.keep();
    let stepped = Stepped {
        s: &w.s,
        line: format!("exec fsync-revert dst {first}"),
        reset: &|| w.reset(),
        quick: QUICK,
    };
    let steps = stepped.each(|_| {
        assert_old_or_new(&w.s.path("dst"), &w.kept(), &w.s.path("target"));
        w.holds();
        if flip(&odd) {
            w.s.run(&format!("fsync-revert -q dst {first}")).code(0);
            was.assert_is(w.s.path("dst"));
            assert_eq!(w.s.head("dst"), None, "the chain begins there");
        } else if !nearly(&Oracle::of(w.s.path("dst")), &before).is_empty() {
            let done = w.s.head("dst").is_none();
            let redo = if done { "--redo" } else { "" };
            w.s.run(&format!("fsync-revert -q dst {redo}")).code(0);
            assert_nearly(&before, w.s.path("dst"));
        } else {
            return;
        }
        w.nothing_left();
        w.s.run("fsync -q verify --read-data").code(0);
    });
    assert!(steps.is_none_or(|n| n > 40), "only {steps:?}");
}

#[test]
fn a_redo_killed_at_every_call_is_offered_again() {
    let w = World::new();
    let middle = Oracle::of(w.s.path("dst"));
    w.s.mirror("src", "dst").code(0);
    let last = Oracle::of(w.s.path("dst"));
    w.s.run("fsync-revert -q dst").code(0);
    middle.assert_is(w.s.path("dst"));
    // The head is the second snapshot's parent: one more step back, so that two can be taken back.
    w.s.run("fsync-revert -q dst").code(0);
    let first = w.known[0].1.clone();
    first.assert_is(w.s.path("dst"));
    let second = w.known[1].0.clone();
    w.s.run(&format!("fsync-revert dst {second} --to target"))
        .code(0);
    w.keep();
    let stepped = Stepped {
        s: &w.s,
        line: "exec fsync-revert dst --redo".into(),
        reset: &|| w.reset(),
        quick: QUICK,
    };
    let steps = stepped.each(|step| {
        assert_old_or_new(&w.s.path("dst"), &w.kept(), &w.s.path("target"));
        let now = Oracle::of(w.s.path("dst"));
        let done = nearly(&now, &middle).is_empty();
        // Killed once more, where it stood half-done.
        if !done && !nearly(&now, &first).is_empty() {
            stepped.killed(step);
        }
        w.holds();
        let mut reached = false;
        for _ in 0..3 {
            w.s.run("fsync-revert -q dst --redo").code(0).stderr("");
            let now = Oracle::of(w.s.path("dst"));
            reached |= nearly(&now, &middle).is_empty();
            if nearly(&now, &last).is_empty() {
                break;
            }
        }
        assert!(reached || done, "it did not come by the state between");
        assert_nearly(&last, w.s.path("dst"));
        w.nothing_left();
        w.s.run("fsync -q verify --read-data").code(0);
    });
    assert!(steps.is_none_or(|n| n > 40), "only {steps:?}");
}

#[test]
fn a_tag_killed_at_every_call() {
    let w = World::new();
    w.keep();
    let ids: Vec<&str> = w.known.iter().map(|(id, _)| id.as_str()).collect();
    let points = || {
        let tags = w.s.run("fsync-tag dst").code(0).stderr("").text();
        tags.split('\t').nth(2).expect("an id").to_string()
    };
    let stepped = Stepped {
        s: &w.s,
        line: format!("exec fsync-tag move first {} -d dst", ids[1]),
        reset: &|| w.reset(),
        quick: QUICK,
    };
    stepped.each(|_| {
        assert!(ids.contains(&points().as_str()));
        w.holds();
        w.s.run(&format!("fsync-tag move first {} -d dst", ids[1]))
            .code(0);
        assert_eq!(points(), ids[1]);
        w.s.sh("rm -f repo/catalog.db*").success();
        assert_eq!(points(), ids[1]);
        w.nothing_left();
    });
}

#[test]
fn a_sync_killed_at_every_call() {
    let w = World::new();
    w.s.run("fsync mksync dst src").code(0);
    // The SYNC file stays in `dst`, and is no part of what is compared.
    w.s.sh("cp -p dst/.fsync-sync src/").success();
    let (before, odd) = (Oracle::of(w.s.path("dst")), Cell::new(false));
    let sync = "fsync sync --delete --max-delete 100% dst";
    w.keep();
    let stepped = Stepped {
        s: &w.s,
        line: format!("exec {sync}"),
        reset: &|| w.reset(),
        quick: QUICK,
    };
    let steps = stepped.each(|_| {
        assert_old_or_new(&w.s.path("dst"), &w.kept(), &w.s.path("src"));
        w.holds();
        if flip(&odd) {
            w.s.run(sync).code(0);
            w.s.run("fsync sync --delete dst").code(0);
            assert_same(w.s.path("src"), w.s.path("dst"));
        }
        while !nearly(&Oracle::of(w.s.path("dst")), &before).is_empty() {
            w.s.run("fsync rv -d dst").code(0);
        }
        w.s.run(sync).code(0);
        w.nothing_left();
        w.s.run("fsync -q verify --read-data").code(0);
    });
    assert!(steps.is_none_or(|n| n > 60), "only {steps:?}");
}

#[test]
fn a_repair_killed_at_every_call() {
    let w = World::new();
    let text = b"older, and longer";
    let victim = w.s.archive(&w.known[1].0);
    let mut bytes = fs::read(&victim).expect("an archive");
    let found = bytes.windows(text.len()).position(|w| w == text);
    bytes[found.expect("it is stored")] ^= 1;
    fs::remove_file(&victim).expect("removed");
    fs::write(&victim, bytes).expect("written");
    // A line of the log too.
    let log = w.s.path("repo/log.ndjson");
    let mut lines = fs::read(&log).expect("a log");
    let at = lines.len() / 2;
    lines[at] ^= 4;
    fs::write(&log, lines).expect("written");
    w.keep();
    let stepped = Stepped {
        s: &w.s,
        line: "exec fsync verify --repair".into(),
        reset: &|| w.reset(),
        quick: QUICK,
    };
    w.s.run("fsync verify --repair").code(0);
    let whole = w.s.archives().len();
    stepped.each(|_| {
        let told = w.s.run("fsync verify --repair");
        assert!(told.get_output().status.success(), "{told}");
        w.holds();
        assert_eq!(w.s.archives().len(), whole);
        w.nothing_left();
        assert_eq!(
            w.s.sh("ls repo/damaged/*.zip")
                .code(0)
                .text()
                .lines()
                .count(),
            1
        );
    });
}

#[test]
fn a_second_copy_killed_at_every_call() {
    let w = World::new();
    w.keep();
    let stepped = Stepped {
        s: &w.s,
        line: "exec fsync repo copy second".into(),
        reset: &|| w.reset(),
        quick: QUICK,
    };
    stepped.each(|_| {
        w.s.run("fsync -q repo copy second").code(0).stderr("");
        w.s.run("fsync -q --repo second verify --read-data")
            .code(0)
            .stderr("");
        w.s.sh("diff repo/log.ndjson second/log.ndjson && ls second/tmp")
            .code(0)
            .stdout("");
        for (id, oracle) in &w.known {
            w.s.run(&format!("fsync-revert --repo second dst {id} --to out"))
                .code(0);
            oracle.assert_is(w.s.path("out"));
            fs::remove_dir_all(w.s.path("out")).expect("gone");
        }
    });
}
