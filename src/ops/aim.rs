//! What of a plan that leads to a snapshot is meant: all of it or some paths, without what was forgotten, and only if it
//! is whole.

use std::collections::HashSet;

use crate::model::{Change, Counts, Error, ErrorKind, RelPath, Result, SnapshotId, Status};
use crate::ops::diff::{Item, Plan};
use crate::ops::link::relink;
use crate::repo::Info;
use crate::tree::Tree;
use crate::tree::cursor::Cursor;

/// Refuses a plan that could not be made whole because the snapshot's manifest is damaged.
///
/// # Errors
/// [`ErrorKind::Damaged`], naming the first place.
pub fn whole(plan: &Plan, snapshot: SnapshotId) -> Result<()> {
    let damage = plan.items.iter().find_map(|item| match item {
        Item::Problem(problem) if problem.damaged => Some(problem),
        _ => None,
    });
    match damage {
        Some(problem) => Err(Error::at(
            ErrorKind::Damaged,
            problem.path.as_bytes(),
            format!(
                "{}; nothing was changed, and fsync verify says what of {snapshot} is left",
                problem.message
            ),
        )),
        None => Ok(()),
    }
}

/// Leaves of a plan what is at or below `paths`, and the directories that lead there; all when there are none. What no
/// rule excludes and is passed over nevertheless (a device that only root can make, say) is not as it was: a skip for cause.
pub fn only(plan: &mut Plan, paths: &[RelPath]) {
    let leads = |change: &Change| {
        let made = matches!(change.status, Status::Added | Status::TypeChanged);
        made && paths.iter().any(|p| p.is_within(&change.path))
    };
    let wanted = |item: &Item| {
        paths.is_empty()
            || paths.iter().any(|p| item.path().is_within(p))
            || matches!(item, Item::Change(c) if leads(c))
    };
    let mut taken_out = HashSet::new();
    plan.items.retain(|item| {
        let wanted = wanted(item);
        if !wanted && matches!(item, Item::Change(_)) {
            taken_out.insert(item.path().clone());
        }
        wanted
    });
    relink(&mut plan.items, &taken_out);
    (plan.errors, plan.skipped) = (0, 0);
    for item in &mut plan.items {
        match item {
            Item::Skip(skip) => skip.cause |= skip.rule.is_none(),
            Item::Problem(_) => plan.errors += 1,
            Item::Change(_) => {}
        }
        plan.skipped += u64::from(matches!(item, Item::Skip(skip) if skip.cause));
    }
}

/// Refuses paths that none of the trees has.
///
/// # Errors
/// [`ErrorKind::NotFound`], naming the first.
pub fn known(paths: &[RelPath], trees: &[&dyn Tree]) -> Result<()> {
    for path in paths {
        let is_there = |t: &&dyn Tree| matches!(Cursor::new(*t).entry(path), Ok(Some(_)));
        if !trees.iter().any(is_there) {
            let message = "is neither in the snapshot nor in the directory";
            return Err(Error::at(ErrorKind::NotFound, path.as_bytes(), message));
        }
    }
    Ok(())
}

/// Takes out of a plan what a snapshot would make of paths whose contents were forgotten; which it were.
pub fn leave(plan: &mut Plan, target: &Info) -> Vec<RelPath> {
    let forgotten = target.forgotten();
    if forgotten.is_empty() {
        return Vec::new();
    }
    let of = |item: &Item| forgotten.iter().find(|f| item.path().is_within(f));
    let mut left: Vec<RelPath> = plan.items.iter().filter_map(of).cloned().collect();
    left.dedup();
    plan.items.retain(|item| of(item).is_none());
    let mut counts = Counts::default();
    plan.changes().for_each(|c| counts.add(c));
    plan.counts = counts;
    left
}
