//! The files in a `tmp/`: each is locked by who writes it, so what nobody has locked was left by somebody who is no more.

use std::fs::{self, File};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, flock};
use walkdir::WalkDir;

use crate::repo::store::TEMPORARY;

/// Removes what dead writers left in the `tmp/` of a repository. Failing is harmless: the next run tries again.
pub(super) fn sweep(repository: &Path) {
    let folder = repository.join(TEMPORARY);
    for entry in WalkDir::new(folder).min_depth(1).into_iter().flatten() {
        let Ok(file) = File::open(entry.path()) else {
            continue;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Held while a file in a `tmp/` is made.
static MAKING: Mutex<()> = Mutex::new(());

/// To be held while a file in a `tmp/` is made.
pub(super) fn making() -> MutexGuard<'static, ()> {
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
