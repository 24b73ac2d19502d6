//! Renames in an order in which each finds its place free; those that go round in a circle by exchanges.
//!
//! An exchange is one step for the file system, so whenever a run is cut short every content has a name, and the
//! plan can be run again: where each content is by then is told by its inode.

use std::collections::{HashMap, HashSet};

use crate::disk::Folder;
use crate::model::{Change, Entry, Outcome, RelPath, State, Status};
use crate::ops::moving::is_inode;
use crate::ops::outcome::{Report, stale};
use crate::ops::perform::{Made, Worker};

/// Makes all renames; their places, in path order.
pub fn renames(worker: &mut Worker<'_>, changes: &[Change], reports: &mut [Report]) -> Vec<usize> {
    let all: Vec<usize> = (0..changes.len())
        .filter(|at| changes[*at].status == Status::Renamed)
        .collect();
    let waits = waits(changes, &all);
    let mut seen: HashSet<usize> = HashSet::new();
    for at in &all {
        if !seen.insert(*at) {
            continue;
        }
        let mut trail = vec![*at];
        let mut next = waits.get(at).copied();
        while let Some(here) = next.filter(|here| seen.insert(*here)) {
            trail.push(here);
            next = waits.get(&here).copied();
        }
        if next == Some(*at) {
            turn(worker, changes, &trail, reports);
            continue;
        }
        for here in trail.iter().rev() {
            let before = waits.get(here).map(|first| &reports[*first]);
            reports[*here] = match before.is_some_and(|r| !r.outcome.is_success()) {
                true => stale("what is there was to be renamed first, and was not"),
                false => worker.perform(&changes[*here]),
            };
        }
    }
    all
}

/// For each rename the one that takes away what is in its place. At most one waits for each.
fn waits(changes: &[Change], all: &[usize]) -> HashMap<usize, usize> {
    let from = |at: &usize| changes[*at].from.as_deref().map(|(from, _)| from);
    let leaves: HashMap<&RelPath, usize> =
        all.iter().filter_map(|at| Some((from(at)?, *at))).collect();
    let wait = |at: &usize| leaves.get(&changes[*at].path).map(|first| (*at, *first));
    all.iter().filter_map(wait).collect()
}

/// One place of a circle.
struct Place {
    folder: Folder,
    now: Entry,
}

/// Makes the renames of a circle, each of which takes what is in the place of the one before it; all or, where
/// one is stale, none.
fn turn(worker: &mut Worker<'_>, changes: &[Change], circle: &[usize], reports: &mut [Report]) {
    let circle: Vec<&Change> = circle.iter().map(|at| &changes[*at]).collect();
    let at = |change: &Change| changes.binary_search_by(|c| c.path.cmp(&change.path));
    match prepare(worker, &circle) {
        Ok((places, holds)) => {
            for (change, report) in circle.iter().zip(go(worker, &circle, &places, holds)) {
                if let Ok(at) = at(change) {
                    reports[at] = report;
                }
            }
        }
        Err(report) => circle.iter().filter_map(|c| at(c).ok()).for_each(|at| {
            reports[at] = report.clone();
        }),
    }
}

/// The places of a circle, and for each place the rename whose content it holds now.
fn prepare(worker: &mut Worker<'_>, circle: &[&Change]) -> Made<(Vec<Place>, Vec<usize>)> {
    let shared = worker.shared();
    if shared.is_stopped() {
        return Err(Report::held());
    }
    if circle.iter().any(|c| worker.would_be_lost(c)) {
        let message = "the state of one of them could not be recorded, so they stay";
        return Err(Report::new(Outcome::Held, message));
    }
    let gone = || stale("one of those that change places is not there any more");
    let mut places = Vec::with_capacity(circle.len());
    for change in circle {
        worker.source(change)?;
        let parent = change.path.parent().unwrap_or_else(RelPath::root);
        let folder = shared.job.root.folder(&parent).map_err(|_| gone())?;
        let now = folder.entry(change.path.name()).ok().flatten();
        let now = now.ok_or_else(gone)?;
        places.push(Place { folder, now });
    }
    let wanted: Vec<&State> = circle
        .iter()
        .filter_map(|c| c.from.as_deref().map(|(_, old)| old))
        .collect();
    let know = |place: &Place| wanted.iter().any(|w| is_inode(w, &place.now.state));
    let holds = match places.iter().all(know) {
        true => by_inode(worker, circle, &wanted, &places)?,
        false => by_looks(worker, circle, &places)?,
    };
    Ok((places, holds))
}

