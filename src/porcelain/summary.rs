//! What a run did, from the records that its last stage prints: one line of counts, and how to take it back.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ChildStdout;
use std::time::Instant;

use crate::cli::human;
use crate::model::quote::quote;
use crate::model::{Counts, Error, ErrorKind, Result, SnapshotId, Status};
use crate::porcelain::session::Session;
use crate::porcelain::shell;
use crate::protocol::{Input, Outcome, Record, SnapshotRecord};

/// How many characters of an id are shown: unique in any repository that fits on a disk.
pub const SHORT_ID: usize = 12;

/// Changes by status.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally([u64; Status::ALL.len()]);

impl Tally {
    /// Of a plan.
    pub fn of(counts: &Counts) -> Self {
        let mut tally = Tally::default();
        let all = Status::ALL.into_iter();
        all.for_each(|status| tally.0[status as usize] = counts.of(status));
        tally
    }

    /// Counts one.
    pub fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Hands on every record that `program` prints.
///
/// # Errors
/// [`ErrorKind::Failed`] when something in it is no record; the rest has been read nevertheless, so that
/// the program could finish.
pub fn each_record(from: ChildStdout, program: &str, mut take: impl FnMut(Record)) -> Result<()> {
    let odd = |e: Error| {
        let message = format!("its output cannot be understood: {}", e.cause());
        Error::at(ErrorKind::Failed, program, message)
    };
    let mut reader = match Input::open(from).map_err(odd)? {
        Input::Nothing => return Ok(()),
        Input::Records(reader) => reader,
        Input::Lines(_) => {
            let error = Error::new(ErrorKind::BadInput, "lines instead of records");
            return Err(odd(error));
        }
    };
    let mut fault = None;
    loop {
        match reader.next_record() {
            Ok(Some(record)) => take(record),
            Ok(None) => return fault.map_or(Ok(()), |e| Err(odd(e))),
            Err(e) if e.kind() == ErrorKind::BadInput => fault = fault.or(Some(e)),
            Err(e) => return Err(odd(e)),
        }
    }
}

impl fmt::Display for Tally {
    /// `3 added, 1 deleted`; nothing when there is nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |status| match status {
            Status::Added => "added",
            Status::Modified => "modified",
            Status::TypeChanged => "of another kind",
            Status::Deleted => "deleted",
            Status::Renamed => "renamed",
            Status::Touched => "with new metadata",
        };
        let some = Status::ALL.into_iter().filter(|s| self.0[*s as usize] > 0);
        for (at, status) in some.enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            write!(f, "{comma}{} {}", self.0[status as usize], word(status))?;
        }
        Ok(())
    }
}

/// Gathers the records of a run.
pub struct Summary<'a> {
    session: &'a Session,
    began: Instant,
    tag: Option<&'a OsStr>,
    done: Tally,
    outcomes: [u64; Outcome::ALL.len()],
    snapshot: Option<SnapshotRecord>,
    bytes: u64,
}

impl<'a> Summary<'a> {
    /// An empty one; `tag` is what the snapshot was to be called.
    pub fn new(session: &'a Session, tag: Option<&'a OsStr>) -> Self {
        Summary {
            session,
            began: Instant::now(),
            tag,
            done: Tally::default(),
            outcomes: [0; Outcome::ALL.len()],
            snapshot: None,
            bytes: 0,
        }
    }

    /// Reads everything that the last stage prints.
    ///
    /// # Errors
    /// As [`each_record`].
    pub fn read(&mut self, from: ChildStdout) -> Result<()> {
        each_record(from, "fsync-apply", |record| self.take(record))
    }

    /// What was not done the stages have said themselves, an entry a line.
    fn take(&mut self, record: Record) {
        match record {
            Record::Result(result) => {
                self.outcomes[result.outcome as usize] += 1;
                if result.outcome == Outcome::Done {
                    self.done.add(result.status);
                }
            }
            Record::Snapshot(snapshot) => self.snapshot = Some(snapshot),
            Record::End(end) => self.bytes = end.counts.bytes,
            _ => {}
        }
    }

