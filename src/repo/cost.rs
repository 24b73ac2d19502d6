//! What a repository holds, and what each snapshot, and each directory, alone costs.
//!
//! Of everything that manifests name ([`crate::repo::reach`]) each thing is given an owner: the one snapshot that
//! reaches it, or nobody, when several do. What a snapshot alone costs is the bytes that would be freed
//! if only it went: its archive, less what others need of that, and what only it needs of other archives. Names
//! and headers are shared out evenly among what lies in an archive.

use std::collections::HashMap;

use crate::model::{Result, SnapshotId};
use crate::repo::folder::archives;
use crate::repo::graph::{Graph, Sort};
use crate::repo::info::Info;
use crate::repo::store::Repo;
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
        self.bytes = self.bytes.saturating_add(bytes);
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

/// The number of what nobody reaches, and of what several do.
const NOBODY: u32 = 0;
const SEVERAL: u32 = u32::MAX;

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
        tree_bytes: snapshots
            .iter()
            .fold(0, |sum, i| sum.saturating_add(i.counts.content_bytes)),
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

    /// What there is in all.
    fn count(&self, cost: &mut Cost) {
        for item in &self.items {
            match item.sort {
                Sort::Node => cost.nodes.add(item.packed),
                Sort::Content => cost.contents.add(item.packed),
                Sort::Chunk => {
                    let bytes = &mut cost.contents.bytes;
                    *bytes = bytes.saturating_add(item.packed);
                }
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
            share.alone_bytes = share.alone_bytes.saturating_add(*held);
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
            let bytes = item.packed.saturating_add(overhead);
            // Others need it, so it must stay when the archive that holds it goes.
            if let Some(share) = shares.get_mut((host as usize).wrapping_sub(1)) {
                share.alone_bytes = share.alone_bytes.saturating_sub(bytes);
            }
            if owner != SEVERAL {
                let alone = &mut shares[owner as usize - 1].alone_bytes;
                *alone = alone.saturating_add(bytes);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::graph::Item;

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
