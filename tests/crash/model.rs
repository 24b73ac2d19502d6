//! A model of inodes and directories: what is in memory now, and what of it is durable. It takes in calls.
//!
//! The strictest reading of fsync(2) holds: of a file its data and metadata, of a directory its names, and of neither
//! the way that leads to it. Each entry of the sandbox is a file system of its own for syncfs(2).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::trace::{Arg, Call, unhex};

/// The number of an inode of the model.
pub type Inode = usize;

/// What an inode is.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Body {
    File(Arc<Vec<u8>>),
    Directory(BTreeMap<Vec<u8>, Inode>),
    Link(Vec<u8>),
    /// A fifo, socket or device: the bits of its kind, and its number.
    Special(u32, u64),
}

/// An inode at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Node {
    pub body: Body,
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime: (i64, i64),
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// A write that is not durable.
#[derive(Clone, Debug)]
pub struct Write {
    pub inode: Inode,
    pub at: usize,
    pub bytes: Arc<Vec<u8>>,
    /// The data before it.
    pub before: Arc<Vec<u8>>,
}

/// Everything below a root.
#[derive(Clone)]
pub struct World {
    root: PathBuf,
    /// As it is in memory.
    pub now: Vec<Arc<Node>>,
    /// As far as it is durable.
    pub safe: Vec<Arc<Node>>,
    /// The last write of each inode since it was made durable.
    pub loose: HashMap<Inode, Write>,
    /// The inode that was written to last.
    pub last: Option<Inode>,
    /// Where each inode is written next by who gives no offset.
    offsets: HashMap<Inode, usize>,
    /// Those that are only ever appended to.
    appended: BTreeSet<Inode>,
    /// What each descriptor was last opened on.
    handles: HashMap<i64, Inode>,
}

/// What a call was.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing to us.
    Nothing,
    /// Bytes were written to a file.
    Wrote,
    /// Something else changed or became durable: a name, metadata, a sync.
    Turned,
    /// Somebody was told something.
    Said(Vec<u8>),
}

impl Node {
    fn fresh(body: Body, mode: u32, time: (i64, i64)) -> Node {
        let me = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        Node {
            body,
            mode,
            owner: me,
            mtime: time,
            xattrs: BTreeMap::new(),
        }
    }

    /// The names in it, when it is a directory.
    pub fn names(&self) -> Option<&BTreeMap<Vec<u8>, Inode>> {
        match &self.body {
            Body::Directory(names) => Some(names),
            _ => None,
        }
    }

    /// Its data, when it is a file.
    pub fn data(&self) -> Option<&Arc<Vec<u8>>> {
        match &self.body {
            Body::File(data) => Some(data),
            _ => None,
        }
    }
}

impl World {
    /// What is on the disk, all of it durable.
    pub fn read(root: &Path) -> World {
        let mut world = World {
            root: root.to_path_buf(),
            now: Vec::new(),
            safe: Vec::new(),
            loose: HashMap::new(),
            last: None,
            offsets: HashMap::new(),
            appended: BTreeSet::new(),
            handles: HashMap::new(),
        };
        world.take_in(root, &mut HashMap::new());
        world.safe = world.now.clone();
        world
    }

