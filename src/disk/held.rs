//! One entry, held open while its metadata are set. What is set by a name reaches whatever has that name by then: a
//! hard link to a file elsewhere, if somebody who may write to the directory was quick. What is held is one inode.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, StatxFlags, Timestamps, Uid, chmod, chownat, fchmod, futimens,
    openat, statx, utimensat,
};
use rustix::io::Errno;
use xattr::FileExt;

use crate::model::{Kind, State, Xattrs, name};
use crate::tree::attribute::{xattrs_at, xattrs_of};
use crate::tree::local::{state_of, state_of_handle};

/// An entry that is open.
pub struct Held<'h> {
    handle: Handle<'h>,
}

enum Handle<'h> {
    /// Open for more than being looked at.
    Open(BorrowedFd<'h>),
    /// `O_PATH`: it may be anything, and need not be readable.
    Path(OwnedFd),
}

impl<'h> Held<'h> {
    /// What is open already.
    pub fn open(handle: BorrowedFd<'h>) -> Self {
        Held {
            handle: Handle::Open(handle),
        }
    }

    /// What is there under `name` (the directory itself when the name is empty), as long as it is what was there
    /// when it was `seen`.
    ///
    /// # Errors
    /// The system's; and when it is something else by now.
    pub fn seen(dir: BorrowedFd<'h>, name: &[u8], seen: &State) -> io::Result<Self> {
        if name.is_empty() {
            return Ok(Held::open(dir));
        }
        let (held, now) = Held::now(dir, name)?;
        let id = |s: &State| s.inode.map(|i| (i.dev, i.ino));
        match id(&now) == id(seen) && now.kind == seen.kind {
            true => Ok(held),
            false => Err(replaced()),
        }
    }

    /// What is there under `name` now. A temporary has one name: what has two, somebody else has put there.
    ///
    /// # Errors
    /// The system's; and when it cannot be what this process made.
    pub fn now(dir: BorrowedFd<'_>, name: &[u8]) -> io::Result<(Self, State)> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = openat(dir, name, flags, Mode::empty())?;
        let stat = statx(&handle, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        let state = state_of(&stat, None);
        if name::is_temporary(name) && state.kind != Kind::Directory && stat.stx_nlink != 1 {
            return Err(replaced());
        }
        let handle = Handle::Path(handle);
        Ok((Held { handle }, state))
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.handle {
            Handle::Open(handle) => *handle,
            Handle::Path(handle) => handle.as_fd(),
        }
    }

    /// Its own link below /proc, which leads to this inode and nowhere else, be it a symbolic link.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd().as_raw_fd()))
    }

    /// An open file of its own for it; `None` when it is only looked at.
    fn file(&self) -> io::Result<Option<File>> {
        match &self.handle {
            Handle::Open(handle) => Ok(Some(File::from(handle.try_clone_to_owned()?))),
            Handle::Path(_) => Ok(None),
        }
    }

    /// What it is now.
    ///
    /// # Errors
    /// The system's.
    pub fn state(&self) -> Result<State, Errno> {
        state_of_handle(self.fd())
    }

    /// Sets owner and group.
    ///
    /// # Errors
    /// The system's.
    pub fn own(&self, uid: Option<u32>, gid: Option<u32>) -> Result<(), Errno> {
        let (uid, gid) = (uid.map(Uid::from_raw), gid.map(Gid::from_raw));
        chownat(self.fd(), c"", uid, gid, AtFlags::EMPTY_PATH)
    }

    /// Sets permission bits; a symbolic link has none.
    ///
    /// # Errors
    /// The system's.
    pub fn set_mode(&self, mode: u32) -> Result<(), Errno> {
        let mode = Mode::from_raw_mode(mode);
        match &self.handle {
            Handle::Open(handle) => fchmod(handle, mode),
            // Linux before 6.6 would follow it elsewhere; later ones refuse.
            Handle::Path(_) if self.state()?.kind == Kind::Symlink => Err(Errno::LOOP),
            Handle::Path(_) => chmod(self.path(), mode),
        }
    }

