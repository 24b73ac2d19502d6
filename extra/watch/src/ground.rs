//! A directory that is looked after, and what in it counts.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use fsync::model::{Filter, RelPath, State, Xattrs};
use fsync::tree::Tree;
use fsync::tree::local::Local;

/// A directory that is looked after.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// Where it is, a real path.
    pub path: PathBuf,
    /// What in it does not count; each of them for itself.
    pub filters: Vec<Filter>,
    /// What in it is another's business: the repository, by device and inode.
    pub hidden: Option<(u64, u64)>,
    /// Only its SYNC file counts.
    pub only_sync: bool,
}

impl Ground {
    /// Where a path in it is.
    pub fn at(&self, rel: &RelPath) -> PathBuf {
        match rel.is_root() {
            true => self.path.clone(),
            false => self.path.join(OsStr::from_bytes(rel.as_bytes())),
        }
    }

    /// Whether it is of interest what becomes of a path, those above it being so.
    pub fn counts(&self, rel: &RelPath, is_dir: bool) -> bool {
        let mut filters = self.filters.iter();
        filters.all(|filter| filter.excludes(rel, is_dir).is_none())
    }

    /// Whether that is what is hidden.
    pub fn hides(&self, meta: &Metadata) -> bool {
        self.hidden == Some((meta.dev(), meta.ino()))
    }

    /// The directories in one of its directories that count.
    pub fn directories(&self, rel: &RelPath) -> Vec<RelPath> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.at(rel)).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let below = rel.join(entry.file_name().as_bytes());
            let hidden = self.hidden.is_some() && entry.metadata().is_ok_and(|m| self.hides(&m));
            if !hidden && self.counts(&below, true) {
                found.push(below);
            }
        }
        found
    }

    /// What its own entry says.
    pub fn state(&self) -> Option<(State, Xattrs)> {
        let local = Local::open(&self.path).ok()?;
        let mut root = local.root().ok()?;
        let xattrs = local.open().and_then(|dir| dir.xattrs(&root)).ok()?;
        // Of which inode it is and when that changed, others are told, and the latter changes with every look.
        root.state.inode = None;
        Some((root.state, xattrs))
    }
}
