//! A snapshot as a tree: listed from manifest nodes, contents read from whatever archive has them.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::model::path::DEEPEST;
use crate::model::{
    ContentId, Entry, Error, ErrorKind, Kind, LinkKey, NodeId, RelPath, Result, SnapshotId, Xattrs,
};
use crate::repo::ahead::Ahead;
use crate::repo::catalog::Place;
use crate::repo::chunk::{self, Chunk};
use crate::repo::info::{Counts, Info};
use crate::repo::manifest::Child;
use crate::repo::place::{self, Checked};
use crate::repo::store::Repo;
use crate::tree::{Contents, Dir, Listing, Tree};

/// The device number in the link keys of snapshots, which no local file has.
const NO_DEVICE: u64 = u64::MAX;

/// What all directories of a snapshot share.
struct Shared {
    repo: Repo,
    links: HashMap<RelPath, LinkKey>,
    linked: Option<NodeId>,
}

/// No tree has more entries: one that says so is a trick with nodes that are named again and again.
const MOST: u64 = 1 << 32;

/// How many entries may still be listed. A small archive can stand for an endless tree, since equal directories are one
/// node; what it says of its size is what it is held to.
#[derive(Clone)]
pub struct Allowance(Arc<AtomicU64>);

impl Allowance {
    /// What a snapshot that says this of itself may list.
    pub fn of(counts: &Counts) -> Self {
        // Some walks list twice.
        let entries = counts.entries().min(MOST);
        Allowance(Arc::new(AtomicU64::new(4 * entries + 1024)))
    }

    /// Takes some away, for the directory at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when there are not as many, or it is too deep.
    pub fn take(&self, entries: usize, path: &RelPath) -> Result<()> {
        let less = |left: u64| left.checked_sub(entries as u64);
        let done = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        let message = match done {
            _ if path.depth() >= DEEPEST => "is deeper than any directory can be",
            Err(_) => "the snapshot has more entries than it says",
            Ok(_) => return Ok(()),
        };
        Err(Error::at(ErrorKind::Damaged, path.name(), message))
    }
}

/// A snapshot as a tree.
pub struct SnapshotTree {
    shared: Arc<Shared>,
    root: Child,
    info: Info,
}

/// A directory in a snapshot.
pub struct SnapshotDir {
    shared: Arc<Shared>,
    path: RelPath,
    node: NodeId,
    own: Xattrs,
    allowance: Allowance,
    /// Read when it is first asked for: of what is equal to something else only the node's id is needed.
    children: OnceLock<Vec<Child>>,
    places: OnceLock<Vec<Option<Place>>>,
}

impl Repo {
    /// A snapshot as a tree.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none of that id, [`ErrorKind::Damaged`] when its manifest is not what was stored.
    pub fn tree(&self, id: SnapshotId) -> Result<SnapshotTree> {
        let info = self.snapshot(id)?;
        if info.counts.entries() > MOST {
            let message = format!("snapshot {id} says that it has impossibly many entries");
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        let (root, links) = self.tree_record(info.tree)?;
        let groups = self.link_groups(links)?;
        let keyed = groups.into_iter().enumerate().flat_map(|(n, group)| {
            let key = (NO_DEVICE, n as u64);
            group.into_iter().map(move |path| (path, key))
        });
        let shared = Shared {
            repo: self.clone(),
            links: keyed.collect(),
            linked: links,
        };
        Ok(SnapshotTree {
            shared: Arc::new(shared),
            root,
            info,
        })
    }
}

impl SnapshotTree {
    /// What is known of the snapshot.
    pub fn info(&self) -> &Info {
        &self.info
    }
}

impl Tree for SnapshotTree {
    fn root(&self) -> Result<Entry> {
        Ok(self.root.entry.clone())
    }

    fn open(&self) -> Result<Box<dyn Dir>> {
        let allowance = Allowance::of(&self.info.counts);
        open(&self.shared, RelPath::root(), &self.root, &allowance)
    }
}

fn open(
    shared: &Arc<Shared>,
    path: RelPath,
    child: &Child,
    allowance: &Allowance,
) -> Result<Box<dyn Dir>> {
    allowance.take(0, &path)?;
    let Some(node) = child.entry.node else {
        let message = "could not be read when it was recorded";
        return Err(Error::at(ErrorKind::Failed, path.as_bytes(), message));
    };
    Ok(Box::new(SnapshotDir {
        shared: shared.clone(),
        path,
        node,
        own: child.xattrs.clone(),
        allowance: allowance.clone(),
        children: OnceLock::new(),
        places: OnceLock::new(),
    }))
}

impl SnapshotDir {
    fn children(&self) -> Result<&[Child]> {
        if let Some(children) = self.children.get() {
            return Ok(children);
        }
        let mut children = self.shared.repo.entries(self.node)?;
        if !self.shared.links.is_empty() {
            for child in &mut children {
                let path = self.path.join(&child.entry.name);
                child.entry.links = self.shared.links.get(&path).copied();
            }
        }
        Ok(self.children.get_or_init(|| children))
    }

