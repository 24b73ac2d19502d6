//! Enters the log into the catalog, line by line.

use rusqlite::{Transaction, params};

use crate::model::{SnapshotId, Time};
use crate::repo::catalog::set_meta;
use crate::repo::log::{Begin, DONE, Finish, Line, Work};

/// Enters one line of the log that begins at `at`.
///
/// Redo is a stack for each directory: a revert puts on it what was there before, a redo that is done takes
/// the newest off, and anything new (a plan performed, a state recorded that was not known) clears it. What is recorded
/// behind a revert or redo that was cut short, or did not do all, is how far that came, and no new work; and what a redo
/// itself records does not take away what it is about to bring back, nor what lies below that.
///
/// # Errors
/// SQLite's.
pub fn apply(tx: &Transaction<'_>, at: u64, line: &Line) -> rusqlite::Result<()> {
    match line {
        Line::Repository { id, .. } => {
            set_meta(tx, "repository", id)?;
        }
        Line::Snapshot { imported: true, .. } => {}
        Line::Snapshot { directory, id, .. } => {
            if !is_half_way(tx, &directory.0)? {
                tx.execute(
                    "UPDATE redo SET cleared = ?2 WHERE directory = ?1 AND cleared IS NULL",
                    params![directory.0, id.as_bytes()],
                )?;
            }
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
        // These are for who reads logs themselves.
        Line::Seen { .. } | Line::Stored { .. } | Line::Other => {}
    }
    Ok(())
}

/// Whether the newest operation on a directory is a revert or a redo that is not done.
fn is_half_way(tx: &Transaction<'_>, directory: &[u8]) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM operations
         WHERE op = (SELECT max(op) FROM operations WHERE directory = ?1)
         AND json_extract(begun, '$.work') IN ('revert', 'redo')
         AND (finished IS NULL OR json_extract(finished, '$.outcome') <> ?2))";
    tx.prepare_cached(sql)?
        .query_row(params![directory, DONE], |row| row.get(0))
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
        (Work::Redo, Some(before)) => {
            tx.execute(
                "UPDATE redo SET cleared = NULL WHERE directory = ?1 AND cleared = ?2",
                params![directory, before.as_bytes()],
            )?;
        }
        (Work::Revert, Some(before)) => {
            tx.execute(
                "DELETE FROM redo WHERE directory = ?1 AND cleared IS NOT NULL",
                [directory],
            )?;
            tx.execute(
                "INSERT INTO redo (directory, op, snapshot) VALUES (?1, ?2, ?3)",
                params![directory, at as i64, before.as_bytes()],
            )?;
        }
        (Work::Revert | Work::Redo, None) => {}
    }
    Ok(())
}

fn finish_operation(tx: &Transaction<'_>, finish: &Finish) -> rusqlite::Result<()> {
    let op = finish.op as i64;
    tx.execute(
        "UPDATE operations SET finished = ?2 WHERE op = ?1",
        params![op, json(finish)?],
    )?;
    if finish.outcome != DONE {
        return Ok(());
    }
    tx.execute(
        "DELETE FROM redo WHERE n = (
             SELECT max(r.n) FROM redo r JOIN operations o ON o.directory = r.directory
             WHERE o.op = ?1 AND r.cleared IS NULL AND json_extract(o.begun, '$.work') = 'redo')",
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
