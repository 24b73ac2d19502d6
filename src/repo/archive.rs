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
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::NamedTempFile;

use crate::model::{
    ContentId, Error, ErrorKind, Kind, NodeId, RelPath, Result, SnapshotId, State, Time, name,
};
use crate::repo::deflate::pack;
use crate::repo::home::Home;
use crate::repo::index::{self, Index, What};
use crate::repo::late::Late;
use crate::repo::log::Line;
use crate::repo::manifest;
use crate::repo::pack;
use crate::repo::store::Repo;
use crate::repo::volume::Volume;
use crate::repo::writer::{Header, Method, Sizes, Writer};

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
    pub(super) home: Home,
    pub(super) purpose: Purpose,
    state: Mutex<Writing>,
}

/// What the lock guards.
#[derive(Default)]
pub(super) struct Writing {
    open: Option<(NamedTempFile, Writer<File>)>,
    /// The SHA-256 of all that was written, or soon will be.
    pub(super) claimed: HashSet<[u8; 32]>,
    /// The lines of the entry `pieces`.
    pub(super) pieces: Vec<u8>,
    /// Entries of our own that are written last, packed.
    pub(super) late: Vec<Late>,
}

/// The longest path that is an entry's name, in bytes: unzip cuts names at `PATH_MAX`, and something
/// must be left for the folder that it extracts into.
const LONGEST: usize = 4000;

