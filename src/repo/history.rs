//! What happened to a directory: its snapshots, its head, the operations on it, and what can be redone.

use std::collections::HashSet;
use std::path::Path;

use rusqlite::{OptionalExtension, params};

use crate::disk::backup;
use crate::model::{Error, ErrorKind, NodeId, Result, SnapshotId, Time};
use crate::repo::catalog::snapshot_id;
use crate::repo::info::Info;
use crate::repo::log::{Begin, DONE, Finish, Line};
use crate::repo::pack::Gone;
use crate::repo::store::Repo;
use crate::repo::tag::tag_line;
use crate::repo::text::PathText;
use crate::tree::local::Local;

/// The bytes by which a directory is known: its absolute path, links resolved.
pub fn directory_of(dir: &Local) -> PathText {
    directory_at(dir.path())
}

/// The same of an absolute path.
pub fn directory_at(path: &Path) -> PathText {
    use std::os::unix::ffi::OsStrExt;
    PathText(path.as_os_str().as_bytes().to_vec())
}

/// Where a directory stands in its history.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// The snapshot that it comes from; `None` before its first.
    pub id: Option<SnapshotId>,
    /// What BACKUP names, when this repository does not have it; then there is no `id`.
    pub foreign: Option<SnapshotId>,
    /// Something that a person should be told.
    pub notice: Option<String>,
}

/// An operation, from the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operation {
    /// Its number.
    pub op: u64,
    /// How it began.
    pub begun: Begin,
    /// How it ended; `None` when it was cut short (or still runs).
    pub finished: Option<Finish>,
}

impl Repo {
    /// What is known of a snapshot.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none of that id.
    pub fn snapshot(&self, id: SnapshotId) -> Result<Info> {
        if let Some(info) = self.find(id)? {
            return Ok(info);
        }
        let message = match (self.gone(id)?, self.living(id)?) {
            (None, _) => format!("there is no snapshot {id} in this repository"),
            (Some(_), None) => format!("snapshot {id} is gone, and so is all before it"),
            (Some(_), Some(next)) => format!("snapshot {id} is gone; {next} is what is left there"),
        };
        Err(Error::new(ErrorKind::NotFound, message))
    }

