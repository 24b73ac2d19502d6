//! The mount point: checked, mounted, and shown in front or in the background.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use clap::ValueEnum;
use fsync::cli::Talk;
use fsync::cli::stop::signals;
use fsync::model::quote::quote;
use fsync::model::{Error, ErrorKind, Exit, Result};
use fsync::repo::PathText;
use fuser::{Config, MountOption, Session, SessionACL};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::leave::{Keeper, Leaver};
use crate::scene::Scene;
use crate::shelf::Shelf;
use crate::show::Show;
use crate::voice::Voice;

/// The device of FUSE.
const DEVICE: &str = "/dev/fuse";
/// How many questions are answered at a time.
const THREADS: usize = 4;
/// What is said when all is shown, to who waits in front.
const READY: &[u8] = b"ready\n";

/// What the program is when it is started by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Part {
    /// It shows the snapshots, and somebody waits in front.
    Behind,
    /// It waits for the end of the one that does, and clears up.
    Keeper,
}

/// What is to be shown, and where.
#[derive(Debug)]
pub struct Wish {
    /// The repository.
    pub repository: PathBuf,
    /// Whose snapshots, if not all.
    pub directory: Option<PathText>,
    /// Where the program was started.
    pub here: PathBuf,
    /// Where.
    pub mountpoint: PathBuf,
    /// Whether other users are let in.
    pub allow_other: bool,
    /// Whether to return when they are shown.
    pub background: bool,
    /// What part of the program this is.
    pub part: Option<Part>,
}

fn raw(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// Shows the snapshots until that ends.
///
/// # Errors
/// When they cannot be shown.
pub fn run(wish: Wish, talk: Talk) -> Result<Exit> {
    let point = check(&wish)?;
    if wish.background && wish.part.is_none() {
        // What is wrong is said here, where somebody is there to read it.
        Shelf::new(wish.repository, wish.directory, talk)?;
        available()?;
        return go_behind(&wish.here);
    }
    let shelf = Shelf::new(wish.repository.clone(), wish.directory.clone(), talk)?;
    available()?;
    // Before there is a mount to be left behind.
    let asked = signals(&[SIGINT, SIGTERM, SIGHUP])?;
    let count = shelf.stock()?.len();
    shelf.rest()?;
    let voice = Arc::new(Voice::new(talk));
    let show = Show::new(Scene::new(shelf, voice.clone()), wish.allow_other, voice);
    let session = Session::new(show, &point, &options(&wish)).map_err(|e| refused(&point, e))?;
    let keeper = Keeper::start(&point);
    if keeper.is_none() {
        talk.note(
            "nobody can watch over it: should it be killed, fusermount3 -u takes the mount away",
        );
    }
    let leaver = Leaver::new(point.clone(), talk);
    leaver.listen(asked)?;
    tell(&wish, &point, count, talk)?;
    let ended = session.run();
    drop(leaver);
    ended
        .map(|()| Exit::Done)
        .map_err(|e| Error::io("cannot go on showing snapshots at", raw(&point), e))
}

fn options(wish: &Wish) -> Config {
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName("fsync".into()),
        MountOption::Subtype("fsync".into()),
        MountOption::RO,
        MountOption::NoSuid,
        MountOption::NoDev,
    ];
    if wish.allow_other {
        config.mount_options.push(MountOption::DefaultPermissions);
        config.acl = SessionACL::All;
    }
    config.n_threads = Some(THREADS);
    config
}

/// The mount point, absolute: an empty directory outside the repository.
fn check(wish: &Wish) -> Result<PathBuf> {
    let given = &wish.mountpoint;
    let point = given.canonicalize().map_err(|e| {
        if Errno::from_io_error(&e) == Some(Errno::NOTCONN) {
            let message = "is a mount that nobody answers for; take it away: fusermount3 -uz";
            return Error::at(ErrorKind::Refused, raw(given), message);
        }
        Error::io("cannot be mounted on", raw(given), e).as_kind(ErrorKind::Usage)
    })?;
    let cannot = |e: io::Error| {
        let usage = e.kind() == io::ErrorKind::NotADirectory;
        let error = Error::io("cannot be mounted on", raw(given), e);
        if usage {
            error.as_kind(ErrorKind::Usage)
        } else {
            error
        }
    };
    if fs::read_dir(&point).map_err(cannot)?.next().is_some() {
        let message = "is not empty, and a mount would hide what is in it; name an empty directory";
        return Err(Error::at(ErrorKind::Refused, raw(given), message));
    }
    let repository = wish.repository.canonicalize();
    if repository.is_ok_and(|repository| point.starts_with(repository)) {
        let message = "lies in the repository; name another directory";
        return Err(Error::at(ErrorKind::Refused, raw(given), message));
    }
    Ok(point)
}