    fn child(&self, name: &[u8]) -> Result<Option<&Child>> {
        let children = self.children()?;
        let found = children.binary_search_by(|child| (*child.entry.name).cmp(name));
        Ok(found.ok().map(|at| &children[at]))
    }

    /// Where a child's content lies. The first time, all of the directory are looked up, at one go: a look by
    /// itself costs SQLite several system calls.
    fn place(&self, child: &Child) -> Result<Option<Place>> {
        let places = match self.places.get() {
            Some(places) => places,
            None => {
                let wanted: Vec<_> = self.children()?.iter().map(|c| c.entry.content).collect();
                let found = self.shared.repo.ask(|c| c.places(&wanted))?;
                self.places.get_or_init(|| found)
            }
        };
        let at = self
            .children()?
            .binary_search_by(|c| c.entry.name.cmp(&child.entry.name));
        Ok(at.ok().and_then(|at| places[at]))
    }

    fn need(&self, entry: &Entry, kind: Kind) -> Result<&Child> {
        self.child(&entry.name)?
            .filter(|child| child.entry.state.kind == kind)
            .ok_or_else(|| {
                let message = format!("the snapshot has no such {}", kind.word());
                Error::at(ErrorKind::Failed, &entry.name, message)
            })
    }
}

impl Dir for SnapshotDir {
    fn list(&self) -> Result<Listing> {
        self.allowance.take(self.children()?.len(), &self.path)?;
        Ok(Listing {
            entries: self.children()?.iter().map(|c| c.entry.clone()).collect(),
            ..Listing::default()
        })
    }

    fn entry(&self, name: &[u8]) -> Result<Option<Entry>> {
        Ok(self.child(name)?.map(|child| child.entry.clone()))
    }

    fn open_dir(&self, entry: &Entry) -> Result<Box<dyn Dir>> {
        let child = self.need(entry, Kind::Directory)?;
        let path = self.path.join(&entry.name);
        open(&self.shared, path, child, &self.allowance)
    }

    fn open_file(&self, entry: &Entry) -> Result<Contents> {
        let child = self.need(entry, Kind::File)?;
        let Some(content) = child.entry.content else {
            let message = "could not be read when it was recorded";
            return Err(Error::at(ErrorKind::Failed, &entry.name, message));
        };
        let place = self.place(child)?;
        let size = child.entry.state.size;
        self.shared
            .repo
            .content_at(place, content, child.chunks, size)
    }

    fn xattrs(&self, entry: &Entry) -> Result<Xattrs> {
        if entry.name.is_empty() {
            return Ok(self.own.clone());
        }
        Ok(self
            .child(&entry.name)?
            .map_or_else(Vec::new, |child| child.xattrs.clone()))
    }

    fn node(&self) -> Option<(NodeId, Option<NodeId>)> {
        Some((self.node, self.shared.linked))
    }
}

impl Repo {
    /// A content of `size` bytes, from the list `chunks` when it is nowhere whole.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when it is not there, or (of a short one) not what was stored; a long one says so at
    /// the end of its stream.
    pub fn content(&self, id: ContentId, chunks: Option<ContentId>, size: u64) -> Result<Contents> {
        let place = self.find_place(&id.0)?;
        self.content_at(place, id, chunks, size)
    }

    /// The same of a content whose place is known (`None`: it is nowhere whole).
    fn content_at(
        &self,
        place: Option<Place>,
        id: ContentId,
        chunks: Option<ContentId>,
        size: u64,
    ) -> Result<Contents> {
        let checked = |stream: Box<dyn Read + Send>| {
            let stream = Checked::new(stream, id.0, size);
            Ok(Contents::Stream(Box::new(stream)))
        };
        match (place, chunks) {
            (Some(place), _) if place.size <= place::WHOLE => {
                let bytes = self.bytes_at(&place, &id.0)?;
                Ok(Contents::Bytes(Cursor::new(bytes)))
            }
            (Some(place), None) => checked(place::stream(self.archive(place.archive)?, &place)),
            (None, None) => self
                .place(&id.0)
                .map(|_| Contents::Stream(Box::new(io::empty()))),
            (whole, Some(list)) => match (self.chunk_places(list), whole) {
                (Ok(places), _) => checked(Box::new(Ahead::new(self.clone(), places)?)),
                // The list is lost, which the entry as it is makes up for.
                (Err(_), Some(place)) => {
                    checked(place::stream(self.archive(place.archive)?, &place))
                }
                (Err(e), None) => Err(e),
            },
        }
    }

    /// Where the chunks of a list lie, in its order.
    fn chunk_places(&self, list: ContentId) -> Result<Vec<Place>> {
        let chunks = chunk::parse(&self.bytes(list)?)
            .map_err(|e| Error::new(ErrorKind::Damaged, format!("the chunk list {list}: {e}")))?;
        let wanted: Vec<_> = chunks.iter().map(|chunk| Some(chunk.id)).collect();
        let found = self.ask(|c| c.places(&wanted))?;
        let place = |(chunk, place): (&Chunk, Option<Place>)| match place {
            Some(place) => Ok(place),
            None => self.place(&chunk.id.0),
        };
        chunks.iter().zip(found).map(place).collect()
    }
}
