//! `fsync prune`: what stays comes back exactly, what goes is gone, and nothing between is ever lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use proptest::prelude::*;

use crate::support::{Oracle, Sandbox, Stepped, Told, Tree, records};

/// What a snapshot is, for the tests: its id, and what the directory was.
type Recorded = Vec<(String, Oracle)>;

/// Makes `dst` the `n`-th state: something stays, something changes, something is there only once or twice.
fn state(dst: &Tree, n: usize) {
    dst.file("stays", "the same in every state")
        .edit("counter", format!("state {n}"))
        .edit(format!("sub/{}", n % 3), format!("third {n}"))
        .edit(format!("only/{n}"), format!("only in {n} and the next"));
    if n > 1 {
        dst.remove(format!("only/{}", n - 2));
    }
}

/// A directory with `n` snapshots.
fn recorded(s: &Sandbox, name: &str, n: usize) -> Recorded {
    let dst = s.tree(name);
    let mut all = Vec::new();
    for at in 0..n {
        state(&dst, at);
        all.push((s.snap(name), Oracle::of(s.path(name))));
    }
    all
}

/// The ids that the log of a directory has, newest first.
fn listed(s: &Sandbox, name: &str) -> Vec<String> {
    let text = s.run(&format!("fsync log {name}")).code(0).text();
    let id = |line: &str| line.split('\t').nth(2).expect("an id").to_string();
    text.lines().map(id).collect()
}

#[track_caller]
fn assert_comes_back(s: &Sandbox, name: &str, (id, oracle): &(String, Oracle)) {
    s.run(&format!("fsync-revert {name} {id} --to out")).code(0);
    oracle.assert_is(s.path("out"));
    fs::remove_dir_all(s.path("out")).expect("gone");
}

fn archive_bytes(s: &Sandbox) -> i64 {
    let length = |path| fs::metadata(path).expect("an archive").len() as i64;
    s.archives().iter().map(length).sum()
}

fn lose_catalog(s: &Sandbox) {
    s.sh("rm -f repo/catalog.db repo/catalog.db-wal repo/catalog.db-shm")
        .success();
}

/// The last record of `fsync prune --json`.
fn sum(s: &Sandbox, line: &str) -> serde_json::Value {
    let out = s.run(&format!("{line} --json")).code(0).bytes();
    records(&out).pop().expect("a last record")
}

#[test]
fn what_stays_comes_back_and_the_chain_walks_on() {
    let s = Sandbox::new();
    let all = recorded(&s, "dst", 6);
    s.run(&format!("fsync-tag create early {} -d dst", all[1].0))
        .code(0);
    let gone = s.run("fsync prune --keep-last 2").code(0).text();
    let ids: Vec<&str> = gone
        .lines()
        .map(|l| l.split('\t').nth(1).unwrap())
        .collect();
    assert_eq!(ids, [&all[3].0, &all[2].0, &all[0].0]);
    s.run("fsync verify --read-data").code(0);
    assert_eq!(
        listed(&s, "dst"),
        [&all[5].0, &all[4].0, &all[1].0].map(Clone::clone)
    );
    for at in [1, 4, 5] {
        assert_comes_back(&s, "dst", &all[at]);
    }
    for id in [&all[0].0, &all[2].0, &all[3].0] {
        assert!(!s.archive(id).exists());
        s.run(&format!("fsync-revert dst {id} --to none"))
            .code(6)
            .one_line("fsync-revert", &["is gone"]);
    }
    for at in [5, 4, 1] {
        s.run("fsync-revert dst").code(0);
        all[at].1.assert_is(s.path("dst"));
    }
    s.run("fsync-revert dst").code(6);
    let answers = ["fsync log dst", "fsync-tag dst", "fsync log --json dst"];
    let before = answers.map(|line| s.run(line).code(0).text());
    lose_catalog(&s);
    assert_eq!(answers.map(|line| s.run(line).code(0).text()), before);
    s.run("fsync verify --read-data").code(0);
}

