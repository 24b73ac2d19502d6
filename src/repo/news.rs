//! Brings the catalog up to date: what the folder and the log have is entered, and a catalog that is not theirs is
//! emptied first.

use std::collections::HashSet;

use rusqlite::{Connection, Transaction};

use crate::model::{Error, SnapshotId};
use crate::repo::catalog::{self, Catalog, failed};
use crate::repo::enter;
use crate::repo::gone;
use crate::repo::index::{Index, What};
use crate::repo::log::{Line, Log};
use crate::repo::lost;
use crate::repo::schema;
use crate::repo::shared::mirror::Shared;
use crate::repo::shared::{name, sweep, tell};
use crate::repo::store::Repo;
use crate::repo::tag;

/// What goes wrong with the catalog: SQLite has something to say, or what it is made from cannot be read.
pub(super) enum Fault {
    Sql(rusqlite::Error),
    Other(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(e: rusqlite::Error) -> Self {
        Fault::Sql(e)
    }
}

impl From<Error> for Fault {
    fn from(e: Error) -> Self {
        Fault::Other(e)
    }
}

impl Fault {
    // No From, which would make every `?` in the crate ask which error is meant.
    pub(super) fn error(self) -> Error {
        match self {
            Fault::Sql(e) => failed(e),
            Fault::Other(e) => e,
        }
    }
}

/// The archives that the catalog knows.
pub(super) fn known_archives(db: &Connection) -> rusqlite::Result<HashSet<SnapshotId>> {
    db.prepare_cached("SELECT id FROM archives")?
        .query_map([], |row| row.get(0).map(catalog::snapshot_id))?
        .collect()
}

/// What the catalog has and the folder has, and why it is to be made anew.
struct News {
    known: HashSet<SnapshotId>,
    there: HashSet<SnapshotId>,
    stale: Option<&'static str>,
}

const FOREIGN: &str = "was of another repository";
const LOST_LOG: &str = "the log is gone; snapshots are whole, but of the tags only those are left that snapshots were \
                        made with, and what was done to directories is not known any more";
const GONE: &str = "named archives that are gone";

impl Repo {
    /// Whether the catalog lacks anything, or has too much.
    fn has_news(&self, db: &Connection) -> Result<Option<News>, Fault> {
        let known = known_archives(db)?;
        let end = catalog::meta_of::<i64>(db, "log_end")?.unwrap_or(0) as u64;
        let tail = catalog::meta_of::<u32>(db, "log_tail")?.unwrap_or(0);
        let theirs = catalog::meta_of::<String>(db, "repository")?;
        // The folder and the log after the catalog: others enter what is there already, never sooner. The
        // other way round, an archive that was just entered would look like one that is gone.
        // What a pack says is dead does not count, though a run that was cut short may have left its file.
        let dead = gone::dead(db)?;
        let mut there = self.counted();
        there.retain(|id| !dead.contains(id));
        let log = self.log();
        let repository = log.repository()?;
        let length = log.length();
        let empty = theirs.is_none() && known.is_empty();
        let tailed = end <= length && log.tail(end)? == tail;
        let (others, others_behind) = self.others(db)?;
        // A first line that is damaged says nothing of whose it is; what follows it does.
        let unnamed = repository.is_none() && end > 0 && tailed;
        let stale = if theirs != repository && !empty && !unnamed {
            Some(FOREIGN)
        } else if !tailed || !others {
            Some("did not fit the log")
        } else if !known.is_subset(&there) {
            Some(GONE)
        } else {
            None
        };
        let behind = known.len() != there.len() || end != length || others_behind;
        Ok((behind || stale.is_some()).then_some(News {
            known,
            there,
            stale,
        }))
    }

    pub(super) fn enter_news(&self, catalog: &mut Catalog) -> Result<(), Fault> {
        // Reading alone must do when there is nothing to write. What another enters between two of these looks
        // may seem to be wrong, so it is looked at again when nobody else writes.
        if self.has_news(&catalog.db)?.is_none() {
            return Ok(());
        }
        let tx = catalog.begin()?;
        let Some(news) = self.has_news(&tx)? else {
            return Ok(());
        };
        let before = lost::known(&tx)?;
        let (mut found, mut cut_short) = (Vec::new(), false);
        if news.stale.is_none() {
            // The log first: it says which packs are ours.
            let named = self.replay(&tx)?;
            found = self.indexes(news.there.difference(&news.known));
            let ours = gone::logged(&tx)?;
            let says_so = |index: &Index| {
                ours.contains(&index.id) && index.what.dead().any(|id| news.known.contains(&id))
            };
            cut_short = found.iter().any(says_so) || named.iter().any(|id| news.known.contains(id));
        }
        if news.stale.is_some() || cut_short {
            schema::clear(&tx)?;
            self.replay(&tx)?;
            found = self.indexes(self.counted().iter());
        }
        for index in living(found, &gone::logged(&tx)?) {
            enter::enter(&tx, &index)?;
        }
        if news.stale.is_some() || news.known.is_empty() {
            tag::revive(&tx)?;
        }
        if news.stale != Some(FOREIGN) {
            lost::remember(&tx, &before)?;
        }
        tx.commit()?;
        if cut_short {
            self.notice(
                "a pack says that other archives are gone; the catalog was made again".into(),
            );
        }
        self.tell_stale(news.stale);
        Ok(())
    }

    /// What archives say of themselves; of those that cannot be read, a notice.
    fn indexes<'a>(&self, ids: impl Iterator<Item = &'a SnapshotId>) -> Vec<Index> {
        let read = |id: &SnapshotId| match self.read_places(*id) {
            Ok(index) => Some(index),
            Err(e) => {
                self.notice(e.to_string());
                None
            }
        };
        ids.filter_map(read).collect()
    }

