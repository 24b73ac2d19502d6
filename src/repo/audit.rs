//! Holds the catalog against what archives and log say: its small tables against ones made anew in memory, its
//! places archive by archive ([`crate::repo::check`]).

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::model::{Result, SnapshotId};
use crate::repo::catalog::{self, Catalog, failed, snapshot_id};
use crate::repo::check::Checked;
use crate::repo::enter;
use crate::repo::index::{Index, What};
use crate::repo::news;
use crate::repo::replay;
use crate::repo::stat;
use crate::repo::store::Repo;
use crate::repo::tag;

/// Rows that follow from the log alone.
const LOGGED: [&str; 6] = [
    "SELECT id FROM packs ORDER BY id",
    "SELECT directory, id FROM heads ORDER BY directory",
    "SELECT directory, tag, id, secs, nanos FROM tags ORDER BY directory, tag",
    "SELECT directory, tag, id, secs, nanos FROM tag_history ORDER BY n",
    "SELECT op, directory, begun, finished FROM operations ORDER BY op",
    "SELECT directory, op, snapshot, cleared FROM redo ORDER BY n",
];

/// Rows that follow from archives: the archive, the snapshot, the rest.
const ARCHIVED: [&str; 2] = [
    "SELECT a.id, s.id, s.directory, s.tree, s.parent, s.full, s.secs, s.nanos, s.info
     FROM snapshots s JOIN archives a ON a.n = s.archive",
    "SELECT a.id, g.id, g.directory, g.parent, g.instead, g.secs, g.nanos
     FROM gone g JOIN archives a ON a.n = g.archive",
];

type Rows = Vec<Vec<Value>>;

