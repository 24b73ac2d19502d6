//! Where an archive is made: in a repository, or by itself.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::model::{Error, Result};
use crate::repo::shared::mirror::Shared;
use crate::repo::store::Repo;

/// Where an archive is made.
pub(super) enum Home {
    /// In a repository, which has much of what it may need already.
    Repo(Repo),
    /// In a folder, by itself.
    Folder(PathBuf),
}

impl Home {
    pub(super) fn holds(&self, id: &[u8; 32]) -> Result<bool> {
        match self {
            Home::Repo(repo) => repo.holds(id),
            Home::Folder(_) => Ok(false),
        }
    }

    /// Whether others read what is made there from afar.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Home::Repo(repo) if repo.is_shared())
    }

    /// The machine that makes it, where others must know.
    pub(super) fn machine(&self) -> Result<Option<String>> {
        let Home::Repo(repo) = self else {
            return Ok(None);
        };
        repo.enroll()?;
        let machine = repo.shared().and_then(Shared::machine);
        Ok(machine.map(str::to_string))
    }

    pub(super) fn path(&self) -> &Path {
        match self {
            Home::Repo(repo) => repo.path(),
            Home::Folder(path) => path,
        }
    }

    pub(super) fn temporary(&self) -> Result<NamedTempFile> {
        match self {
            Home::Repo(repo) => repo.temporary(),
            Home::Folder(path) => NamedTempFile::new_in(path)
                .map_err(|e| Error::io("cannot write in", path.as_os_str().as_bytes(), e)),
        }
    }
}