/// Whether there is FUSE here at all, and for this user.
fn available() -> Result<()> {
    let device = fs::File::options().read(true).write(true).open(DEVICE);
    let root = rustix::process::geteuid().is_root();
    let explained = match device {
        Ok(_) if root || fusermount() => return Ok(()),
        Ok(_) => {
            "fusermount3 is not installed, without which only root can mount; install the package fuse3"
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound) || no_device(&e) => {
            "there is no FUSE here: load its module (modprobe fuse), or give the container the device \
             (--device /dev/fuse --cap-add SYS_ADMIN); \"fsync export\" writes a snapshot without it"
        }
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            "you may not use FUSE here: ask for access to the device; \"fsync export\" writes a snapshot without it"
        }
        Err(e) => return Err(Error::io("cannot open", DEVICE, e)),
    };
    Err(Error::at(ErrorKind::Failed, DEVICE, explained))
}

fn no_device(e: &io::Error) -> bool {
    matches!(Errno::from_io_error(e), Some(Errno::NXIO | Errno::NODEV))
}

fn fusermount() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/bin", "/sbin", "/usr/bin"].map(PathBuf::from);
    let mut folders = std::env::split_paths(&path).chain(usual);
    folders.any(|folder| folder.join("fusermount3").is_file())
}

/// Why it could not be mounted: the system's reason, or what fusermount3 has said.
fn refused(point: &Path, e: io::Error) -> Error {
    let text = e.to_string();
    let text = text.trim_end().trim_start_matches("fusermount3: ");
    let denied = e.kind() == io::ErrorKind::PermissionDenied
        || text.contains("mount failed: Operation not permitted");
    let why = match denied {
        true if text.contains("user_allow_other") => {
            "--allow-other is for root, unless user_allow_other stands in /etc/fuse.conf"
        }
        true => {
            "mounting is not permitted here (a container needs --cap-add SYS_ADMIN); \"fsync export\" writes a snapshot \
             without it"
        }
        false if e.raw_os_error().is_none() => text,
        false => return Error::io("cannot be mounted on", raw(point), e),
    };
    Error::at(ErrorKind::Failed, raw(point), why)
}

/// Says that all is there.
fn tell(wish: &Wish, point: &Path, count: usize, talk: Talk) -> Result<()> {
    if wish.part == Some(Part::Behind) {
        // A session of its own, so that it outlives the terminal.
        let _ = rustix::process::setsid();
        let mut out = io::stdout().lock();
        // Whoever waited may be gone: the snapshots are shown all the same.
        let _ = out.write_all(READY).and_then(|()| out.flush());
        if let Ok(nowhere) = fs::File::options().write(true).open("/dev/null") {
            let _ = rustix::stdio::dup2_stderr(nowhere);
        }
        return Ok(());
    }
    let shown = fsync::porcelain::prune::counted(count as u64, "snapshot");
    talk.note(&format!(
        "{}: {shown}, until this is interrupted",
        quote(raw(point))
    ));
    Ok(())
}

/// Starts the program again without a terminal, and waits until it shows the snapshots.
fn go_behind(here: &Path) -> Result<Exit> {
    let cannot = |e| Error::refused("cannot go on in the background", e);
    let mut child = Command::new(std::env::current_exe().map_err(cannot)?)
        .arg("--part=behind")
        .args(std::env::args_os().skip(1))
        .current_dir(here)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(cannot)?;
    let mut said = Vec::new();
    if let Some(out) = child.stdout.take() {
        let mut out = out.take(READY.len() as u64);
        out.read_to_end(&mut said).map_err(cannot)?;
    }
    if said == READY {
        return Ok(Exit::Done);
    }
    // It has said why.
    let code = child.wait().map_err(cannot)?.code().unwrap_or(9);
    let known = Exit::ALL
        .into_iter()
        .find(|exit| i32::from(exit.code()) == code);
    Ok(known.unwrap_or(Exit::Failed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_why_it_may_not_be_mounted() {
        let other = io::Error::new(
            io::ErrorKind::PermissionDenied,
            "only allowed if 'user_allow_other' is set",
        );
        let said = refused(Path::new("/m"), other).to_string();
        assert!(said.contains("/etc/fuse.conf"), "{said}");
        let denied = io::Error::from_raw_os_error(1);
        let said = refused(Path::new("/m"), denied).to_string();
        assert!(said.contains("SYS_ADMIN"), "{said}");
        let told = "fusermount3: user has no write access to mountpoint /m\n";
        let said = refused(Path::new("/m"), io::Error::other(told)).to_string();
        assert!(
            said.ends_with("user has no write access to mountpoint /m"),
            "{said}"
        );
    }
}