    /// What a pack remembers of a snapshot that is gone.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn gone(&self, id: SnapshotId) -> Result<Option<Gone>> {
        let sql = "SELECT parent, instead, directory, secs, nanos FROM gone WHERE id = ?1";
        self.ask(|c| {
            c.db.prepare_cached(sql)?
                .query_row([id.as_bytes()], |r| read_gone(id, r))
                .optional()
        })
    }

    /// What `id` stands for: itself; of one that is gone, what was made instead of it, or else its nearest
    /// ancestor that is there.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn living(&self, id: SnapshotId) -> Result<Option<SnapshotId>> {
        let mut rest = vec![id];
        let mut seen = HashSet::new();
        while let Some(id) = rest.pop() {
            // Packs are not ours to trust: what they say may go round in a circle.
            if !seen.insert(id) {
                continue;
            }
            if self.find(id)?.is_some() {
                return Ok(Some(id));
            }
            if let Some(gone) = self.gone(id)? {
                rest.extend(gone.parent.into_iter().chain(gone.instead));
            }
        }
        Ok(None)
    }

    /// The nearest ancestor of a snapshot that is there.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn parent(&self, info: &Info) -> Result<Option<SnapshotId>> {
        info.parent.map_or(Ok(None), |id| self.living(id))
    }

    /// The same, `None` when there is none.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn find(&self, id: SnapshotId) -> Result<Option<Info>> {
        let text: Option<String> = self.ask(|c| {
            c.db.prepare_cached("SELECT info FROM snapshots WHERE id = ?1")?
                .query_row([id.as_bytes()], |row| row.get(0))
                .optional()
        })?;
        text.map(|text| read_info(id, &text)).transpose()
    }

    /// All snapshots, or those of one directory, oldest first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn snapshots(&self, directory: Option<&Path>) -> Result<Vec<Info>> {
        let wanted = directory.map(|d| directory_at(d).0);
        let sql = "SELECT id, info FROM snapshots WHERE ?1 IS NULL OR directory = ?1 ORDER BY secs, nanos, n";
        let rows: Vec<(Vec<u8>, String)> = self.ask(|c| {
            c.db.prepare_cached(sql)?
                .query_map([&wanted], |r| Ok((r.get(0)?, r.get(1)?)))?
                .collect()
        })?;
        rows.into_iter()
            .map(|(id, text)| read_info(snapshot_id(id), &text))
            .collect()
    }

    /// Whether a directory has any snapshot that was not imported.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn has_snapshots(&self, directory: &PathText) -> Result<bool> {
        self.ask(|c| {
            let sql = "SELECT 1 FROM snapshots WHERE directory = ?1 AND json_extract(info, '$.imported') IS NULL";
            c.db.prepare_cached(sql)?.exists([&directory.0])
        })
    }

    /// The snapshots of `directory` that record `tree` and have that parent, newest first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn twins(
        &self,
        directory: &PathText,
        tree: NodeId,
        parent: Option<SnapshotId>,
    ) -> Result<Vec<SnapshotId>> {
        let parent = parent.as_ref().map(SnapshotId::as_bytes);
        let sql = "SELECT id FROM snapshots WHERE directory = ?1 AND tree = ?2 AND parent IS ?3 ORDER BY n DESC";
        self.ask(|c| {
            c.db.prepare_cached(sql)?
                .query_map(params![directory.0, tree.as_bytes(), parent], |row| {
                    row.get(0).map(snapshot_id)
                })?
                .collect()
        })
    }

    /// The head of a directory: what BACKUP names; without one, the log's last.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when BACKUP is malformed.
    pub fn head(&self, dir: &Local) -> Result<Head> {
        let named = backup::read(dir.handle()).map_err(|e| e.within(&directory_of(dir).0))?;
        let Some(named) = named else {
            let id = self.logged_head(&directory_of(dir))?;
            return Ok(Head {
                id,
                foreign: None,
                notice: id.map(|id| {
                    format!("there is no .fsync-backup; the log's last head {id} counts")
                }),
            });
        };
        Ok(match self.living(named)? {
            Some(id) if id == named => Head {
                id: Some(named),
                ..Head::default()
            },
            Some(id) => Head {
                id: Some(id),
                foreign: None,
                notice: Some(format!(
                    ".fsync-backup names snapshot {named}, which is gone; {id} counts instead"
                )),
            },
            None if self.gone(named)?.is_some() => Head {
                notice: Some(format!(
                    ".fsync-backup names snapshot {named}, which is gone, and so is all before it"
                )),
                ..Head::default()
            },
            None => Head {
                id: None,
                foreign: Some(named),
                notice: Some(format!(
                    ".fsync-backup names snapshot {named}, which this repository does not have"
                )),
            },
        })
    }

    /// The log's lines of a new snapshot: that it is there, that it is the head, its tag.
    pub(crate) fn log_snapshot(
        &self,
        id: SnapshotId,
        directory: &PathText,
        tag: Option<&str>,
    ) -> Result<()> {
        let mut lines = vec![
            Line::Snapshot {
                id,
                directory: directory.clone(),
                time: Time::now(),
                imported: false,
            },
            Line::Head {
                directory: directory.clone(),
                id: Some(id),
                time: Time::now(),
            },
        ];
        lines.extend(tag.map(|tag| tag_line(directory, tag, Some(id))));
        self.log().append(&lines)?;
        // It counts when others can see it.
        self.publish()
    }

    /// The log's lines of a snapshot that was imported: that it is there, its tag.
    pub(crate) fn log_import(
        &self,
        id: SnapshotId,
        directory: &PathText,
        tag: Option<&str>,
    ) -> Result<()> {
        let mut lines = vec![Line::Snapshot {
            id,
            directory: directory.clone(),
            time: Time::now(),
            imported: true,
        }];
        lines.extend(tag.map(|tag| tag_line(directory, tag, Some(id))));
        self.log().append(&lines)?;
        self.publish()
    }

    /// The head that the log has for a directory.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn logged_head(&self, directory: &PathText) -> Result<Option<SnapshotId>> {
        let id: Option<Option<Vec<u8>>> = self.ask(|c| {
            let sql = "SELECT id FROM heads WHERE directory = ?1";
            c.db.query_row(sql, [&directory.0], |r| r.get(0)).optional()
        })?;
        let id = id.flatten().map(snapshot_id);
        id.map_or(Ok(None), |id| self.living(id))
    }

    /// Moves the head of a directory: in the log, then its BACKUP file (`None` removes it). What says so already is not written.
    ///
    /// # Errors
    /// When either cannot be written.
    pub fn set_head(&self, dir: &Local, id: Option<SnapshotId>) -> Result<()> {
        let directory = directory_of(dir);
        if self.logged_head(&directory)? != id {
            self.append(&[Line::Head {
                directory,
                id,
                time: Time::now(),
            }])?;
        }
        self.name_head(dir, id)
    }

    /// Makes the BACKUP file say what the log has said.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn name_head(&self, dir: &Local, id: Option<SnapshotId>) -> Result<()> {
        backup::write(dir.handle(), id).map_err(|e| e.within(&directory_of(dir).0))
    }

    /// Records that an operation begins; its number.
    ///
    /// # Errors
    /// When the log cannot be written: then it must not begin.
    pub fn begin(&self, operation: Begin) -> Result<u64> {
        let places = self.append(&[Line::Begin(operation)])?;
        Ok(places.first().copied().unwrap_or_default())
    }

    /// Records that an operation ended, whether it did all there was to do, and the head afterwards.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn finish(&self, op: u64, complete: bool, head: Option<SnapshotId>) -> Result<()> {
        self.log().append(&[Line::Finish(Finish {
            op,
            outcome: if complete { DONE } else { "partial" }.into(),
            head,
            time: Time::now(),
        })])?;
        // That is what counts; whoever opens the catalog next enters it.
        let _ = self.catch_up();
        self.publish_soon();
        Ok(())
    }

    /// The operations on a directory, newest first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn operations(&self, directory: &Path) -> Result<Vec<Operation>> {
        let sql =
            "SELECT op, begun, finished FROM operations WHERE directory = ?1 ORDER BY op DESC";
        let rows: Vec<(i64, String, Option<String>)> = self.ask(|c| {
            c.db.prepare_cached(sql)?
                .query_map([directory_at(directory).0], |r| {
                    Ok((r.get(0)?, r.get(1)?, r.get(2)?))
                })?
                .collect()
        })?;
        let bad = |e: serde_json::Error| Error::at(ErrorKind::Failed, "catalog.db", e.to_string());
        rows.into_iter()
            .map(|(op, begun, finished)| {
                Ok(Operation {
                    op: op as u64,
                    begun: serde_json::from_str(&begun).map_err(bad)?,
                    finished: finished
                        .map(|f| serde_json::from_str(&f).map_err(bad))
                        .transpose()?,
                })
            })
            .collect()
    }

    /// What a redo brings back: the newest revert not yet redone, and the snapshot before it.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn redo(&self, directory: &Path) -> Result<Option<(u64, SnapshotId)>> {
        let newest = self.ask(|c| {
            c.db.query_row(
                "SELECT op, snapshot FROM redo WHERE directory = ?1 AND cleared IS NULL ORDER BY n DESC LIMIT 1",
                [directory_at(directory).0],
                |row| Ok((row.get::<_, i64>(0)? as u64, snapshot_id(row.get(1)?))),
            )
            .optional()
        })?;
        newest.map_or(Ok(None), |(op, id): (u64, SnapshotId)| {
            Ok(Some((op, self.issued(id)?)))
        })
    }
}

fn read_gone(id: SnapshotId, row: &rusqlite::Row<'_>) -> rusqlite::Result<Gone> {
    let other = |at| Ok::<_, rusqlite::Error>(row.get::<_, Option<Vec<u8>>>(at)?.map(snapshot_id));
    Ok(Gone {
        gone: id,
        parent: other(0)?,
        instead: other(1)?,
        directory: PathText(row.get(2)?),
        time: Time::new(row.get(3)?, row.get(4)?),
    })
}

fn read_info(id: SnapshotId, text: &str) -> Result<Info> {
    let mut info: Info = serde_json::from_str(text)
        .map_err(|e| Error::at(ErrorKind::Failed, "catalog.db", e.to_string()))?;
    info.id = id;
    Ok(info)
}
