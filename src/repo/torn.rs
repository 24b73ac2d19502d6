//! What a crash tore at the end of a log: told, and cut off.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// How much of a log is read at once from its end.
const PIECE: usize = 64 << 10;

/// Cuts off what a crash tore; where the file ends now.
pub(super) fn heal(file: &mut File) -> std::io::Result<u64> {
    let length = file.metadata()?.len();
    let end = untorn(file, length)?;
    if end != length {
        file.set_len(end)?;
    }
    Ok(end)
}

/// What [`whole`] says of a file, read from its end by the piece: it may be of any size.
fn untorn(file: &mut File, length: u64) -> std::io::Result<u64> {
    let mut piece = vec![0; PIECE];
    // Where the line ends that is being looked at, from its end to its beginning.
    let mut line: Option<u64> = None;
    let mut zero = false;
    let mut start = length;
    while start > 0 {
        let end = start;
        start = end.saturating_sub(PIECE as u64);
        let part = &mut piece[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        for (at, byte) in part.iter().enumerate().rev() {
            match byte {
                b'\n' => match line.filter(|_| !zero) {
                    Some(kept) => return Ok(kept),
                    None => (line, zero) = (Some(start + at as u64 + 1), false),
                },
                0 => zero = true,
                _ => {}
            }
        }
    }
    Ok(line.filter(|_| !zero).unwrap_or(0))
}

/// A log, or its end, without what a crash tore. No line has a zero byte: that is a page which was never written, though
/// what comes behind it was.
pub(super) fn whole(log: &[u8]) -> &[u8] {
    let newline = |text: &[u8]| text.iter().rposition(|b| *b == b'\n');
    let mut kept = newline(log).map_or(&log[..0], |at| &log[..=at]);
    while let Some(body) = kept.strip_suffix(b"\n") {
        let start = newline(body).map_or(0, |at| at + 1);
        if !body[start..].contains(&0) {
            break;
        }
        kept = &kept[..start];
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_torn_is_told_alike_in_memory_and_from_the_end() {
        let long = vec![b'x'; 3 * PIECE];
        let zeros = vec![0; 2 * PIECE];
        let texts: [&[&[u8]]; 9] = [
            &[],
            &[b"a\n"],
            &[b"a\nb"],
            &[b"a\n", b"b\0\n"],
            &[b"\0\n", b"\n"],
            &[b"a\n", &zeros],
            &[b"a\n", &zeros, b"\nb\0\n\0"],
            &[&long, b"\n", &zeros, b"c\n"],
            &[b"a\n", &long, b"\n", &long],
        ];
        for text in texts {
            let text = text.concat();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&text).unwrap();
            let end = untorn(&mut file, text.len() as u64).unwrap();
            assert_eq!(
                end,
                whole(&text).len() as u64,
                "{:?}",
                &text[..text.len().min(20)]
            );
        }
    }
}
