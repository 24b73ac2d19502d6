//! What is open.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fsync::model::ContentId;
use fuser::{Errno, FileHandle};

use crate::body::Body;
use crate::scene::Line;

/// Open directories and files, by number.
#[derive(Default)]
pub struct Handles {
    open: Mutex<HashMap<u64, Handle>>,
    last: AtomicU64,
}

/// One of them.
pub enum Handle {
    /// A directory, as it was when it was opened.
    Listing(Arc<Vec<Line>>),
    /// A file, and by what others that are the same are known.
    File(Arc<Body>, Option<ContentId>),
}

impl Handles {
    fn hold(&self) -> MutexGuard<'_, HashMap<u64, Handle>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens it.
    pub fn open(&self, handle: Handle) -> FileHandle {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        self.hold().insert(number, handle);
        FileHandle(number)
    }

    /// Closes it.
    pub fn close(&self, handle: FileHandle) {
        self.hold().remove(&handle.0);
    }

    /// The lines of an open directory.
    ///
    /// # Errors
    /// `EBADF` when it is none.
    pub fn listing(&self, handle: FileHandle) -> Result<Arc<Vec<Line>>, Errno> {
        match self.hold().get(&handle.0) {
            Some(Handle::Listing(lines)) => Ok(lines.clone()),
            _ => Err(Errno::EBADF),
        }
    }

    /// The bytes of an open file.
    ///
    /// # Errors
    /// `EBADF` when it is none.
    pub fn file(&self, handle: FileHandle) -> Result<Arc<Body>, Errno> {
        match self.hold().get(&handle.0) {
            Some(Handle::File(body, _)) => Ok(body.clone()),
            _ => Err(Errno::EBADF),
        }
    }

    /// The bytes of an open file that are those of `content`.
    pub fn shared(&self, content: ContentId) -> Option<Arc<Body>> {
        self.hold().values().find_map(|handle| match handle {
            Handle::File(body, id) if *id == Some(content) => Some(body.clone()),
            _ => None,
        })
    }
}
