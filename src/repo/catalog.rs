//! The catalog: an SQLite index of archives and log. Everything in it can be made again from them
//! (but for the stat cache, which only saves reading), so it is thrown away when it does not open.
//!
//! Write transactions are `IMMEDIATE`: one that began as a reader could find itself busy half-way.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::model::{ContentId, Error, ErrorKind, Result, SnapshotId};
use crate::repo::index::{Index, What};
use crate::repo::info::{Extent, Info};
use crate::repo::pack::Gone;

/// How long a writer waits for another.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of the file SQLite keeps in memory.
const CACHE_KIB: i64 = 32 << 10;

/// The schema's number. A catalog of another is made anew: it is an index, and nothing in it is lost.
const VERSION: i64 = 3;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE archives (n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE);
CREATE TABLE snapshots (
    n INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, archive INTEGER NOT NULL, directory BLOB NOT NULL, tree BLOB NOT NULL,
    parent BLOB, full INTEGER NOT NULL, secs INTEGER NOT NULL, nanos INTEGER NOT NULL, info TEXT NOT NULL);
CREATE INDEX snapshots_by_directory ON snapshots (directory, secs, nanos);
CREATE TABLE gone (
    id BLOB PRIMARY KEY, archive INTEGER NOT NULL, parent BLOB, instead BLOB, directory BLOB NOT NULL,
    secs INTEGER NOT NULL, nanos INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE replaced (id BLOB PRIMARY KEY, archive INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE places (
    id BLOB PRIMARY KEY, archive INTEGER NOT NULL, offset INTEGER NOT NULL, form INTEGER NOT NULL,
    packed INTEGER NOT NULL, size INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE heads (directory BLOB PRIMARY KEY, id BLOB) WITHOUT ROWID;
CREATE TABLE tags (
    directory BLOB NOT NULL, tag TEXT NOT NULL, id BLOB NOT NULL, secs INTEGER NOT NULL,
    nanos INTEGER NOT NULL, PRIMARY KEY (directory, tag)) WITHOUT ROWID;
CREATE TABLE tag_history (
    n INTEGER PRIMARY KEY, directory BLOB NOT NULL, tag TEXT NOT NULL, id BLOB, secs INTEGER NOT NULL,
    nanos INTEGER NOT NULL);
CREATE TABLE operations (
    op INTEGER PRIMARY KEY, directory BLOB NOT NULL, begun TEXT NOT NULL, finished TEXT);
CREATE INDEX operations_by_directory ON operations (directory, op);
CREATE TABLE redo (n INTEGER PRIMARY KEY, directory BLOB NOT NULL, op INTEGER NOT NULL, snapshot BLOB NOT NULL);
CREATE TABLE stat_roots (n INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
CREATE TABLE stat (
    root INTEGER NOT NULL, path BLOB NOT NULL, children BLOB NOT NULL, PRIMARY KEY (root, path)) WITHOUT ROWID;
";

/// Where a content lies.
const PLACE: &str = "SELECT a.id, p.offset, p.form, p.packed, p.size, p.crc FROM places p
    JOIN archives a ON a.n = p.archive WHERE p.id = ?1";

/// In which form bytes lie in an archive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// As they are.
    Stored,
    /// A whole deflate stream.
    Deflate,
    /// A piece of one ([`crate::repo::deflate`]).
    Piece,
}

impl Form {
    fn number(self) -> i64 {
        match self {
            Form::Stored => 0,
            Form::Deflate => 8,
            Form::Piece => 108,
        }
    }

    fn from_number(n: i64) -> Option<Form> {
        [Form::Stored, Form::Deflate, Form::Piece]
            .into_iter()
            .find(|f| f.number() == n)
    }
}

/// Where bytes lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// In which archive.
    pub archive: SnapshotId,
    /// Where there the data begin.
    pub offset: u64,
    /// How they are kept.
    pub form: Form,
    /// How many bytes they take.
    pub packed: u64,
    /// How many they are.
    pub size: u64,
    /// Their CRC-32; 0 of a piece.
    pub crc: u32,
}

/// A place in an archive that is being indexed.
pub type NewPlace = ([u8; 32], Place);

/// The open catalog.
pub struct Catalog {
    /// The connection.
    pub db: Connection,
}

/// A failure of SQLite as the library's error.
pub fn failed(e: rusqlite::Error) -> Error {
    let busy = e.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
    let kind = if busy {
        ErrorKind::Busy
    } else {
        ErrorKind::Failed
    };
    Error::at(kind, "catalog.db", e.to_string())
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Makes the tables, unless another process just did.
fn make(db: &mut Connection) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if version(&tx)? == 0 {
        tx.execute_batch(SCHEMA)?;
        tx.pragma_update(None, "user_version", VERSION)?;
    }
    tx.commit()
}

impl Catalog {
    /// Opens or makes the catalog in a file.
    ///
    /// # Errors
    /// SQLite's or the migration's words: whoever calls may delete the file and try again.
    pub fn open(path: &Path) -> Result<Catalog, String> {
        let open = || -> rusqlite::Result<Connection> {
            let db = Connection::open(path)?;
            db.busy_timeout(PATIENCE)?;
            db.pragma_update(None, "journal_mode", "WAL")?;
            db.pragma_update(None, "synchronous", "NORMAL")?;
            db.pragma_update(None, "cache_size", -CACHE_KIB)?;
            db.set_prepared_statement_cache_capacity(64);
            Ok(db)
        };
        let mut db = open().map_err(|e| e.to_string())?;
        let version = version(&db).map_err(|e| e.to_string())?;
        match version {
            VERSION => {}
            0 => make(&mut db).map_err(|e| e.to_string())?,
            other => return Err(format!("it has the schema number {other}, not {VERSION}")),
        }
        Ok(Catalog { db })
    }

    /// A value of the table `meta`.
    ///
    /// # Errors
    /// SQLite's.
    pub fn meta<T: rusqlite::types::FromSql>(&self, key: &str) -> Result<Option<T>> {
        self.db
            .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| {
                row.get(0)
            })
            .optional()
            .map_err(failed)
    }

    /// Begins to read the catalog as it is now, until [`Self::read_on`] or a transaction that writes. Each look by itself
    /// costs several system calls, which take and drop SQLite's locks.
    ///
    /// # Errors
    /// SQLite's.
    pub fn read_still(&self) -> Result<()> {
        match self.db.is_autocommit() {
            true => self.db.execute_batch("BEGIN").map_err(failed),
            false => Ok(()),
        }
    }

    /// Reads from now on what others write.
    ///
    /// # Errors
    /// SQLite's.
    pub fn read_on(&self) -> Result<()> {
        match self.db.is_autocommit() {
            true => Ok(()),
            false => self.db.execute_batch("COMMIT").map_err(failed),
        }
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when others hold it for too long.
    pub fn write(&mut self) -> Result<Transaction<'_>> {
        self.read_on()?;
        self.db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)
    }

    /// Where the bytes with that SHA-256 lie.
    ///
    /// # Errors
    /// SQLite's.
    pub fn place(&self, id: &[u8; 32]) -> Result<Option<Place>> {
        self.db
            .prepare_cached(PLACE)
            .and_then(|mut q| q.query_row([&id[..]], read_place).optional())
            .map_err(failed)
    }

    /// Where many contents lie, in their order, all as of one moment.
    ///
    /// # Errors
    /// SQLite's.
    pub fn places(
        &self,
        ids: impl Iterator<Item = Option<ContentId>>,
    ) -> Result<Vec<Option<Place>>> {
        let moment = self.db.is_autocommit();
        self.read_still()?;
        let mut query = self.db.prepare_cached(PLACE).map_err(failed)?;
        let mut one = |id: ContentId| query.query_row([&id.0[..]], read_place).optional();
        let found = ids
            .map(|id| id.map_or(Ok(None), &mut one).map_err(failed))
            .collect();
        if moment {
            self.read_on()?;
        }
        found
    }

    /// Hands on the place of everything, in no order.
    ///
    /// # Errors
    /// SQLite's.
    pub fn each_place(&self, mut each: impl FnMut([u8; 32], Place)) -> Result<()> {
        let sql = "SELECT s.id, p.offset, p.form, p.packed, p.size, p.crc, p.id FROM places p
                   JOIN archives s ON s.n = p.archive";
        let mut visit = || -> rusqlite::Result<()> {
            let mut query = self.db.prepare_cached(sql)?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                each(row.get(6)?, read_place(row)?);
            }
            Ok(())
        };
        visit().map_err(failed)
    }

    /// Whether the repository holds the bytes with that SHA-256.
    ///
    /// # Errors
    /// SQLite's.
    pub fn holds(&self, id: &[u8; 32]) -> Result<bool> {
        self.db
            .prepare_cached("SELECT 1 FROM places WHERE id = ?1")
            .and_then(|mut q| q.exists([&id[..]]))
            .map_err(failed)
    }

    /// The ids of all archives.
    ///
    /// # Errors
    /// SQLite's.
    pub fn archives(&self) -> Result<Vec<SnapshotId>> {
        self.db
            .prepare_cached("SELECT id FROM archives")
            .and_then(|mut q| {
                q.query_map([], |row| row.get(0).map(snapshot_id))?
                    .collect()
            })
            .map_err(failed)
    }
}

