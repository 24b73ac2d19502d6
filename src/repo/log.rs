//! The log: what happened, one JSON object a line, only ever appended to.
//!
//! Each line begins with the CRC-32 of what follows: `{"crc":"0123abcd","type":…}`. Appending takes
//! flock on the file and ends with fsync. What a crash tore at the end (a line without its end, lines with
//! bytes that never came and are zero) counts as not written: readers stop before it, and the next append cuts it off.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use crate::model::{Error, Result, SnapshotId, Time};
use crate::repo::plain;
use crate::repo::text::PathText;
use crate::repo::torn::heal;

/// How many bytes tell one log from another: a line ends with a time in nanoseconds.
const TAIL: u64 = 256;
/// No line is longer, in bytes: one of more, or a file of that much and no newline, is nothing that was written here.
pub(super) const LONGEST: u64 = 16 << 20;

/// What an operation does to its directory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// A plan is performed.
    Apply,
    /// The directory goes back to a snapshot.
    Revert,
    /// A revert is taken back.
    Redo,
}

impl Work {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Work::Apply => "apply",
            Work::Revert => "revert",
            Work::Redo => "redo",
        }
    }
}

/// A source of an operation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Its path, absolute.
    #[serde(flatten)]
    pub path: PathText,
    /// Whether it was a mount point.
    #[serde(default)]
    pub mounted: bool,
}

/// An operation that begins.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Begin {
    /// The directory that changes.
    pub directory: PathText,
    /// What is done to it.
    pub work: Work,
    /// The snapshot of its state before.
    #[serde(default)]
    pub before: Option<SnapshotId>,
    /// The snapshot that it is made to be.
    #[serde(default)]
    pub target: Option<SnapshotId>,
    /// Where the new state comes from.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// The process.
    pub pid: u32,
    /// When.
    pub time: Time,
}

/// The outcome of an operation that did all that it was to do.
pub const DONE: &str = "done";

/// An operation that ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finish {
    /// Which one.
    pub op: u64,
    /// `done`, or what it was.
    pub outcome: String,
    /// The head afterwards.
    #[serde(default)]
    pub head: Option<SnapshotId>,
    /// When.
    pub time: Time,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first line: which repository this is.
    Repository {
        /// A random number in hex.
        id: String,
        /// The format's number.
        format: u32,
        /// When it was made.
        time: Time,
    },
    /// A snapshot was committed.
    Snapshot {
        /// Its id.
        id: SnapshotId,
        /// What it records.
        directory: PathText,
        /// When it was committed.
        time: Time,
        /// It came out of a zip file, and is no state that the directory had.
        #[serde(default, skip_serializing_if = "is_false")]
        imported: bool,
    },
    /// A directory's head moved.
    Head {
        /// The directory.
        directory: PathText,
        /// Its head; `null`: before its first snapshot.
        id: Option<SnapshotId>,
        /// When.
        time: Time,
    },
    /// An operation began; its number is where this line begins in the log, in bytes.
    Begin(Begin),
    /// An operation ended.
    Finish(Finish),
    /// A tag was set or moved, or (without an id) deleted.
    Tag {
        /// The directory that it belongs to.
        directory: PathText,
        /// The tag.
        tag: String,
        /// Where it points now.
        id: Option<SnapshotId>,
        /// When.
        time: Time,
    },
    /// A pack is about to be committed: what it says is gone, this repository has removed.
    Pack {
        /// Its id.
        id: SnapshotId,
        /// When.
        time: Time,
    },
    /// An archive is in the store that machines share: it is that long, and what everybody reads of it is at its end.
    Stored {
        /// Its id.
        id: SnapshotId,
        /// Its length.
        size_bytes: u64,
        /// How many bytes at its end are no contents.
        tail_bytes: u64,
    },
    /// This machine knows of a pack that another one has made: what it records from now on needs nothing that the pack
    /// says is gone.
    Seen {
        /// The pack.
        pack: SnapshotId,
    },
    /// Something that a later program wrote down: passed over.
    #[serde(other)]
    Other,
}

/// What [`Log::read`] finds.
#[derive(Debug, Default)]
pub struct Lines {
    /// The lines with their offsets.
    pub lines: Vec<(u64, Line)>,
    /// Offsets of whole lines that are not what was written.
    pub damaged: Vec<u64>,
    /// Where the last whole line ends.
    pub end: u64,
}

/// The log of a repository.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
}

impl Log {
    /// The log file at `path`, which need not exist.
    pub fn new(path: &Path) -> Self {
        Log { path: path.into() }
    }

