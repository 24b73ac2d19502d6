//! An archive being made: by many workers at once, each handing over whole compressed entries, so that
//! no more is in memory than one small file for each worker. The file itself is written forward, under
//! one lock, and exists only from the first entry on: recording an unchanged tree writes nothing.
//!
//! Workers are rayon's; whoever holds the lock must not wait for rayon (it could be given a task that wants the
//! lock), so the pieces of a large file are compressed by threads of their own.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::model::{
    ContentId, Error, ErrorKind, Kind, NodeId, RelPath, Result, SnapshotId, State, Time, name,
};
use crate::repo::deflate::{FINAL, pack, piece};
use crate::repo::index::{self, Index, Pieces};
use crate::repo::info::Info;
use crate::repo::manifest::{self, Chunk};
use crate::repo::store::Repo;
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

/// What a new archive is about.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// Whether it holds everything, or only what is new.
    pub full: bool,
    /// What the BACKUP file says at the moment.
    pub backup: Option<SnapshotId>,
    /// The folder for what is not contents.
    pub folder: String,
    /// When the recording began.
    pub time: Time,
    /// The line for people.
    pub about: String,
}

/// An archive being made.
pub struct Archive {
    repo: Repo,
    purpose: Purpose,
    state: Mutex<Writing>,
}

#[derive(Default)]
struct Writing {
    open: Option<(tempfile::NamedTempFile, Writer<File>)>,
    /// The SHA-256 of all that was written, or soon will be.
    claimed: HashSet<[u8; 32]>,
    pieces: Vec<u8>,
}

/// The name under which zip holds a path; `None` when not every reader gives it back: names that are not
/// UTF-8, too long, or hold control characters (which Info-ZIP's unzip drops).
pub fn zip_name(path: &RelPath) -> Option<&[u8]> {
    let bytes = path.as_bytes();
    let plain = std::str::from_utf8(bytes).is_ok() && !bytes.iter().any(u8::is_ascii_control);
    (plain && bytes.len() < usize::from(u16::MAX)).then_some(bytes)
}

/// `st_mode` of a state.
pub fn st_mode(state: &State) -> u32 {
    let kind = match state.kind {
        Kind::Directory => 0o040000,
        Kind::Symlink => 0o120000,
        _ => 0o100000,
    };
    kind | state.mode
}

impl Archive {
    /// A new archive of a repository. Nothing is written yet.
    pub fn new(repo: &Repo, purpose: Purpose) -> Self {
        Archive {
            repo: repo.clone(),
            purpose,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, Writing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the repository or this archive has those bytes.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn holds(&self, id: &[u8; 32]) -> Result<bool> {
        Ok(self.state().claimed.contains(id) || self.repo.catalog().holds(id)?)
    }

    /// Whether bytes are still to be written, by whoever asks first. A full archive repeats what others have.
    fn claim(&self, id: &[u8; 32]) -> Result<bool> {
        if !self.purpose.full && self.repo.catalog().holds(id)? {
            return Ok(false);
        }
        Ok(self.state().claimed.insert(*id))
    }

    /// Does something with the writer, which begins the file if need be.
    fn with<T>(
        &self,
        state: &mut Writing,
        act: impl FnOnce(&mut Writer<File>) -> io::Result<T>,
    ) -> Result<T> {
        let cannot = |e| {
            Error::io(
                "cannot write an archive in",
                self.repo.path().as_os_str().as_bytes(),
                e,
            )
        };
        let (_, writer) = match &mut state.open {
            Some(open) => open,
            closed => {
                let file = self.repo.temporary()?;
                let handle = file.as_file().try_clone().map_err(cannot)?;
                let mut writer = Writer::new(handle);
                self.head(&mut writer).map_err(cannot)?;
                closed.insert((file, writer))
            }
        };
        act(writer).map_err(cannot)
    }

    /// The first entries.
    fn head(&self, writer: &mut Writer<File>) -> io::Result<()> {
        let about = format!("{}\n", self.purpose.about);
        let name = format!("{}/ABOUT", self.purpose.folder);
        self.plain(writer, &name, None, about.as_bytes())?;
        if let Some(id) = self.purpose.backup {
            let text = format!("{id}\n");
            let name = String::from_utf8_lossy(name::BACKUP);
            self.plain(writer, &name, None, text.as_bytes())?;
        }
        Ok(())
    }

    /// An entry of our own, stored.
    fn plain(
        &self,
        writer: &mut Writer<File>,
        name: &str,
        content: Option<ContentId>,
        data: &[u8],
    ) -> io::Result<()> {
        let header = self.header(name, content);
        writer.entry(&header, Method::Stored, sizes_of(data, data.len()), data)?;
        Ok(())
    }

    fn header<'a>(&self, name: &'a str, content: Option<ContentId>) -> Header<'a> {
        Header {
            name: name.as_bytes(),
            mode: 0o100644,
            mtime: self.purpose.time,
            content,
        }
    }

    /// Packs an entry, then writes it.
    fn pack(&self, header: &Header<'_>, data: &[u8]) -> Result<()> {
        let mut packed = Vec::new();
        let method = pack(data, &mut packed);
        let kept = match method {
            Method::Stored => data,
            Method::Deflate => &packed,
        };
        let sizes = sizes_of(data, kept.len());
        self.with(&mut self.state(), |w| {
            w.entry(header, method, sizes, kept).map(|_| ())
        })
    }

