//! What a damaged archive still holds whole. Each content and node has its digest beside it, so it can be told; they are
//! found by the archive's directory, by the local headers, or by both.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use rayon::prelude::*;

use crate::model::{Result, SnapshotId, Time};
use crate::repo::catalog::{Form, NewPlace, Place};
use crate::repo::chunk;
use crate::repo::index::{Pieces, What, place_of};
use crate::repo::info::Info;
use crate::repo::local;
use crate::repo::pack::{self, Pack};
use crate::repo::place::{self, Checked, WHOLE};
use crate::repo::reader::{self, Item};
use crate::repo::store::Repo;
use crate::repo::volume::Volume;

/// What a damaged archive still holds.
#[derive(Debug)]
pub struct Salvage {
    /// The archive, open.
    pub file: Arc<Volume>,
    /// What messages call it.
    pub name: Vec<u8>,
    /// What it says of itself, if that can still be read.
    pub what: Option<What>,
    /// Where what is whole lies.
    pub places: HashMap<[u8; 32], Place>,
}

impl Salvage {
    /// The snapshots that it speaks for, as far as it still says.
    pub fn told(&self) -> &[Info] {
        self.what.as_ref().map_or(&[], What::snapshots)
    }

    /// Bytes that it holds.
    ///
    /// # Errors
    /// When they cannot be read now.
    pub fn bytes(&self, id: &[u8; 32], place: &Place) -> Result<Vec<u8>> {
        place::checked(&self.file, &self.name, place, id).map(|b| b.as_ref().to_vec())
    }

    /// The same as a stream, checked at its end.
    pub fn stream(&self, id: &[u8; 32], place: &Place) -> impl io::Read + use<> {
        Checked::new(place::stream(self.file.clone(), place), *id, place.size)
    }

    fn is_whole(&self, id: &[u8; 32], place: &Place) -> bool {
        match place.size <= WHOLE || place.form == Form::Piece {
            true => self.bytes(id, place).is_ok(),
            false => io::copy(&mut self.stream(id, place), &mut io::sink()).is_ok(),
        }
    }

    /// Keeps those of `places` that are what they say.
    fn add(&mut self, places: Vec<NewPlace>) {
        let whole: Vec<NewPlace> = places
            .into_par_iter()
            .filter(|(id, place)| self.is_whole(id, place))
            .collect();
        for (id, place) in whole {
            self.places.entry(id).or_insert(place);
        }
    }
}

impl Repo {
    /// What the archive `id` still holds whole.
    ///
    /// # Errors
    /// When its file cannot be opened.
    pub(crate) fn salvage(&self, id: SnapshotId) -> Result<Salvage> {
        let path = self.archive_path(id);
        Ok(salvage(self.archive(id)?, id, path.as_os_str().as_bytes()))
    }
}

/// What the archive `id`, in a file that messages call `name`, still holds whole.
pub(crate) fn salvage(file: Arc<Volume>, id: SnapshotId, name: &[u8]) -> Salvage {
    let items = items(&file, name);
    let mut salvage = Salvage {
        what: what(&file, id, name, &items),
        file,
        name: name.to_vec(),
        places: HashMap::new(),
    };
    let mut known = HashSet::new();
    let places: Vec<NewPlace> = items
        .iter()
        .filter_map(|(data, item)| Some((item.content?.0, place_of(id, *data, item))))
        .filter(|(id, place)| known.insert((*id, place.offset, place.packed)))
        .collect();
    let of_content = places.clone();
    salvage.add(places);
    let pieces = pieces(&salvage, id, &items, &of_content);
    salvage.add(pieces);
    salvage
}

/// All entries with where their data begin, by the directory and by the local headers.
fn items(file: &Arc<Volume>, name: &[u8]) -> Vec<(u64, Item)> {
    let mut items = Vec::new();
    // What it gives before it fails counts.
    let _ = reader::read(file, name, |item| {
        if let Ok(data) = reader::data_offset(file, name, &item) {
            items.push((data, item));
        }
        Ok(())
    });
    items.extend(local::scan(file).unwrap_or_default());
    items
}

/// The bytes of an entry of our own, which has no digest but its crc.
fn own<'i>(
    file: &'i Volume,
    archive: SnapshotId,
    name: &'i [u8],
    items: &'i [(u64, Item)],
    wanted: &'i str,
) -> impl Iterator<Item = Vec<u8>> + 'i {
    items.iter().filter_map(move |(data, item)| {
        let folder = item.name.strip_suffix(wanted.as_bytes())?;
        // What somebody recorded under such a name has a digest.
        let ours = folder.ends_with(b"/") && item.content.is_none();
        let place = place_of(archive, *data, item);
        let bytes = ours.then(|| place::bytes(file, name, &place).ok())??;
        (crc32fast::hash(bytes.as_ref()) == item.sizes.crc).then(|| bytes.as_ref().to_vec())
    })
}

/// What an archive says of itself, whatever its comment says.
fn what(file: &Volume, id: SnapshotId, name: &[u8], items: &[(u64, Item)]) -> Option<What> {
    let info = own(file, id, name, items, "snapshot.json").find_map(|text| {
        let info: Info = serde_json::from_slice(&text).ok()?;
        Some(What::Snapshot(Box::new(Info { id, ..info })))
    });
    info.or_else(|| {
        own(file, id, name, items, pack::ENTRY)
            .find_map(|text| Pack::parse(&text, Time::now()).ok())
            .map(What::Pack)
    })
}

/// Where the chunks of large files lie, as far as the entry `pieces` and their lists can be read.
fn pieces(
    salvage: &Salvage,
    archive: SnapshotId,
    items: &[(u64, Item)],
    places: &[NewPlace],
) -> Vec<NewPlace> {
    let mut found = Vec::new();
    for text in own(&salvage.file, archive, &salvage.name, items, "pieces") {
        for line in text.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            let Ok(line) = serde_json::from_slice::<Pieces>(line) else {
                continue;
            };
            let list = salvage
                .places
                .get(&line.chunks.0)
                .and_then(|place| chunk::parse(&salvage.bytes(&line.chunks.0, place).ok()?).ok());
            let whole = places.iter().find(|(id, _)| *id == line.content.0);
            let (Some(list), Some((_, whole))) = (list, whole) else {
                continue;
            };
            found.extend(line.inside(whole, &list));
        }
    }
    found
}
