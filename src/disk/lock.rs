//! Advisory locks: flock(2) on an open handle, waited for with a limit.
//!
//! flock, not fcntl locks: it belongs to the open file, works on a directory's handle, and the
//! kernel lets go of it when its holder dies, however it dies.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;

use crate::model::{Error, ErrorKind, Result};

/// How long programs wait for each other before they give up with exit code 7.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How often a held lock is asked for again.
const PAUSE: Duration = Duration::from_millis(20);

/// A lock; dropping it lets go.
#[derive(Debug)]
pub struct Lock {
    _handle: OwnedFd,
}

/// Locks the open directory `handle`, alone when `exclusive`, else together with others that share.
///
/// The lock is on a handle of its own, so that the caller's may be closed or copied freely.
///
/// # Errors
/// [`ErrorKind::Busy`] after `wait`, naming `what`.
pub fn lock(handle: impl AsFd, exclusive: bool, what: &Path, wait: Duration) -> Result<Lock> {
    let name = what.as_os_str().as_bytes();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let own = openat(handle, c".", flags, Mode::empty())
        .map_err(|e| Error::io("cannot lock", name, e))?;
    let operation = match exclusive {
        true => FlockOperation::NonBlockingLockExclusive,
        false => FlockOperation::NonBlockingLockShared,
    };
    let end = Instant::now() + wait;
    loop {
        match flock(&own, operation) {
            Ok(()) => return Ok(Lock { _handle: own }),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if Instant::now() < end => std::thread::sleep(PAUSE),
            Err(Errno::WOULDBLOCK) => {
                let message = "is locked by another run of fsync; try again when it is done";
                return Err(Error::at(ErrorKind::Busy, name, message));
            }
            Err(e) => return Err(Error::io("cannot lock", name, e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_excludes() {
        let dir = tempfile::tempdir().unwrap();
        let handle = std::fs::File::open(dir.path()).unwrap();
        let short = Duration::from_millis(30);
        let one = lock(&handle, false, dir.path(), short).unwrap();
        let two = lock(&handle, false, dir.path(), short).unwrap();
        let refused = lock(&handle, true, dir.path(), short).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Busy);
        drop((one, two));
        assert!(lock(&handle, true, dir.path(), short).is_ok());
    }
}
