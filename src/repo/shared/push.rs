//! Puts into the store what this machine has made: archives, and what it has appended to its log.

use std::io::Cursor;
use std::os::unix::ffi::OsStrExt;

use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::log::{Line, Lines, Log};
use crate::repo::shared::mirror::{Pushed, Shared};
use crate::repo::shared::name::Word;
use crate::repo::shared::roster::{self, Entry};
use crate::repo::shared::{MOST, Put, Store, join, name, piece, tail};
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
        let (pushed, mut ends) = (shared.pushed(), shared.own().ends);
        let Lines { lines, end, .. } = self.log().read(pushed.map_or(0, |p| p.end))?;
        // Whose it is comes with what it says.
        let idle = lines
            .iter()
            .all(|(_, line)| matches!(line, Line::Repository { .. }));
        let told = |pushed: Pushed| ends.iter().all(|end| *end <= pushed.end);
        if idle && pushed.is_some_and(told) {
            return Ok(());
        }
        self.not_retired()?;
        let store = shared.remote.store()?;
        if pushed.is_none() {
            let own = roster::read(&*store, machine)?.remove(machine);
            ends = own.unwrap_or_default().ends;
        }
        let own = Own {
            log: self.log(),
            store: &*store,
            machine,
            end,
        };
        let pushed = own.push(pushed, &mut ends)?;
        let pushed = pushed.ok_or_else(|| self.is_twin(shared))?;
        shared.set_pushed(pushed)?;
        shared.told_of_own(Entry {
            ends: vec![pushed.end],
            ..shared.own()
        });
        own.tidy(shared, pushed, &ends);
        Ok(())
    }

    fn is_twin(&self, shared: &Shared) -> Error {
        let message = format!(
            "another machine writes as {} (a copy of this one?); nothing more is recorded from here. \
             Give this one a name of its own: fsync config machine NAME, and remove {}",
            shared.reader(),
            crate::model::quote::quote(self.path().as_os_str().as_bytes())
        );
        Error::at(ErrorKind::Refused, shared.remote.url.as_bytes(), message)
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

/// The own log, to byte `end`, and where it goes.
struct Own<'s> {
    log: &'s Log,
    store: &'s dyn Store,
    machine: &'s str,
    end: u64,
}

impl Own<'_> {
    /// Puts what is not there, then says so; `ends`: what others were told. How much is there then; `None` when what is
    /// there is not of this log.
    ///
    /// It may be cut short anywhere: a piece that is there and nobody was told of is found when it is put again, and an end
    /// that was told and is not remembered here is held against the pieces.
    fn push(&self, pushed: Option<Pushed>, ends: &mut Vec<u64>) -> Result<Option<Pushed>> {
        let told = ends.iter().copied().max().unwrap_or(0);
        let unknown = Pushed {
            end: 0,
            pieces: join::MANY + 1,
        };
        let mut pushed = pushed.unwrap_or(unknown);
        if !ends.contains(&pushed.end) {
            ends.push(pushed.end);
        }
        if told > pushed.end {
            match self.compare(pushed.end, told)? {
                Some(end) => pushed = Pushed { end, ..unknown },
                None => return Ok(None),
            }
        }
        while pushed.end < self.end {
            match self.put(pushed.end)? {
                Some(length) => pushed.end += length,
                None => return Ok(None),
            }
            pushed.pieces += 1;
        }
        if pushed.end > told {
            roster::say(self.store, self.machine, Word::End(pushed.end))?;
        }
        Ok(Some(pushed))
    }

    /// Holds what others were told is there, from byte `from` up to `told`, against the log; to where it can be read.
    fn compare(&self, mut from: u64, told: u64) -> Result<Option<u64>> {
        if told > self.end {
            return Ok(None);
        }
        while from < told {
            let until = told.min(from + MOST);
            let there = piece::read(self.store, self.machine, from, Some(until))?;
            if !self.has(from, &there)? {
                return Ok(None);
            }
            from += there.len() as u64;
            if from < until {
                break;
            }
        }
        Ok(Some(from))
    }

    /// Puts a piece from byte `from` on, or finds that it is there; how long it is.
    fn put(&self, from: u64) -> Result<Option<u64>> {
        let text = self.log.bytes(from, self.end.min(from + MOST))?;
        let key = name::piece(self.machine, from);
        let length = text.len() as u64;
        if self.store.put(&key, &mut Cursor::new(&text), length)? == Put::Made {
            return Ok(Some(length));
        }
        let there = self.store.get(&key, 0, MOST)?.unwrap_or_default();
        let same = !there.is_empty() && self.has(from, &there)?;
        Ok(same.then_some(there.len() as u64))
    }

    /// Whether the log has these bytes from byte `from` on.
    fn has(&self, from: u64, bytes: &[u8]) -> Result<bool> {
        let end = from + bytes.len() as u64;
        Ok(end <= self.end && self.log.bytes(from, end)? == bytes)
    }

    /// Removes what nobody needs any more. Whatever fails does no harm, and comes again.
    fn tidy(&self, shared: &Shared, pushed: Pushed, ends: &[u64]) {
        for end in ends.iter().filter(|end| (1..pushed.end).contains(*end)) {
            let _ = self
                .store
                .delete(&name::word(self.machine, Word::End(*end)));
        }
        if pushed.pieces > join::MANY
            && let Ok(Some(pieces)) = join::join(self.store, self.machine, self.log, pushed.end)
        {
            let _ = shared.set_pushed(Pushed { pieces, ..pushed });
        }
    }
}
