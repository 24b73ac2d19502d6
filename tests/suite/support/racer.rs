//! Somebody who changes a tree as fast as he can while a program works on it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Runs `work` while each of `nuisances` is repeated in a thread of its own; how often, in all.
pub fn meanwhile<T>(nuisances: &[&(dyn Fn() + Sync)], work: impl FnOnce() -> T) -> (T, u64) {
    let (stop, tries) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = std::thread::scope(|scope| {
        for nuisance in nuisances {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    nuisance();
                    tries.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|cause| std::panic::resume_unwind(cause))
    });
    (result, tries.into_inner())
}

/// Lets two names change places; one that is gone for the moment does not matter.
pub fn exchange(one: &Path, other: &Path) {
    let _ = renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE);
}
