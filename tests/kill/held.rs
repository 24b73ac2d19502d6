//! A pipeline of which one stage stands still at a known call, so that signals come when they should.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

use crate::support::Sandbox;

/// The calls that give a temporary its name.
pub const RENAMES: &str = "rename,renameat,renameat2";

/// What a program that does its work itself is slow at, so that it does not end before a signal has been heard.
const SLOWED: &str = "rename,renameat,renameat2,unlink,unlinkat";

/// How long anything may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(40);

/// A run with one stage that stands still.
pub struct Held<'a> {
    s: &'a Sandbox,
    child: Child,
    /// The stage that stands still.
    pub stage: Pid,
}

/// Waits for something that must come.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "{what} does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Puts a program in front of a stage's that stops at the `nth` of these calls.
pub fn brake(s: &Sandbox, stage: &str, calls: &str, nth: usize) {
    let _ = fs::remove_dir_all(s.path("exec"));
    fs::create_dir(s.path("exec")).expect("a folder");
    let script = format!(
        "#!/bin/sh\necho $$ >'{0}/pid'\nexec strace -DDD -f -q -o '{0}/log' -e trace={calls} \
         -e inject={calls}:signal=STOP:when={nth} '{1}' \"$@\"\n",
        s.path("exec").display(),
        Sandbox::programs().join(stage).display(),
    );
    let path = s.path("exec").join(stage);
    fs::write(&path, script).expect("a script");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("its mode");
}

/// Waits until the stage stands still; its process.
pub fn braked(s: &Sandbox) -> Pid {
    wait_for("the call", || {
        let log = fs::read_to_string(s.path("exec/log")).ok()?;
        log.contains("stopped by SIGSTOP").then_some(())
    });
    let pid = fs::read_to_string(s.path("exec/pid")).expect("a number");
    Pid::from_raw(pid.trim().parse().expect("a number")).expect("a process")
}

impl<'a> Held<'a> {
    /// Starts a shell's line in a process group of its own, and waits until the stage stands still.
    pub fn start(s: &'a Sandbox, line: &str, stage: &str, calls: &str, nth: usize) -> Self {
        brake(s, stage, calls, nth);
        let mut command = s.plain("sh");
        command
            .args(["-c", &format!("exec {line}")])
            .env("FSYNC_EXEC_PATH", s.path("exec"))
            .env("RAYON_NUM_THREADS", "1")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().expect("it starts");
        let stage = braked(s);
        Held { s, child, stage }
    }

    /// Starts a program that does its work itself, and waits until it stands still.
    pub fn start_alone(s: &'a Sandbox, line: &str, calls: &str, nth: usize) -> Self {
        let _ = fs::remove_dir_all(s.path("exec"));
        fs::create_dir(s.path("exec")).expect("a folder");
        let script = format!(
            "echo $$ >exec/pid; exec strace -DDD -f -q -o exec/log -e trace={calls},{SLOWED} \
             -e inject={calls}:signal=STOP:when={nth} -e inject={SLOWED}:delay_enter=50000 {line}"
        );
        let mut command = s.plain("sh");
        command
            .args(["-c", &script])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().expect("it starts");
        let stage = braked(s);
        Held { s, child, stage }
    }

    pub fn porcelain(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal to everybody at work.
    pub fn to_all(&self, signal: Signal) {
        kill_process_group(self.porcelain(), signal).expect("a signal");
    }

    /// Waits until a signal has reached the stage, which stands still.
    pub fn reached(&self, signal: Signal) {
        let bit = 1u64 << (signal.as_raw() - 1);
        wait_for("the signal", || {
            let path = format!("/proc/{}/status", self.stage.as_raw_nonzero());
            let status = fs::read_to_string(path).expect("a status");
            let mask = status.lines().find_map(|l| l.strip_prefix("ShdPnd:"))?;
            let mask = u64::from_str_radix(mask.trim(), 16).expect("a mask");
            (mask & bit != 0).then_some(())
        });
    }

    /// Lets the stage go on.
    pub fn go_on(&self) {
        let _ = kill_process(self.stage, Signal::CONT);
    }

    /// Waits for the end; nobody is left, nothing is locked.
    pub fn end(mut self) -> Output {
        let group = self.porcelain();
        wait_for("the end", || {
            // Every thread of its own comes to the call at which it is stopped.
            self.go_on();
            self.child.try_wait().expect("a state")
        });
        let mut output = Output {
            status: self.child.wait().expect("it ended"),
            stdout: Vec::new(),
            stderr: Vec::new(),
        };
        let mut told = self.child.stdout.take().expect("a pipe");
        told.read_to_end(&mut output.stdout).expect("what it told");
        let mut said = self.child.stderr.take().expect("a pipe");
        said.read_to_end(&mut output.stderr).expect("what it said");
        assert_eq!(
            test_kill_process_group(group),
            Err(Errno::SRCH),
            "somebody is left at work"
        );
        for dir in ["dst", "repo"] {
            let handle = fs::File::open(self.s.path(dir)).expect("a directory");
            flock(&handle, FlockOperation::NonBlockingLockExclusive).expect("no lock is held");
        }
        output
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // A test that failed: nobody is to be left behind.
            let _ = kill_process(self.stage, Signal::KILL);
            let _ = kill_process_group(self.porcelain(), Signal::KILL);
            let _ = self.child.wait();
        }
    }
}
