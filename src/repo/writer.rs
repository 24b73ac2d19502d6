//! Writes zip files, strictly forward.
//!
//! A small writer of our own, because none at hand does what the format needs: names verbatim,
//! sizes and digest in the local header of every entry whose data are known (no descriptor, so that
//! readers which go forward manage), a private extra field, times in the standard one, and the
//! SHA-1 of the file computed while it is written. Methods are stored (0) and deflate (8) only.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use sha1::{Digest, Sha1};

use crate::model::{ContentId, Time};

/// Extra field `fs`: the 32 bytes of the SHA-256 of the entry's uncompressed data.
pub const EXTRA_CONTENT: u16 = 0x7366;
/// Extra field `UT`: the modification time in seconds.
const EXTRA_TIME: u16 = 0x5455;
/// Extra field of sizes and offsets that need 64 bits.
const EXTRA_ZIP64: u16 = 0x0001;
/// Flag bit 11: the name is UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
/// Flag bit 3: crc and sizes follow the data.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// What a 32-bit field says when the value is in the zip64 field.
const IN_ZIP64: u64 = 0xffff_ffff;
/// A stream of at least this many bytes gets a 64-bit descriptor: deflate may add a little.
const LARGE: u64 = 0xf000_0000;
/// How much is gathered before it is hashed and written.
const BUFFER: usize = 256 * 1024;

/// How an entry's bytes are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// As they are.
    Stored,
    /// Deflated.
    Deflate,
}

impl Method {
    /// The number in a zip file.
    pub fn number(self) -> u16 {
        match self {
            Method::Stored => 0,
            Method::Deflate => 8,
        }
    }
}

/// What an entry is called and says of its file.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// The name, UTF-8, with `/` between components and at the end of a directory's.
    pub name: &'a [u8],
    /// `st_mode`: kind and permission bits.
    pub mode: u32,
    /// Modification time.
    pub mtime: Time,
    /// SHA-256 of the data.
    pub content: Option<ContentId>,
}

/// What is known of an entry's data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sizes {
    /// CRC-32 of the uncompressed data.
    pub crc: u32,
    /// Bytes uncompressed.
    pub size: u64,
    /// Bytes as kept.
    pub packed: u64,
}

/// An entry whose data are being written.
struct Open {
    name: Vec<u8>,
    mode: u32,
    dos: u32,
    extra: Vec<u8>,
    method: Method,
    flags: u16,
    wide: bool,
    offset: u64,
}

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
        let name_length = u16::try_from(header.name.len())
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "name too long for zip"))?;
        let known = sizes.unwrap_or_default();
        let wide = size >= LARGE || known.packed >= LARGE;
        let open = Open {
            name: header.name.to_vec(),
            mode: header.mode,
            dos: dos_time(header.mtime),
            extra: extra(header),
            method,
            flags: FLAG_UTF8 | if sizes.is_none() { FLAG_DESCRIPTOR } else { 0 },
            wide,
            offset: self.at,
        };
        let mut out = Vec::with_capacity(128 + header.name.len());
        put4(&mut out, 0x0403_4b50);
        put2(&mut out, if wide { 45 } else { 20 });
        put2(&mut out, open.flags);
        put2(&mut out, method.number());
        put4(&mut out, open.dos);
        put4(&mut out, known.crc);
        let narrow = |n: u64| if wide { IN_ZIP64 as u32 } else { n as u32 };
        put4(&mut out, narrow(known.packed));
        put4(&mut out, narrow(known.size));
        put2(&mut out, name_length);
        put2(
            &mut out,
            (open.extra.len() + if wide { 20 } else { 0 }) as u16,
        );
        out.extend_from_slice(header.name);
        if wide {
            put2(&mut out, EXTRA_ZIP64);
            put2(&mut out, 16);
            put8(&mut out, known.size);
            put8(&mut out, known.packed);
        }
        out.extend_from_slice(&open.extra);
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
        if open.flags & FLAG_DESCRIPTOR != 0 {
            let mut out = Vec::with_capacity(24);
            put4(&mut out, 0x0807_4b50);
            put4(&mut out, sizes.crc);
            if open.wide {
                put8(&mut out, sizes.packed);
                put8(&mut out, sizes.size);
            } else {
                put4(&mut out, sizes.packed as u32);
                put4(&mut out, sizes.size as u32);
            }
            self.data(&out)?;
        }
        central(&mut self.central, &open, sizes);
        self.count += 1;
        Ok(())
    }

    /// Writes the directory and the comment; gives the file and the SHA-1 of all that was written.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self, comment: &[u8]) -> io::Result<(W, [u8; 20])> {
        let start = self.at;
        let directory = std::mem::take(&mut self.central);
        self.data(&directory)?;
        let size = directory.len() as u64;
        let mut out = Vec::new();
        if self.count >= 0xffff || start >= IN_ZIP64 || size >= IN_ZIP64 {
            let record = self.at;
            put4(&mut out, 0x0606_4b50);
            put8(&mut out, 44);
            put2(&mut out, 0x0300 | 45);
            put2(&mut out, 45);
            put8(&mut out, 0);
            for n in [self.count, self.count, size, start] {
                put8(&mut out, n);
            }
            put4(&mut out, 0x0706_4b50);
            put4(&mut out, 0);
            put8(&mut out, record);
            put4(&mut out, 1);
        }
        put4(&mut out, 0x0605_4b50);
        put4(&mut out, 0);
        put2(&mut out, self.count.min(0xffff) as u16);
        put2(&mut out, self.count.min(0xffff) as u16);
        put4(&mut out, size.min(IN_ZIP64) as u32);
        put4(&mut out, start.min(IN_ZIP64) as u32);
        let comment = &comment[..comment.len().min(0xffff)];
        put2(&mut out, comment.len() as u16);
        out.extend_from_slice(comment);
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

