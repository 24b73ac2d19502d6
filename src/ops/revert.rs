//! Taking a directory back: its present state is recorded first, then it is made exactly what a snapshot says.
//!
//! The present state's snapshot and the target's are compared with each other, so that contents are
//! told apart by their digests and nothing is read twice; what is performed then still checks every
//! entry of the directory against the present state just recorded.

use std::sync::atomic::AtomicBool;

use crate::disk::Root;
use crate::disk::lock::Lock;
use crate::model::meter::{self, Phase};
use crate::model::{
    Change, Entry, Error, Filter, Kind, Problem, RelPath, Result, SnapshotId, State, Status, Time,
    Why,
};
use crate::ops::aim::{known, leave, only, whole};
use crate::ops::apply::{Job, apply, total};
use crate::ops::check;
use crate::ops::diff::{Item, Options, diff, diff_on};
use crate::ops::outcome::{Outcome, Report};
use crate::ops::snap::{SnapOptions, snap_locked};
use crate::ops::space;
use crate::ops::stale::{Terms, is_like};
use crate::repo::log::{Begin, Work};
use crate::repo::{Info, Repo, directory_of};
use crate::tree::Tree;
use crate::tree::cursor::Cursor;
use crate::tree::local::Local;

/// What is to be taken back, and how far.
pub struct Revert<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The directory, open for reading.
    pub dir: &'a Local,
    /// The directory, open for writing.
    pub root: &'a Root,
    /// The snapshot that it is to be.
    pub target: &'a Info,
    /// It takes back a revert.
    pub redo: bool,
    /// Only these paths and what is below them; empty for all.
    pub paths: &'a [RelPath],
    /// In the end everything is read and compared with the snapshot.
    pub verify: bool,
    /// Record the present state although the repository seems to have no room for it.
    pub allow_low_space: bool,
    /// Somebody wants it to stop: no further change begins.
    pub stop: &'a AtomicBool,
    /// Sees the changes before the first is made, and may refuse.
    pub confirm: &'a dyn Fn(&[Change]) -> Result<()>,
}

/// What came of it.
pub struct Reverted {
    /// The snapshot of the state before.
    pub before: SnapshotId,
    /// The head now.
    pub head: Option<SnapshotId>,
    /// What was to change.
    pub changes: Vec<Change>,
    /// What became of each.
    pub reports: Vec<Report>,
    /// What could not be recorded or compared rightly.
    pub problems: Vec<Problem>,
    /// What is left as it is, since its content was forgotten.
    pub left: Vec<RelPath>,
    /// Something that a person should be told.
    pub notice: Option<String>,
    /// Why the end of the work could not be checked or written down; all the rest of this holds nevertheless.
    pub fault: Option<Error>,
}

/// How a directory is compared with a snapshot that it is to be: in every respect that can be restored.
pub fn options(target: &Info, privileged: bool) -> Result<Options> {
    Ok(Options {
        delete: true,
        checksum: true,
        owner: privileged,
        xattrs: true,
        devices: privileged,
        sync_file: true,
        filter: target.filter()?,
        ..Options::default()
    })
}

