//! A comparer of trees that shares no code with the programs: std and xattr only.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

type Name = Vec<u8>;

/// All that a tree says about itself; two are equal when the trees are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Oracle {
    entries: BTreeMap<Name, Item>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Item {
    /// Of a file its bytes, of a link its target, else the device number.
    inside: Vec<u8>,
    kind: &'static str,
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, i64),
    /// The first of the names of the same inode in this tree, where there are several.
    same_as: Option<Name>,
    xattrs: BTreeMap<Name, Vec<u8>>,
}

impl Oracle {
    /// Reads a tree, all but its BACKUP.
    pub fn of(root: impl AsRef<Path>) -> Self {
        let mut entries = BTreeMap::new();
        let mut inodes: HashMap<(u64, u64), Vec<Name>> = HashMap::new();
        visit(root.as_ref(), b"", &mut |name, path, meta| {
            if !meta.is_dir() && meta.nlink() > 1 {
                let names = inodes.entry((meta.dev(), meta.ino())).or_default();
                names.push(name.clone());
            }
            entries.insert(name, Item::of(path, meta));
        });
        for mut names in inodes.into_values().filter(|names| names.len() > 1) {
            names.sort();
            for name in &names {
                let item = entries.get_mut(name).expect("an entry");
                item.same_as = Some(names[0].clone());
            }
        }
        Oracle { entries }
    }

    /// What is left when only names, kinds, bytes, permission bits and whole seconds of files count:
    /// what plain unzip gives back.
    pub fn rough(&self) -> Self {
        let mut rough = self.clone();
        rough
            .entries
            .retain(|_, item| !matches!(item.kind, "fifo" | "socket" | "device"));
        for item in rough.entries.values_mut() {
            item.owner = (0, 0);
            item.mtime = (if item.kind == "file" { item.mtime.0 } else { 0 }, 0);
            item.mode &= 0o777;
            item.same_as = None;
            item.xattrs.clear();
        }
        rough
    }

    /// The same, but everything is somebody's own.
    pub fn owned(&self, uid: u32, gid: u32) -> Self {
        let mut owned = self.clone();
        for item in owned.entries.values_mut() {
            item.owner = (uid, gid);
        }
        owned
    }

    /// Without the entries below (and at) a path.
    pub fn without(&self, name: &str) -> Self {
        let mut rest = self.clone();
        let is_out = |path: &[u8]| {
            let below = path.strip_prefix(name.as_bytes());
            below.is_some_and(|below| matches!(below.first(), None | Some(b'/')))
        };
        rest.entries.retain(|path, _| !is_out(path));
        rest
    }

    /// How many entries, the root not counted.
    pub fn len(&self) -> usize {
        self.entries.len() - 1
    }

    /// What differs, a line each; empty when nothing does.
    pub fn differences(&self, other: &Oracle) -> String {
        let mut out = String::new();
        let names: std::collections::BTreeSet<_> =
            self.entries.keys().chain(other.entries.keys()).collect();
        for name in names {
            let what = match (self.entries.get(name), other.entries.get(name)) {
                (Some(_), None) => "only left".to_string(),
                (None, Some(_)) => "only right".to_string(),
                (Some(a), Some(b)) => a.differs(b),
                (None, None) => String::new(),
            };
            if !what.is_empty() {
                let _ = writeln!(out, "  {}: {what}", show(name));
            }
        }
        out
    }

    /// Panics, listing what differs, unless a tree is as recorded.
    #[track_caller]
    pub fn assert_is(&self, root: impl AsRef<Path>) {
        let found = self.differences(&Oracle::of(root.as_ref()));
        let root = root.as_ref().display();
        assert!(
            found.is_empty(),
            "expected (left) and {root} (right):\n{found}"
        );
    }
}

/// Panics, listing what differs, unless two trees are the same.
#[track_caller]
pub fn assert_same(left: impl AsRef<Path>, right: impl AsRef<Path>) {
    Oracle::of(left).assert_is(right);
}

