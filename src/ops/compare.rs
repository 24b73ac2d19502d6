//! Whether two entries are the same: the states first, the contents only where they must be read.

use std::cell::RefCell;
use std::io::Read;

use sha2::{Digest, Sha256};

use crate::model::meter;
use crate::model::{ContentId, Entry, Error, Kind, Result, State, Times, Why, Xattrs, is_access};
use crate::ops::diff::Options;
use crate::tree::{Contents, Dir};

/// How much of each file is read at a time.
const BLOCK: usize = 256 * 1024;

thread_local! {
    /// Reused by every comparison on this thread.
    static BLOCKS: RefCell<(Vec<u8>, Vec<u8>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// How states differ, and whether only the contents can tell more.
pub struct Verdict {
    /// What differs so far.
    pub why: Why,
    /// Contents must be compared: equal sizes, but the times (or `--checksum`) leave it open.
    pub unsure: bool,
}

/// Compares what the entries say of themselves.
pub fn states(source: &Entry, destination: &Entry, options: &Options) -> Verdict {
    let (new, old) = (&source.state, &destination.state);
    let mut why = Why::NONE;
    if new.kind != old.kind {
        return Verdict {
            why: Why::KIND,
            unsure: false,
        };
    }
    let times = options.clock.judge(new.mtime, old);
    let bits = new.kind != Kind::Symlink && !options.any_mode;
    why.set(Why::MTIME, times == Times::Differ);
    why.set(Why::MODE, bits && new.mode != old.mode);
    why.set(Why::OWNER, options.owner && owner_differs(new, old));
    why.set(
        Why::TARGET,
        new.target != old.target || new.rdev != old.rdev,
    );
    let mut unsure = false;
    if new.kind == Kind::File {
        why.set(Why::SIZE, new.size != old.size);
        match (source.content, destination.content) {
            // Two snapshots: the digests tell at no cost.
            (Some(a), Some(b)) => why.set(Why::CONTENT, a != b && new.size == old.size),
            _ => {
                unsure = new.size == old.size
                    && new.size > 0
                    && !options.size_only
                    && (options.checksum || times != Times::Same);
            }
        }
        if options.size_only {
            why = why.without(Why::MTIME);
        }
    }
    Verdict { why, unsure }
}

fn owner_differs(a: &State, b: &State) -> bool {
    (a.uid, a.gid) != (b.uid, b.gid)
}

/// Whether extended attributes are equal; access control lists do not count where modes do not.
pub fn same_attributes(a: &Xattrs, b: &Xattrs, any_mode: bool) -> bool {
    let counts = |pair: &&(Vec<u8>, Vec<u8>)| !(any_mode && is_access(&pair.0));
    a.iter().filter(counts).eq(b.iter().filter(counts))
}

/// Compares the contents of two regular files of equal size.
///
/// # Errors
/// When one cannot be read; the path in the error is the name, and the words say which side.
pub fn contents(a: (&dyn Dir, &Entry), b: (&dyn Dir, &Entry)) -> Result<bool> {
    let known = |side: (&dyn Dir, &Entry)| side.0.digest(side.1).transpose();
    match (known(a)?, known(b)?) {
        (Some(x), Some(y)) => Ok(x == y),
        (Some(x), None) => Ok(x == digest(b)?),
        (None, Some(y)) => Ok(digest(a)? == y),
        (None, None) => bytes(a, b),
    }
}

/// The digest of a file's bytes: known of a snapshot's, computed of a local one.
///
/// # Errors
/// When it cannot be read.
pub fn digest((dir, entry): (&dyn Dir, &Entry)) -> Result<ContentId> {
    if let Some(known) = dir.digest(entry) {
        return known;
    }
    let mut file = dir.open_file(entry)?;
    let mut hash = Sha256::new();
    BLOCKS.with_borrow_mut(|(block, _)| {
        block.resize(BLOCK, 0);
        loop {
            match fill(&mut file, block, &entry.name)? {
                0 => return Ok::<_, Error>(()),
                n => {
                    hash.update(&block[..n]);
                    meter::bytes(n as u64);
                }
            }
        }
    })?;
    Ok(ContentId(hash.finalize().into()))
}

/// Byte by byte: cheaper than hashing both, and stops at the first difference.
fn bytes(a: (&dyn Dir, &Entry), b: (&dyn Dir, &Entry)) -> Result<bool> {
    let mut left = a.0.open_file(a.1)?;
    let mut right = b.0.open_file(b.1)?;
    let mut rest = a.1.state.size;
    BLOCKS.with_borrow_mut(|(x, y)| {
        x.resize(BLOCK, 0);
        y.resize(BLOCK, 0);
        // No further than the size that was listed: a small file is read by one call.
        while rest > 0 {
            let want = usize::try_from(rest).unwrap_or(BLOCK).min(BLOCK);
            let n = fill(&mut left, &mut x[..want], &a.1.name)?;
            let m = fill(&mut right, &mut y[..want], &b.1.name)?;
            meter::bytes(n as u64);
            if x[..n] != y[..m] {
                return Ok(false);
            }
            if n < want {
                break;
            }
            rest -= n as u64;
        }
        Ok(true)
    })
}

/// Reads until the block is full or the file ends.
fn fill(file: &mut Contents, block: &mut [u8], name: &[u8]) -> Result<usize> {
    let mut at = 0;
    while at < block.len() {
        match file.read(&mut block[at..]) {
            Ok(0) => break,
            Ok(n) => at += n,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(Error::io("cannot read", name, e)),
        }
    }
    Ok(at)
}
