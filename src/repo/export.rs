//! Writes the complete zip of a snapshot: what a full archive of it would hold, whatever archives its
//! contents lie in. Compressed bytes are copied as they are; a large file of which only chunks are kept
//! becomes one entry again by joining their pieces.

use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;

use crate::model::meter::{self, Phase, Total};
use crate::model::quote::quote;
use crate::model::{ContentId, Entry, Error, ErrorKind, Kind, NodeId, RelPath, Result, SnapshotId};
use crate::repo::archive::{folder_beside, st_mode, zip_name};
use crate::repo::catalog::{Form, Place};
use crate::repo::chunk;
use crate::repo::deflate::{FINAL, piece};
use crate::repo::info::{Extent, Info};
use crate::repo::manifest::Child;
use crate::repo::place::Section;
use crate::repo::snapshot::Allowance;
use crate::repo::store::Repo;
use crate::repo::writer::{Header, Method, Sizes, Writer};

/// How every chunk that is an entry by itself ends: the mark of the flush, and an empty final block.
const CHUNK_END: [u8; 6] = [0, 0, 0xff, 0xff, FINAL[0], FINAL[1]];

/// A zip being exported.
struct Export<'a, 'w> {
    repo: &'a Repo,
    writer: Writer<&'w mut dyn Write>,
    info: Info,
    folder: String,
    done: HashSet<[u8; 32]>,
    allowance: Allowance,
}

fn cannot(e: io::Error) -> Error {
    Error::io("cannot write", "the export", e)
}

impl Repo {
    /// Writes the complete zip of a snapshot, front to back.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Damaged`], or when writing fails.
    pub fn export(&self, id: SnapshotId, to: &mut dyn Write) -> Result<()> {
        let mut info = self.snapshot(id)?;
        info.extent = Extent::Full;
        let total = Total {
            files: info.counts.files,
            bytes: info.counts.content_bytes,
        };
        meter::begin(Phase::Exporting, Some(total));
        let allowance = Allowance::of(&info.counts);
        let mut export = Export {
            repo: self,
            writer: Writer::new(to),
            info,
            folder: String::new(),
            done: HashSet::new(),
            allowance,
        };
        export.run()?;
        let Export {
            writer,
            info,
            folder,
            ..
        } = export;
        let comment = serde_json::to_vec(&info.comment(&folder)).unwrap_or_default();
        writer.finish(&comment).map_err(cannot).map(|_| ())
    }
}

impl Export<'_, '_> {
    fn run(&mut self) -> Result<()> {
        let tree = ContentId(self.info.tree.0);
        let (root, links) = self.repo.tree_record(self.info.tree)?;
        let top = self.repo.children(&root)?;
        self.folder = self.choose_folder(&top);
        let about = format!(
            "Snapshot {} of {}. Files are under their own names; {}/ holds the rest.\n",
            self.info.id,
            quote(&self.info.directory.0),
            self.folder
        );
        self.own("ABOUT", about.as_bytes())?;
        self.directory(&RelPath::root(), &root, top)?;
        for id in links.map(|l| ContentId(l.0)).into_iter().chain([tree]) {
            self.inner("tree", id)?;
        }
        let json = serde_json::to_vec(&self.info).unwrap_or_default();
        self.own("snapshot.json", &json)
    }

    fn choose_folder(&self, top: &[Child]) -> String {
        folder_beside(|name| top.iter().any(|c| *c.entry.name == *name))
    }

    fn own(&mut self, name: &str, data: &[u8]) -> Result<()> {
        let name = format!("{}/{name}", self.folder);
        let header = self.header(&name, None);
        let sizes = sizes(data);
        self.writer
            .entry(&header, Method::Stored, sizes, data)
            .map_err(cannot)?;
        Ok(())
    }

