//! Performing a plan: every change that still holds, each entry whole or not at all.
//!
//! Order: directories (new ones with the files in them), renames, contents (in parallel, by directory), deletions
//! and what takes a directory's place, deepest first, hard links, and the directories' metadata last. In the end all
//! of it is on the disk: what is reported as done outlives a crash.

use std::collections::{BTreeMap, HashSet};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};

use rustix::fs::syncfs;
use rustix::io::Errno;

use crate::disk::copy::Copier;
use crate::disk::meta::Policy;
use crate::disk::{Folder, Root};
use crate::model::meter::Total;
use crate::model::{Change, Counts, Error, Kind, RelPath, State, Status, Xattrs};
use crate::ops::circle;
use crate::ops::outcome::{Outcome, Report};
use crate::ops::perform::Worker;
use crate::ops::settle::Settle;
use crate::ops::stage::{contents, directories};
use crate::ops::stale::{Own, Terms};
use crate::tree::Tree;

/// What a plan is performed with.
pub struct Job<'a> {
    /// The plan's sources, in its order.
    pub sources: &'a [&'a dyn Tree],
    /// The destination.
    pub root: &'a Root,
    /// What is set on what is made.
    pub policy: Policy,
    /// What counts as being so already.
    pub terms: Terms,
    /// What the snapshot before could not record: it is neither replaced nor deleted, nor is what is below it.
    pub unrecorded: &'a [RelPath],
    /// Only say what would be done.
    pub dry_run: bool,
    /// Contents are on the disk before they get their names, and everything is at the end. Not needed of what is
    /// thrown away.
    pub durable: bool,
    /// Somebody wants it to stop: no further change begins.
    pub stop: &'a AtomicBool,
}

/// What all workers share.
pub struct Shared<'a> {
    /// The job.
    pub job: &'a Job<'a>,
    /// Copies contents.
    pub copier: Copier<'a>,
    /// Inodes that this run has changed.
    pub own: Own,
    /// The destination refuses further data.
    stopped: AtomicBool,
    /// It does so for want of room.
    full: AtomicBool,
    /// The other file systems below the root that were written to: a directory on each, by its device.
    others: Mutex<Vec<(u64, OwnedFd)>>,
    /// Parents that the plan does not hold and that were made with the source's metadata.
    made: Mutex<Vec<Parent>>,
    /// Directories that this run has made: nobody else has put anything there.
    fresh: RwLock<HashSet<RelPath>>,
}

/// A directory that was made on the way, and what it is to be like.
pub type Parent = (RelPath, State, Option<Xattrs>);

