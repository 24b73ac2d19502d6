//! What became of each change: result records on stdout, and on stderr what was not done.

use std::io::stdout;

use crate::cli::Talk;
use crate::model::{Change, Counts, Exit, RelPath, Result, Status};
use crate::ops::outcome::{Outcome, Report};
use crate::protocol::{End, Record, ResultRecord, SnapshotRecord, Writer};

/// One path and what became of it.
pub type Row<'a> = (&'a RelPath, Status, &'a Report);

/// All that is told.
pub struct Told<'a> {
    /// The program's voice.
    pub talk: Talk,
    /// Records are wanted.
    pub json: bool,
    /// The snapshot of the state before.
    pub snapshot: Option<&'a SnapshotRecord>,
    /// What was planned.
    pub counts: Counts,
    /// What had gone wrong before.
    pub troubles: u64,
    /// It was asked to stop: what was not tried is counted, not listed.
    pub stopped: bool,
}

/// Changes with their reports.
pub fn rows<'a>(changes: &'a [Change], reports: &'a [Report]) -> impl Iterator<Item = Row<'a>> {
    let row = |(c, r): (&'a Change, &'a Report)| (&c.path, c.status, r);
    changes.iter().zip(reports).map(row)
}

/// Prints everything, rows in path order; [`Exit::Partial`] when anything was not done.
///
/// # Errors
/// When stdout cannot be written.
pub fn print<'a>(told: &Told<'_>, rows: impl Iterator<Item = Row<'a>>) -> Result<Exit> {
    let mut out = Writer::new(stdout());
    if let (true, Some(snapshot)) = (told.json, told.snapshot) {
        out.record(&Record::Snapshot(snapshot.clone()))?;
    }
    let (mut all, mut made) = (0u64, 0u64);
    for (path, status, report) in rows {
        let reason = report.reason();
        all += 1;
        if report.outcome.is_success() {
            made += 1;
        } else if report.outcome != Outcome::Held || !told.stopped {
            let (outcome, reason) = (report.outcome.word(), reason.unwrap_or_default());
            told.talk.error(&format!("{path}: {outcome}: {reason}"));
        }
        if told.json {
            out.record(&Record::Result(ResultRecord {
                path: path.clone(),
                status,
                outcome: report.outcome,
                message: reason.map(str::to_string),
            }))?;
        }
    }
    let errors = all - made + told.troubles;
    if told.json {
        out.record(&Record::End(End {
            counts: told.counts,
            errors,
            skipped: 0,
        }))?;
    }
    out.flush()?;
    // Who reads records counts them.
    if told.stopped && made < all && !told.json {
        told.talk.error(&format!(
            "interrupted: {made} of {all} changes were made; run it again to go on"
        ));
    }
    Ok(if errors > 0 {
        Exit::Partial
    } else {
        Exit::Done
    })
}
