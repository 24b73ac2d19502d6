//! The manifest: what a tree holds, as nodes of NDJSON that form a Merkle tree.
//!
//! - A directory's node has one line for each child, sorted by the bytes of the names.
//! - The links node has one line for each group of hard links, sorted; so no directory's node depends
//!   on inode numbers.
//! - The tree record has one line: the root's own entry, and the links node if there are any.
//!
//! A node's id is the SHA-256 of its bytes, a tree's that of its record. The bytes are canonical:
//! fields in the order of [`Wire`], absent when they say nothing; so equal directories have equal
//! nodes. What is read is checked as input from strangers: sorted, no name twice, none that leaves
//! its directory.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{ContentId, Entry, Kind, NodeId, State, Time, Xattrs};
use crate::repo::text::{Text, join, split};

/// One child as a node records it.
#[derive(Clone, Debug)]
pub struct Child {
    /// Name, state, content, node, sparse.
    pub entry: Entry,
    /// Of a large file, the list of its chunks.
    pub chunks: Option<ContentId>,
    /// Its extended attributes.
    pub xattrs: Xattrs,
    /// It changed while it was read, again and again: the content is what was read last.
    pub unstable: bool,
    /// It could not be read: there is no content, or no node.
    pub unreadable: bool,
}

impl Child {
    /// A child that is nothing but its entry.
    pub fn new(entry: Entry) -> Self {
        Child {
            entry,
            chunks: None,
            xattrs: Vec::new(),
            unstable: false,
            unreadable: false,
        }
    }
}

/// The id of a node's bytes.
pub fn id_of(bytes: &[u8]) -> NodeId {
    NodeId(Sha256::digest(bytes).into())
}

fn is_false(value: &bool) -> bool {
    !value
}

/// A line. The order of the fields is part of the format.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    name_hex: Option<Text<'a>>,
    kind: Kind,
    /// Octal, four digits.
    #[serde(borrow)]
    mode: Text<'a>,
    uid: u32,
    gid: u32,
    mtime: Time,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<ContentId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chunks: Option<ContentId>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    target: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    target_hex: Option<Text<'a>>,
    /// A number in quotes: JSON readers lose bits.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    rdev: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    xattrs: Vec<WireXattr<'a>>,
    #[serde(default, skip_serializing_if = "is_false")]
    sparse: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    unstable: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    unreadable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<NodeId>,
}

#[derive(Serialize, Deserialize)]
struct WireXattr<'a> {
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    name_hex: Option<Text<'a>>,
    #[serde(borrow)]
    value_hex: Text<'a>,
}

#[derive(Serialize, Deserialize)]
struct WireTree<'a> {
    #[serde(borrow)]
    root: Wire<'a>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    links: Option<NodeId>,
}

impl<'a> From<&'a Child> for Wire<'a> {
    fn from(child: &'a Child) -> Self {
        let state = &child.entry.state;
        let named = !child.entry.name.is_empty();
        let (name, name_hex) = split(&child.entry.name);
        let (target, target_hex) = state.target.as_deref().map_or((None, None), split);
        Wire {
            name: name.filter(|_| named),
            name_hex,
            kind: state.kind,
            mode: Cow::Owned(format!("{:04o}", state.mode)),
            uid: state.uid,
            gid: state.gid,
            mtime: state.mtime,
            size_bytes: (state.kind == Kind::File).then_some(state.size),
            content: child.entry.content,
            chunks: child.chunks,
            target,
            target_hex,
            rdev: (state.kind.is_device()).then(|| Cow::Owned(state.rdev.to_string())),
            xattrs: child.xattrs.iter().map(wire_xattr).collect(),
            sparse: child.entry.sparse,
            unstable: child.unstable,
            unreadable: child.unreadable,
            node: child.entry.node,
        }
    }
}

fn wire_xattr((name, value): &(Vec<u8>, Vec<u8>)) -> WireXattr<'_> {
    let (name, name_hex) = split(name);
    WireXattr {
        name,
        name_hex,
        value_hex: Cow::Owned(hex::encode(value)),
    }
}

impl Wire<'_> {
    fn child(self) -> Result<Child, String> {
        let name = join(self.name.as_deref(), self.name_hex.as_deref())?.unwrap_or_default();
        let target = join(self.target.as_deref(), self.target_hex.as_deref())?;
        let mode = u32::from_str_radix(&self.mode, 8)
            .ok()
            .filter(|m| *m <= 0o7777)
            .ok_or("mode is not octal")?;
        let rdev = self.rdev.as_deref().map_or(Ok(0), str::parse);
        if (self.kind == Kind::Symlink) != target.is_some()
            || target
                .as_ref()
                .is_some_and(|t| t.is_empty() || t.contains(&0))
        {
            return Err("a symlink, and nothing else, has a target".into());
        }
        if (self.content.is_some() || self.chunks.is_some()) && self.kind != Kind::File
            || self.node.is_some() && self.kind != Kind::Directory
            || self.mtime.nanos > 999_999_999
            // To the system that number means: leave it as it is (chown(2)).
            || self.uid == u32::MAX
            || self.gid == u32::MAX
        {
            return Err("fields do not fit the kind".into());
        }
        if [self.uid, self.gid].contains(&u32::MAX) {
            return Err(
                "an owner is nobody: to chown(2) it means to leave things as they are".into(),
            );
        }
        let mut entry = Entry::new(
            &name,
            State {
                kind: self.kind,
                mode,
                uid: self.uid,
                gid: self.gid,
                size: self.size_bytes.unwrap_or(0),
                mtime: self.mtime,
                rdev: rdev.map_err(|_| "rdev is not a number")?,
                target: target.map(Vec::into_boxed_slice),
                inode: None,
            },
        );
        entry.sparse = self.sparse;
        entry.content = self.content;
        entry.node = self.node;
        let xattrs: Result<Xattrs, String> = self.xattrs.into_iter().map(WireXattr::pair).collect();
        Ok(Child {
            entry,
            chunks: self.chunks,
            xattrs: xattrs?,
            unstable: self.unstable,
            unreadable: self.unreadable,
        })
    }
}

