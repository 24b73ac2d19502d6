//! How much a file system holds and could still take: statvfs(3).

use std::os::fd::AsFd;

use rustix::fs::{fstatfs, fstatvfs};

/// ext2, ext3 and ext4; XFS; tmpfs; FAT; exFAT: a file's bytes take at least as much room as there are, but for holes.
/// (Not so where a file system compresses, lies over others, or is somewhere else. XFS may share blocks; what is
/// missed then is found out when the disk is full, as everywhere.)
const PLAIN: [u64; 5] = [0xef53, 0x5846_5342, 0x0102_1994, 0x4d44, 0x2011_bab0];

/// Figures of a file system.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    /// Bytes that everybody may still write.
    pub free: u64,
    /// Bytes in use.
    pub used: u64,
    /// Inodes in use.
    pub inodes: u64,
    /// No file on it holds more bytes than it uses.
    pub plain: bool,
}

/// The figures of the file system that an open file or directory lies on; `None` when it gives none.
pub fn room(handle: impl AsFd) -> Option<Room> {
    let figures = fstatvfs(&handle).ok()?;
    let number = fstatfs(&handle).ok()?.f_type as u64 & 0xffff_ffff;
    let bytes = |blocks: u64| blocks.saturating_mul(figures.f_frsize);
    (figures.f_blocks > 0).then(|| Room {
        free: bytes(figures.f_bavail),
        used: bytes(figures.f_blocks.saturating_sub(figures.f_bfree)),
        inodes: figures.f_files.saturating_sub(figures.f_ffree),
        plain: PLAIN.contains(&number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_lies_on_something() {
        let dir = tempfile::tempdir().unwrap();
        let room = room(std::fs::File::open(dir.path()).unwrap()).unwrap();
        assert!(room.free > 0);
        assert_eq!(super::room(std::fs::File::open("/proc").unwrap()), None);
    }
}
