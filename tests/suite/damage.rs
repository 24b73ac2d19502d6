//! Every damage to a repository is found, said once, and mended where it can be.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use assert_cmd::assert::Assert;
use serde_json::Value;

use crate::support::{Oracle, Sandbox, Told, assert_same};

/// Changes the bytes of a file, read-only or not.
fn scribble(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("writable");
    let mut bytes = fs::read(path).expect("it");
    change(&mut bytes);
    fs::write(path, bytes).expect("it");
}

fn noise(seed: u32, length: usize) -> Vec<u8> {
    let mut x = seed | 1;
    let mut next = || {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        (x >> 11) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Two directories with five snapshots: full, thin and tagged ones, a large file in chunks, hard links, odd names.
fn history() -> (Sandbox, Vec<String>) {
    let s = Sandbox::new();
    let (a, b) = (s.tree("a"), s.tree("b"));
    let mut large = noise(7, 9 << 20);
    a.menagerie();
    a.file("large", &large).file("text", "one".repeat(3000));
    let mut ids = vec![s.snap("a")];
    large.splice(5_000_000..5_000_000, *b"inserted");
    a.edit("large", &large).edit("text", "two".repeat(3000));
    ids.push(s.snap("a"));
    a.file("d/e/f", noise(9, 70_000)).settle();
    ids.push(s.run("fsync-snap a --tag third").code(0).text());
    b.file("own", noise(3, 40_000))
        .file("text", "two".repeat(3000));
    ids.push(s.snap("b"));
    b.file("more", "more");
    ids.push(s.run("fsync-snap b --full").code(0).text());
    (s, ids)
}

/// What verify finds, without what it says at the end.
fn findings(told: &Assert) -> Vec<Value> {
    told.records()
        .into_iter()
        .filter(|r| r["type"] == "finding")
        .collect()
}

/// As [`words`], of a run that may say more than what it finds.
fn words_of(s: &Sandbox, ids: &[String], line: &str) -> Vec<String> {
    in_words(ids, &s.run(&format!("{line} --json")).code(8))
}

fn in_words(ids: &[String], told: &Assert) -> Vec<String> {
    let name = |value: &Value| {
        let id = value.as_str()?;
        let at = ids.iter().position(|i| i == id);
        Some(at.map_or("?".into(), |n| n.to_string()))
    };
    let word = |f: &Value| {
        let subject = f["subject"].as_str().expect("a subject");
        let whom = name(&f["archive"]).or_else(|| name(&f["snapshot"]));
        let whom = whom.map_or(String::new(), |w| format!(" {w}"));
        let lost = match f["lost"].as_array().map_or(0, Vec::len) {
            0 => String::new(),
            n => format!(" -{n}"),
        };
        format!("{subject}{whom}{lost}")
    };
    findings(told).iter().map(word).collect()
}

/// The findings in words: `archive 0`, `snapshot 1`, numbers for ids; exit code 8 with, 0 without.
fn words(s: &Sandbox, ids: &[String], line: &str) -> Vec<String> {
    let told = s.run(&format!("{line} --json"));
    let found = findings(&told);
    let expected = if found.is_empty() { 0 } else { 8 };
    let told = told.code(expected);
    let words = in_words(ids, &told);
    // People are told the same, a line each and one at the end.
    let human = s.run(line).code(expected);
    let lines = String::from_utf8_lossy(&human.get_output().stderr)
        .lines()
        .filter(|line| !line.contains("was restored"))
        .count();
    if !found.iter().any(|f| f["subject"] == "catalog") {
        assert_eq!(lines, found.len() + 1, "{human}\n{told}");
    }
    words
}

fn verify(s: &Sandbox, ids: &[String]) -> Vec<String> {
    words(s, ids, "fsync verify")
}

/// The byte where an entry's local header, its data and its record in the directory begin.
fn places(archive: &Path, name: &str) -> [usize; 3] {
    let script = "import sys, zipfile, struct
z = zipfile.ZipFile(sys.argv[1]); i = z.getinfo(sys.argv[2]); f = open(sys.argv[1], 'rb'); f.seek(i.header_offset)
h = f.read(30); d = i.header_offset + 30 + sum(struct.unpack('<HH', h[26:30]))
b = open(sys.argv[1], 'rb').read(); c = b.rindex(sys.argv[2].encode()) - 46
print(i.header_offset, d, c)";
    let out = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(archive)
        .arg(name)
        .output()
        .expect("python");
    let text = String::from_utf8(out.stdout).expect("numbers");
    let numbers: Vec<usize> = text
        .split_whitespace()
        .map(|n| n.parse().expect("a number"))
        .collect();
    numbers.try_into().expect("three")
}

fn flip(path: &Path, at: usize, bit: u8) {
    scribble(path, |bytes| bytes[at] ^= 1 << bit);
}

#[test]
fn a_healthy_repository_is_left_in_peace() {
    let (s, ids) = history();
    for line in [
        "fsync verify",
        "fsync verify --read-data",
        "fsync verify --read-data 10%",
        "fsync verify --restore",
        "fsync verify --restore 3 --read-data all",
        "fsync verify --repair",
    ] {
        assert_eq!(words(&s, &ids, line), [""; 0], "{line}");
    }
    assert!(!s.path("repo/damaged").exists());
    assert_eq!(s.archives().len(), 5);
}

#[test]
fn an_archive_that_is_gone() {
    let (s, ids) = history();
    fs::remove_file(s.archive(&ids[3])).expect("it");
    for _ in 0..2 {
        let told = words_of(&s, &ids, "fsync verify");
        // What its text and its node were is lost; the full one after it has all.
        assert_eq!(told, ["archive 3", "snapshot 3"]);
    }
    assert!(
        s.run("fsync verify")
            .code(8)
            .complaint()
            .contains("is gone")
    );
}

#[test]
fn an_archive_that_was_cut_short() {
    let (s, ids) = history();
    let length = fs::metadata(s.archive(&ids[2])).expect("it").len() as usize;
    for keep in [0, 20, length / 2, length - 1] {
        let whole = fs::read(s.archive(&ids[2])).expect("it");
        scribble(&s.archive(&ids[2]), |bytes| bytes.truncate(keep));
        let told = verify(&s, &ids);
        assert_eq!(
            told.iter().filter(|w| *w == "archive 2").count(),
            1,
            "{keep}: {told:?}"
        );
        assert!(
            told.iter()
                .all(|w| w.starts_with("archive 2") || w.starts_with("snapshot 2")),
            "{keep}: {told:?}"
        );
        scribble(&s.archive(&ids[2]), |bytes| *bytes = whole);
        assert_eq!(verify(&s, &ids), [""; 0]);
    }
}

#[test]
fn one_flipped_bit() {
    let (s, ids) = history();
    let archive = s.archive(&ids[2]);
    let whole = fs::read(&archive).expect("it");
    let [header, data, record] = places(&archive, "d/e/f");
    let tree = whole
        .windows(12)
        .position(|w| w == b".fsync/tree/")
        .expect("a node");
    let node = tree + 12 + 64 + 60;
    let comment = whole.len() - 5;
    let cases: [(&str, usize, &[&str]); 5] = [
        ("in data", data + 1000, &["archive 2", "snapshot 2 -1"]),
        ("in a local header", header + 33, &["archive 2"]),
        ("in the directory", record + 43, &["archive 2"]),
        ("in the comment", comment, &["archive 2"]),
        ("in the manifest", node, &[]),
    ];
    for (what, at, expected) in cases {
        for line in ["fsync verify", "fsync verify --read-data"] {
            flip(&archive, at, 3);
            let told = words(&s, &ids, line);
            match expected {
                [] => assert!(
                    told[0] == "archive 2" && told.len() == 2 && told[1].starts_with("snapshot 2"),
                    "{what}: {told:?}"
                ),
                expected => assert_eq!(told, expected, "{what}"),
            }
            flip(&archive, at, 3);
        }
    }
    assert_eq!(verify(&s, &ids), [""; 0]);
}

#[test]
fn a_sweep_of_flipped_bits() {
    let (s, ids) = history();
    let mut x = 0x2545_f491_4f6c_dd1du64;
    let mut random = |below: usize| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x % below as u64) as usize
    };
    for round in 0..60 {
        let n = random(ids.len());
        let path = s.archive(&ids[n]);
        let length = fs::metadata(&path).expect("it").len() as usize;
        // Half of them near the end, where the manifest and the directory are.
        let at = match round % 2 {
            0 => random(length),
            _ => length - 1 - random(length.min(6000)),
        };
        let bit = random(8) as u8;
        flip(&path, at, bit);
        let told = s.run("fsync verify --json").code(8);
        let found = findings(&told);
        let about = found.iter().filter(|f| f["subject"] == "archive").count();
        assert_eq!(about, 1, "byte {at} of {n}, bit {bit}: {found:?}");
        flip(&path, at, bit);
    }
    assert_eq!(verify(&s, &ids), [""; 0]);
}

