//! The BACKUP file: at the root of a directory, the id of the snapshot that is its head.
//!
//! It is read and written relative to the directory's open handle and never through a symbolic
//! link. Writing it leaves the directory's own times as they were, since they are recorded.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{
    AtFlags, Mode, OFlags, Stat, Timespec, Timestamps, fchmod, fstat, fsync, openat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::disk::mark;
use crate::model::{Error, ErrorKind, Result, SnapshotId, name};

/// How a file system says that it takes no more.
const FULL: [Errno; 2] = [Errno::NOSPC, Errno::DQUOT];

/// Reads the BACKUP file of the open directory `dir`; `None` when there is none.
///
/// # Errors
/// [`ErrorKind::BadInput`] when it is anything but a regular file with 40 lower-case hex digits and
/// a newline.
pub fn read(dir: impl AsFd) -> Result<Option<SnapshotId>> {
    let Some(text) = mark::read(dir.as_fd(), name::BACKUP, name::BACKUP)? else {
        return Ok(None);
    };
    text.strip_suffix(b"\n")
        .and_then(|line| std::str::from_utf8(line).ok())
        .and_then(|line| line.parse().ok())
        .map(Some)
        .ok_or_else(|| {
            let message = "is not 40 lower-case hex digits and a newline; \
                           move it away, and the log's last head counts";
            Error::at(ErrorKind::BadInput, name::BACKUP, message)
        })
}

/// Makes the BACKUP file say `id`, or removes it. Nothing is written when it says so already. The log says so before,
/// since a disk may be so full that there can be no BACKUP.
///
/// # Errors
/// When the system refuses.
pub fn write(dir: impl AsFd, id: Option<SnapshotId>) -> Result<()> {
    let dir = dir.as_fd();
    if matches!(read(dir), Ok(now) if now == id) {
        return Ok(());
    }
    let failed = |e: Errno| Error::io("cannot write", name::BACKUP, e);
    let before = fstat(dir).map_err(failed)?;
    let spec = |sec: i64, nsec: u64| Timespec {
        tv_sec: sec,
        tv_nsec: nsec as _,
    };
    let times = Timestamps {
        last_access: spec(before.st_atime as _, before.st_atime_nsec as _),
        last_modification: spec(before.st_mtime as _, before.st_mtime_nsec as _),
    };
    match put(dir, id, &times) {
        // The owner's own mode is in the way, which is no reason to go without a snapshot.
        Err(e) if closed(&before, &e) => {
            let mode = Mode::from_raw_mode(before.st_mode & 0o7777);
            fchmod(dir, mode | Mode::RWXU).map_err(failed)?;
            let done = put(dir, id, &times);
            fchmod(dir, mode).map_err(failed)?;
            done?;
            fsync(dir).map_err(failed)
        }
        done => done,
    }
}

fn put(dir: BorrowedFd<'_>, id: Option<SnapshotId>, times: &Timestamps) -> Result<()> {
    let Some(id) = id else {
        let gone = match unlinkat(dir, name::BACKUP, AtFlags::empty()) {
            Err(Errno::NOENT) => Ok(()),
            other => other,
        };
        return gone
            .and_then(|()| mark::set_times(dir, Some(times)))
            .and_then(|()| fsync(dir))
            .map_err(|e| Error::io("cannot remove", name::BACKUP, e));
    };
    let text = format!("{id}\n");
    let written = mark::write(
        dir,
        name::BACKUP,
        name::BACKUP,
        text.as_bytes(),
        true,
        Some(times),
    );
    let full = FULL.map(|e| Some(e.raw_os_error()));
    match written {
        // A full disk is what a revert may have to mend, so there it must do without a second file.
        Err(e) if full.contains(&e.errno()) => squeeze(dir, text.as_bytes())
            .and_then(|()| mark::set_times(dir, Some(times)))
            .and_then(|()| fsync(dir))
            .map_err(|_| e),
        done => done,
    }
}

/// Makes do without room: in the bytes of the BACKUP file that is there; where not even these can be written (the
/// file system never writes in place), without one. Then the log's last head counts, which is written before.
fn squeeze(dir: BorrowedFd<'_>, text: &[u8]) -> Result<(), Errno> {
    match overwrite(dir, text) {
        Err(e) if FULL.contains(&e) => unlinkat(dir, name::BACKUP, AtFlags::empty()),
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

/// Writes over a BACKUP file that is there, as long as what it is to say, in one write.
fn overwrite(dir: BorrowedFd<'_>, text: &[u8]) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = openat(dir, name::BACKUP, flags, Mode::empty())?;
    let now = fstat(&file)?;
    if (now.st_size, now.st_nlink) != (text.len() as i64, 1) {
        return Err(Errno::INVAL);
    }
    match rustix::io::pwrite(&file, text, 0)? == text.len() {
        true => fsync(&file),
        false => Err(Errno::IO),
    }
}

/// Whether a write failed since the directory's mode forbids it to its owner.
fn closed(dir: &Stat, error: &Error) -> bool {
    let own = dir.st_uid == geteuid().as_raw();
    let refused = error.errno() == Some(Errno::ACCESS.raw_os_error());
    own && refused && dir.st_mode & 0o300 != 0o300
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn comes_back_and_leaves_the_times() {
        let dir = tempfile::tempdir().unwrap();
        let handle = std::fs::File::open(dir.path()).unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::new(77, 5);
        handle.set_modified(old).unwrap();
        let id = SnapshotId([7; 20]);
        assert_eq!(read(&handle).unwrap(), None);
        write(&handle, Some(id)).unwrap();
        assert_eq!(read(&handle).unwrap(), Some(id));
        let meta = handle.metadata().unwrap();
        assert_eq!((meta.mtime(), meta.mtime_nsec()), (77, 5));
        write(&handle, None).unwrap();
        assert_eq!(read(&handle).unwrap(), None);
        assert_eq!(handle.metadata().unwrap().mtime(), 77);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn sweeps_what_a_killed_run_left() {
        let dir = tempfile::tempdir().unwrap();
        let handle = std::fs::File::open(dir.path()).unwrap();
        // No process has this number: pid_max is at most 2^22.
        std::fs::write(dir.path().join(".fsync-tmp-4194999-0-0"), "").unwrap();
        write(&handle, Some(SnapshotId([7; 20]))).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn refuses_what_is_not_one() {
        let dir = tempfile::tempdir().unwrap();
        let handle = std::fs::File::open(dir.path()).unwrap();
        let path = dir.path().join(".fsync-backup");
        let good = "a".repeat(40);
        for text in [
            "",
            "abc\n",
            &good,
            &format!("{good}\r\n"),
            &format!("{good}\n\n"),
            &good.to_uppercase(),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(
                read(&handle).unwrap_err().kind(),
                ErrorKind::BadInput,
                "{text:?}"
            );
        }
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("x", &path).unwrap();
        assert_eq!(read(&handle).unwrap_err().kind(), ErrorKind::BadInput);
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(read(&handle).unwrap_err().kind(), ErrorKind::BadInput);
    }
}
