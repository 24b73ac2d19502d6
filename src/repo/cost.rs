//! What a repository holds, and what each snapshot, and each directory, alone costs.
//!
//! Everything that manifests name is numbered, with the bytes that it takes in an archive. Each node is read
//! once, however many snapshots share it. Then each thing is given an owner: the one snapshot that
//! reaches it, or nobody, when several do. What a snapshot alone costs is the bytes that would be freed
//! if only it went: its archive, less what others need of that, and what only it needs of other archives. Names
//! and headers are shared out evenly among what lies in an archive.

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;

use rayon::prelude::*;

use crate::model::{ContentId, Error, ErrorKind, NodeId, Result, SnapshotId};
use crate::repo::catalog::{Form, Place};
use crate::repo::chunk::{self, Chunk};
use crate::repo::info::Info;
use crate::repo::manifest::Child;
use crate::repo::store::{Repo, archives};
use crate::repo::text::PathText;

/// A number of things and the bytes that they take on the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// Bytes, packed as they lie there.
    pub bytes: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// What one snapshot, or all those of one directory, cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Share {
    /// The archives.
    pub archives: Sum,
    /// Bytes that would be freed if only these snapshots went.
    pub alone_bytes: u64,
}

/// What a repository holds.
#[derive(Clone, Debug, Default)]
pub struct Cost {
    /// The zip files.
    pub archives: Sum,
    /// Different contents of files, packed.
    pub contents: Sum,
    /// The same contents, unpacked.
    pub content_bytes: u64,
    /// What manifests are made of: nodes, tree records and chunk lists.
    pub nodes: Sum,
    /// Bytes of all files of all snapshots, as if each were a copy.
    pub tree_bytes: u64,
    /// The log.
    pub log_bytes: u64,
    /// The catalog, with SQLite's own files.
    pub catalog_bytes: u64,
    /// By snapshot, in the order in which they were given.
    pub snapshots: Vec<(Info, Share)>,
    /// By directory, sorted by path.
    pub directories: Vec<(PathText, Share)>,
}

/// What an item is counted as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sort {
    Unknown,
    Node,
    Content,
    Chunk,
}

/// Something with a digest.
struct Item {
    sort: Sort,
    /// Which archive it lies in; 0 where nowhere whole.
    archive: u32,
    packed: u64,
    /// Its place, until its pieces were taken off.
    place: Option<(u64, u64, Form)>,
    parts: Vec<u32>,
}

impl Item {
    /// Whether it is part of an entry, which has the name and the header.
    fn is_piece(&self) -> bool {
        matches!(self.place, Some((_, _, Form::Piece)))
    }
}

/// The number of what nobody reaches, and of what several do.
const NOBODY: u32 = 0;
const SEVERAL: u32 = u32::MAX;

#[derive(Default)]
struct Graph {
    numbers: HashMap<[u8; 32], u32>,
    items: Vec<Item>,
    content_bytes: u64,
    /// Of each archive by its number, the bytes of names and headers for each thing in it.
    overhead: Vec<u64>,
}

/// What a node names, read.
enum Read {
    Tree(Box<Child>, Option<NodeId>),
    Directory(Vec<Child>),
    List(Vec<Chunk>),
}

/// Which kind of node is to be read, and its number.
#[derive(Clone, Copy)]
enum Wanted {
    Tree(u32, NodeId),
    Directory(u32, NodeId),
    /// A chunk list, and the content that it is of.
    List(u32, ContentId, u32),
}