/// The extra fields that local and central header share.
fn extra(header: &Header<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(45);
    if let Ok(secs) = i32::try_from(header.mtime.secs) {
        put2(&mut out, EXTRA_TIME);
        put2(&mut out, 5);
        out.push(1);
        put4(&mut out, secs as u32);
    }
    if let Some(id) = &header.content {
        put2(&mut out, EXTRA_CONTENT);
        put2(&mut out, 32);
        out.extend_from_slice(&id.0);
    }
    out
}

/// Appends an entry's record in the directory.
fn central(out: &mut Vec<u8>, open: &Open, sizes: Sizes) {
    let wide: Vec<u64> = [sizes.size, sizes.packed, open.offset]
        .into_iter()
        .filter(|n| *n >= IN_ZIP64)
        .collect();
    let narrow = |n: u64| n.min(IN_ZIP64) as u32;
    put4(out, 0x0201_4b50);
    put2(out, 0x0300 | 45);
    put2(
        out,
        if open.wide || !wide.is_empty() {
            45
        } else {
            20
        },
    );
    put2(out, open.flags);
    put2(out, open.method.number());
    put4(out, open.dos);
    put4(out, sizes.crc);
    put4(out, narrow(sizes.packed));
    put4(out, narrow(sizes.size));
    put2(out, open.name.len() as u16);
    let more = if wide.is_empty() {
        0
    } else {
        4 + wide.len() * 8
    };
    put2(out, (open.extra.len() + more) as u16);
    put2(out, 0);
    put2(out, 0);
    put2(out, 0);
    // The low byte is for DOS: bit 4 says directory.
    let dos_attributes = u32::from(open.name.ends_with(b"/")) << 4;
    put4(out, (open.mode << 16) | dos_attributes);
    put4(out, narrow(open.offset));
    out.extend_from_slice(&open.name);
    if !wide.is_empty() {
        put2(out, EXTRA_ZIP64);
        put2(out, (wide.len() * 8) as u16);
        wide.iter().for_each(|n| put8(out, *n));
    }
    out.extend_from_slice(&open.extra);
}

/// Date and time as DOS counts them, from 1980 to 2107 in steps of two seconds; UTC, so that equal
/// trees give equal bytes wherever they are recorded.
fn dos_time(time: Time) -> u32 {
    const FIRST: i64 = 315_532_800;
    const LAST: i64 = 4_354_819_198;
    let Ok(stamp) = jiff::Timestamp::from_second(time.secs.clamp(FIRST, LAST)) else {
        return 0;
    };
    let t = jiff::tz::TimeZone::UTC.to_datetime(stamp);
    let date = ((t.year() as u32 - 1980) << 9) | ((t.month() as u32) << 5) | t.day() as u32;
    let time = ((t.hour() as u32) << 11) | ((t.minute() as u32) << 5) | (t.second() as u32 / 2);
    (date << 16) | time
}

fn put2(out: &mut Vec<u8>, n: u16) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn put4(out: &mut Vec<u8>, n: u32) {
    out.extend_from_slice(&n.to_le_bytes());
}

fn put8(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(&n.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
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

    #[test]
    fn clamps_dos_times() {
        assert_eq!(dos_time(Time::new(-5, 0)), ((1 << 5) | 1) << 16);
        assert_eq!(dos_time(Time::new(i64::MAX, 0)) >> 25, 127);
    }
}
