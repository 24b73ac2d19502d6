//! What is gone: archives that packs have a line for, and what they stand for now.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::model::{Result, SnapshotId};
use crate::repo::catalog::snapshot_id;
use crate::repo::store::{Repo, archives};

/// The archives that count no more: files of those names are what a run that was cut short has left.
///
/// # Errors
/// SQLite's.
pub(super) fn dead(db: &Connection) -> rusqlite::Result<HashSet<SnapshotId>> {
    db.prepare_cached("SELECT id FROM gone UNION SELECT id FROM replaced")?
        .query_map([], |row| row.get(0).map(snapshot_id))?
        .collect()
}

impl Repo {
    /// The archives in the folder that count no more, sorted.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn leftovers(&self) -> Result<Vec<SnapshotId>> {
        let dead = self.ask(|c| dead(&c.db))?;
        let mut left: Vec<SnapshotId> = archives(self.path())
            .filter(|id| dead.contains(id))
            .collect();
        left.sort();
        Ok(left)
    }

    /// The archives in the folder that count, sorted.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn living_archives(&self) -> Result<Vec<SnapshotId>> {
        let dead = self.ask(|c| dead(&c.db))?;
        let mut living: Vec<SnapshotId> = archives(self.path())
            .filter(|id| !dead.contains(id))
            .collect();
        living.sort();
        Ok(living)
    }

    /// What `id` is now: itself, or what was made instead of it. One that is gone without that stays itself.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn issued(&self, id: SnapshotId) -> Result<SnapshotId> {
        let mut at = id;
        let mut seen = HashSet::from([id]);
        // Packs may lie, and go round in a circle.
        while let Some(next) = self.gone(at)?.and_then(|gone| gone.instead)
            && seen.insert(next)
        {
            at = next;
        }
        Ok(at)
    }
}
