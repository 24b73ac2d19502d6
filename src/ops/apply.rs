//! Performing a plan: every change that still holds, each entry whole or not at all.
//!
//! Order: directories, renames, contents (in parallel, by directory), deletions and what takes a
//! directory's place, deepest first, hard links, and the directories' metadata last.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rustix::io::Errno;

use crate::disk::Root;
use crate::disk::copy::Copier;
use crate::disk::meta::Policy;
use crate::model::{Change, Kind, RelPath, State, Status, Xattrs};
use crate::ops::circle;
use crate::ops::outcome::{Outcome, Report};
use crate::ops::perform::Worker;
use crate::ops::settle::Settle;
use crate::ops::stale::{Own, Terms};
use crate::tree::Tree;

/// At most so many changes of one directory are one piece of work.
const BATCH: usize = 64;

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
}

/// What all workers share.
pub struct Shared<'a> {
    /// The job.
    pub job: &'a Job<'a>,
    /// Copies contents.
    pub copier: Copier,
    /// Inodes that this run has changed.
    pub own: Own,
    /// The destination refuses further data.
    pub stopped: AtomicBool,
    /// Parents that the plan does not hold and that were made with the source's metadata.
    made: Mutex<Vec<Parent>>,
}

/// A directory that was made on the way, and what it is to be like.
pub type Parent = (RelPath, State, Option<Xattrs>);

impl Shared<'_> {
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

    /// Notes an error of the destination after which no more data is written.
    pub fn note(&self, errno: Option<i32>) {
        let full = [Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::IO];
        if errno.is_some_and(|e| full.iter().any(|f| f.raw_os_error() == e)) {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }
}

/// Performs `changes`, which are in path order, each path once. One report for each, in the same order.
pub fn apply(job: &Job<'_>, changes: &[Change]) -> Vec<Report> {
    let shared = Shared {
        job,
        copier: Copier::default(),
        own: Own::default(),
        stopped: AtomicBool::new(false),
        made: Mutex::default(),
    };
    let mut reports: Vec<Report> = vec![Report::held(); changes.len()];
    let mut settle = Settle::default();
    if !job.dry_run {
        settle.prepare(&shared, changes);
    }
    let mut worker = Worker::new(&shared);
    for (at, change) in changes.iter().enumerate().filter(|(_, c)| is_directory(c)) {
        reports[at] = worker.perform(change);
        settle.planned(change, &reports[at], &mut worker);
    }
    for at in circle::renames(&mut worker, changes, &mut reports) {
        settle.planned(&changes[at], &reports[at], &mut worker);
    }
    drop(worker);
    contents(&shared, changes, &mut reports);
    deletions(&shared, changes, &mut reports);
    links(&shared, changes, &mut reports);
    if !job.dry_run {
        settle.finish(&shared, changes, &mut reports);
    }
    reports
}

/// Makes or keeps a directory.
fn is_directory(change: &Change) -> bool {
    change.kind == Kind::Directory && !matches!(change.status, Status::Deleted | Status::Renamed)
}

fn is_rename(change: &Change) -> bool {
    change.status == Status::Renamed
}

/// Takes a directory away, perhaps with something else in its place (but for another name of an inode, which is
/// made last): after all that was in it.
fn is_removal(change: &Change) -> bool {
    let was_dir = change
        .old
        .as_ref()
        .is_some_and(|o| o.kind == Kind::Directory);
    let replaces = change.status == Status::TypeChanged && was_dir && change.link_to.is_none();
    change.status == Status::Deleted || replaces
}

/// Brings contents or metadata to what is no directory.
fn is_content(change: &Change) -> bool {
    let apart = is_directory(change) || is_rename(change) || is_removal(change);
    !apart && change.link_to.is_none()
}

/// Contents and metadata of what is no directory, in parallel.
fn contents(shared: &Shared<'_>, changes: &[Change], reports: &mut [Report]) {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut last: Option<&[u8]> = None;
    for (at, change) in changes.iter().enumerate().filter(|(_, c)| is_content(c)) {
        let bytes = change.path.as_bytes();
        let parent = &bytes[..bytes.len() - change.path.name().len()];
        match batches.last_mut() {
            Some(batch) if last == Some(parent) && batch.len() < BATCH => batch.push(at),
            _ => batches.push(vec![at]),
        }
        last = Some(parent);
    }
    let done: Vec<Vec<(usize, Report)>> = batches
        .par_iter()
        .map_init(
            || Worker::new(shared),
            |worker, batch| {
                batch
                    .iter()
                    .map(|at| (*at, worker.perform(&changes[*at])))
                    .collect()
            },
        )
        .collect();
    for (at, report) in done.into_iter().flatten() {
        reports[at] = report;
    }
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
