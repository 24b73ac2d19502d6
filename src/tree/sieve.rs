//! A tree of which a filter leaves out some: what is left out is not there for whoever looks.

use std::fs::File;
use std::sync::Arc;

use crate::model::{ContentId, Entry, Filter, Medium, RelPath, Result, Skip, Xattrs};
use crate::tree::{Contents, Dir, Listing, Tree};

/// A tree behind a filter.
pub struct Sieve {
    tree: Box<dyn Tree>,
    filter: Arc<Filter>,
}

impl Sieve {
    /// `tree` without what `filter` excludes.
    pub fn new(tree: Box<dyn Tree>, filter: Filter) -> Self {
        let filter = Arc::new(filter);
        Sieve { tree, filter }
    }
}

impl Tree for Sieve {
    fn root(&self) -> Result<Entry> {
        self.tree.root()
    }

    fn open(&self) -> Result<Box<dyn Dir>> {
        Ok(Box::new(SieveDir {
            dir: self.tree.open()?,
            path: RelPath::root(),
            filter: Arc::clone(&self.filter),
        }))
    }

    fn device(&self, source: u32) -> Option<u64> {
        self.tree.device(source)
    }

    fn medium(&self) -> Medium {
        self.tree.medium()
    }

    fn expect(&self, paths: Vec<RelPath>) {
        self.tree.expect(paths);
    }

    fn digests(&self, paths: &[RelPath]) -> Option<Vec<Result<ContentId>>> {
        self.tree.digests(paths)
    }

    fn is_far(&self) -> bool {
        self.tree.is_far()
    }
}

/// A directory behind a filter. It has no node: another tree may show the same one whole.
struct SieveDir {
    dir: Box<dyn Dir>,
    path: RelPath,
    filter: Arc<Filter>,
}

impl SieveDir {
    fn sift(&self, mut listing: Listing) -> Listing {
        listing.entries.retain(|entry| {
            let path = self.path.join(&entry.name);
            let Some(rule) = self.filter.excludes(&path, entry.is_dir()) else {
                return true;
            };
            listing.skips.push(Skip {
                path: RelPath::root().join(&entry.name),
                source: Some(entry.source),
                reason: "excluded from this source".into(),
                rule: Some(rule.clone()),
                cause: false,
                asked: true,
            });
            false
        });
        listing
    }
}

impl Dir for SieveDir {
    fn list(&self) -> Result<Listing> {
        self.dir.list().map(|listing| self.sift(listing))
    }

    fn find(&self, names: &[&[u8]]) -> Result<Listing> {
        self.dir.find(names).map(|listing| self.sift(listing))
    }

    fn entry(&self, name: &[u8]) -> Result<Option<Entry>> {
        let path = self.path.join(name);
        let shown = |e: &Entry| self.filter.excludes(&path, e.is_dir()).is_none();
        Ok(self.dir.entry(name)?.filter(shown))
    }

    fn open_dir(&self, entry: &Entry) -> Result<Box<dyn Dir>> {
        Ok(Box::new(SieveDir {
            dir: self.dir.open_dir(entry)?,
            path: self.path.join(&entry.name),
            filter: Arc::clone(&self.filter),
        }))
    }

    fn open_file(&self, entry: &Entry) -> Result<Contents> {
        self.dir.open_file(entry)
    }

    fn open_like(&self, entry: &Entry, old: File) -> Result<Contents> {
        self.dir.open_like(entry, old)
    }

    fn xattrs(&self, entry: &Entry) -> Result<Xattrs> {
        self.dir.xattrs(entry)
    }

    fn digest(&self, entry: &Entry) -> Option<Result<ContentId>> {
        self.dir.digest(entry)
    }

    fn is_local(&self) -> bool {
        self.dir.is_local()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rule;
    use crate::tree::local::Local;
    use std::fs;

    fn rule(pattern: &str) -> Rule {
        Rule {
            pattern: pattern.into(),
            origin: "test".into(),
            line: 0,
        }
    }

    #[test]
    fn what_is_left_out_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a.o", "a.c", "d/b.o", "d/b.c", "out/x"] {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let filter = Filter::new(vec![rule("*.o"), rule("/out/"), rule("!/d/b.o")]).unwrap();
        let tree = Sieve::new(Box::new(Local::open(dir.path()).unwrap()), filter);
        let root = tree.open().unwrap();
        let names = |listing: &Listing| -> Vec<Vec<u8>> {
            listing.entries.iter().map(|e| e.name.to_vec()).collect()
        };
        let listing = root.list().unwrap();
        assert_eq!(names(&listing), [b"a.c".to_vec(), b"d".to_vec()]);
        let skipped: Vec<_> = listing.skips.iter().map(|s| s.path.as_bytes()).collect();
        assert_eq!(skipped, [&b"a.o"[..], b"out"]);
        assert!(root.entry(b"a.o").unwrap().is_none());
        assert!(root.entry(b"out").unwrap().is_none());
        let found = root.find(&[b"a.c", b"a.o"]).unwrap();
        assert_eq!(names(&found), [b"a.c".to_vec()]);
        let d = root.open_dir(&listing.entries[1]).unwrap();
        assert_eq!(
            names(&d.list().unwrap()),
            [b"b.c".to_vec(), b"b.o".to_vec()]
        );
    }
}
