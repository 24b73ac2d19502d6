//! The stat cache: for each directory that was recorded, what its entries looked like to stat(2) and what
//! they held, so that an unchanged file need not be read again.
//!
//! **Racy timestamps.** A file that is written twice within one tick of the file system's clock keeps its times and
//! size. So an entry is remembered only when its mtime and ctime are older than the start of the recording by
//! more than a tick: whatever changed it after that got another ctime. The kernel's clock for
//! files ticks at least every 10 ms (`CONFIG_HZ` of 100), we allow 20; times with no nanoseconds at all come from a
//! file system that counts seconds, or two (FAT), and must be 2 s older.
//!
//! A remembered content is in the repository: the rows are written in the transaction that enters the
//! archive; whatever makes the catalog anew empties the cache, and what removes archives takes out
//! what they alone held.

use rusqlite::{OptionalExtension, Transaction, params};

use crate::model::{ContentId, Entry, Inode, RelPath, Result, State, Time, Xattrs};
use crate::repo::store::Repo;
use crate::repo::text::PathText;

/// A clock that counts in nanoseconds ticks at least this often.
const TICK_NS: u128 = 20_000_000;
/// One that counts in seconds, at least this often.
const COARSE_NS: u128 = 2_000_000_000;

/// What is remembered of one entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Its name.
    pub name: Box<[u8]>,
    /// Which inode it was, and when it last changed.
    pub inode: Inode,
    /// Its length.
    pub size: u64,
    /// Its modification time.
    pub mtime: Time,
    /// What it held.
    pub content: Option<ContentId>,
    /// The list of its chunks.
    pub chunks: Option<ContentId>,
    /// Its extended attributes.
    pub xattrs: Xattrs,
}

/// What is remembered of a directory, sorted by name, and as it is kept.
#[derive(Clone, Default, Debug)]
pub struct Memory {
    seen: Vec<Seen>,
    raw: Vec<u8>,
}

/// Whether a recording that began at `start` may remember this state.
pub fn is_settled(state: &State, start: Time) -> bool {
    let Some(inode) = state.inode else {
        return false;
    };
    let coarse = state.mtime.nanos == 0 && inode.ctime.nanos == 0;
    let tick = if coarse { COARSE_NS } else { TICK_NS };
    [state.mtime, inode.ctime]
        .into_iter()
        .all(|t| t < start && start.distance_ns(t) > tick)
}

impl Memory {
    /// What is remembered of an entry, if it still looks the same.
    pub fn recall(&self, entry: &Entry) -> Option<&Seen> {
        let at = self
            .seen
            .binary_search_by(|seen| (*seen.name).cmp(&*entry.name))
            .ok()?;
        let seen = &self.seen[at];
        let state = &entry.state;
        let same =
            state.inode == Some(seen.inode) && state.size == seen.size && state.mtime == seen.mtime;
        same.then_some(seen)
    }

