//! `--trace`: what it prints is what runs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use crate::support::{END, Sandbox};

#[test]
fn trace_prints_what_it_runs() {
    let s = Sandbox::new();
    s.working("");
    s.fsync(["--trace", "-q", "cp", "--delete", "a b", "c"]).assert().code(0).stdout("").stderr(
        "fsync-diff --quiet --json --delete 'a b' c | fsync-snap --quiet --through --guard | fsync-apply --quiet --require-snapshot --json\n",
    );
    s.fsync(["cp", "-n", "a", "b", "--trace"])
        .assert()
        .code(0)
        .stdout(format!("{END}\n"))
        .stderr("fsync-diff a b\n");
    s.fsync(["--trace", "diff", "a", "--", "-b"])
        .assert()
        .code(0)
        .stdout(format!("{END}\n"))
        .stderr("fsync-diff a -- -b\n");
    s.fsync(["--trace", "th", "a"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("fsync-tag -- a\n");
    s.dir("x y");
    s.fsync(["--trace", "-C", "x y", "th", "a"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("cd 'x y' && fsync-tag -- a\n");
}

#[test]
fn what_trace_prints_can_be_pasted() {
    let s = Sandbox::new();
    s.working("");
    let odd = OsStr::from_bytes(b"it's\n\xff");
    let trace = s.fsync([
        OsStr::new("--trace"),
        "-q".as_ref(),
        "cp".as_ref(),
        odd,
        "b".as_ref(),
    ]);
    let traced = { trace }.output().unwrap().stderr;
    let first = s.args("diff");
    fs::remove_file(s.at("log/diff.args")).unwrap();
    let path = format!("{}:/usr/bin:/bin", s.at("exec").display());
    let bash = std::process::Command::new("bash")
        .args([OsStr::new("-c"), OsStr::from_bytes(&traced)])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(bash.status.success());
    assert_eq!(s.args("diff"), first);
}
