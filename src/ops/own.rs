//! Takes in a zip that fsync made, an archive or an export, with all that its manifest says.
//!
//! Nothing in it is believed: every node must have the digest that names it and be written as we would write it, every
//! content the digest and the length that its node says, the counts must be those of the tree. A thin archive is taken in
//! when the repository holds what it lacks. Equal nodes are counted once and summed, so that a small file that stands for
//! an endless tree is refused before anything of it is written.

use std::collections::{HashMap, HashSet};
use std::io::{Cursor, Read};
use std::sync::{Mutex, PoisonError};

use crate::model::path::DEEPEST;
use crate::model::{
    ContentId, Error, ErrorKind, Filter, Kind, NodeId, RelPath, Result, SnapshotId, name,
};
use crate::ops::content::{self, Fault};
use crate::ops::import::{Desk, Imported, Taken};
use crate::ops::read::LARGE;
use crate::ops::special::Special;
use crate::repo::archive::Archive;
use crate::repo::catalog::Place;
use crate::repo::chunk;
use crate::repo::index::{self, What};
use crate::repo::info::{Counts, Info};
use crate::repo::link;
use crate::repo::manifest::{self, Child};
use crate::repo::place::{self, WHOLE};

/// No node and no list is longer, in bytes: a directory of a million entries is not.
const LONGEST: u64 = 512 << 20;

/// A zip of ours, open.
pub(super) struct Own<'a> {
    desk: &'a Desk<'a>,
    info: Box<Info>,
    places: HashMap<[u8; 32], Place>,
}

/// What a directory holds with all below it.
#[derive(Clone, Copy, Default)]
struct Sum {
    counts: Counts,
    largest: u64,
    depth: usize,
}

/// What is gathered on the way through the tree.
struct Gathered<'a> {
    archive: &'a Archive,
    unstable: Vec<RelPath>,
    unreadable: Vec<RelPath>,
    /// Of the paths that are hard links, what their nodes say.
    linked: HashMap<RelPath, Option<Vec<u8>>>,
    special: Special,
}

impl<'a> Own<'a> {
    /// Opens it.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when it is not whole.
    pub fn open(desk: &'a Desk<'a>) -> Result<Self> {
        let zip = desk.zip;
        let index =
            index::read(&zip.file, SnapshotId([0; 20]), &zip.name).map_err(|e| foul(desk, &e))?;
        let What::Snapshot(info) = index.what else {
            let why = "is a pack: it holds what other archives held, and records no directory";
            return Err(desk.zip.bad(why));
        };
        Ok(Own {
            desk,
            info,
            places: index.places.into_iter().collect(),
        })
    }

    fn bad(&self, why: impl std::fmt::Display) -> Error {
        self.desk.zip.bad(why)
    }

    /// The bytes of a node or a list, checked: from the zip, else from the repository.
    fn bytes(&self, id: &[u8; 32]) -> Result<Vec<u8>> {
        let zip = self.desk.zip;
        match self.places.get(id) {
            Some(place) if place.size > LONGEST => {
                Err(self.bad("a node of its manifest is too long"))
            }
            Some(place) => {
                let bytes = place::checked(&zip.file, &zip.name, place, id);
                bytes
                    .map(|b| b.as_ref().to_vec())
                    .map_err(|e| foul(self.desk, &e))
            }
            None => self.lent(id, || self.desk.repo.bytes(ContentId(*id))),
        }
    }

    /// What the repository has of what the zip lacks.
    fn lent<T>(&self, id: &[u8; 32], get: impl Fn() -> Result<T>) -> Result<T> {
        match get() {
            Err(e) if e.kind() == ErrorKind::Damaged && !self.desk.repo.holds(id)? => {
                Err(self.bad(format!(
                    "is a thin archive, and {} is neither in it nor in the repository; export the snapshot where it is \
                     whole (fsync-snap --export)",
                    hex::encode(id)
                )))
            }
            other => other,
        }
    }

    fn children(&self, node: NodeId) -> Result<Vec<Child>> {
        let bytes = self.bytes(&node.0)?;
        let children = manifest::parse_directory(&bytes)
            .map_err(|why| self.bad(format!("a node of its manifest: {why}")))?;
        match manifest::directory(&children) == bytes {
            true => Ok(children),
            false => Err(self.bad("a node of its manifest is not written as it should be")),
        }
    }

