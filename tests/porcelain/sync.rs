//! `fsync mksync`, `sync` and `status`: the SYNC file.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use predicates::prelude::*;

use crate::support::{Sandbox, result_record, timed, words};

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
        .stderr(timed("fsync: \"-d\": 1 modified in N s\n"));
    let mut expected = words("--json --delete -- /one");
    expected.extend([OsString::from_vec(b"/tw\xffo".to_vec()), "-d".into()]);
    assert_eq!(s.args("diff").unwrap(), expected);
    assert_eq!(
        s.args("snap").unwrap(),
        words("--through --guard --tag=now")
    );
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
        "line 3: neither a path from /, nor HOST:/DIR, nor --exclude=PATTERN or --include=PATTERN for the path above, nor a comment \
         that begins with #",
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
