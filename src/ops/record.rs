//! Walks a local directory for a snapshot: every entry becomes a line of the manifest, every new content an
//! entry of the archive. One task for each entry that must be read; directories are listed where
//! they are found, so that handles stay few.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

use crate::model::meter;
use crate::model::{
    Entry, Error, Filter, Kind, LinkKey, NodeId, Problem, RelPath, Result, Time, Xattrs,
};
use crate::ops::read::Reading;
use crate::repo::Repo;
use crate::repo::archive::Archive;
use crate::repo::info::Counts;
use crate::repo::link;
use crate::repo::manifest::{self, Child};
use crate::repo::stat::{Memory, Seen, is_settled};
use crate::tree::local::Local;
use crate::tree::{Dir, Tree};

/// What a walk found.
#[derive(Default)]
pub struct Found {
    /// Names of one inode, by inode.
    pub(super) links: HashMap<LinkKey, Vec<RelPath>>,
    /// What could not be recorded rightly.
    pub problems: Vec<Problem>,
    /// What changed while it was read, again and again.
    pub unstable: Vec<RelPath>,
    /// What could not be read.
    pub unreadable: Vec<RelPath>,
    /// What the tree holds.
    pub counts: Counts,
    /// How many entries rules excluded; those below an excluded directory are not counted.
    pub excluded: u64,
    /// What to remember of directories, where that is new.
    pub changed: Vec<(RelPath, Vec<u8>)>,
    /// The directories for which something is or was remembered.
    pub remembered: HashSet<RelPath>,
}

/// A walk.
pub struct Walk<'a> {
    /// The repository that remembers.
    pub repo: &'a Repo,
    /// The archive that takes what is new.
    pub archive: &'a Archive,
    /// What belongs to the tree.
    pub filter: &'a Filter,
    /// The number of the directory in the stat cache.
    pub root: Option<i64>,
    /// All contents are read, remembered or not.
    pub full: bool,
    /// When the walk began.
    pub start: Time,
    /// What it found so far.
    pub found: Mutex<Found>,
}

