//! Long contents in an archive: one entry made of pieces, or only those chunks that are new.
//!
//! The file was read once before, to find its digest and its cuts; here it is read again and compressed. What is
//! not as it was then ends the attempt, and what was written of it is taken back.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::model::{ContentId, RelPath, Result, State};
use crate::repo::archive::{Archive, sizes_of, st_mode, zip_name};
use crate::repo::chunk::{self, Chunk};
use crate::repo::deflate::{FINAL, piece};
use crate::repo::index::Pieces;
use crate::repo::writer::{Header, Method, Sizes, Writer};

/// A file too long to be read at once, examined: what it holds and where it is cut.
#[derive(Clone, Debug)]
pub struct Large {
    /// SHA-256 of the whole.
    pub id: ContentId,
    /// CRC-32 of the whole.
    pub crc: u32,
    /// Its length.
    pub size: u64,
    /// Its chunks, in order.
    pub list: Vec<Chunk>,
}

impl Archive {
    /// Adds a long content: as one entry, or (when some of its chunks are known) only its new chunks. Gives the id of
    /// its chunk list; `None` when the file no longer is as it was examined.
    ///
    /// # Errors
    /// When the repository cannot be read or written.
    pub fn large(
        &self,
        path: &RelPath,
        state: &State,
        file: &File,
        large: &Large,
    ) -> Result<Option<ContentId>> {
        let list = chunk::encode(&large.list);
        let list_id = ContentId(Sha256::digest(&list).into());
        self.inner("chunks", list_id, &list)?;
        let new = self.claim(&large.id.0)?;
        let named = zip_name(path);
        if !new && (named.is_none() || !self.purpose.full) {
            return Ok(Some(list_id));
        }
        let mut known = 0;
        for chunk in &large.list {
            known += usize::from(!self.purpose.full && self.holds(&chunk.id.0)?);
        }
        let whole = if known == 0 {
            self.whole(path, state, file, large, new.then_some(list_id))?
        } else {
            self.chunks(file, large)?
        };
        if !whole {
            self.state().claimed.remove(&large.id.0);
        }
        Ok(whole.then_some(list_id))
    }

    /// Writes a long content as one entry made of pieces; false when the file changed.
    fn whole(
        &self,
        path: &RelPath,
        state: &State,
        file: &File,
        large: &Large,
        list: Option<ContentId>,
    ) -> Result<bool> {
        let hidden = format!("{}/content/{}", self.purpose.folder, large.id);
        let header = Header {
            name: zip_name(path).unwrap_or(hidden.as_bytes()),
            mode: st_mode(state),
            mtime: state.mtime,
            content: Some(large.id),
        };
        let mut state = self.state();
        let packed_bytes = self.with(&mut state, |w| joined(w, &header, file, large))?;
        let Some(packed_bytes) = packed_bytes else {
            return Ok(false);
        };
        if let Some(chunks) = list {
            let line = Pieces {
                content: large.id,
                chunks,
                packed_bytes,
            };
            let json = serde_json::to_vec(&line).unwrap_or_default();
            state.pieces.extend(json);
            state.pieces.push(b'\n');
            let ids = large.list.iter().map(|chunk| chunk.id.0);
            state.claimed.extend(ids);
        }
        Ok(true)
    }

    /// Writes those chunks of a long content that are not known yet; false when the file changed.
    fn chunks(&self, file: &File, large: &Large) -> Result<bool> {
        let mut at = 0;
        let placed: Vec<(u64, Chunk)> = large
            .list
            .iter()
            .map(|chunk| {
                at += chunk.size_bytes;
                (at - chunk.size_bytes, *chunk)
            })
            .collect();
        let same: Result<Vec<bool>> = placed
            .par_iter()
            .map(|(at, chunk)| self.chunk(file, *at, chunk))
            .collect();
        Ok(same?.into_iter().all(|same| same))
    }

    fn chunk(&self, file: &File, at: u64, chunk: &Chunk) -> Result<bool> {
        if !self.claim(&chunk.id.0)? {
            return Ok(true);
        }
        let Ok(Some(data)) = read_chunk(file, at, chunk) else {
            self.state().claimed.remove(&chunk.id.0);
            return Ok(false);
        };
        self.put_chunk(chunk.id, &data)?;
        Ok(true)
    }

    /// Adds a chunk by itself, unless it is not needed.
    pub(super) fn loose_chunk(&self, id: ContentId, data: &[u8]) -> Result<()> {
        match self.claim(&id.0)? {
            true => self.put_chunk(id, data),
            false => Ok(()),
        }
    }

    fn put_chunk(&self, id: ContentId, data: &[u8]) -> Result<()> {
        let mut packed = piece(data);
        packed.extend(FINAL);
        let name = format!("{}/chunk/{id}", self.purpose.folder);
        let header = self.header(&name, Some(id));
        let sizes = sizes_of(data, packed.len());
        self.with(&mut self.state(), |w| {
            w.entry(&header, Method::Deflate, sizes, &packed)
                .map(|_| ())
        })
    }
}

/// Writes an entry made of pieces; the length of each, `None` when the file changed and the entry was taken back.
fn joined(
    writer: &mut Writer<File>,
    header: &Header<'_>,
    file: &File,
    large: &Large,
) -> io::Result<Option<Vec<u64>>> {
    let mark = writer.mark()?;
    writer.begin(header, Method::Deflate, None, large.size)?;
    let Some(lengths) = write_pieces(writer, file, &large.list)? else {
        writer.rewind(mark)?;
        return Ok(None);
    };
    writer.data(&FINAL)?;
    writer.end(Sizes {
        crc: large.crc,
        size: large.size,
        packed: lengths.iter().sum::<u64>() + FINAL.len() as u64,
    })?;
    Ok(Some(lengths))
}

/// One chunk of a file; `None` when it is not those bytes any more.
fn read_chunk(file: &File, at: u64, chunk: &Chunk) -> io::Result<Option<Vec<u8>>> {
    let mut data = vec![0; chunk.size_bytes as usize];
    match file.read_exact_at(&mut data, at) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let same = Sha256::digest(&data)[..] == chunk.id.0[..];
    Ok(same.then_some(data))
}

/// Writes the chunks of a file as pieces, compressed by as many threads as there are processors; the
/// length of each, `None` when the file changed.
fn write_pieces(
    writer: &mut Writer<File>,
    file: &File,
    list: &[Chunk],
) -> io::Result<Option<Vec<u64>>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut lengths = Vec::with_capacity(list.len());
    let mut at = 0;
    for group in list.chunks(threads) {
        let pieces: Vec<io::Result<Option<Vec<u8>>>> = std::thread::scope(|scope| {
            let work = |chunk: &Chunk| {
                let (begin, chunk) = (at, *chunk);
                at += chunk.size_bytes;
                let pack = move || Ok(read_chunk(file, begin, &chunk)?.map(|data| piece(&data)));
                // Where the system gives no thread, this one does it.
                let started = std::thread::Builder::new().spawn_scoped(scope, pack);
                started.map_err(|_| pack())
            };
            let running: Vec<_> = group.iter().map(work).collect();
            let lost = |_| Err(io::Error::other("a compressing thread died"));
            running
                .into_iter()
                .map(|r| r.map_or_else(|done| done, |r| r.join().unwrap_or_else(lost)))
                .collect()
        });
        for piece in pieces {
            match piece {
                Ok(Some(piece)) => {
                    writer.data(&piece)?;
                    lengths.push(piece.len() as u64);
                }
                // Unreadable now means torn: the next try finds out why.
                Ok(None) | Err(_) => return Ok(None),
            }
        }
    }
    Ok(Some(lengths))
}
