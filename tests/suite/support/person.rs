//! Who runs the programs: root, and an ordinary user for whom sandbox and programs are made reachable.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use assert_cmd::Command;
use assert_cmd::assert::Assert;
use rustix::process::{Gid, Uid};
use tempfile::TempDir;

use super::oracle::Oracle;
use super::sandbox::Sandbox;

const NOBODY: u32 = 65_534;
const PROGRAMS: [&str; 6] = [
    "fsync",
    "fsync-diff",
    "fsync-snap",
    "fsync-apply",
    "fsync-revert",
    "fsync-tag",
];
/// Those beside them that may not have been built.
const EXTRA: [&str; 2] = ["fsync-mount", "fsync-watch"];

/// Somebody with a sandbox.
pub struct Person {
    pub s: Sandbox,
    /// Of `nobody`, where the programs are that he may run.
    programs: Option<TempDir>,
}

impl Person {
    /// Root and an ordinary user; who is no root has only himself.
    pub fn everyone() -> Vec<Person> {
        match rustix::process::geteuid().is_root() {
            true => vec![Person::myself(), Person::nobody()],
            false => {
                eprintln!("the half that needs root is skipped: these tests do not run as root");
                vec![Person::myself()]
            }
        }
    }

    /// Who runs the tests.
    pub fn myself() -> Person {
        Person {
            s: Sandbox::new(),
            programs: None,
        }
    }

    /// `nobody`, to whom everything in the sandbox belongs.
    pub fn nobody() -> Person {
        let person = Person::myself();
        if !rustix::process::geteuid().is_root() {
            return person;
        }
        let programs = tempfile::Builder::new()
            .prefix("fsync-programs-")
            .tempdir()
            .expect("a folder");
        let extra = EXTRA.into_iter();
        let extra = extra.filter(|name| Sandbox::programs().join(name).exists());
        for name in PROGRAMS.into_iter().chain(extra) {
            let (from, to) = (Sandbox::programs().join(name), programs.path().join(name));
            if std::fs::hard_link(&from, &to).is_err() {
                std::fs::copy(from, to).expect("a program");
            }
        }
        for reachable in [programs.path(), &person.s.path(".")] {
            std::fs::set_permissions(reachable, PermissionsExt::from_mode(0o755)).expect("open");
        }
        let person = Person {
            programs: Some(programs),
            ..person
        };
        person.own();
        person
    }

    /// Whether it is one who may do everything.
    pub fn is_root(&self) -> bool {
        self.programs.is_none() && rustix::process::geteuid().is_root()
    }

    /// The folder with the programs that he may run.
    #[allow(dead_code)]
    pub fn programs_path(&self) -> String {
        let own = self.programs.as_ref().map(|p| p.path().to_path_buf());
        own.unwrap_or_else(Sandbox::programs).display().to_string()
    }

    /// Gives him everything (which clears setuid bits).
    pub fn own(&self) {
        if self.programs.is_some() {
            self.s.sh("chown -hR 65534:65534 .").success();
        }
    }

    /// Does something with his rights: credentials are each thread's own.
    pub fn build<T: Send>(&self, work: impl FnOnce(&Sandbox) -> T + Send) -> T {
        if self.programs.is_none() {
            return work(&self.s);
        }
        let as_nobody = || {
            rustix::thread::set_thread_groups(&[]).expect("no groups");
            rustix::thread::set_thread_gid(Gid::from_raw(NOBODY)).expect("a group");
            rustix::thread::set_thread_uid(Uid::from_raw(NOBODY)).expect("a user");
            work(&self.s)
        };
        std::thread::scope(|scope| scope.spawn(as_nobody).join())
            .unwrap_or_else(|cause| std::panic::resume_unwind(cause))
    }

    /// Runs a shell script as he would.
    pub fn sh(&self, script: &str) -> Assert {
        let Some(programs) = &self.programs else {
            return self.s.sh(script);
        };
        let mut shell = self.s.plain("sh");
        let path = format!("{}:/usr/bin:/bin:/usr/sbin", programs.path().display());
        shell
            .env("PATH", path)
            .uid(NOBODY)
            .gid(NOBODY)
            .args(["-c", script]);
        Command::from_std(shell).assert()
    }

    /// Mounts as root, in a namespace of its own, and runs scripts there, as he would and as root in turn; `None`,
    /// and the reason printed, where that is impossible.
    pub fn mounted(&self, mount: &str, scripts: &[&str]) -> Option<Assert> {
        let mut command = self.s.plain("unshare");
        let mut drop_rights = "";
        if let Some(programs) = &self.programs {
            let path = format!(
                "{}:/usr/bin:/bin:/usr/sbin:/sbin",
                programs.path().display()
            );
            command.env("PATH", path);
            drop_rights = "setpriv --reuid 65534 --regid 65534 --clear-groups";
        }
        let mut all = format!("{{ {mount}\n}} >mount.log 2>&1 || exit 99\n");
        for (n, script) in scripts.iter().enumerate() {
            let name = format!("script{n}");
            std::fs::write(self.s.path(&name), script).expect("a script");
            let rights = if n % 2 == 0 { drop_rights } else { "" };
            all.push_str(&format!("{rights} sh ./{name}\n"));
        }
        let told = Command::from_std(command)
            .args(["-m", "sh", "-c", &all])
            .assert();
        let code = told.get_output().status.code();
        if !matches!(code, Some(1 | 99 | 127)) {
            return Some(told.code(0));
        }
        let why = std::fs::read_to_string(self.s.path("mount.log")).unwrap_or_default();
        eprintln!("skipped, since this cannot be mounted here: {mount}: {why}{told}");
        None
    }

    /// What a tree of somebody else's is when he copies it: the same, but his own.
    pub fn copied(&self, name: &str) -> Oracle {
        let oracle = Oracle::of(self.s.path(name));
        match self.programs {
            Some(_) => oracle.owned(NOBODY, NOBODY),
            None => oracle,
        }
    }
}
