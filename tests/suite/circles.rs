//! Renames that go round in a circle, cut short or overtaken: every content keeps a name.

use predicates::prelude::*;

use crate::support::{FREE, Oracle, Sandbox, T0, Told, Traces, assert_same, outcomes, pairs};

/// Trees of three in a circle, and a plan that is not performed yet.
fn circle() -> Sandbox {
    let s = Sandbox::new();
    let (a, b) = (s.tree("src"), s.tree("dst"));
    pairs(
        &[("a", 'z'), ("b", 'x'), ("c", 'y')],
        &[("a", 'x'), ("b", 'y'), ("c", 'z')],
    )(&a, &b);
    s.sh("fsync-diff --json --delete --renames src dst > plan")
        .code(0);
    s
}

#[test]
fn a_stale_part_of_a_circle_is_refused_and_nothing_is_lost() {
    for spoil in [
        "echo edited >> dst/b",
        "rm dst/b",
        "rm dst/b; mkdir dst/b",
        "echo edited >> src/b",
    ] {
        let s = circle();
        s.sh(spoil).success();
        let before = Oracle::of(s.path("dst"));
        let told = s.sh("fsync-apply --json < plan").code(3);
        assert_eq!(
            outcomes(&told.records()),
            ["a stale", "b stale", "c stale"],
            "{spoil}"
        );
        before.assert_is(s.path("dst"));
    }
}

#[test]
fn a_chain_whose_end_is_taken_stops_there() {
    let s = Sandbox::new();
    pairs(&[("b", 'x'), ("c", 'y')], &[("a", 'x'), ("b", 'y')])(&s.tree("src"), &s.tree("dst"));
    s.sh("fsync-diff --json --delete --renames src dst > plan")
        .code(0);
    s.sh("fsync-diff --delete --renames src dst > lines")
        .code(0);
    s.tree("dst").file("c", "somebody's").settle();
    let before = Oracle::of(s.path("dst"));
    let told = s.sh("fsync-apply --json < plan").code(3);
    assert_eq!(outcomes(&told.records()), ["b stale", "c stale"]);
    before.assert_is(s.path("dst"));
}

#[test]
fn what_a_cut_run_left_of_a_circle_is_finished() {
    let s = circle();
    // As after the first of two exchanges: b's content is at a already... of three places one is right.
    s.sh("cd dst && mv a t && mv c a && mv t c").success();
    let told = s.sh("fsync-apply --json < plan").code(0);
    assert_eq!(outcomes(&told.records()), ["a already", "b done", "c done"]);
    s.tree("dst").settle();
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn a_plan_made_here_swaps_in_an_identical_copy() {
    let s = circle();
    s.sh("cp -a dst copy; sed \"s,$PWD/dst\\\",$PWD/copy\\\",\" plan > other")
        .success();
    for outcome in ["done", "already"] {
        let told = s.sh("fsync-apply --json < other").code(0);
        assert_eq!(
            outcomes(&told.records()),
            ["a", "b", "c"].map(|n| format!("{n} {outcome}"))
        );
        assert_same(s.path("src"), s.path("copy"));
    }
}

#[test]
fn a_dry_run_of_renames_moves_nothing() {
    let s = circle();
    let before = Traces::of(s.path("dst"));
    let told = s.sh("fsync-apply --json --dry-run < plan").code(0);
    assert_eq!(outcomes(&told.records()), ["a done", "b done", "c done"]);
    before.assert_untouched(s.path("dst"));
}

#[test]
fn a_listed_rename_of_something_else_is_refused() {
    let s = Sandbox::new();
    pairs(&[("new", 'x')], &[("old", 'y')])(&s.tree("src"), &s.tree("dst"));
    s.feed("fsync-apply src dst", "R\told\tnew\n")
        .code(3)
        .stderr(predicate::str::contains("was to be renamed"));
    assert!(s.tree("dst").has("old") && !s.tree("dst").has("new"));
}

#[test]
fn a_killed_run_of_renames_loses_nothing_and_is_finished_by_the_next() {
    let s = Sandbox::new();
    let count = 120u64;
    for (name, shift) in [("src", 1), ("before", 0)] {
        let tree = s.tree(name);
        for n in 0..count {
            let which = (n + shift) % count;
            let file = format!("d{}/f{n:03}", n % 5);
            tree.file(&file, format!("{which:03}").repeat(700));
            tree.mtime(&file, T0.0 + which as i64, 3);
        }
        tree.settle();
    }
    let contents = |name: &str| {
        let files = walkdir::WalkDir::new(s.path(name)).into_iter().flatten();
        let files = files.filter(|item| item.file_type().is_file());
        let mut all: Vec<_> = files
            .map(|item| std::fs::read(item.path()).expect("a file"))
            .collect();
        all.sort();
        all
    };
    let ready = || {
        s.sh(
            "rm -rf dst && cp -a before dst && fsync-diff --json --delete --renames src dst > plan",
        )
        .code(0);
    };
    ready();
    let start = std::time::Instant::now();
    s.sh(&format!("fsync-apply {FREE} < plan")).code(0);
    let whole = start.elapsed();
    let (all, mut cut) = (contents("src"), 0);
    for round in 0..16u32 {
        ready();
        let plan = std::fs::File::open(s.path("plan")).expect("a plan");
        let mut apply = s.plain("fsync-apply");
        let mut child = apply.stdin(plan).spawn().expect("it starts");
        std::thread::sleep(whole * round / 24);
        child.kill().expect("a signal");
        cut += u32::from(child.wait().expect("it ends").code().is_none());
        assert!(
            contents("dst") == all,
            "every content has a name, round {round}"
        );
        s.sh(&format!("fsync-apply {FREE} < plan")).code(0);
        s.sh("fsync-diff --json src dst | fsync-apply").code(0);
        assert_same(s.path("src"), s.path("dst"));
    }
    assert!(cut > 0, "only {cut} kills came in time");
}
