//! A glance at a repository, for whoever must disturb nobody: nothing is made, mended or waited for.
//!
//! The catalog's file is read as it lies there. What another process is just entering may be missing; where the
//! catalog is missing or damaged, there is nothing to see.

use std::time::Duration;

use rusqlite::params;

use crate::model::{Error, ErrorKind, Result, SnapshotId, Time};
use crate::repo::catalog::{Catalog, failed, snapshot_id};
use crate::repo::store::Repo;
use crate::repo::text::PathText;
use crate::repo::trust::Location;
use crate::repo::upkeep::CATALOG;

/// A snapshot in a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Glimpse {
    /// Its id.
    pub id: SnapshotId,
    /// What it records.
    pub directory: PathText,
    /// When it was made.
    pub time: Time,
}

impl Repo {
    /// Opens a repository to look at it.
    ///
    /// # Errors
    /// As [`Self::open`]; and when it is locked at the moment, or has no catalog that can be read.
    pub fn peek(at: impl Into<Location>) -> Result<Repo> {
        let at = at.into();
        if at.remote.is_none() {
            Self::checked(&at)?;
        }
        let repo = Self::over(&at, &at.path, false, Duration::ZERO)?;
        repo.only_read();
        let found = Catalog::open_as_is(&repo.path().join(CATALOG)).map_err(failed)?;
        *repo.catalog() = found.ok_or_else(|| {
            Error::at(ErrorKind::Failed, CATALOG, "is of another version of fsync")
        })?;
        Ok(repo)
    }

    /// The directories that have snapshots, sorted.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn directories(&self) -> Result<Vec<PathText>> {
        self.ask(|c| {
            c.db.prepare_cached("SELECT DISTINCT directory FROM snapshots ORDER BY directory")?
                .query_map([], |row| row.get(0).map(PathText))?
                .collect()
        })
    }

    /// The newest `most` snapshots whose ids begin with `digits`, of all directories or of one.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn newest(
        &self,
        directory: Option<&PathText>,
        digits: &str,
        most: usize,
    ) -> Result<Vec<Glimpse>> {
        let sql = "SELECT id, directory, secs, nanos FROM snapshots
             WHERE (?1 IS NULL OR directory = ?1) AND substr(lower(hex(id)), 1, ?3) = ?2
             ORDER BY secs DESC, nanos DESC, n DESC LIMIT ?4";
        let values = params![
            directory.map(|d| &d.0),
            digits,
            digits.len() as i64,
            most as i64
        ];
        self.ask(|c| {
            c.db.prepare_cached(sql)?
                .query_map(values, |row| {
                    Ok(Glimpse {
                        id: row.get(0).map(snapshot_id)?,
                        directory: PathText(row.get(1)?),
                        time: Time::new(row.get(2)?, row.get(3)?),
                    })
                })?
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_what_is_there_and_leaves_it() {
        let base = tempfile::tempdir().unwrap();
        assert_eq!(
            Repo::peek(&base.path().join("none")).err().unwrap().kind(),
            ErrorKind::NotFound
        );
        let repo = Repo::create(base.path()).unwrap();
        let directory = PathText(b"/d".to_vec());
        repo.set_tag(&directory, "t", SnapshotId([1; 20])).unwrap();
        drop(repo);
        let seen = Repo::peek(base.path()).unwrap();
        assert_eq!(seen.tags(Some(&directory)).unwrap()[0].name, "t");
        assert_eq!(seen.directories().unwrap(), []);
        assert_eq!(seen.newest(None, "", 9).unwrap(), []);
        drop(seen);
        let alone = Repo::open_alone(base.path()).unwrap();
        assert_eq!(
            Repo::peek(base.path()).err().unwrap().kind(),
            ErrorKind::Busy
        );
        drop(alone);
        let catalog = base.path().join(CATALOG);
        std::fs::write(&catalog, "rubbish").unwrap();
        assert!(Repo::peek(base.path()).is_err());
        assert_eq!(std::fs::read(&catalog).unwrap(), b"rubbish");
    }
}
