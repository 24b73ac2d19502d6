//! Files of which only the contents tell whether they differ, where one side is far away: they are asked for together, when all else
//! has been compared, for a question at a time would take as long as a message needs there and back.

use rayon::prelude::*;

use crate::model::{ContentId, Entry, Error, ErrorKind, RelPath, Result, Why};
use crate::ops::compare::digest;
use crate::ops::diff::Item;
use crate::ops::fold;
use crate::ops::part::problem;
use crate::tree::Tree;
use crate::tree::cursor::Cursor;

/// About so many bytes of paths are one question.
const QUESTION: usize = 64 << 10;
/// So many files are one piece of work.
const PIECE: usize = 32;

/// A file on both sides that may differ.
pub struct Doubt {
    /// Its path.
    pub path: RelPath,
    /// What it is in the source.
    pub new: Entry,
    /// What it is in the destination.
    pub old: Entry,
    /// How they differ, their contents aside.
    pub why: Why,
}

/// Finds out which differ, and puts what that comes to among the other lines of the plan.
pub fn settle(
    items: &mut Vec<Item>,
    doubts: Vec<Doubt>,
    (source, destination): (&dyn Tree, &dyn Tree),
) {
    let mut found = Vec::with_capacity(doubts.len());
    let mut rest = &doubts[..];
    while !rest.is_empty() {
        let mut length = 0;
        let fits = rest.iter().take_while(|doubt| {
            length += doubt.path.as_bytes().len() + 4;
            length < QUESTION
        });
        let (now, later) = rest.split_at(fits.count().max(1));
        let (new, old) = rayon::join(|| digests(source, now), || digests(destination, now));
        found.extend(new.into_iter().zip(old).map(|(a, b)| Ok(a? == b?)));
        rest = later;
    }
    let had = items.len();
    for (doubt, same) in doubts.into_iter().zip(found) {
        let Some(item) = line(&doubt, same) else {
            continue;
        };
        let at = items[..had].binary_search_by(|item| item.path().cmp(&doubt.path));
        match at.ok().map(|at| &mut items[at]) {
            Some(known @ Item::Change(_)) => *known = item,
            _ => items.push(item),
        }
    }
    items.sort_by(|a, b| a.path().cmp(b.path()));
}

fn line(doubt: &Doubt, same: Result<bool>) -> Option<Item> {
    match same {
        Ok(same) => {
            let mut why = doubt.why;
            why.set(Why::CONTENT, !same);
            fold::step(&doubt.path, &doubt.new, &doubt.old, why).map(Item::Change)
        }
        Err(error) => Some(problem(&doubt.path, "compare", &error)),
    }
}

/// The digests of some files in a tree; what is far away reads them there while this side reads its own.
fn digests(tree: &dyn Tree, doubts: &[Doubt]) -> Vec<Result<ContentId>> {
    let paths: Vec<RelPath> = doubts.iter().map(|doubt| doubt.path.clone()).collect();
    if let Some(all) = tree.digests(&paths) {
        return all;
    }
    let piece = |paths: &[RelPath]| -> Vec<Result<ContentId>> {
        let mut cursor = Cursor::new(tree);
        let one = |path: &RelPath| {
            let gone = || Error::new(ErrorKind::Failed, "is not there any more");
            let (dir, entry) = cursor.place(path)?.ok_or_else(gone)?;
            digest((dir, &entry))
        };
        paths.iter().map(one).collect()
    };
    paths.par_chunks(PIECE).flat_map_iter(piece).collect()
}
