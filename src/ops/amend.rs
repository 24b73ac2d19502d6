//! Makes a snapshot from paths that the caller knows to have changed, without looking at anything else.
//!
//! It begins with the head's manifest. Each path given is examined anew, with all that is below it, and so is
//! every directory on the way to it; the rest stays as the head says. What a path shares an inode with, as the
//! head knows it, is examined with it: so the names of one file always say the same. The cost is that of the directories
//! on the way, not that of the tree.
//!
//! A head is what the directory was before fsync last changed it, and after a revert it is older still. So when an operation
//! came after the head, or it is not sure that the head is this directory's, everything is looked at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::model::listed::{Scope, Step, steps};
use crate::model::{ContentId, Error, ErrorKind, LinkKey, Listed, NodeId, RelPath, Result, Time};
use crate::ops::record::{Walk, seen_of};
use crate::ops::snap::{
    SnapOptions, Snapped, Walked, lock_directory, pool, purpose, settled, snap_locked,
};
use crate::ops::space::{self, Demand};
use crate::repo::archive::Archive;
use crate::repo::info::Counts;
use crate::repo::manifest::{self, Child};
use crate::repo::stat::Memory;
use crate::repo::{Head, Info, PathText, Repo, directory_of, link};
use crate::tree::cursor::Cursor;
use crate::tree::local::Local;
use crate::tree::{Dir, Tree};

/// A walk to some paths.
struct Amending<'a> {
    walk: Walk<'a>,
    old: Mutex<Old>,
}

/// What the head says and the new snapshot does not.
#[derive(Default)]
struct Old {
    counts: Counts,
    /// What is recorded anew as a whole, or gone.
    renewed: HashSet<RelPath>,
}

/// The manifest of the head.
struct Base {
    info: Info,
    root: NodeId,
    groups: Vec<Vec<RelPath>>,
}

/// Records a directory of which only `paths` changed since its head, under its lock.
///
/// # Errors
/// [`ErrorKind::NotFound`] without a head to begin with, [`ErrorKind::Refused`] when the rules are not the head's;
/// else as [`snap_locked`].
pub fn amend(repo: &Repo, dir: &Local, paths: &Listed, options: &SnapOptions) -> Result<Snapped> {
    let held = lock_directory(dir)?;
    options
        .tag
        .as_deref()
        .map_or(Ok(()), crate::repo::tag::check)?;
    crate::tree::attribute::reachable()?;
    let head = repo.head(dir)?;
    let base = base(repo, dir, &head, options)?;
    let listed = match paths.scope() {
        Scope::Only(paths) if holds(repo, dir, &head)? => {
            // What the head lacks, unread or forgotten, is looked at whoever lists it.
            let unread = base.info.unrecorded();
            let paths: Vec<RelPath> = paths.iter().cloned().chain(unread).collect();
            with_links(&paths, &base.groups)
        }
        _ => return snap_locked(repo, dir, options, &held),
    };
    let Scope::Only(paths) = listed.scope() else {
        return snap_locked(repo, dir, options, &held);
    };
    record(repo, dir, head, &base, paths, options)
}

/// Walks to the paths, and makes what was found a snapshot.
fn record(
    repo: &Repo,
    dir: &Local,
    head: Head,
    base: &Base,
    paths: &[RelPath],
    options: &SnapOptions,
) -> Result<Snapped> {
    let root = repo.stat_root(&directory_of(dir))?;
    let demand = Demand {
        repo,
        dir,
        filter: &options.filter,
        root,
        full: false,
        scope: Scope::Only(paths),
    };
    if !options.allow_low_space {
        space::check(&demand)?;
    }
    let start = Time::now();
    let archive = Archive::new(repo, purpose(dir, &head, false, start)?);
    let amending = Amending {
        walk: Walk {
            repo,
            archive: &archive,
            filter: &options.filter,
            root,
            full: false,
            start,
            found: Mutex::default(),
        },
        old: Mutex::default(),
    };
    let tree = pool()?.install(|| amending.tree(dir, base, paths))?;
    let found = settled(amending.walk.found);
    let walked = Walked {
        archive,
        tree,
        found,
        full: false,
        start,
        // What was not met is only not known to have changed.
        forget: false,
    };
    walked.conclude(repo, dir, head, options)
}

