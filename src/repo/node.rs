//! Manifest nodes read from wherever they lie.

use crate::model::{ContentId, Error, ErrorKind, NodeId, RelPath, Result};
use crate::repo::link;
use crate::repo::manifest::{self, Child};
use crate::repo::store::Repo;

fn damaged(id: NodeId, why: &str) -> Error {
    let message = format!("the manifest is damaged: {id}: {why}");
    Error::new(ErrorKind::Damaged, message)
}

impl Repo {
    /// A tree's root entry, and the id of its links node.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when the record is not there, or not what was stored.
    pub fn tree_record(&self, tree: NodeId) -> Result<(Child, Option<NodeId>)> {
        let bytes = self.bytes(ContentId(tree.0))?;
        manifest::parse_tree(&bytes).map_err(|e| damaged(tree, &e))
    }

    /// The entries of a directory's node, sorted by name.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when it is not there, or not what was stored.
    pub fn entries(&self, node: NodeId) -> Result<Vec<Child>> {
        let bytes = self.bytes(ContentId(node.0))?;
        manifest::parse_directory(&bytes).map_err(|e| damaged(node, &e))
    }

    /// The entries of a directory as a manifest has it; none of one that could not be read when it was recorded.
    ///
    /// # Errors
    /// As [`Self::entries`].
    pub fn children(&self, dir: &Child) -> Result<Vec<Child>> {
        dir.entry
            .node
            .map_or_else(|| Ok(Vec::new()), |node| self.entries(node))
    }

    /// The groups of hard links that a links node names; none without one.
    ///
    /// # Errors
    /// As [`Self::entries`].
    pub fn link_groups(&self, links: Option<NodeId>) -> Result<Vec<Vec<RelPath>>> {
        let Some(node) = links else {
            return Ok(Vec::new());
        };
        let bytes = self.bytes(ContentId(node.0))?;
        link::parse(&bytes).map_err(|e| damaged(node, &e))
    }
}
