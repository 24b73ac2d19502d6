//! Copies entries from one archive into another: compressed bytes as they are, but inflated once beside it, so
//! that nothing is carried on that is not what was stored.

use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use crate::model::{ContentId, Error, ErrorKind, Result};
use crate::repo::archive::{Archive, sizes_of};
use crate::repo::catalog::{Form, Place};
use crate::repo::deflate::FINAL;
use crate::repo::index::Pieces;
use crate::repo::manifest;
use crate::repo::place::{self, Checked, Section};
use crate::repo::reach::Part;
use crate::repo::store::Repo;
use crate::repo::volume::Volume;
use crate::repo::writer::{Header, Method, Sizes};

/// How much is copied at a time, in bytes.
const BUFFER: usize = 128 << 10;

/// Something to be copied, and where it lies.
#[derive(Clone, Debug)]
pub struct Carry {
    /// Its digest.
    pub id: ContentId,
    /// What it is.
    pub part: Part,
    /// Where it lies.
    pub place: Place,
    /// Of a large content: how its entry is made up.
    pub pieces: Option<Pieces>,
}

impl Carry {
    /// The name of its entry.
    pub fn name(&self, folder: &str) -> String {
        format!("{folder}/{}/{}", self.part.folder(), self.id)
    }

    /// The line of the entry `pieces`.
    pub fn line(&self) -> Vec<u8> {
        self.pieces.as_ref().map(line_of).unwrap_or_default()
    }

    /// How it is kept where it goes to, and how long it is there; the crc of a piece is not known before it is read.
    pub fn shape(&self) -> (Method, Sizes) {
        let (method, more) = match self.place.form {
            Form::Stored => (Method::Stored, 0),
            Form::Deflate => (Method::Deflate, 0),
            // A piece by itself is a deflate stream when it has an end.
            Form::Piece => (Method::Deflate, FINAL.len() as u64),
        };
        let sizes = Sizes {
            crc: self.place.crc,
            size: self.place.size,
            packed: self.place.packed + more,
        };
        (method, sizes)
    }
}

/// A line of the entry `pieces`.
fn line_of(pieces: &Pieces) -> Vec<u8> {
    let mut line = serde_json::to_vec(pieces).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Counts the crc of what is written to it.
struct Crc(crc32fast::Hasher);

impl Write for Crc {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The crc of what lies at a place, which must have that digest.
///
/// # Errors
/// [`ErrorKind::Damaged`] when it has not.
pub fn examine(file: &Arc<Volume>, name: &[u8], place: &Place, id: &ContentId) -> Result<u32> {
    if place.form == Form::Piece || place.size <= place::WHOLE {
        return place::checked(file, name, place, &id.0).map(|data| crc32fast::hash(data.as_ref()));
    }
    let mut data = Checked::new(place::stream(file.clone(), place), id.0, place.size);
    let mut crc = Crc(crc32fast::Hasher::new());
    io::copy(&mut data, &mut crc)
        .map(|_| crc.0.finalize())
        .map_err(|e| Error::io("cannot read", name, e).as_kind(ErrorKind::Damaged))
}

impl Archive {
    /// Copies something from where it lies in a repository, under a name of our own.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when it is not what was stored; when the repository cannot be written.
    pub fn carry(&self, repo: &Repo, item: &Carry) -> Result<()> {
        let name = item.name(&self.purpose.folder);
        let header = self.header(&name, Some(item.id));
        self.copy(repo, &header, item)?;
        item.pieces.iter().for_each(|p| self.say_pieces(p));
        Ok(())
    }

    /// Says how the entry of a large content that was copied is made up.
    pub fn say_pieces(&self, pieces: &Pieces) {
        self.state().pieces.extend(line_of(pieces));
    }

    /// Adds a manifest node, whoever has it.
    ///
    /// # Errors
    /// When the repository cannot be written.
    pub fn own_node(&self, bytes: &[u8]) -> Result<()> {
        let id = manifest::id_of(bytes);
        let name = format!("{}/{}/{id}", self.purpose.folder, Part::Node.folder());
        self.pack(&self.header(&name, Some(ContentId(id.0))), bytes)
    }

    /// Copies an entry, under the name that `header` has.
    ///
    /// # Errors
    /// As [`Self::carry`].
    pub fn copy(&self, repo: &Repo, header: &Header<'_>, item: &Carry) -> Result<()> {
        let path = repo.archive_path(item.place.archive);
        let name = path.as_os_str().as_bytes();
        let file = repo.archive(item.place.archive)?;
        let (method, mut sizes) = item.shape();
        sizes.crc = examine(&file, name, &item.place, &item.id)?;
        let end: &[u8] = match item.place.form {
            Form::Piece => &FINAL,
            Form::Stored | Form::Deflate => &[],
        };
        let packed = Section::new(file, item.place.offset, item.place.packed);
        self.stream(header, method, sizes, packed, end, name)
    }

    /// Copies an entry that is none of ours to check: it has no digest.
    ///
    /// # Errors
    /// When either archive fails.
    pub fn plainly(&self, repo: &Repo, header: &Header<'_>, place: &Place) -> Result<()> {
        let path = repo.archive_path(place.archive);
        let name = path.as_os_str().as_bytes();
        let file = repo.archive(place.archive)?;
        let data = place::bytes(&file, name, place)?;
        let sizes = Sizes {
            packed: place.packed,
            ..sizes_of(data.as_ref(), 0)
        };
        let method = match place.form {
            Form::Stored => Method::Stored,
            Form::Deflate | Form::Piece => Method::Deflate,
        };
        let packed = Section::new(file, place.offset, place.packed);
        self.stream(header, method, sizes, packed, &[], name)
    }

    /// Writes an entry from a stream of its compressed bytes; `end` follows them.
    fn stream(
        &self,
        header: &Header<'_>,
        method: Method,
        sizes: Sizes,
        mut packed: Section,
        end: &[u8],
        name: &[u8],
    ) -> Result<()> {
        let mut state = self.state();
        self.with(&mut state, |w| {
            w.begin(header, method, Some(sizes), sizes.size)
        })?;
        let mut buffer = vec![0; BUFFER];
        let mut left = sizes.packed - end.len() as u64;
        while left > 0 {
            let read = packed
                .read(&mut buffer)
                .map_err(|e| Error::io("cannot read", name, e))?;
            if read == 0 {
                return Err(Error::at(ErrorKind::Damaged, name, "ends too early"));
            }
            self.with(&mut state, |w| w.data(&buffer[..read]))?;
            left = left.saturating_sub(read as u64);
        }
        self.with(&mut state, |w| {
            w.data(end)?;
            w.end(sizes)
        })
    }
}
