//! What goes over the wire: blocks, compressed while the line is slower than the compressor.
//!
//! A block is its length in 32 bits, least byte first, and the bytes; where the highest bit of the length is set, they are a zstd frame.
//! Compressing at level 1 takes a thread about as long as a line of 300 MB/s, and leaves a third of program sources; so lines that
//! take less than [`FAST`] get compressed blocks, those that take less than [`SLOW`] better compressed ones. How much a line takes is
//! measured while blocks are written: a pipe that is full makes the writer wait.

use std::io::{self, Read, Write};
use std::time::Instant;

/// A line that takes as many bytes a second, or more, gets them as they are.
const FAST: f64 = 100e6;
/// A line that takes fewer gets them better compressed.
const SLOW: f64 = 25e6;
/// Shorter blocks are not compressed, and do not tell how fast a line is.
const SHORT: usize = 4 << 10;
/// How much the last block counts among those before it.
const WEIGHT: f64 = 0.2;
const PACKED: u32 = 1 << 31;

/// Writes blocks.
pub struct Writer<W> {
    to: W,
    /// Bytes a second that the line takes.
    pace: f64,
}

impl<W: Write> Writer<W> {
    /// On that line.
    pub fn new(to: W) -> Self {
        Writer { to, pace: FAST }
    }

    /// Writes a block.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return self.to.flush();
        }
        let packed = self.pack(bytes)?;
        let (mark, block) = match &packed {
            Some(packed) => (PACKED, &packed[..]),
            None => (0, bytes),
        };
        let begun = Instant::now();
        self.to
            .write_all(&(block.len() as u32 | mark).to_le_bytes())?;
        self.to.write_all(block)?;
        self.to.flush()?;
        if block.len() >= SHORT {
            let pace = block.len() as f64 / begun.elapsed().as_secs_f64().max(1e-9);
            // A block that went into a buffer says little: it counts as one that was just fast enough.
            self.pace += WEIGHT * (pace.min(2.0 * FAST) - self.pace);
        }
        Ok(())
    }

    /// The block compressed, if that is worth it.
    fn pack(&self, bytes: &[u8]) -> io::Result<Option<Vec<u8>>> {
        if self.pace >= FAST || bytes.len() < SHORT {
            return Ok(None);
        }
        let level = if self.pace < SLOW { 3 } else { 1 };
        let packed = zstd::bulk::compress(bytes, level)?;
        Ok(Some(packed).filter(|packed| packed.len() < bytes.len() / 8 * 7))
    }
}

/// Reads blocks.
pub struct Reader<R> {
    from: R,
    longest: usize,
}

impl<R: Read> Reader<R> {
    /// From that line; none is longer than `longest` bytes, packed or not.
    pub fn new(from: R, longest: usize) -> Self {
        Reader { from, longest }
    }

    /// The next block; `None` at the end.
    ///
    /// # Errors
    /// The system's, and when what comes is no block.
    pub fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        let no_block = || io::Error::new(io::ErrorKind::InvalidData, "what came is no block");
        let mut head = [0; 4];
        match self.from.read_exact(&mut head) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let head = u32::from_le_bytes(head);
        let length = (head & !PACKED) as usize;
        if length > self.longest {
            return Err(no_block());
        }
        let mut block = vec![0; length];
        self.from.read_exact(&mut block)?;
        match head & PACKED {
            0 => Ok(Some(block)),
            _ => zstd::bulk::decompress(&block, self.longest)
                .map(Some)
                .map_err(|_| no_block()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that takes a block in so long.
    struct Line(Vec<u8>, u64);

    impl Write for Line {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            std::thread::sleep(std::time::Duration::from_millis(self.1));
            self.0.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn slow_lines_get_less_and_all_of_it_comes() {
        let text = b"the same words again and again, ".repeat(4000);
        let mut writer = Writer::new(Line(Vec::new(), 20));
        for _ in 0..30 {
            writer.write(&text).unwrap();
        }
        writer.write(b"short").unwrap();
        let line = writer.to.0;
        assert!(line.len() < text.len() * 15, "{}", line.len());
        let mut reader = Reader::new(&line[..], 1 << 20);
        for _ in 0..30 {
            assert!(reader.read().unwrap().unwrap() == text);
        }
        assert_eq!(reader.read().unwrap().unwrap(), b"short");
        assert_eq!(reader.read().unwrap(), None);
    }

    #[test]
    fn bombs_and_rubbish_are_refused() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
        let mut block = Vec::from((bomb.len() as u32 | PACKED).to_le_bytes());
        block.extend_from_slice(&bomb);
        for bytes in [
            &block[..],
            b"Welcome to host",
            &[9, 0, 0, 0, 1],
            &[3, 0, 0, 128, 1, 2, 3],
        ] {
            assert!(Reader::new(bytes, 1 << 20).read().is_err());
        }
    }
}
