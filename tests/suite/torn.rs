//! A source that moves while it is read: one entry's trouble, told, and the rest is done.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use assert_cmd::assert::Assert;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

use crate::support::{Oracle, Person, Sandbox, Told, outcomes, trees};

const SIZE: u64 = 48 << 20;

/// Two small files and a large one that takes a while.
fn large(p: &Person) {
    trees(p, |src, dst| {
        src.file("a", "a").file("z", "z");
        src.file("large", vec![1; SIZE as usize]).settle();
        dst.file("large", "the old bytes")
            .file("z", "old z")
            .settle();
    });
}

/// Applies a plan made before while a thread does something to the source's large file, over and over, from the
/// moment when it is opened.
fn disturbed(p: &Person, disturb: impl Fn(&File, u64) + Sync) -> Assert {
    p.sh("fsync-diff --json src dst > plan").code(0);
    let path = p.s.path("src/large");
    let file = File::options().write(true).open(&path).expect("it");
    let watch = inotify::init(CreateFlags::NONBLOCK).expect("a watch");
    inotify::add_watch(&watch, &path, WatchFlags::OPEN).expect("a watch");
    let (stop, began) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut event = [0; 64];
            while rustix::io::read(&watch, &mut event).is_err() && !stop.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                disturb(&file, round);
                began.store(true, Ordering::Relaxed);
                round += 1;
            }
        });
        let told = p.sh("fsync-apply --json < plan");
        stop.store(true, Ordering::Relaxed);
        assert!(began.load(Ordering::Relaxed), "it was disturbed");
        told
    })
}

/// The large file is told of, the others are done, nothing is left over, and the large file is the old one.
fn only_the_large_one(p: &Person, told: Assert) {
    let told = told.code(3);
    let words = outcomes(&told.records());
    let large = words
        .iter()
        .find(|w| w.starts_with("large "))
        .expect("a result");
    assert!(large == "large torn", "{words:?}");
    assert_eq!(
        words.iter().filter(|w| w.ends_with(" done")).count(),
        words.len() - 1,
        "{words:?}"
    );
    assert!(told.complaint().contains("\"large\""), "{told}");
    let dst = p.s.tree("dst");
    assert_eq!(
        (dst.read("a"), dst.read("z")),
        (b"a".to_vec(), b"z".to_vec())
    );
    assert_eq!(dst.read("large"), b"the old bytes");
    assert_eq!(Oracle::of(dst.root()).len(), 3, "no temporary");
    p.sh("fsync-diff --json src dst | fsync-apply").code(0);
    assert!(dst.read("large") == p.s.tree("src").read("large"));
}

#[test]
fn a_source_that_grows_while_it_is_read() {
    for p in Person::everyone() {
        large(&p);
        let told = disturbed(&p, |file, round| {
            file.write_all_at(b"more", SIZE + 4 * round)
                .expect("a write");
        });
        only_the_large_one(&p, told);
    }
}

#[test]
fn a_source_that_shrinks_while_it_is_read() {
    for p in Person::everyone() {
        large(&p);
        let told = disturbed(&p, |file, round| {
            file.set_len((SIZE / 2).saturating_sub(round))
                .expect("shorter");
        });
        only_the_large_one(&p, told);
    }
}

#[test]
fn a_source_that_is_written_in_place_while_it_is_read() {
    for p in Person::everyone() {
        large(&p);
        let told = disturbed(&p, |file, round| {
            file.write_all_at(&[round as u8 | 2; 4096], SIZE - 4096)
                .expect("a write");
        });
        only_the_large_one(&p, told);
    }
}

#[test]
fn a_source_that_vanishes_while_others_are_read() {
    for p in Person::everyone() {
        trees(&p, |src, _| {
            for n in 0..40 {
                src.file(format!("f{n:02}"), vec![n; 200_000]);
            }
            src.settle();
        });
        p.sh("fsync-diff --json src dst > plan").code(0);
        let stop = AtomicBool::new(false);
        let told = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) && !p.s.path("dst").is_dir() {
                    std::hint::spin_loop();
                }
                for n in (0..40).rev() {
                    // It may have been read already.
                    let _ = std::fs::remove_file(p.s.path(&format!("src/f{n:02}")));
                }
            });
            let told = p.sh("fsync-apply --json < plan");
            stop.store(true, Ordering::Relaxed);
            told
        });
        let words = outcomes(&told.records());
        assert_eq!(words.len(), 41, "one result for each");
        let code = told.get_output().status.code();
        let bad = words.iter().filter(|w| !w.ends_with(" done")).count();
        assert_eq!(code, Some(if bad > 0 { 3 } else { 0 }), "{words:?}");
        let whole = |s: &Sandbox, n: u8| s.tree("dst").read(format!("f{n:02}")) == vec![n; 200_000];
        for word in words
            .iter()
            .filter(|w| w.ends_with(" done") && *w != ". done")
        {
            let n = word[1..3].parse().expect("a number");
            assert!(whole(&p.s, n), "{word}");
        }
        assert_eq!(
            Oracle::of(p.s.path("dst")).len(),
            40 - bad,
            "no temporary, none that is half"
        );
    }
}

