//! What a snapshot changed, no more of it than fits into a page.

use fsync::model::{Change, Counts, Entry, Error, ErrorKind, RelPath, Result, SnapshotId, Status};
use fsync::ops::diff::{Item, Plan, diff};
use fsync::ops::revert::options;
use fsync::repo::{Repo, SnapshotTree};
use fsync::tree::{Dir, Tree};

use crate::story::Node;
use crate::text;

/// The most bytes of names in a page, over all snapshots.
const MOST_BYTES: usize = 16 << 20;

/// How much may still be listed.
pub struct Budget {
    each: usize,
    bytes: usize,
}

impl Budget {
    /// Of each snapshot at most so many changes.
    pub fn new(each: usize) -> Self {
        Budget {
            each,
            bytes: MOST_BYTES,
        }
    }

    /// Takes the room for a line away; whether there was any.
    fn take(&mut self, line: &Line) -> bool {
        let size = line.path.len() + line.from.as_ref().map_or(0, String::len);
        let left = self.bytes.checked_sub(size);
        self.bytes = left.unwrap_or(self.bytes);
        left.is_some()
    }
}

/// A change as it is listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What became of it.
    pub status: Status,
    /// Its path.
    pub path: String,
    /// In a word, what it is.
    pub kind: &'static str,
    /// Its size before and after, of files.
    pub sizes: (Option<u64>, Option<u64>),
    /// What differs.
    pub why: String,
    /// Where it was before.
    pub from: Option<String>,
}

/// What a snapshot changed.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Since which one; `None`: it is compared with nothing, and what it holds is listed.
    pub since: Option<SnapshotId>,
    /// How many of which kind.
    pub counts: Counts,
    /// The first of them, in path order.
    pub lines: Vec<Line>,
    /// How many more there are.
    pub rest: u64,
    /// How many entries could not be compared.
    pub unsure: u64,
    /// Why nothing is known.
    pub fault: Option<String>,
}

impl Changes {
    /// What `node` changed.
    ///
    /// # Errors
    /// When a manifest that must be read is damaged.
    pub fn of(repo: &Repo, node: &Node, budget: &mut Budget) -> Result<Changes> {
        let tree = repo.tree(node.info.id)?;
        let Some(base) = node.base else {
            return first(&tree, budget);
        };
        let before = repo.tree(base)?;
        if before.info().tree == node.info.tree {
            return Ok(Changes {
                since: Some(base),
                ..Changes::default()
            });
        }
        // As a revert compares: in every respect.
        let plan = diff(&tree, Some(&before), &options(&node.info, true)?)?;
        whole(&plan)?;
        Ok(listed(plan, base, budget))
    }

    /// What cannot be told.
    pub fn unknown(error: &Error) -> Changes {
        Changes {
            fault: Some(text::word(&error.to_string())),
            ..Changes::default()
        }
    }
}

/// A plan that damage has left incomplete says nothing.
fn whole(plan: &Plan) -> Result<()> {
    let damaged = plan.items.iter().find_map(|item| match item {
        Item::Problem(problem) if problem.damaged => Some(problem),
        _ => None,
    });
    damaged.map_or(Ok(()), |problem| {
        let path = problem.path.as_bytes();
        Err(Error::at(ErrorKind::Damaged, path, &*problem.message))
    })
}

fn listed(plan: Plan, base: SnapshotId, budget: &mut Budget) -> Changes {
    let mut changes = Changes {
        since: Some(base),
        counts: plan.counts,
        unsure: plan.errors,
        ..Changes::default()
    };
    for change in plan.changes().take(budget.each) {
        let line = line(change);
        if !budget.take(&line) {
            break;
        }
        changes.lines.push(line);
    }
    changes.rest = changes.counts.total() - changes.lines.len() as u64;
    changes
}

fn line(change: &Change) -> Line {
    let size = |state: &Option<Box<fsync::model::State>>| {
        let file = |s: &&fsync::model::State| s.kind == fsync::model::Kind::File;
        state.as_deref().filter(file).map(|s| s.size)
    };
    let why: Vec<&str> = change.why.words().collect();
    Line {
        status: change.status,
        path: text::path(change.path.as_bytes()),
        kind: change.kind.word(),
        sizes: (size(&change.old), size(&change.new)),
        why: why.join(", "),
        from: change
            .from
            .as_ref()
            .map(|from| text::path(from.0.as_bytes())),
    }
}

/// What the first snapshot of a chain holds: all of it was added. Only as much is read as is listed.
fn first(tree: &SnapshotTree, budget: &mut Budget) -> Result<Changes> {
    let held = tree.info().counts;
    let mut changes = Changes::default();
    changes.counts.set(Status::Added, held.entries());
    let mut most = budget.each;
    let root = tree.open()?;
    walk(&RelPath::root(), root.as_ref(), &mut |path, entry| {
        let line = added(path, entry);
        if most == 0 || !budget.take(&line) {
            return false;
        }
        most -= 1;
        changes.lines.push(line);
        true
    })?;
    changes.rest = held.entries().saturating_sub(changes.lines.len() as u64);
    Ok(changes)
}

fn added(path: &RelPath, entry: &Entry) -> Line {
    let file = entry.state.kind == fsync::model::Kind::File;
    Line {
        status: Status::Added,
        path: text::path(path.as_bytes()),
        kind: entry.state.kind.word(),
        sizes: (None, file.then_some(entry.state.size)),
        why: String::new(),
        from: None,
    }
}

/// Every entry in path order, as long as `take` wants more.
fn walk(
    top: &RelPath,
    dir: &dyn Dir,
    take: &mut dyn FnMut(&RelPath, &Entry) -> bool,
) -> Result<bool> {
    for entry in dir.list()?.entries {
        let path = top.join(&entry.name);
        if !take(&path, &entry) {
            return Ok(false);
        }
        // What could not be read when it was recorded has no node.
        if entry.node.is_some() && !walk(&path, dir.open_dir(&entry)?.as_ref(), take)? {
            return Ok(false);
        }
    }
    Ok(true)
}
