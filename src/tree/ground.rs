//! The directory that this process keeps to, if it was told to: roots of trees are opened from its handle, through no link, so that
//! whoever changes names in there while they are looked at leads nowhere else.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

use crate::model::{Error, Result};

/// Its path, absolute and without links, and its handle.
static GROUND: OnceLock<(PathBuf, OwnedFd)> = OnceLock::new();

/// What is said of all that lies elsewhere.
pub const OUTSIDE: &str = "lies outside of the directory that fsync serve --restrict names here";

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// Keeps to that directory from now on; the first one counts.
///
/// # Errors
/// When it cannot be opened.
pub fn keep_to(dir: &Path) -> Result<()> {
    let cannot = |e| Error::io("cannot open", dir.as_os_str().as_bytes(), e);
    let path = dir.canonicalize().map_err(cannot)?;
    let handle = File::open(&path).map_err(cannot)?;
    let _ = GROUND.set((path, handle.into()));
    Ok(())
}

/// Opens a directory by an absolute path, which has no links where there is a ground.
///
/// # Errors
/// The system's; `EXDEV` for what lies elsewhere.
pub fn open(path: &Path) -> Result<OwnedFd, Errno> {
    match GROUND.get() {
        None => rustix::fs::open(path, FLAGS, Mode::empty()),
        Some((ground, handle)) => below(handle.as_fd(), inside(ground, path)?),
    }
}

/// Whether there is one.
pub fn is_set() -> bool {
    GROUND.get().is_some()
}

fn inside<'p>(ground: &Path, path: &'p Path) -> Result<&'p Path, Errno> {
    path.strip_prefix(ground).map_err(|_| Errno::XDEV)
}

fn below(ground: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    if path.as_os_str().is_empty() {
        return openat(ground, c".", FLAGS, Mode::empty());
    }
    let rules = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(ground, path, FLAGS, Mode::empty(), rules) {
        // An older kernel, one that cannot be sure because something was renamed, or a path that is very long.
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN | Errno::NAMETOOLONG) => {}
        other => return other,
    }
    let mut at = openat(ground, c".", FLAGS, Mode::empty())?;
    for name in path.components() {
        let std::path::Component::Normal(name) = name else {
            return Err(Errno::XDEV);
        };
        at = openat(&at, name, FLAGS | OFlags::NOFOLLOW, Mode::empty())?;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_what_lies_elsewhere_are_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(top.join("in/a/b")).unwrap();
        std::os::unix::fs::symlink("../..", top.join("in/a/up")).unwrap();
        std::os::unix::fs::symlink("b", top.join("in/a/near")).unwrap();
        let ground = File::open(top.join("in")).unwrap();
        let opens = |path: &str| below(ground.as_fd(), Path::new(path)).is_ok();
        assert!(opens("") && opens("a") && opens("a/b"));
        for path in ["a/up", "a/up/in", "a/near", "..", "a/../..", "/", "a/c"] {
            assert!(!opens(path), "{path}");
        }
        assert_eq!(inside(&top.join("in"), &top.join("into")), Err(Errno::XDEV));
        assert_eq!(
            inside(&top.join("in"), &top.join("in/a")),
            Ok(Path::new("a"))
        );
    }
}
