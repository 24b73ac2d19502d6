//! Making one change: look, compare with what the plan expects, and do it or say why not.

use std::io;

use rustix::io::Errno;

use crate::disk::copy::Fault;
use crate::disk::{Folder, meta};
use crate::model::meter;
use crate::model::{Change, Entry, Error, Kind, RelPath, State, Status, Why, Xattrs};
use crate::ops::apply::Shared;
use crate::ops::outcome::{Outcome, Report, stale};
use crate::ops::stage::Waiting;
use crate::ops::stale::{Check, check, expected, is_halfway, needs_contents, source_holds};
use crate::tree::Dir;
use crate::tree::cursor::Cursor;
use crate::tree::local::state_of_handle;

/// Why a change was not made: already a report.
pub(super) type Made<T = Report> = Result<T, Report>;

/// One thread's hands: positions in the sources, and the last directory written to.
pub struct Worker<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) cursors: Vec<Cursor<'a>>,
    last: Option<Last>,
    /// Files are made, but not given their names yet.
    pub(super) staging: bool,
    /// The last file that was made so.
    pub(super) waiting: Option<Waiting>,
}

/// The directory that was last written to.
pub(super) struct Last {
    path: RelPath,
    /// It, open.
    pub(super) folder: Folder,
    /// This run has made it.
    pub(super) fresh: bool,
}

impl<'a> Worker<'a> {
    /// A worker at the roots.
    pub fn new(shared: &'a Shared<'a>) -> Self {
        Worker {
            shared,
            cursors: shared
                .job
                .sources
                .iter()
                .map(|tree| Cursor::new(*tree))
                .collect(),
            last: None,
            staging: false,
            waiting: None,
        }
    }

    /// What it shares with the others.
    pub fn shared(&self) -> &'a Shared<'a> {
        self.shared
    }

    /// Whether a source is far away.
    pub(super) fn is_far(&self) -> bool {
        self.shared.is_far()
    }

    /// Says which changes this thread will make next, so that a source that is far away sends what they need.
    pub(super) fn expect(&self, changes: &mut dyn Iterator<Item = &Change>) {
        let sources = self.shared.job.sources;
        if !self.is_far() {
            return;
        }
        let mut wanted = vec![Vec::new(); sources.len()];
        for change in changes.filter(|change| change.new.is_some()) {
            if let Some(paths) = wanted.get_mut(change.source as usize) {
                paths.push(change.path.clone());
            }
        }
        for (tree, paths) in sources.iter().zip(wanted) {
            tree.expect(paths);
        }
    }

    /// Makes one change, if it still holds.
    pub fn perform(&mut self, change: &Change) -> Report {
        if self.shared.is_stopped() {
            return Report::held();
        }
        if self.would_be_lost(change) {
            return Report::new(
                Outcome::Held,
                "its state could not be recorded, so it stays",
            );
        }
        meter::at(&change.path);
        let report = self.try_perform(change).unwrap_or_else(|report| report);
        meter::files(1);
        report
    }

    /// Whether a change would destroy what no snapshot has.
    pub(super) fn would_be_lost(&self, change: &Change) -> bool {
        let destroys = !matches!(change.status, Status::Added | Status::Touched);
        let from = change.from.as_deref().map(|(path, _)| path);
        let hit = |path: &RelPath| self.shared.job.unrecorded.iter().any(|u| path.is_within(u));
        destroys && (hit(&change.path) || from.is_some_and(hit))
    }

