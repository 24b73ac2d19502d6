//! Making entries: each is complete, with its metadata, under a temporary name before it takes its own.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::fs::{FileType, Mode, OFlags, fchmod, fchown, futimens, mknodat, openat, symlinkat};
use rustix::io::Errno;

use crate::disk::copy::{Copier, Fault, Job, SMALL};
use crate::disk::folder::{Folder, temporary};
use crate::disk::meta::{self, Policy};
use crate::disk::root::Root;
use crate::model::{Kind, State, Xattrs};
use crate::tree::Contents;
use crate::tree::local::state_of_handle;

/// An entry under its temporary name. Dropped without [`Temporary::place`] it is removed again.
pub struct Temporary<'f> {
    folder: &'f Folder,
    name: Vec<u8>,
    placed: bool,
}

impl Temporary<'_> {
    /// Gives it its name, replacing what is there (no directory).
    ///
    /// # Errors
    /// The system's.
    pub fn place(mut self, name: &[u8]) -> Result<(), Errno> {
        self.folder.rename(&self.name, name)?;
        self.placed = true;
        Ok(())
    }

    /// Gives it its name where there must be nothing.
    ///
    /// # Errors
    /// The system's: `EEXIST` when something is there.
    pub fn place_new(mut self, name: &[u8]) -> Result<(), Errno> {
        self.folder.move_to(&self.name, self.folder, name)?;
        self.placed = true;
        Ok(())
    }

    /// Gives it its name in the place of another kind of entry, which is removed.
    ///
    /// # Errors
    /// The system's.
    pub fn replace(mut self, name: &[u8], was_dir: bool) -> Result<(), Errno> {
        self.folder.replace(&self.name, name, was_dir)?;
        self.placed = true;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next run.
        if !self.placed && self.folder.unlink(&self.name) == Err(Errno::ISDIR) {
            let _ = self.folder.remove_dir(&self.name);
        }
    }
}

/// What an entry is to be.
pub struct Wanted<'a> {
    /// Its state.
    pub state: &'a State,
    /// Its extended attributes, where they are set.
    pub xattrs: Option<&'a Xattrs>,
    /// It has holes.
    pub sparse: bool,
    /// What of it is set.
    pub policy: Policy,
}

/// Writes a regular file; the number of bytes it has.
///
/// # Errors
/// A [`Fault`] that says which side failed.
pub fn file<'f>(
    root: &Root,
    folder: &'f Folder,
    wanted: &Wanted<'_>,
    from: &mut Contents,
    copier: &Copier,
) -> Result<(Temporary<'f>, u64), Fault> {
    let to = |e: Errno| Fault::Destination(e.into());
    let name = temporary();
    // Until it is complete nobody else needs to read it; wider bits come with the owner below.
    let bits = if wanted.policy.owner {
        0o600
    } else {
        wanted.state.mode & 0o777 | 0o600
    };
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder.handle(), &*name, flags, Mode::from_raw_mode(bits)).map_err(to)?;
    let file = File::from(file);
    let made = Temporary {
        folder,
        name,
        placed: false,
    };
    let now = state_of_handle(file.as_fd()).map_err(to)?;
    // Only a file large enough to be cloned asks where it lies.
    let source = if wanted.state.size > SMALL {
        device(from)
    } else {
        0
    };
    let devices = (source, now.inode.map_or(0, |i| i.dev));
    let job = Job {
        from,
        to: &file,
        size: wanted.state.size,
        sparse: wanted.sparse,
        devices,
    };
    let written = copier.copy(job)?;
    finish(root, &file, &now, wanted, &made).map_err(Fault::Destination)?;
    Ok((made, written))
}

fn device(from: &Contents) -> u64 {
    match from {
        Contents::Local(file) => state_of_handle(file.as_fd())
            .ok()
            .and_then(|s| s.inode)
            .map_or(0, |i| i.dev),
        Contents::Stream(_) => 0,
    }
}

/// Owner, mode, attributes and time of a file that is still open.
fn finish(
    root: &Root,
    file: &File,
    now: &State,
    wanted: &Wanted<'_>,
    made: &Temporary<'_>,
) -> Result<(), std::io::Error> {
    let (state, policy) = (wanted.state, wanted.policy);
    if policy.owner && (now.uid, now.gid) != (state.uid, state.gid) {
        let (uid, gid) = (
            rustix::fs::Uid::from_raw(state.uid),
            rustix::fs::Gid::from_raw(state.gid),
        );
        fchown(file, Some(uid), Some(gid))?;
    }
    let mode = match policy.mode {
        true => state.mode,
        false => 0o666 & !root.umask(),
    };
    if !policy.owner && policy.mode {
        meta::join(made.folder.handle(), &made.name, now.gid, state);
    }
    if now.mode != mode {
        fchmod(file, Mode::from_raw_mode(mode))?;
    }
    if let Some(attributes) = wanted.xattrs.filter(|_| policy.xattrs) {
        let only = Policy {
            owner: false,
            mode: false,
            mtime: false,
            xattrs: true,
        };
        meta::set(made.folder, &made.name, now, state, Some(attributes), only)?;
    }
    if policy.mtime {
        futimens(file, &meta::times(state.mtime))?;
    }
    Ok(())
}

/// Makes anything but a regular file: a symbolic link, a fifo, a socket's name, a device, an empty directory.
///
/// # Errors
/// The system's.
pub fn node<'f>(folder: &'f Folder, wanted: &Wanted<'_>) -> Result<Temporary<'f>, std::io::Error> {
    let name = temporary();
    let state = wanted.state;
    let make = |kind: FileType| {
        mknodat(
            folder.handle(),
            &*name,
            kind,
            Mode::from_raw_mode(0o600),
            state.rdev,
        )
    };
    match state.kind {
        Kind::Symlink => symlinkat(
            state.target.as_deref().unwrap_or_default(),
            folder.handle(),
            &*name,
        )?,
        Kind::Directory => folder.make_dir(&name, 0o700)?,
        Kind::Fifo => make(FileType::Fifo)?,
        Kind::Socket => make(FileType::Socket)?,
        Kind::CharDevice => make(FileType::CharacterDevice)?,
        Kind::BlockDevice => make(FileType::BlockDevice)?,
        Kind::File => return Err(Errno::INVAL.into()),
    }
    let made = Temporary {
        folder,
        name,
        placed: false,
    };
    if state.kind != Kind::Directory {
        let now = folder.entry(&made.name)?.ok_or(Errno::NOENT)?;
        meta::set(
            folder,
            &made.name,
            &now.state,
            state,
            wanted.xattrs,
            wanted.policy,
        )?;
    }
    Ok(made)
}

/// Gives an existing inode a temporary name in `folder`, to take the place of another entry.
///
/// # Errors
/// The system's.
pub fn link<'f>(from: &Folder, name: &[u8], folder: &'f Folder) -> Result<Temporary<'f>, Errno> {
    let own = temporary();
    from.link(name, folder, &own)?;
    Ok(Temporary {
        folder,
        name: own,
        placed: false,
    })
}
