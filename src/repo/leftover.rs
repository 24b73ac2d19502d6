//! The files in a `tmp/`: each is locked by who writes it, so what nobody has locked was left by somebody who is no more.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::repo::store::TEMPORARY;

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