#[test]
fn a_rehearsal_says_what_will_be_freed() {
    let s = Sandbox::new();
    recorded(&s, "dst", 12);
    s.tree("other").file("stays", "the same in every state");
    s.snap("other");
    for policy in [
        "--keep-last 9",
        "--keep-last 8",
        "--keep-last 2",
        "--keep-last 2",
    ] {
        let files = s.archives();
        let line = format!("fsync prune -d dst {policy}");
        let dry = sum(&s, &format!("{line} --dry-run"));
        assert_eq!(s.archives(), files, "a rehearsal changes nothing");
        let before = archive_bytes(&s);
        let wet = sum(&s, &line);
        assert_eq!(wet["freed_bytes"], before - archive_bytes(&s), "{policy}");
        assert_eq!(dry["freed_bytes"], wet["freed_bytes"], "{policy}");
        assert_eq!(dry["dropped"], wet["dropped"], "{policy}");
        s.run("fsync verify --read-data").code(0);
    }
}

#[test]
fn what_is_asked_for_wrongly_changes_nothing() {
    let s = Sandbox::new();
    recorded(&s, "dst", 3);
    let files = s.archives();
    for (line, code) in [
        ("fsync prune", 2),
        ("fsync prune --dry-run", 2),
        ("fsync prune --keep-last 0", 2),
        ("fsync prune --keep-within 3x", 2),
        ("fsync prune --keep-tag v*", 4),
        ("fsync prune --keep-last 1 -d nowhere", 6),
        ("fsync --repo none prune --keep-last 1", 6),
    ] {
        s.run(line).code(code).nothing();
        assert_eq!(s.archives(), files, "{line}");
    }
}

#[test]
fn tags_hold_their_snapshots_unless_told() {
    let s = Sandbox::new();
    let all = recorded(&s, "dst", 4);
    for (tag, at) in [("v1", 0), ("v2", 1), ("wip", 2)] {
        s.run(&format!("fsync-tag create {tag} {} -d dst", all[at].0))
            .code(0);
    }
    s.run("fsync prune --keep-last 1").code(0).stdout("");
    s.run("fsync prune --keep-tag v* --prune-tagged").code(0);
    let left = [&all[3].0, &all[1].0, &all[0].0].map(Clone::clone);
    assert_eq!(listed(&s, "dst"), left);
    let tags = || s.run("fsync-tag dst").code(0).text();
    assert!(tags().contains("v1") && tags().contains("v2") && !tags().contains("wip"));
    lose_catalog(&s);
    assert!(!tags().contains("wip"));
    s.run("fsync-revert -t wip").code(6);
}

#[test]
fn the_head_stays_wherever_it_is() {
    let s = Sandbox::new();
    let all = recorded(&s, "dst", 5);
    // What BACKUP says, and what the log says.
    fs::write(s.path("dst/.fsync-backup"), format!("{}\n", all[1].0)).expect("written");
    s.run("fsync prune --keep-last 1").code(0);
    assert_eq!(listed(&s, "dst"), [&all[4].0, &all[1].0].map(Clone::clone));
    let kept: Vec<_> = records(&s.run("fsync prune --keep-last 1 --json").code(0).bytes())
        .into_iter()
        .filter(|r| r["type"] == "verdict")
        .map(|r| r["keep"].clone())
        .collect();
    assert_eq!(kept[0], serde_json::json!(["head", "last"]));
    assert_eq!(kept[1], serde_json::json!(["head"]));
}

#[test]
fn a_head_that_went_is_its_nearest_ancestor() {
    let s = Sandbox::new();
    let all = recorded(&s, "dst", 4);
    s.sh("cp -a dst copy").success();
    fs::write(s.path("copy/.fsync-backup"), format!("{}\n", all[2].0)).expect("written");
    s.run(&format!("fsync-tag create t {} -d dst", all[0].0))
        .code(0);
    s.run("fsync prune --keep-last 1").code(0);
    // The copy was recorded nowhere, so nothing holds its head.
    s.run("fsync-revert copy").code(0);
    all[0].1.assert_is(s.path("copy"));
}

#[test]
fn operations_whose_snapshot_went_say_so() {
    let s = Sandbox::new();
    let all = recorded(&s, "dst", 3);
    s.tree("dst").edit("counter", "not recorded");
    s.run("fsync-revert dst").code(0);
    s.run(&format!("fsync-tag create t {} -d dst", all[0].0))
        .code(0);
    s.run("fsync prune --keep-tag t").code(0);
    for line in [
        "fsync-revert dst --redo",
        "fsync-revert dst @{1}",
        "fsync-revert dst dst@{1} --to none",
        "fsync show dst@{1}",
        "fsync-diff dst@{1} dst",
    ] {
        let told = s.run(line).code(6).nothing();
        let text = String::from_utf8_lossy(&told.get_output().stderr).into_owned();
        assert!(
            text.contains("is gone") || line.contains("diff"),
            "{line}: {text}"
        );
    }
    all[2].1.assert_is(s.path("dst"));
    s.run("fsync log dst").code(0);
    s.run("fsync-revert dst").code(0);
    all[1].1.assert_is(s.path("dst"));
}