    fn failed(&self, operation: &str, e: impl Into<std::io::Error>) -> Error {
        Error::io(operation, self.path.as_os_str().as_bytes(), e)
    }

    /// Appends lines, durable when it returns; where each begins.
    ///
    /// # Errors
    /// When the system refuses; then none of the lines counts.
    pub fn append(&self, lines: &[Line]) -> Result<Vec<u64>> {
        self.write(lines, false)
    }

    /// Writes the first line, unless there is one.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn begin(&self, line: Line) -> Result<()> {
        self.write(&[line], true).map(|_| ())
    }

    fn write(&self, lines: &[Line], only_first: bool) -> Result<Vec<u64>> {
        let cannot = |e: std::io::Error| self.failed("cannot write the log", e);
        let mut options = File::options();
        options.read(true).append(true).create(true);
        let mut file = plain::open_with(&mut options, &self.path).map_err(cannot)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|e| cannot(e.into()))?;
        let end = heal(&mut file).map_err(cannot)?;
        if only_first && end > 0 {
            return Ok(Vec::new());
        }
        let mut text = Vec::new();
        let mut places = Vec::with_capacity(lines.len());
        for line in lines {
            places.push(end + text.len() as u64);
            encode(line, &mut text);
        }
        let written = file.write_all(&text).and_then(|()| file.sync_all());
        written.map_err(|e| {
            // Half of it may be there; the next append would keep whole lines of it.
            let _ = file.set_len(end);
            cannot(e)
        })?;
        Ok(places)
    }

    /// Reads from byte `from`, which begins a line, to the last whole line; a missing log is empty.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, from: u64) -> Result<Lines> {
        let cannot = |e: std::io::Error| self.failed("cannot read the log", e);
        let mut found = Lines {
            end: from,
            ..Lines::default()
        };
        let mut file = match plain::open(&self.path) {
            Ok(file) => BufReader::new(file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            Err(e) => return Err(cannot(e)),
        };
        file.seek(SeekFrom::Start(from)).map_err(cannot)?;
        let (mut line, mut torn) = (Vec::new(), None);
        while let Some(length) = next(&mut file, &mut line).map_err(cannot)? {
            torn = match line.contains(&0) {
                true => torn.or(Some(found.end)),
                false => None,
            };
            match line.strip_suffix(b"\n").and_then(decode) {
                Some(value) => found.lines.push((found.end, value)),
                None => found.damaged.push(found.end),
            }
            found.end += length;
        }
        // As `whole` has it.
        if let Some(torn) = torn {
            found.damaged.retain(|at| *at < torn);
            found.end = torn;
        }
        Ok(found)
    }

    /// The id of the repository, from the first line.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn repository(&self) -> Result<Option<String>> {
        let mut text = [0; 512];
        let read = match plain::open(&self.path) {
            Ok(mut file) => file.read(&mut text),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => Err(e),
        };
        let read = read.map_err(|e| self.failed("cannot read the log", e))?;
        let first = text[..read].split(|b| *b == b'\n').next();
        Ok(match first.and_then(decode) {
            Some(Line::Repository { id, .. }) => Some(id),
            _ => None,
        })
    }

    /// A sum of what ends at byte `end`, by which a log is told from another.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn tail(&self, end: u64) -> Result<u32> {
        use std::os::unix::fs::FileExt;
        let length = end.min(TAIL);
        let mut text = vec![0; length as usize];
        match plain::open(&self.path) {
            Ok(file) => match file.read_exact_at(&mut text, end - length) {
                Ok(()) => Ok(crc32fast::hash(&text)),
                // It is shorter: that is another one.
                Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(!0),
                Err(e) => Err(self.failed("cannot read the log", e)),
            },
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(e) => Err(self.failed("cannot read the log", e)),
        }
    }

    /// The bytes from `from` to `end`, as they were written.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn bytes(&self, from: u64, end: u64) -> Result<Vec<u8>> {
        use std::os::unix::fs::FileExt;
        let cannot = |e: std::io::Error| self.failed("cannot read the log", e);
        let mut text = vec![0; (end - from) as usize];
        let file = plain::open(&self.path).map_err(cannot)?;
        file.read_exact_at(&mut text, from).map_err(cannot)?;
        Ok(text)
    }

    /// How long it is, in bytes.
    pub fn length(&self) -> u64 {
        plain::length(&self.path).unwrap_or(0)
    }
}

