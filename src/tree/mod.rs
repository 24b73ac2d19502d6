//! Trees: anything that lists a directory and opens a file. The comparer, the applier and the
//! snapshotter know nothing else about where entries come from.

use std::fs::File;
use std::io::{Cursor, Read};

pub mod attribute;
pub mod buffer;
pub mod cursor;
pub mod far;
pub mod ground;
pub mod local;
pub mod overlay;
pub mod room;
pub mod sieve;
pub mod system;

use crate::model::{ContentId, Entry, Medium, NodeId, Problem, RelPath, Result, Skip, Xattrs};
use crate::tree::buffer::Buffer;

/// A tree that can be walked from its root, by several threads at once.
pub trait Tree: Send + Sync {
    /// The root's own entry (its name is empty).
    ///
    /// # Errors
    /// When it cannot be examined.
    fn root(&self) -> Result<Entry>;

    /// Opens the root for listing.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self) -> Result<Box<dyn Dir>>;

    /// The device that a source's root lies on: what lies on another is another file system. A snapshot has none.
    fn device(&self, _source: u32) -> Option<u64> {
        None
    }

    /// Says that this thread will ask for these entries, about in this order, and for what short files hold, when it has
    /// asked for what it said before; nothing, that it will not. A tree that is far away has the answers sent before they are asked for.
    fn expect(&self, _paths: Vec<RelPath>) {}

    /// The digests of regular files, where a tree that is far away can say many at once.
    fn digests(&self, _paths: &[RelPath]) -> Option<Vec<Result<ContentId>>> {
        None
    }

    /// Whether every question takes the time that a message needs there and back.
    fn is_far(&self) -> bool {
        false
    }

    /// What its file system keeps of what it is given.
    fn medium(&self) -> Medium {
        Medium::default()
    }
}

/// One open directory of a tree.
pub trait Dir: Send + Sync {
    /// Its entries, sorted by name, and what could not be examined. At the root what is never part
    /// of a tree is left out already.
    ///
    /// # Errors
    /// When it cannot be read at all.
    fn list(&self) -> Result<Listing>;

    /// As [`Dir::list`] with only these names looked for, which are sorted; those that are not there are missing.
    ///
    /// # Errors
    /// When the directory cannot be read at all.
    fn find(&self, names: &[&[u8]]) -> Result<Listing> {
        let mut listing = Listing::default();
        for name in names {
            match self.entry(name) {
                Ok(entry) => listing.entries.extend(entry),
                Err(error) => listing.problems.push(Problem {
                    path: RelPath::root().join(name),
                    operation: "examine".into(),
                    message: error.cause(),
                    damaged: false,
                }),
            }
        }
        Ok(listing)
    }

    /// One entry by name; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be examined.
    fn entry(&self, name: &[u8]) -> Result<Option<Entry>>;

    /// Opens the directory of that name, never through a symbolic link; `None` when there is none. A tree that is far away
    /// may leave it to the next question to find that out.
    ///
    /// # Errors
    /// When it cannot be examined or opened.
    fn enter(&self, name: &[u8]) -> Result<Option<Box<dyn Dir>>> {
        match self.entry(name)?.filter(Entry::is_dir) {
            Some(entry) => self.open_dir(&entry).map(Some),
            None => Ok(None),
        }
    }

    /// The digest of a regular file's bytes, where that is cheaper to have than the bytes.
    fn digest(&self, entry: &Entry) -> Option<Result<ContentId>> {
        entry.content.map(Ok)
    }

    /// Opens a directory among its entries, never through a symbolic link.
    ///
    /// # Errors
    /// When it cannot be opened, or is no directory any more.
    fn open_dir(&self, entry: &Entry) -> Result<Box<dyn Dir>>;

    /// Opens a regular file among its entries, never through a symbolic link.
    ///
    /// # Errors
    /// When it cannot be opened, or is no regular file any more.
    fn open_file(&self, entry: &Entry) -> Result<Contents>;

    /// As [`Dir::open_file`] for who has an older file of that name, open: where that spares bytes that would have to come from
    /// far away, what it reads is put together of both.
    ///
    /// # Errors
    /// As [`Dir::open_file`].
    fn open_like(&self, entry: &Entry, _old: File) -> Result<Contents> {
        self.open_file(entry)
    }

    /// The extended attributes of an entry, sorted by name; of this directory itself when the
    /// entry's name is empty.
    ///
    /// # Errors
    /// When they cannot be read. A file system without them has none.
    fn xattrs(&self, entry: &Entry) -> Result<Xattrs>;

    /// Whether entries can be opened by their names alone, whatever else is said of them, and be examined when open.
    fn is_local(&self) -> bool {
        false
    }

    /// Of a directory in a snapshot, its manifest node and that of the tree's hard links: where both
    /// are equal, so are all entries below and how they are linked.
    fn node(&self) -> Option<(NodeId, Option<NodeId>)> {
        None
    }
}

/// What [`Dir::list`] finds.
#[derive(Debug, Default)]
pub struct Listing {
    /// The entries, sorted by name.
    pub entries: Vec<Entry>,
    /// What was passed over, paths relative to this directory.
    pub skips: Vec<Skip>,
    /// What could not be examined, paths relative to this directory.
    pub problems: Vec<Problem>,
    /// Something is here that is never part of a tree and must stay: the repository.
    pub hides: bool,
}

/// The bytes of a file.
pub enum Contents {
    /// An open local file: it has a descriptor, so it can be cloned and its holes be found.
    Local(File),
    /// All of them, checked.
    Bytes(Cursor<Buffer>),
    /// A stream that checks itself: reading to the end fails when the bytes are not the recorded ones.
    Stream(Box<dyn Read + Send>),
}

impl Read for Contents {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Contents::Local(file) => file.read(buf),
            Contents::Bytes(bytes) => bytes.read(buf),
            Contents::Stream(stream) => stream.read(buf),
        }
    }
}
