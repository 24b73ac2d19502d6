//! What a crash may leave: images of a world, to be looked at, told apart, and put on the disk.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};

use crate::model::{Body, Inode, Node, World};

/// The entries of the sandbox that are repositories.
const REPOSITORIES: [&str; 2] = ["repo", "second"];

/// What is left of what was done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// All that was written.
    All,
    /// All but the second half of the last write.
    Torn,
    /// Only what was synced.
    Synced,
    /// Only what was synced, and of the file that was written to last all but the second half of the last write.
    SyncedTorn,
    /// The same, with the second half of that write, and zeros before it: pages go to the disk in no order.
    SyncedBack,
    /// All names and metadata, but of data only what was synced: what journalling file systems leave.
    Named,
    /// The same, files having the lengths that they were given.
    Holes,
    /// All but of the repositories only what was synced: they lie on a slower disk.
    Behind,
    /// Of the repositories all, of everything else only what was synced.
    Ahead,
}

impl Kind {
    pub const ALL: [Kind; 9] = [
        Kind::All,
        Kind::Torn,
        Kind::Synced,
        Kind::SyncedTorn,
        Kind::SyncedBack,
        Kind::Named,
        Kind::Holes,
        Kind::Behind,
        Kind::Ahead,
    ];
}

/// A tree of inodes.
#[derive(Clone)]
pub struct Image {
    pub nodes: Vec<Arc<Node>>,
}

impl Image {
    /// What is on the disk, or would be there if nothing more happened.
    pub fn now(world: &World) -> Image {
        Image {
            nodes: world.now.clone(),
        }
    }

    /// What a crash of some kind leaves.
    pub fn of(world: &World, kind: Kind) -> Image {
        let repositories = world.below(&REPOSITORIES);
        let mut nodes = match kind {
            Kind::Synced | Kind::SyncedTorn | Kind::SyncedBack => world.safe.clone(),
            _ => world.now.clone(),
        };
        match kind {
            Kind::All | Kind::Synced => {}
            Kind::Behind | Kind::Ahead => {
                for (inode, node) in nodes.iter_mut().enumerate().skip(1) {
                    if repositories.contains(&inode) == (kind == Kind::Behind) {
                        *node = world.safe[inode].clone();
                    }
                }
                let made_safe = |name: &[u8]| {
                    let is_one = REPOSITORIES.iter().any(|r| r.as_bytes() == name);
                    is_one == (kind == Kind::Behind)
                };
                nodes[0] = world.root_with(made_safe);
            }
            Kind::Torn | Kind::SyncedTorn | Kind::SyncedBack => tear(&mut nodes, world, kind),
            Kind::Named | Kind::Holes => {
                for (inode, node) in nodes.iter_mut().enumerate() {
                    let both = (node.data(), world.safe[inode].data());
                    let (Some(now), Some(safe)) = both else {
                        continue;
                    };
                    let mut data = safe[..safe.len().min(now.len())].to_vec();
                    if kind == Kind::Holes {
                        data.resize(now.len(), 0);
                    }
                    if data != **now {
                        Arc::make_mut(node).body = Body::File(Arc::new(data));
                    }
                }
            }
        }
        Image { nodes }
    }

    /// Every path, the root's being empty, with its inode.
    pub fn paths(&self) -> BTreeMap<Vec<u8>, Inode> {
        let mut all = BTreeMap::new();
        let mut rest = vec![(Vec::new(), 0)];
        while let Some((path, inode)) = rest.pop() {
            for (name, below) in self.nodes[inode].names().into_iter().flatten() {
                let mut longer: Vec<u8> = path.clone();
                if !longer.is_empty() {
                    longer.push(b'/');
                }
                longer.extend(name);
                rest.push((longer, *below));
            }
            all.insert(path, inode);
        }
        all
    }

    /// The inode of a path.
    pub fn find(&self, path: &str) -> Option<&Node> {
        let names = path.split('/').filter(|n| !n.is_empty());
        let mut found = names.map(str::as_bytes);
        let inode = found.try_fold(0, |at, name| self.nodes[at].names()?.get(name).copied());
        inode.map(|inode| &*self.nodes[inode])
    }

