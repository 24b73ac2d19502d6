//! Reading extended attributes, by a name in an open directory and of an open file.

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::model::{Error, ErrorKind, Xattrs};

const UNREACHABLE: &str =
    "is not mounted, and extended attributes are reached through it; mount /proc";

/// The extended attributes of `name` in `dir` (of `dir` itself when the name is empty), sorted.
///
/// There is no `lgetxattrat` before Linux 6.13, so the path goes through the handle's entry in
/// `/proc/self/fd`, which resolves nothing but the handle.
///
/// # Errors
/// The system's; a file system that keeps none has none.
pub fn xattrs(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Xattrs, std::io::Error> {
    let path = handle_path(dir, name);
    let found = collect(xattr::list(&path), |key| xattr::get(&path, key));
    found.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => std::io::Error::other(UNREACHABLE),
        _ => e,
    })
}

/// Refuses to go on where attributes would be passed over in silence.
///
/// # Errors
/// When there is no `/proc/self/fd`.
pub fn reachable() -> crate::model::Result<()> {
    match has_proc() {
        true => Ok(()),
        false => Err(Error::at(ErrorKind::Failed, "/proc", UNREACHABLE)),
    }
}

fn has_proc() -> bool {
    std::path::Path::new("/proc/self/fd").exists()
}

/// The extended attributes of what a path leads to, links followed: for a handle's entry in `/proc/self/fd`.
///
/// # Errors
/// The system's; a file system that keeps none has none.
pub fn xattrs_at(path: &Path) -> Result<Xattrs, std::io::Error> {
    collect(xattr::list_deref(path), |key| xattr::get_deref(path, key))
}

/// The extended attributes of an open file, sorted: no path is resolved.
///
/// # Errors
/// The system's; a file system that keeps none has none.
pub fn xattrs_of(file: &File) -> Result<Xattrs, std::io::Error> {
    use xattr::FileExt;
    collect(file.list_xattr(), |key| file.get_xattr(key))
}

fn collect(
    names: Result<xattr::XAttrs, std::io::Error>,
    get: impl Fn(&std::ffi::OsStr) -> Result<Option<Vec<u8>>, std::io::Error>,
) -> Result<Xattrs, std::io::Error> {
    let names = match names {
        Ok(names) => names,
        Err(e) if no_xattrs(&e) => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut all = Vec::new();
    // XFS shows root its access lists a second time, in a form of its own.
    for name in names.filter(|name| !name.as_bytes().starts_with(b"trusted.SGI_ACL_")) {
        match get(&name) {
            Ok(Some(value)) => all.push((name.as_bytes().to_vec(), value)),
            Ok(None) => {}
            Err(e) if no_xattrs(&e) => {}
            Err(e) => return Err(e),
        }
    }
    all.sort();
    Ok(all)
}

/// A path of `name` in an open directory that resolves nothing but the handle.
fn handle_path(dir: BorrowedFd<'_>, name: &[u8]) -> PathBuf {
    use std::os::fd::AsRawFd;
    let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
    path.extend_from_slice(if name.is_empty() { b"." } else { name });
    std::ffi::OsString::from_vec(path).into()
}

/// The file system keeps none, or the entry went away.
fn no_xattrs(error: &std::io::Error) -> bool {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::OPNOTSUPP | Errno::NODATA | Errno::PERM) => true,
        Some(Errno::NOENT) => has_proc(),
        _ => false,
    }
}
