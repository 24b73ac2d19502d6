//! Writes zip files, strictly forward.
//!
//! A small writer of our own, because none at hand does what the format needs: names verbatim,
//! sizes and digest in the local header of every entry whose data are known (no descriptor, so that
//! readers which go forward manage), a private extra field, times in the standard one, and the
//! SHA-1 of the file computed while it is written. Methods are stored (0) and deflate (8) only.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use sha1::{Digest, Sha1};

use crate::repo::header::{self, Open};
pub use crate::repo::header::{EXTRA_CONTENT, Header, Method, Sizes};

/// How much is gathered before it is hashed and written.
const BUFFER: usize = 256 * 1024;

/// A zip file being written.
pub struct Writer<W: Write> {
    to: W,
    buffer: Vec<u8>,
    at: u64,
    digest: Sha1,
    central: Vec<u8>,
    count: u64,
    open: Option<Open>,
}

/// A place to which [`Writer::rewind`] goes back.
pub struct Mark {
    at: u64,
    digest: Sha1,
    central: usize,
    count: u64,
}

impl<W: Write> Writer<W> {
    /// Begins an archive at the start of `to`.
    pub fn new(to: W) -> Self {
        Writer {
            to,
            buffer: Vec::with_capacity(BUFFER * 2),
            at: 0,
            digest: Sha1::new(),
            central: Vec::new(),
            count: 0,
            open: None,
        }
    }

    /// Writes a whole entry; where its data begin.
    ///
    /// # Errors
    /// When writing fails.
    pub fn entry(
        &mut self,
        header: &Header<'_>,
        method: Method,
        sizes: Sizes,
        data: &[u8],
    ) -> io::Result<u64> {
        let at = self.begin(header, method, Some(sizes), sizes.size)?;
        self.data(data)?;
        self.end(sizes)?;
        Ok(at)
    }

    /// Begins an entry; where its data begin. `sizes` are `None` when they come at the end; `size` is
    /// then the uncompressed length.
    ///
    /// # Errors
    /// When writing fails, or the name is too long for zip.
    pub fn begin(
        &mut self,
        header: &Header<'_>,
        method: Method,
        sizes: Option<Sizes>,
        size: u64,
    ) -> io::Result<u64> {
        if header.name.len() > usize::from(u16::MAX) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "name too long for zip",
            ));
        }
        let open = Open::new(header, method, sizes, size, self.at);
        let out = open.local(sizes.unwrap_or_default());
        self.open = Some(open);
        self.data(&out)?;
        Ok(self.at)
    }

    /// Writes data of the entry that was begun.
    ///
    /// # Errors
    /// When writing fails.
    pub fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.buffer.extend_from_slice(bytes);
        match self.buffer.len() >= BUFFER {
            true => self.spill(),
            false => Ok(()),
        }
    }

    /// Ends the entry that was begun.
    ///
    /// # Errors
    /// When writing fails.
    pub fn end(&mut self, sizes: Sizes) -> io::Result<()> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        self.data(&open.descriptor(sizes))?;
        open.central(&mut self.central, sizes);
        self.count += 1;
        Ok(())
    }

    /// Writes the directory and the comment; gives the file and the SHA-1 of all that was written.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self, comment: &[u8]) -> io::Result<(W, [u8; 20])> {
        let start = self.at;
        self.spill()?;
        // Not through the buffer: of a million files it is 120 MB.
        let directory = std::mem::take(&mut self.central);
        let size = directory.len() as u64;
        self.digest.update(&directory);
        self.to.write_all(&directory)?;
        self.at += size;
        drop(directory);
        let out = header::end(self.count, start, size, self.at, comment);
        self.data(&out)?;
        self.spill()?;
        self.to.flush()?;
        Ok((self.to, self.digest.finalize().into()))
    }

    fn spill(&mut self) -> io::Result<()> {
        self.digest.update(&self.buffer);
        let written = self.to.write_all(&self.buffer);
        self.buffer.clear();
        written
    }
}

impl Writer<File> {
    /// Remembers the present end, between two entries.
    ///
    /// # Errors
    /// When writing fails.
    pub fn mark(&mut self) -> io::Result<Mark> {
        self.spill()?;
        Ok(Mark {
            at: self.at,
            digest: self.digest.clone(),
            central: self.central.len(),
            count: self.count,
        })
    }

    /// Takes back everything since the mark.
    ///
    /// # Errors
    /// When the file cannot be cut.
    pub fn rewind(&mut self, mark: Mark) -> io::Result<()> {
        self.buffer.clear();
        self.open = None;
        self.to.set_len(mark.at)?;
        self.to.seek(SeekFrom::Start(mark.at))?;
        self.at = mark.at;
        self.digest = mark.digest;
        self.central.truncate(mark.central);
        self.count = mark.count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContentId, Time};
    use std::io::Read;

    fn header(name: &str) -> Header<'_> {
        Header {
            name: name.as_bytes(),
            mode: 0o100640,
            mtime: Time::new(1_700_000_000, 0),
            content: Some(ContentId([9; 32])),
        }
    }

    fn stored(data: &[u8]) -> Sizes {
        Sizes {
            crc: crc32fast::hash(data),
            size: data.len() as u64,
            packed: data.len() as u64,
        }
    }

    #[test]
    fn another_reader_reads_it() {
        let mut writer = Writer::new(Vec::new());
        writer
            .entry(&header("a/b"), Method::Stored, stored(b"hello"), b"hello")
            .unwrap();
        writer
            .begin(&header("streamed"), Method::Stored, None, 5)
            .unwrap();
        writer.data(b"world").unwrap();
        writer.end(stored(b"world")).unwrap();
        writer
            .entry(&header("d/"), Method::Stored, stored(b""), b"")
            .unwrap();
        let (bytes, digest) = writer.finish(b"note").unwrap();
        assert_eq!(digest, <[u8; 20]>::from(Sha1::digest(&bytes)));
        let mut zip = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
        assert_eq!(zip.comment(), b"note");
        let mut text = String::new();
        zip.by_name("a/b")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        zip.by_name("streamed")
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "helloworld");
        assert_eq!(zip.by_name("a/b").unwrap().unix_mode(), Some(0o100640));
        assert!(zip.by_name("d/").unwrap().is_dir());
    }

    #[test]
    fn counts_above_65535_entries() {
        let mut writer = Writer::new(Vec::new());
        for n in 0..66_000 {
            let name = n.to_string();
            writer
                .entry(&header(&name), Method::Stored, stored(b""), b"")
                .unwrap();
        }
        let (bytes, _) = writer.finish(b"").unwrap();
        let zip = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
        assert_eq!(zip.len(), 66_000);
    }

    #[test]
    fn takes_back() {
        let file = tempfile::tempfile().unwrap();
        let mut writer = Writer::new(file);
        writer
            .entry(&header("a"), Method::Stored, stored(b"x"), b"x")
            .unwrap();
        let mark = writer.mark().unwrap();
        writer.begin(&header("b"), Method::Stored, None, 9).unwrap();
        writer.data(&vec![7; BUFFER]).unwrap();
        writer.rewind(mark).unwrap();
        let (mut file, digest) = writer.finish(b"").unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(digest, <[u8; 20]>::from(Sha1::digest(&bytes)));
        assert_eq!(
            zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap().len(),
            1
        );
    }
}
