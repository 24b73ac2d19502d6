//! The changes that bring no contents: renames, further names of an inode, and directories on the way.

use rustix::io::Errno;

use crate::disk::{Folder, meta, put};
use crate::model::{Change, Entry, Kind, Outcome, RelPath, Status};
use crate::ops::outcome::Report;
use crate::ops::perform::{Made, Worker, stale};
use crate::ops::stale::{Check, expected, is_like};

impl Worker<'_> {
    /// A rename whose target is there and whose origin is not was made before.
    pub(super) fn moved_already(&self, change: &Change, now: Option<&Entry>) -> Option<Report> {
        let (from, old) = change.from.as_deref()?;
        let parent = from.parent()?;
        let gone = match self.shared.job.root.folder(&parent) {
            Ok(folder) => matches!(folder.entry(from.name()), Ok(None)),
            Err(_) => true,
        };
        let like = now.is_some_and(|now| (now.state.kind, now.state.size) == (old.kind, old.size));
        (gone && like).then(|| Report::plain(Outcome::Already))
    }

    /// The first name of a group at the destination, and its folder.
    pub(super) fn first_name(&self, first: &RelPath) -> Made<(Folder, Entry)> {
        let missing = || {
            Report::new(
                Outcome::Failed,
                format!("its other name {first} is not there"),
            )
        };
        let parent = first.parent().ok_or_else(missing)?;
        let folder = self
            .shared
            .job
            .root
            .folder(&parent)
            .map_err(|_| missing())?;
        let entry = folder
            .entry(first.name())
            .map_err(|_| missing())?
            .ok_or_else(missing)?;
        Ok((folder, entry))
    }

    pub(super) fn link(&mut self, change: &Change, folder: &Folder) -> Made<()> {
        let (Some(first), Some(new)) = (&change.link_to, &change.new) else {
            return Err(Report::new(Outcome::Failed, "the plan names no other name"));
        };
        let (from, entry) = self.first_name(first)?;
        if !is_like(new, &entry.state, self.shared.job.terms) {
            return Err(stale("its other name is not as the plan expects"));
        }
        self.shared.own.add(&entry.state);
        let made = put::link(&from, first.name(), folder)
            .map_err(|e| self.failed("cannot link", e.into()))?;
        self.place(change, made)
    }

    pub(super) fn rename(&mut self, change: &Change, folder: &Folder) -> Made {
        let Some((from, old)) = change.from.as_deref() else {
            return Err(Report::new(
                Outcome::Failed,
                "the plan does not say from where",
            ));
        };
        let root = self.shared.job.root;
        let parent = from.parent().unwrap_or_else(RelPath::root);
        let gone = || stale("what was to be renamed is not there any more");
        let source = root.folder(&parent).map_err(|_| gone())?;
        let now = source
            .entry(from.name())
            .map_err(|_| gone())?
            .ok_or_else(gone)?;
        let probe = Change {
            old: Some(Box::new(old.clone())),
            status: Status::Deleted,
            ..change.clone()
        };
        if !matches!(expected(&probe, &now.state, &self.shared.own), Check::Go) {
            return Err(stale(
                "what was to be renamed changed since the plan was made",
            ));
        }
        if self.shared.job.dry_run {
            return Ok(Report::plain(Outcome::Done));
        }
        source
            .move_to(from.name(), folder, change.path.name())
            .map_err(|e| match e {
                Errno::EXIST | Errno::NOTEMPTY => stale("something is there already"),
                e => self.failed("cannot rename", e.into()),
            })?;
        if let (Some(new), false) = (&change.new, change.kind == Kind::Directory) {
            meta::set(
                folder,
                change.path.name(),
                &now.state,
                new,
                None,
                self.shared.job.policy,
            )
            .map_err(|e| self.failed("cannot set its metadata", e))?;
        }
        Ok(Report::plain(Outcome::Done))
    }

    /// Makes the parents that the plan does not hold, with the source's metadata.
    pub(super) fn make_parents(&mut self, change: &Change, parent: &RelPath) -> Made<()> {
        let mut missing = vec![parent.clone()];
        while let Some(above) = missing.last().and_then(RelPath::parent) {
            match self.shared.job.root.folder(&above) {
                Err(Errno::NOENT) => missing.push(above),
                _ => break,
            }
        }
        for path in missing.into_iter().rev() {
            let (Some(above), Some(cursor)) =
                (path.parent(), self.cursors.get_mut(change.source as usize))
            else {
                return Err(stale("its directory is not there any more"));
            };
            let found = cursor.place(&path).ok().flatten();
            let Some((dir, entry)) = found.filter(|(_, entry)| entry.is_dir()) else {
                return Err(stale("its directory is in neither source nor destination"));
            };
            let xattrs = dir.xattrs(&entry).ok();
            let folder = self
                .shared
                .job
                .root
                .folder(&above)
                .map_err(|e| self.failed("cannot open", e.into()))?;
            match folder.make_dir(path.name(), 0o700) {
                Ok(()) => self.shared.add_parent((path, entry.state, xattrs)),
                Err(Errno::EXIST) => {}
                Err(e) => return Err(self.failed("cannot make its directory", e.into())),
            }
        }
        Ok(())
    }
}
