//! Local headers: what stands in front of an entry's data. Reading goes by the archive's directory; these must say the
//! same, and are what is left to go by when the directory is damaged.

use std::io::{self, Read};
use std::sync::Arc;

use flate2::read::DeflateDecoder;

use crate::model::{ContentId, Time};
use crate::repo::place::Section;
use crate::repo::reader::Item;
use crate::repo::volume::Volume;
use crate::repo::writer::{EXTRA_CONTENT, Method, Sizes};

/// What every local header begins with.
const MARK: &[u8; 4] = b"PK\x03\x04";
/// What a record of the directory begins with.
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
/// Length without name and extra fields.
const FIXED: usize = 30;
/// How much is read at once: more than nearly every header has.
const USUAL: usize = 256;
/// How much is searched at once for the next header.
const WINDOW: usize = 1 << 20;
/// Bit 3 of the flags: crc and sizes come behind the data.
const DESCRIPTOR: u16 = 1 << 3;
/// The extra field of 64-bit sizes, and what says that they are in it.
const ZIP64: (u16, u32) = (0x0001, u32::MAX);

/// A local header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Local {
    /// The name, verbatim.
    pub name: Box<[u8]>,
    /// How the data are kept.
    pub method: Method,
    /// Crc and lengths; `None` when they come behind the data.
    pub sizes: Option<Sizes>,
    /// The digest that the private extra field names.
    pub content: Option<ContentId>,
    /// Where the data begin.
    pub data: u64,
}

fn word(bytes: &[u8], at: usize) -> u16 {
    let pair = bytes.get(at..at + 2).and_then(|b| b.try_into().ok());
    pair.map_or(0, u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> u32 {
    u32::from(word(bytes, at)) | u32::from(word(bytes, at + 2)) << 16
}

fn wide(bytes: &[u8], at: usize) -> u64 {
    u64::from(long(bytes, at)) | u64::from(long(bytes, at + 4)) << 32
}

/// As many of `buffer.len()` bytes at `at` as there are.
fn fill(file: &Volume, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// The local header at byte `at`; `None` when there is none, or not one of ours.
///
/// # Errors
/// When the file cannot be read.
pub fn read(file: &Volume, at: u64) -> io::Result<Option<Local>> {
    let mut header = vec![0; USUAL];
    let there = fill(file, &mut header, at)?;
    header.truncate(there);
    if there < FIXED || !header.starts_with(MARK) {
        return Ok(None);
    }
    let name_end = FIXED + usize::from(word(&header, 26));
    let end = name_end + usize::from(word(&header, 28));
    if end > there {
        header.resize(end, 0);
        if fill(file, &mut header[there..], at + there as u64)? < end - there {
            return Ok(None);
        }
    }
    let method = match word(&header, 8) {
        0 => Method::Stored,
        8 => Method::Deflate,
        _ => return Ok(None),
    };
    let mut local = Local {
        name: Box::from(&header[FIXED..name_end]),
        method,
        sizes: (word(&header, 6) & DESCRIPTOR == 0).then(|| Sizes {
            crc: long(&header, 14),
            packed: u64::from(long(&header, 18)),
            size: u64::from(long(&header, 22)),
        }),
        content: None,
        data: at + end as u64,
    };
    add_extra(&mut local, &header[name_end..end], long(&header, 18));
    Ok(Some(local))
}

/// Takes the extra fields in.
fn add_extra(local: &mut Local, mut extra: &[u8], packed: u32) {
    while extra.len() >= 4 {
        let (id, length) = (word(extra, 0), usize::from(word(extra, 2)));
        let Some(body) = extra.get(4..4 + length) else {
            return;
        };
        if id == EXTRA_CONTENT {
            local.content = ContentId::from_slice(body);
        }
        if id == ZIP64.0
            && packed == ZIP64.1
            && body.len() >= 16
            && let Some(sizes) = &mut local.sizes
        {
            (sizes.size, sizes.packed) = (wide(body, 0), wide(body, 8));
        }
        extra = &extra[4 + length..];
    }
}

impl Local {
    /// Whether it says what a record of the directory says.
    pub fn agrees(&self, item: &Item) -> bool {
        self.name == item.name
            && self.method == item.method
            && self.content == item.content
            && self.sizes.is_none_or(|sizes| sizes == item.sizes)
    }

    /// It as a record of the directory; what comes behind the data is found by inflating them.
    fn item(&self, file: &Arc<Volume>, at: u64) -> Option<Item> {
        let sizes = match self.sizes {
            Some(sizes) => sizes,
            None => measure(file, self.data)?,
        };
        Some(Item {
            name: self.name.clone(),
            offset: at,
            method: self.method,
            sizes,
            content: self.content,
            // Only the directory of the archive has these.
            mode: 0,
            mtime: Time::new(0, 0),
            extra: 0,
        })
    }
}

/// How long the deflate stream at `at` is, packed and not.
fn measure(file: &Arc<Volume>, at: u64) -> Option<Sizes> {
    let section = Section::new(file.clone(), at, u64::MAX - at);
    let mut inflate = DeflateDecoder::new(section);
    let mut crc = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match inflate.read(&mut buffer).ok()? {
            0 => break,
            n => crc.update(&buffer[..n]),
        }
    }
    Some(Sizes {
        crc: crc.finalize(),
        size: inflate.total_out(),
        packed: inflate.total_in(),
    })
}

/// All entries whose local headers can be found, with where their data begin, whatever the directory says.
///
/// # Errors
/// When the file cannot be read.
pub fn scan(file: &Arc<Volume>) -> io::Result<Vec<(u64, Item)>> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        if let Some(local) = read(file, at)? {
            let item = local.item(file, at);
            let packed = item.as_ref().map_or(0, |item| item.sizes.packed);
            found.extend(item.map(|item| (local.data, item)));
            // A length that is damaged itself must not lead past what follows.
            let next = local.data.saturating_add(packed);
            at = match begins(file, next)? {
                true => next,
                false => match search(file, local.data)? {
                    Some(next) => next,
                    None => return Ok(found),
                },
            };
            continue;
        }
        match search(file, at + 1)? {
            Some(next) => at = next,
            None => return Ok(found),
        }
    }
}

