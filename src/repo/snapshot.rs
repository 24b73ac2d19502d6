//! A snapshot as a tree: listed from manifest nodes, contents read from whatever archive has them.

use std::collections::HashMap;
use std::io::{self, Cursor, Read};
use std::sync::Arc;

use crate::model::{
    ContentId, Entry, Error, ErrorKind, Kind, LinkKey, NodeId, RelPath, Result, SnapshotId, Xattrs,
};
use crate::repo::chunk::{self, Chunk};
use crate::repo::info::Info;
use crate::repo::link;
use crate::repo::manifest::{self, Child};
use crate::repo::place::{self, Checked};
use crate::repo::store::Repo;
use crate::tree::{Contents, Dir, Listing, Tree};

/// The device number in the link keys of snapshots, which no local file has.
const NO_DEVICE: u64 = u64::MAX;

/// What all directories of a snapshot share.
struct Shared {
    repo: Repo,
    id: SnapshotId,
    links: HashMap<RelPath, LinkKey>,
    linked: Option<NodeId>,
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
    children: Vec<Child>,
}

impl Repo {
    /// A snapshot as a tree.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none of that id, [`ErrorKind::Damaged`] when its manifest is not what was stored.
    pub fn tree(&self, id: SnapshotId) -> Result<SnapshotTree> {
        let info = self.snapshot(id)?;
        let bytes = self.bytes(ContentId(info.tree.0))?;
        let (root, links) = manifest::parse_tree(&bytes).map_err(|e| bad(id, &e))?;
        let groups = match links {
            Some(node) => {
                let bytes = self.bytes(ContentId(node.0))?;
                link::parse(&bytes).map_err(|e| bad(id, &e))?
            }
            None => Vec::new(),
        };
        let keyed = groups.into_iter().enumerate().flat_map(|(n, group)| {
            let key = (NO_DEVICE, n as u64);
            group.into_iter().map(move |path| (path, key))
        });
        let shared = Shared {
            repo: self.clone(),
            id,
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

fn bad(id: SnapshotId, why: &str) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("the manifest of snapshot {id} is damaged: {why}"),
    )
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
        open(&self.shared, RelPath::root(), &self.root)
    }
}

fn open(shared: &Arc<Shared>, path: RelPath, child: &Child) -> Result<Box<dyn Dir>> {
    let Some(node) = child.entry.node else {
        let message = "could not be read when it was recorded";
        return Err(Error::at(ErrorKind::Failed, path.as_bytes(), message));
    };
    let bytes = shared.repo.bytes(ContentId(node.0))?;
    let mut children = manifest::parse_directory(&bytes).map_err(|e| bad(shared.id, &e))?;
    if !shared.links.is_empty() {
        for child in &mut children {
            child.entry.links = shared.links.get(&path.join(&child.entry.name)).copied();
        }
    }
    Ok(Box::new(SnapshotDir {
        shared: shared.clone(),
        path,
        node,
        own: child.xattrs.clone(),
        children,
    }))
}

impl SnapshotDir {
    fn child(&self, name: &[u8]) -> Option<&Child> {
        self.children
            .binary_search_by(|child| (*child.entry.name).cmp(name))
            .ok()
            .map(|at| &self.children[at])
    }

    fn need(&self, entry: &Entry, kind: Kind) -> Result<&Child> {
        self.child(&entry.name)
            .filter(|child| child.entry.state.kind == kind)
            .ok_or_else(|| {
                let message = format!("the snapshot has no such {}", kind.word());
                Error::at(ErrorKind::Failed, &entry.name, message)
            })
    }
}

impl Dir for SnapshotDir {
    fn list(&self) -> Result<Listing> {
        Ok(Listing {
            entries: self.children.iter().map(|c| c.entry.clone()).collect(),
            ..Listing::default()
        })
    }

    fn entry(&self, name: &[u8]) -> Result<Option<Entry>> {
        Ok(self.child(name).map(|child| child.entry.clone()))
    }

    fn open_dir(&self, entry: &Entry) -> Result<Box<dyn Dir>> {
        let child = self.need(entry, Kind::Directory)?;
        open(&self.shared, self.path.join(&entry.name), child)
    }

    fn open_file(&self, entry: &Entry) -> Result<Contents> {
        let child = self.need(entry, Kind::File)?;
        let Some(content) = child.entry.content else {
            let message = "could not be read when it was recorded";
            return Err(Error::at(ErrorKind::Failed, &entry.name, message));
        };
        self.shared
            .repo
            .content(content, child.chunks, child.entry.state.size)
    }

    fn xattrs(&self, entry: &Entry) -> Result<Xattrs> {
        if entry.name.is_empty() {
            return Ok(self.own.clone());
        }
        Ok(self
            .child(&entry.name)
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
        let Some(place) = place else {
            let Some(list) = chunks else {
                return self
                    .place(&id.0)
                    .map(|_| Contents::Stream(Box::new(io::empty())));
            };
            let list = chunk::parse(&self.bytes(list)?).map_err(|e| {
                Error::new(ErrorKind::Damaged, format!("the chunk list {list}: {e}"))
            })?;
            let stream = Chunks::new(self.clone(), list);
            return Ok(Contents::Stream(Box::new(Checked::new(stream, id.0, size))));
        };
        if place.size <= place::WHOLE {
            return Ok(Contents::Stream(Box::new(Cursor::new(self.bytes(id)?))));
        }
        let stream = place::stream(self.archive(place.archive)?, &place);
        Ok(Contents::Stream(Box::new(Checked::new(stream, id.0, size))))
    }
}

/// The chunks of a list, one after the other.
struct Chunks {
    repo: Repo,
    rest: std::vec::IntoIter<Chunk>,
    now: Cursor<Vec<u8>>,
}

impl Chunks {
    fn new(repo: Repo, list: Vec<Chunk>) -> Self {
        Chunks {
            repo,
            rest: list.into_iter(),
            now: Cursor::default(),
        }
    }
}

impl Read for Chunks {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.now.read(buf)?;
            if read > 0 || buf.is_empty() {
                return Ok(read);
            }
            let Some(chunk) = self.rest.next() else {
                return Ok(0);
            };
            let bytes = self.repo.bytes(chunk.id).map_err(io::Error::other)?;
            self.now = Cursor::new(bytes);
        }
    }
}
