//! Which snapshot `fsync-revert` goes to.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::cli::Talk;
use crate::cli::place::Places;
use crate::cli::revert::Args;
use crate::model::near;
use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::ops::guard;
use crate::repo::log::Work;
use crate::repo::resolve::absolute;
use crate::repo::{Head, Info, Repo, directory_at};

/// Says of which directory nothing was recorded.
pub fn nothing_recorded(error: Error, dir: Option<&Path>) -> Error {
    match dir {
        Some(dir) => {
            let message = format!("nothing was recorded of it: {error}");
            Error::at(ErrorKind::NotFound, dir.as_os_str().as_bytes(), message)
        }
        None => error,
    }
}

/// Where a tag of this very directory points.
fn tagged(repo: &Repo, tag: &str, dir: &Path) -> Result<SnapshotId> {
    let tags = repo.tags(Some(&directory_at(dir)))?;
    let id = tags.iter().find(|t| t.name == tag).and_then(|t| t.id);
    id.ok_or_else(|| {
        let names = tags.iter().map(|t| t.name.as_str());
        let hint = near::hint(tag, names, "`fsync th` lists those that it has");
        let message = format!("has no tag {tag:?}; {hint}");
        Error::at(ErrorKind::NotFound, dir.as_os_str().as_bytes(), message)
    })
}

impl Args {
    /// The directory; of another machine's (//MACHINE/path) there is what was recorded, to be written elsewhere.
    pub(super) fn named(&self, dir: &Path) -> Result<PathBuf> {
        let is_far = dir.as_os_str().as_bytes().starts_with(b"//") && !dir.exists();
        match is_far && self.to.is_some() {
            true => Ok(absolute(dir)),
            false => guard::absolute(dir),
        }
    }

    /// The directory, and the snapshot that it is to be; `talk` says what is odd about its head.
    pub(super) fn target(
        &self,
        repo: &Repo,
        places: &Places,
        dir: Option<PathBuf>,
        talk: Talk,
    ) -> Result<(PathBuf, Info)> {
        let Some(dir) = dir else {
            let tag = self.tag.as_deref().unwrap_or_default();
            let info = repo.snapshot(repo.resolve(tag.as_bytes(), None)?)?;
            return Ok((PathBuf::from(OsStr::from_bytes(&info.directory.0)), info));
        };
        let id = match (&self.snapshot, &self.tag, self.redo) {
            (Some(name), _, _) => repo.resolve(name.as_bytes(), Some(&dir))?,
            (_, Some(tag), _) => tagged(repo, tag, &dir)?,
            (_, _, true) => self.undone(repo, &dir)?,
            _ => {
                let head = self.head(repo, places, &dir, talk)?;
                self.continued(repo, &dir, head)?
            }
        };
        Ok((dir, repo.snapshot(id)?))
    }

    /// Single paths taken back one after the other come from the same snapshot, though the first of these
    /// reverts recorded the state before it, which is the head now.
    fn continued(&self, repo: &Repo, dir: &Path, head: SnapshotId) -> Result<SnapshotId> {
        let operations = repo.operations(dir)?;
        let last = operations
            .first()
            .map(|o| &o.begun)
            .filter(|_| !self.paths.is_empty());
        let Some((before, target)) = last
            .filter(|b| b.work == Work::Apply)
            .and_then(|b| Some((b.before?, b.target?)))
        else {
            return Ok(head);
        };
        match repo.issued(before)? == head {
            true => repo.issued(target),
            false => Ok(head),
        }
    }

    fn undone(&self, repo: &Repo, dir: &Path) -> Result<SnapshotId> {
        let missing = || {
            let message = "there is no revert to take back: none was made since the last change";
            Error::at(ErrorKind::NotFound, dir.as_os_str().as_bytes(), message)
        };
        repo.redo(dir)?.map(|(_, id)| id).ok_or_else(missing)
    }

    fn head(&self, repo: &Repo, places: &Places, dir: &Path, talk: Talk) -> Result<SnapshotId> {
        let name = dir.as_os_str().as_bytes();
        let head = match places.local(dir) {
            Ok(local) => repo.head(&local)?,
            Err(e) if e.kind() == ErrorKind::NotFound => Head {
                id: repo.logged_head(&directory_at(dir))?,
                ..Head::default()
            },
            Err(e) => return Err(e),
        };
        if let Some(notice) = &head.notice {
            talk.note(notice);
        }
        match (head.id, head.foreign) {
            (Some(id), _) => Ok(id),
            (None, Some(foreign)) => {
                let message = format!(
                    "its BACKUP names {foreign}, which is not in this repository; name the right one with --repo"
                );
                Err(Error::at(ErrorKind::NotFound, name, message))
            }
            (None, None) if !dir.exists() => Err(Error::at(
                ErrorKind::NotFound,
                name,
                "does not exist, and nothing was recorded of it",
            )),
            (None, None) => Err(Error::at(
                ErrorKind::NotFound,
                name,
                "there is nothing before its present state; `fsync log` lists what else was recorded",
            )),
        }
    }
}