/// Whether an entry, or the directory, begins at `at`.
fn begins(file: &Volume, at: u64) -> io::Result<bool> {
    let mut mark = [0; 4];
    let there = at < u64::MAX - 4 && fill(file, &mut mark, at)? == 4;
    Ok(there && (mark == *MARK || mark == *CENTRAL))
}

/// Where the next local header may begin, from `at` on.
fn search(file: &Volume, mut at: u64) -> io::Result<Option<u64>> {
    let mut window = vec![0; WINDOW];
    loop {
        let there = fill(file, &mut window, at)?;
        let part = &window[..there];
        let mut from = 0;
        while let Some(next) = part[from..].iter().position(|b| *b == MARK[0]) {
            from += next;
            if part[from..].starts_with(MARK) {
                return Ok(Some(at + from as u64));
            }
            from += 1;
        }
        if there < WINDOW {
            return Ok(None);
        }
        // A mark may lie across the border.
        at += (WINDOW - MARK.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;
    use crate::repo::deflate::{FINAL, piece};
    use crate::repo::reader;
    use crate::repo::writer::{Header, Writer};
    use std::io::Write;

    #[test]
    fn entries_are_found_without_the_directory() {
        let header = |name| Header {
            name,
            mode: 0o100644,
            mtime: Time::new(7, 0),
            content: Some(ContentId([3; 32])),
        };
        let sizes = |data: &[u8], packed: usize| Sizes {
            crc: crc32fast::hash(data),
            size: data.len() as u64,
            packed: packed as u64,
        };
        let mut writer = Writer::new(Vec::new());
        let text = b"again and again ".repeat(500);
        let packed = [piece(&text), FINAL.to_vec()].concat();
        writer
            .entry(
                &header(b"PK"),
                Method::Stored,
                sizes(b"PK\x03\x04", 4),
                b"PK\x03\x04",
            )
            .unwrap();
        writer
            .begin(&header(b"streamed"), Method::Deflate, None, 8000)
            .unwrap();
        writer.data(&packed).unwrap();
        writer.end(sizes(&text, packed.len())).unwrap();
        writer
            .entry(&header(b"last"), Method::Stored, sizes(b"x", 1), b"x")
            .unwrap();
        let (bytes, _) = writer.finish(b"").unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let file = Arc::new(Volume::from(file));
        let mut items = Vec::new();
        reader::read(&file, b"z", |item| {
            items.push(item);
            Ok(())
        })
        .unwrap();
        for item in &mut items {
            (item.mode, item.mtime, item.extra) = (0, Time::new(0, 0), 0);
        }
        let found = scan(&file).unwrap();
        assert!(items.iter().all(|i| found.iter().any(|(_, f)| f == i)));
        for item in &mut items {
            let local = read(&file, item.offset).unwrap().unwrap();
            assert!(local.agrees(item));
            item.content = None;
            assert!(!local.agrees(item));
        }
    }
}
