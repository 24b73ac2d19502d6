//! The catalog: an SQLite index of archives and log. Everything in it can be made again from them
//! (but for the stat cache, which only saves reading); [`crate::repo::upkeep`] does that.
//!
//! Write transactions are `IMMEDIATE`: one that began as a reader could find itself busy half-way. SQLite
//! does not see when bytes of a row change on the disk; [`crate::repo::sum`] does.

use std::path::Path;
use std::time::Duration;

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};

use crate::model::{ContentId, Error, ErrorKind, Result, SnapshotId};
use crate::repo::schema::{VERSION, make, version};
use crate::repo::sum;

/// How long a writer waits for another.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of the file SQLite keeps in memory.
const CACHE_KIB: i64 = 32 << 10;
/// A connection is one thread's at a time; the catalog is a file of its own, and nothing behind a link.
const OWN: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_NOFOLLOW);
/// Where a content lies.
const PLACE: &str =
    "SELECT a.id, p.offset, p.form, p.packed, p.size, p.crc, p.archive, p.sum, p.id FROM places p
    JOIN archives a ON a.n = p.archive";

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
    pub(super) fn number(self) -> i64 {
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

/// A transaction that writes. What it leaves is summed when it is committed.
pub struct Write<'c>(Transaction<'c>);

impl<'c> std::ops::Deref for Write<'c> {
    type Target = Transaction<'c>;

    fn deref(&self) -> &Transaction<'c> {
        &self.0
    }
}

impl Write<'_> {
    /// Commits.
    ///
    /// # Errors
    /// SQLite's.
    pub fn commit(self) -> rusqlite::Result<()> {
        sum::seal(&self.0)?;
        self.0.commit()
    }
}

/// A failure of SQLite as the library's error.
pub fn failed(e: rusqlite::Error) -> Error {
    let kind = match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
        _ if is_unusable(&e) => ErrorKind::Damaged,
        _ => ErrorKind::Failed,
    };
    Error::at(kind, "catalog.db", words(&e))
}

/// What SQLite says, in the words of who knows a catalog and no database.
pub(super) fn words(e: &rusqlite::Error) -> String {
    let words = match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "is held by another program (or the system gives no locks); try again when that is done"
        }
        Some(ErrorCode::DiskFull) => "cannot be written: the disk is full",
        Some(ErrorCode::SystemIoFailure) => {
            "cannot be read or written: the system reports an error of its disk; it is an index, and can be deleted \
             when nobody uses it"
        }
        Some(ErrorCode::CannotOpen) => "cannot be opened",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => "cannot be written",
        Some(ErrorCode::OutOfMemory) => "needs more memory than there is",
        Some(ErrorCode::DatabaseCorrupt) => "its pages are damaged",
        _ => return e.to_string(),
    };
    words.into()
}

/// Whether the catalog itself is at fault: it is no database, or another one, or not what was written.
pub fn is_unusable(e: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, SqlInputError,
    };
    match e {
        FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) => true,
        // Our statements are fixed: what SQLite finds wrong with one of them is that tables or columns are missing.
        SqlInputError { .. } => true,
        _ => matches!(
            e.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        ),
    }
}

/// Whether the place where the catalog lies is at fault, which may be full, read-only or somebody else's.
pub fn is_unwritable(e: &rusqlite::Error) -> bool {
    matches!(
        e.sqlite_error_code(),
        Some(
            ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
        )
    )
}

/// A path as SQLite's URI, for reading what nobody writes at the moment.
fn immutable(path: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let raw = path.as_os_str().as_bytes();
    let quoted: String = raw.iter().map(|b| format!("%{b:02x}")).collect();
    format!("file:{quoted}?immutable=1")
}

