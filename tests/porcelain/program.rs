//! Names of commands: plumbing, other programs, unknown ones, help.

use std::ffi::OsString;

use predicates::prelude::*;

use crate::support::{Sandbox, words};

#[test]
fn plumbing_gets_its_arguments_verbatim() {
    let s = Sandbox::new();
    for name in ["diff", "snap", "apply", "revert", "tag"] {
        s.fake("exec", name, "cat; echo here; exit 1");
        s.fsync([name, "-n", "--", "--help", "-q", "--trace"])
            .write_stdin("in ")
            .assert()
            .code(1)
            .stdout("in here\n")
            .stderr("");
        assert_eq!(s.args(name).unwrap(), words("-n -- --help -q --trace"));
    }
    s.fsync(["--repo", "r", "-v", "diff", "a"])
        .assert()
        .code(1)
        .stdout("here\n")
        .stderr("");
    let repo: OsString = s.work("r").into();
    assert_eq!(
        s.args("diff").unwrap(),
        ["--repo".into(), repo, "--verbose".into(), "a".into()]
    );
}

#[test]
fn other_programs_become_commands() {
    let s = Sandbox::new();
    s.dir("in");
    s.fake("path", "hello", "echo hello; exit 42");
    s.fsync([
        "-C",
        "in",
        "--repo",
        "r",
        "--exec-path",
        "e",
        "-q",
        "hello",
        "-C",
        "x",
        "--",
        "--trace",
    ])
    .assert()
    .code(42)
    .stdout("hello\n")
    .stderr("");
    assert_eq!(s.args("hello").unwrap(), words("-C x -- --trace"));
    let (repo, exec) = (s.work("in/r"), s.work("in/e"));
    assert_eq!(
        s.log("hello.env"),
        format!("{}|{}", repo.display(), exec.display())
    );
    s.fake("exec", "hello", "echo first");
    s.fsync(["hello"])
        .assert()
        .code(0)
        .stdout("first\n")
        .stderr("");
    s.fsync(["help", "hello"])
        .assert()
        .code(0)
        .stdout("first\n")
        .stderr("");
    assert_eq!(s.args("hello").unwrap(), words("--help"));
}

#[test]
fn an_unknown_name_gets_the_nearest_suggested() {
    let s = Sandbox::new();
    s.fake("path", "hello", "");
    let run = |name: &str, words: &str| {
        s.fsync([name])
            .assert()
            .code(2)
            .stdout("")
            .stderr(format!("fsync: \"{name}\": no such command; {words}\n"));
    };
    run(
        "stauts",
        "did you mean \"status\"? \"fsync help\" lists the commands",
    );
    run(
        "helo",
        "did you mean \"hello\"? \"fsync help\" lists the commands",
    );
    run(
        "dif",
        "did you mean \"diff\"? \"fsync help\" lists the commands",
    );
    // One that is for shells alone is suggested to nobody.
    run("complte", "\"fsync help\" lists the commands");
    run("frobnicate", "\"fsync help\" lists the commands");
    run("../path/fsync-hello", "\"fsync help\" lists the commands");
}

#[test]
fn help_is_data_and_bare_fsync_is_an_error() {
    let s = Sandbox::new();
    for (args, holds) in [
        (vec!["help"], "Exit codes"),
        (vec!["--help"], "Exit codes"),
        (vec!["help", "cp"], "fsync cp [OPTIONS] <SRC>... <DST>"),
        (vec!["cp", "--help"], "--max-delete"),
        (
            vec!["help", "rv"],
            "[default: the one that the tag belongs to]",
        ),
    ] {
        s.fsync(args)
            .assert()
            .code(0)
            .stdout(predicate::str::contains(holds))
            .stderr("");
    }
    s.fsync([] as [&str; 0])
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains("Usage: fsync"));
    s.fsync(["help", "nothing"])
        .assert()
        .code(2)
        .stdout("")
        .stderr("fsync: \"nothing\": no such command; \"fsync help\" lists the commands\n");
}

#[test]
fn a_directory_that_cannot_be_entered_is_named() {
    let s = Sandbox::new();
    for command in ["cp", "diff"] {
        s.fsync(["-C", "nowhere", command, "a", "b"])
            .assert()
            .code(9)
            .stdout("")
            .stderr("fsync: \"nowhere\": cannot enter: No such file or directory\n");
    }
    assert_eq!(s.args("diff"), None);
}
