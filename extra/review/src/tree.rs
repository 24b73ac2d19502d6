//! The changes as a tree of their paths, parts of which are folded.

use std::ops::Range;

use fsync::model::{Change, Kind};

/// Up to so many nodes are all seen at the beginning.
const FEW: usize = 500;

/// A path: one that changes, or one above such.
struct Node {
    parent: u32,
    depth: u32,
    /// Behind the last node below it.
    end: u32,
    /// What changes at it or below it.
    changes: Range<u32>,
    /// What changes at it.
    own: Option<u32>,
    /// How long its path is, as the beginning of that of its first change; and where its name begins there.
    length: u32,
    name: u32,
    directory: bool,
    open: bool,
}

/// The tree. Nodes are numbered from the top, the root being 0.
pub struct Tree {
    nodes: Vec<Node>,
    rows: Vec<u32>,
}

impl Tree {
    /// Of changes in path order.
    pub fn new(changes: &[Change]) -> Self {
        let mut tree = Tree {
            nodes: vec![Node::new(0, 0, (0, 0), 0)],
            rows: Vec::new(),
        };
        let mut above = vec![0];
        for (at, change) in changes.iter().enumerate() {
            tree.add(&mut above, at, change, changes);
        }
        let all = changes.len() as u32;
        for node in above {
            tree.close(node, all);
        }
        let few = tree.nodes.len() <= FEW;
        for (at, node) in tree.nodes.iter_mut().enumerate() {
            node.open = few || at == 0;
        }
        tree.list();
        tree
    }

    fn add(&mut self, above: &mut Vec<usize>, at: usize, change: &Change, changes: &[Change]) {
        if change.path.is_root() {
            self.nodes[0].own = Some(at as u32);
            return;
        }
        let path = change.path.as_bytes();
        while let Some(last) = above.pop_if(|node| !is_within(path, self.path(*node, changes))) {
            self.close(last, at as u32);
        }
        let parent = above.last().copied().unwrap_or_default();
        let mut from = match self.nodes[parent].length as usize {
            0 => 0,
            length => length + 1,
        };
        let mut parent = parent;
        while from <= path.len() {
            let rest = path[from..].iter().position(|b| *b == b'/');
            let end = rest.map_or(path.len(), |slash| from + slash);
            let depth = self.nodes[parent].depth + 1;
            let node = self.nodes.len();
            let span = (from as u32, end as u32);
            self.nodes
                .push(Node::new(parent as u32, depth, span, at as u32));
            self.nodes[parent].directory = true;
            above.push(node);
            parent = node;
            from = end + 1;
        }
        let own = &mut self.nodes[parent];
        own.own = Some(at as u32);
        own.directory |= change.kind == Kind::Directory;
    }

    fn close(&mut self, node: usize, changes: u32) {
        self.nodes[node].end = self.nodes.len() as u32;
        self.nodes[node].changes.end = changes;
    }

