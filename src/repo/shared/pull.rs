//! Brings the folder of this machine up to date: what others have appended to their logs, and the ends of the archives
//! that these name.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::index::Index;
use crate::repo::log::{self, Line};
use crate::repo::plain;
use crate::repo::reach::Reach;
use crate::repo::shared::mirror::Shared;
use crate::repo::shared::name::{self, MACHINES};
use crate::repo::shared::{MOST, Store, list_all, tail, tell};
use crate::repo::store::{LOG, Repo};

/// How many ends are asked for at once.
const MANY: usize = 8;

/// An archive whose end is to be fetched.
struct Wanted {
    id: SnapshotId,
    tail: u64,
    size: u64,
    machine: String,
}

impl Repo {
    /// Reads what is new in the store, if the repository is in one.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn pull(&self) -> Result<()> {
        let Some(shared) = self.shared() else {
            return Ok(());
        };
        let _alone = shared.lock()?;
        let store = shared.remote.store()?;
        self.pull_from(shared, &*store)?;
        shared.say_fresh()
    }

    /// The same, unless an earlier program of the same run has just done it.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn pull_once(&self) -> Result<()> {
        match self.shared().is_some_and(Shared::is_fresh) {
            true => Ok(()),
            false => self.pull(),
        }
    }

    fn pull_from(&self, shared: &Shared, store: &dyn Store) -> Result<()> {
        for (key, _) in list_all(store, MACHINES, "")? {
            let machine = key.strip_prefix(MACHINES).unwrap_or_default();
            let own = shared.machine() == Some(machine);
            if name::is_whole(machine) && !own {
                self.pull_log(shared, store, machine)?;
            }
        }
        Ok(())
    }

    /// Reads what one machine has appended.
    fn pull_log(&self, shared: &Shared, store: &dyn Store, machine: &str) -> Result<()> {
        let path = shared.log_path(machine);
        let from = plain::length(&path).unwrap_or(0);
        let text = pieces(store, machine, from)?;
        let lines: Vec<Line> = text
            .split(|b| *b == b'\n')
            .filter_map(log::decode)
            .collect();
        if from == 0 && !text.is_empty() && !is_of(&lines, &shared.repository) {
            self.notice(format!(
                "the log of {machine} in the store is of another repository, and is left alone"
            ));
            return Ok(());
        }
        self.fetch_ends(store, wanted(&lines, machine))?;
        if text.is_empty() {
            return Ok(());
        }
        let raw = path.as_os_str().as_bytes();
        let cannot = |e| Error::io("cannot write", raw, e);
        let mut options = File::options();
        let mut file =
            plain::open_with(options.append(true).create(true), &path).map_err(cannot)?;
        file.write_all(&text).map_err(cannot)?;
        file.sync_all().map_err(cannot)
    }

    /// Fetches the ends of archives, some at once. One that the store has no more was pruned.
    fn fetch_ends(&self, store: &dyn Store, wanted: VecDeque<Wanted>) -> Result<()> {
        let many = wanted.len().min(MANY);
        let queue = Mutex::new(wanted);
        let next = || {
            queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front()
        };
        let work = || -> Result<()> {
            while let Some(wanted) = next() {
                self.fetch_end(store, &wanted)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let running: Vec<_> = (1..many).map(|_| scope.spawn(work)).collect();
            let own = work();
            let died = |_| Err(Error::new(ErrorKind::Failed, "a thread died"));
            let others = running.into_iter().map(|r| r.join().unwrap_or_else(died));
            others.collect::<Result<()>>().and(own)
        })
    }

    fn fetch_end(&self, store: &dyn Store, wanted: &Wanted) -> Result<()> {
        let path = self.archive_path(wanted.id);
        if plain::length(&path) == Some(wanted.size) {
            return Ok(());
        }
        let file = self.temporary()?;
        if tail::fetch(store, wanted.id, wanted.tail, wanted.size, file.as_file())? {
            tail::note(self.path(), wanted.id, wanted.tail, &wanted.machine)?;
            let cannot = |e: tempfile::PersistError| {
                Error::io("cannot put in place", path.as_os_str().as_bytes(), e.error)
            };
            file.as_file()
                .sync_data()
                .map_err(|e| Error::io("cannot write", path.as_os_str().as_bytes(), e))?;
            file.persist(&path).map_err(cannot)?;
        }
        Ok(())
    }

    /// Remembers what others had taken away when this was opened.
    pub(crate) fn remember_packs(&self) -> Result<()> {
        if let Some(shared) = self.shared() {
            shared.packs_before(self.packs()?);
        }
        Ok(())
    }

    fn packs(&self) -> Result<u64> {
        let sql = "SELECT count(*) FROM packs";
        let count: i64 = self.ask(|c| c.db.query_row(sql, [], |row| row.get(0)))?;
        Ok(count as u64)
    }

    /// Makes sure that nobody has taken away meanwhile what a new archive relies on. To be asked when it is stored and no
    /// log names it yet: what is taken away later waits for this machine to have seen it ([`Line::Seen`]).
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when somebody has.
    pub(crate) fn confirm(&self, index: &Index) -> Result<()> {
        let Some(shared) = self.shared() else {
            return Ok(());
        };
        self.not_retired(&*shared.remote.store()?)?;
        self.pull()?;
        self.catch_up()?;
        let now = self.packs()?;
        if shared.packs_before(now) == now {
            return Ok(());
        }
        for info in index.what.snapshots() {
            Reach::default().add(self, info).map_err(|e| match e.kind() {
                ErrorKind::Damaged => {
                    let message = "was pruned by another machine meanwhile; nothing was changed. Run this again";
                    Error::at(ErrorKind::Busy, shared.remote.url.as_bytes(), message)
                }
                _ => e,
            })?;
        }
        Ok(())
    }

    /// Fetches the ends of this machine's own archives, which it has no more.
    ///
    /// # Errors
    /// The store's.
    pub(crate) fn pull_own(&self) -> Result<()> {
        let Some(shared) = self.shared() else {
            return Ok(());
        };
        let Some(machine) = shared.machine() else {
            return Ok(());
        };
        let lines = self.log().read(0)?.lines;
        let lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
        let mut missing = wanted(&lines, machine);
        missing.retain(|w| plain::length(&self.archive_path(w.id)).is_none());
        match missing.is_empty() {
            true => Ok(()),
            false => self.fetch_ends(&*shared.remote.store()?, missing),
        }
    }
}

