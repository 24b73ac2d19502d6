//! Snapshots whose archives are gone though nothing says that they were pruned. The catalog remembers what it knew
//! of them, since `fsync verify --repair` may be able to bring them back.

use rusqlite::{Connection, Transaction, params};

use crate::model::{Result, SnapshotId};
use crate::repo::catalog::snapshot_id;
use crate::repo::info::Info;
use crate::repo::store::Repo;

/// What is known of snapshots, as text.
type Known = Vec<(Vec<u8>, String)>;

/// All snapshots that the catalog knows, or knew.
///
/// # Errors
/// SQLite's.
pub(super) fn known(db: &Connection) -> rusqlite::Result<Known> {
    db.prepare_cached("SELECT id, info FROM snapshots UNION SELECT id, info FROM lost")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Writes down those that are neither there now nor said to be gone.
///
/// # Errors
/// SQLite's.
pub(super) fn remember(tx: &Transaction<'_>, known: &Known) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM lost", [])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO lost (id, info) SELECT ?1, ?2
         WHERE NOT EXISTS (SELECT 1 FROM snapshots WHERE id = ?1) AND NOT EXISTS (SELECT 1 FROM gone WHERE id = ?1)",
    )?;
    for (id, info) in known {
        insert.execute(params![id, info])?;
    }
    Ok(())
}

impl Repo {
    /// What the catalog knew of snapshots that are not there any more, though nobody removed them.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn lost(&self) -> Result<Vec<Info>> {
        let rows: Known = self.ask(|c| {
            c.db.prepare_cached("SELECT id, info FROM lost ORDER BY id")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        Ok(rows
            .into_iter()
            .filter_map(|(id, text)| {
                let mut info: Info = serde_json::from_str(&text).ok()?;
                info.id = snapshot_id(id);
                Some(info)
            })
            .filter(|info| info.id != SnapshotId([0; 20]))
            .collect())
    }
}
