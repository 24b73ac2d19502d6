//! Reads the files of a snapshot: once, if they hold still. What changes while it is read is read again, a few
//! times; then it is recorded as it was read last, and said to be unstable.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};

use fastcdc::v2020::StreamCDC;
use rustix::fs::{AtFlags, StatxFlags, statx};
use sha2::{Digest, Sha256};

use crate::model::meter;
use crate::model::{ContentId, Entry, Error, Kind, RelPath, Result, State};
use crate::ops::record::Walk;
use crate::repo::chunk::Chunk;
use crate::repo::large::Large;
use crate::repo::manifest::Child;
use crate::tree::local::state_of;
use crate::tree::{Contents, Dir};

/// From this length on, a file is kept in chunks, in bytes.
pub const LARGE: u64 = 8 << 20;
/// The shortest, the usual and the longest chunk. Part of the format: other numbers cut elsewhere, and share nothing.
const CUTS: (usize, usize, usize) = (256 << 10, 1 << 20, 4 << 20);
/// How often a file that changes while it is read is tried.
const TRIES: usize = 3;

thread_local! {
    // Taken while a file is read, so that it never has two users.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What reading a file gave.
pub(super) enum Reading {
    /// What it is.
    Done(Box<Child>),
    /// It went away meanwhile.
    Gone,
}

impl Walk<'_> {
    /// Reads a file until it holds still, a few times at most.
    pub(super) fn file(&self, dir: &dyn Dir, path: &RelPath, mut entry: Entry) -> Result<Reading> {
        for last in (0..TRIES).rev() {
            let file = match dir.open_file(&entry) {
                Ok(Contents::Local(file)) => file,
                Ok(Contents::Bytes(_) | Contents::Stream(_)) => {
                    return self.unreadable(path, entry, "is not a local file");
                }
                Err(e) => match dir.entry(&entry.name) {
                    Ok(Some(now)) if now.state.kind != Kind::File && last > 0 => {
                        // Another kind took its place; what is recorded is that it could not be read.
                        return self.unreadable(
                            path,
                            entry,
                            "became something else while it was recorded",
                        );
                    }
                    Ok(None) => return Ok(Reading::Gone),
                    _ => return self.unreadable(path, entry, &e.cause()),
                },
            };
            match self.attempt(path, &mut entry, &file, last == 0) {
                Ok(Some(child)) => return Ok(Reading::Done(Box::new(child))),
                Ok(None) => {}
                Err(Fault::File(e)) => {
                    let message = Error::io("cannot read", path.as_bytes(), e).cause();
                    return self.unreadable(path, entry, &message);
                }
                Err(Fault::Repository(e)) => return Err(e),
            }
        }
        self.unreadable(path, entry, "changed while it was read, again and again")
    }

    fn unreadable(&self, path: &RelPath, entry: Entry, message: &str) -> Result<Reading> {
        self.problem(path, "read", message);
        let mut child = Child::new(entry);
        child.unreadable = true;
        Ok(Reading::Done(Box::new(child)))
    }

    /// Reads a file once; `None` when it changed meanwhile. The last try takes what it gets.
    fn attempt(
        &self,
        path: &RelPath,
        entry: &mut Entry,
        file: &File,
        last: bool,
    ) -> Result<Option<Child>, Fault> {
        let before = examine(file)?;
        if before.kind != Kind::File {
            return Err(Fault::File(io::Error::other(
                "is not a regular file any more",
            )));
        }
        entry.state = before;
        if entry.state.size >= LARGE {
            return self.large(path, entry, file);
        }
        let mut buffer = BUFFER.take();
        let child = self.small(path, entry, file, &mut buffer, last);
        BUFFER.set(buffer);
        child
    }

    /// Whether the file is not as it was when `entry` was made, and if it matters: the last try takes what there is.
    fn moved(
        &self,
        path: &RelPath,
        entry: &Entry,
        file: &File,
        child: &mut Child,
        last: bool,
    ) -> io::Result<bool> {
        let moved = child.unstable || examine(file)? != entry.state;
        if moved && last {
            child.unstable = true;
            let message =
                "changed while it was read, again and again; recorded as it was read last";
            self.problem(path, "read", message);
        }
        Ok(moved && !last)
    }

    fn small(
        &self,
        path: &RelPath,
        entry: &Entry,
        mut file: &File,
        buffer: &mut Vec<u8>,
        last: bool,
    ) -> Result<Option<Child>, Fault> {
        let size = entry.state.size as usize;
        buffer.clear();
        buffer.reserve(size + 1);
        // Not to the end: the state afterwards tells whether it grew, which saves a call.
        file.by_ref().take(size as u64).read_to_end(buffer)?;
        meter::bytes(buffer.len() as u64);
        let mut child = Child::new(entry.clone());
        child.unstable = buffer.len() != size;
        // Before it goes into the archive, where a second version would have the same name.
        if self.moved(path, entry, file, &mut child, last)? {
            return Ok(None);
        }
        let id = ContentId(Sha256::digest(&buffer).into());
        child.entry.state.size = buffer.len() as u64;
        child.entry.content = Some(id);
        self.archive
            .file(path, &child.entry.state, id, buffer)
            .map_err(Fault::Repository)?;
        Ok(Some(child))
    }

    /// A long file is read twice, and is what it was the first time or the try fails.
    fn large(&self, path: &RelPath, entry: &Entry, file: &File) -> Result<Option<Child>, Fault> {
        let large = cut(file)?;
        if examine(file)? != entry.state || large.size != entry.state.size {
            return Ok(None);
        }
        let mut child = Child::new(entry.clone());
        child.entry.content = Some(large.id);
        let stored = self.archive.large(path, &child.entry.state, file, &large);
        child.chunks = stored.map_err(Fault::Repository)?;
        Ok(child.chunks.is_some().then_some(child))
    }
}

