//! The changes that bring no contents: renames, further names of an inode, and directories on the way.

use rustix::io::Errno;

use crate::disk::{Folder, meta, put};
use crate::model::{Change, Entry, Outcome, RelPath, State, Status};
use crate::ops::outcome::Report;
use crate::ops::perform::{Made, Worker, stale};
use crate::ops::stale::{Check, expected, is_like};

impl Worker<'_> {
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

    pub(super) fn link(
        &mut self,
        change: &Change,
        folder: &Folder,
        now: Option<&Entry>,
    ) -> Made<()> {
        let (Some(first), Some(new)) = (&change.link_to, &change.new) else {
            return Err(Report::new(Outcome::Failed, "the plan names no other name"));
        };
        let (from, entry) = self.first_name(first)?;
        let terms = self.shared.job.terms;
        let unsure = terms.clock.is_unsure(new, &entry.state);
        if !is_like(new, &entry.state, terms)
            || unsure && !self.same_contents(change, &from, &entry)?
        {
            return Err(stale("its other name is not as the plan expects"));
        }
        self.shared.own.add(&entry.state);
        let made = put::link(&from, first.name(), folder)
            .map_err(|e| self.failed("cannot link", e.into()))?;
        self.place(change, folder, made, now)
    }

    /// Moves an entry of the destination; one that is there already only gets its metadata.
    pub(super) fn rename(
        &mut self,
        change: &Change,
        folder: &Folder,
        there: Option<&Entry>,
    ) -> Made {
        let (Some((from, old)), Some(new)) = (change.from.as_deref(), &change.new) else {
            return Err(Report::new(
                Outcome::Failed,
                "the plan does not say from where",
            ));
        };
        self.source(change)?;
        let root = self.shared.job.root;
        let parent = from.parent().unwrap_or_else(RelPath::root);
        let source = root.folder(&parent).ok();
        let now = source
            .as_ref()
            .and_then(|s| s.entry(from.name()).ok().flatten());
        let id = |s: &State| s.inode.map(|i| (i.dev, i.ino));
        let moved = |e: &Entry| old.inode.is_some() && id(&e.state) == id(old);
        let state = match (source, now, there) {
            (_, None, Some(there)) if moved(there) => there.state.clone(),
            (_, _, Some(_)) => return Err(stale("something is there already")),
            (Some(source), Some(now), None) => {
                self.movable(change, &now)?;
                if !self.shared.job.dry_run {
                    let moved = source.move_to(from.name(), folder, change.path.name());
                    moved.map_err(|e| match e {
                        Errno::EXIST | Errno::NOTEMPTY => stale("something is there already"),
                        e => self.failed("cannot rename", e.into()),
                    })?;
                }
                now.state
            }
            _ => return Err(stale("what was to be renamed is not there any more")),
        };
        if there.is_none() && self.shared.job.dry_run {
            return Ok(Report::plain(Outcome::Done));
        }
        let policy = self.shared.job.policy;
        // Attributes came along; a directory's metadata are set here too, nothing is made in it.
        let set = meta::set(folder, change.path.name(), &state, new, None, policy);
        let set = set.map_err(|e| self.failed("cannot set its metadata", e))?;
        let like = is_like(new, &state, self.shared.job.terms);
        let outcome = if there.is_some() && (!set || like) {
            Outcome::Already
        } else {
            Outcome::Done
        };
        Ok(Report::plain(outcome))
    }

    /// Whether what is to be renamed still is as the plan expects.
    fn movable(&self, change: &Change, now: &Entry) -> Made<()> {
        let old = change.from.as_deref().map(|(_, old)| Box::new(old.clone()));
        let probe = Change {
            old,
            status: Status::Deleted,
            ..change.clone()
        };
        match expected(&probe, &now.state, &self.shared.own) {
            Check::Go => Ok(()),
            _ => Err(stale(
                "what was to be renamed changed since the plan was made",
            )),
        }
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
                Ok(()) => {
                    self.shared.add_fresh(&path);
                    self.shared.add_parent((path, entry.state, xattrs));
                }
                Err(Errno::EXIST) => {}
                Err(e) => return Err(self.failed("cannot make its directory", e.into())),
            }
        }
        Ok(())
    }
}
