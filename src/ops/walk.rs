//! One parallel walk over pairs of directories: list both sides, merge the two sorted listings,
//! recurse where both have a directory. The output is in path order whatever the thread count.

use rayon::prelude::*;

use crate::model::{
    Entry, Listed, Problem, RelPath, Result, Scope, Skip, Status, Why, meter, name,
};
use crate::ops::compare::{contents, same_attributes, states};
use crate::ops::diff::{Item, Options};
use crate::ops::doubt::Doubt;
use crate::ops::fold;
use crate::ops::link::Linked;
use crate::ops::pair::{Pair, is_heavy, merge, pair_name};
use crate::ops::part::{Part, excluded, list, problem};
use crate::ops::step::{added, changed, deleted};
use crate::tree::{Dir, Listing, Tree};

/// Both sides' open directory, each where there is one.
pub(super) type Dirs<'d> = (Option<&'d dyn Dir>, Option<&'d dyn Dir>);

/// A comparison under way.
pub struct Walk<'o> {
    /// What counts as a difference.
    pub options: &'o Options,
    /// The trees: what is to be, and what there is.
    pub source: &'o dyn Tree,
    /// `None`: there is nothing yet.
    pub destination: Option<&'o dyn Tree>,
    /// Where the destination's names lie on a disk, to ask how it takes their spelling.
    pub ground: Option<&'o dyn Tree>,
}