    /// Sets its times.
    ///
    /// # Errors
    /// The system's.
    pub fn set_times(&self, times: &Timestamps) -> Result<(), Errno> {
        match &self.handle {
            Handle::Open(handle) => futimens(handle, times),
            Handle::Path(handle) => match utimensat(handle, c"", times, AtFlags::EMPTY_PATH) {
                // Linux before 5.8 does not know the flag here.
                Err(Errno::INVAL) => utimensat(CWD, self.path(), times, AtFlags::empty()),
                done => done,
            },
        }
    }

    /// Its extended attributes.
    ///
    /// # Errors
    /// The system's.
    pub fn xattrs(&self) -> io::Result<Xattrs> {
        match self.file()? {
            Some(file) => xattrs_of(&file),
            None => xattrs_at(&self.path()),
        }
    }

    /// One of them.
    ///
    /// # Errors
    /// The system's.
    pub fn xattr(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        match self.file()? {
            Some(file) => file.get_xattr(key),
            None => xattr::get_deref(self.path(), key),
        }
    }

    /// Sets one of them.
    ///
    /// # Errors
    /// The system's.
    pub fn set_xattr(&self, key: &OsStr, value: &[u8]) -> io::Result<()> {
        match self.file()? {
            Some(file) => file.set_xattr(key, value),
            None => xattr::set_deref(self.path(), key, value),
        }
    }

    /// Removes one of them.
    ///
    /// # Errors
    /// The system's.
    pub fn remove_xattr(&self, key: &OsStr) -> io::Result<()> {
        match self.file()? {
            Some(file) => file.remove_xattr(key),
            None => xattr::remove_deref(self.path(), key),
        }
    }
}

/// What is said of an entry that is another one by now.
pub fn replaced() -> io::Error {
    io::Error::other("something else took its place meanwhile")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn holds_what_was_seen_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("outside"), "x").unwrap();
        fs::write(at("f"), "x").unwrap();
        let folder = File::open(dir.path()).unwrap();
        let seen = Held::now(folder.as_fd(), b"f").unwrap().1;
        let held = Held::seen(folder.as_fd(), b"f", &seen).unwrap();
        fs::remove_file(at("f")).unwrap();
        fs::hard_link(at("outside"), at("f")).unwrap();
        let before = fs::metadata(at("outside")).unwrap();
        assert!(Held::seen(folder.as_fd(), b"f", &seen).is_err());
        held.set_mode(0o777).unwrap();
        let times = crate::disk::meta::times(crate::model::Time::new(5, 6), false);
        held.set_times(&times).unwrap();
        assert_eq!(held.state().unwrap().mtime.secs, 5);
        let after = fs::metadata(at("outside")).unwrap();
        assert_eq!(
            (after.mode(), after.mtime()),
            (before.mode(), before.mtime())
        );
        fs::hard_link(at("outside"), at(".fsync-tmp-1-1-1")).unwrap();
        assert!(Held::now(folder.as_fd(), b".fsync-tmp-1-1-1").is_err());
    }

    #[test]
    fn a_link_is_itself() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f"), "x").unwrap();
        symlink("f", dir.path().join("l")).unwrap();
        let folder = File::open(dir.path()).unwrap();
        let (held, state) = Held::now(folder.as_fd(), b"l").unwrap();
        assert_eq!(state.kind, Kind::Symlink);
        assert_eq!(held.set_mode(0o777), Err(Errno::LOOP));
        let times = crate::disk::meta::times(crate::model::Time::new(5, 6), false);
        held.set_times(&times).unwrap();
        let path = held.path();
        utimensat(CWD, path, &times, AtFlags::empty()).unwrap();
        assert_eq!(dir.path().join("l").symlink_metadata().unwrap().mtime(), 5);
        assert_ne!(dir.path().join("f").metadata().unwrap().mtime(), 5);
        assert!(held.xattrs().unwrap().is_empty());
    }
}