/// What ends the reading of a file: it, or everything.
enum Fault {
    File(io::Error),
    Repository(Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::File(error)
    }
}

fn examine(file: &File) -> io::Result<State> {
    let stat = statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
    Ok(state_of(&stat, None))
}

/// Reads a long file once: its digest, its crc and its chunks.
pub(super) fn cut(file: &File) -> io::Result<Large> {
    let mut digest = Sha256::new();
    let mut crc = crc32fast::Hasher::new();
    let mut large = Large {
        id: ContentId([0; 32]),
        crc: 0,
        size: 0,
        list: Vec::new(),
    };
    for chunk in StreamCDC::new(file, CUTS.0, CUTS.1, CUTS.2) {
        let chunk = chunk.map_err(io::Error::from)?;
        digest.update(&chunk.data);
        crc.update(&chunk.data);
        meter::bytes(chunk.length as u64);
        large.size += chunk.length as u64;
        large.list.push(Chunk {
            id: ContentId(Sha256::digest(&chunk.data).into()),
            size_bytes: chunk.length as u64,
        });
    }
    large.id = ContentId(digest.finalize().into());
    large.crc = crc.finalize();
    Ok(large)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use crate::ops::fixture::{place, text};
    use crate::ops::snap::{SnapOptions, snap};
    use crate::tree::Tree;

    #[test]
    fn a_change_within_one_tick_is_seen() {
        let p = place();
        for n in 0..20u8 {
            p.write("a", [n]);
            let id = p.snap().id;
            let tree = p.repo.tree(id).unwrap().open().unwrap();
            let entry = tree.entry(b"a").unwrap().unwrap();
            let mut data = Vec::new();
            tree.open_file(&entry)
                .unwrap()
                .read_to_end(&mut data)
                .unwrap();
            assert_eq!(data, [n]);
        }
    }

    #[test]
    fn large_files_share_chunks() {
        let p = place();
        let mut x = 1u64;
        let mut data: Vec<u8> = (0..12 << 20)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (x >> 60) as u8
            })
            .collect();
        p.write("big", &data);
        let first = p.snap().id;
        assert_eq!(text(&p.repo.tree(first).unwrap()), text(&p.local()));
        data.splice(5_000_000..5_000_000, *b"inserted");
        p.write("big", &data);
        let second = p.snap().id;
        let size = |id| fs::metadata(p.repo.archive_path(id)).unwrap().len();
        assert!(
            size(second) < size(first) / 2,
            "{} {}",
            size(second),
            size(first)
        );
        assert_eq!(text(&p.repo.tree(second).unwrap()), text(&p.local()));
        let mut zip =
            zip::ZipArchive::new(fs::File::open(p.repo.archive_path(first)).unwrap()).unwrap();
        let mut out = Vec::new();
        zip.by_name("big").unwrap().read_to_end(&mut out).unwrap();
        assert_eq!(out.len(), 12 << 20);
    }

    #[test]
    fn what_cannot_be_read_is_recorded_as_such() {
        if rustix::process::geteuid().is_root() {
            return;
        }
        use std::os::unix::fs::PermissionsExt;
        let p = place();
        p.write("a", "1");
        fs::set_permissions(p.dir.join("a"), PermissionsExt::from_mode(0o0)).unwrap();
        let done = snap(&p.repo, &p.local(), &SnapOptions::default()).unwrap();
        assert_eq!(done.problems.len(), 1);
        assert_eq!(p.repo.snapshot(done.id).unwrap().unreadable.len(), 1);
    }
}
