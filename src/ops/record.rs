//! Walks a local directory for a snapshot: every entry becomes a line of the manifest, every new content an
//! entry of the archive. One task for each entry that must be read; directories are listed where
//! they are found, so that handles stay few.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fastcdc::v2020::StreamCDC;
use rayon::prelude::*;
use rustix::fs::{AtFlags, StatxFlags, statx};
use sha2::{Digest, Sha256};

use crate::model::{
    ContentId, Entry, Error, Filter, Kind, LinkKey, NodeId, Problem, RelPath, Result, State, Time,
};
use crate::repo::Repo;
use crate::repo::archive::{Archive, Large};
use crate::repo::info::Counts;
use crate::repo::manifest::{self, Child, Chunk};
use crate::repo::stat::{Memory, Seen, is_settled};
use crate::tree::local::{Local, state_of};
use crate::tree::{Contents, Dir, Tree};

/// From this length on, a file is kept in chunks, in bytes.
pub const LARGE: u64 = 8 << 20;
/// The shortest, the usual and the longest chunk. Part of the format: other numbers cut elsewhere, and share nothing.
const CUTS: (usize, usize, usize) = (256 << 10, 1 << 20, 4 << 20);
/// How often a file that changes while it is read is tried.
const TRIES: usize = 3;

thread_local! {
    // Taken while a file is read, so that it never has two users.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What a walk found.
#[derive(Default)]
pub struct Found {
    /// Names of one inode, by inode.
    links: HashMap<LinkKey, Vec<RelPath>>,
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

/// What reading a file gave.
enum Reading {
    Done(Box<Child>),
    /// It went away meanwhile.
    Gone,
}

impl Walk<'_> {
    fn found(&self) -> MutexGuard<'_, Found> {
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
            false => Some(self.archive.node(&manifest::links(&groups))?),
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

    fn count(&self, path: &RelPath, children: &[Child]) {
        let mut found = self.found();
        for child in children {
            match child.entry.state.kind {
                Kind::File => found.counts.files += 1,
                Kind::Directory => found.counts.directories += 1,
                _ => found.counts.others += 1,
            }
            found.counts.content_bytes += child.entry.state.size;
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
        let seen: Vec<Seen> = children
            .iter()
            .filter(|c| !c.unstable && !c.unreadable && is_settled(&c.entry.state, self.start))
            .filter_map(|c| {
                Some(Seen {
                    name: c.entry.name.clone(),
                    inode: c.entry.state.inode?,
                    size: c.entry.state.size,
                    mtime: c.entry.state.mtime,
                    content: c.entry.content,
                    chunks: c.chunks,
                    xattrs: c.xattrs.clone(),
                })
            })
            .collect();
        let changed = memory.replace(&seen);
        if changed.is_none() && memory.is_empty() {
            return;
        }
        let mut found = self.found();
        found.remembered.insert(path.clone());
        found.changed.extend(changed.map(|raw| (path.clone(), raw)));
    }

    /// Records one entry; `None` when it went away.
    fn child(
        &self,
        dir: &dyn Dir,
        above: &RelPath,
        entry: Entry,
        memory: &Memory,
    ) -> Result<Option<Child>> {
        let seen = memory.recall(&entry);
        let path = || above.join(&entry.name);
        match entry.state.kind {
            Kind::Directory => {
                let path = path();
                self.archive.shape(&path, &entry.state)?;
                let mut child = Child::new(entry);
                child.xattrs = match seen {
                    Some(seen) => seen.xattrs.clone(),
                    None => self.xattrs(dir, &path, &child.entry),
                };
                self.directory(dir, &path, child)
            }
            Kind::File => {
                if let (Some(seen), false) = (seen, self.full) {
                    if seen.content.is_some() {
                        let mut child = Child::new(entry);
                        child.entry.content = seen.content;
                        child.chunks = seen.chunks;
                        child.xattrs = seen.xattrs.clone();
                        return Ok(Some(child));
                    }
                }
                let path = path();
                let Reading::Done(mut child) = self.file(dir, &path, entry)? else {
                    return Ok(None);
                };
                child.xattrs = self.xattrs(dir, &path, &child.entry);
                Ok(Some(*child))
            }
            _ => {
                if self.full {
                    self.archive.shape(&path(), &entry.state)?;
                }
                let xattrs = match seen {
                    Some(seen) => seen.xattrs.clone(),
                    None => self.xattrs(dir, &path(), &entry),
                };
                let mut child = Child::new(entry);
                child.xattrs = xattrs;
                Ok(Some(child))
            }
        }
    }

    /// Records a directory below; one that cannot be read is recorded without entries, and said to be so.
    fn directory(&self, dir: &dyn Dir, path: &RelPath, mut child: Child) -> Result<Option<Child>> {
        let opened = dir.open_dir(&child.entry).and_then(|below| {
            let listing = below.list()?;
            Ok((below, listing))
        });
        match opened {
            Ok((below, listing)) => {
                child.entry.node = Some(self.listed(&*below, path, listing)?);
            }
            Err(_) if matches!(dir.entry(&child.entry.name), Ok(None)) => return Ok(None),
            Err(e) => {
                self.problem(path, "list", &e.cause());
                child.unreadable = true;
            }
        }
        Ok(Some(child))
    }

    fn problem(&self, path: &RelPath, operation: &str, message: &str) {
        self.found().problems.push(Problem {
            path: path.clone(),
            operation: operation.into(),
            message: message.into(),
        });
    }

    fn xattrs(&self, dir: &dyn Dir, path: &RelPath, entry: &Entry) -> crate::model::Xattrs {
        dir.xattrs(entry).unwrap_or_else(|e| {
            self.problem(path, "read", &e.cause());
            Vec::new()
        })
    }

    /// Reads a file until it holds still, a few times at most.
    fn file(&self, dir: &dyn Dir, path: &RelPath, mut entry: Entry) -> Result<Reading> {
        for last in (0..TRIES).rev() {
            let file = match dir.open_file(&entry) {
                Ok(Contents::Local(file)) => file,
                Ok(Contents::Stream(_)) => {
                    return self.unreadable(path, entry, "is not a local file");
                }
                Err(e) => match dir.entry(&entry.name) {
                    Ok(Some(now)) if now.state.kind != Kind::File && last > 0 => {
                        // Another kind took its place; what is recorded is that it could not be read.
                        return self.unreadable(
                            path,
                            entry,
                            "became something else while it was recorded",
                        );
                    }
                    Ok(None) => return Ok(Reading::Gone),
                    _ => return self.unreadable(path, entry, &e.cause()),
                },
            };
            match self.attempt(path, &mut entry, &file, last == 0) {
                Ok(Some(child)) => return Ok(Reading::Done(Box::new(child))),
                Ok(None) => {}
                Err(Fault::File(e)) => {
                    let message = Error::io("cannot read", path.as_bytes(), e).cause();
                    return self.unreadable(path, entry, &message);
                }
                Err(Fault::Repository(e)) => return Err(e),
            }
        }
        self.unreadable(path, entry, "changed while it was read, again and again")
    }

    fn unreadable(&self, path: &RelPath, entry: Entry, message: &str) -> Result<Reading> {
        self.problem(path, "read", message);
        let mut child = Child::new(entry);
        child.unreadable = true;
        Ok(Reading::Done(Box::new(child)))
    }

    /// Reads a file once; `None` when it changed meanwhile. The last try takes what it gets.
    fn attempt(
        &self,
        path: &RelPath,
        entry: &mut Entry,
        file: &File,
        last: bool,
    ) -> Result<Option<Child>, Fault> {
        let before = examine(file)?;
        if before.kind != Kind::File {
            return Err(Fault::File(io::Error::other(
                "is not a regular file any more",
            )));
        }
        entry.state = before.clone();
        let mut child = if before.size >= LARGE {
            match self.large(path, entry, file)? {
                Some(child) => child,
                None => return Ok(None),
            }
        } else {
            let mut buffer = BUFFER.take();
            let child = self.small(path, entry, file, &mut buffer, last);
            BUFFER.set(buffer);
            match child? {
                Some(child) => child,
                None => return Ok(None),
            }
        };
        if examine(file)? != before {
            if !last {
                return Ok(None);
            }
            child.unstable = true;
        }
        if child.unstable {
            self.problem(
                path,
                "read",
                "changed while it was read, again and again; recorded as it was read last",
            );
        }
        Ok(Some(child))
    }

    fn small(
        &self,
        path: &RelPath,
        entry: &Entry,
        mut file: &File,
        buffer: &mut Vec<u8>,
        last: bool,
    ) -> Result<Option<Child>, Fault> {
        let size = entry.state.size as usize;
        buffer.clear();
        buffer.reserve(size + 1);
        // Not to the end: the state afterwards tells whether it grew, which saves a call.
        file.by_ref().take(size as u64).read_to_end(buffer)?;
        if buffer.len() != size && !last {
            return Ok(None);
        }
        let id = ContentId(Sha256::digest(&buffer).into());
        let mut child = Child::new(entry.clone());
        child.unstable = buffer.len() != size;
        child.entry.state.size = buffer.len() as u64;
        child.entry.content = Some(id);
        self.archive
            .file(path, &child.entry.state, id, buffer)
            .map_err(Fault::Repository)?;
        Ok(Some(child))
    }

    fn large(&self, path: &RelPath, entry: &Entry, file: &File) -> Result<Option<Child>, Fault> {
        let large = cut(file)?;
        let mut child = Child::new(entry.clone());
        child.entry.state.size = large.size;
        child.entry.content = Some(large.id);
        let stored = self.archive.large(path, &child.entry.state, file, &large);
        child.chunks = stored.map_err(Fault::Repository)?;
        Ok(child.chunks.is_some().then_some(child))
    }
}

/// What ends the reading of a file: it, or everything.
enum Fault {
    File(io::Error),
    Repository(Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::File(error)
    }
}

fn path_of(dir: &Local) -> &[u8] {
    std::os::unix::ffi::OsStrExt::as_bytes(dir.path().as_os_str())
}

fn examine(file: &File) -> io::Result<State> {
    let stat = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
    Ok(state_of(&stat, None))
}

/// Reads a long file once: its digest, its crc and its chunks.
fn cut(file: &File) -> io::Result<Large> {
    let mut digest = Sha256::new();
    let mut crc = crc32fast::Hasher::new();
    let mut large = Large {
        id: ContentId([0; 32]),
        crc: 0,
        size: 0,
        list: Vec::new(),
    };
    for chunk in StreamCDC::new(file, CUTS.0, CUTS.1, CUTS.2) {
        let chunk = chunk.map_err(io::Error::from)?;
        digest.update(&chunk.data);
        crc.update(&chunk.data);
        large.size += chunk.length as u64;
        large.list.push(Chunk {
            id: ContentId(Sha256::digest(&chunk.data).into()),
            size_bytes: chunk.length as u64,
        });
    }
    large.id = ContentId(digest.finalize().into());
    large.crc = crc.finalize();
    Ok(large)
}
