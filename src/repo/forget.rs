//! Takes what a path ever held out of all that is kept, as if it could never have been read.
//!
//! The contents that the path had in any snapshot of its directory are found first, then every manifest that
//! names one of them, wherever. Nodes are written anew without them ([`crate::repo::reissue`]): the entry stays, with
//! its name and size, and is marked as unreadable, so that a revert leaves that path alone.
//!
//! A content is gone only when nothing names it any more. So other paths that hold the same bytes are an obstacle,
//! which the caller may lift, for then they are forgotten too. The empty content is nobody's secret and stays.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;

use crate::model::{ContentId, Error, ErrorKind, Kind, NodeId, RelPath, Result, SnapshotId};
use crate::repo::chunk;
use crate::repo::folder::archives;
use crate::repo::info::Info;
use crate::repo::manifest::{self, Child};
use crate::repo::store::Repo;
use crate::repo::text::PathText;

/// What is to be forgotten.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The directory.
    pub directory: PathText,
    /// Paths in it; everything below counts.
    pub paths: Vec<RelPath>,
}

/// A path in a directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Spot {
    /// The directory's bytes.
    pub directory: Vec<u8>,
    /// The path in it.
    pub path: RelPath,
}

/// What forgetting comes to.
pub struct Forget {
    /// The paths whose contents go, of those that were named.
    pub spots: BTreeSet<Spot>,
    /// Other paths that hold the same contents.
    pub elsewhere: BTreeSet<Spot>,
    /// How many contents go.
    pub contents: usize,
    /// How many bytes they have.
    pub bytes: u64,
    /// The paths that cannot be read any more, by snapshot.
    pub(super) paths: HashMap<SnapshotId, Vec<RelPath>>,
    pub(super) rewrite: Rewrite,
}

/// What becomes of nodes and contents.
#[derive(Default)]
pub(super) struct Rewrite {
    /// Contents that go, and how long each is.
    gone: HashMap<ContentId, u64>,
    /// The lists of their chunks.
    lists: HashSet<ContentId>,
    /// What each node that was looked at becomes; most stay what they are.
    nodes: HashMap<NodeId, NodeId>,
    /// Digests of which no archive may hold the bytes.
    dead: HashSet<[u8; 32]>,
    /// Those that snapshots need afterwards as well.
    kept: HashSet<[u8; 32]>,
}

fn damaged(id: NodeId, why: &str) -> Error {
    let message = format!("the manifest node {id} is damaged: {why}");
    Error::new(ErrorKind::Damaged, message)
}

pub(super) fn children(repo: &Repo, node: NodeId) -> Result<Vec<Child>> {
    let bytes = repo.bytes(ContentId(node.0))?;
    manifest::parse_directory(&bytes).map_err(|e| damaged(node, &e))
}

pub(super) fn record(repo: &Repo, tree: NodeId) -> Result<(Child, Option<NodeId>)> {
    let bytes = repo.bytes(ContentId(tree.0))?;
    manifest::parse_tree(&bytes).map_err(|e| damaged(tree, &e))
}

impl Repo {
    /// Finds out what forgetting comes to.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a path that no snapshot of the directory has; [`ErrorKind::Refused`] for the
    /// directory itself, and for contents that are part of something else; [`ErrorKind::Damaged`], also when an archive
    /// cannot be read.
    pub fn plan_forget(&self, wish: &Wish) -> Result<Forget> {
        self.all_readable()?;
        let all = self.snapshots(None)?;
        let mut rewrite = Rewrite::default();
        for path in &wish.paths {
            if path.is_root() {
                let message = "is the directory itself; name what is to be forgotten in it";
                return Err(Error::at(ErrorKind::Refused, path.as_bytes(), message));
            }
            let own = all.iter().filter(|i| i.directory == wish.directory);
            rewrite.find(self, own, path)?;
        }
        for info in &all {
            rewrite.tree(self, info.tree)?;
        }
        rewrite.weigh(self)?;
        let mut plan = Forget {
            spots: BTreeSet::new(),
            elsewhere: BTreeSet::new(),
            contents: rewrite.gone.len(),
            bytes: rewrite.gone.values().sum(),
            paths: HashMap::new(),
            rewrite,
        };
        for info in &all {
            plan.look(self, wish, info)?;
        }
        Ok(plan)
    }
}

