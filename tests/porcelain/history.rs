//! `fsync log`, `show` and `verify` from outside, over real snapshots. Every test asserts stdout, stderr
//! and the exit code.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::{contains, is_match};

struct Sandbox {
    top: tempfile::TempDir,
}

impl Sandbox {
    /// A home, a repository's place, and an empty directory `d` to record.
    fn new() -> Self {
        let sandbox = Sandbox {
            top: tempfile::tempdir().unwrap(),
        };
        for name in ["home", "d"] {
            fs::create_dir(sandbox.at(name)).unwrap();
        }
        sandbox
    }

    fn at(&self, name: &str) -> PathBuf {
        self.top.path().canonicalize().unwrap().join(name)
    }

    fn fsync<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("fsync"));
        command
            .env_clear()
            .env("HOME", self.at("home"))
            .env("PATH", "/usr/bin:/bin")
            .env("TZ", "UTC")
            .env("FSYNC_REPO", self.at("repo"))
            .current_dir(self.at("."))
            .args(args);
        command
    }

    /// Records `d` with one more file in it, under a tag; the id.
    fn snap(&self, tag: &str) -> String {
        fs::write(self.at("d").join(tag), tag).unwrap();
        let output = self
            .fsync(["snap", "-t", tag, "d"])
            .assert()
            .code(0)
            .get_output()
            .clone();
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_string()
    }
}

#[test]
fn log_lists_the_newest_first_and_marks_the_head() {
    let s = Sandbox::new();
    let (one, two) = (s.snap("one"), s.snap("two"));
    let time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00";
    let expected = format!("^\\*\t{time}\t{two}\ttwo\t\n\t{time}\t{one}\tone\t\n$");
    s.fsync(["log", "d"])
        .assert()
        .code(0)
        .stdout(is_match(expected).unwrap())
        .stderr("");
    let out = s
        .fsync(["log", "--json", "d"])
        .assert()
        .code(0)
        .stderr("")
        .get_output()
        .clone();
    let lines: Vec<serde_json::Value> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["type"], "history");
    assert_eq!(lines[0]["id"], *two);
    assert_eq!(lines[0]["parent"], *one);
    assert_eq!(lines[0]["head"], true);
    assert_eq!(lines[0]["tags"], serde_json::json!(["two"]));
    assert_eq!(lines[0]["directory"]["path"], s.at("d").to_str().unwrap());
    assert_eq!(lines[1]["head"], false);
    assert_eq!(lines[1]["counts"]["files"], 1);
}

#[test]
fn log_remembers_a_directory_that_is_gone() {
    let s = Sandbox::new();
    let one = s.snap("one");
    fs::remove_dir_all(s.at("d")).unwrap();
    s.fsync(["log", "d"])
        .assert()
        .code(0)
        .stdout(contains(one))
        .stderr("");
}

#[test]
fn log_of_a_stranger_finds_nothing() {
    let s = Sandbox::new();
    let repo = format!("fsync: \"{}\": ", s.at("repo").display());
    s.fsync(["log", "d"])
        .assert()
        .code(6)
        .stdout("")
        .stderr(predicate::str::starts_with(repo));
    s.snap("one");
    s.fsync(["log", "home"])
        .assert()
        .code(6)
        .stdout("")
        .stderr("fsync: \"home\": there is no snapshot of this directory in the repository\n");
}

#[test]
fn show_says_what_is_known() {
    let s = Sandbox::new();
    let (one, two) = (s.snap("one"), s.snap("two"));
    let directory = format!("directory   \"{}\"\n", s.at("d").display());
    for name in [&two, &two[..12], "two", "snap:two"] {
        let head = format!("snapshot    {two} (head)\n{directory}time        ");
        let parent = format!("tag         two\nparent      {one}\n");
        s.fsync(["show", name]).assert().code(0).stdout(
            predicate::str::starts_with(head)
                .and(contains(parent))
                .and(contains(
                    "holds       2 files, 0 directories, 0 others, 6 bytes\n",
                ))
                .and(contains(" (thin, ")),
        );
    }
    s.fsync(["show", "-d", "d", "@~1"])
        .assert()
        .code(0)
        .stdout(contains(format!("snapshot    {one}\n")).and(contains("parent      none\n")))
        .stderr("");
    s.fsync(["show", "--json", "one"])
        .assert()
        .code(0)
        .stdout(contains(format!("{{\"type\":\"history\",\"id\":\"{one}\"")))
        .stderr("");
    s.fsync(["show", "three"])
        .assert()
        .code(6)
        .stdout("")
        .stderr(predicate::str::starts_with("fsync: \"three\": "));
}

#[test]
fn verify_finds_damage() {
    let s = Sandbox::new();
    let one = s.snap("one");
    let whole = format!(
        "fsync: \"{}\": 1 snapshot, no damage\n",
        s.at("repo").display()
    );
    s.fsync(["verify"])
        .assert()
        .code(0)
        .stdout("")
        .stderr(whole.clone());
    let read = whole.replace("damage\n", "damage; ");
    s.fsync(["verify", "--read-data"])
        .assert()
        .code(0)
        .stdout("")
        .stderr(predicate::str::starts_with(read).and(contains(" bytes were read\n")));
    s.fsync(["-q", "verify"])
        .assert()
        .code(0)
        .stdout("")
        .stderr("");
    let archive = s.at("repo").join(format!("{one}.zip"));
    let mut bytes = fs::read(&archive).unwrap();
    bytes[80] ^= 1;
    fs::remove_file(&archive).unwrap();
    fs::write(&archive, bytes).unwrap();
    s.fsync(["-q", "verify", "--read-data"])
        .assert()
        .code(8)
        .stdout("")
        .stderr(contains(one).and(predicate::str::starts_with("fsync: ")));
}

#[test]
fn a_full_disk_behind_stdout_is_an_error() {
    let s = Sandbox::new();
    s.snap("one");
    let full = fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let out = std::process::Command::new(assert_cmd::cargo::cargo_bin!("fsync"))
        .args(["log", "d"])
        .env("FSYNC_REPO", s.at("repo"))
        .current_dir(s.at("."))
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(9));
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(
        said,
        "fsync: \"standard output\": cannot write: No space left on device\n"
    );
}