    /// Adds a file's content, unless it is not needed.
    ///
    /// # Errors
    /// When the repository cannot be read or written.
    pub fn file(&self, path: &RelPath, state: &State, id: ContentId, data: &[u8]) -> Result<()> {
        let new = self.claim(&id.0)?;
        let hidden = format!("{}/content/{id}", self.purpose.folder);
        let named = zip_name(path);
        if !new && (named.is_none() || !self.purpose.full) {
            return Ok(());
        }
        let header = Header {
            name: named.unwrap_or(hidden.as_bytes()),
            mode: st_mode(state),
            mtime: state.mtime,
            content: Some(id),
        };
        self.pack(&header, data)
    }

    /// Adds what a full archive has besides contents: directories and symbolic links. Others leave it out.
    ///
    /// # Errors
    /// When the repository cannot be written.
    pub fn shape(&self, path: &RelPath, state: &State) -> Result<()> {
        let (true, Some(named)) = (self.purpose.full, zip_name(path)) else {
            return Ok(());
        };
        let mut named = named.to_vec();
        let data = match state.kind {
            Kind::Directory => {
                named.push(b'/');
                &[]
            }
            Kind::Symlink => state.target.as_deref().unwrap_or_default(),
            _ => return Ok(()),
        };
        let header = Header {
            name: &named,
            mode: st_mode(state),
            mtime: state.mtime,
            content: None,
        };
        let sizes = sizes_of(data, data.len());
        self.with(&mut self.state(), |w| {
            w.entry(&header, Method::Stored, sizes, data).map(|_| ())
        })
    }

    /// Adds a manifest node, unless it is not needed; its id.
    ///
    /// # Errors
    /// When the repository cannot be read or written.
    pub fn node(&self, bytes: &[u8]) -> Result<NodeId> {
        let id = manifest::id_of(bytes);
        self.inner("tree", ContentId(id.0), bytes)?;
        Ok(id)
    }

    /// Adds an entry of our own, named after its digest, unless it is not needed.
    fn inner(&self, kind: &str, id: ContentId, bytes: &[u8]) -> Result<()> {
        if !self.claim(&id.0)? {
            return Ok(());
        }
        let name = format!("{}/{kind}/{id}", self.purpose.folder);
        self.pack(&self.header(&name, Some(id)), bytes)
    }

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
        let list = manifest::chunks(&large.list);
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
        let packed_bytes = self.with(&mut state, |w| {
            let mark = w.mark()?;
            w.begin(&header, Method::Deflate, None, large.size)?;
            let Some(lengths) = write_pieces(w, file, &large.list)? else {
                w.rewind(mark)?;
                return Ok(None);
            };
            w.data(&FINAL)?;
            w.end(Sizes {
                crc: large.crc,
                size: large.size,
                packed: lengths.iter().sum::<u64>() + FINAL.len() as u64,
            })?;
            Ok(Some(lengths))
        })?;
        let Some(packed_bytes) = packed_bytes else {
            return Ok(false);
        };
        if let Some(chunks) = list {
            let line = Pieces {
                content: large.id,
                chunks,
                packed_bytes,
            };
            state
                .pieces
                .extend(serde_json::to_vec(&line).unwrap_or_default());
            state.pieces.push(b'\n');
            state
                .claimed
                .extend(large.list.iter().map(|chunk| chunk.id.0));
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
        let mut packed = piece(&data);
        packed.extend(FINAL);
        let name = format!("{}/chunk/{}", self.purpose.folder, chunk.id);
        let header = self.header(&name, Some(chunk.id));
        let sizes = sizes_of(&data, packed.len());
        self.with(&mut self.state(), |w| {
            w.entry(&header, Method::Deflate, sizes, &packed)
                .map(|_| ())
        })?;
        Ok(true)
    }

    /// Ends the archive, makes it durable, reads it back and puts it in its place. It counts from then on, though
    /// the log and the catalog do not know it yet.
    ///
    /// # Errors
    /// When it cannot be written, or is not what was written.
    pub fn commit(self, info: &Info) -> Result<Index> {
        let folder = &self.purpose.folder;
        let mut state = self.state();
        let pieces = std::mem::take(&mut state.pieces);
        let json = serde_json::to_vec(info).unwrap_or_default();
        self.with(&mut state, |w| {
            if !pieces.is_empty() {
                self.plain(w, &format!("{folder}/pieces"), None, &pieces)?;
            }
            self.plain(w, &format!("{folder}/snapshot.json"), None, &json)
        })?;
        let Some((file, writer)) = state.open.take() else {
            return Err(Error::new(ErrorKind::Failed, "an archive without entries"));
        };
        let path = file.path().to_path_buf();
        let name = path.as_os_str().as_bytes();
        let cannot = |e| Error::io("cannot write", name, e);
        let comment = serde_json::to_vec(&info.comment(folder)).unwrap_or_default();
        let (handle, digest) = writer.finish(&comment).map_err(cannot)?;
        let readable = PermissionsExt::from_mode(0o400);
        handle.set_permissions(readable).map_err(cannot)?;
        handle.sync_all().map_err(cannot)?;
        let id = SnapshotId(digest);
        let index = index::read(&handle, id, name)?;
        if index.info.tree != info.tree {
            return Err(Error::at(
                ErrorKind::Failed,
                name,
                "reads back as another tree",
            ));
        }
        self.repo.install(file, id)?;
        Ok(index)
    }
}

/// The sizes of `data` kept in `packed` bytes.
fn sizes_of(data: &[u8], packed: usize) -> Sizes {
    Sizes {
        crc: crc32fast::hash(data),
        size: data.len() as u64,
        packed: packed as u64,
    }
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
                scope.spawn(move || Ok(read_chunk(file, begin, &chunk)?.map(|data| piece(&data))))
            };
            let running: Vec<_> = group.iter().map(work).collect();
            let lost = |_| Err(io::Error::other("a compressing thread died"));
            running
                .into_iter()
                .map(|r| r.join().unwrap_or_else(lost))
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