/// What the repository holds; snapshots of all directories.
///
/// # Errors
/// [`ErrorKind::Damaged`] when part of a manifest is missing or not what was stored.
pub fn cost(repo: &Repo) -> Result<Cost> {
    let snapshots = repo.snapshots(None)?;
    let sizes: HashMap<SnapshotId, u64> = archives(repo.path())
        .map(|id| (id, length(&repo.archive_path(id))))
        .collect();
    // Archives are numbered from 1, those of snapshots first, so that both have the same number.
    let mut number: HashMap<SnapshotId, u32> = HashMap::new();
    for id in snapshots.iter().map(|info| &info.id).chain(sizes.keys()) {
        let next = number.len() as u32 + 1;
        number.entry(*id).or_insert(next);
    }
    let mut graph = Graph::default();
    graph.load(repo, &number)?;
    graph.weigh(&number, &sizes);
    let trees = graph.read(repo, &snapshots)?;
    let mut cost = Cost {
        log_bytes: length(&repo.path().join("log.ndjson")),
        catalog_bytes: ["catalog.db", "catalog.db-wal", "catalog.db-shm"]
            .map(|name| length(&repo.path().join(name)))
            .iter()
            .sum(),
        tree_bytes: snapshots.iter().map(|i| i.counts.content_bytes).sum(),
        content_bytes: graph.content_bytes,
        ..Cost::default()
    };
    sizes.values().for_each(|bytes| cost.archives.add(*bytes));
    graph.count(&mut cost);
    let size = |info: &Info| sizes.get(&info.id).copied().unwrap_or_default();
    let held: Vec<u64> = snapshots.iter().map(size).collect();
    let single: Vec<u32> = (1..=snapshots.len() as u32).collect();
    let each = graph.shares(&trees, &single, &held, snapshots.len());
    let (directories, groups) = by_directory(&snapshots);
    let all = graph.shares(&trees, &groups, &held, directories.len());
    cost.snapshots = snapshots.into_iter().zip(each).collect();
    cost.directories = directories.into_iter().zip(all).collect();
    Ok(cost)
}

/// The directories, sorted, and which of them each snapshot is of, from 1.
fn by_directory(snapshots: &[Info]) -> (Vec<PathText>, Vec<u32>) {
    let mut directories: Vec<PathText> = snapshots.iter().map(|i| i.directory.clone()).collect();
    directories.sort_by(|a, b| a.0.cmp(&b.0));
    directories.dedup();
    let place = |info: &Info| directories.binary_search_by(|d| d.0.cmp(&info.directory.0));
    let groups = snapshots
        .iter()
        .map(|i| place(i).unwrap_or_default() as u32 + 1);
    let groups = groups.collect();
    (directories, groups)
}

fn length(path: &std::path::Path) -> u64 {
    path.metadata().map_or(0, |m| m.len())
}

impl Graph {
    /// Numbers all that the catalog knows a place of.
    fn load(&mut self, repo: &Repo, number: &HashMap<SnapshotId, u32>) -> Result<()> {
        repo.catalog().each_place(|id, place: Place| {
            let at = self.number(&id) as usize;
            self.items[at].archive = number.get(&place.archive).copied().unwrap_or(0);
            self.items[at].packed = place.packed;
            self.items[at].place = Some((place.offset, place.packed, place.form));
        })
    }

    /// Finds how many bytes of each archive are neither contents nor nodes.
    fn weigh(&mut self, number: &HashMap<SnapshotId, u32>, sizes: &HashMap<SnapshotId, u64>) {
        let mut held = vec![Sum::default(); number.len() + 1];
        for item in self.items.iter().filter(|item| !item.is_piece()) {
            held[item.archive as usize].add(item.packed);
        }
        self.overhead = vec![0; held.len()];
        for (id, at) in number {
            let sum = held[*at as usize];
            let rest = sizes.get(id).map_or(0, |s| s.saturating_sub(sum.bytes));
            self.overhead[*at as usize] = rest / sum.count.max(1);
        }
    }

    fn number(&mut self, id: &[u8; 32]) -> u32 {
        let next = self.items.len() as u32;
        let at = *self.numbers.entry(*id).or_insert(next);
        if at == next {
            self.items.push(Item {
                sort: Sort::Unknown,
                archive: 0,
                packed: 0,
                place: None,
                parts: Vec::new(),
            });
        }
        at
    }

    /// Names a part of an item; whether it was not named before.
    fn part(&mut self, whole: u32, id: &[u8; 32], sort: Sort) -> (u32, bool) {
        let at = self.number(id);
        self.items[whole as usize].parts.push(at);
        let item = &mut self.items[at as usize];
        let new = item.sort == Sort::Unknown;
        item.sort = match item.sort {
            Sort::Unknown => sort,
            known => known,
        };
        (at, new)
    }

