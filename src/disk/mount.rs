//! Where directories really lie, seen through bind mounts: `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The mounts of this process; none where there is no /proc.
pub struct Mounts(Vec<Mount>);

struct Mount {
    device: Vec<u8>,
    root: PathBuf,
    point: PathBuf,
}

impl Mounts {
    /// Reads the table.
    pub fn read() -> Self {
        Self::parse(&std::fs::read("/proc/self/mountinfo").unwrap_or_default())
    }

    fn parse(text: &[u8]) -> Self {
        let mount = |line: &[u8]| {
            let mut fields = line.split(|b| *b == b' ').skip(2);
            let device = fields.next()?.to_vec();
            let root = unescape(fields.next()?);
            let point = unescape(fields.next()?);
            Some(Mount {
                device,
                root,
                point,
            })
        };
        Mounts(text.split(|b| *b == b'\n').filter_map(mount).collect())
    }

    /// Whether an absolute path, links resolved, is a mount point.
    pub fn is_mount_point(&self, path: &Path) -> bool {
        self.0.iter().any(|m| m.point == path)
    }

    /// The mount points below an absolute path, links resolved, relative to it.
    pub fn below<'p>(&'p self, path: &'p Path) -> impl Iterator<Item = &'p Path> {
        let inside = move |m: &'p Mount| m.point.strip_prefix(path).ok();
        let inside = self.0.iter().filter_map(inside);
        inside.filter(|rest| !rest.as_os_str().is_empty())
    }

    /// The device that an absolute path lies on, and its path inside that file system.
    fn place(&self, path: &Path) -> Option<(&[u8], PathBuf)> {
        let over = self.0.iter().filter(|m| path.starts_with(&m.point));
        // Of equal ones `max_by_key` takes the last, which hides the others.
        let mount = over.max_by_key(|m| m.point.as_os_str().len())?;
        let inside = path.strip_prefix(&mount.point).ok()?;
        Some((&mount.device, mount.root.join(inside)))
    }

    /// Whether one of two absolute paths, links resolved, is or holds the other, by name or through bind mounts.
    pub fn overlap(&self, a: &Path, b: &Path) -> bool {
        if a.starts_with(b) || b.starts_with(a) {
            return true;
        }
        match (self.place(a), self.place(b)) {
            (Some((da, pa)), Some((db, pb))) => {
                da == db && (pa.starts_with(&pb) || pb.starts_with(&pa))
            }
            _ => false,
        }
    }
}

/// Blanks, tabs, newlines and backslashes stand as three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut out = Vec::with_capacity(field.len());
    let mut at = 0;
    while at < field.len() {
        let digits = field.get(at + 1..at + 4).filter(|_| field[at] == b'\\');
        let octal = digits
            .and_then(|d| std::str::from_utf8(d).ok())
            .and_then(|d| u8::from_str_radix(d, 8).ok());
        out.push(octal.unwrap_or(field[at]));
        at += if octal.is_some() { 4 } else { 1 };
    }
    OsString::from_vec(out).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_through_bind_mounts() {
        let table = b"1 0 8:1 / / rw - ext4 d rw\n2 1 8:1 /home/a\\040b /mnt/x rw - ext4 d rw\n3 1 8:2 / /usb rw - vfat e rw\n";
        let mounts = Mounts::parse(table);
        let p = Path::new;
        assert!(mounts.overlap(p("/home"), p("/mnt/x/deep")));
        assert!(mounts.overlap(p("/mnt/x"), p("/home/a b")));
        assert!(!mounts.overlap(p("/home/c"), p("/mnt/x")));
        assert!(!mounts.overlap(p("/home"), p("/usb")));
        assert!(mounts.is_mount_point(p("/usb")) && !mounts.is_mount_point(p("/home")));
        assert_eq!(mounts.below(p("/mnt")).collect::<Vec<_>>(), [p("x")]);
        assert_eq!(mounts.below(p("/mnt/x")).count(), 0);
    }
}
