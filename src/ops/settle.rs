//! The directories' own metadata: set last, since whatever is made in a directory moves its time.
//!
//! A directory that the plan changes gets what the plan says. One that only has something made or
//! removed in it gets back the time that it had.

use std::collections::BTreeMap;

use rustix::io::Errno;

use crate::disk::meta::{self, Policy};
use crate::disk::{Folder, Root};
use crate::model::{Change, Entry, Error, Kind, RelPath, State, Status, Why, Xattrs};
use crate::ops::apply::Shared;
use crate::ops::outcome::{Outcome, Report};
use crate::ops::perform::Worker;

/// What a directory is to be like at the end.
struct Final {
    state: State,
    xattrs: Option<Xattrs>,
    policy: Policy,
}

/// The directories that need attention at the end.
#[derive(Default)]
pub struct Settle {
    finals: BTreeMap<RelPath, Final>,
}

impl Settle {
    /// Remembers the metadata of every directory in which something will be made or removed, sweeps
    /// what an interrupted run left in it, and makes it writable where only its mode is in the way.
    pub fn prepare(&mut self, shared: &Shared<'_>, changes: &[Change]) {
        let root = shared.job.root;
        let moved = changes.iter().filter_map(|c| c.from.as_ref().map(|f| &f.0));
        let made = changes
            .iter()
            .filter(|c| c.status != Status::Touched)
            .map(|c| &c.path);
        for path in made.chain(moved) {
            let Some((parent, folder)) = self.nearest(root, path) else {
                continue;
            };
            let Ok(state) = crate::tree::local::state_of_handle(folder.handle()) else {
                continue;
            };
            // What cannot be swept stays until it can; it is never part of a tree.
            let _ = folder.sweep();
            let closed =
                state.mode & 0o300 != 0o300 && state.uid == root.user() && !root.is_privileged();
            let opened = closed && meta::set_mode(folder.handle(), b"", state.mode | 0o700).is_ok();
            if opened {
                shared.own.add(&state);
            }
            let policy = Policy {
                owner: false,
                mode: opened,
                mtime: shared.job.policy.mtime,
                xattrs: false,
                ..shared.job.policy
            };
            self.finals.insert(
                parent,
                Final {
                    state,
                    xattrs: None,
                    policy,
                },
            );
        }
    }

    /// The nearest directory above `path` that is there, unless it is remembered already.
    fn nearest(&self, root: &Root, path: &RelPath) -> Option<(RelPath, Folder)> {
        let mut parent = path.parent()?;
        loop {
            if self.finals.contains_key(&parent) {
                return None;
            }
            match root.folder(&parent) {
                Ok(folder) => return Some((parent, folder)),
                Err(_) => parent = parent.parent()?,
            }
        }
    }

    /// Takes what a change of a directory says in the place of what it was like.
    pub fn planned(&mut self, change: &Change, report: &Report, worker: &mut Worker<'_>) {
        let (Some(new), true) = (&change.new, report.outcome.is_success()) else {
            return;
        };
        if change.kind != Kind::Directory || worker.shared().job.dry_run {
            return;
        }
        let policy = worker.shared().job.policy;
        if change.status == Status::TypeChanged && report.outcome == Outcome::Done {
            worker.shared().add_fresh(&change.path);
        }
        let bring = change.status != Status::Touched || change.why.has(Why::XATTRS);
        let xattrs = if bring {
            worker.source_xattrs(change)
        } else {
            None
        };
        let state = State::clone(new);
        self.finals.insert(
            change.path.clone(),
            Final {
                state,
                xattrs,
                policy,
            },
        );
    }

    /// Sets them, deepest first.
    pub fn finish(mut self, shared: &Shared<'_>, changes: &[Change], reports: &mut [Report]) {
        let policy = shared.job.policy;
        for (path, state, xattrs) in shared.parents() {
            self.finals.entry(path).or_insert(Final {
                state,
                xattrs,
                policy,
            });
        }
        for (path, wanted) in self.finals.iter_mut().rev() {
            if shared.is_fresh(path) {
                wanted.masked(shared.job.root);
            }
            let Err(error) = wanted.set(shared.job.root, path) else {
                continue;
            };
            let at = changes.binary_search_by(|c| c.path.cmp(path));
            // A directory that is not in the plan was opened for what is planned in it.
            let at = at.unwrap_or_else(|next| next);
            if let Some(report) = reports.get_mut(at) {
                let error = Error::io(
                    "cannot set the metadata of its directory",
                    path.as_bytes(),
                    error,
                );
                *report = Report::new(Outcome::Failed, error.to_string());
            }
        }
    }
}

impl Final {
    /// Gives a directory that was made what is left of the source's bits, as mkdir(2) would have.
    fn masked(&mut self, root: &Root) {
        self.state.mode &= 0o777 & !root.umask();
        self.policy.mode = root.medium().modes;
    }

    /// Sets them by name, through the directory above: that needs no permission in the directory itself.
    fn set(&self, root: &Root, path: &RelPath) -> std::io::Result<()> {
        let (folder, name) = match path.parent() {
            None => (root.folder(path)?, &b""[..]),
            Some(parent) => match root.folder(&parent) {
                Ok(folder) => (folder, path.name()),
                // It is gone, as planned, or could not be made, which is reported already.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
                Err(e) => return Err(e.into()),
            },
        };
        let now = match name.is_empty() {
            true => crate::tree::local::state_of_handle(folder.handle())?,
            false => match folder.entry(name)?.filter(Entry::is_dir) {
                Some(entry) => entry.state,
                None => return Ok(()),
            },
        };
        meta::set(
            &folder,
            name,
            &now,
            &self.state,
            self.xattrs.as_ref(),
            self.policy,
        )
        .map(|_| ())
    }
}
