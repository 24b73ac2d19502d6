//! A command killed at every system call that changes something.
//!
//! strace(1) counts the calls of each name and each thread by itself, so a step is a name and how often it came in its
//! thread; a run of `when=1, 2, 3 …` over a list of names would pass over most of them. (And `--seccomp-bpf` cannot be
//! used: strace 6.1 injects no signals with it.)

use std::collections::{BTreeSet, HashMap};
use std::process::{Command, Stdio};

use super::sandbox::Sandbox;
use super::thorough::{long, strace};

/// The calls that change a file, a folder, or what is durable of either. What `openat` makes is seen at the next of these.
const CHANGING: &str = "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,\
    mknod,mknodat,truncate,ftruncate,fallocate,write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,\
    chmod,fchmod,fchmodat,chown,fchown,lchown,fchownat,utimensat,setxattr,lsetxattr,fsetxattr,removexattr,\
    lremovexattr,fremovexattr,fsync,fdatasync,sync_file_range,flock";

/// A moment in a run: the `nth` call of that name in one of its threads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    pub call: String,
    pub nth: usize,
}

/// A command that is run again and again from the same beginning.
pub struct Stepped<'a> {
    pub s: &'a Sandbox,
    /// What is killed: a shell's line whose last program replaces the shell.
    pub line: String,
    /// Makes everything as it was before the first run.
    pub reset: &'a dyn Fn(),
    /// How many steps a run of the ordinary kind looks at; a long one looks at all.
    pub quick: usize,
}

impl Stepped<'_> {
    /// Kills it at every step and then calls `check`, and a last time when it ran to its end. How many steps there were;
    /// `None` where nothing can be traced.
    pub fn each(&self, check: impl Fn(&Step)) -> Option<usize> {
        if !strace() {
            return None;
        }
        let all = self.steps();
        let stride = match long() {
            true => 1,
            false => all.len().div_ceil(self.quick).max(1),
        };
        let (mut runs, mut kills) = (0, 0);
        // Which of them a short run looks at differs from day to day, and a failure says which it was.
        let first = std::process::id() as usize % stride;
        for step in all.iter().skip(first).step_by(stride) {
            (self.reset)();
            runs += 1;
            kills += usize::from(self.killed(step));
            eprintln!(
                "killed at call {} of {}: {}",
                step.nth, step.call, self.line
            );
            check(step);
        }
        // Threads take their turns as they like, so one or another step may not come.
        assert!(kills * 10 >= runs * 8, "{kills} of {runs} runs were killed");
        eprintln!("{kills} kills at {} steps: {}", all.len(), self.line);
        Some(all.len())
    }

    /// The steps of a run that is not disturbed, in their order.
    pub fn steps(&self) -> Vec<Step> {
        (self.reset)();
        let log = self.s.path("steps.log");
        let mut trace = self.traced(CHANGING);
        trace.arg("-o").arg(&log).args(["sh", "-c", &self.line]);
        let told = trace.output().expect("strace");
        assert!(told.status.code().is_some(), "{}", self.line);
        let text = std::fs::read_to_string(&log).expect("a trace");
        std::fs::remove_file(&log).expect("gone");
        let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
        let mut known = BTreeSet::new();
        let mut steps = Vec::new();
        for line in text.lines() {
            let Some((thread, rest)) = line.split_once(char::is_whitespace) else {
                continue;
            };
            let Some((call, _)) = rest.trim_start().split_once('(') else {
                continue;
            };
            if !call.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                continue;
            }
            let nth = counts.entry((thread, call)).or_default();
            *nth += 1;
            if known.insert((call, *nth)) {
                let (call, nth) = (call.to_string(), *nth);
                steps.push(Step { call, nth });
            }
        }
        assert!(!steps.is_empty(), "{} changes nothing", self.line);
        steps
    }

    /// Runs it and kills it there; whether it came so far.
    pub fn killed(&self, step: &Step) -> bool {
        let mut trace = self.traced(&step.call);
        let log = self.s.path("step.log");
        let inject = format!("inject={}:signal=KILL:when={}", step.call, step.nth);
        trace.args(["-e", &inject, "-o"]).arg(&log);
        trace.args(["sh", "-c", &self.line]);
        trace.status().expect("strace");
        let text = std::fs::read_to_string(&log).expect("a trace");
        std::fs::remove_file(&log).expect("gone");
        text.contains("+++ killed by SIGKILL")
    }

    fn traced(&self, calls: &str) -> Command {
        let mut strace = self.s.plain("strace");
        strace
            .args(["-f", "-q", "-e", &format!("trace={calls}")])
            .env("RAYON_NUM_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        strace
    }
}
