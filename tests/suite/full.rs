//! A destination that takes no more: full of bytes or of inodes, over its quota, read-only, limited. What was not
//! done is told, nothing is half, nothing is left over, and a later run finishes.

use std::collections::BTreeMap;

use crate::support::{FREE, Oracle, Person, Told, Tree, assert_same, outcomes, records, trees};

/// What was said of each path.
type Words = BTreeMap<String, String>;

/// A mount over `dst`; what makes it larger by and by; what is built; what the system says.
struct Limit {
    mount: &'static str,
    more: &'static str,
    /// What a revert needs before.
    room: &'static str,
    words: &'static str,
    build: fn(&Tree, &Tree),
}

/// Runs into the limit, both ways and for everybody.
fn limited(limit: &Limit) {
    for source in ["src", "$(fsync-snap src)"] {
        for p in Person::everyone() {
            trees(&p, limit.build);
            p.sh("mv dst content && mkdir dst").success();
            if once(&p, source, limit).is_none() {
                return;
            }
        }
    }
}

fn once(p: &Person, source: &str, limit: &Limit) -> Option<()> {
    let user = if p.is_root() { 0 } else { 65_534 };
    let mount = format!(
        "{} && chown {user}:{user} dst && cp -a content/. dst",
        limit.mount.replace("USER", &user.to_string())
    );
    let one = format!(
        "fsync-diff --json --delete {source} dst | fsync-snap --through > plan
         fsync-apply --json --require-snapshot {FREE} < plan > told; echo code $?; cp -a dst after"
    );
    let two = "fsync-revert -q dst; echo code $?; cp -a dst back";
    let three = format!(
        "fsync-diff --json --delete {source} dst | fsync-snap --through | fsync-apply --require-snapshot {FREE}
         echo code $?; cp -a dst end"
    );
    let told = p.mounted(&mount, &[&one, limit.room, two, limit.more, &three])?;
    assert_eq!(told.text(), "code 3\ncode 0\ncode 0", "{told}");
    assert!(told.complaint().contains(limit.words), "{told}");
    let words = words_of(&p.s.path("told"));
    let count = |word: &str| words.values().filter(|w| *w == word).count();
    assert!(
        count("done") > 0 && count("failed") > 0 && count("held") > 0,
        "{words:?}"
    );
    assert!(count("failed") <= 4, "no further data: {words:?}");
    assert_old_or_new(p, &words);
    let without = |name: &str| Oracle::of(p.s.path(name)).without("lost+found");
    assert_eq!(
        Oracle::of(p.s.path("content")).differences(&without("back")),
        ""
    );
    assert_eq!(p.copied("src").differences(&without("end")), "");
    Some(())
}

/// What became of each path. The directory's time, which cannot be set back, is noted with the first file in it; of
/// that file it says nothing.
fn words_of(told: &std::path::Path) -> Words {
    let told = records(&std::fs::read(told).expect("results"));
    let of = |r: &serde_json::Value, key: &str| r[key].as_str().unwrap_or_default().to_string();
    told.iter()
        .filter(|r| r["type"] == "result")
        .filter(|r| !of(r, "message").contains("metadata of its directory"))
        .map(|r| (of(r, "path"), of(r, "outcome")))
        .collect()
}

/// Files are as before or as planned, as was said; there is nothing else.
fn assert_old_or_new(p: &Person, words: &Words) {
    let (old, new, after) = (p.s.tree("content"), p.s.tree("src"), p.s.tree("after"));
    for item in walkdir::WalkDir::new(after.root()).min_depth(1) {
        let item = item.expect("an entry");
        let name = item.path().strip_prefix(after.root()).expect("inside");
        let name = name.to_str().expect("UTF-8");
        if name == ".fsync-backup" {
            continue;
        }
        assert!(!name.contains(".fsync-tmp-"), "{name}");
        assert!(old.has(name) || new.has(name), "{name}");
        if item.file_type().is_file() {
            let now = after.read(name);
            let done = words.get(name).is_none_or(|w| w == "done");
            let as_it_was = old.has(name) && old.read(name) == now;
            let as_planned = new.has(name) && new.read(name) == now;
            assert!(
                if done {
                    as_planned || as_it_was
                } else {
                    as_it_was
                },
                "{name}"
            );
        }
    }
    for (name, word) in words {
        assert!(word != "done" || after.has(name) == new.has(name), "{name}");
    }
}

fn large_files(src: &Tree, dst: &Tree) {
    for n in 0..8u8 {
        src.file(format!("d{n}/new"), vec![n + 1; 250_000])
            .file(format!("d{n}/both"), vec![n + 1; 90_000]);
        dst.file(format!("d{n}/both"), vec![0; 50_000]);
    }
    src.sparse("sparse", 900_000, 300_000, &[1; 300_000]);
    dst.file("gone/x", "x").file("old", "o");
    src.settle();
    dst.settle();
}