#[test]
fn a_catalog_that_is_gone_is_no_damage() {
    let (s, ids) = history();
    let tags = s.run("fsync-tag a").code(0).text();
    s.sh("rm repo/catalog.db*").code(0);
    assert_eq!(verify(&s, &ids), [""; 0]);
    assert_eq!(s.run("fsync-tag a").code(0).text(), tags);
}

/// Verify says that the catalog was wrong, and then it is not any more; or whoever comes first mends it with a word.
fn heals(s: &Sandbox, ids: &[String], damage: impl Fn()) {
    let tags = s.run("fsync-tag a").code(0).text();
    damage();
    assert_eq!(words_once(s, ids), ["catalog"]);
    assert_eq!(verify(s, ids), [""; 0]);
    damage();
    let told = s.run("fsync-tag a").code(0);
    assert_eq!(told.text(), tags);
    s.run("fsync-revert a @~1 --to out").code(0);
    assert_eq!(s.tree("out").read("text"), "two".repeat(3000).as_bytes());
    s.tree(".").remove("out");
    assert_eq!(verify(s, ids), [""; 0]);
}

/// The subjects of what one run of verify finds.
fn words_once(s: &Sandbox, _: &[String]) -> Vec<String> {
    let told = s.run("fsync verify --json").code(8);
    let subject = |f: &Value| f["subject"].as_str().expect("a subject").to_string();
    findings(&told).iter().map(subject).collect()
}

