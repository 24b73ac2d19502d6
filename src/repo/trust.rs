//! Which repositories are believed.
//!
//! Whoever can write to a repository can make it say anything: what a directory was, which snapshots are gone, what a
//! revert shall write. So one that belongs to another user, that everybody may write to, or that everybody may
//! replace is refused, as git refuses such repositories, unless the user says that it is to be trusted. Root
//! is believed by everybody, and believes everybody who is not "everybody".

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::model::quote::quote;
use crate::model::{Error, ErrorKind, Result};
use crate::repo::shared::Remote;

/// Where a repository is, and whether it is believed whoever it belongs to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// Its folder.
    pub path: PathBuf,
    /// The user has said that it is to be trusted.
    pub trusted: bool,
    /// The store that it is in; the folder is this machine's own.
    pub remote: Option<Remote>,
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Location {
    fn from(path: &P) -> Self {
        Location {
            path: path.as_ref().to_path_buf(),
            trusted: false,
            remote: None,
        }
    }
}

/// Anybody may write to it.
const EVERYBODY: u32 = 0o002;
/// Only owners may rename and remove what is in it.
const STICKY: u32 = 0o1000;

impl Location {
    /// Whether it may be used; one that is not there yet, whether it may be made.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when not.
    pub fn check(&self) -> Result<()> {
        if self.trusted {
            return Ok(());
        }
        let there = self.path.ancestors().find_map(|p| {
            // The parent of a relative name without a slash.
            let p = if p.as_os_str().is_empty() {
                Path::new(".")
            } else {
                p
            };
            Some((p == self.path, p.canonicalize().ok()?))
        });
        let Some((whole, real)) = there else {
            return Ok(());
        };
        let why = match whole {
            true => own(&real).or_else(|| above(&real)),
            false => shared(&real).or_else(|| above(&real)),
        };
        why.map_or(Ok(()), |why| Err(self.refused(&why)))
    }

    fn refused(&self, why: &str) -> Error {
        let message = format!(
            "{why}, and whoever can write to a repository can make it say anything; \
             nothing was changed. If you trust it, set FSYNC_TRUST to its path"
        );
        Error::at(
            ErrorKind::Refused,
            self.path.as_os_str().as_bytes(),
            message,
        )
    }
}

/// What is wrong with the folder itself.
fn own(path: &Path) -> Option<String> {
    let meta = fs::metadata(path).ok()?;
    let me = geteuid();
    if !me.is_root() && meta.uid() != me.as_raw() && meta.uid() != 0 {
        return Some(format!("belongs to another user ({})", meta.uid()));
    }
    (meta.mode() & EVERYBODY != 0).then(|| "everybody may write to it".to_string())
}

/// What is wrong with a folder that holds it.
pub fn shared(path: &Path) -> Option<String> {
    let mode = fs::metadata(path).ok()?.mode();
    let open = mode & EVERYBODY != 0 && mode & STICKY == 0;
    open.then(|| {
        let name = quote(path.as_os_str().as_bytes());
        format!("everybody may replace it, since everybody may write to {name}")
    })
}

/// What is wrong with the folders above a real path.
pub fn above(path: &Path) -> Option<String> {
    path.ancestors().skip(1).find_map(shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_everybody_may_write_to_is_refused() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("repo");
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let refused = || Location::from(&path).check().is_err();
        assert!(!refused());
        mode(base.path(), 0o777);
        assert!(refused());
        mode(base.path(), 0o1777);
        assert!(!refused());
        fs::create_dir(&path).unwrap();
        assert!(!refused());
        mode(&path, 0o1777);
        assert!(refused());
        let trusted = Location {
            path: path.clone(),
            trusted: true,
            remote: None,
        };
        assert!(trusted.check().is_ok());
        mode(&path, 0o770);
        assert!(!refused());
        mode(base.path(), 0o777);
        assert!(refused());
    }
}
