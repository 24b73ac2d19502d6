//! Cases 54 to 60: kills, races, full disks.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use assert_cmd::assert::Assert;
use predicates::prelude::*;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::{
    FREE, Oracle, Person, Sandbox, T0, Told, Traces, outcomes, quick_or_long, trees,
};
use crate::table::case;
use crate::way::{Way, nothing_left};

const LARGE: usize = 96 << 20;

/// The temporaries in a directory, with their sizes.
fn temporaries(s: &Sandbox, directory: &str) -> Vec<(String, u64)> {
    let list = fs::read_dir(s.path(directory)).expect("a listing");
    list.filter_map(|item| {
        let item = item.ok()?;
        let name = item.file_name().to_string_lossy().into_owned();
        let size = item.metadata().ok()?.len();
        name.starts_with(".fsync-tmp-").then_some((name, size))
    })
    .collect()
}

/// Runs a script in a process group of its own and kills all of it as soon as a temporary is partly written; whether it
/// came to that.
fn killed_in_the_middle(s: &Sandbox, script: &str) -> bool {
    let mut shell = s.plain("sh");
    let mut child = shell
        .args(["-c", script])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let group = Pid::from_child(&child);
    let partly = |(_, size): &(String, u64)| (1..LARGE as u64).contains(size);
    let mut ended = false;
    while !ended && !temporaries(s, "dst").iter().any(partly) {
        ended = child.try_wait().expect("a state").is_some();
        std::hint::spin_loop();
    }
    // Everybody may be gone already.
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().expect("it ends");
    !ended
}

#[test]
fn case_54_killed_in_the_middle_of_a_large_file() {
    let _case = case(54);
    for way in Way::ALL {
        let s = Sandbox::new();
        s.tree("src")
            .file("large", vec![1; LARGE])
            .file("z", "z")
            .settle();
        let dst = s.tree("dst");
        let old = "the old bytes";
        dst.file("large", old).file("kept", "k").settle();
        let (mut kills, mut left) = (0, 0);
        for _ in 0..40 {
            kills += usize::from(killed_in_the_middle(&s, &way.plain("")));
            left += temporaries(&s, "dst").len();
            if dst.read("large") != old.as_bytes() {
                // The kill came too late: from the beginning.
                assert!(
                    dst.read("large") == s.tree("src").read("large"),
                    "half a file"
                );
                dst.file("large", old);
                continue;
            }
            // No temporary is planned, as destination or as source, nor recorded.
            for options in [
                "--delete",
                "--delete --json",
                "--delete --checksum --xattrs",
            ] {
                for roots in ["src dst", "dst src", "dst none/"] {
                    s.run(&format!("fsync-diff {options} {roots}"))
                        .code(0)
                        .stdout(predicate::str::contains(".fsync-tmp-").not())
                        .stdout(predicate::str::contains("large"));
                }
            }
            let id = s.snap("dst");
            s.run(&format!("fsync ls {id}"))
                .code(0)
                .stdout(predicate::str::contains(".fsync-").not());
            if kills >= 3 && left > 0 {
                break;
            }
        }
        assert!(
            kills >= 3 && left > 0,
            "{way:?}: {kills} kills, {left} left over"
        );
        // The next run finishes, and sweeps.
        s.sh(&way.plain("")).code(0).nothing();
        assert!(dst.read("large") == s.tree("src").read("large"));
        assert!(dst.has("kept") && dst.has("z"));
        nothing_left(&s, "dst");
        s.run("fsync verify -q").code(0);
    }
}

/// Two small files and a large one that takes a while.
fn large(p: &Person) {
    trees(p, |src, dst| {
        src.file("a", "a").file("z", "z");
        src.file("large", vec![1; LARGE / 2]).settle();
        dst.file("large", "the old bytes")
            .file("z", "old z")
            .settle();
    });
}