#[test]
fn a_catalog_that_was_cut_short() {
    let (s, ids) = history();
    let catalog = s.path("repo/catalog.db");
    let good = fs::read(&catalog).expect("it");
    for keep in [100, 5000, good.len() / 2, good.len() - 4096] {
        heals(&s, &ids, || {
            s.sh("rm -f repo/catalog.db*").code(0);
            fs::write(&catalog, &good[..keep]).expect("it");
        });
    }
}

#[test]
fn a_catalog_that_is_no_database() {
    let (s, ids) = history();
    heals(&s, &ids, || {
        fs::write(s.path("repo/catalog.db"), "this is no database".repeat(300)).expect("it");
    });
}

#[test]
fn a_catalog_of_another_repository() {
    let (s, ids) = history();
    // The same directory, recorded elsewhere: what is remembered of its files is true, and of no use here.
    s.sh("FSYNC_REPO=$PWD/other fsync-snap a").code(0);
    s.tree("a")
        .file("new", "only the other repository has this")
        .settle();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let head = s.head("a").expect("a head");
    s.sh("FSYNC_REPO=$PWD/other fsync-snap a; FSYNC_REPO=$PWD/other fsync-snap a")
        .code(0);
    s.tree("a").edit(".fsync-backup", format!("{}\n", ids[2]));
    let _ = head;
    heals(&s, &ids, || {
        s.sh("rm repo/catalog.db*; cp other/catalog.db repo/")
            .code(0);
    });
    s.sh("rm repo/catalog.db*; cp other/catalog.db repo/")
        .code(0);
    s.snap("a");
    s.run("fsync verify --read-data").code(0);
    s.run("fsync-revert a @ --to out").code(0);
    assert_same(s.path("a"), s.path("out"));
}

#[test]
fn a_stale_catalog() {
    let (s, mut ids) = history();
    s.sh("mkdir old; cp repo/catalog.db old/").code(0);
    s.tree("a").edit("text", "three".repeat(3000));
    ids.push(s.snap("a"));
    s.run("fsync-tag create late -d a").code(0);
    // Older than the repository: it catches up, as after a crash.
    s.sh("rm repo/catalog.db*; cp old/catalog.db repo/").code(0);
    assert_eq!(verify(&s, &ids), [""; 0]);
    assert!(s.run("fsync-tag a").code(0).text().contains("late"));
    // Newer than the repository: it is another's future.
    s.sh("cp -a repo copy; mv repo/log.ndjson all; head -n -3 all >repo/log.ndjson")
        .code(0);
    assert_eq!(words_once(&s, &ids), ["catalog"]);
    s.sh("rm -r repo; mv copy repo").code(0);
    assert_eq!(verify(&s, &ids), [""; 0]);
}

