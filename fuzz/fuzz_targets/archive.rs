//! The archive reader: its directory, its local headers, what it says of itself, and the bytes of every entry that is
//! small. What is not as it was stored is an error, and nothing takes more memory than the archive says and holds.

#![no_main]

use std::fs::File;
use std::io::Write;

use fsync::model::{ErrorKind, SnapshotId};
use fsync::repo::volume::Volume;
use fsync::repo::{index, place};
use libfuzzer_sys::fuzz_target;
use rustix::fs::{MemfdFlags, memfd_create};

const NAME: &[u8] = b"an archive";

fuzz_target!(|data: &[u8]| {
    let mut file = File::from(memfd_create("archive", MemfdFlags::CLOEXEC).expect("memory"));
    file.write_all(data).expect("room");
    let file = Volume::from(file);
    let id = SnapshotId([7; 20]);
    let full = match index::read(&file, id, NAME) {
        Ok(full) => full,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Refused), "{error:?}");
            let text = error.to_string();
            assert!(!text.chars().any(char::is_control), "goes to a terminal: {text:?}");
            assert!(index::read_places(&file, id, NAME).is_err());
            return;
        }
    };
    let lean = index::read_places(&file, id, NAME).expect("the same again");
    assert_eq!((&full.what, &full.places), (&lean.what, &lean.places));
    for (content, at) in full.places.iter().filter(|(_, at)| at.size <= 1 << 20) {
        let _ = place::checked(&file, NAME, at, content);
    }
});
