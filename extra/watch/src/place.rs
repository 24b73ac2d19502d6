//! The directories that are watched: where they are, whether they are there, and whether they are still the same.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fsync::cli::place;
use fsync::model::{Error, ErrorKind, Filter, Result, Rule};
use fsync::ops::sync::{self, Source};

use crate::ground::Ground;

/// What is watched, and for what.
#[derive(Debug)]
pub struct Places {
    dir: PathBuf,
    snap: bool,
    filter: Filter,
    hidden: Option<(u64, u64)>,
    sources: Vec<(PathBuf, Filter)>,
    /// Which inode each of them was when it was last looked at.
    known: Vec<Option<(u64, u64)>>,
}

impl Places {
    /// The directory `dir` itself to be recorded, or else its sources, without what `filter` leaves out and the
    /// `repository`.
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
            let sources = sync::read(&self.dir)?;
            let own = |s: Source| {
                here(&s.path)?;
                Ok((s.path.clone(), rules(&s)?))
            };
            self.sources = sources.into_iter().map(own).collect::<Result<_>>()?;
        }
        Ok(())
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.dir).chain(self.sources.iter().map(|(path, _)| path))
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
            filters: vec![self.filter.clone()],
            hidden: self.hidden,
            only_sync: !self.snap,
        };
        let mut sources: Vec<Ground> = Vec::new();
        for (path, filter) in &self.sources {
            sources.push(Ground {
                path: real(path),
                filters: vec![self.filter.clone(), filter.clone()],
                hidden: self.hidden,
                ..Ground::default()
            });
        }
        let nested = |(at, one): (usize, &Ground)| {
            let mut others = sources.iter().enumerate().filter(|(n, _)| *n != at);
            others.any(|(_, other)| {
                one.path.starts_with(&other.path) || other.path.starts_with(&one.path)
            })
        };
        // A directory has one watch, though it may be in two sources: what one leaves out the other may not.
        if sources.iter().enumerate().any(nested) {
            sources.iter_mut().for_each(|source| source.filters.clear());
        }
        std::iter::once(own).chain(sources).collect()
    }
}

/// Refuses what is on another machine: nobody there says what changes.
///
/// # Errors
/// [`ErrorKind::Usage`].
pub fn here(path: &Path) -> Result<()> {
    match place::far(path.as_os_str())? {
        None => Ok(()),
        Some(address) => {
            let message = "is on another machine, where changes cannot be seen from here; watch it there, or run fsync sync by a timer";
            Err(Error::at(ErrorKind::Usage, address.url(), message))
        }
    }
}

/// What a source leaves out.
fn rules(source: &Source) -> Result<Filter> {
    let rule = |pattern: String| Rule {
        pattern,
        origin: "SYNC".into(),
        line: 0,
    };
    let include = source.include.iter().map(|pattern| format!("!{pattern}"));
    let all = source.exclude.iter().cloned().chain(include);
    Filter::new(all.map(rule).collect())
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|m| (m.dev(), m.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_their_rules_unless_they_overlap() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name);
        for name in ["dst", "one/sub", "two"] {
            fs::create_dir_all(at(name)).unwrap();
        }
        let counted = |sources: &[&str]| -> Vec<bool> {
            let lines = sources
                .iter()
                .map(|s| format!("{}\n--exclude=*.o\n", at(s).display()));
            fs::write(at("dst/.fsync-sync"), lines.collect::<String>()).unwrap();
            let hidden = at("repo");
            let mut places = Places::new(&at("dst"), false, Filter::default(), &hidden).unwrap();
            let grounds = places.grounds();
            let object = fsync::model::RelPath::parse(b"a.o").unwrap();
            let sources = grounds.iter().skip(1);
            sources
                .map(|ground| ground.counts(&object, false))
                .collect()
        };
        assert_eq!(counted(&["one", "two"]), [false, false]);
        assert_eq!(counted(&["one", "one/sub"]), [true, true]);
    }
}
