//! Tags, snapshots, and paths in them, out of the repository.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::cli::trust::location;
use crate::model::{RelPath, Result};
use crate::porcelain::complete::offer::Offer;
use crate::porcelain::complete::spot::home;
use crate::porcelain::named::path_in;
use crate::porcelain::session::Session;
use crate::porcelain::summary::short;
use crate::repo::resolve::absolute;
use crate::repo::{PathText, Repo, directory_at};
use crate::tree::cursor::Cursor;

/// How many ids are offered where nothing says which.
const NEWEST: usize = 10;
/// How many operations are offered of the directory at hand, and of one that was named.
const OPERATIONS: (usize, usize) = (5, 99);
/// How many ids, directories and paths are offered at most.
const MOST: usize = 10_000;

/// The repository, and the directory at hand.
pub struct Past {
    repo: Repo,
    /// The one that was named.
    dir: Option<PathText>,
}

impl Past {
    /// Looks at the repository.
    ///
    /// # Errors
    /// When there is none, or it must not be looked at now.
    pub fn open(session: &Session, dir: Option<PathBuf>) -> Result<Self> {
        Ok(Past {
            repo: Repo::peek(location(&session.repository()?))?,
            dir: dir.map(|dir| directory_at(&absolute(&dir))),
        })
    }

    /// The tags of the directory that was named, or all; the newest first.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn tags(&self) -> Result<Vec<Offer>> {
        let mut seen = HashSet::new();
        let all = self.repo.tags(self.dir.as_ref())?.into_iter().rev();
        let once = all.filter(|tag| seen.insert(tag.name.clone()));
        let offers = once.filter_map(|tag| {
            let about = format!("{}{}", tag.time.rfc3339(), self.of(&tag.directory));
            Offer::new(tag.name, about)
        });
        Ok(offers.collect())
    }

    /// Where it is not clear, of which directory something is.
    fn of(&self, directory: &PathText) -> String {
        match &self.dir {
            Some(_) => String::new(),
            None => format!(" {}", String::from_utf8_lossy(&directory.0)),
        }
    }

    /// Names of snapshots that may be meant by `word`: tags, `@` and `@{n}` of the directory at hand, `DIR@` of others,
    /// ids; behind an `@`, what can follow it.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn snapshots(&self, word: &str) -> Result<Vec<Offer>> {
        let (forced, word) = match word.strip_prefix("snap:") {
            Some(rest) => ("snap:", rest),
            None => ("", word),
        };
        let mut all = match word.rsplit_once('@') {
            Some((dir, _)) => self.states(dir, OPERATIONS.1)?,
            None => {
                let mut all = self.tags()?;
                all.extend(self.states("", OPERATIONS.0)?);
                all.extend(self.directories(word)?);
                all.extend(self.ids(word)?);
                all
            }
        };
        all.iter_mut().for_each(|o| o.text.insert_str(0, forced));
        Ok(all)
    }

    /// `DIR@`, `DIR@{1}` and so on.
    fn states(&self, dir: &str, most: usize) -> Result<Vec<Offer>> {
        let named = (!dir.is_empty()).then(|| directory_at(&absolute(&home(OsStr::new(dir)))));
        let here = || directory_at(&absolute(Path::new(".")));
        let directory = named.or_else(|| self.dir.clone()).unwrap_or_else(here);
        let path = Path::new(OsStr::from_bytes(&directory.0));
        let mut all = Vec::new();
        if !self.repo.newest(Some(&directory), "", 1)?.is_empty() {
            all.extend(Offer::new(format!("{dir}@"), "the head"));
        }
        for (at, operation) in self.repo.operations(path)?.iter().take(most).enumerate() {
            let begun = &operation.begun;
            if begun.before.is_some() {
                let about = format!("before {} {}", begun.work.word(), begun.time.rfc3339());
                all.extend(Offer::new(format!("{dir}@{{{}}}", at + 1), about));
            }
        }
        Ok(all)
    }

    /// `DIR@` of what was recorded below the current directory, or anywhere when `word` begins at the root.
    fn directories(&self, word: &str) -> Result<Vec<Offer>> {
        let here = absolute(Path::new("."));
        let from_root = word.starts_with('/');
        let all = self.repo.directories()?.into_iter().take(MOST);
        let names = all.filter_map(|directory| {
            let path = Path::new(OsStr::from_bytes(&directory.0));
            let path = match from_root {
                true => path,
                false => path.strip_prefix(&here).ok()?,
            };
            let name = path.to_str().filter(|name| !name.is_empty())?;
            Offer::new(format!("{name}@"), "states of this directory")
        });
        Ok(names.collect())
    }

    /// Ids that begin with `word`; the newest ones when that is empty.
    fn ids(&self, word: &str) -> Result<Vec<Offer>> {
        if !word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(Vec::new());
        }
        let most = if word.is_empty() { NEWEST } else { MOST };
        let found = self.repo.newest(self.dir.as_ref(), word, most)?;
        let offers = found.into_iter().filter_map(|found| {
            let about = format!("{}{}", found.time.rfc3339(), self.of(&found.directory));
            let id = match short(&found.id) {
                short if word.len() <= short.len() => short,
                _ => found.id.to_string(),
            };
            Offer::new(id, about)
        });
        Ok(offers.collect())
    }

    /// Paths in a snapshot that begin with `word`; those of directories end in a slash.
    ///
    /// # Errors
    /// When there is no such snapshot, or it cannot be read.
    pub fn paths(&self, snapshot: &OsStr, word: &str) -> Result<Vec<Offer>> {
        let dir = self
            .dir
            .as_ref()
            .map(|d| Path::new(OsStr::from_bytes(&d.0)));
        let id = self.repo.resolve(snapshot.as_bytes(), dir)?;
        let tree = self.repo.tree(id)?;
        let at = word.rfind('/').map_or(0, |at| at + 1);
        let (above, name) = word.split_at(at);
        let parent = match above {
            "" => RelPath::root(),
            above => path_in(OsStr::new(above))?,
        };
        let mut cursor = Cursor::new(&tree);
        let Some(dir) = cursor.dir(&parent)? else {
            return Ok(Vec::new());
        };
        let entries = dir.list()?.entries.into_iter();
        let fitting = entries
            .filter(|e| e.name.starts_with(name.as_bytes()))
            .take(MOST);
        let offers = fitting.filter_map(|entry| {
            let end = if entry.is_dir() { "/" } else { "" };
            let name = std::str::from_utf8(&entry.name).ok()?;
            Offer::new(format!("{above}{name}{end}"), "")
        });
        Ok(offers.collect())
    }
}
