//! The end of a mount: it is taken away by signals, when it is in use, and never left dead.
//!
//! A keeper, this program once more, outlives it: when it ends in whatever way, even killed, the keeper takes a mount
//! away that nobody answers for.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use fsync::cli::Talk;
use fsync::cli::stop::signals;
use fsync::model::quote::quote;
use fsync::model::{Error, Exit, Result};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Takes the mount away when a signal asks for it, and when it is dropped.
pub struct Leaver {
    point: PathBuf,
    talk: Talk,
}

impl Leaver {
    /// For the mount at `point`.
    pub fn new(point: PathBuf, talk: Talk) -> Self {
        Leaver { point, talk }
    }

    /// Waits for signals from now on.
    ///
    /// # Errors
    /// When there can be no thread that does so.
    pub fn listen(&self, mut asked: signal_hook::iterator::Signals) -> Result<()> {
        let (point, talk) = (self.point.clone(), self.talk);
        let listen = move || {
            if asked.forever().next().is_none() {
                return;
            }
            if leave(&point) == Err(Errno::BUSY) {
                // First of all: whoever could read the message may be gone, and this process with him.
                detach(&point);
                let message =
                    "is in use; it is gone for everybody else, and what is open in it ends";
                talk.note(&format!(
                    "{}: {message}",
                    quote(point.as_os_str().as_bytes())
                ));
            }
            // What is open keeps the session alive: it ends with the process.
            std::process::exit(i32::from(Exit::Done.code()));
        };
        thread::Builder::new()
            .spawn(listen)
            .map(drop)
            .map_err(|e| Error::refused("cannot start a thread", e))
    }
}

impl Drop for Leaver {
    fn drop(&mut self) {
        if is_dead(&self.point) {
            detach(&self.point);
        }
    }
}

/// Unmounts unless it is in use.
fn leave(point: &Path) -> std::result::Result<(), Errno> {
    match unmount(point, UnmountFlags::NOFOLLOW) {
        // Only root may; for others there is a program.
        Err(Errno::PERM) => match fusermounted(point, &["-u", "-q"]) {
            true => Ok(()),
            false => Err(Errno::BUSY),
        },
        other => other,
    }
}

/// Takes the mount away, in use or not.
fn detach(point: &Path) {
    if unmount(point, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH) == Err(Errno::PERM) {
        fusermounted(point, &["-u", "-q", "-z"]);
    }
}

fn fusermounted(point: &Path, options: &[&str]) -> bool {
    let ran = Command::new("fusermount3")
        .args(options)
        .arg("--")
        .arg(point)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ran.is_ok_and(|status| status.success())
}

/// Whether it is a mount that nobody answers for.
fn is_dead(point: &Path) -> bool {
    let stat = fs::symlink_metadata(point);
    // Who asks while the other ends is told so in other words.
    let dead = [Errno::NOTCONN, Errno::CONNABORTED];
    stat.is_err_and(|e| Errno::from_io_error(&e).is_some_and(|errno| dead.contains(&errno)))
}

/// The one that outlives this process. It waits for the end of its standard input.
pub struct Keeper {
    child: Child,
}

impl Keeper {
    /// Starts it; `None` when the system does not let it.
    pub fn start(point: &Path) -> Option<Keeper> {
        let child = Command::new(std::env::current_exe().ok()?)
            .args(["--part=keeper", "--"])
            .arg(point)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn();
        child.ok().map(|child| Keeper { child })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends by itself now.
        let _ = self.child.wait();
    }
}

/// The keeper's whole life.
pub fn keep(point: &Path) -> Exit {
    // What asks the other to end may be sent to both.
    let _heard = signals(&[SIGINT, SIGTERM, SIGHUP]);
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    if is_dead(point) {
        detach(point);
    }
    Exit::Done
}
