//! When two modification times are the same, on file systems that keep less of a time than they are given.
//!
//! A destination whose clock counts whole seconds never has the source's nanoseconds, and a comparison that
//! insisted on them would find something to do for ever. How coarse a clock is may be known from the file
//! system's type ([`crate::model::Medium`]). Where it is not, the entry itself tells, without anything being written: its
//! change time is the kernel's own stamp, which no program can choose. When change time and modification
//! time both are multiples of a second, the clock counts seconds; that a fine clock should stamp so by chance happens once
//! in 1e9 stamps (1e-7 for 10 ms). A modification time that somebody set by hand to a whole second on a fine clock
//! proves nothing, because the change time beside it is fine.
//!
//! Three signs are weaker than that, and there the contents decide ([`Times::Unsure`]), so that nothing is hidden:
//! - the change time is the modification time: some file systems (FAT; many in user space) copy one from the other,
//!   so it is no second witness. It is no witness at all where it is 0;
//! - both are even seconds: every fourth entry of a clock that counts seconds looks so;
//! - the time is the first or last that a file system can hold, and the source's lies beyond it.

use crate::model::entry::{Kind, State};
use crate::model::time::Time;

const SECOND: u64 = 1_000_000_000;

/// The ticks of clocks that there are, in nanoseconds: NTFS and SMB; UDF and servers; milliseconds; exFAT; seconds. The
/// coarsest first.
const TICKS: [u64; 5] = [SECOND, 10_000_000, 1_000_000, 1_000, 100];

/// FAT's tick, for which an entry alone is a weak witness.
const EVEN: u64 = 2 * SECOND;

/// The first and the last second that file systems hold: inode times of 32 bits (ext2, ext3, ext4 with 128-byte
/// inodes, XFS without bigtime) and of 34 (ext4: Documentation/filesystems/ext4/inodes.rst), XFS with bigtime
/// (xfs_format.h), NFSv3 (RFC 1813, unsigned), HFS+ (since 1904). A sign is weak, so strangers here do no harm.
const FIRST: [i64; 3] = [-0x8000_0000, 0, -2_082_844_800];
const LAST: [i64; 5] = [
    0x7fff_ffff,
    0x3_7fff_ffff,
    16_299_260_424,
    0xffff_ffff,
    2_212_122_495,
];
/// FAT's and exFAT's, 1980 to 2107, in local time: in UTC they may lie some quarters of an hour beside.
const FAT: (i64, i64) = (315_532_800, 4_354_819_198);
const QUARTER: i64 = 900;
const ZONES: i64 = 14 * 3600;

/// What comparing two times says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Times {
    /// They are the same.
    Same,
    /// They may well be: the contents of a file decide, and of anything else they are taken for the same.
    Unsure,
    /// They are not.
    Differ,
}

/// How modification times are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Clock {
    /// Times that differ by at most this many nanoseconds are the same.
    pub window_ns: u64,
    /// What the destination's file system is known to count in, in nanoseconds; 0 or 1 for what nothing is known of.
    pub tick_ns: u64,
    /// Times say nothing: contents decide wherever they differ.
    pub ignored: bool,
}

impl Clock {
    /// Holds a source's time against an entry of the destination.
    pub fn judge(self, source: Time, destination: &State) -> Times {
        let here = destination.mtime;
        let apart = source.distance_ns(here);
        if apart <= u128::from(self.window_ns) || apart < u128::from(self.tick_ns) {
            return Times::Same;
        }
        if self.ignored || at_limit(source, here) {
            return Times::Unsure;
        }
        let Some(stamp) = destination.inode.map(|i| i.ctime) else {
            return Times::Differ;
        };
        let both = |tick: u64| is_multiple(here, tick) && is_multiple(stamp, tick);
        let tick = TICKS.into_iter().find(|tick| both(*tick)).unwrap_or(1);
        match stamp != here {
            _ if stamp == Time::default() => Times::Differ,
            true if apart < u128::from(tick) => Times::Same,
            false if apart < u128::from(tick) => Times::Unsure,
            _ if apart < u128::from(EVEN) && both(EVEN) => Times::Unsure,
            _ => Times::Differ,
        }
    }

    /// The same, on a file system that counts at least in `tick_ns`.
    #[must_use]
    pub fn on(self, tick_ns: u64) -> Self {
        Clock {
            tick_ns: self.tick_ns.max(tick_ns),
            ..self
        }
    }

    /// Whether the contents of a file must be compared before it counts as having the source's time.
    pub fn is_unsure(self, source: &State, destination: &State) -> bool {
        let unsure = || self.judge(source.mtime, destination) == Times::Unsure;
        source.kind == Kind::File && source.size > 0 && unsure()
    }
}

fn is_multiple(time: Time, tick: u64) -> bool {
    match tick {
        EVEN => time.nanos == 0 && time.secs % 2 == 0,
        tick => u64::from(time.nanos).is_multiple_of(tick),
    }
}