impl Shared<'_> {
    /// Whether a source is far away.
    pub(super) fn is_far(&self) -> bool {
        self.job.sources.iter().any(|tree| tree.is_far())
    }

    /// How much is one piece of work, where `usual` is: what is far away is asked for a piece at a time.
    pub(super) fn batch(&self, usual: usize) -> usize {
        if self.is_far() { 4 * usual } else { usual }
    }

    /// Remembers a parent that was made.
    pub fn add_parent(&self, parent: Parent) {
        if let Ok(mut made) = self.made.lock() {
            made.push(parent);
        }
    }

    /// The parents that were made.
    pub fn parents(&self) -> Vec<Parent> {
        self.made
            .lock()
            .map(|mut made| std::mem::take(&mut *made))
            .unwrap_or_default()
    }

    /// Remembers a directory that was made.
    pub fn add_fresh(&self, path: &RelPath) {
        if let Ok(mut fresh) = self.fresh.write() {
            fresh.insert(path.clone());
        }
    }

    /// Whether this run has made that directory.
    pub fn is_fresh(&self, path: &RelPath) -> bool {
        self.fresh.read().is_ok_and(|fresh| fresh.contains(path))
    }

    /// Notes an error of the destination after which no more data is written.
    pub fn note(&self, errno: Option<i32>) {
        let is = |any: &[Errno]| errno.is_some_and(|e| any.iter().any(|a| a.raw_os_error() == e));
        let full = is(&[Errno::NOSPC, Errno::DQUOT]);
        if full || is(&[Errno::ROFS, Errno::IO]) {
            self.full.store(full, Ordering::Relaxed);
            self.stopped.store(true, Ordering::Relaxed);
        }
    }

    /// Whether no further change is to begin.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.job.stop.load(Ordering::Relaxed)
    }

    /// Whether it stopped for want of room; then it may go on, now that there may be some.
    pub(super) fn go_on_if_full(&self) -> bool {
        let full = self.full.swap(false, Ordering::Relaxed);
        if full {
            self.stopped.store(false, Ordering::Relaxed);
        }
        full
    }

    /// Remembers on which file system something was written.
    pub(super) fn wrote(&self, device: u64, folder: &Folder) {
        if device == self.job.root.device() || !self.job.durable {
            return;
        }
        if let Ok(mut others) = self.others.lock()
            && !others.iter().any(|(known, _)| *known == device)
            && let Ok(handle) = folder.handle().try_clone_to_owned()
        {
            others.push((device, handle));
        }
    }

    /// Waits until all that was written is on the disk, unless nobody asked for that.
    ///
    /// # Errors
    /// The system's: what was written may be lost.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        if !self.job.durable {
            return Ok(());
        }
        self.job.root.sync()?;
        match self.others.lock() {
            Ok(others) => others.iter().try_for_each(|(_, handle)| syncfs(handle)),
            Err(_) => Ok(()),
        }
    }
}

/// How much there is to do, for who waits.
pub fn total(changes: &[Change]) -> Total {
    let mut counts = Counts::default();
    changes.iter().for_each(|change| counts.add(change));
    Total {
        files: counts.total(),
        bytes: counts.bytes,
    }
}

/// Performs `changes`, which are in path order, each path once. One report for each, in the same order.
pub fn apply(job: &Job<'_>, changes: &[Change]) -> Vec<Report> {
    let shared = Shared {
        job,
        copier: Copier::new(job.stop),
        own: Own::default(),
        stopped: AtomicBool::new(false),
        full: AtomicBool::new(false),
        others: Mutex::default(),
        made: Mutex::default(),
        fresh: RwLock::default(),
    };
    let mut reports: Vec<Report> = vec![Report::held(); changes.len()];
    let mut settle = Settle::default();
    if !job.dry_run {
        settle.prepare(&shared, changes);
    }
    let made = directories(&shared, changes, &mut reports, &mut settle);
    let mut worker = Worker::new(&shared);
    for at in circle::renames(&mut worker, changes, &mut reports) {
        let planned = Settle::planned(&changes[at], &reports[at], &mut worker);
        settle.add(&changes[at].path, planned);
    }
    drop(worker);
    contents(&shared, changes, &mut reports, &made);
    deletions(&shared, changes, &mut reports);
    links(&shared, changes, &mut reports);
    if !job.dry_run {
        settle.finish(&shared, changes, &mut reports);
        keep(&shared, &mut reports);
    }
    reports
}

/// Puts on the disk what was done; what cannot be is not done.
fn keep(shared: &Shared<'_>, reports: &mut [Report]) {
    if !reports.iter().any(|r| r.outcome == Outcome::Done) {
        return;
    }
    if let Err(e) = shared.sync() {
        let cause = Error::io("cannot bring it to the disk", "", e).cause();
        for report in reports.iter_mut().filter(|r| r.outcome == Outcome::Done) {
            *report = Report::new(Outcome::Failed, &*cause);
        }
    }
}

/// Makes or keeps a directory.
pub(super) fn is_directory(change: &Change) -> bool {
    change.kind == Kind::Directory && !matches!(change.status, Status::Deleted | Status::Renamed)
}

fn is_rename(change: &Change) -> bool {
    change.status == Status::Renamed
}

/// Takes a directory away, perhaps with something else in its place (but for another name of an inode, which is
/// made last): after all that was in it.
fn is_removal(change: &Change) -> bool {
    let replaces =
        change.status == Status::TypeChanged && change.was_dir() && change.link_to.is_none();
    change.status == Status::Deleted || replaces
}

