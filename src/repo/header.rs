//! The headers of a zip file, as bytes.

use crate::model::{ContentId, Time};

/// Extra field `fs`: the 32 bytes of the SHA-256 of the entry's uncompressed data.
pub const EXTRA_CONTENT: u16 = 0x7366;
/// Extra field `UT`: the modification time in seconds.
pub const EXTRA_TIME: u16 = 0x5455;
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
pub(super) struct Open {
    name: Vec<u8>,
    mode: u32,
    dos: u32,
    extra: Vec<u8>,
    method: Method,
    flags: u16,
    wide: bool,
    offset: u64,
}

impl Open {
    /// An entry that begins at `offset`; its sizes are `None` when they come at the end.
    pub(super) fn new(
        header: &Header<'_>,
        method: Method,
        sizes: Option<Sizes>,
        size: u64,
        offset: u64,
    ) -> Self {
        let packed = sizes.map_or(0, |sizes| sizes.packed);
        Open {
            name: header.name.to_vec(),
            mode: header.mode,
            dos: dos_time(header.mtime),
            extra: extra(header),
            method,
            flags: FLAG_UTF8 | if sizes.is_none() { FLAG_DESCRIPTOR } else { 0 },
            wide: size >= LARGE || packed >= LARGE,
            offset,
        }
    }

    /// What follows its data.
    pub(super) fn descriptor(&self, sizes: Sizes) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        if self.flags & FLAG_DESCRIPTOR == 0 {
            return out;
        }
        put4(&mut out, 0x0807_4b50);
        put4(&mut out, sizes.crc);
        if self.wide {
            put8(&mut out, sizes.packed);
            put8(&mut out, sizes.size);
        } else {
            put4(&mut out, sizes.packed as u32);
            put4(&mut out, sizes.size as u32);
        }
        out
    }

    /// Its local header.
    pub(super) fn local(&self, known: Sizes) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.name.len());
        put4(&mut out, 0x0403_4b50);
        put2(&mut out, if self.wide { 45 } else { 20 });
        put2(&mut out, self.flags);
        put2(&mut out, self.method.number());
        put4(&mut out, self.dos);
        put4(&mut out, known.crc);
        let narrow = |n: u64| if self.wide { IN_ZIP64 as u32 } else { n as u32 };
        put4(&mut out, narrow(known.packed));
        put4(&mut out, narrow(known.size));
        put2(&mut out, self.name.len() as u16);
        put2(
            &mut out,
            (self.extra.len() + if self.wide { 20 } else { 0 }) as u16,
        );
        out.extend_from_slice(&self.name);
        if self.wide {
            put2(&mut out, EXTRA_ZIP64);
            put2(&mut out, 16);
            put8(&mut out, known.size);
            put8(&mut out, known.packed);
        }
        out.extend_from_slice(&self.extra);
        out
    }

    /// Appends its record in the directory.
    pub(super) fn central(&self, out: &mut Vec<u8>, sizes: Sizes) {
        let wide: Vec<u64> = [sizes.size, sizes.packed, self.offset]
            .into_iter()
            .filter(|n| *n >= IN_ZIP64)
            .collect();
        let narrow = |n: u64| n.min(IN_ZIP64) as u32;
        put4(out, 0x0201_4b50);
        put2(out, 0x0300 | 45);
        put2(
            out,
            if self.wide || !wide.is_empty() {
                45
            } else {
                20
            },
        );
        put2(out, self.flags);
        put2(out, self.method.number());
        put4(out, self.dos);
        put4(out, sizes.crc);
        put4(out, narrow(sizes.packed));
        put4(out, narrow(sizes.size));
        put2(out, self.name.len() as u16);
        let more = if wide.is_empty() {
            0
        } else {
            4 + wide.len() * 8
        };
        put2(out, (self.extra.len() + more) as u16);
        put2(out, 0);
        put2(out, 0);
        put2(out, 0);
        // The low byte is for DOS: bit 4 says directory.
        let dos_attributes = u32::from(self.name.ends_with(b"/")) << 4;
        put4(out, (self.mode << 16) | dos_attributes);
        put4(out, narrow(self.offset));
        out.extend_from_slice(&self.name);
        if !wide.is_empty() {
            put2(out, EXTRA_ZIP64);
            put2(out, (wide.len() * 8) as u16);
            wide.iter().for_each(|n| put8(out, *n));
        }
        out.extend_from_slice(&self.extra);
    }
}

/// How long the local header of an entry is that this writer wrote, when its extra fields but for that of 64-bit sizes have
/// `extra` bytes.
pub(super) fn local_length(name: usize, extra: u16, sizes: Sizes) -> u64 {
    let wide = sizes.size >= LARGE || sizes.packed >= LARGE;
    30 + name as u64 + u64::from(extra) + if wide { 20 } else { 0 }
}

/// What ends the file: the directory, of `count` entries and `size` bytes, began at `start` and ended at `at`.
pub(super) fn end(count: u64, start: u64, size: u64, at: u64, comment: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    if count >= 0xffff || start >= IN_ZIP64 || size >= IN_ZIP64 {
        put4(&mut out, 0x0606_4b50);
        put8(&mut out, 44);
        put2(&mut out, 0x0300 | 45);
        put2(&mut out, 45);
        put8(&mut out, 0);
        for n in [count, count, size, start] {
            put8(&mut out, n);
        }
        put4(&mut out, 0x0706_4b50);
        put4(&mut out, 0);
        put8(&mut out, at);
        put4(&mut out, 1);
    }
    put4(&mut out, 0x0605_4b50);
    put4(&mut out, 0);
    put2(&mut out, count.min(0xffff) as u16);
    put2(&mut out, count.min(0xffff) as u16);
    put4(&mut out, size.min(IN_ZIP64) as u32);
    put4(&mut out, start.min(IN_ZIP64) as u32);
    let comment = &comment[..comment.len().min(0xffff)];
    put2(&mut out, comment.len() as u16);
    out.extend_from_slice(comment);
    out
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

    #[test]
    fn clamps_dos_times() {
        assert_eq!(dos_time(Time::new(-5, 0)), ((1 << 5) | 1) << 16);
        assert_eq!(dos_time(Time::new(i64::MAX, 0)) >> 25, 127);
    }
}
