//! Stages that fail, die or are interrupted: who is blamed, and what is told.

use predicates::prelude::*;

use crate::support::{Sandbox, result_record, snapshot_record, timed};

#[test]
fn the_earliest_failure_is_the_only_one_told() {
    let s = Sandbox::new();
    s.fake(
        "exec",
        "diff",
        "echo 'fsync-diff: \"src\": cannot open: gone' >&2; exit 6",
    );
    s.fake(
        "exec",
        "snap",
        "cat >/dev/null; echo 'fsync-snap: cut' >&2; exit 5",
    );
    s.fake(
        "exec",
        "apply",
        "cat >/dev/null; echo 'fsync-apply: cut' >&2; exit 5",
    );
    s.fsync(["cp", "src", "dst"])
        .assert()
        .code(6)
        .stdout("")
        .stderr("fsync-diff: \"src\": cannot open: gone\n");
}

#[test]
fn a_later_failure_comes_with_notes_of_stages_that_finished() {
    let s = Sandbox::new();
    s.fake("exec", "diff", "echo 'fsync-diff: note' >&2");
    s.fake("exec", "snap", "cat >/dev/null; exit 7");
    s.fake(
        "exec",
        "apply",
        "cat >/dev/null; echo 'fsync-apply: cut' >&2; exit 5",
    );
    s.fsync(["cp", "src", "dst"])
        .assert()
        .code(7)
        .stdout("")
        .stderr("fsync-diff: note\nfsync: fsync-snap failed with exit code 7\n");
}

#[test]
fn a_stage_that_dies_is_named() {
    let s = Sandbox::new();
    s.fake("exec", "snap", "kill -KILL $$");
    s.fake(
        "exec",
        "apply",
        "cat >/dev/null; echo 'fsync-apply: cut' >&2; exit 5",
    );
    s.fsync(["cp", "src", "dst"])
        .assert()
        .code(137)
        .stdout("")
        .stderr("fsync: fsync-snap was ended by SIGKILL; nothing was changed\n");
    s.fake("exec", "revert", "kill -TERM $$");
    s.fsync(["rv", "-d", "dst"])
        .assert()
        .code(143)
        .stdout("")
        .stderr("fsync: fsync-revert was ended by SIGTERM\n");
}

#[test]
fn an_apply_that_dies_tells_what_it_had_done() {
    let s = Sandbox::new();
    let records = snapshot_record() + &result_record("a", 'A', "done");
    // diff writes for ever, and so ends by the pipe that closes: no cause of anything.
    s.fake("exec", "diff", "exec yes");
    s.fake("exec", "snap", "exec cat");
    s.fake(
        "exec",
        "apply",
        &format!("cat <<'X'\n{records}X\nkill -KILL $$"),
    );
    s.fsync(["cp", "src", "dst"])
        .assert()
        .code(137)
        .stdout("")
        .stderr(timed(
            "fsync: fsync-apply was ended by SIGKILL\n\
         fsync: \"dst\": 1 added in N s\n\
         fsync: the state before is snapshot 0123456789ab; this takes it back: fsync rv -d dst\n",
        ));
}

#[test]
fn an_apply_that_dies_within_a_record_is_not_misunderstood() {
    let s = Sandbox::new();
    s.working("");
    s.fake(
        "exec",
        "apply",
        "cat >/dev/null; printf '{\"type\":\"resu'; kill -KILL $$",
    );
    s.fsync(["cp", "src", "dst"])
        .assert()
        .code(137)
        .stdout("")
        .stderr("fsync: fsync-apply was ended by SIGKILL\n");
}

#[test]
fn partial_stages_let_the_others_finish() {
    let s = Sandbox::new();
    s.working(&result_record("a", 'A', "done"));
    s.fake(
        "exec",
        "diff",
        "echo 'fsync-diff: \"x\": cannot read' >&2; exit 3",
    );
    s.fsync(["cp", "src", "dst"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(timed(
            "fsync-diff: \"x\": cannot read\nfsync: \"dst\": 1 added in N s\n",
        ));
}

#[test]
fn results_that_are_none_are_an_error() {
    let s = Sandbox::new();
    s.fake("exec", "apply", "cat >/dev/null; echo nonsense");
    s.fsync(["cp", "src", "dst"])
        .assert()
        .code(9)
        .stdout("")
        .stderr(predicate::str::starts_with(
            "fsync: \"fsync-apply\": its output cannot be understood",
        ));
}

#[test]
fn signals_end_the_run_once_its_stages_have_ended() {
    let s = Sandbox::new();
    // A shell acts on a trap only while it waits in the background; the sleeper must not hold the pipes.
    s.fake(
        "exec",
        "diff",
        "trap 'kill $!; exit 143' TERM; touch \"$0.up\"; sleep 60 & wait",
    );
    s.fake("exec", "snap", "exec cat");
    s.fake("exec", "apply", "cat >/dev/null; exit 5");
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("fsync"))
        .args(["cp", "a", "b"])
        .env("FSYNC_EXEC_PATH", s.at("exec"))
        .current_dir(s.at("work"))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while !s.at("exec/fsync-diff.up").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(143));
}
