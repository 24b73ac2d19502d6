//! Makes a snapshot of a directory, or finds the one that says the same.
//!
//! A directory that is as its head records it gets no new snapshot; one that is as a child of its head
//! records it (after a revert, say) makes that child the head. Anything else becomes an archive
//! whose parent is the head. The same holds without a head: then it is a snapshot without parent.
//! A snapshot made by other rules says something else, since what rules exclude is not covered.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::disk::lock::{Lock, PATIENCE, lock};
use crate::model::listed::Scope;
use crate::model::meter::{self, Phase};
use crate::model::quote::quote;
use crate::model::{Error, Filter, NodeId, Problem, Result, SnapshotId, Time};
use crate::ops::record::{Found, Walk};
use crate::ops::space::{self, Demand};
use crate::repo::archive::{Archive, Purpose};
use crate::repo::index::What;
use crate::repo::info::FORMAT;
use crate::repo::{Extent, Head, Info, PathText, Repo, directory_of, stat, tag};
use crate::tree::local::Local;
use crate::tree::{Tree, attribute};

/// The stack of a worker: walking goes as deep as the tree does. It is address space, not memory.
const STACK: usize = 64 << 20;

/// How to record.
#[derive(Clone, Debug, Default)]
pub struct SnapOptions {
    /// Hold the whole tree, though the repository has parts of it.
    pub full: bool,
    /// Tag the snapshot.
    pub tag: Option<String>,
    /// What belongs to the tree.
    pub filter: Filter,
    /// Begin although the repository seems to have no room for it.
    pub allow_low_space: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Snapped {
    /// The snapshot that records the directory, its head now.
    pub id: SnapshotId,
    /// Whether it was made now.
    pub new: bool,
    /// Something that a person should be told.
    pub notice: Option<String>,
    /// What could not be recorded rightly; each one makes the run a partial one.
    pub problems: Vec<Problem>,
    /// How many entries the rules left out.
    pub excluded: u64,
}

/// Locks a directory against other runs that would record or change it.
///
/// # Errors
/// [`ErrorKind::Busy`] when another does not let go.
pub fn lock_directory(dir: &Local) -> Result<Lock> {
    lock(dir.handle(), true, dir.path(), PATIENCE)
}

/// Records a directory, under its lock.
///
/// # Errors
/// As [`snap_locked`]; [`ErrorKind::Busy`].
pub fn snap(repo: &Repo, dir: &Local, options: &SnapOptions) -> Result<Snapped> {
    let held = lock_directory(dir)?;
    snap_locked(repo, dir, options, &held)
}

/// Records a directory whose lock the caller holds.
///
/// # Errors
/// A bad tag; a malformed BACKUP; [`ErrorKind::Refused`] when the repository has no room; a root that cannot be
/// read; a repository that cannot be written. Then no snapshot was made and BACKUP is as before.
pub fn snap_locked(
    repo: &Repo,
    dir: &Local,
    options: &SnapOptions,
    _held: &Lock,
) -> Result<Snapped> {
    options.tag.as_deref().map_or(Ok(()), tag::check)?;
    attribute::reachable()?;
    let directory = directory_of(dir);
    let head = repo.head(dir)?;
    // In a store what others have recorded is never stored again.
    let full = options.full || !repo.is_shared() && !repo.has_snapshots(&directory)?;
    let start = Time::now();
    let root = repo.stat_root(&directory)?;
    let demand = Demand {
        repo,
        dir,
        filter: &options.filter,
        root,
        full,
        scope: Scope::Whole,
    };
    if !options.allow_low_space {
        space::check(&demand)?;
    }
    let archive = Archive::new(repo, purpose(dir, &head, full, start)?);
    let (tree, found) = walk(repo, dir, &archive, options, root, full, start)?;
    let walked = Walked {
        forget: outgrown(repo, root, &found)?,
        archive,
        tree,
        found,
        full,
        start,
    };
    walked.conclude(repo, dir, head, options)
}

/// A directory that was walked.
pub(super) struct Walked {
    /// What is new.
    pub archive: Archive,
    /// The id of the tree.
    pub tree: NodeId,
    /// What was found.
    pub found: Found,
    /// Whether the archive holds the whole tree.
    pub full: bool,
    /// When the walk began.
    pub start: Time,
    /// Directories that were not met are forgotten.
    pub forget: bool,
}

impl Walked {
    /// Makes it a snapshot, or finds the one that says the same.
    pub(super) fn conclude(
        self,
        repo: &Repo,
        dir: &Local,
        head: Head,
        options: &SnapOptions,
    ) -> Result<Snapped> {
        let directory = directory_of(dir);
        let (tree, found) = (self.tree, self.found);
        let changes = Changes {
            directory: &directory,
            forget: self.forget,
            found: &found,
        };
        let known = known(repo, &directory, &head, tree, options)?;
        let id = match known {
            Some(id) => {
                drop(self.archive);
                changes.save(repo)?;
                adopt(repo, dir, id, options.tag.as_deref())?;
                id
            }
            None => {
                let info = info(
                    &directory, &head, tree, self.full, self.start, options, &found,
                );
                commit(repo, dir, self.archive, info, &changes)?
            }
        };
        Ok(Snapped {
            id,
            new: known.is_none(),
            notice: head.notice,
            problems: found.problems,
            excluded: found.excluded,
        })
    }
}

/// Makes a snapshot that is there already the head.
fn adopt(repo: &Repo, dir: &Local, id: SnapshotId, tag: Option<&str>) -> Result<()> {
    if let Some(tag) = tag {
        repo.set_tag(&directory_of(dir), tag, id)?;
    }
    repo.set_head(dir, Some(id))
}

/// Commits an archive: the file, the log, the catalog, BACKUP. A crash between two of them heals with the next run.
fn commit(
    repo: &Repo,
    dir: &Local,
    archive: Archive,
    info: Info,
    changes: &Changes<'_>,
) -> Result<SnapshotId> {
    let tag = info.tag.clone();
    let index = archive.commit(&What::Snapshot(Box::new(info)))?;
    let id = index.id;
    repo.confirm(&index)?;
    repo.log_snapshot(id, changes.directory, tag.as_deref())?;
    repo.enter_archive(&index, |tx| changes.write(tx))?;
    repo.catch_up()?;
    repo.name_head(dir, Some(id))?;
    Ok(id)
}

/// Whether directories are remembered that were not met.
fn outgrown(repo: &Repo, root: Option<i64>, found: &Found) -> Result<bool> {
    match root {
        Some(root) => Ok(repo.memories(root)? > found.remembered.len() as u64),
        None => Ok(false),
    }
}

/// Threads for walking, with room for a deep tree.
///
/// # Errors
/// When they cannot be started.
pub(super) fn pool() -> Result<rayon::ThreadPool> {
    let pool = || rayon::ThreadPoolBuilder::new().stack_size(STACK);
    let threads = rayon::current_num_threads();
    let several = pool().num_threads(threads).build();
    several.or_else(|_| pool().num_threads(1).build()).map_err(|e| {
        let cause = std::error::Error::source(&e).and_then(|s| s.downcast_ref::<io::Error>());
        let cause: io::Error = match cause.and_then(io::Error::raw_os_error) {
            Some(number) => io::Error::from_raw_os_error(number),
            None => io::ErrorKind::Other.into(),
        };
        let message = "cannot start a thread; end other programs, or raise the limits of processes and memory (ulimit)";
        Error::refused(message, cause)
    })
}

/// Walks with a pool of its own.
pub(super) fn walk(
    repo: &Repo,
    dir: &Local,
    archive: &Archive,
    options: &SnapOptions,
    root: Option<i64>,
    full: bool,
    start: Time,
) -> Result<(NodeId, Found)> {
    let walk = Walk {
        repo,
        archive,
        filter: &options.filter,
        root,
        full,
        start,
        found: Mutex::default(),
    };
    meter::begin(Phase::Recording, None);
    let tree = {
        let _still = repo.reading()?;
        pool()?.install(|| walk.tree(dir))?
    };
    Ok((tree, settled(walk.found)))
}

/// What was found, in order.
pub(super) fn settled(found: Mutex<Found>) -> Found {
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.problems.sort_by(|a, b| a.path.cmp(&b.path));
    found.unstable.sort();
    found.unreadable.sort();
    found.unstable.dedup();
    found.unreadable.dedup();
    found
}

pub(super) fn purpose(dir: &Local, head: &Head, full: bool, time: Time) -> Result<Purpose> {
    let path = dir.path().as_os_str().as_bytes();
    let open = dir.open()?;
    let mut folder = ".fsync".to_string();
    let mut n = 0;
    while open.entry(folder.as_bytes())?.is_some() {
        n += 1;
        folder = format!(".fsync-{n}");
    }
    let what = match full {
        true => "A snapshot",
        false => "What was new in a snapshot",
    };
    let about = format!(
        "{what} of {} at {}, made by fsync {}. Files are under their own names; {folder}/ holds the rest.",
        quote(path),
        time.rfc3339(),
        env!("CARGO_PKG_VERSION")
    );
    Ok(Purpose {
        full,
        backup: head.id.or(head.foreign),
        folder,
        time,
        about,
    })
}

/// The snapshot that says the same already: the head, or a child of it.
fn known(
    repo: &Repo,
    directory: &PathText,
    head: &Head,
    tree: NodeId,
    options: &SnapOptions,
) -> Result<Option<SnapshotId>> {
    let fits = |info: &Info| {
        let whole = !options.full || info.extent == Extent::Full;
        info.directory == *directory
            && info.tree == tree
            && info.rules == options.filter.rules()
            && whole
    };
    if let Some(id) = head.id
        && fits(&repo.snapshot(id)?)
    {
        return Ok(Some(id));
    }
    for id in repo.twins(directory, tree, head.id)? {
        let info = repo.snapshot(id)?;
        if fits(&info) && info.foreign_parent == head.foreign {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn info(
    directory: &PathText,
    head: &Head,
    tree: NodeId,
    full: bool,
    time: Time,
    options: &SnapOptions,
    found: &Found,
) -> Info {
    let texts = |paths: &[crate::model::RelPath]| {
        paths
            .iter()
            .map(|p| PathText(p.as_bytes().to_vec()))
            .collect()
    };
    Info {
        format: FORMAT,
        id: SnapshotId([0; 20]),
        tree,
        parent: head.id,
        foreign_parent: head.foreign,
        directory: directory.clone(),
        host: rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
        time,
        extent: if full { Extent::Full } else { Extent::Thin },
        tag: options.tag.clone(),
        rules: options.filter.rules().to_vec(),
        counts: found.counts,
        unstable: texts(&found.unstable),
        unreadable: texts(&found.unreadable),
        imported: None,
        forgotten: Vec::new(),
    }
}

/// What the stat cache shall hold from now on.
struct Changes<'a> {
    directory: &'a PathText,
    found: &'a Found,
    forget: bool,
}

impl Changes<'_> {
    fn write(&self, tx: &rusqlite::Transaction<'_>) -> rusqlite::Result<()> {
        let kept = self.forget.then_some(&self.found.remembered);
        stat::remember(tx, self.directory, &self.found.changed, kept)
    }

    /// Writes, if there is anything to write.
    fn save(&self, repo: &Repo) -> Result<()> {
        match self.found.changed.is_empty() && !self.forget {
            true => Ok(()),
            false => repo.change_catalog(|tx| self.write(tx)),
        }
    }
}

/// Whether a path lies in a repository, so that recording it would record itself.
pub fn is_inside(repo: &Repo, path: &Path) -> bool {
    path.starts_with(repo.path())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::ops::fixture::{place, text};

    #[test]
    fn later_archives_are_thin_and_chained() {
        let p = place();
        for n in 0..300 {
            p.write(&format!("d{}/f{n}", n % 7), format!("text {n}").repeat(50));
        }
        let first = p.snap().id;
        p.write("d3/new", "news");
        let second = p.snap();
        assert!(second.new);
        let size = fs::metadata(p.repo.archive_path(second.id)).unwrap().len();
        assert!(size < 8192, "{size}");
        let info = p.repo.snapshot(second.id).unwrap();
        assert_eq!((info.parent, info.extent), (Some(first), Extent::Thin));
        assert_eq!(text(&p.repo.tree(second.id).unwrap()), text(&p.local()));
        let options = SnapOptions {
            full: true,
            ..SnapOptions::default()
        };
        let full = snap(&p.repo, &p.local(), &options).unwrap();
        assert!(full.new && p.repo.snapshot(full.id).unwrap().extent == Extent::Full);
        assert!(!snap(&p.repo, &p.local(), &options).unwrap().new);
    }

    #[test]
    fn a_child_that_says_the_same_becomes_the_head() {
        let p = place();
        p.write("a", "1");
        let first = p.snap().id;
        p.write("a", "22");
        let second = p.snap().id;
        // As after a revert: the state of the second, the head at the first.
        p.repo.set_head(&p.local(), Some(first)).unwrap();
        let again = p.snap();
        assert_eq!((again.id, again.new), (second, false));
        // As after the revert of the first.
        p.write("a", "1");
        let time = p.repo.tree(first).unwrap();
        let mtime = time
            .open()
            .unwrap()
            .entry(b"a")
            .unwrap()
            .unwrap()
            .state
            .mtime;
        let file = fs::File::options()
            .write(true)
            .open(p.dir.join("a"))
            .unwrap();
        let at = std::time::UNIX_EPOCH + std::time::Duration::new(mtime.secs as u64, mtime.nanos);
        file.set_modified(at).unwrap();
        p.repo.set_head(&p.local(), None).unwrap();
        assert_eq!(p.repo.head(&p.local()).unwrap(), Head::default());
        let again = p.snap();
        assert_eq!((again.id, again.new), (first, false));
    }

    #[test]
    fn a_missing_backup_is_the_logs_last_head() {
        let p = place();
        p.write("a", "1");
        let first = p.snap().id;
        fs::remove_file(p.dir.join(".fsync-backup")).unwrap();
        let head = p.repo.head(&p.local()).unwrap();
        assert_eq!(head.id, Some(first));
        assert!(head.notice.is_some());
        let other = SnapshotId([9; 20]);
        fs::write(p.dir.join(".fsync-backup"), format!("{other}\n")).unwrap();
        let done = p.snap();
        let info = p.repo.snapshot(done.id).unwrap();
        assert_eq!((info.parent, info.foreign_parent), (None, Some(other)));
        assert!(done.new && done.notice.is_some());
    }
}
