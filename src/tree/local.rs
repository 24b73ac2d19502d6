//! A local directory as a tree: getdents and statx relative to open directory handles, so that
//! nothing is resolved twice and no symbolic link below the root is ever followed.
//!
//! Not walkdir: it builds a path for every entry and resolves it again (3.0 us an entry against 1.9
//! here, and it cannot hand out the directory handle that opening a file safely needs).

use std::ffi::CStr;
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, Statx, StatxAttributes, StatxFlags, fstat, openat,
    readlinkat, statx,
};
use rustix::io::Errno;

use crate::model::{
    Entry, Error, ErrorKind, Inode, Kind, Medium, Problem, RelPath, Result, State, Time, Xattrs,
    name,
};
use crate::tree::attribute::xattrs;
use crate::tree::ground;
use crate::tree::system::medium;
use crate::tree::{Contents, Dir, Listing, Tree};

/// What we ask statx(2) for: all that a [`State`] holds, and nothing that costs more (no birth time, no mount id).
const MASK: StatxFlags = StatxFlags::BASIC_STATS;
/// How a directory below a root is opened.
const DIR_FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOATIME);

/// A directory that the user named.
pub struct Local {
    path: PathBuf,
    handle: OwnedFd,
    hidden: Option<(u64, u64)>,
}

impl Local {
    /// Opens `path`, which may be a symbolic link to a directory.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is nothing, [`ErrorKind::Usage`] when it is no directory.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = path.as_os_str().as_bytes();
        let absolute = path.canonicalize().map_err(|e| {
            let missing = e.kind() == std::io::ErrorKind::NotFound;
            let error = Error::io("cannot open", bytes, e);
            if missing {
                error.as_kind(ErrorKind::NotFound)
            } else {
                error
            }
        })?;
        let handle = ground::open(&absolute).map_err(|e| match e {
            Errno::NOTDIR => Error::at(ErrorKind::Usage, bytes, "is not a directory"),
            Errno::XDEV => Error::at(ErrorKind::Refused, bytes, ground::OUTSIDE),
            e => Error::io("cannot open", bytes, e),
        })?;
        Ok(Local {
            path: absolute,
            handle,
            hidden: None,
        })
    }

    /// Leaves a directory (by device and inode number) out of the tree wherever it lies: the repository.
    #[must_use]
    pub fn hide(mut self, directory: Option<(u64, u64)>) -> Self {
        self.hidden = directory;
        self
    }

    /// The absolute path, links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root's handle.
    pub fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

impl Tree for Local {
    fn root(&self) -> Result<Entry> {
        let stat = statx(&self.handle, c"", AtFlags::EMPTY_PATH, MASK)
            .map_err(|e| Error::io("cannot examine", self.path.as_os_str().as_bytes(), e))?;
        Ok(Entry::new(b"", state_of(&stat, None)))
    }

    fn device(&self, _source: u32) -> Option<u64> {
        self.root().ok()?.state.inode.map(|i| i.dev)
    }

    fn medium(&self) -> Medium {
        medium(&self.handle)
    }

    fn open(&self) -> Result<Box<dyn Dir>> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = openat(&self.handle, c".", flags, Mode::empty())
            .map_err(|e| Error::io("cannot open", self.path.as_os_str().as_bytes(), e))?;
        Ok(Box::new(LocalDir {
            handle,
            is_root: true,
            hidden: self.hidden,
        }))
    }
}

/// The device and inode number of a path, links followed; `None` when there is nothing.
pub fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

/// An open directory below a root, seen as part of a tree.
///
/// # Errors
/// The system's.
pub fn dir_of(handle: BorrowedFd<'_>) -> Result<LocalDir, Errno> {
    let handle = openat(handle, c".", DIR_FLAGS - OFlags::NOATIME, Mode::empty())?;
    Ok(LocalDir {
        handle,
        is_root: false,
        hidden: None,
    })
}