    /// Takes the snapshot in.
    ///
    /// # Errors
    /// As [`crate::ops::import::import`].
    pub fn record(self) -> Result<Imported> {
        let info = &self.info;
        Filter::new(info.rules.clone()).map_err(|e| self.bad(e))?;
        let record = self.bytes(&info.tree.0)?;
        let (root, links) = manifest::parse_tree(&record).map_err(|why| self.bad(why))?;
        let groups = match links {
            Some(node) => self.groups(node)?,
            None => Vec::new(),
        };
        let node = root
            .entry
            .node
            .ok_or_else(|| self.bad("its root has no node"))?;
        if manifest::tree(&root, links) != record {
            return Err(self.bad("its tree is not written as it should be"));
        }
        self.check_sums(node)?;
        let top = self.children(node)?;
        let archive = self.desk.archive(top.iter().map(|c| &*c.entry.name));
        let mut gathered = Gathered {
            archive: &archive,
            unstable: Vec::new(),
            unreadable: Vec::new(),
            linked: groups
                .iter()
                .flatten()
                .cloned()
                .map(|p| (p, None))
                .collect(),
            special: Special::default(),
        };
        self.directory(&RelPath::root(), node, &mut gathered)?;
        self.check_groups(&groups, &gathered.linked)?;
        if !groups.is_empty() {
            archive.node(&link::encode(&groups))?;
        }
        let taken = Taken {
            tree: archive.node(&record)?,
            counts: info.counts,
            rules: info.rules.clone(),
            unstable: gathered.unstable,
            forgotten: info.forgotten_among(&gathered.unreadable),
            unreadable: gathered.unreadable,
            skipped: Vec::new(),
            special: gathered.special,
        };
        self.desk.commit(archive, taken)
    }

    fn groups(&self, node: NodeId) -> Result<Vec<Vec<RelPath>>> {
        let bytes = self.bytes(&node.0)?;
        let groups =
            link::parse(&bytes).map_err(|why| self.bad(format!("its hard links: {why}")))?;
        let names: HashSet<&RelPath> = groups.iter().flatten().collect();
        let once = names.len() == groups.iter().map(Vec::len).sum::<usize>();
        let sorted = groups.is_sorted() && groups.iter().all(|g| g.len() > 1 && g.is_sorted());
        match once && sorted && link::encode(&groups) == bytes {
            true => Ok(groups),
            false => Err(self.bad("its hard links are not written as they should be")),
        }
    }

    /// Names of one inode must be there and say the same.
    fn check_groups(
        &self,
        groups: &[Vec<RelPath>],
        linked: &HashMap<RelPath, Option<Vec<u8>>>,
    ) -> Result<()> {
        let says = |path: &RelPath| linked.get(path).cloned().flatten();
        let same = |group: &Vec<RelPath>| {
            let first = group.first().and_then(says);
            first.is_some() && group.iter().all(|path| says(path) == first)
        };
        match groups.iter().all(same) {
            true => Ok(()),
            false => Err(self.bad("its hard links are not names of the same file")),
        }
    }

    /// The counts of the whole tree, known before anything is written.
    fn check_sums(&self, root: NodeId) -> Result<()> {
        let sums = Mutex::default();
        let all = self.sum(root, 0, &sums)?;
        if all.counts != self.info.counts {
            return Err(self.bad("its counts are not those of its tree"));
        }
        let counts = all.counts;
        let entries = counts.files.saturating_add(counts.directories);
        let entries = entries.saturating_add(counts.others);
        let held = self
            .places
            .values()
            .fold(0u64, |n, p| n.saturating_add(p.size));
        let bytes = match self.desk.full {
            true => counts.content_bytes,
            false => counts.content_bytes.min(held),
        };
        self.desk.check_room(bytes, all.largest, entries)
    }

    fn sum(&self, node: NodeId, above: usize, sums: &Mutex<HashMap<NodeId, Sum>>) -> Result<Sum> {
        let known = |sums: &Mutex<HashMap<NodeId, Sum>>| {
            let sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
            sums.get(&node).copied()
        };
        if above >= DEEPEST {
            return Err(self.bad("its tree is too deep"));
        }
        if let Some(sum) = known(sums) {
            return match above + sum.depth > DEEPEST {
                true => Err(self.bad("its tree is too deep")),
                false => Ok(sum),
            };
        }
        let mut sum = Sum::default();
        for child in self.children(node)? {
            self.check(&child, above == 0)?;
            let state = &child.entry.state;
            sum.counts.enter(state.kind, state.size);
            sum.largest = sum.largest.max(state.size);
            if let Some(node) = child.entry.node {
                let below = self.sum(node, above + 1, sums)?;
                sum.depth = sum.depth.max(below.depth + 1);
                sum.largest = sum.largest.max(below.largest);
                sum.counts = sum
                    .counts
                    .plus(below.counts)
                    .ok_or_else(|| self.bad("its tree is impossibly large"))?;
            }
        }
        sums.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(node, sum);
        Ok(sum)
    }

