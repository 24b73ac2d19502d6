//! Writes archives anew without what is to be forgotten.
//!
//! An archive is written anew when it holds such bytes or a manifest that names them, when its snapshot's tree
//! changes, and when its parent was: so a chain stays one. Everything else in it is copied as it is, and what comes
//! out depends on nothing but the old archives: a run that was cut short and is run again makes the same ones.
//!
//! The new archives are durable first, then a pack that says what was made instead of which; only then are the old
//! ones removed ([`crate::repo::retire`]).

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::disk::backup;
use crate::model::{ContentId, Error, ErrorKind, NodeId, Result, SnapshotId, Time};
use crate::repo::archive::{Archive, Purpose};
use crate::repo::carry::Carry;
use crate::repo::catalog::{Form, Place, failed};
use crate::repo::forget::{Forget, children, record};
use crate::repo::index::{self, Index, What};
use crate::repo::info::{Extent, Info};
use crate::repo::log::Line;
use crate::repo::manifest;
use crate::repo::reach::Part;
use crate::repo::reader::Item;
use crate::repo::retire::{Retirement, Terms};
use crate::repo::store::Repo;
use crate::repo::text::PathText;
use crate::repo::writer::Header;
use crate::tree::local::Local;

/// What forgetting did.
#[derive(Default, Debug)]
pub struct Forgotten {
    /// How many archives were written anew.
    pub archives: usize,
    /// By how many bytes the archives are shorter.
    pub freed: i64,
    /// Directories whose BACKUP could not be brought up to date, and why.
    pub stale: Vec<Error>,
}

impl Forget {
    /// The snapshots whose archives must be written anew, parents first.
    ///
    /// # Errors
    /// When an archive cannot be read; [`ErrorKind::Refused`] for a snapshot that has no archive of its own.
    pub fn concerned(&self, repo: &Repo) -> Result<Vec<Info>> {
        let archives = repo.known_archives()?;
        let mut chosen: Vec<Info> = Vec::new();
        let mut ids = HashSet::new();
        for info in parents_first(repo.snapshots(None)?) {
            let changed = self.rewrite.changed(info.tree).is_some();
            let follows = info.parent.is_some_and(|p| ids.contains(&p));
            let own = archives.contains(&info.id);
            let holds = own && {
                let index = repo.read_index(info.id)?;
                index.places.iter().any(|(id, _)| self.rewrite.must_go(id))
            };
            if !changed && !follows && !holds {
                continue;
            }
            if !own {
                let message =
                    "has no archive of its own, so it cannot be written anew; prune it first";
                return Err(Error::at(ErrorKind::Refused, info.id.to_string(), message));
            }
            ids.insert(info.id);
            chosen.push(info);
        }
        Ok(chosen)
    }

    /// Forgets. The repository must be open alone.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when something that is copied is not what was stored: then all old archives are still
    /// there. When the repository cannot be written: another run completes it.
    pub fn run(self, repo: &Repo) -> Result<Forgotten> {
        repo.sweep();
        let dropped = self.concerned(repo)?;
        let mut instead: HashMap<SnapshotId, SnapshotId> = HashMap::new();
        let mut added = 0;
        let mut written = HashSet::new();
        for info in &dropped {
            let new = self.again(repo, info, &instead, &mut written)?;
            added += new.1;
            instead.insert(info.id, new.0);
        }
        let mut kept = repo.snapshots(None)?;
        kept.retain(|info| !instead.contains_key(&info.id));
        let terms = Terms {
            dropped,
            kept,
            instead,
            thorough: true,
        };
        let mut retirement = Retirement::plan(repo, &terms)?;
        retirement.log(head_lines(repo, &terms.instead)?);
        let freed = match retirement.is_empty() {
            true => 0,
            false => retirement.run(repo)?,
        };
        Ok(Forgotten {
            archives: terms.instead.len(),
            freed: freed - added,
            stale: follow(repo)?,
        })
    }

