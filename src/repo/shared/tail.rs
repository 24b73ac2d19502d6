//! The end of an archive, where its directory, its manifest and what it says of itself are: the part that every machine
//! has of every archive.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use crate::model::{Error, ErrorKind, Result, SnapshotId};
use crate::repo::folder::{archives, named};
use crate::repo::plain;
use crate::repo::reader;
use crate::repo::shared::{MOST, Put, Store, mirror, name};
use crate::repo::volume::Volume;

/// Parts of our own folder that lie among contents, or are some.
const CONTENTS: [&str; 3] = ["ABOUT", "content", "chunk"];

/// Where the end of an archive begins: behind the last content. `folder` is that of what is no content.
///
/// # Errors
/// When it cannot be read.
pub fn begin(archive: &Volume, name: &[u8], folder: &str) -> Result<u64> {
    let mut items = Vec::new();
    reader::read(archive, name, |item| {
        let inner = item.name.strip_prefix(folder.as_bytes());
        let kind = inner.and_then(|rest| rest.strip_prefix(b"/"));
        let kind = kind.and_then(|rest| rest.split(|b| *b == b'/').next());
        let ours = kind.is_some_and(|kind| !CONTENTS.iter().any(|c| c.as_bytes() == kind));
        items.push((item.offset, ours));
        Ok(())
    })?;
    items.sort_unstable();
    let last = items.iter().rposition(|(_, ours)| !ours);
    let first = last.map_or(0, |at| at + 1);
    match items.get(first) {
        Some((offset, _)) => Ok(*offset),
        None => archive
            .length()
            .map_err(|e| Error::io("cannot examine", name, e)),
    }
}

/// Stores an archive.
///
/// # Errors
/// The store's.
pub fn upload(store: &dyn Store, id: SnapshotId, file: &File, length: u64) -> Result<()> {
    let mut from = Whole { file, at: 0 };
    // One of that name has the same bytes, whoever put it.
    let _: Put = store.put(&name::archive(id), &mut from, length)?;
    Ok(())
}

struct Whole<'f> {
    file: &'f File,
    at: u64,
}

impl std::io::Read for Whole<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Gives the room of what lies before byte `tail` back, where the file system can.
pub fn empty(file: &File, tail: u64) {
    if tail > 0 {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let _ = fallocate(file.as_fd(), flags, 0, tail);
    }
}

/// Fills a file with the end of an archive, at its place; whether the store has it.
///
/// # Errors
/// The store's; [`ErrorKind::Damaged`] when it is not as long as was said.
pub fn fetch(store: &dyn Store, id: SnapshotId, tail: u64, size: u64, file: &File) -> Result<bool> {
    let key = name::archive(id);
    let cannot = |e| Error::io("cannot write the end of", &key, e);
    file.set_len(size).map_err(cannot)?;
    let mut at = tail;
    while at < size {
        let wanted = (size - at).min(MOST);
        match store.get(&key, at, wanted)? {
            None => return Ok(false),
            Some(bytes) if bytes.len() as u64 == wanted => {
                file.write_all_at(&bytes, at).map_err(cannot)?;
            }
            Some(_) => {
                let message = "is shorter in the store than was said";
                return Err(Error::at(ErrorKind::Damaged, key, message));
            }
        }
        at += wanted;
    }
    Ok(true)
}

/// Writes down where the end begins, and which machine made the archive.
///
/// # Errors
/// The system's.
pub fn note(folder: &Path, id: SnapshotId, tail: u64, machine: &str) -> Result<()> {
    mirror::write(
        folder,
        &format!("{id}.tail"),
        format!("{tail} {machine}\n").as_bytes(),
    )
}

/// Removes what was written down of an archive.
pub fn forget(folder: &Path, id: SnapshotId) {
    // Whatever stays is a few bytes of a cache.
    let _ = std::fs::remove_file(folder.join(format!("{id}.tail")));
}

/// The archives of which something is written down, and no end is there.
pub fn alone(folder: &Path) -> Vec<SnapshotId> {
    let there: HashSet<SnapshotId> = archives(folder).collect();
    named(folder, ".tail")
        .filter(|id| !there.contains(id))
        .collect()
}

/// What was written down of an archive: where its end begins, and the whole name of the machine that made it; `None` when
/// nothing was.
///
/// # Errors
/// The system's; [`ErrorKind::Damaged`] when that is something else.
pub fn noted(folder: &Path, id: SnapshotId) -> Result<Option<(u64, String)>> {
    let path = folder.join(format!("{id}.tail"));
    let name = path.as_os_str().as_bytes();
    let text = match plain::read(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("cannot read", name, e)),
    };
    let text = String::from_utf8_lossy(&text);
    let words = text.trim_end().split_once(' ');
    let parsed = words.and_then(|(tail, machine)| Some((tail.parse().ok()?, machine.to_string())));
    parsed.map(Some).ok_or_else(|| {
        let message = "is not what was written there; remove its folder, which is a cache";
        Error::at(ErrorKind::Damaged, name, message)
    })
}
