//! Makes the root of a tree that is not there yet.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::model::{Error, ErrorKind, Result};

/// Makes the directory `path`: its last component, and with `parents` whatever is missing above.
///
/// # Errors
/// [`ErrorKind::Refused`] when its parent is missing and may not be made: a mount that is missing today must not
/// be taken for a new directory.
pub fn make(path: &Path, parents: bool) -> Result<()> {
    let made = match parents {
        true => fs::create_dir_all(path),
        false => fs::create_dir(path),
    };
    made.map_err(|e| {
        let raw = path.as_os_str().as_bytes();
        match e.kind() {
            std::io::ErrorKind::NotFound => Error::at(
                ErrorKind::Refused,
                raw,
                "its parent directory is missing; --parents makes it",
            ),
            _ => Error::io("cannot make the directory", raw, e),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_one_level_unless_told() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b");
        assert_eq!(make(&deep, false).unwrap_err().kind(), ErrorKind::Refused);
        make(&deep, true).unwrap();
        make(&deep.join("c"), false).unwrap();
    }
}