    /// The raw path; empty for the root.
    pub fn path<'c>(&self, node: usize, changes: &'c [Change]) -> &'c [u8] {
        let node = &self.nodes[node];
        let first = changes.get(node.changes.start as usize);
        first.map_or(&[], |first| &first.path.as_bytes()[..node.length as usize])
    }

    /// The raw name; `.` for the root.
    pub fn name<'c>(&self, node: usize, changes: &'c [Change]) -> &'c [u8] {
        match node {
            0 => b".",
            _ => &self.path(node, changes)[self.nodes[node].name as usize..],
        }
    }

    /// The nodes that are seen, from the top.
    pub fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The row of a node, or of the one above it in which it is folded away.
    pub fn row_of(&self, node: usize) -> usize {
        let row = self.rows.partition_point(|n| *n as usize <= node);
        row.saturating_sub(1)
    }

    /// How deep it lies.
    pub fn depth(&self, node: usize) -> usize {
        self.nodes[node].depth as usize
    }

    /// What holds it; itself at the top.
    pub fn parent(&self, node: usize) -> usize {
        self.nodes[node].parent as usize
    }

    /// What changes at it or below it.
    pub fn changes(&self, node: usize) -> Range<usize> {
        let Range { start, end } = self.nodes[node].changes;
        start as usize..end as usize
    }

    /// What changes at it.
    pub fn own(&self, node: usize) -> Option<usize> {
        self.nodes[node].own.map(|at| at as usize)
    }

    /// Whether there is something below it.
    pub fn has_more(&self, node: usize) -> bool {
        self.nodes[node].end as usize > node + 1
    }

    /// Whether it is a directory.
    pub fn is_directory(&self, node: usize) -> bool {
        self.nodes[node].directory
    }

    /// Whether what is below it is seen.
    pub fn is_open(&self, node: usize) -> bool {
        self.nodes[node].open
    }

    /// Folds or unfolds one.
    pub fn open(&mut self, node: usize, open: bool) {
        self.nodes[node].open = open;
        self.list();
    }

    /// Folds or unfolds all but the root.
    pub fn open_all(&mut self, open: bool) {
        self.nodes.iter_mut().skip(1).for_each(|n| n.open = open);
        self.list();
    }

    /// Unfolds what hides a change; its node.
    pub fn reveal(&mut self, change: usize) -> usize {
        let mut node = 0;
        while let Some(child) = self.child_with(node, change) {
            self.nodes[node].open = true;
            node = child;
        }
        self.list();
        node
    }

    /// The child that holds a change, unless it is the node's own.
    fn child_with(&self, node: usize, change: usize) -> Option<usize> {
        if self.own(node) == Some(change) {
            return None;
        }
        let end = self.nodes[node].end as usize;
        let mut child = node + 1;
        while child < end {
            if self.changes(child).contains(&change) {
                return Some(child);
            }
            child = self.nodes[child].end as usize;
        }
        None
    }

    fn list(&mut self) {
        self.rows.clear();
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            self.rows.push(at as u32);
            at = if node.open { at + 1 } else { node.end as usize };
        }
    }
}

impl Node {
    fn new(parent: u32, depth: u32, (name, length): (u32, u32), first: u32) -> Self {
        Node {
            parent,
            depth,
            end: 0,
            changes: first..first,
            own: None,
            length,
            name,
            directory: depth == 0,
            open: false,
        }
    }
}

/// Whether a path lies in a directory; in the root, which is empty here, all do.
fn is_within(path: &[u8], directory: &[u8]) -> bool {
    directory.is_empty()
        || path
            .strip_prefix(directory)
            .is_some_and(|rest| rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bond::tests::change;
    use fsync::model::Status::{Added, Touched};

    fn names(tree: &Tree, changes: &[Change]) -> Vec<String> {
        let name = |node: &u32| String::from_utf8_lossy(tree.name(*node as usize, changes)).into();
        tree.rows().iter().map(name).collect()
    }

    #[test]
    fn directories_without_a_change_are_seen_too() {
        let dir = Some(Kind::Directory);
        let file = Some(Kind::File);
        let changes = [
            change(Touched, ".", dir, dir),
            change(Added, "a/b/c", None, file),
            change(Added, "a/b/d", None, file),
            change(Added, "a-b", None, file),
        ];
        let mut tree = Tree::new(&changes);
        assert_eq!(names(&tree, &changes), [".", "a", "b", "c", "d", "a-b"]);
        assert_eq!(tree.changes(0), 0..4);
        assert_eq!(tree.changes(1), 1..3);
        assert_eq!(
            (tree.own(0), tree.own(1), tree.own(5)),
            (Some(0), None, Some(3))
        );
        assert_eq!(
            (tree.parent(3), tree.depth(3), tree.path(3, &changes)),
            (2, 3, &b"a/b/c"[..])
        );
        tree.open(1, false);
        assert_eq!(names(&tree, &changes), [".", "a", "a-b"]);
        assert_eq!(tree.row_of(4), 1, "the directory that hides it");
        assert_eq!(tree.reveal(2), 4);
        assert_eq!(tree.row_of(4), 4);
        tree.open_all(false);
        assert_eq!(names(&tree, &changes), [".", "a", "a-b"]);
    }

    #[test]
    fn a_long_plan_begins_folded() {
        let file = |n: usize| change(Added, &format!("d/{n:04}"), None, Some(Kind::File));
        let changes: Vec<Change> = (0..FEW).map(file).collect();
        let tree = Tree::new(&changes);
        assert_eq!(names(&tree, &changes), [".", "d"]);
        assert!(tree.has_more(1) && !tree.is_open(1));
    }
}
