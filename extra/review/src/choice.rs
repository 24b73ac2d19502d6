//! What is chosen, and what that comes to. A choice can always be performed: what is chosen brings along what it needs, and
//! what is not takes along what needs it.

use std::collections::HashSet;
use std::ops::Range;

use fsync::model::{Change, Counts, Status};
use fsync::ops::diff::Item;
use fsync::ops::link::relink;

use crate::bond::{Bond, bonds};

/// Who follows whom, for each change.
struct Ways {
    starts: Vec<u32>,
    ends: Vec<u32>,
}

impl Ways {
    fn new(size: usize, mut bonds: Vec<Bond>) -> Self {
        bonds.sort_unstable();
        let mut starts = vec![0; size + 1];
        for (who, _) in &bonds {
            starts[*who as usize + 1] += 1;
        }
        for at in 0..size {
            starts[at + 1] += starts[at];
        }
        let ends = bonds.into_iter().map(|(_, whom)| whom).collect();
        Ways { starts, ends }
    }

    fn of(&self, at: usize) -> &[u32] {
        &self.ends[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}

/// What a choice needs to know of a change.
#[derive(Clone, Copy)]
struct Weight {
    status: Status,
    bytes: u64,
    gone: u64,
    /// The first name of its inode, if that is in the plan too, and how many bytes that has.
    first: Option<(u32, u64)>,
}

/// How much of a part of the plan is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// So many changes.
    pub changes: u32,
    /// They bring so many bytes.
    pub bytes: u64,
    /// So many are deleted.
    pub gone: u64,
}

/// A choice among the changes of a plan.
pub struct Choice {
    needs: Ways,
    needed: Ways,
    weights: Vec<Weight>,
    all: Counts,
    chosen: Vec<bool>,
    /// What is chosen before each place.
    sums: Vec<Sum>,
    counts: Counts,
}

impl Choice {
    /// Everything is chosen; `changes` are in path order.
    pub fn new(changes: &[Change]) -> Self {
        let bonds = bonds(changes);
        let turned = bonds.iter().map(|(who, whom)| (*whom, *who)).collect();
        let mut all = Counts::default();
        changes.iter().for_each(|change| all.add(change));
        let mut choice = Choice {
            needs: Ways::new(changes.len(), bonds),
            needed: Ways::new(changes.len(), turned),
            weights: changes.iter().map(|c| weight(c, changes)).collect(),
            all,
            chosen: vec![true; changes.len()],
            sums: Vec::new(),
            counts: Counts::default(),
        };
        choice.sum_up();
        choice
    }

    /// Whether a change is chosen.
    pub fn has(&self, at: usize) -> bool {
        self.chosen[at]
    }

    /// What is chosen, by status.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What there is, by status.
    pub fn all(&self) -> &Counts {
        &self.all
    }

    /// All that is chosen.
    pub fn total(&self) -> Sum {
        self.sum(0..self.weights.len())
    }

    /// What is chosen of a part of the plan.
    pub fn sum(&self, part: Range<usize>) -> Sum {
        let (before, after) = (self.sums[part.start], self.sums[part.end]);
        Sum {
            changes: after.changes - before.changes,
            bytes: after.bytes - before.bytes,
            gone: after.gone - before.gone,
        }
    }

    /// Chooses changes, with all that they need; or gives them up, with all that needs them. How many others went along.
    pub fn set(&mut self, which: impl IntoIterator<Item = usize>, chosen: bool) -> usize {
        let mut open: Vec<usize> = Vec::new();
        for at in which {
            if std::mem::replace(&mut self.chosen[at], chosen) != chosen {
                open.push(at);
            }
        }
        let ways = if chosen { &self.needs } else { &self.needed };
        let mut others = 0;
        while let Some(at) = open.pop() {
            for next in ways.of(at).iter().map(|next| *next as usize) {
                if std::mem::replace(&mut self.chosen[next], chosen) != chosen {
                    others += 1;
                    open.push(next);
                }
            }
        }
        self.sum_up();
        others
    }

    /// Chooses them, or gives them up if all of them are chosen.
    pub fn turn(&mut self, which: impl Iterator<Item = usize> + Clone) -> usize {
        let whole = which.clone().all(|at| self.chosen[at]);
        self.set(which, !whole)
    }

    /// What is chosen and must be said otherwise: further names of an inode whose first name is not chosen.
    pub fn relinked(&self, changes: &[Change]) -> Vec<(usize, Change)> {
        let linked =
            (0..changes.len()).filter(|at| self.weights[*at].first.is_some() && self.chosen[*at]);
        let linked: Vec<usize> = linked.collect();
        let firsts = linked.iter().filter_map(|at| self.weights[*at].first);
        let gone = firsts.filter(|(first, _)| !self.chosen[*first as usize]);
        let gone: HashSet<_> = gone
            .map(|(first, _)| changes[first as usize].path.clone())
            .collect();
        let mut items: Vec<Item> = linked
            .iter()
            .map(|at| Item::Change(changes[*at].clone()))
            .collect();
        relink(&mut items, &gone);
        let told = linked.into_iter().zip(items);
        told.filter_map(|(at, item)| match item {
            Item::Change(change) if change != changes[at] => Some((at, change)),
            _ => None,
        })
        .collect()
    }

    /// Counts anew.
    fn sum_up(&mut self) {
        let mut sum = Sum::default();
        let mut given: HashSet<u32> = HashSet::new();
        self.counts = Counts::default();
        self.sums.clear();
        self.sums.push(sum);
        for (at, weight) in self.weights.iter().enumerate() {
            if self.chosen[at] {
                sum.changes += 1;
                let status = weight.status;
                self.counts.set(status, self.counts.of(status) + 1);
                let bytes = match weight.first {
                    Some((first, bytes)) if !self.chosen[first as usize] && given.insert(first) => {
                        bytes
                    }
                    _ => weight.bytes,
                };
                sum.bytes = sum.bytes.saturating_add(bytes);
                sum.gone = sum.gone.saturating_add(weight.gone);
            }
            self.sums.push(sum);
        }
        self.counts.bytes = sum.bytes;
    }
}

fn weight(change: &Change, changes: &[Change]) -> Weight {
    let first = change.link_to.as_ref().and_then(|first| {
        let at = changes.binary_search_by(|c| c.path.cmp(first)).ok()?;
        let bytes = change.new.as_ref().map_or(0, |new| new.size);
        Some((at as u32, bytes))
    });
    let old = change.old.as_ref().map_or(0, |old| old.size);
    let deleted = change.status == Status::Deleted;
    Weight {
        status: change.status,
        gone: if deleted { old } else { 0 },
        bytes: change.bytes(),
        first,
    }
}