impl Repo {
    /// Refuses when there is an archive of which nobody can tell what it holds.
    fn all_readable(&self) -> Result<()> {
        self.not_shared("forgotten")?;
        let mut known = self.known_archives()?;
        known.extend(self.leftovers()?);
        match archives(self.path()).find(|id| !known.contains(id)) {
            Some(id) => {
                let message = "cannot be read, so it may hold what is to be forgotten; nothing was changed. \
                               fsync verify says what is wrong with it";
                let path = self.archive_path(id);
                let name = path.as_os_str().as_bytes();
                Err(Error::at(ErrorKind::Damaged, name, message))
            }
            None => Ok(()),
        }
    }
}

impl Forget {
    /// Notes which paths of a snapshot are concerned.
    fn look(&mut self, repo: &Repo, wish: &Wish, info: &Info) -> Result<()> {
        let (root, _) = record(repo, info.tree)?;
        let mut found = Vec::new();
        let mut rest = vec![(RelPath::root(), root)];
        while let Some((path, child)) = rest.pop() {
            if child
                .entry
                .content
                .is_some_and(|id| self.rewrite.gone.contains_key(&id))
            {
                found.push(path.clone());
            }
            if let Some(node) = child
                .entry
                .node
                .filter(|n| self.rewrite.changed(*n).is_some())
            {
                let below = children(repo, node)?;
                rest.extend(below.into_iter().map(|c| (path.join(&c.entry.name), c)));
            }
        }
        for path in &found {
            let own = info.directory == wish.directory;
            let named = own && wish.paths.iter().any(|named| path.is_within(named));
            let spot = Spot {
                directory: info.directory.0.clone(),
                path: path.clone(),
            };
            match named {
                true => self.spots.insert(spot),
                false => self.elsewhere.insert(spot),
            };
        }
        if !found.is_empty() {
            found.sort();
            self.paths.insert(info.id, found);
        }
        Ok(())
    }
}

impl Rewrite {
    /// What a node becomes, if that is something else.
    pub fn changed(&self, node: NodeId) -> Option<NodeId> {
        self.nodes.get(&node).copied().filter(|new| *new != node)
    }

    /// Whether an entry with that digest must not be in an archive any more.
    pub fn must_go(&self, id: &[u8; 32]) -> bool {
        self.dead.contains(id) || self.changed(NodeId(*id)).is_some()
    }

    /// Whether snapshots need it afterwards.
    pub fn is_kept(&self, id: &[u8; 32]) -> bool {
        self.kept.contains(id)
    }

