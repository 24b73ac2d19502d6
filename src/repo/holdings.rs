//! What a repository holds for certain: what lies in archives that are whole, and what is still whole in others.

use std::collections::{HashMap, HashSet};

use crate::model::{ContentId, SnapshotId};
use crate::repo::catalog::Place;
use crate::repo::salvage::Salvage;
use crate::repo::store::Repo;

/// What is held for certain.
pub struct Holdings<'r> {
    repo: &'r Repo,
    /// Archives that are not what they were.
    damaged: HashSet<SnapshotId>,
    /// What is not what its id says, in an archive that is.
    rotten: HashSet<[u8; 32]>,
    /// What the catalog looks for in a damaged archive and a whole one has too.
    twice: HashMap<[u8; 32], Place>,
    salvaged: Vec<Salvage>,
}

impl<'r> Holdings<'r> {
    /// Of a repository in which the archives `damaged` are not whole, and the contents `rotten` are wrong.
    pub fn new(repo: &'r Repo, damaged: HashSet<SnapshotId>, rotten: HashSet<[u8; 32]>) -> Self {
        let mut holdings = Holdings {
            repo,
            damaged,
            rotten,
            twice: HashMap::new(),
            salvaged: Vec::new(),
        };
        if !holdings.damaged.is_empty() {
            holdings.find_twice();
        }
        holdings
    }

    /// Adds what is whole in an archive that is not.
    pub fn add(&mut self, salvage: Salvage) {
        self.salvaged.push(salvage);
    }

    fn find_twice(&mut self) {
        for archive in self.repo.living_archives().unwrap_or_default() {
            if self.damaged.contains(&archive) {
                continue;
            }
            let Ok(index) = self.repo.read_index(archive) else {
                continue;
            };
            for (id, place) in index.places {
                if matches!(self.repo.find_place(&id), Ok(Some(p)) if self.damaged.contains(&p.archive))
                {
                    self.twice.insert(id, place);
                }
            }
        }
    }

    /// Where something lies in an archive that is whole.
    fn place(&self, id: &[u8; 32]) -> Option<Place> {
        if self.rotten.contains(id) {
            return None;
        }
        let place = self.repo.find_place(id).ok()??;
        match self.damaged.contains(&place.archive) {
            true => self.twice.get(id).copied(),
            false => Some(place),
        }
    }

    /// Whether it is in an archive that is whole.
    pub fn is_safe(&self, id: &[u8; 32]) -> bool {
        self.place(id).is_some()
    }

    /// Where something was saved from.
    pub fn saved(&self, id: &[u8; 32]) -> Option<(&Salvage, Place)> {
        self.salvaged
            .iter()
            .find_map(|s| Some((s, *s.places.get(id)?)))
    }

    /// How long something is, in bytes, if it is held.
    pub fn size(&self, id: &[u8; 32]) -> Option<u64> {
        let place = self.place(id).or_else(|| Some(self.saved(id)?.1))?;
        Some(place.size)
    }

    /// What has that SHA-256, if it is held and can be read.
    pub fn bytes(&self, id: &[u8; 32]) -> Option<Vec<u8>> {
        if self.is_safe(id)
            && !self.twice.contains_key(id)
            && let Ok(bytes) = self.repo.bytes(ContentId(*id))
        {
            return Some(bytes);
        }
        if let Some(place) = self.twice.get(id) {
            let bytes = self.repo.bytes_at(place, id).ok()?;
            return Some(bytes.as_ref().to_vec());
        }
        let (salvage, place) = self.saved(id)?;
        salvage.bytes(id, &place).ok()
    }
}
