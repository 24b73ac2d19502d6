//! Recording into a store.

use std::fs;

use crate::support::{Oracle, Told};
use crate::world::{asked, count, objects, on, snap, world};

#[test]
fn what_one_machine_records_another_restores_exactly() {
    let s = world();
    s.tree("work")
        .file("a", "one\n")
        .file("sub/deep/b", "two\n")
        .mode("sub/deep/b", 0o751)
        .link("link", "sub/deep/b")
        .hard("again", "a")
        .dir("none")
        .settle();
    fs::write(s.path("work/large"), noise(12_000_000)).unwrap();
    let before = Oracle::of(s.path("work"));
    let id = snap(&s, "one", "work");
    assert_eq!(objects(&s, "archive"), [format!("{id}.zip")]);
    on(&s, "two", &format!("fsync -q cp snap:{id} copy")).code(0);
    before.assert_is(s.path("copy"));
    // It is a plain zip, whose name is its SHA-1.
    s.sh(&format!(
        "cd store/archive && echo '{id}  {id}.zip' | sha1sum -c --quiet"
    ))
    .code(0);
    s.sh(&format!("unzip -tqq store/archive/{id}.zip")).code(0);
}

/// Bytes that do not compress.
pub fn noise(length: usize) -> Vec<u8> {
    let mut seed = 7u64;
    let next = || {
        seed = seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (seed >> 33) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn a_change_is_undone_from_the_store_alone() {
    let s = world();
    s.tree("work").file("a", "old").file("gone", "g").settle();
    s.tree("new").file("a", "newer").file("more", "m").settle();
    on(&s, "one", "fsync -q cp --delete -t before new work").code(0);
    assert!(!s.path("work/gone").exists());
    // Its folder is a cache: it is lost, and with it nothing.
    s.sh("rm -rf one/.cache").code(0);
    on(&s, "one", "fsync -q rv -d work").code(0);
    assert_eq!(fs::read(s.path("work/a")).unwrap(), b"old");
    assert_eq!(fs::read(s.path("work/gone")).unwrap(), b"g");
    assert!(!s.path("work/more").exists());
    on(&s, "one", "fsync -q rv --redo -d work").code(0);
    assert_eq!(fs::read(s.path("work/a")).unwrap(), b"newer");
    let tags = on(&s, "one", "fsync th work").code(0).text();
    assert!(tags.contains("before"), "{tags}");
}

#[test]
fn what_another_machine_has_stored_is_not_stored_again() {
    let s = world();
    s.tree("here").file("noise", noise(300_000)).settle();
    s.sh("cp -a here there; echo own >there/own").code(0);
    let first = snap(&s, "one", "here");
    asked(&s, "one");
    let second = snap(&s, "two", "there");
    let length = |id: &str| {
        fs::metadata(s.path(&format!("store/archive/{id}.zip")))
            .unwrap()
            .len()
    };
    assert!(length(&first) > 300_000);
    assert!(length(&second) < 5_000, "{}", length(&second));
    // All of it is there for a third, who has neither.
    on(&s, "three", &format!("fsync -q cp snap:{second} copy")).code(0);
    s.sh("diff -r there copy -x .fsync-backup").code(0);
}

#[test]
fn an_unchanged_directory_stores_nothing() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let id = snap(&s, "one", "work");
    asked(&s, "one");
    assert_eq!(snap(&s, "one", "work"), id);
    let asked = asked(&s, "one");
    assert_eq!(count(&asked, "put"), 0, "{asked:?}");
    assert_eq!(objects(&s, "archive").len(), 1);
}

#[test]
fn directories_of_others_are_listed_and_named() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let id = snap(&s, "one", "work");
    let path = s.path("work").display().to_string();
    let told = on(&s, "two", "fsync repo list").code(0).text();
    assert!(told.ends_with(&format!("\t{id}\t//one{path}")), "{told}");
    let told = on(&s, "one", "fsync repo list --json").code(0).records();
    assert_eq!(told[0]["directory"]["path"], path);
    assert_eq!(told[0]["id"], id.as_str());
    let log = on(&s, "two", &format!("fsync log //one{path}"))
        .code(0)
        .text();
    assert!(log.contains(&id) && log.starts_with('*'), "{log}");
    on(&s, "two", &format!("fsync cat //one{path}@ a"))
        .code(0)
        .stdout("1");
    on(&s, "two", &format!("fsync -q rv -d //one{path} --to back"))
        .code(0)
        .stdout("");
    assert_eq!(fs::read(s.path("back/a")).unwrap(), b"1");
    on(&s, "two", &format!("fsync -q rv -d //one{path}")).code(6);
    let told = on(&s, "one", "fsync repo machines").code(0).text();
    assert_eq!(told, "one\tthis one");
}

#[test]
fn two_machines_of_one_name_are_two() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let told = on(
        &s,
        "one",
        "unset FSYNC_MACHINE; fsync-snap work >/dev/null && fsync repo machines; rm -rf .cache one/.cache; \
         echo 2 >work/a; fsync-snap work >/dev/null && fsync repo machines",
    )
    .code(0)
    .text();
    let lines: Vec<&str> = told.lines().collect();
    let host = lines[0].strip_suffix("\tthis one").unwrap();
    assert_eq!(
        lines[1..],
        [host.to_string(), format!("{host}-2\tthis one")]
    );
}

#[test]
fn verify_reads_all_of_it() {
    let s = world();
    s.tree("work")
        .file("a", noise(700_000))
        .file("b", "2")
        .settle();
    let id = snap(&s, "one", "work");
    on(&s, "two", "fsync verify").code(0);
    on(&s, "two", "fsync verify --restore").code(0);
    let path = s.path(&format!("store/archive/{id}.zip"));
    let mut bytes = fs::read(&path).unwrap();
    bytes[100_000] ^= 1;
    fs::write(&path, bytes).unwrap();
    on(&s, "two", "fsync verify").code(8);
    on(&s, "two", &format!("fsync -q cp snap:{id} copy")).code(3);
    assert!(!s.path("copy/a").exists() && s.path("copy/b").exists());
}

#[test]
fn one_in_a_folder_and_one_in_a_store_say_the_same() {
    let s = world();
    s.tree("work")
        .file("sub/a", "1")
        .file("b", "2")
        .link("l", "b")
        .settle();
    let far = snap(&s, "one", "work");
    s.sh("rm work/.fsync-backup").code(0);
    s.tree("work").settle();
    let near = s.snap("work");
    let told = |assert: assert_cmd::assert::Assert| {
        let record = assert.code(0).records().remove(0);
        record["tree"].clone()
    };
    assert_eq!(
        told(on(&s, "one", &format!("fsync show --json {far}"))),
        told(s.run(&format!("fsync show --json {near}")))
    );
}

#[test]
fn what_a_maker_has_left_is_in_nobodys_way() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let left = "store/probe/0123456789abcdef0123456789abcdef";
    s.tree(".").file(left, "again");
    snap(&s, "one", "work");
    assert!(s.path(left).exists());
    on(&s, "one", "fsync -q prune -d work --keep-last 1").code(0);
    assert!(!s.path(left).exists());
}

#[test]
fn the_settings_name_one() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    let top = s.path("");
    let line = format!(
        "unset FSYNC_REPO; fsync config repository dir://{0}/store && fsync -q snap work && fsync log work",
        top.display()
    );
    on(&s, "one", &line).code(0);
    assert_eq!(objects(&s, "archive").len(), 1);
}