/// The name under which zip holds a path; `None` when not every reader gives it back: names that are not
/// UTF-8, too long, or hold control characters (which Info-ZIP's unzip drops) or a backslash (which bsdtar takes for
/// a slash in a name that has none).
pub fn zip_name(path: &RelPath) -> Option<&[u8]> {
    let bytes = path.as_bytes();
    let plain = std::str::from_utf8(bytes).is_ok()
        && !bytes.iter().any(|b| b.is_ascii_control() || *b == b'\\');
    (plain && bytes.len() <= LONGEST).then_some(bytes)
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
            home: Home::Repo(repo.clone()),
            purpose,
            state: Mutex::default(),
        }
    }

    /// A new archive that belongs to no repository, made in a folder; [`Self::close`] ends it.
    pub fn apart(folder: &Path, purpose: Purpose) -> Self {
        Archive {
            home: Home::Folder(folder.to_path_buf()),
            purpose,
            state: Mutex::default(),
        }
    }

    /// A new file beside the archive, for what is looked at twice.
    ///
    /// # Errors
    /// The system's.
    pub fn spool(&self) -> Result<NamedTempFile> {
        self.home.temporary()
    }

    /// The folder for what is not contents.
    pub fn folder(&self) -> &str {
        &self.purpose.folder
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Writing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the repository or this archive has those bytes.
    ///
    /// # Errors
    /// When the catalog cannot be read.
    pub fn holds(&self, id: &[u8; 32]) -> Result<bool> {
        Ok(self.state().claimed.contains(id) || self.home.holds(id)?)
    }

    /// Whether bytes are still to be written, by whoever asks first. A full archive repeats what others have.
    pub(super) fn claim(&self, id: &[u8; 32]) -> Result<bool> {
        if !self.purpose.full && self.home.holds(id)? {
            return Ok(false);
        }
        Ok(self.state().claimed.insert(*id))
    }

    /// Does something with the writer, which begins the file if need be.
    pub(super) fn with<T>(
        &self,
        state: &mut Writing,
        act: impl FnOnce(&mut Writer<File>) -> io::Result<T>,
    ) -> Result<T> {
        let cannot = |e| {
            Error::io(
                "cannot write an archive in",
                self.home.path().as_os_str().as_bytes(),
                e,
            )
        };
        let (_, writer) = match &mut state.open {
            Some(open) => open,
            closed => {
                let file = self.home.temporary()?;
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

    pub(super) fn header<'a>(&self, name: &'a str, content: Option<ContentId>) -> Header<'a> {
        Header {
            name: name.as_bytes(),
            mode: 0o100644,
            mtime: self.purpose.time,
            content,
        }
    }

    /// Packs an entry, then writes it.
    pub(super) fn pack(&self, header: &Header<'_>, data: &[u8]) -> Result<()> {
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

    /// Ends the archive, makes it durable, reads it back and puts it in its place. It counts from then on, though
    /// the log and the catalog do not know it yet.
    ///
    /// # Errors
    /// When it cannot be written, or is not what was written.
    pub fn commit(self, what: &What) -> Result<Index> {
        let (file, index) = self.finish(what)?;
        let Home::Repo(repo) = &self.home else {
            let message = "an archive without a repository";
            return Err(Error::new(ErrorKind::Failed, message));
        };
        if let What::Pack(pack) = what {
            // Before it is there: a pack that no line names is none of ours, and may remove nothing.
            repo.append(&[Line::Pack {
                id: index.id,
                time: pack.time,
            }])?;
        }
        repo.install(file, index.id, &self.purpose.folder)?;
        Ok(index)
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.state().open.is_none()
    }

    /// Ends the archive, makes it durable and reads it back: all but giving it its name.
    pub(super) fn finish(&self, what: &What) -> Result<(NamedTempFile, Index)> {
        let folder = &self.purpose.folder;
        let (name, text, mut comment) = match what {
            What::Snapshot(info) => {
                let json = serde_json::to_vec(info).unwrap_or_default();
                ("snapshot.json", json, info.comment(folder))
            }
            What::Pack(pack) => (pack::ENTRY, pack.encode(), pack.comment(folder)),
        };
        comment.machine = self.home.machine()?;
        let comment = serde_json::to_vec(&comment).unwrap_or_default();
        let (file, digest) = self.close(Some((name, &text)), &comment)?;
        let readable = PermissionsExt::from_mode(0o400);
        let path = file.path().as_os_str().as_bytes();
        let cannot = |e| Error::io("cannot write", path, e);
        file.as_file().set_permissions(readable).map_err(cannot)?;
        file.as_file().sync_all().map_err(cannot)?;
        let written = file.as_file().try_clone().map_err(cannot)?;
        let index = index::read_places(&Volume::from(written), SnapshotId(digest), path)?;
        if trees(&index.what) != trees(what) {
            let message = "reads back as another tree";
            return Err(Error::at(ErrorKind::Failed, path, message));
        }
        Ok((file, index))
    }

    /// Adds an entry of our own, packed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn own(&self, name: &str, content: Option<ContentId>, text: &[u8]) -> Result<()> {
        let name = format!("{}/{name}", self.purpose.folder);
        self.pack(&self.header(&name, content), text)
    }

    /// Ends the archive with a last entry, if need be, and its comment; its file, which still has a name that nobody
    /// knows, and the SHA-1 of that.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn close(
        &self,
        last: Option<(&str, &[u8])>,
        comment: &[u8],
    ) -> Result<(NamedTempFile, [u8; 20])> {
        let folder = &self.purpose.folder;
        let mut state = self.state();
        let pieces = std::mem::take(&mut state.pieces);
        state.claimed = HashSet::new();
        self.write_late(&mut state)?;
        self.with(&mut state, |w| {
            if !pieces.is_empty() {
                self.plain(w, &format!("{folder}/pieces"), None, &pieces)?;
            }
            let mut last = last.into_iter();
            last.try_for_each(|(name, text)| self.plain(w, &format!("{folder}/{name}"), None, text))
        })?;
        let Some((file, writer)) = state.open.take() else {
            return Err(Error::new(ErrorKind::Failed, "an archive without entries"));
        };
        let cannot = |e| Error::io("cannot write", file.path().as_os_str().as_bytes(), e);
        let (_, digest) = writer.finish(comment).map_err(cannot)?;
        Ok((file, digest))
    }
}

/// A name for the folder of what is not contents that nothing at the root of a tree has.
pub fn folder_beside(is_taken: impl Fn(&[u8]) -> bool) -> String {
    let mut folder = ".fsync".to_string();
    let mut n = 0;
    while is_taken(folder.as_bytes()) {
        n += 1;
        folder = format!(".fsync-{n}");
    }
    folder
}

/// The trees of all snapshots, sorted: a pack is written in the order of ids, in whatever order it was put together.
fn trees(what: &What) -> Vec<NodeId> {
    let mut trees: Vec<NodeId> = what.snapshots().iter().map(|info| info.tree).collect();
    trees.sort();
    trees
}

/// The sizes of `data` kept in `packed` bytes.
pub(super) fn sizes_of(data: &[u8], packed: usize) -> Sizes {
    Sizes {
        crc: crc32fast::hash(data),
        size: data.len() as u64,
        packed: packed as u64,
    }
}