    fn take_in(&mut self, path: &Path, seen: &mut HashMap<u64, Inode>) -> Inode {
        let meta = fs::symlink_metadata(path).expect("an entry");
        if let Some(inode) = seen.get(&meta.ino()) {
            return *inode;
        }
        let kind = meta.file_type();
        let place = self.now.len();
        seen.insert(meta.ino(), place);
        let mut node = Node::fresh(Body::Directory(BTreeMap::new()), meta.mode() & 0o7777, {
            (meta.mtime(), meta.mtime_nsec())
        });
        node.owner = (meta.uid(), meta.gid());
        for key in xattr::list(path).into_iter().flatten() {
            let value = xattr::get(path, &key).ok().flatten().unwrap_or_default();
            node.xattrs.insert(key.as_bytes().to_vec(), value);
        }
        self.now.push(Arc::new(node));
        let body = if kind.is_dir() {
            let list = fs::read_dir(path).expect("a listing");
            let one = list.map(|item| {
                let item = item.expect("an item");
                let inode = self.take_in(&item.path(), seen);
                (item.file_name().as_bytes().to_vec(), inode)
            });
            Body::Directory(one.collect())
        } else if kind.is_file() {
            Body::File(Arc::new(fs::read(path).expect("a file")))
        } else if kind.is_symlink() {
            let target = fs::read_link(path).expect("a target");
            Body::Link(target.as_os_str().as_bytes().to_vec())
        } else {
            let fifo_or_device = kind.is_fifo() || kind.is_socket() || meta.rdev() > 0;
            assert!(fifo_or_device, "{}", path.display());
            Body::Special(meta.mode() & 0o170_000, meta.rdev())
        };
        self.edit(place, |node| node.body = body);
        place
    }

    fn edit(&mut self, inode: Inode, change: impl FnOnce(&mut Node)) {
        change(Arc::make_mut(&mut self.now[inode]));
    }

    /// The inode of an absolute path; `None` outside, and where there is none.
    fn find(&self, path: &[u8]) -> Option<Inode> {
        let inside = path.strip_prefix(self.root.as_os_str().as_bytes())?;
        if !inside.is_empty() && !inside.starts_with(b"/") {
            return None;
        }
        let names = inside.split(|b| *b == b'/').filter(|n| !n.is_empty());
        names
            .filter(|n| *n != b".")
            .try_fold(0, |at, name| self.now[at].names()?.get(name).copied())
    }

    fn path(dir: &Arg, name: &[u8]) -> Vec<u8> {
        match (dir, name.first()) {
            (_, Some(b'/')) => name.to_vec(),
            (Arg::Handle(_, path), _) => [path, &b"/"[..], name].concat(),
            _ => panic!("no directory: {dir:?}"),
        }
    }

    /// Where a command is typed.
    fn cwd(&self) -> Arg {
        Arg::Handle(-100, self.root.as_os_str().as_bytes().to_vec())
    }

    /// Parent and last name of an absolute path in the sandbox.
    fn split(&self, path: &[u8]) -> Option<(Inode, Vec<u8>)> {
        let end = path.iter().rposition(|b| *b == b'/')?;
        Some((self.find(&path[..end])?, path[end + 1..].to_vec()))
    }

    /// What a descriptor is open on.
    fn open(&self, arg: &Arg) -> Option<Inode> {
        match arg {
            Arg::Handle(_, path) => self.find(path),
            _ => None,
        }
    }

    /// Takes in a call.
    pub fn take(&mut self, call: &Call) -> Effect {
        let a = &call.args;
        match call.name.as_str() {
            "openat" => self.opened(call, &Self::path(&a[0], a[1].bytes()), &a[2], a.get(3)),
            "open" | "creat" => {
                let cwd = self.cwd();
                let create = Arg::Word("O_CREAT|O_TRUNC|O_WRONLY".into());
                let (flags, mode) = match call.name.as_str() {
                    "open" => (&a[1], a.get(2)),
                    _ => (&create, a.get(1)),
                };
                self.opened(call, &Self::path(&cwd, a[0].bytes()), flags, mode)
            }
            "openat2" => {
                assert!(!a[2].has("O_CREAT"), "not expected: {call:?}");
                self.remember(call);
                Effect::Nothing
            }
            "write" | "writev" | "pwrite64" | "pwritev" | "pwritev2" => self.written(call),
            "copy_file_range" | "sendfile" => self.copied(call),
            "ftruncate" | "truncate" | "fallocate" => self.sized(call),
            "ioctl" => {
                assert!(!a[1].has("FICLONE"), "not expected: {call:?}");
                Effect::Nothing
            }
            "lseek" => {
                if let Some(inode) = self.open(&a[0]) {
                    self.offsets.insert(inode, call.result.number() as usize);
                }
                Effect::Nothing
            }
            "mmap" => {
                let shared = a[3].has("MAP_SHARED") && a[2].has("PROT_WRITE");
                let wal = matches!(&a[4], Arg::Handle(_, path) if path.ends_with(b"-shm"));
                let ours = self.open(&a[4]).is_some();
                assert!(!shared || !ours || wal, "not expected: {call:?}");
                Effect::Nothing
            }
            "fsync" | "fdatasync" | "syncfs" | "sync" | "sync_file_range" => self.synced(call),
            "splice" => panic!("not expected: {call:?}"),
            name if name.contains("xattr") => self.attribute(call),
            name if name.contains("chmod") || name.contains("chown") => self.owned(call),
            "utimensat" | "utimes" | "utime" | "futimesat" => self.timed(call),
            _ => self.named(call),
        }
    }

