//! Tags: names for snapshots that belong to a directory.

use rusqlite::{Transaction, params};

use crate::model::near;
use crate::model::quote::{is_hidden, quote};
use crate::model::{Error, ErrorKind, Result, SnapshotId, Time};
use crate::repo::catalog::snapshot_id;
use crate::repo::log::Line;
use crate::repo::store::Repo;
use crate::repo::text::PathText;

/// Where a tag points, or pointed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tag {
    /// The directory that it belongs to.
    pub directory: PathText,
    /// Its name.
    pub name: String,
    /// The snapshot; in a history, `None` is a deletion.
    pub id: Option<SnapshotId>,
    /// Since when.
    pub time: Time,
}

/// Whether text can be a tag: not empty, none of `/ @ ~ :`, no control characters or others that cannot be seen, no leading `-`, and
/// not 40 hex digits.
///
/// # Errors
/// [`ErrorKind::Usage`], with the rule that it breaks.
pub fn check(name: &str) -> Result<()> {
    let is_id = name.len() == 40 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let broken = if name.is_empty() {
        "is empty"
    } else if name.contains(['/', '@', '~', ':']) {
        "holds one of / @ ~ :"
    } else if name.chars().any(is_hidden) {
        "holds a control character, or one that cannot be seen"
    } else if name.starts_with('-') {
        "begins with -"
    } else if is_id {
        "looks like a snapshot's id"
    } else {
        return Ok(());
    };
    Err(Error::at(
        ErrorKind::Usage,
        name,
        format!("cannot be a tag: it {broken}"),
    ))
}

/// That a directory has no tag of that name, but perhaps one like it.
pub fn no_such(directory: &PathText, name: &str, there: &[Tag]) -> Error {
    let names = there.iter().map(|tag| tag.name.as_str());
    let hint = near::hint(name, names, "`fsync th` lists those that it has");
    let message = format!("{} has no such tag; {hint}", quote(&directory.0));
    Error::at(ErrorKind::NotFound, name, message)
}

/// Gives snapshots the tags that they were made with and that the log does not know of, which has lost lines then, or is
/// lost itself.
pub(super) fn revive(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR REPLACE INTO tags (directory, tag, id, secs, nanos)
         SELECT s.directory, json_extract(s.info, '$.tag'), s.id, s.secs, s.nanos FROM snapshots s
         WHERE json_extract(s.info, '$.tag') IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM tag_history h WHERE h.directory = s.directory AND h.tag = json_extract(s.info, '$.tag'))
         ORDER BY s.secs, s.nanos, s.n",
        [],
    )
    .map(|_| ())
}

impl Repo {
    /// Sets a tag, or moves it; its earlier positions stay in its history.
    ///
    /// # Errors
    /// A name that is no tag's, or a log that cannot be written.
    pub fn set_tag(&self, directory: &PathText, name: &str, id: SnapshotId) -> Result<()> {
        check(name)?;
        self.append(&[tag_line(directory, name, Some(id))])
            .map(|_| ())
    }

    /// Deletes a tag; its history stays.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none.
    pub fn delete_tag(&self, directory: &PathText, name: &str) -> Result<()> {
        let there = self.tags(Some(directory))?;
        if !there.iter().any(|tag| tag.name == name) {
            return Err(no_such(directory, name, &there));
        }
        self.append(&[tag_line(directory, name, None)]).map(|_| ())
    }

    /// The tags of all directories or of one, oldest position first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn tags(&self, directory: Option<&PathText>) -> Result<Vec<Tag>> {
        self.query_tags(
            "SELECT directory, tag, id, secs, nanos FROM tags WHERE ?1 IS NULL OR directory = ?1
             ORDER BY secs, nanos, directory, tag",
            params![directory.map(|d| &d.0)],
        )
    }

    /// All positions that tags had, oldest first; of one name or one directory where given.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn tag_history(
        &self,
        directory: Option<&PathText>,
        name: Option<&str>,
    ) -> Result<Vec<Tag>> {
        self.query_tags(
            "SELECT directory, tag, id, secs, nanos FROM tag_history
             WHERE (?1 IS NULL OR directory = ?1) AND (?2 IS NULL OR tag = ?2) ORDER BY n",
            params![directory.map(|d| &d.0), name],
        )
    }

    fn query_tags(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Tag>> {
        self.ask(|c| {
            let mut query = c.db.prepare_cached(sql)?;
            let rows = query.query_map(values, |row| {
                Ok(Tag {
                    directory: PathText(row.get(0)?),
                    name: row.get(1)?,
                    id: row.get::<_, Option<Vec<u8>>>(2)?.map(snapshot_id),
                    time: Time::new(row.get(3)?, row.get(4)?),
                })
            })?;
            rows.collect()
        })
    }
}

/// The log's line for a tag.
pub(crate) fn tag_line(directory: &PathText, name: &str, id: Option<SnapshotId>) -> Line {
    Line::Tag {
        directory: directory.clone(),
        tag: name.into(),
        id,
        time: Time::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_could_be_misread() {
        for bad in [
            "",
            "a/b",
            "a@",
            "a~1",
            "a:b",
            "a\nb",
            "-a",
            &"a1".repeat(20),
        ] {
            assert_eq!(check(bad).unwrap_err().kind(), ErrorKind::Usage, "{bad:?}");
        }
        for good in ["v1", "before the move", "\u{e4}", "abcd", "a-b"] {
            assert!(check(good).is_ok());
        }
    }
}
