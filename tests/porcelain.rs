//! `fsync` from outside, over fake plumbing: what is started with which arguments, whose words and exit
//! codes come back. Every test asserts stdout, stderr and the exit code.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use predicates::prelude::*;

const ID: &str = "0123456789abcdef0123456789abcdef01234567";
const END: &str = r#"{"type":"end","counts":{"added":1,"modified":0,"type_changed":0,"deleted":0,"renamed":0,"touched":0},"content_bytes":0,"errors":0,"skipped":0}"#;

/// A home, a working directory, and a folder of fake programs that record how they were called.
struct Sandbox {
    top: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        let sandbox = Sandbox {
            top: tempfile::tempdir().unwrap(),
        };
        for name in ["home", "work", "exec", "log", "path"] {
            fs::create_dir(sandbox.at(name)).unwrap();
        }
        for name in ["diff", "snap", "apply", "revert", "tag"] {
            sandbox.fake("exec", name, "cat >/dev/null");
        }
        sandbox
    }

    fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.top.path().join(name)
    }

    fn work(&self, name: impl AsRef<Path>) -> PathBuf {
        self.at("work").join(name)
    }

    fn dir(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.work(name);
        fs::create_dir(&path).unwrap();
        path
    }

    /// A program `fsync-NAME` in `folder` that records its arguments and environment, then runs `script`.
    fn fake(&self, folder: &str, name: &str, script: &str) {
        let path = self.at(folder).join(format!("fsync-{name}"));
        let log = self.at("log").join(name);
        let log = log.display();
        let text = format!(
            "#!/bin/sh\nprintf '%s\\0' \"$@\" > '{log}.args'\npwd > '{log}.cwd'\nprintf '%s' \"$FSYNC_REPO|$FSYNC_EXEC_PATH\" > '{log}.env'\n{script}\n"
        );
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The usual fakes of a run that works: a plan, a snapshot, and these result records.
    fn working(&self, results: &str) {
        self.fake("exec", "diff", &format!("echo '{END}'"));
        self.fake("exec", "snap", "cat");
        self.fake(
            "exec",
            "apply",
            &format!("cat >/dev/null\ncat <<'X'\n{results}X"),
        );
    }

    /// The arguments that a fake was called with; `None` if it was not.
    fn args(&self, name: &str) -> Option<Vec<OsString>> {
        let bytes = fs::read(self.at("log").join(format!("{name}.args"))).ok()?;
        let mut args: Vec<_> = bytes
            .split(|&b| b == 0)
            .map(|a| OsString::from_vec(a.into()))
            .collect();
        args.pop();
        // printf with no argument still prints one NUL.
        args.retain(|a| !a.is_empty());
        Some(args)
    }

    fn log(&self, file: &str) -> String {
        fs::read_to_string(self.at("log").join(file)).unwrap()
    }

    fn fsync<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("fsync"));
        command
            .env_clear()
            .env("HOME", self.at("home"))
            .env(
                "PATH",
                format!("{}:/usr/bin:/bin", self.at("path").display()),
            )
            .env("FSYNC_EXEC_PATH", self.at("exec"))
            .env("FSYNC_REPO", self.at("repo"))
            .current_dir(self.at("work"))
            .args(args);
        command
    }
}

fn snapshot_record() -> String {
    format!(
        "{{\"type\":\"snapshot\",\"id\":\"{ID}\",\"directory\":{{\"path\":\"/d\"}},\"new\":true}}\n"
    )
}

fn result_record(path: &str, status: char, outcome: &str) -> String {
    format!(
        "{{\"type\":\"result\",\"path\":\"{path}\",\"status\":\"{status}\",\"outcome\":\"{outcome}\",\"message\":\"because\"}}\n"
    )
}

fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

/// cp