    fn header<'n>(&self, name: &'n str, content: Option<ContentId>) -> Header<'n> {
        Header {
            name: name.as_bytes(),
            mode: 0o100644,
            mtime: self.info.time,
            content,
        }
    }

    /// A directory's node, and all that is in it.
    fn directory(&mut self, path: &RelPath, dir: &Child, children: Vec<Child>) -> Result<()> {
        if let Some(NodeId(id)) = dir.entry.node {
            self.inner("tree", ContentId(id))?;
        }
        self.allowance.take(children.len(), path)?;
        for child in children {
            let path = path.join(&child.entry.name);
            match child.entry.state.kind {
                Kind::Directory => {
                    self.shape(&path, &child.entry)?;
                    let below = self.repo.children(&child)?;
                    self.directory(&path, &child, below)?;
                }
                Kind::Symlink => self.shape(&path, &child.entry)?,
                Kind::File => self.file(&path, &child)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn shape(&mut self, path: &RelPath, entry: &Entry) -> Result<()> {
        let Some(named) = zip_name(path) else {
            return Ok(());
        };
        let mut named = named.to_vec();
        if entry.is_dir() {
            named.push(b'/');
        }
        let data = entry.state.target.as_deref().unwrap_or_default();
        let header = Header {
            name: &named,
            mode: st_mode(&entry.state),
            mtime: entry.state.mtime,
            content: None,
        };
        self.writer
            .entry(&header, Method::Stored, sizes(data), data)
            .map_err(cannot)?;
        Ok(())
    }

    fn file(&mut self, path: &RelPath, child: &Child) -> Result<()> {
        let Some(id) = child.entry.content else {
            return Ok(());
        };
        meter::at(path);
        meter::files(1);
        meter::bytes(child.entry.state.size);
        if let Some(list) = child.chunks {
            self.inner("chunks", list)?;
        }
        let hidden = format!("{}/content/{id}", self.folder);
        let name = match zip_name(path) {
            Some(name) => name,
            None if self.done.insert(id.0) => hidden.as_bytes(),
            None => return Ok(()),
        };
        let header = Header {
            name,
            mode: st_mode(&child.entry.state),
            mtime: child.entry.state.mtime,
            content: Some(id),
        };
        let place = self.repo.find_place(&id.0)?;
        match (place, child.chunks) {
            (Some(place), _) => self.copy(&header, &place),
            (None, Some(list)) => self.join(&header, list, child.entry.state.size),
            (None, None) => self.repo.place(&id.0).map(|_| ()),
        }
    }

    /// An entry of our own, named after its digest, once.
    fn inner(&mut self, kind: &str, id: ContentId) -> Result<()> {
        let place = self.repo.place(&id.0)?;
        if !self.done.insert(id.0) {
            return Ok(());
        }
        let name = format!("{}/{kind}/{id}", self.folder);
        self.copy(&self.header(&name, Some(id)), &place)
    }

    /// Copies an entry's bytes as they are.
    fn copy(&mut self, header: &Header<'_>, place: &Place) -> Result<()> {
        let method = match place.form {
            Form::Stored => Method::Stored,
            Form::Deflate => Method::Deflate,
            Form::Piece => return self.single(header, place),
        };
        let sizes = Sizes {
            crc: place.crc,
            size: place.size,
            packed: place.packed,
        };
        let file = self.repo.archive(place.archive)?;
        let mut from = Section::new(file, place.offset, place.packed);
        self.writer
            .begin(header, method, Some(sizes), place.size)
            .map_err(cannot)?;
        let mut buffer = vec![0; 128 << 10];
        let mut left = place.packed;
        while left > 0 {
            let read = from
                .read(&mut buffer)
                .map_err(|e| Error::io("cannot read", self.name(place), e))?;
            if read == 0 {
                return Err(Error::at(
                    ErrorKind::Damaged,
                    self.name(place),
                    "ends too early",
                ));
            }
            self.writer.data(&buffer[..read]).map_err(cannot)?;
            left -= read as u64;
        }
        self.writer.end(sizes).map_err(cannot)
    }

    fn name(&self, place: &Place) -> Vec<u8> {
        let path = self.repo.archive_path(place.archive);
        path.as_os_str().as_bytes().to_vec()
    }

    /// A content that is one chunk of a larger one.
    fn single(&mut self, header: &Header<'_>, place: &Place) -> Result<()> {
        let Some(id) = header.content else {
            return Ok(());
        };
        let data = self.repo.bytes(id)?;
        let mut kept = self.raw(place)?;
        kept.extend(FINAL);
        let sizes = Sizes {
            packed: kept.len() as u64,
            ..sizes(&data)
        };
        self.writer
            .entry(header, Method::Deflate, sizes, &kept)
            .map_err(cannot)?;
        Ok(())
    }

    fn raw(&self, place: &Place) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Section::new(
            self.repo.archive(place.archive)?,
            place.offset,
            place.packed,
        )
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("cannot read", self.name(place), e))?;
        Ok(bytes)
    }

    /// One entry from the pieces of its chunks. They are inflated for the crc, and so checked.
    fn join(&mut self, header: &Header<'_>, list: ContentId, size: u64) -> Result<()> {
        let chunks = chunk::parse(&self.repo.bytes(list)?).map_err(|e| damaged(&e))?;
        let mut crc = crc32fast::Hasher::new();
        let mut packed = FINAL.len() as u64;
        self.writer
            .begin(header, Method::Deflate, None, size)
            .map_err(cannot)?;
        for chunk in chunks {
            let data = self.repo.bytes(chunk.id)?;
            crc.update(&data);
            let place = self.repo.place(&chunk.id.0)?;
            let mut kept = self.raw(&place)?;
            if place.form == Form::Deflate && kept.ends_with(&CHUNK_END) {
                kept.truncate(kept.len() - FINAL.len());
            } else if place.form != Form::Piece {
                kept = piece(&data);
            }
            packed += kept.len() as u64;
            self.writer.data(&kept).map_err(cannot)?;
        }
        self.writer.data(&FINAL).map_err(cannot)?;
        let sizes = Sizes {
            crc: crc.finalize(),
            size,
            packed,
        };
        self.writer.end(sizes).map_err(cannot)
    }
}

fn sizes(data: &[u8]) -> Sizes {
    Sizes {
        crc: crc32fast::hash(data),
        size: data.len() as u64,
        packed: data.len() as u64,
    }
}

fn damaged(why: &str) -> Error {
    Error::new(
        ErrorKind::Damaged,
        format!("the manifest is damaged: {why}"),
    )
}
