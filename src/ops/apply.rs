//! Performing a plan: every change that still holds, each entry whole or not at all.
//!
//! Order: directories (new ones with the files in them), renames, contents (in parallel, by directory), deletions
//! and what takes a directory's place, deepest first, hard links, and the directories' metadata last.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};

use rustix::io::Errno;

use crate::disk::Root;
use crate::disk::copy::Copier;
use crate::disk::meta::Policy;
use crate::model::{Change, Kind, RelPath, State, Status, Xattrs};
use crate::ops::circle;
use crate::ops::outcome::{Outcome, Report};
use crate::ops::perform::Worker;
use crate::ops::settle::{Final, Settle};
use crate::ops::stale::{Own, Terms};
use crate::tree::Tree;

/// About so many changes are one piece of work: whole directories, so that threads keep out of each other's, but
/// for those that are much larger.
const BATCH: usize = 128;
/// So many bytes take about as long as a file.
const UNIT: u64 = 32 << 10;

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
    /// Directories that this run has made: nobody else has put anything there.
    fresh: RwLock<HashSet<RelPath>>,
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

/// A directory that was made or kept: what became of it, what is to be set on it at the end, and, where files were
/// made with it, those of them that were not.
type MadeDir = (Report, Option<Final>, Option<Vec<(usize, Report)>>);

/// Directories, from the top, those of one depth in parallel; new ones with the files that lie in them. Which
/// changes were these files.
fn directories(
    shared: &Shared<'_>,
    changes: &[Change],
    reports: &mut [Report],
    settle: &mut Settle,
) -> Vec<bool> {
    let mut levels: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, change) in changes.iter().enumerate().filter(|(_, c)| is_directory(c)) {
        levels.entry(change.path.depth()).or_default().push(at);
    }
    let mut fills = match shared.job.dry_run {
        true => HashMap::new(),
        false => fills(changes),
    };
    let mut made = vec![false; changes.len()];
    for level in levels.into_values() {
        let weight = |at: usize| 1 + fills.get(&at).map_or(0, Vec::len);
        let batches = batches(&level, BATCH / 4, weight, |_, _| true);
        let done: Vec<(usize, MadeDir)> = spread(shared, &batches, |worker, at| {
            let change = &changes[at];
            let (report, not_made) = match fills.get(&at) {
                Some(files) => worker.fill(change, changes, files),
                None => (worker.perform(change), None),
            };
            let planned = Settle::planned(change, &report, worker);
            Some((report, planned, not_made))
        });
        for (at, (report, planned, not_made)) in done {
            reports[at] = report;
            settle.add(&changes[at].path, planned);
            if let (Some(not_made), Some(files)) = (not_made, fills.remove(&at)) {
                note(reports, &files, not_made);
                files.iter().for_each(|file| made[*file] = true);
            }
        }
    }
    made
}

/// For each new directory the files that the plan puts straight into it, unless they are many or large: a run that
/// is cut short loses what it has put into a directory that has no name yet.
fn fills(changes: &[Change]) -> HashMap<usize, Vec<usize>> {
    const FILES: usize = 512;
    const BYTES: u64 = 16 << 20;
    let mut fills: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut above: Vec<usize> = Vec::new();
    for (at, change) in changes.iter().enumerate() {
        while above
            .pop_if(|dir| !change.path.is_within(&changes[*dir].path))
            .is_some()
        {}
        let new = change.status == Status::Added;
        if new && is_directory(change) && !change.path.is_root() {
            above.push(at);
        } else if new
            && is_content(change)
            && let Some(dir) = above.last()
            && change.path.dir() == changes[*dir].path.as_bytes()
        {
            fills.entry(*dir).or_default().push(at);
        }
    }
    let bytes = |files: &[usize]| {
        let sizes = files.iter().map(|at| changes[*at].bytes());
        // A plan may say anything.
        sizes.fold(0, u64::saturating_add)
    };
    fills.retain(|_, files| files.len() <= FILES && bytes(files) <= BYTES);
    fills
}

/// Contents and metadata of what is no directory, in parallel, but for what was made with its directory.
fn contents(shared: &Shared<'_>, changes: &[Change], reports: &mut [Report], made: &[bool]) {
    let which: Vec<usize> = (0..changes.len())
        .filter(|at| is_content(&changes[*at]) && !made[*at])
        .collect();
    let other_dir = |a: usize, b: usize| changes[a].path.dir() != changes[b].path.dir();
    // A plan may say anything.
    let weight = |at: usize| 1 + (changes[at].bytes() / UNIT).min(1 << 20) as usize;
    let mut batches = batches(&which, BATCH, weight, other_dir);
    // What takes long begins first, lest one thread be left with it in the end.
    let long = |batch: &&[usize]| batch.iter().map(|at| weight(*at)).sum::<usize>() / (2 * BATCH);
    batches.sort_by_key(|batch| Reverse(long(batch)));
    let not_done = spread(shared, &batches, |worker, at| {
        let report = worker.perform(&changes[at]);
        // Most are done; only the others are kept twice.
        (report.outcome != Outcome::Done).then_some(report)
    });
    note(reports, &which, not_done);
}

/// Notes that changes were made, but for some.
fn note(reports: &mut [Report], which: &[usize], not_done: Vec<(usize, Report)>) {
    for at in which {
        reports[*at] = Report::plain(Outcome::Done);
    }
    for (at, report) in not_done {
        reports[at] = report;
    }
}

/// Does something with changes that do not depend on each other, on every thread, and gathers what comes of it.
fn spread<'a, T: Send>(
    shared: &'a Shared<'a>,
    batches: &[&[usize]],
    work: impl Fn(&mut Worker<'a>, usize) -> Option<T> + Sync,
) -> Vec<(usize, T)> {
    let next = AtomicUsize::new(0);
    // One worker a thread, which keeps its directories open from one batch to the next.
    let turn = || {
        let mut worker = Worker::new(shared);
        let mut done = Vec::new();
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
            for at in *batch {
                done.extend(work(&mut worker, *at).map(|made| (*at, made)));
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
fn batches(
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
