//! Making an entry: read from the source while that holds still, complete under a temporary name, then put in place.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::io::Errno;

use crate::disk::Folder;
use crate::disk::copy::{self, Fault, SMALL};
use crate::disk::keep::Kept;
use crate::disk::put::{self, Draft, Temporary, Wanted};
use crate::model::meter;
use crate::model::{Change, Entry, Error, Kind, Outcome, RelPath, State, Status, Xattrs};
use crate::ops::outcome::{Report, in_the_way, stale, torn, unreadable};
use crate::ops::perform::{Made, Worker};
use crate::ops::stage::Waiting;
use crate::ops::stale::source_holds;
use crate::tree::Contents;
use crate::tree::attribute::xattrs_of;
use crate::tree::local::examine_handle;

/// How often a source that changes while it is read is read again.
const TRIES: u32 = 3;

/// What is to be made, and where.
struct Goal<'g> {
    folder: &'g Folder,
    new: &'g State,
    /// What it keeps of the entry whose place it takes.
    keep: Option<&'g Kept<'g>>,
    /// It is made under this name, not under a temporary one.
    name: Option<&'g [u8]>,
}

/// A source's file, open.
enum Opened {
    /// One that may change while it is read.
    Local(File),
    /// One that a snapshot recorded.
    Recorded {
        contents: Contents,
        sparse: bool,
        xattrs: Xattrs,
    },
}

/// What became of copying a local file.
enum Copied<'f> {
    /// It is complete.
    Whole(Temporary<'f>),
    /// It is not as planned.
    Stale,
    /// It was as planned, and then changed.
    Torn,
}

