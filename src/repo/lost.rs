//! Snapshots whose archives are gone though nothing says that they were pruned. The catalog remembers what it knew
//! of them, since `fsync verify --repair` may be able to bring them back.

use rusqlite::{Connection, Transaction, params};

use crate::model::{Result, Time};
use crate::repo::catalog::snapshot_id;
use crate::repo::info::Info;
use crate::repo::pack::Gone;
use crate::repo::store::Repo;
use crate::repo::text::PathText;

/// What is known of snapshots: what those said of themselves, and which are said to be gone.
#[derive(Default)]
pub(super) struct Known {
    infos: Vec<(Vec<u8>, String)>,
    gone: Vec<Gone>,
}

/// All snapshots that the catalog knows, or knew.
///
/// # Errors
/// SQLite's.
pub(super) fn known(db: &Connection) -> rusqlite::Result<Known> {
    let sql =
        "SELECT id, info FROM snapshots UNION SELECT id, info FROM lost WHERE info IS NOT NULL";
    let infos = db
        .prepare_cached(sql)?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut gone: Vec<Gone> = db
        .prepare_cached("SELECT id, parent, instead, directory, secs, nanos FROM gone")?
        .query_map([], |row| {
            let other =
                |at| Ok::<_, rusqlite::Error>(row.get::<_, Option<_>>(at)?.map(snapshot_id));
            Ok(Gone {
                gone: snapshot_id(row.get(0)?),
                parent: other(1)?,
                instead: other(2)?,
                directory: PathText(row.get(3)?),
                time: Time::new(row.get(4)?, row.get(5)?),
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    gone.extend(lost_gone(db)?);
    Ok(Known { infos, gone })
}

fn lost_gone(db: &Connection) -> rusqlite::Result<Vec<Gone>> {
    let texts: Vec<String> = db
        .prepare_cached("SELECT gone FROM lost WHERE gone IS NOT NULL ORDER BY id")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let parse = |text: &String| serde_json::from_str(text).ok();
    Ok(texts.iter().filter_map(parse).collect())
}

/// Writes down those that are neither there now nor said to be gone.
///
/// # Errors
/// SQLite's.
pub(super) fn remember(tx: &Transaction<'_>, known: &Known) -> rusqlite::Result<()> {
    tx.execute("DELETE FROM lost", [])?;
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO lost (id, info, gone) SELECT ?1, ?2, ?3
         WHERE NOT EXISTS (SELECT 1 FROM snapshots WHERE id = ?1) AND NOT EXISTS (SELECT 1 FROM gone WHERE id = ?1)",
    )?;
    for (id, info) in &known.infos {
        insert.execute(params![id, info, None::<String>])?;
    }
    for gone in &known.gone {
        let text = serde_json::to_string(gone).unwrap_or_default();
        insert.execute(params![gone.gone.as_bytes(), None::<String>, text])?;
    }
    Ok(())
}

impl Repo {
    /// What the catalog knew of snapshots that are not there any more, though nobody removed them.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn lost(&self) -> Result<Vec<Info>> {
        let rows: Vec<(Vec<u8>, String)> = self.ask(|c| {
            c.db.prepare_cached("SELECT id, info FROM lost WHERE info IS NOT NULL ORDER BY id")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let parse = |(id, text): (Vec<u8>, String)| {
            let info: Info = serde_json::from_str(&text).ok()?;
            let id = snapshot_id(id);
            Some(Info { id, ..info })
        };
        Ok(rows.into_iter().filter_map(parse).collect())
    }

    /// What the catalog knew of snapshots that somebody removed, and no pack says any more.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn lost_gone(&self) -> Result<Vec<Gone>> {
        self.ask(|c| lost_gone(&c.db))
    }
}
