//! What snapshots need: everything that their manifests lead to, each node read once.

use std::collections::{HashMap, HashSet};

use crate::model::{ContentId, Error, ErrorKind, NodeId, Result};
use crate::repo::chunk;
use crate::repo::info::Info;
use crate::repo::link;
use crate::repo::manifest::{self, Child};
use crate::repo::store::Repo;

/// What something in an archive is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// A node of a manifest.
    Node,
    /// A chunk list.
    List,
    /// A chunk.
    Chunk,
    /// A content that is one entry; of a large one, the list of its chunks.
    Content(Option<ContentId>),
}

impl Part {
    /// The folder that it is in, in the folder for what is not contents.
    pub fn folder(self) -> &'static str {
        match self {
            Part::Node => "tree",
            Part::List => "chunks",
            Part::Chunk => "chunk",
            Part::Content(_) => "content",
        }
    }
}

/// Everything that some snapshots need, by digest.
#[derive(Default, Debug)]
pub struct Reach {
    parts: HashMap<[u8; 32], Part>,
    /// The contents of their files, whole in an archive or not.
    contents: HashSet<ContentId>,
}

fn damaged(id: &[u8; 32], why: &str) -> Error {
    let message = format!("{} is damaged: {why}", hex::encode(id));
    Error::new(ErrorKind::Damaged, message)
}

impl Reach {
    /// What `id` is, if it is needed.
    pub fn part(&self, id: &[u8; 32]) -> Option<Part> {
        self.parts.get(id).copied()
    }

    /// Whether `id` is needed.
    pub fn needs(&self, id: &[u8; 32]) -> bool {
        self.parts.contains_key(id)
    }

    /// Whether a file has that content.
    pub fn has_content(&self, id: &ContentId) -> bool {
        self.contents.contains(id)
    }

    /// All that is needed, in no order.
    pub fn parts(&self) -> impl Iterator<Item = (&[u8; 32], Part)> {
        self.parts.iter().map(|(id, part)| (id, *part))
    }

    /// Adds what a snapshot needs.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when something of it is nowhere, or a node is not what was stored.
    pub fn add(&mut self, repo: &Repo, info: &Info) -> Result<()> {
        if !self.claim(info.tree) {
            return Ok(());
        }
        let record = repo.bytes(ContentId(info.tree.0))?;
        let (root, links) = manifest::parse_tree(&record).map_err(|e| damaged(&info.tree.0, &e))?;
        if let Some(links) = links.filter(|l| self.claim(*l)) {
            link::parse(&repo.bytes(ContentId(links.0))?).map_err(|e| damaged(&links.0, &e))?;
        }
        let mut rest: Vec<NodeId> = root.entry.node.into_iter().collect();
        while let Some(node) = rest.pop() {
            if !self.claim(node) {
                continue;
            }
            let bytes = repo.bytes(ContentId(node.0))?;
            let children = manifest::parse_directory(&bytes).map_err(|e| damaged(&node.0, &e))?;
            for child in children {
                rest.extend(child.entry.node);
                self.file(repo, &child)?;
            }
        }
        Ok(())
    }

    /// Whether a node is new here.
    fn claim(&mut self, node: NodeId) -> bool {
        self.parts.insert(node.0, Part::Node) != Some(Part::Node)
    }

    fn file(&mut self, repo: &Repo, child: &Child) -> Result<()> {
        let Some(id) = child.entry.content else {
            return Ok(());
        };
        let listed = child.chunks.is_none_or(|list| self.needs(&list.0));
        if !self.contents.insert(id) && listed {
            return Ok(());
        }
        let whole = repo.holds(&id.0)?;
        if whole || child.chunks.is_none() {
            repo.place(&id.0)?;
            let part = self.parts.entry(id.0).or_insert(Part::Content(None));
            if let (Part::Content(list), Some(_)) = (part, child.chunks) {
                *list = child.chunks;
            }
        }
        let Some(list) = child.chunks else {
            return Ok(());
        };
        let text = repo.bytes(list)?;
        let chunks = chunk::parse(&text).map_err(|e| damaged(&list.0, &e))?;
        self.parts.entry(list.0).or_insert(Part::List);
        for chunk in chunks.iter().filter(|_| !whole) {
            repo.place(&chunk.id.0)?;
            self.parts.entry(chunk.id.0).or_insert(Part::Chunk);
        }
        Ok(())
    }
}
