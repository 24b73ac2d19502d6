//! A place of its own for each test: directory, home, repository, environment.

use std::path::{Path, PathBuf};
use std::process::Command as Plain;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use tempfile::TempDir;

use super::tree::Tree;

/// What every child process sees besides its own arguments.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A temporary directory with `home/` and (once something is recorded) `repo/` in it.
pub struct Sandbox {
    root: TempDir,
}

impl Sandbox {
    /// A new one, in memory where there is such a place.
    pub fn new() -> Self {
        let shm = Path::new("/dev/shm");
        let root = tempfile::Builder::new()
            .prefix("fsync-test-")
            .tempdir_in(if shm.is_dir() { shm } else { Path::new("/tmp") })
            .expect("a temporary directory");
        std::fs::create_dir(root.path().join("home")).expect("a home");
        Sandbox { root }
    }

    /// A path in the sandbox.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// A directory in the sandbox, made if need be, to build a tree in.
    pub fn tree(&self, name: &str) -> Tree {
        Tree::new(self.path(name))
    }

    /// The folder of the programs that were built.
    pub fn programs() -> PathBuf {
        let mut folder = std::env::current_exe().expect("the test's own path");
        folder.pop();
        if folder.ends_with("deps") {
            folder.pop();
        }
        folder
    }

    /// A program, in the sandbox and its environment.
    pub fn plain(&self, program: &str) -> Plain {
        let built = Self::programs().join(program);
        let mut command = Plain::new(if built.exists() {
            built
        } else {
            program.into()
        });
        let path = format!("{}:{PATH}", Self::programs().display());
        command
            .current_dir(self.root.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.path("home"))
            .env("FSYNC_REPO", self.path("repo"))
            .env("LC_ALL", "C")
            .env("TZ", "UTC");
        command
    }

    /// One that goes on until it is told to end: it is when the thread that starts it ends, even killed.
    #[allow(dead_code)]
    pub fn lasting(&self, program: &str) -> Plain {
        let mut command = self.plain("setpriv");
        command.args(["--pdeathsig", "TERM", "--", program]);
        command
    }

    /// The same with assertions on what comes out of it.
    pub fn cmd(&self, program: &str) -> Command {
        Command::from_std(self.plain(program))
    }

    /// Runs a line, split at spaces: `s.run("fsync-diff --json src dst")`.
    pub fn run(&self, line: &str) -> Assert {
        self.feed(line, b"")
    }

    /// The same with something on standard input.
    pub fn feed(&self, line: &str, stdin: impl AsRef<[u8]>) -> Assert {
        let mut words = line.split_whitespace();
        let program = words.next().expect("a program");
        let mut command = self.cmd(program);
        command.args(words).write_stdin(stdin.as_ref().to_vec());
        command.assert()
    }

    /// Runs a shell script, programs on its PATH; no `pipefail`, as a user's shell has none.
    pub fn sh(&self, script: &str) -> Assert {
        self.cmd("sh").arg("-c").arg(script).assert()
    }

    /// A twin of a tree, made by cp(1).
    pub fn twin(&self, from: &str, to: &str) -> Tree {
        let tree = self.tree(to);
        let script = format!("cp -a '{from}/.' '{to}'");
        self.sh(&script).success();
        tree
    }

    /// The archives in the repository, sorted.
    pub fn archives(&self) -> Vec<PathBuf> {
        let Ok(list) = std::fs::read_dir(self.path("repo")) else {
            return Vec::new();
        };
        let mut all: Vec<_> = list
            .map(|item| item.expect("an item").path())
            .filter(|path| path.extension().is_some_and(|e| e == "zip"))
            .collect();
        all.sort();
        all
    }

    /// The archive of a snapshot.
    pub fn archive(&self, id: &str) -> PathBuf {
        self.path("repo").join(format!("{id}.zip"))
    }

    /// Snapshots a directory and gives the id.
    pub fn snap(&self, directory: &str) -> String {
        use super::told::Told;
        let id = self.run(&format!("fsync-snap {directory}")).code(0).text();
        assert_id(&id);
        id
    }

    /// What the BACKUP file of a directory says; `None` when there is none.
    pub fn head(&self, directory: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.path(directory).join(".fsync-backup")).ok()?;
        let id = text.strip_suffix('\n').expect("a newline in BACKUP");
        assert_id(id);
        Some(id.to_string())
    }

    /// What `fsync cp --delete` is: snapshot, then make `dst` like `src`, guards out of the way.
    pub fn mirror(&self, src: &str, dst: &str) -> Assert {
        self.sh(&format!(
            "fsync-diff --json --delete {src} {dst} | fsync-snap --through \
             | fsync-apply --require-snapshot --max-delete 100% --allow-empty-source"
        ))
    }
}

/// An id is 40 lower-case hex digits.
/// Whether the tests run as root; says so where they do not.
pub fn as_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("skipped: only root can set this up");
    }
    root
}

fn assert_id(id: &str) {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    assert!(id.len() == 40 && id.chars().all(hex), "not an id: {id:?}");
}