impl Walk<'_> {
    /// Compares two trees from their roots.
    ///
    /// # Errors
    /// When a root cannot be examined or opened.
    pub fn roots(&self) -> Result<Part> {
        let (source, destination) = (self.source, self.destination);
        let path = RelPath::root();
        let new = source.root()?;
        let old = destination.map(Tree::root).transpose()?;
        let from = source.open()?;
        let to = destination.map(Tree::open).transpose()?;
        let dirs = (Some(from.as_ref()), to.as_deref());
        let listed = self.options.choice.listed.as_ref();
        if let Some(Scope::Only(paths)) = listed.map(Listed::scope) {
            let mut part = self.listed(&path, dirs, paths);
            if old.is_none() && part.items.iter().any(|i| matches!(i, Item::Change(_))) {
                part.items.insert(0, Item::Change(added(&path, &new)));
            }
            return Ok(part);
        }
        let mut part = Part::default();
        match &old {
            None => part.items.push(Item::Change(added(&path, &new))),
            Some(old) => {
                let why = states(&new, old, self.options).why;
                let why = self.metadata(&path, (&new, old), dirs, why, &mut part);
                if !why.is_empty() {
                    part.items.push(Item::Change(changed(
                        &path,
                        Status::Touched,
                        &new,
                        old,
                        why,
                    )));
                }
            }
        }
        part.append(self.directories(&path, dirs));
        Ok(part)
    }

    /// Compares the entries of a pair of directories, and all below.
    pub(super) fn directories(&self, path: &RelPath, dirs: Dirs<'_>) -> Part {
        if let (Some(a), Some(b)) = dirs
            && a.node().is_some()
            && a.node() == b.node()
        {
            return Part::default();
        }
        let mut part = Part::default();
        let Some(pairs) = self.pairs(path, dirs, None, &mut part) else {
            return part;
        };
        let heavy = pairs.iter().filter(|p| is_heavy(p)).count();
        let parts: Vec<Part> = match heavy {
            0 | 1 => pairs.iter().map(|p| self.pair(path, p, dirs)).collect(),
            _ => pairs.par_iter().map(|p| self.pair(path, p, dirs)).collect(),
        };
        let had = part.items.len();
        parts.into_iter().for_each(|p| part.append(p));
        if had > 0 {
            part.items.sort_by(|a, b| a.path().cmp(b.path()));
        }
        part
    }

    /// The names in a pair of directories, all or only some; `None` when one side cannot be listed.
    pub(super) fn pairs(
        &self,
        path: &RelPath,
        dirs: Dirs<'_>,
        names: Option<&[&[u8]]>,
        part: &mut Part,
    ) -> Option<Vec<Pair>> {
        let source = dirs.0.map(|dir| list(path, dir, names, part));
        let destination = dirs.1.map(|dir| list(path, dir, names, part));
        if matches!(source, Some(None)) || matches!(destination, Some(None)) {
            // What cannot be listed is neither a reason to delete nor a place to write to.
            part.stays = true;
            return None;
        }
        let source = source.flatten().unwrap_or_default();
        let destination = destination.flatten().unwrap_or_default();
        part.stays |= destination.hides;
        let unknown: Vec<Vec<u8>> = [&source, &destination]
            .iter()
            .flat_map(|l| l.problems.iter().map(|p| p.path.name().to_vec()))
            .collect();
        for listing in [&source, &destination] {
            self.report(path, listing, part);
        }
        let pairs = merge(source.entries, destination.entries)
            .filter(|pair| !self.is_special(path, pair_name(pair)))
            .filter(|pair| {
                let known = !unknown.iter().any(|name| **name == *pair_name(pair));
                part.stays |= !known && pair.1.is_some();
                known
            });
        let pairs = fold::pair_up(path, pairs.collect(), dirs.1, self.ground);
        meter::at(path);
        meter::files(pairs.len() as u64);
        Some(pairs)
    }

    /// Whether a name at the root is not for plans between directories.
    pub(super) fn is_special(&self, parent: &RelPath, name: &[u8]) -> bool {
        parent.is_root() && name == name::SYNC && !self.options.sync_file
    }

    /// Hands on what the listing passed over or could not examine.
    fn report(&self, path: &RelPath, listing: &Listing, part: &mut Part) {
        part.items.extend(listing.skips.iter().filter_map(|skip| {
            let path = path.join(skip.path.name());
            let excluded = self.options.filter.excludes(&path, false).is_some();
            (!excluded).then(|| {
                Item::Skip(Skip {
                    path,
                    ..skip.clone()
                })
            })
        }));
        part.items.extend(listing.problems.iter().map(|problem| {
            Item::Problem(Problem {
                path: path.join(problem.path.name()),
                ..problem.clone()
            })
        }));
    }

    /// Compares one name.
    pub(super) fn pair(&self, parent: &RelPath, pair: &Pair, dirs: Dirs<'_>) -> Part {
        let (source, destination) = (pair.0.as_ref(), pair.1.as_ref());
        let path = || parent.join(pair_name(pair));
        let (source, destination, skipped) = match self.options.filter.is_empty() {
            true => (source, destination, None),
            false => self.filtered(&path(), source, destination),
        };
        let mut part = Part {
            stays: destination.is_none() && pair.1.is_some(),
            ..Part::default()
        };
        part.items.extend(skipped.map(Item::Skip));
        if let Some(over) = self.passed_over(path, (source, destination)) {
            part.append(over);
            return part;
        }
        let rest = match (source, destination) {
            (Some(new), Some(old)) => self.both(&path(), new, old, dirs),
            (Some(new), None) => self.only_source(&path(), new, dirs.0),
            (None, Some(old)) => self.only_destination(&path(), old, dirs.1),
            (None, None) => Part::default(),
        };
        part.append(rest);
        part
    }

    /// Takes out what the filter excludes, with the `skip` that says so.
    pub(super) fn filtered<'e>(
        &self,
        path: &RelPath,
        source: Option<&'e Entry>,
        destination: Option<&'e Entry>,
    ) -> (Option<&'e Entry>, Option<&'e Entry>, Option<Skip>) {
        let rule = |e: &Entry| self.options.filter.excludes(path, e.is_dir());
        let out = source.and_then(rule);
        let keep = destination.is_some_and(|e| rule(e).is_some()) && !self.options.delete_excluded;
        (
            source.filter(|_| out.is_none()),
            // A destination under an excluded source's name goes or stays as the destination's own rule says.
            destination.filter(|_| !keep),
            out.map(|rule| excluded(path, source, rule)),
        )
    }

    fn only_source(&self, path: &RelPath, new: &Entry, dir: Option<&dyn Dir>) -> Part {
        if new.state.kind.is_device() && !self.options.devices {
            return Part::of(Item::Skip(Skip {
                path: path.clone(),
                source: Some(new.source),
                reason: format!("a {} can only be made by root", new.state.kind.word()),
                rule: None,
                cause: false,
                asked: false,
            }));
        }
        let mut part = Part::of(Item::Change(added(path, new)));
        part.links.extend(Linked::of(path, Some(new), None));
        if new.is_dir() {
            part.append(self.whole(path, (Some(new), None), (dir, None)));
        }
        part
    }

    fn only_destination(&self, path: &RelPath, old: &Entry, dir: Option<&dyn Dir>) -> Part {
        if !self.options.delete || self.is_left_alone(path) {
            return Part {
                stays: true,
                ..Part::default()
            };
        }
        if let Some(kept) = self.irreplaceable(path, old) {
            return kept;
        }
        let below = match old.is_dir() {
            true => self.whole(path, (None, Some(old)), (None, dir)),
            false => Part::default(),
        };
        let mut part = Part::default();
        if !below.stays {
            part.items.push(Item::Change(deleted(path, old)));
        }
        part.append(below);
        part
    }

    /// What an ordinary user could take away and never bring back stays, and that is said.
    fn irreplaceable(&self, path: &RelPath, old: &Entry) -> Option<Part> {
        let kind = old.state.kind;
        let reason = format!("a {} stays: only root could bring it back", kind.word());
        let skip = Skip {
            path: path.clone(),
            source: None,
            reason,
            rule: None,
            cause: true,
            asked: false,
        };
        (kind.is_device() && !self.options.devices).then(|| Part {
            stays: true,
            ..Part::of(Item::Skip(skip))
        })
    }

    fn both(&self, path: &RelPath, new: &Entry, old: &Entry, dirs: Dirs<'_>) -> Part {
        let verdict = states(new, old, self.options);
        if verdict.why.has(Why::KIND) {
            return self.replace(path, new, old, dirs);
        }
        let mut part = Part::default();
        let mut why = self.metadata(path, (new, old), dirs, verdict.why, &mut part);
        let far = |tree: &dyn Tree| tree.is_far();
        if verdict.unsure && (far(self.source) || self.destination.is_some_and(far)) {
            part.doubts.push(Doubt {
                path: path.clone(),
                new: new.clone(),
                old: old.clone(),
                why,
            });
        } else if verdict.unsure
            && let (Some(a), Some(b)) = dirs
        {
            match contents((a, new), (b, old)) {
                Ok(same) => why.set(Why::CONTENT, !same),
                Err(error) => {
                    part.items.push(problem(path, "compare", &error));
                    part.stays = true;
                    return part;
                }
            }
        }
        part.links.extend(Linked::of(path, Some(new), Some(old)));
        part.items
            .extend(fold::step(path, new, old, why).map(Item::Change));
        part.stays = true;
        if new.is_dir() {
            part.append(self.whole(path, (Some(new), Some(old)), dirs));
        }
        part
    }

    /// Adds to `why` whether attributes differ; they are read only if they are asked for.
    fn metadata(
        &self,
        path: &RelPath,
        (new, old): (&Entry, &Entry),
        dirs: Dirs<'_>,
        mut why: Why,
        part: &mut Part,
    ) -> Why {
        if !self.options.xattrs {
            return why;
        }
        let (Some(a), Some(b)) = dirs else { return why };
        match (a.xattrs(new), b.xattrs(old)) {
            (Ok(x), Ok(y)) => {
                let same = same_attributes(&x, &y, self.options.any_mode);
                why.set(Why::XATTRS, !same);
            }
            (Err(error), _) | (_, Err(error)) => part.items.push(problem(path, "compare", &error)),
        }
        why
    }

    /// Another kind takes the place of `old`.
    fn replace(&self, path: &RelPath, new: &Entry, old: &Entry, dirs: Dirs<'_>) -> Part {
        let skip = |reason: &str, cause: bool| Part {
            stays: true,
            ..Part::of(Item::Skip(Skip {
                path: path.clone(),
                source: Some(new.source),
                reason: reason.to_string(),
                rule: None,
                cause,
                asked: false,
            }))
        };
        if new.state.kind.is_device() && !self.options.devices {
            return skip("a device can only be made by root", false);
        }
        if let Some(kept) = self.irreplaceable(path, old) {
            return kept;
        }
        let mut gone = Part::default();
        if old.is_dir() {
            gone = self.whole(path, (None, Some(old)), (None, dirs.1));
            if gone.stays || self.is_left_alone(path) {
                let reason = match self.options.delete {
                    true => "the directory in its place holds what is to stay",
                    false => "the directory in its place is not empty; --delete would replace it",
                };
                return skip(reason, true);
            }
        }
        let change = changed(path, Status::TypeChanged, new, old, Why::KIND);
        let mut part = Part {
            stays: true,
            ..Part::of(Item::Change(change))
        };
        part.links.extend(Linked::of(path, Some(new), None));
        part.append(gone);
        if new.is_dir() {
            part.append(self.whole(path, (Some(new), None), (dirs.0, None)));
        }
        part
    }
}
