//! Making entries: each is complete, with its metadata, under a temporary name before it takes its own.

use std::fs::File;
use std::io;

use rustix::fs::{
    FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, futimens, mknodat, openat, symlinkat,
};
use rustix::io::Errno;

use crate::disk::folder::{Born, Folder, temporary};
use crate::disk::meta::{self, Policy};
use crate::disk::root::Root;
use crate::model::{Kind, State, Xattrs};

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
    /// What of it is set.
    pub policy: Policy,
}

/// A regular file that is being written under its temporary name.
pub struct Draft<'f> {
    made: Temporary<'f>,
    file: File,
    born: Born,
    mode: u32,
}

/// Begins a regular file: empty, of the owner that it is to have, readable by nobody who may not read it at the end.
///
/// # Errors
/// The system's.
pub fn begin<'f>(root: &Root, folder: &'f Folder, wanted: &Wanted<'_>) -> io::Result<Draft<'f>> {
    let (state, policy) = (wanted.state, wanted.policy);
    let mode = match policy.mode {
        true => state.mode,
        false => 0o666 & !root.umask(),
    };
    let owner = (state.uid, state.gid);
    // Its bits from the start save a chmod; but no group may read what is to be another group's.
    let bits = match policy.owner && owner != folder.owner_of_new(root) {
        true => 0o600,
        false => mode & 0o777 | 0o600,
    };
    let name = temporary();
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(folder.handle(), &*name, flags, Mode::from_raw_mode(bits))?;
    let made = Temporary {
        folder,
        name,
        placed: false,
    };
    let file = File::from(file);
    let mut born = folder.born(bits, &file)?;
    if policy.owner && (born.uid, born.gid) != owner {
        let (uid, gid) = (Uid::from_raw(state.uid), Gid::from_raw(state.gid));
        fchown(&file, Some(uid), Some(gid))?;
        (born.uid, born.gid) = owner;
    }
    Ok(Draft {
        made,
        file,
        born,
        mode,
    })
}

impl<'f> Draft<'f> {
    /// The open file, to be written to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The device that it lies on.
    pub fn device(&self) -> u64 {
        self.born.dev
    }

    /// Sets mode, attributes and time, in this order, now that it has been written.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(self, wanted: &Wanted<'_>) -> io::Result<Temporary<'f>> {
        if self.born.mode != self.mode {
            fchmod(&self.file, Mode::from_raw_mode(self.mode))?;
        }
        if let Some(attributes) = wanted.xattrs.filter(|_| wanted.policy.xattrs)
            && (self.born.has_xattrs || !attributes.is_empty())
        {
            meta::set_xattrs_of(&self.file, attributes)?;
        }
        if wanted.policy.mtime {
            futimens(&self.file, &meta::times(wanted.state.mtime))?;
        }
        Ok(self.made)
    }
}

/// Makes anything but a regular file: a symbolic link, a fifo, a socket's name, a device, an empty directory.
///
/// # Errors
/// The system's.
pub fn node<'f>(folder: &'f Folder, wanted: &Wanted<'_>) -> io::Result<Temporary<'f>> {
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