/// Runs a script while a thread does something to the source's large file, over and over or `times`, from the moment when it
/// is opened. What was told, and how often the file was opened.
fn disturbed(
    p: &Person,
    script: &str,
    times: usize,
    disturb: impl Fn(&File, usize) + Sync,
) -> (Assert, usize) {
    let path = p.s.path("src/large");
    let file = File::options().write(true).open(&path).expect("it");
    let watch = inotify::init(CreateFlags::NONBLOCK).expect("a watch");
    inotify::add_watch(&watch, &path, WatchFlags::OPEN).expect("a watch");
    let (stop, rounds, opens) = (
        AtomicBool::new(false),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut event = [0; 16 * 64];
            while !stop.load(Ordering::Relaxed) {
                if let Ok(read) = rustix::io::read(&watch, &mut event) {
                    // Without a name an event is 16 bytes.
                    opens.fetch_add(read / 16, Ordering::Relaxed);
                }
                let round = rounds.load(Ordering::Relaxed);
                if opens.load(Ordering::Relaxed) > 0 && round < times {
                    disturb(&file, round);
                    rounds.store(round + 1, Ordering::Relaxed);
                }
                std::hint::spin_loop();
            }
        });
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| p.sh(script)));
        stop.store(true, Ordering::Relaxed);
        let told = told.unwrap_or_else(|cause| std::panic::resume_unwind(cause));
        let mut rest = [0; 16 * 64];
        let late = rustix::io::read(&watch, &mut rest).map_or(0, |read| read / 16);
        (told, opens.load(Ordering::Relaxed) + late)
    })
}

/// The same from the beginning until the disturbance came in time: on a busy machine all may be read before it begins, and
/// then all that was read is there.
fn in_time(p: &Person, run: impl Fn() -> (Assert, usize)) -> (Assert, usize) {
    for _ in 0..30 {
        p.s.sh("rm -rf src dst").success();
        large(p);
        let (told, opens) = run();
        if told.get_output().status.code() != Some(0) {
            return (told, opens);
        }
        let bytes = p.s.tree("dst").read("large");
        let whole = bytes.len() == LARGE / 2 && bytes.iter().all(|b| *b == 1);
        assert!(whole, "committed in silence: {told}");
    }
    panic!("it was never disturbed in time");
}

/// The large file is told of, with exit 3; the others are done; nothing is left over.
#[track_caller]
fn only_the_large_one(p: &Person, told: Assert) {
    let told = told.code(3);
    assert!(told.complaint().contains("\"large\""), "{told}");
    assert!(
        !told.complaint().contains("\"a\"") && !told.complaint().contains("\"z\""),
        "{told}"
    );
    let dst = p.s.tree("dst");
    assert_eq!(
        (dst.read("a"), dst.read("z")),
        (b"a".to_vec(), b"z".to_vec())
    );
    assert_eq!(dst.read("large"), b"the old bytes");
    assert_eq!(Oracle::of(dst.root()).len(), 3, "no temporary");
    p.sh("rm -f src/gone; fsync-diff --json src dst | fsync-apply")
        .code(0);
}

#[test]
fn case_55_a_source_that_moves_while_it_is_read() {
    let _case = case(55);
    type Disturb = fn(&File, usize);
    let table: [(&str, Disturb); 3] = [
        ("grows", |file, round| {
            let at = (LARGE / 2 + 4 * round) as u64;
            file.write_all_at(b"more", at).expect("a write");
        }),
        ("shrinks", |file, round| {
            file.set_len((LARGE / 4).saturating_sub(round) as u64)
                .expect("shorter");
        }),
        ("shrinks and grows again", |file, round| {
            file.set_len(if round % 2 == 0 {
                100
            } else {
                LARGE as u64 / 2
            })
            .expect("another length");
        }),
    ];
    for way in Way::ALL {
        for (what, disturb) in table {
            for p in Person::everyone() {
                eprintln!("{way:?}: {what}");
                let told = in_time(&p, || disturbed(&p, &way.plain(""), usize::MAX, disturb));
                only_the_large_one(&p, told.0);
            }
        }
    }
}

