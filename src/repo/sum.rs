//! Sums over the catalog's rows. SQLite finds a page that makes no sense, but not a byte of a row that is another
//! one than was written; and what the catalog says decides what a snapshot is.
//!
//! A place has a sum of its own, and so has what the stat cache remembers of a directory
//! ([`crate::repo::stat`]). All other tables are small; one sum over them is kept in `meta`, written with every
//! change and compared when the catalog is opened.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension};

use crate::repo::catalog::Place;

/// The tables that are summed as a whole.
pub const SUMMED: [&str; 11] = [
    "archives",
    "snapshots",
    "gone",
    "replaced",
    "packs",
    "heads",
    "tags",
    "tag_history",
    "operations",
    "redo",
    "lost",
];

/// The sum of a place's row, in which the archive has the number `archive`.
pub fn place(id: &[u8; 32], archive: i64, place: &Place) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(id);
    let numbers = [place.offset, place.packed, place.size, u64::from(place.crc)];
    for n in [archive, place.form.number()] {
        sum.update(&n.to_le_bytes());
    }
    for n in numbers {
        sum.update(&n.to_le_bytes());
    }
    sum.finalize()
}

/// The sum of the small tables and of what else `meta` says.
fn tables(db: &Connection) -> rusqlite::Result<u32> {
    let mut sum = crc32fast::Hasher::new();
    let all = SUMMED.map(|table| format!("SELECT * FROM {table}"));
    let meta = "SELECT * FROM meta WHERE key <> 'sum'".to_string();
    for sql in all.into_iter().chain([meta]) {
        let mut query = db.prepare_cached(&sql)?;
        let columns = query.column_count();
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            for at in 0..columns {
                add(&mut sum, row.get_ref(at)?);
            }
        }
        sum.update(b"\0");
    }
    Ok(sum.finalize())
}

fn add(sum: &mut crc32fast::Hasher, value: ValueRef<'_>) {
    let (kind, bytes): (u8, &[u8]) = match &value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(n) => (1, &n.to_le_bytes()),
        ValueRef::Real(n) => (2, &n.to_le_bytes()),
        ValueRef::Text(text) => (3, text),
        ValueRef::Blob(bytes) => (4, bytes),
    };
    sum.update(&[kind]);
    sum.update(&(bytes.len() as u64).to_le_bytes());
    sum.update(bytes);
}

/// Writes the sum of the small tables, at the end of a transaction.
///
/// # Errors
/// SQLite's.
pub fn seal(db: &Connection) -> rusqlite::Result<()> {
    let sum = tables(db)?;
    db.execute(
        "INSERT OR REPLACE INTO meta (key, value) VALUES ('sum', ?1)",
        [sum],
    )?;
    Ok(())
}

/// Whether the small tables are what was written; new ones are.
///
/// # Errors
/// SQLite's.
pub fn holds(db: &Connection) -> rusqlite::Result<bool> {
    // One state, whoever writes meanwhile.
    let look = db.unchecked_transaction()?;
    let said: Option<u32> = look
        .query_row("SELECT value FROM meta WHERE key = 'sum'", [], |r| r.get(0))
        .optional()?;
    let fresh = said.is_none() && !look.prepare("SELECT 1 FROM meta")?.exists([])?;
    Ok(fresh || said == Some(tables(&look)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::catalog::Catalog;

    #[test]
    fn a_changed_row_is_seen() {
        let mut catalog = Catalog::in_memory().unwrap();
        assert!(holds(&catalog.db).unwrap());
        let tx = catalog.write().unwrap();
        tx.execute(
            "INSERT INTO heads (directory, id) VALUES (x'2f', x'01')",
            [],
        )
        .unwrap();
        tx.commit().unwrap();
        assert!(holds(&catalog.db).unwrap());
        catalog
            .db
            .execute("UPDATE heads SET id = x'02'", [])
            .unwrap();
        assert!(!holds(&catalog.db).unwrap());
    }
}
