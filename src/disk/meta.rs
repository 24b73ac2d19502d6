//! Setting metadata, and only what differs: owner first (it clears setuid), then mode, attributes, and time last.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, chmod, chownat, fchmod,
    fchown, futimens, openat, utimensat,
};
use rustix::io::Errno;
use xattr::FileExt;

use crate::disk::folder::Folder;
use crate::model::{Kind, State, Time, Xattrs};
use crate::tree::local::{handle_path, xattrs, xattrs_of};

/// What may be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Owner and group.
    pub owner: bool,
    /// Permission bits.
    pub mode: bool,
    /// Modification times.
    pub mtime: bool,
    /// Extended attributes.
    pub xattrs: bool,
}

/// Makes the metadata of `name` in `folder` (of `folder` itself when the name is empty), which now is as `current` says, like `wanted`. Whether anything was done.
///
/// # Errors
/// The system's.
pub fn set(
    folder: &Folder,
    name: &[u8],
    current: &State,
    wanted: &State,
    attributes: Option<&Xattrs>,
    policy: Policy,
) -> Result<bool, io::Error> {
    let mut done = false;
    let mut mode = current.mode;
    if policy.owner && (current.uid, current.gid) != (wanted.uid, wanted.gid) {
        own(folder.handle(), name, wanted)?;
        // Changing the owner clears these bits of an executable file (chown(2)).
        mode &= !0o6000;
        done = true;
    }
    if policy.mode && wanted.kind != Kind::Symlink && mode != wanted.mode {
        set_mode(folder.handle(), name, wanted.mode)?;
        done = true;
    }
    if let Some(attributes) = attributes.filter(|_| policy.xattrs) {
        done |= set_xattrs(folder.handle(), name, attributes)?;
    }
    if policy.mtime && current.mtime != wanted.mtime {
        set_mtime(folder.handle(), name, wanted.mtime)?;
        done = true;
    }
    Ok(done)
}

fn own(dir: BorrowedFd<'_>, name: &[u8], wanted: &State) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(wanted.uid), Gid::from_raw(wanted.gid));
    match name.is_empty() {
        true => fchown(dir, Some(uid), Some(gid)),
        false => chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW),
    }
}

/// Sets permission bits without following a link: through an `O_PATH` handle, since fchmodat(2) has no such flag before Linux 6.6.
///
/// # Errors
/// The system's.
pub fn set_mode(dir: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<(), Errno> {
    use std::os::fd::{AsFd, AsRawFd};
    if name.is_empty() {
        return fchmod(dir, Mode::from_raw_mode(mode));
    }
    let handle = openat(
        dir,
        name,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let state = crate::tree::local::state_of_handle(handle.as_fd())?;
    if state.kind == Kind::Symlink {
        return Err(Errno::LOOP);
    }
    let path = format!("/proc/self/fd/{}", handle.as_raw_fd());
    chmod(path.as_str(), Mode::from_raw_mode(mode))
}

/// Sets the modification time of a name itself, to the nanosecond; the access time stays.
///
/// # Errors
/// The system's.
pub fn set_mtime(dir: BorrowedFd<'_>, name: &[u8], mtime: Time) -> Result<(), Errno> {
    match name.is_empty() {
        true => futimens(dir, &times(mtime)),
        false => utimensat(dir, name, &times(mtime), AtFlags::SYMLINK_NOFOLLOW),
    }
}

/// `utimensat`'s argument that sets the modification time alone.
pub fn times(mtime: Time) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT as _,
        },
        last_modification: Timespec {
            tv_sec: mtime.secs,
            tv_nsec: mtime.nanos.into(),
        },
    }
}

/// Makes the extended attributes exactly `wanted`; whether anything was done. Those that this process may not set
/// are left: `trusted.*` and most of `security.*` are the privileged's.
fn set_xattrs(dir: BorrowedFd<'_>, name: &[u8], wanted: &Xattrs) -> io::Result<bool> {
    let path = handle_path(dir, name);
    exchange(
        &xattrs(dir, name)?,
        wanted,
        |key| xattr::remove(&path, key),
        |key, value| xattr::set(&path, key, value),
    )
}

/// The same for an open file.
///
/// # Errors
/// The system's.
pub fn set_xattrs_of(file: &File, wanted: &Xattrs) -> io::Result<bool> {
    exchange(
        &xattrs_of(file)?,
        wanted,
        |key| file.remove_xattr(key),
        |key, value| file.set_xattr(key, value),
    )
}

fn exchange(
    current: &Xattrs,
    wanted: &Xattrs,
    remove: impl Fn(&OsStr) -> io::Result<()>,
    set: impl Fn(&OsStr, &[u8]) -> io::Result<()>,
) -> io::Result<bool> {
    let gone = |key: &[u8]| !wanted.iter().any(|(w, _)| w == key);
    for (key, _) in current.iter().filter(|(k, _)| gone(k)) {
        forgive(key, remove(OsStr::from_bytes(key)))?;
    }
    for (key, value) in wanted.iter().filter(|pair| !current.contains(pair)) {
        forgive(key, set(OsStr::from_bytes(key), value))?;
    }
    Ok(current != wanted)
}

fn forgive(key: &[u8], result: io::Result<()>) -> io::Result<()> {
    let errno = result
        .as_ref()
        .err()
        .and_then(io::Error::raw_os_error)
        .map(Errno::from_raw_os_error);
    let reserved = key.starts_with(b"security.") || key.starts_with(b"trusted.");
    match errno {
        Some(Errno::OPNOTSUPP) => Ok(()),
        Some(Errno::PERM | Errno::ACCESS) if reserved => Ok(()),
        _ => result,
    }
}
