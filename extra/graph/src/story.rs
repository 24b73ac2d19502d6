//! The snapshots of a directory, oldest first, where each comes from, and what was taken back.

use std::collections::{HashMap, HashSet};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use fsync::model::{Error, ErrorKind, Result, SnapshotId};
use fsync::porcelain::graph::draw;
use fsync::porcelain::history::Past;
use fsync::porcelain::session::Session;
use fsync::protocol::report::{History, Step};
use fsync::repo::{Info, PathText, Repo, Work};

/// Where a snapshot comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Nothing is before it.
    Beginning,
    /// From another one, by its place; so many between them are gone.
    From { at: usize, gone: usize },
    /// From what is gone, with all before it.
    Gone(SnapshotId),
    /// From one that is not drawn, since only the newest ones are.
    Earlier(SnapshotId),
    /// From a snapshot of another directory.
    Elsewhere(SnapshotId, PathText),
    /// From one that this repository does not have.
    Unknown(SnapshotId),
}

impl Origin {
    /// The place of the snapshot that it comes from.
    pub fn parent(&self) -> Option<usize> {
        match self {
            Origin::From { at, .. } => Some(*at),
            _ => None,
        }
    }
}

/// A snapshot.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it says of itself.
    pub info: Info,
    /// What is known around it.
    pub history: History,
    /// Where it comes from.
    pub origin: Origin,
    /// The one that it is compared with: the nearest before it that is there.
    pub base: Option<SnapshotId>,
}

/// The directory was made what a snapshot is.
#[derive(Clone, Debug)]
pub struct Back {
    /// The place of its state before.
    pub from: usize,
    /// The place of what it became.
    pub to: usize,
    /// The operation.
    pub step: Step,
}

impl Back {
    /// Whether a revert was taken back.
    pub fn is_redo(&self) -> bool {
        self.step.work == Work::Redo
    }
}

/// The history of a directory.
#[derive(Clone, Debug)]
pub struct Story {
    /// The directory.
    pub directory: PathText,
    /// Its snapshots: none before the one that it comes from.
    pub nodes: Vec<Node>,
    /// Reverts and redos, oldest first.
    pub backs: Vec<Back>,
    /// How many older snapshots are not among them.
    pub left_out: usize,
}

impl Story {
    /// Reads the history of `dir`: the newest `most` snapshots.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when there is none, or when the catalog cannot be read.
    pub fn read(repo: &Repo, dir: &Path, session: &Session, most: usize) -> Result<Story> {
        let past = Past::new(repo, dir, session)?;
        let all = repo.snapshots(Some(&past.path))?;
        if all.is_empty() || most == 0 {
            let message = match most {
                0 => "of no snapshots there is no picture",
                _ => "there is no snapshot of this directory in the repository",
            };
            let kind = if most == 0 {
                ErrorKind::Usage
            } else {
                ErrorKind::NotFound
            };
            return Err(Error::at(kind, dir.as_os_str().as_bytes(), message));
        }
        let order = ordered(repo, &all)?;
        let left_out = order.len().saturating_sub(most);
        let shown: Vec<&Info> = order[left_out..].iter().map(|at| &all[*at]).collect();
        let places: HashMap<SnapshotId, usize> =
            shown.iter().enumerate().map(|(at, i)| (i.id, at)).collect();
        let mut nodes = Vec::with_capacity(shown.len());
        for (at, info) in shown.into_iter().enumerate() {
            nodes.push(Node {
                history: past.tell(repo, info.clone()),
                origin: origin(repo, info, &places, at)?,
                base: repo.parent(info)?.filter(|id| *id != info.id),
                info: info.clone(),
            });
        }
        Ok(Story {
            directory: fsync::repo::directory_at(&past.path),
            backs: backs(repo, &nodes, &places)?,
            nodes,
            left_out,
        })
    }
}

/// Oldest first, and none before the one that it comes from, whatever the clocks said.
fn ordered(repo: &Repo, all: &[Info]) -> Result<Vec<usize>> {
    let mut list = Vec::with_capacity(all.len());
    for info in all {
        list.push((info.id, repo.parent(info)?, info.time));
    }
    let mut order: Vec<usize> = draw(&list).into_iter().map(|row| row.at).collect();
    // A pack that lies may lead round in a circle; nothing in it is ever ready to be drawn.
    let drawn: HashSet<usize> = order.iter().copied().collect();
    order.extend((0..all.len()).rev().filter(|at| !drawn.contains(at)));
    order.reverse();
    Ok(order)
}

/// Where the snapshot at place `own` comes from.
fn origin(
    repo: &Repo,
    info: &Info,
    places: &HashMap<SnapshotId, usize>,
    own: usize,
) -> Result<Origin> {
    let Some(parent) = info.parent else {
        return Ok(info
            .foreign_parent
            .map_or(Origin::Beginning, Origin::Unknown));
    };
    let Some(living) = repo.living(parent)? else {
        return Ok(match repo.gone(parent)? {
            Some(_) => Origin::Gone(parent),
            None => Origin::Unknown(parent),
        });
    };
    match places.get(&living) {
        Some(at) if *at < own => {
            let gone = between(repo, parent, living)?;
            return Ok(Origin::From { at: *at, gone });
        }
        Some(_) => return Ok(Origin::Gone(parent)),
        None => {}
    }
    Ok(match repo.find(living)? {
        Some(other) if other.directory != info.directory => {
            Origin::Elsewhere(living, other.directory)
        }
        _ => Origin::Earlier(living),
    })
}

/// How many that are gone lie between a parent and what is there of it. What was only made anew is not gone.
fn between(repo: &Repo, parent: SnapshotId, living: SnapshotId) -> Result<usize> {
    let (mut at, mut count) = (parent, 0);
    let mut seen = HashSet::new();
    while at != living && seen.insert(at) {
        let Some(gone) = repo.gone(at)? else { break };
        count += usize::from(gone.instead.is_none());
        match gone.instead.or(gone.parent) {
            Some(next) => at = next,
            None => break,
        }
    }
    Ok(count)
}

/// What was taken back, as far as both states are there.
fn backs(repo: &Repo, nodes: &[Node], places: &HashMap<SnapshotId, usize>) -> Result<Vec<Back>> {
    let mut backs = Vec::new();
    for (from, node) in nodes.iter().enumerate() {
        for step in &node.history.operations {
            let Some(target) = step.target.filter(|_| step.work != Work::Apply) else {
                continue;
            };
            if let Some(to) = places.get(&repo.issued(target)?) {
                let (to, step) = (*to, step.clone());
                backs.push(Back { from, to, step });
            }
        }
    }
    // @{1} is the newest.
    backs.sort_by_key(|back| std::cmp::Reverse(back.step.n));
    Ok(backs)
}