    fn try_perform(&mut self, change: &Change) -> Made {
        let Some(parent) = change.path.parent() else {
            return self.root(change);
        };
        let last = match self.enter(&parent) {
            Ok(last) => last,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) if change.status == Status::Deleted => {
                return Ok(Report::plain(Outcome::Already));
            }
            Err(Errno::NOENT) if matches!(change.status, Status::Added | Status::Renamed) => {
                if self.shared.job.dry_run {
                    return Ok(Report::plain(Outcome::Done));
                }
                self.make_parents(&parent)?;
                self.enter(&parent)
                    .map_err(|e| self.failed("cannot open its directory", e.into()))?
            }
            Err(Errno::NOENT) => return Err(stale("its directory is not there any more")),
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Err(stale("its directory is not a directory any more"));
            }
            Err(e) => return Err(self.failed("cannot open its directory", e.into())),
        };
        let report = self.in_folder(change, &last);
        self.keep_open(last);
        report
    }

    /// The root itself: only its metadata change, at the end.
    fn root(&mut self, change: &Change) -> Made {
        let state = state_of_handle(self.shared.job.root.handle())
            .map_err(|e| self.failed("cannot examine", e.into()))?;
        let now = Entry::new(b".", state);
        match check(change, Some(&now), &self.shared.own, self.shared.job.terms) {
            Check::Stale(why) => Err(stale(why)),
            Check::Already => Ok(Report::plain(Outcome::Already)),
            Check::Go | Check::Perhaps => Ok(Report::plain(Outcome::Done)),
        }
    }

    /// Opens a directory of the destination; the last one is still open.
    pub(super) fn enter(&mut self, path: &RelPath) -> Result<Last, Errno> {
        match self.last.take() {
            Some(last) if last.path == *path => Ok(last),
            _ => Ok(Last {
                folder: self.shared.job.root.folder(path)?,
                fresh: self.shared.is_fresh(path),
                path: path.clone(),
            }),
        }
    }

    /// Keeps it open for the next change.
    pub(super) fn keep_open(&mut self, last: Last) {
        self.last = Some(last);
    }

    fn in_folder(&mut self, change: &Change, last: &Last) -> Made {
        let (folder, name) = (&last.folder, change.path.name());
        let plain = change.status == Status::Added && change.link_to.is_none();
        if last.fresh && plain && !self.shared.job.dry_run {
            // Nothing can be there; were there something, giving it its name would fail.
            return self.change(change, folder, None);
        }
        let now = folder
            .entry(name)
            .map_err(|e| self.failed("cannot examine", e.into()))?;
        if change.status == Status::Renamed {
            return self.rename(change, folder, now.as_ref());
        }
        let (own, terms) = (&self.shared.own, self.shared.job.terms);
        let mut verdict = check(change, now.as_ref(), own, terms);
        if let (Check::Perhaps, Some(now)) = (&verdict, &now) {
            verdict = match self.is_so(change, folder, now)? {
                true => Check::Already,
                false => expected(change, &now.state, own),
            };
        }
        if let (Check::Stale(_), Some(now)) = (&verdict, &now)
            && change.kind == Kind::File
            && is_halfway(change, &now.state)
            && self.same_contents(change, folder, now)?
        {
            verdict = Check::Go;
        }
        match verdict {
            Check::Already => Ok(Report::plain(Outcome::Already)),
            Check::Stale(why) => Err(stale(why)),
            _ if self.shared.job.dry_run => self.rehearse(change),
            _ => self.change(change, folder, now.as_ref()),
        }
    }

    /// Whether what looks as planned is as planned.
    fn is_so(&mut self, change: &Change, folder: &Folder, now: &Entry) -> Made<bool> {
        if let Some(first) = &change.link_to {
            return Ok(self.first_name(first).is_ok_and(|(_, entry)| {
                let id = |s: &State| s.inode.map(|i| (i.dev, i.ino));
                id(&entry.state) == id(&now.state)
            }));
        }
        if change.why.has(Why::LINKS) {
            let id = |s: &State| s.inode.map(|i| (i.dev, i.ino));
            match change.old.as_deref().and_then(id) {
                Some(old) => return Ok(Some(old) != id(&now.state)),
                // A bundle does not say which inode it was; one without another name is linked no more.
                None if now.links.is_some() => return Ok(false),
                None => {}
            }
        }
        if change.why.has(Why::XATTRS) && !self.same_xattrs(change, folder)? {
            return Ok(false);
        }
        if !needs_contents(change, &now.state, self.shared.job.terms) {
            return Ok(true);
        }
        self.same_contents(change, folder, now)
    }

    /// What a dry run can tell: whether the source still holds.
    fn rehearse(&mut self, change: &Change) -> Made {
        if change.new.is_some() && change.link_to.is_none() {
            self.source(change)?;
        }
        Ok(Report::plain(Outcome::Done))
    }

    /// The source's entry, if it still is as the plan expects, and the directory that holds it.
    pub(super) fn source(&mut self, change: &Change) -> Made<(&dyn Dir, Entry)> {
        let Some(cursor) = self.cursors.get_mut(change.source as usize) else {
            return Err(Report::new(Outcome::Failed, "the plan has no such source"));
        };
        let found = match cursor.place(&change.path) {
            Ok(found) => found,
            Err(e) => {
                return Err(Report::new(
                    Outcome::Failed,
                    format!("source: {}", e.cause()),
                ));
            }
        };
        let Some((dir, entry)) = found else {
            return Err(stale("the source is not there any more"));
        };
        match &change.new {
            Some(new) if !source_holds(new, &entry.state, &self.shared.own) => {
                Err(stale("the source changed since the plan was made"))
            }
            _ => Ok((dir, entry)),
        }
    }

    /// The extended attributes of a change's source, where they are set.
    pub fn source_xattrs(&mut self, change: &Change) -> Option<Xattrs> {
        if !self.shared.job.policy.xattrs {
            return None;
        }
        let (dir, mut entry) = self.source(change).ok()?;
        if change.path.is_root() {
            entry.name = Box::default();
        }
        dir.xattrs(&entry).ok()
    }

    fn change(&mut self, change: &Change, folder: &Folder, now: Option<&Entry>) -> Made {
        if let Some(now) = now.filter(|n| n.links.is_some()) {
            self.shared.own.add(&now.state);
        }
        if change.new.is_some() && (change.kind == Kind::Directory || change.link_to.is_some()) {
            self.source(change)?;
        }
        let done = Ok(Report::plain(Outcome::Done));
        match (change.status, &change.new) {
            (Status::Deleted, _) | (_, None) => return self.delete(change, folder),
            (Status::Touched, Some(_)) if change.kind == Kind::Directory => return done,
            (Status::Touched, Some(new)) => self.touch(change, folder, new, now)?,
            (Status::Added, Some(_)) if change.kind == Kind::Directory => {
                self.make_dir(change, folder)?;
            }
            _ if change.link_to.is_some() => self.link(change, folder, now)?,
            (_, Some(new)) => self.put(change, folder, new, now)?,
        }
        done
    }

    fn make_dir(&self, change: &Change, folder: &Folder) -> Made<()> {
        let name = change.path.name();
        match folder.make_dir(name, 0o700) {
            Ok(()) => self.shared.add_fresh(&change.path),
            // Names that differ in case alone may be one here.
            Err(Errno::EXIST) => match folder.entry(name) {
                Ok(Some(entry)) if entry.is_dir() => {}
                _ => return Err(stale("something is there already")),
            },
            Err(e) => return Err(self.failed("cannot make the directory", e.into())),
        }
        Ok(())
    }

    fn delete(&self, change: &Change, folder: &Folder) -> Made {
        let name = change.path.name();
        let result = match change.kind {
            Kind::Directory => folder.remove_dir(name).or_else(|e| match e {
                // What an interrupted run left is no reason to keep it.
                Errno::NOTEMPTY | Errno::EXIST => {
                    let inner = self.shared.job.root.folder(&change.path)?;
                    inner.sweep()?;
                    folder.remove_dir(name)
                }
                e => Err(e),
            }),
            _ => folder.unlink(name),
        };
        match result {
            Ok(()) => Ok(Report::plain(Outcome::Done)),
            Err(Errno::NOENT) => Ok(Report::plain(Outcome::Already)),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Err(stale(
                "it is not empty: it holds what the plan does not delete",
            )),
            Err(e) => Err(self.failed("cannot delete", e.into())),
        }
    }

    fn touch(
        &mut self,
        change: &Change,
        folder: &Folder,
        new: &State,
        now: Option<&Entry>,
    ) -> Made<()> {
        let Some(now) = now else {
            return Err(stale("it is not there any more"));
        };
        let policy = self.shared.job.policy;
        let (dir, entry) = self.source(change)?;
        let xattrs = match policy.xattrs && change.why.has(Why::XATTRS) {
            true => Some(
                dir.xattrs(&entry)
                    .map_err(|e| Report::new(Outcome::Failed, e.cause()))?,
            ),
            false => None,
        };
        meta::set(
            folder,
            change.path.name(),
            &now.state,
            new,
            xattrs.as_ref(),
            policy,
        )
        .map(|_| ())
        .map_err(|e| self.failed("cannot set its metadata", e))
    }

    pub(super) fn fault(&self, fault: Fault) -> Report {
        match fault {
            Fault::Source(e) => Report::new(
                Outcome::Failed,
                Error::io("cannot read the source", "", e).cause(),
            ),
            Fault::Destination(e) => self.failed("cannot write", e),
            Fault::Stopped => Report::held(),
        }
    }

    /// The destination's system refused.
    pub(super) fn failed(&self, operation: &str, error: io::Error) -> Report {
        self.shared.note(error.raw_os_error());
        Report::new(Outcome::Failed, Error::io(operation, "", error).cause())
    }
}
