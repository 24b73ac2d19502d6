//! Checks a repository: that archives are the bytes that their names say and read as zip files, and that
//! everything that manifests name is there. A second reader, the `zip` crate, is asked too, so that
//! no fault of our own reader and writer agree with each other.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, Read};
use std::os::unix::ffi::OsStrExt;

use rayon::prelude::*;
use sha1::{Digest, Sha1};

use crate::model::quote::quote;
use crate::model::{ContentId, Error, ErrorKind, NodeId, RelPath, Result, SnapshotId};
use crate::repo::chunk;
use crate::repo::index::Index;
use crate::repo::link;
use crate::repo::log::Line;
use crate::repo::manifest::{self, Child};
use crate::repo::reader;
use crate::repo::store::{Repo, archives};

/// Something that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// In which archive, or in the manifest of which snapshot.
    pub snapshot: Option<SnapshotId>,
    /// What.
    pub message: String,
}

/// What was checked without being found wrong in any way is not kept: only that it was.
#[derive(Default)]
struct Seen {
    nodes: HashSet<NodeId>,
    contents: HashSet<ContentId>,
}

/// Checks everything; with `read_data`, reads every content too.
///
/// # Errors
/// When the repository cannot be read at all; damage is not an error here.
pub fn verify(repo: &Repo, read_data: bool) -> Result<Vec<Finding>> {
    let mut ids: Vec<SnapshotId> = archives(repo.path()).collect();
    ids.sort();
    let mut findings: Vec<Finding> = ids
        .par_iter()
        .flat_map_iter(|id| archive(repo, *id))
        .collect();
    findings.extend(log(repo)?);
    let mut seen = Seen::default();
    let mut wanted = Vec::new();
    for id in ids {
        let mut found = Vec::new();
        if let Err(e) = snapshot(repo, id, &mut seen, &mut wanted, &mut found) {
            found.push(e.to_string());
        }
        let with = |message| Finding {
            snapshot: Some(id),
            message,
        };
        findings.extend(found.into_iter().map(with));
    }
    if read_data {
        findings.par_extend(wanted.par_iter().filter_map(|w| w.read(repo)));
    }
    Ok(findings)
}

/// One archive by itself.
fn archive(repo: &Repo, id: SnapshotId) -> Vec<Finding> {
    let checks = [
        digest(repo, id),
        repo.read_index(id).and_then(|index| {
            headers(repo, id, &index)?;
            known(repo, &index)?;
            second_opinion(repo, id, &index)
        }),
    ];
    checks
        .into_iter()
        .filter_map(Result::err)
        .map(|e| Finding {
            snapshot: Some(id),
            message: e.to_string(),
        })
        .collect()
}

/// Whether the file's SHA-1 is its name.
fn digest(repo: &Repo, id: SnapshotId) -> Result<()> {
    let path = repo.archive_path(id);
    let name = path.as_os_str().as_bytes();
    let cannot = |e| Error::io("cannot read", name, e);
    let mut file = File::open(&path).map_err(cannot)?;
    let mut digest = Sha1::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(cannot)? {
            0 => break,
            n => digest.update(&buffer[..n]),
        }
    }
    match digest.finalize()[..] == id.0 {
        true => Ok(()),
        false => Err(Error::at(
            ErrorKind::Damaged,
            name,
            "its SHA-1 is not its name",
        )),
    }
}

/// Whether every local header is as the directory says.
fn headers(repo: &Repo, id: SnapshotId, index: &Index) -> Result<()> {
    let path = repo.archive_path(id);
    let file = repo.archive(id)?;
    for item in &index.items {
        reader::data_offset(&file, path.as_os_str().as_bytes(), item)?;
    }
    Ok(())
}

/// Whether the catalog knows what is in it.
fn known(repo: &Repo, index: &Index) -> Result<()> {
    for (id, _) in &index.places {
        if !repo.holds(id)? {
            let message = format!(
                "does not know where {} is; delete the file, and it is made again",
                hex::encode(id)
            );
            return Err(Error::at(ErrorKind::Damaged, "catalog.db", message));
        }
    }
    Ok(())
}

/// Whether the `zip` crate sees the same entries.
fn second_opinion(repo: &Repo, id: SnapshotId, index: &Index) -> Result<()> {
    let path = repo.archive_path(id);
    let name = path.as_os_str().as_bytes();
    let damaged = |message: String| Error::at(ErrorKind::Damaged, name, message);
    let file = File::open(&path).map_err(|e| Error::io("cannot open", name, e))?;
    let mut zip = zip::ZipArchive::new(BufReader::new(file)).map_err(|e| damaged(e.to_string()))?;
    if zip.len() != index.items.len() {
        return Err(damaged(format!(
            "{} entries, another reader sees {}",
            index.items.len(),
            zip.len()
        )));
    }
    for (at, item) in index.items.iter().enumerate() {
        let entry = zip.by_index_raw(at).map_err(|e| damaged(e.to_string()))?;
        let same = entry.name_raw() == &*item.name
            && entry.size() == item.sizes.size
            && entry.compressed_size() == item.sizes.packed
            && entry.crc32() == item.sizes.crc;
        if !same {
            return Err(damaged(format!(
                "another reader sees {} otherwise",
                quote(&item.name)
            )));
        }
    }
    Ok(())
}

