//! What a directory holds, read with nothing but the system: names, and the inodes that they name.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// A path in a tree, `.` for the root itself.
pub type Name = Vec<u8>;

/// An inode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    pub kind: &'static str,
    /// Of a file its bytes (or what stands for many), of a link its target, of a device its number.
    pub inside: Vec<u8>,
    pub size: u64,
    pub mode: u32,
    pub owner: (u32, u32),
    pub mtime: (i64, i64),
    pub xattrs: BTreeMap<Name, Vec<u8>>,
    /// It takes less room than it is long. Recorded, but no difference between trees.
    pub holes: bool,
    /// What was in it was forgotten: nothing is restored.
    pub forgotten: bool,
}

/// A tree. Nodes have numbers that mean nothing but "the same inode".
#[derive(Clone, Default, Debug)]
pub struct State {
    pub names: BTreeMap<Name, u64>,
    pub nodes: HashMap<u64, Node>,
    next: u64,
}

pub const ROOT: &[u8] = b".";
pub const SYNC: &[u8] = b".fsync-sync";
const BACKUP: &[u8] = b".fsync-backup";
const TEMPORARY: &[u8] = b".fsync-tmp-";

/// The directory that a name lies in; the root's is none.
pub fn parent(name: &[u8]) -> Option<&[u8]> {
    match name.iter().rposition(|b| *b == b'/') {
        Some(at) => Some(&name[..at]),
        None => (name != ROOT).then_some(ROOT),
    }
}

/// Whether a name is `top` or below it.
pub fn within(name: &[u8], top: &[u8]) -> bool {
    top == ROOT
        || name
            .strip_prefix(top)
            .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

/// As paths are ordered: by component.
pub fn order(name: &[u8]) -> Vec<&[u8]> {
    match name {
        ROOT => Vec::new(),
        name => name.split(|b| *b == b'/').collect(),
    }
}

impl State {
    /// Reads a directory, all but its BACKUP and temporaries.
    pub fn of(root: &Path) -> State {
        let mut state = State::default();
        let mut seen = HashMap::new();
        state.visit(root, b"", &mut seen);
        state
    }

    fn visit(&mut self, path: &Path, name: &[u8], seen: &mut HashMap<(u64, u64), u64>) {
        let meta = fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        if meta.is_dir() {
            for item in fs::read_dir(path).expect("a listing") {
                let item = item.expect("an item");
                let file = item.file_name();
                let mut below = name.to_vec();
                if !below.is_empty() {
                    below.push(b'/');
                }
                below.extend(file.as_bytes());
                if below != BACKUP && !file.as_bytes().starts_with(TEMPORARY) {
                    self.visit(&item.path(), &below, seen);
                }
            }
        }
        let name = if name.is_empty() { ROOT } else { name };
        let key = (meta.dev(), meta.ino());
        let number = match seen.get(&key) {
            Some(number) => *number,
            None => self.add(node(path, &meta)),
        };
        seen.insert(key, number);
        self.names.insert(name.to_vec(), number);
    }

    /// A new inode.
    pub fn add(&mut self, node: Node) -> u64 {
        self.next += 1;
        self.nodes.insert(self.next, node);
        self.next
    }

    /// What a name stands for.
    pub fn get(&self, name: &[u8]) -> Option<&Node> {
        self.nodes.get(self.names.get(name)?)
    }

    /// The same, to change.
    pub fn get_mut(&mut self, name: &[u8]) -> Option<&mut Node> {
        self.nodes.get_mut(self.names.get(name)?)
    }

    /// Gives a name an inode of its own.
    pub fn put(&mut self, name: &[u8], node: Node) {
        let number = self.add(node);
        self.names.insert(name.to_vec(), number);
    }

    pub fn is_dir(&self, name: &[u8]) -> bool {
        self.get(name).is_some_and(|n| n.kind == "directory")
    }

    /// The names directly or anywhere below a directory.
    pub fn below<'a>(&'a self, top: &'a [u8]) -> impl Iterator<Item = &'a Name> + 'a {
        let inside = move |n: &&Name| n.as_slice() != top && n.as_slice() != ROOT && within(n, top);
        self.names.keys().filter(inside)
    }

    /// Takes a name away, with all below it.
    pub fn remove(&mut self, top: &[u8]) {
        self.names.retain(|name, _| !within(name, top));
    }

    /// Without what is not wanted, and all below that.
    pub fn without(&self, unwanted: impl Fn(&[u8]) -> bool) -> State {
        let mut rest = self.clone();
        let out: Vec<Name> = self
            .names
            .keys()
            .filter(|n| n.as_slice() != ROOT && unwanted(n))
            .cloned()
            .collect();
        for name in out {
            rest.remove(&name);
        }
        rest
    }

    /// Names that share an inode with others in the tree, each with the first of them.
    pub fn firsts(&self) -> HashMap<&Name, &Name> {
        let mut groups: HashMap<u64, Vec<&Name>> = HashMap::new();
        for (name, number) in &self.names {
            groups.entry(*number).or_default().push(name);
        }
        let mut firsts = HashMap::new();
        for names in groups.values().filter(|names| names.len() > 1) {
            let first = names.iter().min_by_key(|n| order(n)).copied();
            firsts.extend(names.iter().filter_map(|n| Some((*n, first?))));
        }
        firsts
    }

    /// The same, holes included: what makes one snapshot of two.
    pub fn equals(&self, other: &State) -> bool {
        self.differences(other).is_empty()
            && self
                .names
                .keys()
                .all(|n| self.get(n).map(|n| n.holes) == other.get(n).map(|n| n.holes))
    }

    /// What differs, a line each; holes do not count.
    pub fn differences(&self, other: &State) -> String {
        let mut out = String::new();
        let names: BTreeSet<&Name> = self.names.keys().chain(other.names.keys()).collect();
        let (mine, theirs) = (self.firsts(), other.firsts());
        for name in names {
            let what = match (self.get(name), other.get(name)) {
                (Some(a), Some(b)) => differs(a, b),
                (Some(_), None) => "only left".to_string(),
                (None, Some(_)) => "only right".to_string(),
                (None, None) => String::new(),
            };
            if !what.is_empty() {
                let _ = writeln!(out, "  {}: {what}", show(name));
            } else if mine.get(name) != theirs.get(name) {
                let first = |of: Option<&&Name>| of.map_or("nothing".into(), |n| show(n));
                let (a, b) = (first(mine.get(name)), first(theirs.get(name)));
                let _ = writeln!(out, "  {}: linked to {a} / {b}", show(name));
            }
        }
        out
    }
}

