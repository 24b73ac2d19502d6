//! Builds trees: files, directories, links, special files, times, attributes. Names are bytes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

/// The time that everything gets unless it is told another: long past, with nanoseconds.
pub const T0: (i64, i64) = (1_600_000_000, 123_456_789);

/// A directory to build in.
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Opens a directory, making it if need be.
    pub fn new(root: PathBuf) -> Self {
        fs::create_dir_all(&root).expect("a directory");
        Tree { root }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a name; parents are not made.
    pub fn at(&self, name: impl AsRef<[u8]>) -> PathBuf {
        match name.as_ref() {
            b"." => self.root.clone(),
            name => self.root.join(OsStr::from_bytes(name)),
        }
    }

    fn ready(&self, name: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("parents");
        path
    }

    /// A file of mode 0644 and time [`T0`]; one that is there gets the bytes.
    pub fn file(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.ready(name.as_ref());
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("its mode");
        self.mtime(name, T0.0, T0.1)
    }

    /// Other bytes for a file, at the time that the clock says.
    pub fn edit(&self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &Self {
        fs::write(self.ready(name), content).expect("an edit");
        self
    }

    /// A directory of mode 0755.
    pub fn dir(&self, name: impl AsRef<[u8]>) -> &Self {
        let path = self.at(name);
        fs::create_dir_all(&path).expect("a directory");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        self
    }

    /// A symbolic link, at time [`T0`].
    pub fn link(&self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> &Self {
        symlink(
            OsStr::from_bytes(target.as_ref()),
            self.ready(name.as_ref()),
        )
        .expect("a link");
        self.mtime(name, T0.0, T0.1)
    }

    /// Another name for a file.
    pub fn hard(&self, name: impl AsRef<[u8]>, existing: impl AsRef<[u8]>) -> &Self {
        fs::hard_link(self.at(existing), self.ready(name)).expect("a hard link");
        self
    }

    /// A fifo, at time [`T0`].
    pub fn fifo(&self, name: impl AsRef<[u8]>) -> &Self {
        let path = self.ready(name.as_ref());
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).expect("a fifo");
        self.mtime(name, T0.0, T0.1)
    }

    /// A socket's name, at time [`T0`].
    pub fn socket(&self, name: impl AsRef<[u8]>) -> &Self {
        let path = self.ready(name.as_ref());
        mknodat(CWD, &path, FileType::Socket, Mode::from_raw_mode(0o644), 0).expect("a socket");
        self.mtime(name, T0.0, T0.1)
    }

    /// A character device, at time [`T0`]; root's alone.
    pub fn device(&self, name: impl AsRef<[u8]>, minor: u32) -> &Self {
        let (path, device) = (self.ready(name.as_ref()), rustix::fs::makedev(1, minor));
        let mode = Mode::from_raw_mode(0o644);
        mknodat(CWD, &path, FileType::CharacterDevice, mode, device).expect("a device");
        self.mtime(name, T0.0, T0.1)
    }

    /// A file of `size` bytes of which only `data` (at `offset`) is written.
    pub fn sparse(&self, name: impl AsRef<[u8]>, size: u64, offset: u64, data: &[u8]) -> &Self {
        use std::os::unix::fs::FileExt;
        let file = fs::File::create(self.ready(name.as_ref())).expect("a file");
        file.set_len(size).expect("its length");
        file.write_all_at(data, offset).expect("its data");
        drop(file);
        self.mode(name.as_ref(), 0o644).mtime(name, T0.0, T0.1)
    }

    /// Sets the permission bits.
    pub fn mode(&self, name: impl AsRef<[u8]>, mode: u32) -> &Self {
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).expect("a mode");
        self
    }

    /// Sets the modification time, of a link itself too.
    pub fn mtime(&self, name: impl AsRef<[u8]>, secs: i64, nanos: i64) -> &Self {
        let time = Timespec {
            tv_sec: secs,
            tv_nsec: nanos,
        };
        let times = Timestamps {
            last_access: time,
            last_modification: time,
        };
        utimensat(CWD, self.at(name), &times, AtFlags::SYMLINK_NOFOLLOW).expect("a time");
        self
    }

    /// Sets an extended attribute.
    pub fn xattr(&self, name: impl AsRef<[u8]>, key: &str, value: &[u8]) -> &Self {
        xattr::set(self.at(name), key, value).expect("an attribute");
        self
    }

    /// Gives an entry away; where the tests do not run as root it stays whose it is.
    pub fn owner(&self, name: impl AsRef<[u8]>, uid: u32, gid: u32) -> &Self {
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::lchown(self.at(name), Some(uid), Some(gid)).expect("an owner");
        }
        self
    }

    /// Removes whatever has that name.
    pub fn remove(&self, name: impl AsRef<[u8]>) -> &Self {
        let path = self.at(name);
        match fs::symlink_metadata(&path).expect("an entry").is_dir() {
            true => fs::remove_dir_all(&path).expect("gone"),
            false => fs::remove_file(&path).expect("gone"),
        }
        self
    }

    /// Gives every directory, the root too, the time [`T0`]: for tests that name every line of a plan.
    pub fn settle(&self) -> &Self {
        let all: Vec<_> = walkdir::WalkDir::new(&self.root)
            .contents_first(true)
            .into_iter()
            .map(|item| item.expect("an entry"))
            .filter(|item| item.file_type().is_dir())
            .collect();
        for item in all {
            self.mtime(item.path().as_os_str().as_bytes(), T0.0, T0.1);
        }
        self
    }

    /// The bytes of a file.
    pub fn read(&self, name: impl AsRef<[u8]>) -> Vec<u8> {
        let path = self.at(name);
        fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Whether there is an entry, links not followed.
    pub fn has(&self, name: impl AsRef<[u8]>) -> bool {
        fs::symlink_metadata(self.at(name)).is_ok()
    }

    /// The inode number.
    pub fn inode(&self, name: impl AsRef<[u8]>) -> u64 {
        fs::symlink_metadata(self.at(name)).expect("an entry").ino()
    }

    /// One of everything: kinds, modes, times before 1970 and with nanoseconds, links, attributes, holes.
    pub fn menagerie(&self) -> &Self {
        self.file("plain", "plain\n")
            .file("empty", "")
            .file("run me", "#!/bin/sh\n")
            .mode("run me", 0o755)
            .file("secret", "x")
            .mode("secret", 0o600)
            .file("setuid", "u")
            .mode("setuid", 0o4755)
            .file("old", "before the epoch")
            .mtime("old", -86_400, 500_000_000)
            .file("deep/er/still/file", "deep")
            .dir("hollow/in/side")
            .mode("hollow/in", 0o700)
            .mode("hollow/in/side", 0o2775)
            .link("to file", "plain")
            .link("to dir", "deep")
            .link("broken", "nowhere/at all")
            .link("absolute", "/etc/passwd")
            .file("twins/a", "shared bytes")
            .hard("deep/b", "twins/a")
            .fifo("pipe")
            .file("noted", "n")
            .xattr("noted", "user.colour", b"blue\0\xff")
            .xattr("deep", "user.on-dir", b"d")
            .sparse("holes", 3 << 20, 1 << 20, b"in the middle")
            .file("big", vec![7; 300_000])
            .owner("secret", 1234, 4321)
            .settle()
            .mtime("hollow/in", 1_500_000_000, 1)
    }
}