impl Catalog {
    /// Opens the catalog in a file; `None` when it is not one of ours, has no tables yet, or others of
    /// another schema.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open(path: &Path) -> rusqlite::Result<Option<Catalog>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OWN;
        let db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(PATIENCE)?;
        if version(&db)? != VERSION {
            return Ok(None);
        }
        Self::ready(db).map(Some)
    }

    /// Opens it for reading only.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open_read_only(path: &Path) -> rusqlite::Result<Option<Catalog>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OWN;
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        match std::fs::metadata(wal) {
            // What is in it counts, and SQLite alone knows how.
            Ok(wal) if wal.len() > 0 => {
                let db = Connection::open_with_flags(path, flags)?;
                Ok((version(&db)? == VERSION).then_some(Catalog { db }))
            }
            _ => Self::open_as_is(path),
        }
    }

    /// Opens its file as it lies there: no lock is taken, no file made, and what others have not yet brought into it is
    /// not seen.
    ///
    /// # Errors
    /// SQLite's.
    pub fn open_as_is(path: &Path) -> rusqlite::Result<Option<Catalog>> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OWN;
        let db = Connection::open_with_flags(immutable(path), flags)?;
        Ok((version(&db)? == VERSION).then_some(Catalog { db }))
    }

    /// Makes a new one in a file that is not there; nobody else may be at it.
    ///
    /// # Errors
    /// SQLite's.
    pub fn create(path: &Path) -> rusqlite::Result<Catalog> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OWN;
        let mut db = Connection::open_with_flags(path, flags)?;
        db.busy_timeout(PATIENCE)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        make(&mut db)?;
        Self::ready(db)
    }

    /// One that is only in memory.
    ///
    /// # Errors
    /// SQLite's.
    pub fn in_memory() -> rusqlite::Result<Catalog> {
        let mut db = Connection::open_in_memory()?;
        make(&mut db)?;
        Ok(Catalog { db })
    }

    fn ready(db: Connection) -> rusqlite::Result<Catalog> {
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "NORMAL")?;
        db.pragma_update(None, "cache_size", -CACHE_KIB)?;
        db.set_prepared_statement_cache_capacity(64);
        Ok(Catalog { db })
    }

    /// Begins to read the catalog as it is now, until [`Self::read_on`] or a transaction that writes. Each look by itself
    /// costs several system calls, which take and drop SQLite's locks.
    ///
    /// # Errors
    /// SQLite's.
    pub fn read_still(&self) -> rusqlite::Result<()> {
        match self.db.is_autocommit() {
            true => self.db.execute_batch("BEGIN"),
            false => Ok(()),
        }
    }

    /// Reads from now on what others write.
    ///
    /// # Errors
    /// SQLite's.
    pub fn read_on(&self) -> rusqlite::Result<()> {
        match self.db.is_autocommit() {
            true => Ok(()),
            false => self.db.execute_batch("COMMIT"),
        }
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`] when others hold it for too long.
    pub fn write(&mut self) -> Result<Write<'_>> {
        self.begin().map_err(failed)
    }

    /// The same, with SQLite's own words.
    pub(super) fn begin(&mut self) -> rusqlite::Result<Write<'_>> {
        self.read_on()?;
        self.db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map(Write)
    }

    /// Where the bytes with that SHA-256 lie.
    pub(super) fn find_place(&self, id: &[u8; 32]) -> rusqlite::Result<Option<Place>> {
        self.db
            .prepare_cached(&format!("{PLACE} WHERE p.id = ?1"))?
            .query_row([&id[..]], read_place)
            .optional()
    }

    /// Where many contents lie, in their order, all as of one moment.
    pub(super) fn places(&self, ids: &[Option<ContentId>]) -> rusqlite::Result<Vec<Option<Place>>> {
        let moment = self.db.is_autocommit();
        self.read_still()?;
        let find = |id: &Option<ContentId>| id.map_or(Ok(None), |id| self.find_place(&id.0));
        let found = ids.iter().map(find).collect();
        if moment {
            self.read_on()?;
        }
        found
    }

    /// The place of everything, in no order.
    pub(super) fn each_place(&self) -> rusqlite::Result<Vec<NewPlace>> {
        self.db
            .prepare_cached(PLACE)?
            .query_map([], |row| Ok((row.get(8)?, read_place(row)?)))?
            .collect()
    }

    /// Whether the repository holds the bytes with that SHA-256.
    pub(super) fn holds(&self, id: &[u8; 32]) -> rusqlite::Result<bool> {
        self.db
            .prepare_cached("SELECT 1 FROM places WHERE id = ?1")?
            .exists([&id[..]])
    }
}

fn read_place(row: &rusqlite::Row<'_>) -> rusqlite::Result<Place> {
    let id: [u8; 32] = row.get(8)?;
    let form: i64 = row.get(2)?;
    let place = Place {
        archive: snapshot_id(row.get(0)?),
        offset: row.get::<_, i64>(1)? as u64,
        form: Form::from_number(form).ok_or(rusqlite::Error::IntegralValueOutOfRange(2, form))?,
        packed: row.get::<_, i64>(3)? as u64,
        size: row.get::<_, i64>(4)? as u64,
        crc: row.get(5)?,
    };
    let said: i64 = row.get(7)?;
    match said == i64::from(sum::place(&id, row.get(6)?, &place)) {
        true => Ok(place),
        false => Err(rusqlite::Error::IntegralValueOutOfRange(7, said)),
    }
}

/// An id as SQLite keeps it. (One of another length cannot be: it names nothing.)
pub fn snapshot_id(raw: Vec<u8>) -> SnapshotId {
    SnapshotId::from_slice(&raw).unwrap_or(SnapshotId([0; 20]))
}

/// A value of the table `meta`.
///
/// # Errors
/// SQLite's.
pub fn meta_of<T: rusqlite::types::FromSql>(
    db: &Connection,
    key: &str,
) -> rusqlite::Result<Option<T>> {
    db.prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
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
