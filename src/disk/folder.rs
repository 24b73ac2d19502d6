//! One open directory that is written to, and what can be done to its names.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, RenameFlags, linkat, mkdirat, openat, renameat,
    renameat_with, unlinkat,
};
use rustix::io::Errno;

use crate::disk::Root;
use crate::disk::temporary::{FILLED, is_abandoned, temporary};
use crate::model::{Entry, is_access};
use crate::tree::attribute::xattrs_of;
use crate::tree::local::{examine, state_of_handle};

/// How a name ends under which something lies that is nobody's temporary: no sweep removes it.
const MOVED: &[u8] = b"-moved";

/// An open directory.
pub struct Folder {
    handle: OwnedFd,
    born: Cell<Option<Born>>,
}

/// What a file is when it has just been made in a directory: setgid, default ACLs and security labels of the
/// directory have a say in it, so it is looked at once in each directory, and not for each file.
#[derive(Clone, Copy, Debug)]
pub struct Born {
    /// The bits that it was made with.
    bits: u32,
    /// The bits that it has.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The device that it lies on.
    pub dev: u64,
    /// It has extended attributes that nobody gave it.
    pub has_xattrs: bool,
    /// An access list among them lets others in.
    listed: bool,
}

impl Folder {
    /// Of an open directory's handle.
    pub fn new(handle: OwnedFd) -> Self {
        Folder {
            handle,
            born: Cell::new(None),
        }
    }

    /// What a file is that was just made here with `bits`: that of the last one, if it was made with the same.
    ///
    /// # Errors
    /// The system's.
    pub fn born(&self, bits: u32, file: &File) -> Result<Born, std::io::Error> {
        if let Some(born) = self.born.get().filter(|born| born.bits == bits) {
            return Ok(born);
        }
        let state = state_of_handle(file.as_fd())?;
        let attributes = xattrs_of(file)?;
        let born = Born {
            bits,
            mode: state.mode,
            uid: state.uid,
            gid: state.gid,
            dev: state.inode.map_or(0, |i| i.dev),
            has_xattrs: !attributes.is_empty(),
            listed: attributes.iter().any(|(key, _)| is_access(key)),
        };
        self.born.set(Some(born));
        Ok(born)
    }

    /// Whose a file is that is made here: known once there was one; before that the process's own.
    pub fn owner_of_new(&self, root: &Root) -> (u32, u32) {
        self.born
            .get()
            .map_or((root.user(), root.group()), |born| (born.uid, born.gid))
    }

    /// Whether it is known that a file that is made here has no access list that it was not given.
    pub fn lists_nobody(&self) -> bool {
        self.born.get().is_some_and(|born| !born.listed)
    }

    /// Its handle.
    pub fn handle(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }

    /// What is there under `name` now.
    ///
    /// # Errors
    /// The system's.
    pub fn entry(&self, name: &[u8]) -> Result<Option<Entry>, Errno> {
        examine(self.handle(), &c_name(name)?)
    }

    /// Makes a directory.
    ///
    /// # Errors
    /// The system's.
    pub fn make_dir(&self, name: &[u8], mode: u32) -> Result<(), Errno> {
        mkdirat(&self.handle, name, Mode::from_raw_mode(mode))
    }

    /// Removes a name that is no directory.
    ///
    /// # Errors
    /// The system's.
    pub fn unlink(&self, name: &[u8]) -> Result<(), Errno> {
        unlinkat(&self.handle, name, AtFlags::empty())
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// The system's: `ENOTEMPTY` when it is not.
    pub fn remove_dir(&self, name: &[u8]) -> Result<(), Errno> {
        unlinkat(&self.handle, name, AtFlags::REMOVEDIR)
    }

    /// Renames within this directory, replacing what is there unless it is a directory.
    ///
    /// # Errors
    /// The system's.
    pub fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        renameat(&self.handle, from, &self.handle, to)
    }

    /// Moves a name to another directory, where there must be nothing under `to`.
    ///
    /// # Errors
    /// The system's: `EEXIST` when something is there.
    pub fn move_to(&self, from: &[u8], folder: &Folder, to: &[u8]) -> Result<(), Errno> {
        match renameat_with(
            &self.handle,
            from,
            &folder.handle,
            to,
            RenameFlags::NOREPLACE,
        ) {
            // A file system without the flag: the look is a moment older than the deed.
            Err(Errno::INVAL | Errno::NOSYS) => match folder.entry(to)? {
                Some(_) => Err(Errno::EXIST),
                None => renameat(&self.handle, from, &folder.handle, to),
            },
            other => other,
        }
    }

