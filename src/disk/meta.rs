//! Setting metadata, and only what differs: owner first (it clears setuid), then mode, attributes, and time last.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, Uid, chmod, chownat,
    fchmod, fchown, futimens, openat, utimensat,
};
use rustix::io::Errno;
use xattr::FileExt;

use crate::disk::folder::Folder;
use crate::model::{Kind, Medium, State, Time, Xattrs, is_access};
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
    /// Access times are moved as well, since modification times cannot be set without.
    pub both_times: bool,
}

impl Policy {
    /// The same, but for what the file system does not keep.
    #[must_use]
    pub fn on(self, medium: Medium) -> Self {
        Policy {
            owner: self.owner && medium.owners,
            mode: self.mode && medium.modes,
            both_times: medium.both_times,
            ..self
        }
    }
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
        let dir = folder.handle();
        done |= match name.is_empty() {
            // Not through a path: its new mode may forbid that.
            true => set_xattrs_of(
                &File::from(dir.try_clone_to_owned()?),
                attributes,
                policy.mode,
            )?,
            false => set_xattrs(dir, name, attributes, policy.mode)?,
        };
    }
    if policy.mtime && current.mtime != wanted.mtime {
        set_mtime(folder.handle(), name, wanted.mtime, policy.both_times)?;
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

/// Sets the modification time of a name itself, to the nanosecond; the access time stays, or becomes the present with `both`.
///
/// # Errors
/// The system's.
pub fn set_mtime(dir: BorrowedFd<'_>, name: &[u8], mtime: Time, both: bool) -> Result<(), Errno> {
    let times = times(mtime, both);
    match name.is_empty() {
        true => futimens(dir, &times),
        false => utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW),
    }
}

/// `utimensat`'s argument that sets the modification time alone, or `both`, the access time to the present.
pub fn times(mtime: Time, both: bool) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: if both { UTIME_NOW } else { UTIME_OMIT } as _,
        },
        last_modification: Timespec {
            tv_sec: mtime.secs,
            tv_nsec: mtime.nanos.into(),
        },
    }
}

/// Makes the extended attributes exactly `wanted`; whether anything was done. Those that this process may not set
/// are left: `trusted.*` and most of `security.*` are the privileged's. Access control lists go with the `mode`.
fn set_xattrs(dir: BorrowedFd<'_>, name: &[u8], wanted: &Xattrs, mode: bool) -> io::Result<bool> {
    let path = handle_path(dir, name);
    exchange(
        xattrs(dir, name)?,
        wanted,
        mode,
        |key| xattr::remove(&path, key),
        |key, value| xattr::set(&path, key, value),
    )
}

/// The same for an open file.
///
/// # Errors
/// The system's.
pub fn set_xattrs_of(file: &File, wanted: &Xattrs, mode: bool) -> io::Result<bool> {
    exchange(
        xattrs_of(file)?,
        wanted,
        mode,
        |key| file.remove_xattr(key),
        |key, value| file.set_xattr(key, value),
    )
}

fn exchange(
    current: Xattrs,
    wanted: &Xattrs,
    mode: bool,
    remove: impl Fn(&OsStr) -> io::Result<()>,
    set: impl Fn(&OsStr, &[u8]) -> io::Result<()>,
) -> io::Result<bool> {
    let counts = |pair: &&(Vec<u8>, Vec<u8>)| mode || !is_access(&pair.0);
    let gone = |key: &[u8]| !wanted.iter().any(|(w, _)| w == key);
    let mut done = false;
    for (key, _) in current.iter().filter(counts).filter(|(k, _)| gone(k)) {
        forgive(key, remove(OsStr::from_bytes(key)))?;
        done = true;
    }
    let missing = |pair: &&(Vec<u8>, Vec<u8>)| !current.contains(pair);
    for (key, value) in wanted.iter().filter(counts).filter(missing) {
        forgive(key, set(OsStr::from_bytes(key), value))?;
        done = true;
    }
    Ok(done)
}

/// Sets extended attributes and leaves the others.
///
/// # Errors
/// The system's.
pub fn add_xattrs(dir: BorrowedFd<'_>, name: &[u8], wanted: &Xattrs) -> io::Result<()> {
    let path = handle_path(dir, name);
    for (key, value) in wanted {
        forgive(key, xattr::set(&path, OsStr::from_bytes(key), value))?;
    }
    Ok(())
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