/// One open directory.
pub struct LocalDir {
    handle: OwnedFd,
    is_root: bool,
    hidden: Option<(u64, u64)>,
}

impl LocalDir {
    fn belongs(&self, name: &[u8]) -> bool {
        !(name::is_temporary(name) || self.is_root && name == name::BACKUP)
    }

    fn is_hidden(&self, entry: &Entry) -> bool {
        let inode = entry.state.inode.map(|i| (i.dev, i.ino));
        entry.is_dir() && self.hidden.is_some() && inode == self.hidden
    }
}

/// What is there under `name` in an open directory; a symbolic link is itself.
///
/// # Errors
/// The system's, but for `ENOENT`, which is `None`.
pub fn examine(dir: BorrowedFd<'_>, name: &CStr) -> Result<Option<Entry>, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let stat = match statx(dir, name, flags, MASK) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(e) => return Err(e),
    };
    let target = match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::Symlink => match readlinkat(dir, name, Vec::new()) {
            Ok(target) => Some(target.into_bytes().into_boxed_slice()),
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(e),
        },
        _ => None,
    };
    let state = state_of(&stat, target);
    let inode = state.inode.map(|i| (i.dev, i.ino));
    let mut entry = Entry::new(name.to_bytes(), state);
    entry.mount = entry.is_dir() && stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    if stat.stx_nlink > 1 && !entry.is_dir() {
        entry.links = inode;
    }
    entry.sparse = is_sparse(&stat);
    Ok(Some(entry))
}

/// The state of what an open handle is.
///
/// # Errors
/// The system's.
pub fn state_of_handle(handle: BorrowedFd<'_>) -> Result<State, Errno> {
    Ok(examine_handle(handle)?.0)
}

/// The state of what an open handle is, and whether it has holes.
///
/// # Errors
/// The system's.
pub fn examine_handle(handle: BorrowedFd<'_>) -> Result<(State, bool), Errno> {
    let stat = statx(handle, c"", AtFlags::EMPTY_PATH, MASK)?;
    Ok((state_of(&stat, None), is_sparse(&stat)))
}

/// Fewer blocks than bytes.
fn is_sparse(stat: &Statx) -> bool {
    let is_file = FileType::from_raw_mode(stat.stx_mode.into()) == FileType::RegularFile;
    is_file && stat.stx_blocks * 512 < stat.stx_size
}

impl Dir for LocalDir {
    fn is_local(&self) -> bool {
        true
    }

    fn list(&self) -> Result<Listing> {
        let mut listing = Listing::default();
        let mut space = [MaybeUninit::<u8>::uninit(); 32 * 1024];
        let mut dir = RawDir::new(&self.handle, &mut space);
        while let Some(item) = dir.next() {
            let item = item.map_err(|e| Error::io("cannot list", ".", e))?;
            let name = item.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || !self.belongs(name.to_bytes()) {
                continue;
            }
            match examine(self.handle.as_fd(), name) {
                Ok(Some(entry)) if self.is_hidden(&entry) => listing.hides = true,
                Ok(Some(entry)) => listing.entries.push(entry),
                Ok(None) => {}
                Err(e) => listing.problems.push(Problem {
                    path: RelPath::root().join(name.to_bytes()),
                    operation: "examine".into(),
                    message: Error::io("cannot examine", name.to_bytes(), e).cause(),
                    damaged: false,
                }),
            }
        }
        listing.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(listing)
    }

    fn entry(&self, name: &[u8]) -> Result<Option<Entry>> {
        if !self.belongs(name) {
            return Ok(None);
        }
        let c_name = c_name(name)?;
        match examine(self.handle.as_fd(), &c_name) {
            Ok(entry) => Ok(entry.filter(|e| !self.is_hidden(e))),
            // Longer than the file system allows: so it cannot be there.
            Err(Errno::NAMETOOLONG) => Ok(None),
            Err(e) => Err(Error::io("cannot examine", name, e)),
        }
    }