    fn remember(&mut self, call: &Call) -> Option<Inode> {
        let inode = self.open(&call.result)?;
        self.handles.insert(call.result.number(), inode);
        Some(inode)
    }

    fn opened(&mut self, call: &Call, path: &[u8], flags: &Arg, mode: Option<&Arg>) -> Effect {
        let mut effect = Effect::Nothing;
        assert!(!flags.has("O_TMPFILE"), "not expected: {call:?}");
        if flags.has("O_CREAT")
            && self.find(path).is_none()
            && let Some((parent, name)) = self.split(path)
        {
            let bits = mode.map_or(0, Arg::number) as u32 & !umask();
            let node = Node::fresh(Body::File(Arc::default()), bits, call.time);
            self.make(parent, name, node, call.time);
            effect = Effect::Turned;
        }
        let Some(inode) = self.remember(call) else {
            return effect;
        };
        self.offsets.insert(inode, 0);
        let long = self.now[inode].data().is_some_and(|d| !d.is_empty());
        if flags.has("O_TRUNC") && long {
            self.put(inode, 0, Vec::new(), Some(0), call.time);
            effect = Effect::Turned;
        }
        if flags.has("O_APPEND") {
            self.appended.insert(inode);
        }
        effect
    }

    /// A new inode with a name. What it is was decided at once; its data are not durable.
    fn make(&mut self, parent: Inode, name: Vec<u8>, node: Node, time: (i64, i64)) {
        let inode = self.now.len();
        self.now.push(Arc::new(node.clone()));
        self.safe.push(Arc::new(node));
        self.link(parent, name, inode, time);
    }

    fn link(&mut self, parent: Inode, name: Vec<u8>, inode: Inode, time: (i64, i64)) {
        self.edit(parent, |node| {
            let Body::Directory(names) = &mut node.body else {
                panic!("no directory")
            };
            names.insert(name, inode);
            node.mtime = time;
        });
    }

    fn unlink(&mut self, parent: Inode, name: &[u8], time: (i64, i64)) -> Inode {
        let mut gone = None;
        self.edit(parent, |node| {
            let Body::Directory(names) = &mut node.body else {
                panic!("no directory")
            };
            gone = names.remove(name);
            node.mtime = time;
        });
        gone.unwrap_or_else(|| panic!("no such name: {}", name.escape_ascii()))
    }

    /// Bytes at a place of a file, or another length for it.
    fn put(
        &mut self,
        inode: Inode,
        at: usize,
        bytes: Vec<u8>,
        length: Option<usize>,
        time: (i64, i64),
    ) {
        let before = self.now[inode].data().expect("a file").clone();
        let mut data = before.to_vec();
        if data.len() < at + bytes.len() {
            data.resize(at + bytes.len(), 0);
        }
        data[at..at + bytes.len()].copy_from_slice(&bytes);
        data.resize(length.unwrap_or(data.len()), 0);
        if !bytes.is_empty() {
            let bytes = Arc::new(bytes);
            let write = Write {
                inode,
                at,
                bytes,
                before,
            };
            self.loose.insert(inode, write);
            self.last = Some(inode);
        }
        self.edit(inode, |node| {
            node.body = Body::File(Arc::new(data));
            node.mtime = time;
        });
    }