fn base(repo: &Repo, dir: &Local, head: &Head, options: &SnapOptions) -> Result<Base> {
    use std::os::unix::ffi::OsStrExt;
    let name = dir.path().as_os_str().as_bytes();
    let missing = |why: &str| {
        let message = format!("{why}; record it once without --stdin");
        Error::at(ErrorKind::NotFound, name, message)
    };
    let Some(id) = head.id else {
        return Err(missing("has no head in this repository to begin with"));
    };
    let info = repo.snapshot(id)?;
    if info.directory != directory_of(dir) {
        return Err(missing("its head records another directory"));
    }
    if info.rules != options.filter.rules() {
        let message = "its head was made with other include and exclude rules; give those, or record it without --stdin";
        return Err(Error::at(ErrorKind::Refused, name, message));
    }
    let damaged = |why: String| {
        let message = format!("the manifest of snapshot {id} is damaged: {why}");
        Error::new(ErrorKind::Damaged, message)
    };
    let record = repo.bytes(ContentId(info.tree.0))?;
    let (root, links) = manifest::parse_tree(&record).map_err(damaged)?;
    let groups = match links {
        Some(node) => link::parse(&repo.bytes(ContentId(node.0))?).map_err(damaged)?,
        None => Vec::new(),
    };
    let root = root.entry.node.ok_or_else(|| damaged("no root".into()))?;
    Ok(Base { info, root, groups })
}

/// Whether the directory was what the head says and only others than fsync can have changed it since.
fn holds(repo: &Repo, dir: &Local, head: &Head) -> Result<bool> {
    let operations = repo.operations(dir.path())?;
    let since = operations.first().is_some_and(|last| {
        let after = last.finished.as_ref().map(|finish| finish.head);
        last.begun.before == head.id || after.is_none_or(|after| after == head.id)
    });
    Ok(!since && head.notice.is_none())
}

/// Those paths, and every other name of the files among them that the head knows.
fn with_links(paths: &[RelPath], groups: &[Vec<RelPath>]) -> Listed {
    let given: HashSet<RelPath> = paths.iter().cloned().collect();
    let met = groups
        .iter()
        .filter(|group| group.iter().any(|p| is_in(&given, p)));
    let all = met.flatten().chain(paths);
    Listed::new(all.cloned().collect())
}

/// Whether a path is among `paths`, or below one of them.
fn is_in(paths: &HashSet<RelPath>, path: &RelPath) -> bool {
    let mut at = Some(path.clone());
    while let Some(path) = at {
        if paths.contains(&path) {
            return true;
        }
        at = path.parent();
    }
    false
}