    /// Moves a name to another directory, in the place of what is there, no directory.
    ///
    /// # Errors
    /// The system's.
    pub fn move_over(&self, from: &[u8], folder: &Folder, to: &[u8]) -> Result<(), Errno> {
        renameat(&self.handle, from, &folder.handle, to)
    }

    /// Whether a name is listed here, spelt so.
    ///
    /// # Errors
    /// The system's.
    pub fn lists(&self, name: &[u8]) -> Result<bool, Errno> {
        self.names(|n, _| n == name).map(|found| !found.is_empty())
    }

    /// Gives a name another spelling, which the file system takes for the same name.
    ///
    /// # Errors
    /// The system's; then it is as before.
    pub fn respell(&self, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        self.rename(from, to)?;
        if self.lists(to)? {
            return Ok(());
        }
        // To this file system there was nothing to do. No sweep would remove the third name.
        let mut third = temporary();
        third.extend_from_slice(b"-moved");
        self.rename(from, &third)?;
        self.rename(&third, to).inspect_err(|_| {
            let _ = self.rename(&third, from);
        })
    }

    /// Lets two names change places, at once: nothing is lost whenever it is cut short.
    ///
    /// # Errors
    /// The system's; then both are as before.
    pub fn exchange(&self, name: &[u8], folder: &Folder, other: &[u8]) -> Result<(), Errno> {
        let flags = RenameFlags::EXCHANGE;
        match renameat_with(&self.handle, name, &folder.handle, other, flags) {
            Err(Errno::INVAL | Errno::NOSYS) => self.exchange_by_three(name, folder, other),
            done => done,
        }
    }

    /// The same on file systems without such a call, through a third name that no sweep would remove: cut
    /// short there, the content is still to be found.
    fn exchange_by_three(&self, name: &[u8], folder: &Folder, other: &[u8]) -> Result<(), Errno> {
        let mut third = temporary();
        third.extend_from_slice(MOVED);
        self.move_to(name, self, &third)?;
        if let Err(e) = folder.move_to(other, self, name) {
            let _ = self.move_to(&third, self, name);
            return Err(e);
        }
        self.move_to(&third, folder, other).inspect_err(|_| {
            // Back, each where it was; if even that fails the caller's error tells enough.
            let _ = self.move_to(name, folder, other);
            let _ = self.move_to(&third, self, name);
        })
    }

    /// Puts `temporary` in the place of `name` whatever kind the two are, and removes what was
    /// there: an empty directory, or no directory.
    ///
    /// # Errors
    /// The system's: `ENOTEMPTY` when a directory holds something; then everything is as before. Only where the system
    /// refuses to take an exchange back is what was there under the name of the temporary with `-moved` behind it, which no sweep
    /// removes.
    pub fn replace(&self, temporary: &[u8], name: &[u8], was_dir: bool) -> Result<(), Errno> {
        let remove = |what: &[u8]| match was_dir {
            true => self.remove_dir(what),
            false => self.unlink(what),
        };
        // An exchange that would have to be taken back is better not begun.
        let held = || self.below(name)?.names(|_, _| true);
        if was_dir && held().is_ok_and(|names| !names.is_empty()) {
            return Err(Errno::NOTEMPTY);
        }
        let exchange = || {
            let flags = RenameFlags::EXCHANGE;
            renameat_with(&self.handle, temporary, &self.handle, name, flags)
        };
        match exchange() {
            Ok(()) => remove(temporary).inspect_err(|_| {
                if exchange().is_err() {
                    // What was there is nobody's temporary: it must not be taken for one.
                    let moved = [temporary, MOVED].concat();
                    let _ = self.move_to(temporary, self, &moved);
                }
            }),
            Err(Errno::INVAL | Errno::NOSYS) => {
                remove(name)?;
                self.rename(temporary, name)
            }
            Err(e) => Err(e),
        }
    }

    /// Gives the inode of `name` here another name in `folder`.
    ///
    /// # Errors
    /// The system's.
    pub fn link(&self, name: &[u8], folder: &Folder, to: &[u8]) -> Result<(), Errno> {
        linkat(&self.handle, name, &folder.handle, to, AtFlags::empty())
    }

