//! The line form's changes: a letter and a path say too little, so each path is looked up again.

use std::collections::HashMap;

use crate::model::{Change, Entry, Kind, LinkKey, RelPath, Result, Status, Why};
use crate::ops::compare::{contents, states};
use crate::ops::diff::Options;
use crate::ops::outcome::{Outcome, Report};
use crate::ops::step::{added, changed, deleted};
use crate::tree::cursor::Cursor;
use crate::tree::{Dir, Tree};

/// A change that a line stands for, or why there is none.
pub type Found = std::result::Result<Change, Report>;

/// Looks up what lines stand for, in path order.
pub struct Lookup<'t> {
    source: Cursor<'t>,
    destination: Option<Cursor<'t>>,
    options: &'t Options,
    first: HashMap<(u32, LinkKey), RelPath>,
    tree: &'t dyn Tree,
    /// All names of each inode of the source that has several; walked for only when one is listed.
    groups: Option<HashMap<(u32, LinkKey), Vec<RelPath>>>,
}

impl<'t> Lookup<'t> {
    /// Between two trees; a destination that does not exist is `None`.
    pub fn new(
        source: &'t dyn Tree,
        destination: Option<&'t dyn Tree>,
        options: &'t Options,
    ) -> Self {
        Lookup {
            source: Cursor::new(source),
            destination: destination.map(Cursor::new),
            options,
            first: HashMap::new(),
            tree: source,
            groups: None,
        }
    }

    /// Says that a line touches `path`: it keeps its file, so the other names of the source's inode are linked to it,
    /// wherever they stand in the order. Before [`Self::find`].
    ///
    /// # Errors
    /// When the source cannot be examined.
    pub fn keeps(&mut self, path: &RelPath) -> Result<()> {
        if let Some(new) = self.source.entry(path)?
            && let Some(key) = new.links
        {
            self.first
                .entry((new.source, key))
                .or_insert_with(|| path.clone());
        }
        Ok(())
    }

    /// What `status` at `path` stands for now.
    ///
    /// # Errors
    /// When a side cannot be examined.
    pub fn find(
        &mut self,
        status: Status,
        path: &RelPath,
        from: Option<&RelPath>,
    ) -> Result<Found> {
        let new = self.source.entry(path)?;
        let old = match &mut self.destination {
            Some(cursor) => cursor.entry(path)?,
            None => None,
        };
        Ok(match (status, new, old) {
            (Status::Deleted, None, Some(old)) => Ok(deleted(path, &old)),
            (Status::Deleted, None, None) => Err(Report::plain(Outcome::Already)),
            (Status::Deleted, Some(_), _) => Err(disagrees("the source has it")),
            (_, None, _) => Err(disagrees("the source is not there any more")),
            (Status::Renamed, Some(new), old) => {
                return self.renamed(path, from, &new, old);
            }
            (Status::Added, Some(new), _) => Ok(self.linked(added(path, &new), &new)),
            (_, Some(_), None) => Err(disagrees("it is not there any more")),
            (status, Some(new), Some(old)) => self.different(status, path, &new, &old)?,
        })
    }

    /// What is renamed must be what the source has under the new name: else a plan that is run again would undo itself.
    fn renamed(
        &mut self,
        path: &RelPath,
        from: Option<&RelPath>,
        new: &Entry,
        old: Option<Entry>,
    ) -> Result<Found> {
        let origin = match (from, &mut self.destination) {
            (Some(from), Some(cursor)) => cursor.entry(from)?,
            _ => None,
        };
        if let (Some(from), Some(origin)) = (from, &origin)
            && self.fits(new, path, origin, from)?
        {
            return Ok(Ok(Change {
                status: Status::Renamed,
                from: Some(Box::new((from.clone(), origin.state.clone()))),
                old: old.map(|entry| Box::new(entry.state)),
                ..added(path, new)
            }));
        }
        Ok(Err(match old {
            Some(old) if self.fits(new, path, &old, path)? => Report::plain(Outcome::Already),
            _ if origin.is_some() => disagrees("what was to be renamed is not what the source has"),
            _ => disagrees("what was to be renamed is not there any more"),
        }))
    }

    /// Whether `old`, at `other` in the destination, holds what `new`, at `path` in the source, does.
    fn fits(&mut self, new: &Entry, path: &RelPath, old: &Entry, other: &RelPath) -> Result<bool> {
        if (new.state.kind, new.state.size) != (old.state.kind, old.state.size) {
            return Ok(false);
        }
        Ok(new.state.kind != Kind::File || self.same(path, other)?)
    }