impl Amending<'_> {
    fn old(&self) -> std::sync::MutexGuard<'_, Old> {
        self.old.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the tree; the id of its record.
    fn tree(&self, dir: &Local, base: &Base, paths: &[RelPath]) -> Result<NodeId> {
        let mut root = Child::new(dir.root()?);
        let (open, path) = (dir.open()?, RelPath::root());
        root.xattrs = self.walk.xattrs(&*open, &path, &root.entry);
        root.entry.node = Some(self.directory(&*open, &path, base.root, paths)?);
        let groups = self.groups(dir, &base.groups);
        self.keep(&base.info);
        let links = match groups.is_empty() {
            true => None,
            false => Some(self.walk.archive.node(&link::encode(&groups))?),
        };
        self.walk.archive.node(&manifest::tree(&root, links))
    }

    fn children(&self, node: NodeId) -> Result<Vec<Child>> {
        let bytes = self.walk.repo.bytes(ContentId(node.0))?;
        manifest::parse_directory(&bytes).map_err(|why| {
            let message = format!("the manifest node {node} is damaged: {why}");
            Error::new(ErrorKind::Damaged, message)
        })
    }

    /// Records a directory on the way, which was `node`; the id of its node now.
    fn directory(
        &self,
        dir: &dyn Dir,
        path: &RelPath,
        node: NodeId,
        paths: &[RelPath],
    ) -> Result<NodeId> {
        let memory = match self.walk.root {
            Some(root) => self.walk.repo.memory(root, path)?,
            None => Memory::default(),
        };
        let old = self.children(node)?.into_iter();
        let mut children: BTreeMap<Box<[u8]>, Child> =
            old.map(|c| (c.entry.name.clone(), c)).collect();
        let steps = steps(path, paths);
        let fresh: Result<Vec<Option<Child>>> = steps
            .par_iter()
            .map(|step| self.step(dir, path, children.get(step.name), step, &memory))
            .collect();
        let fresh: Vec<Child> = fresh?.into_iter().flatten().collect();
        steps.iter().for_each(|s| drop(children.remove(s.name)));
        self.walk.count(path, &fresh);
        let examined: Vec<&[u8]> = steps.iter().map(|s| s.name).collect();
        let seen = memory.amended(&examined, seen_of(&fresh, self.walk.start));
        if let Some(raw) = memory.replace(&seen) {
            self.walk.found().changed.push((path.clone(), raw));
        }
        children.extend(fresh.into_iter().map(|c| (c.entry.name.clone(), c)));
        let children: Vec<Child> = children.into_values().collect();
        self.walk.archive.node(&manifest::directory(&children))
    }

    /// Examines one name in a directory on the way; `None` when there is nothing (any more).
    fn step(
        &self,
        dir: &dyn Dir,
        above: &RelPath,
        old: Option<&Child>,
        step: &Step<'_>,
        memory: &Memory,
    ) -> Result<Option<Child>> {
        let path = above.join(step.name);
        let entry = match dir.entry(step.name) {
            Ok(entry) => entry,
            Err(e) => {
                self.walk.problem(&path, "examine", &e.cause());
                // It is counted again with what was examined.
                old.iter().for_each(|o| {
                    let state = &o.entry.state;
                    self.old().counts.enter(state.kind, state.size);
                });
                return Ok(old.cloned());
            }
        };
        let kept = |e: &crate::model::Entry| self.walk.filter.excludes(&path, e.is_dir()).is_none();
        let entry = entry.filter(kept);
        if let (Scope::Only(paths), Some(entry)) = (step.scope, &entry)
            && let Some(node) = old.and_then(|old| old.entry.node)
            && entry.is_dir()
            && let Ok(below) = dir.open_dir(entry)
        {
            self.old().counts.directories += 1;
            let mut child = Child::new(entry.clone());
            child.xattrs = self.walk.xattrs(dir, &path, entry);
            child.entry.node = Some(self.directory(&*below, &path, node, paths)?);
            return Ok(Some(child));
        }
        old.map_or(Ok(()), |old| self.forget(&path, old))?;
        match entry {
            Some(entry) => self.walk.child(dir, above, entry, memory),
            None => Ok(None),
        }
    }

    /// Takes what the head says of an entry, and of all below, out of the counts.
    fn forget(&self, path: &RelPath, child: &Child) -> Result<()> {
        let mut counts = Counts::default();
        self.sum(child, &mut counts)?;
        let mut old = self.old();
        old.counts = plus(old.counts, counts);
        old.renewed.insert(path.clone());
        Ok(())
    }

    fn sum(&self, child: &Child, counts: &mut Counts) -> Result<()> {
        counts.enter(child.entry.state.kind, child.entry.state.size);
        if let Some(node) = child.entry.node {
            for child in self.children(node)? {
                self.sum(&child, counts)?;
            }
        }
        Ok(())
    }

    /// Which names are one inode now: as the head says of those that were not examined, as was found of the others.
    fn groups(&self, dir: &Local, old: &[Vec<RelPath>]) -> Vec<Vec<RelPath>> {
        let renewed = std::mem::take(&mut self.old().renewed);
        let mut links: HashMap<LinkKey, Vec<RelPath>> =
            std::mem::take(&mut self.walk.found().links);
        let mut live = Cursor::new(dir);
        let mut groups = Vec::new();
        for group in old {
            let mut rest = group.iter().filter(|p| !is_in(&renewed, p)).cloned();
            let Some(first) = rest.next() else {
                continue;
            };
            let key = match links.is_empty() {
                true => None,
                false => live.entry(&first).ok().flatten().and_then(|e| e.links),
            };
            let rest = [first].into_iter().chain(rest);
            match key.and_then(|key| links.get_mut(&key)) {
                Some(names) => names.extend(rest),
                None => groups.push(rest.collect::<Vec<_>>()),
            }
        }
        self.old().renewed = renewed;
        groups.extend(links.into_values());
        groups.retain(|group| group.len() > 1);
        groups.iter_mut().for_each(|group| group.sort());
        groups.sort();
        groups
    }

    /// Adds what the head says of all that was not examined to what was found.
    fn keep(&self, info: &Info) {
        let (mut found, old) = (self.walk.found(), self.old());
        let all = plus(info.counts, found.counts);
        found.counts = Counts {
            files: all.files.saturating_sub(old.counts.files),
            directories: all.directories.saturating_sub(old.counts.directories),
            others: all.others.saturating_sub(old.counts.others),
            content_bytes: all.content_bytes.saturating_sub(old.counts.content_bytes),
        };
        let rest = |list: &[PathText]| -> Vec<RelPath> {
            let paths = list.iter().filter_map(|p| RelPath::parse(&p.0).ok());
            paths.filter(|p| !is_in(&old.renewed, p)).collect()
        };
        found.unstable.extend(rest(&info.unstable));
        found.unreadable.extend(rest(&info.unreadable));
    }
}

fn plus(a: Counts, b: Counts) -> Counts {
    Counts {
        files: a.files.saturating_add(b.files),
        directories: a.directories.saturating_add(b.directories),
        others: a.others.saturating_add(b.others),
        content_bytes: a.content_bytes.saturating_add(b.content_bytes),
    }
}
