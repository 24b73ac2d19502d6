//! Hard links: which names of the destination must share an inode, and which must no longer.
//!
//! A group is what one inode is called inside the compared set; names outside it do not count. The
//! first name of a group that keeps its file, or else the first one in path order, which is made as an ordinary file, is
//! the one that the others are linked to.

use std::collections::{HashMap, HashSet};

use crate::model::{Change, Entry, LinkKey, RelPath, Status, Why};
use crate::ops::diff::Item;
use crate::ops::step::changed;

/// A name that has several links on either side, with what is known of both.
#[derive(Clone, Debug)]
pub struct Linked {
    path: RelPath,
    new: Entry,
    old: Option<Entry>,
}

impl Linked {
    /// The name, if it takes part in any group. (The source is always there: what goes takes its links with it.)
    pub fn of(path: &RelPath, new: Option<&Entry>, old: Option<&Entry>) -> Option<Self> {
        let new = new?;
        let several = new.links.is_some() || old.is_some_and(|e| e.links.is_some());
        several.then(|| Linked {
            path: path.clone(),
            new: new.clone(),
            old: old.cloned(),
        })
    }

    /// The name.
    pub fn path(&self) -> &RelPath {
        &self.path
    }

    /// What both trees have under that name.
    pub fn entries(&self) -> (&Entry, Option<&Entry>) {
        (&self.new, self.old.as_ref())
    }

    fn group(&self) -> Option<(u32, LinkKey)> {
        self.new.links.map(|key| (self.new.source, key))
    }
}

/// Adds what the link structure asks for to `items`, which stay in path order. `links` is in path order.
pub fn plan(items: &mut Vec<Item>, links: &[Linked]) {
    if links.is_empty() {
        return;
    }
    let mut at: HashMap<RelPath, usize> =
        links.iter().map(|l| (l.path.clone(), usize::MAX)).collect();
    for (index, item) in items.iter().enumerate() {
        if let Item::Change(change) = item
            && let Some(slot) = at.get_mut(&change.path)
        {
            *slot = index;
        }
    }
    let mut groups = Groups::default();
    let mut more = Vec::new();
    // A name that keeps its file leads its group, wherever it stands in the order: the others are linked to it, and no
    // content is written again. Of several the first.
    let keeps = |linked: &&Linked| match items.get(at[&linked.path]) {
        Some(Item::Change(change)) => change.status == Status::Touched,
        _ => linked.old.is_some(),
    };
    let (leading, following): (Vec<&Linked>, Vec<&Linked>) = links.iter().partition(keeps);
    for linked in leading.into_iter().chain(following) {
        let index = at[&linked.path];
        let planned = match items.get_mut(index) {
            Some(Item::Change(change)) => Some(change),
            _ => None,
        };
        more.extend(groups.place(linked, planned));
    }
    if !more.is_empty() {
        items.extend(more.into_iter().map(Item::Change));
        items.sort_by(|a, b| a.path().cmp(b.path()));
    }
}

/// Links the names of an inode whose first name was taken out of a plan to the first of them that is left, which is made as
/// an ordinary file: what is not in the plan may never become as the plan says.
pub fn relink(items: &mut [Item], taken_out: &HashSet<RelPath>) {
    let mut firsts: HashMap<RelPath, RelPath> = HashMap::new();
    for item in items {
        let Item::Change(change) = item else { continue };
        let Some(first) = change.link_to.take_if(|first| taken_out.contains(first)) else {
            continue;
        };
        change.link_to = firsts.get(&first).cloned();
        firsts.entry(first).or_insert_with(|| change.path.clone());
    }
}

/// What has been decided so far.
#[derive(Default)]
struct Groups {
    /// First name of each group of the source, and the destination's inode that it keeps.
    first: HashMap<(u32, LinkKey), (RelPath, Option<LinkKey>)>,
    /// For which first name each inode of the destination is kept.
    kept: HashMap<LinkKey, RelPath>,
}

impl Groups {
    /// Decides about one name: adapts the change that is planned for it, or gives one that is needed besides.
    fn place(&mut self, linked: &Linked, planned: Option<&mut Change>) -> Option<Change> {
        let stays = planned.as_ref().is_none_or(|c| c.status == Status::Touched);
        let inode = linked.old.as_ref().and_then(|e| e.links).filter(|_| stays);
        let leader = linked.group().and_then(|g| self.first.get(&g).cloned());
        let name = leader.as_ref().map_or(&linked.path, |(path, _)| path);
        // It keeps its inode when nobody else does, and when its group's first name has the same one.
        let free = inode.is_none_or(|key| self.kept.get(&key).is_none_or(|owner| owner == name));
        let joined = leader
            .as_ref()
            .is_none_or(|(_, key)| key.is_some() && *key == inode);
        if stays && free && joined {
            if let Some(key) = inode {
                self.kept.insert(key, name.clone());
            }
            self.open(linked, inode);
            return None;
        }
        self.open(linked, None);
        let link_to = leader.map(|(path, _)| path);
        match (planned, &linked.old) {
            (Some(change), old) => {
                if old.is_some() && !joined || !free {
                    change.why = change.why.with(Why::LINKS);
                }
                if change.status == Status::Touched {
                    change.status = Status::Modified;
                }
                change.link_to = link_to;
                None
            }
            (None, Some(old)) => {
                let change = changed(&linked.path, Status::Modified, &linked.new, old, Why::LINKS);
                Some(Change { link_to, ..change })
            }
            (None, None) => None,
        }
    }

    /// Remembers the first name of its group.
    fn open(&mut self, linked: &Linked, inode: Option<LinkKey>) {
        if let Some(group) = linked.group() {
            self.first
                .entry(group)
                .or_insert_with(|| (linked.path.clone(), inode));
        }
    }
}