#[test]
fn a_catalog_with_bytes_changed_in_the_middle() {
    let (s, ids) = history();
    s.sh("cp repo/catalog.db good").code(0);
    let good = fs::read(s.path("good")).expect("it");
    let tags = s.run("fsync-tag a").code(0).text();
    let mut x = 88_172_645_463_325_252u64;
    let mut found = 0;
    for _ in 0..120 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        let at = 200 + (x % (good.len() as u64 - 200)) as usize;
        for what in ["verify", "use"] {
            let _ = fs::remove_file(s.path("repo/catalog.db-wal"));
            let _ = fs::remove_file(s.path("repo/catalog.db-shm"));
            let mut bytes = good.clone();
            bytes[at] ^= 1 << (x >> 60 & 7);
            fs::write(s.path("repo/catalog.db"), &bytes).expect("it");
            if what == "verify" {
                let told = s.run("fsync verify --json");
                let code = told.get_output().status.code();
                let subjects: Vec<Value> = findings(&told)
                    .iter()
                    .map(|f| f["subject"].clone())
                    .collect();
                // What nothing uses (a free page, say) may be anything.
                assert!(matches!(code, Some(0 | 8)), "byte {at}: {told}");
                assert!(
                    subjects.iter().all(|s| s == "catalog"),
                    "byte {at}: {subjects:?}"
                );
                found += usize::from(code == Some(8));
                continue;
            }
            assert_eq!(s.run("fsync-tag a").code(0).text(), tags, "byte {at}");
            let again = s.snap("a");
            assert_eq!(again, ids[2], "byte {at}");
            s.run("fsync-revert b @~1 --to out").code(0);
            assert_eq!(s.tree("out").read("own"), noise(3, 40_000), "byte {at}");
            s.tree(".").remove("out");
        }
    }
    assert!(found > 3, "{found}");
    assert_eq!(verify(&s, &ids), [""; 0]);
}

#[test]
fn a_backup_file_that_points_nowhere() {
    let (s, ids) = history();
    let good = s.tree("b").read(".fsync-backup");
    for text in ["0123456789012345678901234567890123456789\n", "rubbish"] {
        s.tree("b").edit(".fsync-backup", text);
        assert_eq!(verify(&s, &ids), ["head"]);
    }
    s.tree("b").edit(".fsync-backup", good);
    assert_eq!(verify(&s, &ids), [""; 0]);
    // That there is none is no damage.
    s.tree("b").remove(".fsync-backup");
    assert_eq!(verify(&s, &ids), [""; 0]);
}

#[test]
fn a_damaged_line_of_the_log() {
    let (s, ids) = history();
    let log = s.path("repo/log.ndjson");
    let text = fs::read(&log).expect("a log");
    let lines = text.split(|b| *b == b'\n').count() - 1;
    let tags = s.run("fsync-tag a").code(0).text();
    let mut start = 0;
    for (n, line) in text.split_inclusive(|b| *b == b'\n').enumerate() {
        scribble(&log, |bytes| bytes[start + 40] ^= 4);
        start += line.len();
        s.sh("rm -f repo/catalog.db*").code(0);
        assert_eq!(verify(&s, &ids)[0], "log", "line {n} of {lines}");
        let told = s.run("fsync verify --repair --json").code(0);
        let done = &told.records()[0];
        assert_eq!(done["log_lines"][0], start as u64 - line.len() as u64);
        assert_eq!(verify(&s, &ids), [""; 0], "line {n}");
        let kept = s
            .sh("cat repo/damaged/log-*; rm repo/damaged/log-*")
            .code(0);
        assert_eq!(kept.get_output().stdout.len(), text.len());
        assert_eq!(
            fs::metadata(&log).expect("a log").len() as usize,
            text.len()
        );
        fs::write(&log, &text).expect("it");
    }
    assert_eq!(s.run("fsync-tag a").code(0).text(), tags);
}

