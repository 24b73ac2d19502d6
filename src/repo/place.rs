//! Reads bytes from where they lie in an archive, and makes sure that they are the right ones.

use std::cell::RefCell;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use sha2::{Digest, Sha256};

use crate::model::{Error, ErrorKind, Result};
use crate::repo::catalog::{Form, Place};
use crate::repo::deflate::{self, FINAL};
use crate::repo::volume::Volume;
use crate::tree::buffer::Buffer;

/// Up to this many bytes, a content is read at once and checked before the first byte is given.
pub const WHOLE: u64 = 8 << 20;
/// Deflate cannot shrink more than this: a length beyond is a lie that would cost memory.
const MOST: u64 = 1100;
/// Nothing that is read at once is longer: nodes and lists of millions of entries are not.
const LONGEST: u64 = 1 << 30;

thread_local! {
    // What was read and is not inflated yet.
    static PACKED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The bytes at `place` in the archive that messages call `name`, not yet checked.
///
/// # Errors
/// [`ErrorKind::Damaged`] when there are fewer, or they do not inflate.
pub fn bytes(file: &Volume, name: &[u8], place: &Place) -> Result<Buffer> {
    let damaged = || Error::at(ErrorKind::Damaged, name, "an entry cannot be inflated");
    let lies = place.size / MOST > place.packed
        || place.size > LONGEST
        || place.form == Form::Stored && place.packed != place.size
        || place.packed > WHOLE && place.packed > length(file, name)?;
    if lies {
        return Err(damaged());
    }
    let mut out = Buffer::new(place.size as usize);
    if place.form == Form::Stored {
        read_at(file, name, place, out.bytes_mut())?;
        return Ok(out);
    }
    PACKED.with_borrow_mut(|memory| {
        let length = place.packed as usize + end_of(place.form).len();
        if memory.len() < length {
            memory.resize(length, 0);
        }
        let packed = &mut memory[..length];
        let (data, end) = packed.split_at_mut(place.packed as usize);
        end.copy_from_slice(end_of(place.form));
        read_at(file, name, place, data)?;
        match deflate::unpack_into(packed, out.bytes_mut()) {
            true => Ok(out),
            false => Err(damaged()),
        }
    })
}

/// What a deflate stream lacks of its end.
fn end_of(form: Form) -> &'static [u8] {
    match form {
        Form::Piece => &FINAL,
        Form::Stored | Form::Deflate => &[],
    }
}

fn length(file: &Volume, name: &[u8]) -> Result<u64> {
    file.length()
        .map_err(|e| Error::io("cannot examine", name, e))
}

fn read_at(file: &Volume, name: &[u8], place: &Place, into: &mut [u8]) -> Result<()> {
    file.read_exact_at(into, place.offset).map_err(|e| {
        let cut = e.kind() == io::ErrorKind::UnexpectedEof;
        let error = Error::io("cannot read", name, e);
        if cut {
            error.as_kind(ErrorKind::Damaged)
        } else {
            error
        }
    })
}

/// The bytes at `place`, which have the SHA-256 `id`.
///
/// # Errors
/// [`ErrorKind::Damaged`] when they have not.
pub fn checked(file: &Volume, name: &[u8], place: &Place, id: &[u8; 32]) -> Result<Buffer> {
    let bytes = bytes(file, name, place)?;
    match Sha256::digest(&bytes)[..] == id[..] {
        true => Ok(bytes),
        false => Err(Error::at(
            ErrorKind::Damaged,
            name,
            format!("{} is not what was stored", hex::encode(id)),
        )),
    }
}

/// Part of an archive as a stream; where it begins at the archive's first byte, one can go to and fro in it.
pub struct Section {
    file: Arc<Volume>,
    at: u64,
    end: u64,
}

impl Section {
    /// `length` bytes from `at`.
    pub fn new(file: Arc<Volume>, at: u64, length: u64) -> Self {
        Section {
            file,
            at,
            end: at.saturating_add(length),
        }
    }
}

impl Seek for Section {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

impl Read for Section {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let room = buf
            .len()
            .min(self.end.saturating_sub(self.at).min(1 << 30) as usize);
        let read = self.file.read_at(&mut buf[..room], self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// The stream of a long content that is one entry.
pub fn stream(file: Arc<Volume>, place: &Place) -> Box<dyn Read + Send> {
    let section = Section::new(file, place.offset, place.packed);
    match place.form {
        Form::Stored => Box::new(section),
        Form::Deflate | Form::Piece => Box::new(DeflateDecoder::new(section)),
    }
}

/// Passes a stream on and fails at its end when the bytes are not those with the SHA-256 `id`.
pub struct Checked<R> {
    from: R,
    digest: Sha256,
    id: [u8; 32],
    left: u64,
}

impl<R: Read> Checked<R> {
    /// The stream `from` of `size` bytes.
    pub fn new(from: R, id: [u8; 32], size: u64) -> Self {
        Checked {
            from,
            digest: Sha256::new(),
            id,
            left: size,
        }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the stored copy is damaged");
        let read = self.from.read(buf)?;
        self.digest.update(&buf[..read]);
        self.left = self.left.checked_sub(read as u64).ok_or_else(damaged)?;
        if read == 0
            && !buf.is_empty()
            && (self.left != 0 || self.digest.clone().finalize()[..] != self.id[..])
        {
            return Err(damaged());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_stream_fails_at_its_end() {
        let id: [u8; 32] = Sha256::digest(b"right").into();
        let mut out = Vec::new();
        assert!(
            Checked::new(&b"right"[..], id, 5)
                .read_to_end(&mut out)
                .is_ok()
        );
        for wrong in [&b"wrong"[..], b"righ", b"rightt"] {
            assert!(Checked::new(wrong, id, 5).read_to_end(&mut out).is_err());
        }
    }
}
