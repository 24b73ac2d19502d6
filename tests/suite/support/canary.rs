//! A tree that nobody may touch: every test that plants ways out of the root compares it at the end.

use std::fs;
use std::path::PathBuf;

use super::oracle::Oracle;
use super::sandbox::Sandbox;
use super::tree::Tree;

/// What stands in every file of it and nowhere else.
pub const SECRET: &str = "the-canary-sings-7f3a91";

/// The tree and what it was.
pub struct Canary {
    tree: Tree,
    was: Oracle,
}

impl Canary {
    /// Makes it, with names that trees of tests have too, so that a way out finds something there.
    pub fn new(s: &Sandbox, name: &str) -> Self {
        let tree = s.tree(name);
        for file in [
            "f", "g", "f0", "f1", "f2", "f3", "d/f", "d/e/f", "e/f", "e/f0", "e/f1",
        ] {
            tree.file(file, format!("{SECRET}\n")).mode(file, 0o600);
        }
        tree.dir("e/deep/er").link("to", "f").settle();
        // Not every file system has them.
        let _ = xattr::set(tree.at("f"), "user.canary", b"sings");
        let was = Oracle::of(tree.root());
        Canary { tree, was }
    }

    /// A path in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.tree.at(name)
    }

    /// Panics unless content, modes, owners, times and attributes are what they were.
    #[track_caller]
    pub fn assert_sings(&self) {
        self.was.assert_is(self.tree.root());
    }

    /// Panics if a file below a directory, links not followed, holds what only the canary has.
    #[track_caller]
    pub fn assert_not_in(&self, root: PathBuf) {
        for item in walkdir::WalkDir::new(root).into_iter().flatten() {
            if item.file_type().is_file() {
                let bytes = fs::read(item.path()).unwrap_or_default();
                let found = bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes());
                assert!(!found, "{} holds the secret", item.path().display());
            }
        }
    }

    /// Panics if an archive of the sandbox's repository holds it.
    #[track_caller]
    pub fn assert_not_recorded(&self, s: &Sandbox) {
        for archive in s.archives() {
            let mut zip = zip::ZipArchive::new(fs::File::open(&archive).expect("an archive"))
                .expect("a zip file");
            for at in 0..zip.len() {
                let mut bytes = Vec::new();
                let mut entry = zip.by_index(at).expect("an entry");
                std::io::Read::read_to_end(&mut entry, &mut bytes).expect("its bytes");
                let found = bytes.windows(SECRET.len()).any(|w| w == SECRET.as_bytes());
                assert!(!found, "{} holds the secret", archive.display());
            }
        }
    }
}