/// What every snapshot is, restored.
fn restored(s: &Sandbox, ids: &[String]) -> Vec<Oracle> {
    ids.iter()
        .map(|id| {
            s.run(&format!("fsync-revert a {id} --to out")).code(0);
            let oracle = Oracle::of(s.path("out"));
            s.tree(".").remove("out");
            oracle
        })
        .collect()
}

fn assert_restored(s: &Sandbox, ids: &[String], before: &[Oracle]) {
    for (now, before) in restored(s, ids).iter().zip(before) {
        assert_eq!(before.differences(now), "");
    }
}

#[test]
fn what_is_still_whole_heals_a_damaged_archive() {
    for n in 0..5 {
        let (s, ids) = history();
        let before = restored(&s, &ids);
        // The directories are gone: only the archives are left.
        s.sh("mv a away; mv b away2").code(0);
        // Directory and comment are lost, the entries are not.
        scribble(&s.archive(&ids[n]), |bytes| {
            let at = bytes
                .windows(4)
                .position(|w| w == b"PK\x01\x02")
                .expect("a directory");
            bytes.truncate(at + 20);
        });
        assert!(verify(&s, &ids).contains(&format!("archive {n}")));
        s.run("fsync verify --repair").code(0);
        assert!(
            s.path("repo/damaged")
                .join(format!("{}.zip", ids[n]))
                .exists()
        );
        assert_eq!(words(&s, &ids, "fsync verify --read-data"), [""; 0]);
        assert_restored(&s, &ids, &before);
        s.sh("rm repo/catalog.db*").code(0);
        assert_eq!(verify(&s, &ids), [""; 0]);
        assert_restored(&s, &ids, &before);
        assert!(s.run("fsync-tag a").code(0).text().contains(&ids[2]));
    }
}

#[test]
fn a_live_directory_heals_an_archive_that_is_gone() {
    let (s, ids) = history();
    let before = restored(&s, &ids);
    // The newest of each is as its directory is now.
    fs::remove_file(s.archive(&ids[2])).expect("it");
    fs::remove_file(s.archive(&ids[4])).expect("it");
    s.run("fsync verify").code(8);
    s.run("fsync verify --repair").code(0);
    assert_eq!(words(&s, &ids, "fsync verify --read-data"), [""; 0]);
    assert_restored(&s, &ids, &before);
}

#[test]
fn a_content_is_found_under_another_name() {
    let (s, ids) = history();
    let before = restored(&s, &ids);
    let archive = s.archive(&ids[2]);
    let [_, data, _] = places(&archive, "d/e/f");
    flip(&archive, data + 1000, 3);
    assert_eq!(verify(&s, &ids), ["archive 2", "snapshot 2 -1"]);
    s.sh("mv a/d/e/f a/elsewhere; touch a/elsewhere; echo x >a/text")
        .code(0);
    s.run("fsync verify --repair").code(0);
    assert_eq!(words(&s, &ids, "fsync verify --read-data"), [""; 0]);
    assert_restored(&s, &ids, &before);
}

#[test]
fn a_large_file_is_healed_too() {
    let (s, ids) = history();
    let before = restored(&s, &ids);
    let archive = s.archive(&ids[0]);
    let [_, data, _] = places(&archive, "large");
    flip(&archive, data + 100_000, 3);
    let told = verify(&s, &ids);
    assert!(told.contains(&"snapshot 0 -1".to_string()), "{told:?}");
    // The second version shares all chunks but one; the first lies in another recorded directory.
    s.tree("b").file("kept", noise(7, 9 << 20));
    s.run("fsync verify --repair").code(0);
    assert_eq!(words(&s, &ids, "fsync verify --read-data"), [""; 0]);
    assert_restored(&s, &ids, &before);
}

