//! Renames: contents that go in one place and come in another become one local rename.
//!
//! Only when unambiguous: of all contents that go (deleted, or replaced) and all that come (added, or replacing)
//! there must be exactly one on each side. So two names may swap, and more go round in a circle. Wholly equal
//! directories are paired when one is deleted and the other added, the topmost first, and before files. Inodes with
//! several names in a tree are left alone.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::model::{Change, Entry, Kind, LinkKey, RelPath, State, Status, Times, Why};
use crate::ops::compare::digest;
use crate::ops::diff::{Item, Options};
use crate::ops::link::Linked;
use crate::tree::Tree;
use crate::tree::cursor::Cursor;

/// What a file or a whole directory holds: equal marks mean equal content.
type Mark = [u8; 32];

/// What a change takes away, or what it brings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Side {
    Gone,
    Come,
}

impl Side {
    const BOTH: [Side; 2] = [Side::Gone, Side::Come];

    /// What goes or comes with a change; `None` when nothing does.
    fn of(self, change: &Change) -> Option<&State> {
        let (alone, state) = match self {
            Side::Gone => (Status::Deleted, &change.old),
            Side::Come => (Status::Added, &change.new),
        };
        let replaced = change.status == Status::Modified && change.kind == Kind::File;
        let moves = change.status == alone || replaced;
        state.as_deref().filter(|_| moves)
    }
}

/// Replaces pairs of what goes and what comes by `R`. `items` are in path order, and so is the result.
pub fn find(
    items: Vec<Item>,
    links: &[Linked],
    source: &dyn Tree,
    destination: Option<&dyn Tree>,
    options: &Options,
) -> Vec<Item> {
    let Some(destination) = destination else {
        return items;
    };
    let mut marks = Marks {
        source: Cursor::new(source),
        destination: Cursor::new(destination),
        names: Names::of(&items, links),
        options,
        known: HashMap::new(),
    };
    marks.fill(&items);
    let mut renames = pair(&items, &marks.known);
    renames.retain(|(from, to)| marks.one_file_system(&items[*from], items[*to].path()));
    if renames.is_empty() {
        return items;
    }
    rewrite(items, &renames, options)
}

/// Computes the marks of what goes and comes.
struct Marks<'t> {
    source: Cursor<'t>,
    destination: Cursor<'t>,
    names: Names,
    options: &'t Options,
    known: HashMap<(usize, Side), Mark>,
}

impl<'t> Marks<'t> {
    /// Marks every file whose size goes in one place and comes in another, and every directory all of whose entries have marks.
    fn fill(&mut self, items: &[Item]) {
        let travels = travelling_sizes(items);
        for (at, change) in changes(items) {
            let is_file = change.kind == Kind::File && change.link_to.is_none();
            for side in Side::BOTH.into_iter().filter(|_| is_file) {
                if side.of(change).is_some_and(|s| travels.contains(&s.size)) {
                    let mark = self.file(change, side);
                    self.known.extend(mark.map(|m| ((at, side), m)));
                }
            }
        }
        for side in Side::BOTH {
            self.directories(items, side);
        }
    }