#[test]
fn no_space_left() {
    limited(&Limit {
        mount: "mount -t tmpfs -o mode=755,size=1m none dst",
        room: "true",
        more: "mount -o remount,size=64m dst",
        words: "No space left",
        build: large_files,
    });
}

#[test]
fn no_inodes_left() {
    limited(&Limit {
        mount: "mount -t tmpfs -o mode=755,nr_inodes=40 none dst",
        room: "true",
        more: "mount -o remount,nr_inodes=4000 dst",
        words: "No space left",
        build: |src, dst| {
            for n in 0..30 {
                src.file(format!("d/f{n}"), "x").dir(format!("e/d{n}"));
                src.link(format!("d/l{n}"), "x").fifo(format!("d/p{n}"));
            }
            for n in 0..10 {
                dst.file(format!("d/f{n}"), "old");
            }
            src.settle();
            dst.settle();
        },
    });
}

#[test]
fn over_the_quota() {
    limited(&Limit {
        mount: "truncate -s 160M image && mkfs.btrfs -q image && mount -o loop image dst \
                && btrfs quota enable dst && cp -a content/. dst && sync -f dst && btrfs qgroup limit 2M 0/5 dst",
        room: "btrfs qgroup limit none 0/5 dst",
        more: "",
        words: "Disk quota exceeded",
        build: large_files,
    });
}

#[test]
fn a_destination_that_became_read_only() {
    for p in Person::everyone() {
        trees(&p, |src, dst| {
            src.file("a", "new").file("d/e", "new").link("l", "new");
            dst.file("a", "old one").file("gone", "g").dir("d");
        });
        p.sh("fsync-diff --json --delete src dst > plan && mv dst content && mkdir dst")
            .success();
        let mount = "mount -t tmpfs -o mode=755 none dst && cp -a content/. dst && chown --reference=content dst && mount -o remount,ro dst";
        let script = "sed s/x/x/ plan > /dev/null
            fsync-diff --json --delete src dst | fsync-apply --json > told; echo code $?
            fsync-diff --json --delete src dst | fsync-snap --through > through; echo code $?
            fsync cp -q --delete src dst; echo code $?; cp -a dst after";
        let Some(told) = p.mounted(mount, &[script]) else {
            return;
        };
        assert_eq!(told.text(), "code 3\ncode 9\ncode 9", "{told}");
        assert!(told.complaint().contains("Read-only file system"), "{told}");
        let words = words_of(&p.s.path("told"));
        assert!(
            words.values().all(|w| w == "failed" || w == "held"),
            "{words:?}"
        );
        assert!(words.values().any(|w| w == "held"), "{words:?}");
        assert_same(p.s.path("content"), p.s.path("after"));
    }
}

#[test]
fn a_limit_on_the_size_of_files() {
    for source in ["src", "$(fsync-snap src)"] {
        for p in Person::everyone() {
            trees(&p, |src, dst| {
                src.file("a", "a")
                    .file("large", vec![1; 900_000])
                    .file("z", "z");
                src.file("new large", vec![2; 900_000]).settle();
                dst.file("large", "old").file("z", "old z").settle();
            });
            let script = format!(
                "source={source}; fsync-diff --json $source dst | fsync-snap --through > plan
                 ulimit -f 800; fsync-apply --json --require-snapshot < plan"
            );
            let told = p.sh(&script).code(3);
            assert!(told.complaint().contains("File too large"), "{told}");
            let words = outcomes(&told.records());
            let done = |w: &&String| w.ends_with(" done");
            assert_eq!(
                words.iter().filter(done).count(),
                words.len() - 2,
                "{words:?}"
            );
            let dst = p.s.tree("dst");
            assert_eq!(
                (dst.read("large"), dst.read("z")),
                (b"old".to_vec(), b"z".to_vec())
            );
            assert_eq!(Oracle::of(dst.root()).len(), 3, "no temporary");
            p.sh("fsync-revert dst").code(0);
            assert_eq!(dst.read("z"), b"old z");
        }
    }
}

#[test]
fn a_limit_that_the_snapshot_runs_into() {
    for p in Person::everyone() {
        let mut noise = 1u64;
        let mut roll = || {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (noise >> 40) as u8
        };
        let noise: Vec<u8> = (0..900_000).map(|_| roll()).collect();
        trees(&p, |src, dst| {
            src.file("f", "new");
            dst.file("f", "precious").file("noise", noise);
        });
        let before = Oracle::of(p.s.path("dst"));
        let told = p.sh("ulimit -f 800; fsync cp -q --delete src dst").code(9);
        assert!(told.complaint().contains("File too large"), "{told}");
        before.assert_is(p.s.path("dst"));
        p.sh("fsync cp -q --delete src dst").code(0);
        assert_eq!(p.s.tree("dst").read("f"), b"new");
        p.sh("ls repo/tmp").stdout("");
    }
}