    fn written(&mut self, call: &Call) -> Effect {
        let bytes = match &call.args[1] {
            Arg::Text(text) => text.clone(),
            Arg::Word(list) => {
                let texts = list
                    .split("iov_base=\"")
                    .skip(1)
                    .map(|t| t.split('"').next());
                texts.flatten().flat_map(unhex).collect()
            }
            other => panic!("not expected: {other:?}"),
        };
        let bytes = bytes[..call.result.number() as usize].to_vec();
        let Some(inode) = self.open(&call.args[0]) else {
            return Effect::Said(bytes);
        };
        let length = self.now[inode].data().expect("a file").len();
        let at = match call.name.starts_with('p') {
            true => call.args[3].number() as usize,
            false if self.appended.contains(&inode) => length,
            false => self.offsets.get(&inode).copied().unwrap_or(0),
        };
        let end = at + bytes.len();
        self.put(inode, at, bytes, None, call.time);
        if !call.name.starts_with('p') {
            self.offsets.insert(inode, end);
        }
        Effect::Wrote
    }

    fn copied(&mut self, call: &Call) -> Effect {
        let (from, to) = match call.name.as_str() {
            "sendfile" => (&call.args[1], &call.args[0]),
            _ => (&call.args[0], &call.args[2]),
        };
        let Some(to) = self.open(to) else {
            return Effect::Nothing;
        };
        let from = self.open(from).expect("a source in the sandbox");
        let count = call.result.number() as usize;
        let data = self.now[from].data().expect("a file").clone();
        let at = self.offsets.get(&from).copied().unwrap_or(0);
        let place = self.offsets.get(&to).copied().unwrap_or(0);
        self.put(to, place, data[at..at + count].to_vec(), None, call.time);
        self.offsets.insert(from, at + count);
        self.offsets.insert(to, place + count);
        Effect::Wrote
    }

    fn sized(&mut self, call: &Call) -> Effect {
        let Some(inode) = self.open(&call.args[0]) else {
            return Effect::Nothing;
        };
        let now = self.now[inode].data().expect("a file").len();
        let length = match call.name.as_str() {
            "fallocate" => now.max((call.args[2].number() + call.args[3].number()) as usize),
            _ => call.args[1].number() as usize,
        };
        self.put(inode, 0, Vec::new(), Some(length), call.time);
        Effect::Turned
    }

    fn synced(&mut self, call: &Call) -> Effect {
        match call.name.as_str() {
            "sync" => {
                for inode in 0..self.now.len() {
                    self.save(inode);
                }
            }
            "syncfs" => {
                let Arg::Handle(_, path) = &call.args[0] else {
                    panic!("not expected: {call:?}")
                };
                if self.find(path).is_none() {
                    return Effect::Nothing;
                }
                self.save_volume(path);
            }
            // It makes no size and no block durable that was not there.
            "sync_file_range" => return Effect::Nothing,
            _ => match self.open(&call.args[0]) {
                Some(inode) => self.save(inode),
                None => return Effect::Nothing,
            },
        }
        Effect::Turned
    }

    fn save(&mut self, inode: Inode) {
        self.safe[inode] = self.now[inode].clone();
        self.loose.remove(&inode);
    }

    /// Everything below some entries of the sandbox, now or as far as it is durable.
    pub fn below(&self, tops: &[&str]) -> BTreeSet<Inode> {
        let entry =
            |world: &[Arc<Node>], top: &&str| world[0].names()?.get(top.as_bytes()).copied();
        let both = [&self.now, &self.safe];
        let mut rest: Vec<Inode> = both
            .into_iter()
            .flat_map(|w| tops.iter().filter_map(|top| entry(w, top)))
            .collect();
        let mut done = BTreeSet::new();
        while let Some(inode) = rest.pop() {
            if done.insert(inode) {
                let both = [&self.now[inode], &self.safe[inode]];
                let names = both.into_iter().filter_map(|n| n.names());
                rest.extend(names.flat_map(|n| n.values().copied()));
            }
        }
        done
    }

