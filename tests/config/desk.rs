//! A sandbox whose repository is where settings say, and not the environment.

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;
use assert_cmd::assert::Assert;

use crate::support::Sandbox;

pub struct Desk {
    pub s: Sandbox,
}

impl Desk {
    /// An empty one.
    pub fn new() -> Self {
        Desk { s: Sandbox::new() }
    }

    /// One with these settings; `@` stands for the sandbox.
    pub fn with(settings: &str) -> Self {
        let desk = Desk::new();
        desk.set(settings);
        desk
    }

    /// The file of settings.
    pub fn file(&self) -> PathBuf {
        self.s.path("home/.config/fsync/config.toml")
    }

    pub fn set(&self, settings: &str) {
        let top = self.s.path("").display().to_string();
        let top = top.trim_end_matches('/');
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), settings.replace('@', top)).unwrap();
    }

    pub fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }

    /// A command that names no repository.
    pub fn fsync(&self, args: &[&str]) -> Command {
        let mut command = self.s.cmd("fsync");
        command.env_remove("FSYNC_REPO").args(args);
        command
    }

    /// Runs a line, split at spaces.
    pub fn run(&self, line: &str) -> Assert {
        self.fsync(&line.split_whitespace().collect::<Vec<_>>())
            .assert()
    }

    /// Runs a shell script.
    pub fn sh(&self, script: &str) -> Assert {
        let mut command = self.s.cmd("sh");
        command.env_remove("FSYNC_REPO").arg("-c").arg(script);
        command.assert()
    }

    /// How many snapshots a repository in the sandbox has.
    pub fn snapshots(&self, repo: &str) -> usize {
        let list = fs::read_dir(self.s.path(repo));
        list.map_or(0, |list| {
            let zip = |path: PathBuf| path.extension().is_some_and(|e| e == "zip");
            list.filter(|item| zip(item.as_ref().unwrap().path()))
                .count()
        })
    }
}
