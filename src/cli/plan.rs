//! Reading a whole plan from standard input, checked before anything is done with it.

use std::io::Read;

use crate::model::{Change, Error, ErrorKind, Result};
use crate::ops::conflict;
use crate::ops::diff::{Item, Plan as Items};
use crate::protocol::line::Line;
use crate::protocol::{Header, Input, Record, SnapshotRecord};

/// A plan as it came.
pub enum Given {
    /// NDJSON, complete.
    Plan(Box<Plan>),
    /// The line form.
    Lines(Vec<Line>),
}

/// A complete plan.
pub struct Plan {
    /// Where from and where to.
    pub header: Header,
    /// The snapshot that was taken for it.
    pub snapshot: Option<SnapshotRecord>,
    /// The changes, in path order, each path once.
    pub changes: Vec<Change>,
    /// How many errors, and skips for cause, those before met.
    pub troubles: u64,
    /// These and what else was passed over, where somebody wants to pass it on.
    pub remarks: Vec<Item>,
}

impl Plan {
    /// All of its lines, in path order.
    pub fn into_items(self) -> Items {
        let mut items: Vec<Item> = self.changes.into_iter().map(Item::Change).collect();
        items.extend(self.remarks);
        items.sort_by(|a, b| a.path().cmp(b.path()));
        Items::new(items)
    }
}

fn bad(message: impl Into<String>) -> Error {
    let message = format!("{}; nothing was changed", message.into());
    Error::at(ErrorKind::BadInput, "standard input", message)
}

/// Reads everything.
///
/// # Errors
/// [`ErrorKind::BadInput`] for whatever is malformed, cut or in conflict with itself.
pub fn read(from: impl Read) -> Result<Given> {
    gather(from, false)
}

/// Reads a plan in records, and keeps what it says besides changes.
///
/// # Errors
/// As [`read`]; and for a plan in the line form.
pub fn read_all(from: impl Read) -> Result<Plan> {
    match gather(from, true)? {
        Given::Plan(plan) => Ok(*plan),
        Given::Lines(lines) if lines.is_empty() => Err(bad(
            "there is no plan: whatever should have written it failed",
        )),
        Given::Lines(_) => Err(bad(
            "lines, where records are needed: use fsync-diff --json",
        )),
    }
}

fn gather(from: impl Read, keep: bool) -> Result<Given> {
    let mut reader = match Input::open(from)? {
        Input::Nothing => return Ok(Given::Lines(Vec::new())),
        Input::Lines(lines) => return sorted_lines(lines).map(Given::Lines),
        Input::Records(reader) => reader,
    };
    let Some(Record::Header(header)) = reader.next_record()? else {
        return Err(bad("the first record is no header"));
    };
    let mut plan = Plan {
        header,
        snapshot: None,
        changes: Vec::new(),
        troubles: 0,
        remarks: Vec::new(),
    };
    let mut ended = false;
    reader.each(|record| {
        if ended && !matches!(record, Record::Foreign(_) | Record::Progress(_)) {
            return Err(bad("there are records after the end"));
        }
        match record {
            Record::Header(_) => return Err(bad("there is a second header")),
            Record::Change(change) => plan.changes.push(change),
            Record::Snapshot(_) if plan.snapshot.is_some() => {
                return Err(bad("there are two snapshots"));
            }
            Record::Snapshot(snapshot) => plan.snapshot = Some(snapshot),
            Record::Skip(skip) => {
                plan.troubles += u64::from(skip.cause);
                plan.remarks.extend(keep.then_some(Item::Skip(skip)));
            }
            Record::Error(problem) => {
                plan.troubles += 1;
                plan.remarks.extend(keep.then_some(Item::Problem(problem)));
            }
            Record::End(_) => ended = true,
            Record::Result(_) | Record::Progress(_) | Record::Foreign(_) => {}
        }
        Ok(())
    })?;
    if !ended {
        return Err(bad(
            "the plan has no end: it was cut short, or the program before this one failed",
        ));
    }
    check(plan).map(|plan| Given::Plan(Box::new(plan)))
}

fn check(mut plan: Plan) -> Result<Plan> {
    plan.changes.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some(pair) = plan
        .changes
        .windows(2)
        .find(|pair| pair[0].path == pair[1].path)
    {
        return Err(bad(format!("{} occurs twice", pair[0].path)));
    }
    // A bundle's names none: all comes from the bundle.
    let sources = plan.header.sources.len().max(1);
    match plan
        .changes
        .iter()
        .find(|c| c.new.is_some() && c.source as usize >= sources)
    {
        Some(change) => Err(bad(format!(
            "{} comes from a source that the header does not name",
            change.path
        ))),
        None => match conflict::find(&plan.changes) {
            Some(why) => Err(bad(why)),
            None => Ok(plan),
        },
    }
}

fn sorted_lines(mut lines: Vec<Line>) -> Result<Vec<Line>> {
    lines.sort_by(|a, b| a.path.cmp(&b.path));
    match lines.windows(2).find(|pair| pair[0].path == pair[1].path) {
        Some(pair) => Err(bad(format!("{} occurs twice", pair[0].path))),
        None => Ok(lines),
    }
}