    /// Writes one archive anew; its id, and how long it is. `written` are the new nodes that earlier ones hold.
    fn again(
        &self,
        repo: &Repo,
        info: &Info,
        instead: &HashMap<SnapshotId, SnapshotId>,
        written: &mut HashSet<NodeId>,
    ) -> Result<(SnapshotId, i64)> {
        let index = repo.read_index(info.id)?;
        let renewed = self.renewed(info, instead);
        let archive = Archive::new(repo, purpose(repo, &index, &renewed)?);
        for item in &index.items {
            self.item(repo, &archive, &index, item)?;
        }
        for pieces in index
            .pieces
            .iter()
            .filter(|p| !self.rewrite.must_go(&p.content.0))
        {
            archive.say_pieces(pieces);
        }
        self.shared_chunks(repo, &archive, &index)?;
        self.nodes(repo, &archive, info, written)?;
        let index = archive.commit(&What::Snapshot(Box::new(renewed)))?;
        repo.enter_archive(&index, |_| Ok(()))?;
        let length = crate::repo::older::length(repo, index.id);
        Ok((index.id, length as i64))
    }

    /// What the new archive says of itself.
    fn renewed(&self, info: &Info, instead: &HashMap<SnapshotId, SnapshotId>) -> Info {
        let mut renewed = info.clone();
        renewed.tree = self.rewrite.changed(info.tree).unwrap_or(info.tree);
        renewed.parent = info.parent.map(|p| instead.get(&p).copied().unwrap_or(p));
        if let Some(paths) = self.paths.get(&info.id) {
            let texts = paths.iter().map(|p| PathText(p.as_bytes().to_vec()));
            let texts: Vec<PathText> = texts.collect();
            renewed.unstable.retain(|p| !texts.contains(p));
            for list in [&mut renewed.unreadable, &mut renewed.forgotten] {
                list.extend(texts.iter().cloned());
                list.sort_by(|a, b| a.0.cmp(&b.0));
                list.dedup();
            }
        }
        renewed
    }

    /// Copies an entry, unless it is one that must go, or one that is written anew.
    fn item(&self, repo: &Repo, archive: &Archive, index: &Index, item: &Item) -> Result<()> {
        let own = ["ABOUT", "pieces", "snapshot.json"].map(|n| format!("{}/{n}", index.folder));
        let backup = crate::model::name::BACKUP;
        let ours = own.iter().any(|name| *name.as_bytes() == *item.name) || *item.name == *backup;
        let header = Header {
            name: &item.name,
            mode: item.mode,
            mtime: item.mtime,
            content: item.content,
        };
        let path = repo.archive_path(index.id);
        let file = repo.archive(index.id)?;
        let offset = crate::repo::reader::data_offset(&file, path.as_os_str().as_bytes(), item)?;
        let place = index::place_of(index.id, offset, item);
        match item.content {
            Some(id) if self.rewrite.must_go(&id.0) => Ok(()),
            Some(id) => archive.copy(repo, &header, &plain(id, Part::Content(None), place)),
            None if ours => Ok(()),
            None => archive.plainly(repo, &header, &place),
        }
    }

    /// Copies the chunks that other files have in common with a large content that goes.
    fn shared_chunks(&self, repo: &Repo, archive: &Archive, index: &Index) -> Result<()> {
        let spots: HashMap<[u8; 32], Place> = index.places.iter().copied().collect();
        let gone = index
            .pieces
            .iter()
            .filter(|p| self.rewrite.must_go(&p.content.0));
        let spans: Vec<Place> = gone
            .filter_map(|p| spots.get(&p.content.0))
            .copied()
            .collect();
        let mut done = HashSet::new();
        for (id, place) in &index.places {
            let within =
                |whole: &Place| (whole.offset..whole.offset + whole.packed).contains(&place.offset);
            let needed = place.form == Form::Piece
                && self.rewrite.is_kept(id)
                && spans.iter().any(within)
                && done.insert(*id);
            if needed {
                archive.carry(repo, &plain(ContentId(*id), Part::Chunk, *place))?;
            }
        }
        Ok(())
    }