#[test]
fn case_55_a_source_that_vanishes() {
    let _case = case(55);
    for p in Person::everyone() {
        // While it is read: gone from its name, though its bytes can still be read.
        large(&p);
        let path = p.s.path("src/large");
        let unlink = |_: &File, _: usize| fs::remove_file(&path).expect("gone");
        let (told, _) = disturbed(&p, &Way::Command.plain(""), 1, unlink);
        let code = told.get_output().status.code();
        // What was open can still be read to its end; then it is whole, or else it is told.
        let bytes = p.s.tree("dst").read("large");
        let whole = bytes.len() == LARGE / 2 && bytes.iter().all(|b| *b == 1);
        assert!(
            code == Some(3) && bytes == b"the old bytes" || code == Some(0) && whole,
            "{told}"
        );
        assert_eq!(p.s.tree("dst").read("z"), b"z");
        nothing_left(&p.s, "dst");
    }
    for way in Way::ALL {
        // Between the plan and its turn.
        let s = Sandbox::new();
        for n in 0..30 {
            s.tree("src").file(format!("d{}/f{n}", n % 3), "x");
        }
        let between = "rm src/d1/f1 && rm -r src/d2";
        let script = match way {
            Way::Lines => format!("fsync-diff src dst >plan; {between}; fsync-apply src dst <plan"),
            _ => format!("fsync-diff --json src dst >plan; {between}; fsync-apply <plan"),
        };
        let told = s.sh(&script).code(3).nothing();
        let said = told.complaint();
        for name in ["\"d1/f1\"", "\"d2\"", "\"d2/f2\""] {
            assert!(said.contains(name), "{name}: {said}");
        }
        assert_eq!(
            said.lines().count(),
            12,
            "each is named, and no other: {said}"
        );
        s.sh("fsync-diff --json src dst | fsync-apply").code(0);
        assert!(s.tree("dst").has("d0/f0") && s.tree("dst").has("d1/f4"));
    }
}

#[test]
fn case_56_torn_content_is_never_committed() {
    let _case = case(56);
    for p in Person::everyone() {
        // Written again and again, with every time set back: nothing but the reading itself tells.
        let path = p.s.path("src/large");
        let rewrite = |file: &File, round: usize| {
            let fill = vec![round as u8 | 2; 1 << 20];
            for at in (0..LARGE / 2).step_by(8 << 20) {
                file.write_all_at(&fill, at as u64).expect("a write");
            }
            set_back(&path);
        };
        for way in Way::ALL {
            let (told, opens) =
                in_time(&p, || disturbed(&p, &way.plain("-c"), usize::MAX, rewrite));
            let bytes = p.s.tree("dst").read("large");
            let told = told.code(3);
            assert!(told.complaint().contains("\"large\""), "{told}");
            assert_eq!(bytes, b"the old bytes", "never committed");
            assert!(opens >= 2, "tried again: opened {opens} times");
            nothing_left(&p.s, "dst");
        }
    }
}