    fn cursor(&mut self, side: Side) -> &mut Cursor<'t> {
        match side {
            Side::Gone => &mut self.destination,
            Side::Come => &mut self.source,
        }
    }

    fn file(&mut self, change: &Change, side: Side) -> Option<Mark> {
        let cursor = match side {
            Side::Gone => &mut self.destination,
            Side::Come => &mut self.source,
        };
        let (dir, entry) = cursor.place(&change.path).ok()??;
        if self.names.several(side, &entry) {
            return None;
        }
        digest((dir, &entry)).ok().map(|id| id.0)
    }

    /// Whether a name of the destination can be renamed to another: a mount may lie between them.
    fn one_file_system(&mut self, from: &Item, to: &RelPath) -> bool {
        let Item::Change(gone) = from else {
            return false;
        };
        let device = |state: &State| state.inode.map(|inode| inode.dev);
        let mut above = to.parent();
        while let Some(here) = above {
            // What is not there yet will lie where the directory above it lies.
            if let Ok(Some(entry)) = self.destination.entry(&here) {
                return device(&entry.state) == gone.old.as_deref().and_then(device);
            }
            above = here.parent();
        }
        true
    }

    /// A directory's mark covers names, states and marks of all that is below it; deepest first.
    fn directories(&mut self, items: &[Item], side: Side) {
        let all: Vec<(usize, &Change)> = changes(items).collect();
        for (index, (at, dir)) in all.iter().enumerate().rev() {
            if dir.kind != Kind::Directory || side.of(dir).is_none() {
                continue;
            }
            let below = all[index + 1..]
                .iter()
                .take_while(|(_, c)| c.path.is_within(&dir.path));
            let mut hash = Sha256::new();
            let mut count = 0u64;
            let whole = below.into_iter().all(|(child, change)| {
                count += 1;
                change.status == dir.status && self.feed(&mut hash, dir, (*child, side), change)
            });
            if whole && count > 0 {
                self.known.insert((*at, side), hash.finalize().into());
            }
        }
    }

    fn feed(
        &mut self,
        hash: &mut Sha256,
        dir: &Change,
        key: (usize, Side),
        change: &Change,
    ) -> bool {
        let Some(state) = key.1.of(change) else {
            return false;
        };
        let name = &change.path.as_bytes()[dir.path.as_bytes().len()..];
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name);
        let counts = (!self.options.clock.ignored, !self.options.any_mode);
        let time = counts.0.then_some((state.mtime.secs, state.mtime.nanos));
        let mode = counts.1.then_some(state.mode);
        let owner = self.options.owner.then_some((state.uid, state.gid));
        hash.update(format!(
            "{:?} {mode:?} {} {} {time:?} {owner:?} ",
            state.kind, state.size, state.rdev
        ));
        match (state.kind, self.known.get(&key), &state.target) {
            (Kind::File, None, _) => return false,
            (Kind::File, Some(mark), _) => hash.update(mark),
            (_, _, Some(target)) => hash.update(target),
            _ => {}
        }
        !self.options.xattrs || self.feed_xattrs(hash, change, key.1)
    }

    /// What moves with its directory must be equal in all that is compared.
    fn feed_xattrs(&mut self, hash: &mut Sha256, change: &Change, side: Side) -> bool {
        let place = self.cursor(side).place(&change.path).ok().flatten();
        let read = place.and_then(|(dir, entry)| dir.xattrs(&entry).ok());
        hash.update(format!("{read:?}"));
        read.is_some()
    }
}

/// How many names inodes have in each tree; names outside of it (of a copy made with `cp -al`, say) do not count.
#[derive(Default)]
struct Names(HashMap<(Side, u32, LinkKey), u32>);

impl Names {
    fn of(items: &[Item], links: &[Linked]) -> Self {
        let mut names = Names::default();
        let mut count = |side, source, key: Option<LinkKey>| {
            if let Some(key) = key {
                *names.0.entry((side, source, key)).or_default() += 1;
            }
        };
        for linked in links {
            let (come, gone) = linked.entries();
            count(Side::Come, come.source, come.links);
            count(Side::Gone, 0, gone.and_then(|e| e.links));
        }
        for (_, change) in changes(items).filter(|(_, c)| c.status == Status::Deleted) {
            let inode = change.old.as_ref().and_then(|old| old.inode);
            count(Side::Gone, 0, inode.map(|i| (i.dev, i.ino)));
        }
        names
    }

    fn several(&self, side: Side, entry: &Entry) -> bool {
        let source = if side == Side::Come { entry.source } else { 0 };
        let count = |key| self.0.get(&(side, source, key)).copied();
        entry.links.is_some_and(|key| count(key).unwrap_or(2) > 1)
    }
}

/// The changes with their places.
fn changes(items: &[Item]) -> impl Iterator<Item = (usize, &Change)> {
    items
        .iter()
        .enumerate()
        .filter_map(|(at, item)| match item {
            Item::Change(c) if Side::BOTH.iter().any(|s| s.of(c).is_some()) => Some((at, c)),
            _ => None,
        })
}

