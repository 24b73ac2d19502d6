//! `fsync-snap --through`: a plan comes in, its destination is recorded, and only then does its end go out.
//!
//! Without the end nobody downstream begins. So when anything fails here, nothing is changed there.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::cli::guard::Guarded;
use crate::cli::option::GuardArgs;
use crate::cli::place::{Place, Places};
use crate::cli::progress;
use crate::cli::snap::{exit_of, open_for, record_of, report, without_mounts};
use crate::cli::talk::Talk;
use crate::model::{Change, Error, ErrorKind, Exit, Result, Status};
use crate::ops::guard;
use crate::ops::snap::{SnapOptions, lock_directory, snap_locked};
use crate::protocol::stream::Reader;
use crate::protocol::{Header, Input, Record, Root, Writer};
use crate::tree::local::Local;

/// One run.
pub struct Through {
    /// Where roots are opened, and where the repository is.
    pub places: Places,
    /// How to record.
    pub options: SnapOptions,
    /// Whether what is mounted below is left out; a plan's header may ask for it too.
    pub one_file_system: bool,
    /// Whether every guard of apply is asked first.
    pub guard: bool,
    /// What is allowed.
    pub allowed: GuardArgs,
    /// Its voice.
    pub talk: Talk,
}

/// What a plan said, once it is through but for its end.
struct Plan {
    header: Header,
    changes: u64,
    /// Those that guards look at: what deletes or replaces.
    risks: Vec<Change>,
    end: Vec<u8>,
}

fn bad(why: &str) -> Error {
    Error::at(
        ErrorKind::BadInput,
        "standard input",
        format!("{why}; nothing was changed"),
    )
}

impl Through {
    /// Reads standard input to its end, writes standard output.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for a plan that is cut or malformed; whatever recording gives. No `end` was written
    /// then.
    pub fn run(&self) -> Result<Exit> {
        let mut out = Writer::new(io::stdout().lock());
        let plan = forward(&mut out)?;
        // Whoever reads works while we record.
        out.flush()?;
        let mut exit = Exit::Done;
        if plan.changes > 0 {
            exit = self.record(&plan, &mut out)?;
        }
        out.raw(&plan.end)?;
        out.flush()?;
        Ok(exit)
    }

    /// Records the destination; its lock is free again when this returns.
    fn record(&self, plan: &Plan, out: &mut Writer<impl io::Write>) -> Result<Exit> {
        let Root::Directory(path) = &plan.header.destination else {
            return Err(bad("the plan's destination is a snapshot"));
        };
        let path = Path::new(OsStr::from_bytes(path));
        let sources: Vec<Place> = plan.header.sources.iter().map(Place::of).collect();
        let guarded = Guarded {
            places: &self.places,
            sources: &sources,
            destination: path,
            changes: &plan.risks,
            allowed: &self.allowed,
        };
        guarded.check_roots()?;
        if self.guard {
            guarded.check()?;
        }
        let dir = self.open(path)?;
        let repo = open_for(self.places.repository(), &dir)?;
        let dir = dir.hide(repo.identity());
        let held = lock_directory(&dir)?;
        let mut options = self.options.clone();
        if self.one_file_system || plan.header.options.one_file_system {
            options.filter = without_mounts(&options.filter, dir.path())?;
        }
        let done = snap_locked(&repo, &dir, &options, &held)?;
        drop(held);
        progress::done();
        report(self.talk, &repo, &done);
        out.record(&record_of(&dir, &done))?;
        for problem in &done.problems {
            out.record(&Record::Error(problem.clone()))?;
        }
        Ok(exit_of(&done))
    }

    /// Opens the destination; makes it when it is not there.
    fn open(&self, path: &Path) -> Result<Local> {
        match Local::open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => {
                guard::make_destination(path, self.allowed.parents)?;
                Local::open(path)
            }
            other => other,
        }
    }
}

/// Opens the plan on standard input.
fn plan() -> Result<Reader<io::StdinLock<'static>>> {
    match Input::open(io::stdin().lock())? {
        Input::Records(reader) => Ok(reader),
        Input::Lines(_) => Err(bad(
            "lines, where records are needed: use fsync-diff --json",
        )),
        Input::Nothing => Err(bad(
            "there is no plan: whatever should have written it failed",
        )),
    }
}

/// Passes on everything but the end (and a `snapshot` record of an earlier run, which is not this run's).
fn forward(out: &mut Writer<impl io::Write>) -> Result<Plan> {
    let mut reader = plan()?;
    let Some(Record::Header(header)) = reader.next_record()? else {
        return Err(bad("does not begin with a header"));
    };
    let sources = header.sources.len().max(1);
    let (mut changes, mut risks) = (0, Vec::new());
    let line = |raw: &[u8]| [raw, b"\n"].concat();
    out.raw(&line(reader.raw()))?;
    loop {
        match reader.next_record()? {
            None => return Err(bad("has no end record: the plan was cut")),
            Some(Record::End(_)) => break,
            Some(Record::Header(_)) => return Err(bad("has a second header")),
            Some(Record::Snapshot(_)) => continue,
            Some(Record::Change(change)) if change.source as usize >= sources => {
                return Err(bad(
                    "has a change from a source that its header does not name",
                ));
            }
            Some(Record::Change(change)) => {
                changes += 1;
                if matches!(
                    change.status,
                    Status::Deleted | Status::TypeChanged | Status::Renamed
                ) {
                    risks.push(change);
                }
            }
            Some(_) => {}
        }
        out.raw(reader.raw())?;
        out.raw(b"\n")?;
    }
    let mut end = line(reader.raw());
    while let Some(record) = reader.next_record()? {
        if !matches!(record, Record::Foreign(_) | Record::Progress(_)) {
            return Err(bad("goes on after its end"));
        }
        end.extend(line(reader.raw()));
    }
    Ok(Plan {
        header,
        changes,
        risks,
        end,
    })
}