impl Worker<'_> {
    /// Makes an entry that is no directory, or a directory in the place of something else.
    pub(super) fn put(
        &mut self,
        change: &Change,
        folder: &Folder,
        new: &State,
        now: Option<&Entry>,
    ) -> Made<()> {
        let keep = self.kept(change, folder, now)?;
        let goal = Goal {
            folder,
            new,
            keep: keep.as_ref(),
            name: None,
        };
        let made = self.make(change, &goal)?;
        if self.staging && change.kind == Kind::File {
            let before = now.cloned();
            self.waiting = Some(Waiting::new(made.set_aside(), before));
            return Ok(());
        }
        self.place(change, folder, made, now)
    }

    /// Makes an entry in a directory that has no name of its own yet, so that nobody takes it for what it is to be.
    fn put_inside(&mut self, change: &Change, folder: &Folder) -> Made {
        let (Some(new), false) = (&change.new, self.shared.is_stopped()) else {
            return Ok(Report::held());
        };
        let goal = Goal {
            folder,
            new,
            keep: None,
            name: Some(change.path.name()),
        };
        // What lies in it is brought to the disk with the directory, before that gets its name.
        self.staging = true;
        let made = self.make(change, &goal).map(Temporary::set_aside);
        self.staging = false;
        made.map(|_| Report::plain(Outcome::Done))
    }

    /// Makes a directory, under a temporary name, with files that the plan puts straight into it (by their places in
    /// `changes`): it gets its name when they are whole, which saves each of them a name of its own before. That
    /// name, and what became of those files that were not made; `None` when it is to be made without them.
    pub(super) fn fill(
        &mut self,
        change: &Change,
        changes: &[Change],
        files: &[usize],
    ) -> Option<(Waiting, Vec<(usize, Report)>)> {
        let last = self.enter(&change.path.parent()?).ok()?;
        let name = change.path.name();
        let free = last.fresh || matches!(last.folder.entry(name), Ok(None));
        if !free || self.shared.is_stopped() || self.source(change).is_err() {
            return None;
        }
        let (made, inside) = put::staging(&last.folder).ok()?;
        let mut not_made = Vec::new();
        for at in files {
            meter::at(&changes[*at].path);
            meter::files(1);
            let put = self.put_inside(&changes[*at], &inside);
            let report = put.unwrap_or_else(|report| report);
            if report.outcome != Outcome::Done {
                not_made.push((*at, report));
            }
        }
        let made = Waiting::new(made.set_aside(), None);
        meter::files(1);
        self.keep_open(last);
        Some((made, not_made))
    }

    /// Makes an entry, complete, under the name that the goal says.
    fn make<'f>(&mut self, change: &Change, goal: &Goal<'f>) -> Made<Temporary<'f>> {
        for attempt in 0..TRIES {
            let made = match change.kind {
                Kind::File => self.draft(change, goal),
                _ => self.node(change, goal).map(Some),
            };
            let made = made.map_err(|report| {
                // It held when the first reading began.
                let moved = attempt > 0 && report.outcome == Outcome::Stale;
                if moved { torn() } else { report }
            })?;
            if let Some(made) = made {
                return Ok(made);
            }
        }
        Err(torn())
    }

    fn node<'f>(&mut self, change: &Change, goal: &Goal<'f>) -> Made<Temporary<'f>> {
        let policy = self.shared.job.policy;
        let (dir, entry) = self.source(change)?;
        let xattrs = match policy.xattrs {
            true => Some(dir.xattrs(&entry).map_err(|e| unreadable(&e))?),
            false => None,
        };
        let wanted = self.wanted(goal, xattrs.as_ref());
        put::node(goal.folder, &wanted).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => in_the_way(),
            _ => self.failed("cannot make", e),
        })
    }

    /// A complete file under a temporary name; `None` when the source changed while it was read.
    fn draft<'f>(&mut self, change: &Change, goal: &Goal<'f>) -> Made<Option<Temporary<'f>>> {
        let new = goal.new;
        let (mut contents, sparse, xattrs) = match self.open_source(change, goal)? {
            Opened::Local(file) => {
                let copied = match new.size <= SMALL {
                    true => self.copy_small(&file, goal)?,
                    false => self.copy_large(&file, goal)?,
                };
                return match copied {
                    Copied::Whole(made) => Ok(Some(made)),
                    Copied::Torn => Ok(None),
                    Copied::Stale => self.source(change).map(|_| None),
                };
            }
            Opened::Recorded {
                contents,
                sparse,
                xattrs,
            } => (contents, sparse, xattrs),
        };
        let wanted = self.wanted(goal, Some(&xattrs));
        let draft = self.begin(goal.folder, &wanted)?;
        let written = match &mut contents {
            Contents::Bytes(bytes) => {
                let bytes = bytes.get_ref().as_ref();
                let written = copy::write_small(draft.file(), bytes, sparse);
                written
                    .map(|()| bytes.len() as u64)
                    .map_err(Fault::Destination)
            }
            stream => self.shared.copier.stream(stream, draft.file(), sparse),
        };
        match written.map_err(|fault| self.fault(fault))? == new.size {
            true => self.finish(draft, &wanted).map(Some),
            false => Ok(None),
        }
    }

    /// Opens the source's file. What lies in a local directory is opened first and examined when it is open: that
    /// is a look less, and no other file can take its place between look and opening.
    fn open_source(&mut self, change: &Change, goal: &Goal<'_>) -> Made<Opened> {
        let new = goal.new;
        let parent = change.path.parent().unwrap_or_else(RelPath::root);
        if let Some(cursor) = self.cursors.get_mut(change.source as usize)
            && let Ok(Some(dir)) = cursor.dir(&parent)
            && dir.is_local()
            && let Ok(Contents::Local(file)) =
                dir.open_file(&Entry::new(change.path.name(), new.clone()))
        {
            return Ok(Opened::Local(file));
        }
        // Whatever was in the way, looking tells.
        let old = self.older(change, goal);
        let (dir, entry) = self.source(change)?;
        let opened = match old {
            Some(old) => dir.open_like(&entry, old),
            None => dir.open_file(&entry),
        };
        match opened.map_err(|e| unreadable(&e))? {
            Contents::Local(file) => Ok(Opened::Local(file)),
            contents => Ok(Opened::Recorded {
                contents,
                sparse: entry.sparse,
                xattrs: dir.xattrs(&entry).map_err(|e| unreadable(&e))?,
            }),
        }
    }

    /// The file that will be replaced, where bytes of it need not come from far away.
    fn older(&self, change: &Change, goal: &Goal<'_>) -> Option<File> {
        if change.status != Status::Modified || !self.is_far() {
            return None;
        }
        let here = crate::tree::local::dir_of(goal.folder.handle()).ok()?;
        let entry = Entry::new(change.path.name(), goal.new.clone());
        match crate::tree::Dir::open_file(&here, &entry).ok()? {
            Contents::Local(file) => Some(file),
            Contents::Bytes(_) | Contents::Stream(_) => None,
        }
    }

    /// Through memory; one look at the source after the reading proves that it was as planned all the time.
    fn copy_small<'f>(&self, file: &File, goal: &Goal<'f>) -> Made<Copied<'f>> {
        let new = goal.new;
        let copied = copy::small(file, new.size, |bytes| {
            let Some((_, sparse)) = self.as_planned(file, new)? else {
                return Ok(Copied::Stale);
            };
            let xattrs = self.xattrs_of(file)?;
            let wanted = self.wanted(goal, xattrs.as_ref());
            let draft = self.begin(goal.folder, &wanted)?;
            copy::write_small(draft.file(), bytes, sparse)
                .map_err(|e| self.fault(Fault::Destination(e)))?;
            self.finish(draft, &wanted).map(Copied::Whole)
        });
        match copied {
            Ok(made) => made.unwrap_or(Ok(Copied::Stale)),
            // Something else has taken its place.
            Err(e)
                if [Errno::ISDIR, Errno::SPIPE]
                    .map(|e| Some(e.raw_os_error()))
                    .contains(&e.raw_os_error()) =>
            {
                Ok(Copied::Stale)
            }
            Err(e) => Err(self.fault(Fault::Source(e))),
        }
    }

    fn copy_large<'f>(&self, file: &File, goal: &Goal<'f>) -> Made<Copied<'f>> {
        let new = goal.new;
        let Some((before, sparse)) = self.as_planned(file, new)? else {
            return Ok(Copied::Stale);
        };
        let xattrs = self.xattrs_of(file)?;
        let wanted = self.wanted(goal, xattrs.as_ref());
        let draft = self.begin(goal.folder, &wanted)?;
        let job = copy::Job {
            from: file,
            to: draft.file(),
            size: new.size,
            sparse,
            devices: (before.inode.map_or(0, |i| i.dev), draft.device()),
        };
        let written = self.shared.copier.copy(job).map_err(|f| self.fault(f))?;
        let after = self.examine(file)?.0;
        match written == new.size && after == before {
            true => self.finish(draft, &wanted).map(Copied::Whole),
            false => Ok(Copied::Torn),
        }
    }

    /// What an open source file is, if that is what the plan says.
    fn as_planned(&self, file: &File, new: &State) -> Made<Option<(State, bool)>> {
        let found = self.examine(file)?;
        Ok(source_holds(new, &found.0, &self.shared.own).then_some(found))
    }

    fn examine(&self, file: &File) -> Made<(State, bool)> {
        examine_handle(file.as_fd()).map_err(|e| self.fault(Fault::Source(e.into())))
    }

    fn xattrs_of(&self, file: &File) -> Made<Option<Xattrs>> {
        let read = || xattrs_of(file).map(Some);
        let found = if self.shared.job.policy.xattrs {
            read()
        } else {
            Ok(None)
        };
        found.map_err(|e| unreadable(&Error::io("cannot read its extended attributes", "", e)))
    }

    fn wanted<'w>(&self, goal: &'w Goal<'_>, xattrs: Option<&'w Xattrs>) -> Wanted<'w> {
        Wanted {
            state: goal.new,
            xattrs,
            policy: self.shared.job.policy,
            keep: goal.keep,
            name: goal.name,
        }
    }

    fn begin<'f>(&self, folder: &'f Folder, wanted: &Wanted<'_>) -> Made<Draft<'f>> {
        put::begin(self.shared.job.root, folder, wanted).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => in_the_way(),
            _ => self.fault(Fault::Destination(e)),
        })
    }

    fn finish<'f>(&self, draft: Draft<'f>, wanted: &Wanted<'_>) -> Made<Temporary<'f>> {
        self.shared.wrote(draft.device(), draft.folder());
        let made = draft.finish(wanted, self.shared.job.durable && !self.staging);
        made.map_err(|e| self.fault(Fault::Destination(e)))
    }

    /// What a changed entry keeps of its own, where owners or modes are not brought along.
    fn kept<'s>(
        &self,
        change: &Change,
        folder: &Folder,
        now: Option<&'s Entry>,
    ) -> Made<Option<Kept<'s>>> {
        let (job, name) = (self.shared.job, change.path.name());
        let Some(now) = now.filter(|_| change.status == Status::Modified) else {
            return Ok(None);
        };
        Kept::of(folder, name, &now.state, job.policy, job.root.able())
            .map_err(|e| self.failed("cannot examine", e))
    }

    /// Gives what is complete its name.
    pub(super) fn place(
        &self,
        change: &Change,
        folder: &Folder,
        made: Temporary<'_>,
        before: Option<&Entry>,
    ) -> Made<()> {
        let name = change.path.name();
        if before.is_some() {
            // Copying takes time; what was edited meanwhile is in no snapshot.
            let again = folder
                .entry(name)
                .map_err(|e| self.failed("cannot examine", e.into()))?;
            let same = again.as_ref().map(|e| e.state.inode) == before.map(|e| e.state.inode);
            let ours = || {
                again
                    .as_ref()
                    .is_some_and(|e| self.shared.own.has(&e.state))
            };
            if change.kind != Kind::Directory && !same && !ours() && !change.was_dir() {
                return Err(stale("it changed while its new contents were copied"));
            }
        }
        let was_dir = change.was_dir();
        let result = match change.status {
            Status::Added => made.place_new(name),
            Status::TypeChanged if was_dir || change.kind == Kind::Directory => {
                made.replace(name, was_dir)
            }
            _ => made.place(name),
        };
        match result {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) if change.status == Status::Added => Err(in_the_way()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => {
                Err(stale("the directory in its place is not empty"))
            }
            Err(e) => Err(self.failed("cannot put in place", e.into())),
        }
    }
}
