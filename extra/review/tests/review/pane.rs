//! A terminal of tmux(1) in a sandbox: what is typed into it, and what it shows.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::Sandbox;

/// Whether tmux is here; says so where it is not.
pub fn tmux() -> bool {
    let there = Command::new("tmux")
        .arg("-V")
        .stdout(Stdio::null())
        .status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        eprintln!("skipped: tmux is not installed");
    }
    there
}

/// How many there were.
static PANES: AtomicUsize = AtomicUsize::new(0);

/// A terminal that is running something.
pub struct Pane<'s> {
    s: &'s Sandbox,
    socket: PathBuf,
}

impl<'s> Pane<'s> {
    /// So many columns and lines, in which a shell runs a script.
    pub fn open(s: &'s Sandbox, (columns, lines): (u16, u16), script: &str) -> Self {
        let pane = Pane {
            s,
            // The server of the one before may be leaving still.
            socket: s.path(&format!("tmux{}", PANES.fetch_add(1, Ordering::Relaxed))),
        };
        let (columns, lines) = (columns.to_string(), lines.to_string());
        let size = ["-x", &columns, "-y", &lines];
        let words = ["-f", "/dev/null", "new-session", "-d"];
        let script = format!("{script}\necho \"code $?\" >code; cat >/dev/null");
        let all: Vec<&str> = words
            .iter()
            .chain(&size)
            .copied()
            .chain(["sh", "-c", &script])
            .collect();
        pane.tmux(&all);
        pane.tmux(&["set", "-g", "status", "off"]);
        pane.tmux(&["set", "-s", "escape-time", "0"]);
        pane.tmux(&["resize-window", "-x", &columns, "-y", &lines]);
        pane
    }

    fn tmux(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("tmux");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.s.plain("tmux");
        command
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .args(["-u", "-S"])
            .arg(&self.socket)
            .args(words);
        command
    }

    /// What is seen, a line for each row.
    pub fn seen(&self) -> String {
        self.tmux(&["capture-pane", "-p"])
    }

    /// Waits until what is seen is right.
    #[track_caller]
    pub fn until(&self, what: &str, right: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let seen = self.seen();
            if right(&seen) {
                return seen;
            }
            assert!(Instant::now() < end, "never seen: {what}\n{seen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until this is seen.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.until(text, |seen| seen.contains(text))
    }

    /// Types text as it is.
    pub fn types(&self, text: &str) -> &Self {
        self.tmux(&["send-keys", "-l", "--", text]);
        self
    }

    /// Presses keys, by tmux's names of them.
    pub fn press(&self, keys: &[&str]) -> &Self {
        let words: Vec<&str> = ["send-keys", "--"].iter().chain(keys).copied().collect();
        self.tmux(&words);
        self
    }

    /// Makes it as large.
    pub fn resize(&self, columns: u16, lines: u16) {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &lines]);
    }

    /// Waits for the end of the script; its exit code.
    #[track_caller]
    pub fn code(&self) -> String {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let text = std::fs::read_to_string(self.s.path("code")).unwrap_or_default();
            if text.ends_with('\n') {
                return text.trim().to_string();
            }
            assert!(Instant::now() < end, "it goes on\n{}", self.seen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Pane<'_> {
    fn drop(&mut self) {
        // It may have gone, and a test may have failed already.
        let _ = self.command(&["kill-server"]).output();
    }
}
