//! Setting metadata, and only what differs: owner first (it clears setuid), then mode, attributes, and time last.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::LazyLock;

use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, Uid, chmod, chownat,
    fchmod, fchown, futimens, openat, utimensat,
};
use rustix::io::Errno;
use xattr::FileExt;

use crate::disk::folder::Folder;
use crate::model::{Kind, Medium, State, Time, Xattrs, is_access};
use crate::tree::attribute::{handle_path, xattrs, xattrs_of};
use crate::tree::local::{examine, state_of_handle};

/// What may be set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy {
    /// Owner and group.
    pub owner: bool,
    /// The group alone, where the caller is a member: as far as an ordinary user gets.
    pub group: bool,
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
            group: self.group && medium.owners,
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
        own(folder.handle(), name, current, wanted)?;
        // Changing the owner clears these bits of an executable file (chown(2)).
        mode &= !0o6000;
        done = true;
    } else if policy.group && join_source(folder.handle(), name, current.gid, wanted.gid) {
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
        let dir = folder.handle();
        // Of a directory's handle not through a path: its new mode may forbid that.
        let file = match name.is_empty() {
            true => Some(File::from(dir.try_clone_to_owned()?)),
            false => None,
        };
        done |= bring_xattrs(dir, name, file.as_ref(), attributes, policy.mode)?;
    }
    if policy.mtime && current.mtime != wanted.mtime {
        set_mtime(folder.handle(), name, wanted.mtime, policy.both_times)?;
        done = true;
    }
    Ok(done)
}

/// Gives an entry away. The kernel takes a file's capabilities from it then, which nobody asked for.
fn own(dir: BorrowedFd<'_>, name: &[u8], now: &State, wanted: &State) -> io::Result<()> {
    const CAPABILITY: &str = "security.capability";
    let path = handle_path(dir, name);
    let kept = match now.kind {
        Kind::File => xattr::get(&path, CAPABILITY).ok().flatten(),
        _ => None,
    };
    let (uid, gid) = (Uid::from_raw(wanted.uid), Gid::from_raw(wanted.gid));
    let flags = AtFlags::SYMLINK_NOFOLLOW;
    match name.is_empty() {
        true => fchown(dir, Some(uid), Some(gid))?,
        false => chownat(dir, name, Some(uid), Some(gid), flags)?,
    }
    match kept {
        Some(value) => forgive(CAPABILITY.as_bytes(), xattr::set(&path, CAPABILITY, &value)),
        None => Ok(()),
    }
}

/// Whether the caller may give what is his to that group.
fn is_member(gid: u32) -> bool {
    static GROUPS: LazyLock<Vec<u32>> = LazyLock::new(|| {
        let own = rustix::process::getegid();
        let more = rustix::process::getgroups().unwrap_or_default();
        more.into_iter().chain([own]).map(Gid::as_raw).collect()
    });
    GROUPS.contains(&gid)
}

/// Brings a group along where an ordinary user may; whether it did. One that a directory hands down, as those that
/// are shared do, stays.
pub fn join_source(dir: BorrowedFd<'_>, name: &[u8], now: u32, wanted: u32) -> bool {
    now == rustix::process::getegid().as_raw() && regroup(dir, name, now, wanted)
}

/// Gives it to another group of the caller's; whether that was done.
fn regroup(dir: BorrowedFd<'_>, name: &[u8], now: u32, wanted: u32) -> bool {
    let gid = Some(Gid::from_raw(wanted));
    let give = || match name.is_empty() {
        true => fchown(dir, None, gid),
        false => chownat(dir, name, None, gid, AtFlags::SYMLINK_NOFOLLOW),
    };
    now != wanted && is_member(wanted) && give().is_ok()
}

/// Gives what is to be setgid a group of the caller's: the kernel drops the bit silently where the group is none of
/// his, as when it was inherited from the directory above.
pub fn join(dir: BorrowedFd<'_>, name: &[u8], now: u32, wanted: &State) {
    if wanted.mode & 0o2000 != 0 && !is_member(now) {
        let own = rustix::process::getegid().as_raw();
        // Where that is not allowed the entry stays as it is, but for the bit.
        let _ = regroup(dir, name, now, wanted.gid) || regroup(dir, name, now, own);
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
fn set_xattrs_of(file: &File, wanted: &Xattrs, mode: bool) -> io::Result<bool> {
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
        forgive(key, set(OsStr::from_bytes(key), value)).map_err(|e| too_large(key, e))?;
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

/// Some file systems have little room for attributes, whatever room is left for files, and say `ENOSPC` then. That
/// is this entry's trouble alone, so it must not look like a full disk.
fn too_large(key: &[u8], error: io::Error) -> io::Error {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    match errno {
        Some(Errno::NOSPC | Errno::TOOBIG | Errno::RANGE) => io::Error::other(format!(
            "no room for the attribute {} ({error})",
            crate::model::quote::quote(key)
        )),
        _ => error,
    }
}

/// Makes the extended attributes of a name, open as `file` where it is, exactly `wanted`; whether anything was done.
///
/// # Errors
/// The system's.
pub fn bring_xattrs(
    dir: BorrowedFd<'_>,
    name: &[u8],
    file: Option<&File>,
    wanted: &Xattrs,
    mode: bool,
) -> io::Result<bool> {
    let set = || match file {
        Some(file) => set_xattrs_of(file, wanted, mode),
        None => set_xattrs(dir, name, wanted, mode),
    };
    match set() {
        Err(e) if e.raw_os_error() == Some(Errno::ACCESS.raw_os_error()) => {
            despite_mode(dir, name, set).map_err(|()| e)
        }
        done => done,
    }
}

/// Does the same where the entry's own mode forbids it to its owner: `user.*` needs the permission to write.
fn despite_mode(
    dir: BorrowedFd<'_>,
    name: &[u8],
    set: impl Fn() -> io::Result<bool>,
) -> Result<bool, ()> {
    let mode = || match name.is_empty() {
        true => Some(state_of_handle(dir).ok()?.mode),
        false => {
            let name = std::ffi::CString::new(name).ok()?;
            Some(examine(dir, &name).ok().flatten()?.state.mode)
        }
    };
    let before = mode().filter(|mode| mode & 0o600 != 0o600).ok_or(())?;
    set_mode(dir, name, before | 0o600).map_err(drop)?;
    let done = set();
    // An access list among them has set the other bits, so only the owner's are taken back.
    let now = mode().ok_or(())? & !0o600 | before & 0o600;
    set_mode(dir, name, now).map_err(drop)?;
    done.map_err(drop)
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