#[test]
fn directories_are_pruned_each_by_itself_and_share_contents() {
    let s = Sandbox::new();
    let one = recorded(&s, "one", 4);
    let two = recorded(&s, "two", 4);
    s.run("fsync prune --keep-last 1 -d one").code(0);
    assert_eq!(listed(&s, "one").len(), 1);
    assert_eq!(listed(&s, "two").len(), 4);
    s.run("fsync verify --read-data").code(0);
    for snapshot in &two {
        assert_comes_back(&s, "two", snapshot);
    }
    assert_comes_back(&s, "one", &one[3]);
    fs::remove_dir_all(s.path("two")).expect("gone");
    s.run("fsync prune --keep-last 1 -d two").code(0);
    s.run("fsync verify --read-data").code(0);
    s.run(&format!("fsync-revert one {} --to out2", two[3].0))
        .code(0);
    two[3].1.assert_is(s.path("out2"));
}

#[test]
fn every_reader_reads_packs_and_they_do_not_pile_up() {
    let s = Sandbox::new();
    let mut all = recorded(&s, "dst", 2);
    for round in 0..6 {
        state(&s.tree("dst"), round + 2);
        all.push((s.snap("dst"), Oracle::of(s.path("dst"))));
        s.run("fsync prune --keep-last 2").code(0);
        assert_eq!(s.archives().len(), 3, "two snapshots and a pack");
    }
    s.run("fsync verify --read-data").code(0);
    for snapshot in &all[6..] {
        assert_comes_back(&s, "dst", snapshot);
    }
    let (id, oracle) = &all[7];
    s.run(&format!("fsync-snap --export {id} -o whole.zip"))
        .code(0);
    s.sh("unzip -q whole.zip -d unzipped -x '.fsync/*'")
        .success();
    assert_eq!(Oracle::of(s.path("unzipped")).rough(), oracle.rough());
    s.sh("cd repo && for z in *.zip; do unzip -tq $z && bsdtar -tf $z >/dev/null \
          && python3 -c \"import sys,zipfile; sys.exit(zipfile.ZipFile('$z').testzip() is not None)\" || exit 1; done")
        .success();
    if Command::new("7z").output().is_ok() {
        s.sh("cd repo && for z in *.zip; do 7z t $z >/dev/null || exit 1; done")
            .success();
    }
    s.sh("cd repo && for z in *.zip; do echo \"${z%.zip}  $z\"; done | sha1sum -c --quiet")
        .success();
}

#[test]
fn chunks_of_large_files_stay_as_far_as_they_are_needed() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    let mut x = 1u64;
    let mut data: Vec<u8> = (0..10 << 20)
        .map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (x >> 56) as u8
        })
        .collect();
    let mut all = Vec::new();
    for n in 0..4usize {
        dst.edit("big", &data).edit("n", format!("{n}"));
        all.push((s.snap("dst"), Oracle::of(s.path("dst"))));
        data[n << 21..][..1000].fill(n as u8);
        data.splice(5_000_000..5_000_000, *b"inserted");
    }
    let before = archive_bytes(&s);
    s.run("fsync prune --keep-last 2").code(0);
    s.run("fsync verify --read-data").code(0);
    assert!(archive_bytes(&s) < before - (1 << 20), "some chunks went");
    for snapshot in &all[2..] {
        assert_comes_back(&s, "dst", snapshot);
    }
    dst.edit("big", &data);
    let size = archive_bytes(&s);
    all.push((s.snap("dst"), Oracle::of(s.path("dst"))));
    assert!(
        archive_bytes(&s) - size < 6 << 20,
        "chunks are still shared"
    );
    s.run("fsync prune --keep-last 1").code(0);
    s.run("fsync verify --read-data").code(0);
    assert_comes_back(&s, "dst", &all[4]);
}

