//! A place of its own for each test, and fake plumbing that records how it was called.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

pub const ID: &str = "0123456789abcdef0123456789abcdef01234567";
pub const END: &str = r#"{"type":"end","counts":{"added":1,"modified":0,"type_changed":0,"deleted":0,"renamed":0,"touched":0},"content_bytes":0,"errors":0,"skipped":0}"#;

/// Says `text`, in which `N s` stands for any time.
pub fn timed(text: &str) -> impl predicates::Predicate<str> + use<> {
    let words: Vec<String> = text.split(" N s").map(regex_of).collect();
    predicates::str::is_match(format!("^{}$", words.join(" [0-9.]+ s"))).unwrap()
}

/// A pattern that matches nothing but this text.
fn regex_of(text: &str) -> String {
    let special = |c: char| !c.is_alphanumeric() && c.is_ascii() && c != '\n' && c != ' ';
    let escaped = |c: char| {
        if special(c) {
            format!("\\{c}")
        } else {
            c.to_string()
        }
    };
    text.chars().map(escaped).collect()
}

/// A home, a working directory, and a folder of fake programs that record how they were called.
pub struct Sandbox {
    top: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
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

    pub fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.top.path().join(name)
    }

    pub fn work(&self, name: impl AsRef<Path>) -> PathBuf {
        self.at("work").join(name)
    }

    pub fn dir(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.work(name);
        fs::create_dir(&path).unwrap();
        path
    }

    /// A program `fsync-NAME` in `folder` that records its arguments and environment, then runs `script`.
    pub fn fake(&self, folder: &str, name: &str, script: &str) {
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
    pub fn working(&self, results: &str) {
        self.fake("exec", "diff", &format!("echo '{END}'"));
        self.fake("exec", "snap", "cat");
        self.fake(
            "exec",
            "apply",
            &format!("cat >/dev/null\ncat <<'X'\n{results}X"),
        );
    }

    /// The arguments that a fake was called with; `None` if it was not.
    pub fn args(&self, name: &str) -> Option<Vec<OsString>> {
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

    pub fn log(&self, file: &str) -> String {
        fs::read_to_string(self.at("log").join(file)).unwrap()
    }

    pub fn fsync<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Command {
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

pub fn snapshot_record() -> String {
    format!(
        "{{\"type\":\"snapshot\",\"id\":\"{ID}\",\"directory\":{{\"path\":\"/d\"}},\"new\":true}}\n"
    )
}

pub fn result_record(path: &str, status: char, outcome: &str) -> String {
    format!(
        "{{\"type\":\"result\",\"path\":\"{path}\",\"status\":\"{status}\",\"outcome\":\"{outcome}\",\"message\":\"because\"}}\n"
    )
}

pub fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}
