//! The files in a `tmp/`: each is locked by who writes it, so what nobody has locked was left by somebody who is no more.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::repo::plain;
use crate::repo::store::TEMPORARY;

/// Held while a file in a `tmp/` is made.
static MAKING: Mutex<()> = Mutex::new(());

/// A new file in the `tmp/` at `folder`, locked, so that nobody sweeps it.
///
/// # Errors
/// The system's.
pub(super) fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let _making = making();
    loop {
        let file = plain::temporary(folder)?;
        // Between making and locking it a sweeper may have taken it for a dead one; any other refusal would be
        // repeated for ever.
        let locked = match flock(file.as_file(), FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => true,
            Err(Errno::WOULDBLOCK | Errno::INTR) => false,
            Err(e) => return Err(e.into()),
        };
        if locked && file.as_file().metadata()?.nlink() == 1 {
            return Ok(file);
        }
    }
}

/// To be held while a file in a `tmp/` is made.
fn making() -> MutexGuard<'static, ()> {
    MAKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes what this process itself is writing in the `tmp/` of a repository, for it is about to end: others cannot know
/// before that. From now on whoever wants to make another waits for the end.
pub fn abandon(repository: &Path) {
    std::mem::forget(making());
    let folder = repository.canonicalize().unwrap_or_default();
    let folder = folder.join(TEMPORARY);
    for entry in fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten()
    {
        if let Ok(file) = fs::read_link(entry.path())
            && file.parent() == Some(&folder)
        {
            let _ = fs::remove_file(file);
        }
    }
}
