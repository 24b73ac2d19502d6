//! Making an entry: read from the source while that holds still, complete under a temporary name, then put in place.

use std::os::fd::AsFd;

use rustix::io::Errno;

use crate::disk::Folder;
use crate::disk::put::{self, Temporary, Wanted};
use crate::model::{Change, Entry, Error, Kind, Outcome, State, Status};
use crate::ops::outcome::Report;
use crate::ops::perform::{Made, Worker, stale};
use crate::tree::Contents;
use crate::tree::local::{state_of_handle, xattrs_of};

/// How often a source that changes while it is read is read again.
const TRIES: u32 = 3;

impl Worker<'_> {
    /// Makes an entry that is no directory, or a directory in the place of something else.
    pub(super) fn put(
        &mut self,
        change: &Change,
        folder: &Folder,
        new: &State,
        now: Option<&Entry>,
    ) -> Made<()> {
        let shared = self.shared;
        let job = shared.job;
        for attempt in 0..TRIES {
            let (dir, entry) = self.source(change).map_err(|report| {
                // It held when the first reading began.
                let moved = attempt > 0 && report.outcome == Outcome::Stale;
                if moved { torn() } else { report }
            })?;
            let unreadable =
                |e: Error| Report::new(Outcome::Failed, format!("source: {}", e.cause()));
            let contents = match change.kind {
                Kind::File => Some(dir.open_file(&entry).map_err(unreadable)?),
                _ => None,
            };
            let xattrs = match (job.policy.xattrs, &contents) {
                (false, _) => None,
                (true, Some(Contents::Local(file))) => Some(xattrs_of(file).map_err(|e| {
                    unreadable(Error::io("cannot read its extended attributes", "", e))
                })?),
                (true, _) => Some(dir.xattrs(&entry).map_err(unreadable)?),
            };
            let wanted = Wanted {
                state: new,
                xattrs: xattrs.as_ref(),
                sparse: entry.sparse,
                policy: job.policy,
            };
            let Some(mut contents) = contents else {
                let made = put::node(folder, &wanted);
                let made = made.map_err(|e| self.failed("cannot make", e))?;
                return self.place(change, folder, made, now);
            };
            let before = state_of_contents(&contents);
            let made = put::file(job.root, folder, &wanted, &mut contents, &shared.copier);
            let (made, written) = made.map_err(|fault| self.fault(fault))?;
            let whole = before.is_none_or(|b| {
                b.inode == entry.state.inode
                    && b.size == written
                    && Some(b) == state_of_contents(&contents)
            });
            if whole && written == new.size {
                return self.place(change, folder, made, now);
            }
        }
        Err(torn())
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
            if change.kind != Kind::Directory && !same && !ours() && !was_dir(change) {
                return Err(stale("it changed while its new contents were copied"));
            }
        }
        let was_dir = was_dir(change);
        let result = match change.status {
            Status::Added => made.place_new(name),
            Status::TypeChanged if was_dir || change.kind == Kind::Directory => {
                made.replace(name, was_dir)
            }
            _ => made.place(name),
        };
        match result {
            Ok(()) => Ok(()),
            Err(Errno::EXIST) if change.status == Status::Added => {
                Err(stale("something is there already"))
            }
            Err(Errno::NOTEMPTY | Errno::EXIST) => {
                Err(stale("the directory in its place is not empty"))
            }
            Err(e) => Err(self.failed("cannot put in place", e.into())),
        }
    }
}

fn torn() -> Report {
    Report::new(Outcome::Torn, "the source changed while it was read")
}

/// Whether it takes the place of a directory.
fn was_dir(change: &Change) -> bool {
    change
        .old
        .as_ref()
        .is_some_and(|o| o.kind == Kind::Directory)
}

/// The state of an open local file, to tell whether it changed.
fn state_of_contents(contents: &Contents) -> Option<State> {
    match contents {
        Contents::Local(file) => state_of_handle(file.as_fd()).ok(),
        Contents::Stream(_) => None,
    }
}