/// Whether `here` is as far as a file system can go towards `source`.
fn at_limit(source: Time, here: Time) -> bool {
    if here.nanos != 0 {
        return false;
    }
    let near = |limit: i64| {
        // A manifest or a plan may say any time.
        let beside = here.secs.saturating_sub(limit).saturating_abs();
        beside <= ZONES && beside % QUARTER == 0
    };
    match source > here {
        true => LAST.contains(&here.secs) || near(FAT.1) || near(FAT.1 + 1),
        false => FIRST.contains(&here.secs) || near(FAT.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Inode;
    use proptest::prelude::*;

    fn entry(mtime: Time, ctime: Time) -> State {
        State {
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: 1,
            mtime,
            rdev: 0,
            target: None,
            inode: Some(Inode {
                dev: 1,
                ino: 1,
                ctime,
            }),
        }
    }

    fn judge(source: (i64, u32), mtime: (i64, u32), ctime: (i64, u32)) -> Times {
        let time = |(s, n)| Time::new(s, n);
        Clock::default().judge(time(source), &entry(time(mtime), time(ctime)))
    }

    const STAMP: (i64, u32) = (2_000_000_001, 0);
    const FINE: (i64, u32) = (2_000_000_001, 123_456_789);

    #[test]
    fn a_clock_of_seconds_is_known_by_its_own_stamp() {
        assert_eq!(judge((10, 999_999_999), (10, 0), STAMP), Times::Same);
        assert_eq!(judge((11, 0), (10, 0), STAMP), Times::Differ);
        assert_eq!(judge((10, 5), (10, 0), FINE), Times::Differ, "set by hand");
        assert_eq!(
            judge((10, 5), (10, 0), (2_000_000_001, 20_000_000)),
            Times::Same,
            "10 ms"
        );
        assert_eq!(
            judge((10, 10_000_000), (10, 0), (2_000_000_001, 20_000_000)),
            Times::Differ,
            "a whole tick apart"
        );
    }

    #[test]
    fn a_stamp_that_is_a_copy_or_nothing_is_no_witness() {
        assert_eq!(judge((10, 5), (10, 0), (10, 0)), Times::Unsure);
        assert_eq!(judge((10, 5), (10, 0), (0, 0)), Times::Differ);
    }

    #[test]
    fn even_seconds_prove_no_tick_of_two() {
        assert_eq!(judge((11, 5), (10, 0), (2_000_000_000, 0)), Times::Unsure);
        assert_eq!(judge((11, 5), (10, 0), STAMP), Times::Differ);
        assert_eq!(judge((12, 0), (10, 0), (2_000_000_000, 0)), Times::Differ);
    }

    #[test]
    fn what_is_known_of_a_file_system_needs_no_witness() {
        let fat = Clock {
            tick_ns: EVEN,
            ..Clock::default()
        };
        let on_fat = |s, n| fat.judge(Time::new(s, n), &entry(Time::new(10, 0), Time::new(10, 0)));
        assert_eq!(on_fat(11, 999_999_999), Times::Same);
        assert_eq!(on_fat(12, 0), Times::Differ);
    }

    #[test]
    fn beyond_a_limit_the_contents_decide() {
        let last = (0x7fff_ffff, 0);
        assert_eq!(judge((2_524_608_000, 7), last, STAMP), Times::Unsure);
        assert_eq!(judge((1_000_000_000, 7), last, STAMP), Times::Differ);
        assert_eq!(
            judge((-3_786_912_000, 7), (-0x8000_0000, 0), STAMP),
            Times::Unsure
        );
        assert_eq!(
            judge((16_725_225_600, 0), (0x3_7fff_ffff, 0), FINE),
            Times::Unsure
        );
        assert_eq!(
            judge((5, 0), (315_532_800 - 3600, 0), (1, 0)),
            Times::Unsure
        );
        assert_eq!(
            judge((5, 0), (315_532_800 - 3601, 0), (1, 1)),
            Times::Differ
        );
    }

    proptest! {
        /// Whatever the modification times: beside a fine stamp (no multiple of 100 ns) only equal ones are the same.
        #[test]
        fn a_fine_clock_hides_nothing(
            s in 0i64..4_000_000_000, n in 0u32..1_000_000_000, ds in -3i64..3, dn in 0u32..10,
            stamp in 0i64..4_000_000_000, fine in (0u32..9_999_999).prop_map(|n| n * 100 + 1),
        ) {
            let here = Time::new(s + ds, [0, n, n / 1000 * 1000, 500_000_000][dn as usize % 4]);
            let there = Time::new(s, n);
            let now = entry(here, Time::new(stamp, fine));
            let expected = here == there;
            let same = Clock::default().judge(there, &now) == Times::Same;
            prop_assert_eq!(same, expected);
        }

        /// What a coarse clock makes of a time is the same time to it, whenever it stamped; and a tick further is not.
        #[test]
        fn what_a_coarse_clock_cut_off_does_not_differ(
            s in 1_000_000i64..2_000_000_000, n in 0u32..1_000_000_000, at in 0usize..5,
            stamp in 1_000_000i64..2_000_000_000, m in 0u32..1_000_000_000,
        ) {
            let tick = TICKS[at] as u32;
            let cut = |s, n: u32| match tick {
                1_000_000_000 => Time::new(s, 0),
                tick => Time::new(s, n / tick * tick),
            };
            let now = entry(cut(s, n), cut(stamp, m));
            prop_assert_ne!(Clock::default().judge(Time::new(s, n), &now), Times::Differ);
            let later = Time::new(s + 2, n);
            prop_assert_eq!(Clock::default().judge(later, &now), Times::Differ);
        }

        /// A window is a window on every clock.
        #[test]
        fn a_window_is_kept(apart in 0u64..5_000_000_000, window in 0u64..5_000_000_000) {
            let clock = Clock { window_ns: window, ..Clock::default() };
            let source = Time::new(100 + (apart / SECOND) as i64, (apart % SECOND) as u32);
            let now = entry(Time::new(100, 0), Time::new(7, 77));
            prop_assert_eq!(clock.judge(source, &now) == Times::Same, apart <= window);
        }
    }
}