/// For people.
pub fn show(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(60)];
    format!("\"{}\"", start.escape_ascii())
}

fn differs(a: &Node, b: &Node) -> String {
    let mut out = String::new();
    let mut note = |differs: bool, what: String| {
        if differs {
            out.push_str(&what);
            out.push_str("; ");
        }
    };
    note(a.kind != b.kind, format!("{} / {}", a.kind, b.kind));
    let text = |n: &Node| format!("{} ({} bytes)", show(&n.inside), n.size);
    note(
        (&a.inside, a.size) != (&b.inside, b.size),
        format!("holds {} / {}", text(a), text(b)),
    );
    note(
        a.mode != b.mode,
        format!("mode {:o} / {:o}", a.mode, b.mode),
    );
    note(
        a.owner != b.owner,
        format!("owner {:?} / {:?}", a.owner, b.owner),
    );
    note(
        a.mtime != b.mtime,
        format!("mtime {:?} / {:?}", a.mtime, b.mtime),
    );
    note(
        a.xattrs != b.xattrs,
        format!("xattrs {:?} / {:?}", a.xattrs, b.xattrs),
    );
    note(
        a.forgotten != b.forgotten,
        format!("forgotten {} / {}", a.forgotten, b.forgotten),
    );
    out
}

/// So many bytes are kept; more have a sum.
const MANY: usize = 2048;

fn node(path: &Path, meta: &Metadata) -> Node {
    let (kind, inside) = match meta.file_type() {
        k if k.is_dir() => ("directory", Vec::new()),
        k if k.is_file() => ("file", contents(path, meta)),
        k if k.is_symlink() => {
            let target = fs::read_link(path).expect("a target");
            ("symlink", target.as_os_str().as_bytes().to_vec())
        }
        k if k.is_fifo() => ("fifo", Vec::new()),
        k if k.is_socket() => ("socket", Vec::new()),
        _ => ("device", meta.rdev().to_string().into_bytes()),
    };
    let names = xattr::list(path)
        .map(|all| all.collect())
        .unwrap_or_else(|_| Vec::new());
    let value = |name: &std::ffi::OsString| {
        let value = xattr::get(path, name).expect("an attribute");
        (name.as_bytes().to_vec(), value.unwrap_or_default())
    };
    Node {
        kind,
        size: if kind == "file" { meta.size() } else { 0 },
        inside,
        mode: meta.mode() & 0o7777,
        owner: (meta.uid(), meta.gid()),
        mtime: (meta.mtime(), meta.mtime_nsec()),
        xattrs: names.iter().map(value).collect(),
        holes: kind == "file" && meta.blocks() * 512 < meta.size(),
        forgotten: false,
    }
}

fn contents(path: &Path, meta: &Metadata) -> Vec<u8> {
    if meta.size() == 0 {
        return Vec::new();
    }
    let bytes = fs::read(path).expect("a readable file");
    if bytes.len() <= MANY {
        return bytes;
    }
    let mut sums = [DefaultHasher::new(), DefaultHasher::new()];
    1u8.hash(&mut sums[1]);
    sums.iter_mut().for_each(|s| bytes.hash(s));
    format!("sum {:x} {:x}", sums[0].finish(), sums[1].finish()).into_bytes()
}
