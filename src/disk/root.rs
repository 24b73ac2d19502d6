//! The root of a tree that is written to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, syncfs};
use rustix::io::Errno;

use crate::disk::folder::Folder;
use crate::disk::meta::Policy;
use crate::model::{Error, Medium, RelPath, Result};
use crate::tree::ground;
use crate::tree::local::state_of_handle;
use crate::tree::system::medium;

/// How a directory is opened: for reading, since fsync and listing need it.
const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// An open root, and what about this process matters for writing below it.
pub struct Root {
    handle: OwnedFd,
    path: PathBuf,
    umask: u32,
    user: u32,
    group: u32,
    medium: Medium,
    device: u64,
    no_openat2: AtomicBool,
}

impl Root {
    /// Opens `path`, which may be a symbolic link to a directory.
    ///
    /// # Errors
    /// When it is no directory, or cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |e| Error::io("cannot open", path.as_os_str().as_bytes(), e);
        let handle = ground::open(path).map_err(failed)?;
        Ok(Root {
            medium: medium(&handle),
            device: state_of_handle(handle.as_fd())
                .map_err(failed)?
                .inode
                .map_or(0, |i| i.dev),
            handle,
            path: path.to_path_buf(),
            umask: umask(),
            user: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
            no_openat2: AtomicBool::new(false),
        })
    }

    /// The root's handle.
    pub fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// The path that it was opened by, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bits that creating a file clears.
    pub fn umask(&self) -> u32 {
        self.umask
    }

    /// What its file system keeps.
    pub fn medium(&self) -> Medium {
        self.medium
    }

    /// The device that it lies on.
    pub fn device(&self) -> u64 {
        self.device
    }

    /// Waits until all that was written to its file system is on the disk. One call for thousands of files, where
    /// fsync(2) would wait for the disk once for each.
    ///
    /// # Errors
    /// The system's: something that was written is lost (syncfs(2), since Linux 5.8).
    pub fn sync(&self) -> Result<(), Errno> {
        syncfs(&self.handle)
    }

    /// The effective user.
    pub fn user(&self) -> u32 {
        self.user
    }

    /// The effective group.
    pub fn group(&self) -> u32 {
        self.group
    }

    /// Whether owners can be set and devices be made.
    pub fn is_privileged(&self) -> bool {
        self.user == 0
    }

    /// What can be set here at all.
    pub fn able(&self) -> Policy {
        let all = Policy {
            owner: self.is_privileged(),
            group: !self.is_privileged(),
            mode: true,
            mtime: true,
            xattrs: true,
            both_times: false,
        };
        all.on(self.medium)
    }

    /// Opens a directory below the root, through no symbolic link.
    ///
    /// # Errors
    /// The system's: `ENOENT` when it is missing, `ELOOP` or `ENOTDIR` when a component is a link or no directory.
    pub fn folder(&self, path: &RelPath) -> Result<Folder, Errno> {
        if path.is_root() {
            return openat(&self.handle, c".", FLAGS, Mode::empty()).map(Folder::new);
        }
        // openat2 takes at most PATH_MAX bytes; deeper trees are walked.
        if path.as_bytes().len() < 4000 && !self.no_openat2.load(Ordering::Relaxed) {
            match self.resolve(path) {
                Err(Errno::NOSYS | Errno::PERM) => self.no_openat2.store(true, Ordering::Relaxed),
                other => return other.map(Folder::new),
            }
        }
        let mut at = openat(&self.handle, c".", FLAGS, Mode::empty())?;
        for name in path.components() {
            at = openat(&at, name, FLAGS, Mode::empty())?;
        }
        Ok(Folder::new(at))
    }

    fn resolve(&self, path: &RelPath) -> Result<OwnedFd, Errno> {
        let rules = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let mut last = Errno::AGAIN;
        // EAGAIN: something was renamed meanwhile, and the kernel could not be sure (openat2(2)).
        for _ in 0..16 {
            match openat2(
                &self.handle,
                path.as_bytes(),
                FLAGS - OFlags::NOFOLLOW,
                Mode::empty(),
                rules,
            ) {
                Err(Errno::AGAIN) => last = Errno::AGAIN,
                other => return other,
            }
        }
        Err(last)
    }
}

/// Makes a directory that is to be a root; what is above it is there.
///
/// # Errors
/// The system's.
pub fn make(path: &Path) -> std::io::Result<()> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if ground::is_set() => {
            let above = ground::open(parent)?;
            Ok(mkdirat(above, name, Mode::from_raw_mode(0o777))?)
        }
        _ => std::fs::create_dir(path),
    }
}

/// The process's umask, which can only be read by setting it.
fn umask() -> u32 {
    let old = rustix::process::umask(Mode::from_raw_mode(0o077));
    rustix::process::umask(old);
    old.as_raw_mode()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rel(s: &str) -> RelPath {
        RelPath::parse(s.as_bytes()).unwrap()
    }

    #[test]
    fn opens_nothing_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("l")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        for slow in [false, true] {
            root.no_openat2.store(slow, Ordering::Relaxed);
            assert!(root.folder(&rel("a/b")).is_ok());
            assert!(root.folder(&rel("l/b")).is_err());
            assert!(root.folder(&rel("l")).is_err());
            assert!(matches!(root.folder(&rel("x")), Err(Errno::NOENT)));
        }
    }
}