    /// What is remembered of names that were not `examined` (which are sorted), with what was `seen` of those that were.
    pub fn amended(&self, examined: &[&[u8]], seen: Vec<Seen>) -> Vec<Seen> {
        let untouched = |s: &&Seen| examined.binary_search(&&*s.name).is_err();
        let mut all: Vec<Seen> = self.seen.iter().filter(untouched).cloned().collect();
        all.extend(seen);
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// What to remember from now on; `None` when that is what is remembered already.
    pub fn replace(&self, seen: &[Seen]) -> Option<Vec<u8>> {
        let raw = encode(seen);
        (raw != self.raw).then_some(raw)
    }

    /// How many entries are remembered.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

fn put_time(out: &mut Vec<u8>, time: Time) {
    out.extend(time.secs.to_le_bytes());
    out.extend(time.nanos.to_le_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend(bytes);
}

fn encode(seen: &[Seen]) -> Vec<u8> {
    let mut out = Vec::with_capacity(seen.len() * 128);
    for one in seen {
        put_bytes(&mut out, &one.name);
        for n in [one.inode.dev, one.inode.ino, one.size] {
            out.extend(n.to_le_bytes());
        }
        put_time(&mut out, one.inode.ctime);
        put_time(&mut out, one.mtime);
        let flags = u8::from(one.content.is_some()) | (u8::from(one.chunks.is_some()) << 1);
        out.push(flags);
        for id in [one.content, one.chunks].into_iter().flatten() {
            out.extend(id.0);
        }
        out.extend((one.xattrs.len() as u32).to_le_bytes());
        for (name, value) in &one.xattrs {
            put_bytes(&mut out, name);
            put_bytes(&mut out, value);
        }
    }
    out
}

/// Reads what [`encode`] wrote, front to back.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(part)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn time(&mut self) -> Option<Time> {
        Some(Time::new(self.u64()? as i64, self.u32()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(length as usize)
    }

    fn id(&mut self, there: bool) -> Option<Option<ContentId>> {
        match there {
            true => ContentId::from_slice(self.take(32)?).map(Some),
            false => Some(None),
        }
    }

    fn seen(&mut self) -> Option<Seen> {
        let name = Box::from(self.bytes()?);
        let (dev, ino, size) = (self.u64()?, self.u64()?, self.u64()?);
        let (ctime, mtime) = (self.time()?, self.time()?);
        let flags = self.take(1)?[0];
        let content = self.id(flags & 1 != 0)?;
        let chunks = self.id(flags & 2 != 0)?;
        let count = self.u32()?;
        let mut xattrs = Vec::new();
        for _ in 0..count {
            xattrs.push((self.bytes()?.to_vec(), self.bytes()?.to_vec()));
        }
        Some(Seen {
            name,
            inode: Inode { dev, ino, ctime },
            size,
            mtime,
            content,
            chunks,
            xattrs,
        })
    }
}

/// What a row holds: what is remembered of the directory at `path`, and a sum, since SQLite does not see when
/// bytes of it change; and wrong memory would become a wrong snapshot.
fn summed(path: &RelPath, raw: &[u8]) -> Vec<u8> {
    [raw, &sum_of(path, raw).to_le_bytes()].concat()
}

fn sum_of(path: &RelPath, raw: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(path.as_bytes());
    sum.update(b"\0");
    sum.update(raw);
    sum.finalize()
}

/// What a row says, if it is what was written.
fn unsummed(path: &RelPath, mut row: Vec<u8>) -> Option<Vec<u8>> {
    let at = row.len().checked_sub(4)?;
    let said: [u8; 4] = row.split_off(at).try_into().ok()?;
    (sum_of(path, &row).to_le_bytes() == said).then_some(row)
}

/// Whether a row is what was written, of the directory with that path.
pub(super) fn is_whole(path: &[u8], row: Vec<u8>) -> bool {
    path_of(path).is_some_and(|path| unsummed(&path, row).is_some())
}

/// The path of a row.
fn path_of(raw: &[u8]) -> Option<RelPath> {
    match raw {
        b"" => Some(RelPath::root()),
        path => RelPath::parse(path).ok(),
    }
}

/// Malformed memory is no memory.
fn decode(raw: Vec<u8>) -> Memory {
    let mut seen = Vec::new();
    let mut cursor = Cursor(&raw);
    while !cursor.0.is_empty() {
        match cursor.seen() {
            Some(one) => seen.push(one),
            None => return Memory::default(),
        }
    }
    Memory { seen, raw }
}

impl Repo {
    /// The number under which a recorded directory's rows are kept, if there are any.
    pub(crate) fn stat_root(&self, directory: &PathText) -> Result<Option<i64>> {
        self.ask(|c| {
            c.db.query_row(
                "SELECT n FROM stat_roots WHERE path = ?1",
                [&directory.0],
                |r| r.get(0),
            )
            .optional()
        })
    }

    /// What is remembered of one directory below it.
    pub(crate) fn memory(&self, root: i64, path: &RelPath) -> Result<Memory> {
        let row: Option<Vec<u8>> = self.ask(|c| {
            c.db.prepare_cached("SELECT children FROM stat WHERE root = ?1 AND path = ?2")?
                .query_row(params![root, path.as_bytes()], |r| r.get(0))
                .optional()
        })?;
        let raw = row.and_then(|row| unsummed(path, row));
        Ok(raw.map_or_else(Memory::default, decode))
    }

    /// How many directories are remembered.
    pub(crate) fn memories(&self, root: i64) -> Result<u64> {
        self.ask(|c| {
            let sql = "SELECT count(*) FROM stat WHERE root = ?1";
            c.db.query_row(sql, [root], |r| r.get::<_, i64>(0))
        })
        .map(|n| n as u64)
    }
}

/// Writes what changed, and forgets the directories that are not among `kept` (when given).
///
/// # Errors
/// SQLite's.
pub fn remember(
    tx: &Transaction<'_>,
    directory: &PathText,
    changed: &[(RelPath, Vec<u8>)],
    kept: Option<&std::collections::HashSet<RelPath>>,
) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT OR IGNORE INTO stat_roots (path) VALUES (?1)",
        [&directory.0],
    )?;
    let root: i64 = tx.query_row(
        "SELECT n FROM stat_roots WHERE path = ?1",
        [&directory.0],
        |r| r.get(0),
    )?;
    if let Some(kept) = kept {
        let mut all = tx.prepare_cached("SELECT path FROM stat WHERE root = ?1")?;
        let paths: Vec<Vec<u8>> = all
            .query_map([root], |r| r.get(0))?
            .collect::<Result<_, _>>()?;
        for path in paths {
            if !path_of(&path).is_some_and(|p| kept.contains(&p)) {
                tx.execute(
                    "DELETE FROM stat WHERE root = ?1 AND path = ?2",
                    params![root, path],
                )?;
            }
        }
    }
    let mut write = tx
        .prepare_cached("INSERT OR REPLACE INTO stat (root, path, children) VALUES (?1, ?2, ?3)")?;
    for (path, raw) in changed {
        write.execute(params![root, path.as_bytes(), summed(path, raw)])?;
    }
    Ok(())
}

/// Forgets the files of which `keep` does not know the content.
///
/// # Errors
/// SQLite's.
pub fn retain(tx: &Transaction<'_>, keep: impl Fn(&ContentId) -> bool) -> rusqlite::Result<()> {
    let mut all = tx.prepare("SELECT root, path, children FROM stat")?;
    let mut rows = all.query([])?;
    let mut changed: Vec<(i64, Vec<u8>, Vec<u8>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let raw_path: Vec<u8> = row.get(1)?;
        let Some(path) = path_of(&raw_path) else {
            continue;
        };
        let raw = unsummed(&path, row.get(2)?);
        let mut memory = raw.map_or_else(Memory::default, decode);
        let before = memory.seen.len();
        let fits = |seen: &Seen| seen.content.is_none_or(|content| keep(&content));
        memory.seen.retain(fits);
        if memory.seen.len() < before {
            changed.push((row.get(0)?, raw_path, summed(&path, &encode(&memory.seen))));
        }
    }
    for (root, path, children) in changed {
        tx.execute(
            "UPDATE stat SET children = ?3 WHERE root = ?1 AND path = ?2",
            params![root, path, children],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back() {
        let seen = vec![Seen {
            name: Box::from(&b"a\xff"[..]),
            inode: Inode {
                dev: 1,
                ino: 2,
                ctime: Time::new(-3, 4),
            },
            size: 5,
            mtime: Time::new(6, 7),
            content: Some(ContentId([8; 32])),
            chunks: None,
            xattrs: vec![(b"user.x".to_vec(), vec![9, 0])],
        }];
        let memory = decode(encode(&seen));
        assert_eq!(memory.seen, seen);
        assert_eq!(memory.replace(&seen), None);
        assert!(decode(encode(&seen)[1..].to_vec()).is_empty());
        let (here, there) = (RelPath::root(), RelPath::root().join(b"d"));
        let mut row = summed(&here, b"memory");
        assert_eq!(unsummed(&here, row.clone()).unwrap(), b"memory");
        assert_eq!(unsummed(&there, row.clone()), None);
        row[2] ^= 1;
        assert_eq!(unsummed(&here, row), None);
    }
}
