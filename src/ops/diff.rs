//! Comparing: the plan that makes one tree like another.

use crate::model::{Change, Clock, Counts, Filter, Listed, Medium, Problem, RelPath, Result, Skip};
use crate::ops::part::Part;
use crate::ops::snap::pool;
use crate::ops::stale::Terms;
use crate::ops::walk::Walk;
use crate::ops::{doubt, link, rename};
use crate::tree::Tree;

/// What counts as a difference, and what may be planned.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Plan the deletion of what the source does not have.
    pub delete: bool,
    /// And of what the filter excludes.
    pub delete_excluded: bool,
    /// Compare contents whenever sizes are equal.
    pub checksum: bool,
    /// Take equal sizes for equal contents.
    pub size_only: bool,
    /// Compare owners.
    pub owner: bool,
    /// Nor are they to be set.
    pub no_owner: bool,
    /// Compare extended attributes.
    pub xattrs: bool,
    /// How modification times are compared.
    pub clock: Clock,
    /// Permission bits do not count.
    pub any_mode: bool,
    /// Find renames.
    pub renames: bool,
    /// Devices can be made (by a privileged process); else they are passed over.
    pub devices: bool,
    /// The root's SYNC file belongs to the trees (for a revert), else it is left alone.
    pub sync_file: bool,
    /// What belongs to the run.
    pub filter: Filter,
    /// The filters of single sources: what one of them matches is left alone where no source has it.
    pub source_filters: Vec<Filter>,
    /// What of that takes part.
    pub choice: Choice,
}

/// What takes part in a comparison, beside the filter's rules. The default is everything.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Only these paths, and what is below them.
    pub listed: Option<Listed>,
    /// Mount points are not entered.
    pub one_file_system: bool,
    /// Regular files of a source that are shorter are passed over.
    pub min_size: Option<u64>,
    /// And those that are longer.
    pub max_size: Option<u64>,
    /// A file of the destination that is newer than the source's is kept.
    pub newer_only: bool,
}

impl Options {
    /// The same, but for what the destination's file system does not keep.
    #[must_use]
    pub fn on(&self, medium: Medium) -> Self {
        Options {
            owner: self.owner && medium.owners,
            any_mode: self.any_mode || !medium.modes,
            clock: self.clock.on(medium.tick_ns),
            ..self.clone()
        }
    }

    /// What counts when what is there is held against what is planned.
    pub fn terms(&self) -> Terms {
        Terms {
            owner: self.owner,
            any_mode: self.any_mode,
            clock: self.clock,
        }
    }
}

/// One line of a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// Something to do.
    Change(Change),
    /// Something passed over.
    Skip(Skip),
    /// Something that went wrong.
    Problem(Problem),
}

impl Item {
    /// Which entry it is about.
    pub fn path(&self) -> &RelPath {
        match self {
            Item::Change(change) => &change.path,
            Item::Skip(skip) => &skip.path,
            Item::Problem(problem) => &problem.path,
        }
    }
}

/// What makes the destination like the source, in path order.
#[derive(Debug, Default)]
pub struct Plan {
    /// The lines.
    pub items: Vec<Item>,
    /// What they come to.
    pub counts: Counts,
    /// How many problems there are.
    pub errors: u64,
    /// How many were skipped for cause.
    pub skipped: u64,
}

impl Plan {
    /// A plan of these lines, which are in path order.
    pub fn new(items: Vec<Item>) -> Self {
        let mut plan = Plan {
            items,
            ..Plan::default()
        };
        for item in &plan.items {
            match item {
                Item::Change(change) => plan.counts.add(change),
                Item::Skip(skip) => plan.skipped += u64::from(skip.cause),
                Item::Problem(_) => plan.errors += 1,
            }
        }
        plan
    }

    /// The changes alone, and nothing else is kept.
    pub fn into_changes(self) -> impl Iterator<Item = Change> {
        self.items.into_iter().filter_map(|item| match item {
            Item::Change(change) => Some(change),
            _ => None,
        })
    }

    /// The changes alone.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.items.iter().filter_map(|item| match item {
            Item::Change(change) => Some(change),
            _ => None,
        })
    }
}

/// Compares `source` with `destination` (`None`: it does not exist yet).
///
/// # Errors
/// When a root cannot be examined. Whatever goes wrong below is a [`Problem`] in the plan.
pub fn diff(source: &dyn Tree, destination: Option<&dyn Tree>, options: &Options) -> Result<Plan> {
    diff_on(source, destination, destination, options)
}

/// The same where `destination` is a record of the directory `ground`, for which the plan is.
///
/// # Errors
/// As [`diff`].
pub fn diff_on(
    source: &dyn Tree,
    destination: Option<&dyn Tree>,
    ground: Option<&dyn Tree>,
    options: &Options,
) -> Result<Plan> {
    let medium = destination.map(Tree::medium).unwrap_or_default();
    let options = &options.on(medium);
    let walk = Walk {
        options,
        source,
        destination,
        ground,
    };
    // A snapshot may be as deep as a path can be.
    let Part {
        mut items,
        links,
        doubts,
        ..
    } = pool()?.install(|| walk.roots())?;
    if let Some(destination) = destination.filter(|_| !doubts.is_empty()) {
        pool()?.install(|| doubt::settle(&mut items, doubts, (source, destination)));
    }
    link::plan(&mut items, &links);
    if options.renames && options.delete {
        items = rename::find(items, &links, source, destination, options);
    }
    Ok(Plan::new(items))
}