impl Item {
    fn of(path: &Path, meta: &Metadata) -> Self {
        let kind = meta.file_type();
        let (kind, inside) = match kind {
            k if k.is_dir() => ("directory", Vec::new()),
            k if k.is_file() => ("file", fs::read(path).expect("a readable file")),
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
        Item {
            inside,
            kind,
            mode: meta.mode() & 0o7777,
            owner: (meta.uid(), meta.gid()),
            mtime: (meta.mtime(), meta.mtime_nsec()),
            same_as: None,
            xattrs: names.iter().map(value).collect(),
        }
    }

    fn differs(&self, other: &Item) -> String {
        let mut out = String::new();
        let mut note = |differs: bool, what: String| {
            if differs {
                out.push_str(&what);
                out.push_str("; ");
            }
        };
        note(
            self.kind != other.kind,
            format!("{} / {}", self.kind, other.kind),
        );
        let (a, b) = (show(&self.inside), show(&other.inside));
        note(self.inside != other.inside, format!("holds {a} / {b}"));
        note(
            self.mode != other.mode,
            format!("mode {:o} / {:o}", self.mode, other.mode),
        );
        note(
            self.owner != other.owner,
            format!("owner {:?} / {:?}", self.owner, other.owner),
        );
        note(
            self.mtime != other.mtime,
            format!("mtime {:?} / {:?}", self.mtime, other.mtime),
        );
        let first = |i: &Item| i.same_as.as_deref().map(show);
        note(
            self.same_as != other.same_as,
            format!("linked {:?} / {:?}", first(self), first(other)),
        );
        let (a, b) = (&self.xattrs, &other.xattrs);
        note(a != b, format!("xattrs {a:?} / {b:?}"));
        out
    }
}

/// Where every entry lies and when it was last touched in any way: equal only when nobody wrote at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Traces(BTreeMap<Name, (u64, i64, i64)>);

impl Traces {
    /// Reads them, BACKUP included.
    pub fn of(root: impl AsRef<Path>) -> Self {
        let mut all = BTreeMap::new();
        let root = root.as_ref();
        let mut keep = |name: Name, _: &Path, meta: &Metadata| {
            all.insert(name, (meta.ino(), meta.ctime(), meta.ctime_nsec()));
        };
        visit(root, b"", &mut keep);
        let backup = root.join(".fsync-backup");
        if let Ok(meta) = fs::symlink_metadata(&backup) {
            keep(b".fsync-backup".to_vec(), &backup, &meta);
        }
        Traces(all)
    }

    /// Panics unless nothing was touched since.
    #[track_caller]
    pub fn assert_untouched(&self, root: impl AsRef<Path>) {
        let now = Traces::of(root);
        let names = |a: &Traces, b: &Traces| -> Vec<String> {
            let differs = |n: &&Name| a.0.get(*n) != b.0.get(*n);
            a.0.keys().filter(differs).map(|n| show(n)).collect()
        };
        let (before, after) = (names(self, &now), names(&now, self));
        assert_eq!(*self, now, "touched: {before:?}; now: {after:?}");
    }
}

fn visit(path: &Path, name: &[u8], seen: &mut impl FnMut(Name, &Path, &Metadata)) {
    let meta = fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    if meta.is_dir() {
        for item in fs::read_dir(path).expect("a listing") {
            let item = item.expect("an item");
            let mut below = name.to_vec();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend(item.file_name().as_bytes());
            if below != b".fsync-backup" {
                visit(&item.path(), &below, seen);
            }
        }
    }
    let name = if name.is_empty() {
        b".".to_vec()
    } else {
        name.to_vec()
    };
    seen(name, path, &meta);
}

fn show(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(60)];
    format!("\"{}\" ({} bytes)", start.escape_ascii(), bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::{Sandbox, Tree};

    #[test]
    fn a_copy_is_the_same_and_every_difference_is_seen() {
        if !crate::support::as_root() {
            return;
        }
        let s = Sandbox::new();
        s.tree("one").menagerie();
        type Spoil = fn(&Tree);
        let spoils: [Spoil; 11] = [
            |t| drop(t.edit("plain", "other").mtime("plain", 0, 0).read("plain")),
            |t| drop(t.mode("plain", 0o600).read("plain")),
            |t| drop(t.mtime("plain", 1_600_000_000, 123_456_788).read("plain")),
            |t| drop(t.owner("plain", 1, 0).read("plain")),
            |t| drop(t.remove("broken").link("broken", "nowhere/else").at("x")),
            |t| drop(t.hard("deep/new name", "twins/a").settle().at("x")),
            |t| {
                drop(
                    t.remove("deep/b")
                        .file("deep/b", "shared bytes")
                        .settle()
                        .at("x"),
                )
            },
            |t| drop(t.xattr("noted", "user.colour", b"blue\0\xfe").at("x")),
            |t| drop(t.remove("pipe").file("pipe", "").settle().at("x")),
            |t| drop(t.dir("hollow/in/side/more").settle().at("x")),
            |t| drop(t.mtime(".", 5, 5).at("x")),
        ];
        for (n, spoil) in spoils.iter().enumerate() {
            let copy = s.twin("one", &format!("copy {n}"));
            let (one, two) = (Oracle::of(s.path("one")), Oracle::of(copy.root()));
            assert_eq!(one.differences(&two), "", "a twin");
            spoil(&copy);
            let two = Oracle::of(copy.root());
            assert_ne!(one.differences(&two), "", "difference {n}");
        }
    }

    #[test]
    fn traces_see_a_rewrite_of_the_same_bytes() {
        let s = Sandbox::new();
        let tree = s.tree("one");
        tree.menagerie();
        let before = Traces::of(tree.root());
        before.assert_untouched(tree.root());
        tree.file("plain", "plain\n");
        assert_ne!(before, Traces::of(tree.root()));
    }
}