    /// Reads every node that the snapshots reach, a level at a time; the numbers of their trees.
    fn read(&mut self, repo: &Repo, snapshots: &[Info]) -> Result<Vec<u32>> {
        let mut trees = Vec::new();
        let mut level = Vec::new();
        let mut seen = HashSet::new();
        for info in snapshots {
            let at = self.number(&info.tree.0);
            self.items[at as usize].sort = Sort::Node;
            trees.push(at);
            if seen.insert(at) {
                level.push(Wanted::Tree(at, info.tree));
            }
        }
        while !level.is_empty() {
            let read: Result<Vec<Read>> = level.par_iter().map(|w| w.read(repo)).collect();
            let mut next = Vec::new();
            for (wanted, read) in level.iter().zip(read?) {
                self.take(*wanted, read, &mut next);
            }
            level = next;
        }
        Ok(trees)
    }

    /// Enters what a node names; what of it must be read goes to `next`.
    fn take(&mut self, wanted: Wanted, read: Read, next: &mut Vec<Wanted>) {
        match (wanted, read) {
            (Wanted::Tree(at, _), Read::Tree(root, links)) => {
                self.child(at, &root, next);
                if let Some(id) = links {
                    self.part(at, &id.0, Sort::Node);
                }
            }
            (Wanted::Directory(at, _), Read::Directory(children)) => {
                children.iter().for_each(|c| self.child(at, c, next));
            }
            (Wanted::List(at, _, content), Read::List(chunks)) => self.list(at, content, &chunks),
            _ => {}
        }
    }

    fn child(&mut self, at: u32, child: &Child, next: &mut Vec<Wanted>) {
        if let Some(id) = child.entry.node {
            let (part, new) = self.part(at, &id.0, Sort::Node);
            next.extend(new.then_some(Wanted::Directory(part, id)));
        }
        let Some(id) = child.entry.content else {
            return;
        };
        let (content, new) = self.part(at, &id.0, Sort::Content);
        if new {
            self.content_bytes += child.entry.state.size;
        }
        if let Some(list) = child.chunks {
            let (part, new) = self.part(at, &list.0, Sort::Node);
            next.extend(new.then_some(Wanted::List(part, list, content)));
        }
    }

    /// The chunks of a content. Where they are pieces of its own entry, they are counted and not it.
    fn list(&mut self, at: u32, content: u32, chunks: &[Chunk]) {
        let whole = self.items[content as usize].place;
        let archive = self.items[content as usize].archive;
        let mut within = HashSet::new();
        for chunk in chunks {
            let (part, _) = self.part(at, &chunk.id.0, Sort::Chunk);
            let item = &self.items[part as usize];
            let (Some((from, long, _)), Some((offset, packed, Form::Piece))) = (whole, item.place)
            else {
                continue;
            };
            let inside = item.archive == archive && (from..from + long).contains(&offset);
            if inside && part != content && within.insert(part) {
                let left = &mut self.items[content as usize].packed;
                *left = left.saturating_sub(packed);
            }
        }
    }

    /// What there is in all.
    fn count(&self, cost: &mut Cost) {
        for item in &self.items {
            match item.sort {
                Sort::Node => cost.nodes.add(item.packed),
                Sort::Content => cost.contents.add(item.packed),
                Sort::Chunk => cost.contents.bytes += item.packed,
                Sort::Unknown => {}
            }
        }
    }

