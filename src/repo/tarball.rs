//! Writes a snapshot as a tar stream, front to back: what zip cannot hold is in it too.
//!
//! Every name begins with `./`, as `tar -c .` makes them, so that the directory itself comes along with its mode
//! and times; it is the last entry, because bsdtar sets the time of a directory that is there at once. Holes are written as zeros. What tar cannot hold (a socket's name), and what could not be read
//! when it was recorded, is passed over and given back.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use crate::model::{Error, Kind, Problem, RelPath, Result, SnapshotId};
use crate::repo::fault;
use crate::repo::manifest::Child;
use crate::repo::snapshot::Allowance;
use crate::repo::store::Repo;
use crate::repo::tar::{What, Writer};

fn cannot(e: io::Error) -> Error {
    Error::io("cannot write", "the export", e)
}

/// A tar stream being made.
struct Tarball<'a, 'w> {
    repo: &'a Repo,
    writer: Writer<&'w mut dyn Write>,
    /// The group of hard links that a path is in.
    groups: HashMap<RelPath, usize>,
    /// The name under which the first of each group was written.
    first: HashMap<usize, Vec<u8>>,
    passed: Vec<Problem>,
}

impl Repo {
    /// Writes a snapshot as a tar stream; what was passed over.
    ///
    /// # Errors
    /// [`crate::model::ErrorKind::NotFound`], [`crate::model::ErrorKind::Damaged`], or when writing fails.
    pub fn export_tar(&self, id: SnapshotId, to: &mut dyn Write) -> Result<Vec<Problem>> {
        let info = self.snapshot(id)?;
        let (root, links) = self.tree_record(info.tree)?;
        let groups = self.link_groups(links)?;
        let allowance = Allowance::of(&info.counts);
        let numbered = groups.into_iter().enumerate();
        let mut tarball = Tarball {
            repo: self,
            writer: Writer::new(to),
            groups: numbered
                .flat_map(|(n, group)| group.into_iter().map(move |path| (path, n)))
                .collect(),
            first: HashMap::new(),
            passed: Vec::new(),
        };
        let below = |path: &RelPath, dir: &Child| -> Result<Vec<(RelPath, Child)>> {
            let children = self.children(dir)?;
            allowance.take(children.len(), path)?;
            let children = children.into_iter().rev();
            Ok(children.map(|c| (path.join(&c.entry.name), c)).collect())
        };
        // A stack of what is still to be written, the next one last: trees may be deeper than threads' stacks.
        let mut rest = below(&RelPath::root(), &root)?;
        while let Some((path, child)) = rest.pop() {
            tarball.one(&path, &child)?;
            if child.entry.is_dir() {
                rest.extend(below(&path, &child)?);
            }
        }
        tarball.one(&RelPath::root(), &root)?;
        let Tarball { writer, passed, .. } = tarball;
        writer.finish().map_err(cannot)?;
        Ok(passed)
    }
}

impl Tarball<'_, '_> {
    /// One entry.
    fn one(&mut self, path: &RelPath, child: &Child) -> Result<()> {
        let entry = &child.entry;
        let why = match (entry.state.kind, entry.content, entry.node) {
            (Kind::Socket, ..) => Some("a socket has no place in a tar file"),
            (Kind::File, None, _) => Some("it could not be read when it was recorded"),
            (Kind::Directory, _, None) => Some("it could not be read when it was recorded"),
            _ => None,
        };
        if let Some(why) = why {
            self.passed.push(Problem {
                path: path.clone(),
                operation: "export".into(),
                message: why.into(),
                damaged: false,
            });
            // A directory is made nevertheless, empty.
            if entry.state.kind != Kind::Directory {
                return Ok(());
            }
        }
        let name = name_of(path, child);
        let group = self.groups.get(path).copied();
        if let Some(first) = group.and_then(|n| self.first.get(&n)) {
            let what = What::LinkTo(first);
            self.writer
                .entry(&name, &entry.state, &Vec::new(), what)
                .map_err(cannot)?;
            return Ok(());
        }
        self.writer
            .entry(&name, &entry.state, &child.xattrs, What::Itself)
            .map_err(cannot)?;
        if let Some(n) = group {
            self.first.insert(n, name);
        }
        if entry.state.kind == Kind::File {
            self.data(path, child)?;
        }
        Ok(())
    }

    fn data(&mut self, path: &RelPath, child: &Child) -> Result<()> {
        let Some(id) = child.entry.content else {
            return Ok(());
        };
        let mut from = self
            .repo
            .content(id, child.chunks, child.entry.state.size)?;
        let mut buffer = vec![0; 128 << 10];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(fault::of(path.as_bytes(), e)),
            };
            if read == 0 {
                return Ok(());
            }
            self.writer.data(&buffer[..read]).map_err(cannot)?;
        }
    }
}

fn name_of(path: &RelPath, child: &Child) -> Vec<u8> {
    let mut name = b"./".to_vec();
    if !path.is_root() {
        name.extend(path.as_bytes());
        if child.entry.is_dir() {
            name.push(b'/');
        }
    }
    name
}