    /// Opens a directory here, through no symbolic link.
    ///
    /// # Errors
    /// The system's.
    pub fn below(&self, name: &[u8]) -> Result<Folder, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.handle, name, flags, Mode::empty()).map(Folder::new)
    }

    /// Removes a temporary, with the files in it where it is a directory that was being filled. What cannot be
    /// removed stays until a sweep can: it is never part of a tree. Any other directory may be one that was exchanged
    /// for something else, so what is in it is not ours.
    pub fn discard(&self, name: &[u8]) {
        if self.unlink(name) != Err(Errno::ISDIR) {
            return;
        }
        if name.ends_with(FILLED)
            && let Ok(inside) = self.below(name)
        {
            let _ = inside.names(|_, _| true).map(|names| {
                for file in names {
                    let _ = unlinkat(&inside.handle, &file, AtFlags::empty());
                }
            });
        }
        let _ = self.remove_dir(name);
    }

    /// The names of the directories in it, as far as the file system tells them from others.
    ///
    /// # Errors
    /// The system's.
    pub fn directories(&self) -> Result<Vec<CString>, Errno> {
        self.names(|_, kind| matches!(kind, FileType::Directory | FileType::Unknown))
    }

    /// The names in it that are wanted.
    fn names(&self, wanted: impl Fn(&[u8], FileType) -> bool) -> Result<Vec<CString>, Errno> {
        let mut space = [MaybeUninit::<u8>::uninit(); 8 * 1024];
        let listed = self.below(b".")?;
        let mut names: Vec<CString> = Vec::new();
        let mut dir = RawDir::new(&listed.handle, &mut space);
        while let Some(item) = dir.next() {
            let item = item?;
            let (name, kind) = (item.file_name().to_owned(), item.file_type());
            if !matches!(name.to_bytes(), b"." | b"..") && wanted(name.to_bytes(), kind) {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// Removes temporaries that a process which is no more has left here; how many there were.
    ///
    /// # Errors
    /// The system's, on listing; a temporary that cannot be removed stays.
    pub fn sweep(&self) -> Result<usize, Errno> {
        let left = self.names(|name, _| is_abandoned(name))?;
        for name in &left {
            self.discard(name.to_bytes());
        }
        Ok(left.len())
    }
}

/// A name for the system.
fn c_name(name: &[u8]) -> Result<CString, Errno> {
    CStr::from_bytes_with_nul(name)
        .map(CStr::to_owned)
        .or_else(|_| CString::new(name))
        .map_err(|_| Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_only_what_is_abandoned() {
        let dir = tempfile::tempdir().unwrap();
        let mine = String::from_utf8(temporary()).unwrap();
        // No process has this number: pid_max is at most 2^22.
        for file in [".fsync-tmp-4194999-0-0", ".fsync-tmp-x", &mine, "other"] {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        // A directory that was being filled, and one that was exchanged for something else.
        for name in [".fsync-tmp-4194999-0-1-filled", ".fsync-tmp-4194999-0-2"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            std::fs::write(dir.path().join(name).join("file"), "").unwrap();
        }
        let handle = std::fs::File::open(dir.path()).unwrap();
        Folder::new(handle.into()).sweep().unwrap();
        let mut left: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        left.sort();
        let mut kept = [".fsync-tmp-4194999-0-2", ".fsync-tmp-x", &mine, "other"];
        kept.sort();
        assert_eq!(left, kept);
    }

    #[test]
    fn exchanges_with_and_without_the_call() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("a"), "a").unwrap();
        std::fs::create_dir(at("d")).unwrap();
        std::fs::write(at("d/b"), "b").unwrap();
        let open = |path: &std::path::Path| Folder::new(std::fs::File::open(path).unwrap().into());
        let (top, below) = (open(dir.path()), open(&at("d")));
        let read = || [at("a"), at("d/b")].map(|path| std::fs::read(path).unwrap());
        top.exchange(b"a", &below, b"b").unwrap();
        assert_eq!(read(), [b"b", b"a"]);
        top.exchange_by_three(b"a", &below, b"b").unwrap();
        assert_eq!(read(), [b"a", b"b"]);
        let missing = top.exchange_by_three(b"a", &below, b"none");
        assert_eq!(
            (missing, read()),
            (Err(Errno::NOENT), [b"a".into(), b"b".into()])
        );
        assert_eq!(
            dir.path().read_dir().unwrap().count(),
            2,
            "no third name is left"
        );
    }

    #[test]
    fn replaces_across_kinds() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("d")).unwrap();
        std::fs::write(dir.path().join("t"), "new").unwrap();
        let folder = Folder::new(std::fs::File::open(dir.path()).unwrap().into());
        folder.replace(b"t", b"d", true).unwrap();
        assert_eq!(std::fs::read(dir.path().join("d")).unwrap(), b"new");
        std::fs::create_dir(dir.path().join("full")).unwrap();
        std::fs::write(dir.path().join("full/x"), "").unwrap();
        std::fs::write(dir.path().join("t"), "new").unwrap();
        assert_eq!(folder.replace(b"t", b"full", true), Err(Errno::NOTEMPTY));
        assert!(dir.path().join("full/x").exists() && dir.path().join("t").is_file());
    }
}