    /// The root, where some of its names are those that are durable, and the others those of now.
    pub fn root_with(&self, is_safe: impl Fn(&[u8]) -> bool) -> Arc<Node> {
        let mut root = (*self.now[0]).clone();
        let pick = |node: &Node, safe: bool| -> BTreeMap<Vec<u8>, Inode> {
            let names = node.names().into_iter().flatten();
            let picked = names.filter(|(name, _)| is_safe(name) == safe);
            picked.map(|(name, inode)| (name.clone(), *inode)).collect()
        };
        let mut names = pick(&self.safe[0], true);
        names.extend(pick(&self.now[0], false));
        root.body = Body::Directory(names);
        Arc::new(root)
    }

    /// Everything below the entry of the sandbox in which a path lies, and that entry's own name.
    fn save_volume(&mut self, path: &[u8]) {
        let inside = &path[self.root.as_os_str().len()..];
        let top = inside.split(|b| *b == b'/').find(|n| !n.is_empty());
        let Some(top) = top else {
            return self.save(0);
        };
        let entry = self.now[0].names().and_then(|n| n.get(top)).copied();
        let name = std::str::from_utf8(top).expect("a plain name");
        for inode in self.below(&[name]) {
            self.save(inode);
        }
        let mut names = (*self.safe[0]).clone();
        if let (Body::Directory(names), Some(inode)) = (&mut names.body, entry) {
            names.insert(top.to_vec(), inode);
        }
        self.safe[0] = Arc::new(names);
    }

    /// What a call names by its first arguments: a descriptor, a path, or both.
    fn subject(&self, call: &Call) -> Option<Inode> {
        let by_path = |path: &[u8]| match path.strip_prefix(b"/proc/self/fd/") {
            Some(rest) => {
                let mut parts = rest.splitn(2, |b| *b == b'/');
                let fd = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
                let at = self.handles.get(&fd).copied()?;
                match parts.next() {
                    Some(name) => self.now[at].names()?.get(name).copied(),
                    None => Some(at),
                }
            }
            None => self.find(path),
        };
        match (&call.args[0], call.args.get(1)) {
            (Arg::Text(path), _) => by_path(&Self::path(&self.cwd(), path)),
            (dir, Some(Arg::Text(name)))
                if !call.name.starts_with('f') || call.name.ends_with("at") =>
            {
                by_path(&Self::path(dir, name))
            }
            (handle, _) => self.open(handle),
        }
    }

    fn attribute(&mut self, call: &Call) -> Effect {
        let Some(inode) = self.subject(call) else {
            return Effect::Nothing;
        };
        let key = call.args[1].bytes().to_vec();
        let value = call.args.get(2).map(|v| v.bytes().to_vec());
        self.edit(inode, |node| match value {
            Some(value) => drop(node.xattrs.insert(key, value)),
            None => drop(node.xattrs.remove(&key)),
        });
        Effect::Turned
    }

    fn owned(&mut self, call: &Call) -> Effect {
        let Some(inode) = self.subject(call) else {
            return Effect::Nothing;
        };
        let by_name = usize::from(call.name.contains("at"));
        let value = |n: usize| call.args[n + by_name].number();
        if call.name.contains("chmod") {
            self.edit(inode, |node| node.mode = value(1) as u32 & 0o7777);
            return Effect::Turned;
        }
        // -1, which strace may print without its sign, leaves one as it is.
        let keep = |new: i64, old: u32| u32::try_from(new).ok().filter(|n| *n != !0).unwrap_or(old);
        self.edit(inode, |node| {
            node.owner = (keep(value(1), node.owner.0), keep(value(2), node.owner.1));
            if node.names().is_none() {
                node.mode &= !0o6000;
            }
        });
        Effect::Turned
    }

