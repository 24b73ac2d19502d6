//! Compression: whole small contents with libdeflate, and pieces of large ones with zlib-rs.
//!
//! A piece is one chunk deflated without history and ended by a full flush, so that it lies on whole
//! bytes and has no final block. Pieces joined in any order, with [`FINAL`] after the last, are one
//! valid deflate stream: that is how the chunks of a large file make one ordinary entry, how one
//! of them is an entry by itself, and how an export joins them without compressing again.
//! libdeflate cannot flush, so pieces are zlib-rs's work.

use std::cell::RefCell;

use flate2::{Compress, Compression, FlushCompress};
use libdeflater::{CompressionLvl, Compressor, Decompressor};

use crate::repo::writer::Method;

/// An empty final block: what ends a stream of pieces.
pub const FINAL: [u8; 2] = [3, 0];

thread_local! {
    // Making one costs 2.8 times what a small file does; so each worker keeps its own.
    static COMPRESSOR: RefCell<Compressor> = RefCell::new(Compressor::new(level()));
    static DECOMPRESSOR: RefCell<Decompressor> = RefCell::new(Decompressor::new());
}

/// The fastest level that compresses (`CompressionLvl::fastest` is 0, which only stores).
fn level() -> CompressionLvl {
    CompressionLvl::new(1).unwrap_or_default()
}

/// Compresses `data` into `out` (what was there is lost); stored means that it does not shrink, and
/// `out` is of no use then.
pub fn pack(data: &[u8], out: &mut Vec<u8>) -> Method {
    // No room for more than shrinking needs: what does not fit is stored.
    let room = data.len().saturating_sub(data.len() / 64 + 1);
    if room == 0 {
        return Method::Stored;
    }
    out.resize(room, 0);
    match COMPRESSOR.with_borrow_mut(|c| c.deflate_compress(data, out)) {
        Ok(length) => {
            out.truncate(length);
            Method::Deflate
        }
        Err(_) => Method::Stored,
    }
}

/// The `size` bytes that a whole deflate stream holds; `None` when it is not one of them.
pub fn unpack(packed: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut out = vec![0; size];
    unpack_into(packed, &mut out).then_some(out)
}

/// Whether a whole deflate stream holds as many bytes as `out` has room for; then they are there.
pub fn unpack_into(packed: &[u8], out: &mut [u8]) -> bool {
    let written = DECOMPRESSOR.with_borrow_mut(|d| d.deflate_decompress(packed, out));
    written == Ok(out.len())
}

/// One chunk as a piece.
pub fn piece(chunk: &[u8]) -> Vec<u8> {
    let mut stream = Compress::new(Compression::new(1), false);
    let mut out = Vec::with_capacity(chunk.len() + chunk.len() / 1000 + 64);
    loop {
        let rest = &chunk[stream.total_in() as usize..];
        if out.capacity() - out.len() < 64 {
            out.reserve(chunk.len() / 8 + 64);
        }
        // Deflate into memory fails only on misuse; output that fills its room asks for another call.
        let done = stream.compress_vec(rest, &mut out, FlushCompress::Full);
        let all_in = stream.total_in() as usize == chunk.len();
        if done.is_err() || (all_in && out.capacity() > out.len()) {
            return out;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut x = 88_172_645_463_325_252u64;
        (0..length)
            .map(|_| {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                x as u8
            })
            .collect()
    }

    #[test]
    fn shrinks_or_stores() {
        let mut out = Vec::new();
        let text = b"again and again ".repeat(100);
        assert_eq!(pack(&text, &mut out), Method::Deflate);
        assert_eq!(unpack(&out, text.len()).as_deref(), Some(&text[..]));
        assert_eq!(unpack(&out, text.len() + 1), None);
        assert_eq!(pack(&noise(5000), &mut out), Method::Stored);
        assert_eq!(pack(b"", &mut out), Method::Stored);
    }

    #[test]
    fn pieces_join_to_one_stream() {
        let parts = [
            b"abc".repeat(70_000),
            noise(3_000_000),
            Vec::new(),
            b"abc".repeat(9),
        ];
        let pieces: Vec<_> = parts.iter().map(|p| piece(p)).collect();
        for (part, piece) in parts.iter().zip(&pieces) {
            let alone = [&piece[..], &FINAL].concat();
            assert_eq!(unpack(&alone, part.len()).as_ref(), Some(part));
        }
        let mut joined = pieces.concat();
        joined.extend(FINAL);
        let whole = parts.concat();
        assert!(unpack(&joined, whole.len()) == Some(whole));
    }
}
