//! Brings the folder of this machine up to date: what others have appended to their logs, and the ends of the archives
//! that these name. One list says whose log has grown ([`super::roster`]); the others are not asked for.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::index::Index;
use crate::repo::log::{self, Line};
use crate::repo::plain;
use crate::repo::reach::Reach;
use crate::repo::shared::mirror::{self, Pushed, Shared};
use crate::repo::shared::pool::several;
use crate::repo::shared::roster::{self, Entry};
use crate::repo::shared::{Store, join, name, piece, tail, tell};
use crate::repo::store::{LOG, Repo};
use crate::repo::torn;

/// How much of one log is read before it is entered, in bytes: no line is longer.
const ROUND: u64 = log::LONGEST;
/// How much of all logs is held at once, in bytes.
const HELD: u64 = 64 << 20;

/// A machine whose log has grown.
struct Behind {
    machine: String,
    /// How much of it is here.
    from: u64,
    /// Where it ends.
    end: u64,
}

impl Behind {
    /// To where it is read next.
    fn until(&self) -> u64 {
        self.end.min(self.from.saturating_add(ROUND))
    }
}

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
        let mut roster = roster::read(store, "")?;
        if let Some(own) = shared.machine() {
            shared.told_of_own(roster.remove(own).unwrap_or_default());
        }
        let behind = |(machine, entry): (String, Entry)| {
            let (path, end) = (shared.log_path(&machine), entry.end());
            let length = plain::length(&path).unwrap_or(0);
            (end > length).then(|| {
                let from = if length > 0 { heal(&path)? } else { 0 };
                Ok(Behind { machine, from, end })
            })
        };
        let behind: Result<VecDeque<Behind>> = roster.into_iter().filter_map(behind).collect();
        let mut behind = behind?;
        while !behind.is_empty() {
            let group = group(&mut behind);
            let read = |b: &Behind| piece::read(store, &b.machine, b.from, Some(b.until()));
            let texts = several(&group, read)?;
            behind.extend(self.take(shared, store, group.into_iter().zip(texts))?);
        }
        Ok(())
    }

    /// Takes over what was read of logs; of which there is more.
    fn take(
        &self,
        shared: &Shared,
        store: &dyn Store,
        read: impl Iterator<Item = (Behind, Vec<u8>)>,
    ) -> Result<Vec<Behind>> {
        let (mut ends, mut news, mut more) = (Vec::new(), Vec::new(), Vec::new());
        for (Behind { machine, from, end }, text) in read {
            let text = whole(text);
            let lines: Vec<Line> = text
                .split(|b| *b == b'\n')
                .filter_map(log::decode)
                .collect();
            let to = from + text.len() as u64;
            if from == 0 && !text.is_empty() && !is_of(&lines, &shared.repository) {
                self.notice(format!(
                    "the log of {machine} in the store is of another repository, and is left alone"
                ));
                continue;
            }
            if text.is_empty() {
                self.notice(format!(
                    "the log of {machine} in the store is to end at byte {end}, but can be read to byte {from} only"
                ));
                continue;
            }
            ends.extend(wanted(&lines, &machine));
            news.push((shared.log_path(&machine), text));
            if to < end {
                let from = to;
                more.push(Behind { machine, from, end });
            }
        }
        // First the ends: a line counts when it is here.
        self.fetch_ends(store, ends)?;
        several(&news, |(path, text)| append(path, text))?;
        Ok(more)
    }

    /// Fetches the ends of archives, some at once. One that the store has no more was pruned.
    fn fetch_ends(&self, store: &dyn Store, wanted: Vec<Wanted>) -> Result<()> {
        several(wanted, |wanted| self.fetch_end(store, &wanted)).map(|_| ())
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
        self.pull()?;
        self.not_retired()?;
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
fn wanted(lines: &[Line], machine: &str) -> Vec<Wanted> {
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

/// The next ones, as many as lack together what may be held at once.
fn group(behind: &mut VecDeque<Behind>) -> Vec<Behind> {
    let (mut group, mut held) = (Vec::new(), 0);
    while let Some(next) = behind.front() {
        held += next.until() - next.from;
        if held > HELD && !group.is_empty() {
            break;
        }
        group.extend(behind.pop_front());
    }
    group
}

/// Cuts off what a crash tore of a log that was being written; how long it is.
fn heal(path: &Path) -> Result<u64> {
    let cannot = |e| Error::io("cannot read", path.as_os_str().as_bytes(), e);
    let mut options = File::options();
    let mut file = plain::open_with(options.read(true).write(true), path).map_err(cannot)?;
    torn::heal(&mut file).map_err(cannot)
}

fn append(path: &Path, text: &[u8]) -> Result<()> {
    let cannot = |e| Error::io("cannot write", path.as_os_str().as_bytes(), e);
    let mut options = File::options();
    let mut file = plain::open_with(options.append(true).create(true), path).map_err(cannot)?;
    file.write_all(text).map_err(cannot)?;
    file.sync_all().map_err(cannot)
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

/// Takes a machine's log over, which it has lost, and which others were told ends at byte `end`.
///
/// # Errors
/// The store's; [`ErrorKind::Damaged`] when it has less.
pub(super) fn adopt(store: &dyn Store, machine: &str, end: u64, folder: &Path) -> Result<()> {
    let text = whole(piece::read(store, machine, 0, None)?);
    let path = folder.join(LOG);
    if plain::length(&path).is_some_and(|length| length > text.len() as u64) {
        return Ok(());
    }
    if (text.len() as u64) < end {
        let message = format!(
            "the log of {} there is to end at byte {end}, but can be read to byte {} only; give this \
             machine another name: fsync config machine NAME",
            name::short(machine),
            text.len()
        );
        return Err(Error::at(ErrorKind::Damaged, name::log(machine), message));
    }
    if !text.is_empty() {
        mirror::write(folder, LOG, &text)?;
    }
    let pushed = Pushed {
        end,
        pieces: join::MANY + 1,
    };
    match text.len() as u64 == end {
        true => pushed.write(folder),
        // The last piece came, and nobody was told: that is made good when it is put again.
        false => Ok(()),
    }
}
