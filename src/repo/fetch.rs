//! Reads from archives: bytes by their digest or their place, and what an archive says of itself.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::model::{ContentId, Error, ErrorKind, Result, SnapshotId};
use crate::repo::catalog::Place;
use crate::repo::index::{self, Index};
use crate::repo::place;
use crate::repo::shared::{name, tail, tell};
use crate::repo::store::Repo;
use crate::tree::buffer::Buffer;

fn raw(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

impl Repo {
    /// Where the bytes with that SHA-256 lie.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when nowhere.
    pub(crate) fn place(&self, id: &[u8; 32]) -> Result<Place> {
        let mut place = self.find_place(id)?;
        if place.is_none() && self.first_doubt() && self.doubt()? {
            place = self.find_place(id)?;
        }
        place.ok_or_else(|| {
            let message = format!("{} is in none of its archives", hex::encode(id));
            Error::at(ErrorKind::Damaged, raw(self.path()), message)
        })
    }

    /// The bytes with that SHA-256, checked.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when they are nowhere, or not what was stored.
    pub fn bytes(&self, id: ContentId) -> Result<Vec<u8>> {
        let place = self.place(&id.0)?;
        self.bytes_at(&place, &id.0).map(|b| b.as_ref().to_vec())
    }

    /// The bytes at a place, which have that SHA-256.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when they have not.
    pub(crate) fn bytes_at(&self, place: &Place, id: &[u8; 32]) -> Result<Buffer> {
        let file = self.archive(place.archive)?;
        let name = self.archive_path(place.archive);
        place::checked(&file, raw(&name), place, id)
    }

    /// The bytes at a place, not checked.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when there are fewer, or they do not inflate.
    pub(super) fn unchecked_at(&self, place: &Place) -> Result<Buffer> {
        let file = self.archive(place.archive)?;
        place::bytes(&file, raw(&self.archive_path(place.archive)), place)
    }

    /// Reads from an archive's file what it says of itself and what lies where in it.
    pub(crate) fn read_places(&self, id: SnapshotId) -> Result<Index> {
        let path = self.archive_path(id);
        let index = index::read_places(&*self.archive(id)?, id, raw(&path))?;
        self.seen_from_here(index)
    }

    /// Reads an archive's directory from its file.
    pub(crate) fn read_index(&self, id: SnapshotId) -> Result<Index> {
        let path = self.archive_path(id);
        let index = index::read(&*self.archive(id)?, id, raw(&path))?;
        self.seen_from_here(index)
    }

    /// What an archive says, with directories called as this machine calls them.
    fn seen_from_here(&self, mut index: Index) -> Result<Index> {
        if let Some(shared) = self.shared()
            && let Some((_, machine)) = tail::noted(self.path(), index.id)?
        {
            tell::index(&mut index, name::short(&machine), shared.reader());
        }
        Ok(index)
    }

    /// Refuses what cannot be done in a store.
    pub(crate) fn not_shared(&self, done: &str) -> Result<()> {
        let Some(shared) = self.shared() else {
            return Ok(());
        };
        let message = format!(
            "nothing is {done} in a repository that machines share: others have read what is there; nothing was changed"
        );
        Err(Error::at(
            ErrorKind::Refused,
            shared.remote.url.as_bytes(),
            message,
        ))
    }
}
