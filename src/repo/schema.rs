//! The catalog's tables.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// The schema's number. A catalog of another is made anew: it is an index, and nothing in it is lost.
pub(super) const VERSION: i64 = 6;

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
CREATE TABLE packs (id BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE seen (pack BLOB NOT NULL, machine TEXT NOT NULL, PRIMARY KEY (pack, machine)) WITHOUT ROWID;
CREATE TABLE lost (id BLOB PRIMARY KEY, info TEXT, gone TEXT) WITHOUT ROWID;
CREATE TABLE places (
    id BLOB PRIMARY KEY, archive INTEGER NOT NULL, offset INTEGER NOT NULL, form INTEGER NOT NULL,
    packed INTEGER NOT NULL, size INTEGER NOT NULL, crc INTEGER NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
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
CREATE TABLE redo (n INTEGER PRIMARY KEY, directory BLOB NOT NULL, op INTEGER NOT NULL, snapshot BLOB NOT NULL,
    cleared BLOB);
CREATE TABLE stat_roots (n INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
CREATE TABLE stat (
    root INTEGER NOT NULL, path BLOB NOT NULL, children BLOB NOT NULL, PRIMARY KEY (root, path)) WITHOUT ROWID;
";

/// The schema's number of an open database; 0 of a new one.
pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.query_row("PRAGMA user_version", [], |row| row.get(0))
}

/// Makes the tables.
pub(super) fn make(db: &mut Connection) -> rusqlite::Result<()> {
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    tx.execute_batch(SCHEMA)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()
}

/// Empties every table.
///
/// # Errors
/// SQLite's.
pub(super) fn clear(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    for table in [
        "meta",
        "archives",
        "snapshots",
        "gone",
        "replaced",
        "packs",
        "seen",
        "places",
        "heads",
        "tags",
        "tag_history",
        "operations",
        "redo",
        "lost",
        "stat_roots",
        "stat",
    ] {
        tx.execute(&format!("DELETE FROM {table}"), [])?;
    }
    Ok(())
}