#[test]
fn what_cannot_be_healed_is_named() {
    let (s, ids) = history();
    let archive = s.archive(&ids[2]);
    let [_, data, _] = places(&archive, "d/e/f");
    flip(&archive, data + 1000, 3);
    s.sh("rm a/d/e/f").code(0);
    let told = s.run("fsync verify --repair --json").code(8);
    let found = findings(&told);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["lost"][0]["path"], "d/e/f");
    assert_eq!(found[0]["snapshot"], ids[2][..]);
    assert_eq!(verify(&s, &ids), ["snapshot 2 -1"]);
    s.run("fsync verify")
        .code(8)
        .stderr(predicates::str::contains("\"d/e/f\""));
    // The rest of it can be restored.
    s.run(&format!("fsync-revert a {} --to out", ids[2]))
        .code(3);
    assert_eq!(s.tree("out").read("text"), "two".repeat(3000).as_bytes());
    // It comes to light again: the next repair takes it.
    s.tree("a").file("found", noise(9, 70_000));
    s.run("fsync verify --repair").code(0);
    assert_eq!(verify(&s, &ids), [""; 0]);
    s.run(&format!("fsync-revert a {} --to out2", ids[2]))
        .code(0);
    assert_eq!(s.tree("out2").read("d/e/f"), noise(9, 70_000));
}

#[test]
fn a_pack_that_is_damaged_is_healed_like_others() {
    let (s, ids) = history();
    let before = restored(&s, &ids);
    let broken = |path: &Path| {
        scribble(path, |bytes| {
            let last = bytes.len() - 3;
            bytes[last] ^= 1;
        });
    };
    broken(&s.archive(&ids[0]));
    s.run("fsync verify --repair").code(0);
    let is_pack = |p: &std::path::PathBuf| !ids.iter().any(|id| p.ends_with(format!("{id}.zip")));
    for _ in 0..2 {
        let pack = s.archives().into_iter().find(is_pack).expect("a pack");
        broken(&pack);
        s.run("fsync verify").code(8);
        s.run("fsync verify --repair").code(0);
        assert!(!pack.exists());
        assert_eq!(verify(&s, &ids), [""; 0]);
    }
    assert_restored(&s, &ids, &before);
}

#[test]
fn a_repair_that_was_cut_short_goes_on() {
    let (s, ids) = history();
    let before = restored(&s, &ids);
    scribble(&s.archive(&ids[1]), |bytes| {
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
    });
    s.sh("cp -a repo saved").code(0);
    s.run("fsync verify --repair").code(0);
    // As if it had ended before the archive was moved.
    s.sh("cp -a repo/*.zip saved/; rm -r repo; mv saved repo")
        .code(0);
    assert!(verify(&s, &ids).iter().any(|w| w == "archive 1"));
    s.run("fsync verify --repair").code(0);
    assert_eq!(verify(&s, &ids), [""; 0]);
    assert_restored(&s, &ids, &before);
}

#[test]
fn repair_waits_for_nobody_to_use_the_repository() {
    let (s, _) = history();
    let folder = fs::File::open(s.path("repo")).expect("it");
    rustix::fs::flock(&folder, rustix::fs::FlockOperation::LockShared).expect("a lock");
    s.run("fsync verify --repair").code(7);
    s.run("fsync verify").code(0);
}

#[test]
fn a_rehearsal_restores_compares_and_removes() {
    let (s, ids) = history();
    s.tree("scratch");
    let told = s
        .run("fsync verify --restore --scratch scratch --json")
        .code(0)
        .records();
    let rehearsed: Vec<&Value> = told.iter().filter(|r| r["type"] == "rehearsed").collect();
    assert_eq!(rehearsed.len(), 2);
    assert_eq!(rehearsed[0]["snapshot"], ids[2][..]);
    assert_eq!(rehearsed[1]["snapshot"], ids[4][..]);
    assert_eq!(fs::read_dir(s.path("scratch")).expect("it").count(), 0);
    let told = s.run("fsync verify --restore 4 --json").code(0).records();
    assert_eq!(told.iter().filter(|r| r["type"] == "rehearsed").count(), 4);
    s.run("fsync verify --restore --scratch missing").code(9);
    let archive = s.archive(&ids[2]);
    let [_, data, _] = places(&archive, "d/e/f");
    flip(&archive, data + 1000, 3);
    let told = words(&s, &ids, "fsync verify --restore --scratch scratch");
    assert_eq!(told, ["archive 2", "snapshot 2 -1", "restore 2"]);
    assert_eq!(fs::read_dir(s.path("scratch")).expect("it").count(), 0);
}

