//! What goes over the wire: blocks of lanes ([`super::trunk`]), compressed while the line is slower than the compressor.
//!
//! A block is the number of its lane and its length (both 32 bits, least byte first), and the bytes. Where the highest bit of the
//! length is set, they go on with the zstd stream of the lane; where the next one is set, that stream begins with them.
//! At level 1 a thread compresses about 450 MB/s, and program sources become a quarter; over ssh, which enciphers, and copies more
//! than once, that spares more work than it is, on a machine of its own too. Lines that take less than [`SLOW`] get better
//! compressed blocks. How much a line takes is measured while blocks are written: a pipe that is full makes the writer wait.
//! What cannot be compressed is left alone for a while.

use std::io;

use zstd::stream::raw::{DParameter, Decoder, Encoder, InBuffer, Operation, OutBuffer};

/// What stands before a block, in bytes.
pub const HEAD: usize = 8;
/// The block's bytes are packed.
const PACKED: u32 = 1 << 31;
/// A stream begins with them.
const FRESH: u32 = 1 << 30;

/// A line that takes fewer bytes a second gets them better compressed.
const SLOW: f64 = 25e6;
/// Shorter blocks are not compressed by themselves, and do not tell how fast a line is.
const SHORT: usize = 2 << 10;
/// So many bytes may only have gone into buffers.
const BUFFERS: usize = 2 << 20;
/// A block that went into a buffer says little: it counts as one on a line that takes so much.
const BUFFERED: f64 = 4.0 * SLOW;
/// How much the last block counts among those before it.
const WEIGHT: f64 = 0.2;
/// After a block that could not be compressed so many are not tried.
const REST: u32 = 15;
/// The reader of a stream looks back no further, as a power of two.
const BACK: u32 = 23;

/// What a block's head says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Whose it is.
    pub lane: u32,
    /// How long it is, in bytes.
    pub length: usize,
    /// What is said of it, for the [`Unpacker`].
    pub marks: u32,
}

impl Head {
    /// As bytes.
    pub fn write(self) -> [u8; HEAD] {
        let [lane, length] = [self.lane, self.length as u32 | self.marks].map(u32::to_le_bytes);
        let mut head = [0; HEAD];
        head[..4].copy_from_slice(&lane);
        head[4..].copy_from_slice(&length);
        head
    }

    /// From bytes.
    pub fn read(head: [u8; HEAD]) -> Self {
        let [a, b, c, d, e, f, g, h] = head;
        let length = u32::from_le_bytes([e, f, g, h]);
        Head {
            lane: u32::from_le_bytes([a, b, c, d]),
            length: (length & !(PACKED | FRESH)) as usize,
            marks: length & (PACKED | FRESH),
        }
    }
}

/// Says whether and how blocks of a lane are compressed.
pub struct Packer {
    /// Bytes a second that the line takes.
    pace: f64,
    written: usize,
    encoder: Option<(i32, Encoder<'static>)>,
    rest: u32,
    out: Vec<u8>,
}

impl Default for Packer {
    fn default() -> Self {
        Packer {
            pace: SLOW,
            written: 0,
            encoder: None,
            rest: 0,
            out: Vec::new(),
        }
    }
}

impl Packer {
    /// The block that these parts are, compressed, and what to say of it; `None` when that is not worth it.
    ///
    /// # Errors
    /// When there is not enough memory.
    pub fn pack(&mut self, parts: &[Vec<u8>]) -> io::Result<Option<(u32, &[u8])>> {
        let length: usize = parts.iter().map(Vec::len).sum();
        if length < SHORT {
            return Ok(None);
        }
        if self.rest > 0 {
            self.rest -= 1;
            return Ok(None);
        }
        let level = if self.pace < SLOW { 3 } else { 1 };
        let mut marks = PACKED;
        let encoder = match &mut self.encoder {
            Some((now, encoder)) if *now == level => encoder,
            other => {
                marks |= FRESH;
                &mut other.insert((level, Encoder::new(level)?)).1
            }
        };
        self.out.clear();
        self.out.reserve(length / 2);
        for part in parts {
            let mut from = InBuffer::around(part);
            while from.pos() < part.len() {
                push(&mut self.out, |out| encoder.run(&mut from, out))?;
            }
        }
        while push(&mut self.out, |out| encoder.flush(out))? > 0 {}
        if self.out.len() > length / 8 * 7 {
            self.rest = REST;
        }
        Ok(Some((marks, &self.out)))
    }