/// Gives a file its old time again.
fn set_back(path: &std::path::Path) {
    use rustix::fs::{AtFlags, Timespec, Timestamps, utimensat};
    let time = Timespec {
        tv_sec: T0.0,
        tv_nsec: T0.1,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    utimensat(CWD, path, &times, AtFlags::empty()).expect("a time");
}

#[test]
fn case_56_one_write_is_survived_by_trying_again() {
    let _case = case(56);
    for p in Person::everyone() {
        large(&p);
        let path = p.s.path("src/large");
        let once = |file: &File, _: usize| {
            file.write_all_at(&[5; 4096], LARGE as u64 / 2 - 4096)
                .expect("a write");
            set_back(&path);
        };
        p.sh("fsync-diff --json src dst >plan").code(0);
        let (told, opens) = disturbed(&p, "fsync-apply --json <plan", 1, once);
        let words = outcomes(&told.records());
        let is_new = p.s.tree("dst").read("large") == p.s.tree("src").read("large");
        match told.get_output().status.code() {
            Some(0) => assert!(is_new && opens >= 1, "{words:?}"),
            Some(3) => {
                assert!(
                    words
                        .iter()
                        .any(|w| w == "large torn" || w == "large stale"),
                    "{words:?}"
                );
                assert_eq!(p.s.tree("dst").read("large"), b"the old bytes");
            }
            code => panic!("{code:?}: {told}"),
        }
        p.sh("fsync-diff --json src dst | fsync-apply").code(0);
        assert!(p.s.tree("dst").read("large") == p.s.tree("src").read("large"));
    }
}

/// A folder of programs in which one does something before it does its work.
fn interposed(s: &Sandbox, program: &str, before: &str) -> String {
    let programs = Sandbox::programs();
    let bin = s.tree("bin");
    for name in ["fsync-diff", "fsync-snap", "fsync-apply"] {
        let real = programs.join(name).display().to_string();
        let first = if name == program { before } else { ":" };
        bin.file(name, format!("#!/bin/sh\n{first}\nexec '{real}' \"$@\"\n"))
            .mode(name, 0o755);
    }
    s.path("bin").display().to_string()
}

#[test]
fn case_57_a_destination_that_changed_after_the_plan() {
    let _case = case(57);
    let interferences = [
        ("edited", "echo \"somebody's work\" >dst/a"),
        ("chmodded", "chmod 600 dst/a"),
        ("touched", "touch dst/a"),
        ("replaced", "rm dst/a; echo \"somebody's work\" >dst/a"),
        ("a link", "ln -sf elsewhere dst/a"),
        ("a directory", "rm dst/a; mkdir dst/a; echo x >dst/a/x"),
        ("gone", "rm dst/a"),
        (
            "same time and size",
            "echo A >dst/a; touch -d @1600000000.123456789 dst/a",
        ),
    ];
    for way in Way::ALL {
        for (what, interfere) in interferences {
            let s = Sandbox::new();
            let (src, dst) = (s.tree("src"), s.tree("dst"));
            src.file("a", "new a")
                .file("b", "new b")
                .file("new", "n")
                .settle();
            dst.file("a", "a\n")
                .file("b", "b")
                .file("gone", "g")
                .settle();
            let then = format!(
                "{interfere}; cp -a dst/a found 2>/dev/null; stat -c '%i %z' dst/a >stamp 2>/dev/null"
            );
            let told = match way {
                // The command's own stages, the last of which comes late.
                Way::Command => {
                    let bin = interposed(&s, "fsync-apply", "cat >plan; sh then; exec <plan");
                    s.tree(".").file("then", &then);
                    s.sh(&format!("fsync --exec-path {bin} cp --delete src dst"))
                }
                Way::Records => s.sh(&format!(
                    "fsync-diff --json --delete src dst >plan; {then}; fsync-apply <plan"
                )),
                // The line form looks again: what it finds is what it is to overwrite, unless the letter disagrees.
                Way::Lines => s.sh(&format!(
                    "printf 'A\\ta\\nM\\tb\\nD\\tgone\\nA\\tnew\\n' >plan; {then}; fsync-apply src dst <plan"
                )),
            };
            let gone = !dst.has("a");
            if way == Way::Lines && what == "gone" {
                continue;
            }
            let told = told.code(3);
            assert!(
                told.complaint().contains("\"a\": stale"),
                "{way:?}, {what}: {told}"
            );
            assert_eq!(gone, what == "gone", "{way:?}, {what}");
            s.sh("[ -e dst/a ] || exit 0; stat -c '%i %z' dst/a | cmp - stamp && diff -r dst/a found")
                .code(predicate::in_iter(if what == "a link" { [0, 2] } else { [0, 0] }));
            assert_eq!(
                (dst.read("b"), dst.read("new")),
                (b"new b".to_vec(), b"n".to_vec())
            );
            assert!(!dst.has("gone"), "the rest is done");
        }
    }
}

/// A source with 300 files below `d/e`; at the destination `d/e`, and `evil`, a link to a directory outside.
fn swappable() -> Sandbox {
    let s = Sandbox::new();
    let src = s.tree("src");
    for n in 0..300 {
        src.file(format!("d/e/f{n}"), "x");
    }
    src.mode("d/e", 0o700).link("evil", "../outside").settle();
    s.tree("outside")
        .dir("e")
        .file("e/f7", "precious")
        .file("e/gone", "precious")
        .settle();
    s.tree("dst")
        .dir("d/e")
        .file("d/e/gone", "g")
        .link("evil", "../outside");
    s
}

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
fn case_58_a_parent_that_flips_between_directory_and_link() {
    let _case = case(58);
    let s = swappable();
    let (one, two) = (s.path("dst/d"), s.path("dst/evil"));
    let flips = AtomicUsize::new(0);
    let flip = || {
        // What the plan takes away cannot be flipped any more.
        let flipped = renameat_with(CWD, &one, CWD, &two, RenameFlags::EXCHANGE);
        flips.fetch_add(usize::from(flipped.is_ok()), Ordering::Relaxed);
        for _ in 0..2000 {
            std::hint::spin_loop();
        }
    };
    let outside = Traces::of(s.path("outside"));
    let done = |code: i32| [0, 3].contains(&code);
    for round in 0..quick_or_long(12, 300) {
        let plan = s
            .run("fsync-diff --json --delete src dst")
            .code(predicate::function(|code| done(*code)))
            .bytes();
        let way = Way::ALL[round % 3];
        let told = meanwhile(flip, || match way {
            Way::Records => s.feed("fsync-apply --max-delete 100%", &plan),
            _ => s.sh(&way.script("--delete", "--max-delete 100%", "src", "dst")),
        });
        let code = told.get_output().status.code().expect("no signal");
        // The state before cannot be recorded of a directory that is another one each time it is looked at.
        assert!(done(code) || way == Way::Command, "{way:?}: {told}");
        outside.assert_untouched(s.path("outside"));
        s.sh("rm -rf dst; mkdir -p dst/d/e; echo g >dst/d/e/gone; ln -s ../outside dst/evil")
            .success();
    }
    assert!(flips.load(Ordering::Relaxed) > 100, "it was flipped");
}

#[test]
fn case_58_swapped_after_planning() {
    let _case = case(58);
    for way in Way::ALL {
        for target in ["../outside", "/", ".", "../src/d"] {
            let s = swappable();
            let absolute = s.path("outside").display().to_string();
            let target = if target == "/" { &absolute } else { target };
            let (outside, source) = (Traces::of(s.path("outside")), Traces::of(s.path("src")));
            let swap = format!("mv dst/d dst/away; ln -s '{target}' dst/d");
            let told = match way {
                Way::Command => {
                    let bin =
                        interposed(&s, "fsync-apply", &format!("cat >plan; {swap}; exec <plan"));
                    s.sh(&format!("fsync --exec-path {bin} cp --delete src dst"))
                }
                Way::Records => s.sh(&format!(
                    "fsync-diff --json --delete src dst >plan; {swap}; fsync-apply <plan"
                )),
                Way::Lines => s.sh(&format!(
                    "fsync-diff --delete src dst >plan; {swap}; fsync-apply src dst <plan"
                )),
            };
            told.code(3).nothing();
            outside.assert_untouched(s.path("outside"));
            source.assert_untouched(s.path("src"));
            assert!(s.tree("dst").at("d").is_symlink());
        }
    }
}

/// A destination that cannot hold all that comes: what is mounted, and how the system says that it is full.
fn full(case: &crate::table::Case, mount: &str, words: &str) {
    for way in Way::RECORDED {
        for p in Person::everyone() {
            trees(&p, |src, dst| {
                for n in 0..8u8 {
                    src.file(format!("d{n}/new"), vec![n + 1; 250_000])
                        .file(format!("d{n}/both"), vec![n + 1; 90_000]);
                    dst.file(format!("d{n}/both"), vec![0; 50_000]);
                }
                dst.file("gone/x", "x").file("old", "o");
                src.settle();
                dst.settle();
            });
            p.sh("mv dst content && mkdir dst").success();
            let user = if p.is_root() { 0 } else { 65_534 };
            let mount = format!("{mount} && chown {user}:{user} dst && cp -a content/. dst");
            let script = format!(
                "{}; echo code $?; cp -a dst after; find dst -name '.fsync-tmp-*'",
                way.script("--delete", FREE, "src", "dst")
            );
            let lift = "btrfs qgroup limit none 0/5 dst 2>/dev/null; true";
            let back = "fsync rv -q -d dst; echo code $?; cp -a dst back";
            let Some(told) = p.mounted(&mount, &[&script, lift, back]) else {
                return case.without(&format!("{words}: cannot be set up here"));
            };
            assert_eq!(told.text(), "code 3\ncode 0", "no temporary: {told}");
            let said = told.complaint();
            assert!(said.contains(words), "{said}");
            let failed = said.lines().filter(|l| l.contains(words)).count();
            assert!((1..=4).contains(&failed), "no further data: {said}");
            // Each that is not as planned is told, and each is wholly the old one or wholly the new one.
            let (old, new, after) = (p.s.tree("content"), p.s.tree("src"), p.s.tree("after"));
            let mut undone = 0;
            for n in 0..8 {
                for name in [format!("d{n}/new"), format!("d{n}/both")] {
                    let now = after.has(&name).then(|| after.read(&name));
                    if now.as_ref() != Some(&new.read(&name)) {
                        let before = old.has(&name).then(|| old.read(&name));
                        assert!(now == before, "{name}: half");
                        assert!(said.contains(&format!("\"{name}\"")), "{name}: {said}");
                        undone += 1;
                    }
                }
            }
            assert!((1..16).contains(&undone), "{undone} of 16 were not done");
            // The snapshot is usable.
            let back = Oracle::of(p.s.path("back")).without("lost+found");
            assert_eq!(Oracle::of(p.s.path("content")).differences(&back), "");
        }
    }
}

#[test]
fn case_60_no_space_left() {
    let case = case(60);
    full(
        &case,
        "mount -t tmpfs -o mode=755,size=1m none dst",
        "No space left",
    );
}

#[test]
fn case_60_over_the_quota() {
    let case = case(60);
    let quota = "truncate -s 160M image && mkfs.btrfs -q image && mount -o loop image dst && btrfs quota enable dst \
                 && cp -a content/. dst && sync -f dst && btrfs qgroup limit 2M 0/5 dst";
    full(&case, quota, "Disk quota exceeded");
}

#[test]
fn case_60_a_full_repository_ends_the_run_before_anything_changes() {
    let case = case(60);
    if !case.as_root() {
        return;
    }
    let s = Sandbox::new();
    s.sh("mkdir -m 700 repo src; head -c 900000 /dev/urandom >src/noise; cp -a src dst; echo new >src/f; echo precious >dst/f")
        .success();
    let before = Oracle::of(s.path("dst"));
    let script = "mount -t tmpfs -o size=300k,mode=700 none repo || exit 99
        fsync cp --allow-low-space src dst; code=$?; ls repo/*.zip repo/tmp; exit $code";
    let told = s.cmd("unshare").args(["-m", "sh", "-c", script]).assert();
    if told.get_output().status.code() == Some(99) {
        return case.without("nothing can be mounted here");
    }
    told.code(9)
        .stdout(predicate::str::contains(".zip").not())
        .stderr(predicate::str::contains("No space left"));
    before.assert_is(s.path("dst"));
}