    /// Writes the nodes that a tree needs and that are new: all into a full archive, else those that no earlier one has.
    fn nodes(
        &self,
        repo: &Repo,
        archive: &Archive,
        info: &Info,
        written: &mut HashSet<NodeId>,
    ) -> Result<()> {
        let full = info.extent == Extent::Full;
        let mut own = HashSet::new();
        let mut rest: Vec<NodeId> = record(repo, info.tree)?.0.entry.node.into_iter().collect();
        while let Some(node) = rest.pop() {
            let Some(new) = self.rewrite.changed(node).filter(|_| own.insert(node)) else {
                continue;
            };
            if written.insert(new) || full {
                archive.own_node(&self.rewrite.new_node(repo, node)?)?;
            }
            rest.extend(children(repo, node)?.iter().filter_map(|c| c.entry.node));
        }
        match self.rewrite.new_tree(repo, info.tree)? {
            Some(bytes) if written.insert(manifest::id_of(&bytes)) || full => {
                archive.own_node(&bytes)
            }
            _ => Ok(()),
        }
    }
}

fn plain(id: ContentId, part: Part, place: Place) -> Carry {
    Carry {
        id,
        part,
        place,
        pieces: None,
    }
}

/// What the new archive is about: as the old one was.
fn purpose(repo: &Repo, index: &Index, info: &Info) -> Result<Purpose> {
    let path = repo.archive_path(index.id);
    let name = path.as_os_str().as_bytes();
    let file = repo.archive(index.id)?;
    let about = index::entry(
        &file,
        name,
        &index.items,
        &format!("{}/ABOUT", index.folder),
    )?;
    let about = String::from_utf8_lossy(&about.unwrap_or_default())
        .trim_end()
        .to_string();
    Ok(Purpose {
        full: info.extent == Extent::Full,
        backup: info.parent.or(info.foreign_parent),
        folder: index.folder.clone(),
        time: info.time,
        about,
    })
}

/// Sorts snapshots so that each comes after its parent, if that is among them.
fn parents_first(mut snapshots: Vec<Info>) -> Vec<Info> {
    snapshots.sort_by_key(|info| (info.time, info.id));
    let order: Vec<SnapshotId> = snapshots.iter().map(|i| i.id).collect();
    let mut left: HashMap<SnapshotId, Info> = snapshots.into_iter().map(|i| (i.id, i)).collect();
    let mut sorted = Vec::with_capacity(order.len());
    for id in order {
        let mut row = Vec::new();
        let mut at = Some(id);
        // A row that goes round in a circle ends where it began: what is taken out is not found again.
        while let Some(info) = at.and_then(|id| left.remove(&id)) {
            at = info.parent;
            row.push(info);
        }
        sorted.extend(row.into_iter().rev());
    }
    sorted
}

/// The log's lines for heads that have a new id, also by an earlier run that was cut short.
fn head_lines(repo: &Repo, instead: &HashMap<SnapshotId, SnapshotId>) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for directory in directories(repo)? {
        let Some(head) = repo.logged_head(&directory)? else {
            continue;
        };
        let issued = repo.issued(head)?;
        let new = instead.get(&issued).copied().unwrap_or(issued);
        if new != head {
            lines.push(Line::Head {
                directory,
                id: Some(new),
                time: Time::now(),
            });
        }
    }
    Ok(lines)
}

/// The directories that have or had a head.
fn directories(repo: &Repo) -> Result<Vec<PathText>> {
    repo.catalog()
        .db
        .prepare("SELECT directory FROM heads UNION SELECT directory FROM snapshots")
        .and_then(|mut q| q.query_map([], |row| row.get(0).map(PathText))?.collect())
        .map_err(failed)
}

/// Brings the BACKUP files up to date of those directories that are there, also after an earlier run that was cut short;
/// what could not be.
fn follow(repo: &Repo) -> Result<Vec<Error>> {
    let mut stale = Vec::new();
    for directory in directories(repo)? {
        let Ok(local) = Local::open(Path::new(OsStr::from_bytes(&directory.0))) else {
            continue;
        };
        let Some(named) = backup::read(local.handle()).ok().flatten() else {
            continue;
        };
        let new = repo.issued(named)?;
        if new != named
            && let Err(e) = backup::write(local.handle(), Some(new))
        {
            stale.push(Error::at(e.kind(), &directory.0, e.to_string()));
        }
    }
    Ok(stale)
}