    /// That so many bytes were written in so many seconds.
    pub fn note(&mut self, length: usize, seconds: f64) {
        self.written = self.written.saturating_add(length);
        if length >= SHORT && self.written > BUFFERS {
            let pace = (length as f64 / seconds.max(1e-9)).min(BUFFERED);
            self.pace += WEIGHT * (pace - self.pace);
        }
    }
}

/// Takes what a step writes, behind what is there.
fn push(
    out: &mut Vec<u8>,
    step: impl FnOnce(&mut OutBuffer<'_, Vec<u8>>) -> io::Result<usize>,
) -> io::Result<usize> {
    out.reserve(16 << 10);
    let at = out.len();
    step(&mut OutBuffer::around_pos(out, at))
}

/// Undoes what a [`Packer`] did, in the same order.
pub struct Unpacker {
    decoder: Option<Decoder<'static>>,
    longest: usize,
    out: Vec<u8>,
}

impl Unpacker {
    /// That lets no block become longer than so many bytes.
    pub fn new(longest: usize) -> Self {
        Unpacker {
            decoder: None,
            longest,
            out: Vec::new(),
        }
    }

    /// The bytes that a block says.
    ///
    /// # Errors
    /// When it is none.
    pub fn unpack<'b>(&'b mut self, marks: u32, bytes: &'b [u8]) -> io::Result<&'b [u8]> {
        let no_block = || io::Error::new(io::ErrorKind::InvalidData, "what came is no block");
        if marks & PACKED == 0 {
            return Ok(bytes);
        }
        if marks & FRESH != 0 {
            let mut decoder = Decoder::new()?;
            decoder.set_parameter(DParameter::WindowLogMax(BACK))?;
            self.decoder = Some(decoder);
        }
        let decoder = self.decoder.as_mut().ok_or_else(no_block)?;
        self.out.clear();
        self.out.reserve(self.longest + 1);
        let mut from = InBuffer::around(bytes);
        loop {
            let before = (from.pos(), self.out.len());
            push(&mut self.out, |out| decoder.run(&mut from, out)).map_err(|_| no_block())?;
            if self.out.len() > self.longest {
                return Err(no_block());
            }
            if (from.pos(), self.out.len()) == before {
                break;
            }
        }
        match from.pos() == bytes.len() {
            true => Ok(&self.out),
            false => Err(no_block()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(packer: &mut Packer, unpacker: &mut Unpacker, text: &[u8]) -> usize {
        let parts = [
            text[..text.len() / 3].to_vec(),
            text[text.len() / 3..].to_vec(),
        ];
        let (marks, bytes) = match packer.pack(&parts).unwrap() {
            Some((marks, bytes)) => (marks, bytes.to_vec()),
            None => (0, text.to_vec()),
        };
        let head = Head {
            lane: 7,
            length: bytes.len(),
            marks,
        };
        assert_eq!(Head::read(head.write()), head);
        assert!(unpacker.unpack(marks, &bytes).unwrap() == text);
        bytes.len()
    }

    #[test]
    fn slow_lines_get_less_and_all_of_it_comes() {
        let (mut packer, mut unpacker) = (Packer::default(), Unpacker::new(1 << 20));
        let mut n = 1u32;
        let mut noise = |length| -> Vec<u8> {
            (0..length)
                .map(|_| {
                    n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (n >> 24) as u8
                })
                .collect()
        };
        let text = b"the same words again and again, ".repeat(4000);
        let block = noise(100_000);
        for pace in [1e6, 50e6, 1e6] {
            packer.written = BUFFERS;
            for _ in 0..60 {
                packer.note(100_000, 100_000.0 / pace);
                assert!(there_and_back(&mut packer, &mut unpacker, &text) < 2000);
                there_and_back(&mut packer, &mut unpacker, b"short");
            }
            // What came before can be looked back to, but for what was not worth the work.
            there_and_back(&mut packer, &mut unpacker, &block);
            for _ in 0..REST {
                there_and_back(&mut packer, &mut unpacker, &text);
            }
            assert!(there_and_back(&mut packer, &mut unpacker, &block) < 2000);
        }
    }

    #[test]
    fn bombs_and_rubbish_are_refused() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
        // A window of 1 GiB.
        let wide = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0, 0, 0];
        for (marks, bytes) in [
            (PACKED | FRESH, &bomb[..]),
            (PACKED | FRESH, &wide),
            (PACKED | FRESH, &[1, 2, 3, 4, 5]),
            (PACKED, &bomb[..9]),
        ] {
            assert!(Unpacker::new(1 << 20).unpack(marks, bytes).is_err());
        }
    }
}
