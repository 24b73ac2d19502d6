//! Somebody else gets in between two steps of a run, or the system fails in the worst of places.

use std::fs::{self, File};
use std::process::{Child, Stdio};

use rustix::fs::{FlockOperation, flock};

use crate::held::wait_for;
use crate::support::{Oracle, Sandbox, Told, assert_same, strace};
use crate::world::World;

/// Starts a program and waits until it waits for the lock on `dir`, which is held for it.
fn waiting(s: &Sandbox, dir: &str, line: &str) -> (Child, File) {
    let held = File::open(s.path(dir)).expect("a directory");
    flock(&held, FlockOperation::LockExclusive).expect("a lock");
    let log = s.path("flock.log");
    let child = s
        .plain("strace")
        .args(["-f", "-q", "-e", "trace=flock", "-o"])
        .arg(&log)
        .args(line.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    wait_for("the wait for the lock", || {
        let text = fs::read_to_string(&log).ok()?;
        text.contains("EAGAIN").then_some(())
    });
    (child, held)
}

#[test]
fn a_revert_goes_by_the_head_that_it_finds_under_the_lock() {
    if !strace() {
        return;
    }
    let w = World::new();
    let (first, was) = &w.known[0];
    let (child, held) = waiting(&w.s, "dst", "fsync-revert dst");
    // What a copy that had the lock would leave: another head.
    fs::write(w.s.path("dst/.fsync-backup"), format!("{first}\n")).expect("a head");
    drop(held);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let now = Oracle::of(w.s.path("dst"));
    let differs = crate::world::nearly(was, &now);
    assert!(differs.is_empty(), "not what the new head says:\n{differs}");
}

#[test]
fn a_snapshot_is_written_only_where_nothing_is_when_it_begins() {
    if !strace() {
        return;
    }
    let w = World::new();
    fs::create_dir(w.s.path("out")).expect("a directory");
    let (child, held) = waiting(&w.s, "out", "fsync-revert dst @ --to out");
    fs::write(w.s.path("out/edit"), "somebody else's").expect("a file");
    drop(held);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert_eq!(w.s.tree("out").read("edit"), b"somebody else's");
    assert_eq!(fs::read_dir(w.s.path("out")).expect("a list").count(), 1);
}

#[test]
fn a_redo_that_did_not_do_all_is_offered_again() {
    if !strace() {
        return;
    }
    let w = World::new();
    w.s.mirror("src", "dst").code(0);
    w.s.run("fsync-revert -q dst").code(0);
    w.s.sh("strace -f -q -o /dev/null -e trace=symlinkat -e inject=symlinkat:error=EIO fsync-revert dst --redo")
        .code(3);
    w.s.run("fsync-revert -q dst --redo").code(0).stderr("");
    assert_same(w.s.path("src"), w.s.path("dst"));
    w.s.run("fsync-revert -q dst --redo").code(6);
    w.holds();
}

#[test]
fn what_an_exchange_could_not_give_back_is_not_swept() {
    if !strace() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src").file("turned/in", "now a directory");
    let dst = s.tree("dst");
    dst.file("turned", "what was there");
    s.sh("fsync-diff --json --delete src dst >plan").code(0);
    let calls = "renameat2,unlinkat";
    s.sh(&format!(
        "strace -f -q -o /dev/null -e trace={calls} -e inject=renameat2:error=EIO:when=2 \
         -e inject=unlinkat:error=EIO fsync-apply <plan"
    ))
    .code(3);
    s.run("fsync cp --delete --max-delete 100% src dst");
    s.run("fsync rv -d dst");
    let found = s.sh("grep -rl 'what was there' dst").code(0).text();
    assert_eq!(found.lines().count(), 1);
}
