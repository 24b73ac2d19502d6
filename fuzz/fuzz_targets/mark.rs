//! SYNC and BACKUP: what a line of SYNC names is an absolute path or an address, without NUL, and BACKUP is an id or an error.

#![no_main]

use std::os::unix::ffi::OsStrExt;
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
            let mut text = Vec::new();
            for source in &sources {
                let path = source.path.as_os_str().as_bytes();
                assert!(path[0] == b'/' || sync::is_address(path));
                assert!(!path.contains(&0) && !path.contains(&b'\n'));
                text.extend([path, b"\n"].concat());
                let exclude = source.exclude.iter().map(|p| format!("--exclude={p}\n"));
                let include = source.include.iter().map(|p| format!("--include={p}\n"));
                exclude.chain(include).for_each(|line| text.extend(line.into_bytes()));
            }
            assert_eq!(sync::parse(&text), Ok(sources));
        }
        Err((line, _)) => assert!((1..=data.split(|b| *b == b'\n').count()).contains(&line)),
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