#[test]
fn a_plan_whose_source_changed_before_it_was_applied() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            for name in ["edited", "gone", "kind", "mode", "still", "touched", "d/in"] {
                src.file(name, "planned");
                dst.file(name, "old");
            }
            src.link("link", "planned").settle();
            dst.link("link", "old").settle();
        });
        p.sh("fsync-diff --json src dst > plan; fsync-diff src dst > lines")
            .code(0);
        p.build(|s| {
            let src = s.tree("src");
            src.edit("edited", "not planned").remove("gone").remove("d");
            src.remove("kind").dir("kind").mode("mode", 0o600);
            src.mtime("touched", 5, 5)
                .remove("link")
                .link("link", "not planned");
        });
        let before = Oracle::of(p.s.path("dst"));
        let told = p.sh("fsync-apply --json < plan").code(3).records();
        let stale = ["d/in", "edited", "gone", "kind", "link", "mode", "touched"];
        let expected: Vec<String> = outcomes(&told)
            .iter()
            .map(|w| {
                let name = w.rsplit_once(' ').map_or("", |(name, _)| name);
                let word = if stale.contains(&name) {
                    "stale"
                } else {
                    "done"
                };
                format!("{name} {word}")
            })
            .collect();
        assert_eq!(outcomes(&told), expected);
        assert_eq!(told.iter().filter(|r| r["outcome"] == "stale").count(), 7);
        let rest = before.differences(&Oracle::of(p.s.path("dst")));
        assert!(
            rest.lines()
                .all(|l| l.contains("\"still\"") || l.contains("\".\"")),
            "{rest}"
        );
    }
}

#[test]
fn a_source_file_that_grows_while_it_is_recorded() {
    for p in Person::everyone() {
        p.build(|s| {
            s.tree("src")
                .file("a", "a")
                .file("large", vec![1; SIZE as usize])
                .settle()
                .at(".")
        });
        let stop = AtomicBool::new(false);
        let told = std::thread::scope(|scope| {
            let file = File::options()
                .append(true)
                .open(p.s.path("src/large"))
                .expect("it");
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::io::Write::write_all(&mut &file, b"more").expect("a write");
                    std::thread::sleep(std::time::Duration::from_micros(200));
                }
            });
            let told = p.sh("fsync-snap src");
            stop.store(true, Ordering::Relaxed);
            told
        });
        let told = told.code(3);
        assert!(told.complaint().contains("\"large\""), "{told}");
        let id = told.text();
        // The rest of it can be brought back, and what could not be recorded is left alone.
        p.sh(&format!("fsync-revert src {id} --to out"))
            .code(predicates::prelude::predicate::in_iter([0, 3]));
        assert_eq!(p.s.tree("out").read("a"), b"a");
        p.sh("cp src/large kept && echo b > src/a && fsync-revert src")
            .code(predicates::prelude::predicate::in_iter([0, 3]));
        assert_eq!(p.s.tree("src").read("a"), b"a");
        p.sh("cmp src/large kept").code(0);
    }
}

#[test]
fn a_fifo_in_the_place_of_a_source_file_loses_nothing() {
    let s = Sandbox::new();
    s.tree("src").file("f", "abc").file("g", "g").settle();
    s.tree("dst").settle();
    let told = s
        .sh("fsync-diff --json src dst >plan; rm src/f; mkfifo src/f; exec 9<>src/f; printf xyz >&9
            fsync-apply --json <plan | jq -r 'select(.type == \"result\") | .path + \" \" + .outcome'; head -c3 <&9");
    assert_eq!(told.text(), "f stale\ng done\nxyz");
}
