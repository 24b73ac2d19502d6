//! Writes tar streams: ustar headers, and pax records for what those cannot hold.
//!
//! What fits stands in the ustar header alone, so that any tar reads small trees; times always have a pax
//! record, because the header has no nanoseconds. Names in the header are bytes as they are. A
//! pax record is UTF-8 by definition; where a long name is not, `hdrcharset=BINARY` says so.

use std::io::{self, Write};

use crate::model::{Kind, State, Time, Xattrs};

const BLOCK: usize = 512;
/// The most that the octal fields of a header hold.
const MOST_ID: u64 = 0o7_777_777;
const MOST_SIZE: u64 = 0o77_777_777_777;

/// A tar stream being written.
pub struct Writer<W: Write> {
    to: W,
    /// Bytes that the open entry still needs, and the zeros behind them.
    left: u64,
    padding: usize,
}

/// What an entry is.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// What its state says.
    Itself,
    /// One more name of an earlier entry.
    LinkTo(&'a [u8]),
}

impl<W: Write> Writer<W> {
    /// Begins a stream.
    pub fn new(to: W) -> Self {
        Writer {
            to,
            left: 0,
            padding: 0,
        }
    }

    /// Writes an entry's headers. Of a file, `state.size` bytes of [`Self::data`] follow; of a further
    /// name none.
    ///
    /// # Errors
    /// When writing fails, or the entry before is not complete.
    pub fn entry(
        &mut self,
        name: &[u8],
        state: &State,
        xattrs: &Xattrs,
        what: What<'_>,
    ) -> io::Result<()> {
        self.close()?;
        let target = match what {
            What::LinkTo(earlier) => earlier,
            What::Itself => state.target.as_deref().unwrap_or_default(),
        };
        let size = match (what, state.kind) {
            (What::Itself, Kind::File) => state.size,
            _ => 0,
        };
        let records = records(name, target, state, size, xattrs);
        let length = records.len() as u64;
        let plain = header((b"", b"pax"), &Plain::records(length), b"", b'x');
        self.to.write_all(&plain)?;
        self.to.write_all(&records)?;
        self.to.write_all(&vec![0; padding(length)])?;
        let names = divide(name).unwrap_or((b"", cut(name)));
        let plain = Plain::of(state, size);
        let block = header(names, &plain, cut(target), flag(state.kind, what));
        self.to.write_all(&block)?;
        self.left = size;
        self.padding = padding(size);
        Ok(())
    }

    /// Writes bytes of the file that was begun.
    ///
    /// # Errors
    /// When writing fails, or there are more than its size.
    pub fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| io::Error::other("more bytes than the header says"))?;
        self.to.write_all(bytes)
    }

    fn close(&mut self) -> io::Result<()> {
        if self.left > 0 {
            return Err(io::Error::other("fewer bytes than the header says"));
        }
        let padding = std::mem::take(&mut self.padding);
        self.to.write_all(&vec![0; padding])
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// As [`Self::entry`].
    pub fn finish(mut self) -> io::Result<()> {
        self.close()?;
        self.to.write_all(&[0; 2 * BLOCK])?;
        self.to.flush()
    }
}

/// What the fields of a header say.
struct Plain {
    mode: u32,
    uid: u64,
    gid: u64,
    size: u64,
    secs: u64,
    device: (u64, u64),
}

impl Plain {
    fn of(state: &State, size: u64) -> Self {
        let device = match state.kind.is_device() {
            true => (
                rustix::fs::major(state.rdev).into(),
                rustix::fs::minor(state.rdev).into(),
            ),
            false => (0, 0),
        };
        Plain {
            mode: state.mode,
            uid: state.uid.into(),
            gid: state.gid.into(),
            size,
            secs: state.mtime.secs.try_into().unwrap_or(0),
            device,
        }
    }

    /// Of the entry that holds pax records.
    fn records(size: u64) -> Self {
        Plain {
            mode: 0o644,
            uid: 0,
            gid: 0,
            size,
            secs: 0,
            device: (0, 0),
        }
    }
}

/// The letter of an entry's type.
fn flag(kind: Kind, what: What<'_>) -> u8 {
    match (what, kind) {
        (What::LinkTo(_), _) => b'1',
        (_, Kind::Symlink) => b'2',
        (_, Kind::CharDevice) => b'3',
        (_, Kind::BlockDevice) => b'4',
        (_, Kind::Directory) => b'5',
        (_, Kind::Fifo) => b'6',
        (_, Kind::File | Kind::Socket) => b'0',
    }
}

