//! Marks: the small files at the root of a directory that mean something to fsync, read and written
//! relative to the directory's handle and never through a symbolic link.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Timestamps, fstat, fsync, futimens, openat,
    renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use crate::disk::Folder;
use crate::disk::temporary::temporary;
use crate::model::{Error, ErrorKind, Result};

/// The largest mark that is read, in bytes: a SYNC file of thousands of sources.
pub const MAX_BYTES: u64 = 1 << 20;

/// The bytes of the mark `name`; `None` when there is none. `shown` is its path for messages.
///
/// # Errors
/// [`ErrorKind::BadInput`] when it is no regular file or larger than [`MAX_BYTES`]; else the system's.
pub fn read(dir: BorrowedFd<'_>, name: &[u8], shown: &[u8]) -> Result<Option<Vec<u8>>> {
    // NONBLOCK: a fifo of that name must not hang the open.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let bad = |why: &str| Err(Error::at(ErrorKind::BadInput, shown, why));
    let mut file = match openat(dir, name, flags, Mode::empty()) {
        Ok(handle) => File::from(handle),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return bad("is a symbolic link, which fsync does not follow here"),
        Err(e) => return Err(Error::io("cannot open", shown, e)),
    };
    let refused = |e: std::io::Error| Error::io("cannot read", shown, e);
    let stat = fstat(&file).map_err(|e| refused(e.into()))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return bad("is not a regular file");
    }
    let mut bytes = Vec::new();
    (&mut file)
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(refused)?;
    match bytes.len() as u64 > MAX_BYTES {
        true => bad("is larger than 1 MiB"),
        false => Ok(Some(bytes)),
    }
}

/// Writes the mark `name` so that it appears whole or not at all, and durably. Without `replace` one that
/// is there stays. `times` are what the directory has at the end, and all the while but for moments: a crash in the
/// middle must not leave others.
///
/// # Errors
/// [`ErrorKind::Refused`] when there is one and `replace` is not given; else the system's.
pub fn write(
    dir: BorrowedFd<'_>,
    name: &[u8],
    shown: &[u8],
    bytes: &[u8],
    replace: bool,
    times: Option<&Timestamps>,
) -> Result<()> {
    // A refusal leaves no trace, not even in the directory's time; renaming decides nevertheless.
    if !replace && statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
        return Err(Error::at(ErrorKind::Refused, shown, "exists already"));
    }
    // What a run that was killed at this very place has left.
    if let Ok(here) = openat(
        dir,
        c".",
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    ) {
        let _ = Folder::new(here).sweep();
    }
    let temporary = temporary();
    let written = write_new(dir, &temporary, bytes, times)
        .and_then(|()| rename(dir, &temporary, name, replace))
        .and_then(|()| set_times(dir, times))
        .and_then(|()| fsync(dir));
    written.map_err(|e| {
        // It may have been renamed, or never made.
        let _ = unlinkat(dir, &temporary[..], AtFlags::empty());
        let _ = set_times(dir, times);
        match e {
            Errno::EXIST if !replace => Error::at(ErrorKind::Refused, shown, "exists already"),
            e => Error::io("cannot write", shown, e),
        }
    })
}

/// Sets the times of a directory, unless it is somebody else's, for that is its owner's privilege, or there is no room
/// for them.
///
/// # Errors
/// The system's.
pub fn set_times(dir: BorrowedFd<'_>, times: Option<&Timestamps>) -> Result<(), Errno> {
    match times.map_or(Ok(()), |times| futimens(dir, times)) {
        Err(Errno::PERM | Errno::NOSPC | Errno::DQUOT) => Ok(()),
        other => other,
    }
}

fn write_new(
    dir: BorrowedFd<'_>,
    name: &[u8],
    bytes: &[u8],
    times: Option<&Timestamps>,
) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(openat(dir, name, flags, Mode::from_raw_mode(0o666))?);
    set_times(dir, times)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
}

fn rename(dir: BorrowedFd<'_>, from: &[u8], to: &[u8], replace: bool) -> Result<(), Errno> {
    if replace {
        return renameat(dir, from, dir, to);
    }
    match renameat_with(dir, from, dir, to, RenameFlags::NOREPLACE) {
        // File systems without NOREPLACE say EINVAL; a hard link refuses an existing name as well.
        Err(Errno::INVAL | Errno::NOSYS) => {
            rustix::fs::linkat(dir, from, dir, to, AtFlags::empty())?;
            unlinkat(dir.as_fd(), from, AtFlags::empty())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn handle(dir: &tempfile::TempDir) -> File {
        File::open(dir.path()).unwrap()
    }

    #[test]
    fn reads_what_it_wrote_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let fd = handle(&dir);
        assert_eq!(read(fd.as_fd(), b"m", b"m").unwrap(), None);
        write(fd.as_fd(), b"m", b"m", b"one", false, None).unwrap();
        let again = write(fd.as_fd(), b"m", b"m", b"two", false, None).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Refused);
        assert_eq!(read(fd.as_fd(), b"m", b"m").unwrap().unwrap(), b"one");
        write(fd.as_fd(), b"m", b"m", b"two", true, None).unwrap();
        assert_eq!(read(fd.as_fd(), b"m", b"m").unwrap().unwrap(), b"two");
        assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn reads_only_small_regular_files() {
        let dir = tempfile::tempdir().unwrap();
        let fd = handle(&dir);
        std::fs::write(dir.path().join("real"), "x").unwrap();
        symlink("real", dir.path().join("link")).unwrap();
        std::fs::create_dir(dir.path().join("dir")).unwrap();
        std::fs::write(dir.path().join("large"), vec![b'x'; (1 << 20) + 1]).unwrap();
        for name in [&b"link"[..], b"dir", b"large"] {
            let error = read(fd.as_fd(), name, name).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput, "{error}");
        }
    }
}
