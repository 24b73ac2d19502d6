//! The directories that are watched: where they are, whether they are there, and whether they are still the same.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fsync::model::{Filter, Result};
use fsync::ops;

use crate::eye::Ground;

/// What is watched, and for what.
#[derive(Debug)]
pub struct Places {
    dir: PathBuf,
    snap: bool,
    filter: Filter,
    hidden: Option<(u64, u64)>,
    sources: Vec<PathBuf>,
    /// Which inode each of them was when it was last looked at.
    known: Vec<Option<(u64, u64)>>,
}

impl Places {
    /// The directory `dir` itself to be recorded, without what `filter` leaves out and the `repository`; or else its
    /// sources.
    ///
    /// # Errors
    /// When it has no SYNC file, or one that is malformed.
    pub fn new(dir: &Path, snap: bool, filter: Filter, repository: &Path) -> Result<Places> {
        let mut places = Places {
            dir: dir.into(),
            snap,
            filter,
            hidden: identity(repository),
            sources: Vec::new(),
            known: Vec::new(),
        };
        places.read()?;
        Ok(places)
    }

    /// Reads the SYNC file again.
    ///
    /// # Errors
    /// As [`Self::new`]; then the sources are those that it had.
    pub fn read(&mut self) -> Result<()> {
        if !self.snap {
            let sources = ops::sync::read(&self.dir)?;
            self.sources = sources.into_iter().map(|s| s.path).collect();
        }
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.dir).chain(&self.sources)
    }

    /// The first that is not there.
    pub fn missing(&self) -> Option<&Path> {
        let mut all = self.all();
        all.find(|path| !path.is_dir()).map(PathBuf::as_path)
    }

    /// Whether one of them is another than at the last [`Self::grounds`]: something was mounted, or put in its place.
    pub fn differ(&self) -> bool {
        let now: Vec<_> = self.all().map(|path| identity(path)).collect();
        now != self.known
    }

    /// What an eye is to look after.
    pub fn grounds(&mut self) -> Vec<Ground> {
        self.known = self.all().map(|path| identity(path)).collect();
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.into());
        let own = Ground {
            path: real(&self.dir),
            filter: self.filter.clone(),
            hidden: self.hidden,
            only_sync: !self.snap,
        };
        let sources = self.sources.iter().map(|path| Ground {
            path: real(path),
            hidden: self.hidden,
            ..Ground::default()
        });
        std::iter::once(own).chain(sources).collect()
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}
