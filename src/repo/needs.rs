//! What a snapshot is made of, and what of that is not there: its manifest is walked, what was found whole
//! once is not looked at again.

use std::collections::HashSet;

use crate::model::path::DEEPEST;
use crate::model::{ContentId, NodeId, RelPath};
use crate::repo::chunk::{self, Chunk};
use crate::repo::holdings::Holdings;
use crate::repo::info::Info;
use crate::repo::link;
use crate::repo::manifest::{self, Child};

/// Something that a snapshot needs and that is there.
#[derive(Clone, Debug)]
pub enum Need {
    /// A node, the list of hard links, or the tree record.
    Node(NodeId),
    /// A content in one piece.
    Content(ContentId),
    /// A content that is only there as chunks.
    Chunks {
        /// Its id.
        content: ContentId,
        /// Its list.
        list: ContentId,
        /// What is in the list.
        chunks: Vec<Chunk>,
        /// How long it is, in bytes.
        size: u64,
    },
}

/// What cannot be restored of a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Loss {
    /// Why nothing of it can be restored, if that is so.
    pub all: Option<String>,
    /// Files whose contents, and directories whose entries, are not there.
    pub paths: Vec<RelPath>,
}

impl Loss {
    /// Whether all of it is there.
    pub fn is_none(&self) -> bool {
        self.all.is_none() && self.paths.is_empty()
    }
}

/// Walks manifests.
pub struct Needs<'h> {
    holdings: &'h Holdings<'h>,
    whole: HashSet<NodeId>,
    contents: HashSet<ContentId>,
}

/// A directory being walked.
struct Frame {
    node: NodeId,
    path: RelPath,
    rest: std::vec::IntoIter<Child>,
    /// How much was lost before it.
    before: usize,
}

impl<'h> Needs<'h> {
    /// Over what is held.
    pub fn new(holdings: &'h Holdings<'h>) -> Self {
        Needs {
            holdings,
            whole: HashSet::new(),
            contents: HashSet::new(),
        }
    }

    /// What of a snapshot is not there; `each` is given what is, unless an earlier snapshot needed it too.
    pub fn of(&mut self, info: &Info, each: &mut dyn FnMut(Need)) -> Loss {
        let mut loss = Loss::default();
        let found = match self.holdings.bytes(&info.tree.0) {
            Some(record) => manifest::parse_tree(&record),
            None => Err("its tree record is lost".into()),
        };
        let (root, links) = match found {
            Ok(found) => found,
            Err(why) => {
                loss.all = Some(why);
                return loss;
            }
        };
        each(Need::Node(info.tree));
        if let Some(links) = links {
            match self.holdings.bytes(&links.0).map(|text| link::parse(&text)) {
                Some(Ok(_)) => each(Need::Node(links)),
                _ => loss.all = Some("the list of its hard links is lost".into()),
            }
        }
        let mut stack = Vec::new();
        stack.extend(self.enter(RelPath::root(), &root, &mut loss, each));
        // A lost node that is named again and again is a loss at each of its places.
        let mut left = info.counts.entries().saturating_add(1024);
        while let Some(frame) = stack.last_mut() {
            let Some(child) = frame.rest.next() else {
                if frame.before == loss.paths.len() {
                    self.whole.insert(frame.node);
                }
                stack.pop();
                continue;
            };
            left = left.saturating_sub(1);
            if left == 0 || stack.len() > DEEPEST {
                let why = "its tree has more entries than it says, or is deeper than any";
                loss.all = Some(why.into());
                break;
            }
            let Some(frame) = stack.last() else { break };
            let path = frame.path.join(&child.entry.name);
            match child.entry.is_dir() {
                true => stack.extend(self.enter(path, &child, &mut loss, each)),
                false => self.file(path, &child, &mut loss, each),
            }
        }
        loss.paths.sort();
        loss
    }

    /// Begins a directory, unless it is known to be whole.
    fn enter(
        &mut self,
        path: RelPath,
        dir: &Child,
        loss: &mut Loss,
        each: &mut dyn FnMut(Need),
    ) -> Option<Frame> {
        let node = dir.entry.node.filter(|node| !self.whole.contains(node))?;
        let bytes = self.holdings.bytes(&node.0);
        let Some(Ok(children)) = bytes.map(|bytes| manifest::parse_directory(&bytes)) else {
            loss.paths.push(path);
            return None;
        };
        each(Need::Node(node));
        Some(Frame {
            node,
            path,
            rest: children.into_iter(),
            before: loss.paths.len(),
        })
    }

    fn file(&mut self, path: RelPath, file: &Child, loss: &mut Loss, each: &mut dyn FnMut(Need)) {
        let Some(id) = file.entry.content.filter(|id| !self.contents.contains(id)) else {
            return;
        };
        match self.content(id, file) {
            Some(need) => {
                self.contents.insert(id);
                each(need);
            }
            None => loss.paths.push(path),
        }
    }

    fn content(&self, id: ContentId, file: &Child) -> Option<Need> {
        let size = file.entry.state.size;
        if self.holdings.size(&id.0) == Some(size) {
            return Some(Need::Content(id));
        }
        let list = file.chunks?;
        let chunks = chunk::parse(&self.holdings.bytes(&list.0)?).ok()?;
        let there = |chunk: &Chunk| self.holdings.size(&chunk.id.0) == Some(chunk.size_bytes);
        chunks.iter().all(there).then_some(Need::Chunks {
            content: id,
            list,
            chunks,
            size,
        })
    }
}