impl Revert<'_> {
    /// Does it, under the directory's lock, which the caller holds.
    ///
    /// # Errors
    /// When the present state cannot be recorded, or the log not be written: then nothing changed.
    pub fn run(&self, held: &Lock) -> Result<Reverted> {
        let medium = self.root.medium();
        let options = options(self.target, self.root.is_privileged())?.on(medium);
        let recorded = SnapOptions {
            filter: options.filter.clone(),
            allow_low_space: self.allow_low_space,
            ..SnapOptions::default()
        };
        let head = self.repo.head(self.dir)?.id;
        space::check_capacity(self.dir.path(), &self.target.counts)?;
        let target = self.repo.tree(self.target.id)?;
        let present = snap_locked(self.repo, self.dir, &recorded, held)?;
        let now = self.repo.tree(present.id)?;
        meter::begin(Phase::Comparing, None);
        let mut plan = diff_on(&target, Some(&now), Some(self.dir), &options)?;
        let left = leave(&mut plan, self.target);
        only(&mut plan, self.paths);
        if let Err(damage) = whole(&plan, self.target.id) {
            self.repo.set_head(self.dir, head)?;
            return Err(damage);
        }
        let mut problems = present.problems;
        let planned = plan.errors + plan.skipped;
        let mut changes = Vec::with_capacity(plan.items.len());
        for item in plan.items {
            match item {
                Item::Change(change) => changes.push(change),
                Item::Problem(problem) => problems.push(problem),
                Item::Skip(skip) if skip.cause => problems.push(Problem {
                    path: skip.path,
                    operation: "revert".into(),
                    message: skip.reason,
                    damaged: false,
                }),
                Item::Skip(_) => {}
            }
        }
        self.keep_excluded(&mut changes, &options.filter);
        self.leave_alike(&mut changes, options.terms());
        if !self.paths.is_empty() && changes.is_empty() {
            self.repo.set_head(self.dir, head)?;
            known(self.paths, &[&target, &now])?;
            return Ok(Reverted {
                before: present.id,
                head,
                changes,
                reports: Vec::new(),
                problems,
                left,
                notice: present.notice,
                fault: None,
            });
        }
        if let Err(refused) = (self.confirm)(&changes) {
            self.repo.set_head(self.dir, head)?;
            return Err(refused);
        }
        let operation = self.begin(present.id)?;
        let unrecorded = self.repo.snapshot(present.id)?.unrecorded();
        meter::begin(Phase::Changing, Some(total(&changes)));
        let mut reports = self.perform(&target, &changes, &options, &unrecorded);
        check::changed(self.dir, &changes, &mut reports, options.terms());
        let done = self
            .differing(&target, &options, (&changes, &reports))
            .and_then(|found| {
                let good = reports.iter().all(|r| r.outcome.is_success());
                let complete = planned == 0 && found.is_empty() && good;
                problems.extend(found);
                self.conclude(operation, complete, head, present.id)
            });
        let (head, fault) = match done {
            Ok(head) => (head, None),
            Err(e) => (Some(present.id), Some(e)),
        };
        Ok(Reverted {
            before: present.id,
            head,
            fault,
            changes,
            reports,
            problems,
            left,
            notice: present.notice,
        })
    }

    /// Moves the head to where it is after the work, and writes down that the work ended.
    fn conclude(
        &self,
        operation: u64,
        complete: bool,
        head: Option<SnapshotId>,
        present: SnapshotId,
    ) -> Result<Option<SnapshotId>> {
        // A chain is a directory's own; one that was moved walks on in the chain that its head is from.
        let own = self.target.directory == directory_of(self.dir) || head == Some(self.target.id);
        let head = match complete && own && self.paths.is_empty() {
            true => self.repo.parent(self.target)?,
            false => Some(present),
        };
        self.repo.set_head(self.dir, head)?;
        self.repo.finish(operation, complete, head)?;
        Ok(head)
    }

    /// Takes out the deletion of directories that hold what the rules exclude: neither snapshot knows of it.
    fn keep_excluded(&self, changes: &mut Vec<Change>, filter: &Filter) {
        if filter.is_empty() {
            return;
        }
        let mut live = Cursor::new(self.dir);
        let mut kept: Vec<RelPath> = Vec::new();
        for change in changes
            .iter()
            .filter(|c| c.status == Status::Deleted && c.kind == Kind::Directory)
        {
            let Ok(Some(dir)) = live.dir(&change.path) else {
                continue;
            };
            let entries = dir.list().map(|l| l.entries).unwrap_or_default();
            let excluded = |e: &Entry| {
                filter
                    .excludes(&change.path.join(&e.name), e.is_dir())
                    .is_some()
            };
            if entries.iter().any(excluded) {
                kept.push(change.path.clone());
            }
        }
        changes
            .retain(|c| c.status != Status::Deleted || !kept.iter().any(|k| k.is_within(&c.path)));
    }

    /// Takes out new metadata that the directory has already as far as its file system keeps them: the
    /// snapshots say only what was recorded.
    fn leave_alike(&self, changes: &mut Vec<Change>, terms: Terms) {
        let mut live = Cursor::new(self.dir);
        let xattrs = Why::XATTRS.with(Why::LINKS);
        changes.retain(|change| {
            if change.status != Status::Touched || change.why.meets(xattrs) {
                return true;
            }
            let now = live.entry(&change.path).ok().flatten();
            let alike = |new: &State| now.is_some_and(|now| is_like(new, &now.state, terms));
            !change.new.as_deref().is_some_and(alike)
        });
    }

    /// What does not read as the snapshot says, where that is asked for. What could not be changed is reported
    /// already.
    fn differing(
        &self,
        target: &dyn Tree,
        options: &Options,
        (changes, reports): (&[Change], &[Report]),
    ) -> Result<Vec<Problem>> {
        if !self.verify {
            return Ok(Vec::new());
        }
        let mut plan = diff(target, Some(self.dir), options)?;
        only(&mut plan, self.paths);
        let mut left: Vec<Change> = plan.into_changes().collect();
        self.keep_excluded(&mut left, &options.filter);
        self.leave_alike(&mut left, options.terms());
        left.retain(|l| {
            let at = changes.binary_search_by(|c| c.path.cmp(&l.path));
            at.map_or(true, |at| reports[at].outcome.is_success())
        });
        Ok(left.iter().map(|l| check::differs(&l.path)).collect())
    }

    fn begin(&self, before: SnapshotId) -> Result<u64> {
        self.repo.begin(Begin {
            directory: directory_of(self.dir),
            work: match (self.redo, self.paths.is_empty()) {
                (true, _) => Work::Redo,
                (false, true) => Work::Revert,
                // Some paths of an older state are a new state.
                (false, false) => Work::Apply,
            },
            before: Some(before),
            target: Some(self.target.id),
            sources: Vec::new(),
            pid: std::process::id(),
            time: Time::now(),
        })
    }

    fn perform(
        &self,
        target: &dyn Tree,
        changes: &[Change],
        options: &Options,
        unrecorded: &[RelPath],
    ) -> Vec<Report> {
        let job = Job {
            sources: &[target],
            root: self.root,
            policy: self.root.able(),
            terms: options.terms(),
            unrecorded,
            dry_run: false,
            durable: true,
            stop: self.stop,
        };
        let reports = apply(&job, changes);
        match reports.iter().any(|r| r.outcome == Outcome::Held) {
            true => with_room(&job, changes, reports),
            false => reports,
        }
    }
}

/// Tries again after the deletions, which make room where the disk is full: all that they take away is recorded.
fn with_room(job: &Job<'_>, changes: &[Change], before: Vec<Report>) -> Vec<Report> {
    let is_deletion = |c: &&Change| c.status == Status::Deleted;
    let deletions: Vec<Change> = changes.iter().filter(is_deletion).cloned().collect();
    if deletions.is_empty() {
        return before;
    }
    apply(job, &deletions);
    let again = apply(job, changes);
    before
        .into_iter()
        .zip(again)
        .map(|(first, second)| match (first.outcome, second.outcome) {
            (Outcome::Done, Outcome::Already) => first,
            (_, Outcome::Already) => Report::plain(Outcome::Done),
            _ => second,
        })
        .collect()
}
