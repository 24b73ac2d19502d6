//! Looking paths up in a tree, in about sorted order: the directories above the last path stay open.

use crate::model::{Entry, RelPath, Result};
use crate::tree::{Dir, Tree};

/// An open directory and its name.
type Open = (Box<[u8]>, Box<dyn Dir>);

/// A position in a tree. Not shared between threads; each takes its own.
pub struct Cursor<'t> {
    tree: &'t dyn Tree,
    root: Option<Box<dyn Dir>>,
    below: Vec<Open>,
}

impl<'t> Cursor<'t> {
    /// At the root of `tree`; nothing is opened yet.
    pub fn new(tree: &'t dyn Tree) -> Self {
        Cursor {
            tree,
            root: None,
            below: Vec::new(),
        }
    }

    /// The open directory at `path`; `None` when there is no directory (a symbolic link is none).
    ///
    /// # Errors
    /// When a component cannot be examined or opened.
    pub fn dir(&mut self, path: &RelPath) -> Result<Option<&dyn Dir>> {
        if self.root.is_none() {
            self.root = Some(self.tree.open()?);
        }
        let mut level = 0;
        for name in path.components() {
            match self.below.get(level) {
                Some((open, _)) if **open == *name => {}
                _ => {
                    self.below.truncate(level);
                    let Some(dir) = self.top() else {
                        return Ok(None);
                    };
                    let Some(opened) = dir.enter(name)? else {
                        return Ok(None);
                    };
                    self.below.push((Box::from(name), opened));
                }
            }
            level += 1;
        }
        self.below.truncate(level);
        Ok(self.top())
    }

    fn top(&self) -> Option<&dyn Dir> {
        match self.below.last() {
            Some((_, dir)) => Some(dir.as_ref()),
            None => self.root.as_deref(),
        }
    }

    /// The entry at `path`; `None` when there is none.
    ///
    /// # Errors
    /// When it, or a directory above it, cannot be examined.
    pub fn entry(&mut self, path: &RelPath) -> Result<Option<Entry>> {
        match path.parent() {
            None => self.tree.root().map(Some),
            Some(parent) => match self.dir(&parent)? {
                Some(dir) => dir.entry(path.name()),
                None => Ok(None),
            },
        }
    }

    /// The entry at `path` with the directory that holds it.
    ///
    /// # Errors
    /// As [`Self::entry`].
    pub fn place(&mut self, path: &RelPath) -> Result<Option<(&dyn Dir, Entry)>> {
        let parent = path.parent().unwrap_or_else(RelPath::root);
        if path.is_root() {
            let entry = self.tree.root()?;
            return Ok(self.dir(&parent)?.map(|dir| (dir, entry)));
        }
        match self.dir(&parent)? {
            Some(dir) => Ok(dir.entry(path.name())?.map(|entry| (dir, entry))),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::local::Local;

    #[test]
    fn finds_what_is_there_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/c"), "x").unwrap();
        std::os::unix::fs::symlink("b", dir.path().join("a/l")).unwrap();
        let tree = Local::open(dir.path()).unwrap();
        let mut cursor = Cursor::new(&tree);
        let mut size = |p: &str| {
            let path = RelPath::parse(p.as_bytes()).unwrap();
            cursor.entry(&path).unwrap().map(|e| e.state.size)
        };
        assert_eq!(size("a/b/c"), Some(1));
        assert_eq!(size("a/x/c"), None);
        assert_eq!(size("a/l/c"), None, "a link is not a directory");
        assert_eq!(size("a/b/c"), Some(1));
        assert_eq!(size("."), Some(0));
    }
}