/// A block that begins an entry.
fn header((prefix, name): (&[u8], &[u8]), plain: &Plain, target: &[u8], flag: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, &octal::<8>(plain.mode.into()));
    put(108, &octal::<8>(plain.uid.min(MOST_ID)));
    put(116, &octal::<8>(plain.gid.min(MOST_ID)));
    put(124, &octal::<12>(plain.size.min(MOST_SIZE)));
    put(136, &octal::<12>(plain.secs.min(MOST_SIZE)));
    put(148, b"        ");
    put(156, &[flag]);
    put(157, target);
    put(257, b"ustar\x0000");
    put(329, &octal::<8>(plain.device.0.min(MOST_ID)));
    put(337, &octal::<8>(plain.device.1.min(MOST_ID)));
    put(345, prefix);
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    block[148..154].copy_from_slice(&octal::<7>(sum)[..6]);
    block[154] = 0;
    block
}

/// Octal digits up to the NUL that ends a field of `N` bytes.
fn octal<const N: usize>(value: u64) -> [u8; N] {
    let mut field = [b'0'; N];
    field[N - 1] = 0;
    let mut rest = value;
    for digit in field[..N - 1].iter_mut().rev() {
        *digit = b'0' + (rest % 8) as u8;
        rest /= 8;
    }
    field
}

/// The name as prefix and rest, cut at a slash; `None` when it is too long for both.
fn divide(name: &[u8]) -> Option<(&[u8], &[u8])> {
    if name.len() <= 100 {
        return Some((b"", name));
    }
    let at = (name.len() - 101..name.len().min(156)).find(|at| name[*at] == b'/')?;
    let (prefix, rest) = (&name[..at], &name[at + 1..]);
    (!prefix.is_empty() && !rest.is_empty()).then_some((prefix, rest))
}

/// What a field of 100 bytes holds of a name.
fn cut(name: &[u8]) -> &[u8] {
    &name[..name.len().min(100)]
}

fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// What the header of an entry cannot hold. There always is a time.
fn records(name: &[u8], target: &[u8], state: &State, size: u64, xattrs: &Xattrs) -> Vec<u8> {
    let mut records = Vec::new();
    if divide(name).is_none() {
        record(&mut records, b"path", name);
    }
    if target.len() > 100 {
        record(&mut records, b"linkpath", target);
    }
    if std::str::from_utf8(&records).is_err() {
        let mut first = Vec::new();
        record(&mut first, b"hdrcharset", b"BINARY");
        records.splice(0..0, first);
    }
    record(&mut records, b"mtime", seconds(state.mtime).as_bytes());
    for (name, value, most) in [
        (&b"uid"[..], u64::from(state.uid), MOST_ID),
        (b"gid", state.gid.into(), MOST_ID),
        (b"size", size, MOST_SIZE),
    ] {
        if value > most {
            record(&mut records, name, value.to_string().as_bytes());
        }
    }
    for (name, value) in xattrs {
        let mut key = b"SCHILY.xattr.".to_vec();
        for byte in name {
            // As GNU tar does it: a key ends at the first equals sign.
            match byte {
                b'=' => key.extend(b"%3D"),
                b'%' => key.extend(b"%25"),
                byte => key.push(*byte),
            }
        }
        record(&mut records, &key, value);
    }
    records
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    out.extend(length.to_string().as_bytes());
    out.push(b' ');
    out.extend(key);
    out.push(b'=');
    out.extend(value);
    out.push(b'\n');
}

/// A time in decimal: -1.5 is half a second before -1, not after it.
fn seconds(time: Time) -> String {
    let ns = i128::from(time.secs) * 1_000_000_000 + i128::from(time.nanos);
    let sign = if ns < 0 { "-" } else { "" };
    let ns = ns.unsigned_abs();
    format!("{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        let mut out = Vec::new();
        record(&mut out, b"path", b"x");
        assert_eq!(out, b"9 path=x\n");
        for length in 80..110 {
            let mut out = Vec::new();
            record(&mut out, b"k", &vec![b'v'; length]);
            let text = String::from_utf8(out.clone()).unwrap();
            let (said, _) = text.split_once(' ').unwrap();
            assert_eq!(said.parse::<usize>().unwrap(), out.len());
        }
    }

    #[test]
    fn times_before_the_epoch_count_backwards() {
        assert_eq!(seconds(Time::new(-2, 500_000_000)), "-1.500000000");
        assert_eq!(seconds(Time::new(1, 5)), "1.000000005");
        assert_eq!(seconds(Time::new(-1, 999_999_999)), "-0.000000001");
    }

    #[test]
    fn long_names_are_cut_at_a_slash() {
        let long = [vec![b'a'; 90], b"/".to_vec(), vec![b'b'; 90]].concat();
        assert_eq!(divide(&long), Some((&long[..90], &long[91..])));
        assert_eq!(divide(&[b'a'; 101]), None);
        assert_eq!(divide(&[b'a'; 100]), Some((&b""[..], &[b'a'; 100][..])));
        let far = [vec![b'a'; 160], b"/b".to_vec()].concat();
        assert_eq!(divide(&far), None);
    }

    #[test]
    fn numbers_are_octal() {
        assert_eq!(&octal::<8>(0o644), b"0000644\0");
        assert_eq!(&octal::<8>(MOST_ID), b"7777777\0");
    }
}