fn read_place(row: &rusqlite::Row<'_>) -> rusqlite::Result<Place> {
    let form: i64 = row.get(2)?;
    Ok(Place {
        archive: snapshot_id(row.get(0)?),
        offset: row.get::<_, i64>(1)? as u64,
        form: Form::from_number(form).ok_or(rusqlite::Error::IntegralValueOutOfRange(2, form))?,
        packed: row.get::<_, i64>(3)? as u64,
        size: row.get::<_, i64>(4)? as u64,
        crc: row.get(5)?,
    })
}

/// An id as SQLite keeps it. (One of another length cannot be: it names nothing.)
pub fn snapshot_id(raw: Vec<u8>) -> SnapshotId {
    SnapshotId::from_slice(&raw).unwrap_or(SnapshotId([0; 20]))
}

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
        enter_snapshot(tx, archive, info)?;
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
        "INSERT OR IGNORE INTO places (id, archive, offset, form, packed, size, crc)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for (id, place) in places {
        insert.execute(params![
            &id[..],
            archive,
            place.offset as i64,
            place.form.number(),
            place.packed as i64,
            place.size as i64,
            place.crc
        ])?;
    }
    Ok(())
}

fn enter_snapshot(tx: &Transaction<'_>, archive: i64, info: &Info) -> rusqlite::Result<()> {
    let text = serde_json::to_string(info)
        .map_err(|e| rusqlite::Error::ToSqlConversionFailure(Box::new(e)))?;
    tx.execute(
        "INSERT OR IGNORE INTO snapshots (id, archive, directory, tree, parent, full, secs, nanos, info)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
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
    Ok(())
}

/// Sets a value of the table `meta`.
///
/// # Errors
/// SQLite's.
pub fn set_meta(
    tx: &Transaction<'_>,
    key: &str,
    value: impl rusqlite::ToSql,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)",
        params![key, value],
    )?;
    Ok(())
}

/// Empties every table.
///
/// # Errors
/// SQLite's.
pub fn clear(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    for table in [
        "meta",
        "archives",
        "snapshots",
        "gone",
        "replaced",
        "places",
        "heads",
        "tags",
        "tag_history",
        "operations",
        "redo",
        "stat_roots",
        "stat",
    ] {
        tx.execute(&format!("DELETE FROM {table}"), [])?;
    }
    Ok(())
}