#[test]
fn a_whole_large_file_goes_into_the_pack_with_its_chunks() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    let mut x = 7u64;
    let mut data: Vec<u8> = (0..9 << 20)
        .map(|_| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (x >> 56) as u8
        })
        .collect();
    dst.file("big", &data);
    s.snap("dst");
    dst.edit("n", "1");
    let kept = (s.snap("dst"), Oracle::of(s.path("dst")));
    s.run("fsync prune --keep-last 1").code(0);
    s.run("fsync verify --read-data").code(0);
    assert_comes_back(&s, "dst", &kept);
    lose_catalog(&s);
    data.truncate(8_900_000);
    dst.edit("big", &data);
    let size = archive_bytes(&s);
    s.snap("dst");
    assert!(archive_bytes(&s) - size < 4 << 20, "its chunks are shared");
    s.run("fsync verify --read-data").code(0);
}

#[test]
fn a_content_that_went_is_not_trusted_to_be_there() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    dst.file("f", "first").file("same", "");
    s.run("fsync-snap -t t dst").code(0);
    dst.edit("f", "second, and soon forgotten");
    std::thread::sleep(std::time::Duration::from_millis(60));
    // Records the present state, and leaves the head where it was.
    s.run("fsync-revert dst -- same").code(0);
    assert_eq!(listed(&s, "dst").len(), 2);
    s.run("fsync prune --keep-tag t").code(0);
    assert_eq!(listed(&s, "dst").len(), 1);
    let now = (s.snap("dst"), Oracle::of(s.path("dst")));
    s.run("fsync verify --read-data").code(0);
    assert_comes_back(&s, "dst", &now);
}

#[test]
fn what_is_damaged_is_not_made_worse() {
    let s = Sandbox::new();
    let all = recorded(&s, "dst", 3);
    let victim = s.archive(&all[0].0);
    let mut bytes = fs::read(&victim).expect("an archive");
    let text = b"the same in every state";
    let at = bytes
        .windows(text.len())
        .position(|w| w == text)
        .expect("it is stored");
    bytes[at] ^= 1;
    fs::remove_file(&victim).expect("removed");
    fs::write(&victim, &bytes).expect("written");
    let files = s.archives();
    s.run("fsync prune --keep-last 1").code(8).nothing();
    assert_eq!(s.archives(), files);
    fs::remove_file(&victim).expect("removed");
    let files = s.archives();
    s.run("fsync prune --keep-last 1").code(8).nothing();
    assert_eq!(s.archives(), files);
}

#[test]
fn a_second_copy_is_read_before_the_first_one_goes() {
    let s = Sandbox::new();
    let text = b"the same in every state";
    s.tree("dst").file("stays", text);
    s.snap("dst");
    s.tree("dst").file("more", "");
    let full = s.run("fsync-snap --full dst").code(0).text();
    s.sh("cp -a repo whole").success();
    let mut bytes = fs::read(s.archive(&full)).expect("an archive");
    let found = bytes.windows(text.len()).position(|w| w == text);
    bytes[found.expect("it is stored")] ^= 1;
    fs::remove_file(s.archive(&full)).expect("removed");
    fs::write(s.archive(&full), bytes).expect("written");
    for dry in ["", "-n"] {
        s.run(&format!("fsync prune --keep-last 1 {dry}"))
            .code(8)
            .nothing();
    }
    assert_eq!(s.archives().len(), 2);
    s.sh("rm -rf repo && mv whole repo").success();
    s.run("fsync prune --keep-last 1").code(0);
    assert_eq!(
        s.archives().len(),
        2,
        "the snapshot, and a pack that says what is gone"
    );
    s.run("fsync verify --read-data").code(0);
}

#[test]
fn who_uses_the_repository_is_waited_for() {
    use rustix::fs::{FlockOperation, flock};
    let s = Sandbox::new();
    recorded(&s, "dst", 3);
    let files = s.archives();
    let folder = fs::File::open(s.path("repo")).expect("a folder");
    flock(&folder, FlockOperation::LockShared).expect("a lock");
    s.run("fsync prune --keep-last 1 --dry-run").code(0);
    s.run("fsync prune --keep-last 1").code(7).nothing();
    assert_eq!(s.archives(), files);
    std::thread::scope(|scope| {
        let prune = scope.spawn(|| s.run("fsync prune --keep-last 1"));
        std::thread::sleep(std::time::Duration::from_millis(300));
        drop(folder);
        prune.join().expect("prune").code(0);
    });
    assert_eq!(listed(&s, "dst").len(), 1);
}

