//! The plan: read and checked as fsync-apply does it, kept in a file without a name, and passed on as it came, but for what
//! was not chosen.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};

use fsync::cli::plan::{Given, read};
use fsync::model::{Change, Error, ErrorKind, Result};
use fsync::protocol::{End, Header, Input, Record, Writer};

use crate::choice::Choice;

/// A complete plan.
pub struct Plan {
    /// Where from and where to.
    pub header: Header,
    /// The changes, in path order, each path once.
    pub changes: Vec<Change>,
    /// How many errors, and skips for cause, those before met.
    pub troubles: u64,
    /// All of it as it came.
    spool: File,
}

/// Reads, and keeps what is read.
struct Kept<R> {
    from: R,
    to: BufWriter<File>,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.from.read(buffer)?;
        self.to.write_all(&buffer[..size])?;
        Ok(size)
    }
}

fn lost(error: io::Error) -> Error {
    Error::io("cannot keep the plan", "standard input", error)
}

fn bad(why: &str) -> Error {
    Error::at(ErrorKind::BadInput, "standard input", why)
}

impl Plan {
    /// Reads all of it.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] for whatever is malformed, cut or in conflict with itself, or is in the line form.
    pub fn read(from: impl Read) -> Result<Self> {
        let to = BufWriter::with_capacity(1 << 16, tempfile::tempfile().map_err(lost)?);
        let mut kept = Kept { from, to };
        let given = read(&mut kept)?;
        let plan = match given {
            Given::Plan(plan) => plan,
            Given::Lines(lines) if lines.is_empty() => {
                return Err(bad(
                    "there is no plan: whatever should have written it failed",
                ));
            }
            Given::Lines(_) => {
                return Err(bad(
                    "lines, where records are needed: use fsync-diff --json",
                ));
            }
        };
        let spool = kept.to.into_inner().map_err(|e| lost(e.into_error()))?;
        Ok(Plan {
            header: plan.header,
            changes: plan.changes,
            troubles: plan.troubles,
            spool,
        })
    }

    /// Writes what was chosen: every other record as it came, and an end that counts what is left.
    ///
    /// # Errors
    /// [`ErrorKind::Stdout`].
    pub fn pass(&mut self, choice: &Choice, to: impl Write) -> Result<()> {
        self.spool.rewind().map_err(lost)?;
        let relinked: HashMap<usize, Change> = choice.relinked(&self.changes).into_iter().collect();
        let mut out = Writer::new(to);
        let Input::Records(mut reader) = Input::open(&self.spool)? else {
            return Err(bad("the plan that was kept is gone"));
        };
        while let Some(record) = reader.next_record()? {
            match record {
                Record::Change(change) => {
                    let at = self.changes.binary_search_by(|c| c.path.cmp(&change.path));
                    match at.ok().filter(|at| choice.has(*at)) {
                        None => continue,
                        Some(at) => {
                            if let Some(other) = relinked.get(&at) {
                                out.change(other)?;
                                continue;
                            }
                        }
                    }
                }
                Record::End(end) => {
                    let counts = *choice.counts();
                    out.record(&Record::End(End { counts, ..end }))?;
                    continue;
                }
                _ => {}
            }
            out.raw(reader.raw())?;
            out.raw(b"\n")?;
        }
        out.flush()
    }
}