/// Tells which content is where by the inodes that the plan saw.
fn by_inode(
    worker: &Worker<'_>,
    circle: &[&Change],
    wanted: &[&State],
    places: &[Place],
) -> Made<Vec<usize>> {
    let mut holds = Vec::with_capacity(places.len());
    for (at, place) in places.iter().enumerate() {
        let now = &place.now.state;
        let content = wanted.iter().position(|w| is_inode(w, now)).unwrap_or(at);
        let planned = circle[content].from.as_deref().map(|(from, _)| from);
        let looks = |s: &State| (s.kind, s.size, s.mtime, s.mode);
        if content == at {
            // It is where it belongs: only its metadata may have changed with it.
        } else if planned == Some(&circle[at].path) {
            worker.movable(circle[content], &place.now)?;
        } else if looks(wanted[content]) != looks(now) {
            // An earlier run moved it, which changed nothing but its change time.
            return Err(stale("one of those that change places changed since"));
        }
        holds.push(content);
    }
    let distinct: HashSet<&usize> = holds.iter().collect();
    match distinct.len() == holds.len() {
        true => Ok(holds),
        false => Err(stale("two of those that change places are one by now")),
    }
}

/// In a copy of the directory that the plan was made for: all are as before, or all as planned.
fn by_looks(worker: &mut Worker<'_>, circle: &[&Change], places: &[Place]) -> Made<Vec<usize>> {
    let all = circle.len();
    // Each takes what is in the place of the one before it.
    let planned = |at: usize| (at + 1) % all;
    let before = |at: usize| worker.movable(circle[planned(at)], &places[at].now);
    let stale = match (0..all).try_for_each(before) {
        Ok(()) => return Ok((0..all).map(planned).collect()),
        Err(stale) => stale,
    };
    for (change, place) in circle.iter().zip(places) {
        if !worker.is_renamed(change, &place.folder, &place.now)? {
            return Err(stale);
        }
    }
    Ok((0..all).collect())
}

/// Exchanges until every content is in its place; a report for each.
fn go(
    worker: &mut Worker<'_>,
    circle: &[&Change],
    places: &[Place],
    mut holds: Vec<usize>,
) -> Vec<Report> {
    let dry_run = worker.shared().job.dry_run;
    let first = holds.clone();
    let mut states: Vec<State> = holds.iter().map(|_| places[0].now.state.clone()).collect();
    for (place, content) in places.iter().zip(&holds) {
        states[*content] = place.now.state.clone();
        worker.shared().own.add(&place.now.state);
    }
    let mut reports = Vec::with_capacity(circle.len());
    for (at, change) in circle.iter().enumerate() {
        let other = holds.iter().position(|content| *content == at);
        let other = other.unwrap_or(at);
        if other != at && !dry_run {
            let (name, with) = (change.path.name(), circle[other].path.name());
            let exchanged = places[at]
                .folder
                .exchange(name, &places[other].folder, with);
            if let Err(e) = exchanged {
                reports.push(worker.failed("cannot exchange names", e.into()));
                continue;
            }
        }
        holds.swap(at, other);
        let dressed = match dry_run {
            true => Ok(false),
            false => worker.dress(change, &places[at].folder, &states[at]),
        };
        reports.push(match dressed {
            Ok(false) if first[at] == at => Report::plain(Outcome::Already),
            Ok(_) => Report::plain(Outcome::Done),
            Err(report) => report,
        });
    }
    reports
}
