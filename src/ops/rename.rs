//! Renames: a deleted and an added entry of equal content become one local rename.
//!
//! Only when unambiguous: of everything deleted and added there must be exactly one on each side
//! with that content. Wholly equal directories are paired before files, the topmost first. Names of
//! inodes with several links are left alone.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::model::{Change, Kind, RelPath, Status, Times, Why};
use crate::ops::compare::digest;
use crate::ops::diff::{Item, Options};
use crate::ops::link::Linked;
use crate::tree::Tree;
use crate::tree::cursor::Cursor;

/// What a file or a whole directory holds: equal marks mean equal content.
type Mark = [u8; 32];

/// Replaces pairs of `D` and `A` by `R`. `items` are in path order, and so is the result.
pub fn find(
    items: Vec<Item>,
    links: &[Linked],
    (source, destination): (&dyn Tree, Option<&dyn Tree>),
    options: &Options,
) -> Vec<Item> {
    let Some(destination) = destination else {
        return items;
    };
    let linked: HashSet<&RelPath> = links.iter().map(Linked::path).collect();
    let mut marks = Marks {
        source: Cursor::new(source),
        destination: Cursor::new(destination),
        linked,
        known: HashMap::new(),
        options,
    };
    marks.fill(&items);
    let renames = pair(&items, &marks.known);
    if renames.is_empty() {
        return items;
    }
    rewrite(items, &renames, options)
}

/// Computes the marks of what is deleted and added.
struct Marks<'t> {
    source: Cursor<'t>,
    destination: Cursor<'t>,
    linked: HashSet<&'t RelPath>,
    known: HashMap<usize, Mark>,
    options: &'t Options,
}

impl Marks<'_> {
    /// Marks every deleted and added entry whose size occurs on both sides, and every directory all of whose entries have marks.
    fn fill(&mut self, items: &[Item]) {
        let both = common_sizes(items);
        for (at, change) in changes(items) {
            let size = change
                .new
                .as_ref()
                .or(change.old.as_ref())
                .map_or(0, |s| s.size);
            if change.kind == Kind::File
                && both.contains(&size)
                && !self.linked.contains(&change.path)
            {
                let mark = self.file(change);
                self.known.extend(mark.map(|m| (at, m)));
            }
        }
        self.directories(items);
    }

    fn file(&mut self, change: &Change) -> Option<Mark> {
        let cursor = match change.status {
            Status::Deleted => &mut self.destination,
            _ => &mut self.source,
        };
        let (dir, entry) = cursor.place(&change.path).ok()??;
        if entry.links.is_some() {
            return None;
        }
        digest((dir, &entry)).ok().map(|id| id.0)
    }

    /// A directory's mark covers names, states and marks of all that is below it; deepest first.
    fn directories(&mut self, items: &[Item]) {
        let all: Vec<(usize, &Change)> = changes(items).collect();
        for (index, (at, dir)) in all.iter().enumerate().rev() {
            if dir.kind != Kind::Directory {
                continue;
            }
            let below = all[index + 1..]
                .iter()
                .take_while(|(_, c)| c.path.is_within(&dir.path));
            let mut hash = Sha256::new();
            let mut count = 0u64;
            let whole = below.into_iter().all(|(child, change)| {
                count += 1;
                change.status == dir.status && self.feed(&mut hash, dir, *child, change)
            });
            if whole && count > 0 {
                self.known.insert(*at, hash.finalize().into());
            }
        }
    }

    fn feed(&self, hash: &mut Sha256, dir: &Change, at: usize, change: &Change) -> bool {
        let Some(state) = change.new.as_ref().or(change.old.as_ref()) else {
            return false;
        };
        let name = &change.path.as_bytes()[dir.path.as_bytes().len()..];
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        let counts = (!self.options.clock.ignored, !self.options.any_mode);
        let time = counts.0.then_some((state.mtime.secs, state.mtime.nanos));
        let mode = counts.1.then_some(state.mode);
        hash.update(format!(
            "{:?} {mode:?} {} {} {time:?}",
            state.kind, state.size, state.rdev
        ));
        match (state.kind, self.known.get(&at), &state.target) {
            (Kind::File, None, _) => return false,
            (Kind::File, Some(mark), _) => hash.update(mark),
            (_, _, Some(target)) => hash.update(target),
            _ => {}
        }
        true
    }
}