    /// Prints the counts, how long it took and the way back; of an unfinished run only what it had done.
    ///
    /// # Errors
    /// When the current directory is unknown.
    pub fn print(&self, finished: bool, destination: &Path) -> Result<()> {
        let talk = self.session.talk;
        let results = self.outcomes.iter().sum::<u64>();
        if finished && results == 0 {
            self.nothing();
        }
        if results > 0 {
            let name = quote(destination.as_os_str().as_bytes());
            talk.note(&format!("{name}: {} {}", self.counts(), self.cost()));
        }
        match &self.snapshot {
            Some(snapshot) if self.done.total() > 0 => {
                let (command, dir) = self.session.advice(destination)?;
                let id = short(&snapshot.id);
                talk.note(&format!(
                    "the state before is snapshot {id}; this takes it back: {command} rv -d {}",
                    shell::word(dir.as_os_str())
                ));
            }
            _ => {}
        }
        Ok(())
    }

    /// Prints how long a revert took and the way back from it.
    ///
    /// # Errors
    /// When the current directory is unknown.
    pub fn print_way_back(&self, named: Option<&Path>, way: &str) -> Result<()> {
        let Some(snapshot) = self.snapshot.as_ref().filter(|_| self.done.total() > 0) else {
            return Ok(());
        };
        let recorded = Path::new(OsStr::from_bytes(&snapshot.directory));
        let (command, dir) = self.session.advice(named.unwrap_or(recorded))?;
        let dir = shell::word(dir.as_os_str());
        self.session.talk.note(&format!(
            "{} {}; this takes it back: {command} rv -d {dir}{way}",
            self.counts(),
            self.cost()
        ));
        Ok(())
    }

    /// How many bytes of contents were brought, and how long that took.
    fn cost(&self) -> String {
        let time = human::duration(self.began.elapsed());
        match self.bytes {
            0 => format!("in {time}"),
            bytes => format!("({}) in {time}", human::size(bytes)),
        }
    }

    fn nothing(&self) {
        match self.tag {
            Some(tag) => self.session.talk.note(&format!(
                "nothing to do; no snapshot was needed, so the tag {} was not set",
                quote(tag.as_bytes())
            )),
            None => self.session.talk.note("nothing to do"),
        }
    }

    fn counts(&self) -> String {
        let mut parts = Vec::new();
        if self.done.total() > 0 {
            parts.push(self.done.to_string());
        }
        for outcome in Outcome::ALL.into_iter().skip(1) {
            let count = self.outcomes[outcome as usize];
            let words = match outcome {
                Outcome::Already => "as planned already",
                Outcome::Held => "held back",
                other => other.word(),
            };
            if count > 0 {
                parts.push(format!("{count} {words}"));
            }
        }
        parts.join(", ")
    }
}

/// An id as people see it.
pub fn short(id: &SnapshotId) -> String {
    let mut text = id.to_string();
    text.truncate(SHORT_ID);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RelPath;
    use crate::porcelain::arguments::Global;
    use crate::protocol::ResultRecord;

    #[test]
    fn counts_in_words() {
        let session = Session::new(Global::default()).unwrap();
        let mut summary = Summary::new(&session, None);
        let mut add = |status, outcome| {
            let path = RelPath::parse(b"a").unwrap();
            summary.take(Record::Result(ResultRecord {
                path,
                status,
                outcome,
                message: None,
            }));
        };
        add(Status::Deleted, Outcome::Done);
        add(Status::Added, Outcome::Done);
        add(Status::Added, Outcome::Done);
        add(Status::Touched, Outcome::Already);
        add(Status::Modified, Outcome::Stale);
        let words = "2 added, 1 deleted, 1 as planned already, 1 stale";
        assert_eq!(summary.counts(), words);
    }

    #[test]
    fn ids_are_short() {
        assert_eq!(short(&SnapshotId([0xab; 20])), "abababababab");
    }
}