/// Brings contents or metadata to what is no directory.
pub(super) fn is_content(change: &Change) -> bool {
    let apart = is_directory(change) || is_rename(change) || is_removal(change);
    !apart && change.link_to.is_none()
}

/// Does something with changes that do not depend on each other, on every thread, and gathers what comes of it.
pub(super) fn spread<'a, T: Send>(
    shared: &'a Shared<'a>,
    batches: &[&[usize]],
    work: impl Fn(&mut Worker<'a>, usize) -> Option<T> + Sync,
) -> Vec<(usize, T)> {
    spread_with(shared, batches, |_, _| {}, work)
}

/// As [`spread`], with something that each thread does before a batch.
pub(super) fn spread_with<'a, T: Send>(
    shared: &'a Shared<'a>,
    batches: &[&[usize]],
    begin: impl Fn(&mut Worker<'a>, &[usize]) + Sync,
    work: impl Fn(&mut Worker<'a>, usize) -> Option<T> + Sync,
) -> Vec<(usize, T)> {
    let next = AtomicUsize::new(0);
    // One worker a thread, which keeps its directories open from one batch to the next.
    let turn = || {
        let mut worker = Worker::new(shared);
        let mut done = Vec::new();
        let claim = || batches.get(next.fetch_add(1, Ordering::Relaxed));
        let mut coming = claim();
        coming.iter().for_each(|batch| begin(&mut worker, batch));
        while let Some(batch) = coming {
            // What is far away is on its way while this is being done; nothing else is held back from the other threads.
            let early = worker.is_far();
            coming = if early { claim() } else { None };
            coming.iter().for_each(|batch| begin(&mut worker, batch));
            for at in *batch {
                done.extend(work(&mut worker, *at).map(|made| (*at, made)));
            }
            if !early {
                coming = claim();
            }
        }
        done
    };
    match batches.len() {
        0 | 1 => turn(),
        _ => rayon::broadcast(|_| turn()).into_iter().flatten().collect(),
    }
}

/// Cuts a list into pieces of about `size`, where it may be cut, or where one has become very large.
pub(super) fn batches(
    which: &[usize],
    size: usize,
    weight: impl Fn(usize) -> usize,
    may_cut: impl Fn(usize, usize) -> bool,
) -> Vec<&[usize]> {
    let mut batches = Vec::new();
    let (mut start, mut load) = (0, 0);
    for (at, pair) in which.windows(2).enumerate() {
        load += weight(pair[0]);
        if load >= 8 * size || load >= size && may_cut(pair[0], pair[1]) {
            batches.push(&which[start..=at]);
            (start, load) = (at + 1, 0);
        }
    }
    if start < which.len() {
        batches.push(&which[start..]);
    }
    batches
}

/// Names of inodes that have one already; a name whose first name failed is not made.
fn links(shared: &Shared<'_>, changes: &[Change], reports: &mut [Report]) {
    let by_path: BTreeMap<&RelPath, usize> = changes
        .iter()
        .enumerate()
        .filter(|(_, c)| c.new.is_some())
        .map(|(at, c)| (&c.path, at))
        .collect();
    let mut worker = Worker::new(shared);
    for (at, change) in changes.iter().enumerate() {
        let Some(first) = &change.link_to else {
            continue;
        };
        let failed = by_path
            .get(first)
            .is_some_and(|at| !reports[*at].outcome.is_success());
        reports[at] = match failed {
            true => Report::new(
                Outcome::Failed,
                format!("its other name {first} was not made"),
            ),
            false => worker.perform(change),
        };
    }
}

/// Deletions, deepest first, and what takes the place of a directory.
fn deletions(shared: &Shared<'_>, changes: &[Change], reports: &mut [Report]) {
    let mut worker = Worker::new(shared);
    for (at, change) in changes
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, c)| is_removal(c))
    {
        reports[at] = worker.perform(change);
    }
}
