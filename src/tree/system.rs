//! Which file system an open directory lies on, as far as that matters: fstatfs(2), and of drivers in user space the mount table.

use std::os::fd::AsFd;

use rustix::fs::{AtFlags, StatxFlags, fstatfs, statx};

use crate::model::Medium;
use crate::model::medium::FUSE;

/// What is known of the file system of an open directory. One that cannot be asked keeps everything.
pub fn medium(handle: impl AsFd) -> Medium {
    let Ok(system) = fstatfs(&handle) else {
        return Medium::default();
    };
    // Some architectures give the 32 bits with a sign.
    let number = system.f_type as u64 & 0xffff_ffff;
    match number {
        FUSE => Medium::of(number, driver(handle).as_deref()),
        _ => Medium::of(number, None),
    }
}

/// The driver behind a FUSE mount, by the mount's type in /proc/self/mountinfo: `fuse.NAME`.
fn driver(handle: impl AsFd) -> Option<String> {
    let stat = statx(handle, c"", AtFlags::EMPTY_PATH, StatxFlags::empty()).ok()?;
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    driver_in(
        &table,
        &format!("{}:{}", stat.stx_dev_major, stat.stx_dev_minor),
    )
}

fn driver_in(table: &str, device: &str) -> Option<String> {
    let line = table
        .lines()
        .find(|l| l.split(' ').nth(2) == Some(device))?;
    let system = line.split(" - ").nth(1)?.split(' ').next()?;
    system.strip_prefix("fuse.").map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_drivers_in_user_space() {
        let table = "1 0 0:38 / /a rw - fuse sshfs rw\n65 44 0:39 / /n rw,nosuid - fuse.fusefat fusefat rw\n";
        assert_eq!(driver_in(table, "0:39").as_deref(), Some("fusefat"));
        assert_eq!(driver_in(table, "0:38"), None);
    }

    #[test]
    fn an_ordinary_directory_keeps_everything() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(
            medium(std::fs::File::open(dir.path()).unwrap()),
            Medium::default()
        );
    }
}