    /// Both sides are there: the letter must say how they differ, or they are equal by now.
    fn different(
        &mut self,
        status: Status,
        path: &RelPath,
        new: &Entry,
        old: &Entry,
    ) -> Result<Found> {
        let verdict = states(new, old, self.options);
        let mut why = verdict.why;
        let other_kind = why.has(Why::KIND);
        if why.is_empty() && !verdict.unsure && status != Status::Modified {
            return Ok(Err(Report::plain(Outcome::Already)));
        }
        if other_kind != (status == Status::TypeChanged) {
            return Ok(Err(disagrees(
                "the letter does not agree with what is there",
            )));
        }
        if status == Status::Modified && new.is_dir() {
            return Ok(Err(disagrees("a directory cannot be modified")));
        }
        let other = || why.meets(Why::SIZE.with(Why::TARGET));
        if status == Status::Touched && (other() || verdict.unsure && !self.same(path, path)?) {
            return Ok(Err(disagrees("the contents differ by now")));
        }
        if status == Status::Modified {
            let equal = why.is_empty() && self.same(path, path)?;
            let linked = new.links.is_some() || old.links.is_some();
            if equal && !linked {
                return Ok(Err(Report::plain(Outcome::Already)));
            }
            // A listed `M` is copied; of one that looks equal only the links can be meant.
            why = why.with(if equal { Why::LINKS } else { Why::CONTENT });
        }
        Ok(Ok(self.linked(changed(path, status, new, old, why), new)))
    }

    /// Whether a file of the source has the bytes of one of the destination.
    fn same(&mut self, path: &RelPath, other: &RelPath) -> Result<bool> {
        let Some(destination) = &mut self.destination else {
            return Ok(false);
        };
        match (self.source.place(path)?, destination.place(other)?) {
            (Some((a, new)), Some((b, old))) => contents((a, &new), (b, &old)),
            _ => Ok(false),
        }
    }

    /// Links it to the first listed name of the same inode, or to one that is not listed since it is so already.
    fn linked(&mut self, change: Change, new: &Entry) -> Change {
        let Some(key) = new.links else { return change };
        let key = (new.source, key);
        if change.status == Status::Touched {
            // It keeps its inode, which others may share once it is as the source.
            self.first.entry(key).or_insert_with(|| change.path.clone());
            return change;
        }
        let first = match self.first.get(&key) {
            Some(first) => first.clone(),
            None => self
                .other_name(key, &change.path)
                .unwrap_or_else(|| change.path.clone()),
        };
        self.first.insert(key, first.clone());
        let link_to = (first != change.path).then_some(first);
        Change { link_to, ..change }
    }

    /// Another name of an inode of the source under which the destination has the same file.
    fn other_name(&mut self, key: (u32, LinkKey), path: &RelPath) -> Option<RelPath> {
        if self.groups.is_none() {
            let mut groups = HashMap::new();
            if let Ok(root) = self.tree.open() {
                gather(root.as_ref(), &RelPath::root(), &mut groups);
            }
            self.groups = Some(groups);
        }
        let names = self.groups.as_ref()?.get(&key)?.clone();
        names.into_iter().filter(|name| name != path).find(|name| {
            let new = self.source.entry(name).ok().flatten();
            let old = self
                .destination
                .as_mut()
                .and_then(|d| d.entry(name).ok().flatten());
            let (Some(new), Some(old)) = (new, old) else {
                return false;
            };
            let verdict = states(&new, &old, self.options);
            verdict.why.is_empty() && (!verdict.unsure || self.same(name, name).unwrap_or(false))
        })
    }
}

/// All names of inodes with several, below a directory, in path order. What cannot be listed has none.
fn gather(dir: &dyn Dir, path: &RelPath, groups: &mut HashMap<(u32, LinkKey), Vec<RelPath>>) {
    for entry in dir.list().map(|l| l.entries).unwrap_or_default() {
        let path = path.join(&entry.name);
        match (entry.is_dir(), entry.links) {
            (true, _) => {
                if let Ok(below) = dir.open_dir(&entry) {
                    gather(below.as_ref(), &path, groups);
                }
            }
            (false, Some(key)) => groups.entry((entry.source, key)).or_default().push(path),
            (false, None) => {}
        }
    }
}

fn disagrees(why: &str) -> Report {
    Report::new(Outcome::Stale, why)
}
