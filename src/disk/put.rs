//! Making entries: each is complete, with its metadata, under a temporary name before it takes its own.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;

use rustix::fs::{
    FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, fsync, futimens, mknodat, openat, symlinkat,
};
use rustix::io::Errno;

use crate::disk::folder::{Born, Folder};
use crate::disk::keep::Kept;
use crate::disk::meta::{self, Policy};
use crate::disk::root::Root;
use crate::disk::temporary::{temporary, temporary_filled};
use crate::model::{Kind, State, Xattrs};

/// An entry under its temporary name. Dropped without [`Temporary::place`] it is removed again.
pub struct Temporary<'f> {
    folder: &'f Folder,
    name: Vec<u8>,
    placed: bool,
}

impl<'f> Temporary<'f> {
    /// Takes up one that was set aside.
    pub fn resume(folder: &'f Folder, name: Vec<u8>) -> Self {
        Temporary {
            folder,
            name,
            placed: false,
        }
    }

    /// Leaves it as it is, for [`Temporary::resume`], or since the name that it was made under is its own. That name.
    pub fn set_aside(mut self) -> Vec<u8> {
        self.placed = true;
        std::mem::take(&mut self.name)
    }

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
        if !self.placed {
            self.folder.discard(&self.name);
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
    /// What it keeps of the entry whose place it takes.
    pub keep: Option<&'a Kept<'a>>,
    /// The name that it is made under; a temporary one where there is none.
    pub name: Option<&'a [u8]>,
}

impl Wanted<'_> {
    fn name(&self) -> Vec<u8> {
        self.name.map_or_else(temporary, <[u8]>::to_vec)
    }

    /// The bits that it is made with where the source's are not brought along; the system takes the umask off.
    fn bits(&self) -> u32 {
        match self.keep {
            Some(_) => 0o600,
            None => self.state.mode & 0o777,
        }
    }
}

/// A regular file that is being written under its temporary name.
pub struct Draft<'f> {
    made: Temporary<'f>,
    file: File,
    born: Born,
}

/// Begins a regular file: empty, of the owner that it is to have, readable by nobody who may not read it at the end.
///
/// # Errors
/// The system's.
pub fn begin<'f>(root: &Root, folder: &'f Folder, wanted: &Wanted<'_>) -> io::Result<Draft<'f>> {
    let (state, policy) = (wanted.state, wanted.policy);
    let owner = (state.uid, state.gid);
    // Its bits from the start save a chmod; but no group may read what is to be another group's.
    let bits = match policy.mode {
        false => wanted.bits(),
        true if policy.owner && owner != folder.owner_of_new(root) => 0o600,
        true if policy.group && owner.1 != folder.owner_of_new(root).1 => 0o600,
        // Until one was looked at, a setgid directory or a default access list may let others in; but nobody gets
        // into a directory that has no name of its own yet.
        true if wanted.name.is_none() && !folder.lists_nobody() => 0o600,
        true => state.mode & 0o777 | 0o600,
    };
    let name = wanted.name();
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
    } else if policy.group && meta::join_source(file.as_fd(), b"", born.gid, state.gid) {
        born.gid = state.gid;
    }
    Ok(Draft { made, file, born })
}

impl<'f> Draft<'f> {
    /// The open file, to be written to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The directory that it is made in.
    pub fn folder(&self) -> &'f Folder {
        self.made.folder
    }

    /// The device that it lies on.
    pub fn device(&self) -> u64 {
        self.born.dev
    }

    /// Sets attributes, mode and time, in this order, now that it has been written; with `durable` waits until it is
    /// on the disk.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(self, wanted: &Wanted<'_>, durable: bool) -> io::Result<Temporary<'f>> {
        let (state, policy) = (wanted.state, wanted.policy);
        let (folder, name) = (self.made.folder.handle(), &self.made.name);
        // Another owner clears bits, so it comes before them; and access lists that were inherited go before them.
        if let Some(kept) = wanted.keep {
            kept.give(self.made.folder, name)?;
        }
        if policy.mode && !policy.owner {
            meta::join(folder, name, self.born.gid, state);
        }
        if let Some(attributes) = wanted.xattrs.filter(|_| policy.xattrs)
            && (self.born.has_xattrs || !attributes.is_empty())
        {
            meta::bring_xattrs(folder, name, Some(&self.file), attributes, policy.mode)?;
        }
        if policy.mode && self.born.mode != state.mode {
            fchmod(&self.file, Mode::from_raw_mode(state.mode))?;
        }
        if policy.mtime {
            let times = meta::times(state.mtime, policy.both_times);
            futimens(&self.file, &times)?;
        }
        if durable {
            fsync(&self.file)?;
        }
        Ok(self.made)
    }
}

/// Makes a directory under a temporary name, to be filled before it gets its own. Only its owner can look into it.
///
/// # Errors
/// The system's.
pub fn staging(folder: &Folder) -> Result<(Temporary<'_>, Folder), Errno> {
    let name = temporary_filled();
    folder.make_dir(&name, 0o700)?;
    let made = Temporary {
        folder,
        name,
        placed: false,
    };
    let inside = folder.below(&made.name)?;
    Ok((made, inside))
}

/// Makes anything but a regular file: a symbolic link, a fifo, a socket's name, a device, an empty directory.
///
/// # Errors
/// The system's.
pub fn node<'f>(folder: &'f Folder, wanted: &Wanted<'_>) -> io::Result<Temporary<'f>> {
    let name = wanted.name();
    let state = wanted.state;
    let bits = if wanted.policy.mode {
        0o600
    } else {
        wanted.bits()
    };
    let make = |kind: FileType| {
        mknodat(
            folder.handle(),
            &*name,
            kind,
            Mode::from_raw_mode(bits),
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
        if let Some(kept) = wanted.keep {
            kept.give(folder, &made.name)?;
        }
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
