//! What the snapshots of a repository reach: nodes, chunk lists, contents and chunks, numbered, with what each names
//! and where it lies. Each node is read once, however many snapshots share it.

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;

use rayon::prelude::*;

use crate::model::{ContentId, Error, ErrorKind, NodeId, Result, SnapshotId};
use crate::repo::catalog::Form;
use crate::repo::chunk::{self, Chunk};
use crate::repo::info::Info;
use crate::repo::manifest::Child;
use crate::repo::store::Repo;

/// What an item is counted as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sort {
    Unknown,
    Node,
    Content,
    Chunk,
}

/// Something with a digest.
pub(super) struct Item {
    pub sort: Sort,
    /// Which archive it lies in; 0 where nowhere whole.
    pub archive: u32,
    pub packed: u64,
    /// Where there: offset, length and form.
    pub place: Option<(u64, u64, Form)>,
    pub parts: Vec<u32>,
}

impl Item {
    /// Whether it is part of an entry, which has the name and the header.
    pub(super) fn is_piece(&self) -> bool {
        matches!(self.place, Some((_, _, Form::Piece)))
    }
}

/// All items, by number.
#[derive(Default)]
pub(super) struct Graph {
    pub numbers: HashMap<[u8; 32], u32>,
    pub items: Vec<Item>,
    pub content_bytes: u64,
    /// Of each archive by its number, the bytes of names and headers for each thing in it.
    pub overhead: Vec<u64>,
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

impl Graph {
    /// Numbers all that the catalog knows a place of.
    pub(super) fn load(&mut self, repo: &Repo, number: &HashMap<SnapshotId, u32>) -> Result<()> {
        for (id, place) in repo.each_place()? {
            let at = self.number(&id) as usize;
            self.items[at].archive = number.get(&place.archive).copied().unwrap_or(0);
            self.items[at].packed = place.packed;
            self.items[at].place = Some((place.offset, place.packed, place.form));
        }
        Ok(())
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
    pub(super) fn read(&mut self, repo: &Repo, snapshots: &[Info]) -> Result<Vec<u32>> {
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
            self.content_bytes = self.content_bytes.saturating_add(child.entry.state.size);
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
            let inside =
                item.archive == archive && (from..from.saturating_add(long)).contains(&offset);
            if inside && part != content && within.insert(part) {
                let left = &mut self.items[content as usize].packed;
                *left = left.saturating_sub(packed);
            }
        }
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