/// Sizes above zero that go in one place and come in another.
fn travelling_sizes(items: &[Item]) -> HashSet<u64> {
    let places = |side: Side| {
        let mut by_size: HashMap<u64, Vec<usize>> = HashMap::new();
        for (at, change) in changes(items).filter(|(_, c)| c.kind == Kind::File) {
            if let Some(state) = side.of(change).filter(|s| s.size > 0) {
                by_size.entry(state.size).or_default().push(at);
            }
        }
        by_size
    };
    let come = places(Side::Come);
    // What is replaced by something as long is no reason to read both.
    let apart = |from: &[usize], to: &[usize]| !(from.len() == 1 && from == to);
    places(Side::Gone)
        .into_iter()
        .filter(|(size, from)| come.get(size).is_some_and(|to| apart(from, to)))
        .map(|(size, _)| size)
        .collect()
}

/// Pairs of places, from and to, of equal and unique mark.
fn pair(items: &[Item], known: &HashMap<(usize, Side), Mark>) -> Vec<(usize, usize)> {
    let mut by_mark: HashMap<(Kind, Mark), (Vec<usize>, Vec<usize>)> = HashMap::new();
    for (at, change) in changes(items) {
        for side in Side::BOTH {
            let Some(mark) = known.get(&(at, side)) else {
                continue;
            };
            let sides = by_mark.entry((change.kind, *mark)).or_default();
            match side {
                Side::Gone => sides.0.push(at),
                Side::Come => sides.1.push(at),
            }
        }
    }
    let mut pairs: Vec<(usize, usize)> = by_mark
        .into_values()
        .filter_map(|(from, to)| match (&from[..], &to[..]) {
            ([from], [to]) if from != to => Some((*from, *to)),
            _ => None,
        })
        .collect();
    pairs.sort_by_key(|(_, to)| *to);
    topmost(items, pairs)
}

/// Leaves out what moves with a directory above it, or would come from within one that moves.
fn topmost(items: &[Item], pairs: Vec<(usize, usize)>) -> Vec<(usize, usize)> {
    let is_dir = |at: usize| matches!(&items[at], Item::Change(c) if c.kind == Kind::Directory);
    // Directories first: a file may come, in path order, before the directory that it moves with.
    let (dirs, files): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(from, _)| is_dir(*from));
    let mut moved: Vec<(usize, usize)> = Vec::new();
    let mut tops: HashSet<&RelPath> = HashSet::new();
    for (from, to) in dirs.into_iter().chain(files) {
        let ends = [items[from].path(), items[to].path()];
        if ends.iter().any(|end| is_below(end, &tops)) {
            continue;
        }
        moved.push((from, to));
        if is_dir(from) {
            tops.extend(ends);
        }
    }
    moved
}

/// Whether a path lies below one of `tops`.
fn is_below(path: &RelPath, tops: &HashSet<&RelPath>) -> bool {
    let mut above = path.parent().filter(|_| !tops.is_empty());
    while let Some(here) = above {
        if tops.contains(&here) {
            return true;
        }
        above = here.parent();
    }
    false
}

/// Puts the renames in the place of what they stand for.
fn rewrite(items: Vec<Item>, renames: &[(usize, usize)], options: &Options) -> Vec<Item> {
    let from_of: HashMap<usize, Change> = renames
        .iter()
        .filter_map(|(from, to)| match &items[*from] {
            Item::Change(change) => Some((*to, change.clone())),
            _ => None,
        })
        .collect();
    let left: HashSet<usize> = renames.iter().map(|(from, _)| *from).collect();
    let tops: Vec<RelPath> = renames
        .iter()
        .flat_map(|(from, to)| [*from, *to])
        .map(|at| items[at].path().clone())
        .collect();
    let tops: HashSet<&RelPath> = tops.iter().collect();
    let mut out = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        match item {
            Item::Change(change) => match (from_of.get(&at), left.contains(&at)) {
                (Some(gone), _) => out.push(Item::Change(renamed(change, gone, options))),
                (None, true) if change.status == Status::Deleted => {}
                // What was there moves away, so nothing is in the way of what comes.
                (None, true) => out.push(Item::Change(Change {
                    status: Status::Added,
                    old: None,
                    why: Why::NONE,
                    ..change
                })),
                (None, false) if is_below(&change.path, &tops) => {}
                (None, false) => out.push(Item::Change(change)),
            },
            other => out.push(other),
        }
    }
    out
}

fn renamed(come: Change, gone: &Change, options: &Options) -> Change {
    let mut why = Why::NONE;
    if let (Some(new), Some(old)) = (&come.new, &gone.old) {
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
        ..come
    }
}
