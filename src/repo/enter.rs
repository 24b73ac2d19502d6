//! Enters what archives say of themselves, and what lies where in them, into the catalog.

use rusqlite::{Transaction, params};

use crate::model::SnapshotId;
use crate::repo::catalog::NewPlace;
use crate::repo::index::{Index, What};
use crate::repo::info::{Extent, Info};
use crate::repo::pack::Gone;
use crate::repo::sum;

/// Enters an archive: the snapshots that it speaks for, and what lies in it. One that is there already stays.
///
/// # Errors
/// SQLite's.
pub fn enter(tx: &Transaction<'_>, index: &Index) -> rusqlite::Result<()> {
    let added = tx.execute(
        "INSERT OR IGNORE INTO archives (id) VALUES (?1)",
        [index.id.as_bytes()],
    )?;
    if added == 0 {
        return Ok(());
    }
    let archive = tx.last_insert_rowid();
    for info in index.what.snapshots() {
        // Of itself an archive knows best, whatever a pack says of it.
        match info.id == index.id {
            true => enter_snapshot(tx, archive, info, "REPLACE")?,
            false if is_gone(tx, info.id)? => {}
            false => enter_snapshot(tx, archive, info, "IGNORE")?,
        }
    }
    for gone in index.what.gone() {
        enter_gone(tx, archive, gone)?;
    }
    if let What::Pack(pack) = &index.what {
        for id in &pack.replaced {
            tx.execute(
                "INSERT OR REPLACE INTO replaced (id, archive) VALUES (?1, ?2)",
                params![id.as_bytes(), archive],
            )?;
        }
    }
    enter_places(tx, archive, &index.places)
}

/// Enters where bytes lie in an archive; what lies elsewhere too stays there.
///
/// # Errors
/// SQLite's.
pub fn enter_places(
    tx: &Transaction<'_>,
    archive: i64,
    places: &[NewPlace],
) -> rusqlite::Result<()> {
    let mut insert = tx.prepare_cached(
        "INSERT OR IGNORE INTO places (id, archive, offset, form, packed, size, crc, sum)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for (id, place) in places {
        insert.execute(params![
            &id[..],
            archive,
            place.offset as i64,
            place.form.number(),
            place.packed as i64,
            place.size as i64,
            place.crc,
            sum::place(id, archive, place)
        ])?;
    }
    Ok(())
}

fn enter_snapshot(
    tx: &Transaction<'_>,
    archive: i64,
    info: &Info,
    conflict: &str,
) -> rusqlite::Result<()> {
    let text = serde_json::to_string(info)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    let sql = format!(
        "INSERT OR {conflict} INTO snapshots (id, archive, directory, tree, parent, full, secs, nanos, info)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    );
    tx.execute(
        &sql,
        params![
            info.id.as_bytes(),
            archive,
            info.directory.0,
            info.tree.as_bytes(),
            info.parent.as_ref().map(SnapshotId::as_bytes),
            info.extent == Extent::Full,
            info.time.secs,
            info.time.nanos,
            text
        ],
    )?;
    Ok(())
}

/// Whether a pack says that a snapshot is gone: then it is, though another pack still keeps it.
fn is_gone(tx: &Transaction<'_>, id: SnapshotId) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM gone WHERE id = ?1)";
    tx.prepare_cached(sql)?
        .query_row([id.as_bytes()], |row| row.get(0))
}

fn enter_gone(tx: &Transaction<'_>, archive: i64, gone: &Gone) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO gone (id, archive, parent, instead, directory, secs, nanos)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            gone.gone.as_bytes(),
            archive,
            gone.parent.as_ref().map(SnapshotId::as_bytes),
            gone.instead.as_ref().map(SnapshotId::as_bytes),
            gone.directory.0,
            gone.time.secs,
            gone.time.nanos
        ],
    )?;
    tx.execute(
        "DELETE FROM snapshots WHERE id = ?1 AND archive NOT IN (SELECT n FROM archives WHERE id = ?1)",
        [gone.gone.as_bytes()],
    )?;
    Ok(())
}
