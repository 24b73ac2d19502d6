//! The world moves while a program works; disks fill up.

use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use predicates::prelude::*;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::support::{Oracle, Sandbox, Told, Traces, as_root, assert_same};

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
fn conformance_56_a_torn_read_is_never_committed_silently() {
    let s = Sandbox::new();
    let size = 24 << 20;
    s.tree("src").file("log", vec![0; size]).file("other", "x");
    let writer = fs::OpenOptions::new()
        .write(true)
        .open(s.path("src/log"))
        .expect("it");
    let version = std::sync::atomic::AtomicU8::new(1);
    let rewrite = || {
        let fill = vec![version.fetch_add(1, Ordering::Relaxed); 1 << 20];
        for at in 0..(size >> 20) {
            writer
                .write_all_at(&fill, (at << 20) as u64)
                .expect("a write");
        }
        std::thread::sleep(Duration::from_millis(12));
    };
    for round in 0..5 {
        let dst = format!("dst{round}");
        let told = meanwhile(rewrite, || {
            s.sh(&format!("fsync-diff --json src {dst} | fsync-apply"))
        });
        let code = told.get_output().status.code();
        assert!(matches!(code, Some(0 | 3)), "{told}");
        assert_eq!(s.tree(&dst).read("other"), b"x", "the rest is done");
        if s.tree(&dst).has("log") {
            let bytes = s.tree(&dst).read("log");
            assert!(
                bytes.iter().all(|b| *b == bytes[0]),
                "torn, and exit {code:?}"
            );
            assert_eq!(bytes.len(), size);
        } else {
            assert_eq!(code, Some(3), "{told}");
            assert!(told.complaint().contains("\"log\""), "{told}");
        }
    }
}

#[test]
fn conformance_55_a_source_that_shrinks_and_grows() {
    let s = Sandbox::new();
    s.tree("src")
        .file("moving", vec![1; 8 << 20])
        .file("still", "x");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(s.path("src/moving"))
        .expect("it");
    let wobble = || {
        file.set_len(100).expect("shorter");
        std::thread::sleep(Duration::from_micros(300));
        file.set_len(8 << 20).expect("longer");
        std::thread::sleep(Duration::from_micros(300));
    };
    for round in 0..5 {
        let dst = format!("dst{round}");
        let told = meanwhile(wobble, || {
            s.sh(&format!("fsync-diff --json src {dst} | fsync-apply"))
        });
        assert!(
            matches!(told.get_output().status.code(), Some(0 | 3)),
            "{told}"
        );
        assert_eq!(s.tree(&dst).read("still"), b"x");
        let ours = Oracle::of(s.path(&dst));
        assert!(ours.len() <= 2, "no temporary is left");
    }
}

#[test]
fn conformance_58_a_parent_flipping_between_directory_and_link() {
    let s = Sandbox::new();
    let src = s.tree("src");
    for n in 0..300 {
        src.file(format!("d/e/f{n}"), "x");
    }
    src.settle();
    s.tree("outside").dir("e").settle();
    s.tree("dst").dir("d/e").link("evil", "../outside");
    let outside = Traces::of(s.path("outside"));
    let (one, two) = (s.path("dst/d"), s.path("dst/evil"));
    let flip = || {
        renameat_with(CWD, &one, CWD, &two, RenameFlags::EXCHANGE).expect("a flip");
        std::thread::sleep(Duration::from_micros(50));
    };
    for _ in 0..6 {
        let plan = s
            .run("fsync-diff --json src dst")
            .code(predicate::in_iter([0, 3]))
            .bytes();
        let told = meanwhile(flip, || s.feed("fsync-apply", &plan));
        assert!(
            matches!(told.get_output().status.code(), Some(0 | 3)),
            "{told}"
        );
        outside.assert_untouched(s.path("outside"));
        s.sh("find dst -type f -delete").success();
    }
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
fn conformance_60_a_destination_that_is_full() {
    if !as_root() {
        return;
    }
    let s = Sandbox::new();
    let src = s.tree("src");
    for n in 0..6 {
        src.file(format!("f{n}"), vec![n; 300_000]);
    }
    src.settle();
    s.tree("dst");
    let script = "mount -t tmpfs -o size=1m none dst && echo was > dst/old && touch -d @1000000 dst dst/old || exit 99
                  fsync cp src dst; echo code $?
                  find dst -name '.fsync-tmp-*' | wc -l; ls dst | wc -l
                  fsync rv -q -d dst; echo code $?; ls -A dst; cat dst/old; stat -c %Y dst/old";
    let told = s
        .cmd("unshare")
        .args(["-m", "sh", "-c", script])
        .assert()
        .code(0);
    let text = told.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["code 3", "0"], "{text}\n{}", told.complaint());
    let held: usize = lines[2].parse().expect("a count");
    assert!((2..=5).contains(&held), "what fitted is there: {text}");
    assert_eq!(lines[3..], ["code 0", "old", "was", "1000000"], "{text}");
    assert!(
        told.complaint().contains("No space left"),
        "{}",
        told.complaint()
    );
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