    /// One line of a node by itself.
    fn check(&self, child: &Child, top: bool) -> Result<()> {
        let (entry, kind) = (&child.entry, child.entry.state.kind);
        let ours = name::is_temporary(&entry.name) || top && *entry.name == *name::BACKUP;
        let known = match kind {
            Kind::File => entry.content.is_some() != child.unreadable,
            Kind::Directory => entry.node.is_some() != child.unreadable,
            _ => true,
        };
        let listed =
            child.chunks.is_some() == (entry.content.is_some() && entry.state.size >= LARGE);
        let lengthless = kind == Kind::File || entry.state.size == 0;
        match !ours && known && listed && lengthless {
            true => Ok(()),
            false => Err(self.bad(format!(
                "what its manifest says of {} cannot be",
                crate::model::quote::quote(&entry.name)
            ))),
        }
    }

    fn directory(&self, path: &RelPath, node: NodeId, gathered: &mut Gathered<'_>) -> Result<()> {
        let children = self.children(node)?;
        for child in &children {
            let path = path.join(&child.entry.name);
            if let Some(says) = gathered.linked.get_mut(&path) {
                let mut nameless = child.clone();
                nameless.entry.name = Box::from(&b"-"[..]);
                let whole = (!child.entry.is_dir()).then(|| manifest::directory(&[nameless]));
                *says = whole;
            }
            gathered.special.look(child);
            if child.unstable {
                gathered.unstable.push(path.clone());
            }
            if child.unreadable {
                gathered.unreadable.push(path.clone());
            }
            gathered.archive.shape(&path, &child.entry.state)?;
            match (child.entry.node, child.entry.content) {
                (Some(node), _) => self.directory(&path, node, gathered)?,
                (None, Some(id)) => self.file(&path, child, id, gathered.archive)?,
                (None, None) => {}
            }
        }
        gathered.archive.node(&manifest::directory(&children))?;
        Ok(())
    }

    fn file(&self, path: &RelPath, child: &Child, id: ContentId, archive: &Archive) -> Result<()> {
        let state = &child.entry.state;
        let wrong = |why: &str| self.desk.zip.bad_entry(path.as_bytes(), why);
        let lists = child.chunks.iter().map(|list| list.0);
        let mut held = !self.desk.full;
        for id in [id.0].into_iter().chain(lists) {
            held = held && archive.holds(&id)?;
        }
        let place = self.desk.repo.find_place(&id.0)?;
        let place = self.places.get(&id.0).copied().or(place);
        if place.is_some_and(|place| place.size != state.size) {
            return Err(wrong("has another length than its manifest says"));
        }
        if held {
            return Ok(());
        }
        let from = self.stream(child, id)?;
        let done = content::add(archive, path, state, from);
        let (found, list) = done.map_err(|fault| match fault {
            Fault::Read(e) => self.desk.zip.unread(Some(path.as_bytes()), e),
            Fault::Length => wrong("has another length than its manifest says"),
            Fault::Ours(error) => error,
        })?;
        if found != id {
            return Err(wrong("is not what its manifest says"));
        }
        match list == child.chunks {
            true => Ok(()),
            false => Err(wrong("is not cut as its manifest says")),
        }
    }

    /// The bytes of a file, wherever they are.
    fn stream(&self, child: &Child, id: ContentId) -> Result<Box<dyn Read + '_>> {
        let size = child.entry.state.size;
        match (self.places.get(&id.0), child.chunks) {
            (Some(place), _) if place.size <= WHOLE => {
                Ok(Box::new(Cursor::new(self.bytes(&id.0)?)))
            }
            (Some(place), _) => Ok(place::stream(self.desk.zip.file.clone(), place)),
            (None, Some(list)) if !self.desk.repo.holds(&id.0)? => {
                let list = chunk::parse(&self.bytes(&list.0)?).map_err(|why| self.bad(why))?;
                Ok(Box::new(Joined {
                    own: self,
                    rest: list.into_iter(),
                    now: Cursor::default(),
                }))
            }
            (None, chunks) => self.lent(&id.0, || {
                let stream = self.desk.repo.content(id, chunks, size)?;
                Ok(Box::new(stream) as Box<dyn Read>)
            }),
        }
    }
}

/// The chunks of a long file, one after the other.
struct Joined<'o> {
    own: &'o Own<'o>,
    rest: std::vec::IntoIter<chunk::Chunk>,
    now: Cursor<Vec<u8>>,
}

impl Read for Joined<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.now.read(buf)?;
            if read > 0 || buf.is_empty() {
                return Ok(read);
            }
            let Some(chunk) = self.rest.next() else {
                return Ok(0);
            };
            let bytes = self.own.bytes(&chunk.id.0).map_err(std::io::Error::other)?;
            self.now = Cursor::new(bytes);
        }
    }
}

/// Damage in a zip that somebody gave is bad input.
fn foul(desk: &Desk<'_>, e: &Error) -> Error {
    match e.kind() {
        ErrorKind::Damaged => desk.zip.bad(e.cause()),
        _ => Error::at(e.kind(), &desk.zip.name, e.cause()),
    }
}
