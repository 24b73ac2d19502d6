//! Prune, forget, repair and the second copy, one after the other: what each leaves must do for the next.

use std::fs;

use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

use crate::support::{Sandbox, Told};

/// Cuts the end off the archive of a snapshot, and lets a repair take what is left of it into a pack.
fn repaired(s: &Sandbox, id: &str) {
    let archive = s.archive(id);
    let bytes = fs::read(&archive).expect("read");
    fs::remove_file(&archive).expect("removed");
    fs::write(&archive, &bytes[..bytes.len() - 30]).expect("written");
    s.run("fsync verify --repair").code(0);
}

fn snaps(s: &Sandbox, count: usize) -> Vec<String> {
    let a = s.tree("a");
    let one = |n| {
        a.file("f", format!("version {n}"));
        a.file(format!("only{n}"), format!("only in {n}"));
        s.snap("a")
    };
    (0..count).map(one).collect()
}

fn listed(s: &Sandbox, repo: &str) -> Vec<String> {
    let text = s.run(&format!("fsync log --repo {repo} a")).code(0).text();
    let id = |line: &str| line.split('\t').nth(2).map(String::from);
    text.lines().filter_map(id).collect()
}

#[test]
fn packs_of_several_repairs_become_one() {
    let s = Sandbox::new();
    let ids = snaps(&s, 8);
    for id in &ids[1..7] {
        repaired(&s, id);
    }
    s.run("fsync prune --keep-last 7").code(0);
    s.run("fsync verify --read-data").code(0);
    let stay: Vec<String> = ids[1..].iter().rev().cloned().collect();
    assert_eq!(listed(&s, "repo"), stay);
    for (n, id) in ids.iter().enumerate().skip(1) {
        s.run(&format!("fsync cat {id} f"))
            .code(0)
            .stdout(format!("version {n}"));
    }
}

#[test]
fn a_copy_that_missed_a_pack_brings_nothing_back() {
    let s = Sandbox::new();
    let ids = snaps(&s, 5);
    repaired(&s, &ids[0]);
    s.run("fsync repo copy copy").code(0);
    // The pack between these two is never seen by the copy, and only that one says that the first was replaced.
    s.run("fsync prune --keep-last 4").code(0);
    s.run("fsync prune --keep-last 3").code(0);
    s.run("fsync repo copy copy").code(0);
    for _ in 0..2 {
        assert_eq!(listed(&s, "copy"), listed(&s, "repo"));
        let gone = &ids[0];
        s.run(&format!("fsync cat --repo copy {gone} f")).code(6);
        s.run("fsync verify --repo copy --read-data").code(0);
        s.sh("rm copy/catalog.db*").code(0);
    }
}

#[test]
fn what_a_repair_moved_aside_is_named_when_something_is_forgotten() {
    let s = Sandbox::new();
    let ids = snaps(&s, 3);
    s.run("fsync forget -d a only2")
        .code(0)
        .stderr(contains("moved aside").not());
    repaired(&s, &ids[0]);
    s.run("fsync prune --keep-last 2").code(0);
    s.run("fsync forget -d a only1")
        .code(0)
        .stderr(contains("repo/damaged\" was moved aside"));
}

/// Gives the last entry of an archive a digest, as contents have one, and the archive its new name.
const DIGEST: &str = r#"
import hashlib, os, struct, sys, zipfile
old = zipfile.ZipFile(sys.argv[1])
new = zipfile.ZipFile('new.zip', 'w')
for i in old.infolist():
    data = old.read(i)
    if i.filename == '.fsync/snapshot.json':
        i.extra += struct.pack('<HH', 0x7366, 32) + hashlib.sha256(data).digest()
    new.writestr(i, data)
new.comment = old.comment
new.close()
os.remove(sys.argv[1])
os.rename('new.zip', 'repo/' + hashlib.sha1(open('new.zip', 'rb').read()).hexdigest() + '.zip')
"#;

