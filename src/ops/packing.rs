//! Gathers for a bundle ([`crate::ops::bundle`]) what a plan needs of its sources.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::model::meter::{self, Phase, Total};
use crate::model::{
    Change, ContentId, Entry, Error, ErrorKind, Kind, NodeId, Problem, RelPath, Result, State,
};
use crate::ops::bundle::{brings, makes, portable};
use crate::ops::compare;
use crate::ops::content::{self, Fault};
use crate::ops::read::{LARGE, cut};
use crate::ops::stale::{Own, source_holds};
use crate::repo::archive::Archive;
use crate::repo::manifest::{self, Child};
use crate::tree::cursor::Cursor;
use crate::tree::local::examine_handle;
use crate::tree::{Contents, Dir, Tree};

/// How often a file that changes while it is read is tried.
const TRIES: usize = 3;
/// So many changes are one piece of work.
const BATCH: usize = 64;

/// What a plan became.
pub struct Packed {
    /// The changes that the bundle holds, in path order, as they hold on any machine.
    pub changes: Vec<Change>,
    /// What was left out, and why.
    pub left_out: Vec<Problem>,
    /// The record of the tree.
    pub tree: NodeId,
}

/// Adds to an archive what `changes` (in path order) need of their sources. What no longer is as the plan expects is left
/// out, with all that depends on it.
///
/// # Errors
/// When the archive cannot be written.
pub fn pack(sources: &[&dyn Tree], changes: Vec<Change>, archive: &Archive) -> Result<Packed> {
    let total = Total {
        files: changes.iter().filter(|c| brings(c)).count() as u64,
        bytes: changes.iter().map(Change::bytes).sum(),
    };
    meter::begin(Phase::Exporting, Some(total));
    let gathered: Result<Vec<Vec<Gathered>>> = changes
        .par_chunks(BATCH)
        .map(|part| {
            let mut hand = Hand::new(sources, archive);
            part.iter().map(|change| hand.gather(change)).collect()
        })
        .collect();
    let gathered = gathered?.into_iter().flatten();
    let mut kept = Kept::default();
    for (change, gathered) in changes.into_iter().zip(gathered) {
        kept.keep(change, gathered);
    }
    kept.part_with_links();
    kept.add_parents(sources)?;
    let tree = weave(archive, kept.children)?;
    Ok(Packed {
        changes: kept.changes,
        left_out: kept.left_out,
        tree,
    })
}

/// What a change needs of its source: nothing, an entry, or a source that is as planned, which this is not.
type Gathered = Result<Option<Child>, String>;

/// One thread's positions in the sources.
struct Hand<'a> {
    archive: &'a Archive,
    cursors: Vec<Cursor<'a>>,
}

/// Why a change's source could not be read.
enum Trouble {
    /// It is left out.
    Source(String),
    /// There will be no bundle.
    Archive(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Trouble::Archive(error)
    }
}

fn changed() -> Trouble {
    Trouble::Source("the source changed since the plan was made".into())
}

fn unread(e: &Error) -> Trouble {
    Trouble::Source(format!("source: {}", e.cause()))
}

fn unread_file(e: impl Into<io::Error>) -> Trouble {
    unread(&Error::io("cannot read", "", e))
}

