//! The last look of a restore: whether what is there now is what the snapshot says.

use rayon::prelude::*;

use crate::model::{Change, Outcome, Problem, RelPath, Status};
use crate::ops::outcome::Report;
use crate::ops::stale::{Terms, is_like};
use crate::tree::Tree;
use crate::tree::cursor::Cursor;

/// How many changes a thread looks at in one go; they are in path order, so they share directories.
const STRETCH: usize = 256;
/// What is said of an entry that nothing failed with.
const DIFFERS: &str = "is not as the snapshot says; something else changed it meanwhile";

/// Looks at every entry that was changed with success. The report of one that is not as planned becomes a failure:
/// something else changed it meanwhile, or the file system did not keep what it was given.
pub fn changed(dir: &dyn Tree, changes: &[Change], reports: &mut [Report], terms: Terms) {
    let stretch = |(changes, reports): (&[Change], &mut [Report])| {
        let mut live = Cursor::new(dir);
        for (change, report) in changes.iter().zip(reports) {
            if report.outcome.is_success() && !is_done(&mut live, change, terms) {
                *report = Report::new(Outcome::Failed, DIFFERS);
            }
        }
    };
    changes
        .par_chunks(STRETCH)
        .zip(reports.par_chunks_mut(STRETCH))
        .for_each(stretch);
}

fn is_done(live: &mut Cursor<'_>, change: &Change, terms: Terms) -> bool {
    let Ok(now) = live.entry(&change.path) else {
        return false;
    };
    match (&change.new, now) {
        (Some(new), Some(now)) => is_like(new, &now.state, terms),
        (None, now) => change.status == Status::Deleted && now.is_none(),
        (Some(_), None) => false,
    }
}

/// An entry that does not read as the snapshot says.
pub fn differs(path: &RelPath) -> Problem {
    Problem {
        path: path.clone(),
        operation: "verify".into(),
        message: DIFFERS.into(),
        damaged: false,
    }
}