#[test]
fn prunes_and_snapshots_at_once() {
    let s = Sandbox::new();
    for n in 0..3 {
        recorded(&s, &format!("d{n}"), 3);
    }
    std::thread::scope(|scope| {
        for n in 0..3 {
            let s = &s;
            scope.spawn(move || {
                let dst = s.tree(&format!("d{n}"));
                for at in 3..9 {
                    state(&dst, at);
                    s.snap(&format!("d{n}"));
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..5 {
                    s.run("fsync prune --keep-last 2").code(0);
                }
            });
        }
    });
    s.run("fsync verify --read-data").code(0);
    for n in 0..3 {
        let name = format!("d{n}");
        let id = s.head(&name).expect("a head");
        assert_comes_back(&s, &name, &(id, Oracle::of(s.path(&name))));
    }
}

#[test]
fn killed_at_every_step_it_loses_nothing_and_is_completed() {
    let s = Sandbox::new();
    let all = recorded(&s, "dst", 5);
    s.run(&format!("fsync-tag create t {} -d dst", all[1].0))
        .code(0);
    s.run("fsync prune --keep-last 4").code(0);
    s.sh("cp -a repo whole").success();
    let prune = "fsync prune --keep-last 2 --prune-tagged";
    let stepped = Stepped {
        s: &s,
        line: format!("exec {prune}"),
        reset: &|| drop(s.sh("rm -rf repo && cp -a whole repo").success()),
        quick: 24,
    };
    let steps = stepped.each(|step| {
        s.run("fsync verify --read-data").code(0);
        let left: BTreeSet<String> = listed(&s, "dst").into_iter().collect();
        for snapshot in all.iter().filter(|(id, _)| left.contains(id)) {
            assert_comes_back(&s, "dst", snapshot);
        }
        s.run(prune).code(0);
        let kept = [&all[4].0, &all[3].0].map(Clone::clone);
        assert_eq!(listed(&s, "dst"), kept, "{step:?}");
        assert_eq!(s.archives().len(), 3, "{step:?}");
        assert_eq!(s.run("fsync-tag dst").code(0).text(), "", "{step:?}");
        s.run("fsync verify --read-data").code(0);
        assert_comes_back(&s, "dst", &all[3]);
        s.sh("ls repo/tmp").code(0).stdout("");
    });
    assert!(steps.is_none_or(|n| n > 20), "only {steps:?} steps");
}

#[test]
fn a_pack_stays_until_a_quarter_of_it_is_dead() {
    let s = Sandbox::new();
    let dst = s.tree("dst");
    let mut x = 5u64;
    for n in 0..40 {
        let noise: Vec<u8> = (0..60_000)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (x >> 56) as u8
            })
            .collect();
        dst.file(format!("base/{n}"), noise);
    }
    let round = |n: usize| {
        dst.edit("counter", format!("{n}"));
        let now = (s.snap("dst"), Oracle::of(s.path("dst")));
        s.run("fsync prune --keep-last 1").code(0);
        s.run("fsync verify --read-data").code(0);
        assert_comes_back(&s, "dst", &now);
        s.archives()
    };
    round(0);
    let large = |files: &[std::path::PathBuf]| {
        let is_large = |p: &&std::path::PathBuf| fs::metadata(p).is_ok_and(|m| m.len() > 1 << 20);
        files.iter().find(is_large).cloned()
    };
    let pack = large(&round(1)).expect("a pack");
    for n in 2..5 {
        assert_eq!(large(&round(n)), Some(pack.clone()), "most of it is needed");
    }
    assert_eq!(s.archives().len(), 3);
    for n in 0..9 {
        dst.remove(format!("base/{n}"));
    }
    assert_eq!(
        large(&round(5)),
        Some(pack.clone()),
        "less than a quarter is dead"
    );
    for n in 9..12 {
        dst.remove(format!("base/{n}"));
    }
    let files = round(6);
    assert_ne!(large(&files), Some(pack), "it is replaced");
    assert_eq!(files.len(), 2);
}

/// A step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Write { path: u8, content: u8 },
    Remove { path: u8 },
    Snap { full: bool },
    Tag { name: u8 },
    Revert,
    Prune { last: u8, tagged: bool },
    Forget { path: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8u8, 0..6u8).prop_map(|(path, content)| Step::Write { path, content }),
        2 => (0..8u8).prop_map(|path| Step::Remove { path }),
        6 => prop::bool::weighted(0.2).prop_map(|full| Step::Snap { full }),
        1 => (0..3u8).prop_map(|name| Step::Tag { name }),
        2 => Just(Step::Revert),
        2 => (1..4u8, any::<bool>()).prop_map(|(last, tagged)| Step::Prune { last, tagged }),
        1 => (0..8u8).prop_map(|path| Step::Forget { path }),
    ]
}

