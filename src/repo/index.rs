//! Reads an archive back: what it says of itself, and what lies where in it. This is how a commit checks
//! its own work before it counts, and how the catalog is made again.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::model::quote::quote;
use crate::model::{ContentId, Error, ErrorKind, Result, SnapshotId, Time};
use crate::repo::catalog::{Form, NewPlace, Place};
use crate::repo::chunk::{self, Chunk};
use crate::repo::info::{Comment, Extent, FORMAT, Info};
use crate::repo::pack::{self, Gone, Pack};
use crate::repo::place;
use crate::repo::reader::{self, Item};
use crate::repo::volume::Volume;
use crate::repo::writer::Method;

/// How the one entry of a large file is made up of pieces: a line of `pieces`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pieces {
    /// The content whose entry it is.
    pub content: ContentId,
    /// The list of its chunks.
    pub chunks: ContentId,
    /// How many bytes each takes in the entry, in order.
    pub packed_bytes: Vec<u64>,
}

/// What an archive says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It records a directory.
    Snapshot(Box<Info>),
    /// It holds what others held.
    Pack(Pack),
}

impl What {
    /// When it was made.
    pub fn time(&self) -> Time {
        match self {
            What::Snapshot(info) => info.time,
            What::Pack(pack) => pack.time,
        }
    }

    /// The snapshots that it speaks for.
    pub fn snapshots(&self) -> &[Info] {
        match self {
            What::Snapshot(info) => std::slice::from_ref(&**info),
            What::Pack(pack) => &pack.kept,
        }
    }

    /// The snapshots that it says are gone.
    pub fn gone(&self) -> &[Gone] {
        match self {
            What::Snapshot(_) => &[],
            What::Pack(pack) => &pack.gone,
        }
    }

    /// The archives whose files are dead, if they are still there.
    pub fn dead(&self) -> impl Iterator<Item = SnapshotId> {
        let replaced: &[SnapshotId] = match self {
            What::Snapshot(_) => &[],
            What::Pack(pack) => &pack.replaced,
        };
        self.gone()
            .iter()
            .map(|g| g.gone)
            .chain(replaced.iter().copied())
    }
}

/// An archive, read.
#[derive(Debug)]
pub struct Index {
    /// Its id.
    pub id: SnapshotId,
    /// What it says of itself.
    pub what: What,
    /// What lies where.
    pub places: Vec<NewPlace>,
    /// The entries of its directory.
    pub items: Vec<Item>,
    /// The folder for what is not contents.
    pub folder: String,
    /// How entries of large files are made up.
    pub pieces: Vec<Pieces>,
}

/// Reads the archive `id` from its open file, which messages call `name`.
///
/// # Errors
/// [`ErrorKind::Damaged`] when it is not an archive of ours, or not whole; [`ErrorKind::Refused`] when it is of a later format.
pub fn read(file: &Volume, id: SnapshotId, name: &[u8]) -> Result<Index> {
    read_some(file, id, name, |_| true)
}

/// The same, without those entries of its directory whose places it gives: of a large archive that is a lot of memory.
///
/// # Errors
/// As [`read`].
pub fn read_places(file: &Volume, id: SnapshotId, name: &[u8]) -> Result<Index> {
    read_some(file, id, name, |item| item.content.is_none())
}

fn read_some(
    file: &Volume,
    id: SnapshotId,
    name: &[u8],
    keep: impl Fn(&Item) -> bool,
) -> Result<Index> {
    let mut items = Vec::new();
    let mut places = Vec::new();
    let comment = reader::read(file, name, |item| {
        if let Some(content) = item.content {
            let offset = reader::data_offset(file, name, &item)?;
            places.push((content.0, place_of(id, offset, &item)));
        }
        if keep(&item) {
            items.push(item);
        }
        Ok(())
    })?;
    let damaged = |message: String| Error::at(ErrorKind::Damaged, name, message);
    let comment: Comment = serde_json::from_slice(&comment)
        .map_err(|e| damaged(format!("its comment is not a snapshot's: {e}")))?;
    if comment.fsync > FORMAT {
        let message = format!(
            "format {} is newer than this program's {FORMAT}; update fsync",
            comment.fsync
        );
        return Err(Error::at(ErrorKind::Refused, name, message));
    }
    let folder = comment.folder.clone();
    let own = match comment.extent {
        Extent::Pack => pack::ENTRY,
        Extent::Full | Extent::Thin => "snapshot.json",
    };
    let text = entry(file, name, &items, &format!("{folder}/{own}"))?
        .ok_or_else(|| damaged(format!("it has no {own}")))?;
    let what = what(id, &comment, &text).map_err(|e| damaged(format!("{own}: {e}")))?;
    let mut pieces = Vec::new();
    if let Some(text) = entry(file, name, &items, &format!("{folder}/pieces"))? {
        pieces = parse_pieces(&text).map_err(|e| damaged(format!("pieces: {e}")))?;
        add_pieces(file, name, &pieces, &mut places)?;
    }
    Ok(Index {
        id,
        what,
        places,
        items,
        folder,
        pieces,
    })
}