#[test]
fn a_sample_is_another_one_each_time() {
    let (s, _) = history();
    let read = |line: &str| {
        let told = s.run(line).code(0).records();
        let end = told.last().expect("an end").clone();
        let number = |name: &str| end[name].as_u64().expect("a number");
        (number("read_bytes"), number("held_bytes"))
    };
    let (all, held) = read("fsync verify --read-data --json");
    assert!(all == held && held > 9 << 20);
    let (some, _) = read("fsync verify --read-data 1% --json");
    assert!(some >= held / 100 && some < held);
    for wrong in ["0%", "101%", "10", "some"] {
        s.run(&format!("fsync verify --read-data {wrong}")).code(2);
    }
}

#[test]
fn a_content_that_is_wrong_in_a_whole_archive_is_found_by_reading() {
    let (s, mut ids) = history();
    // Damaged before its name was given: the SHA-1 is right, the content is not.
    let path = s.archive(&ids[4]);
    let [_, data, _] = places(&path, "more");
    flip(&path, data + 1, 1);
    let sum = s
        .sh(&format!("sha1sum <repo/{}.zip | cut -c1-40", ids[4]))
        .text();
    fs::rename(&path, s.archive(&sum)).expect("moved");
    ids[4] = sum;
    let told = s.run("fsync verify --read-data --json").code(8);
    let found = findings(&told);
    assert!(
        found
            .iter()
            .any(|f| f["message"].as_str().is_some_and(|m| m.contains("digest"))),
        "{found:?}"
    );
}

#[test]
fn verify_beside_snapshots_finds_nothing() {
    let s = Sandbox::new();
    for n in 0..3 {
        s.tree(&format!("d{n}")).file("f", "0");
        s.snap(&format!("d{n}"));
    }
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for n in 0..3 {
            let (s, stop) = (&s, &stop);
            scope.spawn(move || {
                let mut round = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    round += 1;
                    s.tree(&format!("d{n}")).edit("f", format!("{round}"));
                    s.snap(&format!("d{n}"));
                }
            });
        }
        let told: Vec<_> = (0..12).map(|_| s.run("fsync verify --read-data")).collect();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        told.into_iter().for_each(|told| drop(told.code(0)));
    });
}

#[test]
fn a_sweep_of_repairs() {
    let (s, ids) = history();
    let before = restored(&s, &ids);
    s.sh("cp -a repo saved").code(0);
    let mut x = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: usize| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x % below as u64) as usize
    };
    let mut healed = 0;
    for _ in 0..12 {
        // One archive is hit in several places, another loses its end.
        let n = random(ids.len());
        let path = s.archive(&ids[n]);
        scribble(&path, |bytes| {
            for _ in 0..3 {
                let at = random(bytes.len());
                bytes[at] = !bytes[at];
            }
            let tail = bytes.len() - 1 - random(3000);
            bytes[tail] ^= 0x10;
        });
        let other = (n + 1) % ids.len();
        scribble(&s.archive(&ids[other]), |bytes| {
            bytes.truncate(bytes.len() - 200)
        });
        let told = s.run("fsync verify --repair --json");
        let code = told.get_output().status.code();
        assert!(matches!(code, Some(0 | 8)), "{told}");
        let found = findings(&told);
        let after = s.run("fsync verify --json");
        assert_eq!(after.get_output().status.code(), code, "{told}\n{after}");
        assert_eq!(findings(&after), found, "what is left is said again");
        // Whatever is not said to be lost is as it was.
        for (at, id) in ids.iter().enumerate() {
            if found.iter().any(|f| f["snapshot"] == id[..]) {
                continue;
            }
            s.run(&format!("fsync-revert a {id} --to out")).code(0);
            assert_eq!(before[at].differences(&Oracle::of(s.path("out"))), "");
            s.tree(".").remove("out");
            healed += 1;
        }
        s.sh("chmod -R u+w repo; rm -r repo; cp -a saved repo")
            .code(0);
    }
    assert!(healed > 20, "{healed}");
}

#[test]
fn a_log_that_is_gone() {
    let (s, ids) = history();
    let before = restored(&s, &ids);
    for text in ["", "rm"] {
        match text {
            "" => fs::write(s.path("repo/log.ndjson"), "").expect("it"),
            _ => fs::remove_file(s.path("repo/log.ndjson")).expect("it"),
        }
        for _ in 0..2 {
            let told = words_of(&s, &ids, "fsync verify");
            assert_eq!(told, ["log"]);
        }
        assert_restored(&s, &ids, &before);
        s.run("fsync verify --repair").code(0);
        assert_eq!(verify(&s, &ids), [""; 0]);
    }
    // The heads are in the directories, and recording goes on from there.
    s.tree("b").file("new", "new");
    let next = s.snap("b");
    let told = s
        .run(&format!("fsync show --json {next}"))
        .code(0)
        .records();
    assert_eq!(told[0]["parent"], ids[4][..]);
}

