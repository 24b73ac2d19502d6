//! Which older packs a new one replaces, and where lies what they hold.

use std::collections::{HashMap, HashSet};

use crate::model::{Result, SnapshotId};
use crate::repo::catalog::{Form, NewPlace, Place, failed, snapshot_id};
use crate::repo::gone::logged;
use crate::repo::index::Index;
use crate::repo::pack::Gone;
use crate::repo::plain;
use crate::repo::reach::Reach;
use crate::repo::retire::Terms;
use crate::repo::store::Repo;

/// A pack below this many bytes goes along where a new one is written.
const SMALL: u64 = 1 << 20;

/// An older pack, looked at.
pub struct Older {
    /// What lies in it.
    pub index: Index,
    /// Its length in bytes.
    pub length: u64,
    /// What it says is gone, as far as that counts.
    pub gone: Vec<Gone>,
    /// Whether it is replaced.
    pub goes: bool,
}

/// Reads the older packs, and says which go. `found` lies in the archives of snapshots that stay.
///
/// # Errors
/// When one cannot be read.
pub fn look(
    repo: &Repo,
    packs: &[SnapshotId],
    terms: &Terms,
    reach: &Reach,
    found: &HashMap<[u8; 32], Place>,
) -> Result<Vec<Older>> {
    let going: HashSet<SnapshotId> = terms.dropped.iter().map(|i| i.id).collect();
    let again: HashSet<&SnapshotId> = terms.instead.values().collect();
    let ours = repo.ask(|c| logged(&c.db))?;
    let mut older = Vec::new();
    for id in packs {
        let index = repo.read_index(*id)?;
        let (live, all) = worth(reach, &index, found);
        let made_again = index.what.gone().iter().any(|g| again.contains(&g.gone));
        let kept = index.what.snapshots().iter();
        let goes = made_again
            || kept.clone().any(|info| going.contains(&info.id))
            || (terms.thorough && live < all)
            || live.saturating_mul(4) <= all.saturating_mul(3) && live < all;
        let gone = counting(repo, &index, ours.contains(id))?;
        older.push(Older {
            length: length(repo, *id),
            index,
            gone,
            goes,
        });
    }
    if !terms.dropped.is_empty() || older.iter().any(|p| p.goes) {
        older.iter_mut().for_each(|p| p.goes |= p.length < SMALL);
    }
    Ok(older)
}

/// What a pack says is gone. One that the log does not name does not say so of what is here.
fn counting(repo: &Repo, index: &Index, ours: bool) -> Result<Vec<Gone>> {
    let mut gone = Vec::new();
    for line in index.what.gone() {
        if ours || !repo.is_here(line.gone)? {
            gone.push(line.clone());
        }
    }
    Ok(gone)
}

/// How many bytes of a pack's entries are needed, and all of them.
fn worth(reach: &Reach, index: &Index, found: &HashMap<[u8; 32], Place>) -> (u64, u64) {
    let needed = |id: &[u8; 32]| reach.needs(id) && !found.contains_key(id);
    let entries = index
        .items
        .iter()
        .filter_map(|i| Some((i.content?, i.sizes.packed)));
    let (mut live, mut all) = (0, 0);
    let mut dead = HashSet::new();
    for (id, packed) in entries {
        all += packed;
        match needed(&id.0) {
            true => live += packed,
            false => {
                dead.insert(id.0);
            }
        }
    }
    // Of a large content that is not needed, some chunks may be.
    let whole: HashMap<[u8; 32], Place> = index.places.iter().copied().collect();
    let spans: Vec<(u64, u64)> = index
        .pieces
        .iter()
        .filter(|p| dead.contains(&p.content.0))
        .filter_map(|p| whole.get(&p.content.0))
        .map(|p| (p.offset, p.offset + p.packed))
        .collect();
    for (id, place) in &index.places {
        let within = spans.iter().any(|(a, b)| (*a..*b).contains(&place.offset));
        if place.form == Form::Piece && within && needed(id) {
            live += place.packed;
        }
    }
    (live, all)
}

/// The archives of snapshots, and the packs, sorted.
///
/// # Errors
/// When the catalog cannot be read.
pub fn sorted(repo: &Repo) -> Result<(Vec<SnapshotId>, Vec<SnapshotId>)> {
    let mut all: Vec<SnapshotId> = repo.known_archives()?.into_iter().collect();
    all.sort();
    let own: HashSet<SnapshotId> = repo.snapshots(None)?.iter().map(|i| i.id).collect();
    Ok(all.into_iter().partition(|id| own.contains(id)))
}

/// What the catalog has in one of these archives.
///
/// # Errors
/// When the catalog cannot be read.
pub fn placed_in(repo: &Repo, archives: &HashSet<SnapshotId>) -> Result<HashSet<[u8; 32]>> {
    let catalog = repo.catalog();
    let mut query = catalog
        .db
        .prepare("SELECT p.id, a.id FROM places p JOIN archives a ON a.n = p.archive")
        .map_err(failed)?;
    let rows = query.query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get(1)?)));
    let mut found = HashSet::new();
    for row in rows.map_err(failed)? {
        let (id, archive) = row.map_err(failed)?;
        if let (true, Ok(id)) = (archives.contains(&snapshot_id(archive)), id.try_into()) {
            found.insert(id);
        }
    }
    Ok(found)
}

/// Notes where things at risk lie as well.
pub fn note(
    found: &mut HashMap<[u8; 32], Place>,
    at_risk: &HashSet<[u8; 32]>,
    places: &[NewPlace],
) {
    for (id, place) in places.iter().filter(|(id, _)| at_risk.contains(id)) {
        found.entry(*id).or_insert(*place);
    }
}

/// How long an archive is, in bytes; 0 when it is not there.
pub fn length(repo: &Repo, id: SnapshotId) -> u64 {
    plain::length(&repo.archive_path(id)).unwrap_or(0)
}