/// Reads what an archive says of itself; its comment must say the same.
fn what(id: SnapshotId, comment: &Comment, text: &[u8]) -> Result<What, String> {
    if comment.extent == Extent::Pack {
        return Pack::parse(text, comment.time).map(What::Pack);
    }
    let mut info: Info = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    info.id = id;
    let said = Comment {
        machine: comment.machine.clone(),
        ..info.comment(&comment.folder)
    };
    match said == *comment {
        true => Ok(What::Snapshot(Box::new(info))),
        false => Err("the zip's comment says something else".into()),
    }
}

/// The place of an entry whose data begin at `offset`.
pub fn place_of(archive: SnapshotId, offset: u64, item: &Item) -> Place {
    Place {
        archive,
        offset,
        form: match item.method {
            Method::Stored => Form::Stored,
            Method::Deflate => Form::Deflate,
        },
        packed: item.sizes.packed,
        size: item.sizes.size,
        crc: item.sizes.crc,
    }
}

/// The bytes of our own entry with that name; `None` when there is none. One that has a digest is a content or a node.
///
/// # Errors
/// [`ErrorKind::Damaged`] when they are not whole.
pub fn entry(file: &Volume, name: &[u8], items: &[Item], wanted: &str) -> Result<Option<Vec<u8>>> {
    let ours = |i: &&Item| i.content.is_none() && &*i.name == wanted.as_bytes();
    let Some(item) = items.iter().find(ours) else {
        return Ok(None);
    };
    let offset = reader::data_offset(file, name, item)?;
    let place = place_of(SnapshotId([0; 20]), offset, item);
    let bytes = place::bytes(file, name, &place)?;
    match crc32fast::hash(bytes.as_ref()) == item.sizes.crc {
        true => Ok(Some(bytes.as_ref().to_vec())),
        false => Err(Error::at(
            ErrorKind::Damaged,
            name,
            format!("{} is not what was stored", quote(wanted.as_bytes())),
        )),
    }
}

fn parse_pieces(text: &[u8]) -> Result<Vec<Pieces>, serde_json::Error> {
    text.split(|b| *b == b'\n')
        .filter(|line| !line.is_empty())
        .map(serde_json::from_slice)
        .collect()
}

/// Adds the places of the chunks inside whole entries of large files.
fn add_pieces(
    file: &Volume,
    name: &[u8],
    all: &[Pieces],
    places: &mut Vec<NewPlace>,
) -> Result<()> {
    let damaged =
        |message: String| Error::at(ErrorKind::Damaged, name, format!("pieces: {message}"));
    let known: HashMap<[u8; 32], Place> = places.iter().copied().collect();
    for pieces in all {
        let whole = known.get(&pieces.content.0);
        let list = known.get(&pieces.chunks.0);
        let (Some(whole), Some(list)) = (whole, list) else {
            return Err(damaged("names what is not in the archive".into()));
        };
        let chunks = chunk::parse(place::checked(file, name, list, &pieces.chunks.0)?.as_ref())
            .map_err(damaged)?;
        let inside = pieces.inside(whole, &chunks);
        let end = inside.last().map_or(whole.offset, |(_, last)| {
            last.offset.saturating_add(last.packed)
        });
        if chunks.len() != pieces.packed_bytes.len()
            || end > whole.offset.saturating_add(whole.packed)
        {
            return Err(damaged("does not fit the entry".into()));
        }
        places.extend(inside);
    }
    Ok(())
}

impl Pieces {
    /// Where the chunks of the content lie inside its entry.
    pub fn inside(&self, whole: &Place, chunks: &[Chunk]) -> Vec<NewPlace> {
        let mut offset = whole.offset;
        let place = |(chunk, packed): (&Chunk, &u64)| {
            let place = Place {
                offset,
                form: Form::Piece,
                packed: *packed,
                size: chunk.size_bytes,
                crc: 0,
                ..*whole
            };
            offset = offset.saturating_add(*packed);
            (chunk.id.0, place)
        };
        chunks.iter().zip(&self.packed_bytes).map(place).collect()
    }
}
