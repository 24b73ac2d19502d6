//! The directories' own metadata: set last, since whatever is made in a directory moves its time.
//!
//! A directory that the plan changes gets what the plan says. One that only has something made or
//! removed in it gets back the time that it had.

use std::collections::{BTreeMap, HashSet};

use rayon::prelude::*;
use rustix::io::Errno;

use crate::disk::meta::{self, Policy};
use crate::disk::{Folder, Root};
use crate::model::{Change, Entry, Error, Kind, RelPath, State, Status, Why, Xattrs};
use crate::ops::apply::Shared;
use crate::ops::outcome::{Outcome, Report};
use crate::ops::perform::Worker;

/// What a directory is to be like at the end.
pub struct Final {
    state: State,
    xattrs: Option<Xattrs>,
    policy: Policy,
    /// It keeps the setgid bit that it was made with.
    inherits: bool,
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
        let mut seen: HashSet<RelPath> = HashSet::new();
        let mut last: Option<&[u8]> = None;
        for path in made.chain(moved) {
            if last.replace(path.dir()) == Some(path.dir()) {
                continue;
            }
            let Some((parent, folder)) = nearest(root, path, &mut seen) else {
                continue;
            };
            let Ok(state) = crate::tree::local::state_of_handle(folder.handle()) else {
                continue;
            };
            // What cannot be swept stays until it can; it is never part of a tree.
            let _ = folder.sweep();
            let closed =
                state.mode & 0o300 != 0o300 && state.uid == root.user() && !root.is_privileged();
            let opened =
                closed && meta::set_mode(folder.handle(), b"", &state, state.mode | 0o700).is_ok();
            if opened {
                shared.own.add(&state);
            }
            let policy = Policy {
                owner: false,
                group: false,
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
                    inherits: false,
                },
            );
        }
    }

    /// What a change of a directory makes of it, to be set at the end.
    pub fn planned(change: &Change, report: &Report, worker: &mut Worker<'_>) -> Option<Final> {
        let job = worker.shared().job;
        let new = change.new.as_ref()?;
        if change.kind != Kind::Directory || job.dry_run || !report.outcome.is_success() {
            return None;
        }
        if change.status == Status::TypeChanged && report.outcome == Outcome::Done {
            worker.shared().add_fresh(&change.path);
        }
        let bring = change.status != Status::Touched || change.why.has(Why::XATTRS);
        let xattrs = match bring {
            true => worker.source_xattrs(change),
            false => None,
        };
        Some(Final {
            state: State::clone(new),
            xattrs,
            policy: job.policy,
            inherits: false,
        })
    }

    /// Takes what the plan says in the place of what a directory was like.
    pub fn add(&mut self, path: &RelPath, planned: Option<Final>) {
        if let Some(planned) = planned {
            self.finals.insert(path.clone(), planned);
        }
    }

    /// Sets them, deepest first.
    pub fn finish(mut self, shared: &Shared<'_>, changes: &[Change], reports: &mut [Report]) {
        let policy = shared.job.policy;
        for (path, state, xattrs) in shared.parents() {
            self.finals.entry(path).or_insert(Final {
                state,
                xattrs,
                policy,
                inherits: false,
            });
        }
        if !policy.mode {
            let made = self.finals.iter_mut().filter(|(p, _)| shared.is_fresh(p));
            made.for_each(|(_, wanted)| wanted.masked(shared.job.root));
        }
        let mut levels: BTreeMap<usize, Vec<(&RelPath, &Final)>> = BTreeMap::new();
        for (path, wanted) in &self.finals {
            levels.entry(path.depth()).or_default().push((path, wanted));
        }
        let root = shared.job.root;
        for level in levels.values().rev() {
            let set = |(path, wanted): &(&RelPath, &Final)| {
                let error = wanted.set(root, path).err()?;
                Some((RelPath::clone(path), error))
            };
            let failed: Vec<_> = level.par_iter().filter_map(set).collect();
            for (path, error) in failed {
                blame(&path, error, changes, reports);
            }
        }
    }
}

/// Notes what could not be set with the directory's own change, or else with the first one in it.
fn blame(path: &RelPath, error: std::io::Error, changes: &[Change], reports: &mut [Report]) {
    let at = changes.binary_search_by(|c| c.path.cmp(path));
    // A directory that is not in the plan was opened for what is planned in it.
    let at = at.unwrap_or_else(|next| next);
    if let Some(report) = reports.get_mut(at) {
        let what = "cannot set the metadata of its directory";
        let error = Error::io(what, path.as_bytes(), error);
        *report = Report::new(Outcome::Failed, error.to_string());
    }
}

/// The nearest directory above `path` that is there, unless it was `seen` already.
fn nearest(root: &Root, path: &RelPath, seen: &mut HashSet<RelPath>) -> Option<(RelPath, Folder)> {
    let mut parent = path.parent()?;
    loop {
        if !seen.insert(parent.clone()) {
            return None;
        }
        match root.folder(&parent) {
            Ok(folder) => return Some((parent, folder)),
            Err(_) => parent = parent.parent()?,
        }
    }
}

impl Final {
    /// Gives a directory that was made what is left of the source's bits, as mkdir(2) would have.
    fn masked(&mut self, root: &Root) {
        self.state.mode &= 0o777 & !root.umask();
        self.policy.mode = root.medium().modes;
        self.inherits = true;
    }

    /// Sets them through a handle of the directory; where its own mode forbids that, by name, through the one above.
    fn set(&self, root: &Root, path: &RelPath) -> std::io::Result<()> {
        match root.folder(path) {
            Ok(folder) => {
                let now = crate::tree::local::state_of_handle(folder.handle())?;
                self.bring(&folder, b"", &now)
            }
            // It is gone, as planned, or could not be made, which is reported already.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(()),
            Err(Errno::ACCESS) => self.set_by_name(root, path),
            Err(e) => Err(e.into()),
        }
    }

    fn set_by_name(&self, root: &Root, path: &RelPath) -> std::io::Result<()> {
        let Some(parent) = path.parent() else {
            return Err(Errno::ACCESS.into());
        };
        let folder = root.folder(&parent)?;
        match folder.entry(path.name())?.filter(Entry::is_dir) {
            Some(entry) => self.bring(&folder, path.name(), &entry.state),
            None => Ok(()),
        }
    }

    fn bring(&self, folder: &Folder, name: &[u8], now: &State) -> std::io::Result<()> {
        let xattrs = self.xattrs.as_ref();
        let mut state = self.state.clone();
        if self.inherits {
            state.mode |= now.mode & 0o2000;
        }
        meta::set(folder, name, now, &state, xattrs, self.policy).map(|_| ())
    }
}