/// Lines of the log that are not what was written.
fn log(repo: &Repo) -> Result<Vec<Finding>> {
    let lines = repo.log().read(0)?;
    let found = lines.damaged.into_iter().map(|at| Finding {
        snapshot: None,
        message: format!("log.ndjson: the line at byte {at} is damaged"),
    });
    let mut found: Vec<Finding> = found.collect();
    let committed: HashSet<SnapshotId> = lines
        .lines
        .iter()
        .filter_map(|(_, line)| match line {
            Line::Snapshot { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    let mut lost: Vec<SnapshotId> = committed
        .into_iter()
        .filter(|id| !repo.archive_path(*id).is_file())
        .collect();
    lost.sort();
    found.extend(lost.into_iter().map(|id| Finding {
        snapshot: Some(id),
        message: "the log says that it was recorded, and its archive is gone".into(),
    }));
    Ok(found)
}

/// A content that a manifest names.
struct Wanted {
    snapshot: SnapshotId,
    path: RelPath,
    id: ContentId,
    chunks: Option<ContentId>,
    size: u64,
}

impl Wanted {
    /// Reads it to its end.
    fn read(&self, repo: &Repo) -> Option<Finding> {
        let read = repo
            .content(self.id, self.chunks, self.size)
            .map_err(|e| e.to_string())
            .and_then(|mut data| {
                std::io::copy(&mut data, &mut std::io::sink()).map_err(|e| e.to_string())
            });
        let message = match read {
            Ok(length) if length == self.size => return None,
            Ok(length) => format!("has {length} bytes and should have {}", self.size),
            Err(e) => e,
        };
        Some(Finding {
            snapshot: Some(self.snapshot),
            message: format!("{}: {message}", self.path),
        })
    }
}

/// Whether all that a snapshot's manifest names is there.
fn snapshot(
    repo: &Repo,
    id: SnapshotId,
    seen: &mut Seen,
    wanted: &mut Vec<Wanted>,
    found: &mut Vec<String>,
) -> Result<()> {
    let info = repo.snapshot(id)?;
    if let Some(parent) = info.parent
        && repo.find(parent)?.is_none()
        && repo.gone(parent)?.is_none()
    {
        found.push(format!("its parent {parent} is not there"));
    }
    let record = repo.bytes(ContentId(info.tree.0))?;
    let damaged = |e: String| Error::new(ErrorKind::Damaged, e);
    let (root, links) = manifest::parse_tree(&record).map_err(damaged)?;
    if let Some(links) = links {
        link::parse(&repo.bytes(ContentId(links.0))?).map_err(damaged)?;
    }
    let mut rest = vec![(RelPath::root(), root)];
    while let Some((path, child)) = rest.pop() {
        if let Err(e) = one(repo, id, &path, &child, seen, wanted, &mut rest) {
            found.push(format!("{path}: {e}"));
        }
    }
    Ok(())
}

/// One entry of a manifest: a directory's node is read, a file's content looked up.
fn one(
    repo: &Repo,
    snapshot: SnapshotId,
    path: &RelPath,
    child: &Child,
    seen: &mut Seen,
    wanted: &mut Vec<Wanted>,
    rest: &mut Vec<(RelPath, Child)>,
) -> Result<()> {
    if let Some(node) = child.entry.node.filter(|n| seen.nodes.insert(*n)) {
        let bytes = repo.bytes(ContentId(node.0))?;
        let children =
            manifest::parse_directory(&bytes).map_err(|e| Error::new(ErrorKind::Damaged, e))?;
        rest.extend(children.into_iter().map(|c| (path.join(&c.entry.name), c)));
    }
    let Some(id) = child.entry.content.filter(|id| seen.contents.insert(*id)) else {
        return Ok(());
    };
    let place = repo.find_place(&id.0)?;
    match (place, child.chunks) {
        (Some(place), _) if place.size != child.entry.state.size => {
            return Err(Error::new(
                ErrorKind::Damaged,
                "its content has another length",
            ));
        }
        (Some(_), _) => {}
        (None, Some(list)) => {
            let list =
                chunk::parse(&repo.bytes(list)?).map_err(|e| Error::new(ErrorKind::Damaged, e))?;
            for chunk in list {
                repo.place(&chunk.id.0)?;
            }
        }
        (None, None) => repo.place(&id.0).map(|_| ())?,
    }
    wanted.push(Wanted {
        snapshot,
        path: path.clone(),
        id,
        chunks: child.chunks,
        size: child.entry.state.size,
    });
    Ok(())
}