    fn open_dir(&self, entry: &Entry) -> Result<Box<dyn Dir>> {
        let handle = open_below(self.handle.as_fd(), &entry.name, DIR_FLAGS)
            .map_err(|e| Error::io("cannot open", &entry.name, e))?;
        Ok(Box::new(LocalDir {
            handle,
            is_root: false,
            hidden: self.hidden,
        }))
    }

    fn open_file(&self, entry: &Entry) -> Result<Contents> {
        // NONBLOCK: a fifo put in the file's place must not hold us.
        let flags = OFlags::RDONLY
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC
            | OFlags::NONBLOCK
            | OFlags::NOATIME;
        let cannot = |e| Error::io("cannot open", &entry.name, e);
        let handle = open_below(self.handle.as_fd(), &entry.name, flags).map_err(cannot)?;
        let stat = fstat(&handle).map_err(cannot)?;
        // Nothing is taken from a fifo or a device that has taken its place.
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            let message = "is no regular file any more";
            return Err(Error::at(ErrorKind::Failed, &entry.name, message));
        }
        Ok(Contents::Local(File::from(handle)))
    }

    fn xattrs(&self, entry: &Entry) -> Result<Xattrs> {
        xattrs(self.handle.as_fd(), &entry.name)
            .map_err(|e| Error::io("cannot read the extended attributes of", &entry.name, e))
    }
}

fn c_name(name: &[u8]) -> Result<std::ffi::CString> {
    std::ffi::CString::new(name)
        .map_err(|_| Error::at(ErrorKind::BadInput, name, "the name holds a NUL byte"))
}

/// Opens one name in a directory. `O_NOATIME` is the owner's privilege, so it is given up when refused.
fn open_below(dir: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    match openat(dir, name, flags, Mode::empty()) {
        Err(Errno::PERM) if flags.contains(OFlags::NOATIME) => {
            openat(dir, name, flags - OFlags::NOATIME, Mode::empty())
        }
        other => other,
    }
}

/// The state of what statx(2) describes.
pub fn state_of(stat: &Statx, target: Option<Box<[u8]>>) -> State {
    let kind = match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        _ => Kind::File,
    };
    let time = |t: &rustix::fs::StatxTimestamp| Time::new(t.tv_sec, t.tv_nsec);
    State {
        kind,
        mode: u32::from(stat.stx_mode) & 0o7777,
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        size: if kind == Kind::File { stat.stx_size } else { 0 },
        mtime: time(&stat.stx_mtime),
        rdev: match kind.is_device() {
            true => rustix::fs::makedev(stat.stx_rdev_major, stat.stx_rdev_minor),
            false => 0,
        },
        target,
        inode: Some(Inode {
            dev: rustix::fs::makedev(stat.stx_dev_major, stat.stx_dev_minor),
            ino: stat.stx_ino,
            ctime: time(&stat.stx_ctime),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_sorted_without_what_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a", ".fsync-backup", ".fsync-tmp-1", ".fsync-sync"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        std::fs::create_dir(dir.path().join("repo")).unwrap();
        let tree = Local::open(dir.path())
            .unwrap()
            .hide(identity(&dir.path().join("repo")));
        let listing = tree.open().unwrap().list().unwrap();
        let names: Vec<_> = listing.entries.iter().map(|e| &*e.name).collect();
        assert_eq!(names, [&b".fsync-sync"[..], b"a", b"b"]);
    }

    #[test]
    fn never_opens_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join("link")).unwrap();
        let open = Local::open(dir.path()).unwrap().open().unwrap();
        let entry = open.entry(b"link").unwrap().unwrap();
        assert_eq!(entry.state.target.as_deref(), Some(&b"real"[..]));
        assert!(open.open_dir(&entry).is_err());
        assert!(open.open_file(&entry).is_err());
    }
}
