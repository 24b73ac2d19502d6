//! What apply writes into the log: which operation began on which directory, after which snapshot.

use std::path::Path;

use crate::cli::place::{Place, Places};
use crate::disk::Root;
use crate::disk::mount::Mounts;
use crate::model::{Change, Error, ErrorKind, Kind, RelPath, Result, SnapshotId, Time};
use crate::protocol::SnapshotRecord;
use crate::repo::log::{Begin, Source, Work};
use crate::repo::{Repo, directory_at};

/// The journal of one directory.
pub struct Journal<'p> {
    repo: &'p Repo,
    directory: &'p Path,
    before: SnapshotId,
    /// What the snapshot could not record.
    pub unrecorded: Vec<RelPath>,
}

impl<'p> Journal<'p> {
    /// Holds a plan to its snapshot: it must be in the repository, be one of the destination, and cover every path that the plan changes.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Refused`].
    pub fn open(
        places: &'p Places,
        snapshot: &SnapshotRecord,
        destination: &'p Path,
        changes: &[Change],
    ) -> Result<Self> {
        let repo = places.repo()?;
        let info = repo.snapshot(snapshot.id)?;
        let name = std::os::unix::ffi::OsStrExt::as_bytes(destination.as_os_str());
        if info.directory != directory_at(destination) || *snapshot.directory != *name {
            let message = format!(
                "the plan's snapshot {} is of another directory",
                snapshot.id
            );
            return Err(Error::at(ErrorKind::Refused, name, message));
        }
        let unrecorded = info.unrecorded();
        let head = repo.head(&places.local(destination)?)?.id;
        if head != Some(snapshot.id) {
            let message = format!(
                "the plan's snapshot {} is not its head any more; pass the plan through fsync-snap --through again",
                snapshot.id
            );
            return Err(Error::at(ErrorKind::Refused, name, message));
        }
        let covered = info.filter()?;
        let out = changes.iter().find(|c| {
            let old = c.old.as_ref().or(c.new.as_ref());
            covered
                .excludes_within(&c.path, old.is_some_and(|s| s.kind == Kind::Directory))
                .is_some()
        });
        if let Some(change) = out {
            let message =
                "the plan changes it, and its snapshot was made with a rule that excludes it";
            return Err(Error::at(
                ErrorKind::Refused,
                change.path.as_bytes(),
                message,
            ));
        }
        Ok(Journal {
            repo,
            directory: destination,
            before: snapshot.id,
            unrecorded,
        })
    }

    /// Writes that the work begins; an earlier run that never ended has its temporaries swept. Its number.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn begin(&self, sources: &[Place], root: &Root) -> Result<u64> {
        sweep_after_crash(self.repo, self.directory, root)?;
        let mounts = Mounts::read();
        let source = |path: &Path| Source {
            path: directory_at(path),
            mounted: mounts.is_mount_point(path),
        };
        self.repo.begin(Begin {
            directory: directory_at(self.directory),
            work: Work::Apply,
            before: Some(self.before),
            target: None,
            sources: sources.iter().filter_map(Place::path).map(source).collect(),
            pid: std::process::id(),
            time: Time::now(),
        })
    }

    /// Writes that the work ended.
    ///
    /// # Errors
    /// When the log cannot be written.
    pub fn finish(&self, operation: u64, whole: bool) -> Result<()> {
        self.repo.finish(operation, whole, Some(self.before))
    }
}

/// Sweeps the whole tree for temporaries when the last operation on it never ended.
///
/// # Errors
/// When the log cannot be read.
pub fn sweep_after_crash(repo: &Repo, directory: &Path, root: &Root) -> Result<()> {
    let operations = repo.operations(directory)?;
    if operations
        .first()
        .is_some_and(|last| last.finished.is_none())
    {
        crate::disk::temporary::sweep_below(root);
    }
    Ok(())
}