impl<'a> Hand<'a> {
    fn new(sources: &[&'a dyn Tree], archive: &'a Archive) -> Self {
        Hand {
            archive,
            cursors: sources.iter().map(|tree| Cursor::new(*tree)).collect(),
        }
    }

    fn gather(&mut self, change: &Change) -> Result<Gathered> {
        let Some(new) = &change.new else {
            return Ok(Ok(None));
        };
        match self.child(change, new) {
            Ok(child) => Ok(Ok(Some(child))),
            Err(Trouble::Source(why)) => Ok(Err(why)),
            Err(Trouble::Archive(error)) => Err(error),
        }
    }

    fn child(&mut self, change: &Change, new: &State) -> Result<Child, Trouble> {
        let archive = self.archive;
        let (dir, entry) = self.source(change, new)?;
        let mut child = Child::new(entry.clone());
        let mut named = entry.clone();
        if change.path.is_root() {
            named.name = Box::default();
        }
        child.xattrs = dir.xattrs(&named).map_err(|e| unread(&e))?;
        if entry.state.kind == Kind::File {
            let read = match brings(change) {
                true => bytes(archive, dir, &entry, change, new)?,
                false => (
                    compare::digest((dir, &entry)).map_err(|e| unread(&e))?,
                    None,
                ),
            };
            (child.entry.content, child.chunks) = (Some(read.0), read.1);
            // What was read is worth what is true of it afterwards.
            self.source(change, new)?;
        } else if makes(change) && !change.path.is_root() {
            archive.shape(&change.path, new)?;
        }
        child.entry.name = named.name;
        child.entry.node = None;
        child.entry.state = State {
            inode: None,
            ..new.clone()
        };
        Ok(child)
    }

    /// A change's source, if it is as planned.
    fn source(&mut self, change: &Change, new: &State) -> Result<(&dyn Dir, Entry), Trouble> {
        let cursor = self.cursors.get_mut(change.source as usize);
        let found = match cursor {
            Some(cursor) => cursor.place(&change.path).map_err(|e| unread(&e))?,
            None => None,
        };
        match found {
            Some((dir, entry)) if source_holds(new, &entry.state, &Own::default()) => {
                Ok((dir, entry))
            }
            _ => Err(changed()),
        }
    }
}

/// Adds the bytes of a file, which must hold still while they are read.
fn bytes(
    archive: &Archive,
    dir: &dyn Dir,
    entry: &Entry,
    change: &Change,
    new: &State,
) -> Result<(ContentId, Option<ContentId>), Trouble> {
    let path = &change.path;
    for _ in 0..TRIES {
        match dir.open_file(entry).map_err(|e| unread(&e))? {
            Contents::Local(file) => {
                if let Some(done) = held_still(archive, path, new, &file)? {
                    return Ok(done);
                }
            }
            recorded => {
                return content::add(archive, path, new, recorded).map_err(|fault| match fault {
                    Fault::Read(e) => unread_file(e),
                    Fault::Length => Trouble::Source("source: has another length".into()),
                    Fault::Ours(error) => Trouble::Archive(error),
                });
            }
        }
    }
    Err(Trouble::Source(
        "the source changed while it was read".into(),
    ))
}

/// Adds a local file; `None` when it changed meanwhile.
fn held_still(
    archive: &Archive,
    path: &RelPath,
    new: &State,
    mut file: &File,
) -> Result<Option<(ContentId, Option<ContentId>)>, Trouble> {
    let as_planned = || -> Result<bool, Trouble> {
        let (now, _) = examine_handle(file.as_fd()).map_err(unread_file)?;
        Ok(source_holds(new, &now, &Own::default()))
    };
    if !as_planned()? {
        return Err(changed());
    }
    meter::at(path);
    meter::files(1);
    if new.size >= LARGE {
        let large = cut(file).map_err(unread_file)?;
        if large.size != new.size || !as_planned()? {
            return Ok(None);
        }
        let list = archive.large(path, new, file, &large)?;
        return Ok(list.map(|list| (large.id, Some(list))));
    }
    let mut data = Vec::with_capacity(new.size as usize + 1);
    let read = file.by_ref().take(new.size + 1).read_to_end(&mut data);
    read.map_err(unread_file)?;
    if data.len() as u64 != new.size || !as_planned()? {
        return Ok(None);
    }
    meter::bytes(new.size);
    let id = ContentId(Sha256::digest(&data).into());
    archive.file(path, new, id, &data)?;
    Ok(Some((id, None)))
}

/// What goes into the bundle.
#[derive(Default)]
struct Kept {
    changes: Vec<Change>,
    left_out: Vec<Problem>,
    children: BTreeMap<RelPath, Child>,
    gone: HashSet<RelPath>,
}

impl Kept {
    fn keep(&mut self, change: Change, gathered: Gathered) {
        let mut above = std::iter::successors(change.path.parent(), RelPath::parent);
        let lost = above.find(|path| self.gone.contains(path));
        let child = match (gathered, lost) {
            (Ok(child), None) => child,
            (Err(why), None) => return self.leave_out(change.path, why),
            (_, Some(above)) => {
                let why = format!("{above}, which it lies below, was left out");
                return self.leave_out(change.path, why);
            }
        };
        if let Some(child) = child {
            self.children.insert(change.path.clone(), child);
        }
        self.changes.push(portable(change));
    }

