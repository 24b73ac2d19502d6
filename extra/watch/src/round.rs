//! The programs that a round runs: one that records or keeps in step, and one that removes old snapshots.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use fsync::model::{Error, Result};
use fsync::porcelain::session::Session;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::pending::Work;

/// What to run, as it is every time.
pub struct Orders {
    /// Whose programs.
    pub session: Session,
    /// The directory.
    pub dir: PathBuf,
    /// Whether it is recorded.
    pub snap: bool,
    /// Options behind which the directory comes; or all words.
    pub options: Vec<OsString>,
    /// Whether these are all words.
    pub as_given: bool,
    /// What of old snapshots stays; `None`: all.
    pub keep: Option<Vec<OsString>>,
}

/// A program that runs.
pub struct Running {
    child: Child,
    ended: OwnedFd,
    said: File,
    complaint: Option<File>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code, as a shell has it.
    pub code: u8,
    /// What it printed.
    pub said: Vec<u8>,
    /// What it said to people; `None` when they have heard it.
    pub complaint: Option<Vec<u8>>,
}

fn memory() -> Result<File> {
    memfd_create("fsync-watch", MemfdFlags::CLOEXEC)
        .map(File::from)
        .map_err(|e| Error::refused("cannot keep what a program says", e))
}

impl Orders {
    /// Begins the work of a round; `aside`, what it says to people is kept.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn work(&self, work: &Work, aside: bool) -> Result<Running> {
        let mut paths = None;
        let mut args: Vec<OsString> = match self.snap {
            true => vec!["--json".into()],
            false => vec!["sync".into()],
        };
        args.extend(self.options.iter().cloned());
        if self.snap && work.all.is_none() {
            args.extend(["--stdin".into(), "--from0".into()]);
            paths = Some(list(work)?);
        }
        if !self.as_given {
            args.extend(["--".into(), self.dir.clone().into()]);
        }
        self.start(
            if self.snap { "fsync-snap" } else { "fsync" },
            args,
            paths,
            aside,
        )
    }

    /// Begins to remove old snapshots; `None` when all stay.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn prune(&self) -> Result<Option<Running>> {
        let Some(keep) = &self.keep else {
            return Ok(None);
        };
        let mut args: Vec<OsString> = vec!["prune".into(), "-d".into(), self.dir.clone().into()];
        args.extend(keep.iter().cloned());
        self.start("fsync", args, None, false).map(Some)
    }

    fn start(
        &self,
        name: &str,
        args: Vec<OsString>,
        paths: Option<File>,
        aside: bool,
    ) -> Result<Running> {
        let stage = self.session.stage(name)?;
        let said = memory()?;
        let cannot = |e| Error::refused(&format!("cannot run {name}"), e);
        let complaint = aside.then(memory).transpose()?;
        let stderr = complaint.as_ref().map(File::try_clone).transpose();
        let child = Command::new(&stage.program)
            .args(&stage.args)
            .args(args)
            .envs(self.session.variables())
            .stdin(paths.map_or_else(Stdio::null, Stdio::from))
            .stdout(said.try_clone().map_err(cannot)?)
            .stderr(
                stderr
                    .map_err(cannot)?
                    .map_or_else(Stdio::inherit, Stdio::from),
            )
            // What a terminal sends is for the watcher, which lets it finish.
            .process_group(0)
            .spawn()
            .map_err(cannot)?;
        let ended = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        let ended = ended.map_err(|e| Error::refused("cannot wait for a program", e))?;
        Ok(Running {
            child,
            ended,
            said,
            complaint,
        })
    }
}

/// The paths as fsync-snap reads them, in memory, so that nobody waits for anybody.
fn list(work: &Work) -> Result<File> {
    let mut text = Vec::new();
    for path in &work.paths {
        text.extend_from_slice(path.as_bytes());
        text.push(0);
    }
    let mut file = memory()?;
    file.write_all(&text)
        .and_then(|()| file.seek(SeekFrom::Start(0)))
        .map_err(|e| Error::refused("cannot list what has changed", e))?;
    Ok(file)
}

impl Running {
    /// Readable when it has ended.
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.ended.as_fd()
    }

    /// Asks it to stop.
    pub fn stop(&self) {
        // One that has ended needs no asking.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
    }

    /// Waits for it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn wait(mut self) -> Result<Ended> {
        let cannot = |e| Error::refused("cannot wait for a program", e);
        let status = self.child.wait().map_err(cannot)?;
        let complaint = self.complaint.as_mut().map(all).transpose();
        let signal = status.signal().map(|n| 128 + n);
        let code = status.code().or(signal).unwrap_or(9);
        Ok(Ended {
            code: u8::try_from(code).unwrap_or(9),
            said: all(&mut self.said).map_err(cannot)?,
            complaint: complaint.map_err(cannot)?,
        })
    }
}

/// All that is in a file.
fn all(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