impl Walk<'_> {
    pub(super) fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a tree; the id of its record.
    ///
    /// # Errors
    /// When the root cannot be listed, or the repository not be read or written.
    pub fn tree(&self, dir: &Local) -> Result<NodeId> {
        let mut root = Child::new(dir.root()?);
        let open = dir.open()?;
        let path = RelPath::root();
        root.xattrs = self.xattrs(&*open, &path, &root.entry);
        let listing = open
            .list()
            .map_err(|e| Error::at(e.kind(), path_of(dir), e.cause()))?;
        root.entry.node = Some(self.listed(&*open, &path, listing)?);
        let groups = {
            let links = std::mem::take(&mut self.found().links);
            let mut groups: Vec<_> = links.into_values().filter(|g| g.len() > 1).collect();
            groups.iter_mut().for_each(|group| group.sort());
            groups.sort();
            groups
        };
        let links = match groups.is_empty() {
            true => None,
            false => Some(self.archive.node(&link::encode(&groups))?),
        };
        self.archive.node(&manifest::tree(&root, links))
    }

    /// Records the entries of a directory; the id of its node.
    fn listed(
        &self,
        dir: &dyn Dir,
        path: &RelPath,
        listing: crate::tree::Listing,
    ) -> Result<NodeId> {
        if !listing.problems.is_empty() {
            let mut found = self.found();
            for mut problem in listing.problems {
                problem.path = path.join(problem.path.as_bytes());
                found.problems.push(problem);
            }
        }
        let memory = match self.root {
            Some(root) => self.repo.memory(root, path)?,
            None => Memory::default(),
        };
        let entries = self.keep(path, listing.entries);
        meter::at(path);
        meter::files(entries.len() as u64);
        let children: Result<Vec<Option<Child>>> = entries
            .into_par_iter()
            .map(|entry| self.child(dir, path, entry, &memory))
            .collect();
        let children: Vec<Child> = children?.into_iter().flatten().collect();
        self.count(path, &children);
        self.remember(path, &children, &memory);
        self.archive.node(&manifest::directory(&children))
    }

    /// Leaves out what the rules exclude.
    fn keep(&self, path: &RelPath, mut entries: Vec<Entry>) -> Vec<Entry> {
        // A directory that changes while it is listed may give a name twice.
        entries.dedup_by(|a, b| a.name == b.name);
        if !self.filter.is_empty() {
            let before = entries.len();
            entries.retain(|e| {
                self.filter
                    .excludes(&path.join(&e.name), e.is_dir())
                    .is_none()
            });
            self.found().excluded += (before - entries.len()) as u64;
        }
        entries
    }

    pub(super) fn count(&self, path: &RelPath, children: &[Child]) {
        let mut found = self.found();
        for child in children {
            let state = &child.entry.state;
            found.counts.enter(state.kind, state.size);
            if let Some(key) = child.entry.links {
                found
                    .links
                    .entry(key)
                    .or_default()
                    .push(path.join(&child.entry.name));
            }
            if child.unstable {
                found.unstable.push(path.join(&child.entry.name));
            }
            if child.unreadable {
                found.unreadable.push(path.join(&child.entry.name));
            }
        }
    }

    fn remember(&self, path: &RelPath, children: &[Child], memory: &Memory) {
        let seen = seen_of(children, self.start);
        let changed = memory.replace(&seen);
        if changed.is_none() && memory.is_empty() {
            return;
        }
        let mut found = self.found();
        found.remembered.insert(path.clone());
        found.changed.extend(changed.map(|raw| (path.clone(), raw)));
    }

    /// Records one entry; `None` when it went away.
    pub(super) fn child(
        &self,
        dir: &dyn Dir,
        above: &RelPath,
        entry: Entry,
        memory: &Memory,
    ) -> Result<Option<Child>> {
        let seen = memory.recall(&entry);
        if entry.state.kind == Kind::File {
            return match seen.filter(|seen| seen.content.is_some() && !self.full) {
                Some(seen) => Ok(Some(recalled(entry, seen))),
                None => self.read(dir, &above.join(&entry.name), entry),
            };
        }
        let mut child = match seen {
            Some(seen) => recalled(entry, seen),
            None => {
                let xattrs = self.xattrs(dir, &above.join(&entry.name), &entry);
                let mut child = Child::new(entry);
                child.xattrs = xattrs;
                child
            }
        };
        if child.entry.is_dir() || self.full {
            let path = above.join(&child.entry.name);
            self.archive.shape(&path, &child.entry.state)?;
            if child.entry.is_dir() {
                child = match self.directory(dir, &path, child)? {
                    Some(child) => child,
                    None => return Ok(None),
                };
            }
        }
        Ok(Some(child))
    }

    /// Reads a file; `None` when it went away.
    fn read(&self, dir: &dyn Dir, path: &RelPath, entry: Entry) -> Result<Option<Child>> {
        let Reading::Done(mut child) = self.file(dir, path, entry)? else {
            return Ok(None);
        };
        child.xattrs = self.xattrs(dir, path, &child.entry);
        Ok(Some(*child))
    }

    /// Records a directory below; one that cannot be read is recorded without entries, and said to be so.
    fn directory(&self, dir: &dyn Dir, path: &RelPath, mut child: Child) -> Result<Option<Child>> {
        let opened = dir.open_dir(&child.entry).and_then(|below| {
            let listing = below.list()?;
            Ok((below, listing))
        });
        match opened {
            Ok((below, listing)) => {
                // What could not be examined is not known to be absent: then nothing is known of the directory.
                let whole = listing.problems.is_empty();
                let node = self.listed(&*below, path, listing)?;
                child.entry.node = whole.then_some(node);
                child.unreadable = !whole;
            }
            Err(_) if matches!(dir.entry(&child.entry.name), Ok(None)) => return Ok(None),
            Err(e) => {
                self.problem(path, "list", &e.cause());
                child.unreadable = true;
            }
        }
        Ok(Some(child))
    }

    pub(super) fn problem(&self, path: &RelPath, operation: &str, message: &str) {
        self.found().problems.push(Problem {
            path: path.clone(),
            operation: operation.into(),
            message: message.into(),
            damaged: false,
        });
    }

    pub(super) fn xattrs(&self, dir: &dyn Dir, path: &RelPath, entry: &Entry) -> Xattrs {
        dir.xattrs(entry).unwrap_or_else(|e| {
            self.problem(path, "read", &e.cause());
            Vec::new()
        })
    }
}

