//! Checks how snapshots hang together: parents, heads, tags, and what the log says was recorded.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::disk::backup;
use crate::model::quote::quote;
use crate::model::{ErrorKind, Result, SnapshotId, Time};
use crate::repo::audit::ids;
use crate::repo::catalog::snapshot_id;
use crate::repo::finding::{Finding, Subject};
use crate::repo::info::Info;
use crate::repo::log::Line;
use crate::repo::store::Repo;
use crate::repo::text::PathText;
use crate::tree::local::Local;

/// A snapshot that is not there though nothing says that it was removed.
pub(super) struct Lost {
    /// Its id.
    pub id: SnapshotId,
    /// The directory that it recorded.
    pub directory: PathText,
    /// When.
    pub time: Time,
    /// What else is known of it.
    pub info: Option<Info>,
}

/// A snapshot as the log names it.
fn of_line(line: Line) -> Option<Lost> {
    match line {
        Line::Snapshot {
            id,
            directory,
            time,
            ..
        } => Some(Lost {
            id,
            directory,
            time,
            info: None,
        }),
        _ => None,
    }
}

/// A snapshot of which all is known.
fn of_info(info: &Info) -> Lost {
    Lost {
        id: info.id,
        directory: info.directory.clone(),
        time: info.time,
        info: Some(info.clone()),
    }
}

/// Which snapshots there are.
pub(super) struct Standing {
    /// Those that are there.
    pub there: Vec<Info>,
    /// Those that are there or said to be gone, by id.
    known: HashSet<SnapshotId>,
    /// Those that are neither.
    pub lost: Vec<Lost>,
    /// How many were removed and are said to be gone by no pack any more.
    pub unpacked: usize,
}

impl Standing {
    /// Of a repository; `more` is what damaged archives still say of themselves.
    pub fn new(repo: &Repo, more: &[Info]) -> Result<Self> {
        // What the log says was recorded has its archive already, and so the catalog has it after this.
        let logged = repo.log().read(0)?.lines;
        repo.catch_up()?;
        let there = repo.snapshots(None)?;
        let mut known = ids(repo, "SELECT id FROM snapshots UNION SELECT id FROM gone")?;
        let unpacked: HashSet<SnapshotId> = repo.lost_gone()?.iter().map(|g| g.gone).collect();
        known.extend(&unpacked);
        let mut lost: BTreeMap<SnapshotId, Lost> = BTreeMap::new();
        for (_, line) in logged {
            let found = of_line(line).filter(|found| !known.contains(&found.id));
            lost.extend(found.map(|found| (found.id, found)));
        }
        for info in repo.lost()?.iter().chain(more) {
            if !known.contains(&info.id) {
                lost.insert(info.id, of_info(info));
            }
        }
        known.extend(lost.keys());
        Ok(Standing {
            there,
            known,
            lost: lost.into_values().collect(),
            unpacked: unpacked.len(),
        })
    }

    /// Whether a snapshot is not there, and was not made meanwhile.
    fn lacks(&self, repo: &Repo, id: SnapshotId) -> Result<bool> {
        if self.known.contains(&id) {
            return Ok(false);
        }
        repo.catch_up()?;
        Ok(repo.find(id)?.is_none() && repo.gone(id)?.is_none())
    }

    /// Parents that are not there.
    pub fn parents(&self, found: &mut Vec<Finding>) {
        for info in &self.there {
            if let Some(parent) = info.parent.filter(|id| !self.known.contains(id)) {
                let message = format!("its parent {parent} is not there");
                found.push(Finding::new(Subject::Chain, message).of(info.id, &info.directory));
            }
        }
    }

    /// Heads that are not there: in the log, and in the BACKUP files of directories that are on this host.
    pub fn heads(&self, repo: &Repo, found: &mut Vec<Finding>) -> Result<()> {
        let logged: BTreeMap<Vec<u8>, Option<Vec<u8>>> = repo.ask(|c| {
            c.db.prepare("SELECT directory, id FROM heads")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        for (directory, id) in &logged {
            let id = id.clone().map(snapshot_id);
            if let Some(id) = id
                && self.lacks(repo, id)?
            {
                let message = format!("the log says that its head is {id}, which is not there");
                let directory = PathText(directory.clone());
                found.push(Finding::new(Subject::Head, message).in_directory(&directory));
            }
        }
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        let here: HashSet<&PathText> = self
            .there
            .iter()
            .filter(|info| info.host == host)
            .map(|info| &info.directory)
            .collect();
        let mut here: Vec<_> = here.into_iter().collect();
        here.sort_by(|a, b| a.0.cmp(&b.0));
        for directory in here {
            found.extend(self.backup(repo, directory)?);
        }
        Ok(())
    }

    /// What is wrong with the BACKUP file of a directory.
    fn backup(&self, repo: &Repo, directory: &PathText) -> Result<Option<Finding>> {
        let Ok(dir) = Local::open(Path::new(OsStr::from_bytes(&directory.0))) else {
            return Ok(None);
        };
        // It may be another one by now, behind a link.
        if dir.path().as_os_str().as_bytes() != directory.0 {
            return Ok(None);
        }
        let message = match backup::read(dir.handle()) {
            Ok(Some(id)) if self.lacks(repo, id)? => format!(
                ".fsync-backup names snapshot {id}, which this repository does not have; \
                 move it away, and the log's last head counts"
            ),
            Err(e) if e.kind() == ErrorKind::BadInput => e.to_string(),
            _ => return Ok(None),
        };
        let finding = Finding::new(Subject::Head, message);
        Ok(Some(finding.in_directory(directory)))
    }

    /// Tags that point nowhere.
    pub fn tags(&self, repo: &Repo, found: &mut Vec<Finding>) -> Result<()> {
        for tag in repo.tags(None)? {
            if let Some(id) = tag.id
                && self.lacks(repo, id)?
            {
                let name = quote(tag.name.as_bytes());
                let message = format!("the tag {name} names {id}, which is not there");
                found.push(Finding::new(Subject::Tag, message).in_directory(&tag.directory));
            }
        }
        Ok(())
    }
}

/// What is wrong with the log itself.
pub(super) fn log(repo: &Repo, archives: usize) -> Result<Vec<Finding>> {
    let lines = repo.log().read(0)?;
    let mut found: Vec<Finding> = lines
        .damaged
        .iter()
        .map(|at| Finding::new(Subject::Log, format!("the line at byte {at} is damaged")))
        .collect();
    let begins = matches!(lines.lines.first(), Some((0, Line::Repository { .. })));
    if !begins && !lines.damaged.contains(&0) && archives > 0 {
        let message = match lines.end {
            0 => "is gone or empty; tags, heads and operations are lost",
            _ => "does not begin with the repository's own line; it was cut, or is another one",
        };
        found.push(Finding::new(Subject::Log, message));
    }
    Ok(found)
}
