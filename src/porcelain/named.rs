//! A snapshot, and paths in it, as people name them.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::Args;

use crate::model::{Error, ErrorKind, RelPath, Result, SnapshotId};
use crate::porcelain::history::open;
use crate::porcelain::session::Session;
use crate::repo::Repo;
use crate::repo::resolve::directory_in;

/// The snapshot that a command is about.
#[derive(Args, Clone, Debug)]
pub struct Named {
    /// The directory that @, @{N} and tags belong to [default: any, for a tag that only one has]
    #[arg(short, long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// The snapshot: an id or its beginning, a tag, DIR@{N}, DIR@{TIME}, any of them with ~N
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: OsString,
}

impl Named {
    /// The directory that it names, there or gone.
    pub fn directory(&self) -> Option<PathBuf> {
        let past = directory_in(self.snapshot.as_bytes()).filter(|dir| !dir.is_empty());
        let past = past.map(|dir| PathBuf::from(OsStr::from_bytes(dir)));
        self.dir.clone().or(past)
    }

    /// Opens the repository and finds the snapshot.
    ///
    /// # Errors
    /// When there is no repository, or no such snapshot in it.
    pub fn open(&self, session: &Session) -> Result<(Repo, SnapshotId)> {
        let repo = open(session)?;
        let id = repo.resolve(self.snapshot.as_bytes(), self.dir.as_deref())?;
        Ok((repo, id))
    }
}

/// A path in a snapshot: `./` in front and slashes at the end count for nothing.
///
/// # Errors
/// [`ErrorKind::Usage`] when it is absolute or leaves the snapshot.
pub fn path_in(argument: &OsStr) -> Result<RelPath> {
    let mut bytes = argument.as_bytes();
    while let Some(rest) = bytes.strip_prefix(b"./") {
        bytes = rest;
    }
    while let Some(rest) = bytes.strip_suffix(b"/").filter(|rest| !rest.is_empty()) {
        bytes = rest;
    }
    if bytes.is_empty() && argument.as_bytes().starts_with(b"./") {
        return Ok(RelPath::root());
    }
    RelPath::parse(bytes).map_err(|e| {
        let message = format!("is no path in a snapshot: {e}");
        Error::at(ErrorKind::Usage, argument.as_bytes(), message)
    })
}

/// What is said of a path that a snapshot does not have.
pub fn missing(path: &RelPath, id: SnapshotId) -> Error {
    let message = format!("snapshot {id} has no such path; \"fsync ls\" lists what it has");
    Error::at(ErrorKind::NotFound, path.as_bytes(), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_tidied() {
        let tidy = |text: &str| path_in(OsStr::new(text)).unwrap();
        assert_eq!(tidy("a/b/"), tidy("././a/b"));
        assert!(tidy("./").is_root() && tidy(".").is_root());
        for bad in ["", "/a", "../a", "a//b"] {
            let kind = path_in(OsStr::new(bad)).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::Usage, "{bad:?}");
        }
    }
}