    fn timed(&mut self, call: &Call) -> Effect {
        let Some(inode) = self.subject(call) else {
            return Effect::Nothing;
        };
        let Arg::Word(times) = &call.args[2] else {
            panic!("not expected: {call:?}")
        };
        let number = |text: Option<&str>| -> i64 {
            let digits = |c: &char| c.is_ascii_digit() || *c == '-';
            let digits: String = text
                .unwrap_or_default()
                .chars()
                .take_while(digits)
                .collect();
            digits.parse().unwrap_or(0)
        };
        let second = times.rsplit("tv_sec=").next();
        let time = match times.trim_end_matches(']').rsplit(", ").next() {
            Some("UTIME_OMIT") => return Effect::Nothing,
            Some("UTIME_NOW") => call.time,
            _ => (number(second), number(times.rsplit("tv_nsec=").next())),
        };
        self.edit(inode, |node| node.mtime = time);
        Effect::Turned
    }

    /// Calls that give and take names.
    fn named(&mut self, call: &Call) -> Effect {
        let a = &call.args;
        let at = call.name.contains("at");
        let cwd = self.cwd();
        let path = |n: usize| match at {
            true => Self::path(&a[2 * n], a[2 * n + 1].bytes()),
            false => Self::path(&cwd, a[n].bytes()),
        };
        let kind = call.name.trim_end_matches(['2']).trim_end_matches("at");
        // The text of a symbolic link comes first, and names nothing.
        let first = match kind {
            "symlink" if at => Self::path(&a[1], a[2].bytes()),
            "symlink" => Self::path(&cwd, a[1].bytes()),
            _ => path(0),
        };
        let Some((parent, name)) = self.split(&first) else {
            return Effect::Nothing;
        };
        let rest = if at { 2 } else { 1 };
        match kind {
            "mkdir" | "mknod" => {
                let node = self.new_node(call, kind, rest);
                self.make(parent, name, node, call.time);
            }
            "symlink" => {
                let target = Body::Link(a[0].bytes().to_vec());
                let node = Node::fresh(target, 0o777, call.time);
                self.make(parent, name, node, call.time);
            }
            "unlink" | "rmdir" => drop(self.unlink(parent, &name, call.time)),
            "link" => {
                let inode = self.find(&first).or_else(|| self.subject(call));
                let (to, name) = self.split(&path(1)).expect("in the sandbox");
                self.link(to, name, inode.expect("an inode"), call.time);
            }
            "rename" => {
                let (to, other) = self.split(&path(1)).expect("in the sandbox");
                let inode = self.unlink(parent, &name, call.time);
                let swaps = a.last().is_some_and(|f| f.has("RENAME_EXCHANGE"));
                if swaps {
                    let back = self.unlink(to, &other, call.time);
                    self.link(parent, name, back, call.time);
                }
                self.link(to, other, inode, call.time);
            }
            other => panic!("not expected: {other}: {call:?}"),
        }
        Effect::Turned
    }

    fn new_node(&self, call: &Call, kind: &str, at: usize) -> Node {
        if kind == "mkdir" {
            let bits = call.args[at].number() as u32 & !umask();
            return Node::fresh(Body::Directory(BTreeMap::new()), bits, call.time);
        }
        let Arg::Word(mode) = &call.args[at] else {
            panic!("not expected: {call:?}")
        };
        let format = match mode.split('|').next() {
            Some("S_IFIFO") => 0o010_000,
            Some("S_IFSOCK") => 0o140_000,
            Some("S_IFCHR") => 0o020_000,
            _ => panic!("not expected: {call:?}"),
        };
        let bits = mode.rsplit('|').next().map(|m| u32::from_str_radix(m, 8));
        let bits = bits.and_then(Result::ok).unwrap_or(0) & !umask();
        Node::fresh(Body::Special(format, 0), bits, call.time)
    }
}

/// The bits that making a file clears.
fn umask() -> u32 {
    static MASK: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        let status = fs::read_to_string("/proc/self/status").expect("a status");
        let line = status.lines().find_map(|l| l.strip_prefix("Umask:"));
        u32::from_str_radix(line.expect("a umask").trim(), 8).expect("octal")
    });
    *MASK
}
