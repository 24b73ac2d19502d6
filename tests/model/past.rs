//! What a repository remembers, as DESIGN sections 7 and 8 say it, naively.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::state::State;

/// 40 hex digits.
pub type Id = String;

/// A snapshot.
#[derive(Clone, Debug)]
pub struct Snap {
    pub dir: String,
    pub parent: Option<Id>,
    pub foreign: Option<Id>,
    pub rules: Vec<String>,
    pub full: bool,
    pub imported: bool,
    pub time: (i64, u64),
    pub state: Arc<State>,
}

/// An operation on a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Op {
    pub work: &'static str,
    pub before: Id,
    pub target: Option<Id>,
    /// `done`, `partial`, or `-` when it was cut short.
    pub outcome: &'static str,
}

/// What the BACKUP file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Backup {
    #[default]
    Missing,
    Names(Id),
    Bad,
}

/// A directory's past.
#[derive(Clone, Default, Debug)]
pub struct Dir {
    /// The head that the log has.
    pub logged: Option<Id>,
    pub backup: Backup,
    /// Oldest first.
    pub ops: Vec<Op>,
    /// What reverts can be taken back to, newest last.
    pub redo: Vec<Id>,
    pub tags: BTreeMap<String, Id>,
}

/// Where a directory stands.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    pub id: Option<Id>,
    pub foreign: Option<Id>,
}

/// The repository.
#[derive(Clone, Default, Debug)]
pub struct Past {
    pub snaps: HashMap<Id, Snap>,
    /// Their order.
    pub order: Vec<Id>,
    /// Snapshots that were pruned, each with its parent.
    pub gone: HashMap<Id, Option<Id>>,
    /// What was made instead of snapshots that held something forgotten.
    pub instead: HashMap<Id, Id>,
    pub dirs: BTreeMap<String, Dir>,
    /// Every position that a tag had.
    pub history: Vec<(String, String, Option<Id>)>,
}

impl Past {
    pub fn dir(&mut self, dir: &str) -> &mut Dir {
        self.dirs.entry(dir.to_string()).or_default()
    }

    /// What an id stands for: itself, what was made instead, or the nearest ancestor that is there.
    pub fn living(&self, id: &str) -> Option<Id> {
        let mut rest = vec![id.to_string()];
        let mut seen = HashSet::new();
        while let Some(id) = rest.pop() {
            if self.snaps.contains_key(&id) {
                return Some(id);
            }
            if seen.insert(id.clone()) {
                rest.extend(self.gone.get(&id).cloned().flatten());
                rest.extend(self.instead.get(&id).cloned());
            }
        }
        None
    }

    /// What was made instead of an id, and instead of that.
    pub fn issued(&self, id: &str) -> Id {
        let mut id = id.to_string();
        while let Some(next) = self.instead.get(&id) {
            id = next.clone();
        }
        id
    }

    /// Whether anything was ever recorded under an id.
    pub fn knows(&self, id: &str) -> bool {
        self.snaps.contains_key(id) || self.gone.contains_key(id) || self.instead.contains_key(id)
    }

    /// A directory's head; an error is the exit code.
    pub fn head(&mut self, dir: &str) -> Result<Head, i32> {
        let at = self.dir(dir).clone();
        let id = match at.backup {
            Backup::Bad => return Err(5),
            Backup::Missing => at.logged.and_then(|id| self.living(&id)),
            Backup::Names(id) if !self.knows(&id) => {
                return Ok(Head {
                    id: None,
                    foreign: Some(id),
                });
            }
            Backup::Names(id) => self.living(&id),
        };
        Ok(Head { id, foreign: None })
    }

    /// The parent that is left of a snapshot.
    pub fn parent(&self, id: &str) -> Option<Id> {
        self.living(self.snaps.get(id)?.parent.as_deref()?)
    }

    /// A directory's snapshots, oldest first.
    pub fn of(&self, dir: &str) -> Vec<Id> {
        let own = |id: &&Id| self.snaps[*id].dir == dir;
        self.order.iter().filter(own).cloned().collect()
    }

    /// Whether a directory has snapshots that it was recorded in.
    pub fn was_recorded(&self, dir: &str) -> bool {
        self.snaps.values().any(|s| s.dir == dir && !s.imported)
    }

    /// The snapshots that say already what a new one would say; then none is made.
    pub fn known(&self, new: &Snap, full: bool, head: &Head) -> Vec<Id> {
        let fits = |snap: &Snap| {
            snap.dir == new.dir
                && snap.rules == new.rules
                && (!full || snap.full)
                && snap.state.equals(&new.state)
        };
        if let Some(id) = &head.id
            && fits(&self.snaps[id])
        {
            return vec![id.clone()];
        }
        let child = |s: &Snap| s.parent == new.parent && s.foreign == new.foreign;
        let all = self.order.iter();
        all.filter(|id| child(&self.snaps[*id]) && fits(&self.snaps[*id]))
            .cloned()
            .collect()
    }

    /// A snapshot was made.
    pub fn enter(&mut self, id: &str, snap: Snap) {
        if !snap.imported {
            self.dir(&snap.dir).redo.clear();
        }
        self.snaps.insert(id.to_string(), snap);
        self.order.push(id.to_string());
    }

    /// The head moved.
    pub fn move_head(&mut self, dir: &str, id: Option<Id>) {
        let at = self.dir(dir);
        at.backup = id.clone().map_or(Backup::Missing, Backup::Names);
        at.logged = id;
    }

    /// A tag was set or deleted.
    pub fn tag(&mut self, dir: &str, tag: &str, id: Option<Id>) {
        self.history
            .push((dir.to_string(), tag.to_string(), id.clone()));
        match id {
            Some(id) => self.dir(dir).tags.insert(tag.to_string(), id),
            None => self.dir(dir).tags.remove(tag),
        };
    }

    /// The tags that name a snapshot, of whatever directory.
    pub fn tags_of(&self, id: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for (dir, at) in &self.dirs {
            for (tag, _) in at.tags.iter().filter(|(_, at)| *at == id) {
                all.push((dir.clone(), tag.clone()));
            }
        }
        all
    }

    /// What `TAG` means where `dir` is at hand: its own, else the only one that there is.
    pub fn tagged(&self, tag: &str, dir: Option<&str>) -> Option<Id> {
        if let Some(id) = dir.and_then(|d| self.dirs.get(d)?.tags.get(tag)) {
            return Some(id.clone());
        }
        let all: Vec<&Id> = self.dirs.values().filter_map(|d| d.tags.get(tag)).collect();
        match &all[..] {
            [one] => Some((*one).clone()),
            _ => None,
        }
    }

    /// `DIR@{n}`, if there is such an operation and its snapshot is left.
    pub fn before(&self, dir: &str, n: usize) -> Option<Id> {
        let ops = &self.dirs.get(dir)?.ops;
        let at = ops.len().checked_sub(n)?;
        let id = self.issued(&ops.get(at)?.before);
        self.snaps.contains_key(&id).then_some(id)
    }

    /// All heads: of the log, and of the BACKUP files.
    pub fn heads(&self) -> HashSet<Id> {
        let mut heads = HashSet::new();
        for at in self.dirs.values() {
            heads.extend(at.logged.iter().filter_map(|id| self.living(id)));
            if let Backup::Names(id) = &at.backup {
                heads.extend(self.living(id));
            }
        }
        heads
    }
}