#[test]
fn cp_starts_the_pipeline_and_sums_up() {
    let s = Sandbox::new();
    let results = [
        snapshot_record(),
        result_record("a", 'A', "done"),
        result_record("b", 'A', "done"),
        result_record("c", 'D', "done"),
        result_record("d", 't', "already"),
    ];
    s.working(&results.concat());
    s.fsync(["cp", "--delete", "-t", "one", "--parents", "--max-delete=7%", "--exclude", "*.o", "src", "src2", "my dst"])
        .assert()
        .code(0)
        .stdout("")
        .stderr(
            "fsync: \"my dst\": 2 added, 1 deleted, 1 as planned already\n\
             fsync: the state before is snapshot 0123456789ab; this takes it back: fsync rv -d 'my dst'\n",
        );
    let diff = [
        "--json",
        "--delete",
        "--exclude=*.o",
        "src",
        "src2",
        "my dst",
    ]
    .map(OsString::from);
    assert_eq!(s.args("diff").unwrap(), diff);
    assert_eq!(
        s.args("snap").unwrap(),
        words("--through --tag=one --parents")
    );
    let apply = words("--require-snapshot --json --parents --max-delete=7%");
    assert_eq!(s.args("apply").unwrap(), apply);
}

#[test]
fn cp_says_what_was_not_done() {
    let s = Sandbox::new();
    let results = [
        result_record("a", 'M', "stale"),
        result_record("b", 'M', "done"),
        result_record("c", 'A', "failed"),
        result_record("d", 'D', "held"),
    ];
    s.working("");
    let script = "cat >/dev/null\necho 'fsync-apply: \"a\": stale: because' >&2";
    let records = results.concat();
    s.fake(
        "exec",
        "apply",
        &format!("{script}\ncat <<'X'\n{records}X\nexit 3"),
    );
    let stale = "fsync-apply: \"a\": stale: because\n";
    let counts = "fsync: \"dst\": 1 modified, 1 stale, 1 failed, 1 held back\n";
    s.fsync(["cp", "src", "dst"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(format!("{stale}{counts}"));
    s.fsync(["cp", "-q", "src", "dst"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(stale);
    assert_eq!(
        s.args("apply").unwrap(),
        words("--quiet --require-snapshot --json")
    );
}

#[test]
fn cp_with_nothing_to_do_says_so() {
    let s = Sandbox::new();
    s.working("");
    s.fsync(["cp", "a", "b"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("fsync: nothing to do\n");
    s.fsync(["cp", "-t", "x", "a", "b"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("fsync: nothing to do; no snapshot was needed, so the tag \"x\" was not set\n");
    s.fsync(["-q", "cp", "a", "b"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("");
}

#[test]
fn cp_dry_run_only_compares() {
    let s = Sandbox::new();
    s.fake("exec", "diff", "printf 'M\\ta\\nA\\tb c\\n'");
    s.fsync(["cp", "-nqt", "x", "--parents", "--delete", "src", "dst"])
        .assert()
        .code(0)
        .stdout("M\ta\nA\tb c\n")
        .stderr("");
    assert_eq!(s.args("diff").unwrap(), words("--delete src dst"));
    assert_eq!((s.args("snap"), s.args("apply")), (None, None));
}

#[test]
fn cp_hands_odd_paths_on() {
    let s = Sandbox::new();
    s.working("");
    let odd = OsStr::from_bytes(b"\xff\n");
    s.fsync([
        OsStr::new("cp"),
        "--".as_ref(),
        "-x".as_ref(),
        odd,
        "-y".as_ref(),
    ])
    .assert()
    .code(0)
    .stdout("")
    .stderr("fsync: nothing to do\n");
    let expected: [&OsStr; 5] = [
        "--json".as_ref(),
        "--".as_ref(),
        "-x".as_ref(),
        odd,
        "-y".as_ref(),
    ];
    assert_eq!(s.args("diff").unwrap(), expected);
}

#[test]
fn cp_needs_two_paths() {
    let s = Sandbox::new();
    s.fsync(["cp", "a"])
        .assert()
        .code(2)
        .stdout("")
        .stderr(predicate::str::contains("SRC"));
    assert_eq!(s.args("diff"), None);
}

#[test]
fn the_way_back_works_from_where_the_user_is() {
    let s = Sandbox::new();
    s.dir("in");
    s.working(&(snapshot_record() + &result_record("a", 'A', "done")));
    let repo = s.work("in/r");
    s.fsync(["-C", "in", "--repo", "r", "cp", "a", "b"])
        .assert()
        .code(0)
        .stdout("")
        .stderr(predicate::str::ends_with(format!(
            "this takes it back: fsync --repo {} rv -d {}\n",
            repo.display(),
            s.work("in/b").display()
        )));
    let repo: OsString = repo.into();
    assert_eq!(
        s.args("snap").unwrap(),
        ["--repo".into(), repo, "--through".into()]
    );
    assert_eq!(s.log("diff.cwd"), format!("{}\n", s.work("in").display()));
}

/// trace

#[test]
fn trace_prints_what_it_runs() {
    let s = Sandbox::new();
    s.working("");
    s.fsync(["--trace", "-q", "cp", "--delete", "a b", "c"]).assert().code(0).stdout("").stderr(
        "fsync-diff --quiet --json --delete 'a b' c | fsync-snap --quiet --through | fsync-apply --quiet --require-snapshot --json\n",
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

/// Failing stages

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
        .stderr(
            "fsync: fsync-apply was ended by SIGKILL\n\
         fsync: \"dst\": 1 added\n\
         fsync: the state before is snapshot 0123456789ab; this takes it back: fsync rv -d dst\n",
        );
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
        .stderr("fsync-diff: \"x\": cannot read\nfsync: \"dst\": 1 added\n");
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

/// sync, mksync, status

#[test]
fn mksync_writes_one_source_a_line() {
    let s = Sandbox::new();
    let (a, b, d) = (s.dir("a"), s.dir("b c"), s.dir("d"));
    let file = d.join(".fsync-sync");
    s.fsync(["mksync", "d", "a", "b c"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("fsync: \"d\": its SYNC file names 2 sources\n");
    let expected = format!("{}\n{}\n", a.display(), b.display());
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    s.fsync(["mksync", "d", "a"])
        .assert()
        .code(4)
        .stdout("")
        .stderr("fsync: \"d/.fsync-sync\": there is a SYNC file already; --force replaces it\n");
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
    s.fsync(["mksync", "d", "a", "--force", "-q"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("");
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        format!("{}\n", a.display())
    );
    assert_eq!(fs::read_dir(&d).unwrap().count(), 1);
}

#[test]
fn mksync_refuses_what_cannot_work() {
    let s = Sandbox::new();
    s.dir("d");
    s.dir("d/in");
    let refuse = |source: &str, code: i32, words: &str| {
        s.fsync(["mksync", "d", source])
            .assert()
            .code(code)
            .stdout("")
            .stderr(predicate::str::contains(words).and(predicate::str::starts_with("fsync: \"")));
    };
    refuse("missing", 2, "there is no such directory");
    refuse("new\nline", 2, "newline");
    refuse("d", 4, "is the directory itself");
    refuse("d/in", 4, "lies inside");
    refuse(".", 4, "holds the directory");
    s.fsync(["mksync", "nowhere", "d"])
        .assert()
        .code(6)
        .stdout("")
        .stderr("fsync: \"nowhere\": cannot open: No such file or directory\n");
    assert!(!s.work("d/.fsync-sync").exists());
}

#[test]
fn sync_lays_its_sources_over_each_other() {
    let s = Sandbox::new();
    let d = s.dir("-d");
    fs::write(d.join(".fsync-sync"), b"# sources\n/one\n\n/tw\xffo\n").unwrap();
    s.working(&result_record("a", 'M', "done"));
    s.fsync(["sync", "-t", "now", "--delete", "--", "-d"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("fsync: \"-d\": 1 modified\n");
    let mut expected = words("--json --delete -- /one");
    expected.extend([OsString::from_vec(b"/tw\xffo".to_vec()), "-d".into()]);
    assert_eq!(s.args("diff").unwrap(), expected);
    assert_eq!(s.args("snap").unwrap(), words("--through --tag=now"));
}

#[test]
fn sync_wants_a_good_sync_file() {
    let s = Sandbox::new();
    let d = s.dir("d");
    let file = d.join(".fsync-sync");
    let run = |code: i32, words: &str| {
        for command in ["sync", "status"] {
            s.fsync([command, "d"])
                .assert()
                .code(code)
                .stdout("")
                .stderr(format!("fsync: \"d/.fsync-sync\": {words}\n"));
        }
        assert_eq!(s.args("diff"), None);
    };
    run(
        6,
        "there is no SYNC file; \"fsync mksync DIR SRC...\" writes one",
    );
    fs::write(&file, "/a\n\nb\n").unwrap();
    run(
        2,
        "line 3: neither a path from / nor a comment that begins with #",
    );
    fs::write(&file, "# nothing\n").unwrap();
    run(2, "it names no source");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &file).unwrap();
    run(5, "is a symbolic link, which fsync does not follow here");
}

#[test]
fn status_says_what_sync_would_do() {
    let s = Sandbox::new();
    let d = s.dir("d");
    fs::write(d.join(".fsync-sync"), "/one\n/two\n").unwrap();
    s.fake("exec", "diff", "printf 'M\\ta\\nA\\tb\\nA\\tc\\n'");
    s.fsync(["status", "--checksum", "d"])
        .assert()
        .code(0)
        .stdout("M\ta\nA\tb\nA\tc\n")
        .stderr("fsync: sync would do: 2 added, 1 modified\n");
    assert_eq!(s.args("diff").unwrap(), words("--checksum /one /two d"));
    assert_eq!(s.args("snap"), None);
    s.fake("exec", "diff", "");
    s.fsync(["status", "d"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("fsync: nothing to do\n");
    s.fake("exec", "diff", "echo 'fsync-diff: no' >&2; exit 6");
    s.fsync(["status", "d"])
        .assert()
        .code(6)
        .stdout("")
        .stderr("fsync-diff: no\n");
}

/// rv, th

#[test]
fn rv_is_revert() {
    let s = Sandbox::new();
    s.fake("exec", "revert", "echo plan; echo 'fsync-revert: note' >&2");
    let run = |args: &[&str], expected: &str| {
        s.fsync([&["rv"], args].concat())
            .assert()
            .code(0)
            .stdout("plan\n")
            .stderr("fsync-revert: note\n");
        assert_eq!(s.args("revert").unwrap(), words(expected));
    };
    run(&["-d", "dst"], "dst");
    run(&["-t", "one"], "--tag=one");
    run(&["-d", "dst", "-t", "one", "-n"], "--tag=one --dry-run dst");
    run(
        &["-d", "dst", "--redo", "--allow-root"],
        "--redo --allow-root dst",
    );
    run(
        &["-d", "dst", "--to", "new", "--", "-a", "b"],
        "--to=new dst -- -a b",
    );
    run(&["-d-x"], "./-x");
}

#[test]
fn a_bare_rv_is_a_usage_error() {
    let s = Sandbox::new();
    s.fsync(["rv"])
        .assert()
        .code(2)
        .stdout("")
        .stderr("fsync: rv: say what to take back: -d DIR, -t TAG or both\n");
    assert_eq!(s.args("revert"), None);
}

#[test]
fn th_lists_tags() {
    let s = Sandbox::new();
    s.fake("exec", "tag", "printf 'TIME\\tone\\tid\\n'");
    s.fsync(["th", "dst"])
        .assert()
        .code(0)
        .stdout("TIME\tone\tid\n")
        .stderr("");
    assert_eq!(s.args("tag").unwrap(), words("-- dst"));
}

/// Programs

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
    run("stauts", "did you mean \"status\"?");
    run("helo", "did you mean \"hello\"?");
    run("dif", "did you mean \"diff\"?");
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
