//! Paths inside a tree: bytes, relative, in component order.

use std::cmp::Ordering;
use std::fmt;

use crate::model::quote::quote;

/// A path relative to the root of a tree; the root itself is `.`.
///
/// Never absolute, never empty, and without `.`, `..`, empty or NUL-holding components, so that it
/// can be joined to a root without leaving it lexically. (Symbolic links are the business of the
/// floor that opens it.)
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RelPath(Box<[u8]>);

/// How many components a path from outside may have: no real tree is as deep, and time and memory of some
/// operations grow with the square of it.
pub const DEEPEST: usize = 8192;

/// Why bytes are not a [`RelPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// There is nothing.
    #[error("the path is empty")]
    Empty,
    /// It begins with a slash.
    #[error("the path is absolute")]
    Absolute,
    /// A component is `.`, `..` or empty.
    #[error("the path has a component that is empty, \".\" or \"..\"")]
    Component,
    /// It holds a NUL byte.
    #[error("the path holds a NUL byte")]
    Nul,
    /// It is deeper than [`DEEPEST`].
    #[error("the path has more than {DEEPEST} components")]
    Deep,
}

impl RelPath {
    /// The root of a tree, `.`.
    pub fn root() -> Self {
        RelPath(Box::from(&b"."[..]))
    }

    /// Checks bytes that come from outside.
    pub fn parse(bytes: &[u8]) -> Result<Self, PathFault> {
        if bytes == b"." {
            return Ok(Self::root());
        }
        match bytes.first() {
            None => return Err(PathFault::Empty),
            Some(b'/') => return Err(PathFault::Absolute),
            Some(_) => {}
        }
        if bytes.contains(&0) {
            return Err(PathFault::Nul);
        }
        if bytes
            .split(|&b| b == b'/')
            .any(|c| matches!(c, b"" | b"." | b".."))
        {
            return Err(PathFault::Component);
        }
        if bytes.iter().filter(|&&b| b == b'/').count() >= DEEPEST {
            return Err(PathFault::Deep);
        }
        Ok(RelPath(Box::from(bytes)))
    }

    /// This path with one more component; `name` comes from a listing and so is a plain name.
    pub fn join(&self, name: &[u8]) -> Self {
        if self.is_root() {
            return RelPath(Box::from(name));
        }
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        bytes.push(b'/');
        bytes.extend_from_slice(name);
        RelPath(bytes.into_boxed_slice())
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        &*self.0 == b"."
    }

    /// The bytes; `.` for the root.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory that holds it; `None` for the root.
    pub fn parent(&self) -> Option<RelPath> {
        if self.is_root() {
            return None;
        }
        match self.0.iter().rposition(|&b| b == b'/') {
            Some(at) => Some(RelPath(Box::from(&self.0[..at]))),
            None => Some(Self::root()),
        }
    }

    /// The bytes of the directory that holds it, as they stand in this path; empty at the top.
    pub fn dir(&self) -> &[u8] {
        let end = self.0.iter().rposition(|&b| b == b'/').unwrap_or(0);
        &self.0[..end]
    }

    /// The last component; `.` for the root.
    pub fn name(&self) -> &[u8] {
        match self.0.iter().rposition(|&b| b == b'/') {
            Some(at) => &self.0[at + 1..],
            None => &self.0,
        }
    }

    /// The components from the top; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|&b| b == b'/').filter(|c| !matches!(*c, b"."))
    }

    /// Whether it is `dir` or lies below it.
    pub fn is_within(&self, dir: &RelPath) -> bool {
        dir.is_root()
            || self == dir
            || (self.0.len() > dir.0.len()
                && self.0.starts_with(&dir.0)
                && self.0[dir.0.len()] == b'/')
    }

    /// The number of components; 0 for the root.
    pub fn depth(&self) -> usize {
        self.components().count()
    }
}

impl Ord for RelPath {
    /// By component, as every stream is sorted: the root first, `a/b` before `a-b`.
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_root(), other.is_root()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        // No name holds a NUL, so reading the slash as 0 sorts by component.
        let key = |&b: &u8| if b == b'/' { 0 } else { b };
        self.0.iter().map(key).cmp(other.0.iter().map(key))
    }
}

impl PartialOrd for RelPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RelPath {
    /// Quoted for people: always in double quotes, controls escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quote(&self.0))
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rel(s: &str) -> RelPath {
        RelPath::parse(s.as_bytes()).unwrap()
    }

    #[test]
    fn sorts_by_component() {
        let mut paths = [
            rel("a-b"),
            rel("a/b"),
            rel("."),
            rel("a"),
            rel("a/b/c"),
            rel("B"),
        ];
        paths.sort();
        let order: Vec<_> = paths.iter().map(|p| p.as_bytes().to_vec()).collect();
        assert_eq!(order, [&b"."[..], b"B", b"a", b"a/b", b"a/b/c", b"a-b"]);
    }

    #[test]
    fn refuses_what_could_leave_the_root() {
        for bad in ["", "/a", "a//b", "a/", "..", "a/../b", "./a", "a/."] {
            assert!(RelPath::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert_eq!(RelPath::parse(b"a\0b"), Err(PathFault::Nul));
    }

    #[test]
    fn climbs_and_descends() {
        assert_eq!(rel("a/b").parent(), Some(rel("a")));
        assert_eq!(rel("a").parent(), Some(RelPath::root()));
        assert_eq!(RelPath::root().parent(), None);
        assert_eq!(RelPath::root().join(b"x").join(b"y"), rel("x/y"));
        assert_eq!(rel("a/b").name(), b"b");
        assert!(rel("a/b").is_within(&rel("a")));
        assert!(!rel("ab").is_within(&rel("a")));
        assert_eq!(RelPath::root().depth(), 0);
    }
}
