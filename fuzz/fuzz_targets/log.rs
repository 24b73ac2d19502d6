//! The log reader: what a line says, given its sum; and a whole file, of which it says where whole lines end.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use fsync::repo::log::{Log, decode, encode};
use libfuzzer_sys::fuzz_target;

/// A file of its own for each process: a log is read from a regular file alone.
static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let shm = std::path::Path::new("/dev/shm");
    let base = if shm.is_dir() { shm.into() } else { std::env::temp_dir() };
    base.join(format!("fsync-fuzz-log-{}", std::process::id()))
});

fuzz_target!(|data: &[u8]| {
    for body in data.split(|b| *b == b'\n') {
        decode(body);
        let Some(body) = body.strip_prefix(b"{") else { continue };
        // Nobody guesses a sum.
        let sum = crc(body);
        let Some(line) = decode(&[format!("{{\"crc\":\"{sum:08x}\",").as_bytes(), body].concat())
        else {
            continue;
        };
        let mut text = Vec::new();
        encode(&line, &mut text);
        assert_eq!(text.pop(), Some(b'\n'));
        assert_eq!(decode(&text), Some(line), "{}", text.escape_ascii());
    }
    std::fs::write(&*PLACE, data).expect("room");
    let log = Log::new(&PLACE);
    let found = log.read(0).expect("a readable file");
    assert!(found.end <= data.len() as u64);
    let (whole, rest) = data.split_at(found.end as usize);
    let lines = |text: &[u8]| text.iter().filter(|b| **b == b'\n').count();
    assert_eq!(found.lines.len() + found.damaged.len(), lines(whole));
    assert!(whole.last().is_none_or(|b| *b == b'\n'));
    // What is left out at the end is a line that has no end yet, or what a crash has torn: zeros are in it.
    assert!(lines(rest) == 0 || rest.contains(&0));
    log.repository().expect("a readable file");
    log.tail(found.end).expect("a readable file");
    std::fs::remove_file(&*PLACE).expect("nothing is left behind");
});

/// The sum of zip files, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
