//! The log reader: what a line says, given its sum; and a whole file, of which it says where whole lines end.

#![no_main]

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use fsync::repo::log::{Log, decode, encode};
use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, memfd_create};

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
    let mut file = File::from(memfd_create("log", MemfdFlags::CLOEXEC).expect("memory"));
    file.write_all(data).expect("room");
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let log = Log::new(&path);
    let found = log.read(0).expect("a readable file");
    let whole = data.iter().filter(|b| **b == b'\n').count();
    assert_eq!(found.lines.len() + found.damaged.len(), whole);
    assert!(found.end <= data.len() as u64 && (found.end == 0 || data[found.end as usize - 1] == b'\n'));
    log.repository().expect("a readable file");
    log.tail(found.end).expect("a readable file");
});

/// The sum of zip files, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
