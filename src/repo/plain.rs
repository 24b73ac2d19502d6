//! Opens what lies in a repository's folder: regular files and folders of its own, and nothing behind a link.
//!
//! Root may be asked to work in a repository that somebody else can write to. A log that is a link to another file
//! would be appended to, a `tmp/` that is a link would be swept, and opening a fifo would never end.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, flock, openat, unlinkat};

use crate::model::{Error, ErrorKind, Result};

/// What is never waited for, and never followed.
const GUARDED: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);

/// Opens the regular file at `path` as `options` say.
///
/// # Errors
/// The system's; [`io::ErrorKind::InvalidData`] for anything but a regular file.
pub fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "is not a regular file");
    let opened = options.custom_flags(GUARDED.bits() as i32).open(path);
    let file =
        opened.map_err(
            |e| match e.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
                // A link, a socket, or a fifo that nobody reads.
                Some(rustix::io::Errno::LOOP | rustix::io::Errno::NXIO) => odd(),
                _ => e,
            },
        )?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(odd()),
    }
}

/// Opens the regular file at `path` for reading.
///
/// # Errors
/// As [`open_with`].
pub fn open(path: &Path) -> io::Result<File> {
    open_with(OpenOptions::new().read(true), path)
}

/// The bytes of the regular file at `path`.
///
/// # Errors
/// As [`open_with`].
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut open(path)?, &mut bytes)?;
    Ok(bytes)
}

/// The length of the regular file at `path`; `None` when there is none.
pub fn length(path: &Path) -> Option<u64> {
    let meta = fs::symlink_metadata(path).ok()?;
    meta.is_file().then_some(meta.len())
}

/// Opens the folder at `path`, which is made if need be.
///
/// # Errors
/// The system's, also where a link is in its place.
pub fn folder(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = OFlags::NOFOLLOW | OFlags::DIRECTORY;
    options.read(true).custom_flags(flags.bits() as i32);
    match options.open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            match DirBuilder::new().mode(0o700).create(path) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(e),
                _ => options.open(path),
            }
        }
        other => other,
    }
}

/// Whether the parts of a repository are what they should be; what is not there yet does no harm.
///
/// # Errors
/// [`ErrorKind::Refused`] for a file or folder that is a link, has other names, or is something else.
pub fn check(repository: &Path, files: &[&str], folders: &[&str]) -> Result<()> {
    for name in files.iter().chain(folders) {
        let path = repository.join(name);
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        let file = files.contains(name);
        let why = match file {
            _ if meta.is_symlink() => "is a symbolic link, which fsync does not follow here",
            true if !meta.is_file() => "is not a regular file",
            true if meta.nlink() > 1 => {
                "has another name (a hard link), which whatever is written to it would reach"
            }
            false if !meta.is_dir() => "is not a folder",
            _ => continue,
        };
        let message = format!(
            "{why}; nothing was changed. Put a file or folder of its own in its place, or move it away"
        );
        return Err(Error::at(
            ErrorKind::Refused,
            path.as_os_str().as_bytes(),
            message,
        ));
    }
    Ok(())
}

/// A new file in the folder at `path`, wherever a link that has taken its place may lead.
///
/// # Errors
/// The system's.
pub fn temporary(path: &Path) -> io::Result<tempfile::NamedTempFile> {
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

/// Removes the files in a folder that nobody has locked. Failing is harmless: the next run tries again.
pub fn sweep(path: &Path) {
    let _ = try_sweep(path);
}

fn try_sweep(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let folder = folder(path)?;
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let flags = OFlags::RDONLY | GUARDED | OFlags::CLOEXEC;
        let Ok(file) = openat(&folder, entry.file_name(), flags, Mode::empty()) else {
            continue;
        };
        let kind = rustix::fs::fstat(&file).map(|s| FileType::from_raw_mode(s.st_mode));
        if kind == Ok(FileType::RegularFile)
            && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok()
        {
            let _ = unlinkat(&folder, entry.file_name(), AtFlags::empty());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn opens_regular_files_only() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        fs::write(at("file"), "x").unwrap();
        symlink("file", at("link")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert_eq!(read(&at("file")).unwrap(), b"x");
        for odd in ["link", "fifo", "."] {
            assert!(open(&at(odd)).is_err(), "{odd}");
            assert!(check(base.path(), &[odd], &[]).is_err(), "{odd}");
        }
        let appending = open_with(OpenOptions::new().append(true), &at("link"));
        assert!(appending.is_err());
        assert!(folder(&at("made")).is_ok() && at("made").is_dir());
        assert!(folder(&at("link")).is_err());
        assert!(check(base.path(), &["file", "none"], &["made"]).is_ok());
        fs::hard_link(at("file"), at("twin")).unwrap();
        assert!(check(base.path(), &["file"], &[]).is_err());
    }

    #[test]
    fn sweeps_nothing_behind_a_link() {
        let base = tempfile::tempdir().unwrap();
        let at = |name: &str| base.path().join(name);
        fs::create_dir_all(at("other")).unwrap();
        fs::create_dir_all(at("tmp/below")).unwrap();
        for name in ["other/f", "tmp/f", "tmp/below/f"] {
            fs::write(at(name), "x").unwrap();
        }
        symlink("../other/f", at("tmp/link")).unwrap();
        symlink("other", at("link")).unwrap();
        sweep(&at("link"));
        sweep(&at("tmp"));
        assert!(at("other/f").exists() && at("tmp/below/f").exists());
        assert!(!at("tmp/f").exists());
    }
}
