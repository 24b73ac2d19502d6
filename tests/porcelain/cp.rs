//! `fsync cp`: the pipeline, the summary, the dry run.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use predicates::prelude::*;

use crate::support::{Sandbox, result_record, snapshot_record, timed, words};

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
        .stderr(timed(
            "fsync: \"my dst\": 2 added, 1 deleted, 1 as planned already in N s\n\
             fsync: the state before is snapshot 0123456789ab; this takes it back: fsync rv -d 'my dst'\n",
        ));
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
        words("--through --guard --tag=one --parents --max-delete=7%")
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
    let counts = "fsync: \"dst\": 1 modified, 1 stale, 1 failed, 1 held back in N s\n";
    s.fsync(["cp", "src", "dst"])
        .assert()
        .code(3)
        .stdout("")
        .stderr(timed(&format!("{stale}{counts}")));
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
        ["--repo".into(), repo, "--through".into(), "--guard".into()]
    );
    assert_eq!(s.log("diff.cwd"), format!("{}\n", s.work("in").display()));
}