    /// What each of `count` groups alone costs. `group` gives the group of each snapshot, from 1, and
    /// `held` the size of its archive.
    fn shares(&self, trees: &[u32], group: &[u32], held: &[u64], count: usize) -> Vec<Share> {
        let owners = self.owners(trees, group);
        let mut shares = vec![Share::default(); count];
        for (group, held) in group.iter().zip(held) {
            let share = &mut shares[*group as usize - 1];
            share.archives.add(*held);
            share.alone_bytes += held;
        }
        for (item, owner) in self.items.iter().zip(owners) {
            let host = (item.archive as usize).checked_sub(1);
            let host = host.and_then(|at| group.get(at)).copied().unwrap_or(NOBODY);
            if owner == host || owner == NOBODY {
                continue;
            }
            let overhead = match item.is_piece() {
                true => 0,
                false => self.overhead.get(item.archive as usize).map_or(0, |b| *b),
            };
            let bytes = item.packed + overhead;
            // Others need it, so it must stay when the archive that holds it goes.
            if let Some(share) = shares.get_mut((host as usize).wrapping_sub(1)) {
                share.alone_bytes = share.alone_bytes.saturating_sub(bytes);
            }
            if owner != SEVERAL {
                shares[owner as usize - 1].alone_bytes += bytes;
            }
        }
        shares
    }

    /// The one group that reaches each item, or [`SEVERAL`]. Each is looked at twice at most.
    fn owners(&self, trees: &[u32], group: &[u32]) -> Vec<u32> {
        let mut owners = vec![NOBODY; self.items.len()];
        let mut rest = Vec::new();
        for (tree, own) in trees.iter().zip(group) {
            rest.push(*tree);
            while let Some(at) = rest.pop() {
                let owner = &mut owners[at as usize];
                if *owner == *own || *owner == SEVERAL {
                    continue;
                }
                *owner = match *owner {
                    NOBODY => *own,
                    _ => SEVERAL,
                };
                rest.extend(&self.items[at as usize].parts);
            }
        }
        owners
    }
}

impl Wanted {
    fn read(&self, repo: &Repo) -> Result<Read> {
        Ok(match self {
            Wanted::Tree(_, id) => {
                let (root, links) = repo.tree_record(*id)?;
                Read::Tree(Box::new(root), links)
            }
            Wanted::Directory(_, id) => Read::Directory(repo.entries(*id)?),
            Wanted::List(_, id, _) => {
                let list = chunk::parse(&repo.bytes(*id)?);
                let damaged = |e| {
                    let name = repo.path().as_os_str().as_bytes();
                    Error::at(
                        ErrorKind::Damaged,
                        name,
                        format!("the chunk list {id}: {e}"),
                    )
                };
                Read::List(list.map_err(damaged)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Items by number: its archive, packed bytes and parts.
    fn graph(items: &[(u32, u64, &[u32])]) -> Graph {
        let item = |(archive, packed, parts): &(u32, u64, &[u32])| Item {
            sort: Sort::Node,
            archive: *archive,
            packed: *packed,
            place: None,
            parts: parts.to_vec(),
        };
        Graph {
            items: items.iter().map(item).collect(),
            ..Graph::default()
        }
    }

    #[test]
    fn what_two_share_is_neither_s() {
        // Trees 0 and 1; both reach 2, which lies in the first archive; 3 is the second's own.
        let graph = graph(&[
            (1, 10, &[2]),
            (2, 20, &[2, 3]),
            (1, 100, &[4]),
            (2, 7, &[]),
            (1, 1, &[]),
        ]);
        let owners = graph.owners(&[0, 1], &[1, 2]);
        assert_eq!(owners, [1, 2, SEVERAL, 2, SEVERAL]);
        let shares = graph.shares(&[0, 1], &[1, 2], &[150, 40], 2);
        assert_eq!(shares[0].alone_bytes, 150 - 101);
        assert_eq!(shares[1].alone_bytes, 40);
        let together = graph.shares(&[0, 1], &[1, 1], &[150, 40], 1);
        assert_eq!(together[0].alone_bytes, 190);
    }

    #[test]
    fn what_lies_elsewhere_and_only_one_needs_is_its_own() {
        // Both items lie in an archive that is no snapshot's: a pack.
        let graph = graph(&[(3, 10, &[1]), (3, 5, &[])]);
        let shares = graph.shares(&[0], &[1], &[100], 1);
        assert_eq!(shares[0].alone_bytes, 115);
    }
}
