//! The names of what is being made: whose they are is told by the name, so that a later run can sweep them.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

use crate::disk::{Folder, Root, meta};
use crate::model::{RelPath, Time, name};
use crate::tree::local::state_of_handle;

/// Sweeps every directory below a root, through no symbolic link, whatever becomes of the tree meanwhile. What cannot
/// be opened or listed is passed over.
pub fn sweep_below(root: &Root) {
    let mut left = vec![RelPath::root()];
    while let Some(path) = left.pop() {
        let Ok(folder) = root.folder(&path) else {
            continue;
        };
        let below = folder.directories().unwrap_or_default();
        left.extend(below.iter().map(|name| path.join(name.to_bytes())));
        sweep(root, &folder);
    }
}

/// Sweeps the root itself, and nothing below it.
pub fn sweep_root(root: &Root) {
    if let Ok(folder) = root.folder(&RelPath::root()) {
        sweep(root, &folder);
    }
}

/// Sweeps one directory, whose time stays as it was; one in which there was nothing is not touched.
fn sweep(root: &Root, folder: &Folder) {
    let before = state_of_handle(folder.handle());
    let swept = folder.sweep().unwrap_or_default();
    if let (Ok(before), 1..) = (before, swept) {
        let both = root.medium().both_times;
        let _ = meta::set_mtime(folder.handle(), before.mtime, both);
    }
}

/// How the temporary name of a directory ends that is filled before it gets its own.
pub const FILLED: &[u8] = b"-filled";

/// The temporary name of a directory that is to be filled.
pub fn temporary_filled() -> Vec<u8> {
    [&temporary(), FILLED].concat()
}

/// A temporary's name that nothing else has: the process, when it began, and a number.
pub fn temporary() -> Vec<u8> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static STEM: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let clock = Time::now();
        let mark = (clock.secs as u64).wrapping_mul(1_000_000_007) ^ u64::from(clock.nanos);
        let stem = format!("{}-{:x}-", std::process::id(), mark & 0xffff_ffff);
        [name::TEMPORARY_PREFIX, stem.as_bytes()].concat()
    });
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = STEM.clone();
    name.extend(format!("{number:x}").bytes());
    name
}

/// Whether `name` is a temporary whose process is no more. One that runs may be at work elsewhere in the tree.
pub fn is_abandoned(name: &[u8]) -> bool {
    let Some(rest) = name.strip_prefix(name::TEMPORARY_PREFIX) else {
        return false;
    };
    let rest = rest.strip_suffix(FILLED).unwrap_or(rest);
    let mut parts = rest.split(|b| *b == b'-');
    let number = |part: Option<&[u8]>, radix| {
        let text = std::str::from_utf8(part?).ok()?;
        u64::from_str_radix(text, radix).ok()
    };
    // Anything but the shape that `temporary` makes is somebody else's.
    let (pid, mark, count) = (
        number(parts.next(), 10),
        number(parts.next(), 16),
        number(parts.next(), 16),
    );
    let ours = mark.is_some() && count.is_some() && parts.next().is_none();
    match pid
        .and_then(|p| i32::try_from(p).ok())
        .and_then(rustix::process::Pid::from_raw)
    {
        Some(pid) => ours && pid != rustix::process::getpid() && !is_running(pid),
        None => false,
    }
}

/// Whether a process runs; one that is dead and only waits for its parent to take notice does not.
fn is_running(pid: rustix::process::Pid) -> bool {
    if rustix::process::test_kill_process(pid) == Err(Errno::SRCH) {
        return false;
    }
    let stat = std::fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    // proc_pid_stat(5): the name is in parentheses and may hold any; the state follows.
    let end = stat.iter().rposition(|b| *b == b')').unwrap_or(0);
    !matches!(stat.get(end + 2), Some(b'Z' | b'X'))
}