    /// Adds the contents that a path had in snapshots.
    fn find<'a>(
        &mut self,
        repo: &Repo,
        snapshots: impl Iterator<Item = &'a Info>,
        path: &RelPath,
    ) -> Result<()> {
        let mut seen = HashSet::new();
        let mut known = false;
        for info in snapshots {
            let mut at = Some(record(repo, info.tree)?.0);
            for name in path.components() {
                let node = at.and_then(|child| child.entry.node);
                let below = node.map_or(Ok(Vec::new()), |node| children(repo, node))?;
                at = below.into_iter().find(|c| &*c.entry.name == name);
            }
            known |= at.is_some();
            let mut rest: Vec<Child> = at.into_iter().collect();
            while let Some(child) = rest.pop() {
                self.note(&child);
                if let Some(node) = child.entry.node.filter(|n| seen.insert(*n)) {
                    rest.extend(children(repo, node)?);
                }
            }
        }
        match known {
            true => Ok(()),
            false => {
                let message = "is in no snapshot of this directory";
                Err(Error::at(ErrorKind::NotFound, path.as_bytes(), message))
            }
        }
    }

    fn note(&mut self, child: &Child) {
        if let Some(id) = child.entry.content.filter(|_| child.entry.state.size > 0) {
            self.gone.insert(id, child.entry.state.size);
            self.lists.extend(child.chunks);
        }
    }

    /// What a tree becomes.
    fn tree(&mut self, repo: &Repo, tree: NodeId) -> Result<NodeId> {
        if let Some(new) = self.nodes.get(&tree) {
            return Ok(*new);
        }
        let (root, links) = record(repo, tree)?;
        if let Some(node) = root.entry.node {
            self.node(repo, node)?;
        }
        self.kept.extend(links.map(|l| l.0));
        let new = match self.new_tree(repo, tree)? {
            Some(bytes) => manifest::id_of(&bytes),
            None => tree,
        };
        self.nodes.insert(tree, new);
        Ok(new)
    }

    /// Looks at a directory's node and all below, the deepest first.
    fn node(&mut self, repo: &Repo, top: NodeId) -> Result<()> {
        let mut rest = vec![(top, false)];
        while let Some((node, ready)) = rest.pop() {
            if self.nodes.contains_key(&node) {
                continue;
            }
            let mut list = children(repo, node)?;
            let below = list.iter().filter_map(|c| c.entry.node);
            if !ready {
                let new: Vec<_> = below.filter(|n| !self.nodes.contains_key(n)).collect();
                rest.push((node, true));
                rest.extend(new.into_iter().map(|n| (n, false)));
                continue;
            }
            let staying = list.iter().filter(|c| {
                let content = c.entry.content;
                content.is_some_and(|id| !self.gone.contains_key(&id))
            });
            for child in staying {
                self.kept.extend(child.entry.content.map(|id| id.0));
                // Its chunks are added when all lists are known.
                self.kept.extend(child.chunks.map(|id| id.0));
                self.lists.extend(child.chunks);
            }
            let new = match self.change(&mut list) {
                true => manifest::id_of(&manifest::directory(&list)),
                false => node,
            };
            self.nodes.insert(node, new);
        }
        Ok(())
    }

    /// Changes a directory's entries; whether there was anything to change.
    fn change(&self, list: &mut [Child]) -> bool {
        let mut any = false;
        for child in list {
            if let Some(new) = child.entry.node.and_then(|n| self.changed(n)) {
                child.entry.node = Some(new);
                any = true;
            }
            let content = child.entry.content;
            if child.entry.state.kind == Kind::File
                && content.is_some_and(|id| self.gone.contains_key(&id))
            {
                child.entry.content = None;
                child.chunks = None;
                child.unreadable = true;
                child.unstable = false;
                any = true;
            }
        }
        any
    }

    /// The bytes of what a node becomes.
    pub fn new_node(&self, repo: &Repo, node: NodeId) -> Result<Vec<u8>> {
        let mut list = children(repo, node)?;
        self.change(&mut list);
        Ok(manifest::directory(&list))
    }

    /// The bytes of what a tree record becomes; `None` when it stays.
    pub fn new_tree(&self, repo: &Repo, tree: NodeId) -> Result<Option<Vec<u8>>> {
        let (mut root, links) = record(repo, tree)?;
        let Some(new) = root.entry.node.and_then(|n| self.changed(n)) else {
            return Ok(None);
        };
        root.entry.node = Some(new);
        Ok(Some(manifest::tree(&root, links)))
    }

    /// Finds which digests must be nowhere, when all nodes are known.
    fn weigh(&mut self, repo: &Repo) -> Result<()> {
        let stay: Vec<[u8; 32]> = self
            .nodes
            .iter()
            .filter(|(old, new)| old == new)
            .map(|(old, _)| old.0)
            .collect();
        self.kept.extend(stay);
        let mut chunks: Vec<[u8; 32]> = Vec::new();
        for list in &self.lists {
            let parsed =
                chunk::parse(&repo.bytes(*list)?).map_err(|e| damaged(NodeId(list.0), &e))?;
            let ids = parsed.into_iter().map(|c| c.id.0);
            match self.kept.contains(&list.0) {
                true => chunks.extend(ids),
                false => {
                    self.dead.insert(list.0);
                    self.dead.extend(ids);
                }
            }
        }
        self.kept.extend(chunks);
        if let Some((id, _)) = self.gone.iter().find(|(id, _)| self.kept.contains(&id.0)) {
            let message = format!(
                "the content {id} is also part of something else that snapshots hold, so it cannot be forgotten"
            );
            return Err(Error::new(ErrorKind::Refused, message));
        }
        self.dead.extend(self.gone.keys().map(|id| id.0));
        let kept = &self.kept;
        self.dead.retain(|id| !kept.contains(id));
        Ok(())
    }
}