    fn leave_out(&mut self, path: RelPath, message: String) {
        self.gone.insert(path.clone());
        self.left_out.push(Problem {
            path,
            operation: "bundle".into(),
            message,
            damaged: false,
        });
    }

    /// A further name goes with the first one.
    fn part_with_links(&mut self) {
        let lost = |change: &mut Change| {
            let first = change.link_to.as_ref();
            first.is_some_and(|first| self.gone.contains(first))
        };
        let lost: Vec<Change> = self.changes.extract_if(.., lost).collect();
        for change in lost {
            self.children.remove(&change.path);
            let why = "its other name was left out".to_string();
            self.leave_out(change.path, why);
        }
    }

    /// Directories on the way that the plan does not hold: where they are missing, they are made like the source's.
    fn add_parents(&mut self, sources: &[&dyn Tree]) -> Result<()> {
        let mut cursors: Vec<Cursor<'_>> = sources.iter().map(|tree| Cursor::new(*tree)).collect();
        let paths: Vec<RelPath> = self.children.keys().cloned().collect();
        let mut missing: HashSet<RelPath> = HashSet::from([RelPath::root()]);
        for path in paths {
            let above = std::iter::successors(path.parent(), RelPath::parent);
            missing.extend(above.take_while(|p| !self.children.contains_key(p)));
        }
        missing.retain(|path| !self.children.contains_key(path));
        for path in missing {
            // Of several sources the last one's counts, as when a plan is performed.
            let mut found = cursors.iter_mut().rev().filter_map(|cursor| {
                let (dir, mut entry) = cursor.place(&path).ok().flatten()?;
                if path.is_root() {
                    entry.name = Box::default();
                }
                let xattrs = dir.xattrs(&entry).ok()?;
                entry.is_dir().then_some((entry, xattrs))
            });
            let Some((mut entry, xattrs)) = found.next() else {
                let message = "is in none of the sources any more; make the plan again";
                return Err(Error::at(ErrorKind::Failed, path.as_bytes(), message));
            };
            drop(found);
            (entry.node, entry.state.inode) = (None, None);
            let mut child = Child::new(entry);
            child.xattrs = xattrs;
            self.children.insert(path, child);
        }
        Ok(())
    }
}

/// Writes the nodes of a tree, the deepest first; the id of its record.
fn weave(archive: &Archive, mut children: BTreeMap<RelPath, Child>) -> Result<NodeId> {
    let mut below: HashMap<RelPath, Vec<Child>> = HashMap::new();
    let mut root = None;
    // Backwards, what is in a directory comes before it.
    while let Some((path, mut child)) = children.pop_last() {
        if child.entry.is_dir() {
            let mut inside = below.remove(&path).unwrap_or_default();
            inside.reverse();
            child.entry.node = Some(archive.node(&manifest::directory(&inside))?);
        }
        match path.parent() {
            Some(parent) => below.entry(parent).or_default().push(child),
            None => root = Some(child),
        }
    }
    let root = root.ok_or_else(|| Error::new(ErrorKind::Failed, "a tree without a root"))?;
    archive.node(&manifest::tree(&root, None))
}
