//! What is gone: archives that packs have a line for, and what they stand for now.

use std::collections::HashSet;

use crate::model::{Result, SnapshotId};
use crate::repo::catalog::{Catalog, failed, snapshot_id};
use crate::repo::store::{Repo, archives};

impl Catalog {
    /// The archives that count no more: files of those names are what a run that was cut short has left.
    ///
    /// # Errors
    /// SQLite's.
    pub fn dead(&self) -> Result<HashSet<SnapshotId>> {
        self.db
            .prepare_cached("SELECT id FROM gone UNION SELECT id FROM replaced")
            .and_then(|mut q| {
                q.query_map([], |row| row.get(0).map(snapshot_id))?
                    .collect()
            })
            .map_err(failed)
    }
}

impl Repo {
    /// The archives in the folder that count no more, sorted.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn leftovers(&self) -> Result<Vec<SnapshotId>> {
        let dead = self.catalog().dead()?;
        let mut left: Vec<SnapshotId> = archives(self.path())
            .filter(|id| dead.contains(id))
            .collect();
        left.sort();
        Ok(left)
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
