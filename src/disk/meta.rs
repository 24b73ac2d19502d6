//! Setting metadata, and only what differs: owner first (it clears setuid), then mode, attributes, and time last.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::sync::LazyLock;

use rustix::fs::{Gid, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, futimens};
use rustix::io::Errno;

use crate::disk::folder::Folder;
use crate::disk::held::{Held, replaced};
use crate::model::{Kind, Medium, State, Time, Xattrs, is_access};

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
/// The system's; and when something else has the name by now.
pub fn set(
    folder: &Folder,
    name: &[u8],
    current: &State,
    wanted: &State,
    attributes: Option<&Xattrs>,
    policy: Policy,
) -> Result<bool, io::Error> {
    if current.kind != wanted.kind {
        return Err(replaced());
    }
    let held = Held::seen(folder.handle(), name, current)?;
    set_held(&held, current, wanted, attributes, policy)
}

/// The same for what is held open.
///
/// # Errors
/// The system's.
pub fn set_held(
    held: &Held<'_>,
    current: &State,
    wanted: &State,
    attributes: Option<&Xattrs>,
    policy: Policy,
) -> Result<bool, io::Error> {
    let mut done = false;
    let mut mode = current.mode;
    if policy.owner && (current.uid, current.gid) != (wanted.uid, wanted.gid) {
        own(held, current, wanted)?;
        // Changing the owner clears these bits of an executable file (chown(2)).
        mode &= !0o6000;
        done = true;
    } else if policy.group && brings_group(held, current.gid, wanted.gid) {
        mode &= !0o6000;
        done = true;
    }
    if policy.mode && wanted.kind != Kind::Symlink && mode != wanted.mode {
        if !policy.owner {
            join_held(held, current.gid, wanted);
        }
        held.set_mode(wanted.mode)?;
        done = true;
    }
    if let Some(attributes) = attributes.filter(|_| policy.xattrs) {
        done |= bring_xattrs_held(held, attributes, policy.mode)?;
    }
    if policy.mtime && current.mtime != wanted.mtime {
        held.set_times(&times(wanted.mtime, policy.both_times))?;
        done = true;
    }
    Ok(done)
}

/// Gives an entry away. The kernel takes a file's capabilities from it then, which nobody asked for.
fn own(held: &Held<'_>, now: &State, wanted: &State) -> io::Result<()> {
    const CAPABILITY: &str = "security.capability";
    let kept = match now.kind {
        Kind::File => held.xattr(CAPABILITY).ok().flatten(),
        _ => None,
    };
    held.own(Some(wanted.uid), Some(wanted.gid))?;
    match kept {
        Some(value) => forgive(
            CAPABILITY.as_bytes(),
            held.set_xattr(OsStr::new(CAPABILITY), &value),
        ),
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
    hold(dir, name).is_ok_and(|held| brings_group(&held, now, wanted))
}

fn brings_group(held: &Held<'_>, now: u32, wanted: u32) -> bool {
    now == rustix::process::getegid().as_raw() && regroup(held, now, wanted)
}

/// Gives it to another group of the caller's; whether that was done.
fn regroup(held: &Held<'_>, now: u32, wanted: u32) -> bool {
    now != wanted && is_member(wanted) && held.own(None, Some(wanted)).is_ok()
}

/// Gives what is to be setgid a group of the caller's: the kernel drops the bit silently where the group is none of
/// his, as when it was inherited from the directory above.
pub fn join(dir: BorrowedFd<'_>, name: &[u8], now: u32, wanted: &State) {
    // Where it cannot be opened it stays as it is.
    if wanted.mode & 0o2000 != 0
        && let Ok(held) = hold(dir, name)
    {
        join_held(&held, now, wanted);
    }
}

fn join_held(held: &Held<'_>, now: u32, wanted: &State) {
    if wanted.mode & 0o2000 != 0 && !is_member(now) {
        let own = rustix::process::getegid().as_raw();
        // Where that is not allowed the entry stays as it is, but for the bit.
        let _ = regroup(held, now, wanted.gid) || regroup(held, now, own);
    }
}

/// What is there now under a name, or the open directory or file itself when there is none.
fn hold<'h>(dir: BorrowedFd<'h>, name: &[u8]) -> io::Result<Held<'h>> {
    match name.is_empty() {
        true => Ok(Held::open(dir)),
        false => Held::now(dir, name).map(|(held, _)| held),
    }
}

/// Sets permission bits of `name`, or of the open directory itself when there is none, as long as it is what was
/// `seen`. No link is followed.
///
/// # Errors
/// The system's; and when something else has the name by now.
pub fn set_mode(dir: BorrowedFd<'_>, name: &[u8], seen: &State, mode: u32) -> io::Result<()> {
    Ok(Held::seen(dir, name, seen)?.set_mode(mode)?)
}

/// Sets the modification time of an open directory, to the nanosecond; the access time stays, or becomes the present with `both`.
///
/// # Errors
/// The system's.
pub fn set_mtime(dir: BorrowedFd<'_>, mtime: Time, both: bool) -> Result<(), Errno> {
    futimens(dir, &times(mtime, both))
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
fn set_xattrs(held: &Held<'_>, wanted: &Xattrs, mode: bool) -> io::Result<bool> {
    exchange(
        held.xattrs()?,
        wanted,
        mode,
        |key| held.remove_xattr(key),
        |key, value| held.set_xattr(key, value),
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
pub fn add_xattrs(held: &Held<'_>, wanted: &Xattrs) -> io::Result<()> {
    for (key, value) in wanted {
        forgive(key, held.set_xattr(OsStr::from_bytes(key), value))?;
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
    let held = match file {
        Some(file) => Held::open(file.as_fd()),
        None => hold(dir, name)?,
    };
    bring_xattrs_held(&held, wanted, mode)
}

fn bring_xattrs_held(held: &Held<'_>, wanted: &Xattrs, mode: bool) -> io::Result<bool> {
    let set = || set_xattrs(held, wanted, mode);
    match set() {
        Err(e) if e.raw_os_error() == Some(Errno::ACCESS.raw_os_error()) => {
            despite_mode(held, set).map_err(|()| e)
        }
        done => done,
    }
}

/// Does the same where the entry's own mode forbids it to its owner: `user.*` needs the permission to write.
fn despite_mode(held: &Held<'_>, set: impl Fn() -> io::Result<bool>) -> Result<bool, ()> {
    let mode = || held.state().ok().map(|state| state.mode);
    let before = mode().filter(|mode| mode & 0o600 != 0o600).ok_or(())?;
    held.set_mode(before | 0o600).map_err(drop)?;
    let done = set();
    // An access list among them has set the other bits, so only the owner's are taken back.
    let now = mode().ok_or(())? & !0o600 | before & 0o600;
    held.set_mode(now).map_err(drop)?;
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