/// A random history under way: every snapshot with its directory and what that was.
struct Run {
    s: Sandbox,
    known: BTreeMap<String, (&'static str, Oracle)>,
}

impl Run {
    fn step(&mut self, name: &'static str, step: &Step) {
        let s = &self.s;
        let dst = s.tree(name);
        let path = |n: &u8| ["a", "b", "d/a", "d/b", "d/e/a", "e/a", "e/b", "f"][usize::from(*n)];
        match step {
            Step::Write { path: at, content } => {
                // No two paths hold the same.
                let text = format!("{name} {at} {content} ").repeat(usize::from(*content) * 40 + 1);
                dst.edit(path(at), text);
            }
            Step::Remove { path: at } if dst.has(path(at)) => {
                dst.remove(path(at));
            }
            Step::Remove { .. } => {}
            Step::Snap { full } => {
                let full = if *full { "--full" } else { "" };
                let id = s.run(&format!("fsync-snap {full} {name}")).code(0).text();
                self.known.insert(id, (name, Oracle::of(s.path(name))));
            }
            Step::Tag { name: tag } => {
                if let Some(id) = s.head(name) {
                    s.run(&format!("fsync-tag move t{tag} {id} -d {name}"));
                    s.run(&format!("fsync-tag create t{tag} {id} -d {name}"));
                }
            }
            Step::Revert => {
                s.run(&format!("fsync-revert {name}"));
            }
            Step::Prune { last, tagged } if !s.archives().is_empty() => self.prune(*last, *tagged),
            Step::Prune { .. } => {}
            Step::Forget { path: at } => self.forget(name, path(at)),
        }
    }

    fn prune(&self, last: u8, tagged: bool) {
        let s = &self.s;
        let tagged = if tagged { "--prune-tagged" } else { "" };
        let line = format!("fsync prune --keep-last {last} {tagged}");
        let dry = sum(s, &format!("{line} -n"));
        let before = archive_bytes(s);
        let wet = sum(s, &line);
        assert_eq!(dry["freed_bytes"], wet["freed_bytes"]);
        assert_eq!(wet["freed_bytes"], before - archive_bytes(s));
        if last == 1 {
            lose_catalog(s);
        }
        s.run("fsync verify --read-data").code(0);
    }

    fn forget(&mut self, name: &str, path: &str) {
        let told = self.s.run(&format!("fsync forget -d {name} {path}"));
        let code = told.get_output().status.code();
        assert!(matches!(code, Some(0 | 6)), "{}", told.complaint());
        if code == Some(0) {
            self.s.run("fsync verify --read-data").code(0);
            for (_, oracle) in self.known.values_mut().filter(|(d, _)| *d == name) {
                *oracle = oracle.without(path);
            }
        }
    }

    /// Every snapshot that is there is what it was, by its first name.
    fn judge(&self) {
        let mut found: BTreeSet<String> = BTreeSet::new();
        for (id, (name, oracle)) in &self.known {
            let told = self.s.run(&format!("fsync show {id} --json"));
            if told.get_output().status.code() == Some(6) {
                continue;
            }
            let record = told.code(0).records().remove(0);
            found.insert(record["id"].as_str().expect("an id").to_string());
            assert_comes_back(&self.s, name, &(id.clone(), oracle.clone()));
        }
        for name in ["one", "two"] {
            let told = self.s.run(&format!("fsync log {name}"));
            if told.get_output().status.success() && self.s.head(name).is_some() {
                let head = self.s.head(name).expect("a head");
                assert!(listed(&self.s, name).contains(&head));
            }
        }
        assert!(found.len() <= self.known.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens, every snapshot that is still there comes back exactly.
    #[test]
    fn random_histories_keep_what_they_list(steps in prop::collection::vec((0..2usize, step()), 10..40)) {
        let mut run = Run { s: Sandbox::new(), known: BTreeMap::new() };
        for (which, step) in &steps {
            run.step(["one", "two"][*which], step);
        }
        run.judge();
    }
}
