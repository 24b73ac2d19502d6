//! History: reverts walk back, redo walks forward, new work branches and loses nothing.

use predicates::str::contains;

use crate::support::{Oracle, Sandbox, Told, Tree, assert_same};

/// Makes `dst` the `n`-th state; every state differs in every way from the others.
fn state(dst: &Tree, n: usize) {
    dst.file("counter", format!("state {n}"))
        .mtime("counter", 1000 + n as i64, 7);
    dst.file(format!("only in {n}"), vec![b'x'; n * 10]);
    if n > 0 {
        dst.remove(format!("only in {}", n - 1));
    }
    dst.dir("d").mode("d", 0o700 + n as u32).settle();
}

/// A directory that was recorded in `n` states and is in another, unrecorded one; all states' oracles.
fn walked(n: usize) -> (Sandbox, Vec<Oracle>, Vec<String>) {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    let (mut oracles, mut ids) = (Vec::new(), Vec::new());
    for at in 0..=n {
        state(&dst, at);
        oracles.push(Oracle::of(s.path("dst")));
        if at < n {
            ids.push(s.snap("dst"));
        }
    }
    (s, oracles, ids)
}

#[test]
fn holds_2_reverts_walk_back_through_all_and_redo_forward_again() {
    let (s, states, ids) = walked(5);
    for at in (0..5).rev() {
        assert_eq!(s.head("dst").as_ref(), Some(&ids[at]));
        s.run("fsync-revert dst").code(0);
        states[at].assert_is(s.path("dst"));
    }
    assert_eq!(s.head("dst"), None, "nothing is before the first");
    s.run("fsync-revert dst")
        .code(6)
        .nothing()
        .one_line("fsync-revert", &["dst\""]);
    states[0].assert_is(s.path("dst"));
    for state in &states[1..] {
        s.run("fsync-revert --redo dst").code(0);
        state.assert_is(s.path("dst"));
    }
    s.run("fsync-revert --redo dst").code(6).nothing();
    states[5].assert_is(s.path("dst"));
    s.run("fsync-revert dst").code(0);
    states[4].assert_is(s.path("dst"));
}

#[test]
fn a_revert_records_only_what_no_snapshot_holds() {
    let (s, _, _) = walked(3);
    assert_eq!(s.archives().len(), 3);
    s.run("fsync-revert dst").code(0);
    assert_eq!(s.archives().len(), 4, "the unrecorded state");
    for _ in 0..2 {
        s.run("fsync-revert dst").code(0);
    }
    for _ in 0..3 {
        s.run("fsync-revert --redo dst").code(0);
    }
    assert_eq!(s.archives().len(), 4, "walking costs nothing");
}

#[test]
fn a_revert_right_after_a_snapshot_moves_the_head() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    state(&dst, 0);
    let first = s.snap("dst");
    state(&dst, 1);
    let one = Oracle::of(s.path("dst"));
    s.snap("dst");
    s.run("fsync-revert dst").code(0);
    one.assert_is(s.path("dst"));
    assert_eq!(s.head("dst"), Some(first));
    s.run("fsync-revert dst").code(0);
    assert_eq!(dst.read("counter"), b"state 0");
}