/// The archives that lines say are in the store.
fn wanted(lines: &[Line], machine: &str) -> VecDeque<Wanted> {
    let stored = lines.iter().filter_map(tell::stored);
    stored
        .map(|(id, tail, size)| Wanted {
            id,
            tail,
            size,
            machine: machine.to_string(),
        })
        .collect()
}

fn is_of(lines: &[Line], repository: &str) -> bool {
    matches!(lines.first(), Some(Line::Repository { id, .. }) if id == repository)
}

/// What a machine's log has from byte `from` on: pieces that follow each other, to a whole line.
fn pieces(store: &dyn Store, machine: &str, from: u64) -> Result<Vec<u8>> {
    let after = match from {
        0 => String::new(),
        n => name::piece(machine, n - 1),
    };
    let mut text = Vec::new();
    for (key, size) in list_all(store, &name::log(machine), &after)? {
        let Some(begin) = name::begins(machine, &key) else {
            continue;
        };
        if begin != from + text.len() as u64 {
            break;
        }
        let end = text.len() as u64 + size;
        while (text.len() as u64) < end {
            let at = text.len() as u64 - (begin - from);
            let part = store.get(&key, at, (size - at).min(MOST))?;
            match part {
                Some(part) if !part.is_empty() => text.extend(part),
                _ => return Ok(whole(text)),
            }
        }
    }
    Ok(whole(text))
}

/// To the last whole line.
fn whole(mut text: Vec<u8>) -> Vec<u8> {
    let end = text
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    text.truncate(end);
    text
}

/// Takes a machine's log over, which it has lost.
///
/// # Errors
/// The store's.
pub(super) fn adopt(store: &dyn Store, machine: &str, folder: &Path) -> Result<()> {
    let text = pieces(store, machine, 0)?;
    let path = folder.join(LOG);
    if plain::length(&path).is_some_and(|length| length > text.len() as u64) {
        return Ok(());
    }
    if !text.is_empty() {
        super::mirror::write(folder, LOG, &text)?;
    }
    Ok(())
}