/// Whether the catalog says what `archives` and the log say. One that SQLite itself finds fault with is made anew on the way.
pub(super) fn catalog(repo: &Repo, archives: &[Checked]) -> Result<bool> {
    if archives.iter().any(|a| a.unknown) {
        return Ok(false);
    }
    repo.ask(|disk| {
        let sound: String = disk
            .db
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        let look = disk.db.unchecked_transaction()?;
        let end = catalog::meta_of::<i64>(&look, "log_end")?.unwrap_or(0) as u64;
        // After the catalog's state is fixed: others may append and enter meanwhile.
        let news = match repo.log().read(0) {
            Ok(news) => news,
            Err(e) => return Ok(Err(e)),
        };
        let mut fresh = Catalog::in_memory()?;
        let tx = fresh.begin()?;
        for (at, line) in news.lines.iter().filter(|(at, _)| *at < end) {
            replay::apply(&tx, *at, line)?;
        }
        if let Some(shared) = repo.shared() {
            let logs = match shared.logs() {
                Ok(logs) => logs,
                Err(e) => return Ok(Err(e)),
            };
            for (machine, log) in logs {
                let end = catalog::meta_of::<i64>(&look, &format!("log_end {machine}"))?;
                let base = news::known_base(&look, &machine)?.unwrap_or(0);
                let end = end.unwrap_or(0) as u64;
                let read = match log.read(0) {
                    Ok(read) => read,
                    Err(e) => return Ok(Err(e)),
                };
                for (at, line) in read.lines.iter().filter(|(at, _)| *at < end) {
                    news::replay_line(&tx, &machine, shared.reader(), base, *at, line)?;
                }
            }
        }
        enter(&tx, archives)?;
        let logged = |db: &Connection| {
            LOGGED
                .iter()
                .map(|sql| rows(db, sql))
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        let (found, plain) = (logged(&look)?, logged(&tx)?);
        // A catalog that was made anew has the tags of snapshots of which the log knows nothing, such as one that was
        // killed before it wrote that down.
        tag::revive(&tx)?;
        let revived = logged(&tx)?;
        let whole: HashSet<SnapshotId> = archives
            .iter()
            .filter(|a| a.what.is_some())
            .map(|a| a.id)
            .collect();
        let mut same = sound == "ok" && counts(&look, archives)? && memory(&look)?;
        same = same && (found == plain || found == revived);
        for sql in ARCHIVED {
            same = same && told(&rows(&look, sql)?, &rows(&tx, sql)?, &whole);
        }
        Ok(Ok(same))
    })?
}

/// Enters what whole archives say of themselves, in the order in which they were made.
fn enter(tx: &rusqlite::Transaction<'_>, archives: &[Checked]) -> rusqlite::Result<()> {
    let mut told: Vec<(SnapshotId, &What)> = archives
        .iter()
        .filter_map(|a| Some((a.id, a.what.as_ref()?)))
        .collect();
    told.sort_by_key(|(id, what)| (what.time(), *id));
    for (id, what) in told {
        let index = Index {
            id,
            what: what.clone(),
            places: Vec::new(),
            items: Vec::new(),
            pieces: Vec::new(),
            folder: String::new(),
        };
        enter::enter(tx, &index)?;
    }
    Ok(())
}

fn rows(db: &Connection, sql: &str) -> rusqlite::Result<Rows> {
    let mut query = db.prepare(sql)?;
    let columns = query.column_count();
    let rows = query.query_map([], |row| (0..columns).map(|at| row.get(at)).collect())?;
    rows.collect()
}

/// Whether what the catalog has from archives that are whole is what these say. The first column is the archive, the second
/// whom the row is about.
fn told(disk: &Rows, fresh: &Rows, whole: &HashSet<SnapshotId>) -> bool {
    let by_subject = |rows: &Rows| -> HashMap<Vec<u8>, Vec<Value>> {
        let pair = |row: &Vec<Value>| Some((blob(row.get(1)?)?, row.clone()));
        rows.iter().filter_map(pair).collect()
    };
    let (disk, fresh) = (by_subject(disk), by_subject(fresh));
    let is_whole = |row: &Vec<Value>| {
        let archive = row.first().and_then(blob).map(snapshot_id);
        archive.is_some_and(|id| whole.contains(&id))
    };
    let right = |(subject, row): (&Vec<u8>, &Vec<Value>)| match disk.get(subject) {
        Some(said) => !is_whole(said) || said.get(2..) == row.get(2..),
        None => false,
    };
    let stays =
        |(subject, row): (&Vec<u8>, &Vec<Value>)| !is_whole(row) || fresh.contains_key(subject);
    fresh.iter().all(right) && disk.iter().all(stays)
}

fn blob(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Blob(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

/// Whether the catalog has no more places in whole archives than these have.
fn counts(db: &Connection, archives: &[Checked]) -> rusqlite::Result<bool> {
    // One look at all places: there is no index by archive.
    let mut query = db.prepare(
        "SELECT a.id, ifnull(c.places, 0) FROM archives a
         LEFT JOIN (SELECT archive, count(*) AS places FROM places GROUP BY archive) c ON c.archive = a.n",
    )?;
    let counted: HashMap<SnapshotId, u64> = query
        .query_map([], |row| {
            Ok((snapshot_id(row.get(0)?), row.get::<_, i64>(1)? as u64))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(archives
        .iter()
        .filter(|a| a.what.is_some())
        .all(|a| counted.get(&a.id) == Some(&a.known)))
}

/// Whether the stat cache is what was written.
fn memory(db: &Connection) -> rusqlite::Result<bool> {
    let mut query = db.prepare("SELECT path, children FROM stat")?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        if !stat::is_whole(&row.get::<_, Vec<u8>>(0)?, row.get(1)?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The ids that the catalog has, by a statement.
pub(super) fn ids(repo: &Repo, sql: &str) -> Result<HashSet<SnapshotId>> {
    let catalog = repo.catalog();
    let mut query = catalog.db.prepare(sql).map_err(failed)?;
    query
        .query_map([], |row| row.get(0).map(snapshot_id))
        .and_then(Iterator::collect)
        .map_err(failed)
}
