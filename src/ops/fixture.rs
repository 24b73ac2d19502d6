//! What the tests of recording share, a directory and a repository; and those tests that concern a whole repository.

use std::fs;
use std::io::Read;

use crate::model::{Kind, RelPath};
use crate::ops::snap::{SnapOptions, Snapped, snap};
use crate::repo::Repo;
use crate::tree::local::Local;
use crate::tree::{Dir, Tree};

pub struct Place {
    _base: tempfile::TempDir,
    pub dir: std::path::PathBuf,
    pub repo: Repo,
}

pub fn place() -> Place {
    let base = tempfile::tempdir().unwrap();
    let dir = base.path().join("d");
    fs::create_dir(&dir).unwrap();
    let repo = Repo::create(&base.path().join("r")).unwrap();
    let dir = dir.canonicalize().unwrap();
    Place {
        _base: base,
        dir,
        repo,
    }
}

impl Place {
    pub fn local(&self) -> Local {
        Local::open(&self.dir).unwrap().hide(self.repo.identity())
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn snap(&self) -> Snapped {
        let done = snap(&self.repo, &self.local(), &SnapOptions::default()).unwrap();
        assert!(done.problems.is_empty(), "{:?}", done.problems);
        done
    }
}

/// All of a tree in words.
pub fn text(tree: &dyn Tree) -> Vec<String> {
    fn dir(open: &dyn Dir, path: &RelPath, out: &mut Vec<String>) {
        for entry in open.list().unwrap().entries {
            let path = path.join(&entry.name);
            let mut data = Vec::new();
            if entry.state.kind == Kind::File {
                open.open_file(&entry)
                    .unwrap()
                    .read_to_end(&mut data)
                    .unwrap();
            }
            let mut state = entry.state.clone();
            state.inode = None;
            let links = entry.links.is_some();
            let sum = crc32fast::hash(&data);
            out.push(format!(
                "{path} {state:?} {links} {:?} {} {sum}",
                open.xattrs(&entry).unwrap(),
                entry.sparse
            ));
            if entry.is_dir() {
                dir(&*open.open_dir(&entry).unwrap(), &path, out);
            }
        }
    }
    let mut out = vec![format!("{:?}", tree.root().unwrap().state.mtime)];
    dir(&*tree.open().unwrap(), &RelPath::root(), &mut out);
    out
}

pub fn archives(repo: &Repo) -> usize {
    fs::read_dir(repo.path())
        .unwrap()
        .filter(|e| {
            e.as_ref()
                .unwrap()
                .path()
                .extension()
                .is_some_and(|x| x == "zip")
        })
        .count()
}

mod tests {
    use super::*;
    use crate::repo::directory_of;
    use crate::repo::finding::Finding;
    use crate::repo::verify::verify;

    #[test]
    fn the_catalog_can_be_made_again() {
        let p = place();
        p.write("a", "1");
        let first = p.snap().id;
        p.write("b", "2");
        let second = p.snap().id;
        p.repo
            .set_tag(&directory_of(&p.local()), "t", first)
            .unwrap();
        let path = p.repo.path().to_path_buf();
        let before = text(&p.repo.tree(second).unwrap());
        drop(p.repo);
        for name in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
            let _ = fs::remove_file(path.join(name));
        }
        let repo = Repo::open(&path).unwrap();
        assert_eq!(text(&repo.tree(second).unwrap()), before);
        assert_eq!(repo.tags(None).unwrap()[0].id, Some(first));
        drop(repo);
        fs::write(path.join("catalog.db"), "rubbish, rubbish, rubbish").unwrap();
        let repo = Repo::open(&path).unwrap();
        assert_eq!(repo.notices().len(), 1);
        assert_eq!(text(&repo.tree(second).unwrap()), before);
    }

    #[test]
    fn an_export_is_the_whole_tree() {
        let p = place();
        p.write("a/b", "one".repeat(1000));
        p.write("same", "one".repeat(1000));
        let big: Vec<u8> = (0..3_000_000u32)
            .flat_map(|n| (n.wrapping_mul(n) >> 7).to_le_bytes())
            .collect();
        p.write("big", &big);
        p.snap();
        p.write("a/new", "two");
        p.write("big", [b"begin", &big[..]].concat());
        let id = p.snap().id;
        let mut zip = Vec::new();
        p.repo.export(id, &mut zip).unwrap();
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(zip)).unwrap();
        for name in ["a/b", "same", "a/new", "big"] {
            let mut data = Vec::new();
            zip.by_name(name).unwrap().read_to_end(&mut data).unwrap();
            assert!(data == fs::read(p.dir.join(name)).unwrap(), "{name}");
        }
        assert!(zip.by_name("a/").unwrap().is_dir());
        assert_eq!(verify(&p.repo, Some(100)).unwrap().findings, []);
    }

    #[test]
    fn damage_is_found() {
        let p = place();
        for n in 0..20 {
            p.write(&format!("f{n}"), format!("{n} text").repeat(99));
        }
        let first = p.snap().id;
        p.write("g", "g".repeat(5000));
        p.snap();
        assert_eq!(verify(&p.repo, Some(100)).unwrap().findings, []);
        let path = p.repo.archive_path(first);
        let good = fs::read(&path).unwrap();
        for at in (0..good.len()).step_by(good.len() / 23) {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            let _ = fs::remove_file(&path);
            fs::write(&path, &bad).unwrap();
            let repo = Repo::open(p.repo.path()).unwrap();
            let found = verify(&repo, None).unwrap().findings;
            assert!(!found.is_empty(), "byte {at}");
        }
        fs::remove_file(&path).unwrap();
        let repo = Repo::open(p.repo.path()).unwrap();
        let found = verify(&repo, None).unwrap().findings;
        let gone = |f: &Finding| f.archive == Some(first) && f.message.contains("gone");
        assert!(found.iter().any(gone), "{found:?}");
    }

    #[test]
    fn an_archive_is_named_by_its_sum_and_extracts_to_the_tree() {
        use sha1::{Digest, Sha1};
        let p = place();
        p.write("a/b", "one");
        std::os::unix::fs::symlink("a", p.dir.join("link")).unwrap();
        let id = p.snap().id;
        let bytes = fs::read(p.repo.archive_path(id)).unwrap();
        assert_eq!(Sha1::digest(&bytes)[..], id.0);
        let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let names: Vec<String> = zip.file_names().map(|n| n.unwrap().into_owned()).collect();
        assert_eq!(names[0], ".fsync/ABOUT");
        assert!(names.contains(&"a/".into()) && names.contains(&"link".into()));
        let mut text = String::new();
        zip.by_name("a/b")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "one");
    }
}