#[test]
fn an_archive_that_is_gone_with_the_catalog() {
    let (s, ids) = history();
    fs::remove_file(s.archive(&ids[3])).expect("it");
    s.sh("rm repo/catalog.db*").code(0);
    // Nothing is left to say what it was but the log.
    for line in ["fsync verify", "fsync verify --repair", "fsync verify"] {
        assert_eq!(words_of(&s, &ids, line), ["archive 3"], "{line}");
    }
    let told = s.run("fsync verify").code(8).complaint();
    assert!(told.contains("nothing more is known"), "{told}");
    s.run(&format!("fsync-revert b {} --to out", ids[4]))
        .code(0);
}

#[test]
fn an_archive_of_a_later_format_is_not_set_aside() {
    let (s, ids) = history();
    let path = s.archive(&ids[4]);
    scribble(&path, |bytes| {
        let at = bytes.len() - 300;
        let name = b"\"fsync\":1";
        let found = bytes[at..].windows(name.len()).position(|w| w == name);
        bytes[at + found.expect("a comment") + name.len() - 1] = b'9';
    });
    let sum = s
        .sh(&format!("sha1sum <repo/{}.zip | cut -c1-40", ids[4]))
        .text();
    fs::rename(&path, s.archive(&sum)).expect("moved");
    let told = s.run("fsync verify --repair").code(4).complaint();
    assert!(told.contains("update fsync"), "{told}");
    assert!(s.archive(&sum).exists());
}

#[test]
fn heads_and_tags_that_point_nowhere() {
    let (s, ids) = history();
    let log = s.path("repo/log.ndjson");
    let good = fs::read(&log).expect("a log");
    let nobody = "00112233445566778899aabbccddeeff00112233";
    let directory = s.path("a").canonicalize().expect("it");
    for (subject, line) in [
        (
            "tag",
            "\"type\":\"tag\",\"directory\":{\"path\":\"DIR\"},\"tag\":\"t\",\"id\":\"ID\",\"time\":{\"secs\":1,\"nanos\":2}}",
        ),
        (
            "head",
            "\"type\":\"head\",\"directory\":{\"path\":\"DIR\"},\"id\":\"ID\",\"time\":{\"secs\":1,\"nanos\":2}}",
        ),
        (
            "archive ?",
            "\"type\":\"snapshot\",\"id\":\"ID\",\"directory\":{\"path\":\"DIR\"},\"time\":{\"secs\":1,\"nanos\":2}}",
        ),
    ] {
        let body = line
            .replace("DIR", &directory.display().to_string())
            .replace("ID", nobody);
        let sum = crc32fast::hash(body.as_bytes());
        scribble(&log, |bytes| {
            bytes.extend(format!("{{\"crc\":\"{sum:08x}\",{body}\n").bytes())
        });
        assert_eq!(verify(&s, &ids), [subject]);
        fs::write(&log, &good).expect("it");
        s.sh("rm repo/catalog.db*").code(0);
    }
    assert_eq!(verify(&s, &ids), [""; 0]);
}

#[test]
fn a_local_header_that_says_something_else_in_an_archive_named_by_its_bytes() {
    let (s, ids) = history();
    let path = s.archive(&ids[4]);
    let [header, ..] = places(&path, "more");
    // Not the name, which opening looks at too, but the length.
    flip(&path, header + 22, 0);
    let sum = s
        .sh(&format!("sha1sum <repo/{}.zip | cut -c1-40", ids[4]))
        .text();
    fs::rename(&path, s.archive(&sum)).expect("moved");
    let told = s.run("fsync verify --json").code(8);
    let about = |f: &&Value| f["archive"] == sum[..];
    let found = findings(&told);
    let message = found.iter().find(about).expect("a finding")["message"].clone();
    assert!(
        message
            .as_str()
            .is_some_and(|m| m.contains("local header of \"more\"")),
        "{message}"
    );
}
