//! Removing archives from a store that others write to.

use std::fs;

use crate::record::noise;
use crate::support::Told;
use crate::world::{objects, on, snap, world};

#[test]
fn an_archive_goes_when_all_who_write_have_read_of_it() {
    let s = world();
    s.tree("work").file("a", noise(200_000)).settle();
    let old = snap(&s, "one", "work");
    fs::write(s.path("work/a"), "new").unwrap();
    let new = snap(&s, "one", "work");
    s.tree("other").file("b", "2").settle();
    snap(&s, "two", "other");
    let told = on(&s, "one", "fsync prune -d work --keep-last 1")
        .code(0)
        .complaint();
    assert!(
        told.contains("1 archive stays in the store") && told.contains("read of it: two"),
        "{told}"
    );
    assert!(objects(&s, "archive").contains(&format!("{old}.zip")));
    // It counts no more, for whoever reads.
    on(&s, "three", &format!("fsync ls {old}")).code(6);
    on(&s, "three", &format!("fsync cat {new} a"))
        .code(0)
        .stdout("new");
    on(&s, "two", "fsync log other").code(0);
    let told = on(&s, "one", "fsync prune -d work --keep-last 1")
        .code(0)
        .complaint();
    assert!(told.contains("1 archive removed from the store"), "{told}");
    assert!(!objects(&s, "archive").contains(&format!("{old}.zip")));
    for machine in ["one", "two", "three"] {
        on(&s, machine, "fsync verify").code(0);
    }
}

#[test]
fn nobody_waits_for_a_machine_that_is_retired() {
    let s = world();
    s.tree("work").file("a", noise(200_000)).settle();
    snap(&s, "one", "work");
    fs::write(s.path("work/a"), "new").unwrap();
    snap(&s, "one", "work");
    s.tree("other").file("b", "2").settle();
    let theirs = snap(&s, "two", "other");
    on(&s, "one", "fsync prune -d work --keep-last 1").code(0);
    on(&s, "one", "fsync repo retire one").code(4);
    on(&s, "one", "fsync repo retire nobody").code(6);
    on(&s, "one", "fsync repo retire two").code(0);
    let told = on(&s, "one", "fsync repo machines").code(0).text();
    assert_eq!(told, "one\tthis one\ntwo\tretired");
    let told = on(&s, "one", "fsync prune -d work --keep-last 1")
        .code(0)
        .complaint();
    assert!(told.contains("1 archive removed"), "{told}");
    // What it recorded stays; it records no more.
    on(&s, "one", &format!("fsync cat {theirs} b"))
        .code(0)
        .stdout("2");
    fs::write(s.path("other/b"), "3").unwrap();
    let told = on(&s, "two", "fsync-snap other").code(4).complaint();
    assert!(told.contains("is retired"), "{told}");
}

#[test]
fn what_another_still_needs_is_carried() {
    let s = world();
    s.tree("work")
        .file("a", noise(200_000))
        .file("b", noise(100_001))
        .settle();
    let old = snap(&s, "one", "work");
    // The other machine's snapshot lives of the first one's archive.
    s.sh("mkdir other; cp work/a other/a").code(0);
    let theirs = snap(&s, "two", "other");
    fs::write(s.path("work/a"), "new").unwrap();
    snap(&s, "one", "work");
    on(&s, "one", "fsync prune -d work --keep-last 1").code(0);
    on(&s, "two", "fsync log other").code(0);
    on(&s, "one", "fsync prune -d work --keep-last 1").code(0);
    assert!(!objects(&s, "archive").contains(&format!("{old}.zip")));
    on(&s, "three", &format!("fsync -q cp snap:{theirs} copy")).code(0);
    s.sh("cmp other/a copy/a").code(0);
    for machine in ["one", "two", "three"] {
        on(&s, machine, "fsync verify").code(0);
    }
}

#[test]
fn what_cannot_be_done_there_says_so() {
    let s = world();
    s.tree("work").file("a", "1").settle();
    snap(&s, "one", "work");
    for command in [
        "fsync verify --repair",
        "fsync forget -d work a",
        "fsync repo copy elsewhere",
    ] {
        let told = on(&s, "one", command).code(4).complaint();
        assert!(told.contains("machines share"), "{command}: {told}");
    }
}
