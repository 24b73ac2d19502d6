//! SYNC and BACKUP: what a line of SYNC names is an absolute path without NUL, and BACKUP is an id or an error.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use fsync::disk::backup;
use fsync::model::ErrorKind;
use fsync::ops::sync;
use libfuzzer_sys::fuzz_target;

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let shm = std::path::Path::new("/dev/shm");
    let base = if shm.is_dir() { shm.into() } else { std::env::temp_dir() };
    let place = base.join(format!("fsync-fuzz-{}", std::process::id()));
    place
});

fuzz_target!(|data: &[u8]| {
    match sync::parse(data) {
        Ok(sources) => {
            let text: Vec<u8> = sources.iter().flat_map(|s| [s, &b"\n"[..]].concat()).collect();
            assert!(sources.iter().all(|s| s[0] == b'/' && !s.contains(&0) && !s.contains(&b'\n')));
            assert_eq!(sync::parse(&text), Ok(sources));
        }
        Err(line) => assert!((1..=data.split(|b| *b == b'\n').count()).contains(&line)),
    }
    std::fs::create_dir(&*PLACE).expect("a directory");
    std::fs::write(PLACE.join(".fsync-backup"), data).expect("a file");
    let dir = std::fs::File::open(&*PLACE).expect("a directory");
    match backup::read(&dir) {
        Ok(id) => assert_eq!(id.map(|id| format!("{id}\n").into_bytes()).as_deref(), Some(data)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::BadInput),
    }
    std::fs::remove_dir_all(&*PLACE).expect("nothing is left behind");
});