/// Reads the next whole line, of one that is too long only the beginning; its length, `None` when there is no other.
fn next(from: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Option<u64>> {
    line.clear();
    let mut length = from.by_ref().take(LONGEST).read_until(b'\n', line)? as u64;
    while length > 0 && line.last() != Some(&b'\n') {
        let part = from.fill_buf()?;
        let (more, ended) = match part.iter().position(|b| *b == b'\n') {
            _ if part.is_empty() => return Ok(None),
            Some(at) => (at + 1, true),
            None => (part.len(), false),
        };
        from.consume(more);
        length += more as u64;
        if ended {
            break;
        }
    }
    Ok((length > 0).then_some(length))
}

/// Appends a line with its sum.
pub fn encode(line: &Line, out: &mut Vec<u8>) {
    // Writing to memory cannot fail, and no map here has keys that are not strings.
    let json = serde_json::to_vec(line).unwrap_or_default();
    let body = json.strip_prefix(b"{").unwrap_or(&json);
    out.extend_from_slice(format!("{{\"crc\":\"{:08x}\",", crc32fast::hash(body)).as_bytes());
    out.extend_from_slice(body);
    out.push(b'\n');
}

/// Reads a line without its newline; `None` when it is not what was written.
pub fn decode(text: &[u8]) -> Option<Line> {
    let rest = text.strip_prefix(b"{\"crc\":\"")?;
    let (crc, rest) = rest.split_at_checked(8)?;
    let body = rest.strip_prefix(b"\",")?;
    let said = u32::from_str_radix(std::str::from_utf8(crc).ok()?, 16).ok()?;
    if said != crc32fast::hash(body) {
        return None;
    }
    let mut json = Vec::with_capacity(body.len() + 1);
    json.push(b'{');
    json.extend_from_slice(body);
    serde_json::from_slice(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(n: u8) -> Line {
        Line::Head {
            directory: PathText(b"/\xff".to_vec()),
            id: Some(SnapshotId([n; 20])),
            time: Time::new(1, 2),
        }
    }

    fn begin() -> Line {
        Line::Begin(Begin {
            directory: PathText(b"/d".to_vec()),
            work: Work::Revert,
            before: Some(SnapshotId([1; 20])),
            target: None,
            sources: vec![Source {
                path: PathText(b"/s".to_vec()),
                mounted: true,
            }],
            pid: 7,
            time: Time::new(3, 4),
        })
    }

    #[test]
    fn lines_come_back_from_where_they_began() {
        let dir = tempfile::tempdir().unwrap();
        let log = Log::new(&dir.path().join("log"));
        assert_eq!(log.read(0).unwrap().end, 0);
        let places = log.append(&[head(1), begin()]).unwrap();
        let all = log.read(0).unwrap();
        assert_eq!(all.lines, [(0, head(1)), (places[1], begin())]);
        assert_eq!(log.read(places[1]).unwrap().lines.len(), 1);
        assert_eq!(all.end, log.length());
    }

    #[test]
    fn a_torn_line_is_passed_over_and_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Log::new(&path);
        log.append(&[head(1), head(2)]).unwrap();
        let text = std::fs::read(&path).unwrap();
        for cut in 1..text.len() / 2 {
            std::fs::write(&path, &text[..text.len() - cut]).unwrap();
            assert_eq!(log.read(0).unwrap().lines.len(), 1, "{cut}");
        }
        log.append(&[head(3)]).unwrap();
        let lines: Vec<_> = log
            .read(0)
            .unwrap()
            .lines
            .into_iter()
            .map(|l| l.1)
            .collect();
        assert_eq!(lines, [head(1), head(3)]);
    }

    #[test]
    fn a_line_whose_beginning_never_came_is_cut_off_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Log::new(&path);
        log.append(&[head(1), head(2)]).unwrap();
        let text = std::fs::read(&path).unwrap();
        let half = text.len() / 2;
        for zeros in [1, half, half + 10, 200_000] {
            let mut torn = text[..half].to_vec();
            torn.resize(half + zeros, 0);
            torn.extend(&text[text.len() - 20..]);
            std::fs::write(&path, &torn).unwrap();
            let found = log.read(0).unwrap();
            assert_eq!((found.lines.len(), found.damaged.len()), (1, 0));
            assert_eq!(found.end, half as u64);
            assert_eq!(log.append(&[head(3)]).unwrap(), [half as u64]);
            assert_eq!(log.read(0).unwrap().lines.len(), 2);
        }
    }

    #[test]
    fn a_changed_line_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Log::new(&path);
        log.append(&[head(1), head(2)]).unwrap();
        let mut text = std::fs::read(&path).unwrap();
        text[30] ^= 1;
        std::fs::write(&path, text).unwrap();
        let found = log.read(0).unwrap();
        assert_eq!((found.lines.len(), found.damaged), (1, vec![0]));
    }
}
