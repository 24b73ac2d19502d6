//! Puts into the store what this machine has made: archives, and what it has appended to its log.

use std::io::Cursor;
use std::os::unix::ffi::OsStrExt;

use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::log::Line;
use crate::repo::shared::mirror::Shared;
use crate::repo::shared::{MOST, Put, list_all, name, tail};
use crate::repo::store::Repo;
use crate::repo::volume::Volume;

impl Repo {
    /// Gives a finished archive its name in the store, and keeps its end.
    pub(crate) fn install_shared(
        &self,
        file: tempfile::NamedTempFile,
        id: SnapshotId,
        folder: &str,
    ) -> Result<()> {
        let Some(shared) = self.shared() else {
            return Ok(());
        };
        let path = self.archive_path(id);
        let raw = path.as_os_str().as_bytes();
        let cannot = |e| Error::io("cannot put the archive in place", raw, e);
        self.enroll()?;
        let machine = shared.machine().unwrap_or_default();
        let copy = file.as_file().try_clone().map_err(cannot)?;
        let size = copy.metadata().map_err(cannot)?.len();
        let tail = tail::begin(&Volume::from(copy), raw, folder)?;
        tail::upload(&*shared.remote.store()?, id, file.as_file(), size)?;
        tail::empty(file.as_file(), tail);
        let line = Line::Stored {
            id,
            size_bytes: size,
            tail_bytes: size - tail,
        };
        let _alone = shared.lock()?;
        tail::note(self.path(), id, tail, machine)?;
        // The log first: what the folder has, later archives rely on, and others know of it by the log.
        self.log().append(&[line])?;
        file.persist(&path).map_err(|e| cannot(e.error))?;
        self.folder().sync_all().map_err(cannot)
    }

    /// Fetches the ends that a run which was killed between the two has not given their names.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn complete_ends(&self) -> Result<()> {
        let Some(shared) = self
            .shared()
            .filter(|_| !tail::alone(self.path()).is_empty())
        else {
            return Ok(());
        };
        let _alone = shared.lock()?;
        self.pull_own()?;
        // Of those that are alone still the log says nothing, or the store has them no more.
        for id in tail::alone(self.path()) {
            tail::forget(self.path(), id);
        }
        Ok(())
    }

    /// Makes this machine one that writes to the store, if the repository is in one: before it appends to its log.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn enroll(&self) -> Result<()> {
        match self.shared().map_or(Ok(false), Shared::enroll)? {
            // Its log may be one that it had before.
            true => self.pull_own().and_then(|()| self.catch_up()),
            false => Ok(()),
        }
    }

    /// Puts what was appended to the log into the store, if the repository is in one.
    ///
    /// # Errors
    /// The store's; [`ErrorKind::Refused`] when another machine writes under the same name.
    pub(crate) fn publish(&self) -> Result<()> {
        let Some(shared) = self.shared() else {
            return Ok(());
        };
        let Some(machine) = shared.machine() else {
            return Ok(());
        };
        let _alone = shared.lock()?;
        let store = shared.remote.store()?;
        let mut from = match shared.pushed() {
            Some(from) => from,
            None => {
                let there = list_all(&*store, &name::log(machine), "")?;
                let end = |(key, size): &(String, u64)| Some(name::begins(machine, key)? + size);
                there.iter().filter_map(end).max().unwrap_or(0)
            }
        };
        let end = self.log().read(from)?.end;
        while from < end {
            let text = self.log().bytes(from, end.min(from + MOST))?;
            let key = name::piece(machine, from);
            let put = store.put(&key, &mut Cursor::new(&text), text.len() as u64)?;
            let there = match put {
                Put::Made => text.len(),
                // A run that was killed may have come so far, and more was appended since.
                Put::Exists => {
                    let there = store.get(&key, 0, MOST)?.unwrap_or_default();
                    there.len() * usize::from(text.starts_with(&there))
                }
            };
            if there == 0 {
                let message = format!(
                    "another machine writes as {} (a copy of this one?); nothing more is recorded from here. \
                     Give this one a name of its own: fsync config machine NAME, and remove {}",
                    name::short(machine),
                    crate::model::quote::quote(self.path().as_os_str().as_bytes())
                );
                return Err(Error::at(
                    ErrorKind::Refused,
                    shared.remote.url.as_bytes(),
                    message,
                ));
            }
            from += there as u64;
            shared.set_pushed(from)?;
        }
        Ok(())
    }

    /// The same, where it does no harm that it comes later: then a person is told.
    pub(crate) fn publish_soon(&self) {
        if let Err(e) = self.publish() {
            self.notice(format!(
                "{e}; what was done is written down here, and is put there by the next run"
            ));
        }
    }
}