#[test]
fn new_work_after_reverts_branches_and_loses_nothing() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    let mut states = Vec::new();
    for n in 0..4 {
        state(&s.tree("src"), n);
        s.mirror("src", "dst").code(0);
        states.push(Oracle::of(s.path("dst")));
    }
    s.run("fsync-revert dst").code(0);
    states[2].assert_is(s.path("dst"));
    s.run("fsync-revert dst").code(0);
    states[1].assert_is(s.path("dst"));
    s.tree("src").file("branch", "new work");
    s.mirror("src", "dst").code(0);
    let branch = Oracle::of(s.path("dst"));
    s.run("fsync-revert --redo dst").code(6).nothing();
    branch.assert_is(s.path("dst"));
    // Before the last operation, and before the reverts: the branch, 1 (reverted to), 2, 3.
    for (n, state) in [
        (1, &states[1]),
        (2, &states[2]),
        (3, &states[3]),
        (4, &states[2]),
    ] {
        let to = format!("then {n}").replace(' ', "-");
        s.run(&format!("fsync-revert dst dst@{{{n}}} --to {to}"))
            .code(0);
        state.assert_is(s.path(&to));
    }
    s.run("fsync-revert dst dst@{3}").code(0);
    states[3].assert_is(s.path("dst"));
    s.run("fsync-revert dst dst@{1}").code(0);
    branch.assert_is(s.path("dst"));
    assert_eq!(dst.read("branch"), b"new work");
}

#[test]
fn names_of_snapshots() {
    let (s, states, ids) = walked(3);
    let whole = format!("snap:{}@{{1}}", s.path("dst").display());
    for (name, at) in [
        ("@", 2),
        ("@~1", 1),
        ("@~2", 0),
        (&ids[1][..10], 1),
        (&ids[0], 0),
    ] {
        let to = s.path("out");
        s.run(&format!("fsync-revert dst {name} --to out")).code(0);
        states[at].assert_is(&to);
        std::fs::remove_dir_all(to).expect("gone");
    }
    s.run("fsync-revert dst").code(0);
    s.run(&format!("fsync-revert dst {whole} --to out")).code(0);
    states[3].assert_is(s.path("out"));
    for name in ["@~9", "dst@{99}", "nosuch"] {
        s.run(&format!("fsync-revert dst {name} --to none"))
            .code(6)
            .nothing();
    }
    assert!(!s.path("none").exists());
}

#[test]
fn without_the_catalog_everything_is_back() {
    let (s, states, ids) = walked(4);
    s.run(&format!("fsync-tag create early {} -d dst", ids[0]))
        .code(0);
    s.run(&format!("fsync-tag move early {} -d dst", ids[1]))
        .code(0);
    s.run("fsync-revert dst").code(0);
    s.run("fsync-revert dst").code(0);
    let told = |line: &str| s.run(line).code(0).text();
    let questions = [
        "fsync-tag dst",
        "fsync-tag history early -d dst",
        "fsync log dst",
        "fsync-tag --json",
    ];
    let before = questions.map(told);
    let lose = || {
        s.sh("rm -f repo/catalog.db repo/catalog.db-wal repo/catalog.db-shm")
            .success()
    };
    for (question, answer) in questions.iter().zip(&before) {
        lose();
        assert_eq!(&told(question), answer, "{question}");
    }
    lose();
    s.run("fsync-revert --redo dst").code(0);
    states[3].assert_is(s.path("dst"));
    lose();
    s.run("fsync-revert --redo dst").code(0);
    states[4].assert_is(s.path("dst"));
    lose();
    s.run("fsync-revert dst snap:early").code(0);
    states[1].assert_is(s.path("dst"));
    assert_eq!(s.run("fsync-diff dst@{2} dst@{2}").code(0).text(), "");
    s.run("fsync verify").code(0);
}

#[test]
fn a_missing_backup_is_the_logs_last_head() {
    let (s, states, _) = walked(2);
    s.tree("dst").remove(".fsync-backup").settle();
    s.run("fsync-revert dst")
        .code(0)
        .stderr(contains("fsync-revert: "));
    states[1].assert_is(s.path("dst"));
}

#[test]
fn equal_directories_share_contents_never_snapshots() {
    let s = Sandbox::new();
    s.tree("one").file("f", vec![b'z'; 5000]).settle();
    s.twin("one", "two");
    let (one, two) = (s.snap("one"), s.snap("two"));
    assert_ne!(one, two);
    s.tree("two").remove("f");
    s.run("fsync-revert two").code(0);
    assert_same(s.path("one"), s.path("two"));
}
