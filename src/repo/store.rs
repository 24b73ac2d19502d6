//! The repository as a folder: who may use it, what lies in it, and the catalog kept up to date.
//!
//! Everybody who has it open shares its lock; pruning and forgetting take it alone. Opening reads the names
//! in the folder and the end of the log, and enters what the catalog does not know yet; so a crash
//! between two steps of a commit heals with the next run.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::disk::anchor::anchor;
use crate::disk::lock::{Lock, PATIENCE, lock};
use crate::model::{Error, ErrorKind, Result, SnapshotId, Time};
use crate::repo::catalog::Catalog;
use crate::repo::folder::{archives, fresh_id, parts};
use crate::repo::info::FORMAT;
use crate::repo::leftover;
use crate::repo::log::{Line, Log};
use crate::repo::plain;
use crate::repo::shared::mirror::{Shared, ready};
use crate::repo::shared::{name, tail};
use crate::repo::trust::Location;
use crate::repo::upkeep::{self, CATALOG};
use crate::repo::volume::Volume;

pub(super) const LOG: &str = "log.ndjson";
/// The folder for what is being written.
pub(super) const TEMPORARY: &str = "tmp";
/// How many archives are kept open.
const OPEN: usize = 256;

/// An open repository. Clones share it.
#[derive(Clone)]
pub struct Repo(Arc<Inner>);

struct Inner {
    path: PathBuf,
    folder: File,
    log: Log,
    catalog: Mutex<Catalog>,
    archives: Mutex<HashMap<SnapshotId, Arc<Volume>>>,
    notices: Mutex<Vec<String>>,
    healed: Mutex<Vec<String>>,
    doubted: AtomicBool,
    only_read: AtomicBool,
    ignored: Mutex<HashSet<SnapshotId>>,
    shared: Option<Shared>,
    _lock: Lock,
}

