//! The catalog brought up to date with the folder and the log, or made anew from them.

use std::collections::HashSet;

use rusqlite::Transaction;

use crate::model::{Result, SnapshotId};
use crate::repo::catalog::{self, failed};
use crate::repo::index::{Index, What};
use crate::repo::store::{Repo, archives};

impl Repo {
    /// Enters what the folder and the log have and the catalog has not; makes it anew when it is not theirs.
    /// Files that a pack says are gone do not count.
    ///
    /// # Errors
    /// When the log cannot be read or the catalog not be written.
    pub(crate) fn catch_up(&self) -> Result<()> {
        let mut catalog = self.catalog();
        let known: HashSet<SnapshotId> = catalog.archives()?.into_iter().collect();
        let end = catalog.meta::<i64>("log_end")?.unwrap_or(0) as u64;
        let theirs = catalog.meta::<String>("repository")?;
        // The folder and the log after the catalog: others enter what is there already, never sooner. The
        // other way round, an archive that was just entered would look like one that is gone.
        let there: HashSet<SnapshotId> = archives(self.path()).collect();
        let foreign = theirs.is_some() && theirs != self.log().repository()?;
        let stale = foreign || end > self.log().length() || !known.is_subset(&there);
        if !stale && known.len() == there.len() && end == self.log().length() {
            return Ok(());
        }
        let dead = catalog.dead()?;
        let news = there
            .iter()
            .filter(|id| !known.contains(id) && !dead.contains(id));
        let mut found = match stale {
            true => Vec::new(),
            false => self.indexes(news),
        };
        let cut_short = found
            .iter()
            .any(|i| i.what.dead().any(|d| known.contains(&d)));
        let tx = catalog.write()?;
        if stale || cut_short {
            catalog::clear(&tx).map_err(failed)?;
            found = self.indexes(there.iter());
            self.notice(match stale {
                true => "the catalog was not this repository's any more and was made again",
                false => "a prune was cut short; the catalog was made again",
            });
        }
        for index in living(found) {
            catalog::enter(&tx, &index).map_err(failed)?;
        }
        self.replay(&tx)?;
        tx.commit().map_err(failed)
    }

    /// What archives say of themselves; of those that cannot be read, a notice.
    fn indexes<'a>(&self, ids: impl Iterator<Item = &'a SnapshotId>) -> Vec<Index> {
        let read = |id: &SnapshotId| match self.read_index(*id) {
            Ok(index) => Some(index),
            Err(e) => {
                self.notice(&e.to_string());
                None
            }
        };
        ids.filter_map(read).collect()
    }

    /// Enters the lines of the log that the catalog has not read, inside the transaction, so that each counts once.
    pub(crate) fn replay(&self, tx: &Transaction<'_>) -> Result<()> {
        use rusqlite::OptionalExtension;
        let end: Option<i64> = tx
            .query_row("SELECT value FROM meta WHERE key = 'log_end'", [], |r| {
                r.get(0)
            })
            .optional()
            .map_err(failed)?;
        let news = self.log().read(end.unwrap_or(0) as u64)?;
        for (at, line) in &news.lines {
            crate::repo::replay::apply(tx, *at, line).map_err(failed)?;
        }
        catalog::set_meta(tx, "log_end", news.end as i64).map_err(failed)
    }
}

/// Those that no pack says is dead, in the order in which they are entered.
fn living(mut found: Vec<Index>) -> Vec<Index> {
    let dead = dead_of(&found);
    found.retain(|index| !dead.contains(&index.id));
    found.sort_by_key(|index| (index.what.time(), index.id));
    found
}

/// What packs say is dead. One that was replaced says only which others were.
fn dead_of(found: &[Index]) -> HashSet<SnapshotId> {
    let packs = found.iter().filter_map(|index| match &index.what {
        What::Pack(pack) => Some((index.id, pack)),
        What::Snapshot(_) => None,
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
