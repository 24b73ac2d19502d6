//! Enters the log into the catalog, line by line.

use rusqlite::{Transaction, params};

use crate::model::{SnapshotId, Time};
use crate::repo::catalog::set_meta;
use crate::repo::log::{Begin, Finish, Line, Work};

/// Enters one line of the log that begins at `at`.
///
/// Redo is a stack for each directory: a revert puts on it what was there before, a redo that ends takes
/// the newest off, and anything new (a plan performed, a state recorded that was not known) clears it.
///
/// # Errors
/// SQLite's.
pub fn apply(tx: &Transaction<'_>, at: u64, line: &Line) -> rusqlite::Result<()> {
    match line {
        Line::Repository { id, .. } => {
            set_meta(tx, "repository", id)?;
        }
        Line::Snapshot { imported: true, .. } => {}
        Line::Snapshot { directory, .. } => {
            tx.execute("DELETE FROM redo WHERE directory = ?1", [&directory.0])?;
        }
        Line::Head { directory, id, .. } => {
            tx.execute(
                "INSERT OR REPLACE INTO heads (directory, id) VALUES (?1, ?2)",
                params![directory.0, id.as_ref().map(SnapshotId::as_bytes)],
            )?;
        }
        Line::Begin(begin) => begin_operation(tx, at, begin)?,
        Line::Finish(finish) => finish_operation(tx, finish)?,
        Line::Tag {
            directory,
            tag,
            id,
            time,
        } => enter_tag(tx, &directory.0, tag, *id, *time)?,
        Line::Pack { id, .. } => {
            tx.execute(
                "INSERT OR IGNORE INTO packs (id) VALUES (?1)",
                [id.as_bytes()],
            )?;
        }
        Line::Other => {}
    }
    Ok(())
}

fn begin_operation(tx: &Transaction<'_>, at: u64, begin: &Begin) -> rusqlite::Result<()> {
    let directory = &begin.directory.0;
    tx.execute(
        "INSERT OR IGNORE INTO operations (op, directory, begun) VALUES (?1, ?2, ?3)",
        params![at as i64, directory, json(begin)?],
    )?;
    match (begin.work, begin.before) {
        (Work::Apply, _) => {
            tx.execute("DELETE FROM redo WHERE directory = ?1", [directory])?;
        }
        (Work::Revert, Some(before)) => {
            tx.execute(
                "INSERT INTO redo (directory, op, snapshot) VALUES (?1, ?2, ?3)",
                params![directory, at as i64, before.as_bytes()],
            )?;
        }
        (Work::Revert, None) | (Work::Redo, _) => {}
    }
    Ok(())
}

fn finish_operation(tx: &Transaction<'_>, finish: &Finish) -> rusqlite::Result<()> {
    let op = finish.op as i64;
    tx.execute(
        "UPDATE operations SET finished = ?2 WHERE op = ?1",
        params![op, json(finish)?],
    )?;
    tx.execute(
        "DELETE FROM redo WHERE n = (
             SELECT max(r.n) FROM redo r JOIN operations o ON o.directory = r.directory
             WHERE o.op = ?1 AND json_extract(o.begun, '$.work') = 'redo')",
        [op],
    )?;
    Ok(())
}

fn enter_tag(
    tx: &Transaction<'_>,
    directory: &[u8],
    tag: &str,
    id: Option<SnapshotId>,
    time: Time,
) -> rusqlite::Result<()> {
    let raw = id.as_ref().map(SnapshotId::as_bytes);
    match raw {
        Some(raw) => tx.execute(
            "INSERT OR REPLACE INTO tags (directory, tag, id, secs, nanos) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![directory, tag, raw, time.secs, time.nanos],
        )?,
        None => tx.execute(
            "DELETE FROM tags WHERE directory = ?1 AND tag = ?2",
            params![directory, tag],
        )?,
    };
    tx.execute(
        "INSERT INTO tag_history (directory, tag, id, secs, nanos) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![directory, tag, raw, time.secs, time.nanos],
    )?;
    Ok(())
}

fn json(value: &impl serde::Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))
}
