//! What is gone: archives that packs have a line for, and what they stand for now.

use std::collections::HashSet;

use rusqlite::Connection;

use crate::model::{Result, SnapshotId};
use crate::repo::catalog::snapshot_id;
use crate::repo::folder::archives;
use crate::repo::older::sorted;
use crate::repo::store::Repo;

/// The archives that count no more: files of those names are what a run that was cut short has left. What a pack
/// says that the log does not name counts nothing here: somebody put it there, and it may lie.
///
/// # Errors
/// SQLite's.
pub(super) fn dead(db: &Connection) -> rusqlite::Result<HashSet<SnapshotId>> {
    const OURS: &str = "JOIN archives a ON a.n = x.archive JOIN packs p ON p.id = a.id";
    db.prepare_cached(&format!(
        "SELECT x.id FROM gone x {OURS} UNION SELECT x.id FROM replaced x {OURS}"
    ))?
    .query_map([], |row| row.get(0).map(snapshot_id))?
    .collect()
}

/// The packs that the log names.
///
/// # Errors
/// SQLite's.
pub(super) fn logged(db: &Connection) -> rusqlite::Result<HashSet<SnapshotId>> {
    db.prepare_cached("SELECT id FROM packs")?
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

    /// Whether an archive is there, or a snapshot of that id can be read.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub(super) fn is_here(&self, id: SnapshotId) -> Result<bool> {
        Ok(self.archive_path(id).symlink_metadata().is_ok() || self.find(id)?.is_some())
    }

    /// Packs that the log does not name, each with what it says is gone and is here. That does not count.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub(super) fn claims(&self) -> Result<Vec<(SnapshotId, Vec<SnapshotId>)>> {
        let ours = self.ask(|c| logged(&c.db))?;
        let (_, packs) = sorted(self)?;
        let mut found = Vec::new();
        for id in packs.into_iter().filter(|id| !ours.contains(id)) {
            // What cannot be read is damaged, which is said elsewhere.
            let Ok(index) = self.read_places(id) else {
                continue;
            };
            let mut here = Vec::new();
            for gone in index.what.dead() {
                if self.is_here(gone)? {
                    here.push(gone);
                }
            }
            if !here.is_empty() {
                found.push((id, here));
            }
        }
        Ok(found)
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
