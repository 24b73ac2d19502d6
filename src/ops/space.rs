//! Whether a repository has room for a snapshot, told before it begins.
//!
//! Nearly always one look at two file systems is enough: a directory cannot hold more than its file system
//! does, so a repository with more free bytes than that has room. (Names of one inode, which an archive of the whole
//! tree repeats, escape this look; then the disk is full half-way, which leaves nothing behind either.) Else the
//! directory is listed, and what is not remembered is summed up. No file is opened.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::disk::mount::Mounts;
use crate::model::listed::{Scope, steps};
use crate::model::quote::quote;
use crate::model::{Entry, Error, ErrorKind, Filter, Kind, RelPath, Result};
use crate::ops::snap::pool;
use crate::repo::Repo;
use crate::repo::info::Counts;
use crate::repo::stat::Memory;
use crate::tree::local::Local;
use crate::tree::room::{Room, room};
use crate::tree::{Dir, Tree};

/// What an archive needs for a file besides its bytes: headers and a line of the manifest, about.
const EACH: u64 = 512;
/// What one look must leave over.
const MARGIN: u64 = 16 << 20;
/// What a name takes on a disk, at least.
const NAME: u64 = 16;

/// What is going to be recorded.
pub struct Demand<'a> {
    /// Where it goes.
    pub repo: &'a Repo,
    /// The directory.
    pub dir: &'a Local,
    /// What belongs to the tree.
    pub filter: &'a Filter,
    /// The number of the directory in the stat cache.
    pub root: Option<i64>,
    /// All contents are read, remembered or not.
    pub full: bool,
    /// How much of the directory is looked at.
    pub scope: Scope<'a>,
}

/// Sums of what must be read.
#[derive(Default)]
struct Sum {
    bytes: AtomicU64,
    files: AtomicU64,
}

/// What the repository's file system says of itself.
///
/// # Errors
/// When the folder cannot be opened.
pub fn room_of(repo: &Repo) -> Result<Option<Room>> {
    let path = repo.path();
    let folder = File::open(path)
        .map_err(|e| Error::io("cannot open the repository", path.as_os_str().as_bytes(), e))?;
    Ok(room(folder))
}

/// The refusal: `what` must be read, `needed` bytes of it, and there is no room.
pub fn refused(repo: &Repo, what: &[u8], needed: u64, free: u64) -> Error {
    let message = format!(
        "has {free} bytes free, and {} has {needed} bytes to record; make room with fsync prune, name another \
         repository with --repo, or --allow-low-space tries it",
        quote(what)
    );
    let path = repo.path().as_os_str().as_bytes();
    Error::at(ErrorKind::Refused, path, message)
}

/// Refuses a tree that the file system of `place` could not hold if it were empty: a small archive can stand for one.
///
/// # Errors
/// [`ErrorKind::Refused`] with the figures.
pub fn check_capacity(place: &Path, counts: &Counts) -> Result<()> {
    let Ok(there) = rustix::fs::statvfs(place) else {
        return Ok(());
    };
    // Directories have no second names; whatever else is at least a name.
    let bytes = counts.entries().saturating_mul(NAME);
    let all = there.f_blocks.saturating_mul(there.f_frsize);
    let nodes = there.f_files > 0 && counts.directories > there.f_files;
    match nodes || all > 0 && bytes > all {
        true => {
            let message = format!(
                "cannot hold {} entries, {} of them directories, which the snapshot says that it has",
                counts.entries(),
                counts.directories
            );
            let path = place.as_os_str().as_bytes();
            Err(Error::at(ErrorKind::Refused, path, message))
        }
        false => Ok(()),
    }
}

/// Refuses a recording for which the repository's file system has no room.
///
/// # Errors
/// [`ErrorKind::Refused`] with the figures.
pub fn check(demand: &Demand<'_>) -> Result<()> {
    // A file system without figures has no limit that we could hold anything against.
    let Some(there) = room_of(demand.repo)? else {
        return Ok(());
    };
    if is_ample(&there, demand.dir) {
        return Ok(());
    }
    let sum = Sum::default();
    pool()?.install(|| demand.count(&sum))?;
    let (bytes, files) = (sum.bytes.into_inner(), sum.files.into_inner());
    match bytes.saturating_add(files.saturating_mul(EACH)) > there.free {
        true => {
            let name = demand.dir.path().as_os_str().as_bytes();
            Err(refused(demand.repo, name, bytes, there.free))
        }
        false => Ok(()),
    }
}

/// Whether there is more room than all that the directory's file system holds could need.
fn is_ample(there: &Room, dir: &Local) -> bool {
    let Some(here) = room(dir.handle()).filter(|r| r.plain) else {
        return false;
    };
    let names = here.inodes.saturating_mul(EACH);
    let most = here.used.saturating_add(names).saturating_add(MARGIN);
    there.free > most && Mounts::read().below(dir.path()).next().is_none()
}

impl Demand<'_> {
    fn count(&self, sum: &Sum) -> Result<()> {
        let open = self.dir.open()?;
        self.directory(&*open, &RelPath::root(), self.scope, sum)
    }

    /// What cannot be listed is passed over: recording says so.
    fn directory(&self, dir: &dyn Dir, path: &RelPath, scope: Scope<'_>, sum: &Sum) -> Result<()> {
        let memory = match self.root {
            Some(root) => self.repo.memory(root, path)?,
            None => Memory::default(),
        };
        match scope {
            Scope::Whole => {
                let entries = dir.list().map(|l| l.entries).unwrap_or_default();
                entries
                    .into_par_iter()
                    .try_for_each(|e| self.entry(dir, path, &e, Scope::Whole, &memory, sum))
            }
            Scope::Only(paths) => {
                steps(path, paths)
                    .into_iter()
                    .try_for_each(|step| match dir.entry(step.name) {
                        Ok(Some(entry)) => self.entry(dir, path, &entry, step.scope, &memory, sum),
                        _ => Ok(()),
                    })
            }
        }
    }

    fn entry(
        &self,
        dir: &dyn Dir,
        above: &RelPath,
        entry: &Entry,
        scope: Scope<'_>,
        memory: &Memory,
        sum: &Sum,
    ) -> Result<()> {
        let path = above.join(&entry.name);
        if self.filter.excludes(&path, entry.is_dir()).is_some() {
            return Ok(());
        }
        if entry.is_dir() {
            return match dir.open_dir(entry) {
                Ok(below) => self.directory(&*below, &path, scope, sum),
                Err(_) => Ok(()),
            };
        }
        let known = || memory.recall(entry).is_some_and(|s| s.content.is_some());
        if entry.state.kind == Kind::File && (self.full || !known()) {
            sum.bytes
                .fetch_add(self.weight(&path, entry), Ordering::Relaxed);
            sum.files.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// A file's bytes without its holes.
    fn weight(&self, path: &RelPath, entry: &Entry) -> u64 {
        if !entry.sparse {
            return entry.state.size;
        }
        let name: &Path = OsStr::from_bytes(path.as_bytes()).as_ref();
        let found = std::fs::symlink_metadata(self.dir.path().join(name));
        let blocks = found.map_or(u64::MAX, |m| m.blocks().saturating_mul(512));
        entry.state.size.min(blocks)
    }
}
