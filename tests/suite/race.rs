//! The world moves while a program works; disks fill up.

use std::sync::atomic::{AtomicBool, Ordering};

use predicates::prelude::*;

use crate::support::{Oracle, Sandbox, Told, as_root, assert_same};

/// Runs `work` while `nuisance` is repeated in another thread.
fn meanwhile<T>(nuisance: impl Fn() + Sync, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                nuisance();
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|cause| std::panic::resume_unwind(cause))
    })
}

#[test]
fn a_tree_that_changes_while_it_is_recorded() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    for n in 0..100 {
        dst.file(format!("f{n}"), vec![n as u8; 20_000]);
    }
    let churn = || {
        dst.edit("coming", "x").edit("f7", vec![0; 30_000]);
        dst.remove("coming").edit("f7", "short");
    };
    for _ in 0..5 {
        let told = meanwhile(churn, || s.run("fsync-snap dst"));
        let code = told.get_output().status.code();
        assert!(matches!(code, Some(0 | 3)), "{told}");
    }
    s.run("fsync verify").code(0);
}

#[test]
fn a_repository_that_is_full_ends_the_run_before_anything_changes() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    let mut noise = 1u64;
    let mut roll = || {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (noise >> 40) as u8
    };
    let noise: Vec<u8> = (0..900_000).map(|_| roll()).collect();
    s.tree("src").file("f", "new");
    s.tree("dst")
        .file("f", "precious")
        .file("noise", noise)
        .settle();
    let before = Oracle::of(s.path("dst"));
    s.tree("repo").mode(".", 0o700);
    let script = "mount -t tmpfs -o size=300k,mode=700 none repo || exit 99; fsync cp --allow-low-space src dst; code=$?; ls repo/*.zip; exit $code";
    let told = s.cmd("unshare").args(["-m", "sh", "-c", script]).assert();
    told.code(9)
        .nothing()
        .stderr(predicate::str::contains("No space left"));
    before.assert_is(s.path("dst"));
}

#[test]
fn a_read_only_destination_is_reported() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src").file("f", "new");
    s.tree("dst").file("f", "old one");
    let script = "mount --bind dst dst && mount -o remount,bind,ro dst || exit 99
                  fsync-diff --json src dst | fsync-apply";
    s.cmd("unshare")
        .args(["-m", "sh", "-c", script])
        .assert()
        .code(3)
        .nothing()
        .stderr(predicate::str::contains("Read-only file system"));
    assert_eq!(s.tree("dst").read("f"), b"old one");
}

#[test]
fn a_mount_inside_is_compared_and_kept() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    s.tree("src").file("m/f", "").file("g", "").settle();
    s.tree("dst").dir("m").settle();
    let script = "mount -t tmpfs none dst/m && touch dst/m/x || exit 99
                  fsync-diff --json --delete src dst | fsync-apply; code=$?; ls dst/m; exit $code";
    s.cmd("unshare")
        .args(["-m", "sh", "-c", script])
        .assert()
        .code(0)
        .stdout("f\n");
    s.sh("fsync-diff --json src dst | fsync-apply").code(0);
    assert_same(s.path("src"), s.path("dst"));
}
