//! The catalog is only an index: whatever happens to it, the repository can be read, and nothing wrong is believed.

use std::os::unix::fs::MetadataExt;
use std::process::Stdio;

use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

use crate::support::{Oracle, Person, Sandbox, Told};

/// What reads, in a directory where the repository may be in a bad way.
const READ: &str = "set -e
fsync log d >/dev/null; fsync show -d d @ >/dev/null; fsync verify; fsync verify --read-data; fsync-tag d | grep -q first
fsync-snap --export $(cut -c1-40 d/.fsync-backup) -o out.zip; fsync-diff d snap:first >/dev/null
fsync-revert d first --to out";

fn recorded(p: &Person) {
    p.build(|s| {
        s.tree("d")
            .file("f", "one")
            .file("g/h", "h")
            .settle()
            .at(".");
    });
    p.sh("fsync-snap --tag first d; echo two >d/f; fsync-snap d")
        .code(0);
}

/// Mounts a copy of the repository over itself and reads from it.
fn read_from(mount: &str, before: &str, more: &str) {
    for p in Person::everyone() {
        recorded(&p);
        p.sh(before).code(0);
        let mount = format!("cp -a repo kept\n{mount}");
        let script = format!("{READ}\n{more}");
        let Some(told) = p.mounted(&mount, &[&script]) else {
            return;
        };
        assert_eq!(p.s.tree("out").read("f"), b"one", "{told}");
        assert_eq!(p.s.tree("out").read("g/h"), b"h");
    }
}

const READ_ONLY: &str =
    "mount -t tmpfs -o mode=755 none repo && cp -a kept/. repo/ && mount -o remount,ro repo";
/// A snapshot fails in one line, with 9, and leaves BACKUP alone.
const NO_SNAPSHOT: &str = "set +e; cp d/.fsync-backup was; echo three >d/f
fsync-snap --allow-low-space d >said 2>&1; test $? = 9 || exit 50; test $(wc -l <said) = 1 || exit 51
grep -q 'fsync-snap: .*repo' said || exit 52; cmp d/.fsync-backup was || exit 53; exit 0";

#[test]
fn a_read_only_repository_can_be_read() {
    read_from(READ_ONLY, ":", NO_SNAPSHOT);
}

#[test]
fn a_read_only_repository_without_a_catalog_can_be_read() {
    read_from(READ_ONLY, "rm repo/catalog.db*", NO_SNAPSHOT);
}

#[test]
fn a_read_only_repository_whose_catalog_is_behind_can_be_read() {
    let behind = "cp repo/catalog.db old; echo more >d/f; fsync-snap d; fsync-tag create more -d d; rm repo/catalog.db*; mv old repo/catalog.db";
    read_from(READ_ONLY, behind, NO_SNAPSHOT);
}

#[test]
fn a_read_only_repository_whose_catalog_is_damaged_can_be_read() {
    // That the catalog is no database is found, and everything else is read nevertheless.
    let mount =
        "mount -t tmpfs -o mode=755 none repo && cp -a kept/. repo/ && mount -o remount,ro repo";
    for p in Person::everyone() {
        recorded(&p);
        p.sh("rm repo/catalog.db*; echo rubbish >repo/catalog.db")
            .code(0);
        let script =
            "fsync-revert d first --to out || exit 40; fsync verify; test $? = 8 || exit 41";
        let Some(_) = p.mounted(&format!("cp -a repo kept\n{mount}"), &[script]) else {
            return;
        };
        assert_eq!(p.s.tree("out").read("f"), b"one");
    }
}

#[test]
fn a_repository_on_a_full_disk_can_be_read() {
    let full = "mount -t tmpfs -o mode=755,size=2m none repo && cp -a kept/. repo/
        cat /dev/zero >repo/filler 2>/dev/null; chown --reference=kept repo";
    read_from(full, ":", NO_SNAPSHOT);
    read_from(full, "rm repo/catalog.db*", NO_SNAPSHOT);
}

