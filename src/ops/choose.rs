//! What of a pair takes part: sizes, newer files, mount points, and the paths that a run was told to keep to.
//!
//! Where only some paths are listed nothing else is looked at: of a directory that merely leads to
//! them only the names that do are looked up, so a short list is quick in the largest tree.

use rayon::prelude::*;

use crate::model::listed::{Step, steps};
use crate::model::{Entry, Filter, Kind, Problem, RelPath, Scope, Skip, Times};
use crate::ops::diff::Item;
use crate::ops::pair::{Pair, pair_name};
use crate::ops::part::{Part, problem};

use crate::ops::step::added;
use crate::ops::walk::{Dirs, Walk};
use crate::tree::Dir;

/// A name on both sides.
type Sides<'e> = (Option<&'e Entry>, Option<&'e Entry>);

impl Walk<'_> {
    pub(super) fn whole(
        &self,
        path: &RelPath,
        pair: (Option<&Entry>, Option<&Entry>),
        dirs: Dirs<'_>,
    ) -> Part {
        self.below(path, pair, dirs, Scope::Whole)
    }

    /// Opens the directories of a name and compares what they hold.
    pub(super) fn below(
        &self,
        path: &RelPath,
        pair: (Option<&Entry>, Option<&Entry>),
        dirs: Dirs<'_>,
        scope: Scope<'_>,
    ) -> Part {
        if let Some(part) = self.not_entered(path, pair) {
            return part;
        }
        let open = |entry: Option<&Entry>, dir: Option<&dyn Dir>| match (entry, dir) {
            (Some(entry), Some(dir)) => dir.open_dir(entry).map(Some),
            _ => Ok(None),
        };
        match (open(pair.0, dirs.0), open(pair.1, dirs.1)) {
            (Ok(a), Ok(b)) => {
                let dirs = (a.as_deref(), b.as_deref());
                match scope {
                    Scope::Whole => self.directories(path, dirs),
                    Scope::Only(paths) => self.listed(path, dirs, paths),
                }
            }
            (Err(error), _) | (_, Err(error)) => Part {
                stays: true,
                ..Part::of(problem(path, "list", &error))
            },
        }
    }

    /// What comes of a pair that an option passes over; `None` for one that takes part.
    pub(super) fn passed_over(&self, path: impl Fn() -> RelPath, sides: Sides<'_>) -> Option<Part> {
        let reason = self.reason(sides)?;
        Some(Part {
            stays: sides.1.is_some(),
            ..Part::of(skip(path(), sides.0, reason, false))
        })
    }

    /// Whether the filter of one source matches it, whatever kind it is there: what that source was kept from supplying
    /// is no reason to delete.
    pub(super) fn is_left_alone(&self, path: &RelPath) -> bool {
        let matches = |f: &Filter, is_dir| f.excludes_within(path, is_dir).is_some();
        let mut filters = self.options.source_filters.iter();
        filters.any(|f| matches(f, false) || matches(f, true))
    }

    fn reason(&self, (new, old): Sides<'_>) -> Option<&'static str> {
        let choice = &self.options.choice;
        if old.is_some_and(|e| self.is_mount(e, false)) {
            return Some("something is mounted at the destination; it is left alone");
        }
        let new = new.filter(|e| e.state.kind == Kind::File)?;
        if choice.min_size.is_some_and(|least| new.state.size < least) {
            return Some("smaller than --min-size");
        }
        if choice.max_size.is_some_and(|most| new.state.size > most) {
            return Some("larger than --max-size");
        }
        let old = old.filter(|e| e.state.kind == Kind::File && choice.newer_only)?;
        let apart = self.options.clock.judge(new.state.mtime, &old.state) == Times::Differ;
        let newer = apart && old.state.mtime > new.state.mtime;
        newer.then_some("the destination's is newer")
    }

    /// Whether a directory is a mount point that is not to be entered.
    fn is_mount(&self, entry: &Entry, is_source: bool) -> bool {
        if !self.options.choice.one_file_system || !entry.is_dir() {
            return false;
        }
        let device = match is_source {
            true => self.source.device(entry.source),
            false => self.destination.and_then(|d| d.device(0)),
        };
        let own = entry.state.inode.map(|i| i.dev);
        entry.mount || device.is_some() && own.is_some() && own != device
    }

    /// A source's mount point is made, and what it should hold is not looked at on either side.
    pub(super) fn not_entered(&self, path: &RelPath, sides: Sides<'_>) -> Option<Part> {
        let new = sides.0.filter(|e| self.is_mount(e, true))?;
        let reason = "something is mounted here; it is not entered";
        Some(Part {
            stays: sides.1.is_some(),
            ..Part::of(skip(path.clone(), Some(new), reason, false))
        })
    }

    /// Compares what is listed of a pair of directories.
    pub(super) fn listed(&self, path: &RelPath, dirs: Dirs<'_>, paths: &[RelPath]) -> Part {
        let steps = steps(path, paths);
        let names: Vec<&[u8]> = steps.iter().map(|s| s.name).collect();
        let mut part = Part::default();
        let Some(pairs) = self.pairs(path, dirs, Some(&names), &mut part) else {
            return part;
        };
        let unknown: Vec<RelPath> = part.items.iter().map(|i| i.path().clone()).collect();
        let one = |step: &Step<'_>| {
            let found = pairs.binary_search_by(|pair| pair_name(pair).cmp(step.name));
            match found.map(|at| &pairs[at]) {
                Ok(pair) => self.step(path, step, pair, dirs),
                Err(_) if unknown.contains(&path.join(step.name)) => Part::default(),
                Err(_) if self.is_special(path, step.name) => Part::default(),
                Err(_) => missing(step.paths),
            }
        };
        // Alone it stays on this thread, whose stack a deep path needs.
        let parts: Vec<Part> = match steps.len() {
            0 | 1 => steps.iter().map(one).collect(),
            _ => steps.par_iter().map(one).collect(),
        };
        parts.into_iter().for_each(|p| part.append(p));
        part.items.sort_by(|a, b| a.path().cmp(b.path()));
        // It merely leads to what is listed.
        part.stays = true;
        part
    }

    fn step(&self, above: &RelPath, step: &Step<'_>, pair: &Pair, dirs: Dirs<'_>) -> Part {
        let Scope::Only(paths) = step.scope else {
            return match pair {
                (None, Some(_)) if !self.options.delete => missing(step.paths),
                _ => self.pair(above, pair, dirs),
            };
        };
        let path = above.join(step.name);
        let (new, old, excluded) = self.filtered(&path, pair.0.as_ref(), pair.1.as_ref());
        if let Some(skip) = excluded {
            return Part::of(Item::Skip(skip));
        }
        if old.is_some_and(|e| self.is_mount(e, false)) {
            let over = self.passed_over(|| path.clone(), (new, old));
            return over.unwrap_or_default();
        }
        self.leading(&path, (new, old), dirs, paths)
    }

    /// A directory that leads to what is listed: made if it is missing and needed, else left alone.
    fn leading(&self, path: &RelPath, sides: Sides<'_>, dirs: Dirs<'_>, paths: &[RelPath]) -> Part {
        let there = sides.1.filter(|e| e.is_dir());
        let new = match (sides.0, there) {
            (Some(new), _) if new.is_dir() => new,
            (_, Some(old)) if self.options.delete => {
                return self.below(path, (None, Some(old)), dirs, Scope::Only(paths));
            }
            _ => return missing(paths),
        };
        let mut part = self.below(path, (Some(new), there), dirs, Scope::Only(paths));
        let makes = part.items.iter().any(|i| matches!(i, Item::Change(_)));
        match sides.1 {
            None if makes => part.items.insert(0, Item::Change(added(path, new))),
            Some(_) if makes && there.is_none() => {
                part.items.retain(|i| !matches!(i, Item::Change(_)));
                part.links.clear();
                let reason =
                    "what is to lead to the paths listed is no directory at the destination";
                part.items
                    .insert(0, skip(path.clone(), Some(new), reason, true));
            }
            _ => {}
        }
        part
    }
}

/// What is listed and nowhere to be found.
fn missing(paths: &[RelPath]) -> Part {
    let problem = |path: &RelPath| {
        Item::Problem(Problem {
            path: path.clone(),
            operation: "find".into(),
            message: "is listed, and no source has it".into(),
            damaged: false,
        })
    };
    Part {
        items: paths.iter().map(problem).collect(),
        stays: true,
        ..Part::default()
    }
}

fn skip(path: RelPath, source: Option<&Entry>, reason: &str, cause: bool) -> Item {
    Item::Skip(Skip {
        path,
        source: source.map(|e| e.source),
        reason: reason.to_string(),
        rule: None,
        cause,
        asked: !cause,
    })
}