    /// Tells images apart; which time it was when an entry got its time does not count.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let mut numbers: HashMap<Inode, usize> = HashMap::new();
        for (path, inode) in self.paths() {
            let next = numbers.len();
            let node = &self.nodes[inode];
            let number = *numbers.entry(inode).or_insert(next);
            (path, number, node.mode, node.owner, &node.xattrs).hash(&mut hasher);
            match &node.body {
                Body::Directory(_) => {}
                body => (body, node.mtime).hash(&mut hasher),
            }
        }
        hasher.finish()
    }

    /// Makes a directory hold this and nothing else.
    pub fn put(&self, root: &Path) {
        clear(root);
        let mut made: HashMap<Inode, Vec<u8>> = HashMap::new();
        let mut directories = Vec::new();
        for (path, inode) in self.paths() {
            let node = &*self.nodes[inode];
            let place = root.join(std::ffi::OsStr::from_bytes(&path));
            if let Some(first) = made.get(&inode) {
                let first = root.join(std::ffi::OsStr::from_bytes(first));
                fs::hard_link(first, place).expect("a hard link");
                continue;
            }
            made.insert(inode, path.clone());
            match &node.body {
                Body::Directory(_) if path.is_empty() => continue,
                Body::Directory(_) => {
                    fs::create_dir(&place).expect("a directory");
                    directories.push((place, node));
                    continue;
                }
                Body::File(data) => fs::write(&place, &**data).expect("a file"),
                Body::Link(target) => {
                    symlink(std::ffi::OsStr::from_bytes(target), &place).expect("a link");
                }
                Body::Special(kind, number) => {
                    let (kind, mode) = (FileType::from_raw_mode(*kind), Mode::from_raw_mode(0o600));
                    mknodat(CWD, &place, kind, mode, *number).expect("a node");
                }
            }
            dress(&place, node);
        }
        // What is put into a directory changes its time, and it may be closed to its owner.
        for (place, node) in directories.iter().rev() {
            dress(place, node);
        }
    }
}

/// Tears the last write that is not durable.
fn tear(nodes: &mut [Arc<Node>], world: &World, kind: Kind) {
    let Some(write) = world.last.and_then(|inode| world.loose.get(&inode)) else {
        return;
    };
    let half = write.bytes.len() / 2;
    let (from, mut data) = match kind {
        Kind::SyncedBack => {
            let mut data = world.safe[write.inode].data().expect("a file").to_vec();
            let long = world.now[write.inode].data().map_or(0, |d| d.len());
            data.resize(data.len().max(long), 0);
            (half, data)
        }
        _ => (0, write.before.to_vec()),
    };
    let part = match kind {
        Kind::SyncedBack => &write.bytes[half..],
        _ => &write.bytes[..half],
    };
    let at = write.at + from;
    if data.len() < at + part.len() {
        data.resize(at + part.len(), 0);
    }
    data[at..at + part.len()].copy_from_slice(part);
    Arc::make_mut(&mut nodes[write.inode]).body = Body::File(Arc::new(data));
}

/// Owner, mode, attributes and time.
fn dress(place: &Path, node: &Node) {
    if rustix::process::geteuid().is_root() {
        let (uid, gid) = node.owner;
        std::os::unix::fs::lchown(place, Some(uid), Some(gid)).expect("an owner");
    }
    for (key, value) in &node.xattrs {
        xattr::set(place, std::ffi::OsStr::from_bytes(key), value).expect("an attribute");
    }
    if !matches!(node.body, Body::Link(_)) {
        fs::set_permissions(place, fs::Permissions::from_mode(node.mode)).expect("a mode");
    }
    let time = Timespec {
        tv_sec: node.mtime.0,
        tv_nsec: node.mtime.1,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    utimensat(CWD, place, &times, AtFlags::SYMLINK_NOFOLLOW).expect("a time");
}

/// Empties a directory.
pub fn clear(root: &Path) {
    for item in fs::read_dir(root).expect("a listing") {
        let path = item.expect("an item").path();
        remove(&path);
    }
}

/// Removes an entry, and all that is below it, though a directory may be closed to its owner.
pub fn remove(path: &Path) {
    let Ok(meta) = fs::symlink_metadata(path) else {
        return;
    };
    if !meta.is_dir() {
        return fs::remove_file(path).expect("gone");
    }
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    clear(path);
    fs::remove_dir(path).expect("gone");
}