    fn tell_stale(&self, stale: Option<&'static str>) {
        match stale {
            Some(_) if self.log().length() == 0 => self.notice(LOST_LOG.into()),
            // That says something about the archives, not about the catalog.
            Some(why) if why == GONE => {
                self.notice(format!("the catalog {why} and was made again"));
            }
            Some(why) => self.tell_healed(why),
            None => {}
        }
    }

    /// Whether the logs of other machines begin with what the catalog has read of them, and whether there is more.
    fn others(&self, db: &Connection) -> Result<(bool, bool), Fault> {
        let (mut fits, mut behind) = (true, false);
        let Some(shared) = self.shared() else {
            return Ok((fits, behind));
        };
        for (machine, log) in shared.logs()? {
            let end = catalog::meta_of::<i64>(db, &format!("log_end {machine}"))?;
            let tail = catalog::meta_of::<u32>(db, &format!("log_tail {machine}"))?;
            let (end, length) = (end.unwrap_or(0) as u64, log.length());
            fits &= end <= length && log.tail(end)? == tail.unwrap_or(0);
            behind |= end != length;
        }
        Ok((fits, behind))
    }

    /// Enters the lines of the log that the catalog has not read, inside the transaction, so that each counts once. The
    /// packs that they name.
    fn replay(&self, tx: &Transaction<'_>) -> Result<Vec<SnapshotId>, Fault> {
        let end = catalog::meta_of::<i64>(tx, "log_end")?;
        let mut news = self.log().read(end.unwrap_or(0) as u64)?;
        let own = self.shared().and_then(Shared::machine);
        for (at, line) in &news.lines {
            crate::repo::replay::apply(tx, *at, line)?;
            own.map_or(Ok(()), |own| sweep::enter(tx, own, line))?;
        }
        catalog::set_meta(tx, "log_end", news.end as i64)?;
        catalog::set_meta(tx, "log_tail", self.log().tail(news.end)?)?;
        if let Some(shared) = self.shared() {
            for (machine, log) in shared.logs()? {
                news.lines
                    .extend(replay_other(tx, &machine, &log, shared.reader())?);
            }
        }
        let pack = |(_, line): (u64, Line)| match line {
            Line::Pack { id, .. } => Some(id),
            _ => None,
        };
        Ok(news.lines.into_iter().filter_map(pack).collect())
    }
}

/// How far the numbers of operations of two machines are apart: no log is longer.
const APART: u64 = 1 << 40;

/// What is added to the numbers of a machine's operations, if the catalog knows it.
pub(super) fn known_base(db: &Connection, machine: &str) -> rusqlite::Result<Option<u64>> {
    let number = catalog::meta_of::<i64>(db, &format!("log_number {machine}"))?;
    Ok(number.map(|number| number as u64 * APART))
}

/// The same; one that is new gets a number.
fn base_of(tx: &Transaction<'_>, machine: &str) -> rusqlite::Result<u64> {
    if let Some(base) = known_base(tx, machine)? {
        return Ok(base);
    }
    let next = catalog::meta_of::<i64>(tx, "log_numbers")?.unwrap_or(0) + 1;
    catalog::set_meta(tx, "log_numbers", next)?;
    catalog::set_meta(tx, &format!("log_number {machine}"), next)?;
    Ok(next as u64 * APART)
}

/// Enters what another machine has appended to its log; its lines.
fn replay_other(
    tx: &Transaction<'_>,
    machine: &str,
    log: &Log,
    reader: &str,
) -> Result<Vec<(u64, Line)>, Fault> {
    let key = |what: &str| format!("{what} {machine}");
    let base = base_of(tx, machine)?;
    let end = catalog::meta_of::<i64>(tx, &key("log_end"))?;
    let mut news = log.read(end.unwrap_or(0) as u64)?;
    for (at, line) in &mut news.lines {
        *line = replay_line(tx, machine, reader, base, *at, line)?;
    }
    catalog::set_meta(tx, &key("log_end"), news.end as i64)?;
    catalog::set_meta(tx, &key("log_tail"), log.tail(news.end)?)?;
    Ok(news.lines)
}

/// Enters a line of the log of another machine; the line as this one has it.
pub(super) fn replay_line(
    tx: &Transaction<'_>,
    machine: &str,
    reader: &str,
    base: u64,
    at: u64,
    line: &Line,
) -> rusqlite::Result<Line> {
    let line = tell::line(line, name::short(machine), reader, base);
    crate::repo::replay::apply(tx, base + at, &line)?;
    sweep::enter(tx, machine, &line)?;
    Ok(line)
}

/// Those that no pack of ours says is dead, in the order in which they are entered.
fn living(mut found: Vec<Index>, ours: &HashSet<SnapshotId>) -> Vec<Index> {
    let dead = dead_of(&found, ours);
    found.retain(|index| !dead.contains(&index.id));
    found.sort_by_key(|index| (index.what.time(), index.id));
    found
}

/// What packs say is dead. One that was replaced says only which others were.
fn dead_of(found: &[Index], ours: &HashSet<SnapshotId>) -> HashSet<SnapshotId> {
    let packs = found.iter().filter_map(|index| match &index.what {
        What::Pack(pack) if ours.contains(&index.id) => Some((index.id, pack)),
        _ => None,
    });
    let mut dead: HashSet<SnapshotId> = packs
        .clone()
        .flat_map(|(_, pack)| pack.replaced.iter().copied())
        .collect();
    let gone: Vec<SnapshotId> = packs
        .filter(|(id, _)| !dead.contains(id))
        .flat_map(|(_, pack)| pack.gone.iter().map(|g| g.gone))
        .collect();
    dead.extend(gone);
    dead
}