/// The deleted and added entries with their places.
fn changes(items: &[Item]) -> impl Iterator<Item = (usize, &Change)> {
    items
        .iter()
        .enumerate()
        .filter_map(|(at, item)| match item {
            Item::Change(c) if matches!(c.status, Status::Deleted | Status::Added) => Some((at, c)),
            _ => None,
        })
}

/// Sizes above zero that both a deleted and an added file have.
fn common_sizes(items: &[Item]) -> HashSet<u64> {
    let sizes = |status: Status| -> HashSet<u64> {
        changes(items)
            .filter(|(_, c)| c.status == status && c.kind == Kind::File)
            .filter_map(|(_, c)| c.new.as_ref().or(c.old.as_ref()).map(|s| s.size))
            .filter(|size| *size > 0)
            .collect()
    };
    let added = sizes(Status::Added);
    sizes(Status::Deleted)
        .intersection(&added)
        .copied()
        .collect()
}

/// Pairs of places, deleted and added, of equal and unique mark.
fn pair(items: &[Item], known: &HashMap<usize, Mark>) -> Vec<(usize, usize)> {
    let mut by_mark: HashMap<(Kind, Mark), (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (at, change) in changes(items) {
        if let Some(mark) = known.get(&at) {
            let sides = by_mark.entry((change.kind, *mark)).or_default();
            match change.status {
                Status::Deleted => sides.0.push(at),
                _ => sides.1.push(at),
            }
        }
    }
    let mut pairs: Vec<(usize, usize)> = by_mark
        .into_values()
        .filter_map(|(from, to)| match (&from[..], &to[..]) {
            ([from], [to]) => Some((*from, *to)),
            _ => None,
        })
        .collect();
    pairs.sort_by_key(|(_, to)| *to);
    topmost(items, pairs)
}

/// Leaves out what moves with a directory above it, or would come from within one that moves.
fn topmost(items: &[Item], pairs: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    let mut moved: Vec<(usize, usize)> = Vec::new();
    for (from, to) in pairs {
        let clash = moved.iter().any(|(f, t)| {
            items[from].path().is_within(items[*f].path())
                || items[to].path().is_within(items[*t].path())
        });
        if !clash {
            moved.push((from, to));
        }
    }
    moved
}

/// Puts the renames in the place of what they stand for.
fn rewrite(items: Vec<Item>, renames: &[(usize, usize)], options: &Options) -> Vec<Item> {
    let by_added: HashMap<usize, usize> = renames.iter().map(|(from, to)| (*to, *from)).collect();
    let tops: Vec<RelPath> = renames
        .iter()
        .flat_map(|(from, to)| [items[*from].path().clone(), items[*to].path().clone()])
        .collect();
    let tops: HashSet<RelPath> = tops.into_iter().collect();
    let deleted: HashMap<usize, Change> = renames
        .iter()
        .filter_map(|(from, _)| match &items[*from] {
            Item::Change(change) => Some((*from, change.clone())),
            _ => None,
        })
        .collect();
    let within = |path: &RelPath| {
        let mut at = Some(path.clone());
        while let Some(here) = at {
            if tops.contains(&here) {
                return true;
            }
            at = here.parent();
        }
        false
    };
    let mut out = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        match (item, by_added.get(&at).and_then(|from| deleted.get(from))) {
            (Item::Change(added), Some(gone)) => {
                out.push(Item::Change(renamed(added, gone, options)))
            }
            (Item::Change(change), None) if within(&change.path) => {}
            (item, _) => out.push(item),
        }
    }
    out
}

fn renamed(added: Change, gone: &Change, options: &Options) -> Change {
    let mut why = Why::NONE;
    if let (Some(new), Some(old)) = (&added.new, &gone.old) {
        let times = options.clock.judge(new.mtime, old);
        why.set(Why::MTIME, times == Times::Differ);
        why.set(Why::MODE, !options.any_mode && new.mode != old.mode);
    }
    let from = gone
        .old
        .as_deref()
        .map(|old| Box::new((gone.path.clone(), old.clone())));
    Change {
        status: Status::Renamed,
        from,
        why,
        ..added
    }
}
