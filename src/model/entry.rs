//! What a tree holds: entries and their state.

use serde::{Deserialize, Serialize};

use crate::model::digest::{ContentId, NodeId};
use crate::model::time::Time;

/// The kinds of entries that POSIX file systems know.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl Kind {
    /// In words, for messages.
    pub fn word(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Symlink => "symbolic link",
            Kind::Fifo => "fifo",
            Kind::Socket => "socket",
            Kind::CharDevice => "character device",
            Kind::BlockDevice => "block device",
        }
    }

    /// Whether only a privileged process can make one.
    pub fn is_device(self) -> bool {
        matches!(self, Kind::CharDevice | Kind::BlockDevice)
    }
}

/// Which inode a local entry is, and when it last changed in any way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Inode {
    /// The device number of its file system.
    pub dev: u64,
    /// The inode number.
    pub ino: u64,
    /// The change time, which no program can set.
    pub ctime: Time,
}

/// Names that are hard links of one inode have equal keys. Only entries with several links have one.
pub type LinkKey = (u64, u64);

/// Extended attributes (ACLs and capabilities among them), sorted by name, bytes as the kernel gives them.
pub type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// Whether an attribute is an access control list: permission bits by another name.
pub fn is_access(name: &[u8]) -> bool {
    name.starts_with(b"system.posix_acl_")
}

/// The state of an entry, as far as fsync compares and restores it. Access time, birth time and chattr flags are not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with setuid, setgid and sticky: 0 to 0o7777.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes of a regular file; 0 for other kinds.
    pub size: u64,
    /// Modification time.
    pub mtime: Time,
    /// Device number of a device; 0 for other kinds.
    pub rdev: u64,
    /// Target of a symbolic link.
    pub target: Option<Box<[u8]>>,
    /// Of a local entry, its identity.
    pub inode: Option<Inode>,
}

/// One entry of a directory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name, one component; empty for a root.
    pub name: Box<[u8]>,
    /// Its state.
    pub state: State,
    /// Set when the inode has several names.
    pub links: Option<LinkKey>,
    /// Which source of an overlay it comes from; 0 elsewhere.
    pub source: u32,
    /// Of a directory in an overlay, all the sources that it is merged from, lowest first.
    pub layers: Option<Box<[u32]>>,
    /// Of a directory: another file system begins here, or something is mounted.
    pub mount: bool,
    /// Fewer blocks than bytes: it has holes.
    pub sparse: bool,
    /// Of a file in a snapshot, the digest of its bytes.
    pub content: Option<ContentId>,
    /// Of a directory in a snapshot, the manifest node of its entries.
    pub node: Option<NodeId>,
}

impl Entry {
    /// An entry that is nothing but its name and state.
    pub fn new(name: &[u8], state: State) -> Self {
        Entry {
            name: Box::from(name),
            state,
            links: None,
            source: 0,
            layers: None,
            mount: false,
            sparse: false,
            content: None,
            node: None,
        }
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.state.kind == Kind::Directory
    }
}
