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
    let ours = is_ours(tx, index.id)?;
    for info in index.what.snapshots() {
        // Of itself an archive knows best, whatever a pack says of it.
        let own = info.id == index.id;
        if own || ours {
            silence(tx, info.id)?;
        }
        match own {
            true => enter_snapshot(tx, archive, info, "REPLACE")?,
            false if is_gone(tx, info.id)? => {}
            false => enter_snapshot(tx, archive, info, "IGNORE")?,
        }
    }
    for gone in index.what.gone() {
        match ours {
            true => enter_gone(tx, archive, gone, "REPLACE")?,
            false if is_held(tx, gone.gone)? => {}
            false => enter_gone(tx, archive, gone, "IGNORE")?,
        }
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

/// Whether the log names a pack.
fn is_ours(tx: &Transaction<'_>, pack: SnapshotId) -> rusqlite::Result<bool> {
    tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM packs WHERE id = ?1)")?
        .query_row([pack.as_bytes()], |row| row.get(0))
}

/// Whether a snapshot's own archive is there, or a pack that the log names speaks for it: then no other pack can say
/// that it is gone.
fn is_held(tx: &Transaction<'_>, id: SnapshotId) -> rusqlite::Result<bool> {
    tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM snapshots s JOIN archives a ON a.n = s.archive
         WHERE s.id = ?1 AND (a.id = s.id OR a.id IN (SELECT id FROM packs)))",
    )?
    .query_row([id.as_bytes()], |row| row.get(0))
}

/// Takes out what packs that the log does not name have said of a snapshot.
fn silence(tx: &Transaction<'_>, id: SnapshotId) -> rusqlite::Result<()> {
    for table in ["gone", "snapshots"] {
        tx.execute(
            &format!(
                "DELETE FROM {table} WHERE id = ?1 AND archive NOT IN
                 (SELECT n FROM archives WHERE id = ?1 OR id IN (SELECT id FROM packs))"
            ),
            [id.as_bytes()],
        )?;
    }
    Ok(())
}

fn enter_gone(
    tx: &Transaction<'_>,
    archive: i64,
    gone: &Gone,
    conflict: &str,
) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT OR {conflict} INTO gone (id, archive, parent, instead, directory, secs, nanos)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
    );
    tx.execute(
        &sql,
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