fn raw(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// A mutex's value; a panic elsewhere leaves none of ours half-changed.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Repo {
    /// Opens a repository.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none, [`ErrorKind::Busy`] while it is pruned, [`ErrorKind::Refused`] when it
    /// is not to be believed.
    pub fn open(at: impl Into<Location>) -> Result<Repo> {
        let at = at.into();
        Self::enter(&at, Self::checked(&at)?, false)
    }

    /// Opens a repository, and makes it first when there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when something else is there, or it is not to be believed.
    pub fn create(at: impl Into<Location>) -> Result<Repo> {
        let at = at.into();
        at.check()?;
        let path = at.path.as_path();
        parts(path)?;
        if let Some(remote) = &at.remote {
            let words = ready(path, remote, true)?;
            let repo = Self::enter(&at, path.to_path_buf(), false)?;
            repo.sweep();
            words
                .into_iter()
                .for_each(|words| repo.notice(words.into()));
            return Ok(repo);
        }
        let cannot = |e| Error::io("cannot make the repository", raw(path), e);
        let mut there = path.read_dir().ok().into_iter().flatten().flatten();
        let foreign = there.any(|e| {
            let name = e.file_name();
            !matches!(name.as_bytes(), b"tmp" | b"log.ndjson" | b"catalog.db")
        });
        // Looked at last: another process may just be making it, and the log comes first.
        if foreign && Self::check(path).is_err() {
            let message = "is neither empty nor a repository; name another with --repo";
            return Err(Error::at(ErrorKind::Refused, raw(path), message));
        }
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        private.create(path.join(TEMPORARY)).map_err(cannot)?;
        let log = Log::new(&path.join(LOG));
        if log.length() == 0 {
            anchor(path).map_err(cannot)?;
        }
        log.begin(Line::Repository {
            id: fresh_id().map_err(cannot)?,
            format: FORMAT,
            time: Time::now(),
        })?;
        let repo = Self::enter(&at, path.to_path_buf(), false)?;
        repo.sweep();
        Ok(repo)
    }

    /// Opens a repository for nobody else to use meanwhile.
    ///
    /// # Errors
    /// As [`Self::open`]; [`ErrorKind::Busy`] while others use it.
    pub fn open_alone(at: impl Into<Location>) -> Result<Repo> {
        let at = at.into();
        let repo = Self::enter(&at, Self::checked(&at)?, true)?;
        repo.sweep();
        Ok(repo)
    }

    pub(super) fn checked(at: &Location) -> Result<PathBuf> {
        match &at.remote {
            Some(remote) => ready(&at.path, remote, false).map(|_| ())?,
            None => Self::check(&at.path)?,
        }
        at.check()?;
        Ok(at.path.clone())
    }

    fn check(path: &Path) -> Result<()> {
        // Whatever it is: what is no plain file is refused by name.
        if path.join(LOG).symlink_metadata().is_err() && archives(path).next().is_none() {
            let message = "is not a repository yet; the first snapshot makes it one";
            return Err(Error::at(ErrorKind::NotFound, raw(path), message));
        }
        Ok(())
    }

    fn enter(at: &Location, path: PathBuf, alone: bool) -> Result<Repo> {
        let repo = Self::over(at, &path, alone, PATIENCE)?;
        // A folder without a catalog is new: its log may be one that the machine had before.
        if plain::length(&repo.path().join(CATALOG)).is_none() {
            repo.pull_own()?;
        }
        repo.complete_ends()?;
        repo.pull_once()?;
        repo.open_catalog()?;
        repo.remember_packs()?;
        repo.acknowledge()?;
        // What a run that was cut short has written down here, and nobody was told.
        repo.publish_soon();
        Ok(repo)
    }

    /// Whether other machines have it too.
    pub fn is_shared(&self) -> bool {
        self.0.shared.is_some()
    }

    /// What is shared with other machines, if the repository is in a store.
    pub(crate) fn shared(&self) -> Option<&Shared> {
        self.0.shared.as_ref()
    }

    /// The folder, locked. Its catalog is not open yet.
    pub(super) fn over(at: &Location, path: &Path, alone: bool, wait: Duration) -> Result<Repo> {
        let cannot = |e| Error::io("cannot open the repository", raw(path), e);
        let path = path.canonicalize().map_err(cannot)?;
        parts(&path)?;
        let folder = File::open(&path).map_err(cannot)?;
        let lock = lock(&folder, alone, &path, wait)?;
        let shared = at.remote.as_ref();
        let shared = shared
            .map(|remote| Shared::open(&path, remote))
            .transpose()?;
        Ok(Repo(Arc::new(Inner {
            log: Log::new(&path.join(LOG)),
            folder,
            catalog: Mutex::new(upkeep::placeholder()?),
            archives: Mutex::default(),
            notices: Mutex::default(),
            healed: Mutex::default(),
            doubted: AtomicBool::default(),
            ignored: Mutex::default(),
            only_read: AtomicBool::default(),
            path,
            shared,
            _lock: lock,
        })))
    }

    /// From now on nothing is mended, and nothing is made again.
    pub(super) fn only_read(&self) {
        self.0.only_read.store(true, Ordering::Relaxed);
        self.0.doubted.store(true, Ordering::Relaxed);
    }

    /// Whether nothing is to be mended.
    pub(super) fn is_only_read(&self) -> bool {
        self.0.only_read.load(Ordering::Relaxed)
    }

    /// Its folder, absolute.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Its folder's device and inode number, by which it is left out of trees.
    pub fn identity(&self) -> Option<(u64, u64)> {
        self.0.folder.metadata().ok().map(|m| (m.dev(), m.ino()))
    }

    /// What happened at opening that a person might want to know; each is given once.
    pub fn notices(&self) -> Vec<String> {
        std::mem::take(&mut hold(&self.0.notices))
    }

    /// Says something at the next [`Self::notices`].
    pub(super) fn notice(&self, text: String) {
        hold(&self.0.notices).push(text);
    }

    /// What was wrong with the catalog and was mended since the repository was opened.
    pub fn healed(&self) -> Vec<String> {
        hold(&self.0.healed).clone()
    }

    pub(super) fn add_healed(&self, text: String) {
        hold(&self.0.healed).push(text);
    }

    /// The archives that count.
    pub(super) fn counted(&self) -> HashSet<SnapshotId> {
        let ignored = hold(&self.0.ignored);
        let there = archives(&self.0.path);
        there.filter(|id| !ignored.contains(id)).collect()
    }

    /// From now on archives count as if they were gone.
    pub(super) fn ignore(&self, ids: &[SnapshotId]) {
        hold(&self.0.ignored).extend(ids);
    }

    /// The file of the log.
    pub(super) fn log_path(&self) -> PathBuf {
        self.0.path.join(LOG)
    }

    /// Its folder, open.
    pub(super) fn folder(&self) -> &File {
        &self.0.folder
    }

    /// The catalog, for as long as the guard lives: do not hold it while working.
    pub(crate) fn catalog(&self) -> MutexGuard<'_, Catalog> {
        hold(&self.0.catalog)
    }

    /// The log.
    pub(crate) fn log(&self) -> &Log {
        &self.0.log
    }

    /// Appends to the log and brings the catalog up to date; where each line begins.
    pub(crate) fn append(&self, lines: &[Line]) -> Result<Vec<u64>> {
        self.enroll()?;
        let places = self.0.log.append(lines)?;
        self.catch_up()?;
        // What only begins is put into the store with what comes of it.
        let begins = |line: &Line| matches!(line, Line::Begin(_) | Line::Pack { .. });
        if !lines.iter().all(begins) {
            self.publish_soon();
        }
        Ok(places)
    }

    /// A new file in `tmp/`, locked, so that nobody sweeps it. What dead writers left there is swept.
    pub(crate) fn temporary(&self) -> Result<tempfile::NamedTempFile> {
        self.sweep();
        let folder = self.0.path.join(TEMPORARY);
        let cannot = |e| Error::io("cannot write in", raw(&folder), e);
        plain::folder(&folder).map_err(cannot)?;
        leftover::temporary(&folder).map_err(cannot)
    }

    /// Gives a finished archive its name: the commit. `folder` is that of what in it is no content.
    pub(crate) fn install(
        &self,
        file: tempfile::NamedTempFile,
        id: SnapshotId,
        folder: &str,
    ) -> Result<()> {
        if self.0.shared.is_some() {
            return self.install_shared(file, id, folder);
        }
        let path = self.archive_path(id);
        let cannot = |e| Error::io("cannot put the archive in place", raw(&path), e);
        file.persist(&path).map_err(|e| cannot(e.error))?;
        self.0.folder.sync_all().map_err(cannot)
    }

    /// Removes an archive's file. [`Self::settle`] makes that durable.
    pub(crate) fn unlink(&self, id: SnapshotId) -> Result<()> {
        let path = self.archive_path(id);
        hold(&self.0.archives).remove(&id);
        if self.0.shared.is_some() {
            tail::forget(&self.0.path, id);
        }
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("cannot remove the archive", raw(&path), e))
            }
            _ => Ok(()),
        }
    }

    /// Makes the folder durable.
    pub(crate) fn settle(&self) -> Result<()> {
        let cannot = |e| Error::io("cannot make durable", raw(&self.0.path), e);
        self.0.folder.sync_all().map_err(cannot)
    }

    /// Removes what dead writers left in `tmp/`. Failing is harmless: the next run tries again.
    pub fn sweep(&self) {
        plain::sweep(&self.0.path.join(TEMPORARY));
    }

    /// Where an archive is.
    pub fn archive_path(&self, id: SnapshotId) -> PathBuf {
        self.0.path.join(format!("{id}.zip"))
    }

    /// An archive, open.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when it is gone.
    pub fn archive(&self, id: SnapshotId) -> Result<Arc<Volume>> {
        if let Some(file) = hold(&self.0.archives).get(&id) {
            return Ok(file.clone());
        }
        let path = self.archive_path(id);
        let file = plain::open(&path).map_err(|e| {
            use std::io::ErrorKind::{InvalidData, NotFound};
            let gone = matches!(e.kind(), NotFound | InvalidData);
            let error = Error::io("cannot open the archive", raw(&path), e);
            if gone {
                error.as_kind(ErrorKind::Damaged)
            } else {
                error
            }
        })?;
        let mut file = Volume::from(file);
        if let Some(shared) = &self.0.shared
            && let Some((tail, _)) = tail::noted(&self.0.path, id)?
        {
            let whole = file.local().try_clone();
            let whole = whole.map_err(|e| Error::io("cannot open the archive", raw(&path), e))?;
            file = Volume::split(whole, tail, shared.window.clone(), name::archive(id));
        }
        let file = Arc::new(file);
        let mut open = hold(&self.0.archives);
        if open.len() >= OPEN {
            open.clear();
        }
        open.insert(id, file.clone());
        drop(open);
        Ok(file)
    }

    /// Whether nobody has yet doubted that the catalog knows all.
    pub(super) fn first_doubt(&self) -> bool {
        !self.0.doubted.swap(true, Ordering::Relaxed)
    }
}
