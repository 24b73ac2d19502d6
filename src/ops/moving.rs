//! The changes that bring no contents: renames, further names of an inode, and directories on the way.

use rustix::io::Errno;

use crate::disk::{Folder, meta, put};
use crate::model::{Change, Entry, Kind, Outcome, RelPath, State, Status};
use crate::ops::fold;
use crate::ops::outcome::{Report, stale};
use crate::ops::perform::{Made, Worker};
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
        let Some((from, old)) = change.from.as_deref() else {
            let message = "the plan does not say from where";
            return Err(Report::new(Outcome::Failed, message));
        };
        self.source(change)?;
        if let Some(there) = there {
            if self.is_respelt(change, folder, there) {
                return self.respell(change, folder, from.name());
            }
            if is_inode(old, &there.state) {
                return self.settled(change, folder, &there.state);
            }
            if self.is_moved(change, folder, there)? {
                return self.settled(change, folder, &there.state);
            }
            if expected(change, &there.state, &self.shared.own) != Check::Go {
                return match self.is_renamed(change, folder, there)? {
                    true => self.settled(change, folder, &there.state),
                    false => Err(stale("something is there already")),
                };
            }
        }
        let parent = from.parent().unwrap_or_else(RelPath::root);
        let source = self.shared.job.root.folder(&parent).ok();
        let now = source
            .as_ref()
            .and_then(|s| s.entry(from.name()).ok().flatten());
        let (Some(source), Some(mut now)) = (source, now) else {
            return Err(stale("what was to be renamed is not there any more"));
        };
        self.movable(change, &now)?;
        if !self.shared.job.dry_run {
            // Other names of what is replaced see another change time, and so does what is moved.
            there
                .iter()
                .for_each(|entry| self.shared.own.add(&entry.state));
            self.shared.own.add(&now.state);
            self.move_entry(
                &source,
                &mut now,
                folder,
                change.path.name(),
                there.is_some(),
            )?;
            self.dress(change, folder, &now.state)?;
        }
        Ok(Report::plain(Outcome::Done))
    }

    /// Whether what is there is what is to be renamed itself, under the name that it has now: a file system may take
    /// several spellings for one name.
    fn is_respelt(&self, change: &Change, folder: &Folder, there: &Entry) -> bool {
        let Some((from, old)) = change.from.as_deref() else {
            return false;
        };
        let (from, to) = (
            (from.parent(), from.name()),
            (change.path.parent(), change.path.name()),
        );
        let maybe = is_inode(old, &there.state) || fold::alike(from.1, to.1);
        from.0 == to.0 && from.1 != to.1 && maybe && matches!(folder.lists(to.1), Ok(false))
    }

    /// Gives an entry another spelling of its name.
    fn respell(&mut self, change: &Change, folder: &Folder, from: &[u8]) -> Made {
        let gone = || stale("what was to be renamed is not there any more");
        let now = folder.entry(from).ok().flatten().ok_or_else(gone)?;
        self.movable(change, &now)?;
        if !self.shared.job.dry_run {
            self.shared.own.add(&now.state);
            folder
                .respell(from, change.path.name())
                .map_err(|e| self.failed("cannot rename", e.into()))?;
            self.dress(change, folder, &now.state)?;
        }
        Ok(Report::plain(Outcome::Done))
    }

    /// Moves an entry, onto what is there where that is so planned.
    fn move_entry(
        &self,
        source: &Folder,
        now: &mut Entry,
        folder: &Folder,
        to: &[u8],
        onto: bool,
    ) -> Made<()> {
        let go = |now: &Entry| match onto {
            true => source.move_over(&now.name, folder, to),
            false => source.move_to(&now.name, folder, to),
        };
        let mut moved = go(now);
        let before = now.state.mode;
        // A directory knows the one above it, so its own mode may forbid that it moves.
        if moved == Err(Errno::ACCESS) && now.is_dir() && before & 0o200 == 0 {
            let (handle, seen) = (source.handle(), now.state.clone());
            if meta::set_mode(handle, &now.name, &seen, before | 0o700).is_ok() {
                now.state.mode = before | 0o700;
                moved = go(now);
            }
            if moved.is_err() {
                let _ = meta::set_mode(handle, &now.name, &seen, before);
            }
        }
        moved.map_err(|e| match e {
            Errno::EXIST | Errno::NOTEMPTY => stale("something is there already"),
            e => self.failed("cannot rename", e.into()),
        })
    }

    /// What has its name already only gets what else the plan says.
    fn settled(&mut self, change: &Change, folder: &Folder, now: &State) -> Made {
        let set = !self.shared.job.dry_run && self.dress(change, folder, now)?;
        let terms = self.shared.job.terms;
        let like = change
            .new
            .as_deref()
            .is_some_and(|new| is_like(new, now, terms));
        let outcome = match set && !like {
            true => Outcome::Done,
            false => Outcome::Already,
        };
        Ok(Report::plain(outcome))
    }

    /// Sets the metadata of what was renamed, attributes too. Whether anything was done.
    pub(super) fn dress(&mut self, change: &Change, folder: &Folder, now: &State) -> Made<bool> {
        let Some(new) = &change.new else {
            return Ok(false);
        };
        let xattrs = self.source_xattrs(change);
        let (name, policy) = (change.path.name(), self.shared.job.policy);
        meta::set(folder, name, now, new, xattrs.as_ref(), policy)
            .map_err(|e| self.failed("cannot set its metadata", e))
    }

    /// Of a plan that does not say which inodes it saw, a bundle's: whether what is there is what was to be renamed, by an
    /// earlier run that perhaps was cut short before it set its metadata.
    fn is_moved(&mut self, change: &Change, folder: &Folder, there: &Entry) -> Made<bool> {
        let (Some((_, old)), Some(new)) = (change.from.as_deref(), change.new.as_deref()) else {
            return Ok(false);
        };
        let now = &there.state;
        let looks = (now.kind, now.size) == (old.kind, old.size)
            && [old.mtime, new.mtime].contains(&now.mtime)
            && [old.mode, new.mode].contains(&now.mode);
        match old.inode.is_none() && looks {
            true if now.kind == Kind::File => self.same_contents(change, folder, there),
            looks => Ok(looks),
        }
    }

    /// Whether a file, though not the inode that the plan saw, is what the rename was to bring.
    pub(super) fn is_renamed(
        &mut self,
        change: &Change,
        folder: &Folder,
        there: &Entry,
    ) -> Made<bool> {
        let like = |new: &State| is_like(new, &there.state, self.shared.job.terms);
        match change.kind == Kind::File && change.new.as_deref().is_some_and(like) {
            true => self.same_contents(change, folder, there),
            false => Ok(false),
        }
    }

    /// Whether what is to be renamed still is as the plan expects.
    pub(super) fn movable(&self, change: &Change, now: &Entry) -> Made<()> {
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
    pub(super) fn make_parents(&mut self, parent: &RelPath) -> Made<()> {
        let mut missing = vec![parent.clone()];
        while let Some(above) = missing.last().and_then(RelPath::parent) {
            match self.shared.job.root.folder(&above) {
                Err(Errno::NOENT) => missing.push(above),
                _ => break,
            }
        }
        for path in missing.into_iter().rev() {
            let Some(above) = path.parent() else {
                return Err(stale("its directory is not there any more"));
            };
            // Of several sources the last one's metadata count, as in a plan that holds the directory.
            let mut found = self.cursors.iter_mut().rev().filter_map(|cursor| {
                let (dir, entry) = cursor.place(&path).ok().flatten()?;
                let xattrs = dir.xattrs(&entry).ok();
                entry.is_dir().then_some((entry, xattrs))
            });
            let Some((entry, xattrs)) = found.next() else {
                return Err(stale("its directory is in neither source nor destination"));
            };
            drop(found);
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

/// Whether two states are of one inode, whatever became of it.
pub(super) fn is_inode(a: &State, b: &State) -> bool {
    let id = |s: &State| s.inode.map(|i| (i.dev, i.ino));
    id(a).is_some() && id(a) == id(b)
}
