//! How an entry is shown: its kind, its times and its numbers, as the kernel's protocol has them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fsync::model::{Entry, Kind, Time};
use fuser::{FileAttr, FileType, INodeNo};

/// The size of a block, as most file systems have it.
const BLOCK: u64 = 4096;

/// All that stat(2) tells of an entry with that inode number and that many names.
pub fn all(number: u64, entry: &Entry, links: u32) -> FileAttr {
    let state = &entry.state;
    let size = state.target.as_ref().map_or(state.size, |t| t.len() as u64);
    let blocks = match state.kind {
        // Fewer than its bytes would take, which is how cp(1) and others tell that there are holes.
        Kind::File if entry.sparse => (state.size / 512).saturating_sub(BLOCK / 512),
        Kind::File => state.size.div_ceil(BLOCK).saturating_mul(BLOCK / 512),
        _ => 0,
    };
    let mtime = moment(state.mtime);
    FileAttr {
        ino: INodeNo(number),
        size,
        blocks,
        atime: mtime,
        mtime,
        ctime: mtime,
        crtime: mtime,
        kind: file_type(state.kind),
        perm: (state.mode & 0o7777) as u16,
        nlink: links,
        uid: state.uid,
        gid: state.gid,
        rdev: device(state.rdev),
        blksize: BLOCK as u32,
        flags: 0,
    }
}

/// Its kind, as a directory's listing has it.
pub fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::File => FileType::RegularFile,
        Kind::Directory => FileType::Directory,
        Kind::Symlink => FileType::Symlink,
        Kind::Fifo => FileType::NamedPipe,
        Kind::Socket => FileType::Socket,
        Kind::CharDevice => FileType::CharDevice,
        Kind::BlockDevice => FileType::BlockDevice,
    }
}

/// A device number as the kernel's protocol packs it.
fn device(rdev: u64) -> u32 {
    let (major, minor) = (rustix::fs::major(rdev), rustix::fs::minor(rdev));
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

fn moment(time: Time) -> SystemTime {
    let nanos = Duration::from_nanos(u64::from(time.nanos));
    let whole = Duration::from_secs(time.secs.unsigned_abs());
    let second = match time.secs < 0 {
        true => UNIX_EPOCH.checked_sub(whole),
        false => UNIX_EPOCH.checked_add(whole),
    };
    second
        .and_then(|s| s.checked_add(nanos))
        .unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_times_are_packed_as_the_kernel_has_them() {
        assert_eq!(device(rustix::fs::makedev(1, 3)), 0x103);
        assert_eq!(device(rustix::fs::makedev(8, 0x12345)), 0x1230_0845);
        let before = moment(Time::new(-2, 5));
        let distance = UNIX_EPOCH.duration_since(before).unwrap();
        assert_eq!(distance, Duration::new(1, 999_999_995));
    }
}
