//! Opening files of the repository. Nothing waits for a fifo that has taken the place of one, and what is written in
//! `tmp/` is written there, wherever a symbolic link of that name may lead.

use std::fs::File;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, OFlags, flock, open, openat, unlinkat};
use rustix::io::Errno;

/// Opens a file for reading.
///
/// # Errors
/// The system's; one without a number for what is no regular file.
pub(super) fn regular(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = File::from(open(path, flags, Mode::empty())?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::Error::other("is no regular file")),
    }
}

/// Opens the `tmp/` of a repository itself, and nothing that a symbolic link leads to.
pub(super) fn folder(path: &Path) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    open(path, flags, Mode::empty())
        .map(File::from)
        .map_err(|e| match e {
            Errno::LOOP | Errno::NOTDIR => std::io::Error::other("is not a directory itself"),
            e => e.into(),
        })
}

/// A new file in it.
pub(super) fn temporary(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = folder(path)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    tempfile::Builder::new()
        .prefix("new-")
        .make_in(path, |file| {
            let name = file.file_name().unwrap_or_default();
            Ok(openat(&folder, name, flags, Mode::from_raw_mode(0o600))?.into())
        })
        .map(|made| {
            let (file, path) = made.into_parts();
            tempfile::NamedTempFile::from_parts(file, path)
        })
}

/// Removes what dead writers left in the `tmp/` of a repository: regular files that lie in it, and nothing that a
/// symbolic link leads to. Failing is harmless: the next run tries again.
pub(super) fn sweep(path: &Path) {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(folder) = folder(path) else {
        return;
    };
    for entry in Dir::read_from(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        // NONBLOCK: a fifo of that name must not hold us.
        let Ok(file) = openat(&folder, name, flags | OFlags::NONBLOCK, Mode::empty()) else {
            continue;
        };
        let file = File::from(file);
        let regular = file.metadata().is_ok_and(|m| m.is_file());
        if regular && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = unlinkat(&folder, name, AtFlags::empty());
        }
    }
}
