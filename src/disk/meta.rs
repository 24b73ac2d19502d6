//! Setting metadata, and only what differs: owner first (it clears setuid), then mode, attributes, and time last.

use std::os::fd::BorrowedFd;

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, chmod, chownat, openat,
    utimensat,
};
use rustix::io::Errno;

use crate::disk::folder::Folder;
use crate::model::{Kind, State, Time, Xattrs};
use crate::tree::local::{examine, handle_path, xattrs};

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

/// Makes the metadata of `name` in `folder`, which now is as `current` says, like `wanted`. Whether anything was done.
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
) -> Result<bool, std::io::Error> {
    let mut done = false;
    let mut mode = current.mode;
    if policy.owner && (current.uid, current.gid) != (wanted.uid, wanted.gid) {
        own(folder.handle(), name, current, wanted)?;
        // Changing the owner clears these bits of an executable file (chown(2)).
        mode &= !0o6000;
        done = true;
    }
    if policy.mode && wanted.kind != Kind::Symlink && mode != wanted.mode {
        if !policy.owner {
            join(folder.handle(), name, current.gid, wanted);
        }
        set_mode(folder.handle(), name, wanted.mode)?;
        done = true;
    }
    if let Some(attributes) = attributes.filter(|_| policy.xattrs) {
        done |= match set_xattrs(folder.handle(), name, attributes) {
            Err(e) if e.raw_os_error() == Some(Errno::ACCESS.raw_os_error()) => {
                despite_mode(folder.handle(), name, attributes).map_err(|()| e)?
            }
            set => set?,
        };
    }
    if policy.mtime && current.mtime != wanted.mtime {
        set_mtime(folder.handle(), name, wanted.mtime)?;
        done = true;
    }
    Ok(done)
}

/// Gives an entry away. The kernel takes a file's capabilities from it then, which nobody asked for.
fn own(dir: BorrowedFd<'_>, name: &[u8], now: &State, wanted: &State) -> std::io::Result<()> {
    const CAPABILITY: &str = "security.capability";
    let path = handle_path(dir, name);
    let kept = match now.kind {
        Kind::File => xattr::get(&path, CAPABILITY).ok().flatten(),
        _ => None,
    };
    let (uid, gid) = (Uid::from_raw(wanted.uid), Gid::from_raw(wanted.gid));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    chownat(dir, at(name), Some(uid), Some(gid), flags)?;
    match kept {
        Some(value) => forgive(CAPABILITY.as_bytes(), xattr::set(&path, CAPABILITY, &value)),
        None => Ok(()),
    }
}

/// Gives what is to be setgid a group of the caller's, the wanted one where it may be: the kernel drops the bit
/// silently where the group is none of his, as when it was inherited from the directory above.
pub fn join(dir: BorrowedFd<'_>, name: &[u8], now: u32, wanted: &State) {
    let own = rustix::process::getegid();
    let groups = || rustix::process::getgroups().unwrap_or_default();
    let is_own = |gid: Gid| gid == own || groups().contains(&gid);
    if wanted.mode & 0o2000 == 0 || is_own(Gid::from_raw(now)) {
        return;
    }
    for gid in [Gid::from_raw(wanted.gid), own] {
        // Where none is allowed the entry stays as it is, but for the bit.
        if is_own(gid) && chownat(dir, at(name), None, Some(gid), AtFlags::SYMLINK_NOFOLLOW).is_ok()
        {
            return;
        }
    }
}

/// Sets permission bits without following a link: through an `O_PATH` handle, since fchmodat(2) has no such flag before Linux 6.6.
///
/// # Errors
/// The system's.
pub fn set_mode(dir: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<(), Errno> {
    use std::os::fd::{AsFd, AsRawFd};
    let handle = openat(
        dir,
        at(name),
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
    utimensat(dir, at(name), &times(mtime), AtFlags::SYMLINK_NOFOLLOW)
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

fn at(name: &[u8]) -> &[u8] {
    if name.is_empty() { b"." } else { name }
}

/// Makes the extended attributes exactly `wanted`. Those that this process may not set are left:
/// `trusted.*` and most of `security.*` are the privileged's.
fn set_xattrs(dir: BorrowedFd<'_>, name: &[u8], wanted: &Xattrs) -> Result<bool, std::io::Error> {
    use std::os::unix::ffi::OsStrExt;
    let current = xattrs(dir, name)?;
    if current == *wanted {
        return Ok(false);
    }
    let path = handle_path(dir, name);
    let os = |bytes: &[u8]| std::ffi::OsStr::from_bytes(bytes).to_os_string();
    for (key, _) in current
        .iter()
        .filter(|(k, _)| !wanted.iter().any(|(w, _)| w == k))
    {
        forgive(key, xattr::remove(&path, os(key)))?;
    }
    for (key, value) in wanted.iter().filter(|pair| !current.contains(pair)) {
        forgive(key, xattr::set(&path, os(key), value)).map_err(|e| too_large(key, e))?;
    }
    Ok(true)
}

/// The same where the entry's own mode forbids it to its owner: `user.*` needs the permission to write.
fn despite_mode(dir: BorrowedFd<'_>, name: &[u8], wanted: &Xattrs) -> Result<bool, ()> {
    let mode = || {
        let name = std::ffi::CString::new(at(name)).ok()?;
        let entry = examine(dir, &name).ok().flatten()?;
        Some(entry.state.mode)
    };
    let before = mode().filter(|mode| mode & 0o600 != 0o600).ok_or(())?;
    set_mode(dir, name, before | 0o600).map_err(drop)?;
    let set = set_xattrs(dir, name, wanted);
    // An access list among them has set the other bits, so only the owner's are taken back.
    let now = mode().ok_or(())? & !0o600 | before & 0o600;
    set_mode(dir, name, now).map_err(drop)?;
    set.map_err(drop)
}

/// Some file systems have little room for attributes, whatever room is left for files, and say `ENOSPC` then. That
/// is this entry's trouble alone, so it must not look like a full disk.
fn too_large(key: &[u8], error: std::io::Error) -> std::io::Error {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    match errno {
        Some(Errno::NOSPC | Errno::TOOBIG | Errno::RANGE) => std::io::Error::other(format!(
            "no room for the attribute {} ({error})",
            crate::model::quote::quote(key)
        )),
        _ => error,
    }
}

fn forgive(key: &[u8], result: std::io::Result<()>) -> std::io::Result<()> {
    let errno = result
        .as_ref()
        .err()
        .and_then(std::io::Error::raw_os_error)
        .map(Errno::from_raw_os_error);
    let reserved = key.starts_with(b"security.") || key.starts_with(b"trusted.");
    match errno {
        Some(Errno::OPNOTSUPP) => Ok(()),
        Some(Errno::PERM | Errno::ACCESS) if reserved => Ok(()),
        _ => result,
    }
}
