//! Two at once: one waits, or says who is busy.

use std::fs::File;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::support::{Sandbox, Told, assert_same, records};

/// Somebody else at work in a directory, until dropped.
fn occupied(s: &Sandbox, directory: &str) -> File {
    let handle = File::open(s.path(directory)).expect("a handle");
    flock(&handle, FlockOperation::LockExclusive).expect("a lock");
    handle
}

fn start(s: &Sandbox, line: &str) -> Child {
    let mut words = line.split(' ');
    let mut command = s.plain(words.next().expect("a program"));
    command
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

#[track_caller]
fn id_of(child: Child) -> String {
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("UTF-8")
        .trim()
        .to_string()
}

#[test]
fn holds_9_who_waits_too_long_says_so() {
    let s = Sandbox::new();
    s.tree("src").file("f", "").settle();
    s.tree("dst").settle();
    let plan = s.run("fsync-diff --json src dst").code(0).bytes();
    s.snap("dst");
    let lock = occupied(&s, "dst");
    let started = Instant::now();
    std::thread::scope(|scope| {
        let apply = scope.spawn(|| s.feed("fsync-apply", &plan));
        let revert = scope.spawn(|| s.run("fsync-revert dst"));
        let apply = apply.join().expect("apply");
        apply.code(7).nothing().one_line("fsync-apply", &["dst\""]);
        let revert = revert.join().expect("revert");
        revert
            .code(7)
            .nothing()
            .one_line("fsync-revert", &["dst\""]);
    });
    assert!(started.elapsed() >= Duration::from_secs(9), "it waited");
    assert!(!s.path("dst/f").exists());
    drop(lock);
    s.feed("fsync-apply", &plan).code(0).nothing();
}

#[test]
fn holds_9_who_waits_a_little_gets_in() {
    let s = Sandbox::new();
    s.tree("src").file("f", "").settle();
    s.tree("dst").settle();
    let plan = s.run("fsync-diff --json src dst").code(0).bytes();
    let lock = occupied(&s, "dst");
    std::thread::scope(|scope| {
        let apply = scope.spawn(|| s.feed("fsync-apply", &plan));
        std::thread::sleep(Duration::from_millis(700));
        assert!(!s.path("dst/f").exists(), "it waits");
        drop(lock);
        apply.join().expect("apply").code(0).nothing();
    });
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn holds_9_two_directories_into_one_repository_at_once() {
    let s = Sandbox::new();
    for round in 0..8 {
        for n in 0..4 {
            s.tree(&format!("d{n}"))
                .edit("f", format!("{round} {n}"))
                .edit("same", format!("{round}"));
        }
        let children: Vec<_> = (0..4)
            .map(|n| start(&s, &format!("fsync-snap d{n}")))
            .collect();
        for (n, child) in children.into_iter().enumerate() {
            assert_eq!(Some(id_of(child)), s.head(&format!("d{n}")));
        }
    }
    s.run("fsync verify").code(0);
    assert_eq!(s.archives().len(), 32);
    for n in 0..4 {
        s.run(&format!("fsync-revert d{n} @~5 --to out{n}")).code(0);
        assert_eq!(
            s.tree(&format!("out{n}")).read("f"),
            format!("2 {n}").as_bytes()
        );
    }
}

#[test]
fn two_snapshots_of_one_directory_at_once_are_one() {
    let s = Sandbox::new();
    for round in 0..8 {
        s.tree("dst").edit("f", format!("{round}"));
        let children: Vec<_> = (0..3).map(|_| start(&s, "fsync-snap dst")).collect();
        let ids: std::collections::BTreeSet<_> = children.into_iter().map(id_of).collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
    }
    assert_eq!(s.archives().len(), 8);
    s.run("fsync verify").code(0);
}

#[test]
fn two_copies_into_one_directory_at_once() {
    let s = Sandbox::new();
    for n in 0..200 {
        s.tree("src").file(format!("{n}"), vec![n as u8; 10_000]);
    }
    s.tree("dst");
    let children: Vec<_> = (0..3).map(|_| start(&s, "fsync cp src dst")).collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        let code = output.status.code();
        // What the others did first is `already` for the rest, or, seen half done, stale.
        assert!(
            matches!(code, Some(0 | 3)),
            "{code:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    s.run("fsync cp src dst").code(0);
    assert_same(s.path("src"), s.path("dst"));
}

#[test]
fn tags_set_at_once_are_all_there() {
    let s = Sandbox::new();
    s.tree("dst").file("f", "");
    s.snap("dst");
    let children: Vec<_> = (0..12)
        .map(|n| start(&s, &format!("fsync-tag create t{n} -d dst")))
        .collect();
    for child in children {
        id_of(child);
    }
    assert_eq!(s.run("fsync-tag dst").code(0).text().lines().count(), 12);
    s.sh("rm -f repo/catalog.db*").success();
    assert_eq!(s.run("fsync-tag dst").code(0).text().lines().count(), 12);
    assert!(!records(&std::fs::read(s.path("repo/log.ndjson")).expect("a log")).is_empty());
}