#[test]
fn a_folder_that_may_not_be_written_can_be_read() {
    let p = Person::nobody();
    recorded(&p);
    p.sh("chmod 500 repo repo/tmp; chmod 400 repo/catalog.db repo/log.ndjson")
        .code(0);
    p.sh(READ).code(0);
    p.sh("rm -rf out out.zip; echo three >d/f; fsync-snap d")
        .code(9);
    p.sh("chmod 700 repo repo/tmp; rm -f repo/catalog.db*; chmod 500 repo")
        .code(0);
    p.sh(READ).code(0);
    p.sh("chmod 700 repo; chmod 600 repo/log.ndjson; fsync-snap d")
        .code(0);
}

#[test]
fn a_catalog_of_somebody_elses_is_said_to_be() {
    let p = Person::nobody();
    recorded(&p);
    p.sh("chmod 000 repo/catalog.db").code(0);
    if p.is_root() {
        return;
    }
    p.sh("fsync log d")
        .code(9)
        .stderr(contains("catalog.db").and(contains("can be deleted")));
    p.sh("fsync-snap d").code(9);
    p.sh("rm -f repo/catalog.db*; fsync log d").code(0);
}

#[test]
fn many_at_once_make_one_catalog() {
    let s = Sandbox::new();
    s.tree("d").file("f", "one");
    s.snap("d");
    for round in 0..6 {
        match round % 2 {
            0 => s.sh("rm -f repo/catalog.db*").code(0),
            _ => s
                .sh("rm -f repo/catalog.db*; echo rubbish >repo/catalog.db")
                .code(0),
        };
        let children: Vec<_> = (0..8)
            .map(|_| {
                let mut command = s.plain("fsync");
                command
                    .args(["log", "d"])
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped());
                command.spawn().expect("it starts")
            })
            .collect();
        let mut told = 0;
        for child in children {
            let output = child.wait_with_output().expect("it ends");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            told += usize::from(said.contains("made again"));
        }
        // One of them made it, and that one says so; the others found a good one.
        assert!(told <= 8 * (round % 2), "{told}");
        let made = s.path("repo/catalog.db").metadata().expect("it").ino();
        s.run("fsync verify").code(0);
        assert_eq!(
            s.path("repo/catalog.db").metadata().expect("it").ino(),
            made
        );
    }
}

#[test]
fn a_catalog_of_an_older_schema_is_made_anew() {
    let s = Sandbox::new();
    s.tree("d").file("f", "one");
    let id = s.snap("d");
    let python = "import sqlite3; d = sqlite3.connect('repo/catalog.db'); d.execute('PRAGMA user_version = 1'); d.commit()";
    s.sh(&format!("python3 -c \"{python}\"")).code(0);
    let told = s.run("fsync log d").code(0);
    assert!(told.text().contains(&id));
    assert!(told.complaint().contains("made again"), "{told}");
    s.run("fsync log d").code(0).stderr("");
    s.run("fsync verify").code(0);
}

#[test]
fn what_is_remembered_of_files_is_not_believed_when_it_was_changed() {
    let s = Sandbox::new();
    let d = s.tree("d");
    d.file("f", "one").file("g", "two").settle();
    s.snap("d");
    std::thread::sleep(std::time::Duration::from_millis(60));
    d.file("h", "three");
    s.snap("d");
    // Another content under the same looks: what a flipped bit would make of it.
    let python = "import sqlite3; d = sqlite3.connect('repo/catalog.db')
for root, path, row in d.execute('SELECT root, path, children FROM stat').fetchall():
    b = bytearray(row); b[60] ^= 1; b[100] ^= 1
    d.execute('UPDATE stat SET children = ? WHERE root = ? AND path = ?', (bytes(b), root, path))
d.commit()";
    s.sh(&format!("python3 -c \"{python}\"")).code(0);
    d.file("i", "four");
    let id = s.snap("d");
    s.run("fsync verify --read-data").code(0);
    s.run(&format!("fsync-revert d {id} --to out")).code(0);
    Oracle::of(s.path("d"))
        .without(".fsync-backup")
        .assert_is(s.path("out"));
}