/// What a recording that began at `start` may remember of entries.
pub(super) fn seen_of(children: &[Child], start: Time) -> Vec<Seen> {
    let trusted = |c: &&Child| !c.unstable && !c.unreadable && is_settled(&c.entry.state, start);
    let seen = |c: &Child| {
        Some(Seen {
            name: c.entry.name.clone(),
            inode: c.entry.state.inode?,
            size: c.entry.state.size,
            mtime: c.entry.state.mtime,
            content: c.entry.content,
            chunks: c.chunks,
            xattrs: c.xattrs.clone(),
        })
    };
    children.iter().filter(trusted).filter_map(seen).collect()
}

/// An entry that is as it was remembered.
fn recalled(entry: Entry, seen: &Seen) -> Child {
    let mut child = Child::new(entry);
    child.entry.content = seen.content;
    child.chunks = seen.chunks;
    child.xattrs = seen.xattrs.clone();
    child
}

fn path_of(dir: &Local) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(dir.path().as_os_str())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    use crate::disk::backup;
    use crate::model::{Filter, Rule};
    use crate::ops::fixture::{archives, place, text};
    use crate::ops::snap::{SnapOptions, snap};
    use crate::tree::Tree;

    #[test]
    fn a_snapshot_is_the_directory() {
        let p = place();
        p.write("a/b/c", "hello");
        p.write("a/same", "hello");
        p.write("empty", "");
        p.write("ba\\ck", "x");
        p.write(".fsync/inner", "own");
        p.write(
            "noise",
            (0..100_000u32)
                .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
                .collect::<Vec<_>>(),
        );
        fs::hard_link(p.dir.join("a/b/c"), p.dir.join("linked")).unwrap();
        std::os::unix::fs::symlink("a/b", p.dir.join("link")).unwrap();
        let odd = std::ffi::OsStr::from_bytes(b"odd\n\xff");
        fs::write(p.dir.join(odd), "odd").unwrap();
        fs::File::create(p.dir.join("holes"))
            .unwrap()
            .set_len(50_000)
            .unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            p.dir.join("fifo"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        let before = text(&p.local());
        let done = p.snap();
        assert!(done.new);
        let tree = p.repo.tree(done.id).unwrap();
        assert_eq!(text(&tree), before);
        assert_eq!(text(&p.local()), before, "recording changes nothing");
        assert_eq!(backup::read(p.local().handle()).unwrap(), Some(done.id));
        assert_eq!(tree.info().counts.files, 9);
        let again = p.snap();
        assert_eq!((again.id, again.new), (done.id, false));
        assert_eq!(archives(&p.repo), 1);
        assert_eq!(fs::read_dir(p.repo.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn rules_leave_out_and_are_remembered() {
        let p = place();
        p.write("keep", "1");
        p.write("x.o", "2");
        let rule = Rule {
            pattern: "*.o".into(),
            origin: "--exclude".into(),
            line: 0,
        };
        let options = SnapOptions {
            filter: Filter::new(vec![rule]).unwrap(),
            ..SnapOptions::default()
        };
        let done = snap(&p.repo, &p.local(), &options).unwrap();
        assert_eq!(done.excluded, 1);
        let names: Vec<_> = p
            .repo
            .tree(done.id)
            .unwrap()
            .open()
            .unwrap()
            .list()
            .unwrap()
            .entries;
        assert_eq!(names.len(), 1);
        assert!(!snap(&p.repo, &p.local(), &options).unwrap().new);
        assert!(p.snap().new);
    }
}
