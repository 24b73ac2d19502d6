//! What a file system keeps of what it is given.

/// What is known of a tree's file system from its type. The default is one that keeps everything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Medium {
    /// It keeps permission bits.
    pub modes: bool,
    /// It keeps owners and groups.
    pub owners: bool,
    /// It takes a modification time only together with an access time: so does libfuse 2, and says nothing.
    pub both_times: bool,
    /// It counts time in so many nanoseconds; 0 when its type does not say.
    pub tick_ns: u64,
}

impl Default for Medium {
    fn default() -> Self {
        Medium {
            modes: true,
            owners: true,
            both_times: false,
            tick_ns: 0,
        }
    }
}

/// FUSE's number, behind which any driver may be.
pub const FUSE: u64 = 0x6573_5546;

impl Medium {
    /// One whose modes and owners are made up when it is mounted.
    const fn bare(tick_ns: u64) -> Self {
        Medium {
            modes: false,
            owners: false,
            both_times: false,
            tick_ns,
        }
    }

    /// By the type that statfs(2) gives, or the name of a driver in user space.
    ///
    /// The numbers are those of linux/magic.h and of the drivers. rsync leaves all of this to options, and so does
    /// rclone; syncthing asks as we do (lib/fs), and takes FAT, exFAT and sdcardfs for file systems without modes.
    /// NTFS, SMB and NFS are not here: whether they keep modes is a matter of how they are mounted.
    pub fn of(number: u64, driver: Option<&str>) -> Self {
        const SECOND: u64 = 1_000_000_000;
        let kept = match (number, driver) {
            // FAT, also as `fuse.fusefat`: even seconds.
            (0x4d44, _) | (_, Some("fusefat" | "vfat" | "fat" | "msdos")) => {
                Medium::bare(2 * SECOND)
            }
            // exFAT: hundredths; what a driver rounds to more is seen by its stamps.
            (0x2011_bab0, _) | (_, Some("exfat")) => Medium::bare(10_000_000),
            // VirtualBox's and Android's shared folders.
            (0x786f_4256 | 0x5dca_2df5, _) => Medium::bare(0),
            // HFS, HFS+.
            (0x4244 | 0x482b, _) => Medium {
                tick_ns: SECOND,
                ..Medium::default()
            },
            _ => Medium::default(),
        };
        Medium {
            both_times: number == FUSE,
            ..kept
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fat_keeps_little_and_what_is_unknown_everything() {
        assert!(!Medium::of(0x4d44, None).modes);
        assert_eq!(Medium::of(FUSE, Some("fusefat")).tick_ns, 2_000_000_000);
        assert_eq!(Medium::of(0xef53, None), Medium::default());
        assert!(Medium::of(0x482b, None).owners);
    }
}
