//! The bytes of an open file. They are checked as a whole before the first one is given; long ones wait in a temporary
//! file without a name.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

use fsync::model::{Error, ErrorKind, Result};
use fsync::tree::Contents;
use rustix::fs::SeekFrom as Whence;

/// What is kept in memory.
const SMALL: u64 = 256 << 10;
/// Holes are found in steps of this.
const BLOCK: usize = 4096;

/// The checked bytes of a file.
pub enum Body {
    /// In memory.
    Memory(Vec<u8>),
    /// In a temporary file.
    Spool(File),
}

impl Body {
    /// Reads all of `contents`, which are `size` bytes of the file that messages call `name`; zeros of a sparse one
    /// become holes.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when they are not what was recorded; what the system says when there is no room.
    pub fn read(contents: Contents, size: u64, sparse: bool, name: &[u8]) -> Result<Body> {
        let wrong = |e: io::Error| {
            let damaged = e.raw_os_error().is_none();
            let error = Error::io("cannot read", name, e);
            if damaged {
                error.as_kind(ErrorKind::Damaged)
            } else {
                error
            }
        };
        let mut contents = contents.take(size.saturating_add(1));
        let (body, length) = if size <= SMALL && !sparse {
            let mut bytes = Vec::new();
            contents.read_to_end(&mut bytes).map_err(wrong)?;
            let length = bytes.len() as u64;
            (Body::Memory(bytes), length)
        } else {
            let spool = |e| Error::io("no temporary file can be made for", name, e);
            let file = tempfile::tempfile().map_err(spool)?;
            let length = copy(&mut contents, &file, sparse).map_err(wrong)?;
            (Body::Spool(file), length)
        };
        match length == size {
            true => Ok(body),
            false => {
                let message = "is not as long as was recorded";
                Err(Error::at(ErrorKind::Damaged, name, message))
            }
        }
    }

    /// Up to `size` bytes from `offset` on; fewer only at the end.
    ///
    /// # Errors
    /// The system's.
    pub fn at(&self, offset: u64, size: usize) -> io::Result<Vec<u8>> {
        match self {
            Body::Memory(bytes) => {
                let start = usize::try_from(offset)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                let end = start.saturating_add(size).min(bytes.len());
                Ok(bytes[start..end].to_vec())
            }
            Body::Spool(file) => {
                let mut out = vec![0; size];
                let mut done = 0;
                while done < size {
                    match file.read_at(&mut out[done..], offset + done as u64) {
                        Ok(0) => break,
                        Ok(n) => done += n,
                        Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                        Err(e) => return Err(e),
                    }
                }
                out.truncate(done);
                Ok(out)
            }
        }
    }

    /// Where from `offset` on the next data (or else the next hole) is.
    ///
    /// # Errors
    /// `ENXIO` behind the end, as lseek(2) has it.
    pub fn seek(&self, offset: u64, data: bool) -> io::Result<u64> {
        match self {
            Body::Memory(bytes) if offset >= bytes.len() as u64 => {
                Err(rustix::io::Errno::NXIO.into())
            }
            Body::Memory(bytes) => Ok(if data { offset } else { bytes.len() as u64 }),
            Body::Spool(file) => {
                let whence = if data {
                    Whence::Data(offset)
                } else {
                    Whence::Hole(offset)
                };
                Ok(rustix::fs::seek(file, whence)?)
            }
        }
    }
}

/// Copies all; how many bytes they are.
fn copy(from: &mut impl Read, mut to: &File, sparse: bool) -> io::Result<u64> {
    let mut buffer = vec![0; 16 * BLOCK];
    let mut length = 0;
    loop {
        let mut filled = 0;
        while filled < buffer.len() {
            match from.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        for block in buffer[..filled].chunks(BLOCK) {
            match sparse && block.iter().all(|b| *b == 0) {
                true => to.seek(SeekFrom::Current(block.len() as i64)).map(drop)?,
                false => to.write_all(block)?,
            }
        }
        length += filled as u64;
        if filled < buffer.len() {
            to.set_len(length)?;
            return Ok(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(bytes: &[u8], size: u64, sparse: bool) -> Result<Body> {
        let stream: Box<dyn Read + Send> = Box::new(io::Cursor::new(bytes.to_vec()));
        Body::read(Contents::Stream(stream), size, sparse, b"x")
    }

    #[test]
    fn gives_what_is_there() {
        for large in [false, true] {
            let bytes: Vec<u8> = (0..if large { 300_000 } else { 3000u32 })
                .map(|n| n as u8)
                .collect();
            let body = body(&bytes, bytes.len() as u64, false).unwrap();
            assert_eq!(matches!(body, Body::Spool(_)), large);
            assert_eq!(body.at(0, bytes.len() + 9).unwrap(), bytes);
            assert_eq!(body.at(1000, 5).unwrap(), bytes[1000..1005]);
            assert!(body.at(1 << 40, 5).unwrap().is_empty());
            assert_eq!(body.seek(7, true).unwrap(), 7);
            assert_eq!(body.seek(7, false).unwrap(), bytes.len() as u64);
            assert!(body.seek(1 << 40, true).is_err());
        }
    }

    #[test]
    fn holes_stay_holes() {
        let mut bytes = vec![0; 1 << 20];
        bytes[600_000] = 1;
        let body = body(&bytes, 1 << 20, true).unwrap();
        assert_eq!(body.at(0, 1 << 20).unwrap(), bytes);
        assert!(body.seek(0, true).unwrap() > 500_000);
    }

    #[test]
    fn another_length_is_damage() {
        for size in [2, 4] {
            assert_eq!(
                body(b"abc", size, false).err().unwrap().kind(),
                ErrorKind::Damaged
            );
        }
    }
}