impl WireXattr<'_> {
    fn pair(self) -> Result<(Vec<u8>, Vec<u8>), String> {
        let name = join(self.name.as_deref(), self.name_hex.as_deref())?;
        let value = hex::decode(self.value_hex.as_bytes()).map_err(|e| e.to_string())?;
        Ok((name.ok_or("an attribute has no name")?, value))
    }
}

/// Appends a line of JSON.
pub(super) fn line(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing to memory cannot fail, and no map here has keys that are not strings.
    let _ = serde_json::to_writer(&mut *out, value);
    out.push(b'\n');
}

/// Takes NDJSON apart.
pub(super) fn lines(bytes: &[u8]) -> Result<impl Iterator<Item = &[u8]>, String> {
    match bytes.strip_suffix(b"\n") {
        Some(body) => Ok(body.split(|b| *b == b'\n')),
        None => Err("the last line has no end".into()),
    }
}

/// The bytes of a directory's node; `children` are sorted by name.
pub fn directory(children: &[Child]) -> Vec<u8> {
    let mut out = Vec::with_capacity(children.len() * 256);
    for child in children {
        line(&mut out, &Wire::from(child));
    }
    out
}

/// Reads a directory's node.
///
/// # Errors
/// What is wrong with it.
pub fn parse_directory(bytes: &[u8]) -> Result<Vec<Child>, String> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let mut children: Vec<Child> = Vec::new();
    for line in lines(bytes)? {
        let wire: Wire<'_> = serde_json::from_slice(line).map_err(|e| e.to_string())?;
        let child = wire.child()?;
        let name = &child.entry.name;
        if name.is_empty()
            || name.iter().any(|b| matches!(b, 0 | b'/'))
            || matches!(&**name, b"." | b"..")
        {
            return Err("a name is not a plain one".into());
        }
        if children.last().is_some_and(|last| last.entry.name >= *name) {
            return Err("names are not sorted".into());
        }
        children.push(child);
    }
    Ok(children)
}

/// The bytes of the tree record.
pub fn tree(root: &Child, links: Option<NodeId>) -> Vec<u8> {
    let mut out = Vec::new();
    let root = Wire::from(root);
    line(&mut out, &WireTree { root, links });
    out
}

/// Reads the tree record: the root's entry (its name is empty) and the links node.
///
/// # Errors
/// What is wrong with it.
pub fn parse_tree(bytes: &[u8]) -> Result<(Child, Option<NodeId>), String> {
    let wire: WireTree<'_> = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
    let root = wire.root.child()?;
    match root.entry.is_dir() && root.entry.name.is_empty() {
        true => Ok((root, wire.links)),
        false => Err("the root is not a nameless directory".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(kind: Kind) -> State {
        State {
            kind,
            mode: 0o4755,
            uid: 7,
            gid: 8,
            size: if kind == Kind::File { 12 } else { 0 },
            mtime: Time::new(-3, 4),
            rdev: if kind.is_device() { u64::MAX } else { 0 },
            target: (kind == Kind::Symlink).then(|| Box::from(&b"\xfe"[..])),
            inode: None,
        }
    }

    #[test]
    fn nodes_come_back() {
        let kinds = [
            Kind::File,
            Kind::Directory,
            Kind::Symlink,
            Kind::Fifo,
            Kind::BlockDevice,
        ];
        let names = [&b"\n"[..], b"a", b"b", "\u{e4}".as_bytes(), b"\xff"];
        let mut children: Vec<_> = kinds
            .into_iter()
            .zip(names)
            .map(|(kind, name)| Child::new(Entry::new(name, state(kind))))
            .collect();
        children[0].entry.content = Some(ContentId([1; 32]));
        children[0].chunks = Some(ContentId([2; 32]));
        children[0].xattrs = vec![(b"user.a".to_vec(), vec![0, 255])];
        children[0].unstable = true;
        children[0].entry.sparse = true;
        children[1].entry.node = Some(NodeId([3; 32]));
        children[1].unreadable = true;
        let bytes = directory(&children);
        let back = parse_directory(&bytes).unwrap();
        assert_eq!(directory(&back), bytes);
        assert_eq!(back[4].entry.state, children[4].entry.state);
        assert_eq!(back[0].xattrs, children[0].xattrs);
        children.reverse();
        assert!(parse_directory(&directory(&children)).is_err());
    }

    #[test]
    fn trees_come_back() {
        let mut root = Child::new(Entry::new(b"", state(Kind::Directory)));
        root.entry.node = Some(NodeId([4; 32]));
        let bytes = tree(&root, Some(NodeId([5; 32])));
        let (back, links_id) = parse_tree(&bytes).unwrap();
        assert_eq!(tree(&back, links_id), bytes);
    }

    #[test]
    fn refuses_what_leaves_its_directory() {
        for name in [&b".."[..], b".", b"a/b", b"", b"a\0"] {
            let child = Child::new(Entry::new(name, state(Kind::File)));
            assert!(parse_directory(&directory(&[child])).is_err(), "{name:?}");
        }
        let nobody = State {
            uid: u32::MAX,
            ..state(Kind::File)
        };
        assert!(parse_directory(&directory(&[Child::new(Entry::new(b"a", nobody))])).is_err());
        assert!(parse_directory(b"{}").is_err());
    }
}