#[test]
fn what_an_archive_says_of_itself_has_no_digest() {
    let s = Sandbox::new();
    let ids = snaps(&s, 2);
    fs::write(s.path("digest.py"), DIGEST).expect("written");
    s.sh(&format!("cp repo/{}.zip .", ids[0])).code(0);
    s.sh(&format!("python3 digest.py {}.zip", ids[0])).code(0);
    s.run("fsync verify")
        .code(8)
        .stderr(contains("snapshot.json").and(contains("catalog.db").not()));
    s.run("fsync verify --repair").code(0);
    s.run("fsync verify").code(0);
    assert_eq!(listed(&s, "repo").len(), 2);
}

/// Makes a pack that says of the snapshot `sys.argv[1]` what the archive `sys.argv[2]` says of itself.
const LIE: &str = r#"
import hashlib, json, os, sys, zipfile
info = json.loads(zipfile.ZipFile('repo/%s.zip' % sys.argv[2]).read('.fsync/snapshot.json'))
pack = zipfile.ZipFile('new.zip', 'w')
pack.writestr('.fsync/ABOUT', 'a pack\n')
line = json.dumps({'snapshot': sys.argv[1], 'info': info}, separators=(',', ':'))
pack.writestr('.fsync/pack.ndjson', line + '\n')
pack.comment = b'{"fsync":0,"folder":".fsync","time":{"secs":1,"nanos":0},"extent":"pack"}'
pack.close()
os.rename('new.zip', 'repo/' + hashlib.sha1(open('new.zip', 'rb').read()).hexdigest() + '.zip')
"#;

#[test]
fn a_pack_does_not_speak_for_what_has_an_archive() {
    let s = Sandbox::new();
    let ids = snaps(&s, 2);
    fs::write(s.path("lie.py"), LIE).expect("written");
    s.sh(&format!("python3 lie.py {} {}", ids[0], ids[1]))
        .code(0);
    for _ in 0..2 {
        s.run(&format!("fsync cat {} f", ids[0]))
            .code(0)
            .stdout("version 0");
        s.run("fsync verify").code(0);
        s.sh("rm repo/catalog.db*").code(0);
    }
}

#[test]
fn what_was_forgotten_is_recorded_again_by_a_snapshot_of_other_paths() {
    let s = Sandbox::new();
    let a = s.tree("a");
    a.file("key", "a key").file("f", "1").settle();
    s.snap("a");
    s.run("fsync forget -d a key").code(0);
    a.edit("f", "2").settle();
    let id = s.feed("fsync-snap --stdin a", "f\n").code(0).text();
    s.run(&format!("fsync cat {id} key"))
        .code(0)
        .stdout("a key");
    a.edit("key", "b key").edit("f", "3");
    s.run("fsync rv -d a").code(0);
    assert_eq!(a.read("key"), b"a key");
}

#[test]
fn a_graph_says_that_what_came_before_is_gone() {
    let s = Sandbox::new();
    snaps(&s, 3);
    s.run("fsync prune --keep-last 1").code(0);
    s.run("fsync log --graph a")
        .code(0)
        .stdout(contains("not of this directory").not());
}

/// In a second copy the archives that were written anew still lie beside the pack that says so.
#[test]
fn a_repair_brings_back_nothing_that_was_forgotten() {
    let s = Sandbox::new();
    let a = s.tree("a");
    for n in 0..3 {
        a.edit("key", format!("secret {n}"))
            .edit("f", format!("version {n}"));
        s.snap("a");
    }
    s.sh("fsync -q repo copy copy && fsync -q forget -d a key && fsync -q repo copy copy")
        .code(0);
    s.sh(
        "for z in copy/*.zip; do unzip -l $z | grep -q pack.ndjson && chmod u+w $z && truncate -s -40 $z; done
         fsync --repo copy verify --repair",
    )
    .code(0);
    let log = s.run("fsync --repo copy log a").code(0).text();
    assert_eq!(log.lines().count(), 3, "{log}");
    for line in log.lines() {
        let id = line.split('\t').nth(2).expect("an id");
        s.run(&format!("fsync --repo copy cat {id} key")).code(9);
        s.run(&format!("fsync --repo copy cat {id} f")).code(0);
    }
    s.run("fsync --repo copy verify --read-data").code(0);
}
